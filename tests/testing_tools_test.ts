/** Sequencer, waitAllBlocked, assertCancellable, assertCheckpoints, lifecycle. */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { describe, it } from "./_harness.ts";
import {
  type Coro,
  createTask,
  gather,
  Lock,
  RuntimeError,
  sleep,
  type Task,
} from "../mod.ts";
import {
  assertCancellable,
  assertCheckpoints,
  LeakError,
  lifecycle,
  runTest,
  Sequencer,
  waitAllBlocked,
} from "../testing.ts";

describe("Sequencer", () => {
  it("runs blocks in the order of their numbers, under any seed", async () => {
    for (let seed = 0; seed < 20; seed++) {
      await runTest(async () => {
        const order = new Sequencer();
        const seen: number[] = [];
        await gather([3, 1, 0, 2].map((n) => async () => {
          await order.with(n, async () => {
            await sleep(1);
            seen.push(n);
          });
        }));
        assertEquals(seen, [0, 1, 2, 3]);
        assertEquals(order.position, 4);
      }, { seed });
    }
  });

  it("takes generators, and returns what the block does", async () => {
    await runTest(function* (): Coro<void> {
      const order = new Sequencer();
      const result = yield* order.with(0, function* () {
        return yield* sleep(1, "done");
      });
      assertEquals(result, "done");
    });
  });

  it("refuses a number twice, and what is none", async () => {
    await runTest(async () => {
      const order = new Sequencer();
      await order.with(0, () => {});
      await assertRejects(
        async () => await order.with(0, () => {}),
        RuntimeError,
        "taken before",
      );
      await assertRejects(
        async () => await order.with(-1, () => {}),
        RangeError,
      );
    });
  });

  it("is broken when one who waits is cancelled", async () => {
    await runTest(async () => {
      const order = new Sequencer();
      const [first, second] = [1, 2].map((n) =>
        createTask(() => order.with(n, () => {}))
      ) as [Task<void>, Task<void>];
      await waitAllBlocked();
      first.cancel();
      await assertRejects(async () => await second, RuntimeError, "broken");
      await assertRejects(
        async () => await order.with(0, () => {}),
        RuntimeError,
        "broken",
      );
      await first.then(null, () => {});
    });
  });
});

describe("waitAllBlocked()", () => {
  it("returns when all others wait, before any time passes", async () => {
    await runTest(async ({ time }) => {
      let steps = 0;
      const task = createTask(async () => {
        for (; steps < 10; steps++) await sleep(0);
        await sleep(1);
      });
      await waitAllBlocked();
      assertEquals([steps, time()], [10, 0]);
      await task;
    });
  });

  it("waits for foreign promises too", async () => {
    await runTest(async () => {
      let done = false;
      const task = createTask(async () => {
        for (let i = 0; i < 100; i++) await Promise.resolve();
        done = true;
      });
      await waitAllBlocked();
      assert(done);
      await task;
    });
  });

  it("wakes several at once", async () => {
    await runTest(async () => {
      await gather([() => waitAllBlocked(), () => waitAllBlocked()]);
    });
  });
});

describe("assertCancellable()", () => {
  it("cancels at every await in turn", async () => {
    for (
      const body of [
        async () => {
          const lock = new Lock();
          await sleep(0);
          await lock.with(() => sleep(1));
          await sleep(1);
        },
        function* (): Coro<void> {
          yield* sleep(0);
          yield* sleep(1);
          yield* sleep(1);
        },
      ]
    ) assertEquals(await assertCancellable(body), { points: 3 });
  });

  it("finds what is left running", async () => {
    const error = await assertCancellable(async () => {
      const child = createTask(() => sleep(5), { name: "child" });
      await sleep(1);
      await child;
    }).then(() => null, (e) => e);
    assertStringIncludes(error.message, "Cancelled at await 1");
    assertStringIncludes(error.message, "task 'child'");
    assert(error.cause instanceof LeakError);
  });

  it("finds a cancellation that is swallowed, unless that is meant", async () => {
    const body = async () => {
      await sleep(1);
      await sleep(1).then(() => {}, () => {});
    };
    await assertRejects(
      () => assertCancellable(body),
      RuntimeError,
      "Cancelled at await 2",
    );
    assertEquals(await assertCancellable(body, { mayReturn: true }), {
      points: 2,
    });
  });

  it("looks at what is left, as it is told to", async () => {
    let held = 0;
    await assertRejects(
      () =>
        assertCancellable(async () => {
          held++;
          await sleep(1);
          held--;
        }, {
          after: () => {
            if (held > 0) throw new Error("still held");
          },
        }),
      RuntimeError,
      "still held",
    );
  });
});

