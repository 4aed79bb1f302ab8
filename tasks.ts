/**
 * Tasks: coroutines that run beside each other, and the ways to wait for them.
 *
 * @example A task beside its creator
 * ```ts
 * import { createTask, run, sleep } from "@x/asyncio";
 *
 * await run(async () => {
 *   const task = createTask(() => sleep(0.02, "tea"));
 *   await sleep(0.01);
 *   console.log(await task);
 * });
 * ```
 *
 * @module
 */

import {
  type Awaitable,
  type Coro,
  Coroutine,
  markCoroutineFunctions,
} from "./coroutines.ts";
import {
  type AbstractEventLoop,
  getRunningLoop,
  type TaskFactory,
  TimerHandle,
} from "./events.ts";
import { realCancellation } from "./_kernel/base_exceptions.ts";
import type { Future } from "./futures.ts";
import { ensureFuture } from "./_tasks/ensure.ts";
import { type CoroIterator, isGenerator } from "./_kernel/step.ts";
import { Task, type TaskConstructorOptions } from "./_tasks/task.ts";

export {
  _enterTask,
  _leaveTask,
  _registerEagerTask,
  _registerTask,
  _swapCurrentTask,
  _unregisterEagerTask,
  _unregisterTask,
  allTasks,
  currentTask,
  Task,
  type TaskConstructorOptions,
} from "./_tasks/task.ts";
export { createTask, ensureFuture } from "./_tasks/ensure.ts";
export {
  gather,
  type GatherOptions,
  type GatherOutcomes,
  type GatherResults,
} from "./_tasks/gather.ts";
export {
  ALL_COMPLETED,
  FIRST_COMPLETED,
  FIRST_EXCEPTION,
  type ReturnWhen,
  shield,
  signalled,
  wait,
  waitFor,
  type WaitOptions,
  type WaitResult,
} from "./_tasks/wait.ts";
export {
  asCompleted,
  AsCompletedIterator,
  type AsCompletedOptions,
  type CompletedFuture,
  type CompletedFutures,
} from "./_tasks/completed.ts";
export { shielded } from "./_tasks/shielded.ts";
export type { TaskOptions } from "./coroutines.ts";

/** The timer of a sleep: sets its future without a callback and an array for it. */
class SleepTimer extends TimerHandle {
  readonly #future: Future<void>;

  constructor(when: number, future: Future<void>, loop: AbstractEventLoop) {
    super(when, wake, NO_ARGS, loop, null);
    this.#future = future;
  }

  override _run(): void {
    if (!this._cancelled && !this.#future.done()) {
      this.#future.setResult(undefined);
    }
  }
}

const NO_ARGS: readonly unknown[] = [];

/** Shown as the callback of a sleep's timer. */
function wake(): void {}

/** A sleep. Its own iterator: a generator object would double its cost. */
class Sleep<T> extends Coroutine<T> implements CoroIterator<T> {
  readonly #delay: number;
  readonly #result: T;
  #timer: SleepTimer | null = null;
  #future: Future<void> | null = null;
  #yielded = false;

  constructor(delay: number, result: T) {
    super(sleep as never, NO_ARGS);
    this.#delay = delay;
    this.#result = result;
  }

  override _start(): CoroIterator<T> {
    return this;
  }

