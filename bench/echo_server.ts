// deno-lint-ignore-file no-console
/**
 * The echo servers of the library and of the runtime itself: `echo_server.ts KIND`
 * prints its port and serves until its standard input ends, on Deno and on Bun.
 */
import { createServer } from "node:net";
import process from "node:process";
import {
  type BaseTransport,
  BufferedProtocol,
  type Coro,
  coroutine,
  type Future,
  getRunningLoop,
  Protocol,
  run,
  startServer,
  type StreamReader,
  type StreamWriter,
  type Transport,
} from "../mod.ts";

const SIZE = 65536;
const HOST = "127.0.0.1";
const BACKLOG = 1024;

/** What a server is written with. */
type Kind =
  | "native"
  | "fresh"
  | "net"
  | "protocol"
  | "buffered"
  | "generator"
  | "async"
  | "into";

interface BunSocket {
  data: { left: Uint8Array[] };
  write(data: Uint8Array): number;
  setNoDelay(on: boolean): void;
}

const g = globalThis as unknown as {
  Deno?: typeof Deno;
  Bun?: {
    listen(options: object): { readonly port: number };
  };
};

/**
 * The least that an echo can be on the runtime's own API; or the least where each chunk
 * is to be its receiver's to keep, which it is on Bun in any case.
 */
function native(fresh: boolean): number {
  if (g.Bun !== undefined) return nativeBun(g.Bun);
  const listener = g.Deno!.listen({ hostname: HOST, port: 0 });
  async function serve(conn: Deno.TcpConn): Promise<void> {
    conn.setNoDelay(true);
    let buffer = new Uint8Array(SIZE);
    for (;;) {
      const count = await conn.read(buffer);
      if (count === null) break;
      let sent = 0;
      while (sent < count) {
        sent += await conn.write(buffer.subarray(sent, count));
      }
      // A small chunk would be copied out of it.
      if (fresh && count > SIZE / 2) buffer = new Uint8Array(SIZE);
    }
    conn.close();
  }
  async function accept(): Promise<void> {
    for await (const conn of listener) serve(conn).catch(() => {});
  }
  accept();
  return (listener.addr as Deno.NetAddr).port;
}

function nativeBun(bun: NonNullable<typeof g.Bun>): number {
  return bun.listen({
    hostname: HOST,
    port: 0,
    socket: {
      open(socket: BunSocket) {
        socket.data = { left: [] };
        socket.setNoDelay(true);
      },
      data(socket: BunSocket, chunk: Uint8Array) {
        const { left } = socket.data;
        const sent = left.length > 0 ? 0 : socket.write(chunk);
        if (sent < chunk.length) left.push(chunk.subarray(sent));
      },
      drain(socket: BunSocket) {
        const { left } = socket.data;
        while (left.length > 0) {
          const sent = socket.write(left[0]!);
          if (sent < left[0]!.length) {
            left[0] = left[0]!.subarray(sent);
            return;
          }
          left.shift();
        }
      },
    },
  }).port;
}

function net(): Promise<number> {
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on("data", (chunk) => void socket.write(chunk));
    socket.on("error", () => {});
  });
  return new Promise((resolve) => {
    server.listen({ port: 0, host: HOST, backlog: BACKLOG }, () => {
      resolve((server.address() as { port: number }).port);
    });
  });
}

class Echo extends Protocol {
  #transport!: Transport;

  override connectionMade(transport: BaseTransport): void {
    this.#transport = transport as Transport;
  }

  override dataReceived(data: Uint8Array): void {
    this.#transport.write(data);
  }
}

/** Reads nothing while its one buffer is still being sent. */
class BufferedEcho extends BufferedProtocol {
  #transport!: Transport;
  readonly #buffer = new Uint8Array(SIZE);

  override connectionMade(transport: BaseTransport): void {
    this.#transport = transport as Transport;
    this.#transport.setWriteBufferLimits(0, 0);
  }

  override getBuffer(): Uint8Array {
    return this.#buffer;
  }

  override bufferUpdated(count: number): void {
    this.#transport.write(this.#buffer.subarray(0, count));
  }

  override pauseWriting(): void {
    this.#transport.pauseReading();
  }

  override resumeWriting(): void {
    this.#transport.resumeReading();
  }
}

const echo = coroutine(
  function* (reader: StreamReader, writer: StreamWriter): Coro<void> {
    for (;;) {
      const data = yield* reader.read(SIZE);
      if (data.length === 0) break;
      writer.write(data);
      yield* writer.drain();
    }
    writer.close();
  },
);

const echoAsync = coroutine(
  async (reader: StreamReader, writer: StreamWriter): Promise<void> => {
    for (;;) {
      const data = await reader.read(SIZE);
      if (data.length === 0) break;
      writer.write(data);
      await writer.drain();
    }
    writer.close();
  },
);

/** Reads nothing while its one buffer is still being sent, either. */
const echoInto = coroutine(
  function* (reader: StreamReader, writer: StreamWriter): Coro<void> {
    const buffer = new Uint8Array(SIZE);
    writer.transport.setWriteBufferLimits(0, 0);
    for (;;) {
      const count = yield* reader.readInto(buffer);
      if (count === 0) break;
      writer.write(buffer.subarray(0, count));
      yield* writer.drain();
    }
    writer.close();
  },
);

const STREAMS = { generator: echo, async: echoAsync, into: echoInto };

function* serve(
  kind: Exclude<Kind, "native" | "fresh" | "net">,
  tell: (port: number) => void,
): Coro<void> {
  const loop = getRunningLoop();
  const options = { backlog: BACKLOG };
  const server = kind !== "protocol" && kind !== "buffered"
    ? yield* startServer(STREAMS[kind], HOST, 0, options)
    : yield* loop.createServer(
      () => kind === "protocol" ? new Echo() : new BufferedEcho(),
      HOST,
      0,
      options,
    );
  tell((server.sockets[0]!.getSockName() as [string, number])[1]);
  yield* loop.createFuture<void>() as Future<void>;
}

// Whoever started it is gone.
process.stdin.on("end", () => process.exit(0)).resume();
const kind = process.argv[2] as Kind;
const tell = (port: number) => console.log(String(port));
if (kind === "native" || kind === "fresh") tell(native(kind === "fresh"));
else if (kind === "net") tell(await net());
else await run(() => serve(kind, tell));
