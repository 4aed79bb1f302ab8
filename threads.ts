/**
 * Threads: functions that run in workers, at the same time as the loop, and what
 * workers can ask of it.
 *
 * A function does not cross threads, so it is named by its module and export:
 * `moduleFunction(import.meta.url, fn)` for one of the same module,
 * `moduleFunctions<typeof import("./heavy.ts")>(url)` for those of another, with the
 * types of their arguments and results.
 *
 * @example Work that would block the loop
 * ```ts
 * import { moduleFunction, run, toThread } from "@x/asyncio";
 *
 * export function fib(n: number): number {
 *   return n < 2 ? n : fib(n - 1) + fib(n - 2);
 * }
 *
 * // The worker loads this module, too, and must not run the program once more.
 * if (import.meta.main) {
 *   await run(async () => {
 *     console.log(await toThread(moduleFunction(import.meta.url, fib), 20));
 *   });
 * }
 * ```
 *
 * @module
 */

import { _cloneableValues } from "./contextvars.ts";
import {
  type Coro,
  Coroutine,
  markCoroutineFunctions,
  nameCoroutines,
} from "./coroutines.ts";
import { getRunningLoop } from "./events.ts";
// For the default executor, which it registers, too.
import { checkFunction } from "./_workers/executor.ts";
import type {
  AnyFunction,
  CallArguments,
  CallResult,
  ModuleFunction,
} from "./_workers/module_function.ts";

export {
  BrokenExecutor,
  BrokenThreadPool,
  RemoteTraceback,
  WorkerDiedError,
} from "./_workers/error_unpack.ts";
export {
  type CallSources,
  moduleFunction,
  moduleFunctions,
  ThreadPoolExecutor,
  type ThreadPoolExecutorOptions,
  type ThreadPoolStatistics,
} from "./_workers/executor.ts";
export { ExecutorFuture } from "./_workers/executor_future.ts";
export {
  type CoroutineResult,
  loopPort,
  RemoteLoop,
} from "./_workers/loop_port.ts";
export {
  type AnyFunction,
  type CallArguments,
  type CallOptions,
  type CallResult,
  type MarkedArguments,
  ModuleFunction,
  type ModuleFunctions,
  Transfer,
  transfer,
} from "./_workers/module_function.ts";
export { RemoteCall } from "./_workers/port_client.ts";
export { RemoteQueue, SharedQueue } from "./_workers/shared_queue.ts";
export { checkCancelled, workerName } from "./_workers/worker_state.ts";

/**
 * Runs a function in a worker of the loop's default executor.
 *
 * Context variables made with `cloneable` have their values there, too. Cancelling
 * the await takes the call back if it waits for a worker; one that runs goes on,
 * unless the function was made with `terminateOnCancel` ({@linkcode CallOptions}),
 * but can learn of it from {@linkcode checkCancelled}.
 *
 * @param func The function, named by {@linkcode moduleFunction} or
 * {@linkcode moduleFunctions}.
 * @param args What it is called with, as structured clones, made when a worker takes
 * the call: leave them alone until then. Each may be marked by {@linkcode transfer}.
 * @returns What the function returns, in the end: its promise is awaited over there.
 * @throws What the function throws, as its class; TypeError where the arguments or
 * the result cannot be cloned; FileNotFoundError where there is no such module;
 * ReferenceError where it has no such export; PermissionError where Deno may not read
 * the code; WorkerDiedError if the worker ends meanwhile; NotImplementedError where
 * the runtime has no workers.
 *
 * @example An end after a second, even of a loop that spins
 * ```ts
 * import { moduleFunction, run, timeout, TimeoutError, toThread } from "@x/asyncio";
 *
 * export function nap(): string {
 *   return "done";
 * }
 *
 * if (import.meta.main) {
 *   const work = moduleFunction(import.meta.url, nap)
 *     .withOptions({ terminateOnCancel: true });
 *   await run(async () => {
 *     await timeout(5).with(async () => console.log(await toThread(work)));
 *   });
 * }
 * ```
 */
export function toThread<F extends AnyFunction>(
  func: ModuleFunction<F>,
  ...args: CallArguments<F>
): Coroutine<CallResult<F>> {
  return new Coroutine<CallResult<F>>(runInThread as never, [func, args]);
}

function* runInThread(
  func: ModuleFunction,
  args: readonly unknown[],
): Coro<unknown> {
  const loop = getRunningLoop();
  checkFunction(func, "a call");
  return yield* loop.runInExecutor<unknown>(
    null,
    func._withContext(_cloneableValues()),
    ...args,
  );
}

markCoroutineFunctions(toThread);

nameCoroutines({ toThread: runInThread });
