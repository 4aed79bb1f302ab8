/** Both spellings mixed, and what survives a native await. */
import {
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
} from "@std/assert";
import {
  CancelledError,
  ContextVar,
  type Coro,
  coroutine,
  createTask,
  currentTask,
  gather,
  getRunningLoop,
  RuntimeError,
  sleep,
  type Task,
  timeout,
  TimeoutError,
} from "../mod.ts";
import { it, runtime } from "./_harness.ts";
import { both, caught } from "./_spell.ts";
import { runVirtual } from "./_virtual.ts";

/** Something the library knows nothing of: a host timer. */
function foreign<T>(value: T, ms = 1): Promise<T> {
  return new Promise((resolve) => setTimeout(() => resolve(value), ms));
}

const asyncTwice = coroutine(async (n: number) => {
  await sleep(1);
  return n * 2;
});
const generatorTwice = coroutine(function* (n: number) {
  yield* sleep(1);
  return n * 2;
});
function* bareTwice(n: number): Coro<number> {
  yield* sleep(1);
  return n * 2;
}

it("a generator awaits both spellings as part of its own task", () =>
  runVirtual(function* ({ loop }) {
    const me = currentTask();
    const tasks: unknown[] = [];
    const note = coroutine(async () => {
      tasks.push(currentTask());
      await sleep(1);
      tasks.push(currentTask());
    });
    assertEquals(yield* asyncTwice(1), 2);
    assertEquals(yield* generatorTwice(2), 4);
    assertEquals(yield* bareTwice(3), 6);
    yield* note();
    for (const task of tasks) assertStrictEquals(task, me);
    assertEquals([tasks.length, loop.time()], [2, 4]);
  }));

it("an async function awaits both spellings as part of its own task", () =>
  runVirtual(async ({ loop }) => {
    const me = currentTask();
    const tasks: unknown[] = [];
    const note = coroutine(function* () {
      tasks.push(currentTask());
      yield* sleep(1);
      tasks.push(currentTask());
    });
    assertEquals(await asyncTwice(1), 2);
    assertEquals(await generatorTwice(2), 4);
    assertEquals(await coroutine(bareTwice)(3), 6);
    await note();
    for (const task of tasks) assertStrictEquals(task, me);
    assertEquals([tasks.length, loop.time()], [2, 4]);
  }));

it("every form of a coroutine can be a task", () =>
  runVirtual(async () => {
    const made = [
      createTask(asyncTwice(1)),
      createTask(generatorTwice(2)),
      createTask(bareTwice(3)),
      createTask(() => bareTwice(4)),
      createTask(() => asyncTwice(5)),
      createTask(async () => await asyncTwice(6)),
      createTask(function* () {
        return yield* bareTwice(7);
      }),
      createTask(async () => await Promise.resolve(16)),
    ] as Task<number>[];
    assertEquals(await gather(made), [2, 4, 6, 8, 10, 12, 14, 16]);
  }));

it("the spellings nest in each other, cancel and errors included", () =>
  runVirtual(async ({ loop }) => {
    const log: string[] = [];
    const deep: (depth: number) => unknown = (depth) => {
      if (depth === 0) return sleep(10);
      return depth % 2 === 0
        ? coroutine(async () => {
          try {
            await (deep(depth - 1) as PromiseLike<void>);
          } finally {
            log.push(`async ${depth}`);
          }
        })()
        : coroutine(function* () {
          try {
            yield* deep(depth - 1) as Coro<void>;
          } finally {
            log.push(`generator ${depth}`);
          }
        })();
    };
    const task = createTask(deep(4) as Coro<void>);
    await sleep(1);
    task.cancel("all the way down");
    let error: unknown;
    try {
      await task;
    } catch (e) {
      error = e;
    }
    assertInstanceOf(error, CancelledError);
    assertEquals(error.args, ["all the way down"]);
    assertEquals(log, ["generator 1", "async 2", "generator 3", "async 4"]);
    assertEquals(loop.time(), 1);
  }));

