/** How many timers the runtime has pending: what a virtual test should not have. */

import { host } from "./host.ts";

interface Resources {
  getActiveResourcesInfo?(): readonly string[];
}

/**
 * Counts the timers of the runtime that have not fired.
 *
 * @returns How many there are, or null on a runtime that does not tell. Bun has the
 * function, which returns nothing but an empty list.
 */
export function countTimers(): number | null {
  if (host.Bun !== undefined) return null;
  const info = (host.process as Resources | undefined)
    ?.getActiveResourcesInfo?.();
  if (info === undefined) return null;
  let count = 0;
  for (const name of info) if (name === "Timeout") count++;
  return count;
}
