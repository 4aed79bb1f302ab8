/** Datagram endpoints over the loopback interface. */

import { assertEquals, assertInstanceOf } from "@std/assert";
import {
  type BaseTransport,
  DatagramProtocol,
  type DatagramTransport,
  type Future,
  NotImplementedError,
  OSError,
  Protocol,
  sleep,
} from "../mod.ts";
import type { BaseSelectorEventLoop } from "../selector_events.ts";
import { Socket } from "../trsock.ts";
import { describe, sharesPorts } from "./_harness.ts";
import { bytes, online, text } from "./_network.ts";
import { caught } from "./_spell.ts";

/** Remembers datagrams, and sends them back if told to. */
class Mail extends DatagramProtocol {
  readonly log: string[] = [];
  transport!: DatagramTransport;
  peer: unknown = null;
  answers = false;
  readonly #loop: BaseSelectorEventLoop;
  #waiters: [string, Future<void>][] = [];

  constructor(loop: BaseSelectorEventLoop, answers = false) {
    super();
    this.#loop = loop;
    this.answers = answers;
  }

  /** Done once a line of the log begins so. */
  got(line: string): Future<void> {
    const done = this.#loop.createFuture<void>();
    this.#waiters.push([line, done]);
    this.#look();
    return done;
  }

  #look(): void {
    for (const [line, done] of this.#waiters) {
      const there = this.log.some((entry) => entry.startsWith(line));
      if (there && !done.done()) done.setResult();
    }
  }

  #note(line: string): void {
    this.log.push(line);
    this.#look();
  }

  override connectionMade(transport: BaseTransport): void {
    this.transport = transport as DatagramTransport;
    this.#note("made");
  }

  override datagramReceived(data: Uint8Array, addr: unknown): void {
    this.peer = addr;
    if (this.answers) this.transport.sendTo(data, addr);
    this.#note(`got ${text(data)}`);
  }

  override errorReceived(error: unknown): void {
    this.#note(`error ${(error as OSError).code}`);
  }

  override connectionLost(error: unknown): void {
    this.#note(`lost ${error}`);
  }
}

type Endpoint = [DatagramTransport, Mail];

