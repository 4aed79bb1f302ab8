/** Promises and this library's awaitables, used as each other. */
import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import {
  allTasks,
  CancelledError,
  coroutine,
  createTask,
  currentTask,
  ensureFuture,
  Future,
  gather,
  getRunningLoop,
  isFuture,
  RuntimeError,
  Semaphore,
  shield,
  sleep,
  Task,
  TimeoutError,
  wait,
  waitFor,
  wrapFuture,
} from "../mod.ts";
import { it } from "./_harness.ts";
import { both, caught, outcome } from "./_spell.ts";
import { finish, runVirtual, virtualLoop } from "./_virtual.ts";

/** Something the library knows nothing of: a host timer. */
function foreign<T>(value: T, ms = 1): Promise<T> {
  return new Promise((resolve) => setTimeout(() => resolve(value), ms));
}

it("Promise.all of library awaitables waits for all at once", () =>
  runVirtual(async ({ loop }) => {
    const future = loop.createFuture<string>();
    loop.callLater(3, () => future.setResult("future"));
    const all = await Promise.all([
      sleep(2, "sleep"),
      future,
      createTask(sleep(1, "task")),
      coroutine(async () => {
        await sleep(2);
        return "coroutine";
      })(),
      foreign("promise"),
    ]);
    assertEquals(all, ["sleep", "future", "task", "coroutine", "promise"]);
    assertEquals(loop.time(), 3);
    const first = await Promise.race([sleep(5, "slow"), sleep(1, "fast")]);
    assertEquals([first, loop.time()], ["fast", 4]);
  }, { realTimers: true }));

it("a task that awaits several at once is cancelled in each of them", () =>
  runVirtual(async ({ loop }) => {
    const log: unknown[] = [];
    const part = coroutine(async (name: string) => {
      try {
        await sleep(10);
      } catch (error) {
        log.push([name, (error as CancelledError).args]);
        throw error;
      }
    });
    const future = loop.createFuture<void>();
    const task = createTask(async () => {
      await Promise.all([part("one"), part("two"), future]);
    });
    await sleep(1);
    task.cancel("both");
    const error = await task.then(() => null, (error) => error);
    assertInstanceOf(error, CancelledError);
    await sleep(1);
    assertEquals(log, [["one", ["both"]], ["two", ["both"]]]);
    assertEquals([future.cancelled(), task.cancelled()], [true, true]);
    assertEquals(loop.time(), 2);
  }));

it("a cancel that the parts answer late ends the task when they have", () =>
  runVirtual(async ({ loop }) => {
    const part = coroutine(async (seconds: number) => {
      try {
        await sleep(10);
      } finally {
        await sleep(seconds);
      }
    });
    const ends: number[] = [];
    const task = createTask(async () => {
      const outcomes = await Promise.allSettled([part(1), part(3)]);
      ends.push(loop.time());
      for (const outcome of outcomes) {
        if (outcome.status === "rejected") throw outcome.reason;
      }
    });
    await sleep(1);
    task.cancel();
    await task.then(() => null, () => null);
    assertEquals([ends, task.cancelled()], [[4], true]);
  }));

it("outside of any task a future and a task can be awaited while the loop runs", async () => {
  const v = virtualLoop();
  const running = v.loop.runForever();
  const future = v.loop.createFuture<string>();
  const task = v.loop.createTask(async () => {
    await sleep(2);
    return "task";
  });
  const failing = v.loop.createTask(function* () {
    yield* sleep(1);
    throw new RangeError("failed");
  });
  v.loop.callLater(3, () => future.setResult("future"));
  assertEquals(currentTask(v.loop), null);
  assertEquals(await task, "task");
  await assertRejects(async () => await failing, RangeError, "failed");
  assertEquals(await future, "future");
  // Done ones too.
  assertEquals(await Promise.all([future, task]), ["future", "task"]);
  const cancelled = v.loop.createTask(sleep(10));
  cancelled.cancel("gone");
  await assertRejects(async () => await cancelled, CancelledError, "gone");
  v.loop.stop();
  await running;
  await finish(v);
  assertEquals(v.messages(), []);
});

