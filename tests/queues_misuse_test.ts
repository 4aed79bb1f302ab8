/** What queues are wrongly asked for; and that many items and waiters take linear time. */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertThrows,
} from "@std/assert";
import {
  coroutine,
  createTask,
  gather,
  isCoroutine,
  isCoroutineFunction,
  LifoQueue,
  PriorityQueue,
  Queue,
  QueueEmpty,
  QueueFull,
  QueueShutDown,
  RuntimeError,
  sleep,
  type Task,
} from "../mod.ts";
import { withResolvers } from "../_platform/promises.ts";
import { describe, it } from "./_harness.ts";
import { withRealLoop } from "./_loops.ts";
import { both, caught, spell, SPELLINGS } from "./_spell.ts";
import { runVirtual, virtualLoop } from "./_virtual.ts";

for (const spelling of SPELLINGS) {
  it(`behaviour 40: a queue is bound to the loop in which one first had to wait (${spelling})`, async () => {
    const queue = new Queue<string>();
    const wait = spell(spelling, function* () {
      const task = createTask(queue.get());
      yield sleep(0);
      queue.putNowait("x");
      return yield task;
    });
    // Made outside any loop, and used in one without waiting: not bound yet.
    await runVirtual(
      spell(spelling, function* () {
        yield queue.put("free");
        assertEquals(yield queue.get(), "free");
      }),
    );
    await runVirtual(wait);
    await runVirtual(
      spell(spelling, function* () {
        // What need not wait still works elsewhere.
        yield queue.put("1");
        assertEquals(yield queue.get(), "1");
        const error = yield* caught(queue.get());
        assertInstanceOf(error, RuntimeError);
        assertEquals(
          error.message,
          "<Queue maxsize=0 tasks=3> is bound to a different event loop",
        );
        assertEquals(queue.statistics().tasksWaitingGet, 0);
      }),
    );
  });

  it(`behaviour 40: put and join of another loop's queue are refused (${spelling})`, async () => {
    const queue = new Queue<string>(1);
    queue.putNowait("x");
    await runVirtual(
      spell(spelling, function* () {
        for (const call of [queue.put("y"), queue.join()]) {
          const task = createTask(call);
          yield sleep(0);
          task.cancel();
          yield* caught(task);
        }
      }),
    );
    await runVirtual(
      spell(spelling, function* () {
        const words = "<Queue maxsize=1 _queue=['x'] tasks=1>";
        for (
          const [call, who] of [
            [queue.put("y"), words],
            [queue.join(), `join() of ${words}`],
          ] as const
        ) {
          const error = yield* caught(call);
          assertInstanceOf(error, RuntimeError);
          assertEquals(
            error.message,
            `${who} is bound to a different event loop`,
          );
        }
      }),
    );
  });
}

it("waiting without any loop says that none is running", () => {
  const steps = new Queue().get()[Symbol.iterator]();
  assertThrows(() => steps.next(), RuntimeError, "no running event loop");
});

both("taskDone more often than put is CPython's error", function* () {
  const queue = new Queue<number>();
  const error = assertThrows(() => queue.taskDone(), RangeError);
  assertEquals(error.message, "task_done() called too many times");
  yield queue.put(1);
  queue.taskDone();
  assertThrows(() => queue.taskDone(), RangeError);
});

both("a call is awaited once", function* () {
  const queue = new Queue<number>();
  const put = queue.put(1);
  yield put;
  const error = yield* caught(put);
  assertInstanceOf(error, RuntimeError);
  assert(error.message.includes("put was awaited"), error.message);
  assertEquals(queue.qsize(), 1);
});

describe("a queue", () => {
  it("refuses a maximum size that is no number", () => {
    for (const wrong of ["5", null, Number.NaN, {}, 5n]) {
      for (const Kind of [Queue, PriorityQueue, LifoQueue]) {
        assertThrows(
          () => new Kind(wrong as never),
          TypeError,
          "its maximum size must be a number, got",
        );
      }
    }
  });

  it("has no limit with a maximum size of 0, less, or infinity", () => {
    for (const maxsize of [undefined, 0, -1, Infinity]) {
      const queue = new Queue<number>(maxsize);
      assertEquals(queue.maxsize, maxsize ?? 0);
      for (let i = 0; i < 100; i++) queue.putNowait(i);
      assertEquals(queue.full(), false);
    }
  });

  it("its errors are named as in Python, and say nothing more", () => {
    for (const Kind of [QueueEmpty, QueueFull, QueueShutDown]) {
      const error = new Kind();
      assertInstanceOf(error, Error);
      assertEquals(`${error}`, Kind.name);
    }
  });

  it("its calls are coroutines", () => {
    const queue = new Queue<number>();
    assert(isCoroutine(queue.get()) && isCoroutine(queue.put(1)));
    for (const fn of [queue.get, queue.put, queue.join]) {
      assert(isCoroutineFunction(fn));
    }
    assertEquals(
      `${queue.put(1)} ${queue.get()} ${queue.join()}`,
      [
        "<coroutine put>",
        "<coroutine get>",
        "<coroutine join>",
      ].join(" "),
    );
  });

  it("shows in a task's text that it is waited for", () =>
    runVirtual(function* () {
      const task = createTask(new Queue().get(), { name: "g" });
      yield* sleep(0);
      assert(`${task}`.includes("wait_for=<Waiting pending>"), `${task}`);
      task.cancel();
      yield* sleep(0);
    }));
});

