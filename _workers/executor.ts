/** Executors: pools of workers. */

import { parallelism } from "../_platform/thread_facts.ts";
import { registerDefaultExecutor } from "../_kernel/executors.ts";
import type { Executor } from "../events.ts";
import type { ExecutorFuture } from "./executor_future.ts";
import { CallResults } from "./executor_results.ts";
import {
  type AnyFunction,
  type CallArguments,
  type CallResult,
  ModuleFunction,
} from "./module_function.ts";
import { WorkerPool } from "./pool.ts";

// By way of here: who names functions for threads wants the default executor, which a
// bundler leaves out unless something of this module is used.
export { moduleFunction, moduleFunctions } from "./module_function.ts";

/** Options of a {@linkcode ThreadPoolExecutor}. */
export interface ThreadPoolExecutorOptions {
  /** How the names of its workers begin; "ThreadPoolExecutor-N" unless given. */
  threadNamePrefix?: string | undefined;
  /** What each worker calls before anything else. */
  initializer?: ModuleFunction | null | undefined;
  /** What that is called with, a copy for each worker. */
  initargs?: readonly unknown[] | undefined;
  /**
   * What starts a worker in browsers, for bundles: a function that makes one of a
   * module which imports `@x/asyncio/worker` and what is to be called. Elsewhere it is
   * not asked, since the workers find their code by themselves.
   */
  worker?: (() => Worker) | null | undefined;
}

/** What a {@linkcode ThreadPoolExecutor} is doing. */
export interface ThreadPoolStatistics {
  /** How many workers it may have. */
  readonly maxWorkers: number;
  /** How many it has. */
  readonly workers: number;
  /** How many of these have nothing to do. */
  readonly idle: number;
  /** How many calls wait for a worker. */
  readonly queued: number;
  /** Whether it was shut down. */
  readonly isShutdown: boolean;
}

/** What the arguments of several calls are taken from: an iterable for each. */
export type CallSources<A extends readonly unknown[]> = {
  [K in keyof A]: Iterable<A[K]>;
};

/** More than these are not made unless asked for, as in Python. */
const MOST_WORKERS = 32;
let executors = 0;

/**
 * Runs functions in workers: in threads, at the same time as the rest of the program.
 *
 * Workers are started when they are first needed and used again. A worker runs one
 * call at a time; calls beyond that wait for their turn. Each is a world of its own:
 * it loads the modules that its calls name, and arguments and results are copied
 * (structured clones) or, with {@linkcode transfer}, moved. It has no event loop
 * unless the function starts one with `run`.
 *
 * An error comes back as its class, with the worker's stack as its `cause`
 * ({@linkcode RemoteTraceback}). A worker that ends by itself fails its call with
 * {@linkcode WorkerDiedError} and is replaced. Running out of memory in a worker ends
 * the whole process on Deno and Bun, as it does in a thread of Python.
 *
 * Deno loads workers only with leave to read their code, so a call may fail with
 * PermissionError.
 *
 * @example Two workers
 * ```ts
 * import { moduleFunction, run, ThreadPoolExecutor } from "@x/asyncio";
 *
 * export function square(n: number): number {
 *   return n * n;
 * }
 *
 * if (import.meta.main) {
 *   await run(async () => {
 *     await using pool = new ThreadPoolExecutor(2);
 *     const work = moduleFunction(import.meta.url, square);
 *     console.log(await pool.submit(work, 7)); // 49
 *     for await (const n of pool.map(work, [1, 2, 3])) console.log(n);
 *   });
 * }
 * ```
 */
export class ThreadPoolExecutor implements Executor {
  readonly #pool: WorkerPool;

