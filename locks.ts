/**
 * Ways for tasks to wait for each other: locks, events, conditions, semaphores,
 * barriers.
 *
 * Whatever is acquired is best held by `with(body)`, which releases it however the
 * body ends; or by `using _ = await lock.guard()`.
 *
 * @example One after the other
 * ```ts
 * import { gather, Lock, run, sleep } from "@x/asyncio";
 *
 * const lock = new Lock();
 * const alone = () => lock.with(() => sleep(0.01));
 * await run(() => gather([alone(), alone()]));
 * ```
 *
 * @module
 */

import { type Coroutine, markCoroutineFunctions } from "./coroutines.ts";
import { _ContextManagerMixin } from "./_sync/held.ts";
import { _LoopBoundMixin } from "./mixins.ts";
import { Entry, type Waiter, WaiterQueue } from "./_sync/waiters.ts";

export {
  Barrier,
  type BarrierState,
  type BarrierStatistics,
} from "./_sync/barrier.ts";
export {
  CapacityLimiter,
  type CapacityLimiterStatistics,
  WouldBlock,
} from "./_sync/capacity_limiter.ts";
export {
  Condition,
  type ConditionLock,
  type ConditionStatistics,
  type Truthy,
} from "./_sync/condition.ts";
export { _ContextManagerMixin, HeldGuard } from "./_sync/held.ts";
export { Lock, type LockStatistics } from "./_sync/lock.ts";

/** Names the coroutine of an acquire. */
function acquire(): void {}
/** Names the coroutine of a wait. */
function wait(): void {}

/** How an {@linkcode Event} stands. */
export interface EventStatistics {
  /** Whether it is set. */
  readonly isSet: boolean;
  /** How many wait, with those that were woken or cancelled and have yet to run. */
  readonly tasksWaiting: number;
}

/**
 * A flag that tasks can wait for.
 *
 * An event is an object, and objects are always true: `if (event)` tells nothing, and
 * neither does `await event`. Write `event.isSet()` and `event.wait()`.
 *
 * @example
 * ```ts
 * import { createTask, Event, run } from "@x/asyncio";
 *
 * const ready = new Event();
 * await run(async () => {
 *   const waiter = createTask(async () => {
 *     await ready.wait();
 *     console.log("ready");
 *   });
 *   ready.set();
 *   await waiter;
 * });
 * ```
 */
export class Event extends _LoopBoundMixin {
  readonly #waiters = new WaiterQueue(this);
  #value = false;

  /** Whether it is set. */
  isSet(): boolean {
    return this.#value;
  }

  /** Sets it and wakes all who wait. */
  set(): void {
    this.#value = true;
    this.#waiters.wakeAll();
  }

  /** Unsets it; those who were woken go on all the same. */
  clear(): void {
    this.#value = false;
  }

  /**
   * Waits until it is set.
   *
   * @returns True.
   */
  wait(): Coroutine<true> {
    return new Entry(this, wait, null);
  }

  /** How it stands: whether it is set, how many wait. */
  statistics(): EventStatistics {
    return Object.freeze({
      isSet: this.#value,
      tasksWaiting: this.#waiters.size,
    });
  }

  /** @internal */
  _tryEnter(_who: unknown): boolean {
    return this.#value;
  }

  /** @internal */
  _join(who: unknown): Waiter {
    return this.#waiters.join(this._getLoop(), who);
  }

  /** @internal */
  _passed(waiter: Waiter): void {
    this.#waiters.leave(waiter);
  }

  /** @internal */
  _gaveUp(waiter: Waiter): void {
    this.#waiters.leave(waiter);
  }

  /** Shows its state and how many wait. */
  override toString(): string {
    const { size } = this.#waiters;
    return `<${this.constructor.name} [${this.#value ? "set" : "unset"}${
      size > 0 ? `, waiters:${size}` : ""
    }]>`;
  }
}

/** How a {@linkcode Semaphore} stands. */
export interface SemaphoreStatistics {
  /** How many more may acquire it. */
  readonly value: number;
  /** Whether the next one has to wait. */
  readonly locked: boolean;
  /** How many wait, with those that were woken or cancelled and have yet to run. */
  readonly tasksWaiting: number;
}

