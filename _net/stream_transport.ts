/** What transports of streams have in common, whatever brings the bytes. */

import { type Context, snapshotContext } from "../contextvars.ts";
import { type AbstractEventLoop, isExit, type Runnable } from "../events.ts";
import { RuntimeError } from "../exceptions.ts";
import type { Future } from "../futures.ts";
import { logger, warn } from "../log.ts";
import { madeAt } from "../_debug/made.ts";
import {
  type BaseProtocol,
  BufferedProtocol,
  type Protocol,
} from "../protocols.ts";
import { _FlowControlMixin, type ExtraInfo } from "../transports.ts";
import {
  pushLast,
  schedule,
  takeTurn,
  tellMade,
  type TurnTaker,
} from "./turns.ts";
import { WriteQueue } from "./write_queue.ts";

/** So much that the protocol has not been given stops the reading. */
const READ_MAX = 256 * 1024;

/** What the protocols of stream readers have. */
export interface Lent {
  /** Whether nothing is to be read before it asks, and all may be lent to it. */
  readonly _pulls?: boolean;
  /** As `dataReceived`, with bytes that will be overwritten. */
  _takeLent?(lent: Uint8Array): void;
}

/** A loop that lets go of its transports when it is closed. */
interface OwningLoop extends AbstractEventLoop {
  readonly _transports?: Set<object>;
}

/**
 * A connection that receives and sends bytes.
 *
 * What the runtime tells waits here until the loop's turn comes: chunks, the end of
 * the stream, or what broke it.
 *
 * @internal
 */
