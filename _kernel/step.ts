/**
 * Steps: how a coroutine is moved on until it waits again.
 *
 * A *stepper* is something with a generator-style iterator that the loop moves on:
 * a task, or a single `await` of a library awaitable inside an async function
 * (an {@linkcode AwaitPoint}). Both follow the same protocol, so that library
 * coroutines are written once, as generators:
 *
 * - yield nothing: run again in the next iteration;
 * - yield a future (through its iterator): run again once it is done;
 * - yield an {@linkcode InlineCall}: run again, within the same step, once the
 *   promise of an async function that is part of the task has settled.
 */

import type { Context } from "../contextvars.ts";
import { CancelledError, RuntimeError } from "../exceptions.ts";
import { textOf } from "./texts.ts";
import { debug } from "../_debug/hooks.ts";
import type { Origin } from "../_debug/origins.ts";
import { traced } from "../_debug/switches.ts";
import type { AbstractEventLoop, Runnable } from "../events.ts";
import type { Future } from "../futures.ts";
import { state, type StepOwner, taskStore } from "./state.ts";

/** Stands for "no error". */
export const NONE: unique symbol = Symbol("none");

/** What a coroutine yields while an async function that it called inline runs. */
export interface InlineWait {
  /** Tells it from other objects. */
  readonly inline: true;
}

/** What a coroutine yields to its driver: a future, or nothing to run again soon. */
export type Yieldable = Future<unknown> | InlineWait | undefined | void;

/** The iterator of a coroutine; generators have this shape. */
export interface CoroIterator<T = unknown> {
  next(): IteratorResult<unknown, T>;
  throw(error: unknown): IteratorResult<unknown, T>;
  return?(value?: unknown): IteratorResult<unknown, T>;
}

/** What is told when a future is done. */
export interface Waiter {
  _futureDone(future: FutureLike): void;
}

/** What steps need to know of a future. */
export interface FutureLike {
  readonly _loop: AbstractEventLoop;
  /** Set by its iterator just before it is yielded. */
  _blocking: boolean;
  _addWaiter(waiter: Waiter): void;
  cancel(message?: unknown): boolean;
  done(): boolean;
  /** Marks its error as seen and returns it if it is a CancelledError. */
  _cancellation(): CancelledError | null;
}

/** What steps need to know of a task. */
export interface StepTask extends StepOwner, FutureLike {
  readonly _loop: AbstractEventLoop;
  _context: Context | null;
  /** A cancellation waits to be thrown at the next wake-up. */
  _mustCancel: boolean;
  _cancelMessage: unknown;
  _makeCancelledError(): CancelledError;
  getName(): string;
  /** The first of the awaits that its async code waits in. */
  _points: AwaitPoint<unknown> | null;
}

/** Something that the loop moves on step by step. */
export interface Stepper extends Runnable, Waiter {
  readonly _owner: StepTask;
  _iter: CoroIterator;
  /** The pending or just finished future that it waits for. */
  _waiting: FutureLike | null;
  /** Thrown into the iterator at the next run instead of going on. */
  _thrown: unknown;
  _finish(value: unknown): void;
  _fail(error: unknown): void;
}

/**
 * What an await waits for that only gives the others a turn. It is in the ready
 * queue, as one whose future is done: cancelling has to tell both from an await
 * whose inline call runs.
 */
export const TURN: FutureLike = {
  get _loop(): never {
    throw new RuntimeError("A turn belongs to no loop");
  },
  _blocking: false,
  _addWaiter() {},
  cancel: () => false,
  done: () => true,
  _cancellation: () => null,
};

/** Runs a stepper from the ready queue: a cancellation of its task goes first. */
export function step(s: Stepper): void {
  let error = s._thrown;
  if (error !== NONE) s._thrown = NONE;
  const owner = s._owner;
  if (owner._mustCancel) {
    owner._mustCancel = false;
    // Whatever the future gave is dropped, unless it was itself a cancellation.
    if (!(error instanceof CancelledError)) {
      error = s._waiting?._cancellation() ?? owner._makeCancelledError();
    }
  }
  s._waiting = null;
  advance(s, error);
}

