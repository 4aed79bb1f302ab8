/** Which addresses are tried, and when: with a resolver and connections in memory. */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import {
  CancelledError,
  type ExceptionGroup,
  OSError,
  Protocol,
  sleep,
  type Task,
  type Transport,
} from "../mod.ts";
import type { BaseSelectorEventLoop } from "../selector_events.ts";
import { fakePlatform } from "../_platform/fake.ts";
import type { Dns, ResolvedAddress } from "../_platform/dns.ts";
import type { StreamSocket, TcpTarget } from "../_platform/sockets.ts";
import type { Platform } from "../_platform/types.ts";
import { describe } from "./_harness.ts";
import { Notes, type Online, online } from "./_network.ts";
import { type Body, caught } from "./_spell.ts";

/** What an address does: connect, or fail with a code, after some seconds. */
interface Answer {
  readonly after: number;
  readonly code?: string;
}

/** What happened, with the times of the virtual clock. */
let log: string[] = [];
let loop: BaseSelectorEventLoop;

const note = (what: string) => {
  log.push(`${Math.round(loop.time() * 1000) / 1000} ${what}`);
};

/** A platform on which a name has these addresses, and they answer so. */
function world(answers: Readonly<Record<string, Answer>>): () => Platform {
  return () => {
    log = [];
    const platform = fakePlatform();
    const { sockets } = platform;
    const addresses = Object.keys(answers).map((address): ResolvedAddress => ({
      address,
      family: address.includes(":") ? 6 : 4,
    }));
    const dns: Dns = {
      ...platform.dns,
      lookup: async (_host, options) =>
        addresses.filter(({ family }) =>
          !options?.family || family === options.family
        ),
    };
    const made = async (to: TcpTarget) => {
      const listener = await sockets.listen(to);
      listener.start(() => {}, () => {});
      const socket = await sockets.connect(to);
      listener.close();
      for (const way of ["abort", "close"] as const) {
        const end = socket[way].bind(socket);
        socket[way] = () => {
          note(`drop ${to.host}`);
          end();
        };
      }
      return socket;
    };
    const connect = (to: TcpTarget, signal?: AbortSignal) =>
      new Promise<StreamSocket>((resolve, reject) => {
        const { after, code } = answers[to.host]!;
        note(`try ${to.host}`);
        // Made ahead: the virtual clock waits for nobody.
        const socket = made(to);
        const timer = loop.callLater(after, () => {
          note(`${code ?? "ok"} ${to.host}`);
          if (code) reject(OSError.from(code, `no ${to.host}`));
          else resolve(socket);
        });
        signal?.addEventListener("abort", () => {
          if (timer.cancelled() || loop.time() >= timer.when()) return;
          note(`stop ${to.host}`);
          timer.cancel();
          reject(signal.reason);
        });
      });
    return {
      ...platform,
      dns,
      sockets: { ...sockets, connect: connect as typeof sockets.connect },
    };
  };
}

function* connect(net: Online, options: object): Body<string> {
  loop = net.loop;
  const [transport]: [Transport, Notes] = yield loop.createConnection(
    () => new Notes(loop),
    "many.test",
    80,
    options,
  );
  const peer = transport.getExtraInfo<[string, number]>("peername")!;
  const tried = log;
  log = [];
  transport.abort();
  yield sleep(1);
  log = tried;
  return peer[0];
}

const SLOW = { after: 9 };
const FAST = { after: 0.1 };
const REFUSES = { after: 0.1, code: "ECONNREFUSED" };

describe("Without a delay", () => {
  online(
    "each address is tried when the one before has failed",
    function* (net) {
      assertEquals(yield* connect(net, {}), "::3");
      assertEquals(log, [
        "0 try ::1",
        "0.1 ECONNREFUSED ::1",
        "0.1 try ::2",
        "0.2 ECONNREFUSED ::2",
        "0.2 try ::3",
        "0.3 ok ::3",
      ]);
    },
    {
      platform: world({
        "::1": REFUSES,
        "::2": REFUSES,
        "::3": FAST,
        "10.0.0.1": FAST,
      }),
    },
  );

  online("interleave lets the families take turns", function* (net) {
    yield* connect(net, { interleave: 2 });
    assertEquals(log.filter((line) => line.includes("try")), [
      "0 try ::1",
      "0.1 try ::2",
      "0.2 try 10.0.0.1",
      "0.3 try ::3",
      "0.4 try 10.0.0.2",
    ]);
  }, {
    platform: world({
      "::1": REFUSES,
      "::2": REFUSES,
      "::3": REFUSES,
      "10.0.0.1": REFUSES,
      "10.0.0.2": FAST,
    }),
  });

  online("a family is all that is tried, if asked", function* (net) {
    assertEquals(yield* connect(net, { family: "inet" }), "10.0.0.1");
  }, { platform: world({ "::1": FAST, "10.0.0.1": FAST }) });
});

