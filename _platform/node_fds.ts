/**
 * Pipes on Node: descriptors that can be waited for by node:net, terminals by
 * node:tty, regular files through node:fs.
 */

import { isFifo, openFifo } from "./fifos.ts";
import { builtin } from "./host.ts";
import {
  canBeWaitedFor,
  closeFd,
  FdSink,
  FdSource,
  NodeSink,
  NodeSource,
  type NodeStream,
  openFile,
  socketOf,
} from "./node_pipes.ts";
import { pipesBy, type Unopened } from "./pipe_opening.ts";
import type { Pipes } from "./pipes.ts";
import { PulledPipe, type PullSource } from "./pulled_pipe.ts";
import { PushedPipe, type PushSink } from "./pushed_pipe.ts";
import { codeOf } from "./socket_errors.ts";

interface TtyModule {
  readonly ReadStream: new (fd: number) => NodeStream;
  isatty(fd: number): boolean;
}

/** A source with something that was read before it. */
class Preceded implements PullSource {
  readonly #source: PullSource;
  #first: Uint8Array | null;

  constructor(source: PullSource, first: Uint8Array) {
    this.#source = source;
    this.#first = first;
  }

  pull(borrows: boolean): Promise<Uint8Array | null> {
    const first = this.#first;
    if (first === null) return this.#source.pull(borrows);
    this.#first = null;
    return Promise.resolve(first);
  }

  close(): void | PromiseLike<unknown> {
    return this.#source.close();
  }

  ref(): void {
    this.#source.ref?.();
  }

  unref(): void {
    this.#source.unref?.();
  }
}

/** A stream on a descriptor; null where another stream waits for it already. */
function streamOn(fd: number, readable: boolean): NodeStream | null {
  try {
    return socketOf(fd, readable);
  } catch (error) {
    if (codeOf(error) === "EEXIST") return null;
    throw error;
  }
}

function fdSource(fd: number): PullSource {
  const tty = builtin<TtyModule>("node:tty")!;
  // A thread that reads a terminal could not be called back.
  const stream = tty.isatty(fd)
    ? new tty.ReadStream(fd)
    : canBeWaitedFor(fd)
    ? streamOn(fd, true)
    : null;
  return stream === null ? new FdSource(fd) : new NodeSource(stream);
}

function fdSink(fd: number): PushSink {
  const stream = canBeWaitedFor(fd) ? streamOn(fd, false) : null;
  return stream === null ? new FdSink(fd) : new NodeSink(stream);
}

async function openSource(
  what: Unopened,
  signal: AbortSignal | undefined,
): Promise<PullSource> {
  if ("fd" in what) return fdSource(what.fd);
  if (!isFifo(what.path)) return new FdSource(await openFile(what.path, "r"));
  const { fd, first } = await openFifo(what.path, false, signal);
  try {
    const source = fdSource(fd);
    return first === null ? source : new Preceded(source, first);
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

async function openSink(
  what: Unopened,
  signal: AbortSignal | undefined,
): Promise<PushSink> {
  if ("fd" in what) return fdSink(what.fd);
  if (!isFifo(what.path)) return new FdSink(await openFile(what.path, "w"));
  const { fd } = await openFifo(what.path, true, signal);
  try {
    return fdSink(fd);
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

/** Makes the pipes of Node. */
export function nodePipes(): Pipes {
  return pipesBy({
    read: async (what, name, signal) =>
      new PulledPipe(await openSource(what, signal), name),
    write: async (what, name, signal) =>
      new PushedPipe(await openSink(what, signal), name),
  });
}
