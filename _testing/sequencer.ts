/** Order among tasks, by numbers. */

import { type Coro, Coroutine } from "../coroutines.ts";
import { RuntimeError } from "../exceptions.ts";
import type { Future } from "../futures.ts";
import { getRunningLoop } from "../events.ts";
import { inline } from "../_tasks/inline.ts";
import type { Body } from "../timeouts.ts";
import type { Yieldable } from "../_kernel/step.ts";

/**
 * Has blocks of several tasks run in the order of their numbers: block n begins when
 * block n - 1 has ended, whoever comes first.
 *
 * When a block fails, or who waits for its turn is cancelled, the sequence is broken:
 * all who wait, and all who come later, get a RuntimeError.
 *
 * @example
 * ```ts
 * import { gather } from "@x/asyncio";
 * import { runTest, Sequencer } from "@x/asyncio/testing";
 *
 * await runTest(async () => {
 *   const order = new Sequencer();
 *   const seen: string[] = [];
 *   await gather([
 *     () => order.with(1, () => void seen.push("second")),
 *     () => order.with(0, () => void seen.push("first")),
 *   ]);
 *   console.log(seen); // ["first", "second"]
 * });
 * ```
 */
export class Sequencer {
  readonly #waiting: Map<number, Future<void>> = new Map();
  readonly #claimed: Set<number> = new Set();
  #next: number = 0;
  #broken: boolean = false;

  /** The number whose turn it is. */
  get position(): number {
    return this.#next;
  }

  /**
   * Runs a function when its turn has come.
   *
   * @param position Its number, from 0; each is used once.
   * @param body An async function, a generator function or a plain one.
   * @returns What the body returned.
   * @throws RangeError When the number is none.
   * @throws RuntimeError When the number was used, or the sequence is broken.
   */
  with<R>(
    position: number,
    body: () => Generator<Yieldable, R, unknown>,
  ): Coroutine<R>;
  /** Runs an async or plain function when its turn has come. */
  with<R>(position: number, body: () => PromiseLike<R> | R): Coroutine<R>;
  with<R>(position: number, body: Body<[], R>): Coroutine<R> {
    if (!Number.isSafeInteger(position) || position < 0) {
      throw new RangeError(
        `Cannot take position ${position}: a whole number from 0 is needed`,
      );
    }
    return new Coroutine<R>(this.#run.bind(this) as never, [position, body]);
  }

  *#run<R>(position: number, body: Body<[], R>): Coro<R> {
    if (this.#claimed.has(position)) {
      throw new RuntimeError(
        `Cannot take position ${position} of the sequence: it was taken before`,
      );
    }
    this.#claimed.add(position);
    this.#check();
    if (position !== this.#next) {
      const turn = getRunningLoop().createFuture<void>();
      this.#waiting.set(position, turn);
      try {
        yield* turn;
      } catch (error) {
        this.#break();
        throw error;
      } finally {
        this.#waiting.delete(position);
      }
      this.#check();
    }
    let result: R;
    try {
      result = yield* inline(body, []);
    } catch (error) {
      this.#break();
      throw error;
    }
    this.#next++;
    this.#wake(this.#next);
    return result;
  }

  #check(): void {
    if (this.#broken) {
      throw new RuntimeError(
        "The sequence is broken: one of its blocks failed or was cancelled",
      );
    }
  }

  #wake(position: number): void {
    const turn = this.#waiting.get(position);
    if (turn !== undefined && !turn.done()) turn.setResult(undefined);
  }

  #break(): void {
    this.#broken = true;
    for (const position of [...this.#waiting.keys()]) this.#wake(position);
  }

  /** Shows whose turn it is. */
  toString(): string {
    const state = this.#broken ? "broken" : `position=${this.#next}`;
    return `<Sequencer ${state} waiting=${this.#waiting.size}>`;
  }
}
