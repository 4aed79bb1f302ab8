/** Short texts of values and callbacks, for bundles without the debugging part. */

import { debug } from "../_debug/hooks.ts";
import type { Handle } from "../events.ts";
import type { StackFrame } from "../format_helpers.ts";

/** A value by its own text. It never throws. */
export function textOf(value: unknown): string {
  if (debug !== null) return debug.textOf(value);
  try {
    return String(value);
  } catch {
    return "<unprintable object>";
  }
}

/** A callback by its name. */
export function textOfCallback(
  callback: (...args: never[]) => unknown,
  args: readonly unknown[],
  options?: { debug?: boolean },
): string {
  return debug?.textOfCallback(callback, args, options) ??
    `${callback.name || "(anonymous)"}()`;
}

/** Frames; none are known without the debugging part. */
export function textOfFrames(frames: readonly StackFrame[]): string {
  return debug?.textOfFrames(frames) ?? "";
}

/** A handle by its class and its callback. */
export function textOfHandle(handle: Handle): string {
  return debug?.textOfHandle(handle) ??
    `<${handle.constructor.name} ${handle._callback?.name}>`;
}
