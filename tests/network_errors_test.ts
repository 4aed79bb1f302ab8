/** What the loops' network methods refuse, and what they make of errors. */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import {
  type BaseProtocol,
  CancelledError,
  ConnectionRefusedError,
  ExceptionGroup,
  GaiError,
  NotImplementedError,
  OSError,
  PermissionError,
  Protocol,
  type Server,
  sleep,
  type SSLContext,
  type Task,
  Transport,
} from "../mod.ts";
import { BaseEventLoop } from "../base_events.ts";
import { Socket } from "../trsock.ts";
import {
  cancelled,
  connecting,
  noting,
  serving,
  stopped,
} from "./_connections.ts";
import { describe, sharesPorts } from "./_harness.ts";
import { online, portOf } from "./_network.ts";
import { type Body, caught } from "./_spell.ts";
import { clientContext } from "./_tls.ts";

const make = () => new Protocol();

function* refusal(awaitable: unknown): Body<string> {
  const error = yield* caught(awaitable);
  assertInstanceOf(error, Error);
  return `${error.constructor.name}: ${error.message}`;
}

/** What is refused of a host, a port and options, and how it begins to say so. */
type Refused = readonly [
  what: string,
  host: string | null,
  port: number | null,
  options: object,
  text: string,
];

function refusing(
  method: "createConnection" | "createServer",
  cases: readonly Refused[],
): void {
  for (const [what, host, port, options, text] of cases) {
    online(what, function* ({ loop }) {
      const told = yield* refusal(loop[method](make, host, port, options));
      assertEquals(told.slice(0, text.length), text);
    });
  }
}

/** Expects Deno to refuse a call, and returns what it says. */
function* forbidden(call: PromiseLike<unknown>): Body<string> {
  const error = yield* caught(call);
  assertInstanceOf(error, PermissionError);
  assertEquals(error.code, "EACCES");
  return error.message;
}

/** A call that nobody can have answered is cancelled. */
function* cancelledSoon(
  loop: BaseEventLoop,
  call: PromiseLike<unknown>,
): Body {
  const task: Task<unknown> = loop.createTask(call as never);
  yield sleep(0);
  yield* cancelled(task);
  yield sleep(0.01);
}

describe("createConnection refuses", () => {
  const cases: readonly Refused[] = [
    [
      "nothing to connect to",
      null,
      null,
      {},
      "RangeError: host and port was not specified and no sock specified",
    ],
    [
      "a host name to check without TLS",
      "127.0.0.1",
      1,
      { serverHostname: "localhost" },
      "RangeError: server_hostname is only meaningful with ssl",
    ],
    [
      "TLS without a name to check",
      null,
      1,
      { ssl: true },
      "RangeError: You must set server_hostname when using ssl without a host",
    ],
    [
      "a handshake timeout without TLS",
      "127.0.0.1",
      1,
      { sslHandshakeTimeout: 1 },
      "RangeError: ssl_handshake_timeout is only meaningful with ssl",
    ],
    [
      "a shutdown timeout without TLS",
      "127.0.0.1",
      1,
      { sslShutdownTimeout: 1 },
      "RangeError: ssl_shutdown_timeout is only meaningful with ssl",
    ],
    [
      "host and socket at once",
      "127.0.0.1",
      1,
      { sock: new Socket("inet") },
      "RangeError: host/port and sock can not be specified at the same time",
    ],
    [
      "a datagram socket",
      null,
      null,
      { sock: new Socket("inet", "dgram") },
      "RangeError: A Stream Socket was expected, got <Socket ",
    ],
    [
      "a port that is none",
      "127.0.0.1",
      65536,
      {},
      "RangeError: port must be 0-65535, got 65536",
    ],
    [
      "settings of TLS that are none",
      "127.0.0.1",
      1,
      { ssl: "yes" },
      "TypeError: ssl argument must be an SSLContext, true or null, got string",
    ],
  ];
  refusing("createConnection", cases);
});

