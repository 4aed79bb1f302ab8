/** The loop: callbacks, iterations, running, stopping, closing, executors. */

import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { describe, it } from "./_harness.ts";
import {
  capturedLog,
  hostTurns,
  oneIteration,
  virtualLoop,
  withLoop,
} from "./_loops.ts";
import {
  _getRunningLoop,
  asyncgen,
  BaseEventLoop,
  CancelledError,
  type Coro,
  coroutine,
  currentTask,
  type Executor,
  Future,
  getRunningLoop,
  runCoroutineThreadsafe,
  RuntimeError,
  sleep,
  Task,
} from "../mod.ts";

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

describe("runForever()", () => {
  it("makes its loop the running one, for host callbacks too", () =>
    withLoop(async ({ loop }) => {
      assertStrictEquals(_getRunningLoop(), null);
      assert(!loop.isRunning());
      const running = loop.runForever();
      assertStrictEquals(_getRunningLoop(), loop);
      await hostTurns();
      assertStrictEquals(getRunningLoop(), loop);
      assert(loop.isRunning());
      loop.stop();
      await running;
      assertStrictEquals(_getRunningLoop(), null);
    }));

  it("behaviour 58: refuses to run twice and goes on running", () =>
    withLoop(async ({ loop }) => {
      const running = loop.runForever();
      await assertRejects(
        () => loop.runForever(),
        RuntimeError,
        "This event loop is already running",
      );
      await assertRejects(
        () => loop.runUntilComplete(sleep(0)),
        RuntimeError,
        "This event loop is already running",
      );
      // CPython 3.13.0 unset the running loop here, which hung the program.
      assertStrictEquals(_getRunningLoop(), loop);
      assert(loop.isRunning());
      loop.stop();
      await running;
    }));

  it("behaviour 58: refuses to run inside another loop", () =>
    withLoop(async ({ loop }) => {
      const other = virtualLoop().loop;
      await loop.runUntilComplete(async () => {
        await assertRejects(
          () => other.runForever(),
          RuntimeError,
          "Cannot run the event loop while another loop is running",
        );
        await assertRejects(
          () => other.runUntilComplete(sleep(0)),
          RuntimeError,
          "Cannot run the event loop while another loop is running",
        );
        assertStrictEquals(getRunningLoop(), loop);
        assert(!other.isRunning());
      });
      // It is none the worse for it.
      await other.runUntilComplete(sleep(1));
      other.close();
    }));

  it("can be run many times, keeping what was queued", () =>
    withLoop(async ({ loop }) => {
      const seen: number[] = [];
      for (let i = 0; i < 20; i++) {
        loop.callSoon(() => {
          seen.push(i);
          loop.stop();
        });
        await loop.runForever();
      }
      assertEquals(seen.length, 20);
    }));
});

