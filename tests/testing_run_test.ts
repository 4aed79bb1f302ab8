/** runTest: virtual time, and what holds it. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { readFile } from "node:fs/promises";
import process from "node:process";
import * as nodeTimers from "node:timers";
import * as nodePromises from "node:timers/promises";
import { describe, it } from "./_harness.ts";
import { clientContext, serverContext } from "./_tls.ts";
import {
  CancelledError,
  type Coro,
  createTask,
  currentTask,
  gather,
  getRunningLoop,
  openConnection,
  Protocol,
  sleep,
  startServer,
  SubprocessProtocol,
  timeout,
  TimeoutError,
  wrapFuture,
} from "../mod.ts";
import { runTest, virtual } from "../testing.ts";

const realTimeout = globalThis.setTimeout;
const later = (ms: number) => new Promise<void>((r) => realTimeout(r, ms));

describe("runTest()", () => {
  it("passes an hour of sleeps in milliseconds, and shows exact times", async () => {
    const began = performance.now();
    const seen: number[] = [];
    await runTest(async ({ time }) => {
      for (let i = 0; i < 3600; i++) await sleep(1);
      seen.push(time());
    });
    assertEquals(seen, [3600]);
    assert(performance.now() - began < 2000);
  });

  it("takes both spellings and returns their result", async () => {
    assertEquals(await runTest(async () => await sleep(5, "async")), "async");
    assertEquals(
      await runTest(function* (): Coro<string> {
        return yield* sleep(5, "generator");
      }),
      "generator",
    );
  });

  it("rejects with what the body throws", async () => {
    const error = new Error("mine");
    const told = await runTest(async () => {
      await sleep(1);
      throw error;
    }).catch((e) => e);
    assert(told === error);
    await assertRejects(
      () => runTest(async () => void currentTask()!.cancel()),
      CancelledError,
    );
  });

  it("starts the clock where it is told to", async () => {
    await runTest(async ({ time }) => {
      assertEquals(time(), 100);
      assertEquals(getRunningLoop().time(), 100);
      await sleep(0.25);
      assertEquals(time(), 100.25);
    }, { start: 100 });
  });

  it("lets timers of equal deadlines fall due together", async () => {
    await runTest(async ({ time }) => {
      const ends = await gather([1, 2, 1].map((s) => async () => {
        await sleep(s);
        return time();
      }));
      assertEquals(ends, [1, 2, 1]);
    });
  });

  it("holds the clock while a task waits for a native promise", async () => {
    await runTest(async ({ time }) => {
      await timeout(1).with(async () => {
        await later(20);
        assertEquals(time(), 0);
      });
    }, { realTimers: true });
  });

  it("holds the clock while a wrapped promise is pending", async () => {
    await runTest(async ({ time }) => {
      await timeout(1).with(async () => {
        await wrapFuture(later(20));
        assertEquals(time(), 0);
      });
      await assertRejects(
        async () => await timeout(1).with(() => sleep(3)),
        TimeoutError,
      );
      assertEquals(time(), 1);
    }, { realTimers: true });
  });

  it("holds the clock while it is told to", async () => {
    await runTest(async ({ time, hold, loop }) => {
      const release = hold();
      const future = loop.createFuture<number>();
      realTimeout(() => {
        future.setResult(time());
        release();
        release();
      }, 20);
      const ticker = createTask(() => sleep(60));
      assertEquals(await future, 0);
      await ticker;
      assertEquals(time(), 60);
    });
  });

  it("holds the clock while a child process runs", async () => {
    class Exit extends SubprocessProtocol {
      readonly ended = getRunningLoop().createFuture<void>();
      override processExited() {
        this.ended.setResult(undefined);
      }
    }
    await runTest(async ({ time, loop }) => {
      const [transport, exit] = await loop.subprocessExec(
        () => new Exit(),
        "sleep",
        "0.05",
      );
      await timeout(0.01).with(async () => await exit.ended);
      assertEquals([transport.getReturncode(), time()], [0, 0]);
      transport.close();
    });
  });

  it("holds the clock while real sockets are busy", async () => {
    await runTest(async ({ time }) => {
      const server = await startServer(
        async (reader, writer) => {
          writer.write(await reader.readExactly(2));
          await writer.drain();
          writer.close();
          await writer.waitClosed();
        },
        "127.0.0.1",
        0,
      );
      const [, port] = server.sockets[0]!.getSockName() as [
        string,
        number,
      ];
      const [reader, writer] = await openConnection("127.0.0.1", port);
      await timeout(0.001).with(async () => {
        writer.write(new Uint8Array([1, 2]));
        assertEquals([...await reader.readExactly(2)], [1, 2]);
      });
      await sleep(100);
      assertEquals(time(), 100);
      writer.close();
      await writer.waitClosed();
      server.close();
      await server.waitClosed();
    }, { network: "real" });
  });

  it("holds the clock while a real pipe is busy", async () => {
    let pulls = 0;
    const source = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await readFile(new URL(import.meta.url));
        if (pulls++ < 20) controller.enqueue(new Uint8Array([pulls]));
        else controller.close();
      },
    });
    await runTest(async ({ time, loop }) => {
      const ended = loop.createFuture<void>();
      const got: number[] = [];
      class Read extends Protocol {
        override dataReceived(data: Uint8Array) {
          got.push(...data);
        }
        override connectionLost() {
          ended.setResult(undefined);
        }
      }
      await loop.connectReadPipe(() => new Read(), source);
      await timeout(0.001).with(async () => await ended);
      assertEquals([time(), got.length], [0, 20]);
    });
  });

  it("takes the time of the network alone for TLS in memory", async () => {
    await runTest(async ({ time, network }) => {
      network.configure({ latency: 0.5 });
      const server = await startServer(
        async (reader, writer) => {
          writer.write(await reader.readExactly(2));
          await writer.drain();
          writer.close();
          await writer.waitClosed();
        },
        "127.0.0.1",
        443,
        { ssl: serverContext() },
      );
      const [reader, writer] = await openConnection("127.0.0.1", 443, {
        ssl: clientContext(),
        serverHostname: "localhost",
      });
      writer.write(new Uint8Array([1, 2]));
      assertEquals([...await reader.readExactly(2)], [1, 2]);
      assertEquals(time() % 0.5, 0);
      assert(time() >= 2 && time() <= 4, `${time()}`);
      writer.close();
      await writer.waitClosed();
      server.close();
      await server.waitClosed();
    });
  });

  it("takes no watch of debug mode for a timer of the test", async () => {
    await runTest(async () => {
      for (let i = 0; i < 3; i++) await readFile(new URL(import.meta.url));
    }, { debug: true });
  });

  it("leaves the globals alone, and runs beside FakeTime", async () => {
    const before = globalThis.setTimeout;
    await runTest(async () => {
      assert(globalThis.setTimeout === before);
      await sleep(1);
    });
    using fake = new FakeTime();
    let rang = 0;
    await runTest(async ({ time }) => {
      setTimeout(() => rang++, 1000);
      await sleep(5);
      assertEquals([time(), rang], [5, 0]);
      fake.tick(1000);
      assertEquals([time(), rang], [5, 1]);
    });
  });

  it("replaces nothing in the globals, the prototypes, or the runtime's timers", async () => {
    const places: Readonly<Record<string, object>> = {
      globalThis,
      Date,
      "Date.prototype": Date.prototype,
      Promise,
      "Promise.prototype": Promise.prototype,
      performance,
      "node:timers": nodeTimers,
      "node:timers/promises": nodePromises,
      process,
    };
    const all = () =>
      new Map(
        Object.entries(places).flatMap(([name, place]) =>
          Reflect.ownKeys(place).map((key) => {
            const own = Reflect.getOwnPropertyDescriptor(place, key)!;
            return [`${name}.${String(key)}`, own.get ?? own.value] as const;
          })
        ),
      );
    // Some are made when they are first looked at.
    all();
    const before = all();
    let compared = 0;
    await runTest(async () => {
      for (let i = 0; i < 2; i++) {
        for (const [name, value] of all()) {
          assert(Object.is(value, before.get(name)), name);
          compared++;
        }
        await sleep(1);
      }
    }, { seed: 1 });
    assert(compared > 200, `${compared}`);
  });

  it("moves the clock by hand", async () => {
    await runTest(async ({ time, advance, loop }) => {
      const rang: number[] = [];
      loop.callLater(3, () => void rang.push(time()));
      advance(10);
      await sleep(0);
      await sleep(0);
      assertEquals([time(), rang], [10, [10]]);
    });
  });

  it("sends signals to the handlers of the loop alone", async () => {
    await runTest(async ({ signal, loop }) => {
      assertEquals(signal("SIGTERM"), false);
      const heard: string[] = [];
      loop.addSignalHandler("SIGTERM", (name: string) => {
        heard.push(name);
      }, "TERM");
      assertEquals([signal("SIGTERM"), signal("SIGINT")], [true, false]);
      await sleep(0);
      assertEquals(heard, ["TERM"]);
      loop.removeSignalHandler("SIGTERM");
      assertEquals(signal("SIGTERM"), false);
    });
  });

  it("gives runners a function without parameters", async () => {
    const test = virtual(async ({ time }) => {
      await sleep(60);
      assertEquals(time(), 60);
    });
    assertEquals(test.length, 0);
    await test();
    await test();
  });
});
