/** Connections and servers over the loopback interface, by protocols and streams. */

import { assert, assertEquals } from "@std/assert";
import {
  ContextVar,
  gather,
  Protocol,
  type Server,
  sleep,
  type StreamReader,
  type StreamWriter,
  type Transport,
} from "../mod.ts";
import { Socket } from "../trsock.ts";
import {
  connected,
  echoed,
  echoedMebibyte,
  echoing,
  endedStream,
  left,
  noting,
  serving,
  servingStreams,
  stopped,
  streaming,
} from "./_connections.ts";
import { describe } from "./_harness.ts";
import { bytes, Echo, Notes, online, portOf, text } from "./_network.ts";

describe("createConnection and createServer", () => {
  online("carry an echo", function* ({ loop }) {
    const echoes: Echo[] = [];
    const server = yield* serving(loop, () => {
      echoes.push(new Echo(loop));
      return echoes.at(-1)!;
    });
    const [transport, client] = yield* connected(loop, server);
    assert(client.transport === transport, "connectionMade came first");
    yield* echoed([transport, client], server, "hello");
    assertEquals(client.log, ["made", "data", "lost"]);
    assertEquals(echoes.map((echo) => echo.log), [
      ["made", "data", "eof", "lost"],
    ]);
    assertEquals(echoes[0]!.error, null);
  });

  online("tell the addresses of both ends", function* ({ loop }) {
    const [server, accepted] = yield* noting(loop);
    const [transport, client] = yield* connected(loop, server);
    transport.write(bytes("x"));
    const own = transport.getExtraInfo<[string, number]>("sockname")!;
    assertEquals(transport.getExtraInfo("peername"), [
      "127.0.0.1",
      portOf(server),
    ]);
    while (accepted[0]?.received !== "x") yield sleep(0.001);
    assertEquals(accepted[0]!.transport.getExtraInfo("peername"), own);
    assertEquals(
      transport.getExtraInfo<Socket>("socket")!.getSockName(),
      own,
    );
    yield* left(transport, client);
    yield* stopped(server);
  });

  online("connect to a name, of whatever family it is", function* ({ loop }) {
    const server: Server = yield loop.createServer(
      () => new Echo(loop),
      "localhost",
      0,
    );
    const [transport, client] = yield* connected(loop, server, {
      happyEyeballsDelay: 0.25,
    }, "localhost");
    yield* echoed([transport, client], server, "by name");
  });

  online("listen on all interfaces with one port", function* ({ loop }) {
    const server: Server = yield loop.createServer(
      () => new Echo(loop),
      null,
      0,
    );
    const ports = new Set(
      server.sockets.map((sock) => (sock.getSockName() as [string, number])[1]),
    );
    assertEquals(ports.size, 1);
    for (const host of ["127.0.0.1", "::1"]) {
      const [transport, client] = yield* connected(loop, server, {}, host);
      transport.write(bytes(host));
      yield client.has(host);
      yield* left(transport, client);
    }
    yield* stopped(server);
    assertEquals(server.sockets, []);
  });

  online("listen once on a host that is named twice", function* ({ loop }) {
    const server: Server = yield loop.createServer(
      () => new Echo(loop),
      ["127.0.0.1", "127.0.0.1", "127.0.0.2"],
      0,
    );
    const hosts = server.sockets.map((sock) => sock.getSockName()[0]);
    yield* stopped(server);
    assertEquals(hosts, ["127.0.0.1", "127.0.0.2"]);
  });

  online("connect from a chosen address", function* ({ loop }) {
    const server = yield* echoing(loop);
    const [transport, client] = yield* connected(loop, server, {
      localAddr: ["127.0.0.3", 0],
    });
    transport.write(bytes("x"));
    yield client.has("x");
    const peer = transport.getExtraInfo<[string, number]>("sockname")!;
    yield* left(transport, client);
    yield* stopped(server);
    assertEquals(peer[0], "127.0.0.3");
  });

  online("take sockets that were made by hand", function* ({ loop }) {
    const listening = new Socket("inet");
    yield listening.bind(["127.0.0.1", 0]);
    const server: Server = yield loop.createServer(
      () => new Echo(loop),
      null,
      null,
      { sock: listening },
    );
    const dialled = new Socket("inet");
    const address = ["127.0.0.1", portOf(server)] as const;
    yield dialled._connect(loop._platform, address);
    const [transport, client]: [Transport, Notes] = yield loop
      .createConnection(() => new Notes(loop), null, null, {
        sock: dialled,
      });
    yield* echoed([transport, client], server, "by hand");
  });

  online("give accepted sockets a transport", function* ({ loop }) {
    using listening = new Socket("inet");
    yield listening.bind(["127.0.0.1", 0]);
    yield listening.listen();
    const port = listening.getSockName()[1] as number;
    const connecting = loop.createTask(
      loop.createConnection(() => new Notes(loop), "127.0.0.1", port),
    );
    let peer: Socket | null = null;
    while (peer === null) {
      try {
        [peer] = listening.accept();
      } catch {
        yield sleep(0.001);
      }
    }
    const [, echo]: [Transport, Echo] = yield loop.connectAcceptedSocket(
      () => new Echo(loop),
      peer,
    );
    const [transport, client]: [Transport, Notes] = yield connecting;
    transport.write(bytes("accepted"));
    yield client.has("accepted");
    yield* left(transport, client);
    yield echo.lost();
  });

  online("run each connection in a context of its own", function* ({ loop }) {
    const who = new ContextVar("who", { default: "nobody" });
    const seen: string[] = [];
    class Greeter extends Protocol {
      #transport!: Transport;
      constructor() {
        super();
        seen.push(`made in ${who.get()}`);
        who.set(`connection ${seen.length}`);
      }
      override connectionMade(transport: Transport): void {
        this.#transport = transport;
        seen.push(`connected in ${who.get()}`);
      }
      override dataReceived(data: Uint8Array): void {
        this.#transport.write(data);
        seen.push(`received in ${who.get()}`);
      }
    }
    who.set("the server");
    const server = yield* serving(loop, () => new Greeter());
    who.set("somebody else");
    for (let i = 0; i < 2; i++) {
      const [transport, client] = yield* connected(loop, server);
      transport.write(bytes("x"));
      yield client.has("x");
      yield* left(transport, client);
    }
    yield* stopped(server);
    assertEquals(seen, [
      "made in the server",
      "connected in connection 1",
      "received in connection 1",
      "made in the server",
      "connected in connection 4",
      "received in connection 4",
    ]);
    assertEquals(who.get(), "somebody else");
  });

  online("carry a mebibyte each way at once", ({ loop }) => {
    return echoedMebibyte(loop);
  });
});

