/**
 * The clock capability over Deno's own timers.
 *
 * The first look at a global of Deno's timers loads modules of Node's kind, which takes
 * 4 ms: more than a short program does. What those timers are made of is there from the
 * start, but no public API; so it serves where a try shows that its timers are what they
 * are known to be, and the globals serve elsewhere.
 */

import { MAX_DELAY_MS, messageChannelImmediate } from "./clock.ts";
import { held, host } from "./host.ts";
import { once } from "./once.ts";
import type { Clock, HostTimer } from "./types.ts";

/** A timer of Deno's core. */
interface CoreTimer {
  readonly _onTimeout: unknown;
  readonly _idleTimeout: number;
  readonly _destroyed: boolean;
}

/** The part of Deno's core that makes timers; not a public API. */
interface TimerCore {
  createTimer(
    fn: () => void,
    ms: number,
    args: readonly unknown[] | undefined,
    repeats: boolean,
    holds: boolean,
    isSystem: boolean,
  ): CoreTimer;
  cancelTimer(timer: CoreTimer): void;
}

/** Timers, in milliseconds. */
export interface DenoTimers {
  /** Calls `fn` once; the process does not end before. */
  start(fn: () => void, ms: number): HostTimer;
  /** Forgets one that may have fired. */
  stop(timer: HostTimer): void;
  /**
   * Calls `fn` in a macrotask, which no test of Deno's takes for a leak, and which
   * only holds the process where it is asked to.
   */
  soon(fn: () => void, holds: boolean): void;
}

/** What every runtime has in one form or another. */
function heldImmediate(): () => (fn: () => void) => unknown {
  return "setImmediate" in globalThis
    ? held("setImmediate")
    : once(messageChannelImmediate);
}

/** The timers that are public. */
function publicTimers(): DenoTimers {
  const setTimeout = held("setTimeout");
  const clearTimeout = held("clearTimeout");
  const setImmediate = heldImmediate();
  return {
    start: (fn, ms) => setTimeout()(fn, ms),
    stop: (timer) => clearTimeout()(timer as number),
    soon: (fn) => void setImmediate()(fn),
  };
}

/** Finds the timers of Deno's core and tries them; anything unexpected means none. */
function coreTimers(deno: unknown): DenoTimers | undefined {
  try {
    const { internal } = deno as { internal?: symbol };
    if (internal === undefined) return undefined;
    const { core } = (deno as Record<symbol, { core: TimerCore }>)[internal]!;
    const start: DenoTimers["start"] = (fn, ms) =>
      core.createTimer(fn, ms, undefined, false, true, false);
    const nothing = () => {};
    const timer = start(nothing, MAX_DELAY_MS) as CoreTimer;
    const armed = timer._onTimeout === nothing && !timer._destroyed &&
      timer._idleTimeout === MAX_DELAY_MS;
    core.cancelTimer(timer);
    if (!armed || !timer._destroyed) return undefined;
    return {
      start,
      stop: (timer) => core.cancelTimer(timer as CoreTimer),
      soon: (fn, holds) =>
        void core.createTimer(fn, 0, undefined, false, holds, true),
    };
  } catch {
    return undefined;
  }
}

/** The timers of a Deno: its core's, if they are what they are known to be. */
export function denoTimers(deno: unknown): DenoTimers {
  return coreTimers(deno) ?? publicTimers();
}

let own: DenoTimers | undefined;

/** The timers of this Deno. */
export function ownTimers(): DenoTimers {
  return own ??= denoTimers(host.Deno);
}

/** The clock over some timers. */
export function denoClock(timers: DenoTimers): Clock {
  // As they stand now: a test that installs fake timers later must not stop the loop.
  const { performance } = globalThis;
  const setImmediate = heldImmediate();
  let holders = 0;
  // The first macrotask is a timer's: a program that ends before it comes, as a short
  // one may, never loads setImmediate.
  let began = false;
  return {
    resolution: 1e-6,
    now: () => performance.now() / 1000,
    immediate(fn) {
      if (began) setImmediate()(fn);
      else {
        const first = () => {
          began = true;
          fn();
        };
        // Where something else holds the process, its end must not wait for this.
        timers.soon(first, holders === 0);
      }
    },
    startTimer(delay, fn) {
      const ms = Math.ceil(delay * 1000);
      return timers.start(fn, Math.min(Math.max(ms, 0), MAX_DELAY_MS));
    },
    clearTimer: (timer) => timers.stop(timer),
    keepAlive() {
      holders++;
      let timer: HostTimer = null;
      const hold = () => timer = timers.start(hold, MAX_DELAY_MS);
      hold();
      return () => {
        if (timer === null) return;
        holders--;
        timers.stop(timer);
        timer = null;
      };
    },
  };
}
