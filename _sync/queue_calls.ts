/**
 * The coroutines of a queue: putting, getting, joining. Each is its own iterator,
 * since a generator object would cost more than all the rest of a call that need
 * not wait.
 */

import {
  CANCELLED,
  FINISHED,
  type FutureState,
  PENDING,
} from "../base_futures.ts";
import { Coroutine } from "../coroutines.ts";
import type { AbstractEventLoop } from "../events.ts";
import { cancellation } from "../_kernel/base_exceptions.ts";
import type { CancelledError } from "../exceptions.ts";
import { _LoopBoundMixin } from "../mixins.ts";
import type { Queue } from "../queues.ts";
import {
  awaitingTask,
  awaitInTask,
  type CoroIterator,
  type FutureLike,
  Reaction,
  type Waiter,
} from "../_kernel/step.ts";

/**
 * One who waits: what the task awaits and a node of the list at once. No Future:
 * only one task ever awaits it, and it carries no value.
 */
class Waiting implements FutureLike {
  readonly _loop: AbstractEventLoop;
  _blocking = true;
  _state: FutureState = PENDING;
  _cancelMessage: unknown = undefined;
  #waiter: Waiter | null = null;
  /** The list that it is on, or null when it has been woken or cancelled. */
  _list: WaitingList | null = null;
  _before: Waiting | null = null;
  _after: Waiting | null = null;

  constructor(loop: AbstractEventLoop) {
    this._loop = loop;
  }

  _addWaiter(waiter: Waiter): void {
    this.#waiter = waiter;
    if (this._state !== PENDING) waiter._futureDone(this);
  }

  cancel(message?: unknown): boolean {
    if (this._state !== PENDING) return false;
    this._cancelMessage = message;
    this._end(CANCELLED);
    return true;
  }

  _cancellation(): CancelledError | null {
    return this._state === CANCELLED ? cancellation(this._cancelMessage) : null;
  }

  done(): boolean {
    return this._state !== PENDING;
  }

  _end(state: FutureState): void {
    this._state = state;
    this._list?.remove(this);
    this.#waiter?._futureDone(this);
  }
}

/** Those who wait for the same thing, first come first. */
export class WaitingList {
  #first: Waiting | null = null;
  #last: Waiting | null = null;
  size = 0;
  /** Whose waiters they are: for reports of who waits for whom. */
  readonly owner: object;

  constructor(owner: object) {
    this.owner = owner;
  }

  push(waiting: Waiting): void {
    const last = this.#last;
    if (last === null) this.#first = waiting;
    else last._after = waiting;
    waiting._before = last;
    waiting._list = this;
    this.#last = waiting;
    this.size++;
  }

  remove(waiting: Waiting): void {
    const { _before: before, _after: after } = waiting;
    if (before === null) this.#first = after;
    else before._after = after;
    if (after === null) this.#last = before;
    else after._before = before;
    waiting._before = null;
    waiting._after = null;
    waiting._list = null;
    this.size--;
  }

  /** Wakes the first, if there is one. */
  wakeOne(): void {
    this.#first?._end(FINISHED);
  }

  wakeAll(): void {
    while (this.#first !== null) this.#first._end(FINISHED);
  }
}

/**
 * Those who wait in `join`. It is bound to a loop apart from its queue, as the event
 * behind `join` is in CPython.
 */
export class Finished extends _LoopBoundMixin {
  readonly #queue: { toString(): string };
  readonly waiting: WaitingList;

  constructor(queue: { toString(): string }) {
    super();
    this.#queue = queue;
    this.waiting = new WaitingList(this);
  }

  override toString(): string {
    return `join() of ${this.#queue}`;
  }
}

const NO_ARGS: readonly unknown[] = [];

/** What the calls have in common. */
abstract class QueueCall<T, R> extends Coroutine<R> implements CoroIterator<R> {
  readonly _queue: Queue<T>;
  _waiting: Waiting | null = null;

  constructor(queue: Queue<T>, method: (...args: never[]) => unknown) {
    super(method, NO_ARGS);
    this._queue = queue;
  }

  /** Whether it cannot be done now. */
  abstract _mustWait(): boolean;
  /** Does what was asked for, or throws since it can never be done. */
  abstract _complete(): R;
  /** Gets in line. */
  abstract _join(waiting: Waiting): void;
  /** The loop, which is bound to from now on. */
  abstract _bind(): AbstractEventLoop;
  /** Lets another have the turn that this one was given and will not take. */
  abstract _passOn(): void;

  override _start(): CoroIterator<R> {
    return this;
  }

