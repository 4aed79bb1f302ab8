/**
 * Tests of code that is written with this library: a virtual clock, a network in
 * memory, reproducible schedules and the search for one that fails. For every test
 * runner, and none of them is needed.
 *
 * @example An hour in no time
 * ```ts
 * import { sleep } from "@x/asyncio";
 * import { runTest } from "@x/asyncio/testing";
 *
 * await runTest(async ({ time }) => {
 *   await sleep(3600);
 *   console.log(time()); // 3600
 * });
 * ```
 *
 * @module
 */

import { Coroutine } from "./coroutines.ts";
import {
  allBlocked,
  cancelEverywhere,
  type CancellableOptions,
  type CancellableResult,
  checkpointed,
} from "./_testing/asserts.ts";
import {
  type ExploreOptions,
  type ExploreResult,
  Search,
} from "./_testing/explore.ts";
import {
  type Hooks,
  Lifecycle,
  testFunction,
  type TestLifecycle,
} from "./_testing/hooks.ts";
import type { TestBody, TestOptions, TestScope } from "./_testing/options.ts";
import { runSession, Session } from "./_testing/session.ts";
import type { Body } from "./timeouts.ts";
import type { Yieldable } from "./_kernel/step.ts";

export {
  DeadlockError,
  ExploreError,
  LeakError,
  RealTimerError,
  TimeLimitError,
} from "./_testing/errors.ts";
export type { LinkOptions } from "./_testing/links.ts";
export { FakeNetwork } from "./_testing/network.ts";
export { memoryTransportPair } from "./_testing/pair.ts";
export { Random } from "./_testing/seed.ts";
export { Sequencer } from "./_testing/sequencer.ts";
export type {
  CancellableOptions,
  CancellableResult,
  ExploreOptions,
  ExploreResult,
  Hooks,
  TestBody,
  TestLifecycle,
  TestOptions,
  TestScope,
};

/**
 * Runs a test on a loop with a virtual clock: when everything waits for the time, the
 * clock jumps to the next deadline. An hour of sleeping takes no time, and times are
 * exact. While the test waits for something real, such as a `fetch`, the clock stands
 * still.
 *
 * At the end nothing may be left open: tasks, timers, servers, transports, executors.
 * Errors that nobody retrieved fail the test too. Nothing global is replaced.
 *
 * @param body An async function or a generator function; it is given the test's loop,
 * network and clock.
 * @param options See {@linkcode TestOptions}.
 * @returns What the body returned.
 * @throws DeadlockError When everything waits, and nothing is left to go on.
 * @throws LeakError When something was left open, or an error never retrieved.
 * @throws TimeLimitError When it takes more real time than is allowed.
 * @throws RealTimerError When it waits for a timer of the runtime, on Deno.
 * @throws RuntimeError When a loop or another test runs already.
 * @throws RangeError When the seed is of another version, or none.
 *
 * @example An hour in no time
 * ```ts
 * import { getRunningLoop, sleep } from "@x/asyncio";
 * import { runTest } from "@x/asyncio/testing";
 *
 * await runTest(async () => {
 *   const loop = getRunningLoop();
 *   await sleep(3600);
 *   console.log(loop.time()); // 3600
 * });
 * ```
 */
export function runTest<T>(
  body: TestBody<T>,
  options?: TestOptions,
): Promise<T> {
  return started(() => runSession(new Session(options ?? {}), body));
}

/** Errors of the call reject the promise, too: a test has one way to fail. */
// deno-lint-ignore require-await
async function started<T>(start: () => Promise<T>): Promise<T> {
  return start();
}

/**
 * Searches for an order of what is ready under which a test fails, among the orders
 * that CPython leaves open. Each run is a new test, so the body has to make all that
 * it uses.
 *
 * The first run is first come, first served. Most of the others depart from that in a
 * few places only, which finds most races sooner than chance in all places would.
 *
 * @param body The test.
 * @param options See {@linkcode ExploreOptions}.
 * @returns How many runs there were; all have passed.
 * @throws ExploreError When a run fails: with the seed, the shortest schedule that was
 * found to fail, and the failure as its cause.
 *
 * @example Finding a race
 * ```ts
 * import { createTask, sleep } from "@x/asyncio";
 * import { explore, ExploreError } from "@x/asyncio/testing";
 *
 * const found = await explore(async () => {
 *   const order: string[] = [];
 *   const tasks = ["a", "b"].map((name) =>
 *     createTask(async () => {
 *       await sleep(1);
 *       order.push(name);
 *     })
 *   );
 *   for (const task of tasks) await task;
 *   if (order[0] !== "a") throw new Error("b was first");
 * }, { runs: 100 }).catch((error) => error);
 * if (found instanceof ExploreError) console.log(found.seed, found.schedule);
 * ```
 */
