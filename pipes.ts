/**
 * Streams over pipes: the standard input and output, FIFOs, files, descriptors that
 * were passed on.
 *
 * @example A filter
 * ```ts
 * import { openStdio } from "@x/asyncio";
 *
 * export async function main() {
 *   const [reader, writer] = await openStdio();
 *   await using _closed = writer;
 *   for await (const line of reader) {
 *     writer.write(line);
 *     await writer.drain();
 *   }
 * }
 * ```
 *
 * @module
 */

import type {
  Pipes,
  PipeSource,
  PipeTarget,
  ReadPipe,
  WritePipe,
} from "./_platform/pipes.ts";
import type { BaseEventLoop } from "./base_events.ts";
import { type Coro, Coroutine, markCoroutineFunctions } from "./coroutines.ts";
import { getRunningLoop } from "./events.ts";
import { StreamReaderProtocol } from "./_streams/protocol.ts";
import { DEFAULT_LIMIT, StreamReader } from "./_streams/reader.ts";
import { StreamWriter } from "./_streams/writer.ts";
import type { StreamPair } from "./streams.ts";
import { needParts } from "./_net/late.ts";
import { begun, opened } from "./_net/taking.ts";

export type {
  HostFile,
  PipeFile,
  PipeSource,
  PipeTarget,
} from "./_platform/pipes.ts";

/** Options of {@linkcode openPipes} and {@linkcode openStdio}. */
export interface PipeOptions {
  /** The buffer limit of the reader in bytes; 64 KiB unless given. */
  limit?: number | undefined;
}

type Both = [input: ReadPipe, output: WritePipe];

function close([input, output]: Both): void {
  input.close();
  output.abort();
}

/** Opens both at once: who opens the other ends may do so in any order. */
async function openBoth(
  pipes: Pipes,
  source: PipeSource,
  target: PipeTarget,
  signal: AbortSignal,
): Promise<Both> {
  const other = new AbortController();
  const both = AbortSignal.any([signal, other.signal]);
  const input = pipes.openRead(source, both);
  const output = pipes.openWrite(target, both);
  try {
    return await Promise.all([input, output]);
  } catch (error) {
    // The other one may be open, or come later.
    other.abort();
    input.then((late) => late.close(), ignore);
    output.then((late) => late.abort(), ignore);
    throw error;
  }
}

function ignore(): void {}

function* open(
  source: PipeSource,
  target: PipeTarget,
  options: PipeOptions,
): Coro<StreamPair> {
  const loop = getRunningLoop() as BaseEventLoop;
  yield* needParts(loop);
  const { pipes } = loop._platform;
  const [input, output] = yield* opened(
    loop,
    (signal) => openBoth(pipes, source, target, signal),
    close,
  );
  const reader = new StreamReader(options.limit ?? DEFAULT_LIMIT, loop);
  const protocol = new StreamReaderProtocol(reader, null, loop);
  const waiter = loop.createFuture<void>();
  const transport = yield* begun(
    waiter,
    loop._makeDuplexPipeTransport(input, output, protocol, waiter, {
      pipe: [source, target],
    }),
  );
  const writer = new StreamWriter(transport, protocol, reader, loop);
  return Object.defineProperties([reader, writer], {
    readable: { get: () => reader.toWeb() },
    writable: { get: () => writer.toWeb() },
  }) as unknown as StreamPair;
}

/**
 * Opens one pipe to be read and another to be written, as one connection. Closing the
 * writer closes both.
 *
 * @param source What is read: a file descriptor, the path of a file or FIFO, an open
 * file of the runtime's, or a Web Stream.
 * @param target What is written: the same.
 * @param options See {@linkcode PipeOptions}.
 * @returns A reader and a writer, also as `{ readable, writable }`.
 * @throws OSError If one of them cannot be opened.
 *
 * @example Copying a file
 * ```ts
 * import { openPipes } from "@x/asyncio";
 *
 * export async function copy(from: string, to: string) {
 *   const [reader, writer] = await openPipes(from, to);
 *   await using _closed = writer;
 *   for (let data; (data = await reader.read(65536)).length > 0;) {
 *     writer.write(data);
 *     await writer.drain();
 *   }
 * }
 * ```
 */
export function openPipes(
  source: PipeSource,
  target: PipeTarget,
  options?: PipeOptions,
): Coroutine<StreamPair> {
  return new Coroutine<StreamPair>(
    open as never,
    [source, target, options ?? {}],
  );
}

/**
 * Opens the standard input and output as streams.
 *
 * @param options See {@linkcode PipeOptions}.
 * @returns A reader of the input and a writer of the output, also as
 * `{ readable, writable }`.
 */
export function openStdio(options?: PipeOptions): Coroutine<StreamPair> {
  return openPipes(0, 1, options);
}

markCoroutineFunctions(openPipes, openStdio);
