/** What a server does while it serves, and when it is closed. */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  AbstractServer,
  CancelledError,
  currentTask,
  getRunningLoop,
  OSError,
  RuntimeError,
  Server,
  sleep,
  Task,
  type Transport,
} from "../mod.ts";
import { fakePlatform } from "../_platform/fake.ts";
import type { ListenSocket } from "../_platform/sockets.ts";
import type { Platform } from "../_platform/types.ts";
import { describe } from "./_harness.ts";
import { bytes, Echo, Notes, type Online, online, portOf } from "./_network.ts";
import { type Body, caught } from "./_spell.ts";

function* echoServer(net: Online, startServing = true): Body<Server> {
  const { loop } = net;
  return yield loop.createServer(() => new Echo(loop), "127.0.0.1", 0, {
    startServing,
  });
}

function* client(net: Online, server: Server): Body<Notes> {
  const { loop } = net;
  const [transport, notes]: [Transport, Notes] = yield loop.createConnection(
    () => new Notes(loop),
    "127.0.0.1",
    portOf(server),
  );
  transport.write(bytes("hi"));
  yield notes.has("hi");
  return notes;
}

describe("Server", () => {
  online("tells its loop, its sockets and whether it serves", function* (net) {
    const server = yield* echoServer(net, false);
    assertInstanceOf(server, Server);
    assertInstanceOf(server, AbstractServer);
    assertStrictEquals(server.getLoop(), getRunningLoop());
    assertEquals(server.isServing(), false);
    assertEquals(server.sockets.length, 1);
    assertEquals(server.sockets[0]!.family, "inet");
    const shown = String(server);
    assert(shown.startsWith("<Server sockets=(<asyncio.TransportSocket "));
    yield server.startServing();
    assertEquals(server.isServing(), true);
    yield server.startServing();
    server.close();
    assertEquals(server.isServing(), false);
    assertEquals(server.sockets, []);
    assertEquals(String(server), "<Server sockets=()>");
    server.close();
    yield server.waitClosed();
  });

  online("tells its port, where it has one", function* (net) {
    const server = yield* echoServer(net, false);
    const port: number = server.port;
    assertEquals(port, portOf(server));
    const path = new Server(
      net.loop,
      [{
        family: "unix",
        local: "/somewhere",
        start() {},
        close() {},
        ref() {},
        unref() {},
      }],
      () => new Echo(net.loop),
      null,
      1,
      null,
    );
    for (const one of [path, server]) {
      if (one === server) server.close();
      assertThrows(() => one.port, RuntimeError);
      one.close();
    }
    yield server.waitClosed();
  });

  online("gives its port back when it is closed", function* ({ loop }) {
    let port = 0;
    for (let i = 0; i < 4; i++) {
      const server: Server = yield loop.createServer(
        () => new Notes(loop),
        "127.0.0.1",
        port,
      );
      port = portOf(server);
      const [transport]: [Transport] = yield loop.createConnection(
        () => new Notes(loop),
        "127.0.0.1",
        port,
      );
      transport.close();
      server.close();
      yield server.waitClosed();
    }
  });

  online("accepts who has come before it serves", function* (net) {
    const server = yield* echoServer(net, false);
    const { loop } = net;
    const [transport, notes]: [Transport, Notes] = yield loop.createConnection(
      () => new Notes(loop),
      "127.0.0.1",
      portOf(server),
    );
    transport.write(bytes("early"));
    yield sleep(0.01);
    assertEquals(notes.received, "");
    yield server.startServing();
    yield notes.has("early");
    transport.close();
    yield notes.lost();
    server.close();
    yield server.waitClosed();
  });

  online("refuses connections once it is closed", function* (net) {
    const server = yield* echoServer(net);
    const port = portOf(server);
    server.close();
    yield server.waitClosed();
    // Deno lets go of the socket a little later.
    yield sleep(0.02);
    const error = yield* caught(
      net.loop.createConnection(() => new Notes(net.loop), "127.0.0.1", port),
    );
    assertInstanceOf(error, OSError);
    assertEquals(error.code, "ECONNREFUSED");
  });

  online("waitClosed waits for close() and for all clients", function* (net) {
    const server = yield* echoServer(net);
    const notes = yield* client(net, server);
    const waiting = net.loop.createTask(server.waitClosed());
    yield sleep(0.01);
    assertEquals(waiting.done(), false, "it is open");
    server.close();
    yield sleep(0.01);
    assertEquals(waiting.done(), false, "a client is there");
    notes.transport.write(bytes(" still"));
    yield notes.has("still");
    notes.transport.close();
    yield waiting;
    yield notes.lost();
    yield server.waitClosed();
  });

  online("waitClosed waits for close() without clients, too", function* (net) {
    const server = yield* echoServer(net);
    const waiting = net.loop.createTask(server.waitClosed());
    yield sleep(0.01);
    assertEquals(waiting.done(), false);
    server.close();
    yield waiting;
  });

  online("a waitClosed that is cancelled spoils no other", function* (net) {
    const server = yield* echoServer(net);
    const first = net.loop.createTask(server.waitClosed());
    const second = net.loop.createTask(server.waitClosed());
    yield sleep(0);
    first.cancel();
    assertInstanceOf(yield* caught(first), CancelledError);
    server.close();
    yield second;
  });

  online("closeClients closes the connections", function* (net) {
    const server = yield* echoServer(net);
    const a = yield* client(net, server);
    const b = yield* client(net, server);
    server.close();
    server.closeClients();
    yield server.waitClosed();
    yield a.lost();
    yield b.lost();
    assertEquals(a.log, ["made", "data", "eof", "lost"]);
  });

  online("abortClients closes them without sending", function* (net) {
    const { loop } = net;
    const accepted: Notes[] = [];
    const server: Server = yield loop.createServer(
      () => {
        accepted.push(new Notes(loop));
        return accepted.at(-1)!;
      },
      "127.0.0.1",
      0,
    );
    const [transport, notes]: [Transport, Notes] = yield loop.createConnection(
      () => new Notes(loop),
      "127.0.0.1",
      portOf(server),
    );
    transport.pauseReading();
    while (accepted.length === 0) yield sleep(0.001);
    yield accepted[0]!.when(() => accepted[0]!.log.includes("made"));
    accepted[0]!.transport.write(new Uint8Array(1 << 23));
    server.close();
    server.abortClients();
    yield server.waitClosed();
    assertEquals(accepted[0]!.log, ["made", "lost"]);
    transport.resumeReading();
    yield notes.lost();
    assert(notes.size < 1 << 23, `${notes.size} bytes came`);
  });

  online("cannot be started again", function* (net) {
    const server = yield* echoServer(net);
    server.close();
    for (const call of [server.startServing(), server.serveForever()]) {
      const error = yield* caught(call);
      assertInstanceOf(error, RuntimeError);
      assertEquals(error.message, "server <Server sockets=()> is closed");
    }
  });

  online("is disposed of with its block", function* (net) {
    const server = yield* echoServer(net);
    yield net.fn(function* () {
      yield server[Symbol.asyncDispose]();
    })();
    assertEquals(server.isServing(), false);
  });
});

