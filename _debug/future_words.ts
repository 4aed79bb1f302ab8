/** The text form of futures. */

import { futureInfo } from "../base_futures.ts";
import type { Handle } from "../events.ts";
import type { Future } from "../futures.ts";

/** The words of a future's text form. */
export function wordsOfFuture(future: Future<unknown>): string[] {
  const callbacks = future._allWaiters().map((waiter) => {
    if ("_callback" in waiter) return (waiter as Partial<Handle>)._callback;
    // A task by its name only: its own text may show this future.
    return "getName" in waiter
      ? `await in ${(waiter as unknown as { getName(): string }).getName()}`
      : waiter;
  });
  const info = futureInfo(
    future._state,
    future._value,
    future._failed,
    future._value,
    callbacks,
  );
  const where = future._origin?.place ?? "";
  if (where !== "") info.push(where);
  return info;
}
