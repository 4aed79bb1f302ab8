/**
 * Connections, servers, pipes and child processes, whose code is loaded by the first
 * call that needs it: a program without them would load more for them than for all
 * that it does.
 */

import { loadIo } from "../_platform/late_io.ts";
import type { BaseEventLoop } from "../base_events.ts";
import type { Coro } from "../coroutines.ts";
import { wrapFuture } from "../futures.ts";

/** What is loaded late. */
export type Parts = typeof import("./parts.ts");

/** The calls of loops among it, each a generator function that takes the loop. */
type Call = {
  [K in keyof Parts]: Parts[K] extends
    (loop: never, ...rest: never[]) => Coro<unknown> ? K : never;
}[keyof Parts];

type AnyCall = (...args: never[]) => unknown;

let loaded: Parts | null = null;

/** Brings it, loaded before it is wanted. */
export function bringParts(parts: Parts): void {
  loaded ??= parts;
}

async function load(): Promise<Parts> {
  const [parts] = await Promise.all([import("./parts.ts"), loadIo()]);
  return loaded ??= parts;
}

/** Waits for what is loaded late, once. */
export function* needParts(loop: BaseEventLoop): Coro<Parts> {
  return loaded ?? (yield* wrapFuture(load(), { loop }));
}

/** What is loaded late, for what comes after a call that has loaded it. */
export function partsHere(): Parts {
  if (loaded !== null) return loaded;
  throw new Error("Cannot make a transport: no call of the loop has loaded it");
}

/** The function of a call: the real one, or one that loads it first. */
export function call(name: Call): AnyCall {
  return loaded === null ? waiting[name] ??= loading(name) : loaded[name];
}

const waiting: Partial<Record<Call, AnyCall>> = {};

function loading(name: Call): AnyCall {
  // Under the same name, which coroutines show.
  const named = {
    *[name](loop: BaseEventLoop, ...rest: never[]): Coro<unknown> {
      const parts = yield* needParts(loop);
      return yield* (parts[name] as (
        loop: BaseEventLoop,
        ...rest: never[]
      ) => Coro<unknown>)(loop, ...rest);
    },
  };
  return named[name]!;
}