describe("assertCheckpoints()", () => {
  it("passes what gives way, and returns its result", async () => {
    await runTest(async () => {
      assertEquals(await assertCheckpoints(() => sleep(0, 7)), 7);
      await assertCheckpoints(async () => await sleep(1));
    });
  });

  it("fails what does not", async () => {
    await runTest(async () => {
      const lock = new Lock();
      for (
        const body of [
          () => lock.acquire(),
          async () => await Promise.resolve(),
          () => {},
        ]
      ) {
        await assertRejects(
          async () => await assertCheckpoints(body as () => Promise<void>),
          RuntimeError,
          "No checkpoint",
        );
      }
    });
  });
});

describe("lifecycle()", () => {
  /** A runner with hooks, for one test. */
  class Runner {
    readonly before: (() => Promise<void> | void)[] = [];
    readonly after: (() => Promise<void>)[] = [];
    beforeEach(fn: () => Promise<void> | void): void {
      this.before.push(fn);
    }
    afterEach(fn: () => Promise<void>): void {
      this.after.push(fn);
    }
    async run(body: () => Promise<void>): Promise<void> {
      for (const fn of this.before) await fn();
      try {
        await body();
      } finally {
        for (const fn of this.after.toReversed()) await fn();
      }
    }
  }

  it("gives setup, test and teardown one loop and one clock", async () => {
    const runner = new Runner();
    const test = lifecycle(runner);
    let ticker: Task<void>;
    test.beforeEach(async () => {
      ticker = createTask(() => sleep(60));
      await sleep(1);
    });
    test.afterEach(async () => await ticker);
    for (let i = 0; i < 2; i++) {
      await runner.run(test.it(async ({ time }) => {
        assertEquals(time(), 1);
        await sleep(9);
        assertEquals(test.scope.time(), 10);
      }));
    }
  });

  it("runs setups in their order, and teardowns in the opposite one", async () => {
    const runner = new Runner();
    const test = lifecycle(runner);
    const log: string[] = [];
    for (const name of ["a", "b"]) {
      test.beforeEach(async () => void log.push(`begin ${name}`));
      test.afterEach(async ({ time }) => {
        await sleep(1);
        log.push(`end ${name} ${time()}`);
      });
    }
    for (const made of [true, false]) {
      log.length = 0;
      const body = async () => void log.push("test");
      await runner.run(made ? test.it(body) : () => test.run(body));
      assertEquals(log, ["begin a", "begin b", "test", "end b 1", "end a 2"]);
    }
  });

  it("ends the teardown, and fails, where a part of it fails", async () => {
    const runner = new Runner();
    const test = lifecycle(runner);
    let closed = 0;
    test.afterEach(async () => void closed++);
    test.afterEach(async () => {
      throw new Error("in the teardown");
    });
    const error = await runner.run(test.it(() => sleep(1)))
      .then(() => null, (e) => e);
    assertEquals([error?.message, closed], ["in the teardown", 1]);
  });

  it("begins anew after a setup that failed", async () => {
    const runner = new Runner();
    const test = lifecycle(runner);
    let fail = true;
    test.beforeEach(async () => {
      createTask(() => sleep(60));
      if (fail) throw new Error("in the setup");
      await sleep(1);
    });
    for (let i = 0; i < 2; i++) {
      await assertRejects(
        async () => await runner.before[0]!(),
        Error,
        "in the setup",
      );
    }
    fail = false;
    test.afterEach(() => sleep(60));
    await runner.run(test.it(async ({ time }) => assertEquals(time(), 1)));
  });

  it("fails the teardown for what is left open, unless the test failed", async () => {
    const runner = new Runner();
    const test = lifecycle(runner);
    const leaking = async () => void createTask(() => sleep(5));
    await assertRejects(() => runner.run(test.it(leaking)), LeakError);
    await assertRejects(() => runner.run(() => test.run(leaking)), LeakError);
    assertEquals(runner.after.length, 1);
    await assertRejects(
      () =>
        runner.run(test.it(async () => {
          createTask(() => sleep(5));
          throw new Error("mine");
        })),
      Error,
      "mine",
    );
    await assertRejects(
      () => test.run(async () => {}),
      RuntimeError,
      "no test",
    );
  });
});
