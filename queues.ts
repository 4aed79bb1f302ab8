/**
 * Queues between coroutines: first in first out, by priority, or last in first out.
 *
 * @example From one task to another
 * ```ts
 * import { Queue, run, TaskGroup } from "@x/asyncio";
 *
 * await run(async () => {
 *   const queue = new Queue<string>(1);
 *   await new TaskGroup().with(async (group) => {
 *     group.createTask(async () => {
 *       for await (const item of queue) console.log(item);
 *     });
 *     await queue.put("tea");
 *     await queue.put("toast");
 *     queue.shutdown();
 *   });
 * });
 * ```
 *
 * @module
 */

import { named } from "./_kernel/base_exceptions.ts";
import { type Coroutine, markCoroutineFunctions } from "./coroutines.ts";
import { shortRepr } from "./format_helpers.ts";
import { _LoopBoundMixin } from "./mixins.ts";
import {
  Finished,
  Get,
  Join,
  Next,
  Put,
  WaitingList,
} from "./_sync/queue_calls.ts";
import { type Compare, Heap, Ring, Stack, type Store } from "./_sync/stores.ts";

/** `getNowait` found the queue empty. */
export class QueueEmpty extends Error {}

/** `putNowait` found the queue full. */
export class QueueFull extends Error {}

/** The queue was shut down: nothing can be put on it, or there is nothing left. */
export class QueueShutDown extends Error {}

named({ QueueEmpty, QueueFull, QueueShutDown });

/** How a queue stands; see {@linkcode Queue.statistics}. */
export interface QueueStatistics {
  /** How many items it has. */
  readonly size: number;
  /** How many it may have; 0 or less for any number. */
  readonly maxsize: number;
  /** How many items were put on it and not reported by `taskDone`. */
  readonly unfinished: number;
  /** Whether it was shut down. */
  readonly isShutdown: boolean;
  /** How many wait in `get`. */
  readonly tasksWaitingGet: number;
  /** How many wait in `put`. */
  readonly tasksWaitingPut: number;
  /** How many wait in `join`. */
  readonly tasksWaitingJoin: number;
}

/** The items of a queue, until it is shut down and empty. */
export interface QueueIterator<T> extends AsyncIterator<T, undefined> {
  /** Waits for the next item; a promise to JavaScript, a coroutine to generators. */
  next():
    & Coroutine<IteratorResult<T, undefined>>
    & Promise<IteratorResult<T, undefined>>;
  /** Itself, for `for await`. */
  [Symbol.asyncIterator](): QueueIterator<T>;
}

/** How many items a queue's text shows. */
const SHOWN = 20;

/**
 * A queue, first in first out. With a maximum size `put` waits while it is full.
 *
 * `for await` takes items until the queue is shut down and empty. Generators, which
 * have no `for await`, ask its iterator themselves.
 *
 * Mind that `await queue.get()` also awaits the item, where the item is a promise,
 * a future or a coroutine: an async function cannot return one. Put it in an
 * object, or use `getNowait`, `for await`, or a generator.
 *
 * @typeParam T The type of its items.
 *
 * @example A producer and two consumers
 * ```ts
 * import { createTask, gather, Queue, run, sleep } from "@x/asyncio";
 *
 * await run(async () => {
 *   const queue = new Queue<number>(2);
 *   const consumer = async () => {
 *     let sum = 0;
 *     for await (const n of queue) {
 *       await sleep(0.001);
 *       sum += n;
 *     }
 *     return sum;
 *   };
 *   const one = createTask(consumer);
 *   const two = createTask(consumer);
 *   for (let i = 1; i <= 10; i++) await queue.put(i);
 *   queue.shutdown();
 *   const [a, b] = await gather([one, two]);
 *   console.log(a + b); // 55
 * });
 * ```
 *
 * @example The same loop in a generator
 * ```ts
 * import { type Coro, Queue, run } from "@x/asyncio";
 *
 * function* sum(queue: Queue<number>): Coro<number> {
 *   const items = queue[Symbol.asyncIterator]();
 *   let sum = 0;
 *   for (;;) {
 *     const { done, value } = yield* items.next();
 *     if (done) return sum;
 *     sum += value;
 *   }
 * }
 * await run(function* () {
 *   const queue = new Queue<number>();
 *   for (const n of [1, 2, 3]) queue.putNowait(n);
 *   queue.shutdown();
 *   console.log(yield* sum(queue)); // 6
 * });
 * ```
 */
