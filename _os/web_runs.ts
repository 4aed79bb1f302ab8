/** Runs in a browser, which stands in for no process. */

import type { AbstractEventLoop } from "../events.ts";
import type { RunProcess } from "./process_runs.ts";

/** Nothing is to be done. */
export function processOf(
  _inspectable: boolean | undefined,
): RunProcess | null {
  return null;
}

/** Never called, since no run is cut short. */
export function abandonAll(): Promise<void> {
  return Promise.resolve();
}

/** An exit that nobody catches is an error as any other. */
export function onTheWayOut(_loop: AbstractEventLoop, error: unknown): unknown {
  return error;
}
