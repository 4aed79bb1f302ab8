/** Ten thousand waiters take work in proportion to their number. */

import { assert, assertEquals } from "@std/assert";
import {
  type _ContextManagerMixin,
  Barrier,
  CapacityLimiter,
  Condition,
  createTask,
  Event,
  Future,
  Lock,
  type LockStatistics,
  Semaphore,
  sleep,
  type Task,
} from "../mod.ts";
import { it } from "./_harness.ts";
import { ended } from "./_locks.ts";
import { type Body, spell, SPELLINGS } from "./_spell.ts";
import { runVirtual } from "./_virtual.ts";

const MANY = 10_000;
const FEW = MANY / 4;

/** Makes tasks and lets them come to where they wait. */
function* crowd(n: number, wait: () => unknown): Body<Task<unknown>[]> {
  const tasks = Array.from(
    { length: n },
    () => createTask(() => wait() as Promise<unknown>),
  );
  yield sleep(0);
  yield sleep(0);
  return tasks;
}

interface Queued extends _ContextManagerMixin {
  statistics(): { readonly tasksWaiting: number };
}

/** Each what has to be linear, for n waiters. */
const COURSES: Record<string, (n: number) => Body> = {};

for (
  const [name, make] of Object.entries<() => Queued>({
    Lock: () => new Lock(),
    Semaphore: () => new Semaphore(1),
    CapacityLimiter: () => new CapacityLimiter(1),
  })
) {
  COURSES[`${name}: handed over from one to the next`] = function* (n) {
    const what = make();
    yield what.acquire();
    const tasks = yield* crowd(n, () => what.with(() => {}));
    assertEquals(what.statistics().tasksWaiting, n);
    what.release();
    yield ended(...tasks);
    assertEquals(what.statistics().tasksWaiting, 0);
  };
  for (const order of ["first", "last"]) {
    COURSES[`${name}: all cancelled, the ${order} one first`] = function* (n) {
      const what = make();
      yield what.acquire();
      const tasks = yield* crowd(n, () => what.acquire());
      const inOrder = order === "first" ? tasks : tasks.toReversed();
      for (const task of inOrder) {
        assert(task.cancel());
        // CPython looks through all who wait here.
        void (what as { locked?: () => boolean }).locked?.();
      }
      yield ended(...tasks);
      assertEquals(what.statistics().tasksWaiting, 0);
      what.release();
      yield what.acquire();
    };
  }
}

COURSES["Semaphore: as many releases in one tick"] = function* (n) {
  const semaphore = new Semaphore(0);
  const tasks = yield* crowd(n, () => semaphore.acquire());
  for (let i = 0; i < n; i++) semaphore.release();
  yield ended(...tasks);
  assertEquals(semaphore.statistics().value, 0);
};

COURSES["Event: all woken, and all cancelled"] = function* (n) {
  const event = new Event();
  const woken = yield* crowd(n, () => event.wait());
  event.set();
  event.clear();
  const cancelled = yield* crowd(n, () => event.wait());
  for (const task of cancelled) task.cancel();
  yield ended(...woken, ...cancelled);
  assertEquals(event.statistics().tasksWaiting, 0);
};

COURSES["Condition: notified one by one in one tick"] = function* (n) {
  const condition = new Condition();
  const tasks = yield* crowd(n, () => condition.with(() => condition.wait()));
  yield condition.acquire();
  for (let i = 0; i < n; i++) condition.notify();
  condition.release();
  yield ended(...tasks);
  assertEquals(condition.statistics().tasksWaiting, 0);
};

COURSES["Condition: all cancelled"] = function* (n) {
  const condition = new Condition();
  const tasks = yield* crowd(n, () => condition.with(() => condition.wait()));
  for (const task of tasks) task.cancel();
  yield ended(...tasks);
  const { tasksWaiting, lockStatistics } = condition.statistics();
  const free: LockStatistics = { locked: false, owner: null, tasksWaiting: 0 };
  assertEquals([tasksWaiting, lockStatistics], [0, free]);
};

COURSES["Barrier: of so many"] = function* (n) {
  const barrier = new Barrier(n + 1);
  const tasks = yield* crowd(n, () => barrier.wait());
  assertEquals(barrier.nWaiting, n);
  assertEquals(yield barrier.wait(), n);
  yield ended(...tasks);
};

/**
 * Counts how often a body has futures asked for their state. Whoever looks for a
 * waiter among others asks each, and unlike the time that takes, the number does not
 * depend on what else the machine does.
 */
async function looks(body: () => Promise<void>): Promise<number> {
  const { done, cancelled } = Future.prototype;
  let count = 0;
  Future.prototype.done = function () {
    count++;
    return done.call(this);
  };
  Future.prototype.cancelled = function () {
    count++;
    return cancelled.call(this);
  };
  try {
    await body();
  } finally {
    Object.assign(Future.prototype, { done, cancelled });
  }
  return count;
}

for (const [name, course] of Object.entries(COURSES)) {
  for (const spelling of SPELLINGS) {
    it(`${name}, is linear in ${MANY} waiters (${spelling})`, async () => {
      const count = (n: number) =>
        looks(() => runVirtual(() => spell(spelling, course)(n)));
      const few = await count(FEW);
      const many = await count(MANY);
      assert(few >= FEW, `only ${few} looks`);
      const ratio = many / few;
      assert(
        ratio < 1.1 * MANY / FEW,
        `${ratio.toFixed(1)} times as many looks`,
      );
    });
  }
}
