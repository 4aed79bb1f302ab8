/** The loop: callbacks, iterations, running, stopping, closing, executors. */

import {
  assert,
  assertEquals,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { describe, it } from "./_harness.ts";
import { hostTurns, oneIteration, withLoop } from "./_loops.ts";
import { BaseEventLoop, coroutine, sleep, Task } from "../mod.ts";

describe("callSoon()", () => {
  it("calls in the order of the calls, with the arguments", () =>
    withLoop(async ({ loop }) => {
      const seen: unknown[] = [];
      loop.callSoon((...args) => void seen.push(args));
      loop.callSoon((...args) => void seen.push(args), 1);
      loop.callSoon((...args) => void seen.push(args), 1, "b");
      loop.callSoon((...args) => void seen.push(args), 1, "b", null, 4, 5);
      await oneIteration(loop);
      assertEquals(seen, [[], [1], [1, "b"], [1, "b", null, 4, 5]]);
    }));

  it("passes over a cancelled handle", () =>
    withLoop(async ({ loop }) => {
      const seen: string[] = [];
      loop.callSoon(() => handle.cancel());
      const handle = loop.callSoon(() => void seen.push("no"));
      loop.callSoon(() => void seen.push("yes"));
      await oneIteration(loop);
      assertEquals(seen, ["yes"]);
    }));

  it("behaviour 55: an iteration runs the handles present at its start, no more", () =>
    withLoop(async ({ loop }) => {
      const seen: string[] = [];
      const chain = (name: string, n: number) => {
        seen.push(name + n);
        if (n < 3) loop.callSoon(chain, name, n + 1);
      };
      loop.callSoon(chain, "a", 1);
      loop.callSoon(chain, "b", 1);
      await oneIteration(loop);
      assertEquals(seen, ["a1", "b1"]);
      await oneIteration(loop);
      assertEquals(seen, ["a1", "b1", "a2", "b2"]);
      await oneIteration(loop);
      await oneIteration(loop);
      assertEquals(seen.length, 6);
    }));

  it("keeps the order through a queue of many thousands", () =>
    withLoop(async ({ loop }) => {
      const seen: number[] = [];
      for (let i = 0; i < 5000; i++) loop.callSoon((n) => void seen.push(n), i);
      await oneIteration(loop);
      for (let i = 5000; i < 9000; i++) {
        loop.callSoon((n) => void seen.push(n), i);
      }
      await oneIteration(loop);
      assertEquals(seen.length, 9000);
      assert(seen.every((n, i) => n === i));
    }));

  it("behaviour 60: refuses a coroutine function and names the fix", () =>
    withLoop(({ loop }) => {
      for (
        const fn of [
          async () => {},
          function* () {},
          coroutine(async () => {}),
        ]
      ) {
        const soon = assertThrows(() => loop.callSoon(fn), TypeError);
        assertStringIncludes(soon.message, "coroutines cannot be used with");
        assertStringIncludes(soon.message, "callSoon()");
        assertStringIncludes(soon.message, "createTask");
        for (
          const schedule of [
            () => loop.callLater(0, fn),
            () => loop.callAt(0, fn),
            () => loop.callSoonThreadsafe(fn),
          ]
        ) assertThrows(schedule, TypeError, "coroutines cannot be used with");
      }
    }));

  it("behaviour 60: refuses a coroutine object and names the fix", () =>
    withLoop(({ loop }) => {
      const generator = (function* () {})();
      for (const object of [sleep(0), generator]) {
        const error = assertThrows(
          () => loop.callSoon(object as never),
          TypeError,
        );
        assertStringIncludes(error.message, "createTask");
      }
    }));

  it("refuses what cannot be called", () =>
    withLoop(({ loop }) => {
      for (const bad of [null, undefined, 1, "f", {}]) {
        const error = assertThrows(
          () => loop.callSoon(bad as never),
          TypeError,
          "a callable object was expected by callSoon()",
        );
        assert(error.message.length > 50);
      }
      assertThrows(() => loop.callLater(1, null as never), TypeError);
      assertThrows(() => loop.callAt(1, null as never), TypeError);
      assertThrows(() => loop.callSoonThreadsafe(7 as never), TypeError);
    }));
});

describe("callSoonThreadsafe()", () => {
  it("wakes an idle loop from a host callback", () =>
    withLoop(async ({ loop }) => {
      const seen: string[] = [];
      const running = loop.runForever();
      await hostTurns(3);
      loop.callSoonThreadsafe(() => {
        seen.push("called");
        loop.stop();
      });
      await running;
      assertEquals(seen, ["called"]);
    }));
});

describe("stop()", () => {
  it("behaviour 55: finishes the current iteration", () =>
    withLoop(async ({ loop }) => {
      const seen: string[] = [];
      loop.callSoon(() => {
        seen.push("a");
        loop.stop();
        loop.callSoon(() => void seen.push("c"));
      });
      loop.callSoon(() => void seen.push("b"));
      await loop.runForever();
      assertEquals(seen, ["a", "b"]);
      await oneIteration(loop);
      assertEquals(seen, ["a", "b", "c"]);
    }));

  it("behaviour 55: before a run, that run takes exactly one iteration", () =>
    withLoop(async ({ loop }) => {
      const seen: string[] = [];
      loop.callSoon(() => {
        seen.push("a");
        loop.callSoon(() => void seen.push("next"));
      });
      loop.stop();
      loop.callSoon(() => void seen.push("b"));
      await loop.runForever();
      assertEquals(seen, ["a", "b"]);
    }));

  it("before a run with nothing to do, the run ends", () =>
    withLoop(async ({ loop, clock }) => {
      loop.stop();
      await loop.runForever();
      loop.callLater(5, () => {
        throw new Error("must not be waited for");
      });
      loop.stop();
      await loop.runForever();
      assertEquals(clock.now(), 0);
    }));

  it("before a run, timers that are due run in that iteration", () =>
    withLoop(async ({ loop, clock }) => {
      const seen: string[] = [];
      loop.callLater(1, () => void seen.push("due"));
      loop.callSoon(() => void seen.push("ready"));
      clock.advance(2);
      await oneIteration(loop);
      assertEquals(seen, ["ready", "due"]);
    }));

  it("counts once: the next run goes on", () =>
    withLoop(async ({ loop }) => {
      loop.stop();
      loop.stop();
      await loop.runForever();
      let ran = false;
      loop.callLater(1, () => {
        ran = true;
        loop.stop();
      });
      await loop.runForever();
      assert(ran);
    }));

  it("ends a loop that sleeps, called by the host", () =>
    withLoop(async ({ loop }) => {
      const running = loop.runForever();
      await hostTurns(2);
      assert(loop.isRunning());
      loop.stop();
      await running;
      assert(!loop.isRunning());
    }));

  it("waits for the step of an async task in its last iteration", () =>
    withLoop(async ({ loop }) => {
      const seen: string[] = [];
      loop.createTask(async () => {
        await sleep(0);
        seen.push("woken");
        await Promise.resolve();
        await Promise.resolve();
        seen.push("after native awaits");
        await sleep(0);
        seen.push("next iteration");
      });
      await oneIteration(loop);
      loop.callSoon(() => loop.stop());
      await loop.runForever();
      assertEquals(seen, ["woken", "after native awaits"]);
      await oneIteration(loop);
    }));
});

describe("toString()", () => {
  it("shows the state of the loop", () =>
    withLoop(async ({ loop }) => {
      assertEquals(
        `${loop}`,
        "<BaseEventLoop running=false closed=false debug=false>",
      );
      loop.setDebug(true);
      await loop.runUntilComplete(async () => {
        assertStringIncludes(`${loop}`, "running=true");
        assertStringIncludes(`${loop}`, "debug=true");
      });
      loop.close();
      assertStringIncludes(`${loop}`, "closed=true");
    }));
});

describe("setTaskFactory()", () => {
  it("is asked for every task, with the options", () =>
    withLoop(async ({ loop }) => {
      const seen: unknown[] = [];
      assertStrictEquals(loop.getTaskFactory(), null);
      const factory = (
        l: unknown,
        coro: unknown,
        options: { name?: string | null | undefined },
      ) => {
        seen.push([l === loop, options.name]);
        return new Task(coro as () => Promise<unknown>, { ...options, loop });
      };
      loop.setTaskFactory(factory);
      assertStrictEquals(loop.getTaskFactory(), factory);
      const task = loop.createTask(sleep(0, 5), { name: "given" });
      assertEquals(task.getName(), "given");
      assertEquals(await loop.runUntilComplete(task), 5);
      await loop.runUntilComplete(sleep(0));
      assertEquals(seen, [[true, "given"], [true, undefined]]);
      loop.setTaskFactory(null);
      assertStrictEquals(loop.getTaskFactory(), null);
      assertThrows(
        () => loop.setTaskFactory(3 as never),
        TypeError,
        "task factory must be a callable",
      );
    }));
});

describe("the loop's kind", () => {
  it("is a BaseEventLoop with a clock in seconds", () => {
    const loop = new BaseEventLoop();
    const began = loop.time();
    const host = performance.now() / 1000;
    assert(Math.abs(began - host) < 1);
    assert(loop.time() >= began);
    loop.close();
  });
});
