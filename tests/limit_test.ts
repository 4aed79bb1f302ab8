/** The limit of task groups, gather() and asCompleted(). */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  asCompleted,
  BaseExceptionGroup,
  CancelledError,
  type Coroutine,
  createTask,
  currentTask,
  eagerTaskFactory,
  Future,
  gather,
  run,
  sleep,
  Task,
  TaskGroup,
} from "../mod.ts";
import { collector } from "./_collector.ts";
import { it } from "./_harness.ts";
import { both, caught, outcome, type Spelled } from "./_spell.ts";

/** Jobs that note when they began, and how many ran at once. */
function jobs(t: Spelled) {
  const began: string[] = [];
  let running = 0;
  const seen = { most: 0 };
  const job = t.co(function* (name: string, delay: number) {
    began.push(`${name}@${t.loop.time()}`);
    seen.most = Math.max(seen.most, ++running);
    try {
      yield sleep(delay);
      return name;
    } finally {
      running--;
    }
  });
  return { began, seen, job };
}

both("a group runs at most so many, first come first served", function* (t) {
  const { began, seen, job } = jobs(t);
  const tasks: Task<string>[] = [];
  yield new TaskGroup({ limit: 2 }).with(t.fn(function* (group: TaskGroup) {
    for (const [i, delay] of [3, 1, 1, 4, 1].entries()) {
      const task = group.createTask(job(`${i}`, delay), { name: `job ${i}` });
      assertInstanceOf(task, Task);
      tasks.push(task);
    }
    assertEquals(group.statistics().waiting, 3);
    assertEquals(began, []);
  }));
  assertEquals(began, ["0@0", "1@0", "2@1", "3@2", "4@3"]);
  assertEquals([seen.most, t.loop.time()], [2, 6]);
  assertEquals(tasks.map((task) => task.result()), ["0", "1", "2", "3", "4"]);
  assertEquals(tasks.map((task) => task.getName()).at(-1), "job 4");
});

both("a waiting task is an ordinary one to look at", function* (t) {
  const { job } = jobs(t);
  yield new TaskGroup({ limit: 1 }).with(t.fn(function* (group: TaskGroup) {
    group.createTask(job("a", 1));
    const coro = job("b", 1);
    const task = group.createTask(coro, { name: "b" });
    assertStrictEquals(task.getCoro(), coro as unknown);
    yield sleep(0);
    assert(`${task}`.includes("wait_for=<Turn pending>"), `${task}`);
    assertEquals(task.done(), false);
    const error = yield* caught(coro);
    assert(String(error).includes("cannot reuse already awaited coroutine"));
  }));
});

both("a failing task passes its place on or takes all with it", function* (t) {
  const { began, job } = jobs(t);
  const bad = t.co(function* () {
    yield sleep(1);
    throw new RangeError("bad");
  });
  const gathered = yield* caught(
    gather([bad(), job("after", 1)], { limit: 1 }),
  );
  assertInstanceOf(gathered, RangeError);
  yield sleep(1);
  assertEquals(began, ["after@1"]);
  const made: Task<string>[] = [];
  const grouped = yield* caught(
    new TaskGroup({ limit: 1 }).with(t.fn(function* (group: TaskGroup) {
      group.createTask(bad());
      made.push(group.createTask(job("x", 1)), group.createTask(job("y", 1)));
    })),
  );
  assertInstanceOf(grouped, BaseExceptionGroup);
  // The place was free for a moment, and x was cancelled before its first step.
  assertEquals(began, ["after@1"]);
  assertEquals(made.map((task) => task.cancelled()), [true, true]);
});

