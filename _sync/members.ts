/** The tasks of a group: a list that hears of their ends. */

import type { AbstractEventLoop, Runnable } from "../events.ts";
import type { Future } from "../futures.ts";
import { state } from "../_kernel/state.ts";
import type { Waiter } from "../_kernel/step.ts";
import type { Task } from "../_tasks/task.ts";

/** What a group is to its members. */
export interface Group {
  /** Who waits for the tasks. */
  readonly _parent: Task<unknown> | null;
  /** A member's task has ended. */
  _memberDone(member: Member): void;
}

/**
 * A task as a member of its group: a node of the group's list that hears of the
 * task's end. Queued by itself, since a closure, a handle and a place in a Set would
 * cost more than the task's own bookkeeping.
 */
export class Member implements Waiter, Runnable {
  readonly #group: Group;
  readonly #loop: AbstractEventLoop;
  /** Null only until the task is made, which an eager one may end in. */
  _task: Future<unknown> | null = null;
  _before: Member | null = null;
  _after: Member | null = null;

  constructor(group: Group, loop: AbstractEventLoop) {
    this.#group = group;
    this.#loop = loop;
  }

  /** Call graphs find it through the task's waiters. */
  get _parent(): Task<unknown> | null {
    return this.#group._parent;
  }

  _futureDone(): void {
    this.#loop._push(this);
  }

  _run(): void {
    state.sync = true;
    try {
      this.#group._memberDone(this);
    } finally {
      state.sync = false;
    }
  }

  toString(): string {
    return "TaskGroup";
  }
}

/** The members that were not heard of yet, in the order in which they came. */
export class Members {
  #first: Member | null = null;
  #last: Member | null = null;
  count = 0;

  add(member: Member): void {
    const last = this.#last;
    member._before = last;
    if (last === null) this.#first = member;
    else last._after = member;
    this.#last = member;
    this.count++;
  }

  remove(member: Member): void {
    const { _before: before, _after: after } = member;
    if (before === null) this.#first = after;
    else before._after = after;
    if (after === null) this.#last = before;
    else after._before = before;
    this.count--;
  }

  /** Their tasks. */
  *[Symbol.iterator](): Generator<Future<unknown>, void> {
    for (let member = this.#first; member !== null; member = member._after) {
      if (member._task !== null) yield member._task;
    }
  }

  /** Cancels those that have not ended. */
  cancel(): void {
    for (let member = this.#first; member !== null; member = member._after) {
      const task = member._task!;
      if (!task.done()) task.cancel();
    }
  }
}
