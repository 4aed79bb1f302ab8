/** `wait`, `waitFor`, `shield` and `signalled`: ways to wait for others. */

import {
  type Awaitable,
  type Coro,
  Coroutine,
  isCoroutine,
  markCoroutineFunctions,
  nameCoroutines,
  type ResultOf,
} from "../coroutines.ts";
import { getRunningLoop, type TimerHandle } from "../events.ts";
import { CancelledError, TimeoutError } from "../exceptions.ts";
import {
  type Future,
  futureAddToAwaitedBy,
  futureDiscardFromAwaitedBy,
  isFuture,
  wrapFuture,
} from "../futures.ts";
import { ensureFuture } from "./ensure.ts";
import { abortMessage, currentTask } from "./task.ts";
import { InlineCall, isGenerator, type Yieldable } from "../_kernel/step.ts";
import { timeout as timeoutBlock } from "../timeouts.ts";
import { state } from "../_kernel/state.ts";

/** `wait` returns when any future is done. */
export const FIRST_COMPLETED = "FIRST_COMPLETED";
/** `wait` returns when any future failed, or all are done. */
export const FIRST_EXCEPTION = "FIRST_EXCEPTION";
/** `wait` returns when all futures are done. */
export const ALL_COMPLETED = "ALL_COMPLETED";

/** When `wait` returns. */
export type ReturnWhen =
  | typeof FIRST_COMPLETED
  | typeof FIRST_EXCEPTION
  | typeof ALL_COMPLETED;

/** Options of {@linkcode wait}. */
export interface WaitOptions {
  /** Seconds after which it returns whatever is done. */
  timeout?: number | null | undefined;
  /** When it returns; `ALL_COMPLETED` unless given. */
  returnWhen?: ReturnWhen | undefined;
}

/** What {@linkcode wait} returns. */
export interface WaitResult<F> {
  /** Those that are done. */
  done: Set<F>;
  /** Those that are not. They were not cancelled. */
  pending: Set<F>;
}

/**
 * Waits for futures; it neither raises their errors nor cancels them.
 *
 * @param fs The futures or tasks.
 * @param options See {@linkcode WaitOptions}.
 * @returns Which are done and which are not.
 * @throws TypeError When given coroutines: make tasks of them first.
 *
 * @example
 * ```ts
 * import { createTask, run, sleep, wait } from "@x/asyncio";
 *
 * await run(async () => {
 *   const tasks = [createTask(sleep(0.01, 1)), createTask(sleep(9, 2))];
 *   const { done, pending } = await wait(tasks, { timeout: 0.1 });
 *   console.log(done.size, pending.size);
 *   for (const task of pending) task.cancel();
 * });
 * ```
 */
export function wait<F extends Future<unknown>>(
  fs: Iterable<F>,
  options?: WaitOptions,
): Coroutine<WaitResult<F>> {
  return new Coroutine<WaitResult<F>>(waitBody as never, [fs, options]);
}

function* waitBody<F extends Future<unknown>>(
  fs: Iterable<F>,
  options: WaitOptions | undefined,
): Coro<WaitResult<F>> {
  if (
    isFuture(fs) || isCoroutine(fs) || typeof fs === "function" ||
    typeof (fs as Iterable<F> | null)?.[Symbol.iterator] !== "function"
  ) {
    throw new TypeError(
      `expect a list of futures, not ${
        (fs as object | null)?.constructor?.name ?? fs
      }`,
    );
  }
  const futures = new Set(fs);
  if (futures.size === 0) {
    throw new RangeError("Set of Tasks/Futures is empty.");
  }
  const returnWhen = options?.returnWhen ?? ALL_COMPLETED;
  if (
    returnWhen !== FIRST_COMPLETED && returnWhen !== FIRST_EXCEPTION &&
    returnWhen !== ALL_COMPLETED
  ) throw new RangeError(`Invalid return_when value: ${returnWhen}`);
  for (const future of futures) {
    if (isFuture(future)) continue;
    if (isCoroutine(future) || typeof future === "function") {
      throw new TypeError(
        "Passing coroutines is forbidden, use tasks explicitly.",
      );
    }
    throw new TypeError(
      `Cannot wait for ${typeof future}: futures or tasks are expected; use ` +
        "wrapFuture(promise) for a Promise",
    );
  }
  return yield* waitForSome(futures, options?.timeout ?? null, returnWhen);
}

function* waitForSome<F extends Future<unknown>>(
  futures: Set<F>,
  timeout: number | null,
  returnWhen: ReturnWhen,
): Coro<WaitResult<F>> {
  const loop = getRunningLoop();
  const waiter = loop.createFuture<void>();
  waiter._standsFor = futures;
  const timer: TimerHandle | null = timeout === null
    ? null
    : loop.callLater(timeout, release, waiter);
  let left = futures.size;
  const task = currentTask();
  const onDone = (future: Future<unknown>) => {
    left--;
    if (
      left <= 0 || returnWhen === FIRST_COMPLETED ||
      returnWhen === FIRST_EXCEPTION && future._failed
    ) {
      future._seen();
      timer?.cancel();
      release(waiter);
    }
    if (task !== null) futureDiscardFromAwaitedBy(future, task);
  };
  for (const future of futures) {
    future.addDoneCallback(onDone);
    if (task !== null) futureAddToAwaitedBy(future, task);
  }
  try {
    yield* waiter;
  } finally {
    timer?.cancel();
    for (const future of futures) {
      future.removeDoneCallback(onDone);
      if (task !== null) futureDiscardFromAwaitedBy(future, task);
    }
  }
  const done = new Set<F>();
  const pending = new Set<F>();
  for (const future of futures) (future.done() ? done : pending).add(future);
  return { done, pending };
}

