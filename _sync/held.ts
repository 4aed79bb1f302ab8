/**
 * Holding a primitive for the length of a block: `with(body)` and guards.
 */

import { Coroutine } from "../coroutines.ts";
import { _LoopBoundMixin } from "../mixins.ts";
import {
  type CoroIterator,
  InlineCall,
  NONE,
  type Yieldable,
} from "../_kernel/step.ts";
import type { Body } from "../timeouts.ts";

const GeneratorFunction = (function* () {}).constructor;
const NO_ARGS: readonly unknown[] = [];

/** Shown as the name of the coroutine of a block. */
function withBody(): void {}
/** Shown as the name of the coroutine that gives a guard. */
function guard(): void {}

/** What a block enters and leaves. */
export interface Entered<V> {
  /** The iterator of a coroutine that has to end before the body begins. */
  _enter(): CoroIterator<V>;
  /** Called when the body has ended, however it did. */
  _leave(): void;
}

/**
 * Runs a body between entering and leaving something. Its own iterator: the
 * generator that says the same takes twice as long.
 */
export class Block<V, R> extends Coroutine<R> implements CoroIterator<R> {
  readonly #entered: Entered<V>;
  readonly #body: Body<[V], R>;
  #entering: CoroIterator<V> | null = null;
  #inner: CoroIterator<R> | null = null;

  constructor(entered: Entered<V>, body: Body<[V], R>) {
    if (typeof body !== "function") {
      throw new TypeError(
        `Cannot enter ${entered}: with() needs a function as its body, got ` +
          `${typeof body}; write with(async () => { ... })`,
      );
    }
    super(withBody, NO_ARGS);
    this.#entered = entered;
    this.#body = body;
  }

  override _start(): CoroIterator<R> {
    return this;
  }

  next(): IteratorResult<unknown, R> {
    if (this.#inner !== null) return this.#run(NONE);
    this.#entering ??= this.#entered._enter();
    return this.#begin(this.#entering.next());
  }

  throw(error: unknown): IteratorResult<unknown, R> {
    if (this.#inner !== null) return this.#run(error);
    if (this.#entering === null) throw error;
    return this.#begin(this.#entering.throw(error));
  }

  return(value?: unknown): IteratorResult<unknown, R> {
    if (this.#inner === null) this.#entering?.return?.(value);
    else {
      try {
        this.#inner.return?.(value);
      } finally {
        this.#entered._leave();
      }
    }
    return { done: true, value: value as R };
  }

  /** Calls the body if what had to come before it has ended. */
  #begin(entering: IteratorResult<unknown, V>): IteratorResult<unknown, R> {
    if (entering.done !== true) return entering;
    const body = this.#body;
    // A generator's body is driven as it is: InlineCall would enter the context
    // store for it, which only async functions need.
    this.#inner = body.constructor === GeneratorFunction
      ? body(entering.value) as CoroIterator<R>
      : new InlineCall<R>(body as never, [entering.value], false);
    return this.#run(NONE);
  }

  #run(error: unknown): IteratorResult<unknown, R> {
    const inner = this.#inner!;
    let result: IteratorResult<unknown, R>;
    try {
      result = error === NONE ? inner.next() : inner.throw(error);
    } catch (failure) {
      this.#leaveAfter(failure);
      throw failure;
    }
    if (result.done === true) this.#entered._leave();
    return result;
  }

  /** An error of leaving, such as a lock released already, comes first. */
  #leaveAfter(failure: unknown): void {
    try {
      this.#entered._leave();
    } catch (error) {
      if (error instanceof Error) error.cause ??= failure;
      throw error;
    }
  }
}

/** What can be acquired and released. */
interface Releasable {
  release(): void;
}

/**
 * Something that is held, and is released when the guard is disposed of: made by the
 * `guard()` of a lock, a semaphore, a condition or a capacity limiter.
 *
 * @example Held until the end of the block
 * ```ts
 * import { Lock, run } from "@x/asyncio";
 *
 * const lock = new Lock();
 * await run(async () => {
 *   {
 *     using _ = await lock.guard();
 *     console.log(lock.locked()); // true
 *   }
 *   console.log(lock.locked()); // false
 * });
 * ```
 */
export class HeldGuard implements Disposable {
  #held: Releasable | null;

