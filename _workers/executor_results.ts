/** The results of `ThreadPoolExecutor.map`. */

import { type Coro, Coroutine } from "../coroutines.ts";
import { _getRunningLoop } from "../events.ts";
import type { ExecutorFuture } from "./executor_future.ts";

/** Gives the results of calls in their order. */
export class CallResults<T> {
  readonly #futures: (ExecutorFuture<T> | undefined)[];
  #next = 0;

  constructor(futures: ExecutorFuture<T>[]) {
    this.#futures = futures;
  }

  /** The next result; in a loop as a coroutine, which can be cancelled. */
  next(): PromiseLike<IteratorResult<T>> {
    const index = this.#next++;
    const future = this.#futures[index];
    // What was given out need not be kept.
    this.#futures[index] = undefined;
    if (future === undefined) {
      return Promise.resolve({ done: true, value: undefined });
    }
    return _getRunningLoop() === null
      ? this.#outside(future)
      : new Coroutine<IteratorResult<T>>(this.#inside.bind(this) as never, [
        future,
      ]);
  }

  async #outside(future: ExecutorFuture<T>): Promise<IteratorResult<T>> {
    try {
      return { done: false, value: await future };
    } catch (error) {
      this.#drop();
      throw error;
    }
  }

  *#inside(future: ExecutorFuture<T>): Coro<IteratorResult<T>> {
    try {
      return { done: false, value: yield* future };
    } catch (error) {
      this.#drop();
      throw error;
    }
  }

  /** The loop over it was left: what has not begun need not begin. */
  return(): PromiseLike<IteratorResult<T>> {
    this.#drop();
    return Promise.resolve({ done: true, value: undefined });
  }

  #drop(): void {
    const from = this.#next;
    this.#next = this.#futures.length;
    // The last first: what waits for its turn would only get it.
    for (let i = this.#futures.length - 1; i >= from; i--) {
      this.#futures[i]?.cancel();
      // What still comes to an error is known not to be wanted.
      this.#futures[i]?.addDoneCallback((future) => {
        if (!future.cancelled()) future.exception();
      });
      this.#futures[i] = undefined;
    }
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
