/**
 * What futures of every kind share: how they are told apart and shown.
 *
 * @example Telling a future from a promise
 * ```ts
 * import { Future, isFuture, newEventLoop } from "@x/asyncio";
 *
 * const loop = newEventLoop();
 * console.log(isFuture(new Future({ loop })), isFuture(Promise.resolve()));
 * loop.close();
 * ```
 *
 * @module
 */

import { formatCallback, shortRepr } from "./format_helpers.ts";
import type { Future } from "./futures.ts";

/** The states of a future. */
export const PENDING = "PENDING";
/** It was cancelled. */
export const CANCELLED = "CANCELLED";
/** It has a result or an exception. */
export const FINISHED = "FINISHED";

/** A future's state. */
export type FutureState = typeof PENDING | typeof CANCELLED | typeof FINISHED;

/**
 * Whether a value is a future: a {@linkcode Future} or an object that follows its
 * protocol.
 *
 * @param obj Any value.
 * @returns Whether it is one.
 */
export function isFuture(obj: unknown): obj is Future<unknown> {
  return typeof obj === "object" && obj !== null &&
    typeof (obj as { _blocking?: unknown })._blocking === "boolean" &&
    typeof (obj as { _addWaiter?: unknown })._addWaiter === "function";
}

/**
 * The words of a future's text form.
 *
 * @internal
 */
export function futureInfo(
  state: FutureState,
  exception: unknown,
  failed: boolean,
  result: unknown,
  callbacks: readonly unknown[],
): string[] {
  const info: string[] = [state.toLowerCase()];
  if (state === FINISHED) {
    info.push(
      failed
        ? `exception=${shortRepr(exception)}`
        : `result=${shortRepr(result)}`,
    );
  }
  if (callbacks.length > 0) info.push(formatCallbacks(callbacks));
  return info;
}

function formatCallbacks(callbacks: readonly unknown[]): string {
  const show = (callback: unknown) =>
    typeof callback === "function"
      ? formatCallback(callback as (...args: never[]) => unknown, [])
      : String(callback);
  const { length } = callbacks;
  if (length <= 2) return `cb=[${callbacks.map(show).join(", ")}]`;
  return `cb=[${show(callbacks[0])}, <${length - 2} more>, ${
    show(callbacks[length - 1])
  }]`;
}
