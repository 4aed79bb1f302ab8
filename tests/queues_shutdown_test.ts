/** The end of a queue: shutdown both ways, and iteration that ends there. */
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import {
  CancelledError,
  type Coro,
  createTask,
  gather,
  getRunningLoop,
  LifoQueue,
  PriorityQueue,
  Queue,
  QueueShutDown,
  run,
  sleep,
} from "../mod.ts";
import { it } from "./_harness.ts";
import { both, caught, outcome } from "./_spell.ts";
import { runVirtual } from "./_virtual.ts";

const REFUSED = "QueueShutDown()";

both(
  "behaviour 46: after shutdown put is refused at once, and get once it is empty",
  function* () {
    for (const Kind of [Queue, PriorityQueue, LifoQueue]) {
      const queue = new Kind<number>();
      queue.putNowait(1);
      queue.putNowait(1);
      queue.shutdown();
      assertEquals(yield* outcome(queue.put(2)), REFUSED);
      assertInstanceOf(yield* caught(queue.put(2)), QueueShutDown);
      assertEquals(yield queue.get(), 1);
      assertEquals(queue.getNowait(), 1);
      assertEquals(yield* outcome(queue.get()), REFUSED);
      for (const now of [() => queue.getNowait(), () => queue.putNowait(3)]) {
        try {
          now();
          assert(false);
        } catch (error) {
          assertInstanceOf(error, QueueShutDown);
        }
      }
      assertEquals(queue.statistics().isShutdown, true);
    }
  },
);

both(
  "behaviour 46: those who wait in put are refused at once, room or not",
  function* () {
    for (const room of [false, true]) {
      const queue = new Queue<number>(1);
      queue.putNowait(0);
      const waiting = [1, 2].map((n) => createTask(queue.put(n)));
      yield sleep(0);
      queue.shutdown();
      if (room) assertEquals(queue.getNowait(), 0);
      for (const task of waiting) {
        assertEquals(yield* outcome(task), REFUSED);
      }
      assertEquals(queue.qsize(), room ? 0 : 1);
    }
  },
);

both(
  "behaviour 46: those who wait in get are refused, and a woken one gets its item",
  function* () {
    const queue = new Queue<number>();
    const waiting = [1, 2, 3].map(() => createTask(queue.get()));
    yield sleep(0);
    queue.putNowait(7);
    queue.shutdown();
    const outcomes: string[] = [];
    for (const task of waiting) outcomes.push(yield* outcome(task));
    assertEquals(outcomes, ["7", REFUSED, REFUSED]);
  },
);

both(
  "behaviour 46: immediate drops the items, and join waits for those taken",
  function* ({ co }) {
    const queue = new Queue<number>();
    for (const n of [1, 2, 3, 4]) queue.putNowait(n);
    assertEquals(queue.getNowait(), 1);
    let joined = false;
    const joining = createTask(
      co(function* () {
        yield queue.join();
        joined = true;
      })(),
    );
    yield sleep(0);
    queue.shutdown(true);
    assertEquals([queue.qsize(), queue.statistics().unfinished], [0, 1]);
    assertEquals(yield* outcome(queue.get()), REFUSED);
    yield sleep(0);
    assertEquals(joined, false);
    queue.taskDone();
    yield joining;
    assertEquals(yield* outcome((async () => queue.taskDone())()), TOO_OFTEN);
  },
);

const TOO_OFTEN = "RangeError(task_done() called too many times)";

both(
  "behaviour 46: immediate ends join when nobody works on an item",
  function* () {
    const queue = new Queue<number>();
    queue.putNowait(1);
    const joining = createTask(queue.join());
    yield sleep(0);
    queue.shutdown(true);
    yield joining;
    // A second time, and the other way, changes nothing.
    queue.shutdown();
    queue.shutdown(true);
    assertEquals(`${queue}`, "<Queue maxsize=0 shutdown>");
  },
);

both(
  "behaviour 46: a shutdown that is not immediate leaves join waiting",
  function* () {
    const queue = new Queue<number>();
    queue.putNowait(1);
    queue.shutdown();
    const joining = createTask(queue.join());
    yield sleep(0);
    assertEquals([yield queue.get(), joining.done()], [1, false]);
    queue.taskDone();
    yield joining;
  },
);

both(
  "behaviour 46: items that were reported before they were taken are not counted twice",
  function* () {
    const queue = new Queue<number>();
    queue.putNowait(1);
    queue.putNowait(2);
    queue.taskDone();
    queue.shutdown(true);
    assertEquals(queue.statistics().unfinished, 0);
    yield queue.join();
  },
);

