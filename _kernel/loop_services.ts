/** What loops offer besides: executors, and the end of async generators. */

import { type Coro, Coroutine } from "../coroutines.ts";
import type { Executor } from "../events.ts";
import { RuntimeError, TimeoutError } from "../exceptions.ts";
import { type Future, wrapFuture } from "../futures.ts";
import { logger, warn } from "../log.ts";
import { LoopCore } from "./loop_core.ts";
import { madeAt, noteMade } from "../_debug/made.ts";
import { gather } from "../tasks.ts";
import { timeout as timeoutBlock } from "../timeouts.ts";

/** Makes the default executor when it is first needed, from the layer above. */
let executorFactory: (() => Executor) | null = null;

/**
 * Names the default executor of this platform, from the layer above.
 *
 * @internal
 */
export function registerDefaultExecutor(factory: () => Executor): void {
  executorFactory = factory;
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
  #executor: Executor | null = null;
  #executorShutdown = false;
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
    const wasShutdown = this.#executorShutdown;
    this.#executorShutdown = true;
    const executor = this.#executor;
    this.#executor = null;
    if (executor !== null && !wasShutdown && this.getDebug()) {
      warn(
        `unclosed default executor${madeAt(executor)}: await ` +
          "shutdownDefaultExecutor() before the loop is closed",
        "ResourceWarning",
      );
    }
    if (executor !== null) void executor.shutdown({ wait: false });
  }

  // Executors and async generators

  /** Chooses the executor that `runInExecutor(null, …)` uses. */
  override setDefaultExecutor(executor: Executor): void {
    if (typeof (executor as Executor | null)?.submit !== "function") {
      throw new TypeError(
        "executor must be ThreadPoolExecutor instance or have its submit() " +
          "method",
      );
    }
    this.#executor = executor;
    noteMade(executor, this);
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
    if (executor === null) {
      if (this.#executorShutdown) {
        throw new RuntimeError("Executor shutdown has been called");
      }
      if (this.#executor === null) {
        if (executorFactory === null) {
          throw new RuntimeError(
            "Cannot run in the default executor: there is none; give one, or " +
              "set one with setDefaultExecutor()",
          );
        }
        this.#executor = executorFactory();
        noteMade(this.#executor, this);
      }
      executor = this.#executor;
    }
    const submitted = executor.submit(func, ...args) as
      & PromiseLike<T>
      & { cancel?(): boolean };
    const future = wrapFuture<T>(submitted, { loop: this });
    if (future !== submitted as unknown && submitted.cancel !== undefined) {
      // A call that waits for its turn is withdrawn; one that runs goes on.
      future.addDoneCallback((done) => {
        if (done.cancelled()) submitted.cancel?.();
      });
    }
    return future;
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
    this.#executorShutdown = true;
    const executor = this.#executor;
    if (executor === null) return;
    const ended = Promise.resolve(executor.shutdown({ wait: true }));
    try {
      yield* timeoutBlock(timeout).with(function* () {
        yield* wrapFuture(ended);
      });
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
      logger.warning(
        "The executor did not finish joining its threads within " +
          `${timeout} seconds.`,
      );
      void executor.shutdown({ wait: false });
    }
  }

  /** Closes the async generators that are still open, and waits for that. */
  override shutdownAsyncgens(): Coroutine<void> {
    return new Coroutine<void>(this.#endAsyncgens.bind(this) as never);
  }

  *#endAsyncgens(): Coro<void> {
    this.#asyncgensShutdown = true;
    const open = [...this._asyncgens];
    if (open.length === 0) return;
    this._asyncgens.clear();
    const closing = open.map((gen) =>
      this.createTask(async () => void await gen.return(undefined))
    );
    yield* gather(closing, { returnExceptions: true });
    closing.forEach((task, i) => {
      if (task.cancelled() || !task._failed) return;
      this.callExceptionHandler({
        message: "an error occurred during closing of asynchronous generator " +
          String(open[i]),
        exception: task.exception(),
        asyncgen: open[i],
      });
    });
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
