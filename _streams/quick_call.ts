/**
 * Coroutines that mostly need not wait: reads with the data there, drains with the
 * buffer empty.
 *
 * Each is its own iterator, and an `await` of one that is ready is answered in the
 * call of `then`: neither a generator object nor a point to wait at is made.
 */

import { Coroutine } from "../coroutines.ts";
import type { Future } from "../futures.ts";
import {
  awaitingTask,
  awaitInTask,
  type CoroIterator,
  Reaction,
} from "../_kernel/step.ts";

/** Stands for "no result yet". */
export const NOT_YET: unique symbol = Symbol("not yet");

const NO_ARGS: readonly unknown[] = [];
const AGAIN: IteratorYieldResult<undefined> = { done: false, value: undefined };

/** A coroutine that attempts, waits and attempts again. */
export abstract class QuickCall<T> extends Coroutine<T>
  implements CoroIterator<T> {
  #waiter: Future<void> | null = null;
  /** Whether an attempt was just made, in vain: to be waited now. */
  #tried = false;

  /** Makes a call that is shown under the name of a function. */
  constructor(fn: (...args: never[]) => unknown) {
    super(fn, NO_ARGS);
  }

  /** Gives the result, throws, or says that it must wait. */
  abstract _attempt(): T | typeof NOT_YET;

  /** What is waited for before the next attempt; nothing for the next iteration. */
  abstract _wait(): Future<void> | undefined;

  /** The wait has ended, in whatever way. */
  abstract _waited(waiter: Future<void>): void;

  /** The wait was cancelled, has failed or was refused: there is no next attempt. */
  _gaveUp(_error: unknown): void {}

  override _start(): CoroIterator<T> {
    return this;
  }

  next(): IteratorResult<unknown, T> {
    const waiter = this.#waiter;
    if (waiter !== null) {
      if (!waiter.done()) return block(waiter);
      this.#waiter = null;
      this._waited(waiter);
      try {
        waiter.result();
      } catch (error) {
        this._gaveUp(error);
        throw error;
      }
    }
    if (this.#tried) this.#tried = false;
    else {
      const value = this._attempt();
      if (value !== NOT_YET) return { done: true, value };
    }
    let next: Future<void> | undefined;
    try {
      next = this._wait();
    } catch (error) {
      this._gaveUp(error);
      throw error;
    }
    if (next === undefined) return AGAIN;
    this.#waiter = next;
    return block(next);
  }

  throw(error: unknown): IteratorResult<unknown, T> {
    this.#stopWaiting();
    this._gaveUp(error);
    throw error;
  }

  return(value?: unknown): IteratorResult<unknown, T> {
    this.#stopWaiting();
    return { done: true, value: value as T };
  }

  #stopWaiting(): void {
    const waiter = this.#waiter;
    if (waiter === null) return;
    this.#waiter = null;
    this._waited(waiter);
  }

  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): PromiseLike<A | B> {
    const task = awaitingTask();
    // Outside any task it becomes one; and nothing begins while the loop stands.
    if (task === null || !task._loop.isRunning()) {
      return super.then(onFulfilled, onRejected);
    }
    const iter = this._take();
    if (iter !== this) {
      return awaitInTask(task, iter, onFulfilled, onRejected) as PromiseLike<
        A | B
      >;
    }
    let value: T | typeof NOT_YET;
    let error: unknown;
    let failed = false;
    try {
      value = this._attempt();
      if (value === NOT_YET) {
        this.#tried = true;
        return awaitInTask(task, this, onFulfilled, onRejected) as PromiseLike<
          A | B
        >;
      }
    } catch (thrown) {
      failed = true;
      error = thrown;
    }
    // The async code goes on in microtasks, before the loop's next handle.
    task._loop._openStep(task);
    const reaction = new Reaction<T, A | B>(onFulfilled, onRejected);
    if (failed) reaction._reject(error);
    else reaction._resolve(value! as T);
    return reaction;
  }
}

function block(waiter: Future<void>): IteratorYieldResult<unknown> {
  waiter._blocking = true;
  return { done: false, value: waiter };
}