export abstract class _StreamTransport extends _FlowControlMixin
  implements Runnable, TurnTaker {
  /** Whether its protocol brings a buffer of its own. */
  _buffered: boolean = false;
  _context: Context | null;
  _scheduled: boolean = false;
  /** What `connectionMade` and the waiter are owed; then null. */
  #made: BaseProtocol | null;
  #waiter: Future<void> | null;

  /** What was received and not given to the protocol yet. */
  _chunk: Uint8Array | null = null;
  #chunks: Uint8Array[] | null = null;
  _unread: number = 0;
  /** Whether the chunk will be overwritten, once it is used up. */
  _borrowed: boolean = false;
  /** Whether the input is paused because of too much. */
  #throttled: boolean = false;
  _paused: boolean = false;
  /** Whether the peer has finished and the protocol does not know it yet. */
  _ended: boolean = false;
  _failure: Error | null = null;
  _failed: boolean = false;

  /** What the output has not taken yet. */
  readonly _out: WriteQueue = new WriteQueue();
  _eof: boolean = false;

  _closing: boolean = false;
  /** Counts from the call that ends it on: that one, and each write after it. */
  _connLost: number = 0;
  _forced: boolean = false;
  _over: boolean = false;

  /** Makes it; the subclass asks for the first turn, in which it begins. */
  constructor(
    loop: AbstractEventLoop,
    protocol: BaseProtocol,
    waiter: Future<void> | null,
    extra: ExtraInfo | null,
    context: Context | null = snapshotContext(),
  ) {
    super(extra, loop);
    this._context = context;
    this.#made = protocol;
    this.#waiter = waiter;
    this.setProtocol(protocol);
  }

  /** Stops what brings the bytes. */
  abstract _pauseInput(): void;
  /** Lets it go on. */
  abstract _resumeInput(): void;
  /** How many bytes the output has taken and holds. */
  abstract _held(): number;
  /** Does what follows from what the runtime has told. */
  abstract _advance(): void;
  /** In debug mode: the peer has finished. */
  abstract _logEof(): void;
  /** Whether an error of the connection is none of the program's. */
  abstract _isQuiet(error: unknown): boolean;
  /** Closes it at once, with the error that its protocol is to be told. */
  abstract _breakOff(error: unknown): void;
  /** The protocol has been given all that was received. */
  abstract _usedUp(): void;
  /** Gives back what it stands on. */
  abstract _letGo(): void;

  override setProtocol(protocol: BaseProtocol): void {
    this._protocol = protocol;
    this._buffered = protocol instanceof BufferedProtocol;
  }

  /** Whether what comes is copied anyway: else it is the protocol's to keep. */
  get borrows(): boolean {
    return this._buffered || (this._protocol as Lent | null)?._pulls === true;
  }

  override getProtocol(): BaseProtocol {
    return this._protocol!;
  }

  override isClosing(): boolean {
    return this._closing;
  }

  // The runtime's calls, from anywhere

  /** Keeps a chunk for the protocol; too much stops the reading. */
  _keep(chunk: Uint8Array): void {
    this._unread += chunk.length;
    if (this._chunk === null) this._chunk = chunk;
    else (this.#chunks ??= []).push(chunk);
    if (this._unread >= READ_MAX && !this.#throttled) {
      this.#throttled = true;
      this._pauseInput();
    }
    schedule(this);
  }

  /** The peer has finished. */
  onEof(): void {
    this._ended = true;
    schedule(this);
  }

  /** Whether something follows from what was written. */
  _needsTurn(): boolean {
    if (this._protocolPaused) {
      if (this.getWriteBufferSize() <= this._lowWater) return true;
    }
    return this._closing && this._flushed();
  }

  _flushed(): boolean {
    return this._out.size === 0 && this._held() === 0;
  }

  // The loop's turn

  /** @internal */
  _run(): void {
    takeTurn(this);
  }

  _turn(): void {
    if (this.#made !== null) this.#begin();
    else this._advance();
  }

  #begin(): void {
    const protocol = this.#made!;
    this.#made = null;
    tellMade(this._loop, protocol, this);
    if (this.isReading()) this._resumeInput();
    const waiter = this.#waiter;
    this.#waiter = null;
    if (waiter !== null && !waiter.cancelled()) waiter.setResult(undefined);
    if (this._failed || this._ended) schedule(this);
  }

  /** Whether the protocol has to be told something received. */
  _readable(): boolean {
    return !this._closing && !this._paused &&
      (this._chunk !== null || this._ended || this._failed);
  }

  /** Tells the protocol one thing: a chunk, as CPython reads one, or the end. */
  _deliver(): void {
    if (this._chunk !== null) this.#deliverChunk(this._chunk);
    else if (this._ended) this.#deliverEof();
  }

  #deliverChunk(chunk: Uint8Array): void {
    if (this._buffered) {
      const count = this.#deliverInto(chunk);
      if (count < 0) return;
      this._unread -= count;
      if (count < chunk.length) {
        this._chunk = chunk.subarray(count);
        return;
      }
      this.#nextChunk();
    } else {
      this._unread -= chunk.length;
      this.#nextChunk();
      const protocol = this._protocol as Protocol & Lent;
      try {
        if (!this._borrowed) protocol.dataReceived(chunk);
        else if (protocol._takeLent !== undefined) protocol._takeLent(chunk);
        // The protocol has been changed since it came.
        else protocol.dataReceived(chunk.slice());
      } catch (error) {
        this.#protocolFailed("data_received", error);
        return;
      }
    }
    if (this._unread > 0) return;
    this._borrowed = false;
    this._usedUp();
    if (this.#throttled) {
      this.#throttled = false;
      if (this.isReading()) this._resumeInput();
    }
  }

  #nextChunk(): void {
    const rest = this.#chunks;
    if (rest === null) this._chunk = null;
    else {
      // Few at most: what is unread is bounded.
      this._chunk = rest.shift()!;
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
      this.#protocolFailed("get_buffer", error);
      return -1;
    }
    try {
      protocol.bufferUpdated(count);
    } catch (error) {
      this.#protocolFailed("buffer_updated", error);
      return -1;
    }
    return count;
  }

  #deliverEof(): void {
    this._ended = false;
    if (this._loop.getDebug()) this._logEof();
    let keepOpen: unknown;
    try {
      keepOpen = (this._protocol as Protocol).eofReceived();
    } catch (error) {
      this.#protocolFailed("eof_received", error);
      return;
    }
    // Where nothing can be written either, there is nothing to be kept.
    if (!keepOpen || !this.canWriteEof()) this.close();
  }

  #protocolFailed(method: string, error: unknown): void {
    this._fatalError(error, `Fatal error: protocol.${method}() call failed.`);
  }

  // Reading

  override isReading(): boolean {
    return !this._closing && !this._paused;
  }

  override pauseReading(): void {
    if (!this.isReading()) return;
    this._paused = true;
    this._pauseInput();
    if (this._loop.getDebug()) logger.debug(`${this} pauses reading`);
  }

  override resumeReading(): void {
    if (this._closing || !this._paused) return;
    this._paused = false;
    if (this.#made === null && !this.#throttled) this._resumeInput();
    if (this._readable()) schedule(this);
    if (this._loop.getDebug()) logger.debug(`${this} resumes reading`);
  }

  // Writing

  override getWriteBufferSize(): number {
    return this._forced || this._over ? 0 : this._out.size + this._held();
  }

  // The end

  override close(): void {
    if (this._closing) return;
    this._stopReading();
    if (!this._flushed()) return;
    this._connLost++;
    this._pushLost(null);
  }

  override abort(): void {
    this._breakOff(null);
  }

  _stopReading(): void {
    this._closing = true;
    this._pauseInput();
    this._dropUnread();
    this._unread = 0;
  }

  _dropUnread(): void {
    this._chunk = null;
    this.#chunks = null;
  }

  _fatalError(error: unknown, message: string): void {
    if (isExit(error)) throw error;
    if (!this._isQuiet(error)) {
      this._loop.callExceptionHandler({
        message,
        exception: error,
        transport: this,
        protocol: this._protocol,
      });
    } else if (this._loop.getDebug()) {
      logger.debug(`${this}: ${message}`, { exc: error });
    }
    this._breakOff(error);
  }

  _pushLost(error: unknown): void {
    pushLast(this, this._connectionLost.bind(this), error);
  }

  _connectionLost(error: unknown): void {
    if (this._over) return; // The loop was closed meanwhile.
    try {
      this._protocol!.connectionLost(error);
    } finally {
      this._finish();
    }
  }

  _finish(): void {
    this._over = true;
    (this._loop as OwningLoop)._transports?.delete(this);
    this._letGo();
    this._protocol = null;
    this._out.clear();
    this._dropUnread();
  }

  /** In debug mode: the loop is closed, and nobody has closed this. */
  _warnUnclosed(): void {
    if (this._loop.getDebug() && !this._closing) {
      warn(`unclosed transport ${this}${madeAt(this)}`, "ResourceWarning");
    }
  }
}
