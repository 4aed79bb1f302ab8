/** Servers and connections on the loopback interface, as steps of a test's body. */

import { assert, assertInstanceOf } from "@std/assert";
import {
  type BaseProtocol,
  CancelledError,
  type Coroutine,
  openConnection,
  type Server,
  startServer,
  type StreamReader,
  type StreamWriter,
  type Task,
  type Transport,
} from "../mod.ts";
import type { BaseSelectorEventLoop } from "../selector_events.ts";
import { Echo, Notes, portOf } from "./_network.ts";
import { type Body, caught } from "./_spell.ts";

type Loop = BaseSelectorEventLoop;
type ServerOptions = Parameters<Loop["createServer"]>[3];
type ConnectionOptions = Parameters<Loop["createConnection"]>[3];

const HERE = "127.0.0.1";

/** Starts a server of protocols. */
export function* serving(
  loop: Loop,
  factory: () => BaseProtocol,
  options: ServerOptions = {},
): Body<Server> {
  return yield loop.createServer(factory, HERE, 0, options);
}

/** Starts a server that sends back what it receives. */
export function echoing(loop: Loop, options?: ServerOptions): Body<Server> {
  return serving(loop, () => new Echo(loop), options);
}

/** Starts a server, and gives also what it has accepted. */
export function* noting(loop: Loop): Body<[Server, Notes[]]> {
  const accepted: Notes[] = [];
  const server = yield* serving(loop, () => {
    accepted.push(new Notes(loop));
    return accepted.at(-1)!;
  });
  return [server, accepted];
}

/** The call that connects to a server. */
export function connecting(
  loop: Loop,
  server: Server,
  options: ConnectionOptions = {},
  host: string = HERE,
): Coroutine<[Transport, Notes]> {
  return loop.createConnection(
    () => new Notes(loop),
    host,
    portOf(server),
    options,
  );
}

/** Connects to a server. */
export function* connected(
  loop: Loop,
  server: Server,
  options?: ConnectionOptions,
  host?: string,
): Body<[Transport, Notes]> {
  return yield connecting(loop, server, options, host);
}

/** Ends a connection from this side. */
export function* left(transport: Transport, client: Notes): Body {
  transport.close();
  yield client.lost();
}

/** Ends a server that has nobody left. */
export function* stopped(server: Server): Body {
  server.close();
  yield server.waitClosed();
}

/** Sends a text to a server that echoes, ends the connection, then the server. */
export function* echoed(
  [transport, client]: readonly [Transport, Notes],
  server: Server,
  text: string,
): Body {
  transport.write(new TextEncoder().encode(text));
  yield client.has(text);
  yield* left(transport, client);
  yield* stopped(server);
}

/** Sends a mebibyte to a server that echoes, while it comes back. */
export function* echoedMebibyte(
  loop: Loop,
  serverOptions?: ServerOptions,
  options?: ConnectionOptions,
): Body {
  const size = 1 << 20;
  const data = new Uint8Array(size).map((_, i) => i * 31 + (i >> 8) * 7);
  const back = new Uint8Array(size);
  const server = yield* echoing(loop, serverOptions);
  const [transport, client] = yield* connected(loop, server, options);
  client.onData = (chunk) => back.set(chunk, client.size - chunk.length);
  transport.write(data);
  yield client.when(() => client.size === size);
  yield* left(transport, client);
  yield* stopped(server);
  assert(back.every((byte, i) => byte === data[i]), "the bytes differ");
}

/** Starts a server of streams. */
export function* servingStreams(
  serve: (reader: StreamReader, writer: StreamWriter) => unknown,
  options: Parameters<typeof startServer>[3] = {},
): Body<Server> {
  return yield startServer(serve as never, HERE, 0, options);
}

/** Connects a stream to a server. */
export function* streaming(
  server: Server,
  options: Parameters<typeof openConnection>[2] = {},
): Body<[StreamReader, StreamWriter]> {
  return yield openConnection(HERE, portOf(server), options);
}

/** Waits until a stream of this side is closed. */
export function* endedStream(writer: StreamWriter): Body {
  writer.close();
  yield writer.waitClosed();
}

/** Cancels a task, which has to end so. */
export function* cancelled(task: Task<unknown>): Body {
  task.cancel();
  assertInstanceOf(yield* caught(task), CancelledError);
}
