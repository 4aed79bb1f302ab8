/**
 * Limits how many coroutines run at once: those beyond the limit are tasks from the
 * start, and wait for their turn before their first step.
 */

import {
  type AnyCoroutine,
  type Awaitable,
  Coroutine,
  isCoroutine,
  type TaskOptions,
  toIterator,
} from "../coroutines.ts";
import { type AbstractEventLoop, getEventLoop } from "../events.ts";
import { Future, isFuture } from "../futures.ts";
import { ensureFuture } from "./ensure.ts";
import type { CoroIterator, Waiter } from "../_kernel/step.ts";
import { Task } from "./task.ts";

/** What a task waits for that has no place yet: done once it has one. */
class Turn extends Future<void> {
  readonly #slots: Slots;
  _before: Turn | null = null;
  _after: Turn | null = null;

  constructor(loop: AbstractEventLoop, slots: Slots) {
    super({ loop });
    this.#slots = slots;
  }

  /** Out of the queue at once: a place may not come free for long. */
  override cancel(message?: unknown): boolean {
    if (!super.cancel(message)) return false;
    this.#slots._leave(this);
    return true;
  }
}

const NO_ARGS: readonly unknown[] = [];

/** Shown as the function of a coroutine that waits for its turn. */
function limited(): void {}

/** A coroutine behind its turn. Its own iterator, as a sleep is. */
class Gated<T> extends Coroutine<T> implements CoroIterator<T>, Waiter {
  readonly #slots: Slots;
  readonly #turn: Turn;
  readonly #inner: CoroIterator<T>;
  #begun = false;
  /** Null where a task factory made something that is no Task. */
  _task: Task<T> | null = null;

  constructor(slots: Slots, turn: Turn, inner: CoroIterator<T>) {
    super(limited as never, NO_ARGS);
    this.#slots = slots;
    this.#turn = turn;
    this.#inner = inner;
  }

  override _start(): CoroIterator<T> {
    return this;
  }

  next(): IteratorResult<unknown, T> {
    if (!this.#begun) {
      const turn = this.#turn;
      if (!turn.done()) {
        turn._blocking = true;
        return { done: false, value: turn };
      }
      if (turn.cancelled()) return this.throw(turn._makeCancelledError());
      this.#begun = true;
      // From here on the task steps the coroutine itself.
      const task = this._task;
      if (task !== null && task._iter === this) task._iter = this.#inner;
    }
    return this.#inner.next();
  }

  throw(error: unknown): IteratorResult<unknown, T> {
    return this.#inner.throw(error);
  }

  return(value?: unknown): IteratorResult<unknown, T> {
    return this.#inner.return?.(value) ?? { done: true, value: value as T };
  }

  /** Its task has ended, maybe without ever having had a place. */
  _futureDone(): void {
    if (!this.#turn.cancel() && !this.#turn.cancelled()) {
      this.#slots._futureDone();
    }
  }

  override toString(): string {
    return this.#slots.toString();
  }
}

/** The places, and the queue of those who wait for one. */
export class Slots implements Waiter {
  /** How many there are. */
  readonly limit: number;
  /** How many are taken. */
  running = 0;
  /** How many tasks wait. */
  waiting = 0;
  #first: Turn | null = null;
  #last: Turn | null = null;

  constructor(limit: number) {
    this.limit = limit;
  }

  /**
   * Makes a task that begins when a place is free: at once, or in its turn.
   *
   * @param first Is told of the task's end before the place is passed on.
   */
  start<T>(
    loop: AbstractEventLoop,
    coro: AnyCoroutine<T>,
    options: TaskOptions | undefined,
    first: Waiter | null,
  ): Task<T> {
    if (this.running < this.limit) {
      // Before the task: an eager one may start others while it is being made.
      this.running++;
      let task: Task<T>;
      try {
        task = loop.createTask<T>(coro, options);
      } catch (error) {
        this._futureDone();
        throw error;
      }
      if (first !== null) task._addWaiter(first);
      task._addWaiter(this);
      return task;
    }
    const inner = toIterator<T>(coro);
    // Refused by the task, in the usual words.
    if (inner === null) return loop.createTask<T>(coro, options);
    const turn = new Turn(loop, this);
    this.#join(turn);
    const gated = new Gated<T>(this, turn, inner);
    let task: Task<T>;
    try {
      task = loop.createTask<T>(gated, options);
    } catch (error) {
      turn.cancel();
      throw error;
    }
    if (task instanceof Task) {
      gated._task = task;
      if (task._coro === gated) task._coro = coro;
    }
    if (first !== null) task._addWaiter(first);
    task._addWaiter(gated);
    return task;
  }

  #join(turn: Turn): void {
    const last = this.#last;
    turn._before = last;
    if (last === null) this.#first = turn;
    else last._after = turn;
    this.#last = turn;
    this.waiting++;
  }

  /** A turn has come, or will never come. */
  _leave(turn: Turn): void {
    const { _before: before, _after: after } = turn;
    if (before === null) this.#first = after;
    else before._after = after;
    if (after === null) this.#last = before;
    else after._before = before;
    this.waiting--;
  }

  /** A task that had a place has ended: the first in the queue has it now. */
  _futureDone(): void {
    const turn = this.#first;
    if (turn === null) {
      this.running--;
      return;
    }
    this._leave(turn);
    turn.setResult(undefined);
  }

  toString(): string {
    return `limit of ${this.limit}`;
  }
}

/**
 * The places that a `limit` option asks for.
 *
 * @param limit The option.
 * @param what What is being done, for the error.
 * @returns The places, or null where there is no limit.
 * @throws RangeError When it is no whole number of at least 1.
 */
export function slotsOf(
  limit: number | null | undefined,
  what: string,
): Slots | null {
  if (limit === undefined || limit === null || limit === Infinity) return null;
  if (typeof limit !== "number") {
    throw new TypeError(
      `Cannot ${what}: limit must be a number or null, got ${typeof limit}`,
    );
  }
  if (!Number.isInteger(limit) || limit < 1) {
    throw new RangeError(
      `Cannot ${what}: limit must be a whole number >= 1, got ${limit}`,
    );
  }
  return new Slots(limit);
}

/** As `ensureFuture`; a coroutine becomes a task that takes its turn. */
export function ensureLimited(
  aw: Awaitable<unknown>,
  loop: AbstractEventLoop | undefined,
  slots: Slots | null,
): Future<unknown> {
  if (
    slots === null || isFuture(aw) ||
    !(isCoroutine(aw) || typeof aw === "function")
  ) return ensureFuture<Awaitable<unknown>>(aw, { loop }) as Future<unknown>;
  return slots.start(
    loop ?? getEventLoop(),
    aw as AnyCoroutine<unknown>,
    undefined,
    null,
  );
}
