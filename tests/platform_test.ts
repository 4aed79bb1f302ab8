/** The adapters: the runtime's own, its fallbacks, and the fake one. */

import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { AsyncLocalStorage } from "node:async_hooks";
import process from "node:process";
import { describe, it, runtime } from "./_harness.ts";
import { Child } from "./_child.ts";
import { hostTurns } from "./_loops.ts";
import { ORDER, trace } from "./_order.ts";
import { BaseEventLoop, sleep } from "../mod.ts";
import {
  asyncHooksContext,
  enteringHop,
  promiseHop,
} from "../_platform/context.ts";
import { denoHop, findContextOps, rawStore } from "../_platform/deno.ts";
import { hostClock } from "../_platform/clock.ts";
import { denoClock, denoTimers } from "../_platform/deno_clock.ts";
import { fakePlatform } from "../_platform/fake.ts";
import { platform } from "../_platform/mod.ts";
import type { Clock, ContextStore, Platform } from "../_platform/types.ts";

const hooks = { AsyncLocalStorage };
const deno = (globalThis as { Deno?: unknown }).Deno;
const ops = findContextOps(deno);

type Hop = (fn: () => void) => () => void;

/** The ways to be called in a microtask of the loop's own context. */
const hops: Record<string, Hop> = {
  "the platform's": platform.context.hop,
  promiseHop,
  "enteringHop over snapshots": enteringHop(() => AsyncLocalStorage.snapshot()),
  "denoHop(undefined)": denoHop(undefined),
};
if (ops !== undefined) hops["denoHop over Deno's context"] = denoHop(ops);

/** The ways to keep a value across native awaits. */
const stores: Record<string, () => ContextStore<object>> = {
  "the platform's": () => platform.context.createStore(),
  AsyncLocalStorage: () => asyncHooksContext(hooks, promiseHop).createStore(),
};
if (ops !== undefined) stores["Deno's context"] = () => rawStore(ops);

describe("the platform", () => {
  it("is the runtime's", () => {
    assertEquals(platform.runtime as string, runtime);
    assertEquals(platform.os.name, process.platform);
    assertEquals(platform.os.pid, process.pid);
    assertEquals(platform.os.isMainThread, true);
    assertEquals(platform.os.env("PATH"), process.env["PATH"]);
    assertStrictEquals(platform.os.env("NO_SUCH_VARIABLE_7"), undefined);
  });

  it("uses Deno's own context functions there, and finds none elsewhere", () => {
    assertEquals(ops !== undefined, runtime === "deno");
    for (const odd of [undefined, null, {}, { internal: Symbol() }, 7]) {
      assertStrictEquals(findContextOps(odd), undefined);
    }
  });

  it("does not use context functions that do not keep values", () => {
    const internal = Symbol();
    const broken = (core: object) => ({ internal, [internal]: { core } });
    assertStrictEquals(
      findContextOps(broken({
        getAsyncContext: () => undefined,
        setAsyncContext: () => {},
      })),
      undefined,
    );
    assertStrictEquals(
      findContextOps(broken({
        getAsyncContext: () => {
          throw new Error("gone");
        },
        setAsyncContext: () => {},
      })),
      undefined,
    );
  });
});

const clocks: Record<string, Clock> = { "the platform's": platform.clock };
if (runtime === "deno") {
  const { core } = (deno as Record<symbol, { core: object }>)[
    (deno as { internal: symbol }).internal
  ]!;
  const internal = Symbol();
  const without = {
    ...deno as object,
    internal,
    [internal]: { core: { ...core, createTimer: undefined } },
  };
  clocks["Deno's core"] = denoClock(denoTimers(deno));
  clocks["Deno's public timers"] = denoClock(denoTimers(without));
}

for (const [name, clock] of Object.entries(clocks)) {
  describe(`the clock: ${name}`, () => {
    it("counts seconds and never runs backwards", async () => {
      const times = Array.from({ length: 1000 }, () => clock.now());
      assert(times.every((t, i) => i === 0 || t >= times[i - 1]!));
      const before = clock.now();
      await new Promise((done) => setTimeout(done, 20));
      const passed = clock.now() - before;
      assert(passed > 0.015 && passed < 2, `${passed} s`);
      assert(clock.resolution > 0 && clock.resolution < 0.01);
    });

    it("immediate() is a macrotask after all microtasks", async () => {
      const seen: string[] = [];
      await new Promise<void>((done) => {
        clock.immediate(() => {
          seen.push("immediate");
          done();
        });
        void (async () => {
          for (let i = 0; i < 50; i++) await Promise.resolve();
          seen.push("microtasks");
        })();
      });
      assertEquals(seen, ["microtasks", "immediate"]);
    });

    it("a timer of more than 2^31 ms does not fire at once", async () => {
      let fired = 0;
      const timers = [2 ** 31 / 1000, 1e12, Infinity].map((delay) =>
        clock.startTimer(delay, () => fired++)
      );
      await new Promise((done) => setTimeout(done, 30));
      for (const timer of timers) clock.clearTimer(timer);
      assertEquals(fired, 0);
    });

    it("a timer of a negative or fractional delay fires, not before it is due", async () => {
      for (const delay of [-5, 0, 0.0015]) {
        const before = clock.now();
        await new Promise<void>((done) => void clock.startTimer(delay, done));
        assert(clock.now() - before >= Math.max(0, delay) - 1e-6);
      }
    });

    it("a cleared timer does not fire", async () => {
      let fired = false;
      clock.clearTimer(clock.startTimer(0.001, () => fired = true));
      await new Promise((done) => setTimeout(done, 10));
      assert(!fired);
    });

    it("calls macrotasks in the order in which they were asked for", async () => {
      for (let round = 0; round < 3; round++) {
        const seen: number[] = [];
        await new Promise<void>((done) => {
          for (let i = 0; i < 5; i++) clock.immediate(() => seen.push(i));
          clock.immediate(done);
        });
        assertEquals(seen, [0, 1, 2, 3, 4]);
      }
    });
  });
}