describe("runUntilComplete()", () => {
  it("returns the result of every kind of awaitable", () =>
    withLoop(async ({ loop }) => {
      function* gen(): Coro<string> {
        yield* sleep(1);
        return "generator";
      }
      const future = loop.createFuture<string>();
      loop.callLater(1, () => future.setResult("future"));
      assertEquals(await loop.runUntilComplete(gen()), "generator");
      assertEquals(await loop.runUntilComplete(gen), "generator");
      assertEquals(await loop.runUntilComplete(sleep(1, "coro")), "coro");
      assertEquals(await loop.runUntilComplete(async () => "async"), "async");
      assertEquals(await loop.runUntilComplete(future), "future");
      assertEquals(
        await loop.runUntilComplete(loop.createTask(gen())),
        "generator",
      );
      assertEquals(
        await loop.runUntilComplete(Promise.resolve("promise")),
        "promise",
      );
    }));

  it("throws the error, and it counts as seen", async () => {
    const { loop, reports } = virtualLoop();
    await assertRejects(
      () =>
        loop.runUntilComplete(async () => {
          throw new RangeError("mine");
        }),
      RangeError,
      "mine",
    );
    const future = loop.createFuture<void>();
    future.cancel("enough");
    const error = await assertRejects(
      () => loop.runUntilComplete(future),
      CancelledError,
    );
    assertEquals(error.message, "enough");
    loop.close();
    assertEquals(reports, []);
  });

  it("runs one iteration for a future that is done already", () =>
    withLoop(async ({ loop }) => {
      const seen: string[] = [];
      const future = loop.createFuture<number>();
      future.setResult(3);
      loop.callSoon(() => {
        seen.push("present");
        loop.callSoon(() => void seen.push("late"));
      });
      assertEquals(await loop.runUntilComplete(future), 3);
      assertEquals(seen, ["present"]);
    }));

  it("behaviour 58: stopped early is a RuntimeError", () =>
    withLoop(async ({ loop }) => {
      const future = loop.createFuture<void>();
      loop.callLater(1, () => loop.stop());
      const error = await assertRejects(
        () => loop.runUntilComplete(future),
        RuntimeError,
      );
      assertEquals(error.message, "Event loop stopped before Future completed.");
      // Its callback was taken back: the next run does not end by it.
      let later = false;
      future.setResult();
      loop.callLater(1, () => {
        later = true;
        loop.stop();
      });
      await loop.runForever();
      assert(later);
    }));

  it("refuses a future of another loop", () =>
    withLoop(async ({ loop }) => {
      const other = virtualLoop().loop;
      const error = await assertRejects(
        () => loop.runUntilComplete(other.createFuture()),
        RangeError,
      );
      assertStringIncludes(error.message, "belongs to a different loop");
      other.close();
    }));

  it("refuses what cannot be awaited", () =>
    withLoop(async ({ loop }) => {
      for (const bad of [null, undefined, 3, {}]) {
        await assertRejects(
          () => loop.runUntilComplete(bad as never),
          TypeError,
        );
      }
      await loop.runUntilComplete(sleep(0));
    }));
});

describe("close()", () => {
  it("behaviour 58: is refused while the loop runs", () =>
    withLoop(async ({ loop }) => {
      await loop.runUntilComplete(async () => {
        assertThrows(
          () => loop.close(),
          RuntimeError,
          "Cannot close a running event loop",
        );
        await sleep(0);
        assert(!loop.isClosed());
      });
    }));

  it("behaviour 58: twice is nothing", () => {
    const { loop } = virtualLoop();
    assert(!loop.isClosed());
    loop.close();
    loop.close();
    assert(loop.isClosed());
    assert(!loop.isRunning());
  });

  it("behaviour 58: a closed loop refuses work", async () => {
    const { loop } = virtualLoop();
    loop.close();
    const text = "Event loop is closed";
    const calls = [
      () => loop.callSoon(() => {}),
      () => loop.callSoonThreadsafe(() => {}),
      () => loop.callLater(1, () => {}),
      () => loop.callAt(1, () => {}),
      () => loop.createTask(sleep(0)),
      () => new Task(sleep(0), { loop }),
      () => loop.runInExecutor(null, () => {}),
    ];
    for (const call of calls) {
      assertEquals(assertThrows(call, RuntimeError).message, text);
    }
    await assertRejects(() => loop.runForever(), RuntimeError, text);
    await assertRejects(() => loop.runUntilComplete(sleep(0)), RuntimeError, text);
    assertStrictEquals(_getRunningLoop(), null);
  });

  it("drops what was scheduled", async () => {
    const { loop, clock } = virtualLoop();
    loop.callSoon(() => {
      throw new Error("must not run");
    });
    loop.callLater(1, () => {
      throw new Error("must not run");
    });
    loop.close();
    await hostTurns(3);
    assertEquals(clock.waits, 0);
  });

  it("leaves its futures usable, without callbacks", () => {
    const { loop } = virtualLoop();
    const future = new Future<number>({ loop });
    loop.close();
    future.setResult(1);
    assertEquals(future.result(), 1);
    assertThrows(
      () => future.addDoneCallback(() => {}),
      RuntimeError,
      "Event loop is closed",
    );
  });
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
        await loop.runUntilComplete(loop.runInExecutor(other.executor, () => 4)),
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
          seen.push(error instanceof CancelledError, currentTask()?.cancelling());
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