describe("createServer refuses", () => {
  const cases: readonly Refused[] = [
    [
      "nothing to listen on",
      null,
      null,
      {},
      "RangeError: Neither host/port nor sock were specified",
    ],
    [
      "TLS without settings",
      "127.0.0.1",
      0,
      { ssl: true },
      "TypeError: ssl argument must be an SSLContext or null",
    ],
    [
      "a handshake timeout without TLS",
      "127.0.0.1",
      0,
      { sslHandshakeTimeout: 1 },
      "RangeError: ssl_handshake_timeout is only meaningful with ssl",
    ],
    [
      "a shutdown timeout without TLS",
      "127.0.0.1",
      0,
      { sslShutdownTimeout: 1 },
      "RangeError: ssl_shutdown_timeout is only meaningful with ssl",
    ],
    [
      "host and socket at once",
      "127.0.0.1",
      0,
      { sock: new Socket("inet") },
      "RangeError: host/port and sock can not be specified at the same time",
    ],
    [
      "a datagram socket",
      null,
      null,
      { sock: new Socket("inet", "dgram") },
      "RangeError: A Stream Socket was expected, got <Socket ",
    ],
  ];
  refusing("createServer", cases);
});

describe("The other network methods refuse", () => {
  online("datagram sockets as accepted connections", function* ({ loop }) {
    const sock = new Socket("inet", "dgram");
    const text = "RangeError: A Stream Socket was expected, got <Socket ";
    const told = yield* refusal(loop.connectAcceptedSocket(make, sock));
    assertEquals(told.slice(0, text.length), text);
  });

  online("TLS by something that is no SSLContext", function* ({ loop }) {
    const told = yield* refusal(
      loop.startTls(new Transport(), make(), null as unknown as SSLContext),
    );
    assertEquals(
      told,
      "TypeError: sslcontext is expected to be an instance of SSLContext, " +
        "got null",
    );
  });

  online("TLS over what cannot carry it", function* ({ loop }) {
    const told = yield* refusal(
      loop.startTls(new Transport(), make(), clientContext()),
    );
    assertEquals(
      told,
      "TypeError: transport [object Object] is not supported by start_tls()",
    );
  });

  online("all on a loop without sockets", function* ({ loop }) {
    const plain = new BaseEventLoop({ platform: loop._platform });
    const calls: Record<string, () => PromiseLike<unknown>> = {
      createConnection: () => plain.createConnection(make, "::1", 1),
      createServer: () => plain.createServer(make, "::1", 0),
      connectAcceptedSocket: () =>
        plain.connectAcceptedSocket(make, new Socket("inet")),
      createDatagramEndpoint: () =>
        plain.createDatagramEndpoint(make, ["::1", 0]),
    };
    for (const [name, call] of Object.entries(calls)) {
      const error = yield* caught(call());
      assertInstanceOf(error, NotImplementedError);
      assertEquals(
        error.message,
        `Cannot call ${name}(): BaseEventLoop does not have it, as it has no ` +
          "sockets",
      );
    }
    plain.close();
  });
});

