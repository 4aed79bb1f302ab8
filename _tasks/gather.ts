/** `gather`: several awaitables at once, as one future of all their results. */

import type { Awaitable, ResultOf } from "../coroutines.ts";
import {
  type AbstractEventLoop,
  getEventLoop,
  type Runnable,
} from "../events.ts";
import { CancelledError } from "../exceptions.ts";
import { Future } from "../futures.ts";
import { currentTask, type Task } from "./task.ts";
import { ensureLimited, slotsOf } from "./slots.ts";
import { state } from "../_kernel/state.ts";
import type { Waiter } from "../_kernel/step.ts";

/** The results of a list of awaitables, in their order. */
export type GatherResults<A extends readonly unknown[]> = {
  -readonly [K in keyof A]: ResultOf<A[K]>;
};

/** The same, where errors stand among the results. */
export type GatherOutcomes<A extends readonly unknown[]> = {
  -readonly [K in keyof A]: ResultOf<A[K]> | Error;
};

/** The future that `gather` returns: cancelling it cancels its children. */
class GatheringFuture<T> extends Future<T> {
  readonly _children: Future<unknown>[];
  readonly _returnExceptions: boolean;
  _cancelRequested = false;
  /** How many different children have not ended, or rather: were not heard of. */
  _left: number;
  /** Who called gather: call graphs find it through the children's waiters. */
  readonly _parent: Task<unknown> | null;

  constructor(
    loop: AbstractEventLoop,
    children: Future<unknown>[],
    left: number,
    returnExceptions: boolean,
    parent: Task<unknown> | null,
  ) {
    super({ loop });
    this._children = children;
    this._left = left;
    this._returnExceptions = returnExceptions;
    this._parent = parent;
  }

  override cancel(message?: unknown): boolean {
    if (this.done()) return false;
    let any = false;
    for (const child of this._children) {
      if (child.cancel(message)) any = true;
    }
    // Settled by the children, when they have all ended.
    if (any) this._cancelRequested = true;
    return any;
  }

  _childDone(child: Future<unknown>): void {
    this._left--;
    if (this.done()) {
      // Nobody will ask any more: what it failed with counts as seen.
      child._seen();
      return;
    }
    if (!this._returnExceptions) {
      if (child.cancelled()) {
        this.setException(child._makeCancelledError());
        return;
      }
      if (child._failed) {
        this._setFailure(child.exception());
        return;
      }
    }
    if (this._left > 0) return;
    const results = this._children.map(outcome);
    if (this._cancelRequested) {
      // The last in the list, whichever ended last: so CPython words the error.
      this.setException(this._children.at(-1)!._makeCancelledError());
    } else this.setResult(results as T);
  }
}

/** A child's outcome as a value. */
function outcome(child: Future<unknown>): unknown {
  if (child.cancelled()) return new CancelledError(child._cancelMessage ?? "");
  child._seen();
  // Not by exception(): anything can be thrown, null too.
  return child._value;
}

/**
 * Hears of one child: a queue entry of its own, since a closure and a handle per
 * child would cost more than the child's own bookkeeping.
 */
class ChildWaiter implements Waiter, Runnable {
  readonly #child: Future<unknown>;
  /** Null while the outer future is being made. */
  outer: GatheringFuture<unknown> | null = null;

  constructor(child: Future<unknown>) {
    this.#child = child;
  }

  _futureDone(): void {
    this.#child._loop._push(this);
  }

  _run(): void {
    state.sync = true;
    try {
      // There is no outer future when gather() refused a later argument.
      if (this.outer === null) this.#child._seen();
      else this.outer._childDone(this.#child);
    } finally {
      state.sync = false;
    }
  }

  toString(): string {
    return "gather()";
  }
}

/** Options of {@linkcode gather}. */
export interface GatherOptions {
  /** Whether errors stand among the results, in place of ending the whole. */
  returnExceptions?: boolean | undefined;
  /**
   * At most so many of the coroutines run at once, in the order given; null for no
   * limit. An addition to asyncio. What runs already, futures and promises, is not
   * counted.
   */
  limit?: number | null | undefined;
}

/**
 * Runs awaitables at once and collects their results, in the order given.
 *
 * The first error becomes the error of the whole, and the others go on; with
 * `returnExceptions` errors count as results. Cancelling the returned future cancels
 * all that have not ended.
 *
 * @param aws The awaitables; the same one twice runs once.
 * @param options See {@linkcode GatherOptions}.
 * @returns A future of the results, as a tuple.
 * @throws RangeError When the limit is no whole number of at least 1.
 *
 * @example
 * ```ts
 * import { gather, run, sleep } from "@x/asyncio";
 *
 * await run(async () => {
 *   const [n, s] = await gather([sleep(0.01, 1), sleep(0.01, "two")]);
 *   console.log(n + 1, s.toUpperCase());
 * });
 * ```
 */
export function gather<const A extends readonly Awaitable<unknown>[]>(
  aws: A,
  options: GatherOptions & { returnExceptions: true },
): Future<GatherOutcomes<A>>;
/** Runs awaitables at once; the first error becomes the error of the whole. */
export function gather<const A extends readonly Awaitable<unknown>[]>(
  aws: A,
  options?: GatherOptions & { returnExceptions?: false | undefined },
): Future<GatherResults<A>>;
/** Runs awaitables at once; whether errors stand among the results is open. */
export function gather<const A extends readonly Awaitable<unknown>[]>(
  aws: A,
  options?: GatherOptions,
): Future<GatherOutcomes<A>>;
export function gather(
  aws: readonly Awaitable<unknown>[],
  options?: GatherOptions,
): Future<unknown> {
  if (!Array.isArray(aws)) {
    throw new TypeError(
      "Cannot gather: an array of awaitables is expected, as in " +
        `gather([a(), b()]), got ${typeof aws}`,
    );
  }
  const slots = slotsOf(options?.limit, "gather");
  if (aws.length === 0) {
    const empty = getEventLoop().createFuture<unknown>();
    empty.setResult([]);
    return empty;
  }
  const parent = state.loop === null ? null : currentTask();
  const known = new Map<unknown, Future<unknown>>();
  const children: Future<unknown>[] = [];
  const ended: Future<unknown>[] = [];
  const waiters: ChildWaiter[] = [];
  let loop: AbstractEventLoop | undefined;
  for (const aw of aws) {
    let child = known.get(aw);
    if (child === undefined) {
      child = ensureLimited(aw, loop, slots);
      loop ??= child._loop;
      known.set(aw, child);
      if (child.done()) ended.push(child);
      else {
        const waiter = new ChildWaiter(child);
        waiters.push(waiter);
        child._addWaiter(waiter);
      }
    }
    children.push(child);
  }
  const outer = new GatheringFuture<unknown>(
    loop!,
    children,
    known.size,
    options?.returnExceptions ?? false,
    parent,
  );
  for (const waiter of waiters) waiter.outer = outer;
  // Heard of only now, when there is somebody to tell.
  for (const child of ended) outer._childDone(child);
  return outer;
}