it("async helpers nest 50 deep without a wait more than the innermost", () =>
  runVirtual(async ({ loop }) => {
    const helper = async (depth: number): Promise<number> => {
      if (depth === 0) {
        await sleep(0);
        return 0;
      }
      return await helper(depth - 1) + 1;
    };
    for (
      const make of [
        () => createTask(() => helper(50)),
        () =>
          createTask(function* () {
            return yield* coroutine(helper)(50);
          }),
      ]
    ) {
      const log: string[] = [];
      const task = make();
      task.addDoneCallback(() => log.push("deep"));
      // One iteration to start, one for sleep(0), one for the callback.
      for (let i = 0; i < 4; i++) {
        loop.callSoon(() => log.push(`iteration ${i}`));
        await sleep(0);
      }
      assertEquals(await task, 50);
      assertEquals(log, [
        "iteration 0",
        "iteration 1",
        "deep",
        "iteration 2",
        "iteration 3",
      ]);
    }
  }));

it("an inline async helper that fails or is cancelled does so in its task", () =>
  runVirtual(async () => {
    const helper = async () => {
      await sleep(0);
      throw new RangeError("inside");
    };
    const seen: string[] = [];
    const task = createTask(function* () {
      try {
        yield* coroutine(helper)();
      } catch (error) {
        seen.push((error as Error).message);
      }
      const waiting = coroutine(async () => {
        try {
          await sleep(10);
        } finally {
          seen.push("left");
        }
      });
      yield* waiting();
    });
    await sleep(0);
    await sleep(0);
    await sleep(0);
    task.cancel();
    try {
      await task;
    } catch { /* known */ }
    assertEquals([seen, task.cancelled()], [["inside", "left"], true]);
  }));

both(
  "the current task and context variables survive native awaits",
  function* ({ fn }) {
    const user = new ContextVar<string>("user");
    const work = (name: string) =>
      createTask(
        fn(function* () {
          const me = currentTask();
          user.set(name);
          const inside = async () => {
            const seen: unknown[] = [];
            const note = () =>
              seen.push(currentTask() === me && user.get() === name);
            note();
            await Promise.resolve();
            note();
            await foreign(1);
            note();
            await new Promise<void>((resolve) => queueMicrotask(resolve));
            note();
            await sleep(1);
            note();
            await Promise.all([foreign(1, 3), foreign(2, 1), sleep(1)]);
            note();
            await new Promise<void>((resolve) =>
              setTimeout(() => {
                note();
                resolve();
              }, 1)
            );
            user.set(name);
            for await (
              const _ of (async function* () {
                await foreign(1);
                yield 1;
                await sleep(0);
                yield 2;
              })()
            ) note();
            note();
            return seen;
          };
          const seen: unknown[] = yield coroutine(inside)();
          // What was set inside an inline call is set for the whole task.
          assertEquals(user.get(), name);
          return seen;
        }),
        { name },
      );
    user.set("main");
    const all: unknown[][] = yield gather([work("ann"), work("bob")]);
    for (const seen of all) {
      // What browsers call back, the timer here, belongs to no task.
      const own = new Array(10).fill(true).with(6, runtime !== "web");
      assertEquals(seen, own);
    }
    assertEquals(user.get(), "main");
  },
  { virtual: { realTimers: true } },
);

it("in a callback of the loop there is no current task, in a host timer of a task there is", () =>
  runVirtual(async ({ loop }) => {
    const me = currentTask();
    const seen: unknown[] = [];
    loop.callSoon(() => seen.push(currentTask()));
    loop.callLater(1, () => seen.push(currentTask()));
    await sleep(2);
    setTimeout(() => seen.push(currentTask()), 0);
    await foreign(1, 5);
    assertEquals(seen.length, 3);
    assertEquals(seen.slice(0, 2), [null, null]);
    assertStrictEquals(seen[2], runtime === "web" ? null : me);
  }, { realTimers: true }));

it("what a finished task left behind belongs to no task", () =>
  runVirtual(async () => {
    const seen: unknown[] = [];
    let left!: Promise<void>;
    const task = createTask(async () => {
      left = (async () => {
        await foreign(1, 5);
        seen.push(currentTask());
      })();
      await sleep(0);
    });
    await task;
    await left;
    assertEquals(seen, [null]);
  }, { realTimers: true }));