describe("the clock", () => {
  it("is not stopped by fake timers that are installed later", async () => {
    const own = hostClock(1e-6);
    const { setTimeout: real } = globalThis;
    const turn = new Promise<void>((done) => {
      globalThis.setTimeout = (() =>
        0) as unknown as typeof globalThis.setTimeout;
      try {
        own.startTimer(0.001, done);
      } finally {
        globalThis.setTimeout = real;
      }
    });
    await turn;
  });

  it("is not stopped by fakes of timers that were never looked at", {
    timeout: 10_000,
  }, async () => {
    const { stdout, stderr } = await Child.start("early_fakes.ts", [], {
      allowAll: true,
    }).end;
    assertEquals({ stdout, stderr }, { stdout: "slept\n", stderr: "" });
  });

  it("of Deno is its core's only where that has the timers it is known for", async () => {
    if (runtime !== "deno") return;
    const broken: readonly object[] = [
      {},
      { createTimer: () => undefined },
      { createTimer: () => 7 },
      {
        createTimer() {
          throw new Error("gone");
        },
      },
      { createTimer: () => ({ _onTimeout: () => {}, _destroyed: false }) },
      {
        createTimer: (fn: unknown, ms: unknown) => ({
          _onTimeout: fn,
          _idleTimeout: ms,
          _destroyed: false,
        }),
        cancelTimer() {},
      },
    ];
    for (const core of broken) {
      const internal = Symbol();
      const timers = denoTimers({ internal, [internal]: { core } });
      await new Promise<void>((done) => void timers.start(done, 1));
      timers.stop(timers.start(() => assert(false), 1));
      await new Promise<void>((done) => timers.soon(done, true));
    }
    for (const odd of [undefined, {}, { internal: Symbol() }]) denoTimers(odd);
  });
});

for (const [name, hop] of Object.entries(hops)) {
  describe(`hop: ${name}`, () => {
    it("calls in a microtask, once per request, again and again", async () => {
      let calls = 0;
      const ask = hop(() => calls++);
      for (let i = 1; i <= 5; i++) {
        ask();
        assertEquals(calls, i - 1);
        for (let j = 0; j < 3; j++) await Promise.resolve();
        assertEquals(calls, i);
      }
      await hostTurns();
      assertEquals(calls, 5);
    });

    it("may be asked again from inside the call", async () => {
      let calls = 0;
      const ask = hop(() => {
        if (++calls < 5) ask();
      });
      ask();
      for (let i = 0; i < 20; i++) await Promise.resolve();
      assertEquals(calls, 5);
    });

    it("calls in the context in which it was made, not in the asker's", async () => {
      const als = new AsyncLocalStorage<string>();
      const seen: (string | undefined)[] = [];
      const outside = hop(() => seen.push(als.getStore()));
      const inside = als.run(
        "maker",
        () => hop(() => seen.push(als.getStore())),
      );
      for (let i = 0; i < 3; i++) {
        als.run("asker", () => {
          outside();
          inside();
        });
        await hostTurns();
      }
      assertEquals(seen, [
        undefined,
        "maker",
        undefined,
        "maker",
        undefined,
        "maker",
      ]);
      assertStrictEquals(als.getStore(), undefined);
    });

    it("keeps asyncio's order and contexts", async () => {
      const own: Platform = {
        ...platform,
        context: { createStore: platform.context.createStore, hop },
      };
      assertEquals(await trace(own), [...ORDER]);
    });
  });
}

