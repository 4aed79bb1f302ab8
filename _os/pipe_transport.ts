/** The transport of pipes: of one that is read, of one that is written, or of both. */

import type { ReadPipe, WritePipe } from "../_platform/pipes.ts";
import { state } from "../_kernel/state.ts";
import { LOG_THRESHOLD_FOR_CONNLOST_WRITES } from "../constants.ts";
import { type Context, snapshotContext } from "../contextvars.ts";
import {
  type AbstractEventLoop,
  Handle,
  isExit,
  type Runnable,
} from "../events.ts";
import { NotImplementedError, OSError, RuntimeError } from "../exceptions.ts";
import type { Future } from "../futures.ts";
import { logger, warn } from "../log.ts";
import { madeAt, noteMade } from "../_debug/made.ts";
import {
  type BaseProtocol,
  BufferedProtocol,
  type Protocol,
} from "../protocols.ts";
import { _FlowControlMixin, type ExtraInfo } from "../transports.ts";
import { WriteQueue } from "../_net/write_queue.ts";

/** So much that the protocol has not been given stops the reading. */
const READ_MAX = 256 * 1024;

/** A loop that lets go of its transports when it is closed. */
interface OwningLoop extends AbstractEventLoop {
  readonly _transports?: Set<object>;
}

/** The pipes of a transport. */
export interface PipePair {
  readonly input: ReadPipe | null;
  readonly output: WritePipe | null;
}

/**
 * A connection over one pipe or two.
 *
 * What the runtime tells waits here until the loop's turn comes: chunks, the end of
 * the input, or what broke a pipe. The transport itself stands in the loop's queue
 * for that, at most once, so that receiving allocates nothing.
 *
 * @internal
 */
export class _PipeTransport extends _FlowControlMixin implements Runnable {
  readonly #input: ReadPipe | null;
  readonly #output: WritePipe | null;
  /** Null stands for an empty one that nobody asked for. */
  #context: Context | null;
  /** What `connectionMade` and the waiter are owed; then null. */
  #made: BaseProtocol | null;
  #waiter: Future<void> | null;
  #buffered = false;
  #scheduled = false;

  /** What was received and not given to the protocol yet. */
  #chunk: Uint8Array | null = null;
  #chunks: Uint8Array[] | null = null;
  #unread = 0;
  /** Whether the input is paused because of that. */
  #throttled = false;
  #paused = false;
  /** Whether the input has ended and the protocol does not know it yet. */
  #ended = false;
  #failure: Error | null = null;
  #failedToRead = false;
  #failed = false;

  /** What the output has not taken yet. */
  readonly #out: WriteQueue = new WriteQueue();
  #eof = false;
  /** Whether the output is closed, by the end of what was written. */
  #outputEnded = false;

  #closing = false;
  /** Counts from the call that ends it on: that one, and each write after it. */
  #connLost = 0;
  /** Whether `connectionLost` is on its way. */
  #lost = false;
  #forced = false;
  #over = false;

  /** Makes the transport; `connectionMade` is called in the next iteration. */
  constructor(
    loop: AbstractEventLoop,
    pipes: PipePair,
    protocol: BaseProtocol,
    waiter: Future<void> | null = null,
    extra: ExtraInfo | null = null,
    context: Context | null = snapshotContext(),
  ) {
    super(extra, loop);
    const { input, output } = pipes;
    this.#input = input;
    this.#output = output;
    this.#context = context;
    this.#made = protocol;
    this.#waiter = waiter;
    this.setProtocol(protocol);
    input?.attach({
      borrows: false,
      onData: (chunk) => this.#onData(chunk),
      onEof: () => this.#onEof(),
      onClose: (error) => this.#onClose(error, true),
    });
    output?.attach({
      onDrain: () => this.#onDrain(),
      onClose: (error) => this.#onClose(error, false),
    });
    (loop as OwningLoop)._transports?.add(this);
    noteMade(this, loop);
    this.#schedule();
  }