export class Queue<T> extends _LoopBoundMixin {
  readonly #maxsize: number;
  /** @internal */
  _store: Store<T> = new Ring<T>();
  /** @internal */
  readonly _getters: WaitingList = new WaitingList(this);
  /** @internal */
  readonly _putters: WaitingList = new WaitingList(this);
  /** @internal */
  readonly _finished: Finished = new Finished(this);
  /** @internal */
  _unfinished = 0;
  /** @internal */
  _isShutdown = false;

  /**
   * Makes a queue; no loop need run yet.
   *
   * @param maxsize How many items it may have; 0 or less for any number.
   */
  constructor(maxsize = 0) {
    super();
    if (typeof maxsize !== "number" || Number.isNaN(maxsize)) {
      throw new TypeError(
        "Cannot make a queue: its maximum size must be a number, got " +
          (typeof maxsize === "number" ? "NaN" : typeof maxsize),
      );
    }
    this.#maxsize = maxsize;
  }

  /** How many items it may have; 0 or less for any number. */
  get maxsize(): number {
    return this.#maxsize;
  }

  /** How many items it has. */
  qsize(): number {
    return this._store.size;
  }

  /** Whether it has no items. */
  empty(): boolean {
    return this.qsize() === 0;
  }

  /** Whether it has as many items as it may have. */
  full(): boolean {
    return this.#maxsize > 0 && this.qsize() >= this.#maxsize;
  }

  /**
   * Puts an item on the queue, when there is room for it. Those who wait are served
   * in the order in which they came.
   *
   * @param item The item.
   * @returns Nothing, once the item is on the queue.
   * @throws QueueShutDown When the queue was shut down, while waiting too.
   */
  put(item: T): Coroutine<void> {
    return new Put<T>(this, item);
  }

  /**
   * Puts an item on the queue now.
   *
   * @param item The item.
   * @throws QueueFull When there is no room for it.
   * @throws QueueShutDown When the queue was shut down.
   */
  putNowait(item: T): void {
    if (this._isShutdown) throw new QueueShutDown();
    if (this.full()) throw new QueueFull();
    this._put(item);
    this._unfinished++;
    this._getters.wakeOne();
  }

  /**
   * Takes an item off the queue, when there is one. Those who wait are served in the
   * order in which they came.
   *
   * @returns The item.
   * @throws QueueShutDown When the queue was shut down and is empty.
   */
  get(): Coroutine<T> {
    return new Get<T>(this);
  }

  /**
   * Takes an item off the queue now.
   *
   * @returns The item.
   * @throws QueueEmpty When there is none.
   * @throws QueueShutDown When there is none and the queue was shut down.
   */
  getNowait(): T {
    if (this.empty()) {
      throw this._isShutdown ? new QueueShutDown() : new QueueEmpty();
    }
    const item = this._get();
    this._putters.wakeOne();
    return item;
  }

  /**
   * Reports that the work on an item that was taken off is done.
   *
   * @throws RangeError When called more often than items were put on the queue.
   */
  taskDone(): void {
    if (this._unfinished <= 0) {
      throw new RangeError("task_done() called too many times");
    }
    if (--this._unfinished === 0) this._finished.waiting.wakeAll();
  }

  /**
   * Waits until every item that was put on the queue was taken off and reported by
   * `taskDone`.
   *
   * @returns Nothing, once all work is done.
   */
  join(): Coroutine<void> {
    return new Join<T>(this);
  }

  /**
   * Ends the queue: nothing can be put on it any more. What is on it can still be
   * taken off, and then those who ask for more are refused.
   *
   * @param immediate Drops what is on it. `join` does not wait for what is dropped.
   */
  shutdown(immediate = false): void {
    this._isShutdown = true;
    if (immediate) {
      while (!this.empty()) {
        this._get();
        if (this._unfinished > 0) this._unfinished--;
      }
      if (this._unfinished === 0) this._finished.waiting.wakeAll();
    }
    this._getters.wakeAll();
    this._putters.wakeAll();
  }

