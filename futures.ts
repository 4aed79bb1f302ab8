/**
 * Futures: results that are not there yet, with callbacks and cancellation.
 *
 * @example A result that a callback sets
 * ```ts
 * import { getRunningLoop, run } from "@x/asyncio";
 *
 * await run(async () => {
 *   const loop = getRunningLoop();
 *   const future = loop.createFuture<string>();
 *   loop.callLater(0.01, () => future.setResult("here"));
 *   console.log(await future);
 * });
 * ```
 *
 * @module
 */

import {
  CANCELLED,
  FINISHED,
  type FutureState,
  isFuture,
  PENDING,
} from "./base_futures.ts";
import type { Context } from "./contextvars.ts";
import { snapshotContext } from "./contextvars.ts";
import {
  type AbstractEventLoop,
  type Callback,
  getEventLoop,
  Handle,
} from "./events.ts";
import { cancellation, realCancellation } from "./_kernel/base_exceptions.ts";
import {
  CancelledError,
  InvalidStateError,
  toException,
} from "./exceptions.ts";
import type { StackFrame } from "./format_helpers.ts";
import { lost, type LostError } from "./_kernel/lost.ts";
import { showAsText, wordsOfFuture } from "./_tasks/texts.ts";
import { debug } from "./_debug/hooks.ts";
import type { Origin } from "./_debug/origins.ts";
import { traced } from "./_debug/switches.ts";
import {
  awaitingTask,
  awaitInTask,
  type CoroIterator,
  type FutureLike,
  Reaction,
  type Waiter,
} from "./_kernel/step.ts";

export { isFuture };

/** The log level that futures once used for their debug output; kept for parity. */
export const STACK_DEBUG = 9;

/** Options of a {@linkcode Future}. */
export interface FutureOptions {
  /** The loop it belongs to; the running one unless given. */
  loop?: AbstractEventLoop | undefined;
}

/** A done callback: a handle that is queued once its future is done. */
class DoneCallback extends Handle implements Waiter {
  _futureDone(_future: FutureLike): void {
    this._loop._push(this);
  }
}

/** Code outside any task that waits for a future. */
class OutsideWaiter<T, R> extends Reaction<T, R> implements Waiter {
  readonly #future: Future<T>;

  constructor(
    future: Future<T>,
    onFulfilled: ((value: T) => unknown) | null | undefined,
    onRejected: ((error: unknown) => unknown) | null | undefined,
  ) {
    super(onFulfilled, onRejected);
    this.#future = future;
  }

  _futureDone(): void {
    this.#future._loop._push(this);
  }

  _run(): void {
    let value: T;
    try {
      value = this.#future.result();
    } catch (error) {
      // A task gets it as it is.
      this._reject(awaitingTask() === null ? realCancellation(error) : error);
      return;
    }
    this._resolve(value);
  }

  override toString(): string {
    return "await outside any task";
  }
}

/**
 * The iterator of a future: yields it until it is done, then ends with its result.
 *
 * @internal
 */
export class FutureIterator<T> implements CoroIterator<T> {
  readonly #future: Future<T>;

  /**
   * Makes the iterator of a wait.
   *
   * @param future What is waited for.
   */
  constructor(future: Future<T>) {
    this.#future = future;
  }

  /** Gives the future while it is pending, then its result. */
  next(): IteratorResult<Future<T>, T> {
    const future = this.#future;
    if (future._state === PENDING) {
      future._blocking = true;
      return { done: false, value: future };
    }
    return { done: true, value: future.result() };
  }

  /** Ends the wait with an error. */
  throw(error: unknown): never {
    throw error;
  }

  /** Ends the wait without the future. */
  return(value: T): IteratorResult<Future<T>, T> {
    return { done: true, value };
  }

  [Symbol.iterator](): this {
    return this;
  }
}

