/**
 * Whose Ctrl-C is: the runner's, until the program adds a handler for SIGINT to the
 * loop; and once it has taken that back, nobody's, so that it ends the run.
 */

import type { InterruptWatch, Signals } from "../_platform/signals.ts";
import type { AbstractEventLoop } from "../events.ts";
import { KeyboardInterrupt } from "../exceptions.ts";

/** The runs that are under way. */
const runs = new WeakMap<AbstractEventLoop, RunInterrupts>();

/** What Ctrl-C does during one run. */
export class RunInterrupts implements InterruptWatch {
  readonly #loop: AbstractEventLoop;
  readonly #signals: Signals;
  #watch: InterruptWatch | null;

  /**
   * Watches Ctrl-C until a handler of the loop does, or it is disposed of.
   *
   * @param loop The loop.
   * @param signals Where signals come from.
   * @param handler What the runner does at each.
   */
  constructor(loop: AbstractEventLoop, signals: Signals, handler: () => void) {
    this.#loop = loop;
    this.#signals = signals;
    this.#watch = signals.watchInterrupts(handler);
    runs.set(loop, this);
  }

  /** A handler of the loop is there: the watch ends. */
  leave(): void {
    this.#watch?.dispose();
    this.#watch = null;
  }

  /** The handler is gone: Ctrl-C ends the run, as it ends a Python program. */
  comeBack(): void {
    this.#watch ??= this.#signals.watchInterrupts(() =>
      this.#loop._fatal(new KeyboardInterrupt())
    );
  }

  /** The run is over. */
  dispose(): void {
    runs.delete(this.#loop);
    this.leave();
  }
}

/** What Ctrl-C does during the run of a loop, if a runner runs it. */
export function interruptsOf(
  loop: AbstractEventLoop,
): RunInterrupts | undefined {
  return runs.get(loop);
}
