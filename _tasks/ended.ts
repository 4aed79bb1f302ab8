/** Waiting for a task's end, however it ends. */

import type { Coro } from "../coroutines.ts";
import { type AbstractEventLoop, getRunningLoop } from "../events.ts";
import { RuntimeError } from "../exceptions.ts";
import type { Future } from "../futures.ts";
import { stepOwner } from "../_kernel/state.ts";
import type { Waiter } from "../_kernel/step.ts";

/** Sets a future as soon as another is done; cancelling it leaves that one alone. */
class End implements Waiter {
  readonly future: Future<void>;

  constructor(loop: AbstractEventLoop, of: Future<unknown>) {
    this.future = loop.createFuture<void>();
    this.future._standsFor = [of];
  }

  _futureDone(): void {
    if (!this.future.done()) this.future.setResult(undefined);
  }

  toString(): string {
    return "end of task";
  }
}

/**
 * Waits until a future is done and looks at nothing of its outcome, so that a
 * CancelledError raised here is always the waiting task's own.
 */
export function* ended(future: Future<unknown>): Coro<void> {
  if (future.done()) return;
  const end = new End(future._loop, future);
  future._addWaiter(end);
  try {
    yield* end.future;
  } finally {
    if (!future.done()) future._removeWaiters((waiter) => waiter === end);
  }
}

/** The body of `Task.cancelAndWait`. */
export function* cancelAndWait(
  task: Future<unknown>,
  message: unknown,
): Coro<boolean> {
  // Before anything is cancelled: neither could ever be waited for.
  if (stepOwner() as unknown === task) {
    throw new RuntimeError(`Task cannot await on itself: ${task}`);
  }
  if (task._loop !== getRunningLoop()) {
    throw new RuntimeError(
      `Cannot cancel ${task} and wait: it is attached to a different loop`,
    );
  }
  task.cancel(message);
  yield* ended(task);
  if (task.cancelled()) return true;
  task.result();
  return false;
}
