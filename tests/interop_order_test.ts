/**
 * The order of handles when async functions run between them: a step that was
 * begun by one handle ends before the next handle runs, however many native awaits
 * it takes.
 */
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import {
  createTask,
  gather,
  sleep,
  timeout,
  TimeoutError,
  wait,
} from "../mod.ts";
import { BaseEventLoop } from "../base_events.ts";
import { it } from "./_harness.ts";
import { both, caught } from "./_spell.ts";
import { runVirtual } from "./_virtual.ts";

/** So many native awaits, all of them microtasks. */
async function native(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await null;
}

/** As many, but in a chain of calls. */
async function deep(count: number): Promise<void> {
  if (count > 0) await deep(count - 1);
}

it("tasks with different numbers of native awaits keep the order of their handles", () =>
  runVirtual(async () => {
    const log: string[] = [];
    const counts = [7, 0, 300, 1, 25];
    const tasks = counts.map((count, n) =>
      createTask(async () => {
        for (const round of ["a", "b", "c"]) {
          await native(count);
          await deep(count);
          log.push(`${round}${n}`);
          await sleep(0);
        }
      })
    );
    await gather(tasks);
    const expected = ["a", "b", "c"].flatMap((round) =>
      counts.map((_, n) => `${round}${n}`)
    );
    assertEquals(log, expected);
  }));

it("callbacks and generator tasks stand in line with async ones", () =>
  runVirtual(async ({ loop }) => {
    const log: string[] = [];
    const slow = (name: string) =>
      createTask(async () => {
        await native(50);
        log.push(name);
      });
    loop.callSoon(() => log.push("callback 1"));
    const tasks = [slow("async 1")];
    loop.callSoon(() => log.push("callback 2"));
    tasks.push(createTask(function* () {
      log.push("generator");
    }));
    tasks.push(slow("async 2"));
    loop.callSoon(() => log.push("callback 3"));
    await gather(tasks);
    assertEquals(log, [
      "callback 1",
      "async 1",
      "callback 2",
      "generator",
      "async 2",
      "callback 3",
    ]);
  }));

it("what an async step schedules stands behind what its iteration had", () =>
  runVirtual(async ({ loop }) => {
    const log: string[] = [];
    const future = loop.createFuture<void>();
    const waiter = createTask(async () => {
      await future;
      log.push("waiter");
    });
    await sleep(0);
    const first = createTask(async () => {
      await native(20);
      loop.callSoon(() => log.push("soon"));
      future.setResult();
      await native(20);
      log.push("first");
    });
    const second = createTask(async () => {
      await native(1);
      log.push("second");
    });
    await gather([waiter, first, second]);
    assertEquals(log, ["first", "second", "soon", "waiter"]);
  }));

it("tasks hand over to each other in CPython's order, native awaits or not", () =>
  runVirtual(async ({ loop }) => {
    for (const count of [0, 10]) {
      const log: string[] = [];
      let ball = loop.createFuture<void>();
      const player = (name: string) => async () => {
        for (let i = 0; i < 3; i++) {
          const mine = ball;
          await mine;
          await native(count);
          log.push(name);
          ball = loop.createFuture<void>();
          loop.callSoon(() => log.push("-"));
          const next = ball;
          loop.callSoon(() => next.setResult());
        }
      };
      const tasks = [createTask(player("ping")), createTask(player("pong"))];
      await sleep(0);
      ball.setResult();
      await wait(tasks, { timeout: 10 });
      for (const task of tasks) task.cancel();
      // Both wait for the first ball; from then on whoever comes last serves.
      assertEquals(log.slice(0, 4), ["ping", "pong", "-", "-"]);
      assertEquals(log.filter((name) => name === "ping").length, 3);
    }
  }));

both(
  "an expiry in the iteration of the wake-up finds the block left",
  function* ({ co, fn, loop, advance }) {
    const log: string[] = [];
    const future = loop.createFuture<void>();
    const task = createTask(
      co(function* () {
        const block = timeout(1);
        yield block.with(fn(function* () {
          yield future;
          log.push("woken");
        }));
        log.push(`expired: ${block.expired()}`);
      })(),
    );
    yield sleep(0);
    // The wake-up is queued; then the timer joins the same iteration behind it.
    future.setResult();
    advance(1);
    yield task;
    assertEquals(log, ["woken", "expired: false"]);
  },
);

it("the same with native awaits between the wake-up and the end of the block", () =>
  runVirtual(async ({ loop, advance }) => {
    const log: string[] = [];
    const future = loop.createFuture<void>();
    const task = createTask(async () => {
      const block = timeout(1);
      await block.with(async () => {
        await future;
        await native(100);
        await deep(100);
        log.push("woken");
      });
      await native(100);
      log.push(`expired: ${block.expired()}`);
    });
    await sleep(0);
    future.setResult();
    advance(1);
    await task;
    assertEquals(log, ["woken", "expired: false"]);
  }));

both(
  "an expiry behind the wake-up cancels a task that waits again in the block",
  function* ({ co, fn, loop, advance }) {
    const log: string[] = [];
    const future = loop.createFuture<void>();
    const task = createTask(
      co(function* () {
        yield timeout(1).with(fn(function* () {
          yield future;
          log.push("woken");
          yield sleep(0);
          log.push("not here");
        }));
      })(),
    );
    yield sleep(0);
    future.setResult();
    advance(1);
    assertInstanceOf(yield* caught(task), TimeoutError);
    assertEquals(log, ["woken"]);
  },
);

