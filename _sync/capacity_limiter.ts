/**
 * The capacity limiter.
 */

import { type Coroutine, markCoroutineFunctions } from "../coroutines.ts";
import { RuntimeError } from "../exceptions.ts";
import { shortRepr } from "../format_helpers.ts";
import { _ContextManagerMixin } from "./held.ts";
import { stepOwner } from "../_kernel/state.ts";
import { AWAITING, Entry, type Waiter, WaiterQueue } from "./waiters.ts";

/** Names the coroutine of an acquire. */
function acquire(): void {}

/** Something would have to be waited for, and the caller asked not to wait. */
export class WouldBlock extends Error {
  static {
    this.prototype.name = "WouldBlock";
  }
}

/** How a {@linkcode CapacityLimiter} stands. */
export interface CapacityLimiterStatistics {
  /** How many tokens are lent. */
  readonly borrowedTokens: number;
  /** How many there are. */
  readonly totalTokens: number;
  /** Who holds one each, in the order in which they got it. */
  readonly borrowers: readonly unknown[];
  /** How many wait, with those that were woken or cancelled and have yet to run. */
  readonly tasksWaiting: number;
}

/**
 * Lends a number of tokens, at most one to each borrower: a semaphore that knows who
 * holds it, and whose size can be changed. A borrower is a task, or any object that
 * the caller names.
 *
 * An addition to asyncio, after the class of that name in trio and anyio.
 *
 * @example At most two at a time
 * ```ts
 * import { CapacityLimiter, gather, run, sleep } from "@x/asyncio";
 *
 * const limiter = new CapacityLimiter(2);
 * const job = (n: number) => () =>
 *   limiter.with(async () => {
 *     await sleep(0.01);
 *     return n * n;
 *   });
 * await run(async () => {
 *   console.log(await gather([job(1), job(2), job(3)])); // [1, 4, 9]
 * });
 * ```
 */
export class CapacityLimiter extends _ContextManagerMixin {
  readonly #waiters = new WaiterQueue(this);
  readonly #borrowers = new Set<unknown>();
  /** Who waits, to notice who does so twice. */
  readonly #waiting = new Set<unknown>();
  #totalTokens: number;

  /**
   * Makes a limiter.
   *
   * @param totalTokens How many tokens it lends: an integer, or Infinity.
   * @throws RangeError When that is negative.
   * @throws TypeError When it is no integer.
   */
  constructor(totalTokens: number) {
    super();
    this.#totalTokens = checkTokens(totalTokens);
  }

  /**
   * How many tokens there are. More of them wake some who wait; with fewer, nobody
   * has to give one back, but nobody gets one until enough are back.
   */
  get totalTokens(): number {
    return this.#totalTokens;
  }

  set totalTokens(value: number) {
    this.#totalTokens = checkTokens(value);
    this.#lend();
  }

  /** How many tokens are lent. */
  get borrowedTokens(): number {
    return this.#borrowers.size;
  }

  /** How many tokens are left; negative where there are fewer than are lent. */
  get availableTokens(): number {
    return this.#totalTokens - this.#borrowers.size;
  }

  /**
   * Takes a token for the current task if one is left.
   *
   * @throws WouldBlock When none is left.
   * @throws RuntimeError When the task holds one, or outside any task.
   */
  acquireNowait(): void {
    this.acquireOnBehalfOfNowait(theTask(stepOwner(), "acquire"));
  }

  /**
   * Takes a token for a borrower if one is left.
   *
   * @param borrower Who borrows it: any value, told from others by identity.
   * @throws WouldBlock When none is left.
   * @throws RuntimeError When the borrower holds one or waits for one.
   * @throws TypeError When the borrower is null or undefined.
   */
  acquireOnBehalfOfNowait(borrower: unknown): void {
    checkBorrower(borrower);
    if (!this._tryEnter(borrower)) {
      throw new WouldBlock(`Cannot acquire at once: ${this} has no token left`);
    }
  }

  /**
   * Waits for a token for the current task, and takes it. What makes a coroutine a
   * task of its own, as `gather` and `signalled` do, makes that task the borrower.
   *
   * @returns True.
   * @throws RuntimeError When the task holds one, or outside any task.
   */
  override acquire(): Coroutine<true> {
    return new Entry(this, acquire, AWAITING);
  }

  /**
   * Waits for a token for a borrower, and takes it.
   *
   * @param borrower Who borrows it: any value, told from others by identity.
   * @returns True.
   * @throws RuntimeError When the borrower holds one or waits for one.
   * @throws TypeError When the borrower is null or undefined.
   */
  acquireOnBehalfOf(borrower: unknown): Coroutine<true> {
    checkBorrower(borrower);
    return new Entry(this, acquire, borrower);
  }

