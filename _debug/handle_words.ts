/** The text form of handles. */

import type { Handle, TimerHandle } from "../events.ts";
import { formatCallback } from "../format_helpers.ts";
import { originOf } from "./hooks.ts";

/** Shows whether it was cancelled, when it is due, the callback, where it was made. */
export function textOfHandle(handle: Handle): string {
  const parts: string[] = [handle.constructor.name];
  if (handle._cancelled) parts.push("cancelled");
  const when = (handle as Partial<TimerHandle>)._when;
  if (when !== undefined) parts.push(`when=${when}`);
  if (handle._callback !== null) {
    parts.push(formatCallback(handle._callback, handle._args ?? [], {
      debug: handle._loop.getDebug(),
    }));
  }
  const where = originOf(handle, handle._callback)?.place ?? "";
  if (where !== "") parts.push(where);
  return `<${parts.join(" ")}>`;
}
