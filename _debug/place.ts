/** Debug mode: work that is given to a loop by code that another loop runs. */

import type { AbstractEventLoop } from "../events.ts";
import { extractStack } from "../format_helpers.ts";
import { warn } from "../log.ts";
import { state, stepOwner } from "../_kernel/state.ts";

/** Of so many places a loop tells. */
const MOST_PLACES = 100;

const told = new WeakMap<AbstractEventLoop, Set<string>>();

/**
 * A loop is given work: warns, once for each place, if that is done by a callback or
 * a task of the loop that runs, and it is not that one. Nothing would run the work
 * before the other loop has ended.
 */
export function checkPlace(loop: AbstractEventLoop): void {
  const running = state.loop;
  if (running === null || running === loop) return;
  const owner = stepOwner();
  // What the host calls back, such as a promise that the loop's own task waits for,
  // is nobody's mistake.
  if (owner === null ? !state.sync : owner.getLoop() === loop) return;
  const frame = extractStack(null, 1).at(-1);
  const place = frame === undefined ? "" : `, at ${frame.file}:${frame.line}`;
  let places = told.get(loop);
  if (places === undefined) told.set(loop, places = new Set());
  if (places.has(place) || places.size >= MOST_PLACES) return;
  places.add(place);
  warn(
    "Non-thread-safe operation invoked on an event loop other than the current " +
      `one: ${loop} was given work by what ${running} runs${place}; it will not ` +
      "be done before that one has ended",
    "RuntimeWarning",
  );
}