  next(): IteratorResult<unknown, R> {
    const waiting = this._waiting;
    if (waiting !== null) {
      if (waiting._state === PENDING) {
        waiting._blocking = true;
        return { done: false, value: waiting };
      }
      this._waiting = null;
      if (waiting._state === CANCELLED) throw waiting._cancellation();
    }
    return this._mustWait()
      ? this._wait()
      : { done: true, value: this._complete() };
  }

  throw(error: unknown): never {
    this._leave();
    throw error;
  }

  return(value?: unknown): IteratorResult<unknown, R> {
    this._leave();
    return { done: true, value: value as R };
  }

  override then<A = R, B = never>(
    onFulfilled?: ((value: R) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): PromiseLike<A | B> {
    const task = awaitingTask();
    if (task === null) return super.then(onFulfilled, onRejected);
    const iter = this._take();
    // What need not wait does without a place among the awaits of the task.
    if (iter === this && task._loop.isRunning() && !this._mustWait()) {
      task._loop._openStep(task);
      const reaction = new Reaction<R, A | B>(onFulfilled, onRejected);
      let result: R;
      try {
        result = this._complete();
      } catch (error) {
        reaction._reject(error);
        return reaction;
      }
      reaction._resolve(result);
      return reaction;
    }
    return awaitInTask(task, iter, onFulfilled, onRejected) as PromiseLike<
      A | B
    >;
  }

  _wait(): IteratorResult<unknown, R> {
    const waiting = new Waiting(this._bind());
    this._join(waiting);
    this._waiting = waiting;
    return { done: false, value: waiting };
  }

  /** Ends the waiting before its time. */
  _leave(): void {
    const waiting = this._waiting;
    if (waiting === null) return;
    this._waiting = null;
    if (waiting._state === FINISHED) this._passOn();
    else waiting._list?.remove(waiting);
  }
}

/** `queue.put(item)`. */
export class Put<T> extends QueueCall<T, void> {
  readonly _item: T;

  constructor(queue: Queue<T>, item: T) {
    super(queue, queue.put as never);
    this._item = item;
  }

  _mustWait(): boolean {
    return this._queue.full() && !this._queue._isShutdown;
  }

  _complete(): void {
    this._queue.putNowait(this._item);
  }

  _join(waiting: Waiting): void {
    this._queue._putters.push(waiting);
  }

  _bind(): AbstractEventLoop {
    return this._queue._getLoop();
  }

  _passOn(): void {
    if (!this._queue.full()) this._queue._putters.wakeOne();
  }
}

/** What waits for an item. */
abstract class Taking<T, R> extends QueueCall<T, R> {
  _mustWait(): boolean {
    return this._queue.empty() && !this._queue._isShutdown;
  }

  _join(waiting: Waiting): void {
    this._queue._getters.push(waiting);
  }

  _bind(): AbstractEventLoop {
    return this._queue._getLoop();
  }

  _passOn(): void {
    if (!this._queue.empty()) this._queue._getters.wakeOne();
  }
}

/** `queue.get()`. */
export class Get<T> extends Taking<T, T> {
  constructor(queue: Queue<T>) {
    super(queue, queue.get);
  }

  _complete(): T {
    return this._queue.getNowait();
  }
}

/**
 * One step of `for await`: a promise by its type, so that the iterator goes wherever
 * JavaScript takes one.
 */
export class Next<T> extends Taking<T, IteratorResult<T, undefined>> {
  constructor(queue: Queue<T>, method: (...args: never[]) => unknown) {
    super(queue, method);
  }

  get [Symbol.toStringTag](): string {
    return "Coroutine";
  }

  _complete(): IteratorResult<T, undefined> {
    return this._queue.empty()
      ? { done: true, value: undefined }
      : { done: false, value: this._queue.getNowait() };
  }

  catch<B = never>(
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): PromiseLike<IteratorResult<T, undefined> | B> {
    return this.then(null, onRejected);
  }

  finally(
    onFinally?: (() => void) | null,
  ): Promise<IteratorResult<T, undefined>> {
    return Promise.resolve(this).finally(onFinally);
  }
}

/** `queue.join()`. */
export class Join<T> extends QueueCall<T, void> {
  constructor(queue: Queue<T>) {
    super(queue, queue.join);
  }

  _mustWait(): boolean {
    return this._queue._unfinished > 0;
  }

  _complete(): void {}

  _join(waiting: Waiting): void {
    this._queue._finished.waiting.push(waiting);
  }

  _bind(): AbstractEventLoop {
    return this._queue._finished._getLoop();
  }

  _passOn(): void {}

  override next(): IteratorResult<unknown, void> {
    // Woken once is enough: new items may have come since.
    if (this._waiting?._state === FINISHED) {
      this._waiting = null;
      return { done: true, value: undefined };
    }
    return super.next();
  }
}