both("a task cancelled while it waits never runs", function* (t) {
  const { began, job } = jobs(t);
  yield new TaskGroup({ limit: 1 }).with(t.fn(function* (group: TaskGroup) {
    group.createTask(job("a", 2));
    // Before its first step, and after it.
    const c = group.createTask(job("c", 1));
    const b = group.createTask(job("b", 1));
    group.createTask(job("d", 1));
    b.cancel("b");
    yield sleep(1);
    assertEquals(group.statistics().waiting, 2);
    c.cancel("c");
    c.cancel("again");
    assertEquals(group.statistics().waiting, 1);
    assertEquals(yield* outcome(b), "CancelledError(b)");
    assertEquals(yield* outcome(c), "CancelledError(c)");
    assertEquals(t.loop.time(), 1);
  }));
  assertEquals(began, ["a@0", "d@2"]);
});

both("a task cancelled after it got its place passes it on", function* (t) {
  const { began, job } = jobs(t);
  yield new TaskGroup({ limit: 1 }).with(t.fn(function* (group: TaskGroup) {
    const states: unknown[] = [];
    const made: Task<string>[] = [];
    const cancel = () => {
      states.push(made[0]!.done(), group.statistics().waiting);
      made[1]!.cancel("b");
    };
    // Before b's step in the iteration that a's end woke it for.
    const again = () => t.loop.callSoon(cancel);
    t.loop.callAt(1, () => t.loop.callSoon(again));
    made.push(group.createTask(job("a", 1)), group.createTask(job("b", 1)));
    group.createTask(job("c", 1));
    assertEquals(yield* outcome(made[1]), "CancelledError(b)");
    assertEquals(states, [true, 1]);
  }));
  assertEquals(began, ["a@0", "c@1"]);
});

both("a signal cancels a waiting task", function* (t) {
  const { began, job } = jobs(t);
  const abort = new AbortController();
  yield new TaskGroup({ limit: 1 }).with(t.fn(function* (group: TaskGroup) {
    group.createTask(job("a", 1));
    const b = group.createTask(job("b", 1), { signal: abort.signal });
    yield sleep(0);
    abort.abort("enough");
    assertEquals(yield* outcome(b), "CancelledError(enough)");
  }));
  assertEquals(began, ["a@0"]);
});

both(
  "cancel() of a limited group ends running and waiting alike",
  function* (t) {
    const { began, job } = jobs(t);
    const group = new TaskGroup({ limit: 2 });
    const tasks: Task<string>[] = [];
    yield group.with(t.fn(function* () {
      for (const name of "abcd") tasks.push(group.createTask(job(name, 5)));
      yield sleep(1);
      group.cancel();
    }));
    assertEquals(began, ["a@0", "b@0"]);
    assertEquals(tasks.map((task) => task.cancelled()), Array(4).fill(true));
    assertEquals(group.statistics().waiting, 0);
  },
);

both("cancelling the parent of a limited group does so too", function* (t) {
  const { began, job } = jobs(t);
  const main = createTask(
    t.co(function* () {
      yield new TaskGroup({ limit: 1 }).with(t.fn(function* (group: TaskGroup) {
        for (const name of "abc") group.createTask(job(name, 5));
      }));
    })(),
  );
  yield sleep(1);
  main.cancel("main");
  assertEquals(yield* outcome(main), "CancelledError(main)");
  assertEquals(began, ["a@0"]);
  assertEquals(t.loop.time(), 1);
});

both("eager tasks begin at once only where there is a place", function* (t) {
  const { began, job } = jobs(t);
  yield new TaskGroup({ limit: 2 }).with(t.fn(function* (group: TaskGroup) {
    const nested = t.co(function* () {
      began.push("outer");
      group.createTask(job("nested", 1), { eagerStart: true });
      group.createTask(job("third", 1), { eagerStart: true });
      yield sleep(1);
    });
    group.createTask(nested(), { eagerStart: true });
    assertEquals(began, ["outer", "nested@0"]);
    assertEquals(group.statistics().waiting, 1);
    group.createTask(function* () {
      began.push("last");
    }, { eagerStart: true });
  }));
  assertEquals(began, ["outer", "nested@0", "third@1", "last"]);
});