/** Moves a stepper on until it waits, ends or fails. */
export function advance(s: Stepper, error: unknown): void {
  const owner = s._owner;
  // Saved, since an eager task is stepped inside its creator's step.
  const { sync, task, context } = state;
  state.sync = true;
  state.task = owner;
  state.context = owner._context;
  let result: IteratorResult<unknown, unknown>;
  try {
    result = error === NONE ? s._iter.next() : s._iter.throw(error);
  } catch (failure) {
    state.sync = sync;
    state.task = task;
    state.context = context;
    s._fail(failure);
    return;
  }
  state.sync = sync;
  state.task = task;
  state.context = context;
  if (result.done === true) s._finish(result.value);
  else suspend(s, owner, result.value);
}

function suspend(s: Stepper, owner: StepTask, yielded: unknown): void {
  const loop = owner._loop;
  if (yielded === undefined) {
    if (s !== owner as unknown) s._waiting = TURN;
    loop._push(s);
    loop._closeStep(owner);
    return;
  }
  if (yielded instanceof InlineCall) {
    yielded._join(s);
    loop._openStep(owner);
    return;
  }
  const future = yielded as FutureLike;
  if (future?._blocking === true) {
    future._blocking = false;
    if (future._loop === loop && future !== owner) {
      s._waiting = future;
      future._addWaiter(s);
      if (owner._mustCancel && future.cancel(owner._cancelMessage)) {
        owner._mustCancel = false;
      }
      loop._closeStep(owner);
      return;
    }
  }
  s._thrown = misuse(owner, future);
  loop._push(s);
  loop._closeStep(owner);
}

/** The error for a yield that the driver can do nothing with. */
function misuse(owner: StepTask, yielded: unknown): RuntimeError {
  const future = yielded as FutureLike | null;
  if (typeof future?._addWaiter === "function") {
    if (future._loop !== owner._loop) {
      return new RuntimeError(
        `Task ${owner} got Future ${future} attached to a different loop`,
      );
    }
    if (future === owner) {
      return new RuntimeError(`Task cannot await on itself: ${owner}`);
    }
    return new RuntimeError(
      `yield was used instead of yield* in task ${owner} with ${future}`,
    );
  }
  if (typeof (yielded as CoroIterator | null)?.next === "function") {
    return new RuntimeError(
      `yield was used instead of yield* for generator in task ${owner} with ` +
        textOf(yielded),
    );
  }
  const shown = yielded instanceof Promise
    ? "a Promise (use yield* wrapFuture(promise))"
    : textOf(yielded);
  return new RuntimeError(`Task got bad yield: ${shown}`);
}

/** How an {@linkcode InlineCall} stands. */
const NEW = 0;
const WAITING = 1;
const RETURNED = 2;
const THREW = 3;
const DELEGATING = 4;

/** Whether a value has a generator's methods. */
export function isGenerator(value: unknown): value is CoroIterator {
  return typeof value === "object" && value !== null &&
    typeof (value as CoroIterator).next === "function" &&
    typeof (value as CoroIterator).throw === "function" &&
    // Async generators have the same methods, but not this.
    typeof (value as unknown as Iterable<unknown>)[Symbol.iterator] ===
      "function";
}

/** Whether a value can be `yield*`ed and awaited: this library's awaitables. */
function isLibraryAwaitable(
  value: unknown,
): value is { [Symbol.iterator](): CoroIterator } {
  return typeof (value as PromiseLike<unknown> | null)?.then === "function" &&
    typeof (value as Iterable<unknown>)[Symbol.iterator] === "function";
}

/**
 * A call of a function that is part of the current task: an async function, a
 * generator function, or a plain one. Its iterator is itself.
 *
 * Waiting for an async function's promise is no suspension of the task, as calling a
 * coroutine inline is none in Python: what the function awaits are.
 */
export class InlineCall<T> implements CoroIterator<T>, InlineWait {
  readonly #fn: (...args: never[]) => unknown;
  readonly #args: readonly unknown[];
  /** Whether a plain value is an error, as for a function given as a coroutine. */
  readonly #strict: boolean;
  #stage = NEW;
  #value: unknown = undefined;
  #inner: CoroIterator<T> | null = null;

  constructor(
    fn: (...args: never[]) => unknown,
    args: readonly unknown[],
    strict: boolean,
  ) {
    this.#fn = fn;
    this.#args = args;
    this.#strict = strict;
  }

