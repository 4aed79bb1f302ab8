/** Semaphore and BoundedSemaphore. */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  BoundedSemaphore,
  isCoroutineFunction,
  Semaphore,
  sleep,
  timeout,
  TimeoutError,
} from "../mod.ts";
import { describe, it } from "./_harness.ts";
import { ended, holder, line, spawner, tickInto } from "./_locks.ts";
import { both, caught } from "./_spell.ts";

// The lines that orders are compared with are CPython's; `|` begins an iteration.

both("behaviour 42: Semaphore is first come, first served", function* (t) {
  const semaphore = new Semaphore(2);
  const log: string[] = [];
  const hold = holder(t, semaphore, log);
  const tasks = [..."abcdef"].map((name) => hold(name, 1));
  yield sleep(0);
  assertEquals(log.join(""), "ab");
  yield ended(...tasks);
  assertEquals(log.join(""), "abcdef");
  assertEquals(semaphore.statistics().value, 2);
});

both(
  "behaviour 42: locked() while a waiter is only woken, late ones queue behind it",
  function* (t) {
    const semaphore = new Semaphore(1);
    const log: unknown[] = [];
    const hold = holder(t, semaphore, log);
    yield semaphore.acquire();
    const a = hold("a", 1);
    yield sleep(0);
    semaphore.release();
    semaphore.release();
    log.push(semaphore.statistics().value, semaphore.locked());
    tickInto(log, t.loop);
    const b = hold("b", 0);
    yield semaphore.acquire();
    log.push("main");
    semaphore.release();
    yield ended(a, b);
    assertEquals(line(log), "1 true | a | main | b");
    assertEquals(String(semaphore), "<Semaphore [unlocked, value:2]>");
  },
);

both(
  "behaviour 42: a waiter cancelled after it was woken gives its place back",
  function* (t) {
    const semaphore = new Semaphore(0);
    const log: unknown[] = [];
    const hold = holder(t, semaphore, log);
    const tasks = [hold("a", 0), hold("b", 0), hold("c", 0)];
    yield sleep(0);
    tickInto(log, t.loop);
    semaphore.release();
    tasks[0]!.cancel();
    yield ended(...tasks);
    assertEquals(line(log), "| | ax | b | c");
    assertEquals([semaphore.statistics().value, semaphore.locked()], [
      1,
      false,
    ]);
  },
);

both(
  "behaviour 42: with nobody left to wake, the place of a cancelled one is free",
  function* (t) {
    const semaphore = new Semaphore(0);
    const task = holder(t, semaphore, [])("a", 0);
    yield sleep(0);
    semaphore.release();
    assertEquals(semaphore.statistics().value, 0);
    task.cancel();
    yield ended(task);
    assertEquals([semaphore.statistics().value, semaphore.locked()], [
      1,
      false,
    ]);
  },
);

both(
  "behaviour 42: as many are woken as there are places, with cancels between",
  function* (t) {
    const semaphore = new Semaphore(0);
    const log: unknown[] = [];
    const take = spawner(t, function* (name: string) {
      yield semaphore.acquire();
      log.push(name);
    });
    const tasks = [..."abcd"].map((name) => take(name));
    yield sleep(0);
    tickInto(log, t.loop);
    semaphore.release();
    semaphore.release();
    tasks[0]!.cancel();
    tasks.push(take("e"));
    for (let i = 0; i < 3; i++) yield sleep(0);
    log.push(String(semaphore));
    for (let i = 0; i < 3; i++) semaphore.release();
    yield ended(...tasks);
    log.push(semaphore.statistics().value);
    assertEquals(
      line(log),
      "| | b | c | <Semaphore [locked, waiters:2]> | d e | | 1",
    );
  },
);

both("Semaphore: cancelled while waiting, no place is lost", function* (t) {
  const semaphore = new Semaphore(1);
  const log: unknown[] = [];
  yield semaphore.acquire();
  const hold = holder(t, semaphore, log);
  const tasks = [..."abcd"].map((name) => hold(name, 0));
  yield sleep(0);
  tasks[0]!.cancel();
  tasks[2]!.cancel();
  assertEquals(semaphore.locked(), true);
  semaphore.release();
  yield ended(...tasks);
  assertEquals(line(log), "ax cx b d");
  assertEquals(semaphore.statistics().value, 1);
});

