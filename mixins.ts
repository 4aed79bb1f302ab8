/**
 * What the loop's primitives have in common.
 *
 * @example A primitive that belongs to a loop
 * ```ts
 * import { _LoopBoundMixin, run } from "@x/asyncio";
 *
 * class Clock extends _LoopBoundMixin {
 *   now(): number {
 *     return this._getLoop().time();
 *   }
 * }
 * console.log(await run(async () => new Clock().now() > 0));
 * ```
 *
 * @module
 */

import { type AbstractEventLoop, getRunningLoop } from "./events.ts";
import { RuntimeError } from "./exceptions.ts";

/**
 * Binds an object to the loop in which somebody first has to wait for it: not to
 * the one in which it was made, so that primitives can be made before any loop runs.
 *
 * @example A primitive of one's own
 * ```ts
 * import { _LoopBoundMixin, type Future, run } from "@x/asyncio";
 *
 * class Signal extends _LoopBoundMixin {
 *   #future: Future<string> | null = null;
 *
 *   wait(): Future<string> {
 *     return this.#future ??= this._getLoop().createFuture<string>();
 *   }
 *
 *   send(what: string) {
 *     this.#future?.setResult(what);
 *     this.#future = null;
 *   }
 * }
 *
 * const signal = new Signal();
 * await run(async () => {
 *   setTimeout(() => signal.send("go"), 10);
 *   console.log(await signal.wait());
 * });
 * ```
 */
export class _LoopBoundMixin {
  /** The loop that it is bound to, or null as long as nobody had to wait. */
  _loop: AbstractEventLoop | null = null;

  /**
   * The running loop, to which the object is bound from now on.
   *
   * @returns The loop.
   * @throws RuntimeError When it is bound to another loop, or none is running.
   */
  _getLoop(): AbstractEventLoop {
    const loop = getRunningLoop();
    this._loop ??= loop;
    if (loop !== this._loop) {
      throw new RuntimeError(`${this} is bound to a different event loop`);
    }
    return loop;
  }
}