both(
  "an expiry before the wake-up wins over the result",
  function* ({ co, fn, loop }) {
    const log: string[] = [];
    const future = loop.createFuture<void>();
    // Due at the same time and scheduled before the timeout: the result is set,
    // but the wake-up comes only in the next iteration.
    loop.callAt(1, () => future.setResult());
    const task = createTask(
      co(function* () {
        yield timeout(1).with(fn(function* () {
          yield future;
          log.push("not here");
        }));
      })(),
    );
    assertInstanceOf(yield* caught(task), TimeoutError);
    assertEquals(log, []);
  },
);

it("a step that waits for something foreign does not hold up the others", () =>
  runVirtual(async () => {
    const log: string[] = [];
    const foreign = createTask(async () => {
      log.push("foreign starts");
      await new Promise((resolve) => setTimeout(resolve, 10));
      log.push("foreign ends");
      await native(5);
      await sleep(0);
      log.push("foreign done");
    });
    const other = createTask(async () => {
      for (let i = 0; i < 3; i++) {
        await native(3);
        log.push(`other ${i}`);
        await sleep(0);
      }
    });
    await gather([foreign, other]);
    assertEquals(log, [
      "foreign starts",
      "other 0",
      "other 1",
      "other 2",
      "foreign ends",
      "foreign done",
    ]);
  }, { realTimers: true }));

it("a sleep after a foreign await ends: a timer wakes a loop without deadlines", () =>
  runVirtual(async ({ loop, hold }) => {
    await new Promise((resolve) => setTimeout(resolve, 2));
    await sleep(1);
    assertEquals(loop.time(), 1);
    const called: string[] = [];
    const done = loop.createFuture<void>();
    const release = hold();
    setTimeout(() => {
      release();
      loop.callLater(1, () => {
        called.push("from the host");
        done.setResult();
      });
    }, 2);
    await done;
    assertEquals([called, loop.time()], [["from the host"], 2]);
  }, { realTimers: true }));

it("a timer that the host adds comes before a later one that is waited for", async () => {
  const loop = new BaseEventLoop();
  const log: string[] = [];
  loop.callLater(30, () => log.push("late"));
  loop.callSoon(() => {
    setTimeout(() => loop.callLater(0.005, () => loop.stop()), 5);
  });
  // Only so that a loop that oversleeps fails the test rather than the run.
  const id = setTimeout(() => {
    log.push("overslept");
    loop.stop();
  }, 2000);
  await loop.runForever();
  clearTimeout(id);
  loop.close();
  assertEquals(log, []);
});

both(
  "fairness: tasks that give way take turns",
  function* ({ co }) {
    const log: number[] = [];
    const work = co(function* (n: number) {
      for (let i = 0; i < 3; i++) {
        log.push(n);
        yield sleep(0);
      }
    });
    yield gather([1, 2, 3, 4].map((n) => createTask(work(n))));
    assertEquals(log, [1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4]);
  },
);

both(
  "starvation: tasks that never rest do not keep a timer from firing",
  function* ({ co, loop, advance }) {
    let stop = false;
    let turns = 0;
    const busy = co(function* () {
      while (!stop) {
        turns++;
        // The work takes time.
        advance(0.01);
        yield sleep(0);
      }
    });
    const tasks = [createTask(busy()), createTask(busy())];
    yield sleep(1);
    stop = true;
    yield gather(tasks);
    assert(loop.time() < 1.05, `woken at ${loop.time()}`);
    assert(turns >= 99, `${turns} turns`);
  },
);

both(
  "sleeps end in the order of their deadlines, equal ones as they began",
  function* ({ co, loop }) {
    const log: string[] = [];
    const work = co(function* (name: string, seconds: number) {
      yield sleep(seconds);
      log.push(`${name} ${loop.time()}`);
    });
    yield gather([
      work("a", 3),
      work("b", 1),
      work("c", 2),
      work("d", 1),
      work("e", 3),
      work("f", 1),
    ]);
    assertEquals(log, ["b 1", "d 1", "f 1", "c 2", "a 3", "e 3"]);
  },
);

both(
  "cancel while asleep: at once, and the timer is gone",
  function* ({ co, loop }) {
    const task = createTask(
      co(function* () {
        yield sleep(100);
      })(),
    );
    yield sleep(1);
    task.cancel();
    yield* caught(task);
    assertEquals(loop.time(), 1);
    yield sleep(1);
    assertEquals(loop.time(), 2);
  },
);

both(
  "cancel after the sleep's timer fired: the cancel still wins",
  function* ({ co, loop }) {
    const log: string[] = [];
    // Due in the same iteration, scheduled behind the sleep's timer.
    const task = createTask(
      co(function* () {
        yield sleep(1);
        log.push("not here");
      })(),
    );
    yield sleep(0);
    loop.callAt(1, () => task.cancel("in the same iteration"));
    yield* caught(task);
    assertEquals([log, task.cancelled()], [[], true]);
  },
);