describe("With a delay", () => {
  const HE = { happyEyeballsDelay: 0.25 };

  online("a slow address holds nobody up", function* (net) {
    assertEquals(yield* connect(net, HE), "10.0.0.1");
    assertEquals(log, [
      "0 try ::1",
      "0.25 try 10.0.0.1",
      "0.35 ok 10.0.0.1",
      "0.35 stop ::1",
    ]);
  }, {
    platform: world({ "::1": SLOW, "::2": SLOW, "10.0.0.1": FAST }),
  });

  online("a failure starts the next one at once", function* (net) {
    assertEquals(yield* connect(net, HE), "::2");
    assertEquals(log, [
      "0 try ::1",
      "0.1 ECONNREFUSED ::1",
      "0.1 try 10.0.0.1",
      "0.2 ECONNREFUSED 10.0.0.1",
      "0.2 try ::2",
      "0.3 ok ::2",
    ]);
  }, {
    platform: world({ "::1": REFUSES, "::2": FAST, "10.0.0.1": REFUSES }),
  });

  online("the families keep their order with interleave 0", function* (net) {
    yield* connect(net, { ...HE, interleave: 0 });
    assertEquals(log.filter((line) => line.includes("try")), [
      "0 try ::1",
      "0.25 try ::2",
      "0.5 try 10.0.0.1",
    ]);
  }, {
    platform: world({ "::1": SLOW, "::2": SLOW, "10.0.0.1": FAST }),
  });

  online("all errors are told in the order of the starts", function* (net) {
    const group = (yield* caught(
      connectIn(net, { ...HE, allErrors: true }),
    )) as ExceptionGroup;
    assertEquals(
      group.errors.map((error) => (error as OSError).message),
      ["no ::1", "no 10.0.0.1"],
    );
  }, {
    platform: world({
      "::1": { after: 0.4, code: "ETIMEDOUT" },
      "10.0.0.1": REFUSES,
    }),
  });

  online("different errors are one OSError without a code", function* (net) {
    const error = (yield* caught(connectIn(net, HE))) as OSError;
    assertEquals(error.message, "Multiple exceptions: no ::1, no 10.0.0.1");
    assertEquals([error.constructor, error.code], [OSError, ""]);
  }, {
    platform: world({
      "::1": { after: 0.4, code: "EHOSTUNREACH" },
      "10.0.0.1": REFUSES,
    }),
  });

  online("a cancellation stops every attempt", function* (net) {
    const task: Task<unknown> = net.loop.createTask(connectIn(net, HE));
    yield sleep(0.3);
    task.cancel();
    assertInstanceOf(yield* caught(task), CancelledError);
    assertEquals(log, [
      "0 try ::1",
      "0.25 try 10.0.0.1",
      "0.3 stop ::1",
      "0.3 stop 10.0.0.1",
    ]);
    yield sleep(20);
    assertEquals(log.length, 4);
  }, { platform: world({ "::1": SLOW, "10.0.0.1": SLOW }) });

  online("who is cancelled as the winner comes drops it", function* (net) {
    let cancelled = 0;
    for (let turns = 0; turns < 24; turns++) {
      log = [];
      const task: Task<unknown> = net.loop.createTask(connectIn(net, HE));
      // In two steps, which gives the connection in memory its time.
      yield sleep(0.05);
      yield sleep(0.05);
      for (let i = 0; i < turns; i++) yield sleep(0);
      if (task.cancel()) {
        cancelled++;
        assertInstanceOf(yield* caught(task), CancelledError);
      } else (yield task)[0].abort();
      yield sleep(1);
      const ended = log.map((line) => line.split(" ").slice(1).join(" "));
      const expected = ended.includes("ok ::1") ? "drop ::1" : "stop ::1";
      assertEquals(ended.at(-1), expected, `after ${turns} iterations`);
      assertEquals(net.loop._transports.size, 0);
    }
    assert(cancelled > 3, `${cancelled} were cancelled`);
  }, { platform: world({ "::1": FAST, "10.0.0.1": SLOW }) });
});

/** Connects, to fail or to be cancelled. */
function connectIn(net: Online, options: object) {
  loop = net.loop;
  return loop.createConnection(() => new Protocol(), "many.test", 80, options);
}
