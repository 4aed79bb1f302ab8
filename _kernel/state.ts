/**
 * What this thread is running right now: the one place that knows.
 *
 * While a handle or a coroutine step runs synchronously, `state` holds the current
 * task and context: plain fields, since an AsyncLocalStorage entered per step
 * would cost more than the step. Between steps, in code that resumed after a
 * native `await`, `state.sync` is false and the host's context store answers.
 */

import { platform } from "../_platform/mod.ts";
import type { ContextStore } from "../_platform/types.ts";
import type { Context } from "../contextvars.ts";
import type { AbstractEventLoop } from "../events.ts";

/** What the state needs to know of a task. */
export interface StepOwner {
  /** Its context, or null while that is empty and nobody asked for it. */
  _context: Context | null;
  /** Whether it has ended. */
  done(): boolean;
  /** Its loop. */
  getLoop(): AbstractEventLoop;
}

class State {
  /** Whether a handle or a step is on the stack. */
  sync = false;
  /** The task whose step it is, or null in a plain callback. */
  task: StepOwner | null = null;
  /** The current context, or null for an empty one nobody asked for. */
  context: Context | null = null;
  /** The running loop of this thread. */
  loop: AbstractEventLoop | null = null;
}

/** The state of this thread. */
export const state: State = new State();

/** Tells which task native async code belongs to. */
export const taskStore: ContextStore<StepOwner> = platform.context
  .createStore<StepOwner>();

/**
 * The task that the running code belongs to, or null. Code that a finished task
 * left behind belongs to none.
 */
export function stepOwner(): StepOwner | null {
  if (state.sync) return state.task;
  const task = taskStore.get();
  return task === undefined || task.done() ? null : task;
}
