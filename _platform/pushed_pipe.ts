/** Pipes that are written by handing over one piece after another. */

import type { WritePipe, WritePipeEvents } from "./pipes.ts";
import { systemError } from "./socket_errors.ts";

/** Where the pieces go. */
export interface PushSink {
  /**
   * Writes a piece; one at a time.
   *
   * @returns A promise of how many bytes were written, or of nothing for all of
   * them; a number where that is known at once.
   */
  push(data: Uint8Array): PromiseLike<number | void> | number;
  /** Closes it; no piece is under way. */
  close(): void | PromiseLike<unknown>;
  /** Closes it although a piece may be under way. */
  abort(): void | PromiseLike<unknown>;
  /** See {@linkcode WritePipe.ref}. */
  ref?(): void;
  /** See {@linkcode WritePipe.unref}. */
  unref?(): void;
}

/** The most that is handed over at once, so that `buffered` shows the progress. */
const PIECE = 256 * 1024;

/** A pipe that is written to a sink. */
export class PushedPipe implements WritePipe {
  buffered: number = 0;
  readonly #sink: PushSink;
  readonly #name: string;
  #events: WritePipeEvents | null = null;
  /** What is being written. */
  #out: Uint8Array | null = null;
  #closing = false;
  #closed = false;
  readonly #wrote: (count: number | void) => void;
  readonly #failed: (error: unknown) => void;

  /**
   * Makes a pipe.
   *
   * @param sink Where the pieces go.
   * @param name What it is, for errors: "the input of cat".
   */
  constructor(sink: PushSink, name: string) {
    this.#sink = sink;
    this.#name = name;
    this.#wrote = (count) => this.#onWrote(count);
    this.#failed = (error) => this.#fail(error);
  }

  attach(events: WritePipeEvents): void {
    this.#events = events;
  }

  write(data: Uint8Array): number {
    const { length } = data;
    let taken = 0;
    // More than one piece only where the system takes each at once.
    while (
      taken < length && this.#out === null && !this.#closing && !this.#closed
    ) {
      const end = Math.min(length, taken + PIECE);
      this.#push(end - taken < length ? data.subarray(taken, end) : data);
      taken = end;
    }
    return taken;
  }

  #push(piece: Uint8Array): void {
    this.#out = piece;
    this.buffered = piece.length;
    let result: PromiseLike<number | void> | number;
    try {
      result = this.#sink.push(piece);
    } catch (error) {
      queueMicrotask(() => this.#fail(error));
      return;
    }
    if (typeof result !== "number") result.then(this.#wrote, this.#failed);
    else if (result === piece.length) {
      this.#out = null;
      this.buffered = 0;
    } else {
      const count = result;
      queueMicrotask(() => this.#onWrote(count));
    }
  }

  #onWrote(count: number | void): void {
    if (this.#closed) return;
    const out = this.#out!;
    if (count !== undefined && count < out.length) {
      this.#push(out.subarray(count));
      return;
    }
    this.#out = null;
    this.buffered = 0;
    if (this.#closing) this.#end(false);
    else this.#events!.onDrain();
  }

  close(): void {
    if (this.#closing || this.#closed) return;
    this.#closing = true;
    if (this.#out === null) this.#end(false);
  }

  abort(): void {
    if (!this.#closed) this.#end(true);
  }

  /** Closes now; that it is closed is told once the system says so. */
  #end(abort: boolean): void {
    this.#closed = true;
    this.buffered = 0;
    this.#out = null;
    const tell = (error: Error | null) => this.#events?.onClose(error);
    let done: void | PromiseLike<unknown>;
    try {
      done = abort ? this.#sink.abort() : this.#sink.close();
    } catch {
      // It was closed by its other side.
      done = undefined;
    }
    if (abort || done === undefined) {
      done?.then(undefined, ignore);
      queueMicrotask(() => tell(null));
    } else {
      // What was written has arrived: that closing fails changes nothing.
      done.then(() => tell(null), () => tell(null));
    }
  }

  #fail(cause: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.buffered = 0;
    this.#out = null;
    try {
      this.#sink.abort()?.then(undefined, ignore);
    } catch {
      // The error that came before has closed it.
    }
    this.#events?.onClose(systemError(`Cannot write to ${this.#name}`, cause));
  }

  ref(): void {
    this.#sink.ref?.();
  }

  unref(): void {
    this.#sink.unref?.();
  }
}

function ignore(): void {}
