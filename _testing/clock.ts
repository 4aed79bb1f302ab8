/** The clock of a virtual test: it moves when everything else has come to rest. */

import { platform as real } from "../_platform/mod.ts";
import type { Clock, HostTimer } from "../_platform/types.ts";

interface Alarm {
  readonly ring: () => void;
}

/** A clock that a test's session moves on. */
export class VirtualClock implements Clock {
  /** Steps are exact: what is due at the same number is due at the same time. */
  readonly resolution: number = 1e-9;
  #time: number;
  #alarm: Alarm | null = null;

  constructor(start: number) {
    this.#time = start;
  }

  now(): number {
    return this.#time;
  }

  immediate(fn: () => void): void {
    real.clock.immediate(fn);
  }

  startTimer(_delay: number, fn: () => void): HostTimer {
    this.#alarm = { ring: fn };
    return this.#alarm;
  }

  clearTimer(timer: HostTimer): void {
    if (timer === this.#alarm) this.#alarm = null;
  }

  keepAlive(): () => void {
    return real.clock.keepAlive();
  }

  /**
   * Moves on to a time.
   *
   * @throws RangeError When that is past, or never.
   * @throws TypeError When that is no number.
   */
  moveTo(when: number): void {
    if (typeof when !== "number" || Number.isNaN(when)) {
      throw new TypeError(`Cannot move the clock to ${when}: it is no number`);
    }
    if (when === Infinity) {
      throw new RangeError("Cannot move the clock to the end of all time");
    }
    if (when < this.#time) {
      throw new RangeError(
        `Cannot move the clock backwards: it shows ${this.#time} s and was ` +
          `asked for ${when} s; loops and timeouts rely on that it never does`,
      );
    }
    this.#time = when;
    const alarm = this.#alarm;
    this.#alarm = null;
    alarm?.ring();
  }
}
