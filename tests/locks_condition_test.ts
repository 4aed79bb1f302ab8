/** Condition. */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  type CancelledError,
  Condition,
  type ConditionLock,
  createTask,
  currentTask,
  isCoroutineFunction,
  Lock,
  RuntimeError,
  sleep,
  TimeoutError,
  wait,
  waitFor,
} from "../mod.ts";
import { it } from "./_harness.ts";
import { ended, line, spawner, tickInto } from "./_locks.ts";
import { both, caught, outcome, type Spelled } from "./_spell.ts";
import { runVirtual } from "./_virtual.ts";

// The lines that orders are compared with are CPython's; `|` begins an iteration.

/** Makes tasks that wait for a condition, and note how that ended. */
function waiters(t: Spelled, condition: Condition, log: unknown[]) {
  return spawner(t, function* (name: string) {
    yield condition.with(t.fn(function* () {
      try {
        yield condition.wait();
        log.push(name);
      } catch (error) {
        const { args } = error as CancelledError;
        log.push(`${name}x(${args})`, condition.locked());
        throw error;
      }
    }));
  });
}

both(
  "behaviour 43: cancelled after it was notified, it notifies another",
  function* (t) {
    const condition = new Condition();
    const log: unknown[] = [];
    const tasks = [..."abc"].map(waiters(t, condition, log));
    yield sleep(0);
    yield condition.with(t.fn(function* () {
      condition.notify();
      tickInto(log, t.loop);
    }));
    tasks[0]!.cancel("m");
    for (let i = 0; i < 4; i++) yield sleep(0);
    log.push(String(condition));
    yield condition.with(() => condition.notifyAll());
    yield ended(...tasks);
    assertEquals(
      line(log),
      "| ax(m) true | b | | | <Condition [unlocked, waiters:1]> | c",
    );
  },
);

both(
  "behaviour 43: cancelled again and again it gets the lock, and throws the last",
  function* (t) {
    const condition = new Condition();
    const log: unknown[] = [];
    const [a, b] = [..."ab"].map(waiters(t, condition, log));
    yield sleep(0);
    yield condition.acquire();
    for (const message of ["one", "two", "three"]) {
      a!.cancel(message);
      yield sleep(0);
    }
    tickInto(log, t.loop);
    log.push(String(condition));
    condition.release();
    yield wait([a!]);
    log.push(a!.cancelling(), String(condition));
    yield sleep(0);
    yield sleep(0);
    assertEquals(
      line(log),
      "| <Condition [locked, waiters:1]> | ax(three) true | b | 3 " +
        "<Condition [unlocked]>",
    );
    // The second was woken in place of the first, which may have been notified.
    assertEquals(b!.done(), true);
  },
);

both(
  "Condition: wait() gives the lock up and has it again after",
  function* (t) {
    const condition = new Condition();
    const task = createTask(t.fn(function* () {
      return yield condition.with(t.fn(function* () {
        const given: true = yield condition.wait();
        assertStrictEquals(
          condition.statistics().lockStatistics.owner,
          currentTask(),
        );
        return given;
      }));
    }));
    yield sleep(0);
    assertEquals(condition.locked(), false);
    yield condition.acquire();
    condition.notify();
    yield sleep(1);
    assertEquals(task.done(), false);
    condition.release();
    assertStrictEquals(yield task, true);
    assertEquals(condition.locked(), false);
  },
);

both("Condition: notified, they go on first come, first served", function* (t) {
  const condition = new Condition();
  const log: unknown[] = [];
  const wait = spawner(t, function* (name: string) {
    yield condition.with(t.fn(function* () {
      yield condition.wait();
      log.push(name);
      yield sleep(0);
      log.push(`${name}.`);
    }));
  });
  const tasks = [..."abc"].map((name) => wait(name));
  yield sleep(0);
  yield condition.with(t.fn(function* () {
    condition.notifyAll();
    tickInto(log, t.loop);
  }));
  log.push(String(condition));
  yield ended(...tasks);
  assertEquals(
    line(log),
    "| <Condition [unlocked, waiters:3]> a | a. | b | b. | c | c.",
  );
});

both(
  "Condition: whoever notifies in a loop, nobody whom it wakes starves",
  function* (t) {
    const condition = new Condition();
    const log: unknown[] = [];
    const tasks = [..."abc"].map(waiters(t, condition, log));
    yield sleep(0);
    const busy = createTask(t.fn(function* () {
      for (let i = 0; i < 5; i++) {
        yield condition.with(t.fn(function* () {
          condition.notify();
          yield sleep(0);
          log.push(i);
        }));
      }
    }));
    yield ended(busy, ...tasks);
    // The lock goes to who was woken before the notifier has it again.
    assertEquals(log, [0, "a", 1, "b", 2, "c", 3, 4]);
  },
);

both(
  "Condition: a task that acquires it again waits for itself",
  function* () {
    const condition = new Condition();
    yield condition.acquire();
    const error = yield* caught(waitFor(condition.acquire(), 1));
    assertInstanceOf(error, TimeoutError);
    assertEquals(condition.locked(), true);
    condition.release();
    assertEquals(condition.statistics().lockStatistics.tasksWaiting, 0);
  },
);

both("Condition: notify() wakes as many as told, each once", function* (t) {
  const condition = new Condition();
  const log: unknown[] = [];
  const tasks = [..."abcdefg"].map(waiters(t, condition, log));
  yield sleep(0);
  yield condition.acquire();
  condition.notify();
  condition.notify(2);
  condition.notify(0);
  condition.notify(-1);
  condition.release();
  yield sleep(1);
  assertEquals(log.join(""), "abc");
  yield condition.with(() => condition.notify(100));
  yield ended(...tasks);
  assertEquals(log.join(""), "abcdefg");
});