it("outside of any task a coroutine that is awaited becomes one", async () => {
  const v = virtualLoop();
  const running = v.loop.runForever();
  const seen: unknown[] = [];
  const work = coroutine(async (n: number) => {
    seen.push(currentTask() instanceof Task, allTasks().size);
    await sleep(n);
    return n;
  });
  assertEquals(await work(2), 2);
  assertEquals(await Promise.all([work(1), work(3)]), [1, 3]);
  assertEquals(seen[0], true);
  assertEquals(await sleep(1, "library coroutine"), "library coroutine");
  v.loop.stop();
  await running;
  await finish(v);
});

it("outside of any loop awaiting a coroutine is an error that says so", async () => {
  const error = await assertRejects(
    async () => await coroutine(async () => {})(),
    RuntimeError,
  );
  assertEquals(error.message.includes("run()"), true);
});

it("a callback of a promise, in no task, may wait for the loop's tasks", () =>
  runVirtual(async ({ loop, hold }) => {
    // As a Deno.serve handler does: called by the host, in no task.
    const channel = new MessageChannel();
    const answer = new Promise<string>((resolve, reject) => {
      channel.port1.onmessage = async () => {
        try {
          release();
          resolve(await createTask(sleep(1, "handled")));
        } catch (error) {
          reject(error);
        }
      };
    });
    const release = hold();
    channel.port2.postMessage(null);
    const late = loop.createFuture<void>();
    answer.finally(() => late.setResult());
    await late;
    assertEquals(await answer, "handled");
    channel.port1.close();
  }));

both(
  "wrapFuture is left at once on cancel, the promise goes on",
  function* ({ co }) {
    const log: string[] = [];
    const promise = foreign("x", 20).then(() => log.push("promise"));
    const task = createTask(
      co(function* () {
        try {
          yield wrapFuture(promise);
        } finally {
          log.push("left");
        }
      })(),
    );
    yield sleep(0);
    yield sleep(0);
    task.cancel();
    assertInstanceOf(yield* caught(task), CancelledError);
    assertEquals(log, ["left"]);
    yield wrapFuture(promise);
    assertEquals(log, ["left", "promise"]);
  },
  { virtual: { realTimers: true } },
);

both(
  "wrapFuture hands on values, errors and cancellations",
  function* () {
    assertEquals(yield wrapFuture(foreign("value")), "value");
    assertEquals(
      yield* outcome(wrapFuture(Promise.reject(new RangeError("bad")))),
      "RangeError(bad)",
    );
    const cancelled = wrapFuture(Promise.reject(new CancelledError("why")));
    const error = yield* caught(cancelled);
    assertInstanceOf(error, CancelledError);
    assertEquals([error.args, cancelled.cancelled()], [["why"], true]);
    const thenable = { then: (ok: (n: number) => void) => ok(3) };
    assertEquals(yield wrapFuture(thenable as PromiseLike<number>), 3);
  },
  { virtual: { realTimers: true } },
);

it("a promise that settles after its loop was closed harms nobody", async () => {
  for (const how of ["fulfilled", "rejected"]) {
    const v = virtualLoop();
    // What would be an unhandled rejection of a promise is thrown here.
    let settle!: (value: unknown) => void;
    const thenable = {
      then: (ok: (value: number) => void, no: (error: unknown) => void) => {
        settle = how === "fulfilled" ? ok as never : no;
      },
    };
    const seen: unknown[] = [];
    v.loop.createTask(function* () {
      seen.push(yield* wrapFuture(thenable as PromiseLike<number>));
    });
    v.loop.callSoon(() => v.loop.stop());
    await v.loop.runForever();
    v.loop.close();
    settle(new Error("too late"));
    assertEquals([seen, v.messages()], [[], []]);
  }
});

both(
  "ensureFuture, gather, wait, waitFor and shield adopt a promise",
  function* () {
    const future = ensureFuture(foreign("a"));
    assertEquals([isFuture(future), future instanceof Task], [true, false]);
    assertEquals(yield future, "a");
    const [b, c]: string[] = yield gather([foreign("b"), sleep(0, "c")]);
    assertEquals([b, c], ["b", "c"]);
    // The virtual clock does not wait for host timers: microtasks only.
    assertEquals(yield waitFor(Promise.resolve("d"), 60), "d");
    assertEquals(yield shield(foreign("e")), "e");
    const wrapped = wrapFuture(foreign("f"));
    const { done } = yield wait([wrapped]);
    assertEquals([...done], [wrapped]);
    assertEquals(
      yield* outcome(gather([Promise.reject(new RangeError("bad")), sleep(0)])),
      "RangeError(bad)",
    );
  },
  { virtual: { realTimers: true } },
);