/**
 * Lets a number of tasks in at a time. Those who wait are let in in the order in
 * which they came, and nobody overtakes them.
 *
 * @example At most two at a time
 * ```ts
 * import { gather, run, Semaphore, sleep } from "@x/asyncio";
 *
 * const seats = new Semaphore(2);
 * const job = (n: number) => () =>
 *   seats.with(async () => {
 *     await sleep(0.01);
 *     return n * n;
 *   });
 * await run(async () => {
 *   console.log(await gather([job(1), job(2), job(3)])); // [1, 4, 9]
 * });
 * ```
 */
export class Semaphore extends _ContextManagerMixin {
  readonly #waiters = new WaiterQueue(this);
  #value: number;

  /**
   * Makes a semaphore.
   *
   * @param value How many are let in at a time: an integer, or Infinity.
   * @throws RangeError When that is negative.
   * @throws TypeError When it is no integer.
   */
  constructor(value = 1) {
    super();
    if (value < 0) {
      throw new RangeError("Semaphore initial value must be >= 0");
    }
    if (!Number.isInteger(value) && value !== Infinity) {
      throw new TypeError(
        "Cannot make a semaphore: an integer is needed, got " +
          (typeof value === "number" ? value : typeof value),
      );
    }
    this.#value = value;
  }

  /**
   * Whether the next one has to wait: all places are taken, or somebody waits who
   * comes first.
   */
  locked(): boolean {
    return this.#value === 0 || this.#waiters.live > 0;
  }

  /**
   * Waits for a place and takes it.
   *
   * @returns True.
   */
  override acquire(): Coroutine<true> {
    return new Entry(this, acquire, null);
  }

  /** Gives a place back and wakes the first who waits. */
  override release(): void {
    this.#value++;
    this.#wakeNext();
  }

  /** How it stands: how many places are left, how many wait. */
  statistics(): SemaphoreStatistics {
    return Object.freeze({
      value: this.#value,
      locked: this.locked(),
      tasksWaiting: this.#waiters.size,
    });
  }

  /** Gives a place to the first who waits; false where nobody does. */
  #wakeNext(): boolean {
    const waiter = this.#waiters.next();
    if (waiter === null) return false;
    this.#value--;
    waiter.setResult(true);
    return true;
  }

  /** More places may have come back than there were waiters to wake. */
  #wakeAllowed(): void {
    while (this.#value > 0 && this.#wakeNext());
  }

  /**
   * How many places are left.
   *
   * @internal
   */
  _places(): number {
    return this.#value;
  }

  /** @internal */
  _tryEnter(_who: unknown): boolean {
    if (this.locked()) return false;
    this.#value--;
    return true;
  }

  /** @internal */
  _join(who: unknown): Waiter {
    return this.#waiters.join(this._getLoop(), who);
  }

  /** @internal */
  _passed(waiter: Waiter): void {
    this.#waiters.leave(waiter);
    this.#wakeAllowed();
  }

  /** @internal */
  _gaveUp(waiter: Waiter): void {
    this.#waiters.leave(waiter);
    // Woken and then cancelled: the place that it was given goes to the next.
    if (waiter.done() && !waiter.cancelled()) this.#value++;
    this.#wakeAllowed();
  }

  /** Shows its state and how many wait. */
  override toString(): string {
    const { size } = this.#waiters;
    return `<${this.constructor.name} [${
      this.locked() ? "locked" : `unlocked, value:${this.#value}`
    }${size > 0 ? `, waiters:${size}` : ""}]>`;
  }
}

/** A semaphore that refuses to be released more often than it was acquired. */
export class BoundedSemaphore extends Semaphore {
  readonly #bound: number;

  /**
   * Makes a semaphore.
   *
   * @param value How many are let in at a time: an integer, or Infinity.
   * @throws RangeError When that is negative.
   * @throws TypeError When it is no integer.
   */
  constructor(value = 1) {
    super(value);
    this.#bound = value;
  }

  /**
   * Gives a place back and wakes the first who waits.
   *
   * @throws RangeError When all places are free.
   */
  override release(): void {
    // An infinite number of places cannot be counted.
    if (this._places() >= this.#bound && this.#bound !== Infinity) {
      throw new RangeError("BoundedSemaphore released too many times");
    }
    super.release();
  }
}

markCoroutineFunctions(Event.prototype.wait, Semaphore.prototype.acquire);