describe("Server.serveForever", () => {
  online("serves until it is cancelled, and closes then", function* (net) {
    const server = yield* echoServer(net, false);
    const serving: Task<void> = net.loop.createTask(server.serveForever());
    const notes = yield* client(net, server);
    assertEquals(server.isServing(), true);
    serving.cancel();
    assertInstanceOf(yield* caught(serving), CancelledError);
    assertEquals(server.isServing(), false);
    yield server.waitClosed();
    yield notes.lost();
  });

  online("keeps its clients where close() ends it", function* (net) {
    const server = yield* echoServer(net, false);
    const serving: Task<void> = net.loop.createTask(server.serveForever());
    const notes = yield* client(net, server);
    server.close();
    yield sleep(0.01);
    assertEquals(serving.done(), false, "it waits for its client");
    notes.transport.write(bytes("still"));
    yield notes.has("still");
    notes.transport.close();
    assertInstanceOf(yield* caught(serving), CancelledError);
    yield notes.lost();
  });

  online("ends cancelled when the server is closed", function* (net) {
    const server = yield* echoServer(net);
    const serving: Task<void> = net.loop.createTask(server.serveForever());
    yield sleep(0);
    server.close();
    assertInstanceOf(yield* caught(serving), CancelledError);
    assert(serving.cancelled());
  });

  online("is for one at a time", function* (net) {
    const server = yield* echoServer(net);
    const serving: Task<void> = net.loop.createTask(server.serveForever());
    yield sleep(0);
    const error = yield* caught(server.serveForever());
    assertInstanceOf(error, RuntimeError);
    assert(
      error.message.endsWith("is already being awaited on serve_forever()"),
    );
    assertEquals(serving.done(), false);
    server.close();
    yield* caught(serving);
  });
});