/**
 * A result that comes later. It belongs to a loop, which calls its callbacks.
 *
 * Await it (`await future`, `yield* future`) or add callbacks. Unlike a promise it
 * can be cancelled, asked for its state, and given its result by anyone.
 *
 * @typeParam T The type of its result.
 *
 * @example Handing over a result
 * ```ts
 * import { getRunningLoop, run } from "@x/asyncio";
 *
 * await run(async () => {
 *   const loop = getRunningLoop();
 *   const future = loop.createFuture<string>();
 *   loop.callLater(0.01, () => future.setResult("ready"));
 *   console.log(await future);
 * });
 * ```
 */
export class Future<T> implements PromiseLike<T> {
  /** @internal */
  readonly _loop: AbstractEventLoop;
  /** @internal */
  _state: FutureState = PENDING;
  /**
   * The result; if `_failed`, the exception; if cancelled by an error that is yet to be
   * given out, that.
   *
   * @internal
   */
  _value: unknown = undefined;
  /** @internal */
  _failed = false;
  /** @internal */
  _blocking = false;
  /** @internal */
  _cancelMessage: unknown = undefined;
  /**
   * Its first waiter; most futures have one.
   *
   * @internal
   */
  _waiter: Waiter | null = null;
  /**
   * The others.
   *
   * @internal
   */
  declare _waiters: Waiter[] | null;
  /**
   * Set while its exception was not looked at.
   *
   * @internal
   */
  declare _lost: LostError | null;
  /**
   * Edges added by hand; those of plain awaits are read off the waiters.
   *
   * @internal
   */
  declare _awaitedBy: Set<Future<unknown>> | null;
  /** @internal */
  declare _origin: Origin | null;
  /**
   * Those whose ends it stands for, where it is the future of a group, of `wait` and
   * the like: for call graphs.
   *
   * @internal
   */
  declare _standsFor: Iterable<Future<unknown>> | null;

  /**
   * Makes a pending future; `loop.createFuture()` is the usual way.
   *
   * @param options `loop`: the loop it belongs to; the running one unless given.
   */
  constructor(options?: FutureOptions) {
    this._loop = options?.loop ?? getEventLoop();
    if (traced) debug!.trace(this, this._loop, null);
  }

  /**
   * Where it was made, in debug mode.
   *
   * @internal
   */
  get _sourceTraceback(): readonly StackFrame[] | null {
    return this._origin?.frames ?? null;
  }

  /** The loop it belongs to. */
  getLoop(): AbstractEventLoop {
    return this._loop;
  }

  /**
   * Cancels it and schedules its callbacks.
   *
   * @param message What the CancelledError will say.
   * @returns False if it was done already.
   */
  cancel(message?: unknown): boolean {
    // Whoever cancels does not want to hear how it failed.
    if (this._lost !== null) this._seen();
    if (this._state !== PENDING) return false;
    this._state = CANCELLED;
    this._cancelMessage = message;
    this._schedule();
    return true;
  }

  /** Whether it was cancelled. */
  cancelled(): boolean {
    return this._state === CANCELLED;
  }

  /** Whether it has a result, an exception or was cancelled. */
  done(): boolean {
    return this._state !== PENDING;
  }

  /**
   * Its result.
   *
   * @returns The result.
   * @throws Its exception, a CancelledError if it was cancelled, or an
   * InvalidStateError if it is not done.
   */
  result(): T {
    if (this._state === FINISHED) {
      if (!this._failed) return this._value as T;
      this._seen();
      throw this._value;
    }
    if (this._state === CANCELLED) throw this._makeCancelledError();
    throw new InvalidStateError("Result is not set.");
  }

  /**
   * Its exception.
   *
   * @returns The exception, or null where it has a result.
   * @throws A CancelledError if it was cancelled, an InvalidStateError if it is
   * not done.
   */
  exception(): unknown {
    if (this._state === FINISHED) {
      if (!this._failed) return null;
      this._seen();
      return this._value;
    }
    if (this._state === CANCELLED) throw this._makeCancelledError();
    throw new InvalidStateError("Exception is not set.");
  }

