/** The transport of pipes: of one that is read, of one that is written, or of both. */

import type { ReadPipe, WritePipe } from "../_platform/pipes.ts";
import { LOG_THRESHOLD_FOR_CONNLOST_WRITES } from "../constants.ts";
import type { Context } from "../contextvars.ts";
import type { AbstractEventLoop } from "../events.ts";
import { NotImplementedError, OSError, RuntimeError } from "../exceptions.ts";
import type { Future } from "../futures.ts";
import { logger } from "../log.ts";
import { noteMade } from "../_debug/made.ts";
import { _StreamTransport } from "../_net/stream_transport.ts";
import { notBytes, schedule } from "../_net/turns.ts";
import type { BaseProtocol } from "../protocols.ts";
import type { ExtraInfo } from "../transports.ts";

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
 * @internal
 */
export class _PipeTransport extends _StreamTransport {
  readonly #input: ReadPipe | null;
  readonly #output: WritePipe | null;
  #failedToRead = false;
  /** Whether the output is closed, by the end of what was written. */
  #outputEnded = false;
  /** Whether `connectionLost` is on its way. */
  #lost = false;

  /** Makes the transport; `connectionMade` is called in the next iteration. */
  constructor(
    loop: AbstractEventLoop,
    pipes: PipePair,
    protocol: BaseProtocol,
    waiter: Future<void> | null = null,
    extra: ExtraInfo | null = null,
    context?: Context | null,
  ) {
    super(loop, protocol, waiter, extra, context);
    const { input, output } = pipes;
    this.#input = input;
    this.#output = output;
    input?.attach({
      borrows: false,
      onData: (chunk) => this.#onData(chunk),
      onEof: () => this.onEof(),
      onClose: (error) => this.#onClose(error, true),
    });
    output?.attach({
      onDrain: () => this.#onDrain(),
      onClose: (error) => this.#onClose(error, false),
    });
    (loop as OwningLoop)._transports?.add(this);
    noteMade(this, loop);
    schedule(this);
  }

  override toString(): string {
    const parts: string[] = [this.constructor.name];
    if (this._over) parts.push("closed");
    else {
      if (this._closing) parts.push("closing");
      if (this.#input !== null) {
        parts.push(this.isReading() ? "read=polling" : "read=idle");
      }
      if (this.#output !== null) {
        parts.push(`bufsize=${this.getWriteBufferSize()}`);
      }
    }
    return `<${parts.join(" ")}>`;
  }

  _pauseInput(): void {
    this.#input?.pause();
  }

  _resumeInput(): void {
    this.#input!.resume();
  }

  _held(): number {
    return this.#output?.buffered ?? 0;
  }

  // The runtime's calls, from anywhere

  #onData(chunk: Uint8Array): void {
    if (this._closing) return;
    this._keep(chunk);
  }

  #onDrain(): void {
    if (this.#lost) return;
    this.#flush();
    if (this._needsTurn()) schedule(this);
  }

  #onClose(error: Error | null, reading: boolean): void {
    if (this._over || error === null) return;
    this._failed = true;
    this.#failedToRead = reading;
    this._failure = error;
    if (!reading) this._out.clear();
    schedule(this);
  }

  _usedUp(): void {}

  // The loop's turn

  _advance(): void {
    if (!this.#lost && !this._closing && !this._paused) this._deliver();
    if (this.#lost) return;
    if (this._failed && (this._paused || this._unread === 0)) {
      const what = this.#failedToRead ? "read" : "write";
      this._fatalError(
        this._failure,
        `Fatal ${what} error on pipe transport`,
      );
      return;
    }
    this._maybeResumeProtocol();
    if (this._closing && this._flushed()) {
      this._connLost++;
      this.#lost = true;
      this._connectionLost(null);
    }
    if (this._readable()) schedule(this);
  }

  _logEof(): void {
    logger.info(`${this} was closed by peer`);
  }

  override isReading(): boolean {
    return this.#input !== null && super.isReading();
  }

  // Writing

  override write(data: Uint8Array): void {
    if (!(data instanceof Uint8Array)) throw notBytes(data);
    const output = this.#writable("write");
    if (this._eof && this.#input !== null) {
      throw new RuntimeError("Cannot call write() after write_eof()");
    }
    if (data.length === 0) return;
    // A pipe that is only written is closed by its end of file.
    if (this._connLost > 0 || (this._closing && this.#input === null)) {
      if (this._connLost >= LOG_THRESHOLD_FOR_CONNLOST_WRITES) {
        logger.warning(
          "pipe closed by peer or os.write(pipe, data) raised exception.",
        );
      }
      this._connLost++;
      return;
    }
    let rest = data;
    if (this._out.size === 0) {
      const taken = output.write(data);
      rest = taken === 0 ? data : data.subarray(taken);
    }
    if (rest.length > 0) this._out.push(rest);
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
    if (this._out.size > 0) this._out.flush(output);
    if (this._eof && this._flushed()) this.#endOutput();
  }

  #endOutput(): void {
    if (this.#outputEnded) return;
    this.#outputEnded = true;
    this.#output!.close();
  }

  override writeEof(): void {
    this.#writable("writeEof");
    if (this._closing || this._eof) return;
    if (this.#input === null) {
      this.close();
      return;
    }
    this._eof = true;
    if (this._flushed()) this.#endOutput();
  }

  override canWriteEof(): boolean {
    return this.#output !== null;
  }

  // The end

  _isQuiet(error: unknown): boolean {
    // A pipe that is read tells of all but a terminal that is gone.
    return error instanceof OSError &&
      (this.#output !== null || error.code === "EIO");
  }

  _breakOff(error: unknown): void {
    if (this._forced || this._over) return;
    this._forced = true;
    this._out.clear();
    if (!this._closing) this._stopReading();
    // After close() with nothing left to write the end is on its way already.
    const lost = this.#lost;
    this._connLost++;
    if (!lost) this._pushLost(error);
  }

  override _pushLost(error: unknown): void {
    this.#lost = true;
    super._pushLost(error);
  }

  _letGo(): void {
    this.#input?.close();
    if (this._forced) this.#output?.abort();
    else this.#output?.close();
  }

  /**
   * @param told Whether that it is still open has been told, with what it is part of.
   *
   * @internal
   */
  _loopClosed(told = false): void {
    if (!told) this._warnUnclosed();
    this._closing = true;
    this._connLost++;
    this._forced = true;
    this._finish();
  }
}
