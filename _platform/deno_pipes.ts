/**
 * Pipes on Deno. The standard streams need no permission, and neither does what a
 * program has opened itself. A descriptor that was passed on goes through node:net;
 * a FIFO that is opened by its path is read and written by Deno's threads, so that
 * a read that waits when it is closed ends with the next bytes only.
 */

import { endWait, isFifo, openFifo, withOther } from "./fifos.ts";
import { host } from "./host.ts";
import {
  canBeWaitedFor,
  closeFd,
  FdSink,
  FdSource,
  NodeSink,
  NodeSource,
  socketOf,
} from "./node_pipes.ts";
import { pipesBy } from "./pipe_opening.ts";
import { FileReadSource, FileSink } from "./pipe_streams.ts";
import type { HostFile, Pipes } from "./pipes.ts";
import { PulledPipe, type PullSource } from "./pulled_pipe.ts";
import { PushedPipe, type PushSink } from "./pushed_pipe.ts";
import { codeOf } from "./socket_errors.ts";

interface DenoFiles {
  readonly stdin: HostFile;
  readonly stdout: HostFile;
  readonly stderr: HostFile;
  open(path: string, options: object): Promise<HostFile>;
  readonly permissions: {
    querySync(
      asked: { readonly name: string; readonly path: string },
    ): { readonly state: string };
  };
}

/** The longest pause in milliseconds between two attempts to end a wait. */
const RETRY_MAX = 100;
// Taken once: a test that installs fake timers must not keep them.
const { setTimeout, clearTimeout } = globalThis;

/** A file of which something was read already. */
function startingWith(first: Uint8Array, file: HostFile): HostFile {
  let rest: Uint8Array | null = first;
  return {
    read(buffer) {
      if (rest === null) return file.read!(buffer);
      const count = Math.min(rest.length, buffer.length);
      buffer.set(rest.subarray(0, count));
      rest = count < rest.length ? rest.subarray(count) : null;
      return Promise.resolve(count);
    },
    close: () => file.close(),
  };
}

/** What closing a standard stream does. */
const keep = { close(): void {} };

/** Makes the pipes of Deno. */
export function denoPipes(): Pipes {
  const deno = host.Deno as unknown as DenoFiles;

  async function open(
    path: string,
    writes: boolean,
    signal: AbortSignal | undefined,
  ): Promise<HostFile> {
    if (mayOpenBothEnds(path) && isFifo(path)) {
      return await openEnd(path, writes, signal);
    }
    // It may be a FIFO nevertheless, of which only this end may be opened.
    let timer: ReturnType<typeof setTimeout> | undefined;
    // Again and again: the thread may not have come to wait yet.
    const giveUp = (again: number) => {
      endWait(path, writes);
      timer = setTimeout(giveUp, again, Math.min(again * 2, RETRY_MAX));
    };
    const aborted = () => giveUp(1);
    signal?.addEventListener("abort", aborted);
    try {
      const file = await deno.open(
        path,
        writes ? { write: true, create: true, truncate: true } : { read: true },
      );
      if (!signal?.aborted) return file;
      file.close();
      throw signal.reason;
    } finally {
      signal?.removeEventListener("abort", aborted);
      clearTimeout(timer);
    }
  }

  function mayOpenBothEnds(path: string): boolean {
    const { permissions } = deno;
    return permissions.querySync({ name: "read", path }).state === "granted" &&
      permissions.querySync({ name: "write", path }).state === "granted";
  }

  /**
   * Opens a FIFO as a file of Deno's once its other end is open. Deno's own call
   * would wait in a thread, which only opening the other end for a moment ends:
   * everybody who waits for that would be let through.
   */
  async function openEnd(
    path: string,
    writes: boolean,
    signal: AbortSignal | undefined,
  ): Promise<HostFile> {
    const { fd, first } = await openFifo(path, writes, signal);
    let file: HostFile;
    try {
      file = await withOther(
        path,
        writes,
        () => deno.open(path, writes ? { write: true } : { read: true }),
      );
    } finally {
      closeFd(fd);
    }
    if (signal?.aborted) {
      file.close();
      throw signal.reason;
    }
    return first === null ? file : startingWith(first, file);
  }

  function standard(fd: number): HostFile | undefined {
    return [deno.stdin, deno.stdout, deno.stderr][fd];
  }

  function fdSource(fd: number): PullSource {
    const file = standard(fd);
    if (file?.read !== undefined) return new FileReadSource(file);
    if (!canBeWaitedFor(fd)) return new FdSource(fd);
    try {
      return new NodeSource(socketOf(fd, true));
    } catch (error) {
      // One that node:fs has opened is not let go to node:net.
      if (codeOf(error) === "EEXIST") return new FdSource(fd);
      throw error;
    }
  }

  function fdSink(fd: number): PushSink {
    const file = standard(fd);
    // Its own writers go on after the pipe is closed.
    if (file?.write !== undefined) {
      return new FileSink({
        ...keep,
        write: (data) => file.write!(data),
      });
    }
    if (!canBeWaitedFor(fd)) return new FdSink(fd);
    try {
      return new NodeSink(socketOf(fd, false));
    } catch (error) {
      if (codeOf(error) === "EEXIST") return new FdSink(fd);
      throw error;
    }
  }

  return pipesBy({
    async read(what, name, signal) {
      const source = "fd" in what
        ? fdSource(what.fd)
        : new FileReadSource(await open(what.path, false, signal));
      return new PulledPipe(source, name);
    },
    async write(what, name, signal) {
      const sink = "fd" in what
        ? fdSink(what.fd)
        : new FileSink(await open(what.path, true, signal));
      return new PushedPipe(sink, name);
    },
  });
}
