/**
 * The executors of a loop. They stand apart from it so that a program for browsers
 * that uses none is bundled without them; everywhere else the loops load them.
 */

import type { Coro } from "../coroutines.ts";
import { madeAt, noteMade } from "../_debug/made.ts";
import type { Executor } from "../events.ts";
import { RuntimeError, TimeoutError } from "../exceptions.ts";
import { type Future, wrapFuture } from "../futures.ts";
import { logger, warn } from "../log.ts";
import { timeout as timeoutBlock } from "../timeouts.ts";
import {
  type ExecutorServices,
  type LoopServices,
  setExecutorServices,
} from "./loop_services.ts";

/** Makes the default executor when it is first needed, from the layer above. */
let executorFactory: (() => Executor) | null = null;

/**
 * Names the default executor of this platform, from the layer above.
 *
 * @internal
 */
export function registerDefaultExecutor(factory: () => Executor): void {
  executorFactory = factory;
  loadExecutors();
}

/** The default executor of one loop, and calls in any. */
class Executors implements ExecutorServices {
  readonly #loop: LoopServices;
  #executor: Executor | null = null;
  #shutdown = false;

  constructor(loop: LoopServices) {
    this.#loop = loop;
  }

  drop(): void {
    const wasShutdown = this.#shutdown;
    this.#shutdown = true;
    const executor = this.#executor;
    this.#executor = null;
    if (executor !== null && !wasShutdown && this.#loop.getDebug()) {
      warn(
        `unclosed default executor${madeAt(executor)}: await ` +
          "shutdownDefaultExecutor() before the loop is closed",
        "ResourceWarning",
      );
    }
    if (executor !== null) void executor.shutdown({ wait: false });
  }

  set(executor: Executor): void {
    if (typeof (executor as Executor | null)?.submit !== "function") {
      throw new TypeError(
        "executor must be ThreadPoolExecutor instance or have its submit() " +
          "method",
      );
    }
    this.#executor = executor;
    noteMade(executor, this.#loop);
  }

  run<T>(
    executor: Executor | null,
    func: unknown,
    args: readonly unknown[],
  ): Future<T> {
    executor ??= this.#default();
    const submitted = executor.submit(func, ...args) as
      & PromiseLike<T>
      & { cancel?(): boolean };
    const future = wrapFuture<T>(submitted, { loop: this.#loop });
    if (future !== submitted as unknown && submitted.cancel !== undefined) {
      // A call that waits for its turn is withdrawn; one that runs goes on.
      future.addDoneCallback((done) => {
        if (done.cancelled()) submitted.cancel?.();
      });
    }
    return future;
  }

  #default(): Executor {
    if (this.#shutdown) {
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
      noteMade(this.#executor, this.#loop);
    }
    return this.#executor;
  }

  *end(timeout: number | null): Coro<void> {
    this.#shutdown = true;
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
}

/** Brings the executors to where loops look for them. */
export function loadExecutors(): void {
  setExecutorServices((loop) => new Executors(loop));
}
