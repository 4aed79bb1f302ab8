/**
 * Streams: connections that are read from and written to with `await`, in place of
 * callbacks.
 *
 * @example A server and its client
 * ```ts
 * import { openConnection, startServer, type StreamReader } from "@x/asyncio";
 * import type { StreamWriter } from "@x/asyncio";
 *
 * export async function echo(reader: StreamReader, writer: StreamWriter) {
 *   await using _closed = writer;
 *   for await (const line of reader) {
 *     writer.write(line);
 *     await writer.drain();
 *   }
 * }
 *
 * export async function main() {
 *   await using _server = await startServer(echo, "127.0.0.1", 8000);
 *   const [reader, writer] = await openConnection("127.0.0.1", 8000);
 *   await using _closed = writer;
 *   writer.write(new TextEncoder().encode("hello\n"));
 *   console.log(await reader.readLine());
 * }
 * ```
 *
 * @module
 */

import {
  type Coro,
  Coroutine,
  markCoroutineFunctions,
  nameCoroutines,
} from "./coroutines.ts";
import { type AbstractEventLoop, getRunningLoop } from "./events.ts";
import { NotImplementedError } from "./exceptions.ts";
import { inline } from "./_tasks/inline.ts";
import type { ConnectionOptions, ServerOptions } from "./_net/net_types.ts";
import type { BaseProtocol } from "./protocols.ts";
import type { Server } from "./_net/server.ts";
import {
  type ClientConnected,
  StreamReaderProtocol,
} from "./_streams/protocol.ts";
import { DEFAULT_LIMIT, StreamReader } from "./_streams/reader.ts";
import { StreamWriter } from "./_streams/writer.ts";
import type { Transport } from "./transports.ts";
import type {
  UnixConnectionOptions,
  UnixServerOptions,
} from "./_net/unix_sockets.ts";

export {
  type ClientConnected,
  FlowControlMixin,
  StreamReaderProtocol,
} from "./_streams/protocol.ts";
export { type FromWebOptions, StreamReader } from "./_streams/reader.ts";
export { type StartTlsOptions, StreamWriter } from "./_streams/writer.ts";

/**
 * Options of the functions that open streams: those of the loop's own method
 * (`createConnection`, `createServer` and their Unix counterparts), and a limit.
 */
export type StreamOptions<
  T =
    | ConnectionOptions
    | ServerOptions
    | UnixConnectionOptions
    | UnixServerOptions,
> = T & {
  /** The buffer limit of the reader in bytes; 64 KiB unless given. */
  limit?: number | undefined;
};

/** The loop's methods that open connections. */
type StreamLoop = AbstractEventLoop & {
  createConnection(
    protocolFactory: () => BaseProtocol,
    host: string | null,
    port: number | string | null,
    options: ConnectionOptions,
  ): PromiseLike<[Transport, BaseProtocol]>;
  createServer(
    protocolFactory: () => BaseProtocol,
    host: string | readonly string[] | null,
    port: number | string | null,
    options: ServerOptions,
  ): PromiseLike<Server>;
  createUnixConnection(
    protocolFactory: () => BaseProtocol,
    path: string | URL | null,
    options: UnixConnectionOptions,
  ): PromiseLike<[Transport, BaseProtocol]>;
  createUnixServer(
    protocolFactory: () => BaseProtocol,
    path: string | URL | null,
    options: UnixServerOptions,
  ): PromiseLike<Server>;
};

/**
 * What `openConnection` gives: a reader and a writer, which are also there as Web
 * Streams, so that it can be given to `pipeThrough` as it is.
 */
export type StreamPair = [reader: StreamReader, writer: StreamWriter] & {
  /** The reader's {@linkcode StreamReader.toWeb}. */
  readonly readable: ReadableStream<Uint8Array>;
  /** The writer's {@linkcode StreamWriter.toWeb}. */
  readonly writable: WritableStream<Uint8Array>;
};

/** Getters of a prototype: a pair whose Web Streams are not used has none. */
class Pair extends Array<StreamReader | StreamWriter> {
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  get readable(): ReadableStream<Uint8Array> {
    return (this[0] as StreamReader).toWeb();
  }

  get writable(): WritableStream<Uint8Array> {
    return (this[1] as StreamWriter).toWeb();
  }
}

/** The running loop, if it has a method. */
function loopWith(method: keyof StreamLoop): StreamLoop {
  const loop = getRunningLoop() as StreamLoop;
  if (typeof loop[method] === "function") return loop;
  throw new NotImplementedError(
    `Cannot call ${method}(): ${loop.constructor.name} does not have it`,
  );
}

/** The options without those that are not the loop's. */
function loopOptions<T extends object>(
  options: StreamOptions<T>,
): Omit<StreamOptions<T>, "limit"> {
  const { limit: _, ...rest } = options;
  return rest;
}

function clientSide(
  loop: AbstractEventLoop,
  limit: number | undefined,
): [StreamReader, StreamReaderProtocol] {
  const reader = new StreamReader(limit ?? DEFAULT_LIMIT, loop);
  return [reader, new StreamReaderProtocol(reader, null, loop)];
}

function serverSide(
  loop: AbstractEventLoop,
  connected: ClientConnected,
  limit: number | undefined,
): () => StreamReaderProtocol {
  return () =>
    new StreamReaderProtocol(
      new StreamReader(limit ?? DEFAULT_LIMIT, loop),
      connected,
      loop,
    );
}