function release(waiter: Future<void>): void {
  if (!waiter.done()) waiter.setResult(undefined);
}

/**
 * Waits for an awaitable, but not longer than a timeout; then cancels it, waits
 * until it has ended, and raises TimeoutError.
 *
 * @param fut What to wait for. A coroutine runs as part of the current task.
 * @param timeout Seconds, or null for no limit.
 * @returns The result.
 * @throws TimeoutError When the time came.
 */
export function waitFor<A extends Awaitable<unknown>>(
  fut: A,
  timeout: number | null,
): Coroutine<ResultOf<A>> {
  return new Coroutine<ResultOf<A>>(waitForBody as never, [fut, timeout]);
}

function* waitForBody(
  fut: Awaitable<unknown>,
  timeout: number | null,
): Coro<unknown> {
  if (timeout !== null && timeout <= 0) {
    const future = ensureFuture(fut);
    if (future.done()) return future.result();
    yield* cancelAndWait(future);
    try {
      return future.result();
    } catch (error) {
      if (!(error instanceof CancelledError)) throw error;
      throw new TimeoutError(undefined, { cause: error });
    }
  }
  return yield* timeoutBlock(timeout).with(function* () {
    return yield* delegate(fut);
  });
}

/** What `yield*` takes, of any awaitable. */
function delegate(
  aw: Awaitable<unknown>,
): Iterable<Yieldable> & { [Symbol.iterator](): Generator<Yieldable> } {
  if (typeof aw === "function") {
    const call = new InlineCall(aw as () => unknown, [], true);
    return { [Symbol.iterator]: () => call } as never;
  }
  if (isFuture(aw) || aw instanceof Coroutine || isGenerator(aw)) {
    return aw as never;
  }
  if (typeof (aw as PromiseLike<unknown> | null)?.then === "function") {
    return wrapFuture(aw as PromiseLike<unknown>) as never;
  }
  throw new TypeError(
    "Cannot wait for it: a future, a coroutine, an async function or a Promise " +
      `is required, got ${aw === null ? "null" : typeof aw}`,
  );
}

/** Cancels a future and waits until it has ended, however it ends. */
function* cancelAndWait(future: Future<unknown>): Coro<void> {
  const waiter = getRunningLoop().createFuture<void>();
  waiter._standsFor = [future];
  const onDone = () => release(waiter);
  future.addDoneCallback(onDone);
  try {
    future.cancel();
    yield* waiter;
  } finally {
    future.removeDoneCallback(onDone);
  }
}

/** Tells of the error of a future that nobody waits for any more. */
function reportShielded(inner: Future<unknown>): void {
  if (!inner._failed) return;
  const exception = inner.exception();
  const name = exception instanceof Error ? exception.name : typeof exception;
  const loop = inner.getLoop();
  loop.callExceptionHandler({
    message: `${name} exception in shielded future`,
    exception,
    future: inner,
    ...inner._sourceTraceback !== null &&
      { sourceTraceback: inner._sourceTraceback },
  });
}

/**
 * Protects an awaitable from the cancellation of whoever waits for it: that ends the
 * waiting and leaves the awaitable running.
 *
 * @param arg What to protect. Keep a reference to the task, to know how it ends.
 * @returns A future of the result.
 */
export function shield<A extends Awaitable<unknown>>(
  arg: A,
): Future<ResultOf<A>> {
  return shielded(ensureFuture(arg) as Future<unknown>) as never;
}

function shielded(inner: Future<unknown>): Future<unknown> {
  if (inner.done()) return inner;
  const outer = inner.getLoop().createFuture<unknown>();
  outer._standsFor = [inner];
  const task = state.loop === null ? null : currentTask();
  if (task !== null) futureAddToAwaitedBy(inner, task);
  const innerDone = (inner: Future<unknown>) => {
    if (task !== null) futureDiscardFromAwaitedBy(inner, task);
    if (outer.cancelled()) return;
    if (inner.cancelled()) outer.cancel();
    else if (inner._failed) outer._setFailure(inner.exception());
    else outer.setResult(inner.result());
  };
  inner.addDoneCallback(innerDone);
  outer.addDoneCallback(() => {
    if (inner.done()) return;
    if (task !== null) futureDiscardFromAwaitedBy(inner, task);
    inner.removeDoneCallback(innerDone);
    // One report per inner future, however often it was shielded.
    inner.removeDoneCallback(reportShielded);
    inner.addDoneCallback(reportShielded);
  });
  return outer;
}

/**
 * Waits for an awaitable that an AbortSignal may cancel.
 *
 * @param aw What to wait for; a coroutine becomes a task.
 * @param signal Cancels it when aborted.
 * @returns The result; CancelledError with the signal's reason as its cause where
 * the signal was aborted first.
 */
export function signalled<A extends Awaitable<unknown>>(
  aw: A,
  signal: AbortSignal,
): Coroutine<ResultOf<A>> {
  return new Coroutine<ResultOf<A>>(signalledBody as never, [aw, signal]);
}

function* signalledBody(
  aw: Awaitable<unknown>,
  signal: AbortSignal,
): Coro<unknown> {
  const future = ensureFuture(aw) as Future<unknown>;
  const cancel = () => void future.cancel(abortMessage(signal));
  if (signal.aborted) cancel();
  else signal.addEventListener("abort", cancel, { once: true });
  try {
    return yield* future;
  } catch (error) {
    if (error instanceof CancelledError && signal.aborted) {
      error.cause ??= signal.reason;
    }
    throw error;
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}

markCoroutineFunctions(signalled, wait, waitFor);
nameCoroutines({
  wait: waitBody,
  waitFor: waitForBody,
  signalled: signalledBody,
});
