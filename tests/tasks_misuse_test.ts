/** What tasks are wrongly given: the error, and that it names the way out. */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  allTasks,
  type Coro,
  coroutine,
  createTask,
  currentTask,
  gather,
  runCoroutineThreadsafe,
  RuntimeError,
  sleep,
  Task,
} from "../mod.ts";
import { it } from "./_harness.ts";
import { both, caught, inSpelling, outcome } from "./_spell.ts";
import { finish, runVirtual, virtualLoop } from "./_virtual.ts";

it("createTask refuses a running Promise and says what to pass instead", () =>
  runVirtual(async ({ loop }) => {
    const running = (async () => await 1)();
    for (const promise of [running, { then() {} }, loop.createFuture()]) {
      const error = assertThrows(
        () => createTask(promise as never),
        TypeError,
        "a coroutine was expected",
      );
      assert(error.message.includes("createTask(() => work())"), error.message);
      assert(error.message.includes("ensureFuture"), error.message);
    }
    // Nothing half-made is left behind.
    assertEquals(allTasks(), new Set([currentTask()!]));
    await running;
  }));

it("createTask refuses what is no coroutine at all", () =>
  runVirtual(function* () {
    const wrong: unknown[] = [1, "text", null, undefined, {}, [], Symbol("s")];
    wrong.push((async function* () {})(), new Map().keys());
    for (const value of wrong) {
      assertThrows(
        () => createTask(value as never),
        TypeError,
        "a coroutine was expected",
      );
      assertThrows(() => new Task(value as never), TypeError);
    }
    assertEquals(allTasks().size, 1);
    yield* sleep(0);
  }));

it("outside of a loop createTask and currentTask are refused", () => {
  assertThrows(
    () => createTask(sleep(0)),
    RuntimeError,
    "no running event loop",
  );
  assertThrows(() => currentTask(), RuntimeError, "no running event loop");
  assertThrows(() => allTasks(), RuntimeError, "no running event loop");
});

it("a closed loop takes no tasks", async () => {
  const v = virtualLoop();
  const future = v.loop.createFuture<void>();
  await finish(v);
  assertThrows(
    () => v.loop.createTask(sleep(0)),
    RuntimeError,
    "Event loop is closed",
  );
  assertThrows(() => future.addDoneCallback(() => {}) ?? future.setResult());
});

it("a function that returns no promise and no generator fails its task", () =>
  runVirtual(async () => {
    const task = createTask((() => 7) as never);
    const error = await task.then(() => null, (error) => error);
    assertInstanceOf(error, TypeError);
    assert(error.message.includes("make it async"), error.message);
    const thrown = createTask(() => {
      throw new RangeError("at once");
    });
    assertEquals(
      await thrown.then(() => null, String),
      "RangeError: at once",
    );
    assertThrows(() => coroutine(7 as never), TypeError, "function");
  }));

inSpelling(
  "generator",
  "a generator object that is already a task is not run a second time",
  function* () {
    const once = (function* (): Coro<number> {
      yield* sleep(1);
      return 7;
    })();
    const task = createTask(once);
    yield sleep(0);
    const again = yield* outcome(createTask(once));
    assertEquals(yield* outcome(task), "7");
    assertEquals(again.startsWith("RuntimeError(cannot reuse"), true, again);
  },
);

both("sleep refuses NaN and what is no number", function* ({ loop }) {
  const error = yield* caught(sleep(NaN));
  assertInstanceOf(error, RangeError);
  assertEquals(error.message, "Invalid delay: NaN (not a number)");
  for (const wrong of [undefined, null, "1", {}, []]) {
    const error = yield* caught(sleep(wrong as never));
    assertInstanceOf(error, TypeError, String(wrong));
  }
  // Negative ones are as 0, as in CPython.
  assertEquals(yield sleep(-5, "x"), "x");
  assertEquals(yield sleep(-Infinity, "y"), "y");
  assertEquals(loop.time(), 0);
});