  /**
   * Gives the current task's token back.
   *
   * @throws RuntimeError When it holds none, or outside any task.
   */
  override release(): void {
    this.releaseOnBehalfOf(theTask(stepOwner(), "release"));
  }

  /**
   * Gives a borrower's token back.
   *
   * @param borrower Who holds it.
   * @throws RuntimeError When the borrower holds none.
   */
  releaseOnBehalfOf(borrower: unknown): void {
    if (!this.#borrowers.delete(borrower)) {
      throw new RuntimeError(
        `Cannot release: ${show(borrower)} holds no token of ${this}`,
      );
    }
    this.#lend();
  }

  /** How it stands: who holds a token, how many wait. */
  statistics(): CapacityLimiterStatistics {
    return Object.freeze({
      borrowedTokens: this.#borrowers.size,
      totalTokens: this.#totalTokens,
      borrowers: Object.freeze([...this.#borrowers]),
      tasksWaiting: this.#waiters.size,
    });
  }

  /** A woken borrower has its token at once, so that nobody can overtake it. */
  #lend(): void {
    while (this.#borrowers.size < this.#totalTokens) {
      const waiter = this.#waiters.next();
      if (waiter === null) return;
      this.#borrowers.add(waiter._who);
      waiter.setResult(true);
    }
  }

  /** A guard gives back the token of the task that got it, whoever disposes of it. */
  override _held(): { release(): void } {
    const borrower = theTask(stepOwner(), "acquire");
    return { release: () => this.releaseOnBehalfOf(borrower) };
  }

  /** @internal */
  _tryEnter(who: unknown): boolean {
    if (who === null) theTask(who, "acquire");
    if (this.#borrowers.has(who) || this.#waiting.has(who)) {
      throw new RuntimeError(
        `Cannot acquire: ${show(who)} ${
          this.#borrowers.has(who) ? "holds" : "waits for"
        } a token of ${this} already`,
      );
    }
    // Those who wait are served whenever there is a token, so none is before us.
    if (this.#borrowers.size >= this.#totalTokens) return false;
    this.#borrowers.add(who);
    return true;
  }

  /** @internal */
  _join(who: unknown): Waiter {
    const waiter = this.#waiters.join(this._getLoop(), who);
    this.#waiting.add(who);
    return waiter;
  }

  /** @internal */
  _passed(waiter: Waiter): void {
    this.#waiters.leave(waiter);
    this.#waiting.delete(waiter._who);
  }

  /** @internal */
  _gaveUp(waiter: Waiter): void {
    this._passed(waiter);
    // It has the token already where it was woken before it was cancelled, unless
    // somebody has given that back in its name.
    if (waiter.done() && !waiter.cancelled()) {
      if (this.#borrowers.delete(waiter._who)) this.#lend();
    }
  }

  /** Shows how many tokens are lent and how many wait. */
  override toString(): string {
    const { size } = this.#waiters;
    return `<${this.constructor.name} [${this.#borrowers.size}/${this.#totalTokens}${
      size > 0 ? `, waiters:${size}` : ""
    }]>`;
  }
}

function checkTokens(value: unknown): number {
  if (!Number.isInteger(value) && value !== Infinity) {
    throw new TypeError(
      "totalTokens must be an integer or Infinity, got " +
        (typeof value === "number" ? value : typeof value),
    );
  }
  if (value as number < 0) throw new RangeError("totalTokens must be >= 0");
  return value as number;
}

/** A name that is missing by mistake must not become one. */
function checkBorrower(borrower: unknown): void {
  if (borrower !== null && borrower !== undefined) return;
  throw new TypeError(`Cannot acquire: a borrower is needed, got ${borrower}`);
}

/** The current task as a borrower. */
function theTask(task: unknown, verb: string): unknown {
  if (task !== null) return task;
  throw new RuntimeError(
    `Cannot ${verb}: there is no current task; name a borrower with ` +
      `${verb}OnBehalfOf()`,
  );
}

function show(borrower: unknown): string {
  return typeof borrower === "object" && borrower !== null &&
      typeof borrower.toString === "function" &&
      borrower.toString !== Object.prototype.toString
    ? String(borrower)
    : shortRepr(borrower);
}

markCoroutineFunctions(
  CapacityLimiter.prototype.acquire,
  CapacityLimiter.prototype.acquireOnBehalfOf,
);
