/** The reading side of a stream. */

import { ByteQueue } from "./byte_queue.ts";
import type { Coroutine } from "../coroutines.ts";
import { type AbstractEventLoop, getEventLoop } from "../events.ts";
import { NotImplementedError, RuntimeError } from "../exceptions.ts";
import { extractStack, type StackFrame } from "../format_helpers.ts";
import type { Future } from "../futures.ts";
import {
  NextLine,
  ReadAll,
  ReadExactly,
  ReadInto,
  ReadLine,
  ReadSome,
  ReadUntil,
} from "./reads.ts";
import { feedFromWeb, readableOf } from "./web.ts";
import type { BaseTransport, ReadTransport } from "../transports.ts";

/** The default of the buffer limit of streams, in bytes. */
export const DEFAULT_LIMIT: number = 2 ** 16;

const NEWLINE = new Uint8Array([10]);

/** A transport that can be made to read nothing before it is asked to. */
type PulledTransport = BaseTransport & { _pull?(): void };

/** Options of {@linkcode StreamReader.fromWeb}. */
export interface FromWebOptions {
  /** The buffer limit in bytes; 64 KiB unless given. */
  limit?: number | undefined;
  /** The loop of the reader; the running one unless given. */
  loop?: AbstractEventLoop | undefined;
}

/**
 * Reads from a stream of bytes: as much as is there, an exact number, up to a
 * separator, or line by line.
 *
 * `openConnection` and `startServer` make them. One can be made by hand, too, and fed
 * with `feedData`.
 *
 * A limit bounds what is buffered: above twice the limit the transport is paused, and
 * no line, or other part that ends with a separator, may be longer than the limit.
 *
 * @example Lines
 * ```ts
 * import { run, StreamReader } from "@x/asyncio";
 *
 * await run(async () => {
 *   const reader = new StreamReader();
 *   reader.feedData(new TextEncoder().encode("one\ntwo\n"));
 *   reader.feedEof();
 *   for await (const line of reader) {
 *     console.log(new TextDecoder().decode(line).trimEnd());
 *   }
 * });
 * ```
 */
export class StreamReader implements AsyncIterable<Uint8Array> {
  /** @internal */
  readonly _limit: number;
  /** @internal */
  readonly _loop: AbstractEventLoop;
  /** @internal */
  readonly _buffer: ByteQueue = new ByteQueue();
  /** @internal */
  _eof = false;
  /** @internal */
  _exception: unknown = null;
  /**
   * Whether a read has thrown that error.
   *
   * @internal
   */
  _told = false;
  /**
   * What the one read that waits for data waits for.
   *
   * @internal
   */
  _waiter: Future<void> | null = null;
  /**
   * The read that waits with a buffer of its own.
   *
   * @internal
   */
  _into: ReadInto | null = null;
  /**
   * Whether the last read that waited was one: nothing is read ahead then.
   *
   * @internal
   */
  _pulls = false;
  /** @internal */
  _transport: BaseTransport | null = null;
  /**
   * Whether it has paused its transport.
   *
   * @internal
   */
  _paused = false;
  /**
   * Whether its Web Stream was cancelled: nobody will read the rest.
   *
   * @internal
   */
  _abandoned = false;
  /**
   * Whether the Web Stream of its writer was closed: the connection ends with the
   * reading side.
   *
   * @internal
   */
  _lastHalf = false;
  /**
   * Keeps the writer from being collected, and closed, while somebody reads.
   *
   * @internal
   */
  _writer: object | null = null;
  /** @internal */
  readonly _sourceTraceback: readonly StackFrame[] | null;
  #web: ReadableStream<Uint8Array> | null = null;

  /**
   * Makes a reader.
   *
   * @param limit The buffer limit in bytes; 64 KiB unless given.
   * @param loop Its loop; the running one unless given.
   * @throws RangeError Unless the limit is above 0.
   */
  constructor(limit: number = DEFAULT_LIMIT, loop?: AbstractEventLoop | null) {
    if (!(limit > 0)) throw new RangeError("Limit cannot be <= 0");
    this._limit = limit;
    this._loop = loop ?? getEventLoop();
    this._sourceTraceback = this._loop.getDebug() ? extractStack() : null;
  }

  /**
   * Makes a reader of a Web Stream. The stream is read as far ahead as the limit
   * allows.
   *
   * @param stream The stream; it is locked from then on.
   * @param options See {@linkcode FromWebOptions}.
   * @returns The reader.
   *
   * @example
   * ```ts
   * import { run, StreamReader } from "@x/asyncio";
   *
   * await run(async () => {
   *   const { body } = new Response("one\ntwo\n");
   *   const reader = StreamReader.fromWeb(body!);
   *   console.log((await reader.readLine()).length);
   * });
   * ```
   */
  static fromWeb(
    stream: ReadableStream<Uint8Array>,
    options?: FromWebOptions,
  ): StreamReader {
    const reader = new StreamReader(options?.limit, options?.loop);
    feedFromWeb(reader, stream);
    return reader;
  }

