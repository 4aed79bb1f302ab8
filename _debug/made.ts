/**
 * What has to be closed: in debug mode, where it was made; and what of it is still
 * open when its loop is closed.
 */

import type { AbstractEventLoop } from "../events.ts";
import { warn } from "../log.ts";
import { Origin } from "./origins.ts";
import { state } from "../_kernel/state.ts";
import type { StepTask } from "../_kernel/step.ts";

/** What a loop closes when it is closed itself. */
export interface Closable {
  /** Lets go of what the runtime has for it. */
  _loopClosed(): void;
}

/** A loop that closes what is open. */
interface Closing {
  _open?: { close(): void } | null;
}

/** Where each was made, or what accepted it. */
const made = new WeakMap<object, Origin | { readonly by: object }>();

/** Where the program is; of async code that waits for this, where it awaits. */
function here(): Origin {
  const origin = new Origin(new Error(), false);
  if (origin.frames.length > 0) return origin;
  const task = state.task as StepTask & { _origin: Origin | null } | null;
  return task?._points?._origin ?? task?._origin ?? origin;
}

/**
 * Something was made that has to be closed.
 *
 * @param thing What was made.
 * @param loop Its loop.
 * @param by The server that accepted it, if one did: no line of the program made it.
 */
export function noteMade(
  thing: object,
  loop: AbstractEventLoop,
  by: object | null = null,
): void {
  if (loop.getDebug()) made.set(thing, by === null ? here() : { by });
}

/** ", created at file:line" as far as it is known. */
export function madeAt(thing: object): string {
  const origin = made.get(thing) ?? null;
  if (origin !== null && !(origin instanceof Origin)) {
    return `, accepted by a server${madeAt(origin.by).slice(1)}`;
  }
  const where = origin?.place ?? "";
  return where === "" ? "" : `, ${where}`;
}

/** What is still open when its loop is closed. */
class OpenThings {
  readonly all: Set<Closable> = new Set();

  /** Closes it, and tells of it in debug mode. */
  close(): void {
    // A copy: what is closed here takes itself out.
    for (const thing of [...this.all]) {
      if (made.has(thing)) {
        warn(`unclosed ${thing}${madeAt(thing)}`, "ResourceWarning");
      }
      thing._loopClosed();
    }
  }
}

/** As {@linkcode noteMade}; if it is still open, it is closed with the loop. */
export function noteOpen(thing: Closable, loop: AbstractEventLoop): void {
  noteMade(thing, loop);
  const closing = loop as Closing;
  const open = closing._open as OpenThings | null | undefined;
  (open ?? (closing._open = new OpenThings())).all.add(thing);
}

/** It was closed. */
export function noteClosed(thing: Closable, loop: AbstractEventLoop): void {
  ((loop as Closing)._open as OpenThings | null)?.all.delete(thing);
}
