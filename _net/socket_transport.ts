/** The transport of a connected stream socket: one class for all runtimes. */

import type { StreamEvents, StreamSocket } from "../_platform/sockets.ts";
import { Socket } from "./socket.ts";
import { LOG_THRESHOLD_FOR_CONNLOST_WRITES } from "../constants.ts";
import type { Context } from "../contextvars.ts";
import type { AbstractEventLoop } from "../events.ts";
import { OSError, RuntimeError } from "../exceptions.ts";
import type { Future } from "../futures.ts";
import { logger } from "../log.ts";
import { noteMade } from "../_debug/made.ts";
import type { BaseProtocol } from "../protocols.ts";
import type { ExtraInfo } from "../transports.ts";
import { TransportSocket } from "../trsock.ts";
import { _StreamTransport, type Lent } from "./stream_transport.ts";
import { notBytes, schedule } from "./turns.ts";

/** What a server is told of the transports of its connections. */
export interface TransportOwner {
  /** A transport has begun. */
  _attach(transport: _SelectorSocketTransport): void;
  /** A transport is over. */
  _detach(transport: _SelectorSocketTransport): void;
}

/** The loop, as far as the transports of sockets know it. */
export interface TransportLoop extends AbstractEventLoop {
  /** The transports that are not over. */
  readonly _transports: Set<LoopTransport>;
}

/** What a loop does with a transport when it is closed itself. */
export interface LoopTransport {
  /** Lets go of the socket, without a word to the protocol. */
  _loopClosed(): void;
}

const READ = "Fatal read error on socket transport";
const WRITE = "Fatal write error on socket transport";

/**
 * A connection over a socket.
 *
 * @internal
 */
