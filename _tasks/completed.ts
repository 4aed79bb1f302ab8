/** `asCompleted`: awaitables in the order in which they end. */

import { type Awaitable, type Coro, Coroutine } from "../coroutines.ts";
import {
  type AbstractEventLoop,
  getEventLoop,
  type TimerHandle,
} from "../events.ts";
import { TimeoutError } from "../exceptions.ts";
import { type Future, isFuture } from "../futures.ts";
import { ensureLimited, type Slots, slotsOf } from "./slots.ts";

/** Options of {@linkcode asCompleted}. */
export interface AsCompletedOptions {
  /** Seconds after which what is left raises TimeoutError. */
  timeout?: number | null | undefined;
  /**
   * At most so many of the coroutines run at once, in the order given; null for no
   * limit. An addition to asyncio. What runs already, futures and promises, is not
   * counted.
   */
  limit?: number | null | undefined;
}

/**
 * A future that has ended, as `for await` over {@linkcode asCompleted} gives it. It is
 * the future itself; its type hides `then`, or the compiler would take it for its
 * result. Ask it by `result()`.
 */
export type CompletedFuture<T> = Omit<Future<T>, "then">;

/** The futures of an {@linkcode AsCompletedIterator}, in the order in which they end. */
export interface CompletedFutures<T> {
  /** Waits for the next future. */
  next(): Promise<IteratorResult<CompletedFuture<T>, undefined>>;
  /** Itself, for `for await`. */
  [Symbol.asyncIterator](): CompletedFutures<T>;
}

/**
 * What {@linkcode asCompleted} returns: `for (const next of …)` gives a coroutine per
 * awaitable, each of the next result; `for await` gives the futures themselves.
 */
export class AsCompletedIterator<T> implements Iterable<Coroutine<T>> {
  readonly #loop: AbstractEventLoop;
  readonly #todo: Set<Future<T>>;
  #left: number;
  /** Ended and not yet handed out; null stands for "timed out". */
  readonly #done: (Future<T> | null)[] = [];
  #doneAt = 0;
  readonly #getters: Future<void>[] = [];
  #timer: TimerHandle | null = null;
  readonly #onDone: (future: Future<unknown>) => void;