describe("createDatagramEndpoint", () => {
  for (const host of ["127.0.0.1", "::1", "localhost"]) {
    online(`exchanges datagrams on ${host}`, function* ({ loop }) {
      const [server, answering]: Endpoint = yield loop.createDatagramEndpoint(
        () => new Mail(loop, true),
        [host, 0],
      );
      const at = server.getExtraInfo<[string, number]>("sockname")!;
      const [client, mail]: Endpoint = yield loop.createDatagramEndpoint(
        () => new Mail(loop),
        null,
        [at[0], at[1]],
      );
      client.sendTo(bytes("ping"));
      yield mail.got("got ping");
      assertEquals(
        answering.peer,
        client.getExtraInfo<[string, number]>("sockname"),
      );
      client.close();
      server.close();
      yield mail.got("lost null");
      yield answering.got("lost null");
      assertEquals(mail.log, ["made", "got ping", "lost null"]);
    });
  }

  online("takes a family alone, and sends to whom it is told", function* (net) {
    const { loop } = net;
    const [server, mail]: Endpoint = yield loop.createDatagramEndpoint(
      () => new Mail(loop),
      ["127.0.0.1", 0],
    );
    const [client, own]: Endpoint = yield loop.createDatagramEndpoint(
      () => new Mail(loop),
      null,
      null,
      { family: "inet" },
    );
    client.sendTo(bytes("hello"), server.getExtraInfo("sockname"));
    yield mail.got("got hello");
    client.close();
    server.close();
    yield mail.got("lost");
    yield own.got("lost");
  });

  online("shares a port with reusePort", function* ({ loop }) {
    const options = { reusePort: true };
    const make = () => new Mail(loop);
    const [a, first]: Endpoint = yield loop.createDatagramEndpoint(
      make,
      ["127.0.0.1", 0],
      null,
      options,
    );
    const at = a.getExtraInfo<[string, number]>("sockname")!;
    const [b, second]: Endpoint = yield loop.createDatagramEndpoint(
      make,
      at,
      null,
      options,
    );
    assertEquals(b.getExtraInfo("sockname"), at);
    a.close();
    b.close();
    yield first.got("lost");
    yield second.got("lost");
  }, { on: ["bun", "node"], skip: !sharesPorts });

  online(
    "says that Deno, or an old Node, cannot share a port",
    function* ({ loop }) {
      const error = yield* caught(
        loop.createDatagramEndpoint(make, ["127.0.0.1", 0], null, {
          reusePort: true,
        }),
      );
      assertInstanceOf(error, NotImplementedError);
    },
    sharesPorts ? { on: ["deno"] } : {},
  );

  online("sends to a remote address with allowBroadcast", function* (net) {
    const { loop } = net;
    const [server, mail]: Endpoint = yield loop.createDatagramEndpoint(
      () => new Mail(loop),
      ["127.0.0.1", 0],
    );
    const at = server.getExtraInfo<[string, number]>("sockname")!;
    const [client, own]: Endpoint = yield loop.createDatagramEndpoint(
      () => new Mail(loop),
      null,
      at,
      { allowBroadcast: true },
    );
    client.sendTo(bytes("to all"));
    yield mail.got("got to all");
    client.close();
    server.close();
    yield own.got("lost");
    yield mail.got("lost");
  });

  online("takes a socket that was made by hand", function* ({ loop }) {
    const sock = new Socket("inet", "dgram");
    yield sock.bind(["127.0.0.1", 0]);
    const [transport, mail]: Endpoint = yield loop.createDatagramEndpoint(
      () => new Mail(loop),
      null,
      null,
      { sock },
    );
    const at = transport.getExtraInfo<[string, number]>("sockname")!;
    transport.sendTo(bytes("to myself"), at);
    yield mail.got("got to myself");
    transport.close();
    yield mail.got("lost");
  });

  online("says that an address is in use", function* ({ loop }) {
    const [transport, mail]: Endpoint = yield loop.createDatagramEndpoint(
      () => new Mail(loop),
      ["127.0.0.1", 0],
    );
    const at = transport.getExtraInfo<[string, number]>("sockname")!;
    const error = yield* caught(
      loop.createDatagramEndpoint(() => new Mail(loop), at),
    );
    assertInstanceOf(error, OSError);
    assertEquals(error.code, "EADDRINUSE");
    transport.close();
    yield mail.got("lost");
  });

  online("tells of an address of another family", function* ({ loop }) {
    let told: unknown = null;
    class Told extends Mail {
      override errorReceived(error: unknown): void {
        told = error;
      }
    }
    const [transport, mail]: Endpoint = yield loop.createDatagramEndpoint(
      () => new Told(loop),
      ["127.0.0.1", 0],
    );
    transport.sendTo(bytes("lost"), ["::1", 9]);
    while (told === null) yield sleep(0.001);
    assertInstanceOf(told, OSError);
    assertEquals(told.code, "EAFNOSUPPORT");
    // It goes on.
    transport.sendTo(bytes("x"), transport.getExtraInfo("sockname")!);
    yield mail.got("got x");
    transport.close();
    yield mail.got("lost");
  });

  const make = () => new Protocol();
  const pair = ["127.0.0.1", 0] as const;
  const cases: readonly [string, unknown, unknown, object, string][] = [
    ["nothing", null, null, {}, "RangeError: unexpected address family"],
    [
      "an address that is none",
      "127.0.0.1",
      null,
      {},
      "TypeError: 2-tuple is expected",
    ],
    [
      "addresses of different families",
      pair,
      ["::1", 9],
      {},
      "RangeError: can not get address information",
    ],
    [
      "a stream socket",
      null,
      null,
      { sock: new Socket("inet") },
      "RangeError: A datagram socket was expected, got <Socket ",
    ],
    [
      "a socket and more",
      pair,
      null,
      { sock: new Socket("inet", "dgram"), reusePort: true },
      "RangeError: socket modifier keyword arguments can not be used when " +
      "sock is specified. (localAddr=127.0.0.1,0, reusePort=true)",
    ],
  ];
  for (const [what, local, remote, options, expected] of cases) {
    online(`refuses ${what}`, function* ({ loop }) {
      const error = yield* caught(
        loop.createDatagramEndpoint(
          make,
          local as typeof pair,
          remote as typeof pair,
          options,
        ),
      );
      assertInstanceOf(error, Error);
      assertEquals(
        `${error.constructor.name}: ${error.message}`.slice(0, expected.length),
        expected,
      );
    });
  }

  online("refuses Unix paths, which no runtime has", function* ({ loop }) {
    const error = yield* caught(
      loop.createDatagramEndpoint(make, null, null, { family: "unix" }),
    );
    assertInstanceOf(error, NotImplementedError);
  });
});