  /**
   * Makes an executor; it starts no worker yet.
   *
   * @param maxWorkers How many workers it may have. Unless given, four more than the
   * machine runs threads at once, and at most 32.
   * @param options See {@linkcode ThreadPoolExecutorOptions}.
   * @throws RangeError If it is to have no workers.
   * @throws TypeError If an option is not what it should be.
   */
  constructor(
    maxWorkers?: number | null,
    options: ThreadPoolExecutorOptions = {},
  ) {
    const max = maxWorkers ??
      Math.min(MOST_WORKERS, parallelism() + 4);
    if (typeof max !== "number" || !Number.isInteger(max)) {
      throw new TypeError(
        "Cannot make an executor: maxWorkers must be an integer, got " +
          `${typeof max === "number" ? max : typeof max}`,
      );
    }
    if (max <= 0) throw new RangeError("maxWorkers must be greater than 0");
    const initializer = options.initializer ?? null;
    if (initializer !== null) checkFunction(initializer, "the initializer");
    const worker = options.worker ?? null;
    if (worker !== null && typeof worker !== "function") {
      throw new TypeError(
        "Cannot make an executor: worker must be a function that makes one, got " +
          typeof worker,
      );
    }
    this.#pool = new WorkerPool(
      max,
      options.threadNamePrefix || `ThreadPoolExecutor-${executors++}`,
      initializer,
      options.initargs ?? [],
      worker,
    );
  }

  /**
   * Starts a call in a worker, or queues it.
   *
   * The arguments are copied or moved when a worker takes the call, not before: what
   * the caller changes while it waits for its turn arrives changed, as in a thread of
   * Python. The first call of a program waits, too, until the code of threads is there.
   *
   * The context variables of the caller do not travel, as in Python; `toThread` has
   * those that were made cloneable travel.
   *
   * @param fn The function.
   * @param args What it is called with; each may be marked by {@linkcode transfer}.
   * @returns Its result, which comes later. What cannot be sent fails it.
   * @throws RuntimeError If the executor was shut down, or BrokenThreadPool if its
   * initializer failed.
   */
  submit<F extends AnyFunction>(
    fn: ModuleFunction<F>,
    ...args: CallArguments<F>
  ): ExecutorFuture<CallResult<F>> {
    checkFunction(fn, "a call");
    return this.#pool.submit(
      fn as unknown as ModuleFunction,
      args as readonly unknown[],
    ) as ExecutorFuture<CallResult<F>>;
  }

  /**
   * Calls a function with each of the items, in workers.
   *
   * All calls are submitted at once. Leaving the loop over the results cancels those
   * that have not begun.
   *
   * @param fn The function.
   * @param iterables What its arguments are taken from; the shortest ends it.
   * @returns The results, in the order of the items: for `for await`.
   */
  map<F extends AnyFunction>(
    fn: ModuleFunction<F>,
    ...iterables: CallSources<Parameters<F>>
  ): AsyncIterableIterator<CallResult<F>> {
    const futures: ExecutorFuture<CallResult<F>>[] = [];
    const sources = (iterables as Iterable<unknown>[]).map((items) =>
      items[Symbol.iterator]()
    );
    for (; sources.length > 0;) {
      const args: unknown[] = [];
      for (const source of sources) {
        const { done, value } = source.next();
        if (done) break;
        args.push(value);
      }
      if (args.length < sources.length) break;
      futures.push(this.submit(fn, ...args as CallArguments<F>));
    }
    return new CallResults(futures) as unknown as AsyncIterableIterator<
      CallResult<F>
    >;
  }

  /**
   * Takes no more calls, and ends the workers once those that it has taken have ended.
   *
   * @param options `wait`: unless false, the promise settles only then.
   * `cancelFutures`: whether calls that wait for their turn are cancelled.
   * @returns A promise.
   */
  shutdown(
    options: { wait?: boolean; cancelFutures?: boolean } = {},
  ): Promise<void> {
    return this.#pool.shutdown(
      options.wait !== false,
      options.cancelFutures === true,
    );
  }

  /**
   * Ends the workers at once, whatever they do, and shuts the executor down. Their
   * calls and those that wait are cancelled.
   *
   * On Deno a worker that never returns to the host is left behind, and runs on until
   * the process ends, unless what it runs asks `checkCancelled`.
   */
  terminateWorkers(): void {
    this.#pool.terminate();
  }

  /** What it is doing. */
  statistics(): ThreadPoolStatistics {
    const { maxWorkers, workers, idle, queued, isShutdown } = this.#pool;
    return Object.freeze({ maxWorkers, workers, idle, queued, isShutdown });
  }

  /** Shuts it down and waits for its calls: `await using pool = …`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  /** Shows what it is doing. */
  toString(): string {
    const { prefix, maxWorkers, workers, queued, isShutdown } = this.#pool;
    return `<ThreadPoolExecutor ${prefix} workers=${workers}/${maxWorkers} ` +
      `queued=${queued}${isShutdown ? " shutdown" : ""}>`;
  }
}

export function checkFunction(fn: unknown, what: string): void {
  if (fn instanceof ModuleFunction) return;
  const name = typeof fn === "function" && fn.name !== "" ? fn.name : "fn";
  throw new TypeError(
    `Cannot run ${what} in a worker: a function does not cross threads; name it ` +
      `by its module and export, moduleFunction(import.meta.url, ${name})`,
  );
}

registerDefaultExecutor(() =>
  new ThreadPoolExecutor(null, { threadNamePrefix: "asyncio" })
);
