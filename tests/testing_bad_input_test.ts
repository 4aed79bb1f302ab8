/** What is wrong with a test is said clearly. */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { setTimeout as nodeTimeout } from "node:timers/promises";
import { describe, it, runtime } from "./_harness.ts";
import {
  createTask,
  gather,
  Lock,
  Queue,
  run,
  RuntimeError,
  sleep,
} from "../mod.ts";
import {
  assertCancellable,
  DeadlockError,
  explore,
  RealTimerError,
  runTest,
  type TestBody,
  type TestOptions,
  TimeLimitError,
  waitAllBlocked,
} from "../testing.ts";

async function failure(
  body: TestBody<unknown>,
  options?: TestOptions,
): Promise<Error> {
  return await runTest(body, options).then(
    () => new Error("it passed"),
    (error) => error as Error,
  );
}

describe("runTest() on bad input", () => {
  it("ends a body that never ends, and shows its tasks", async () => {
    const error = await failure(async () => {
      createTask(async () => {
        for (;;) await sleep(1);
      }, { name: "heart" });
      for (;;) await sleep(0);
    }, { timeLimit: 0.05 });
    assert(error instanceof TimeLimitError);
    assertStringIncludes(error.message, "longer than 0.05 s of real time");
    assertStringIncludes(error.message, "task 'heart'");
    assertStringIncludes(error.message, "testing_bad_input_test.ts:");
  });

  it("says what a body waits for that the library does not know", async () => {
    const error = await failure(async () => {
      await new Promise(() => {});
    }, { timeLimit: 0.05 });
    assert(error instanceof TimeLimitError);
    assertStringIncludes(error.message, "not of this library");
  });

  it("says what holds the clock, where the loop itself would go on", async () => {
    const error = await failure(async ({ loop }) => {
      await new Promise<void>((resolve) => {
        loop.callLater(7, resolve);
      });
    }, { timeLimit: 0.05 });
    assert(error instanceof TimeLimitError);
    assertStringIncludes(error.message, "the next deadline is at 7 s");
    assertStringIncludes(
      error.message,
      "await a future of loop.createFuture()",
    );
  });

  it("ends a clean-up that never ends", async () => {
    const error = await failure(async () => {
      createTask(async () => {
        for (;;) await sleep(1).then(null, () => {});
      }, { name: "stubborn" });
      await sleep(1);
    });
    assertEquals(error.name, "LeakError");
    assertStringIncludes(error.message, "task 'stubborn'");
  });

  it("takes timers that were there before, were cleared or hold nobody up", async () => {
    const before = setTimeout(() => {}, 60_000);
    try {
      await runTest(async () => {
        clearTimeout(setTimeout(() => {}, 60_000));
        await crypto.subtle.digest("SHA-256", new Uint8Array(10));
        await Promise.race([sleep(1), new Promise(() => {})]);
      });
    } finally {
      clearTimeout(before);
    }
  });

  it("refuses intervals, and the timers of node:timers/promises", async () => {
    let id: ReturnType<typeof setInterval> | undefined;
    const interval = await failure(async () => {
      id = setInterval(() => {}, 50);
      await new Promise(() => {});
    });
    clearInterval(id);
    assert(interval instanceof RealTimerError, String(interval));
    const abort = new AbortController();
    let late: Promise<void> | undefined;
    const promised = await failure(async () => {
      late = nodeTimeout(60_000, undefined, { signal: abort.signal });
      await late;
    });
    abort.abort();
    await late?.catch(() => {});
    assert(promised instanceof RealTimerError, String(promised));
  });

  it("refuses a real timer", async () => {
    const began = performance.now();
    const error = await failure(async () => {
      await new Promise((r) => setTimeout(r, 200));
    });
    assert(error instanceof RealTimerError);
    assertStringIncludes(error.message, "use sleep() or callLater()");
    assert(performance.now() - began < 150);
    // Deno's leak check wants it to have fired.
    await new Promise((r) => setTimeout(r, 250));
  });

  it("refuses to move the clock backwards", async () => {
    await runTest(async ({ advance }) => {
      await sleep(5);
      const error = await Promise.resolve().then(() => advance(-1))
        .catch((e) => e);
      assert(error instanceof RangeError);
      assertStringIncludes(error.message, "backwards: it shows 5 s");
    });
  });

  it("refuses to move the clock to where nothing is", async () => {
    await runTest(async ({ advance, time }) => {
      for (const [by, type] of [[NaN, TypeError], [Infinity, RangeError]]) {
        const error = await Promise.resolve().then(() => advance(by as number))
          .catch((e) => e);
        assert(error instanceof (type as typeof RangeError), String(error));
      }
      assertEquals(time(), 0);
    });
    // What is due at the end of all time never is.
    assert(await failure(() => sleep(Infinity)) instanceof DeadlockError);
  });

  it("refuses options that make no sense", async () => {
    const cases: [TestOptions, string][] = [
      [{ start: NaN }, "start has to be a finite number of seconds, got NaN"],
      [{ timeLimit: 0 }, "timeLimit has to be a number of seconds above 0"],
      [{ timeLimit: NaN }, "timeLimit"],
      [{ network: "none" as "real" }, 'has to be "memory" or "real", got none'],
      [{ trace: {} as string[] }, "trace has to be an array"],
      [{ ignore: 5 as never }, "ignore has to be iterable"],
    ];
    for (const [options, text] of cases) {
      const error = await failure(async () => {}, options);
      assertStringIncludes(error.message, text);
    }
  });

  it("refuses that the body stops the loop", async () => {
    const error = await failure(async ({ loop }) => {
      loop.stop();
      await sleep(5);
    });
    assertStringIncludes(
      error.message,
      "was stopped before the body had ended",
    );
    assertStringIncludes(error.message, "task 'test'");
  });

  it("refuses a second test beside the first", async () => {
    const [first, second] = await Promise.allSettled([
      runTest(() => sleep(1, "first")),
      runTest(() => sleep(1, "second")),
    ]);
    assertEquals(first, { status: "fulfilled", value: "first" });
    assert(second.status === "rejected");
    assertStringIncludes(String(second.reason), "was called while one runs");
  });

  it("refuses seeds of other versions, and what is no seed", async () => {
    const cases: [number | string, string][] = [
      ["0:kf3x:4.1", "of version 0 of the schedules and this is version 1"],
      ["9:kf3x", "of version 9"],
      ["hello", "has to look like"],
      ["1:kf3x:4", "has to look like"],
      ["1:zzzzzzzzzz", "too large"],
      [-1, "a whole number from 0"],
      [0.5, "a whole number from 0"],
    ];
    for (const [seed, text] of cases) {
      await assertRejects(
        () => runTest(async () => {}, { seed }),
        RangeError,
        text,
      );
    }
  });

  it("refuses to run inside another test, or inside a loop", async () => {
    await runTest(async () => {
      const error = await failure(async () => {});
      assert(error instanceof RuntimeError);
      assertStringIncludes(error.message, "inside another");
      await assertRejects(() => explore(async () => {}), RuntimeError);
      await assertRejects(
        () => assertCancellable(async () => {}),
        RuntimeError,
        "Cannot run a virtual test inside another",
      );
    });
    await run(async () => {
      const error = await failure(async () => {});
      assertStringIncludes(error.message, "while an event loop runs");
    });
  });

  it("refuses a body that is no function", async () => {
    await assertRejects(
      () => runTest(sleep(1) as never),
      TypeError,
      "a function is needed",
    );
  });

  it("tells that its tools need a test", async () => {
    await run(async () => {
      const error = await waitAllBlocked().then(() => null, (e) => e);
      assertStringIncludes(String(error), "in the body of runTest()");
    });
  });

  it("refuses counts that are none", async () => {
    for (const options of [{ runs: 0 }, { preemptions: -1 }, { runs: 1.5 }]) {
      await assertRejects(() => explore(async () => {}, options), RangeError);
    }
  });
});

