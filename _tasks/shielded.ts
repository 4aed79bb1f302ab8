/** `shielded`: a block that a cancellation of its task does not reach. */

import {
  type Coro,
  Coroutine,
  markCoroutineFunctions,
  nameCoroutines,
} from "../coroutines.ts";
import { getRunningLoop } from "../events.ts";
import { CancelledError, RuntimeError } from "../exceptions.ts";
import {
  futureAddToAwaitedBy,
  futureDiscardFromAwaitedBy,
} from "../futures.ts";
import { ended } from "./ended.ts";
import { inline } from "./inline.ts";
import type { Yieldable } from "../_kernel/step.ts";
import { currentTask } from "./task.ts";
import type { Body } from "../timeouts.ts";

/**
 * Runs a block to its end, even if the current task is cancelled meanwhile: the
 * cancellation waits, and is raised when the block is over. An addition to asyncio,
 * whose `shield` leaves what it protects behind.
 *
 * The block is a task of its own, in the same context: what it sets in context
 * variables is seen after it. Inside, `currentTask()` is that task, so timeouts and
 * task groups within the block work as anywhere; cancelling that task itself reaches
 * the block, and so does the end of `run`, which cancels every task.
 *
 * A cancellation takes the place of the block's result, as of any other result that
 * comes together with one; it is dropped if it was withdrawn by `uncancel`. An error
 * of the block is raised all the same, and the cancellation at the next await.
 *
 * @param body An async function, a generator function or a plain one.
 * @returns What the body returned.
 * @throws CancelledError After the block, when the task was cancelled before or
 * during it.
 *
 * @example
 * ```ts
 * import { createTask, run, shielded, sleep } from "@x/asyncio";
 *
 * await run(async () => {
 *   const task = createTask(async () => {
 *     await shielded(async () => {
 *       await sleep(0.02);
 *       console.log("committed");
 *     });
 *     console.log("never reached");
 *   });
 *   await sleep(0.01);
 *   console.log(await task.cancelAndWait());
 * });
 * ```
 */
export function shielded<R>(
  body: () => Generator<Yieldable, R, unknown>,
): Coroutine<R>;
/** Runs an async or plain function to its end. */
export function shielded<R>(body: () => PromiseLike<R> | R): Coroutine<R>;
export function shielded<R>(body: Body<[], R>): Coroutine<R> {
  if (typeof body !== "function") {
    throw new TypeError(
      `Cannot shield the block: a function is needed as its body, got ${
        body === null ? "null" : typeof body
      }; to protect a task or another awaitable use shield()`,
    );
  }
  return new Coroutine<R>(runShielded as never, [body]);
}

function* runShielded<R>(body: Body<[], R>): Coro<R> {
  const task = currentTask();
  if (task === null) {
    throw new RuntimeError("shielded() should be used inside a task");
  }
  const block = getRunningLoop().createTask<R>(runBlock(body), {
    context: task.getContext(),
    // The context is the one that this runs in: it cannot be entered twice.
    eagerStart: false,
  });
  futureAddToAwaitedBy(block, task);
  let cancelled: CancelledError | null = null;
  while (!block.done()) {
    try {
      yield* ended(block);
    } catch (error) {
      if (!(error instanceof CancelledError)) throw error;
      cancelled ??= error;
    }
  }
  futureDiscardFromAwaitedBy(block, task);
  if (cancelled === null || task.cancelling() === 0) return block.result();
  if (!block._failed) {
    // Its own cancellation says less than the one that waited.
    throw cancelled;
  }
  task._mustCancel = true;
  task._cancelMessage = cancelled.args[0];
  return block.result();
}

function* runBlock<R>(body: Body<[], R>): Coro<R> {
  return yield* inline(body, []);
}

markCoroutineFunctions(shielded);
nameCoroutines({ shielded: runShielded });