describe("A server's connections", () => {
  online("end with it where their tasks never begin", function* (net) {
    const { loop } = net;
    const server = yield* echoServer(net);
    loop.setTaskFactory((loop, coro, options) => {
      const task = new Task(coro, { ...options, loop });
      task.cancel();
      return task;
    });
    const [, notes]: [Transport, Notes] = yield loop.createConnection(
      () => new Notes(loop),
      "127.0.0.1",
      server.port,
    );
    yield sleep(0.02);
    loop.setTaskFactory(null);
    assertEquals(notes.log, ["made"]);
    server.close();
    yield server.waitClosed();
    yield notes.lost();
  });

  online("are made in a task each", function* ({ loop }) {
    const tasks = new Set<unknown>();
    const server: Server = yield loop.createServer(
      () => {
        tasks.add(currentTask());
        return new Echo(loop);
      },
      "127.0.0.1",
      0,
    );
    const net = { loop } as Online;
    const a = yield* client(net, server);
    const b = yield* client(net, server);
    assertEquals(tasks.size, 2);
    assert(!tasks.has(null) && !tasks.has(currentTask()));
    server.close();
    server.closeClients();
    yield server.waitClosed();
    yield a.lost();
    yield b.lost();
  });

  online(
    "survive a protocol factory that fails",
    function* ({ loop, reports }) {
      let calls = 0;
      const server: Server = yield loop.createServer(
        () => {
          if (calls++ === 0) throw new Error("no protocol");
          return new Echo(loop);
        },
        "127.0.0.1",
        0,
      );
      const [, refused]: [Transport, Notes] = yield loop.createConnection(
        () => new Notes(loop),
        "127.0.0.1",
        portOf(server),
      );
      yield refused.lost();
      const notes = yield* client({ loop } as Online, server);
      notes.transport.close();
      yield notes.lost();
      server.close();
      yield server.waitClosed();
      assertEquals(reports.length, 0, "it is told in debug mode alone");
    },
  );

  online(
    "a factory's failure is told in debug mode",
    function* ({ loop, reports }) {
      loop.setDebug(true);
      const server: Server = yield loop.createServer(
        () => {
          throw new Error("no protocol");
        },
        "127.0.0.1",
        0,
      );
      const [, refused]: [Transport, Notes] = yield loop.createConnection(
        () => new Notes(loop),
        "127.0.0.1",
        portOf(server),
      );
      yield refused.lost();
      server.close();
      yield server.waitClosed();
      loop.setDebug(false);
      const told = reports.splice(0);
      assertEquals(told.map((context) => context.message), [
        "Error on transport creation for incoming connection",
      ]);
      assertEquals((told[0]!.exception as Error).message, "no protocol");
    },
  );
});

/** A platform that is out of file descriptors for its first connections. */
function exhausted(code: string): Platform {
  const platform = fakePlatform();
  const { sockets } = platform;
  let failures = 2;
  const listen = async (at: Parameters<typeof sockets.listen>[0]) => {
    const listener = await sockets.listen(at);
    const start: ListenSocket["start"] = (onConnection, onError) => {
      if (failures === 0) listener.start(onConnection, onError);
      else {
        failures--;
        queueMicrotask(() =>
          onError(OSError.from(code, "Cannot accept a connection"))
        );
      }
    };
    return Object.assign(Object.create(listener), {
      family: listener.family,
      local: listener.local,
      start,
      close: () => listener.close(),
    }) as ListenSocket;
  };
  return { ...platform, sockets: { ...sockets, listen } };
}

describe("A server out of file descriptors", () => {
  for (const code of ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]) {
    online(`goes on a second after ${code}`, function* ({ loop, reports }) {
      const server: Server = yield loop.createServer(
        () => new Echo(loop),
        "127.0.0.1",
        0,
      );
      const start = loop.time();
      const [transport, notes]: [Transport, Notes] = yield loop
        .createConnection(() => new Notes(loop), "127.0.0.1", portOf(server));
      transport.write(bytes("x"));
      yield notes.has("x");
      assertEquals(Math.round(loop.time() - start), 2);
      transport.close();
      yield notes.lost();
      server.close();
      yield server.waitClosed();
      const told = reports.splice(0);
      assertEquals(told.map((context) => context.message), [
        "socket.accept() out of system resource",
        "socket.accept() out of system resource",
      ]);
      assertEquals((told[0]!.exception as OSError).code, code);
      assert(String(told[0]!["socket"]).includes("TransportSocket"));
    }, { platform: () => exhausted(code) });
  }

  online("does not go on once it is closed", function* ({ loop, reports }) {
    const server: Server = yield loop.createServer(
      () => new Echo(loop),
      "127.0.0.1",
      0,
    );
    yield sleep(0.5);
    server.close();
    yield server.waitClosed();
    yield sleep(10);
    assertEquals(reports.splice(0).length, 1);
  }, { platform: () => exhausted("EMFILE") });
});