both("Condition: a notification without waiters is lost", function* (t) {
  const condition = new Condition();
  yield condition.with(() => condition.notifyAll());
  const task = waiters(t, condition, [])("a");
  yield sleep(1);
  assertEquals(task.done(), false);
  task.cancel();
  yield ended(task);
});

both(
  "Condition: a waiter that is cancelled leaves, with the lock held",
  function* (t) {
    const condition = new Condition();
    const log: unknown[] = [];
    const [a, b] = [..."ab"].map(waiters(t, condition, log));
    yield sleep(0);
    a!.cancel("why");
    yield ended(a!);
    assertEquals([...log].slice(0, 2), ["ax(why)", true]);
    assertEquals(condition.locked(), false);
    yield condition.with(() => condition.notify());
    yield ended(b!);
  },
);

both(
  "behaviour 48: wait() and notify() without the lock are RuntimeErrors",
  function* () {
    const condition = new Condition();
    assertEquals(
      yield* outcome(condition.wait()),
      "RuntimeError(cannot wait on un-acquired lock)",
    );
    for (
      const notify of [() => condition.notify(), () => condition.notifyAll()]
    ) {
      assertThrows(notify, RuntimeError, "cannot notify on un-acquired lock");
    }
    assertThrows(() => condition.release(), RuntimeError, "not acquired");
    assertEquals(
      yield* outcome(condition.waitFor(() => false)),
      "RuntimeError(cannot wait on un-acquired lock)",
    );
    // With nothing to wait for, no lock is needed.
    assertEquals(yield condition.waitFor(() => "at once"), "at once");
  },
);

both(
  "Condition: waitFor() gives what the predicate returned at last",
  function* (t) {
    const condition = new Condition();
    const answers = [0, "", null, undefined, false, "yes"];
    let asked = 0;
    const task = createTask(t.fn(function* () {
      return yield condition.with(() =>
        condition.waitFor(() => answers[asked++])
      );
    }));
    for (let i = 1; i < 6; i++) {
      yield sleep(0);
      assertEquals([asked, task.done()], [i, false]);
      yield condition.with(() => condition.notify());
      yield sleep(0);
    }
    assertEquals([yield task, asked], ["yes", 6]);
  },
);

both(
  "Condition: an error of the predicate leaves, with the lock held",
  function* () {
    const condition = new Condition();
    yield condition.acquire();
    const error = yield* caught(condition.waitFor(() => {
      throw new Error("predicate");
    }));
    assertEquals((error as Error).message, "predicate");
    condition.release();
  },
);

both(
  "Condition: an async predicate is a TypeError, since it is always true",
  function* () {
    const condition = new Condition();
    yield condition.acquire();
    for (const wrong of [async () => {}, function* () {}] as const) {
      const error = yield* caught(condition.waitFor<unknown>(wrong));
      assertInstanceOf(error, TypeError);
      assert(error.message.includes("pass a plain function"));
    }
    assertThrows(
      () => condition.waitFor(true as never),
      TypeError,
      "a predicate is needed, got boolean",
    );
    assertThrows(
      () => condition.notify("all" as never),
      TypeError,
      "a number is needed, got string",
    );
  },
);

both("Condition: several share a lock that is given to them", function* () {
  const lock = new Lock();
  const [full, empty] = [new Condition(lock), new Condition(lock)];
  yield full.acquire();
  assertEquals([lock.locked(), empty.locked()], [true, true]);
  empty.notifyAll();
  lock.release();
  assertEquals(full.locked(), false);
  assertEquals(full.statistics().lockStatistics, lock.statistics());
});

both(
  "Condition: statistics() tell how many wait, and of the lock",
  function* (t) {
    const condition = new Condition(null);
    const tasks = [..."ab"].map(waiters(t, condition, []));
    yield sleep(0);
    yield condition.acquire();
    const { tasksWaiting, lockStatistics } = condition.statistics();
    assertEquals([tasksWaiting, lockStatistics.locked], [2, true]);
    assertStrictEquals(lockStatistics.owner, currentTask());
    assert(Object.isFrozen(condition.statistics()));
    assertEquals(String(condition), "<Condition [locked, waiters:2]>");
    condition.notifyAll();
    condition.release();
    yield ended(...tasks);
    assertEquals(condition.statistics(), {
      tasksWaiting: 0,
      lockStatistics: { locked: false, owner: null, tasksWaiting: 0 },
    });
  },
);

both("Condition: wait() does nothing until it is awaited", function* () {
  const condition = new Condition();
  const waiting = condition.wait();
  yield sleep(0);
  waiting.close();
  assertInstanceOf(yield* caught(waiting), RuntimeError);
  assertEquals(condition.statistics().tasksWaiting, 0);
});

it("Condition: waitFor() is typed without what counts as false", () =>
  runVirtual(async () => {
    const condition = new Condition();
    const found = ["tea"].find((item) => item === "tea");
    const item: string = await condition.waitFor(() => found);
    const yes: true = await condition.waitFor(() => item !== "");
    const length: number = await condition.with(async () => item.length);
    assertEquals([item, yes, length], ["tea", true, 3]);
    // @ts-expect-error a string is no number
    const wrong: number = await condition.waitFor(() => found);
    void wrong;
  }));

it("Condition: refuses what is no lock", () => {
  assertThrows(
    () => new Condition({} as ConditionLock),
    TypeError,
    "Cannot make a condition: a Lock is needed, got object",
  );
});

it("Condition: has coroutine functions", () => {
  const condition = new Condition();
  for (const fn of [condition.acquire, condition.wait, condition.waitFor]) {
    assertEquals(isCoroutineFunction(fn), true);
  }
});
