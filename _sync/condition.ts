/**
 * The condition variable.
 */

import { type Coro, Coroutine, markCoroutineFunctions } from "../coroutines.ts";
import { CancelledError, RuntimeError } from "../exceptions.ts";
import { _ContextManagerMixin } from "./held.ts";
import { Lock, type LockStatistics } from "./lock.ts";
import { isGenerator, NONE } from "../_kernel/step.ts";
import { WaiterQueue } from "./waiters.ts";

/** What a condition needs of its lock. */
export type ConditionLock = Pick<
  Lock,
  "acquire" | "locked" | "release" | "statistics"
>;

/** What a predicate's result is once it is true: without what counts as false. */
export type Truthy<R> = Exclude<R, false | 0 | 0n | "" | null | undefined>;

/** How a {@linkcode Condition} stands. */
export interface ConditionStatistics {
  /**
   * How many wait to be notified, with those that were notified or cancelled and
   * have yet to run.
   */
  readonly tasksWaiting: number;
  /** How its lock stands. */
  readonly lockStatistics: LockStatistics;
}

/**
 * Lets tasks that hold a lock wait until another tells them that something has
 * changed.
 *
 * @example A list that is waited for
 * ```ts
 * import { Condition, createTask, run } from "@x/asyncio";
 *
 * const condition = new Condition();
 * const items: string[] = [];
 * await run(async () => {
 *   const consumer = createTask(() =>
 *     condition.with(async () => {
 *       await condition.waitFor(() => items.length > 0);
 *       return items.shift();
 *     })
 *   );
 *   await condition.with(() => {
 *     items.push("tea");
 *     condition.notify();
 *   });
 *   console.log(await consumer); // "tea"
 * });
 * ```
 */
export class Condition extends _ContextManagerMixin {
  readonly #lock: ConditionLock;
  /** @internal */
  readonly _waiters: WaiterQueue = new WaiterQueue(this);

  /**
   * Makes a condition.
   *
   * @param lock The lock that it works with, which several conditions may share; one
   * of its own unless given.
   */
  constructor(lock?: ConditionLock | null) {
    super();
    if (lock != null && typeof lock.acquire !== "function") {
      throw new TypeError(
        `Cannot make a condition: a Lock is needed, got ${typeof lock}`,
      );
    }
    this.#lock = lock ?? new Lock();
  }

  /** Whether its lock is held. */
  locked(): boolean {
    return this.#lock.locked();
  }

  /**
   * Acquires its lock.
   *
   * @returns True.
   */
  override acquire(): Coroutine<true> {
    return this.#lock.acquire();
  }

  /**
   * Releases its lock.
   *
   * @throws RuntimeError When it is not held.
   */
  override release(): void {
    this.#lock.release();
  }

  /**
   * Releases the lock, waits to be notified, and acquires the lock again; also when
   * it is cancelled. It may return without need: look again whether what was waited
   * for has come, or use {@linkcode Condition.waitFor}.
   *
   * @returns True.
   * @throws RuntimeError When the lock is not held.
   */
  wait(): Coroutine<true> {
    return new Coroutine<true>(wait as never, [this, this._waiters]);
  }

  /**
   * Waits until a function returns something true.
   *
   * @param predicate The function; called with the lock held, first at once and then
   * after each notification.
   * @returns What the function returned at last.
   * @throws RuntimeError When it has to wait and the lock is not held.
   * @throws TypeError When the function is async: a promise is always true.
   */
  waitFor<R>(predicate: () => R): Coroutine<Truthy<R>> {
    if (typeof predicate !== "function") {
      throw new TypeError(
        `Cannot wait: a predicate is needed, got ${typeof predicate}`,
      );
    }
    return new Coroutine<Truthy<R>>(waitFor as never, [this, predicate]);
  }

  /**
   * Wakes some of those who wait. They go on once they get the lock, which the
   * caller has to release.
   *
   * @param n At most how many.
   * @throws RuntimeError When the lock is not held.
   */
  notify(n = 1): void {
    if (!this.locked()) {
      throw new RuntimeError("cannot notify on un-acquired lock");
    }
    if (typeof n !== "number") {
      throw new TypeError(`Cannot notify: a number is needed, got ${typeof n}`);
    }
    this._notify(n);
  }

  /**
   * Wakes all who wait.
   *
   * @throws RuntimeError When the lock is not held.
   */
  notifyAll(): void {
    this.notify(this._waiters.size);
  }

  /** How it stands: how many wait, and who holds the lock. */
  statistics(): ConditionStatistics {
    return Object.freeze({
      tasksWaiting: this._waiters.size,
      lockStatistics: this.#lock.statistics(),
    });
  }

  /** @internal */
  _notify(n: number): void {
    for (let i = 0; i < n; i++) {
      const waiter = this._waiters.next();
      if (waiter === null) return;
      waiter.setResult(false);
    }
  }

  /** Shows its state and how many wait. */
  override toString(): string {
    const { size } = this._waiters;
    return `<${this.constructor.name} [${
      this.locked() ? "locked" : "unlocked"
    }${size > 0 ? `, waiters:${size}` : ""}]>`;
  }
}

function* wait(condition: Condition, waiters: WaiterQueue): Coro<true> {
  if (!condition.locked()) {
    throw new RuntimeError("cannot wait on un-acquired lock");
  }
  const loop = condition._getLoop();
  condition.release();
  let notified = false;
  try {
    try {
      const waiter = waiters.join(loop, null);
      try {
        yield* waiter;
      } finally {
        waiters.leave(waiter);
      }
    } finally {
      yield* reacquire(condition);
    }
    notified = true;
    return true;
  } finally {
    // It may have been notified before it failed: another must not miss that.
    if (!notified) condition._notify(1);
  }
}

/** However often it is cancelled, it ends with the lock held. */
function* reacquire(condition: Condition): Coro<void> {
  let cancelled: unknown = NONE;
  for (;;) {
    try {
      yield* condition.acquire();
      break;
    } catch (error) {
      if (!(error instanceof CancelledError)) throw error;
      cancelled = error;
    }
  }
  if (cancelled !== NONE) throw cancelled;
}

function* waitFor<R>(condition: Condition, predicate: () => R): Coro<R> {
  for (;;) {
    const result = predicate();
    if (
      typeof (result as PromiseLike<unknown> | null)?.then === "function" ||
      isGenerator(result)
    ) {
      throw new TypeError(
        "Cannot wait for an async predicate: what it returns is always true; " +
          "pass a plain function",
      );
    }
    if (result) return result;
    yield* condition.wait();
  }
}

markCoroutineFunctions(
  Condition.prototype.acquire,
  Condition.prototype.wait,
  Condition.prototype.waitFor,
);