both(
  "an eager task that ends at once gives its place back",
  function* ({ fn }) {
    yield new TaskGroup({ limit: 1 }).with(fn(function* (group: TaskGroup) {
      for (let i = 0; i < 3; i++) {
        const task = group.createTask(function* () {
          return i;
        }, { eagerStart: true });
        assertEquals(task.result(), i);
      }
      assertEquals(group.statistics().waiting, 0);
    }));
  },
);

both("task factories make limited tasks", function* (t) {
  const { began, job } = jobs(t);
  /** A future of another kind, which runs its coroutine in a task. */
  class Foreign<T> extends Future<T> {
    constructor(coro: Coroutine<T>) {
      super();
      const task = new Task<T>(coro);
      task.addDoneCallback(() => {
        if (!task.cancelled()) this.setResult(task.result());
      });
    }
  }
  for (
    const factory of [
      eagerTaskFactory,
      (_: unknown, coro: unknown) => new Foreign(coro as Coroutine<unknown>),
    ]
  ) {
    const start = t.loop.time();
    t.loop.setTaskFactory(factory);
    const results: string[] = yield gather([job("a", 1), job("b", 1)], {
      limit: 1,
    });
    t.loop.setTaskFactory(null);
    assertEquals(results, ["a", "b"]);
    assertEquals(began.splice(0), [`a@${start}`, `b@${start + 1}`]);
  }
});

both("a coroutine that cannot be started takes no place", function* (t) {
  const { began, job } = jobs(t);
  const failed: unknown[] = [];
  t.loop.setTaskFactory(() => {
    throw new RangeError("no more tasks");
  });
  try {
    gather([job("a", 1), job("b", 1)], { limit: 1 });
  } catch (error) {
    failed.push(error);
  }
  t.loop.setTaskFactory(null);
  assertEquals(failed.map(String), ["RangeError: no more tasks"]);
  yield new TaskGroup({ limit: 1 }).with(t.fn(function* (group: TaskGroup) {
    for (const full of [false, true]) {
      if (full) group.createTask(job("first", 1));
      assertThrows(() => group.createTask(Promise.resolve() as never));
      t.loop.setTaskFactory(() => {
        throw new RangeError("no more tasks");
      });
      assertThrows(() => group.createTask(job("c", 1)), RangeError);
      t.loop.setTaskFactory(null);
      assertEquals(group.statistics().waiting, 0);
    }
    group.createTask(job("second", 1));
  }));
  assertEquals(began, ["first@0", "second@1"]);
});

both("gather() keeps its order under a limit", function* (t) {
  const { began, seen, job } = jobs(t);
  const twice = job("twice", 1);
  const future = t.loop.createFuture<string>();
  t.loop.callLater(1, () => future.setResult("future"));
  const results: unknown[] = yield gather([
    job("a", 3),
    future,
    twice,
    createTask(job("task", 1)),
    twice,
    Promise.resolve("promise"),
    () => job("fn", 1),
  ], { limit: 1 });
  assertEquals(results, [
    ...["a", "future", "twice", "task", "twice", "promise", "fn"],
  ]);
  // What runs already takes no place.
  assertEquals(began, ["task@0", "a@0", "twice@3", "fn@4"]);
  assertEquals(seen.most, 2);
});

both("gather() with returnExceptions and a limit", function* (t) {
  const bad = t.co(function* (name: string) {
    yield sleep(1);
    throw new RangeError(name);
  });
  const results: unknown[] = yield gather([bad("a"), bad("b")], {
    returnExceptions: true,
    limit: 1,
  });
  assertEquals([results.map(String), t.loop.time()], [
    ["RangeError: a", "RangeError: b"],
    2,
  ]);
});

both("cancelling a limited gather() runs nothing more", function* (t) {
  const { began, job } = jobs(t);
  const future = gather([job("a", 5), job("b", 5), job("c", 5)], { limit: 1 });
  yield sleep(1);
  future.cancel("all");
  const error = yield* caught(future);
  assertInstanceOf(error, CancelledError);
  yield sleep(9);
  assertEquals(began, ["a@0"]);
});