  /** The error that ended the stream, or null. */
  exception(): unknown {
    return this._exception;
  }

  /**
   * Ends the stream with an error, which every read throws from then on.
   *
   * @param exc The error.
   */
  setException(exc: unknown): void {
    this._exception = exc;
    const waiter = this.#takeWaiter();
    if (waiter !== null) waiter.setException(exc);
  }

  /**
   * Says what is paused when too much is buffered.
   *
   * @param transport The transport.
   * @throws RuntimeError If it was said before.
   */
  setTransport(transport: BaseTransport): void {
    if (this._transport !== null) {
      throw new RuntimeError("Transport already set");
    }
    this._transport = transport;
  }

  /**
   * Goes on with another transport of the same connection.
   *
   * @internal
   */
  _replaceTransport(transport: BaseTransport): void {
    this._transport = transport;
    this._paused = false;
    this.#maybePause();
  }

  /** Ends the stream: what is buffered can still be read. */
  feedEof(): void {
    this._eof = true;
    this.#takeWaiter()?.setResult(undefined);
  }

  /** Whether the stream has ended and all of it was read. */
  atEof(): boolean {
    return this._eof && this._buffer.size === 0;
  }

  /**
   * Adds bytes to what can be read.
   *
   * @param data The bytes; they belong to the reader from then on.
   * @throws RuntimeError After {@linkcode StreamReader.feedEof}.
   */
  feedData(data: Uint8Array): void {
    if (this._eof) throw new RuntimeError("feed_data after feed_eof");
    if (data.length === 0) return;
    this._buffer.push(data);
    if (this._waiter !== null) this.#takeWaiter()?.setResult(undefined);
    this.#maybePause();
  }

  /**
   * Adds bytes that will be overwritten.
   *
   * @internal
   */
  _feedLent(lent: Uint8Array): void {
    const into = this._into;
    const waits = this._waiter !== null && !this._waiter.done();
    if (into === null || !waits || this._buffer.size > 0 || this._eof) {
      this.feedData(lent.slice());
      return;
    }
    const count = into._fill(lent);
    // Their order is that of the stream: what is left comes after.
    if (count < lent.length) this._buffer.push(lent.slice(count));
    this.#takeWaiter()!.setResult(undefined);
    this.#maybePause();
  }

