/** Waiting for the ends of several tasks, whatever they end with. */

import type { AbstractEventLoop, Runnable } from "../events.ts";
import { Future } from "../futures.ts";
import { state } from "../_kernel/state.ts";
import type { Waiter } from "../_kernel/step.ts";
import type { Task } from "./task.ts";

/** Cancelling it cancels those that have not ended. */
class AllEnded extends Future<void> {
  readonly _children: readonly Future<unknown>[];
  /** Who waits: call graphs find it through the children's waiters. */
  readonly _parent: Task<unknown> | null;
  #left: number;
  #cancelRequested = false;

  constructor(
    loop: AbstractEventLoop,
    children: readonly Future<unknown>[],
    parent: Task<unknown> | null,
  ) {
    super({ loop });
    this._children = children;
    this._parent = parent;
    this.#left = children.length;
    let ended = 0;
    for (const child of children) {
      if (child.done()) ended++;
      else child._addWaiter(new Heard(this));
    }
    while (ended-- > 0) this._childDone();
  }

  override cancel(message?: unknown): boolean {
    let any = false;
    for (const child of this._children) {
      if (child.cancel(message)) any = true;
    }
    if (any) this.#cancelRequested = true;
    return any;
  }

  _childDone(): void {
    if (--this.#left > 0) return;
    const children = this._children;
    for (const child of children) child._seen();
    if (this.#cancelRequested) {
      this.setException(children.at(-1)!._makeCancelledError());
    } else this.setResult(undefined);
  }
}

/** Hears of one child, an iteration after its end. */
class Heard implements Waiter, Runnable {
  readonly outer: AllEnded;

  constructor(outer: AllEnded) {
    this.outer = outer;
  }

  _futureDone(): void {
    this.outer._loop._push(this);
  }

  _run(): void {
    state.sync = true;
    try {
      this.outer._childDone();
    } finally {
      state.sync = false;
    }
  }

  toString(): string {
    return "gather()";
  }
}

/**
 * A future of the ends of tasks: `gather` with `returnExceptions`, for those who look
 * at the tasks themselves afterwards.
 *
 * @param loop The loop of the tasks.
 * @param tasks The tasks, at least one, each of them once.
 * @param parent The task that waits, if one does.
 */
export function allEnded(
  loop: AbstractEventLoop,
  tasks: readonly Future<unknown>[],
  parent: Task<unknown> | null,
): Future<void> {
  return new AllEnded(loop, tasks, parent);
}
