/** Pipes through node:net and node:fs, for what a runtime's own API lacks. */

import { plain } from "./buffers.ts";
import { builtin } from "./host.ts";
import { BufferSource, type PullSource } from "./pulled_pipe.ts";
import type { PushSink } from "./pushed_pipe.ts";

type Done = (error: unknown, count?: number) => void;

interface FileSystem {
  open(path: string, flags: string, done: Done): void;
  fstatSync(fd: number): Stats;
  read(
    fd: number,
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: null,
    done: Done,
  ): void;
  write(
    fd: number,
    data: Uint8Array,
    offset: number,
    length: number,
    position: null,
    done: Done,
  ): void;
  close(fd: number, done: Done): void;
}

interface Stats {
  isFIFO(): boolean;
  isSocket(): boolean;
}

/** A stream of Node's, as far as it is used. */
export interface NodeStream {
  on(event: string, listener: (value: unknown) => void): unknown;
  once(event: string, listener: (value: unknown) => void): unknown;
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array>;
  write(data: Uint8Array, done: (error?: unknown) => void): boolean;
  end(done: () => void): void;
  destroy(): void;
  ref?(): void;
  unref?(): void;
}

const files = (): FileSystem => builtin<FileSystem>("node:fs")!;

/** Opens a file or FIFO, which may take until somebody opens its other end. */
export function openFile(path: string, flags: string): Promise<number> {
  return new Promise((resolve, reject) => {
    files().open(path, flags, (error, fd) => {
      if (error) reject(error);
      else resolve(fd!);
    });
  });
}

/** Whether a descriptor is a pipe or a socket, which can be waited for. */
export function canBeWaitedFor(fd: number): boolean {
  const stats = files().fstatSync(fd);
  return stats.isFIFO() || stats.isSocket();
}

/** A stream of node:net on a descriptor. */
export function socketOf(fd: number, readable: boolean): NodeStream {
  const { Socket } = builtin<
    { Socket: new (options: object) => NodeStream }
  >("node:net")!;
  return new Socket({ fd, readable, writable: !readable });
}

/** A stream of Node's to be read. */
export class NodeSource implements PullSource {
  readonly #stream: NodeStream;
  readonly #chunks: AsyncIterator<Uint8Array>;

  constructor(stream: NodeStream) {
    this.#stream = stream;
    // What fails is told by the read that it belongs to.
    stream.on("error", ignore);
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  async pull(): Promise<Uint8Array | null> {
    const { value, done } = await this.#chunks.next();
    return done ? null : plain(value);
  }

  close(): void {
    this.#stream.destroy();
  }

  ref(): void {
    this.#stream.ref?.();
  }

  unref(): void {
    this.#stream.unref?.();
  }
}

/** What a write says that Node gave up because the child has ended. */
const GIVEN_UP: ReadonlySet<unknown> = new Set([
  "ECANCELED",
  "ERR_STREAM_DESTROYED",
]);

/** The error of a write, as the system would have it. */
function brokenPipe(error: unknown): unknown {
  if (!GIVEN_UP.has((error as { code?: unknown }).code)) return error;
  const { message } = error as Error;
  return Object.assign(new Error(message, { cause: error }), { code: "EPIPE" });
}

/** A stream of Node's to be written. */
export class NodeSink implements PushSink {
  readonly #stream: NodeStream;

  constructor(stream: NodeStream) {
    this.#stream = stream;
    stream.on("error", ignore);
  }

  push(data: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(data, (error) => {
        if (error) reject(brokenPipe(error));
        else resolve();
      });
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#stream.once("close", () => resolve());
      this.#stream.end(() => this.#stream.destroy());
    });
  }

  abort(): void {
    this.#stream.destroy();
  }

  ref(): void {
    this.#stream.ref?.();
  }

  unref(): void {
    this.#stream.unref?.();
  }
}

/**
 * Closes a descriptor; that it was closed already is no matter. The standard streams
 * stay: the next file to be opened would take their numbers.
 */
export function closeFd(fd: number): void {
  if (fd > 2) files().close(fd, ignore);
}

/** A descriptor of node:fs to be read, where it stands. */
export class FdSource extends BufferSource {
  readonly #fd: number;
  /** Whether a read is under way, which must not meet another file's number. */
  #busy = false;
  #closed = false;

  constructor(fd: number) {
    super();
    this.#fd = fd;
  }

  override fill(
    buffer: Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer> | null> {
    return new Promise((resolve, reject) => {
      this.#busy = true;
      files().read(this.#fd, buffer, 0, buffer.length, null, (error, count) => {
        this.#busy = false;
        if (this.#closed) closeFd(this.#fd);
        if (error) reject(error);
        else resolve(count === 0 ? null : buffer.subarray(0, count));
      });
    });
  }

  override close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#busy) closeFd(this.#fd);
  }
}

/** A descriptor of node:fs to be written, where it stands. */
export class FdSink implements PushSink {
  readonly #fd: number;
  #busy = false;
  #closed = false;

  constructor(fd: number) {
    this.#fd = fd;
  }

  push(data: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#busy = true;
      files().write(this.#fd, data, 0, data.length, null, (error, count) => {
        this.#busy = false;
        if (this.#closed) closeFd(this.#fd);
        if (error) reject(error);
        else resolve(count!);
      });
    });
  }

  close(): void {
    this.abort();
  }

  abort(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#busy) closeFd(this.#fd);
  }
}

function ignore(): void {}
