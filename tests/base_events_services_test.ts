/** What a loop does for others: executors, other threads, async generators. */

import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { describe, it } from "./_harness.ts";
import { capturedLog, hostTurns, virtualLoop, withLoop } from "./_loops.ts";
import {
  asyncgen,
  CancelledError,
  currentTask,
  type Executor,
  Future,
  runCoroutineThreadsafe,
  RuntimeError,
  sleep,
} from "../mod.ts";

/** An executor that records its calls and runs them in a microtask. */
function recordingExecutor(hang = false) {
  const calls: unknown[] = [];
  const executor: Executor = {
    submit(fn, ...args) {
      calls.push(["submit", ...args]);
      return Promise.resolve().then(() => fn(...args));
    },
    shutdown(options) {
      calls.push(["shutdown", options?.wait]);
      return hang && options?.wait ? new Promise(() => {}) : Promise.resolve();
    },
  };
  return { executor, calls };
}

describe("runInExecutor()", () => {
  it("runs in a given executor and gives a future of the result", () =>
    withLoop(async ({ loop }) => {
      const { executor, calls } = recordingExecutor();
      const result = await loop.runUntilComplete(async () => {
        const future = loop.runInExecutor<number>(
          executor,
          (a: number, b: number) => a + b,
          2,
          3,
        );
        assert(future instanceof Future);
        assertStrictEquals(future.getLoop(), loop);
        return await future;
      });
      assertEquals(result, 5);
      assertEquals(calls, [["submit", 2, 3]]);
    }));

  it("hands on the error of the call", () =>
    withLoop(async ({ loop }) => {
      const { executor } = recordingExecutor();
      await assertRejects(
        () =>
          loop.runUntilComplete(loop.runInExecutor(executor, () => {
            throw new RangeError("in the worker");
          })),
        RangeError,
        "in the worker",
      );
    }));

  it("behaviour 66: cancelling the future does not stop the call", () =>
    withLoop(async ({ loop }) => {
      let ended = false;
      let finish!: () => void;
      const work = new Promise<void>((done) => finish = done);
      const executor: Executor = {
        submit: () => work.then(() => void (ended = true)),
        shutdown() {},
      };
      await loop.runUntilComplete(async () => {
        const future = loop.runInExecutor(executor, () => {});
        loop.callSoon(() => future.cancel());
        await assertRejects(async () => await future, CancelledError);
        assert(!ended);
        finish();
        await work.then(() => {});
        assert(ended);
      });
    }));

  it("uses the default executor that was set", () =>
    withLoop(async ({ loop }) => {
      const { executor, calls } = recordingExecutor();
      loop.setDefaultExecutor(executor);
      await loop.runUntilComplete(loop.runInExecutor(null, () => 1));
      assertEquals(calls, [["submit"]]);
      assertThrows(() => loop.setDefaultExecutor({} as never), TypeError);
      assertThrows(() => loop.setDefaultExecutor(null as never), TypeError);
    }));

  it("behaviour 66: is refused after shutdownDefaultExecutor()", () =>
    withLoop(async ({ loop }) => {
      const { executor, calls } = recordingExecutor();
      loop.setDefaultExecutor(executor);
      await loop.runUntilComplete(loop.shutdownDefaultExecutor());
      assertEquals(calls, [["shutdown", true]]);
      const error = assertThrows(
        () => loop.runInExecutor(null, () => {}),
        RuntimeError,
      );
      assertEquals(error.message, "Executor shutdown has been called");
      // A given one is still its caller's business.
      const other = recordingExecutor();
      assertEquals(
        await loop.runUntilComplete(
          loop.runInExecutor(other.executor, () => 4),
        ),
        4,
      );
    }));

  it("shutdownDefaultExecutor() without an executor is nothing", () =>
    withLoop(async ({ loop, clock }) => {
      await loop.runUntilComplete(loop.shutdownDefaultExecutor(7));
      assertEquals(clock.now(), 0);
      assertThrows(
        () => loop.runInExecutor(null, () => {}),
        RuntimeError,
        "Executor shutdown has been called",
      );
    }));

  it("shutdownDefaultExecutor() warns and goes on after its timeout", () =>
    withLoop(async ({ loop, clock }) => {
      const { executor, calls } = recordingExecutor(true);
      loop.setDefaultExecutor(executor);
      const log = await capturedLog(() =>
        loop.runUntilComplete(loop.shutdownDefaultExecutor(5))
      );
      assertEquals(clock.now(), 5);
      assertEquals(calls, [["shutdown", true], ["shutdown", false]]);
      assertEquals(log.map((e) => e.level), ["warning"]);
      assertStringIncludes(log[0]!.text, "within 5 seconds");
    }));

  it("close() does not wait for the default executor", async () => {
    const { loop } = virtualLoop();
    const { executor, calls } = recordingExecutor(true);
    loop.setDefaultExecutor(executor);
    loop.close();
    assertEquals(calls, [["shutdown", false]]);
    await hostTurns();
  });
});

