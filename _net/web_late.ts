/**
 * Stands for late.ts in bundles for browsers, which have neither sockets nor
 * processes: what needs them is refused, unless a test has brought it.
 */

import { lacking } from "../_platform/web.ts";
import type { BaseEventLoop } from "../base_events.ts";
import type { Coro } from "../coroutines.ts";
import type { Parts } from "./late.ts";

let loaded: Parts | null = null;

/** Brings it. */
export function bringParts(parts: Parts): void {
  loaded ??= parts;
}

/** What was brought. */
export function* needParts(_loop: BaseEventLoop): Coro<Parts> {
  return partsHere();
}

/** What was brought. */
export function partsHere(): Parts {
  if (loaded !== null) return loaded;
  throw lacking(
    "use sockets, pipes and child processes",
    "use fetch() or WebSocket",
  );
}

/** The function of a call: the real one, or one that refuses. */
export function call(name: keyof Parts): (...args: never[]) => unknown {
  if (loaded !== null) return loaded[name] as (...args: never[]) => unknown;
  return function* () {
    return yield* needParts(null!);
  };
}