  /** The waiter, if one is left to be told. */
  #takeWaiter(): Future<void> | null {
    const waiter = this._waiter;
    this._waiter = null;
    return waiter === null || waiter.done() ? null : waiter;
  }

  #maybePause(): void {
    if (this._paused || this._buffer.size <= 2 * this._limit) return;
    if (this._transport === null) return;
    try {
      (this._transport as ReadTransport).pauseReading();
    } catch (error) {
      if (!(error instanceof NotImplementedError)) throw error;
      // It cannot be paused: all is buffered, and it is not asked again.
      this._transport = null;
      return;
    }
    this._paused = true;
  }

  /** @internal */
  _maybeResume(): void {
    if (this._paused && this._buffer.size <= this._limit) this.#resume();
  }

  #resume(): void {
    this._paused = false;
    (this._transport as ReadTransport).resumeReading();
  }

  /**
   * What a read waits for.
   *
   * @internal
   */
  _waitForData(
    call: { readonly name: string },
    into: ReadInto | null = null,
  ): Future<void> {
    if (this._waiter !== null) {
      throw new RuntimeError(
        `${call.name}() called while another coroutine is already waiting for ` +
          "incoming data",
      );
    }
    // Set after an earlier wait was over: no data will come any more.
    if (this._exception !== null) throw this._exception;
    const waiter = this._loop.createFuture<void>();
    this._waiter = waiter;
    if (into !== null || this._pulls) {
      this._into = into;
      this._pulls = into !== null;
      (this._transport as PulledTransport | null)?._pull?.();
    }
    // One part larger than all that may be buffered: nothing would come.
    if (this._paused) this.#resume();
    return waiter;
  }

  /**
   * Gives back what a read that was cancelled had taken.
   *
   * @internal
   */
  _putBack(taken: ByteQueue): void {
    this._buffer.putBack(taken);
    this.#maybePause();
  }

  /**
   * Reads what is there, waiting only where nothing is.
   *
   * @param n At most so many bytes; if negative, the default, everything up to the
   * end of the stream.
   * @returns The bytes; none at the end of the stream.
   * @throws RuntimeError If another read waits already.
   */
  read(n: number = -1): Coroutine<Uint8Array> {
    return n < 0 ? new ReadAll(this) : new ReadSome(this, n);
  }

  /**
   * Reads what is there into a buffer, waiting only where nothing is. It makes no
   * new memory for what comes while it waits, which is what makes large messages
   * dear. asyncio does not have it.
   *
   * While a stream is read in this way nothing is read ahead: that the connection
   * has ended is found by the next read or write.
   *
   * @param buffer Where the bytes go, from its start on. Leave it alone until the
   * read has ended, and until what is written of it is sent.
   * @returns How many bytes came; 0 at the end of the stream.
   * @throws RangeError If the buffer has no bytes.
   * @throws RuntimeError If another read waits already.
   *
   * @example
   * ```ts
   * import { run, StreamReader } from "@x/asyncio";
   *
   * await run(async () => {
   *   const reader = new StreamReader();
   *   reader.feedData(new TextEncoder().encode("hello"));
   *   const buffer = new Uint8Array(65536);
   *   const count = await reader.readInto(buffer);
   *   console.log(new TextDecoder().decode(buffer.subarray(0, count)));
   * });
   * ```
   */
  readInto(buffer: Uint8Array): Coroutine<number> {
    return new ReadInto(this, buffer);
  }

  /**
   * Reads a line, with its newline. At the end of the stream the last line may
   * lack it.
   *
   * @returns The line; no bytes at the end of the stream.
   * @throws RangeError If it is longer than the limit: the line is dropped, or all
   * that is buffered where its end is not there yet.
   * @throws RuntimeError If another read waits already.
   */
  readLine(): Coroutine<Uint8Array> {
    return new ReadLine(this);
  }

  /**
   * Reads up to a separator, which is included.
   *
   * @param separator The separator, or several: the one that ends first counts. A
   * newline unless given.
   * @returns The bytes.
   * @throws LimitOverrunError If they are more than the limit; they can still be read
   * otherwise.
   * @throws IncompleteReadError If the stream ends before, with what was left.
   * @throws RangeError If a separator is empty, or there is none.
   * @throws RuntimeError If another read waits already.
   */
  readUntil(
    separator: Uint8Array | readonly Uint8Array[] = NEWLINE,
  ): Coroutine<Uint8Array> {
    return new ReadUntil(this, separator);
  }

  /**
   * Reads so many bytes, no more and no less.
   *
   * @param n How many.
   * @returns The bytes.
   * @throws IncompleteReadError If the stream ends before, with what was left.
   * @throws RangeError If n is negative.
   * @throws RuntimeError If another read waits already.
   */
  readExactly(n: number): Coroutine<Uint8Array> {
    return new ReadExactly(this, n);
  }

  /** Iterates over the lines: `for await (const line of reader)`. */
  [Symbol.asyncIterator](): this & AsyncIterator<Uint8Array, undefined> {
    return this as this & AsyncIterator<Uint8Array, undefined>;
  }

  /** Reads the next line, as an iterator does. */
  next(): Coroutine<IteratorResult<Uint8Array, undefined>> {
    return new NextLine(this);
  }

  /**
   * This stream as a Web Stream, for the rest of a program. It takes bytes only when
   * it is asked for some. Cancelling it leaves the reader where it is; the connection
   * ends where nothing is left to be sent either.
   *
   * @returns The Web Stream, the same each time.
   *
   * @example
   * ```ts
   * import { run, StreamReader } from "@x/asyncio";
   *
   * await run(async () => {
   *   const reader = new StreamReader();
   *   reader.feedData(new TextEncoder().encode("hello"));
   *   reader.feedEof();
   *   console.log(await new Response(reader.toWeb()).text());
   * });
   * ```
   */
  toWeb(): ReadableStream<Uint8Array> {
    return this.#web ??= readableOf(this);
  }

  /** Shows how much is buffered, and its state. */
  toString(): string {
    const info = ["StreamReader"];
    if (this._buffer.size > 0) info.push(`${this._buffer.size} bytes`);
    if (this._eof) info.push("eof");
    if (this._limit !== DEFAULT_LIMIT) info.push(`limit=${this._limit}`);
    if (this._waiter !== null) info.push(`waiter=${this._waiter}`);
    if (this._exception !== null) info.push(`exception=${this._exception}`);
    if (this._transport !== null) info.push(`transport=${this._transport}`);
    if (this._paused) info.push("paused");
    return `<${info.join(" ")}>`;
  }
}
