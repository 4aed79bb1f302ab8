/** Barrier. */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertThrows,
} from "@std/assert";
import {
  Barrier,
  BrokenBarrierError,
  createTask,
  isCoroutineFunction,
  RuntimeError,
  sleep,
  timeout,
  TimeoutError,
} from "../mod.ts";
import { it } from "./_harness.ts";
import { ended, line, spawner, tickInto } from "./_locks.ts";
import { both, caught, outcome, type Spelled } from "./_spell.ts";

// The lines that orders are compared with are CPython's; `|` begins an iteration.

/** Makes tasks that wait at a barrier, and note the place or the error. */
function waiters(t: Spelled, barrier: Barrier, log: unknown[]) {
  return spawner(t, function* (name: string) {
    try {
      log.push(`${name}${yield barrier.wait()}`);
    } catch (error) {
      if (error instanceof BrokenBarrierError) {
        log.push(`${name}:${error.message}`);
        return;
      }
      log.push(`${name}x`);
      throw error;
    }
  });
}

both(
  "behaviour 45: wait() gives the place in which a task came",
  function* (t) {
    const barrier = new Barrier(3);
    const log: unknown[] = [];
    const tasks = [..."abc"].map(waiters(t, barrier, log));
    tickInto(log, t.loop);
    yield ended(...tasks);
    // The last does not wait, so it is the first to go on.
    assertEquals(line(log), "| c2 | a0 b1");
  },
);

both(
  "behaviour 45: who comes while others are let go waits for the next round",
  function* (t) {
    const barrier = new Barrier(2);
    const log: unknown[] = [];
    const wait = spawner(t, function* (name: string) {
      log.push(`${name}${yield barrier.wait()}`, String(barrier));
    });
    const tasks = [..."abcde"].map((name) => wait(name));
    tickInto(log, t.loop);
    for (let i = 0; i < 10; i++) yield sleep(0);
    const [draining, filling, one] = [
      "<Barrier [draining, waiters:0/2]>",
      "<Barrier [filling, waiters:0/2]>",
      "<Barrier [filling, waiters:1/2]>",
    ];
    assertEquals(
      line(log),
      `| b1 ${draining} | a0 ${filling} | d1 ${draining} | c0 ${filling}`,
    );
    assertEquals(String(barrier), one);
    tasks[4]!.cancel();
    yield ended(...tasks);
    assertEquals(String(barrier), filling);
  },
);

both("behaviour 45: a cancelled waiter does not break it", function* (t) {
  const barrier = new Barrier(2);
  const log: unknown[] = [];
  const wait = waiters(t, barrier, log);
  const first = wait("a");
  yield sleep(0);
  first.cancel();
  yield ended(first);
  assertEquals([barrier.nWaiting, barrier.broken], [0, false]);
  yield ended(wait("b"), wait("c"));
  assertEquals(line(log), "ax c1 b0");
});

both(
  "behaviour 45: cancelled after it was let go, it leaves as well",
  function* (t) {
    const barrier = new Barrier(2);
    const log: unknown[] = [];
    const task = waiters(t, barrier, log)("a");
    yield sleep(0);
    tickInto(log, t.loop);
    log.push(yield barrier.wait());
    task.cancel();
    log.push(String(barrier));
    yield ended(task);
    log.push(String(barrier));
    assertEquals(
      line(log),
      "| 1 <Barrier [draining, waiters:0/2]> | ax | | " +
        "<Barrier [filling, waiters:0/2]>",
    );
  },
);

both(
  "behaviour 45: reset() throws out who waits, and nobody else",
  function* (t) {
    const barrier = new Barrier(3);
    const log: unknown[] = [];
    const wait = waiters(t, barrier, log);
    const tasks = [wait("a"), wait("b")];
    yield sleep(0);
    tickInto(log, t.loop);
    yield barrier.reset();
    log.push(String(barrier));
    assertEquals([barrier.nWaiting, barrier.broken], [0, false]);
    tasks.push(...[..."cde"].map(wait));
    yield ended(...tasks);
    assertEquals(
      line(log),
      "| <Barrier [resetting, waiters:0/3]> | a:Abort or reset of barrier " +
        "b:Abort or reset of barrier e2 | c0 d1",
    );
    yield barrier.reset();
    yield barrier.reset();
    assertEquals(String(barrier), "<Barrier [filling, waiters:0/3]>");
  },
);

