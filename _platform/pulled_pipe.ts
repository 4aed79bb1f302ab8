/** Pipes that are read by asking for one chunk after another. */

import type { ReadPipe, ReadPipeEvents } from "./pipes.ts";
import { systemError } from "./socket_errors.ts";

/** Where the chunks come from. */
export interface PullSource {
  /**
   * Gets the next chunk; null at the end. One is asked for at a time.
   *
   * @param borrows Whether the chunk may be overwritten by the next one.
   */
  pull(borrows: boolean): Promise<Uint8Array | null>;
  /** Closes it. A chunk that was asked for may come nevertheless, or never. */
  close(): void | PromiseLike<unknown>;
  /** See {@linkcode ReadPipe.ref}. */
  ref?(): void;
  /** See {@linkcode ReadPipe.unref}. */
  unref?(): void;
}

/** Reads that fill a buffer of one's own. */
const SIZE = 65536;

/** A source that reads into buffers. */
export abstract class BufferSource implements PullSource {
  #buffer: Uint8Array<ArrayBuffer> | null = null;

  /** Reads; gives the part of the buffer, or of its heir, that was filled. */
  abstract fill(
    buffer: Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer> | null>;

  abstract close(): void | PromiseLike<unknown>;

  async pull(borrows: boolean): Promise<Uint8Array | null> {
    const buffer = this.#buffer ?? new Uint8Array(SIZE);
    this.#buffer = null;
    const filled = await this.fill(buffer);
    if (filled === null) return null;
    if (!borrows && filled.length * 2 > SIZE) return filled;
    this.#buffer = new Uint8Array(filled.buffer);
    // A copy of little costs less than a new buffer, and keeps less alive.
    return borrows ? filled : filled.slice();
  }
}

/** A pipe that is read from a source. */
export class PulledPipe implements ReadPipe {
  readonly #source: PullSource;
  readonly #name: string;
  #events: ReadPipeEvents | null = null;
  #paused = true;
  /** Whether a chunk has been asked for. */
  #reading = false;
  /** What came while paused; null stands for the end. */
  #held: Uint8Array | null | undefined = undefined;
  #ended = false;
  #closed = false;

  /**
   * Makes a pipe.
   *
   * @param source Where the chunks come from.
   * @param name What it is, for errors: "the output of cat".
   * @param eager Whether to ask for a chunk at once: Bun keeps without limit what
   * comes before it was first asked.
   */
  constructor(source: PullSource, name: string, eager = false) {
    this.#source = source;
    this.#name = name;
    if (eager) this.#read(true);
  }

  attach(events: ReadPipeEvents): void {
    this.#events = events;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    if (!this.#reading && !this.#ended && !this.#closed) this.#read(false);
  }

  /**
   * Reads until paused or closed. A chunk that was asked for when the pipe is
   * paused cannot be refused: it is held.
   */
  async #read(eager: boolean): Promise<void> {
    this.#reading = true;
    if (this.#held !== undefined) {
      // Never from inside resume().
      await undefined;
      this.#tellHeld();
    }
    while ((eager || !this.#paused) && !this.#closed && !this.#ended) {
      eager = false;
      let chunk: Uint8Array | null;
      try {
        // Nobody may keep what is held until it is told.
        chunk = await this.#source.pull(
          this.#events !== null && this.#events.borrows && !this.#paused,
        );
      } catch (error) {
        this.#reading = false;
        if (!this.#closed) this.#fail(error);
        return;
      }
      if (this.#closed) break;
      if (this.#paused) {
        this.#held = chunk !== null && this.#events?.borrows
          ? chunk.slice()
          : chunk;
      } else this.#deliver(chunk);
    }
    this.#reading = false;
  }

  #tellHeld(): void {
    if (this.#paused || this.#closed) return;
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.#deliver(held);
  }

  #deliver(chunk: Uint8Array | null): void {
    if (chunk === null) {
      this.#ended = true;
      this.#events!.onEof();
    } else if (chunk.length > 0) this.#events!.onData(chunk);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#held = undefined;
    this.#release();
    queueMicrotask(() => this.#events?.onClose(null));
  }

  #fail(cause: unknown): void {
    this.#closed = true;
    this.#release();
    const error = systemError(`Cannot read ${this.#name}`, cause);
    queueMicrotask(() => this.#events?.onClose(error));
  }

  #release(): void {
    try {
      // What fails here was closed by its other side, or by the error before.
      this.#source.close()?.then(undefined, ignore);
    } catch {
      // The same.
    }
  }

  ref(): void {
    this.#source.ref?.();
  }

  unref(): void {
    this.#source.unref?.();
  }
}

function ignore(): void {}