  get inline(): true {
    return true;
  }

  next(): IteratorResult<unknown, T> {
    switch (this.#stage) {
      case NEW:
        return this.#start();
      case DELEGATING:
        return this.#inner!.next();
      case RETURNED:
        return { done: true, value: this.#value as T };
      case THREW:
        throw this.#value;
      default:
        throw new RuntimeError(
          "Cannot go on with a coroutine that still waits for its promise",
        );
    }
  }

  throw(error: unknown): IteratorResult<unknown, T> {
    if (this.#stage === DELEGATING) return this.#inner!.throw(error);
    this.#stage = THREW;
    this.#value = error;
    throw error;
  }

  return(value?: unknown): IteratorResult<unknown, T> {
    if (this.#stage === DELEGATING && this.#inner!.return !== undefined) {
      return this.#inner!.return(value);
    }
    this.#stage = RETURNED;
    return { done: true, value: value as T };
  }

  #start(): IteratorResult<unknown, T> {
    const owner = state.task;
    // Entered once per call: all that the function awaits keeps it.
    const result = owner === null || taskStore.get() === owner
      ? this.#call()
      : taskStore.run(owner, () => this.#call(), this.#fn);
    if (isLibraryAwaitable(result)) {
      this.#inner = result[Symbol.iterator]() as CoroIterator<T>;
    } else if (isGenerator(result)) {
      this.#inner = result as CoroIterator<T>;
    } else if (
      typeof (result as { then?: unknown } | null)?.then === "function"
    ) {
      this.#stage = WAITING;
      this.#value = result;
      return { done: false, value: this };
    } else if (this.#strict) {
      throw new TypeError(
        `a coroutine was expected, got a function that returned ${result}: ` +
          "make it async, or return what it should wait for",
      );
    } else {
      this.#stage = RETURNED;
      return { done: true, value: result as T };
    }
    this.#stage = DELEGATING;
    return this.#inner.next();
  }

  #call(): unknown {
    // Not as a method: stacks would name it so.
    const fn = this.#fn as (...args: readonly unknown[]) => unknown;
    return fn(...this.#args);
  }

  /** Moves a stepper on when the promise settles. */
  _join(s: Stepper): void {
    const promise = this.#value as PromiseLike<T>;
    const native = promise instanceof Promise
      ? promise
      : Promise.resolve(promise);
    native.then(
      (value) => this.#settle(s, RETURNED, value),
      (error) => this.#settle(s, THREW, error),
    );
  }

  #settle(s: Stepper, stage: number, value: unknown): void {
    // Cancelled meanwhile in a way that ended the stepper: nobody waits.
    if (this.#stage !== WAITING) return;
    this.#stage = stage;
    this.#value = value;
    try {
      // Not step(): the return of an inline call delivers no cancellation.
      advance(s, NONE);
    } catch (exit) {
      s._owner._loop._fatal(exit);
    }
  }
}

const resolved = Promise.resolve();

/** What settles a promise. */
interface PromiseFunctions {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

// On runtimes that do not tell whose async code runs, the store has to be told.
const carries = taskStore.carrier !== undefined;

/**
 * A pair of callbacks given to `then`. What `then` returns is made only if it is
 * used: `await` never does, and a promise per await would cost more than the rest.
 */
export class Reaction<T, R> implements PromiseLike<R> {
  readonly #onFulfilled: ((value: T) => unknown) | null | undefined;
  readonly #onRejected: ((error: unknown) => unknown) | null | undefined;
  #chain: PromiseLike<unknown> | null = null;
  /** The functions of a promise that was handed out before the outcome. */
  declare _pending: PromiseFunctions | null;

  constructor(
    onFulfilled: ((value: T) => unknown) | null | undefined,
    onRejected: ((error: unknown) => unknown) | null | undefined,
  ) {
    if (carries) {
      const carry = taskStore.carrier!();
      if (typeof onFulfilled === "function") onFulfilled = carry(onFulfilled);
      if (typeof onRejected === "function") onRejected = carry(onRejected);
    }
    this.#onFulfilled = onFulfilled;
    this.#onRejected = onRejected;
  }

  _resolve(value: T): void {
    const fn = this.#onFulfilled;
    if (typeof fn === "function") this.#react(fn, value);
    else this.#pass(value, true);
  }

  _reject(error: unknown): void {
    const fn = this.#onRejected;
    if (typeof fn === "function") this.#react(fn, error);
    else this.#pass(error, false);
  }

  #react<V>(fn: (value: V) => unknown, value: V): void {
    let result: unknown;
    try {
      result = fn(value);
    } catch (error) {
      this.#pass(error, false);
      return;
    }
    if (this._pending !== null) this._pending.resolve(result);
    else if (result !== undefined) this.#chain = Promise.resolve(result);
    else this.#chain = resolved;
  }

  /** Hands an outcome on; a rejection nobody chained is the host's to report. */
  #pass(value: unknown, ok: boolean): void {
    if (this._pending !== null) {
      if (ok) this._pending.resolve(value);
      else this._pending.reject(value);
    } else this.#chain = ok ? Promise.resolve(value) : Promise.reject(value);
  }

  toString(): string {
    return "then()";
  }

  /** Chains, as `Promise.prototype.then` does. */
  then<A = R, B = never>(
    onFulfilled?: ((value: R) => A | PromiseLike<A>) | null,
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#chain ??= new Promise((resolve, reject) => {
      this._pending = { resolve, reject };
    });
    return (this.#chain as Promise<R>).then(onFulfilled, onRejected);
  }
}

