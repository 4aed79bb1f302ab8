/** How many timers the runtime has pending: what a virtual test should not have. */

import { builtin, host } from "./host.ts";
import { platform } from "./mod.ts";

/** `process` of Node and Deno, as far as it tells of timers. */
interface Resources {
  getActiveResourcesInfo?(): readonly string[];
}

/** `bun:jsc`, as far as it tells of timers: one that is pending is protected. */
interface Jsc {
  getProtectedObjects?(): readonly unknown[];
}

/** What Bun's `setTimeout` returns. */
interface Timeout {
  hasRef(): boolean;
}

/** A timer that does not fire while it is looked at, in milliseconds. */
const FAR = 0x7fffffff;

// Taken once: a test that installs fake timers later must not be asked.
const { setTimeout, clearTimeout } = globalThis;

function ofBun(): (() => number) | null {
  const { getProtectedObjects } = builtin<Jsc>("bun:jsc") ?? {};
  if (typeof getProtectedObjects !== "function") return null;
  const sample: object = Object(setTimeout(() => {}, FAR));
  const seen = getProtectedObjects().includes(sample);
  clearTimeout(sample as unknown as number);
  if (!seen || getProtectedObjects().includes(sample)) return null;
  const { constructor } = sample;
  return () => {
    let count = 0;
    for (const item of getProtectedObjects()) {
      if (item instanceof constructor && (item as Timeout).hasRef()) count++;
    }
    return count;
  };
}

function ofNode(): (() => number) | null {
  const resources = host.process as Resources | undefined;
  if (typeof resources?.getActiveResourcesInfo !== "function") return null;
  const pending = () => {
    let count = 0;
    for (const name of resources.getActiveResourcesInfo!()) {
      if (name === "Timeout") count++;
    }
    return count;
  };
  // Bun has the function, which returns nothing but an empty list.
  const before = pending();
  const sample = setTimeout(() => {}, FAR);
  const seen = pending() > before;
  clearTimeout(sample);
  return seen ? pending : null;
}

/** Undefined until the runtime was asked what it can tell. */
let counter: (() => number) | null | undefined;

/**
 * Counts the timers of the runtime that have not fired and that keep the process
 * alive.
 *
 * @returns How many there are, or null on a runtime that does not tell.
 */
export function countTimers(): number | null {
  if (counter === undefined) counter = ofNode() ?? ofBun();
  return counter === null ? null : counter();
}

let counted: boolean | undefined;

/** Whether the timers of the platform's clock are among those that are counted. */
export function countsClock(): boolean {
  if (counted === undefined) {
    const { clock } = platform;
    const before = countTimers() ?? 0;
    const sample = clock.startTimer(FAR / 1000, () => {});
    counted = (countTimers() ?? 0) > before;
    clock.clearTimer(sample);
  }
  return counted;
}
