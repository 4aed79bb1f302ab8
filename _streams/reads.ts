/**
 * The reads of a stream reader: each attempts, waits for more data, and attempts
 * again where it left off.
 */

import { ByteQueue } from "./byte_queue.ts";
import { IncompleteReadError, LimitOverrunError } from "../exceptions.ts";
import type { Future } from "../futures.ts";
import { NOT_YET, QuickCall } from "./quick_call.ts";
import type { StreamReader } from "./reader.ts";

/** For error messages and names of coroutines: what each is called in asyncio. */
const read = (): void => {};
const readexactly = (): void => {};
const readline = (): void => {};
const readuntil = (): void => {};
const readInto = (): void => {};

abstract class ReadCall<T = Uint8Array> extends QuickCall<T> {
  readonly _reader: StreamReader;
  #begun = false;

  constructor(fn: () => void, reader: StreamReader) {
    super(fn);
    this._reader = reader;
  }

  override _attempt(): T | typeof NOT_YET {
    if (!this.#begun) {
      this._check();
      // Looked at once: data that came before an error can still be read.
      const { _exception: failed } = this._reader;
      if (failed !== null) {
        this._reader._told = true;
        throw failed;
      }
      this.#begun = true;
    }
    return this._read();
  }

  /** Throws where the arguments are wrong. */
  abstract _check(): void;

  abstract _read(): T | typeof NOT_YET;

  override _wait(): Future<void> {
    return this._reader._waitForData(this);
  }

  override _waited(waiter: Future<void>): void {
    if (this._reader._waiter === waiter) this._reader._waiter = null;
  }

  override _gaveUp(error: unknown): void {
    if (error === this._reader._exception) this._reader._told = true;
  }
}

/** Everything up to the end. */
export class ReadAll extends ReadCall {
  readonly #taken: ByteQueue = new ByteQueue();

  constructor(reader: StreamReader) {
    super(read, reader);
  }

  override _check(): void {}