describe("A deadlock", () => {
  it("is an error at once, with the circle of who waits for whom", async () => {
    const began = performance.now();
    const error = await failure(async () => {
      const [a, b] = [new Lock(), new Lock()];
      const both = (first: Lock, second: Lock) =>
        first.with(async () => {
          await sleep(1);
          await second.with(() => {});
        });
      await gather([
        createTask(() => both(a, b), { name: "one" }),
        createTask(() => both(b, a), { name: "two" }),
      ]);
    });
    assert(error instanceof DeadlockError);
    assert(performance.now() - began < 1000);
    const { message } = error;
    assertStringIncludes(message, "They wait for each other:");
    assertStringIncludes(message, "task 'one' -> task 'two' -> task 'one'");
    assertStringIncludes(message, "held by task 'two'");
    assertStringIncludes(message, "testing_bad_input_test.ts:");
  });

  it("names the queue, the task and the future that are waited for", async () => {
    const error = await failure(async ({ loop }) => {
      const queue = new Queue<number>();
      const getter = createTask(() => queue.get(), { name: "getter" });
      createTask(async () => await loop.createFuture(), { name: "lonely" });
      await getter;
    });
    assert(error instanceof DeadlockError);
    assertStringIncludes(error.message, "waits for <Queue");
    assertStringIncludes(error.message, "waits for task 'getter'");
    assertStringIncludes(error.message, "a Future that nobody has set");
  });

  it("is found in generators too", async () => {
    const error = await failure(function* () {
      const lock = new Lock();
      yield* lock.acquire();
      yield* lock.acquire();
    });
    assert(error instanceof DeadlockError);
    assertStringIncludes(error.message, "held by task 'test'");
  });

  it("leaves the next test alone", async () => {
    await failure(({ loop }) => loop.createFuture());
    assertEquals(await runTest(() => sleep(1, runtime)), runtime);
  });
});