it("timers refuse NaN and what is no number; negative delays are past", () =>
  runVirtual(function* ({ loop }) {
    for (const call of [loop.callLater, loop.callAt]) {
      assertThrows(() => call.call(loop, NaN, () => {}), RangeError, "NaN");
      for (const wrong of [undefined, null, "1"]) {
        assertThrows(
          () => call.call(loop, wrong as never, () => {}),
          TypeError,
        );
      }
    }
    const log: string[] = [];
    loop.callLater(-1, () => log.push("past"));
    yield* sleep(0);
    yield* sleep(0);
    assertEquals([log, loop.time()], [["past"], 0]);
  }));

both(
  "mistakes are errors of the task that made them, and the loop goes on",
  function* ({ co, loop }) {
    const other = virtualLoop().loop;
    const mistakes: [string, () => unknown][] = [
      ["RuntimeError", () => currentTask()],
      ["RuntimeError", () => other.createFuture()],
      ["TypeError", () => gather([1] as never)],
    ];
    for (const [name, make] of mistakes) {
      const work = co(function* () {
        yield make();
      });
      const error = yield* caught(createTask(work(), { name: "mistaken" }));
      assertEquals((error as Error).constructor.name, name);
    }
    other.close();
    yield sleep(1);
    assertEquals(loop.time(), 1);
  },
);

both(
  "gather: what it had begun when it was refused does no harm",
  function* ({ co, loop }) {
    const log: string[] = [];
    const work = co(function* (fails: boolean) {
      yield sleep(1);
      log.push("ran");
      if (fails) throw new Error("nobody asks");
      return "value";
    });
    for (const fails of [false, true]) {
      assertThrows(() => gather([work(fails), 1] as never), TypeError);
      yield sleep(2);
    }
    assertEquals([log, loop.time()], [["ran", "ran"], 4]);
  },
);

both("a task that throws what is no error has failed", function* ({ co }) {
  const work = co(function* (value: unknown) {
    yield sleep(0);
    throw value;
  });
  for (const value of [undefined, null, 0, "text", false]) {
    const task = createTask(work(value));
    let thrown: unknown = "nothing";
    try {
      yield task;
    } catch (error) {
      thrown = error;
    }
    assertStrictEquals(thrown, value);
    assertEquals([task.done(), task.cancelled()], [true, false]);
    assertEquals(String(task).includes("exception="), true);
  }
});

it("runCoroutineThreadsafe: a coroutine, its result, its error, its cancel", async () => {
  const v = virtualLoop();
  for (const wrong of [1, null, Promise.resolve(), v.loop.createFuture()]) {
    assertThrows(
      () => runCoroutineThreadsafe(wrong as never, v.loop),
      TypeError,
      "A coroutine object is required",
    );
  }
  const running = v.loop.runForever();
  assertEquals(await runCoroutineThreadsafe(sleep(1, "x"), v.loop), "x");
  const failing = runCoroutineThreadsafe(async () => {
    await sleep(1);
    throw new RangeError("bad");
  }, v.loop);
  assertEquals(await failing.catch(String), "RangeError: bad");
  const forever = runCoroutineThreadsafe(function* () {
    yield* v.loop.createFuture<void>();
  }, v.loop);
  assertEquals(forever.cancel(), true);
  const error = await forever.catch((error) => error);
  assertEquals([error.name, forever.cancel()], ["CancelledError", false]);
  v.loop.stop();
  await running;
  await finish(v);
});

both(
  "allTasks: those that run, in the order they were made",
  function* ({ co }) {
    const work = co(function* (seconds: number) {
      yield sleep(seconds);
    });
    const me = currentTask()!;
    const [a, b, c] = [2, 1, 3].map((n) => createTask(work(n)));
    assertEquals([...allTasks()], [me, a, b, c] as Task<unknown>[]);
    yield b;
    assertEquals([...allTasks()], [me, a, c] as Task<unknown>[]);
    yield gather([a!, c!]);
    assertEquals([...allTasks()], [me]);
  },
);
