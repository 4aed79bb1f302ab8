/** TLS by the loops' own methods, and connections that are upgraded to it. */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import {
  ConnectionAbortedError,
  ConnectionError,
  ConnectionResetError,
  OSError,
  type Server,
  sleep,
  SSLCertVerificationError,
  type SSLContext,
  SSLError,
  type SSLObject,
  type StreamReader,
  type StreamWriter,
  type Task,
  type Transport,
  waitFor,
} from "../mod.ts";
import {
  cancelled,
  connected,
  connecting,
  echoed,
  echoedMebibyte,
  echoing,
  endedStream,
  left,
  serving,
  servingStreams,
  stopped,
  streaming,
} from "./_connections.ts";
import type { BaseSelectorEventLoop } from "../selector_events.ts";
import { describe } from "./_harness.ts";
import {
  bytes,
  Echo,
  Notes,
  type Online,
  online,
  portOf,
  text,
} from "./_network.ts";
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

/**
 * Starts a server that upgrades each connection when it is told to, notes the new
 * protocols, and sends one message back.
 */
function upgrading(
  { loop, fn }: Online,
  upgraded: Notes[],
  message: string,
  options?: { ssl: SSLContext },
): Body<Server> {
  return serving(loop, () => {
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
          yield inner.has(message);
          tls.write(bytes(inner.received));
        })()
      );
    };
    return plain;
  }, options);
}

/** Asks for TLS over a connection, and has it. */
function* upgrade(
  loop: BaseSelectorEventLoop,
  plain: Transport,
  notes: Notes,
): Body<[Transport, Notes]> {
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
  return [transport, secret];
}

describe("createServer({ ssl }) and createConnection({ ssl })", () => {
  online("carry an echo", function* ({ loop }) {
    const server = yield* echoing(loop, { ssl: serverContext() });
    const [transport, client] = yield* connected(loop, server, TLS());
    const tls = transport.getExtraInfo<SSLObject>("sslObject")!;
    assert(["TLSv1.2", "TLSv1.3"].includes(tls.version()!));
    assertEquals(transport.getExtraInfo("peername"), [
      "127.0.0.1",
      portOf(server),
    ]);
    yield* echoed([transport, client], server, "secret");
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
    const [transport, client] = yield* connected(loop, server, {
      ssl: clientContext(),
    }, "localhost");
    yield* left(transport, client);
    const error = yield* caught(
      connecting(loop, server, {
        ssl: clientContext(),
        serverHostname: "elsewhere.test",
      }, "localhost"),
    );
    assertInstanceOf(error, SSLCertVerificationError);
    yield* stopped(server);
    assertEquals(loop._transports.size, 0);
  });

  online("refuse an authority that nobody trusts", function* ({ loop }) {
    const server = yield* echoing(loop, { ssl: serverContext() });
    const error = yield* caught(
      connecting(loop, server, { ssl: true, serverHostname: "localhost" }),
    );
    assertInstanceOf(error, SSLCertVerificationError);
    assertInstanceOf(error, OSError);
    yield* stopped(server);
  });

  online("a plain client harms nobody else", function* ({ loop }) {
    const server = yield* echoing(loop, { ssl: serverContext() });
    const [plain, notes] = yield* connected(loop, server);
    plain.write(bytes("GET / HTTP/1.1\r\n\r\n"));
    yield notes.lost();
    const [transport, client] = yield* connected(loop, server, TLS());
    yield* echoed([transport, client], server, "still here");
  });

  online("a plain server fails the handshake", function* ({ loop }) {
    const server = yield* echoing(loop);
    const error = yield* caught(
      connecting(loop, server, TLS()),
    );
    assertInstanceOf(error, SSLError);
    yield* stopped(server);
  });

  online("a server that hangs up at once has reset it", function* ({ loop }) {
    const server = yield* serving(loop, () => {
      const notes = new Notes(loop);
      notes.onMade = (transport) => transport.close();
      return notes;
    });
    for (let i = 0; i < 10; i++) {
      const error = yield* caught(
        connecting(loop, server, TLS()),
      );
      assertInstanceOf(error, ConnectionResetError);
      assertEquals(error.code, "ECONNRESET");
    }
    yield* stopped(server);
  });

  online("who writes in a loop learns that the peer is gone", function* (net) {
    const { fn, loop } = net;
    let error: unknown = null;
    let writes = 0;
    const server = yield* servingStreams(
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
      { ssl: serverContext() },
    );
    const [plain, notes] = yield* connected(loop, server, TLS());
    plain.pauseReading();
    yield sleep(0.1);
    plain.abort();
    yield notes.lost();
    while (error === null && writes < 2000) yield sleep(0.001);
    assertInstanceOf(error, ConnectionError);
    assert(writes < 2000);
    yield* stopped(server);
  });

  online("a handshake that takes too long is given up", function* ({ loop }) {
    const server = yield* serving(loop, () => new Notes(loop));
    const error = yield* caught(
      connecting(loop, server, { ...TLS(), sslHandshakeTimeout: 0.05 }),
    );
    assertInstanceOf(error, ConnectionAbortedError);
    assertEquals(
      error.message,
      "SSL handshake is taking longer than 0.05 seconds: aborting the " +
        "connection",
    );
    yield* stopped(server);
  });

  online("carry streams", function* ({ fn }) {
    const server = yield* servingStreams(
      fn(function* (reader: StreamReader, writer: StreamWriter) {
        writer.write(yield reader.readLine());
        yield writer.drain();
        yield* endedStream(writer);
      }),
      { ssl: serverContext() },
    );
    const [reader, writer] = yield* streaming(server, TLS());
    writer.write(bytes("line\n"));
    assertEquals(text(yield reader.read()), "line\n");
    yield* endedStream(writer);
    yield* stopped(server);
  });

  online("a mebibyte comes through each way", ({ loop }) => {
    return echoedMebibyte(loop, { ssl: serverContext() }, TLS());
  });
});

