/** The result of a call in an executor: what concurrent futures are in Python. */

import type { Coro } from "../coroutines.ts";
import { CancelledError, InvalidStateError } from "../exceptions.ts";
import { wrapFuture } from "../futures.ts";
import { logger } from "../log.ts";
import type { ModuleFunction } from "./module_function.ts";

type State = "pending" | "running" | "cancelled" | "finished";

/** What an executor does for the futures that it makes. */
export interface CallOwner {
  /** A call that waits for its turn was cancelled. */
  withdraw(future: ExecutorFuture<unknown>): void;
  /** A call that runs was cancelled; returns whether it was ended. */
  interrupt(future: ExecutorFuture<unknown>): boolean;
}

const unseen = new FinalizationRegistry<unknown>((error) =>
  logger.error("exception of a call in an executor was never retrieved", {
    exc: error,
  })
);

/**
 * The result of a call in an executor, which comes later.
 *
 * It belongs to no loop. Await it, or, in a task that may be cancelled meanwhile, make
 * it a future of the loop with `wrapFuture`; `loop.runInExecutor` does so.
 *
 * @typeParam T The type of the result.
 */
export class ExecutorFuture<T> implements PromiseLike<T> {
  #state: State = "pending";
  #value: unknown = undefined;
  #failed = false;
  #watched = false;
  #callbacks: ((future: never) => void)[] | null = null;
  #owner: CallOwner | null;
  /** @internal */
  readonly _fn: ModuleFunction;
  /** @internal */
  _args: readonly unknown[];
  /** @internal */
  _worker: unknown = null;

  /** @internal */
  constructor(
    owner: CallOwner,
    fn: ModuleFunction,
    args: readonly unknown[],
  ) {
    this.#owner = owner;
    this._fn = fn;
    this._args = args;
  }

  /**
   * Cancels the call if it waits for its turn. One that runs goes on, unless its
   * function was made with `terminateOnCancel`; it can ask `checkCancelled`.
   *
   * @returns Whether it is cancelled now.
   */
  cancel(): boolean {
    if (this.#state === "cancelled") return true;
    const owner = this.#owner;
    if (owner === null) return false;
    if (this.#state === "running") return owner.interrupt(this);
    this._cancel(new CancelledError());
    owner.withdraw(this);
    return true;
  }

  /** Whether it was cancelled. */
  cancelled(): boolean {
    return this.#state === "cancelled";
  }

  /** Whether a worker runs it. */
  running(): boolean {
    return this.#state === "running";
  }

  /** Whether it has ended or was cancelled. */
  done(): boolean {
    return this.#state === "finished" || this.#state === "cancelled";
  }

  /**
   * Its result. It does not wait.
   *
   * @returns The result.
   * @throws What the call has thrown, CancelledError if it was cancelled, or
   * InvalidStateError if it has not ended.
   */
  result(): T {
    this.#checkDone("Result");
    if (this.#failed) throw this.#value;
    return this.#value as T;
  }

  /**
   * What the call has thrown. It does not wait.
   *
   * @returns The error, or null where there is none.
   * @throws CancelledError if it was cancelled, or InvalidStateError if it has not
   * ended.
   */
  exception(): unknown {
    this.#checkDone("Exception");
    if (this.#state === "cancelled") throw this.#value;
    return this.#failed ? this.#value : null;
  }

  #checkDone(what: string): void {
    if (!this.done()) throw new InvalidStateError(`${what} is not set.`);
    this.#watch();
  }

  /**
   * Has a function called once it is done: at once, if it is.
   *
   * @param fn The function; it is given this future.
   */
  addDoneCallback(fn: (future: ExecutorFuture<T>) => void): void {
    if (typeof fn !== "function") {
      throw new TypeError(
        `Cannot add a done callback: a function is needed, got ${typeof fn}`,
      );
    }
    if (this.done()) this.#call(fn);
    else (this.#callbacks ??= []).push(fn);
  }

  /**
   * Waits for it outside of tasks, or in one that needs no cancelling.
   *
   * @param onFulfilled Called with the result.
   * @param onRejected Called with the error.
   * @returns A promise of what these return.
   */
  then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#watch();
    return new Promise<T>((resolve, reject) => {
      this.addDoneCallback(() => {
        if (this.#failed) reject(this.#value);
        else resolve(this.#value as T);
      });
    }).then(onFulfilled, onRejected);
  }

  /** Waits for it in a generator: `yield* future`; cancelling reaches the call. */
  *[Symbol.iterator](): Coro<T> {
    const future = wrapFuture(this);
    try {
      return yield* future;
    } finally {
      if (future.cancelled()) this.cancel();
    }
  }

  /** Shows its state and its function. */
  toString(): string {
    return `<ExecutorFuture ${this.#state} ${this._fn.name}()>`;
  }

  /** @internal */
  _start(): void {
    this.#state = "running";
  }

  /** @internal */
  _cancel(error: CancelledError): void {
    this.#end("cancelled", error, true);
  }

  /** @internal */
  _resolve(value: unknown): void {
    this.#end("finished", value, false);
  }

  /** @internal */
  _reject(error: unknown): void {
    this.#end("finished", error, true);
    if (!this.#watched) unseen.register(this, error, this);
  }

  #end(state: State, value: unknown, failed: boolean): void {
    this.#state = state;
    this.#value = value;
    this.#failed = failed;
    this.#owner = null;
    this._worker = null;
    this._args = [];
    const callbacks = this.#callbacks;
    this.#callbacks = null;
    if (callbacks !== null) {
      for (const fn of callbacks) this.#call(fn);
    }
  }

  #call(fn: (future: never) => void): void {
    try {
      fn(this as never);
    } catch (error) {
      logger.error(`exception calling callback for ${this}`, { exc: error });
    }
  }

  /** Somebody looks: nothing is lost. */
  #watch(): void {
    if (this.#watched) return;
    this.#watched = true;
    if (this.#failed) unseen.unregister(this);
  }
}