  override _read(): Uint8Array | typeof NOT_YET {
    const reader = this._reader;
    // Taken at once, or a transport paused at the limit would wait for ever.
    reader._buffer.moveTo(this.#taken);
    reader._maybeResume();
    return reader._eof ? this.#taken.takeAll() : NOT_YET;
  }

  override _gaveUp(error: unknown): void {
    super._gaveUp(error);
    if (this.#taken.size > 0) this._reader._putBack(this.#taken);
  }
}

/** What is there, up to a number of bytes. */
export class ReadSome extends ReadCall {
  readonly #n: number;

  constructor(reader: StreamReader, n: number) {
    super(read, reader);
    this.#n = n;
  }

  override _check(): void {
    checkCount("read", this.#n);
  }

  override _read(): Uint8Array | typeof NOT_YET {
    const reader = this._reader;
    const { size } = reader._buffer;
    if (this.#n === 0) return new Uint8Array(0);
    if (size === 0 && !reader._eof) return NOT_YET;
    const data = size === 0
      ? new Uint8Array(0)
      : reader._buffer.take(this.#n < size ? this.#n : size);
    reader._maybeResume();
    return data;
  }
}

/** What is there, into the caller's buffer. */
export class ReadInto extends ReadCall<number> {
  readonly #buffer: Uint8Array;
  /** How many bytes were put there while it waited. */
  #filled: number = 0;

  constructor(reader: StreamReader, buffer: Uint8Array) {
    super(readInto, reader);
    this.#buffer = buffer;
  }

  override _check(): void {
    if (!(this.#buffer instanceof Uint8Array)) {
      throw new TypeError("Cannot read: the buffer must be a Uint8Array");
    }
    if (this.#buffer.length === 0) {
      throw new RangeError("Cannot read into a buffer of no bytes");
    }
  }

  /** Takes bytes that are to be overwritten: how many. */
  _fill(lent: Uint8Array): number {
    const buffer = this.#buffer;
    const count = Math.min(buffer.length, lent.length);
    buffer.set(count < lent.length ? lent.subarray(0, count) : lent);
    return this.#filled = count;
  }

  override _read(): number | typeof NOT_YET {
    if (this.#filled > 0) return this.#filled;
    const reader = this._reader;
    // It may have been transferred elsewhere while this waited.
    this._check();
    if (reader._buffer.size === 0) return reader._eof ? 0 : NOT_YET;
    const count = reader._buffer.takeInto(this.#buffer);
    reader._maybeResume();
    return count;
  }

  override _wait(): Future<void> {
    return this._reader._waitForData(this, this);
  }

  override _waited(waiter: Future<void>): void {
    super._waited(waiter);
    if (this._reader._into === this) this._reader._into = null;
  }

  override _gaveUp(error: unknown): void {
    super._gaveUp(error);
    const count = this.#filled;
    // Transferred elsewhere, it has no length any more.
    if (count === 0 || this.#buffer.length === 0) return;
    this.#filled = 0;
    const taken = new ByteQueue();
    taken.push(new Uint8Array(this.#buffer.subarray(0, count)));
    this._reader._putBack(taken);
  }
}

/** A number of bytes. */
export class ReadExactly extends ReadCall {
  readonly #n: number;

  constructor(reader: StreamReader, n: number) {
    super(readexactly, reader);
    this.#n = n;
  }

  override _check(): void {
    if (this.#n < 0) {
      throw new RangeError("readexactly size can not be less than zero");
    }
    checkCount("readExactly", this.#n);
  }

  override _read(): Uint8Array | typeof NOT_YET {
    const reader = this._reader;
    const n = this.#n;
    if (n === 0) return new Uint8Array(0);
    if (reader._buffer.size < n) {
      if (!reader._eof) return NOT_YET;
      throw new IncompleteReadError(reader._buffer.takeAll(), n);
    }
    const data = reader._buffer.take(n);
    reader._maybeResume();
    return data;
  }
}

function checkCount(name: string, n: unknown): void {
  if (Number.isInteger(n)) return;
  throw new TypeError(
    `Cannot ${name}: a whole number of bytes is needed, got ${n}`,
  );
}

/** All up to one of some separators. */
export class ReadUntil extends ReadCall {
  readonly #separator: Uint8Array | readonly Uint8Array[];
  /** From the shortest on: of two that end at the same place the shorter counts. */
  #separators: readonly Uint8Array[] = [];
  #shortest = 0;
  #longest = 0;
  /** Up to here no separator begins. */
  #scanned = 0;
  /** How much had been read of the stream then. */
  #taken = 0;

  constructor(
    reader: StreamReader,
    separator: Uint8Array | readonly Uint8Array[],
  ) {
    super(readuntil, reader);
    this.#separator = separator;
  }

  override _check(): void {
    const given = this.#separator;
    if (given instanceof Uint8Array) this.#separators = [given];
    else if (Array.isArray(given)) {
      this.#separators = given.toSorted((a, b) => a.length - b.length);
    }
    for (const one of this.#separators) {
      if (!(one instanceof Uint8Array)) this.#separators = [];
    }
    if (this.#separators.length === 0) {
      if (Array.isArray(given) && given.length === 0) {
        throw new RangeError("Separator should contain at least one element");
      }
      throw new TypeError(
        "Cannot read: a separator must be a Uint8Array, or an array of some",
      );
    }
    this.#shortest = this.#separators[0]!.length;
    this.#longest = this.#separators.at(-1)!.length;
    if (this.#shortest === 0) {
      throw new RangeError("Separator should be at least one-byte string");
    }
  }

  override _read(): Uint8Array | typeof NOT_YET {
    const reader = this._reader;
    const buffer = reader._buffer;
    const { size } = buffer;
    if (buffer.taken !== this.#taken) {
      // Somebody else has read meanwhile: the positions have moved.
      this.#taken = buffer.taken;
      this.#scanned = 0;
    }
    if (size - this.#scanned >= this.#shortest) {
      let start = -1;
      let end = Infinity;
      for (const separator of this.#separators) {
        const found = buffer.find(separator, this.#scanned);
        if (found >= 0 && found + separator.length < end) {
          start = found;
          end = found + separator.length;
        }
      }
      if (start >= 0) {
        if (start > reader._limit) {
          throw new LimitOverrunError(
            "Separator is found, but chunk is longer than limit",
            start,
          );
        }
        const data = buffer.take(end);
        reader._maybeResume();
        return data;
      }
      // The rest may be the start of one.
      this.#scanned = Math.max(0, size + 1 - this.#longest);
      if (this.#scanned > reader._limit) {
        throw new LimitOverrunError(
          "Separator is not found, and chunk exceed the limit",
          this.#scanned,
        );
      }
    }
    if (reader._eof) throw new IncompleteReadError(buffer.takeAll(), null);
    return NOT_YET;
  }
}

const NEWLINE = new Uint8Array([10]);
const READ_UNTIL = { name: "readuntil" };

/** A line, or what is left of one at the end. */
export class ReadLine extends ReadCall {
  /** Made where the line is not all in the first chunk. */
  #search: ReadUntil | null = null;

  constructor(reader: StreamReader) {
    super(readline, reader);
  }

  override _check(): void {}

  override _read(): Uint8Array | typeof NOT_YET {
    const reader = this._reader;
    if (this.#search === null) {
      const line = reader._buffer.takeThrough(10, reader._limit);
      if (line !== null) {
        reader._maybeResume();
        return line;
      }
      this.#search = new ReadUntil(reader, NEWLINE);
      // Only moved on from here: nobody forgets to await it.
      this.#search._take();
      this.#search._check();
    }
    try {
      return this.#search._read();
    } catch (error) {
      if (error instanceof IncompleteReadError) return error.partial;
      if (!(error instanceof LimitOverrunError)) throw error;
      const { consumed, message } = error;
      if (reader._buffer.hasAt(NEWLINE, consumed)) {
        reader._buffer.skip(consumed + NEWLINE.length);
      } else reader._buffer.clear();
      reader._maybeResume();
      throw new RangeError(message, { cause: error });
    }
  }

  override _wait(): Future<void> {
    // In asyncio a line is read by readuntil(), which the message names.
    return this._reader._waitForData(READ_UNTIL);
  }
}

/** A line, as an iterator gives it. */
export class NextLine extends ReadCall<IteratorResult<Uint8Array, undefined>> {
  readonly #line: ReadLine;

  constructor(reader: StreamReader) {
    super(readline, reader);
    this.#line = new ReadLine(reader);
    this.#line._take();
  }

  override _check(): void {}

  override _read(): IteratorResult<Uint8Array, undefined> | typeof NOT_YET {
    const line = this.#line._read();
    if (line === NOT_YET) return NOT_YET;
    return line.length === 0
      ? { done: true, value: undefined }
      : { done: false, value: line };
  }

  override _wait(): Future<void> {
    return this.#line._wait();
  }
}
