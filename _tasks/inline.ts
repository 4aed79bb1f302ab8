/** Bodies of blocks: functions that run as part of the task that enters the block. */

import { InlineCall, type Yieldable } from "../_kernel/step.ts";
import type { Body } from "../timeouts.ts";

/**
 * Calls a function as part of the current task.
 *
 * @param body A function in either spelling, or a plain one.
 * @param args What it is called with.
 * @returns What `yield*` takes; its result is what the function returns.
 */
export function inline<A extends unknown[], R>(
  body: Body<A, R>,
  args: A,
): Generator<Yieldable, R, unknown> {
  const call = new InlineCall<R>(body as never, args, false);
  return { [Symbol.iterator]: () => call } as unknown as Generator<
    Yieldable,
    R,
    unknown
  >;
}