describe("runCoroutineThreadsafe()", () => {
  it("behaviour 65: gives a promise of the result to code outside the loop", () =>
    withLoop(async ({ loop }) => {
      const running = loop.runForever();
      const promise = runCoroutineThreadsafe(sleep(3, "slept"), loop);
      assert(promise instanceof Promise);
      assertEquals(await promise, "slept");
      const failing = runCoroutineThreadsafe(async () => {
        await sleep(1);
        throw new RangeError("inside");
      }, loop);
      await assertRejects(() => failing, RangeError, "inside");
      loop.stop();
      await running;
    }));

  it("behaviour 65: its cancel cancels the task", () =>
    withLoop(async ({ loop }) => {
      const seen: unknown[] = [];
      const running = loop.runForever();
      const promise = runCoroutineThreadsafe(async () => {
        try {
          await loop.createFuture();
        } catch (error) {
          seen.push(
            error instanceof CancelledError,
            currentTask()?.cancelling(),
          );
          throw error;
        }
      }, loop);
      promise.catch(() => {});
      await hostTurns(2);
      assertEquals(promise.cancel(), true);
      await assertRejects(() => promise, CancelledError);
      assertEquals(promise.cancel(), false);
      assertEquals(seen, [true, 1]);
      loop.stop();
      await running;
    }));

  it("behaviour 65: cancelled before the loop took it, it does not start", () =>
    withLoop(async ({ loop }) => {
      let started = false;
      const promise = runCoroutineThreadsafe(async () => {
        started = true;
      }, loop);
      assertEquals(promise.cancel(), true);
      const outcome = assertRejects(() => promise, CancelledError);
      const running = loop.runForever();
      await outcome;
      loop.stop();
      await running;
      assert(!started);
    }));

  it("behaviour 65: refuses what is no coroutine", () =>
    withLoop(({ loop }) => {
      for (const bad of [null, 1, Promise.resolve(), loop.createFuture()]) {
        const error = assertThrows(
          () => runCoroutineThreadsafe(bad as never, loop),
          TypeError,
        );
        assertStringIncludes(error.message, "A coroutine object is required");
      }
    }));

  it("behaviour 65: an error of the task factory reaches the promise and the handler", () =>
    withLoop(async ({ loop, reports }) => {
      loop.setTaskFactory(() => {
        throw new RangeError("no tasks today");
      });
      const running = loop.runForever();
      await assertRejects(
        () => runCoroutineThreadsafe(sleep(0), loop),
        RangeError,
        "no tasks today",
      );
      loop.stop();
      await running;
      assertEquals(reports.length, 1);
      assert(reports[0]!.exception instanceof RangeError);
    }));
});

describe("shutdownAsyncgens()", () => {
  it("closes the generators that are open, and their finally may await", () =>
    withLoop(async ({ loop, clock }) => {
      const seen: string[] = [];
      const ticks = asyncgen(async function* (name: string) {
        try {
          for (let i = 0;; i++) {
            await sleep(1);
            yield i;
          }
        } finally {
          await sleep(1);
          seen.push(`${name} closed`);
        }
      });
      await loop.runUntilComplete(async () => {
        const open = ticks("open");
        assertEquals((await open.next()).value, 0);
        const left = ticks("left");
        for await (const i of left) if (i === 1) break;
        seen.push("loop left");
        ticks("never started");
      });
      assertEquals(seen, ["left closed", "loop left"]);
      const before = clock.now();
      await loop.runUntilComplete(loop.shutdownAsyncgens());
      assertEquals(seen, ["left closed", "loop left", "open closed"]);
      assertEquals(clock.now(), before + 1);
      await loop.runUntilComplete(loop.shutdownAsyncgens());
      assertEquals(seen.length, 3);
    }));

  for (const thrown of [new RangeError("at closing"), "a string"]) {
    it(`reports what closing threw: ${thrown}`, () =>
      withLoop(async ({ loop, reports }) => {
        const broken = asyncgen(async function* () {
          try {
            yield 1;
          } finally {
            // deno-lint-ignore no-unsafe-finally
            throw thrown;
          }
        });
        const gen = broken();
        await loop.runUntilComplete(async () => void await gen.next());
        await loop.runUntilComplete(loop.shutdownAsyncgens());
        assertEquals(reports.length, 1);
        assertStrictEquals(reports[0]!.exception, thrown);
        assertStrictEquals(reports[0]!.asyncgen, gen);
        assertStringIncludes(
          reports[0]!.message,
          "an error occurred during closing of asynchronous generator",
        );
      }));
  }

  it("warns of a generator that starts afterwards", () =>
    withLoop(async ({ loop }) => {
      await loop.runUntilComplete(loop.shutdownAsyncgens());
      const late = asyncgen(async function* late() {
        yield 1;
      });
      const log = await capturedLog(() =>
        loop.runUntilComplete(async () => {
          for await (const _ of late()) break;
        })
      );
      assertEquals(log.length, 1);
      assertStringIncludes(log[0]!.text, "shutdown_asyncgens");
    }));
});