export class _SelectorSocketTransport extends _StreamTransport
  implements StreamEvents, LoopTransport {
  readonly asks: boolean = true;
  /** TLS may run over it. */
  readonly _startTlsCompatible = true;
  readonly #stream: StreamSocket;
  /** The socket that it was made of, where a program gave one. */
  readonly #socket: Socket | null;
  readonly #server: TransportOwner | null;
  /** Whether the stream overwrites what was borrowed. */
  readonly #lends: boolean;
  /** Whether that is left for the next turn. */
  #asking: boolean = false;
  /** Whether it is left until the protocol wants it. */
  #pulled: boolean = false;

  /** Makes the transport; `connectionMade` is called in the next iteration. */
  constructor(
    loop: TransportLoop,
    sock: StreamSocket | Socket,
    protocol: BaseProtocol,
    waiter: Future<void> | null = null,
    extra: ExtraInfo | null = null,
    server: TransportOwner | null = null,
    context?: Context | null,
  ) {
    super(loop, protocol, waiter, extra, context);
    const given = sock instanceof Socket;
    const stream = given ? sock._takeStream(this) : sock;
    this.#socket = given ? sock : null;
    this.#stream = stream;
    this.#lends = stream.next !== undefined;
    this.#server = server;
    stream.attach(this);
    // Small writes go out at once, which lowers the latency.
    stream.setNoDelay(true);
    loop._transports.add(this);
    noteMade(this, loop, server);
    server?._attach(this);
    schedule(this);
  }

  override toString(): string {
    const parts: string[] = [this.constructor.name];
    if (this._over) parts.push("closed");
    else if (this._closing) parts.push("closing");
    if (!this._loop.isClosed() && !this._over) {
      parts.push(this.isReading() ? "read=polling" : "read=idle");
      const bufsize = this.getWriteBufferSize();
      const write = bufsize > 0 ? "polling" : "idle";
      parts.push(`write=<${write}, bufsize=${bufsize}>`);
    }
    return `<${parts.join(" ")}>`;
  }

  override getExtraInfo<T = unknown>(
    name: string,
    defaultValue: T | null = null,
  ): T | null {
    const extra = this._extra;
    if (!Object.hasOwn(extra, name)) {
      // Made when asked for: most connections are never asked.
      if (name === "socket") {
        extra[name] = new TransportSocket(
          this.#socket ?? Socket._view(this.#stream, this),
        );
      } else if (name === "sockname") extra[name] = this.#stream.local;
      else if (name === "peername") extra[name] = this.#stream.remote;
    }
    return super.getExtraInfo(name, defaultValue);
  }

  _pauseInput(): void {
    this.#stream.pause();
  }

  _resumeInput(): void {
    this.#stream.resume();
  }

  _held(): number {
    return this.#stream.buffered;
  }

  // The runtime's calls, from anywhere

  onData(chunk: Uint8Array): void {
    if (this._closing) return;
    this._borrowed = this.borrows && this.#lends;
    this._keep(chunk);
  }

  onDrain(): void {
    if (this._connLost > 0) return;
    if (this._out.size > 0) this.#flush();
    if (this._needsTurn()) schedule(this);
  }

  onClose(error: Error | null): void {
    if (this._over) return;
    this._failed = true;
    this._failure = error;
    schedule(this);
  }

  // The loop's turn

  _usedUp(): void {
    if (this.#stream.waits !== true) return;
    if ((this._protocol as Lent | null)?._pulls === true) {
      this.#pulled = true;
      return;
    }
    // Who answers in another turn is to write first: a read that comes too early
    // costs the system a call in vain.
    if (this.#stream.buffered === 0) {
      this.#asking = true;
      schedule(this);
    } else this.#stream.next!();
  }

  /** The protocol wants what comes next. */
  _pull(): void {
    if (!this.#pulled) return;
    this.#pulled = false;
    this.#stream.next!();
  }

  override setProtocol(protocol: BaseProtocol): void {
    super.setProtocol(protocol);
    // Called first by the constructor of the base class.
    if (#pulled in this) this._pull();
  }

  _advance(): void {
    if (this.#asking) {
      this.#asking = false;
      this.#stream.next!();
    }
    if (this._connLost === 0 && !this._closing && !this._paused) {
      this._deliver();
    }
    if (this._connLost > 0) return;
    // What came before the failure is the protocol's, unless writing has failed.
    const write = this.getWriteBufferSize() > 0;
    if (this._failed && (write || this._unread === 0)) {
      this._fatalError(this._failure, write ? WRITE : READ);
      return;
    }
    this._maybeResumeProtocol();
    if (this._closing && this._flushed()) {
      this._connLost++;
      this._connectionLost(null);
      return;
    }
    if (this._readable()) schedule(this);
  }

  _logEof(): void {
    logger.debug(`${this} received EOF`);
  }

  // Writing

  override write(data: Uint8Array): void {
    if (!(data instanceof Uint8Array)) throw notBytes(data);
    if (this._eof) {
      throw new RuntimeError("Cannot call write() after write_eof()");
    }
    const { length } = data;
    if (length === 0) return;
    if (this._connLost > 0) {
      if (this._connLost >= LOG_THRESHOLD_FOR_CONNLOST_WRITES) {
        logger.warning("socket.send() raised exception.");
      }
      this._connLost++;
      return;
    }
    if (this._out.size === 0) {
      const count = this.#stream.write(data);
      if (count < length) {
        this._out.push(count === 0 ? data : data.subarray(count));
      }
    } else this._out.push(data);
    this._maybePauseProtocol();
    if (this._failed) schedule(this);
  }

  override writeLines(listOfData: Iterable<Uint8Array>): void {
    if (this._eof) {
      throw new RuntimeError("Cannot call writelines() after write_eof()");
    }
    const pieces = [...listOfData];
    for (const piece of pieces) {
      if (!(piece instanceof Uint8Array)) throw notBytes(piece);
    }
    if (this._connLost > 0) {
      for (const piece of pieces) this.write(piece);
      return;
    }
    const waiting = this._out.size > 0;
    for (const piece of pieces) {
      if (piece.length > 0) this._out.push(piece);
    }
    if (!waiting) this.#flush();
    this._maybePauseProtocol();
    if (this._failed) schedule(this);
  }

  /** Writes what the stream takes. */
  #flush(): void {
    this._out.flush(this.#stream);
    if (this._out.size === 0 && this._eof) this.#stream.shutdownWrite();
  }

  override writeEof(): void {
    if (this._closing || this._eof) return;
    this._eof = true;
    if (this._out.size === 0) this.#stream.shutdownWrite();
  }

  override canWriteEof(): boolean {
    return true;
  }

  // The end

  _isQuiet(error: unknown): boolean {
    return error instanceof OSError;
  }

  /** Closes it at once, with the error that its protocol is to be told. */
  _forceClose(error: unknown): void {
    this._breakOff(error);
  }

  _breakOff(error: unknown): void {
    if (this._connLost > 0) return;
    this._out.clear();
    if (!this._closing) this._stopReading();
    this._connLost++;
    this._forced = true;
    this._pushLost(error);
  }

  override _connectionLost(error: unknown): void {
    try {
      super._connectionLost(error);
    } finally {
      this.#server?._detach(this);
    }
  }

  _letGo(): void {
    // A reset would take from the peer what it has not read yet.
    if (this._forced && this.#stream.buffered > 0) this.#stream.abort();
    else this.#stream.close();
  }

  /** @internal */
  _loopClosed(): void {
    this._warnUnclosed();
    this._closing = true;
    this._connLost++;
    this._finish();
  }
}
