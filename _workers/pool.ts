/** A pool of workers and the calls that wait for them. */

import { BrokenThreadPool } from "./error_unpack.ts";
import { CancelledError, RuntimeError } from "../exceptions.ts";
import { type CallOwner, ExecutorFuture } from "./executor_future.ts";
import { logger } from "../log.ts";
import type { ModuleFunction } from "./module_function.ts";
import { loadPoolParts, type PoolParts } from "./late.ts";
import type { Pool, PoolWorker } from "./pool_worker.ts";
import { Ring } from "../_sync/stores.ts";
import { abortMessage } from "../_tasks/task.ts";
import { withResolvers } from "../_platform/promises.ts";
import { workerState } from "./worker_state.ts";

/** What starts workers, once a call has needed it. */
let parts: PoolParts | null = null;

/** What a ThreadPoolExecutor consists of. */
export class WorkerPool implements Pool, CallOwner {
  readonly maxWorkers: number;
  readonly prefix: string;
  readonly initializer: ModuleFunction | null;
  readonly initargs: readonly unknown[];
  readonly worker: (() => Worker) | null;
  /** How many calls wait for a worker. */
  queued = 0;
  isShutdown = false;
  readonly #workers: Set<PoolWorker> = new Set();
  readonly #idle: PoolWorker[] = [];
  readonly #queue: Ring<ExecutorFuture<unknown>> = new Ring();
  #started = 0;
  #broken: { readonly by: unknown } | null = null;
  #ended: PromiseWithResolvers<void> | null = null;
  #loading = false;

  constructor(
    maxWorkers: number,
    prefix: string,
    initializer: ModuleFunction | null,
    initargs: readonly unknown[],
    worker: (() => Worker) | null,
  ) {
    this.maxWorkers = maxWorkers;
    this.prefix = prefix;
    this.initializer = initializer;
    this.initargs = initargs;
    this.worker = worker;
  }

  /** How many workers it has. */
  get workers(): number {
    return this.#workers.size;
  }

  /** How many of them have nothing to do. */
  get idle(): number {
    return this.#idle.length;
  }

  submit(
    fn: ModuleFunction,
    args: readonly unknown[],
  ): ExecutorFuture<unknown> {
    if (this.#broken !== null) throw this.#brokenError();
    if (this.isShutdown) {
      throw new RuntimeError("cannot schedule new futures after shutdown");
    }
    const call = new ExecutorFuture<unknown>(this, fn, args);
    const { signal } = fn.options;
    if (signal === undefined || this.#heed(call, signal)) this.#place(call);
    return call;
  }

  /** Has an AbortSignal end a call; returns false where it is aborted already. */
  #heed(call: ExecutorFuture<unknown>, signal: AbortSignal): boolean {
    const abort = () => {
      const error = new CancelledError(abortMessage(signal), {
        cause: signal.reason,
      });
      if (call.running()) this.#interrupt(call, error);
      else {
        call._cancel(error);
        this.queued--;
      }
    };
    if (signal.aborted) {
      this.queued++;
      abort();
      return false;
    }
    signal.addEventListener("abort", abort, { once: true });
    call.addDoneCallback(() => signal.removeEventListener("abort", abort));
    return true;
  }

  #place(call: ExecutorFuture<unknown>): void {
    this.queued++;
    // Behind those that wait, though a callback of one that ended may come first.
    if (this.#idle.length > 0 && this.queued === 1) {
      this.queued--;
      const worker = this.#idle.pop()!;
      if (!worker.run(call)) this.freed(worker);
    } else {
      this.#queue.push(call);
      if (this.#idle.length === 0) this.#grow();
    }
  }

  /** Starts a worker for the first call that waits, if there may be one more. */
  #grow(): void {
    if (this.#workers.size >= this.maxWorkers) return;
    // While a worker loads a module the call is refused, and at once.
    if (parts === null && workerState.loading === 0) {
      if (!this.#loading) void this.#load();
      return;
    }
    let worker: PoolWorker | null = null;
    let call: ExecutorFuture<unknown> | null;
    do {
      call = this.#take();
      if (call === null) return;
      worker = this.#start(call);
      // Where there is no worker at all, nobody else would tell the next one.
    } while (worker === null && this.#workers.size === 0);
    if (worker !== null && !worker.run(call)) this.freed(worker);
  }

  /** Loads what starts workers, then starts those that calls wait for by now. */
  async #load(): Promise<void> {
    this.#loading = true;
    try {
      parts ??= await loadPoolParts();
    } catch (error) {
      this.#failAll(error);
    }
    this.#loading = false;
    for (let n = this.queued; n > 0; n--) this.#grow();
    this.#checkEnded();
  }

  /** No call that waits will ever be run; those that callbacks submit are others. */
  #failAll(error: unknown): void {
    for (let n = this.queued; n > 0; n--) this.#take()?._reject(error);
  }

  /** Starts a worker for a call, which fails if that is not possible. */
  #start(call: ExecutorFuture<unknown>): PoolWorker | null {
    let worker: PoolWorker;
    try {
      if (workerState.loading > 0) {
        throw new RuntimeError(
          "Cannot start a worker while a worker loads a module: what the " +
            "main program does belongs under if (import.meta.main)",
        );
      }
      worker = new parts!.PoolWorker(
        this,
        `${this.prefix}_${this.#started}`,
        parts!.workers,
      );
    } catch (error) {
      call._reject(error);
      return null;
    }
    this.#started++;
    this.#workers.add(worker);
    return worker;
  }