  /**
   * Gives it its result.
   *
   * @param result The result.
   * @throws InvalidStateError If it is done already.
   */
  setResult(result: T): void {
    if (this._state !== PENDING) throw this._alreadyDone();
    this._value = result;
    this._state = FINISHED;
    this._schedule();
  }

  /**
   * Makes it fail.
   *
   * @param exception The error, or an error class to make one of.
   * @throws InvalidStateError If it is done already.
   */
  setException(exception: unknown): void {
    if (this._state !== PENDING) throw this._alreadyDone();
    this._setFailure(toException(exception));
  }

  /** @internal */
  _setFailure(error: unknown): void {
    this._value = error;
    this._failed = true;
    this._state = FINISHED;
    this._lost = lost(this, error);
    this._schedule();
  }

  /**
   * Has a function called once it is done: with the future, by the loop, in the
   * iteration after.
   *
   * @param fn The function.
   * @param options `context`: what it runs in; a copy of the current one unless
   * given.
   */
  addDoneCallback(
    fn: (future: this) => unknown,
    options?: { context?: Context | undefined },
  ): void {
    if (typeof fn !== "function") {
      throw new TypeError(
        `Cannot add a done callback: a function is needed, got ${typeof fn}`,
      );
    }
    const handle = new DoneCallback(
      fn as Callback,
      [this],
      this._loop,
      options?.context ?? snapshotContext(),
    );
    if (traced) debug!.trace(handle, this._loop, fn);
    this._addWaiter(handle);
  }

  /**
   * Takes a callback away again.
   *
   * @param fn The function that was added.
   * @returns How often it had been added.
   */
  removeDoneCallback(fn: (future: this) => unknown): number {
    return this._removeWaiters((waiter) =>
      waiter instanceof DoneCallback && waiter._callback === fn
    );
  }

  /** @internal */
  _removeWaiters(matches: (waiter: Waiter) => boolean): number {
    const all = this._allWaiters();
    const left = all.filter((waiter) => !matches(waiter));
    this._waiter = left[0] ?? null;
    this._waiters = left.length > 1 ? left.slice(1) : null;
    return all.length - left.length;
  }

  /** @internal */
  _allWaiters(): Waiter[] {
    if (this._waiter === null) return [];
    return this._waiters === null
      ? [this._waiter]
      : [this._waiter, ...this._waiters];
  }

  /** @internal */
  _addWaiter(waiter: Waiter): void {
    if (this._state !== PENDING) waiter._futureDone(this);
    else if (this._waiter === null) this._waiter = waiter;
    else if (this._waiters === null) this._waiters = [waiter];
    else this._waiters.push(waiter);
  }

  /**
   * Tells the waiters, in the order in which they came.
   *
   * @internal
   */
  _schedule(): void {
    const first = this._waiter;
    if (first === null) return;
    const others = this._waiters;
    this._waiter = null;
    if (others !== null) this._waiters = null;
    first._futureDone(this);
    if (others !== null) {
      for (let i = 0; i < others.length; i++) others[i]!._futureDone(this);
    }
  }

  /** @internal */
  _seen(): void {
    if (this._lost !== null) {
      this._lost.forget();
      this._lost = null;
    }
  }

  /** @internal */
  _alreadyDone(): InvalidStateError {
    return new InvalidStateError("invalid state");
  }

  /** @internal */
  _makeCancelledError(): CancelledError {
    // Given out once; a second look makes one without whatever was added to it.
    // gather() asks for one from children that were not cancelled.
    if (this._state === CANCELLED && this._value !== undefined) {
      const error = this._value;
      this._value = undefined;
      return error as CancelledError;
    }
    return cancellation(this._cancelMessage);
  }

  /** @internal */
  _cancellation(): CancelledError | null {
    if (this._state === CANCELLED) return this._makeCancelledError();
    if (!this._failed) return null;
    this._seen();
    return this._value instanceof CancelledError ? this._value : null;
  }

