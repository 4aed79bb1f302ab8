/** `ensureFuture` and `createTask`: making futures of awaitables. */

import {
  type AnyCoroutine,
  type Awaitable,
  type Coro,
  type Coroutine,
  isCoroutine,
  type ResultOf,
  type TaskOptions,
} from "../coroutines.ts";
import {
  type AbstractEventLoop,
  getEventLoop,
  getRunningLoop,
} from "../events.ts";
import { type Future, isFuture, wrapFuture } from "../futures.ts";
import type { Task } from "./task.ts";

/**
 * Runs a coroutine beside the caller.
 *
 * @param coro The coroutine: a Coroutine, a generator, or an async or generator
 * function, which is called as the task's first step.
 * @param options See {@linkcode TaskOptions}.
 * @returns The task.
 * @throws TypeError When given a promise: it runs already.
 *
 * @example
 * ```ts
 * import { createTask, run, sleep } from "@x/asyncio";
 *
 * await run(async () => {
 *   const task = createTask(async () => {
 *     await sleep(0.01);
 *     return "done";
 *   });
 *   console.log(await task);
 * });
 * ```
 */
export function createTask<T>(
  coro: Coroutine<T>,
  options?: TaskOptions,
): Task<T>;
/** Runs a generator, or a function in either spelling, beside the caller. */
export function createTask<T>(coro: Coro<T>, options?: TaskOptions): Task<T>;
/** Runs a generator function beside the caller. */
export function createTask<T>(
  coro: () => Coro<T>,
  options?: TaskOptions,
): Task<T>;
/** Runs an async function beside the caller. */
export function createTask<T>(
  coro: () => PromiseLike<T>,
  options?: TaskOptions,
): Task<T>;
/** Runs any coroutine beside the caller. */
export function createTask<T>(
  coro: AnyCoroutine<T>,
  options?: TaskOptions,
): Task<T>;
export function createTask<T>(
  coro: AnyCoroutine<T>,
  options?: TaskOptions,
): Task<T> {
  return getRunningLoop().createTask<T>(coro, options);
}

/**
 * Makes a future of anything that can be awaited: a coroutine becomes a task, a
 * promise is adopted, a future is returned as it is.
 *
 * @param awaitable What to make one of.
 * @param options `loop`: where a task or an adopted promise belongs.
 * @returns The future.
 * @throws TypeError When it cannot be awaited.
 */
export function ensureFuture<F extends Future<unknown>>(
  awaitable: F,
  options?: { loop?: AbstractEventLoop | undefined },
): F;
/** Makes a task of a coroutine. */
export function ensureFuture<T>(
  awaitable: Coroutine<T> | Coro<T>,
  options?: { loop?: AbstractEventLoop | undefined },
): Task<T>;
/** Makes a future of anything that can be awaited. */
export function ensureFuture<A extends Awaitable<unknown>>(
  awaitable: A,
  options?: { loop?: AbstractEventLoop | undefined },
): Future<ResultOf<A>>;
export function ensureFuture(
  awaitable: Awaitable<unknown>,
  options?: { loop?: AbstractEventLoop | undefined },
): Future<unknown> {
  return toFuture(awaitable, options?.loop);
}

function toFuture(
  awaitable: unknown,
  loop: AbstractEventLoop | undefined,
): Future<unknown> {
  if (isFuture(awaitable)) {
    if (loop !== undefined && awaitable.getLoop() !== loop) {
      throw new RangeError(
        "The future belongs to a different loop than the one specified as the " +
          "loop argument",
      );
    }
    return awaitable;
  }
  if (isCoroutine(awaitable) || typeof awaitable === "function") {
    return (loop ?? getEventLoop()).createTask(awaitable as Coroutine<unknown>);
  }
  if (typeof (awaitable as PromiseLike<unknown> | null)?.then === "function") {
    return wrapFuture(awaitable as PromiseLike<unknown>, { loop });
  }
  throw new TypeError(
    "An asyncio.Future, a coroutine or an awaitable is required: a future, a " +
      "coroutine, an async function or a Promise, got " +
      (awaitable === null ? "null" : typeof awaitable),
  );
}