  /** @internal */
  constructor(
    aws: Iterable<Awaitable<T>>,
    timeout: number | null,
    slots: Slots | null,
  ) {
    this.#loop = getEventLoop();
    const loop = this.#loop;
    this.#todo = new Set();
    for (const aw of new Set(aws)) {
      this.#todo.add(ensureLimited(aw, loop, slots) as Future<T>);
    }
    this.#left = this.#todo.size;
    this.#onDone = (future) => this.#completed(future as Future<T>);
    for (const future of this.#todo) future.addDoneCallback(this.#onDone);
    if (this.#todo.size > 0 && timeout !== null) {
      this.#timer = loop.callLater(timeout, () => this.#timedOut());
    }
  }

  /** Itself, for `for (const next of …)`. */
  [Symbol.iterator](): this {
    return this;
  }

  /** The futures in the order in which they end, for `for await`. */
  [Symbol.asyncIterator](): CompletedFutures<T> {
    const iterator: CompletedFutures<T> = {
      [Symbol.asyncIterator]: () => iterator,
      next: async () => {
        if (this.#left === 0) return { done: true, value: undefined };
        this.#left--;
        // Boxed: a promise resolved with a future would wait for the future.
        const [future] = await new Coroutine<[Future<T>]>(
          takeBoxed as never,
          [this],
        );
        return { done: false, value: future };
      },
    };
    return iterator;
  }

  /** A coroutine of the next result. */
  next(): IteratorResult<Coroutine<T>, undefined> {
    if (this.#left === 0) return { done: true, value: undefined };
    this.#left--;
    return { done: false, value: this.#nextResult() };
  }

  /**
   * The next future that ends, for generators, which have no `for await`: `const
   * task = yield* it.nextFuture()`. Awaited in an async function it would give the
   * future's result, since a promise never holds a future.
   *
   * @returns The future, or null when all have been handed out.
   */
  nextFuture(): Coroutine<Future<T> | null> {
    if (this.#left === 0) {
      return new Coroutine<null>(function* (): Coro<null> {
        return null;
      } as never);
    }
    this.#left--;
    return this.#nextFuture();
  }

  #nextFuture(): Coroutine<Future<T>> {
    return new Coroutine<Future<T>>(takeOne as never, [this]);
  }

  #nextResult(): Coroutine<T> {
    return new Coroutine<T>(takeResult as never, [this]);
  }

  #completed(future: Future<T>): void {
    // After the timeout nothing is waited for any more.
    if (!this.#todo.delete(future)) return;
    this.#put(future);
    if (this.#todo.size === 0) this.#timer?.cancel();
  }

  #timedOut(): void {
    for (const future of this.#todo) {
      future.removeDoneCallback(this.#onDone);
      this.#put(null);
    }
    this.#todo.clear();
  }

  #put(item: Future<T> | null): void {
    this.#done.push(item);
    this.#wakeOne();
  }

  #wakeOne(): void {
    let getter: Future<void> | undefined;
    while ((getter = this.#getters.shift()) !== undefined) {
      if (!getter.done()) {
        getter.setResult(undefined);
        return;
      }
    }
  }

  /** @internal */
  *_take(): Coro<Future<T>> {
    while (this.#doneAt === this.#done.length) {
      const getter = this.#loop.createFuture<void>();
      getter._standsFor = this.#todo;
      this.#getters.push(getter);
      try {
        yield* getter;
      } catch (error) {
        getter.cancel();
        const at = this.#getters.indexOf(getter);
        if (at >= 0) this.#getters.splice(at, 1);
        // Woken and cancelled at once: the next in line is woken instead.
        if (this.#doneAt < this.#done.length && !getter.cancelled()) {
          this.#wakeOne();
        }
        throw error;
      }
    }
    const item = this.#done[this.#doneAt]!;
    this.#done[this.#doneAt++] = null;
    if (item === null) throw new TimeoutError();
    return item;
  }
}

function* takeOne<T>(it: AsCompletedIterator<T>): Coro<Future<T>> {
  return yield* it._take();
}

function* takeBoxed<T>(it: AsCompletedIterator<T>): Coro<[Future<T>]> {
  return [yield* it._take()];
}

function* takeResult<T>(it: AsCompletedIterator<T>): Coro<T> {
  return (yield* it._take()).result();
}

/**
 * Runs awaitables at once and hands them out in the order in which they end.
 *
 * @param fs The awaitables; the same one twice runs once.
 * @param options See {@linkcode AsCompletedOptions}.
 * @returns What to iterate over, in either way.
 * @throws TypeError When given a single awaitable.
 * @throws RangeError When the limit is no whole number of at least 1.
 *
 * @example
 * ```ts
 * import { asCompleted, run, sleep } from "@x/asyncio";
 *
 * await run(async () => {
 *   const aws = [sleep(0.02, "slow"), sleep(0.01, "fast")];
 *   for await (const task of asCompleted(aws)) console.log(task.result());
 * });
 * ```
 */
export function asCompleted<T>(
  fs: Iterable<Awaitable<T>>,
  options?: AsCompletedOptions,
): AsCompletedIterator<T> {
  // Awaitables of this library are iterable themselves, by what yield* needs.
  if (
    isFuture(fs) || fs instanceof Coroutine || typeof fs === "function" ||
    typeof (fs as { next?: unknown } | null)?.next === "function" ||
    typeof (fs as Iterable<unknown> | null)?.[Symbol.iterator] !== "function"
  ) {
    throw new TypeError(
      "expects an iterable of awaitables, not " +
        (fs === null ? "null" : fs?.constructor?.name ?? typeof fs),
    );
  }
  return new AsCompletedIterator<T>(
    fs,
    options?.timeout ?? null,
    slotsOf(options?.limit, "iterate as they complete"),
  );
}