it("for await takes items until the queue is shut down and empty", () =>
  runVirtual(async () => {
    const queue = new Queue<number>(2);
    const out: number[] = [];
    const consumer = createTask(async () => {
      for await (const item of queue) out.push(item);
      return "ended";
    });
    for (let i = 0; i < 6; i++) await queue.put(i);
    queue.shutdown();
    assertEquals(await consumer, "ended");
    assertEquals(out, [0, 1, 2, 3, 4, 5]);
    for await (const item of queue) out.push(item);
    assertEquals(out.length, 6);
  }));

it("for await ends where it waits, at shutdown of either kind", () =>
  runVirtual(async () => {
    for (const immediate of [false, true]) {
      const queue = new Queue<number>();
      const consumer = createTask(async () => {
        for await (const _ of queue) assert(false);
      });
      await sleep(0);
      queue.shutdown(immediate);
      await consumer;
    }
  }));

it("for await that is left early takes no item too many", () =>
  runVirtual(async () => {
    const queue = new Queue<number>();
    for (const n of [1, 2, 3]) queue.putNowait(n);
    for await (const n of queue) if (n === 2) break;
    assertEquals(queue.getNowait(), 3);
  }));

it("for await does not await the items", () =>
  runVirtual(async () => {
    const queue = new Queue<PromiseLike<number>>();
    const future = getRunningLoop().createFuture<number>();
    queue.putNowait(future);
    queue.putNowait(sleep(1, 1));
    queue.shutdown();
    const [first, second] = [
      queue[Symbol.asyncIterator](),
      queue[Symbol.asyncIterator](),
    ];
    assert((await first.next()).value === future);
    assertEquals((await second.next()).done, false);
    assertEquals((await second.next()).done, true);
  }));

it("several consumers share the items, each in its own loop", () =>
  runVirtual(async () => {
    const queue = new Queue<number>(1);
    const sums = [0, 0, 0];
    const consumers = sums.map((_, i) =>
      createTask(async () => {
        for await (const item of queue) {
          sums[i]! += item;
          await sleep(0.1);
        }
      })
    );
    for (let i = 0; i < 30; i++) await queue.put(1);
    queue.shutdown();
    await gather(consumers);
    assertEquals(sums, [10, 10, 10]);
  }));

it("cancelling a for await that was woken passes the item on", () =>
  runVirtual(async () => {
    const queue = new Queue<string>();
    const consumer = createTask(async () => {
      for await (const _ of queue) assert(false);
    });
    const other = createTask(queue.get());
    await sleep(0);
    queue.putNowait("x");
    consumer.cancel();
    assertEquals(await other, "x");
    assert(consumer.cancelled() || consumer.cancelling() === 1);
    try {
      await consumer;
      assert(false);
    } catch (error) {
      assertInstanceOf(error, CancelledError);
    }
  }));

it("generators ask the iterator themselves", () =>
  runVirtual(function* (): Coro<void> {
    const queue = new PriorityQueue<number>();
    const consumer = createTask(function* (): Coro<number[]> {
      const items = queue[Symbol.asyncIterator]();
      const out: number[] = [];
      for (;;) {
        const { done, value } = yield* items.next();
        if (done) return out;
        out.push(value);
      }
    });
    yield* sleep(0);
    for (const n of [3, 1, 2]) queue.putNowait(n);
    queue.shutdown();
    assertEquals(yield* consumer, [1, 2, 3]);
  }));

it("the iterator goes where JavaScript takes an async iterable", async () => {
  const queue = new Queue<number>();
  for (const n of [1, 2, 3]) queue.putNowait(n);
  queue.shutdown();
  const iterable: AsyncIterable<number> = queue;
  const collect = async () => {
    // Node 20 does not have it.
    if ("fromAsync" in Array) return await Array.fromAsync(iterable);
    const all: number[] = [];
    for await (const item of iterable) all.push(item);
    return all;
  };
  assertEquals(await run(collect), [1, 2, 3]);
  const log: unknown[] = [];
  await run(async () => {
    const items = queue[Symbol.asyncIterator]();
    assert(items[Symbol.asyncIterator]() === items);
    await items.next().finally(() => log.push("finally"));
    const caught = new Queue<number>();
    const task = createTask(async () => {
      await caught[Symbol.asyncIterator]().next().catch((error) =>
        log.push(error.constructor.name)
      );
    });
    await sleep(0);
    task.cancel();
    await task;
    log.push(Object.prototype.toString.call(items.next()));
  });
  assertEquals(log, ["finally", "CancelledError", "[object Coroutine]"]);
});