it("waitFor gives a promise up that never settles", async () => {
  // Not in a virtual test: its clock would wait for what is foreign.
  const v = virtualLoop();
  const error = await v.loop.runUntilComplete(async () =>
    await waitFor(new Promise(() => {}), 3).then(null, (error) => error)
  );
  assertInstanceOf(error, TimeoutError);
  assertEquals(v.loop.time(), 3);
  await finish(v);
});

it("future.then chains as a promise does", () =>
  runVirtual(async ({ loop }) => {
    const future = loop.createFuture<number>();
    const chain = future
      .then((n) => n + 1)
      .then(async (n) => {
        await foreign(1);
        return n * 10;
      });
    const passed = future.then(null, () => "not called");
    const nested = future.then((n) => sleep(0, n));
    const thrown = future.then(() => {
      throw new RangeError("in a callback");
    });
    const rescued = thrown.then(() => "no", (error) => error.message);
    future.setResult(1);
    assertEquals(await chain, 20);
    assertEquals(await passed, 1);
    assertEquals(await nested, 1);
    assertEquals(await rescued, "in a callback");
    await assertRejects(async () => await thrown, RangeError);
    // A done future the same way.
    assertEquals(await future.then((n) => n + 1), 2);
    const failed = loop.createFuture<number>();
    const handled = failed.then(
      null,
      (error) => `handled ${(error as Error).message}`,
    );
    const through = failed.then((n) => n).then(null, () => "passed through");
    failed.setException(new Error("it"));
    assertEquals(await handled, "handled it");
    assertEquals(await through, "passed through");
  }, { realTimers: true }));

it("a coroutine's then chains too, and takes part in the task", () =>
  runVirtual(async ({ loop }) => {
    const value = await sleep(1, 1).then((n) => n + 1).then((n) => n * 10);
    assertEquals(value, 20);
    const rescued = await coroutine(async () => {
      await sleep(1);
      throw new RangeError("inside");
    })().then(null, (error) => (error as Error).message);
    assertEquals([rescued, loop.time()], ["inside", 2]);
  }));

it("an error in a then callback that nobody handles is the host's to report", async () => {
  // Told to whoever chained, never to the loop and never lost on the way.
  await runVirtual(async ({ loop }) => {
    const future = loop.createFuture<void>();
    const thrown = future.then(() => {
      throw new RangeError("nobody else's");
    });
    future.setResult();
    const error = await Promise.resolve(thrown).catch((error) => error);
    assertInstanceOf(error, RangeError);
  });
});

it("an async function's promise can be awaited twice, its future as often as wanted", () =>
  runVirtual(async () => {
    const task = createTask(sleep(1, { n: 1 }));
    const [a, b] = await Promise.all([task, task]);
    assertStrictEquals(a, b);
    assertStrictEquals(await task, a);
    assertInstanceOf(getRunningLoop().createFuture(), Future);
  }));

it("a cancelled task that waits in several places gets it in each, woken ones too", () =>
  runVirtual(async () => {
    for (const woken of [0, 1, 2]) {
      const semaphore = new Semaphore(0);
      const log: string[] = [];
      const task = createTask(async () => {
        await Promise.all([1, 2].map((n) =>
          semaphore.with(async () => {
            log.push(`in ${n}`);
            await sleep(1);
          })
        ));
      });
      await sleep(1);
      for (let i = 0; i < woken; i++) semaphore.release();
      task.cancel();
      await wait([task]);
      await sleep(3);
      assertEquals([task.cancelled(), log], [true, []]);
      // The wake-ups were passed on.
      assertEquals(semaphore.statistics().value, woken);
    }
  }));

it("a cancelled task whose parts only give the others a turn gets it in each", () =>
  runVirtual(async () => {
    const log: string[] = [];
    const task = createTask(async () => {
      await Promise.all([1, 2].map(async (n) => {
        try {
          await sleep(0);
        } catch (error) {
          log.push(`${n}: ${error}`);
          throw error;
        }
      }));
    });
    await sleep(0);
    task.cancel();
    await wait([task]);
    assertEquals(log, ["1: CancelledError", "2: CancelledError"]);
    assertEquals(task.cancelled(), true);
  }));
