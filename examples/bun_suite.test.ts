/**
 * Tests of code that uses asyncio, in Bun's own test runner.
 *
 *     bun test ./examples/bun_suite.test.ts
 *
 * In a project of your own it begins with `import { expect, test } from "bun:test"`
 * and imports "@x/asyncio". The import below says the same to type checkers that do
 * not know Bun.
 */
import {
  CancelledError,
  createTask,
  gather,
  Lock,
  Queue,
  sleep,
  timeout,
  TimeoutError,
} from "../mod.ts";
import { explore, runTest } from "../testing.ts";

interface Expectation {
  toBe(value: unknown): void;
  toEqual(value: unknown): void;
}
const { expect, test } = await import("bun:test" as string) as {
  expect(value: unknown): Expectation;
  test(name: string, body: () => Promise<unknown>): void;
};

/** What is tested: tries something until it works, waiting ever longer. */
async function retry<T>(
  times: number,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let n = 0;; n++) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof CancelledError || n + 1 === times) throw error;
      await sleep(2 ** n);
    }
  }
}

test("retry waits 1, 2 and 4 seconds, of which the test takes none", () =>
  runTest(async ({ time }) => {
    const times: number[] = [];
    const result = await retry(4, async () => {
      times.push(time());
      if (times.length < 4) throw new Error("not yet");
      return "at last";
    });
    expect(result).toBe("at last");
    expect(times).toEqual([0, 1, 3, 7]);
  }));

test("retry ends at once when its time is up", () =>
  runTest(async ({ time }) => {
    let error: unknown;
    try {
      await timeout(5).with(() =>
        retry(10, async () => {
          throw new Error("never");
        })
      );
    } catch (thrown) {
      error = thrown;
    }
    expect(error instanceof TimeoutError).toBe(true);
    expect(time()).toBe(5);
  }));

test("a consumer gets what a producer puts, whatever the schedule", () =>
  explore(async () => {
    const queue = new Queue<number>(1);
    const got: number[] = [];
    await gather([
      async () => {
        for (const n of [1, 2, 3]) await queue.put(n);
        queue.shutdown();
      },
      async () => {
        for await (const n of queue) got.push(n);
      },
    ]);
    expect(got).toEqual([1, 2, 3]);
  }, { runs: 20 }));

test("a cancelled task gives its lock back", () =>
  runTest(async () => {
    const lock = new Lock();
    const holder = createTask(() => lock.with(() => sleep(60)));
    await sleep(1);
    await holder.cancelAndWait();
    expect(lock.locked()).toBe(false);
  }));
