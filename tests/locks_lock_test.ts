/** Lock. */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  createTask,
  currentTask,
  isCoroutineFunction,
  Lock,
  RuntimeError,
  sleep,
  timeout,
  TimeoutError,
  waitFor,
} from "../mod.ts";
import { it } from "./_harness.ts";
import { ended, holder, line, spawner, tickInto } from "./_locks.ts";
import { capturedLog } from "./_loops.ts";
import { both, caught, outcome, spell, SPELLINGS } from "./_spell.ts";
import { runVirtual } from "./_virtual.ts";

// The lines that orders are compared with are CPython's; `|` begins an iteration.

both("behaviour 41: Lock is first come, first served", function* (t) {
  const lock = new Lock();
  const log: string[] = [];
  yield lock.acquire();
  const hold = holder(t, lock, log);
  const tasks = [..."abcdef"].map((name) => hold(name, 1));
  yield sleep(0);
  lock.release();
  yield ended(...tasks);
  assertEquals(log.join(""), "abcdef");
});

both(
  "behaviour 41: released with a waiter it is not locked, yet a new acquire queues",
  function* (t) {
    const lock = new Lock();
    const log: unknown[] = [];
    yield lock.acquire();
    const hold = holder(t, lock, log);
    const tasks = [hold("a", 1), hold("b", 1)];
    yield sleep(0);
    lock.release();
    log.push(lock.locked());
    tickInto(log, t.loop);
    yield lock.acquire();
    log.push("main");
    assertEquals(line(log), "false | a | | b | | main");
    yield ended(...tasks);
  },
);

both(
  "behaviour 41: a waiter cancelled after it was woken hands the wake-up on",
  function* (t) {
    const lock = new Lock();
    const log: unknown[] = [];
    yield lock.acquire();
    const hold = holder(t, lock, log);
    const tasks = [hold("a", 0), hold("b", 0), hold("c", 0)];
    yield sleep(0);
    tickInto(log, t.loop);
    lock.release();
    assert(tasks[0]!.cancel());
    yield ended(...tasks);
    assertEquals(line(log), "| | ax | b | c");
    assertEquals([lock.locked(), tasks[0]!.cancelled()], [false, true]);
  },
);

both(
  "Lock: cancelled while waiting, it leaves; a release meanwhile is not lost",
  function* (t) {
    const lock = new Lock();
    const log: unknown[] = [];
    yield lock.acquire();
    const hold = holder(t, lock, log);
    const tasks = [hold("a", 0), hold("b", 0), hold("c", 0)];
    yield sleep(0);
    tickInto(log, t.loop);
    tasks[0]!.cancel();
    // The first in the queue is cancelled but has not run: it wakes the next.
    lock.release();
    yield ended(...tasks);
    assertEquals(line(log), "| | ax | b | c");
  },
);

both(
  "Lock: cancelled in the middle and at the end, the others keep their order",
  function* (t) {
    const lock = new Lock();
    const log: unknown[] = [];
    yield lock.acquire();
    const hold = holder(t, lock, log);
    const tasks = [..."abcde"].map((name) => hold(name, 1));
    yield sleep(0);
    tasks[2]!.cancel();
    tasks[4]!.cancel();
    yield sleep(0);
    assertEquals(lock.statistics().tasksWaiting, 3);
    lock.release();
    yield hold("f", 0);
    assertEquals(line(log), "cx ex a b d f");
    yield ended(...tasks);
  },
);

both(
  "Lock: after some have left the queue, nobody overtakes the one who was woken",
  function* (t) {
    const lock = new Lock();
    const log: unknown[] = [];
    yield lock.acquire();
    const hold = holder(t, lock, log);
    const tasks = [..."abcd"].map((name) => hold(name, 0));
    yield sleep(0);
    // From the middle, and then what stood behind it.
    for (const i of [1, 2, 3]) {
      tasks[i]!.cancel();
      yield sleep(0);
    }
    lock.release();
    yield lock.acquire();
    log.push("main");
    assertEquals(line(log), "bx cx dx a main");
    yield ended(...tasks);
  },
);

both(
  "Lock: whoever comes once all waiters are cancelled takes it at once",
  function* (t) {
    const lock = new Lock();
    const log: unknown[] = [];
    yield lock.acquire();
    const hold = holder(t, lock, log);
    const tasks = [hold("a", 0), hold("b", 0)];
    yield sleep(0);
    for (const task of tasks) task.cancel();
    lock.release();
    tickInto(log, t.loop);
    yield lock.acquire();
    log.push("main", String(lock));
    yield sleep(0);
    assertEquals(line(log), "| main <Lock [locked, waiters:2]> ax bx");
    lock.release();
    yield ended(...tasks);
  },
);

both("Lock: takers in loops take turns, nobody starves", function* (t) {
  const lock = new Lock();
  const log: string[] = [];
  const take = spawner(t, function* (name: string) {
    for (let i = 0; i < 4; i++) {
      yield lock.acquire();
      log.push(name);
      yield sleep(0);
      lock.release();
    }
  });
  yield ended(take("a"), take("b"), take("c"));
  assertEquals(log.join(""), "abcabcabcabc");
});

both(
  "behaviour 48: released while not held it is a RuntimeError",
  function* () {
    const lock = new Lock();
    const release = () => lock.release();
    assertThrows(release, RuntimeError, "Lock is not acquired.");
    yield lock.acquire();
    release();
    assertThrows(release, RuntimeError, "Lock is not acquired.");
  },
);