  #take(): ExecutorFuture<unknown> | null {
    while (this.#queue.size > 0) {
      const call = this.#queue.take();
      if (call.done()) continue;
      this.queued--;
      return call;
    }
    return null;
  }

  freed(worker: PoolWorker): void {
    for (;;) {
      const call = this.#take();
      if (call === null) break;
      if (worker.run(call)) return;
    }
    if (this.isShutdown) this.#dismiss(worker);
    else {
      this.#idle.push(worker);
      worker.rest();
    }
  }

  lost(worker: PoolWorker): void {
    this.#forget(worker);
    // Its successor, if somebody waits.
    if (this.#broken === null) this.#grow();
    this.#checkEnded();
  }

  unfit(worker: PoolWorker, error: unknown): void {
    logger.critical("Exception in initializer:", { exc: error });
    this.#broken = { by: error };
    const { call } = worker;
    worker.call = null;
    call?._reject(this.#brokenError());
    this.#failAll(this.#brokenError());
    this.lost(worker);
  }

  #brokenError(): BrokenThreadPool {
    return new BrokenThreadPool(
      "A thread initializer failed, the thread pool is not usable anymore",
      { cause: this.#broken?.by },
    );
  }

  withdraw(_call: ExecutorFuture<unknown>): void {
    this.queued--;
  }

  interrupt(call: ExecutorFuture<unknown>): boolean {
    const worker = call._worker as PoolWorker;
    if (call._fn.options.terminateOnCancel !== true) {
      worker.ask();
      return false;
    }
    this.#interrupt(call, new CancelledError());
    return true;
  }

  #interrupt(call: ExecutorFuture<unknown>, error: CancelledError): void {
    const worker = call._worker as PoolWorker;
    worker.call = null;
    worker.end();
    call._cancel(error);
    this.lost(worker);
  }

  #dismiss(worker: PoolWorker): void {
    worker.end();
    this.#forget(worker);
    this.#checkEnded();
  }

  #forget(worker: PoolWorker): void {
    this.#workers.delete(worker);
    const index = this.#idle.indexOf(worker);
    if (index >= 0) this.#idle.splice(index, 1);
  }

  #checkEnded(): void {
    if (this.isShutdown && this.#workers.size === 0 && !this.#loading) {
      this.#ended?.resolve();
    }
  }

  shutdown(wait: boolean, cancelFutures: boolean): Promise<void> {
    this.isShutdown = true;
    if (cancelFutures) {
      for (;;) {
        const call = this.#take();
        if (call === null) break;
        call._cancel(new CancelledError());
      }
    }
    for (const worker of this.#idle.splice(0)) this.#dismiss(worker);
    if (!wait) return Promise.resolve();
    this.#ended ??= withResolvers();
    this.#checkEnded();
    return this.#ended.promise;
  }

  terminate(): void {
    void this.shutdown(false, true);
    for (const { call } of [...this.#workers]) {
      if (call !== null) this.#interrupt(call, new CancelledError());
    }
  }
}
