/** gather and wait. */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  CancelledError,
  coroutine,
  createTask,
  currentTask,
  FIRST_EXCEPTION,
  type Future,
  gather,
  RuntimeError,
  sleep,
  type Task,
  wait,
} from "../mod.ts";
import { it } from "./_harness.ts";
import { type Body, both, caught, inSpelling, outcome } from "./_spell.ts";
import { virtualLoop } from "./_virtual.ts";

/** Sleeps, then returns or throws. */
function* ends(after: number, how: unknown): Body<unknown> {
  yield sleep(after);
  if (how instanceof Error) throw how;
  return how;
}

/** Ends only some time after it was cancelled. */
function* cleansUp(log: unknown[], seconds: number): Body<string> {
  try {
    yield sleep(100);
  } finally {
    yield sleep(seconds);
    log.push(`${currentTask()!.getName()} ended`);
  }
  return "ran through";
}

both(
  "behaviour 23: the first error settles gather at once, the siblings go on",
  function* ({ co, loop }) {
    const make = co(ends);
    const slow = createTask(make(5, "slow"));
    const all = gather([slow, make(1, new RangeError("first"))]);
    assertEquals(yield* outcome(all), "RangeError(first)");
    assertEquals([loop.time(), slow.done()], [1, false]);
    assertEquals(yield slow, "slow");
    assertEquals(loop.time(), 5);
  },
);

both(
  "behaviour 23: results stand in the order given, errors among them if asked",
  function* ({ co }) {
    const make = co(ends);
    const values = yield gather([make(3, "a"), make(1, "b"), make(2, "c")]);
    assertEquals(values, ["a", "b", "c"]);
    const error = new Error("in the list");
    const mixed: unknown[] = yield gather([make(2, "a"), make(1, error)], {
      returnExceptions: true,
    });
    assertEquals(mixed[0], "a");
    assertStrictEquals(mixed[1], error);
  },
);

both(
  "behaviour 24: cancelling gather cancels all children and waits for them",
  function* ({ co, loop }) {
    for (const returnExceptions of [false, true]) {
      const log: unknown[] = [];
      const began = loop.time();
      const make = co(cleansUp);
      const children = [1, 3].map((seconds) =>
        createTask(make(log, seconds), { name: `child ${seconds}` })
      );
      const all = gather(children, { returnExceptions });
      yield sleep(0);
      assertEquals(all.cancel("down"), true);
      const error = yield* caught(all);
      assertInstanceOf(error, CancelledError);
      // Without returnExceptions the first to end settles it already.
      assertEquals(loop.time() - began, returnExceptions ? 3 : 1);
      assertEquals([all.done(), all.cancelled()], [true, false]);
      yield wait(children);
      assertEquals(log, ["child 1 ended", "child 3 ended"]);
      assertEquals(children.map((child) => child.cancelled()), [true, true]);
    }
  },
);

both(
  "behaviour 24: children that swallow the cancel do not hide it from the outer",
  function* ({ co, loop }) {
    const stubborn = co(function* (seconds: number) {
      try {
        yield sleep(100);
      } catch {
        yield sleep(seconds);
      }
      return "kept on";
    });
    for (const returnExceptions of [false, true]) {
      const began = loop.time();
      const children = [1, 2].map((n) => createTask(stubborn(n)));
      const all = gather(children, { returnExceptions });
      yield sleep(0);
      all.cancel();
      assertInstanceOf(yield* caught(all), CancelledError);
      assertEquals(loop.time() - began, 2);
      assertEquals(all.cancelled(), false);
      assertEquals(children.map((child) => child.result()), [
        "kept on",
        "kept on",
      ]);
    }
  },
);

both(
  "behaviour 24: cancelling the task that awaits gather is cancelling gather",
  function* ({ co }) {
    const child = createTask(co(ends)(9, "x"));
    const parent = createTask(
      co(function* () {
        yield gather([child, sleep(8)]);
      })(),
    );
    yield sleep(0);
    yield sleep(0);
    parent.cancel("from above");
    const error = yield* caught(parent);
    assertEquals((error as CancelledError).args, ["from above"]);
    assertEquals([parent.cancelled(), child.cancelled()], [true, true]);
  },
);

both(
  "behaviour 25: gather's cancel() is false when every child is done",
  function* ({ co, loop }) {
    const futures = [loop.createFuture<number>(), loop.createFuture<number>()];
    const all = gather(futures);
    futures.forEach((future, i) => future.setResult(i));
    // The outer has not heard of it yet.
    assertEquals([all.done(), all.cancel()], [false, false]);
    assertEquals(yield all, [0, 1]);
    assertEquals(all.cancel(), false);
    const task = createTask(co(ends)(1, "x"));
    const partly = gather([futures[0]!, task]);
    assertEquals(partly.cancel(), true);
    yield* caught(partly);
    assertEquals(task.cancelled(), true);
  },
);