both(
  "behaviour 48: nor may it be while the next was only woken",
  function* (t) {
    const lock = new Lock();
    yield lock.acquire();
    const next = holder(t, lock, [])("a", 0);
    yield sleep(0);
    lock.release();
    assertThrows(() => lock.release(), RuntimeError, "Lock is not acquired.");
    yield next;
  },
);

both("Lock: a task that does not hold it may release it", function* (t) {
  const lock = new Lock();
  const log: unknown[] = [];
  const task = holder(t, lock, log)("a", 1);
  yield sleep(0);
  assertStrictEquals(lock.statistics().owner, task);
  lock.release();
  assertEquals(lock.statistics().owner, null);
  assertEquals(yield* outcome(task), "RuntimeError(Lock is not acquired.)");
});

both("Lock: a task that acquires it again waits for itself", function* () {
  const lock = new Lock();
  yield lock.acquire();
  const error = yield* caught(waitFor(lock.acquire(), 1));
  assertInstanceOf(error, TimeoutError);
  assertInstanceOf(
    yield* caught(timeout(1).with(() => lock.acquire())),
    TimeoutError,
  );
  assertEquals(String(lock), "<Lock [locked]>");
});

both(
  "Lock: acquire() gives true, and does nothing until awaited",
  function* () {
    const lock = new Lock();
    const acquiring = lock.acquire();
    yield sleep(0);
    assertEquals(lock.locked(), false);
    assertStrictEquals(yield acquiring, true);
    assertEquals(lock.locked(), true);
    assertInstanceOf(yield* caught(acquiring), RuntimeError);
    lock.release();
    assertInstanceOf(yield* caught(acquiring), RuntimeError);
    assertEquals(lock.locked(), false);
    lock.acquire().close();
    assertEquals(lock.statistics().tasksWaiting, 0);
  },
);

both(
  "Lock: where nobody waits, acquire() lets nothing else run",
  function* (t) {
    const lock = new Lock();
    const log: string[] = [];
    t.loop.callSoon(() => log.push("callback"));
    for (let i = 0; i < 3; i++) {
      yield lock.acquire();
      lock.release();
    }
    assertEquals(log, []);
    yield sleep(0);
    assertEquals(log, ["callback"]);
  },
);

both(
  "Lock: a pending cancellation does not stop a free acquire()",
  function* () {
    const lock = new Lock();
    currentTask()!.cancel();
    yield lock.acquire();
    yield* caught(sleep(0));
    assertEquals(lock.locked(), true);
  },
);

both("Lock: acquire() can be made a task, and gathered", function* () {
  const lock = new Lock();
  const [first, second] = [1, 2].map(() => createTask(lock.acquire()));
  yield first;
  assertStrictEquals(lock.statistics().owner, first);
  assertEquals(second!.done(), false);
  lock.release();
  assertEquals(yield second, true);
  assertStrictEquals(lock.statistics().owner, second);
});

both("Lock: statistics() tell who holds it and how many wait", function* (t) {
  const lock = new Lock();
  const before = lock.statistics();
  assertEquals(before, { locked: false, owner: null, tasksWaiting: 0 });
  assert(Object.isFrozen(before));
  yield lock.acquire();
  const tasks = [..."ab"].map((name) => holder(t, lock, [])(name, 0));
  yield sleep(0);
  const held = lock.statistics();
  assertEquals([held.locked, held.tasksWaiting], [true, 2]);
  assertStrictEquals(held.owner, currentTask());
  assertEquals(String(lock), "<Lock [locked, waiters:2]>");
  lock.release();
  assertEquals(lock.statistics(), {
    locked: false,
    owner: null,
    tasksWaiting: 2,
  });
  assertEquals(String(lock), "<Lock [unlocked, waiters:2]>");
  yield ended(...tasks);
  assertEquals(lock.statistics(), before);
  assertEquals(String(lock), "<Lock [unlocked]>");
});

it("Lock: acquired in a callback, a task is made that does it", () =>
  runVirtual(async (v) => {
    const lock = new Lock();
    let taken: unknown;
    v.loop.callSoon(() => {
      lock.acquire().then((value) => taken = value);
    });
    await sleep(1);
    assertEquals([taken, lock.locked()], [true, true]);
    assertEquals(lock.statistics().owner?.done(), true);
    lock.release();
  }));

it("Lock: then() of an acquire chains, as a promise's does", () =>
  runVirtual(async () => {
    const lock = new Lock();
    assertEquals(
      await lock.acquire().then((value) => [value]).then(String),
      "true",
    );
    const refused = await new Promise((resolve) => {
      const used = lock.acquire();
      used.close();
      used.then(null, resolve);
    });
    assertInstanceOf(refused, RuntimeError);
  }));

it("Lock: acquire is a coroutine function", () => {
  assertEquals(isCoroutineFunction(new Lock().acquire), true);
});

for (const spelling of SPELLINGS) {
  it(`Lock: debug mode warns of a task that waits for itself (${spelling})`, async () => {
    const log = await capturedLog(() =>
      runVirtual((v) => {
        v.loop.setDebug(true);
        return spell(spelling, function* () {
          const lock = new Lock();
          yield lock.acquire();
          const another = createTask(lock.acquire());
          yield sleep(0);
          assertEquals(lock.statistics().tasksWaiting, 1);
          another.cancel();
          yield* caught(another);
          yield* caught(timeout(1).with(() => lock.acquire()));
        })();
      })
    );
    const warnings = log.filter(({ text }) => /which it holds/.test(text));
    assertEquals(warnings.map(({ level }) => level), ["warning"]);
  });
}
