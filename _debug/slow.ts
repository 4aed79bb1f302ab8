/** Debug mode: callbacks and steps that take long. */

import type { AbstractEventLoop, Runnable } from "../events.ts";
import { logger } from "../log.ts";
import { AwaitPoint } from "../_kernel/step.ts";
import { origins } from "./origins.ts";
import { placeOf } from "./stack.ts";
import { hooked } from "./switches.ts";

/** So many handles of a time slice are timed one by one. */
const FEW = 64;
/**
 * After that, so many together. A slice lasts for milliseconds: what has run more
 * often in it is much shorter than a look at the clock, which would be most of what
 * debug mode costs. Where one of these is slow after all, all are named.
 */
const TOGETHER = 4;

/** Said of a step whose end is not known. */
const UNTIL_NOW = ", to the runtime's next turn,";

/** What is asked of the loop. */
interface TimedLoop extends AbstractEventLoop {
  slowCallbackDuration: number;
}

function textOf(what: Runnable): string {
  return `${what instanceof AwaitPoint ? what._owner : what}`;
}

/** Times what a loop runs. */
export class SlowWatch {
  readonly #loop: TimedLoop;
  readonly #now: () => number;
  /** What opened the step that is open, and when. */
  #step: Runnable | null = null;
  #since = 0;
  /** When the clock was last looked at, or -1 if that is no longer now. */
  #lastLook = -1;
  /** What has run since, and was not timed by itself. */
  #untimed: Runnable[] = [];
  /** How many have run in this time slice. */
  #count = 0;

  /**
   * @param loop The loop.
   * @param now Its clock.
   */
  constructor(loop: TimedLoop, now: () => number) {
    this.#loop = loop;
    this.#now = now;
  }

  /** Something is about to run: the time. */
  begin(): number {
    return this.#lastLook >= 0 ? this.#lastLook : this.#now();
  }

  /** It has run; with `open`, the async code that it resumed is yet to run. */
  ran(what: Runnable, began: number, open: boolean): void {
    if (open) {
      this.#step = what;
      this.#since = began;
    } else if (
      ++this.#count > FEW && this.#untimed.length < TOGETHER - 1 && !hooked
    ) {
      this.#untimed.push(what);
      this.#lastLook = began;
    } else this.#look(what, began, "");
  }

  /** The open step has ended. */
  ended(): void {
    this.#endStep("");
  }

  /** The open step waits for something foreign; since when, nobody knows. */
  gaveUp(): void {
    this.#endStep(UNTIL_NOW);
  }

  /** What runs next does not follow at once. */
  pause(): void {
    const last = this.#untimed.pop();
    if (last !== undefined) this.#look(last, this.#lastLook, "");
    this.#lastLook = -1;
  }

  /** A time slice begins. */
  newSlice(): void {
    this.pause();
    this.#count = 0;
  }

  /** The run is over. */
  stop(): void {
    this.pause();
    this.#step = null;
  }

  #endStep(how: string): void {
    const what = this.#step;
    if (what === null) return;
    this.#step = null;
    this.#look(what, this.#since, how);
  }

  #look(what: Runnable, since: number, how: string): void {
    const now = this.#now();
    const others = this.#untimed;
    this.#lastLook = now;
    origins.refill(now);
    const took = now - since;
    if (took >= this.#loop.slowCallbackDuration) {
      const text = others.length > 0
        ? `one of ${[...others, what].map(textOf).join(", ")}`
        : `${textOf(what)}${placeOf(what)}`;
      logger.warning(`Executing ${text}${how} took ${took.toFixed(3)} seconds`);
      this.#lastLook = -1;
    }
    if (others.length > 0) others.length = 0;
  }
}