both("behaviour 45: abort() breaks it for all until reset()", function* (t) {
  const barrier = new Barrier(3);
  const log: unknown[] = [];
  const wait = waiters(t, barrier, log);
  const tasks = [wait("a"), wait("b")];
  yield sleep(0);
  tickInto(log, t.loop);
  yield barrier.abort();
  assertEquals([String(barrier), barrier.nWaiting, barrier.broken], [
    "<Barrier [broken]>",
    0,
    true,
  ]);
  const refused = yield* caught(barrier.wait());
  assertInstanceOf(refused, BrokenBarrierError);
  assertInstanceOf(refused, RuntimeError);
  log.push(refused.message);
  yield ended(...tasks);
  log.push(String(barrier));
  yield barrier.reset();
  yield ended(...[..."efg"].map(wait));
  assertEquals(
    line(log),
    "| Barrier aborted | a:Abort or reset of barrier " +
      "b:Abort or reset of barrier | | <Barrier [broken]> | g2 | e0 f1",
  );
});

both(
  "behaviour 45: aborted while draining, who was let go is thrown out",
  function* (t) {
    const barrier = new Barrier(2);
    const log: unknown[] = [];
    const task = waiters(t, barrier, log)("a");
    yield sleep(0);
    yield barrier.wait();
    yield barrier.abort();
    yield ended(task);
    assertEquals(line(log), "a:Abort or reset of barrier");
    assertEquals([barrier.broken, barrier.statistics().state], [
      true,
      "broken",
    ]);
  },
);

both(
  "Barrier: of one, nobody waits and nothing else runs",
  function* ({ loop }) {
    const barrier = new Barrier(1);
    const log: string[] = [];
    loop.callSoon(() => log.push("callback"));
    assertEquals([yield barrier.wait(), yield barrier.wait()], [0, 0]);
    assertEquals([log, barrier.nWaiting, barrier.parties], [[], 0, 1]);
  },
);

both("Barrier: a task that waits alone waits on", function* () {
  const barrier = new Barrier(2);
  const error = yield* caught(timeout(1).with(() => barrier.wait()));
  assertInstanceOf(error, TimeoutError);
  assertEquals(barrier.nWaiting, 0);
});

both("Barrier: round after round, each place is given once", function* (t) {
  const barrier = new Barrier(3);
  const places: number[] = [];
  const player = spawner(t, function* (_name: string) {
    for (let round = 0; round < 4; round++) {
      places.push(yield barrier.wait());
      yield sleep(1);
    }
  });
  yield ended(player("a"), player("b"), player("c"));
  for (let round = 0; round < 4; round++) {
    const given = places.slice(3 * round, 3 * round + 3);
    assertEquals(given.toSorted(), [0, 1, 2]);
  }
});

both("Barrier: with() runs its body when all have come", function* (t) {
  const barrier = new Barrier(2);
  const log: unknown[] = [];
  const other = createTask(
    barrier.with(t.fn(function* (place: number) {
      yield sleep(1);
      log.push(place);
      return "other";
    })),
  );
  yield sleep(1);
  assertEquals([log, barrier.nWaiting], [[], 1]);
  const own: string = yield barrier.with((place) => `own ${place}`);
  assertEquals([own, yield other, log], ["own 1", "other", [0]]);
});

both(
  "Barrier: with() passes the body's error on, and stays whole",
  function* (t) {
    const barrier = new Barrier(1);
    const failing = barrier.with(t.fn(function* () {
      yield sleep(0);
      throw new Error("in the body");
    }));
    assertEquals(yield* outcome(failing), "Error(in the body)");
    assertEquals(yield barrier.wait(), 0);
  },
);

both("Barrier: with() of a broken one does not run its body", function* () {
  const barrier = new Barrier(1);
  yield barrier.abort();
  assertEquals(
    yield* outcome(barrier.with(() => "ran")),
    "BrokenBarrierError(Barrier aborted)",
  );
  assertThrows(
    () => barrier.with(undefined as never),
    TypeError,
    "with() needs a function as its body, got undefined",
  );
});

it("behaviour 48: Barrier of less than one is a RangeError", () => {
  for (const parties of [0, -1, 0.5]) {
    assertThrows(
      () => new Barrier(parties),
      RangeError,
      "parties must be >= 1",
    );
  }
  for (const parties of [1.5, NaN, Infinity, "two", undefined, {}]) {
    assertThrows(
      () => new Barrier(parties as number),
      TypeError,
      "Cannot make a barrier: an integer is needed",
    );
  }
});

both(
  "Barrier: statistics() tell how many have come, of how many",
  function* (t) {
    const barrier = new Barrier(2);
    const task = waiters(t, barrier, [])("a");
    yield sleep(0);
    const statistics = barrier.statistics();
    assert(Object.isFrozen(statistics));
    assertEquals(statistics, { parties: 2, tasksWaiting: 1, state: "filling" });
    yield barrier.wait();
    assertEquals(barrier.statistics().state, "draining");
    yield ended(task);
  },
);

it("Barrier: has coroutine functions", () => {
  const barrier = new Barrier(1);
  for (const fn of [barrier.wait, barrier.reset, barrier.abort]) {
    assertEquals(isCoroutineFunction(fn), true);
  }
});