export function explore(
  body: TestBody<unknown>,
  options?: ExploreOptions,
): Promise<ExploreResult> {
  return started(() => new Search(body, options ?? {}).search());
}

/**
 * Waits until all other tasks wait for something other than their turn. No time passes
 * meanwhile.
 *
 * @returns Nothing.
 * @throws RuntimeError Outside a virtual test.
 *
 * @example
 * ```ts
 * import { createTask, Lock } from "@x/asyncio";
 * import { runTest, waitAllBlocked } from "@x/asyncio/testing";
 *
 * await runTest(async () => {
 *   const lock = new Lock();
 *   await lock.acquire();
 *   const other = createTask(() => lock.with(() => {}));
 *   await waitAllBlocked();
 *   console.log(lock.statistics().tasksWaiting); // 1
 *   lock.release();
 *   await other;
 * });
 * ```
 */
export function waitAllBlocked(): Coroutine<void> {
  return allBlocked();
}

/**
 * Runs a function again and again, each time cancelled at its next await, until one
 * run ends before it is cancelled. Each time it has to end as cancelled, and to leave
 * nothing open.
 *
 * @param fn An async function or a generator function. It makes all that it uses.
 * @param options See {@linkcode CancellableOptions}.
 * @returns At how many awaits it was cancelled.
 * @throws RuntimeError When a run goes wrong: it says at which await, and why.
 *
 * @example
 * ```ts
 * import { Lock, sleep } from "@x/asyncio";
 * import { assertCancellable } from "@x/asyncio/testing";
 *
 * const { points } = await assertCancellable(async () => {
 *   const lock = new Lock();
 *   await lock.with(() => sleep(1));
 *   await sleep(1);
 * });
 * console.log(points); // 2
 * ```
 */
export function assertCancellable(
  fn: TestBody<unknown>,
  options?: CancellableOptions,
): Promise<CancellableResult> {
  return started(() => cancelEverywhere(fn, options ?? {}));
}

/**
 * Runs a function and fails if it has not let others run even once.
 *
 * @param fn An async function, a generator function or a plain one.
 * @returns What it returned.
 * @throws RuntimeError When it had no checkpoint, or outside a virtual test.
 *
 * @example
 * ```ts
 * import { sleep } from "@x/asyncio";
 * import { assertCheckpoints, runTest } from "@x/asyncio/testing";
 *
 * await runTest(async () => {
 *   await assertCheckpoints(() => sleep(0));
 * });
 * ```
 */
export function assertCheckpoints<R>(
  fn: () => Generator<Yieldable, R, unknown>,
): Coroutine<R>;
/** Runs an async or plain function, which has to let others run. */
export function assertCheckpoints<R>(
  fn: () => PromiseLike<R> | R,
): Coroutine<R>;
export function assertCheckpoints<R>(fn: Body<[], R>): Coroutine<R> {
  return new Coroutine<R>(checkpointed as never, [fn]);
}

/**
 * Makes a test's function for `Deno.test`, `it` or `test` of any runner.
 *
 * @param body The test; see {@linkcode runTest}.
 * @param options See {@linkcode TestOptions}.
 * @returns A function without parameters.
 *
 * @example
 * ```ts
 * import { sleep } from "@x/asyncio";
 * import { virtual } from "@x/asyncio/testing";
 *
 * const test = virtual(async ({ time }) => {
 *   await sleep(60);
 *   console.log(time()); // 60
 * });
 * await test(); // or: Deno.test("waits a minute", test)
 * ```
 */
export function virtual(
  body: TestBody<unknown>,
  options?: TestOptions,
): () => Promise<void> {
  return testFunction(body, options ?? {});
}

/**
 * Gives each test of a `describe` a loop that lasts from its setup to its teardown.
 * What is left open when the teardown has run fails the test. Setups and teardowns are
 * registered with what this returns; they run in the same order in every runner.
 *
 * @param hooks The `beforeEach` and `afterEach` of the runner.
 * @param options See {@linkcode TestOptions}.
 * @returns What runs the parts of a test.
 *
 * @example
 * ```ts
 * import { createTask, sleep, type Task } from "@x/asyncio";
 * import { lifecycle } from "@x/asyncio/testing";
 *
 * // Of the runner: import { afterEach, beforeEach, describe, it } from "..."
 * export function suite(runner: {
 *   beforeEach(fn: () => Promise<void> | void): void;
 *   afterEach(fn: () => Promise<void>): void;
 *   it(name: string, fn: () => Promise<void>): void;
 * }) {
 *   const test = lifecycle(runner);
 *   let ticker: Task<void>;
 *   test.beforeEach(async () => {
 *     ticker = createTask(() => sleep(60));
 *   });
 *   runner.it("ticks", test.it(async () => {
 *     await ticker;
 *   }));
 * }
 * ```
 */
export function lifecycle(hooks: Hooks, options?: TestOptions): TestLifecycle {
  return new Lifecycle(hooks, options ?? {});
}
