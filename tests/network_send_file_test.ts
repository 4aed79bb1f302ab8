/** Files that are sent over connections. */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  CancelledError,
  type DatagramTransport,
  FileNotFoundError,
  type FileSource,
  OSError,
  Protocol,
  RuntimeError,
  SendfileNotAvailableError,
  type Server,
  sleep,
  type Task,
  type Transport,
} from "../mod.ts";
import { describe } from "./_harness.ts";
import { Notes, type Online, online, portOf } from "./_network.ts";
import { type Body, caught } from "./_spell.ts";
import { clientContext, serverContext } from "./_tls.ts";

const SIZE = 300_000;
const DATA = new Uint8Array(SIZE).map((_, i) => i * 31 + (i >> 8) * 7);

/** What a body of {@linkcode sending} is given. */
interface Scene {
  readonly transport: Transport;
  readonly client: Notes;
  readonly server: Notes;
  /** What the server has received. */
  taken(): Uint8Array;
  readonly path: string;
}

function* sending(
  net: Online,
  body: (scene: Scene) => Body,
  tls = false,
): Body {
  const { loop } = net;
  const folder = mkdtempSync(join(tmpdir(), "send-"));
  const path = join(folder, "file");
  writeFileSync(path, DATA);
  const peers: Notes[] = [];
  const chunks: Uint8Array[] = [];
  const server: Server = yield loop.createServer(
    () => {
      const notes = new Notes(loop);
      notes.onData = (chunk) => void chunks.push(chunk.slice());
      peers.push(notes);
      return notes;
    },
    "127.0.0.1",
    0,
    tls ? { ssl: serverContext() } : {},
  );
  const [transport, client]: [Transport, Notes] = yield loop.createConnection(
    () => new Notes(loop),
    "127.0.0.1",
    portOf(server),
    tls ? { ssl: clientContext(), serverHostname: "localhost" } : {},
  );
  while (!peers[0]?.log.includes("made")) yield sleep(0.001);
  try {
    yield* body({
      transport,
      client,
      server: peers[0],
      path,
      taken: () => new Uint8Array(chunks.flatMap((chunk) => [...chunk])),
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
  transport.close();
  yield client.lost();
  server.close();
  server.closeClients();
  yield server.waitClosed();
}

/** A file as `Deno.open` gives it, and where it stands. */
function openedFile(data: Uint8Array) {
  const file = {
    position: 0,
    async read(buffer: Uint8Array): Promise<number | null> {
      const part = data.subarray(file.position, file.position + buffer.length);
      buffer.set(part);
      file.position += part.length;
      return part.length === 0 ? null : part.length;
    },
    async seek(offset: number, _whence: number): Promise<number> {
      return file.position = offset;
    },
  };
  return file;
}

async function* pieces(data: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < data.length; at += 70_001) {
    yield data.subarray(at, at + 70_001);
  }
}

const SOURCES: Readonly<Record<string, (path: string) => FileSource>> = {
  "a path": (path) => path,
  "a file URL": (path) => pathToFileURL(path),
  "a Blob": () => new Blob([DATA]),
  "an open file": () => openedFile(DATA),
  "an async iterable": () => pieces(DATA),
  "a readable stream": () =>
    new Blob([DATA]).stream() as
      & ReadableStream<Uint8Array>
      & AsyncIterable<Uint8Array>,
  "an array of pieces": () => [DATA.subarray(0, 5), DATA.subarray(5)],
};

describe("sendFile sends", () => {
  for (const [what, source] of Object.entries(SOURCES)) {
    online(`all of ${what}`, function* (net) {
      yield* sending(net, function* ({ transport, server, taken, path }) {
        const sent: number = yield net.loop.sendFile(transport, source(path));
        assertEquals(sent, SIZE);
        yield server.when(() => server.size === SIZE);
        assert(taken().every((byte, i) => byte === DATA[i]));
      });
    });

    online(`a part of ${what}`, function* (net) {
      yield* sending(net, function* ({ transport, server, taken, path }) {
        const sent: number = yield net.loop.sendFile(
          transport,
          source(path),
          1234,
          100_000,
        );
        assertEquals(sent, 100_000);
        yield server.when(() => server.size === 100_000);
        assert(taken().every((byte, i) => byte === DATA[1234 + i]));
      });
    });
  }

  online("over TLS", function* (net) {
    yield* sending(net, function* ({ transport, server, taken, path }) {
      assertEquals(yield net.loop.sendFile(transport, path), SIZE);
      yield server.when(() => server.size === SIZE);
      assert(taken().every((byte, i) => byte === DATA[i]));
    }, true);
  });

  online("what there is where the file is shorter", function* (net) {
    yield* sending(net, function* ({ transport, server, path }) {
      const end = net.loop.sendFile(transport, path, SIZE - 10, 100);
      assertEquals(yield end, 10);
      assertEquals(yield net.loop.sendFile(transport, path, SIZE + 5), 0);
      yield server.when(() => server.size === 10);
    });
  });

  online("and moves an open file on by what was sent", function* (net) {
    yield* sending(net, function* ({ transport, server }) {
      const file = openedFile(DATA);
      yield net.loop.sendFile(transport, file, 100, 1000);
      assertEquals(file.position, 1100);
      yield server.when(() => server.size === 1000);
    });
  });

  online(
    "at the pace of the peer, whose data waits meanwhile",
    function* (net) {
      yield* sending(net, function* ({ transport, client, server }) {
        server.transport.pauseReading();
        server.transport.write(new Uint8Array(5));
        const big = 16 << 20;
        let read = 0;
        const source = (function* () {
          for (; read < big; read += 65536) yield new Uint8Array(65536);
        })();
        const task: Task<number> = net.loop.createTask(
          net.loop.sendFile(transport, source),
        );
        yield sleep(0.05);
        assertEquals(task.done(), false);
        assert(read < big, "all was read into memory");
        assertEquals(client.size, 0);
        server.onData = null;
        server.transport.resumeReading();
        assertEquals(yield task, big);
        yield server.when(() => server.size === big);
        yield client.when(() => client.size === 5);
      });
    },
  );
});

describe("sendFile fails", () => {
  online("without a fallback, as no runtime has the call", function* (net) {
    yield* sending(net, function* ({ transport, path }) {
      const options = { fallback: false };
      const error = yield* caught(
        net.loop.sendFile(transport, path, 0, null, options),
      );
      assertInstanceOf(error, SendfileNotAvailableError);
    });
  });

  online("on a transport that is closing", function* (net) {
    yield* sending(net, function* ({ transport, path }) {
      transport.close();
      const error = yield* caught(net.loop.sendFile(transport, path));
      assertInstanceOf(error, RuntimeError);
      assertEquals(error.message, "Transport is closing");
    });
  });

  online("on a datagram transport", function* ({ loop }) {
    const [transport]: [DatagramTransport] = yield loop.createDatagramEndpoint(
      () => new Protocol(),
      ["127.0.0.1", 0],
    );
    const error = yield* caught(loop.sendFile(transport, "file"));
    assertInstanceOf(error, RuntimeError);
    assert(error.message.startsWith("sendfile is not supported for transport"));
    transport.close();
    yield sleep(0.01);
  });

  online("for a file that is not there, and gives all back", function* (net) {
    yield* sending(net, function* ({ transport, client, path }) {
      const error = yield* caught(net.loop.sendFile(transport, `${path}.no`));
      assertInstanceOf(error, FileNotFoundError);
      assertEquals(error.code, "ENOENT");
      assert(transport.getProtocol() === client);
      assertEquals(transport.isReading(), true);
    });
  });

  online("with the error of its source", function* (net) {
    yield* sending(net, function* ({ transport, client }) {
      const source = (async function* () {
        yield new Uint8Array(5);
        throw new Error("bad sector");
      })();
      const error = yield* caught(net.loop.sendFile(transport, source));
      assertEquals((error as Error).message, "bad sector");
      assert(transport.getProtocol() === client);
    });
  });

  online("when the peer is lost", function* (net) {
    yield* sending(net, function* ({ transport, client, server }) {
      server.transport.pauseReading();
      client.pauseWriting = () => void client.log.push("pause");
      const source = (function* () {
        for (;;) yield new Uint8Array(65536);
      })();
      const task: Task<number> = net.loop.createTask(
        net.loop.sendFile(transport, source),
      );
      yield sleep(0.1);
      server.transport.abort();
      const error = yield* caught(task);
      assertInstanceOf(error, OSError);
      yield client.lost();
      assertEquals(client.log.at(-1), "lost", `${client.log}`);
    });
  });

  online("when it is cancelled, and gives all back", function* (net) {
    yield* sending(net, function* ({ transport, client }) {
      const source = (async function* () {
        yield new Uint8Array(5);
        await new Promise(() => {});
      })();
      const task: Task<number> = net.loop.createTask(
        net.loop.sendFile(transport, source),
      );
      yield sleep(0.02);
      task.cancel();
      assertInstanceOf(yield* caught(task), CancelledError);
      assert(transport.getProtocol() === client);
      assertEquals(transport.isReading(), true);
    });
  });

  const ranges: readonly [number, number | null, string][] = [
    [-1, null, "RangeError: offset must be a non-negative integer (got -1)"],
    [0.5, null, "TypeError: offset must be a non-negative integer (got 0.5)"],
    [0, 0, "RangeError: count must be a positive integer (got 0)"],
    [0, 1.5, "TypeError: count must be a positive integer (got 1.5)"],
  ];
  for (const [offset, count, expected] of ranges) {
    online(`from ${offset}, ${count} bytes`, function* (net) {
      yield* sending(net, function* ({ transport, path }) {
        const error = yield* caught(
          net.loop.sendFile(transport, path, offset, count),
        );
        assertInstanceOf(error, Error);
        assertEquals(`${error.constructor.name}: ${error.message}`, expected);
      });
    });
  }

  online("for what is no file", function* (net) {
    yield* sending(net, function* ({ transport }) {
      for (const file of [null, 7, {}, [7]]) {
        const error = yield* caught(
          net.loop.sendFile(transport, file as unknown as FileSource),
        );
        assertInstanceOf(error, TypeError);
      }
    });
  });
});