  override toString(): string {
    const parts: string[] = [this.constructor.name];
    if (this.#over) parts.push("closed");
    else {
      if (this.#closing) parts.push("closing");
      if (this.#input !== null) {
        parts.push(this.isReading() ? "read=polling" : "read=idle");
      }
      if (this.#output !== null) {
        parts.push(`bufsize=${this.getWriteBufferSize()}`);
      }
    }
    return `<${parts.join(" ")}>`;
  }

  override setProtocol(protocol: BaseProtocol): void {
    this._protocol = protocol;
    this.#buffered = protocol instanceof BufferedProtocol;
  }

  override getProtocol(): BaseProtocol {
    return this._protocol!;
  }

  override isClosing(): boolean {
    return this.#closing;
  }

  // The runtime's calls, from anywhere

  #onData(chunk: Uint8Array): void {
    if (this.#closing) return;
    if (this.#chunk === null) this.#chunk = chunk;
    else (this.#chunks ??= []).push(chunk);
    this.#unread += chunk.length;
    if (this.#unread >= READ_MAX && !this.#throttled) {
      this.#throttled = true;
      this.#input!.pause();
    }
    this.#schedule();
  }

  #onEof(): void {
    this.#ended = true;
    this.#schedule();
  }

  #onDrain(): void {
    if (this.#lost) return;
    this.#flush();
    if (this.#needsTurn()) this.#schedule();
  }

  #onClose(error: Error | null, reading: boolean): void {
    if (this.#over || error === null) return;
    this.#failed = true;
    this.#failedToRead = reading;
    this.#failure = error;
    if (!reading) this.#out.clear();
    this.#schedule();
  }

  /** Whether something follows from what was written. */
  #needsTurn(): boolean {
    if (this._protocolPaused && this.getWriteBufferSize() <= this._lowWater) {
      return true;
    }
    return this.#closing && this.#flushed();
  }

  #flushed(): boolean {
    return this.#out.size === 0 && (this.#output?.buffered ?? 0) === 0;
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
    if (this.#input !== null && this.#mayRead()) this.#input.resume();
    const waiter = this.#waiter;
    this.#waiter = null;
    if (waiter !== null && !waiter.cancelled()) waiter.setResult(undefined);
    if (this.#failed || this.#ended) this.#schedule();
  }

  #turn(): void {
    if (!this.#lost && !this.#closing && !this.#paused) {
      if (this.#chunk !== null) this.#deliver();
      else if (this.#ended) this.#deliverEof();
    }
    if (this.#lost) return;
    if (this.#failed && (this.#paused || this.#unread === 0)) {
      const what = this.#failedToRead ? "read" : "write";
      this.#fatalError(
        this.#failure,
        `Fatal ${what} error on pipe transport`,
      );
      return;
    }
    this._maybeResumeProtocol();
    if (this.#closing && this.#flushed()) {
      this.#connLost++;
      this.#lost = true;
      this.#connectionLost(null);
    }
    if (this.#readable()) this.#schedule();
  }

  /** Whether the protocol has to be told something received. */
  #readable(): boolean {
    return !this.#closing && !this.#paused &&
      (this.#chunk !== null || this.#ended || this.#failed);
  }

  /** Gives the protocol a chunk: one in each iteration. */
  #deliver(): void {
    const chunk = this.#chunk!;
    if (this.#buffered) {
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
      try {
        (this._protocol as Protocol).dataReceived(chunk);
      } catch (error) {
        this.#protocolFailed("data_received", error);
        return;
      }
    }
    if (this.#throttled && this.#unread === 0) {
      this.#throttled = false;
      if (this.#mayRead()) this.#input!.resume();
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
    this.#ended = false;
    if (this._loop.getDebug()) logger.info(`${this} was closed by peer`);
    let keepOpen: unknown;
    try {
      keepOpen = (this._protocol as Protocol).eofReceived();
    } catch (error) {
      this.#protocolFailed("eof_received", error);
      return;
    }
    // Where nothing can be written either, there is nothing to be kept.
    if (!keepOpen || this.#output === null) this.close();
  }

  #protocolFailed(method: string, error: unknown): void {
    this.#fatalError(error, `Fatal error: protocol.${method}() call failed.`);
  }

  // Reading

  override isReading(): boolean {
    return this.#input !== null && this.#mayRead();
  }

  #mayRead(): boolean {
    return !this.#closing && !this.#paused;
  }

  override pauseReading(): void {
    if (!this.isReading()) return;
    this.#paused = true;
    this.#input!.pause();
    if (this._loop.getDebug()) logger.debug(`${this} pauses reading`);
  }

  override resumeReading(): void {
    if (this.#input === null || this.#closing || !this.#paused) return;
    this.#paused = false;
    if (this.#made === null && !this.#throttled) this.#input.resume();
    if (this.#readable()) this.#schedule();
    if (this._loop.getDebug()) logger.debug(`${this} resumes reading`);
  }

  // Writing

  override write(data: Uint8Array): void {
    if (!(data instanceof Uint8Array)) {
      const type = data === null ? "null" : typeof data;
      throw new TypeError(`data argument must be a Uint8Array, not ${type}`);
    }
    const output = this.#writable("write");
    if (this.#eof && this.#input !== null) {
      throw new RuntimeError("Cannot call write() after write_eof()");
    }
    if (data.length === 0) return;
    // A pipe that is only written is closed by its end of file.
    if (this.#connLost > 0 || (this.#closing && this.#input === null)) {
      if (this.#connLost >= LOG_THRESHOLD_FOR_CONNLOST_WRITES) {
        logger.warning(
          "pipe closed by peer or os.write(pipe, data) raised exception.",
        );
      }
      this.#connLost++;
      return;
    }
    let rest = data;
    if (this.#out.size === 0) {
      const taken = output.write(data);
      rest = taken === 0 ? data : data.subarray(taken);
    }
    if (rest.length > 0) this.#out.push(rest);
    this._maybePauseProtocol();
  }

  #writable(method: string): WritePipe {
    if (this.#output !== null) return this.#output;
    throw new NotImplementedError(
      `Cannot call ${method}(): the pipe is only read`,
    );
  }

  /** Writes what the output takes. */
  #flush(): void {
    const output = this.#output!;
    if (this.#out.size > 0) this.#out.flush(output);
    if (this.#eof && this.#flushed()) this.#endOutput();
  }

  #endOutput(): void {
    if (this.#outputEnded) return;
    this.#outputEnded = true;
    this.#output!.close();
  }

  override writeEof(): void {
    this.#writable("writeEof");
    if (this.#closing || this.#eof) return;
    if (this.#input === null) {
      this.close();
      return;
    }
    this.#eof = true;
    if (this.#flushed()) this.#endOutput();
  }

  override canWriteEof(): boolean {
    return this.#output !== null;
  }

  override getWriteBufferSize(): number {
    if (this.#over || this.#forced) return 0;
    return this.#out.size + (this.#output?.buffered ?? 0);
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
    this.#forceClose(null);
  }

  #stopReading(): void {
    this.#closing = true;
    this.#input?.pause();
    this.#chunk = null;
    this.#chunks = null;
    this.#unread = 0;
  }

  #fatalError(error: unknown, message: string): void {
    if (isExit(error)) throw error;
    // A pipe that is read tells of all but a terminal that is gone.
    const quiet = error instanceof OSError &&
      (this.#output !== null || error.code === "EIO");
    if (!quiet) {
      this._loop.callExceptionHandler({
        message,
        exception: error,
        transport: this,
        protocol: this._protocol,
      });
    } else if (this._loop.getDebug()) {
      logger.debug(`${this}: ${message}`, { exc: error });
    }
    this.#forceClose(error);
  }

  /** Closes it at once, with the error that its protocol is to be told. */
  #forceClose(error: unknown): void {
    if (this.#forced || this.#over) return;
    this.#forced = true;
    this.#out.clear();
    if (!this.#closing) this.#stopReading();
    // After close() with nothing left to write the end is on its way already.
    const lost = this.#lost;
    this.#connLost++;
    if (!lost) this.#pushLost(error);
  }

  /** As a callback of its own: what is queued already comes first. */
  #pushLost(error: unknown): void {
    this.#lost = true;
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
    if (this.#over) return; // The loop was closed meanwhile.
    try {
      this._protocol!.connectionLost(error);
    } finally {
      this.#finish();
    }
  }

  /** Lets go of the pipes. */
  #finish(): void {
    this.#over = true;
    (this._loop as OwningLoop)._transports?.delete(this);
    this.#input?.close();
    if (this.#forced) this.#output?.abort();
    else this.#output?.close();
    this._protocol = null;
    this.#out.clear();
    this.#chunk = null;
    this.#chunks = null;
  }

  /**
   * @param told Whether that it is still open has been told, with what it is part of.
   *
   * @internal
   */
  _loopClosed(told = false): void {
    if (this._loop.getDebug() && !this.#closing && !told) {
      warn(`unclosed transport ${this}${madeAt(this)}`, "ResourceWarning");
    }
    this.#closing = true;
    this.#connLost++;
    this.#forced = true;
    this.#finish();
  }
}
