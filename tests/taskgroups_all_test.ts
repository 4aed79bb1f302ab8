/** TaskGroup.all(): the results of a group as typed values. */
import { assertEquals, assertInstanceOf } from "@std/assert";
import {
  BaseExceptionGroup,
  CancelledError,
  type Coro,
  type Coroutine,
  coroutine,
  currentTask,
  run,
  sleep,
  Task,
  TaskGroup,
} from "../mod.ts";
import { it } from "./_harness.ts";
import { both, caught } from "./_spell.ts";

/** True only where both types are the same, to the letter. */
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends
  (<T>() => T extends B ? 1 : 2) ? true : false;

/** Compiles only where the value's type is exactly the one named. */
function isExactly<Expected>() {
  return <Actual>(
    _value: Actual,
    ..._same: Equal<Actual, Expected> extends true ? []
      : ["the type is another", Actual]
  ): void => {};
}

async function number(): Promise<number> {
  await sleep(0);
  return 1;
}
function* flag(): Coro<boolean> {
  yield* sleep(0);
  return true;
}
const text = coroutine(async (s: string) => {
  await sleep(0);
  return s;
});

it("types: all() gives what it was given, with results in place", () =>
  run(async () => {
    const made = TaskGroup.all({ number, flag, gen: flag(), text: text("s") });
    isExactly<
      Coroutine<{ number: number; flag: boolean; gen: boolean; text: string }>
    >()(made);
    assertEquals(await made, { number: 1, flag: true, gen: true, text: "s" });
    const tuple = await TaskGroup.all([number, flag(), text("t")]);
    isExactly<[number, boolean, string]>()(tuple);
    assertEquals(tuple, [1, true, "t"]);
    const many = await TaskGroup.all(["a", "b"].map((s) => text(s)));
    isExactly<string[]>()(many);
    assertEquals(many, ["a", "b"]);
    assertEquals([await TaskGroup.all([]), await TaskGroup.all({})], [[], {}]);
    interface Named {
      readonly first: Coroutine<number>;
      second: Coro<boolean>;
    }
    const named: Named = { first: sleep(0, 7), second: flag() };
    const typed = TaskGroup.all(named);
    isExactly<Coroutine<{ first: number; second: boolean }>>()(typed);
    assertEquals(await typed, { first: 7, second: true });
    // @ts-expect-error neither an object nor an array
    void (() => TaskGroup.all(5));
    // @ts-expect-error a coroutine, not an object of them
    void (() => TaskGroup.all(sleep(0)));
    // @ts-expect-error a promise runs already
    void (() => TaskGroup.all([Promise.resolve(1)]));
    // @ts-expect-error a function that is no coroutine function
    void (() => TaskGroup.all({ plain: () => 1 }));
  }));

it("types: with() and createTask()", () =>
  run(async () => {
    const value = await new TaskGroup().with(async (group) => {
      isExactly<TaskGroup>()(group);
      isExactly<Task<number>>()(group.createTask(number));
      isExactly<Task<boolean>>()(group.createTask(flag));
      isExactly<Task<boolean>>()(group.createTask(flag()));
      const task = group.createTask(text("t"), { name: "t" });
      isExactly<Task<string>>()(task);
      isExactly<string>()(await task);
      // @ts-expect-error a promise runs already
      void (() => group.createTask(number()));
      return [task];
    });
    // Undefined where cancel() came before the body's end.
    isExactly<Task<string>[] | undefined>()(value);
    assertEquals(value?.[0]?.result(), "t");
    const generated = new TaskGroup().with(function* (group) {
      isExactly<TaskGroup>()(group);
      return yield* flag();
    });
    isExactly<Coroutine<boolean | undefined>>()(generated);
    assertEquals(await generated, true);
    // @ts-expect-error a body is needed
    void (() => new TaskGroup().with());
  }));

both("all() fails as a group, with the others cancelled", function* (t) {
  const log: string[] = [];
  const error = yield* caught(TaskGroup.all({
    bad: t.co(function* () {
      yield sleep(1);
      throw new RangeError("bad");
    })(),
    slow: t.co(function* () {
      try {
        yield sleep(9);
      } finally {
        log.push("cancelled");
      }
    })(),
  }));
  assertInstanceOf(error, BaseExceptionGroup);
  assertEquals(error.errors.map(String), ["RangeError: bad"]);
  assertEquals([log, t.loop.time()], [["cancelled"], 1]);
});

both(
  "all() of one that is cancelled by itself raises its error",
  function* (t) {
    const log: string[] = [];
    const error = yield* caught(TaskGroup.all([
      t.co(function* () {
        yield sleep(0);
        currentTask()!.cancel("by itself");
        yield sleep(1);
      })(),
      t.co(function* () {
        yield sleep(2);
        log.push("undisturbed");
      })(),
    ]));
    assertInstanceOf(error, CancelledError);
    assertEquals([error.message, log], ["by itself", ["undisturbed"]]);
    assertEquals(currentTask()!.cancelling(), 0);
  },
);

both("all() takes a limit", function* (t) {
  const results: number[] = yield TaskGroup.all(
    [3, 2, 1].map((n) =>
      t.co(function* () {
        yield sleep(1);
        return n * t.loop.time();
      })()
    ),
    { limit: 1 },
  );
  assertEquals(results, [3, 4, 3]);
});

both("all() refuses what is no coroutine, and starts nothing", function* (t) {
  let ran = false;
  const fine = t.co(function* named() {
    ran = true;
  });
  const all = TaskGroup.all as (coros: unknown) => Coroutine<unknown>;
  const first = fine();
  for (
    const [coros, text] of [
      [{ a: first, b: 5 }, "a coroutine is expected at b, got number"],
      [[fine(), Promise.resolve()], "at 1, got a Promise or a future, which"],
      [[null], "a coroutine is expected at 0, got null"],
      [Object.assign(Array(2), [fine()]), "expected at 1, got undefined"],
      [null, "an object or an array of coroutines is expected, got null"],
      [5, "an object or an array of coroutines is expected, got number"],
      [new Set(), "an object or an array of coroutines is expected, got"],
      [fine(), "an object or an array of coroutines is expected, got"],
    ] as const
  ) {
    const error = yield* caught(all(coros));
    assertInstanceOf(error, TypeError);
    assertEquals(error.message.includes(text), true, error.message);
  }
  yield sleep(0);
  assertEquals(ran, false);
  const error = yield* caught(first);
  assertEquals(
    (error as Error).message,
    "cannot reuse already closed coroutine named",
  );
});

both(
  "all() closes what it does not come to when a task cannot be made",
  function* (t) {
    let left = 1;
    t.loop.setTaskFactory((loop, coro, options) => {
      if (left-- === 0) throw new RangeError("no more tasks");
      return new Task(coro, { ...options, loop });
    });
    const log: string[] = [];
    const job = t.co(function* job(name: string) {
      log.push(name);
      yield sleep(9);
    });
    const last = job("last");
    const error = yield* caught(
      TaskGroup.all([job("first"), job("second"), last]),
    );
    t.loop.setTaskFactory(null);
    assertInstanceOf(error, BaseExceptionGroup);
    assertEquals(error.errors.map(String), ["RangeError: no more tasks"]);
    assertEquals([log, t.loop.time()], [[], 0]);
    assertEquals(
      ((yield* caught(last)) as Error).message,
      "cannot reuse already closed coroutine job",
    );
  },
);
