/**
 * The barrier.
 */

import { Condition } from "./condition.ts";
import { type Coro, Coroutine, markCoroutineFunctions } from "../coroutines.ts";
import { BrokenBarrierError } from "../exceptions.ts";
import { Block } from "./held.ts";
import { _LoopBoundMixin } from "../mixins.ts";
import type { CoroIterator, Yieldable } from "../_kernel/step.ts";
import type { Body } from "../timeouts.ts";

/**
 * What a barrier is doing: waiting for tasks to come, letting them go, throwing them
 * out, or nothing any more.
 */
export type BarrierState = "filling" | "draining" | "resetting" | "broken";

/** How a {@linkcode Barrier} stands. */
export interface BarrierStatistics {
  /** How many tasks it waits for. */
  readonly parties: number;
  /** How many have come. */
  readonly tasksWaiting: number;
  /** What it is doing. */
  readonly state: BarrierState;
}

/**
 * Makes tasks wait for each other: nobody goes on before a given number has come.
 * Then it begins anew.
 *
 * @example Nobody begins before all are ready
 * ```ts
 * import { Barrier, gather, run, sleep } from "@x/asyncio";
 *
 * const barrier = new Barrier(2);
 * const player = (name: string, delay: number) => async () => {
 *   await sleep(delay);
 *   const place = await barrier.wait();
 *   console.log(`${name} came as number ${place}`);
 * };
 * await run(async () => {
 *   await gather([player("ann", 0.02), player("bob", 0.01)]);
 * });
 * ```
 */
export class Barrier extends _LoopBoundMixin {
  readonly #parties: number;
  /**
   * Every change of state is told through it, which gives CPython's order.
   *
   * @internal
   */
  readonly _condition: Condition = new Condition();
  /** @internal */
  _state: BarrierState = "filling";
  /**
   * How many are inside, those included that are being let go or thrown out.
   *
   * @internal
   */
  _count = 0;

  /**
   * Makes a barrier.
   *
   * @param parties How many tasks it waits for.
   * @throws RangeError When that is less than 1.
   */
  constructor(parties: number) {
    super();
    if (parties < 1) throw new RangeError("parties must be >= 1");
    if (!Number.isInteger(parties)) {
      throw new TypeError(
        `Cannot make a barrier: an integer is needed, got ${
          typeof parties === "number" ? parties : typeof parties
        }`,
      );
    }
    this.#parties = parties;
    // It is the barrier that they are seen to wait for.
    this._condition._waiters.owner = this;
  }

  /** How many tasks it waits for. */
  get parties(): number {
    return this.#parties;
  }

  /** How many tasks have come and wait for the others. */
  get nWaiting(): number {
    return this._state === "filling" ? this._count : 0;
  }

  /** Whether it was aborted. */
  get broken(): boolean {
    return this._state === "broken";
  }

  /**
   * Waits until all have come. Those who come while others are let go wait for the
   * next round.
   *
   * @returns The place in which it came, from 0.
   * @throws BrokenBarrierError When the barrier is aborted or reset meanwhile, or was
   * aborted before.
   */
  wait(): Coroutine<number> {
    return new Coroutine<number>(wait as never, [this]);
  }

  /**
   * Throws out all who wait, with a BrokenBarrierError, and begins anew.
   */
  reset(): Coroutine<void> {
    return new Coroutine<void>(reset as never, [this]);
  }

  /**
   * Throws out all who wait and refuses all who come, with a BrokenBarrierError,
   * until it is reset.
   */
  abort(): Coroutine<void> {
    return new Coroutine<void>(abort as never, [this]);
  }

  /**
   * Waits until all have come, and runs a function.
   *
   * @param body An async function, a generator function or a plain one; it is given
   * the place in which the task came.
   * @returns What the body returned.
   * @throws BrokenBarrierError As {@linkcode Barrier.wait} does.
   * @throws TypeError When it is given no function.
   */
  with<R>(
    body: (place: number) => Generator<Yieldable, R, unknown>,
  ): Coroutine<R>;
  /** Waits until all have come, and runs an async or plain function. */
  with<R>(body: (place: number) => PromiseLike<R> | R): Coroutine<R>;
  with<R>(body: Body<[number], R>): Coroutine<R> {
    return new Block<number, R>(this, body);
  }

  /** How it stands: how many have come, of how many. */
  statistics(): BarrierStatistics {
    return Object.freeze({
      parties: this.#parties,
      tasksWaiting: this.nWaiting,
      state: this._state,
    });
  }

  /** @internal */
  _enter(): CoroIterator<number> {
    return this.wait()[Symbol.iterator]() as unknown as CoroIterator<number>;
  }

  /** @internal */
  _leave(): void {}

  /** Shows its state and how many wait. */
  override toString(): string {
    const waiting = this.broken
      ? ""
      : `, waiters:${this.nWaiting}/${this.#parties}`;
    return `<${this.constructor.name} [${this._state}${waiting}]>`;
  }
}

function* wait(barrier: Barrier): Coro<number> {
  const condition = barrier._condition;
  yield* condition.acquire();
  try {
    yield* condition.waitFor(() => {
      const state = barrier._state;
      return state !== "draining" && state !== "resetting";
    });
    if (barrier.broken) throw new BrokenBarrierError("Barrier aborted");
    const place = barrier._count++;
    try {
      if (barrier._count === barrier.parties) {
        barrier._state = "draining";
        condition.notifyAll();
      } else yield* waitForOthers(barrier);
      return place;
    } finally {
      if (--barrier._count === 0) lastLeft(barrier);
    }
  } finally {
    condition.release();
  }
}

function* waitForOthers(barrier: Barrier): Coro<void> {
  yield* barrier._condition.waitFor(() => barrier._state !== "filling");
  const state = barrier._state;
  if (state === "broken" || state === "resetting") {
    throw new BrokenBarrierError("Abort or reset of barrier");
  }
}

/** The next round may begin. */
function lastLeft(barrier: Barrier): void {
  if (!barrier.broken) barrier._state = "filling";
  barrier._condition.notifyAll();
}

function* reset(barrier: Barrier): Coro<void> {
  const condition = barrier._condition;
  yield* condition.acquire();
  barrier._state = barrier._count > 0 ? "resetting" : "filling";
  condition.notifyAll();
  condition.release();
}

function* abort(barrier: Barrier): Coro<void> {
  const condition = barrier._condition;
  yield* condition.acquire();
  barrier._state = "broken";
  condition.notifyAll();
  condition.release();
}

markCoroutineFunctions(
  Barrier.prototype.wait,
  Barrier.prototype.reset,
  Barrier.prototype.abort,
);
