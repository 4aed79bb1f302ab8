/** Web Streams and open files as the sources and sinks of pipes. */

import type { HostFile } from "./pipes.ts";
import { BufferSource, type PullSource } from "./pulled_pipe.ts";
import type { PushSink } from "./pushed_pipe.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A stream of bytes that is read into one's own buffers. */
class ByteStreamSource extends BufferSource {
  readonly #reader: ReadableStreamBYOBReader;

  constructor(reader: ReadableStreamBYOBReader) {
    super();
    this.#reader = reader;
  }

  override async fill(buffer: Bytes): Promise<Bytes | null> {
    const { value, done } = await this.#reader.read(buffer);
    return done ? null : value as Bytes;
  }

  override close(): Promise<void> {
    return this.#reader.cancel();
  }
}

/** A stream that brings its own chunks. */
class StreamSource implements PullSource {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(reader: ReadableStreamDefaultReader<Uint8Array>) {
    this.#reader = reader;
  }

  async pull(): Promise<Uint8Array | null> {
    const { value, done } = await this.#reader.read();
    return done ? null : value;
  }

  close(): Promise<void> {
    return this.#reader.cancel();
  }
}

/** A stream to be read; of bytes where it can be. */
export function streamSource(stream: ReadableStream<Uint8Array>): PullSource {
  let reader: ReadableStreamBYOBReader | undefined;
  try {
    reader = stream.getReader({ mode: "byob" });
  } catch {
    // Not a stream of bytes; a locked one is told below.
  }
  return reader === undefined
    ? new StreamSource(stream.getReader())
    : new ByteStreamSource(reader);
}

/** A stream to be written. */
export class StreamSink implements PushSink {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  constructor(stream: WritableStream<Uint8Array>) {
    this.#writer = stream.getWriter();
    // What fails is told by the write that it belongs to.
    this.#writer.closed.catch(ignore);
    this.#writer.ready.catch(ignore);
  }

  push(data: Uint8Array): Promise<void> {
    return this.#writer.write(data);
  }

  close(): Promise<void> {
    return this.#writer.close();
  }

  abort(): Promise<void> {
    return this.#writer.abort();
  }
}

/** An open file to be read. */
export class FileReadSource extends BufferSource {
  readonly #file: HostFile;

  constructor(file: HostFile) {
    super();
    this.#file = file;
  }

  override async fill(buffer: Bytes): Promise<Bytes | null> {
    const count = await this.#file.read!(buffer);
    return count === null ? null : buffer.subarray(0, count);
  }

  override close(): void {
    this.#file.close();
  }
}

/** An open file to be written. */
export class FileSink implements PushSink {
  readonly #file: HostFile;

  constructor(file: HostFile) {
    this.#file = file;
  }

  push(data: Uint8Array): Promise<number> {
    return this.#file.write!(data);
  }

  close(): void {
    this.#file.close();
  }

  abort(): void {
    this.#file.close();
  }
}

function ignore(): void {}
