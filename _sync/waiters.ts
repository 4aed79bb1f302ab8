/**
 * What the primitives of `locks` are made of: the queue of those who wait, and the
 * coroutine that joins it.
 */

import { Coroutine } from "../coroutines.ts";
import type { AbstractEventLoop } from "../events.ts";
import { Future } from "../futures.ts";
import { stepOwner } from "../_kernel/state.ts";
import {
  awaitingTask,
  awaitInTask,
  type CoroIterator,
  Reaction,
} from "../_kernel/step.ts";

/** One who waits: the future that is awaited, and a node of the queue at once. */
export class Waiter extends Future<boolean> {
  readonly _queue: WaiterQueue;
  /** What it is given a token for; unused where there are no named borrowers. */
  readonly _who: unknown;
  _before: Waiter | null = null;
  _after: Waiter | null = null;

  constructor(loop: AbstractEventLoop, queue: WaiterQueue, who: unknown) {
    super({ loop });
    this._queue = queue;
    this._who = who;
  }

  override cancel(message?: unknown): boolean {
    if (!super.cancel(message)) return false;
    this._queue.live--;
    return true;
  }
}

/**
 * Those who wait, first come first. A waiter stays until its own task runs, as in
 * CPython: whoever looks at the queue meanwhile must see that somebody was woken.
 *
 * Every operation takes constant time, over all of a waiter's life: CPython searches
 * its deque for the waiter that leaves and for the first that was not woken.
 */
export class WaiterQueue {
  first: Waiter | null = null;
  last: Waiter | null = null;
  /** How many are in it. */
  size = 0;
  /** How many of these were not cancelled. */
  live = 0;
  /** Whose waiters they are: for reports of who waits for whom. */
  owner: object | null;
  /** All before this one were woken or cancelled. */
  #next: Waiter | null = null;

  constructor(owner: object | null = null) {
    this.owner = owner;
  }

  /** Adds a waiter at the end. */
  join(loop: AbstractEventLoop, who: unknown): Waiter {
    const waiter = new Waiter(loop, this, who);
    const { last } = this;
    waiter._before = last;
    if (last === null) this.first = waiter;
    else last._after = waiter;
    this.last = waiter;
    this.#next ??= waiter;
    this.size++;
    this.live++;
    return waiter;
  }

  /** Takes a waiter out. */
  leave(waiter: Waiter): void {
    const { _before: before, _after: after } = waiter;
    if (before === null) this.first = after;
    else before._after = after;
    if (after === null) this.last = before;
    else after._before = before;
    if (this.#next === waiter) this.#next = after;
    this.size--;
    if (!waiter.cancelled()) this.live--;
  }

  /** The first that was neither woken nor cancelled. */
  next(): Waiter | null {
    let waiter = this.#next;
    while (waiter !== null && waiter.done()) waiter = waiter._after;
    this.#next = waiter;
    return waiter;
  }

  /** Wakes all. */
  wakeAll(): void {
    let waiter = this.next();
    while (waiter !== null) {
      waiter.setResult(true);
      waiter = this.next();
    }
  }
}

/** What can be waited for by joining a queue. */
export interface Gate {
  /** Goes through at once if nobody has to wait; who is the task or borrower. */
  _tryEnter(who: unknown): boolean;
  /** Joins the queue. */
  _join(who: unknown): Waiter;
  /** A waiter was woken and goes through. */
  _passed(waiter: Waiter): void;
  /** A waiter goes away, maybe after it was woken. */
  _gaveUp(waiter: Waiter): void;
}

const ENTERED: IteratorReturnResult<true> = { done: true, value: true };
const NO_ARGS: readonly unknown[] = [];

/** Stands for the task that awaits. */
export const AWAITING: unique symbol = Symbol("awaiting");

/**
 * Goes through a gate. Its own iterator, since a generator object would cost more
 * than all the rest of an acquire that need not wait.
 */
export class Entry extends Coroutine<true> implements CoroIterator<true> {
  readonly #gate: Gate;
  readonly #who: unknown;
  #waiter: Waiter | null = null;

  /** The function only names it. */
  constructor(gate: Gate, named: () => void, who: unknown) {
    super(named, NO_ARGS);
    this.#gate = gate;
    this.#who = who;
  }

  override _start(): CoroIterator<true> {
    return this;
  }

  next(): IteratorResult<unknown, true> {
    let waiter = this.#waiter;
    if (waiter === null) {
      const who = this.#who === AWAITING ? stepOwner() : this.#who;
      if (this.#gate._tryEnter(who)) return ENTERED;
      waiter = this.#waiter = this.#gate._join(who);
    } else if (waiter.done()) {
      if (waiter.cancelled()) this.throw(waiter._makeCancelledError());
      this.#gate._passed(waiter);
      return ENTERED;
    }
    waiter._blocking = true;
    return { done: false, value: waiter };
  }

  throw(error: unknown): never {
    if (this.#waiter !== null) this.#gate._gaveUp(this.#waiter);
    throw error;
  }

  return(value?: unknown): IteratorResult<unknown, true> {
    if (this.#waiter !== null) this.#gate._gaveUp(this.#waiter);
    return { done: true, value: value as true };
  }

  override then<A = true, B = never>(
    onFulfilled?: ((value: true) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): PromiseLike<A | B> {
    const task = awaitingTask();
    if (task === null) return super.then(onFulfilled, onRejected);
    const iter = this._take();
    // What need not wait does without a place among the awaits of the task.
    if (iter === this && task._loop.isRunning()) {
      const who = this.#who === AWAITING ? task : this.#who;
      let entered: boolean;
      try {
        entered = this.#gate._tryEnter(who);
      } catch (error) {
        task._loop._openStep(task);
        const refused = new Reaction<true, A | B>(onFulfilled, onRejected);
        refused._reject(error);
        return refused;
      }
      if (entered) {
        task._loop._openStep(task);
        const reaction = new Reaction<true, A | B>(onFulfilled, onRejected);
        reaction._resolve(true);
        return reaction;
      }
    }
    return awaitInTask(task, iter, onFulfilled, onRejected) as PromiseLike<
      A | B
    >;
  }
}