describe("Connecting", () => {
  online("to a closed port is refused", function* ({ loop }) {
    const server = yield* serving(loop, make);
    const port = portOf(server);
    yield* stopped(server);
    yield sleep(0.02);
    const error = yield* caught(
      loop.createConnection(make, "127.0.0.1", port),
    );
    assertInstanceOf(error, ConnectionRefusedError);
    assertEquals(error.code, "ECONNREFUSED");
    assertEquals(
      error.message,
      `Cannot connect to 127.0.0.1:${port}: connection refused`,
    );
  });

  online("to port 0, which is nobody's, is refused", function* ({ loop }) {
    for (const options of [{}, { localAddr: ["127.0.0.1", 0] as const }]) {
      const error = yield* caught(
        loop.createConnection(make, "127.0.0.1", 0, options),
      );
      assertInstanceOf(error, ConnectionRefusedError);
      assertEquals(error.code, "ECONNREFUSED");
    }
  });

  online("to a name that nobody has fails", function* ({ loop }) {
    const error = yield* caught(
      loop.createConnection(make, "nobody.invalid", 80),
    );
    assertInstanceOf(error, GaiError);
    assertInstanceOf(error, OSError);
    assert(["ENOTFOUND", "EAI_AGAIN"].includes(error.code), error.code);
    assertEquals(error.name, "GaiError");
  });

  online("to an address of another family fails", function* ({ loop }) {
    const error = yield* caught(
      loop.createConnection(make, "127.0.0.1", 80, { family: "inet6" }),
    );
    assertInstanceOf(error, GaiError);
    assertEquals(error.code, "EAI_ADDRFAMILY");
  });

  online("from a foreign address fails", function* ({ loop }) {
    const server = yield* serving(loop, make);
    const error = yield* caught(
      loop.createConnection(make, "127.0.0.1", portOf(server), {
        localAddr: ["203.0.113.1", 0],
      }),
    );
    yield* stopped(server);
    assertInstanceOf(error, OSError);
    assertEquals(error.code, "EADDRNOTAVAIL");
    const start =
      "error while attempting to bind on address 203.0.113.1:0: cannot connect";
    assertEquals(error.message.slice(0, start.length), start);
  });

  online("from no address of the family fails", function* ({ loop }) {
    const error = yield* caught(
      loop.createConnection(make, "127.0.0.1", 9, { localAddr: ["::1", 0] }),
    );
    assertInstanceOf(error, OSError);
    assertEquals(
      error.message,
      "no matching local address with family=inet found",
    );
  });

  online("tells of all addresses at once, if asked", function* ({ loop }) {
    const server = yield* serving(loop, make);
    const port = portOf(server);
    yield* stopped(server);
    yield sleep(0.02);
    loop.getAddrInfo = function* () {
      return ["127.0.0.1", "127.0.0.2"].map((host) =>
        ["inet", "stream", 6, "", [host, port]] as const
      );
    } as never;
    for (const happyEyeballsDelay of [null, 0.1]) {
      const error = yield* caught(
        loop.createConnection(make, "two.test", port, { happyEyeballsDelay }),
      );
      assertInstanceOf(error, ConnectionRefusedError);
      assertEquals(
        error.message,
        `Multiple exceptions: Cannot connect to 127.0.0.1:${port}: ` +
          `connection refused, Cannot connect to 127.0.0.2:${port}: ` +
          "connection refused",
      );
      const group = yield* caught(
        loop.createConnection(make, "two.test", port, {
          happyEyeballsDelay,
          allErrors: true,
        }),
      );
      assertInstanceOf(group, ExceptionGroup);
      assertEquals(group.errors.length, 2);
      assertInstanceOf(group.errors[0], ConnectionRefusedError);
      assert(group.message.startsWith("create_connection failed"));
    }
  });

  online("with a factory that fails closes the socket", function* ({ loop }) {
    const [server, accepted] = yield* noting(loop);
    const error = yield* caught(
      loop.createConnection(
        (): BaseProtocol => {
          throw new Error("no protocol");
        },
        "127.0.0.1",
        portOf(server),
      ),
    );
    assertEquals((error as Error).message, "no protocol");
    while (accepted.length === 0) yield sleep(0.001);
    yield accepted[0]!.lost();
    yield* stopped(server);
  });
});

