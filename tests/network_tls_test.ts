/** TLS by the loops' own methods, and connections that are upgraded to it. */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import {
  CancelledError,
  ConnectionAbortedError,
  ConnectionError,
  ConnectionResetError,
  openConnection,
  OSError,
  type Server,
  sleep,
  SSLCertVerificationError,
  SSLError,
  type SSLObject,
  startServer,
  type StreamReader,
  type StreamWriter,
  type Task,
  type Transport,
  waitFor,
} from "../mod.ts";
import { describe } from "./_harness.ts";
import { bytes, Echo, Notes, online, portOf, text } from "./_network.ts";
import { type Body, caught } from "./_spell.ts";
import { clientContext, serverContext } from "./_tls.ts";

const TLS = () => ({ ssl: clientContext(), serverHostname: "localhost" });

/** Waits until a stream is closed, whatever has ended it. */
function* ended(writer: StreamWriter): Body {
  writer.close();
  try {
    yield waitFor(writer.waitClosed(), 2);
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
  }
}

describe("createServer({ ssl }) and createConnection({ ssl })", () => {
  online("carry an echo", function* ({ loop }) {
    const server: Server = yield loop.createServer(
      () => new Echo(loop),
      "127.0.0.1",
      0,
      { ssl: serverContext() },
    );
    const [transport, client]: [Transport, Notes] = yield loop
      .createConnection(
        () => new Notes(loop),
        "127.0.0.1",
        portOf(server),
        TLS(),
      );
    const tls = transport.getExtraInfo<SSLObject>("sslObject")!;
    assert(["TLSv1.2", "TLSv1.3"].includes(tls.version()!));
    assertEquals(transport.getExtraInfo("peername"), [
      "127.0.0.1",
      portOf(server),
    ]);
    transport.write(bytes("secret"));
    yield client.has("secret");
    transport.close();
    yield client.lost();
    server.close();
    yield server.waitClosed();
    assertEquals(client.log, ["made", "data", "eof", "lost"]);
    assertEquals(client.error, null);
  });

  online("check the name that is connected to", function* ({ loop }) {
    const server: Server = yield loop.createServer(
      () => new Echo(loop),
      "localhost",
      0,
      { ssl: serverContext() },
    );
    const [transport, client]: [Transport, Notes] = yield loop
      .createConnection(() => new Notes(loop), "localhost", portOf(server), {
        ssl: clientContext(),
      });
    transport.close();
    yield client.lost();
    const error = yield* caught(
      loop.createConnection(
        () => new Notes(loop),
        "localhost",
        portOf(server),
        {
          ssl: clientContext(),
          serverHostname: "elsewhere.test",
        },
      ),
    );
    assertInstanceOf(error, SSLCertVerificationError);
    server.close();
    yield server.waitClosed();
    assertEquals(loop._transports.size, 0);
  });

  online("refuse an authority that nobody trusts", function* ({ loop }) {
    const server: Server = yield loop.createServer(
      () => new Echo(loop),
      "127.0.0.1",
      0,
      { ssl: serverContext() },
    );
    const error = yield* caught(
      loop.createConnection(
        () => new Notes(loop),
        "127.0.0.1",
        portOf(server),
        { ssl: true, serverHostname: "localhost" },
      ),
    );
    assertInstanceOf(error, SSLCertVerificationError);
    assertInstanceOf(error, OSError);
    server.close();
    yield server.waitClosed();
  });

  online("a plain client harms nobody else", function* ({ loop }) {
    const server: Server = yield loop.createServer(
      () => new Echo(loop),
      "127.0.0.1",
      0,
      { ssl: serverContext() },
    );
    const [plain, notes]: [Transport, Notes] = yield loop.createConnection(
      () => new Notes(loop),
      "127.0.0.1",
      portOf(server),
    );
    plain.write(bytes("GET / HTTP/1.1\r\n\r\n"));
    yield notes.lost();
    const [transport, client]: [Transport, Notes] = yield loop
      .createConnection(
        () => new Notes(loop),
        "127.0.0.1",
        portOf(server),
        TLS(),
      );
    transport.write(bytes("still here"));
    yield client.has("still here");
    transport.close();
    yield client.lost();
    server.close();
    yield server.waitClosed();
  });

  online("a plain server fails the handshake", function* ({ loop }) {
    const server: Server = yield loop.createServer(
      () => new Echo(loop),
      "127.0.0.1",
      0,
    );
    const error = yield* caught(
      loop.createConnection(
        () => new Notes(loop),
        "127.0.0.1",
        portOf(server),
        TLS(),
      ),
    );
    assertInstanceOf(error, SSLError);
    server.close();
    yield server.waitClosed();
  });

  online("a server that hangs up at once has reset it", function* ({ loop }) {
    const server: Server = yield loop.createServer(
      () => {
        const notes = new Notes(loop);
        notes.onMade = (transport) => transport.close();
        return notes;
      },
      "127.0.0.1",
      0,
    );
    for (let i = 0; i < 10; i++) {
      const error = yield* caught(
        loop.createConnection(
          () => new Notes(loop),
          "127.0.0.1",
          portOf(server),
          TLS(),
        ),
      );
      assertInstanceOf(error, ConnectionResetError);
      assertEquals(error.code, "ECONNRESET");
    }
    server.close();
    yield server.waitClosed();
  });

  online("who writes in a loop learns that the peer is gone", function* (net) {
    const { fn, loop } = net;
    let error: unknown = null;
    let writes = 0;
    const server: Server = yield startServer(
      fn(function* (_: StreamReader, writer: StreamWriter) {
        const piece = new Uint8Array(50_000);
        try {
          // A drain that never gave way would never let the news come.
          for (; writes < 2000; writes++) {
            writer.write(piece);
            yield writer.drain();
          }
        } catch (failure) {
          error = failure;
        }
        writer.close();
      }),
      "127.0.0.1",
      0,
      { ssl: serverContext() },
    );
    const [plain, notes]: [Transport, Notes] = yield loop.createConnection(
      () => new Notes(loop),
      "127.0.0.1",
      portOf(server),
      TLS(),
    );
    plain.pauseReading();
    yield sleep(0.1);
    plain.abort();
    yield notes.lost();
    while (error === null && writes < 2000) yield sleep(0.001);
    assertInstanceOf(error, ConnectionError);
    assert(writes < 2000);
    server.close();
    yield server.waitClosed();
  });

  online("a handshake that takes too long is given up", function* ({ loop }) {
    const server: Server = yield loop.createServer(
      () => new Notes(loop),
      "127.0.0.1",
      0,
    );
    const error = yield* caught(
      loop.createConnection(
        () => new Notes(loop),
        "127.0.0.1",
        portOf(server),
        { ...TLS(), sslHandshakeTimeout: 0.05 },
      ),
    );
    assertInstanceOf(error, ConnectionAbortedError);
    assertEquals(
      error.message,
      "SSL handshake is taking longer than 0.05 seconds: aborting the " +
        "connection",
    );
    server.close();
    yield server.waitClosed();
  });

  online("carry streams", function* ({ fn }) {
    const server: Server = yield startServer(
      fn(function* (reader: StreamReader, writer: StreamWriter) {
        writer.write(yield reader.readLine());
        yield writer.drain();
        writer.close();
        yield writer.waitClosed();
      }),
      "127.0.0.1",
      0,
      { ssl: serverContext() },
    );
    const [reader, writer]: [StreamReader, StreamWriter] = yield openConnection(
      "127.0.0.1",
      portOf(server),
      TLS(),
    );
    writer.write(bytes("line\n"));
    assertEquals(text(yield reader.read()), "line\n");
    writer.close();
    yield writer.waitClosed();
    server.close();
    yield server.waitClosed();
  });

  online("a mebibyte comes through each way", function* ({ loop }) {
    const size = 1 << 20;
    const data = new Uint8Array(size).map((_, i) => i * 31 + (i >> 8) * 7);
    const back = new Uint8Array(size);
    const server: Server = yield loop.createServer(
      () => new Echo(loop),
      "127.0.0.1",
      0,
      { ssl: serverContext() },
    );
    const [transport, client]: [Transport, Notes] = yield loop
      .createConnection(
        () => new Notes(loop),
        "127.0.0.1",
        portOf(server),
        TLS(),
      );
    client.onData = (chunk) => back.set(chunk, client.size - chunk.length);
    transport.write(data);
    yield client.when(() => client.size === size);
    transport.close();
    yield client.lost();
    server.close();
    yield server.waitClosed();
    assert(back.every((byte, i) => byte === data[i]), "the bytes differ");
  });
});

