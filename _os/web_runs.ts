/** Runs in a browser, which stands in for no process. */

import type { AbstractEventLoop } from "../events.ts";
import type { RunProcess } from "./process_runs.ts";

/** Nothing is to be done. */
export function processOf(
  _inspectable: boolean | undefined,
): RunProcess | null {
  return null;
}

/** Nobody presses Ctrl-C here: no run is cut short, so none leaves tasks behind. */
export function abandonAll(): Promise<void> {
  return Promise.resolve();
}

/** There is no process that an exit could end: `run` rejects with it. */
export function onTheWayOut(_loop: AbstractEventLoop, error: unknown): unknown {
  return error;
}