both(
  "Semaphore: free once its only waiter is cancelled, even before that one ran",
  function* (t) {
    const semaphore = new Semaphore(1);
    yield semaphore.acquire();
    const task = holder(t, semaphore, [])("a", 0);
    yield sleep(0);
    task.cancel();
    semaphore.release();
    assertEquals(semaphore.locked(), false);
    yield semaphore.acquire();
    assertEquals([semaphore.locked(), task.done()], [true, false]);
    yield ended(task);
  },
);

both("Semaphore: takers in loops take turns, nobody starves", function* (t) {
  const semaphore = new Semaphore(2);
  const log: string[] = [];
  const take = spawner(t, function* (name: string) {
    for (let i = 0; i < 3; i++) {
      yield semaphore.acquire();
      log.push(name);
      yield sleep(1);
      semaphore.release();
    }
  });
  yield ended(...[..."abcd"].map((name) => take(name)));
  assertEquals(log.join(""), "abcdabcdabcd");
});

both(
  "Semaphore: a task may take several places, and waits past the last",
  function* () {
    const semaphore = new Semaphore(2);
    assertStrictEquals(yield semaphore.acquire(), true);
    yield semaphore.acquire();
    assertInstanceOf(
      yield* caught(timeout(1).with(() => semaphore.acquire())),
      TimeoutError,
    );
    assertEquals(semaphore.statistics().value, 0);
  },
);

both(
  "Semaphore: whoever releases adds a place, without having one",
  function* () {
    const semaphore = new Semaphore(0);
    semaphore.release();
    semaphore.release();
    assertEquals(String(semaphore), "<Semaphore [unlocked, value:2]>");
    yield semaphore.acquire();
    assertEquals(semaphore.statistics(), {
      value: 1,
      locked: false,
      tasksWaiting: 0,
    });
    assert(Object.isFrozen(semaphore.statistics()));
  },
);

both(
  "Semaphore: where a place is free, acquire() lets nothing else run",
  function* ({ loop }) {
    const semaphore = new Semaphore(3);
    const log: string[] = [];
    loop.callSoon(() => log.push("callback"));
    for (let i = 0; i < 3; i++) yield semaphore.acquire();
    assertEquals(log, []);
    yield sleep(0);
    assertEquals(log, ["callback"]);
  },
);

both(
  "behaviour 48: BoundedSemaphore released too often is a RangeError",
  function* () {
    const semaphore = new BoundedSemaphore(2);
    const release = () => semaphore.release();
    const text = "BoundedSemaphore released too many times";
    assertThrows(release, RangeError, text);
    yield semaphore.acquire();
    yield semaphore.acquire();
    release();
    release();
    assertThrows(release, RangeError, text);
    assertEquals(String(semaphore), "<BoundedSemaphore [unlocked, value:2]>");
  },
);

both(
  "BoundedSemaphore: hands its places on as a Semaphore does",
  function* (t) {
    const semaphore = new BoundedSemaphore();
    const log: string[] = [];
    yield semaphore.acquire();
    const hold = holder(t, semaphore, log);
    const tasks = [hold("a", 1), hold("b", 1)];
    yield sleep(0);
    semaphore.release();
    yield ended(...tasks);
    assertEquals(log.join(""), "ab");
  },
);

describe("Semaphore", () => {
  it("behaviour 48: refuses to begin below zero", () => {
    for (const Class of [Semaphore, BoundedSemaphore]) {
      for (const value of [-1, -0.5, -Infinity]) {
        assertThrows(
          () => new Class(value),
          RangeError,
          "Semaphore initial value must be >= 0",
        );
      }
    }
  });

  it("refuses what is no integer", () => {
    for (const value of [0.5, NaN, "many", null, {}]) {
      assertThrows(
        () => new Semaphore(value as number),
        TypeError,
        "Cannot make a semaphore: an integer is needed",
      );
    }
  });

  it("has one place unless told", () => {
    assertEquals(new Semaphore().statistics().value, 1);
    assertEquals(new BoundedSemaphore(undefined).statistics().value, 1);
  });

  it("has coroutine functions", () => {
    assertEquals(isCoroutineFunction(new BoundedSemaphore().acquire), true);
  });
});

both("Semaphore: with infinitely many places nobody waits", function* () {
  for (const Class of [Semaphore, BoundedSemaphore]) {
    const semaphore = new Class(Infinity);
    yield semaphore.acquire();
    semaphore.release();
    assertEquals(semaphore.statistics().value, Infinity);
  }
});
