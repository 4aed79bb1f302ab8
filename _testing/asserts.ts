/** What a test can assert of waiting and of being cancelled. */

import { type Coro, Coroutine } from "../coroutines.ts";
import { CancelledError, RuntimeError } from "../exceptions.ts";
import { inline } from "../_tasks/inline.ts";
import type { TestBody, TestOptions, TestScope } from "./options.ts";
import { checkNested, currentSession, runSession, Session } from "./session.ts";
import type { Body } from "../timeouts.ts";
import { createTask, currentTask, type Task } from "../tasks.ts";

/** More awaits than this are taken to be a loop without an end. */
const MOST_POINTS = 10_000;

/** Options of {@linkcode assertCancellable}: those of a test, and what is allowed. */
export interface CancellableOptions extends TestOptions {
  /** Whether the function may return in spite of being cancelled. */
  mayReturn?: boolean | undefined;
  /** Looks at what is left after each run; throws if something is wrong. */
  after?: ((test: TestScope) => void) | undefined;
}

/** What was seen of a function that was cancelled everywhere. */
export interface CancellableResult {
  /** At how many awaits it was cancelled. */
  readonly points: number;
}

/** Cancels a body at each await in turn; see `assertCancellable`. */
export async function cancelEverywhere(
  fn: TestBody<unknown>,
  options: CancellableOptions,
): Promise<CancellableResult> {
  checkNested();
  for (let point = 1; point <= MOST_POINTS; point++) {
    const session = new Session(options);
    const reached = await runSession(
      session,
      () => oneCancel(session, fn, point, options),
    ).catch((error) => {
      throw new RuntimeError(
        `Cancelled at await ${point}: ${
          error instanceof Error ? error.message : error
        }`,
        { cause: error },
      );
    });
    if (!reached) return { points: point - 1 };
  }
  throw new RuntimeError(
    `Cannot cancel everywhere: more than ${MOST_POINTS} awaits`,
  );
}

/** Runs the body once; false where it ended before the await was reached. */
function* oneCancel(
  session: Session,
  fn: TestBody<unknown>,
  point: number,
  options: CancellableOptions,
): Coro<boolean> {
  const { loop, scope } = session;
  const task = createTask(
    () => fn(scope) as PromiseLike<unknown>,
    { name: "cancelled" },
  );
  let left = point;
  loop._onSuspension = (suspended: Task<unknown>) => {
    if (suspended === task && --left === 0) task.cancel();
  };
  try {
    yield* task;
    if (left <= 0 && options.mayReturn !== true) {
      throw new RuntimeError(
        "the function returned although it was cancelled; if that is meant, " +
          "allow it with { mayReturn: true }",
      );
    }
  } catch (error) {
    if (!(error instanceof CancelledError) || !task.cancelled()) throw error;
  } finally {
    loop._onSuspension = null;
  }
  options.after?.(scope);
  return left <= 0;
}

/** Runs a body and fails if it never let others run; see `assertCheckpoints`. */
export function* checkpointed<R>(body: Body<[], R>): Coro<R> {
  const { loop } = currentSession("assertCheckpoints()");
  const task = currentTask()!;
  const counted = loop._counted;
  const before = counted.get(task);
  counted.set(task, before ?? 0);
  let result: R;
  let after: number;
  try {
    result = yield* inline(body, []);
  } finally {
    after = counted.get(task)!;
    if (before === undefined) counted.delete(task);
  }
  if (after === (before ?? 0)) {
    throw new RuntimeError(
      "No checkpoint: the function ended without giving way to others, so a " +
        "loop that calls it could starve them and could not be cancelled",
    );
  }
  return result;
}

/** Waits until all others are blocked; see `waitAllBlocked`. */
export function allBlocked(): Coroutine<void> {
  return new Coroutine<void>(waitBlocked as never);
}

function* waitBlocked(): Coro<void> {
  yield* currentSession("waitAllBlocked()").blocked();
}