  next(): IteratorResult<unknown, T> {
    const future = this.#future;
    if (future !== null) {
      if (!future.done()) return this.#wait(future);
      this.#timer!.cancel();
      future.result();
      return { done: true, value: this.#result };
    }
    if (this.#yielded) return { done: true, value: this.#result };
    const delay = this.#delay;
    if (typeof delay !== "number") {
      throw new TypeError(
        `Cannot sleep: a number of seconds is needed, got ${
          delay === null ? "null" : typeof delay
        }`,
      );
    }
    if (delay <= 0) {
      this.#yielded = true;
      return YIELD;
    }
    if (!(delay > 0)) {
      throw new RangeError("Invalid delay: NaN (not a number)");
    }
    const loop = getRunningLoop();
    const made = loop.createFuture<void>();
    this.#future = made;
    this.#timer = new SleepTimer(loop.time() + delay, made, loop);
    loop._addTimer(this.#timer);
    return this.#wait(made);
  }

  #wait(future: Future<void>): IteratorResult<unknown, T> {
    future._blocking = true;
    return { done: false, value: future };
  }

  throw(error: unknown): never {
    this.#timer?.cancel();
    throw error;
  }

  return(value?: unknown): IteratorResult<unknown, T> {
    this.#timer?.cancel();
    return { done: true, value: value as T };
  }
}

const YIELD: IteratorYieldResult<undefined> = { done: false, value: undefined };

/**
 * Waits for some time.
 *
 * @param delay Seconds. With 0 or less, the others that are ready run once.
 * @param result What it returns.
 * @returns The result given.
 * @throws RangeError When the delay is NaN.
 */
export function sleep(delay: number): Coroutine<void>;
/** Waits for some time and returns what it was given. */
export function sleep<T>(delay: number, result: T): Coroutine<T>;
export function sleep<T>(delay: number, result?: T): Coroutine<T | undefined> {
  return new Sleep<T | undefined>(delay, result);
}

/**
 * Runs a coroutine on a loop from outside it, for code that is no part of it.
 *
 * @param coro The coroutine.
 * @param loop The loop.
 * @returns A promise of the result. Its `cancel` cancels the task.
 * @throws TypeError When given no coroutine.
 */
export function runCoroutineThreadsafe<T>(
  coro: Coroutine<T> | Coro<T> | (() => PromiseLike<T> | Coro<T>),
  loop: AbstractEventLoop,
): Promise<T> & { cancel(): boolean } {
  if (
    !(coro instanceof Coroutine) && !isGenerator(coro) &&
    typeof coro !== "function"
  ) throw new TypeError("A coroutine object is required");
  let future: Future<unknown> | null = null;
  let cancelled = false;
  const promise = new Promise<T>((resolve, reject) => {
    loop.callSoonThreadsafe(() => {
      try {
        future = ensureFuture(coro as Awaitable<T>, { loop });
      } catch (error) {
        // The caller learns of it, and so does the loop's exception handler.
        reject(error);
        throw error;
      }
      if (cancelled) future.cancel();
      future.addDoneCallback(() => {
        try {
          resolve(future!.result() as T);
        } catch (error) {
          reject(realCancellation(error));
        }
      });
    });
  });
  return Object.assign(promise, {
    cancel(): boolean {
      if (future?.done()) return false;
      cancelled = true;
      if (future !== null) {
        loop.callSoonThreadsafe(() => void future!.cancel());
      }
      return true;
    },
  });
}

/** What makes a task; the Task class and its like. */
export type TaskConstructor = new <T>(
  coro: Awaitable<T>,
  options?: TaskConstructorOptions,
) => Future<T>;

/**
 * Makes a task factory whose tasks start at once, inside `createTask`.
 *
 * @param customTaskConstructor The class of the tasks.
 * @returns The factory, for `setTaskFactory`.
 */
export function createEagerTaskFactory(
  customTaskConstructor: TaskConstructor,
): TaskFactory {
  if (typeof customTaskConstructor !== "function") {
    throw new TypeError(
      "Cannot make a task factory: a task class is needed, got " +
        typeof customTaskConstructor,
    );
  }
  return (loop, coro, options) =>
    new customTaskConstructor(coro, {
      ...options,
      loop,
      eagerStart: options.eagerStart ?? true,
    });
}

/** Makes tasks that start at once: `loop.setTaskFactory(eagerTaskFactory)`. */
export const eagerTaskFactory: TaskFactory = /* @__PURE__ */
  createEagerTaskFactory(Task);

markCoroutineFunctions(sleep);
