/**
 * The lock.
 */

import { type Coroutine, markCoroutineFunctions } from "../coroutines.ts";
import { RuntimeError } from "../exceptions.ts";
import { _ContextManagerMixin } from "./held.ts";
import { logger } from "../log.ts";
import type { Task } from "../_tasks/task.ts";
import { AWAITING, Entry, type Waiter, WaiterQueue } from "./waiters.ts";

/** Names the coroutine of an acquire. */
function acquire(): void {}

/** How a {@linkcode Lock} stands. */
export interface LockStatistics {
  /** Whether it is held. */
  readonly locked: boolean;
  /** The task that acquired it; null if nobody holds it, or no task did. */
  readonly owner: Task<unknown> | null;
  /** How many wait, with those that were woken or cancelled and have yet to run. */
  readonly tasksWaiting: number;
}

/**
 * Lets one in at a time. Those who wait get it in the order in which they came, and
 * nobody overtakes them.
 *
 * It is not reentrant: a task that acquires a lock which it holds waits for itself;
 * debug mode warns of that. And it is nobody's own: any task may release it.
 *
 * @example One at a time
 * ```ts
 * import { Lock, run } from "@x/asyncio";
 *
 * const lock = new Lock();
 * await run(async () => {
 *   await lock.with(async () => {
 *     console.log("nobody else is in here");
 *   });
 * });
 * ```
 */
export class Lock extends _ContextManagerMixin {
  readonly #waiters = new WaiterQueue(this);
  #locked = false;
  #owner: unknown = null;

  /** Whether it is held. */
  locked(): boolean {
    return this.#locked;
  }

  /**
   * Waits until the lock is free and all who came before had it, and takes it.
   *
   * @returns True.
   */
  override acquire(): Coroutine<true> {
    return new Entry(this, acquire, AWAITING);
  }

  /**
   * Frees the lock and wakes the first who waits.
   *
   * @throws RuntimeError When it is not held.
   */
  override release(): void {
    if (!this.#locked) throw new RuntimeError("Lock is not acquired.");
    this.#locked = false;
    this.#owner = null;
    this.#wakeFirst();
  }

  /** How it stands: who holds it, how many wait. */
  statistics(): LockStatistics {
    return Object.freeze({
      locked: this.#locked,
      owner: this.#owner as Task<unknown> | null,
      tasksWaiting: this.#waiters.size,
    });
  }

  /**
   * Only the first: if that was cancelled and has yet to run, it wakes the next
   * itself, an iteration later than a search would. That is CPython's order.
   */
  #wakeFirst(): void {
    const { first } = this.#waiters;
    if (first !== null && !first.done()) first.setResult(true);
  }

  /** @internal */
  _tryEnter(who: unknown): boolean {
    // Those who wait go first, even while the one who was woken has yet to run.
    if (this.#locked || this.#waiters.live > 0) return false;
    this.#locked = true;
    this.#owner = who;
    return true;
  }

  /** @internal */
  _join(who: unknown): Waiter {
    const loop = this._getLoop();
    if (who !== null && who === this.#owner && loop.getDebug()) {
      logger.warning(
        `${who} acquires ${this}, which it holds: it waits until another task ` +
          "releases it",
      );
    }
    return this.#waiters.join(loop, who);
  }

  /** @internal */
  _passed(waiter: Waiter): void {
    this.#waiters.leave(waiter);
    this.#locked = true;
    this.#owner = waiter._who;
  }

  /** @internal */
  _gaveUp(waiter: Waiter): void {
    this.#waiters.leave(waiter);
    if (!this.#locked) this.#wakeFirst();
  }

  /** Shows its state and how many wait. */
  override toString(): string {
    const { size } = this.#waiters;
    return `<${this.constructor.name} [${this.#locked ? "locked" : "unlocked"}${
      size > 0 ? `, waiters:${size}` : ""
    }]>`;
  }
}

markCoroutineFunctions(Lock.prototype.acquire);