  /**
   * How the queue stands, at this moment.
   *
   * @returns A frozen record.
   */
  statistics(): QueueStatistics {
    return Object.freeze({
      size: this.qsize(),
      maxsize: this.#maxsize,
      unfinished: this._unfinished,
      isShutdown: this._isShutdown,
      tasksWaitingGet: this._getters.size,
      tasksWaitingPut: this._putters.size,
      tasksWaitingJoin: this._finished.waiting.size,
    });
  }

  /** The items as they come, until the queue is shut down and empty. */
  [Symbol.asyncIterator](): QueueIterator<T> {
    const next = () => new Next<T>(this, next);
    const iterator = { next, [Symbol.asyncIterator]: () => iterator };
    return iterator as unknown as QueueIterator<T>;
  }

  /**
   * Stores an item; for subclasses that keep their items in another way.
   *
   * @param item The item.
   */
  protected _put(item: T): void {
    this._store.push(item);
  }

  /**
   * Takes an item out of the store, which has one; for subclasses.
   *
   * @returns The item.
   */
  protected _get(): T {
    return this._store.take();
  }

  /** Shows its items and how many wait. */
  override toString(): string {
    const words = [`maxsize=${this.#maxsize}`];
    if (!this.empty()) words.push(`_queue=[${this.#items()}]`);
    const { _getters, _putters, _unfinished } = this;
    if (_getters.size > 0) words.push(`_getters[${_getters.size}]`);
    if (_putters.size > 0) words.push(`_putters[${_putters.size}]`);
    if (_unfinished > 0) words.push(`tasks=${_unfinished}`);
    if (this._isShutdown) words.push("shutdown");
    return `<${this.constructor.name} ${words.join(" ")}>`;
  }

  #items(): string {
    const shown: string[] = [];
    for (const item of this._store) {
      if (shown.length === SHOWN) {
        shown.push("...");
        break;
      }
      shown.push(shortRepr(item));
    }
    return shown.join(", ");
  }
}

/** Options of a {@linkcode PriorityQueue}. */
export interface PriorityQueueOptions<T> {
  /** The order: below zero where the first comes first, as for `Array.sort`. */
  compare?: ((a: T, b: T) => number) | undefined;
}

/**
 * A queue that gives the smallest item first.
 *
 * Numbers and strings have an order, and so have arrays that begin with one of
 * them, such as `[priority, item]`: the first members that differ decide. All else
 * needs a `compare` function. The order of equal items is open.
 *
 * @typeParam T The type of its items.
 *
 * @example
 * ```ts
 * import { PriorityQueue, run } from "@x/asyncio";
 *
 * await run(async () => {
 *   const queue = new PriorityQueue<[number, string]>();
 *   await queue.put([2, "later"]);
 *   await queue.put([1, "sooner"]);
 *   console.log(await queue.get()); // [1, "sooner"]
 *
 *   const jobs = new PriorityQueue(0, {
 *     compare: (a: { due: number }, b: { due: number }) => a.due - b.due,
 *   });
 *   jobs.putNowait({ due: 7 });
 * });
 * ```
 */
export class PriorityQueue<T> extends Queue<T> {
  /**
   * Makes a queue.
   *
   * @param maxsize How many items it may have; 0 or less for any number.
   * @param options See {@linkcode PriorityQueueOptions}.
   */
  constructor(maxsize = 0, options?: PriorityQueueOptions<T>) {
    super(maxsize);
    const compare: Compare<T> | null = options?.compare ?? null;
    if (compare !== null && typeof compare !== "function") {
      throw new TypeError(
        "Cannot make a PriorityQueue: compare must be a function, got " +
          typeof compare,
      );
    }
    this._store = new Heap<T>(compare);
  }
}

/** A queue that gives the newest item first. */
export class LifoQueue<T> extends Queue<T> {
  /**
   * Makes a queue.
   *
   * @param maxsize How many items it may have; 0 or less for any number.
   */
  constructor(maxsize = 0) {
    super(maxsize);
    this._store = new Stack<T>();
  }
}

markCoroutineFunctions(
  Queue.prototype.put,
  Queue.prototype.get,
  Queue.prototype.join,
);
