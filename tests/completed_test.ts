/** asCompleted, in both ways of iterating. */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  asCompleted,
  CancelledError,
  type Coroutine,
  createTask,
  type Future,
  gather,
  isCoroutine,
  sleep,
  type Task,
  TimeoutError,
} from "../mod.ts";
import { it } from "./_harness.ts";
import { type Body, both, caught, inSpelling, outcome } from "./_spell.ts";
import { runVirtual } from "./_virtual.ts";

/** Sleeps, then returns or throws. */
function* ends(after: number, how: unknown): Body<unknown> {
  yield sleep(after);
  if (how instanceof Error) throw how;
  return how;
}

both(
  "behaviour 30: plain iteration gives coroutines of the next result each",
  function* ({ co, loop }) {
    const make = co(ends);
    const seen: unknown[] = [];
    const all = asCompleted([
      make(3, "third"),
      createTask(make(1, "first")),
      make(2, new RangeError("second")),
    ]);
    for (const next of all) {
      assertEquals(isCoroutine(next), true);
      seen.push([yield* outcome(next), loop.time()]);
    }
    assertEquals(seen, [["first", 1], ["RangeError(second)", 2], ["third", 3]]);
  },
);

both(
  "behaviour 30: the coroutines may be awaited at once, in any order",
  function* ({ co }) {
    const make = co(ends);
    const nexts: Coroutine<unknown>[] = [
      ...asCompleted([make(2, "b"), make(1, "a"), make(3, "c")]),
    ];
    assertEquals(nexts.length, 3);
    assertEquals(yield gather(nexts.reverse()), ["a", "b", "c"]);
  },
);

it("behaviour 30: for await gives the futures themselves, tasks for the rest", () =>
  runVirtual(async ({ loop }) => {
    const slow = createTask(sleep(2, "slow"));
    const future = loop.createFuture<string>();
    loop.callLater(1, () => future.setResult("future"));
    const seen: Future<string>[] = [];
    for await (const done of asCompleted([slow, future, sleep(3, "made")])) {
      assertEquals([done.done(), loop.time()], [true, seen.length + 1]);
      seen.push(done as Future<string>);
    }
    assertStrictEquals(seen[0], future);
    assertStrictEquals(seen[1] as unknown, slow);
    assertEquals(seen.map((done) => done.result()), ["future", "slow", "made"]);
  }));

it("behaviour 30: a generator gets the futures from nextFuture()", () =>
  runVirtual(function* () {
    const slow = createTask(sleep(2, "slow"));
    const all = asCompleted([slow, sleep(1, "fast")]);
    const first = yield* all.nextFuture();
    assertEquals(first!.result(), "fast");
    const second = yield* all.nextFuture();
    assertStrictEquals(second as unknown, slow);
    assertEquals(yield* all.nextFuture(), null);
  }));

both("behaviour 30: duplicates are handed out once", function* ({ co }) {
  const make = co(ends);
  const task = createTask(make(1, "x"));
  const coro = make(2, "y");
  const seen: unknown[] = [];
  for (const next of asCompleted([task, coro, task, coro])) {
    seen.push(yield next);
  }
  assertEquals(seen, ["x", "y"]);
});

both(
  "behaviour 30: after the timeout each item that is left raises TimeoutError",
  function* ({ co, loop }) {
    const make = co(ends);
    const tasks = [1, 5, 6].map((n) => createTask(make(n, n)));
    const seen: string[] = [];
    for (const next of asCompleted(tasks, { timeout: 3 })) {
      seen.push(yield* outcome(next));
    }
    assertEquals(seen, ["1", "TimeoutError()", "TimeoutError()"]);
    assertEquals(loop.time(), 3);
    // Nothing was cancelled.
    assertEquals(yield gather(tasks), [1, 5, 6]);
  },
);

it("behaviour 30: for await ends with TimeoutError at the timeout", () =>
  runVirtual(async ({ loop }) => {
    const tasks = [1, 5].map((n) => createTask(sleep(n, n)));
    const seen: number[] = [];
    let error: unknown;
    try {
      for await (const task of asCompleted(tasks, { timeout: 3 })) {
        seen.push(task.result());
      }
    } catch (e) {
      error = e;
    }
    assertInstanceOf(error, TimeoutError);
    assertEquals([seen, loop.time()], [[1], 3]);
    assertEquals(await tasks[1], 5);
  }));

both(
  "behaviour 30: a lone awaitable is a TypeError, at the call",
  function* ({ co }) {
    const make = co(ends);
    const task = createTask(make(0, 1));
    const generator = (function* () {})();
    const wrong: [unknown, string][] = [
      [task, "Task"],
      [make(0, 1), "Coroutine"],
      [generator, ""],
      [make, ""],
      [Promise.resolve(), "Promise"],
      [null, ""],
      [1, ""],
    ];
    for (const [fs, name] of wrong) {
      const error = assertThrows(() => asCompleted(fs as never), TypeError);
      assert(error.message.includes("iterable"), error.message);
      assert(error.message.includes(name), error.message);
    }
    assertThrows(() => asCompleted([1] as never), TypeError);
    yield task;
  },
);

both("asCompleted: nothing gives nothing", function* () {
  assertEquals([...asCompleted([])], []);
  assertEquals([...asCompleted([], { timeout: 1 })], []);
  yield sleep(0);
});

both(
  "asCompleted: a timeout that is not reached leaves no timer behind",
  function* ({ loop }) {
    for (const next of asCompleted([sleep(1, "x")], { timeout: 60 })) {
      yield next;
    }
    yield sleep(1);
    assertEquals(loop.time(), 2);
  },
);

both(
  "asCompleted: cancelled while it waits, a getter loses nothing",
  function* ({ co, loop }) {
    const make = co(ends);
    const [one, two] = asCompleted([make(2, "a"), make(3, "b")]);
    const first = createTask(one!);
    const second = createTask(two!);
    yield sleep(1);
    first.cancel();
    assertInstanceOf(yield* caught(first), CancelledError);
    assertEquals([yield second, loop.time()], ["a", 2]);
    yield sleep(1);
  },
);

both(
  "asCompleted: cancelled after it was woken, a getter hands the result on",
  function* ({ loop }) {
    const futures = [loop.createFuture<string>(), loop.createFuture<string>()];
    const [one, two] = asCompleted(futures);
    const first = createTask(one!);
    const second = createTask(two!);
    yield sleep(0);
    futures[1]!.setResult("only one");
    // The future's callback wakes the first getter in the next iteration.
    loop.callSoon(() => first.cancel());
    assertInstanceOf(yield* caught(first), CancelledError);
    assertEquals(yield second, "only one");
  },
);

inSpelling(
  "async",
  "asCompleted: both ways of iterating share what is left",
  function* () {
    const all = asCompleted([sleep(1, "a"), sleep(2, "b"), sleep(3, "c")]);
    const seen: unknown[] = [yield all.next().value];
    const rest = all[Symbol.asyncIterator]();
    for (;;) {
      const { done, value }: IteratorResult<Task<string>> = yield rest.next();
      if (done) break;
      seen.push(value.result());
    }
    assertEquals(seen, ["a", "b", "c"]);
    assertEquals(all.next(), { done: true, value: undefined });
  },
);