describe("openConnection and startServer", () => {
  online("carry lines", function* ({ fn }) {
    const serve = fn(function* (reader: StreamReader, writer: StreamWriter) {
      for (;;) {
        const line: Uint8Array = yield reader.readLine();
        if (line.length === 0) break;
        writer.write(line);
        yield writer.drain();
      }
      yield* endedStream(writer);
    });
    const server = yield* servingStreams(serve);
    const [reader, writer] = yield* streaming(server);
    for (const word of ["one", "two", "three"]) {
      writer.write(bytes(`${word}\n`));
      yield writer.drain();
      assertEquals(text(yield reader.readLine()), `${word}\n`);
    }
    writer.writeEof();
    assertEquals(yield reader.read(), new Uint8Array(0));
    yield* endedStream(writer);
    yield* stopped(server);
  });

  online("serve fifty connections at once", function* ({ fn }) {
    const server = yield* servingStreams(
      fn(function* (reader: StreamReader, writer: StreamWriter) {
        const data: Uint8Array = yield reader.readExactly(6);
        writer.write(data);
        yield* endedStream(writer);
      }),
      { backlog: 64 },
    );
    const ask = fn(function* (i: number) {
      const [reader, writer] = yield* streaming(server);
      writer.write(bytes(`no ${String(i).padStart(3)}`));
      const answer = text(yield reader.read());
      yield* endedStream(writer);
      return answer;
    });
    const numbers = Array.from({ length: 50 }, (_, i) => i);
    const answers: string[] = yield gather(
      numbers.map((i) => () => ask(i)),
    );
    yield* stopped(server);
    assertEquals(answers, numbers.map((i) => `no ${String(i).padStart(3)}`));
  });
});