it("code outside any task may await a queue of the running loop", async () => {
  const { loop } = virtualLoop();
  const queue = new Queue<string>();
  const { promise, resolve } = withResolvers<string>();
  const outside = (async () => {
    await promise;
    const got = await queue.get();
    await queue.put("answer");
    return got;
  })();
  const task: Task<string> = loop.createTask(async () => {
    resolve("go");
    await sleep(0.1);
    await queue.put("question");
    await queue.join();
    return await queue.get();
  });
  loop.callLater(0.2, () => queue.taskDone());
  loop.callLater(0.3, () => queue.taskDone());
  assertEquals(await loop.runUntilComplete(task), "answer");
  assertEquals(await outside, "question");
  loop.close();
});

/** The least time of a few runs, in milliseconds. */
async function least(body: () => Promise<unknown>): Promise<number> {
  let best = Infinity;
  for (let i = 0; i < 2; i++) {
    const began = performance.now();
    await body();
    best = Math.min(best, performance.now() - began);
  }
  return best;
}

/**
 * Eight times the work may take eight times as long and some, not 64 times. The
 * half second is for a busy machine; quadratic time is seconds at these sizes.
 */
async function isLinear(
  size: number,
  work: (size: number) => Promise<unknown>,
): Promise<void> {
  await work(size);
  const small = await least(() => work(size / 8));
  const large = await least(() => work(size));
  assert(
    large < 16 * small + 500,
    `${small.toFixed(1)} ms, then ${large.toFixed(1)} ms for 8 times as much`,
  );
}

const manyWait = coroutine(function* (count: number) {
  const queue = new Queue<number>();
  const tasks = Array.from({ length: count }, () => createTask(queue.get()));
  yield* sleep(0);
  assertEquals(queue.statistics().tasksWaitingGet, count);
  // Every other one goes, the last first: each must be found at once.
  for (let i = count - 1; i >= 0; i -= 2) tasks[i]!.cancel();
  for (let i = 0; i < count / 2; i++) queue.putNowait(i);
  yield* gather(tasks, { returnExceptions: true });
  assertEquals(queue.qsize(), 0);
});

const LONG = { timeout: 30_000 };

describe("linear time", () => {
  it(
    "100 000 getters, half of them cancelled",
    LONG,
    () => isLinear(100_000, (count) => withRealLoop(manyWait(count), 20_000)),
  );

  it(
    "10 000 putters that one getter serves",
    LONG,
    () =>
      isLinear(10_000, (count) =>
        withRealLoop(function* () {
          const queue = new Queue<number>(1);
          queue.putNowait(-1);
          const tasks = Array.from(
            { length: count },
            (_, i) => createTask(queue.put(i)),
          );
          for (let i = -1; i < count; i++) assertEquals(yield* queue.get(), i);
          yield* gather(tasks);
        }, 20_000)),
  );

  for (const Kind of [Queue, LifoQueue, PriorityQueue]) {
    it(
      `1 000 000 items in a ${Kind.name}`,
      LONG,
      () =>
        isLinear(1_000_000, async (count) => {
          const queue = new Kind<number>();
          for (let i = 0; i < count; i++) queue.putNowait(i);
          for (let i = 0; i < count; i++) queue.getNowait();
          assert(queue.empty());
        }),
    );
  }

  it(
    "shutdown of 10 000 who wait and 100 000 items",
    LONG,
    () =>
      isLinear(10_000, (count) =>
        withRealLoop(function* () {
          const queue = new Queue<number>(10 * count);
          for (let i = 0; i < 10 * count; i++) queue.putNowait(i);
          const tasks = Array.from(
            { length: count },
            (_, i) => createTask(queue.put(i)),
          );
          yield* sleep(0);
          queue.shutdown(true);
          yield* gather(tasks, { returnExceptions: true });
          yield* queue.join();
        }, 20_000)),
  );
});