describe("startTls", () => {
  online("upgrades both sides of a connection", function* (net) {
    const { loop } = net;
    const upgraded: Notes[] = [];
    const server = yield* upgrading(net, upgraded, "over TLS");
    const [plain, notes] = yield* connected(loop, server);
    const [transport, secret] = yield* upgrade(loop, plain, notes);
    assertEquals(secret.log, [], "connectionMade is not called again");
    yield* echoed([transport, secret], server, "over TLS");
    assertEquals(notes.received, "GO AHEAD\n");
    assertEquals(upgraded[0]!.received, "over TLS");
    assertEquals(plain.isClosing(), true);
  });

  online("runs TLS inside TLS", function* (net) {
    const { loop } = net;
    const server = yield* upgrading(net, [], "twice secret", {
      ssl: serverContext(),
    });
    const [outer, notes] = yield* connected(loop, server, TLS());
    const pair = yield* upgrade(loop, outer, notes);
    yield* echoed(pair, server, "twice secret");
  });

  online("closes the connection when the handshake fails", function* (net) {
    const { loop } = net;
    const server = yield* echoing(loop);
    const [plain] = yield* connected(loop, server);
    const error = yield* caught(
      loop.startTls(plain, new Notes(loop), clientContext(), {
        serverHostname: "localhost",
      }),
    );
    assertInstanceOf(error, SSLError);
    assertEquals(plain.isClosing(), true);
    yield* stopped(server);
  });

  online("of a peer that has finished fails at once", function* () {
    const server = yield* servingStreams(
      (_, writer) => writer.close(),
    );
    const [reader, writer] = yield* streaming(server);
    assertEquals((yield reader.read()).length, 0);
    const error = yield* caught(
      writer.startTls(clientContext(), { serverHostname: "localhost" }),
    );
    assertInstanceOf(error, ConnectionResetError);
    yield* ended(writer);
    yield* stopped(server);
  });

  online("that is cancelled ends the connection", function* ({ loop }) {
    const server = yield* servingStreams(
      async (reader, writer) => {
        await reader.read();
        writer.close();
      },
    );
    const [, writer] = yield* streaming(server);
    const task: Task<void> = loop.createTask(
      writer.startTls(clientContext(), { serverHostname: "localhost" }),
    );
    yield sleep(0.01);
    yield* cancelled(task);
    // Who waits for the end does not wait for ever.
    yield* ended(writer);
    yield* stopped(server);
    assertEquals(loop._transports.size, 0);
  });

  online("of a closing connection is refused", function* ({ loop }) {
    const server = yield* servingStreams(() => {});
    for (const turns of [0, 3]) {
      const [plain, notes] = yield* connected(loop, server);
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
      const server = yield* servingStreams(
        fn(function* (reader: StreamReader, writer: StreamWriter) {
          // By now the start of the handshake is in the reader, too.
          yield reader.readExactly(4);
          for (let i = 0; i < 20; i++) {
            yield new Promise<void>((done) => setTimeout(done, 1));
          }
          yield writer.startTls(serverContext());
          writer.write(yield reader.readLine());
          yield writer.drain();
          yield* endedStream(writer);
        }),
      );
      const [reader, writer] = yield* streaming(server);
      writer.write(bytes("TLS\n"));
      yield writer.startTls(clientContext(), { serverHostname: "localhost" });
      writer.write(bytes("not lost\n"));
      assertEquals(text(yield reader.readLine()), "not lost\n");
      yield* endedStream(writer);
      yield* stopped(server);
      assertEquals(loop._transports.size, 0);
    },
  );
});
