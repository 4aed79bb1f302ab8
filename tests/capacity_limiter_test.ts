/** CapacityLimiter. */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  CancelledError,
  CapacityLimiter,
  createTask,
  currentTask,
  type HeldGuard,
  isCoroutineFunction,
  RuntimeError,
  sleep,
  timeout,
  TimeoutError,
  WouldBlock,
} from "../mod.ts";
import { it } from "./_harness.ts";
import { ended, holder, line, spawner, tickInto } from "./_locks.ts";
import { both, caught, outcome } from "./_spell.ts";
import { runVirtual } from "./_virtual.ts";

both(
  "CapacityLimiter: lends at most its tokens, first come, first served",
  function* (t) {
    const limiter = new CapacityLimiter(2);
    const log: string[] = [];
    const hold = holder(t, limiter, log);
    const tasks = [..."abcdef"].map((name) => hold(name, 1));
    yield sleep(0);
    assertEquals([log.join(""), limiter.borrowedTokens], ["ab", 2]);
    yield ended(...tasks);
    assertEquals([log.join(""), limiter.borrowedTokens], ["abcdef", 0]);
  },
);

both(
  "CapacityLimiter: a token goes straight to who waits, nobody overtakes",
  function* (t) {
    const limiter = new CapacityLimiter(1);
    const log: unknown[] = [];
    yield limiter.acquire();
    const task = holder(t, limiter, log)("a", 1);
    yield sleep(0);
    limiter.release();
    assertEquals(limiter.statistics().borrowers, [task]);
    assertThrows(() => limiter.acquireNowait(), WouldBlock);
    tickInto(log, t.loop);
    yield limiter.acquire();
    log.push("main");
    assertEquals(line(log), "| a | | main");
  },
);

both(
  "CapacityLimiter: takers in loops take turns, nobody starves",
  function* (t) {
    const limiter = new CapacityLimiter(2);
    const log: string[] = [];
    const take = spawner(t, function* (name: string) {
      for (let i = 0; i < 3; i++) {
        yield limiter.acquire();
        log.push(name);
        yield sleep(1);
        limiter.release();
      }
    });
    yield ended(...[..."abcd"].map((name) => take(name)));
    assertEquals(log.join(""), "abcdabcdabcd");
  },
);

both(
  "CapacityLimiter: cancelled while waiting, a borrower may come again",
  function* (t) {
    const limiter = new CapacityLimiter(1);
    const log: unknown[] = [];
    yield limiter.acquire();
    const borrow = spawner(t, function* (name: string) {
      try {
        yield limiter.acquireOnBehalfOf("somebody");
        log.push(name);
        limiter.releaseOnBehalfOf("somebody");
      } catch (error) {
        log.push(`${name}x`);
        throw error;
      }
    });
    const first = borrow("a");
    yield sleep(0);
    first.cancel();
    yield ended(first);
    const second = borrow("b");
    yield sleep(0);
    limiter.release();
    yield second;
    assertEquals(line(log), "ax b");
    assertEquals(limiter.availableTokens, 1);
  },
);

both(
  "CapacityLimiter: cancelled after it was woken, its token goes to the next",
  function* (t) {
    const limiter = new CapacityLimiter(1);
    const log: unknown[] = [];
    const hold = holder(t, limiter, log);
    yield limiter.acquire();
    const tasks = [hold("a", 0), hold("b", 0), hold("c", 0)];
    yield sleep(0);
    tickInto(log, t.loop);
    limiter.release();
    tasks[0]!.cancel();
    tasks[1]!.cancel();
    yield ended(...tasks);
    assertEquals(line(log), "| | ax bx | c");
    assertEquals(limiter.statistics().borrowers, []);
  },
);

both(
  "CapacityLimiter: a borrower that holds one cannot have another",
  function* () {
    const limiter = new CapacityLimiter(2);
    const me = currentTask();
    const text = `RuntimeError(Cannot acquire: ${me} holds a token of ` +
      "<CapacityLimiter [1/2]> already)";
    yield limiter.acquire();
    assertEquals(yield* outcome(limiter.acquire()), text);
    assertEquals(yield* outcome(limiter.acquireOnBehalfOf(me)), text);
    assertEquals(yield* outcome(limiter.with(() => {})), text);
    assertEquals(yield* outcome(limiter.guard()), text);
    for (
      const again of [
        () => limiter.acquireNowait(),
        () => limiter.acquireOnBehalfOfNowait(me),
      ]
    ) assertThrows(again, RuntimeError, "already");
    assertEquals(limiter.borrowedTokens, 1);
  },
);

