/** Streams as Web Streams, and the other way round. */

import type { Coroutine } from "../coroutines.ts";
import type { AbstractEventLoop } from "../events.ts";
import type { Future } from "../futures.ts";
import type { StreamReader } from "./reader.ts";
import type { StreamWriter } from "./writer.ts";
import { ReadTransport, WriteTransport } from "../transports.ts";

/**
 * Runs a coroutine as a task of its own and gives a promise of its result. Web
 * Streams call their sources from anywhere, so it must not become part of the task
 * that happens to be running.
 */
function settle<T>(
  loop: AbstractEventLoop,
  coro: Coroutine<T>,
): { task: Future<T>; promise: Promise<T> } {
  const task = loop.createTask(coro);
  const promise = new Promise<T>((resolve, reject) => {
    task.addDoneCallback(() => {
      try {
        resolve(task.result());
      } catch (error) {
        reject(error);
      }
    });
  });
  return { task, promise };
}

/** A Web Stream of what a reader gives. */
export function readableOf(reader: StreamReader): ReadableStream<Uint8Array> {
  let reading: Future<Uint8Array> | null = null;
  let ended: Promise<unknown> | null = null;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { task, promise } = settle(
        reader._loop,
        reader.read(reader._limit),
      );
      reading = task;
      ended = promise.catch(() => {});
      let data: Uint8Array;
      try {
        data = await promise;
      } catch (error) {
        // Cancelled by cancel(): the stream is closed then.
        if (reader._abandoned) return;
        throw error;
      } finally {
        reading = null;
      }
      if (data.length > 0) controller.enqueue(data);
      else controller.close();
    },
    async cancel() {
      reader._abandoned = true;
      if (reading !== null) {
        reading.cancel();
        // Until then the reader counts as being read.
        await ended;
      }
      const transport = reader._transport;
      // There is nothing else that this connection could still be good for.
      if (reader._lastHalf || !(transport instanceof WriteTransport)) {
        transport?.close();
      }
    },
    // Nothing is read ahead: the reader is the buffer.
  }, { highWaterMark: 0 });
}

/** A Web Stream of what a writer is to write. */
export function writableOf(writer: StreamWriter): WritableStream<Uint8Array> {
  const loop = writer._loop;
  return new WritableStream<Uint8Array>({
    write(chunk) {
      if (!(chunk instanceof Uint8Array)) {
        throw new TypeError(
          `Cannot write to the stream: a Uint8Array is needed, got ${
            chunk === null ? "null" : typeof chunk
          }`,
        );
      }
      writer.write(chunk);
      return settle(loop, writer.drain()).promise;
    },
    async close() {
      await settle(loop, writer.drain()).promise;
      const reader = writer._reader;
      if (
        reader === null || reader._eof || reader._abandoned ||
        !writer.canWriteEof()
      ) {
        writer.close();
        await settle(loop, writer.waitClosed()).promise;
        return;
      }
      // The answer may be still to come: the other half ends the connection.
      reader._lastHalf = true;
      writer.writeEof();
    },
    abort() {
      (writer.transport as WriteTransport).abort();
    },
  });
}

/** Feeds a reader with a Web Stream; for the reader it is a transport. */
class WebTransport extends ReadTransport {
  readonly #reader: StreamReader;
  readonly #source: ReadableStreamDefaultReader<Uint8Array>;
  #paused = false;
  #closing = false;
  /** Whether a chunk was asked for and has not come. */
  #asked = false;

  constructor(reader: StreamReader, stream: ReadableStream<Uint8Array>) {
    super();
    this.#reader = reader;
    this.#source = stream.getReader();
  }

  override isClosing(): boolean {
    return this.#closing;
  }

  override isReading(): boolean {
    return !this.#closing && !this.#paused;
  }

  override pauseReading(): void {
    this.#paused = true;
  }

  override resumeReading(): void {
    this.#paused = false;
    this.ask();
  }

  override close(): void {
    if (this.#closing) return;
    this.#closing = true;
    // Whether the source likes to be cancelled is nothing to the reader.
    this.#source.cancel().catch(() => {});
    this.#reader.feedEof();
  }

  ask(): void {
    if (this.#asked || this.#paused || this.#closing) return;
    this.#asked = true;
    this.#source.read().then(
      ({ done, value }) => this.#came(done, value),
      (error) => this.#failed(error),
    );
  }

  #came(done: boolean, value: Uint8Array | undefined): void {
    this.#asked = false;
    if (this.#closing) return;
    if (done) {
      this.#closing = true;
      this.#reader.feedEof();
    } else if (value instanceof Uint8Array) {
      this.#reader.feedData(value);
      this.ask();
    } else {
      const error = new TypeError(
        "Cannot read from the Web Stream: its chunks must be Uint8Arrays, " +
          `got ${typeof value}`,
      );
      this.#source.cancel(error).catch(() => {});
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#reader.setException(error);
  }
}

/** Has a reader read from a Web Stream. */
export function feedFromWeb(
  reader: StreamReader,
  stream: ReadableStream<Uint8Array>,
): void {
  const transport = new WebTransport(reader, stream);
  reader.setTransport(transport);
  transport.ask();
}
