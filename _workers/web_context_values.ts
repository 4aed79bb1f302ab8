/**
 * Stands for context_values.ts in bundles for browsers, which for a worker are often
 * of one file.
 */

import { _runWithValues } from "../contextvars.ts";
import type { Invoke } from "./context_values.ts";

/** What sets the values that travelled with a call around it. */
export function within(context: Record<string, unknown>): Promise<Invoke> {
  return Promise.resolve((fn: () => unknown) => _runWithValues(context, fn));
}