function pair(
  transport: Transport,
  protocol: StreamReaderProtocol,
  reader: StreamReader,
  loop: AbstractEventLoop,
): StreamPair {
  const writer = new StreamWriter(transport, protocol, reader, loop);
  const made = new Pair();
  made.push(reader, writer);
  return made as unknown as StreamPair;
}

/**
 * Connects to a server.
 *
 * @param host Its name or address.
 * @param port Its port.
 * @param options See {@linkcode StreamOptions}.
 * @returns A reader and a writer, also as `{ readable, writable }`.
 * @throws OSError If it cannot connect.
 *
 * @example
 * ```ts
 * import { openConnection } from "@x/asyncio";
 *
 * export async function daytime(host: string): Promise<Uint8Array> {
 *   const [reader, writer] = await openConnection(host, 13);
 *   await using _closed = writer;
 *   return await reader.read();
 * }
 * ```
 */
export function openConnection(
  host?: string | null,
  port?: number | string | null,
  options?: StreamOptions<ConnectionOptions>,
): Coroutine<StreamPair> {
  return new Coroutine<StreamPair>(
    open as never,
    [host ?? null, port ?? null, options ?? {}],
  );
}

/**
 * Starts a server.
 *
 * @param clientConnectedCb Called with a reader and a writer for each connection; if
 * it is a coroutine function, as a task.
 * @param host Where to listen; on all interfaces unless given.
 * @param port The port; 0 for any.
 * @param options See {@linkcode StreamOptions}.
 * @returns The server.
 * @throws OSError If it cannot listen there.
 */
export function startServer(
  clientConnectedCb: ClientConnected,
  host?: string | readonly string[] | null,
  port?: number | string | null,
  options?: StreamOptions<ServerOptions>,
): Coroutine<Server> {
  checkCallback(clientConnectedCb);
  return new Coroutine<Server>(
    serve as never,
    [clientConnectedCb, host ?? null, port ?? null, options ?? {}],
  );
}

/**
 * Connects to a Unix socket.
 *
 * @param path Its path.
 * @param options See {@linkcode StreamOptions}.
 * @returns A reader and a writer, also as `{ readable, writable }`.
 * @throws OSError If it cannot connect.
 */
export function openUnixConnection(
  path?: string | URL | null,
  options?: StreamOptions<UnixConnectionOptions>,
): Coroutine<StreamPair> {
  return new Coroutine<StreamPair>(
    openUnix as never,
    [path ?? null, options ?? {}],
  );
}

/**
 * Starts a server on a Unix socket.
 *
 * @param clientConnectedCb Called with a reader and a writer for each connection; if
 * it is a coroutine function, as a task.
 * @param path The path of the socket.
 * @param options See {@linkcode StreamOptions}.
 * @returns The server.
 * @throws OSError If it cannot listen there.
 */
export function startUnixServer(
  clientConnectedCb: ClientConnected,
  path?: string | URL | null,
  options?: StreamOptions<UnixServerOptions>,
): Coroutine<Server> {
  checkCallback(clientConnectedCb);
  return new Coroutine<Server>(
    serveUnix as never,
    [clientConnectedCb, path ?? null, options ?? {}],
  );
}

function checkCallback(connected: unknown): void {
  if (typeof connected === "function") return;
  throw new TypeError(
    "Cannot start a server: a function to call for each connection is needed, " +
      `got ${typeof connected}`,
  );
}

function* open(
  host: string | null,
  port: number | string | null,
  options: StreamOptions<ConnectionOptions>,
): Coro<StreamPair> {
  const loop = loopWith("createConnection");
  const [reader, protocol] = clientSide(loop, options.limit);
  const [transport] = yield* inline(
    () =>
      loop.createConnection(() => protocol, host, port, loopOptions(options)),
    [],
  );
  return pair(transport, protocol, reader, loop);
}

function* serve(
  connected: ClientConnected,
  host: string | readonly string[] | null,
  port: number | string | null,
  options: StreamOptions<ServerOptions>,
): Coro<Server> {
  const loop = loopWith("createServer");
  const factory = serverSide(loop, connected, options.limit);
  return yield* inline(
    () => loop.createServer(factory, host, port, loopOptions(options)),
    [],
  );
}

function* openUnix(
  path: string | URL | null,
  options: StreamOptions<UnixConnectionOptions>,
): Coro<StreamPair> {
  const loop = loopWith("createUnixConnection");
  const [reader, protocol] = clientSide(loop, options.limit);
  const [transport] = yield* inline(
    () => loop.createUnixConnection(() => protocol, path, loopOptions(options)),
    [],
  );
  return pair(transport, protocol, reader, loop);
}

function* serveUnix(
  connected: ClientConnected,
  path: string | URL | null,
  options: StreamOptions<UnixServerOptions>,
): Coro<Server> {
  const loop = loopWith("createUnixServer");
  const factory = serverSide(loop, connected, options.limit);
  return yield* inline(
    () => loop.createUnixServer(factory, path, loopOptions(options)),
    [],
  );
}

markCoroutineFunctions(
  openConnection,
  openUnixConnection,
  startServer,
  startUnixServer,
);

nameCoroutines({
  openConnection: open,
  startServer: serve,
  openUnixConnection: openUnix,
  startUnixServer: serveUnix,
});