describe("startTls", () => {
  online("upgrades both sides of a connection", function* ({ loop, fn }) {
    const upgraded: Notes[] = [];
    const server: Server = yield loop.createServer(
      () => {
        const plain = new Notes(loop);
        plain.onData = () => {
          if (!plain.received.endsWith("STARTTLS\n")) return;
          plain.transport.write(bytes("GO AHEAD\n"));
          loop.createTask(() =>
            fn(function* () {
              const inner = new Notes(loop);
              upgraded.push(inner);
              const tls: Transport = yield loop.startTls(
                plain.transport,
                inner,
                serverContext(),
                { serverSide: true },
              );
              // The data may have come with the end of the handshake.
              yield inner.has("over TLS");
              tls.write(bytes(inner.received));
            })()
          );
        };
        return plain;
      },
      "127.0.0.1",
      0,
    );
    const [plain, notes]: [Transport, Notes] = yield loop.createConnection(
      () => new Notes(loop),
      "127.0.0.1",
      portOf(server),
    );
    plain.write(bytes("STARTTLS\n"));
    yield notes.has("GO AHEAD\n");
    const secret = new Notes(loop);
    const transport: Transport = yield loop.startTls(
      plain,
      secret,
      clientContext(),
      { serverHostname: "localhost" },
    );
    secret.transport = transport;
    assertEquals(secret.log, [], "connectionMade is not called again");
    transport.write(bytes("over TLS"));
    yield secret.has("over TLS");
    transport.close();
    yield secret.lost();
    server.close();
    yield server.waitClosed();
    assertEquals(notes.received, "GO AHEAD\n");
    assertEquals(upgraded[0]!.received, "over TLS");
    assertEquals(plain.isClosing(), true);
  });

  online("runs TLS inside TLS", function* ({ loop, fn }) {
    const server: Server = yield loop.createServer(
      () => {
        const outer = new Notes(loop);
        outer.onData = () => {
          if (outer.received !== "INNER\n") return;
          outer.transport.write(bytes("YES\n"));
          loop.createTask(() =>
            fn(function* () {
              const inner = new Notes(loop);
              const tls: Transport = yield loop.startTls(
                outer.transport,
                inner,
                serverContext(),
                { serverSide: true },
              );
              yield inner.has("twice secret");
              tls.write(bytes(inner.received));
            })()
          );
        };
        return outer;
      },
      "127.0.0.1",
      0,
      { ssl: serverContext() },
    );
    const [outer, notes]: [Transport, Notes] = yield loop.createConnection(
      () => new Notes(loop),
      "127.0.0.1",
      portOf(server),
      TLS(),
    );
    outer.write(bytes("INNER\n"));
    yield notes.has("YES\n");
    const inner = new Notes(loop);
    const transport: Transport = yield loop.startTls(
      outer,
      inner,
      clientContext(),
      { serverHostname: "localhost" },
    );
    transport.write(bytes("twice secret"));
    yield inner.has("twice secret");
    transport.close();
    yield inner.lost();
    server.close();
    yield server.waitClosed();
  });

  online("closes the connection when the handshake fails", function* (net) {
    const { loop } = net;
    const server: Server = yield loop.createServer(
      () => new Echo(loop),
      "127.0.0.1",
      0,
    );
    const [plain]: [Transport, Notes] = yield loop.createConnection(
      () => new Notes(loop),
      "127.0.0.1",
      portOf(server),
    );
    const error = yield* caught(
      loop.startTls(plain, new Notes(loop), clientContext(), {
        serverHostname: "localhost",
      }),
    );
    assertInstanceOf(error, SSLError);
    assertEquals(plain.isClosing(), true);
    server.close();
    yield server.waitClosed();
  });

  online("of a peer that has finished fails at once", function* () {
    const server: Server = yield startServer(
      (_, writer) => writer.close(),
      "127.0.0.1",
      0,
    );
    const [reader, writer]: [StreamReader, StreamWriter] = yield openConnection(
      "127.0.0.1",
      portOf(server),
    );
    assertEquals((yield reader.read()).length, 0);
    const error = yield* caught(
      writer.startTls(clientContext(), { serverHostname: "localhost" }),
    );
    assertInstanceOf(error, ConnectionResetError);
    yield* ended(writer);
    server.close();
    yield server.waitClosed();
  });

  online("that is cancelled ends the connection", function* ({ loop }) {
    const server: Server = yield startServer(
      async (reader, writer) => {
        await reader.read();
        writer.close();
      },
      "127.0.0.1",
      0,
    );
    const [, writer]: [StreamReader, StreamWriter] = yield openConnection(
      "127.0.0.1",
      portOf(server),
    );
    const task: Task<void> = loop.createTask(
      writer.startTls(clientContext(), { serverHostname: "localhost" }),
    );
    yield sleep(0.01);
    task.cancel();
    assertInstanceOf(yield* caught(task), CancelledError);
    // Who waits for the end does not wait for ever.
    yield* ended(writer);
    server.close();
    yield server.waitClosed();
    assertEquals(loop._transports.size, 0);
  });

  online("of a closing connection is refused", function* ({ loop }) {
    const server: Server = yield startServer(() => {}, "127.0.0.1", 0);
    for (const turns of [0, 3]) {
      const [plain, notes]: [Transport, Notes] = yield loop.createConnection(
        () => new Notes(loop),
        "127.0.0.1",
        portOf(server),
      );
      plain.close();
      for (let i = 0; i < turns; i++) yield sleep(0);
      const error = yield* caught(
        loop.startTls(plain, notes, clientContext(), {
          serverHostname: "localhost",
        }),
      );
      assertInstanceOf(error, ConnectionResetError);
      yield notes.lost();
    }
    server.close();
    server.abortClients();
    yield server.waitClosed();
  });

  online(
    "of a stream keeps what was received too early",
    function* ({ loop, fn }) {
      const server: Server = yield startServer(
        fn(function* (reader: StreamReader, writer: StreamWriter) {
          // By now the start of the handshake is in the reader, too.
          yield reader.readExactly(4);
          for (let i = 0; i < 20; i++) {
            yield new Promise<void>((done) => setTimeout(done, 1));
          }
          yield writer.startTls(serverContext());
          writer.write(yield reader.readLine());
          yield writer.drain();
          writer.close();
          yield writer.waitClosed();
        }),
        "127.0.0.1",
        0,
      );
      const [reader, writer]: [StreamReader, StreamWriter] =
        yield openConnection("127.0.0.1", portOf(server));
      writer.write(bytes("TLS\n"));
      yield writer.startTls(clientContext(), { serverHostname: "localhost" });
      writer.write(bytes("not lost\n"));
      assertEquals(text(yield reader.readLine()), "not lost\n");
      writer.close();
      yield writer.waitClosed();
      server.close();
      yield server.waitClosed();
      assertEquals(loop._transports.size, 0);
    },
  );
});