both(
  "behaviour 26: a child cancelled by itself is an error of gather, no cancel",
  function* ({ co }) {
    const make = co(ends);
    const [one, two] = [createTask(make(5, "x")), createTask(make(5, "y"))];
    const all = gather([one, two]);
    yield sleep(0);
    one.cancel("only me");
    const error = yield* caught(all);
    assertInstanceOf(error, CancelledError);
    assertEquals(error.args, ["only me"]);
    assertEquals([all.cancelled(), one.cancelled(), two.done()], [
      false,
      true,
      false,
    ]);
    assertEquals(currentTask()!.cancelling(), 0);
    assertEquals(yield two, "y");
  },
);

both(
  "behaviour 26: with returnExceptions it stands in the list",
  function* ({ co, loop }) {
    const make = co(ends);
    const future = loop.createFuture<void>();
    const tasks = [createTask(make(1, "x")), createTask(make(1, "y"))];
    const all = gather([...tasks, future], { returnExceptions: true });
    yield sleep(0);
    tasks[0]!.cancel("a task's message goes to the task");
    future.cancel("a future keeps its own");
    const list: unknown[] = yield all;
    assertInstanceOf(list[0], CancelledError);
    assertInstanceOf(list[2], CancelledError);
    assertEquals(list.map((v) => v instanceof CancelledError ? v.args : v), [
      [""],
      "y",
      ["a future keeps its own"],
    ]);
  },
);

both(
  "behaviour 27: the same awaitable twice runs once and fills both slots",
  function* ({ co, loop }) {
    let runs = 0;
    const make = co(function* () {
      runs++;
      yield sleep(1);
      return { runs };
    });
    const coro = make();
    const task = createTask(make());
    const fn = make;
    const promise = Promise.resolve("p");
    const all: { runs: number }[] = yield gather(
      [coro, task, coro, task, fn, fn, promise as never, promise as never],
    );
    assertEquals(runs, 3);
    for (const i of [0, 1]) assertStrictEquals(all[i], all[i + 2]);
    assertStrictEquals(all[4], all[5]);
    assertEquals(all.slice(6) as unknown[], ["p", "p"]);
    assertEquals(loop.time(), 1);
  },
);

both("behaviour 27: gather of nothing is done with []", function* () {
  const empty = gather([]);
  assertEquals([empty.done(), empty.result()], [true, []]);
  assertEquals(yield empty, []);
});

// A report of the loop would fail the test.
both(
  "behaviour 28: errors after gather is done count as seen",
  function* ({ co }) {
    const make = co(ends);
    const late = createTask(make(2, new Error("late")));
    const all = gather([make(1, new RangeError("first")), late]);
    assertEquals(yield* outcome(all), "RangeError(first)");
    yield wait([late]);
    yield sleep(1);
    assertEquals(late.done(), true);
  },
);

inSpelling(
  "generator",
  "gather: refuses what is no array of awaitables",
  function* ({ co }) {
    const make = co(ends);
    const wrong: unknown[] = [make(0, 1), createTask(sleep(0)), null, 1];
    for (const aws of wrong) {
      const error = assertThrows(() => gather(aws as never), TypeError);
      assert(error.message.includes("gather([a(), b()])"), error.message);
    }
    for (const aw of [1, null, {}, "text"]) {
      assertThrows(() => gather([aw] as never), TypeError);
    }
    yield sleep(0);
  },
);

it("gather: a future of another loop is refused, and so is no loop at all", async () => {
  assertThrows(() => gather([]), RuntimeError);
  const coro = coroutine(async () => {})();
  assertThrows(() => gather([coro]), RuntimeError);
  const one = virtualLoop().loop;
  const two = virtualLoop().loop;
  const future = one.createFuture<void>();
  assertThrows(
    () => gather([future, two.createFuture<void>()]),
    RangeError,
    "different loop",
  );
  // Of one loop it works from outside.
  const all: Future<[void]> = gather([future]);
  assertStrictEquals(all.getLoop(), one);
  one.callSoon(() => future.setResult());
  assertEquals(await one.runUntilComplete(all), [undefined]);
  one.close();
  two.close();
});

// JavaScript can throw anything, also what looks like "no error".
both(
  "gather and wait: a child that throws undefined or null has failed",
  function* ({ co, loop }) {
    const make = co(function* (value: unknown) {
      yield sleep(0);
      throw value;
    });
    for (const value of [undefined, null, 0, ""]) {
      const tasks: Task<unknown>[] = [
        createTask(make(value)),
        createTask(sleep(1)),
      ];
      let thrown: unknown = "nothing";
      try {
        yield gather(tasks);
      } catch (error) {
        thrown = error;
      }
      assertStrictEquals(thrown, value);
      const list = yield gather([createTask(make(value))], {
        returnExceptions: true,
      });
      assertEquals(list, [value]);
      const began = loop.time();
      const { done } = yield wait([createTask(make(value)), tasks[1]!], {
        returnWhen: FIRST_EXCEPTION,
      });
      assertEquals([done.size, loop.time() - began], [1, 0]);
      for (const task of done) yield* outcome0(task);
      yield tasks[1];
    }
  },
);

function* outcome0(task: unknown): Body {
  try {
    yield task;
  } catch { /* known */ }
}
