/**
 * Pipes on Bun: its streams and sinks, which wait for a descriptor without a
 * thread; regular files through node:fs.
 */

import { isFifo, type OpenFifo, openFifo } from "./fifos.ts";
import { host } from "./host.ts";
import {
  canBeWaitedFor,
  closeFd,
  FdSink,
  FdSource,
  openFile,
} from "./node_pipes.ts";
import { pipesBy, type Unopened } from "./pipe_opening.ts";
import { streamSource } from "./pipe_streams.ts";
import type { Pipes } from "./pipes.ts";
import { PulledPipe, type PullSource } from "./pulled_pipe.ts";
import { PushedPipe, type PushSink } from "./pushed_pipe.ts";

/** What Bun writes to a descriptor with. */
export interface BunSink {
  write(data: Uint8Array): number | Promise<number>;
  flush(): number | Promise<number>;
  end(): number | Promise<number>;
  ref(): void;
  unref(): void;
}

interface BunFiles {
  file(fd: number): {
    stream(): ReadableStream<Uint8Array>;
    writer(): BunSink;
  };
}

/** A sink of Bun's to be written. */
export class BunPipeSink implements PushSink {
  readonly #sink: BunSink;
  readonly #fd: number;

  /**
   * Makes a sink.
   *
   * @param sink Bun's.
   * @param fd The descriptor to close at the end; -1 where that is not ours to do.
   */
  constructor(sink: BunSink, fd: number = -1) {
    this.#sink = sink;
    this.#fd = fd;
  }

  push(data: Uint8Array): Promise<void> | number {
    const written = this.#sink.write(data);
    const flushed = this.#sink.flush();
    if (typeof written === "number" && typeof flushed === "number") {
      return data.length;
    }
    // Each of them is rejected where the other side is gone.
    return Promise.all([written, flushed]).then(ignore);
  }

  close(): Promise<void> | void {
    const ended = this.#sink.end();
    if (typeof ended === "number") return this.#close();
    const close = () => this.#close();
    return ended.then(close, close);
  }

  abort(): Promise<void> | void {
    // A write that waits would keep the process alive for its reader's sake.
    this.#sink.unref();
    return this.close();
  }

  #close(): void {
    if (this.#fd >= 0) closeFd(this.#fd);
  }

  ref(): void {
    this.#sink.ref();
  }

  unref(): void {
    this.#sink.unref();
  }
}

/** A stream of Bun's on a descriptor of ours. */
class FdStreamSource implements PullSource {
  readonly #source: PullSource;
  readonly #fd: number;
  /** What was read before it became a stream. */
  #first: Uint8Array | null;

  constructor(
    stream: ReadableStream<Uint8Array>,
    fd: number,
    first: Uint8Array | null,
  ) {
    this.#source = streamSource(stream);
    this.#fd = fd;
    this.#first = first;
  }

  async pull(borrows: boolean): Promise<Uint8Array | null> {
    const first = this.#first;
    if (first === null) return await this.#source.pull(borrows);
    this.#first = null;
    return first;
  }

  async close(): Promise<void> {
    try {
      await this.#source.close();
    } finally {
      closeFd(this.#fd);
    }
  }
}

/** The descriptor of what is to be opened. */
async function openFd(
  what: Unopened,
  writes: boolean,
  signal: AbortSignal | undefined,
): Promise<OpenFifo> {
  if ("fd" in what) return { fd: what.fd, first: null };
  const { path } = what;
  if (isFifo(path)) return await openFifo(path, writes, signal);
  return { fd: await openFile(path, writes ? "w" : "r"), first: null };
}

/** Makes the pipes of Bun. */
export function bunPipes(): Pipes {
  const bun = host.Bun as unknown as BunFiles;

  return pipesBy({
    async read(what, name, signal) {
      const { fd, first } = await openFd(what, false, signal);
      return canBeWaitedFor(fd)
        ? new PulledPipe(
          new FdStreamSource(bun.file(fd).stream(), fd, first),
          name,
          true,
        )
        : new PulledPipe(new FdSource(fd), name);
    },
    async write(what, name, signal) {
      const { fd } = await openFd(what, true, signal);
      return new PushedPipe(
        canBeWaitedFor(fd)
          ? new BunPipeSink(bun.file(fd).writer(), fd)
          : new FdSink(fd),
        name,
      );
    },
  });
}

function ignore(): void {}