  /**
   * Made by `guard()`.
   *
   * @param held What is released.
   */
  constructor(held: { release(): void }) {
    this.#held = held;
  }

  /** Releases what is held, now; later calls do nothing, nor does disposal. */
  release(): void {
    const held = this.#held;
    this.#held = null;
    held?.release();
  }

  /** Releases what is held, unless that was done. */
  [Symbol.dispose](): void {
    this.release();
  }

  /** Shows whether it holds something. */
  toString(): string {
    return `<HeldGuard [${this.#held === null ? "released" : "held"}]>`;
  }
}

/** What can be guarded. */
interface Guarded extends Entered<unknown> {
  /** What a guard for the current task releases. */
  _held(): Releasable;
}

/** Acquires something and gives a guard for it. */
export class Guarding extends Coroutine<HeldGuard>
  implements CoroIterator<HeldGuard> {
  readonly #guarded: Guarded;
  #entering: CoroIterator<unknown> | null = null;

  constructor(guarded: Guarded) {
    super(guard, NO_ARGS);
    this.#guarded = guarded;
  }

  override _start(): CoroIterator<HeldGuard> {
    return this;
  }

  next(): IteratorResult<unknown, HeldGuard> {
    this.#entering ??= this.#guarded._enter();
    return this.#give(this.#entering.next());
  }

  throw(error: unknown): IteratorResult<unknown, HeldGuard> {
    if (this.#entering === null) throw error;
    return this.#give(this.#entering.throw(error));
  }

  return(value?: unknown): IteratorResult<unknown, HeldGuard> {
    this.#entering?.return?.(value);
    return { done: true, value: value as HeldGuard };
  }

  #give(
    entering: IteratorResult<unknown, unknown>,
  ): IteratorResult<unknown, HeldGuard> {
    return entering.done === true
      ? { done: true, value: new HeldGuard(this.#guarded._held()) }
      : entering;
  }
}

/** What is acquired, held for a while, and released. */
export abstract class _ContextManagerMixin extends _LoopBoundMixin {
  /** Waits until it can be held, and holds it. */
  abstract acquire(): Coroutine<true>;
  /** Holds it no longer. */
  abstract release(): void;

  /**
   * Runs a function while it is held, and releases it however the function ends.
   *
   * @param body An async function, a generator function or a plain one.
   * @returns What the body returned.
   * @throws TypeError When it is given no function.
   *
   * @example
   * ```ts
   * import { gather, Lock, run, sleep } from "@x/asyncio";
   *
   * const lock = new Lock();
   * const transfer = (what: string) => async () => {
   *   await lock.with(async () => {
   *     console.log(`${what} begins`);
   *     await sleep(0.01);
   *     console.log(`${what} ends`);
   *   });
   * };
   * await run(async () => {
   *   await gather([transfer("first"), transfer("second")]);
   * });
   * ```
   */
  with<R>(body: () => Generator<Yieldable, R, unknown>): Coroutine<R>;
  /** Runs an async or plain function while it is held. */
  with<R>(body: () => PromiseLike<R> | R): Coroutine<R>;
  with<R>(body: Body<[], R>): Coroutine<R> {
    return new Block<true, R>(this, body);
  }

  /**
   * Acquires it and gives a guard that releases it, exactly once, when it is
   * disposed of: `using _ = await lock.guard()`.
   *
   * @returns The guard.
   *
   * @example Released early
   * ```ts
   * import { run, Semaphore } from "@x/asyncio";
   *
   * const seats = new Semaphore(2);
   * await run(async () => {
   *   using seat = await seats.guard();
   *   console.log("seated");
   *   seat.release(); // the end of the block does nothing more
   * });
   * ```
   */
  guard(): Coroutine<HeldGuard> {
    return new Guarding(this);
  }

  /**
   * What a guard for the current task releases.
   *
   * @internal
   */
  _held(): { release(): void } {
    return this;
  }

  /** @internal */
  _enter(): CoroIterator<true> {
    return this.acquire()[Symbol.iterator]() as unknown as CoroIterator<true>;
  }

  /** @internal */
  _leave(): void {
    this.release();
  }
}