describe("Listening", () => {
  online("on a port in use fails", function* ({ loop }) {
    const server = yield* serving(loop, make);
    const port = portOf(server);
    const error = yield* caught(loop.createServer(make, "127.0.0.1", port));
    assertInstanceOf(error, OSError);
    assertEquals(error.code, "EADDRINUSE");
    assertEquals(
      error.message,
      `Cannot listen on 127.0.0.1:${port}: address already in use`,
    );
    yield* stopped(server);
  });

  online("on a port in use leaves the others free", function* ({ loop }) {
    const server = yield* serving(loop, make);
    const port = portOf(server);
    const error = yield* caught(
      loop.createServer(make, ["127.0.0.2", "127.0.0.1"], port),
    );
    assertEquals((error as OSError).code, "EADDRINUSE");
    const other: Server = yield loop.createServer(make, "127.0.0.2", port);
    other.close();
    yield* stopped(server);
  });

  online("on foreign addresses alone fails", function* ({ loop }) {
    const error = yield* caught(
      loop.createServer(make, ["203.0.113.1", "203.0.113.2"], 0),
    );
    assertInstanceOf(error, OSError);
    assertEquals(error.code, "EADDRNOTAVAIL");
    assertEquals(
      error.message,
      "could not bind on any address out of 203.0.113.1:0, 203.0.113.2:0",
    );
  });

  online("passes over foreign addresses", function* ({ loop }) {
    const server: Server = yield loop.createServer(
      make,
      ["203.0.113.1", "127.0.0.1"],
      0,
    );
    const hosts = server.sockets.map((sock) => sock.getSockName()[0]);
    yield* stopped(server);
    assertEquals(hosts, ["127.0.0.1"]);
  });

  online("on a shared port works with reusePort", function* ({ loop }) {
    const options = { reusePort: true };
    const first: Server = yield loop.createServer(
      make,
      "127.0.0.1",
      0,
      options,
    );
    const second: Server = yield loop.createServer(
      make,
      "127.0.0.1",
      portOf(first),
      options,
    );
    assertEquals(portOf(first), portOf(second));
    first.close();
    second.close();
    yield first.waitClosed();
    yield second.waitClosed();
  }, { skip: !sharesPorts });
});

describe("Deno's permissions", () => {
  const net = { on: ["deno"], permissions: { net: false } } as const;

  online("are asked for before connecting", function* ({ loop }) {
    const message = yield* forbidden(
      loop.createConnection(make, "127.0.0.1", 9),
    );
    assert(message.includes("--allow-net"), message);
  }, net);

  online("are asked for before listening", function* ({ loop }) {
    yield* forbidden(loop.createServer(make, "127.0.0.1", 0));
  }, net);

  online("are asked for before a name is looked up", function* ({ loop }) {
    yield* forbidden(loop.createConnection(make, "localhost", 9));
  }, net);
});

describe("A cancelled call leaves nothing open:", () => {
  for (const turns of [0, 1, 2, 3]) {
    online(`a connection after ${turns} iterations`, function* ({ loop }) {
      const [server, accepted] = yield* noting(loop);
      const task: Task<unknown> = loop.createTask(
        connecting(loop, server, {}, "localhost"),
      );
      for (let i = 0; i < turns; i++) yield sleep(0);
      if (task.cancel()) {
        assertInstanceOf(yield* caught(task), CancelledError);
      }
      yield sleep(0.02);
      for (const notes of accepted) yield notes.lost();
      assertEquals(loop._transports.size, 0);
      yield* stopped(server);
    });
  }

  online("a TLS handshake half-way", function* ({ loop }) {
    const [server, accepted] = yield* noting(loop);
    const task: Task<unknown> = loop.createTask(
      loop.createConnection(make, "127.0.0.1", portOf(server), {
        ssl: clientContext(),
        serverHostname: "localhost",
      }),
    );
    while (!accepted[0]?.size) yield sleep(0.001);
    yield* cancelled(task);
    yield accepted[0].lost();
    assertEquals(loop._transports.size, 0);
    yield* stopped(server);
  });

  online("a server", ({ loop }) => {
    return cancelledSoon(loop, loop.createServer(make, "localhost", 0));
  });

  online("a datagram endpoint", ({ loop }) => {
    return cancelledSoon(
      loop,
      loop.createDatagramEndpoint(make, ["localhost", 0]),
    );
  });
});