  /** Waits for it in a generator: `const value = yield* future`. */
  [Symbol.iterator](): Iterator<Future<T>, T, unknown> & {
    throw(error: unknown): IteratorResult<Future<T>, T>;
    [Symbol.iterator](): Iterator<Future<T>, T, unknown>;
  } {
    return new FutureIterator(this);
  }

  /**
   * Waits for it in an async function: `await future`. Inside a task this is a
   * cancellation point of the task.
   *
   * @param onFulfilled Called with the result.
   * @param onRejected Called with the exception.
   * @returns What can be chained on.
   */
  then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): PromiseLike<A | B> {
    if (this._state !== PENDING) {
      const waiter = new OutsideWaiter<T, A | B>(this, onFulfilled, onRejected);
      resolved.then(() => waiter._run());
      return waiter;
    }
    const task = awaitingTask();
    if (task !== null) {
      return awaitInTask(
        task,
        new FutureIterator(this),
        onFulfilled,
        onRejected,
      ) as PromiseLike<A | B>;
    }
    const waiter = new OutsideWaiter<T, A | B>(this, onFulfilled, onRejected);
    this._addWaiter(waiter);
    return waiter;
  }

  /** @internal */
  _info(): string[] {
    return wordsOfFuture(this as Future<unknown>);
  }

  /** Shows its state, result and callbacks. */
  toString(): string {
    return `<${this.constructor.name} ${this._info().join(" ")}>`;
  }
}

// What few futures need is no field of each: the values here stand for it, and only
// writing another one adds a field. Bytes per task are most of what a task costs.
Object.assign(Future.prototype, {
  _waiters: null,
  _lost: null,
  _awaitedBy: null,
  _origin: null,
  _standsFor: null,
});

showAsText(Future.prototype);

const resolved = Promise.resolve();

/**
 * Makes a future of a promise. Cancelling the future leaves the promise at once and
 * alone: what it stands for goes on.
 *
 * @param future The promise; a future is returned as it is.
 * @param options `loop`: the loop of the future; the running one unless given.
 * @returns The future.
 */
export function wrapFuture<T>(
  future: PromiseLike<T>,
  options?: FutureOptions,
): Future<T> {
  if (isFuture(future)) return future as Future<T>;
  if (typeof (future as { then?: unknown } | null)?.then !== "function") {
    throw new TypeError(
      `Cannot wrap ${typeof future}: a Promise is expected`,
    );
  }
  const wrapped = new Future<T>(options);
  wrapped._loop._foreign(future);
  // Cancelled meanwhile, or nobody is left to tell.
  const unwanted = () => wrapped._state !== PENDING || wrapped._loop.isClosed();
  future.then(
    (value) => {
      if (unwanted()) return;
      wrapped.setResult(value);
    },
    (error) => {
      if (unwanted()) return;
      if (error instanceof CancelledError) {
        wrapped._value = error;
        wrapped.cancel(error.args[0]);
      } else wrapped._setFailure(error);
    },
  );
  return wrapped;
}

/**
 * Records that a future is waited for by another, for call graphs: where the wait
 * is not a plain await.
 *
 * @param fut What is waited for.
 * @param waiter What waits for it.
 */
export function futureAddToAwaitedBy(
  fut: Future<unknown>,
  waiter: Future<unknown>,
): void {
  if (fut instanceof Future && waiter instanceof Future) {
    (fut._awaitedBy ??= new Set()).add(waiter);
  }
}

/**
 * Takes back what {@linkcode futureAddToAwaitedBy} recorded.
 *
 * @param fut What was waited for.
 * @param waiter What waited for it.
 */
export function futureDiscardFromAwaitedBy(
  fut: Future<unknown>,
  waiter: Future<unknown>,
): void {
  if (fut instanceof Future) fut._awaitedBy?.delete(waiter);
}