both("CapacityLimiter: nor can one that waits wait twice", function* () {
  const limiter = new CapacityLimiter(1);
  yield limiter.acquire();
  const waiting = createTask(limiter.acquireOnBehalfOf("ann"));
  yield sleep(0);
  assertEquals(
    yield* outcome(limiter.acquireOnBehalfOf("ann")),
    "RuntimeError(Cannot acquire: 'ann' waits for a token of " +
      "<CapacityLimiter [1/1, waiters:1]> already)",
  );
  limiter.release();
  yield waiting;
  assertEquals(limiter.statistics().borrowers, ["ann"]);
});

both(
  "CapacityLimiter: lends to borrowers by name, told apart by identity",
  function* () {
    const limiter = new CapacityLimiter(3);
    const [one, other] = [{}, {}];
    assertStrictEquals(yield limiter.acquireOnBehalfOf(one), true);
    yield limiter.acquireOnBehalfOf(other);
    limiter.acquireOnBehalfOfNowait("ann");
    assertEquals(limiter.statistics().borrowers.length, 3);
    assertStrictEquals(limiter.statistics().borrowers[0], one);
    limiter.releaseOnBehalfOf(one);
    limiter.acquireNowait();
    assertStrictEquals(limiter.statistics().borrowers[2], currentTask());
    limiter.releaseOnBehalfOf(currentTask());
  },
);

both(
  "CapacityLimiter: released by who holds nothing it is a RuntimeError",
  function* () {
    const limiter = new CapacityLimiter(1);
    assertThrows(() => limiter.release(), RuntimeError, "holds no token of");
    limiter.acquireOnBehalfOfNowait("ann");
    assertThrows(() => limiter.release(), RuntimeError, "holds no token of");
    assertThrows(
      () => limiter.releaseOnBehalfOf("bob"),
      RuntimeError,
      "Cannot release: 'bob' holds no token of <CapacityLimiter [1/1]>",
    );
    assertThrows(
      () => limiter.releaseOnBehalfOf({}),
      RuntimeError,
      "holds no token of",
    );
    limiter.releaseOnBehalfOf("ann");
    assertThrows(() => limiter.releaseOnBehalfOf("ann"), RuntimeError);
  },
);

both(
  "CapacityLimiter: without waiting, it is WouldBlock that none is left",
  function* () {
    const limiter = new CapacityLimiter(1);
    limiter.acquireNowait();
    const error = assertThrows(
      () => limiter.acquireOnBehalfOfNowait("ann"),
      WouldBlock,
      "Cannot acquire at once: <CapacityLimiter [1/1]> has no token left",
    );
    assertEquals(error.name, "WouldBlock");
    limiter.release();
    limiter.acquireOnBehalfOfNowait("ann");
  },
);

both(
  "CapacityLimiter: more tokens wake as many, fewer take none back",
  function* (t) {
    const limiter = new CapacityLimiter(1);
    const log: string[] = [];
    const hold = holder(t, limiter, log);
    const tasks = [..."abcdef"].map((name) => hold(name, name === "c" ? 9 : 3));
    yield sleep(0);
    assertEquals(log.join(""), "a");
    limiter.totalTokens = 3;
    assertEquals([limiter.borrowedTokens, limiter.availableTokens], [3, 0]);
    yield sleep(0);
    assertEquals(log.join(""), "abc");
    limiter.totalTokens = 1;
    assertEquals([limiter.borrowedTokens, limiter.availableTokens], [3, -2]);
    tasks[3]!.cancel();
    yield ended(tasks[0]!, tasks[1]!);
    assertEquals(log.join(""), "abcdx");
    limiter.totalTokens = Infinity;
    yield ended(...tasks);
    assertEquals(log.join(""), "abcdxef");
    assertEquals([limiter.borrowedTokens, limiter.availableTokens], [
      0,
      Infinity,
    ]);
  },
);

both(
  "CapacityLimiter: with no tokens all wait until there are some",
  function* () {
    const limiter = new CapacityLimiter(0);
    const task = createTask(limiter.acquire());
    yield sleep(1);
    assertEquals(task.done(), false);
    assertInstanceOf(
      yield* caught(timeout(1).with(() => limiter.acquire())),
      TimeoutError,
    );
    limiter.totalTokens = 1;
    yield task;
    assertEquals(limiter.statistics().borrowers, [task]);
  },
);

it("CapacityLimiter: refuses a number of tokens that is none", () => {
  const limiter = new CapacityLimiter(1);
  for (
    const set of [
      (value: number) => new CapacityLimiter(value),
      (value: number) => limiter.totalTokens = value,
    ]
  ) {
    assertThrows(() => set(-1), RangeError, "totalTokens must be >= 0");
    for (const value of [1.5, NaN, -Infinity, "2", null, undefined]) {
      assertThrows(
        () => set(value as number),
        TypeError,
        "totalTokens must be an integer or Infinity, got",
      );
    }
  }
  assertEquals(limiter.totalTokens, 1);
});