// Nearly no await needs it: no field of each.
Object.assign(Reaction.prototype, { _pending: null });

/** One `await` of a library awaitable by async code of a task. */
export class AwaitPoint<T> extends Reaction<T, unknown> implements Stepper {
  readonly _owner: StepTask;
  _iter: CoroIterator;
  _waiting: FutureLike | null = null;
  declare _thrown: unknown;
  /** Its neighbours among the awaits of the task. */
  _previous: AwaitPoint<unknown> | null = null;
  _next: AwaitPoint<unknown> | null;
  /** Where it is awaited, in debug mode. */
  declare _origin: Origin | null;

  constructor(
    owner: StepTask,
    iter: CoroIterator,
    onFulfilled: ((value: T) => unknown) | null | undefined,
    onRejected: ((error: unknown) => unknown) | null | undefined,
  ) {
    super(onFulfilled, onRejected);
    this._owner = owner;
    this._iter = iter;
    this._next = owner._points;
    if (this._next !== null) this._next._previous = this as AwaitPoint<unknown>;
    owner._points = this as AwaitPoint<unknown>;
  }

  _run(): void {
    step(this);
  }

  _futureDone(_future: FutureLike): void {
    this._owner._loop._push(this);
  }

  _finish(value: unknown): void {
    this.#unlink();
    this._owner._loop._openStep(this._owner);
    this._resolve(value as T);
  }

  _fail(error: unknown): void {
    this.#unlink();
    this._owner._loop._openStep(this._owner);
    this._reject(error);
  }

  override toString(): string {
    return `await in ${this._owner.getName()}`;
  }

  #unlink(): void {
    const { _previous: previous, _next: next } = this;
    if (previous === null) this._owner._points = next;
    else previous._next = next;
    if (next !== null) next._previous = previous;
  }
}

Object.assign(AwaitPoint.prototype, { _thrown: NONE, _origin: null });

/** Waits inside the current task's async code, for `then`. */
export function awaitInTask<T>(
  owner: StepTask,
  iter: CoroIterator,
  onFulfilled: ((value: T) => unknown) | null | undefined,
  onRejected: ((error: unknown) => unknown) | null | undefined,
  origin: Origin | null = null,
): Reaction<T, unknown> {
  const point = new AwaitPoint<T>(owner, iter, onFulfilled, onRejected);
  if (traced) debug!.markAwait(point, origin);
  // A foreign promise may resume a task while its loop stands still: what it awaits
  // then is begun by the loop's next run.
  if (owner._loop.isRunning()) advance(point, NONE);
  else owner._loop._push(point);
  return point;
}

/**
 * The task whose async code is asking, for `then`: null in callbacks and generator
 * steps, where `then` is an ordinary call and no `await`.
 */
export function awaitingTask(): StepTask | null {
  const task = taskStore.get();
  // The store has the task also in the synchronous part of its async functions.
  if (state.sync && state.task !== task) return null;
  return task === undefined || task.done() ? null : task as StepTask;
}
