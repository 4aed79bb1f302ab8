/** The transport of a connected stream socket: one class for all runtimes. */

import type { StreamEvents, StreamSocket } from "../_platform/sockets.ts";
import { Socket } from "./socket.ts";
import { state } from "../_kernel/state.ts";
import { LOG_THRESHOLD_FOR_CONNLOST_WRITES } from "../constants.ts";
import { type Context, snapshotContext } from "../contextvars.ts";
import {
  type AbstractEventLoop,
  Handle,
  isExit,
  type Runnable,
} from "../events.ts";
import { OSError, RuntimeError } from "../exceptions.ts";
import type { Future } from "../futures.ts";
import { logger, warn } from "../log.ts";
import { madeAt, noteMade } from "../_debug/made.ts";
import {
  type BaseProtocol,
  BufferedProtocol,
  type Protocol,
} from "../protocols.ts";
import { _FlowControlMixin, type ExtraInfo } from "../transports.ts";
import { TransportSocket } from "../trsock.ts";
import { WriteQueue } from "./write_queue.ts";

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

/** So much that the protocol has not been given stops the reading. */
const READ_MAX = 256 * 1024;
/** So large a chunk is borrowed from the stream rather than copied. */
const BORROW_MIN = 16 * 1024;
/** Up to so large a borrowed chunk is copied to a place that is kept for that. */
const STAGE = 4096;

const READ = "Fatal read error on socket transport";
const WRITE = "Fatal write error on socket transport";

/**
 * A connection over a socket.
 *
 * What the runtime tells waits here until the loop's turn comes: a chunk, the end of
 * the stream, or what broke it. The transport itself stands in the loop's queue for
 * that, at most once, so that receiving allocates nothing.
 *
 * @internal
 */