it("CapacityLimiter: outside any task a borrower has to be named", () =>
  runVirtual(async ({ loop }) => {
    const limiter = new CapacityLimiter(1);
    const done = loop.createFuture<void>();
    loop.callSoon(() => {
      for (
        const [verb, act] of [
          ["acquire", () => limiter.acquireNowait()],
          ["release", () => limiter.release()],
        ] as const
      ) {
        assertThrows(
          act,
          RuntimeError,
          `Cannot ${verb}: there is no current task; name a borrower with ` +
            `${verb}OnBehalfOf()`,
        );
      }
      limiter.acquireOnBehalfOfNowait("a callback");
      limiter.releaseOnBehalfOf("a callback");
      done.setResult(undefined);
    });
    await done;
  }));

both(
  "CapacityLimiter: acquire() borrows for the task that awaits it",
  function* () {
    const limiter = new CapacityLimiter(2);
    const acquiring = limiter.acquire();
    const task = createTask(acquiring);
    yield task;
    assertEquals(limiter.statistics().borrowers, [task]);
    yield limiter.acquire();
    assertStrictEquals(limiter.statistics().borrowers[1], currentTask());
  },
);

both(
  "CapacityLimiter: a guard gives the token back for who got it",
  function* (t) {
    const limiter = new CapacityLimiter(1);
    const guard: HeldGuard = yield createTask(limiter.guard());
    assertThrows(() => limiter.release(), RuntimeError, "holds no token");
    yield createTask(t.fn(function* () {
      guard.release();
    }));
    assertEquals(limiter.availableTokens, 1);
  },
);

both(
  "CapacityLimiter: statistics() tell who holds and how many wait",
  function* (t) {
    const limiter = new CapacityLimiter(1);
    yield limiter.acquire();
    const tasks = [..."ab"].map((name) => holder(t, limiter, [])(name, 0));
    yield sleep(0);
    const statistics = limiter.statistics();
    assert(
      Object.isFrozen(statistics) && Object.isFrozen(statistics.borrowers),
    );
    assertEquals(statistics, {
      borrowedTokens: 1,
      totalTokens: 1,
      borrowers: [currentTask()],
      tasksWaiting: 2,
    });
    assertEquals(String(limiter), "<CapacityLimiter [1/1, waiters:2]>");
    limiter.release();
    yield ended(...tasks);
    assertEquals(String(limiter), "<CapacityLimiter [0/1]>");
  },
);

both(
  "CapacityLimiter: where a token is left, acquire() lets nothing else run",
  function* ({ loop }) {
    const limiter = new CapacityLimiter(1);
    const log: string[] = [];
    loop.callSoon(() => log.push("callback"));
    yield limiter.acquire();
    limiter.release();
    yield limiter.acquireOnBehalfOf("ann");
    assertEquals(log, []);
    yield sleep(0);
    assertEquals(log, ["callback"]);
  },
);

it("CapacityLimiter: has coroutine functions", () => {
  const limiter = new CapacityLimiter(1);
  for (const fn of [limiter.acquire, limiter.acquireOnBehalfOf]) {
    assertEquals(isCoroutineFunction(fn), true);
  }
});

both(
  "CapacityLimiter: a token given back in a borrower's name is not given twice",
  function* (t) {
    const limiter = new CapacityLimiter(1);
    limiter.acquireOnBehalfOfNowait("ann");
    const task = createTask(
      t.co(function* () {
        yield limiter.acquireOnBehalfOf("bob");
      })(),
    );
    yield sleep(0);
    limiter.releaseOnBehalfOf("ann");
    // Bob has it, and does not know yet.
    limiter.releaseOnBehalfOf("bob");
    limiter.acquireOnBehalfOfNowait("cid");
    task.cancel();
    assertInstanceOf(yield* caught(task), CancelledError);
    assertEquals(limiter.statistics().borrowers, ["cid"]);
  },
);

it("CapacityLimiter: refuses a borrower that is missing", () => {
  const limiter = new CapacityLimiter(1);
  for (const missing of [null, undefined]) {
    for (
      const acquire of [
        () => limiter.acquireOnBehalfOfNowait(missing),
        () => limiter.acquireOnBehalfOf(missing),
      ]
    ) {
      assertThrows(
        acquire,
        TypeError,
        `Cannot acquire: a borrower is needed, got ${missing}`,
      );
    }
  }
});

it("CapacityLimiter: names a borrower that has no text", () => {
  const limiter = new CapacityLimiter(1);
  const borrower: unknown = Object.create(null);
  limiter.acquireOnBehalfOfNowait(borrower);
  assertThrows(
    () => limiter.acquireOnBehalfOfNowait(borrower),
    RuntimeError,
    "holds a token of <CapacityLimiter [1/1]> already",
  );
});
