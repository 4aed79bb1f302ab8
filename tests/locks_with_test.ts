/** with() and guard() of what is acquired and released. */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  type _ContextManagerMixin,
  BoundedSemaphore,
  CancelledError,
  CapacityLimiter,
  Condition,
  createTask,
  currentTask,
  type HeldGuard,
  Lock,
  RuntimeError,
  Semaphore,
  sleep,
  TimeoutError,
  waitFor,
} from "../mod.ts";
import { it } from "./_harness.ts";
import { ended, line, spawner } from "./_locks.ts";
import { both, caught, outcome } from "./_spell.ts";
import { runVirtual } from "./_virtual.ts";

interface Held extends _ContextManagerMixin {
  statistics(): object;
}

const KINDS: Readonly<Record<string, () => Held>> = {
  Lock: () => new Lock(),
  Condition: () => new Condition(),
  Semaphore: () => new Semaphore(1),
  BoundedSemaphore: () => new BoundedSemaphore(1),
  CapacityLimiter: () => new CapacityLimiter(1),
};

for (const [kind, make] of Object.entries(KINDS)) {
  both(`${kind}: with() holds it while the body runs`, function* (t) {
    const held = make();
    const free = held.statistics();
    const text = String(held);
    let inside = "";
    const value: string = yield held.with(t.fn(function* () {
      yield sleep(1);
      inside = String(held);
      return "value";
    }));
    assertEquals(value, "value");
    assert(inside !== "" && inside !== text);
    assertEquals(held.statistics(), free);
  });

  both(`${kind}: with() takes any kind of body`, function* () {
    const held = make();
    const free = held.statistics();
    assertEquals(yield held.with(() => 1), 1);
    assertEquals(yield held.with(async () => 2), 2);
    assertEquals(yield held.with(async () => await sleep(1, 3)), 3);
    assertEquals(yield held.with(() => sleep(1, 4)), 4);
    assertEquals(
      yield held.with(function* () {
        return yield* sleep(1, 5);
      }),
      5,
    );
    assertEquals(yield held.with(() => Promise.resolve(6)), 6);
    assertEquals(held.statistics(), free);
  });

  both(`${kind}: with() lets one body in after the other`, function* (t) {
    const held = make();
    const log: string[] = [];
    const user = spawner(t, function* (name: string) {
      yield held.with(t.fn(function* () {
        log.push(name);
        yield sleep(1);
        log.push(`${name}.`);
      }));
    });
    yield ended(user("a"), user("b"), user("c"));
    assertEquals(line(log), "a a. b b. c c.");
  });

  both(`${kind}: with() releases it when the body fails`, function* (t) {
    const held = make();
    const free = held.statistics();
    const error = new Error("in the body");
    const bodies = [
      () => {
        throw error;
      },
      t.fn(function* () {
        throw error;
      }),
      t.fn(function* () {
        yield sleep(1);
        throw error;
      }),
    ];
    for (const body of bodies) {
      assertStrictEquals(
        yield* caught(held.with(body as () => void)),
        error,
      );
      assertEquals(held.statistics(), free);
    }
  });

  both(`${kind}: with() releases it when the body is cancelled`, function* (t) {
    const held = make();
    const free = held.statistics();
    const text = String(held);
    const task = createTask(held.with(t.fn(function* () {
      try {
        yield sleep(10);
      } finally {
        // Cleaning up is part of the body: it is still held.
        yield sleep(1);
        assert(String(held) !== text);
      }
    })));
    yield sleep(1);
    task.cancel("enough");
    const error = yield* caught(task);
    assertInstanceOf(error, CancelledError);
    assertEquals(error.args, ["enough"]);
    assertEquals(held.statistics(), free);
  });

  both(`${kind}: with() cancelled before it is in runs no body`, function* (t) {
    const held = make();
    let ran = false;
    const guard: HeldGuard = yield held.guard();
    const task = createTask(held.with(() => void (ran = true)));
    const next = createTask(held.with(t.fn(function* () {
      return yield sleep(0, "next");
    })));
    yield sleep(0);
    task.cancel();
    guard.release();
    yield ended(task);
    assertEquals([task.cancelled(), ran], [true, false]);
    assertEquals(yield next, "next");
  });

  both(
    `${kind}: with() and guard() cancelled after they were woken pass it on`,
    function* () {
      const held = make();
      const free = held.statistics();
      let ran = false;
      for (
        const coro of [held.with(() => void (ran = true)), held.guard()]
      ) {
        const guard: HeldGuard = yield held.guard();
        const task = createTask<unknown>(coro);
        const next = createTask(held.with(() => "next"));
        yield sleep(0);
        guard.release();
        task.cancel();
        assertEquals(yield next, "next");
        assertEquals([task.cancelled(), ran], [true, false]);
      }
      assertEquals(held.statistics(), free);
    },
  );

  both(
    `${kind}: with() without a function is a TypeError with the fix`,
    function* () {
      const held = make();
      for (const wrong of [undefined, null, 1, {}, Promise.resolve()]) {
        const error = assertThrows(
          () => held.with(wrong as never),
          TypeError,
          "with() needs a function as its body",
        );
        assert(error.message.includes("write with(async () => { ... })"));
      }
      yield held.with(() => {});
    },
  );

  both(
    `${kind}: with() does nothing until it is awaited, and once`,
    function* () {
      const held = make();
      let ran = 0;
      const block = held.with(() => ++ran);
      yield sleep(0);
      assertEquals(ran, 0);
      assertEquals(yield block, 1);
      assertInstanceOf(yield* caught(block), RuntimeError);
      assertEquals(ran, 1);
    },
  );

  both(`${kind}: a guard releases exactly once`, function* () {
    const held = make();
    const free = held.statistics();
    const guard: HeldGuard = yield held.guard();
    assertEquals(String(guard), "<HeldGuard [held]>");
    guard.release();
    assertEquals(String(guard), "<HeldGuard [released]>");
    assertEquals(held.statistics(), free);
    guard.release();
    guard[Symbol.dispose]();
    assertEquals(held.statistics(), free);
    // Nor does it release what another has acquired since.
    const second: HeldGuard = yield held.guard();
    const taken = held.statistics();
    guard.release();
    assertEquals(held.statistics(), taken);
    second.release();
  });

  both(`${kind}: guard() waits its turn, and can be cancelled`, function* () {
    const held = make();
    const free = held.statistics();
    const first: HeldGuard = yield held.guard();
    const [second, third] = [1, 2].map(() => createTask(held.guard()));
    assertInstanceOf(yield* caught(waitFor(sleep(9), 1)), TimeoutError);
    assertEquals([second!.done(), third!.done()], [false, false]);
    second!.cancel();
    yield ended(second!);
    first[Symbol.dispose]();
    const guard: HeldGuard = yield third;
    guard.release();
    assertEquals(held.statistics(), free);
  });

  it(`${kind}: using a guard releases it at the end of the block`, () =>
    runVirtual(async () => {
      const held = make();
      const free = held.statistics();
      const text = String(held);
      {
        using _ = await held.guard();
        await sleep(1);
        assert(String(held) !== text);
      }
      assertEquals(held.statistics(), free);
      await failing(async () => {
        using _ = await held.guard();
        throw new Error("in the block");
      });
      assertEquals(held.statistics(), free);
    }));

  it(`${kind}: using a guard releases it in a generator as well`, () =>
    runVirtual(function* () {
      const held = make();
      const free = held.statistics();
      {
        using _ = yield* held.guard();
        yield* sleep(1);
      }
      assertEquals(held.statistics(), free);
    }));

  both(`${kind}: closed half-way, with() and guard() let it go`, function* () {
    const held = make();
    const free = held.statistics();
    for (
      const [i, coro] of [
        held.with(function* () {
          yield* sleep(9);
        }),
        held.with(() => {}),
        held.guard(),
        held.acquire(),
      ].entries()
    ) {
      // All but the first are closed while they wait.
      const other = i > 0 ? createTask(held.with(() => sleep(1))) : sleep(0);
      yield sleep(0);
      const iterator = coro[Symbol.iterator]() as Generator;
      iterator.next();
      iterator.return(undefined);
      yield other;
      assertEquals(held.statistics(), free);
    }
  });
}