export class _SelectorSocketTransport extends _FlowControlMixin
  implements StreamEvents, Runnable, LoopTransport {
  /** A buffered protocol's bytes are copied anyway: others are its to keep. */
  borrows: boolean = false;
  /** TLS may run over it. */
  readonly _startTlsCompatible = true;
  readonly #stream: StreamSocket;
  /** Whether the stream overwrites what a borrower was given. */
  readonly #lent: boolean;
  /** The socket that it was made of, where a program gave one. */
  readonly #socket: Socket | null;
  readonly #server: TransportOwner | null;
  /** Null stands for an empty one that nobody asked for. */
  #context: Context | null;
  /** What `connectionMade` and the waiter are owed; then null. */
  #made: BaseProtocol | null;
  #waiter: Future<void> | null;

  #scheduled: boolean = false;
  /** What was received and not given to the protocol yet. */
  #chunk: Uint8Array | null = null;
  #chunks: Uint8Array[] | null = null;
  #unread: number = 0;
  /** Whether the chunk will be overwritten, once it is used up. */
  #borrowed: boolean = false;
  /** Where small borrowed chunks are: an ArrayBuffer for each would cost more. */
  #stage: Uint8Array | null = null;
  /** Whether the stream is paused because of that. */
  #throttled: boolean = false;
  #paused: boolean = false;
  /** Whether the peer has finished and the protocol does not know it yet. */
  #ended: boolean = false;
  #failure: Error | null = null;
  #failed: boolean = false;

  /** What the stream has not taken yet. */
  readonly #out: WriteQueue = new WriteQueue();
  #eof: boolean = false;

  #closing: boolean = false;
  /** Counts from the call that ends it on: that one, and each write after it. */
  #connLost: number = 0;
  #forced: boolean = false;
  #over: boolean = false;

  /** Makes the transport; `connectionMade` is called in the next iteration. */
  constructor(
    loop: TransportLoop,
    sock: StreamSocket | Socket,
    protocol: BaseProtocol,
    waiter: Future<void> | null = null,
    extra: ExtraInfo | null = null,
    server: TransportOwner | null = null,
    context: Context | null = snapshotContext(),
  ) {
    super(extra, loop);
    const given = sock instanceof Socket;
    const stream = given ? sock._takeStream(this) : sock;
    this.#socket = given ? sock : null;
    this.#stream = stream;
    this.#lent = stream.fresh !== true;
    this.#server = server;
    this.#context = context;
    this.#made = protocol;
    this.#waiter = waiter;
    this.setProtocol(protocol);
    stream.attach(this);
    // Small writes go out at once, which lowers the latency.
    stream.setNoDelay(true);
    loop._transports.add(this);
    noteMade(this, loop, server);
    server?._attach(this);
    this.#schedule();
  }

  override toString(): string {
    const parts: string[] = [this.constructor.name];
    if (this.#over) parts.push("closed");
    else if (this.#closing) parts.push("closing");
    if (!this._loop.isClosed() && !this.#over) {
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

  override setProtocol(protocol: BaseProtocol): void {
    this._protocol = protocol;
    this.borrows = protocol instanceof BufferedProtocol;
  }

  override getProtocol(): BaseProtocol {
    return this._protocol!;
  }

  override isClosing(): boolean {
    return this.#closing;
  }

  // The runtime's calls, from anywhere

  onData(chunk: Uint8Array): void {
    if (this.#closing) return;
    let full = (this.#unread += chunk.length) >= READ_MAX;
    if (this.borrows && this.#lent) {
      // To stop the stream costs more than to copy a little.
      if (chunk.length >= BORROW_MIN) full = this.#borrowed = true;
      else if (chunk.length <= STAGE && this.#chunk === null) {
        chunk = this.#staged(chunk);
      } else chunk = chunk.slice();
    }
    if (this.#chunk === null) this.#chunk = chunk;
    else (this.#chunks ??= []).push(chunk);
    if (full && !this.#throttled) {
      this.#throttled = true;
      this.#stream.pause();
    }
    this.#schedule();
  }

  #staged(chunk: Uint8Array): Uint8Array {
    const stage = this.#stage ??= new Uint8Array(STAGE);
    stage.set(chunk);
    this.#borrowed = true;
    return stage.subarray(0, chunk.length);
  }

  onEof(): void {
    this.#ended = true;
    this.#schedule();
  }

  onDrain(): void {
    if (this.#connLost > 0) return;
    if (this.#out.size > 0) this.#flush();
    if (this.#needsTurn()) this.#schedule();
  }

  onClose(error: Error | null): void {
    if (this.#over) return;
    this.#failed = true;
    this.#failure = error;
    this.#schedule();
  }

  /** Whether something follows from what was written. */
  #needsTurn(): boolean {
    if (this._protocolPaused) {
      if (this.getWriteBufferSize() <= this._lowWater) return true;
    }
    return this.#closing && this.#flushed();
  }

  #flushed(): boolean {
    return this.#out.size === 0 && this.#stream.buffered === 0;
  }

  #schedule(): void {
    if (this.#scheduled || this._loop.isClosed()) return;
    this.#scheduled = true;
    this._loop._push(this);
  }

  // The loop's turn

  /** @internal */
  _run(): void {
    this.#scheduled = false;
    state.sync = true;
    state.task = null;
    state.context = this.#context;
    try {
      if (this.#made !== null) this.#begin();
      else this.#turn();
    } finally {
      state.sync = false;
      // Made meanwhile if the protocol was the first to look at it.
      this.#context = state.context;
      state.context = null;
    }
  }

  #begin(): void {
    const protocol = this.#made!;
    this.#made = null;
    try {
      protocol.connectionMade(this);
    } catch (error) {
      if (isExit(error)) throw error;
      this._loop.callExceptionHandler({
        message: "Exception in callback protocol.connection_made()",
        exception: error,
        transport: this,
        protocol,
      });
    }
    if (this.isReading()) this.#stream.resume();
    const waiter = this.#waiter;
    this.#waiter = null;
    if (waiter !== null && !waiter.cancelled()) waiter.setResult(undefined);
    if (this.#failed || this.#ended) this.#schedule();
  }

  #turn(): void {
    if (this.#connLost === 0 && !this.#closing && !this.#paused) {
      if (this.#chunk !== null) this.#deliver();
      else if (this.#ended) this.#deliverEof();
    }
    if (this.#connLost > 0) return;
    // What came before the failure is the protocol's, unless writing has failed.
    const write = this.getWriteBufferSize() > 0;
    if (this.#failed && (write || this.#unread === 0)) {
      this.#fatalError(this.#failure, write ? WRITE : READ);
      return;
    }
    this._maybeResumeProtocol();
    if (this.#closing && this.#flushed()) {
      this.#connLost++;
      this.#connectionLost(null);
      return;
    }
    if (this.#readable()) this.#schedule();
  }

  /** Whether the protocol has to be told something received. */
  #readable(): boolean {
    return !this.#closing && !this.#paused &&
      (this.#chunk !== null || this.#ended || this.#failed);
  }

  /** Gives the protocol a chunk: one in each iteration, as CPython reads one. */
  #deliver(): void {
    let chunk = this.#chunk!;
    if (this.borrows) {
      const count = this.#deliverInto(chunk);
      if (count < 0) return;
      this.#unread -= count;
      if (count < chunk.length) {
        this.#chunk = chunk.subarray(count);
        return;
      }
      this.#nextChunk();
    } else {
      this.#unread -= chunk.length;
      this.#nextChunk();
      // The protocol has been changed since it came.
      if (this.#borrowed) chunk = chunk.slice();
      try {
        (this._protocol as Protocol).dataReceived(chunk);
      } catch (error) {
        this.#fatalError(
          error,
          "Fatal error: protocol.data_received() call failed.",
        );
        return;
      }
    }
    if (this.#unread > 0) return;
    this.#borrowed = false;
    if (this.#throttled) {
      this.#throttled = false;
      if (this.isReading()) this.#stream.resume();
    }
  }

  #nextChunk(): void {
    const rest = this.#chunks;
    if (rest === null) this.#chunk = null;
    else {
      // Few at most: what is unread is bounded.
      this.#chunk = rest.shift()!;
      if (rest.length === 0) this.#chunks = null;
    }
  }

  /** Puts bytes into the protocol's buffer: how many, or -1 after an error. */
  #deliverInto(chunk: Uint8Array): number {
    const protocol = this._protocol as BufferedProtocol;
    let count: number;
    try {
      const buffer = protocol.getBuffer(-1);
      if (buffer.length === 0) {
        throw new RuntimeError("get_buffer() returned an empty buffer");
      }
      count = Math.min(buffer.length, chunk.length);
      buffer.set(count < chunk.length ? chunk.subarray(0, count) : chunk);
    } catch (error) {
      this.#fatalError(
        error,
        "Fatal error: protocol.get_buffer() call failed.",
      );
      return -1;
    }
    try {
      protocol.bufferUpdated(count);
    } catch (error) {
      this.#fatalError(
        error,
        "Fatal error: protocol.buffer_updated() call failed.",
      );
      return -1;
    }
    return count;
  }

  #deliverEof(): void {
    this.#ended = false;
    if (this._loop.getDebug()) logger.debug(`${this} received EOF`);
    let keepOpen: unknown;
    try {
      keepOpen = (this._protocol as Protocol).eofReceived();
    } catch (error) {
      this.#fatalError(
        error,
        "Fatal error: protocol.eof_received() call failed.",
      );
      return;
    }
    if (!keepOpen) this.close();
  }

  // Reading

  override isReading(): boolean {
    return !this.#closing && !this.#paused;
  }

  override pauseReading(): void {
    if (!this.isReading()) return;
    this.#paused = true;
    this.#stream.pause();
    if (this._loop.getDebug()) logger.debug(`${this} pauses reading`);
  }

  override resumeReading(): void {
    if (this.#closing || !this.#paused) return;
    this.#paused = false;
    if (this.#made === null && !this.#throttled) this.#stream.resume();
    if (this.#readable()) this.#schedule();
    if (this._loop.getDebug()) logger.debug(`${this} resumes reading`);
  }

  // Writing

  override write(data: Uint8Array): void {
    if (!(data instanceof Uint8Array)) throw notBytes(data);
    if (this.#eof) {
      throw new RuntimeError("Cannot call write() after write_eof()");
    }
    const { length } = data;
    if (length === 0) return;
    if (this.#connLost > 0) {
      if (this.#connLost >= LOG_THRESHOLD_FOR_CONNLOST_WRITES) {
        logger.warning("socket.send() raised exception.");
      }
      this.#connLost++;
      return;
    }
    if (this.#out.size === 0) {
      const count = this.#stream.write(data);
      if (count < length) {
        this.#out.push(count === 0 ? data : data.subarray(count));
      }
    } else this.#out.push(data);
    this._maybePauseProtocol();
    if (this.#failed) this.#schedule();
  }

  override writeLines(listOfData: Iterable<Uint8Array>): void {
    if (this.#eof) {
      throw new RuntimeError("Cannot call writelines() after write_eof()");
    }
    const pieces = [...listOfData];
    for (const piece of pieces) {
      if (!(piece instanceof Uint8Array)) throw notBytes(piece);
    }
    if (this.#connLost > 0) {
      for (const piece of pieces) this.write(piece);
      return;
    }
    const waiting = this.#out.size > 0;
    for (const piece of pieces) {
      if (piece.length > 0) this.#out.push(piece);
    }
    if (!waiting) this.#flush();
    this._maybePauseProtocol();
    if (this.#failed) this.#schedule();
  }

  /** Writes what the stream takes. */
  #flush(): void {
    this.#out.flush(this.#stream);
    if (this.#out.size === 0 && this.#eof) this.#stream.shutdownWrite();
  }

  override writeEof(): void {
    if (this.#closing || this.#eof) return;
    this.#eof = true;
    if (this.#out.size === 0) this.#stream.shutdownWrite();
  }

  override canWriteEof(): boolean {
    return true;
  }

  override getWriteBufferSize(): number {
    return this.#forced || this.#over
      ? 0
      : this.#out.size + this.#stream.buffered;
  }

  // The end

  override close(): void {
    if (this.#closing) return;
    this.#stopReading();
    if (!this.#flushed()) return;
    this.#connLost++;
    this.#pushLost(null);
  }

  override abort(): void {
    this._forceClose(null);
  }

  #stopReading(): void {
    this.#closing = true;
    this.#stream.pause();
    this.#chunk = null;
    this.#chunks = null;
    this.#unread = 0;
  }

  #fatalError(error: unknown, message: string): void {
    if (isExit(error)) throw error;
    if (error instanceof OSError) {
      if (this._loop.getDebug()) {
        logger.debug(`${this}: ${message}`, { exc: error });
      }
    } else {
      this._loop.callExceptionHandler({
        message,
        exception: error,
        transport: this,
        protocol: this._protocol,
      });
    }
    this._forceClose(error);
  }

  /** Closes it at once, with the error that its protocol is to be told. */
  _forceClose(error: unknown): void {
    if (this.#connLost > 0) return;
    this.#out.clear();
    if (!this.#closing) this.#stopReading();
    this.#connLost++;
    this.#forced = true;
    this.#pushLost(error);
  }

  /** As a callback of its own: what is queued already comes first. */
  #pushLost(error: unknown): void {
    if (this._loop.isClosed()) return;
    this._loop._push(
      new Handle(
        this.#connectionLost.bind(this),
        [error],
        this._loop,
        this.#context,
      ),
    );
  }

  #connectionLost(error: unknown): void {
    try {
      this._protocol!.connectionLost(error);
    } finally {
      this.#finish();
      this.#server?._detach(this);
    }
  }

  /** Lets go of the socket. */
  #finish(): void {
    this.#over = true;
    (this._loop as TransportLoop)._transports.delete(this);
    // A reset would take from the peer what it has not read yet.
    if (this.#forced && this.#stream.buffered > 0) this.#stream.abort();
    else this.#stream.close();
    this._protocol = null;
    this.#out.clear();
    this.#chunk = null;
    this.#chunks = null;
  }

  /** @internal */
  _loopClosed(): void {
    if (this._loop.getDebug() && !this.#closing) {
      warn(`unclosed transport ${this}${madeAt(this)}`, "ResourceWarning");
    }
    this.#closing = true;
    this.#connLost++;
    this.#finish();
  }
}

function notBytes(data: unknown): TypeError {
  const type = data === null ? "null" : typeof data;
  return new TypeError(`data argument must be a Uint8Array, not ${type}`);
}