for (const [name, make] of Object.entries(stores)) {
  describe(`store: ${name}`, () => {
    it("has a value inside run() only", () => {
      const store = make();
      const [a, b] = [{}, {}];
      assertStrictEquals(store.get(), undefined);
      assertEquals(
        store.run(a, () => {
          assertStrictEquals(store.get(), a);
          store.run(b, () => assertStrictEquals(store.get(), b));
          assertStrictEquals(store.get(), a);
          return 7;
        }),
        7,
      );
      assertStrictEquals(store.get(), undefined);
      assertThrows(() =>
        store.run(a, () => {
          throw new RangeError();
        }), RangeError);
      assertStrictEquals(store.get(), undefined);
    });

    it("follows promises, host timers and immediates", async () => {
      const store = make();
      const value = {};
      const seen: boolean[] = [];
      const note = () => void seen.push(store.get() === value);
      await store.run(value, async () => {
        await Promise.resolve();
        note();
        await new Promise<void>((done) => setTimeout(done, 1));
        note();
        await new Promise<void>((done) => setImmediate(done));
        note();
        await new Promise<void>((done) =>
          queueMicrotask(() => {
            note();
            done();
          })
        );
        // A thenable that others resume, as the library's futures are.
        await {
          then(resolve: (value: unknown) => void) {
            note();
            setTimeout(resolve, 1);
          },
        };
        note();
      });
      assertEquals(seen, Array.from({ length: 6 }, () => true));
      assertStrictEquals(store.get(), undefined);
    });

    it("stands beside another AsyncLocalStorage, either way round", async () => {
      const store = make();
      const als = new AsyncLocalStorage<object>();
      const [mine, theirs] = [{}, {}];
      const both = () => store.get() === mine && als.getStore() === theirs;
      const inner = store.run(mine, () =>
        als.run(theirs, async () => {
          assert(both());
          await hostTurns();
          return both();
        }));
      const outer = als.run(theirs, () =>
        store.run(mine, async () => {
          assert(both());
          await hostTurns();
          return both();
        }));
      assertEquals(await Promise.all([inner, outer]), [true, true]);
      als.run(theirs, () => {
        assertStrictEquals(store.get(), undefined);
        store.run(mine, () => {});
        assertStrictEquals(als.getStore(), theirs);
      });
    });
  });
}

describe("without the fast paths", () => {
  for (const how of ["public", "fast"]) {
    it(
      `the whole library keeps its order: ${how}`,
      { timeout: 10_000 },
      async () => {
        const child = Child.start("fallback.ts", [how], { allowAll: true });
        const end = await child.end;
        assertEquals(end.stderr, "");
        const { fast, lines } = JSON.parse(end.stdout);
        assertEquals(lines, [...ORDER]);
        assertEquals(fast, how === "fast" && runtime === "deno");
      },
    );
  }
});

describe("fakePlatform()", () => {
  it("has a clock of its own", () => {
    const { clock } = fakePlatform({ start: 100 });
    assertEquals(clock.now(), 100);
    clock.advance(2.5);
    assertEquals(clock.now(), 102.5);
    assertThrows(() => clock.advance(-1), RangeError, "backwards");
    assertThrows(() => clock.advance(NaN), RangeError);
    assertEquals(fakePlatform().clock.now(), 0);
  });

  it("its clock jumps to the deadline that an idle loop waits for", async () => {
    const fake = fakePlatform();
    const loop = new BaseEventLoop({ platform: fake });
    const began = performance.now();
    await loop.runUntilComplete(sleep(3600));
    assertEquals(fake.clock.now(), 3600);
    assert(performance.now() - began < 1000);
    assert(fake.clock.waits >= 1);
    loop.close();
  });

  it("a timer that was cleared does not move the clock", async () => {
    const { clock } = fakePlatform();
    let fired = false;
    clock.clearTimer(clock.startTimer(5, () => fired = true));
    await hostTurns(2);
    assertEquals([fired, clock.now()], [false, 0]);
  });

  it("what the program starts outside the loop comes before the jump", async () => {
    const fake = fakePlatform();
    const loop = new BaseEventLoop({ platform: fake });
    const seen: number[] = [];
    await loop.runUntilComplete(async () => {
      await Promise.resolve();
      for (let i = 0; i < 10; i++) await Promise.resolve();
      seen.push(loop.time());
      await sleep(7);
      seen.push(loop.time());
    });
    assertEquals(seen, [0, 7]);
    loop.close();
  });

  it("has the operating system and environment that a test chose", () => {
    const fake = fakePlatform({ os: "win32", env: { A: "1" } });
    assertEquals(fake.runtime, "fake");
    assertEquals(fake.os.name, "win32");
    assertEquals(fake.os.env("A"), "1");
    assertStrictEquals(fake.os.env("PATH"), undefined);
    assertEquals(fakePlatform().os.name, platform.os.name);
  });

  it("its loops do not share a clock", async () => {
    const [a, b] = [fakePlatform(), fakePlatform()];
    const loop = new BaseEventLoop({ platform: a });
    await loop.runUntilComplete(sleep(5));
    assertEquals([a.clock.now(), b.clock.now()], [5, 0]);
    loop.close();
    await assertRejects(() => loop.runForever());
  });
});