both("asCompleted() under a limit", function* (t) {
  const { began, job } = jobs(t);
  const got: string[] = [];
  for (
    const next of asCompleted([job("a", 3), job("b", 1), job("c", 1)], {
      limit: 2,
      timeout: null,
    })
  ) got.push(yield next);
  assertEquals(got, ["b", "c", "a"]);
  assertEquals(began, ["a@0", "b@0", "c@1"]);
});

it("a bad limit is refused before anything starts", () =>
  run(async () => {
    let ran = false;
    const coro = async () => {
      await sleep(0);
      ran = true;
    };
    for (const limit of [0, -1, 2.5, NaN]) {
      const text = `limit must be a whole number >= 1, got ${limit}`;
      assertThrows(() => gather([coro], { limit }), RangeError, text);
      assertThrows(() => gather([], { limit }), RangeError, text);
      assertThrows(() => asCompleted([coro], { limit }), RangeError, text);
    }
    assertThrows(() => gather([coro], { limit: "1" as never }), TypeError);
    await sleep(0.001);
    assertEquals(ran, false);
    await gather([coro], { limit: null });
    assert(ran);
  }));

/** Seconds that a group of so many tasks takes. */
async function measure(count: number, limit: number | null): Promise<number> {
  const work = function* () {
    yield* sleep(0);
  };
  return await run(async () => {
    const start = performance.now();
    const group = new TaskGroup({ limit });
    await group.with(() => {
      for (let i = 0; i < count; i++) group.createTask(work);
    });
    assertEquals(group.statistics().tasks, 0);
    assertEquals(currentTask()!.cancelling(), 0);
    return performance.now() - start;
  }, { debug: false });
}

/** Checks the time of a job against that of one ten times as large. */
function checkLinear(few: number, many: number): void {
  // Quadratic time would be a hundred times as much. Below 30 ms all is noise.
  assert(many < 40 * Math.max(few, 30), `${few} ms, then ${many} ms`);
}

for (const limit of [null, 10, 1_000_000]) {
  it(`a group of 100 000 tasks takes linear time, limit ${limit}`, {
    timeout: 20_000,
  }, async () => {
    await measure(1_000, limit);
    checkLinear(
      await measure(10_000, limit),
      await measure(100_000, limit),
    );
  });
}

it("aborting 50 000 tasks takes linear time, running or waiting", {
  timeout: 20_000,
}, async () => {
  const measureAbort = (count: number, limit: number | null) =>
    run(async () => {
      const start = performance.now();
      const group = new TaskGroup({ limit });
      await group.with(async () => {
        for (let i = 0; i < count; i++) group.createTask(() => sleep(60));
        await sleep(0);
        group.cancel();
      });
      return performance.now() - start;
    }, { debug: false });
  for (const limit of [null, 10]) {
    await measureAbort(500, limit);
    checkLinear(
      await measureAbort(5_000, limit),
      await measureAbort(50_000, limit),
    );
  }
});

it("what is cancelled before its turn leaves nothing behind", {
  // Bun's collector takes what looks like a reference for one.
  on: ["deno"],
}, async () => {
  const gc = await collector();
  await run(async () => {
    await new TaskGroup({ limit: 1 }).with(async (group) => {
      const first = group.createTask(() => sleep(60));
      const turns = await (async () => {
        const tasks = Array.from(
          { length: 10 },
          () => group.createTask(() => sleep(60)),
        );
        await sleep(0);
        const turns = tasks.map((task) => new WeakRef(task._waiting!));
        for (const task of tasks) task.cancel();
        return turns;
      })();
      const left = () => turns.filter((turn) => turn.deref() !== undefined);
      for (let round = 0; round < 100 && left().length > 0; round++) {
        await sleep(0.001);
        gc();
      }
      assertEquals([left().length, group.statistics().tasks], [0, 1]);
      first.cancel();
    });
  });
});