it("a body of with() runs in its task in both spellings, mixed as well", () =>
  runVirtual(async ({ loop }) => {
    const user = new ContextVar<string>("user");
    const task = createTask(function* () {
      const me = currentTask();
      return yield* timeout(5).with(async () => {
        // The virtual clock does not wait for host timers: microtasks only.
        await Promise.resolve();
        user.set("set in the body");
        await sleep(1);
        assertStrictEquals(currentTask(), me);
        return await timeout(5).with(function* () {
          yield* sleep(1);
          assertStrictEquals(currentTask(), me);
          return user.get();
        });
      });
    });
    assertEquals(await task, "set in the body");
    assertEquals(loop.time(), 2);
    const late = createTask(function* () {
      yield* timeout(1).with(async () => {
        await timeout(50).with(function* () {
          yield* sleep(10);
        });
      });
    });
    const error = await late.then(() => null, (error) => error);
    assertInstanceOf(error, TimeoutError);
    assertEquals(loop.time(), 3);
  }));

it("a task that never touches the library runs, ends, fails and is cancelled late", () =>
  runVirtual(async ({ loop }) => {
    const log: unknown[] = [];
    const pure = createTask(async () => {
      for (let i = 0; i < 5; i++) await foreign(i, 0);
      return "pure";
    });
    const failing = createTask(async () => {
      await foreign(1);
      throw new RangeError("pure");
    });
    loop.callSoon(() => log.push("the loop goes on"));
    assertEquals(await pure, "pure");
    assertEquals(await failing.then(null, String), "RangeError: pure");
    assertEquals(log, ["the loop goes on"]);
    // Nothing of the library to throw it at: the cancel waits for the end.
    const deaf = createTask(async () => {
      await foreign(1, 5);
      log.push("ran through");
      return 1;
    });
    await sleep(0);
    assertEquals(deaf.cancel("too late"), true);
    const error = await deaf.then(() => null, (error) => error);
    assertInstanceOf(error, CancelledError);
    assertEquals([error.args, log.at(-1)], [["too late"], "ran through"]);
  }, { realTimers: true }));

it("a cancel during a foreign await arrives at the next await of the library", () =>
  runVirtual(async ({ loop }) => {
    for (
      const next of [
        () => sleep(10),
        () => sleep(0),
        () => loop.createFuture<void>(),
      ]
    ) {
      const log: string[] = [];
      const task = createTask(async () => {
        await foreign(1, 5);
        log.push("foreign done");
        await next();
        log.push("not here");
      });
      await sleep(0);
      task.cancel("as soon as possible");
      const error = await task.then(() => null, (error) => error);
      assertInstanceOf(error, CancelledError);
      assertEquals([log, error.args], [
        ["foreign done"],
        ["as soon as possible"],
      ]);
    }
    assertEquals(loop.time(), 0);
  }, { realTimers: true }));

both(
  "a coroutine is awaited once, in every form",
  function* ({ co, spelling }) {
    const once = co(function* work() {
      yield sleep(0);
      return 1;
    })();
    assertEquals(yield once, 1);
    for (const again of [once, createTask(once)]) {
      const error = yield* caught(again);
      assertInstanceOf(error, RuntimeError);
      assertEquals(
        error.message.startsWith("cannot reuse already awaited coroutine"),
        true,
      );
      assertEquals(error.message.includes("call the function again"), true);
    }
    const closed = co(function* () {
      yield sleep(0);
    })();
    closed.close();
    const error = yield* caught(closed);
    assertInstanceOf(error, RuntimeError);
    assertEquals(error.message.includes("closed coroutine"), true, spelling);
  },
);

it("a coroutine does not run before it is awaited", () =>
  runVirtual(async () => {
    const log: string[] = [];
    const lazy = coroutine(async (name: string) => {
      log.push(name);
      await sleep(0);
    });
    const generator = coroutine(function* (name: string) {
      log.push(name);
      yield* sleep(0);
    });
    const [a, b] = [lazy("a"), generator("b")];
    await sleep(1);
    assertEquals(log, []);
    await b;
    await a;
    assertEquals(log, ["b", "a"]);
    assertEquals(getRunningLoop().isRunning(), true);
  }));
