/** What loops offer besides: executors, and the end of async generators. */

import { type Coro, Coroutine } from "../coroutines.ts";
import type { Executor } from "../events.ts";
import { NotImplementedError } from "../exceptions.ts";
import type { Future } from "../futures.ts";
import { LoopCore } from "./loop_core.ts";

/** The executors of one loop. */
export interface ExecutorServices {
  /** As the loop's `setDefaultExecutor`. */
  set(executor: Executor): void;
  /** As the loop's `runInExecutor`. */
  run<T>(
    executor: Executor | null,
    func: unknown,
    args: readonly unknown[],
  ): Future<T>;
  /** The body of the loop's `shutdownDefaultExecutor`. */
  end(timeout: number | null): Coro<void>;
  /** The loop is closed. */
  drop(): void;
}

let makeExecutors: ((loop: LoopServices) => ExecutorServices) | null = null;

/** Brings the executors; without them loops have none. */
export function setExecutorServices(
  make: (loop: LoopServices) => ExecutorServices,
): void {
  makeExecutors = make;
}

/**
 * A loop with executors and async generators.
 *
 * @internal
 */
export class LoopServices extends LoopCore {
  /**
   * The async generators that run on it.
   *
   * @internal
   */
  readonly _asyncgens: Set<AsyncGenerator<unknown, unknown, unknown>> =
    new Set();
  /**
   * Closes those; there once the first is kept.
   *
   * @internal
   */
  _endAsyncgens: (() => Coro<void>) | null = null;
  #executors: ExecutorServices | null = null;
  #asyncgensShutdown = false;

  /**
   * Called when the loop is closed: what serves other threads ends.
   *
   * @internal
   */
  readonly _closers: Set<() => void> = new Set();

  /** @internal */
  override _dropExecutor(): void {
    for (const close of [...this._closers]) close();
    this.#executors?.drop();
  }

  // Executors and async generators

  #executorServices(): ExecutorServices {
    if (makeExecutors === null) {
      throw new NotImplementedError(
        "Cannot use executors: this bundle was made without them; import " +
          '"@x/asyncio/full" first',
      );
    }
    return this.#executors ??= makeExecutors(this);
  }

  /** Chooses the executor that `runInExecutor(null, …)` uses. */
  override setDefaultExecutor(executor: Executor): void {
    this.#executorServices().set(executor);
  }

  /**
   * Runs a function in an executor.
   *
   * @param executor The executor, or null for the default one.
   * @param func What the executor runs.
   * @param args What it is called with.
   * @returns A future of its result.
   */
  override runInExecutor<T>(
    executor: Executor | null,
    func: unknown,
    ...args: unknown[]
  ): Future<T> {
    this._checkClosed();
    return this.#executorServices().run<T>(executor, func, args);
  }

  /**
   * Ends the default executor and waits for it.
   *
   * @param timeout Seconds to wait at most; null for no limit.
   */
  override shutdownDefaultExecutor(
    timeout: number | null = null,
  ): Coroutine<void> {
    return new Coroutine<void>(this.#endExecutor.bind(this) as never, [
      timeout,
    ]);
  }

  *#endExecutor(timeout: number | null): Coro<void> {
    if (makeExecutors !== null) yield* this.#executorServices().end(timeout);
  }

  /** Closes the async generators that are still open, and waits for that. */
  override shutdownAsyncgens(): Coroutine<void> {
    return new Coroutine<void>(this.#endAsyncgens.bind(this) as never);
  }

  *#endAsyncgens(): Coro<void> {
    this.#asyncgensShutdown = true;
    if (this._endAsyncgens !== null) yield* this._endAsyncgens();
  }

  /**
   * Whether its async generators were shut down.
   *
   * @internal
   */
  get _asyncgensClosed(): boolean {
    return this.#asyncgensShutdown;
  }
}