async function failing(body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch {
    return;
  }
  throw new Error("an error was expected, and none came");
}

both(
  "Lock: with() of a body that released it is the RuntimeError of that",
  function* (t) {
    const lock = new Lock();
    assertEquals(
      yield* outcome(lock.with(() => lock.release())),
      "RuntimeError(Lock is not acquired.)",
    );
    const failure = new Error("in the body");
    const error = yield* caught(lock.with(t.fn(function* () {
      yield sleep(0);
      lock.release();
      throw failure;
    })));
    assertInstanceOf(error, RuntimeError);
    assertStrictEquals(error.cause, failure);
  },
);

both(
  "Lock: the owner within with() and after guard() is the task",
  function* () {
    const lock = new Lock();
    yield lock.with(() => {
      assertStrictEquals(lock.statistics().owner, currentTask());
    });
    const guard: HeldGuard = yield lock.guard();
    assertStrictEquals(lock.statistics().owner, currentTask());
    guard.release();
  },
);

both("Semaphore: with() lets as many in as there are places", function* (t) {
  const semaphore = new Semaphore(3);
  let inside = 0, most = 0;
  const user = spawner(t, function* (_name: string) {
    yield semaphore.with(t.fn(function* () {
      most = Math.max(most, ++inside);
      yield sleep(1);
      inside--;
    }));
  });
  yield ended(...[..."abcdefgh"].map((name) => user(name)));
  assertEquals([most, inside, t.loop.time()], [3, 0, 3]);
});
