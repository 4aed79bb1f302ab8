/**
 * Task groups: tasks that have all ended when the block that started them is over.
 *
 * @example Two at once, with their types
 * ```ts
 * import { run, sleep, TaskGroup } from "@x/asyncio";
 *
 * await run(async () => {
 *   const { name, age } = await TaskGroup.all({
 *     name: () => sleep(0.02, "ann"),
 *     age: () => sleep(0.01, 42),
 *   });
 *   console.log(name.toUpperCase(), age + 1);
 * });
 * ```
 *
 * @module
 */

import {
  type AnyCoroutine,
  closeCoroutine,
  type Coro,
  Coroutine,
  markCoroutineFunctions,
  nameCoroutines,
  type ResultOf,
  type TaskOptions,
} from "./coroutines.ts";
import { type AbstractEventLoop, getRunningLoop, isExit } from "./events.ts";
import {
  BaseExceptionGroup,
  CancelledError,
  RuntimeError,
} from "./exceptions.ts";
import type { Future } from "./futures.ts";
import { inline } from "./_tasks/inline.ts";
import { type Slots, slotsOf } from "./_tasks/slots.ts";
import { runAll } from "./_sync/group_all.ts";
import { Member, Members } from "./_sync/members.ts";
import { NONE, type Yieldable } from "./_kernel/step.ts";
import { currentTask, type Task } from "./_tasks/task.ts";
import type { Body } from "./timeouts.ts";

/** Options of a {@linkcode TaskGroup}. */
export interface TaskGroupOptions {
  /**
   * At most so many of its tasks run at once; null for no limit. A task that waits
   * for another of the group keeps its place meanwhile: where all places are taken so,
   * nothing goes on.
   */
  limit?: number | null | undefined;
}

/** What {@linkcode TaskGroup.statistics} tells. */
export interface TaskGroupStatistics {
  /** How far it is: aborting while its tasks are being cancelled. */
  readonly state: "created" | "entered" | "exiting" | "aborting" | "finished";
  /** How many tasks have not ended, or rather: were not heard of. */
  readonly tasks: number;
  /** How many of these wait for others to end, because of the limit. */
  readonly waiting: number;
  /** How many may run at once; null for any number. */
  readonly limit: number | null;
  /** How many have failed. */
  readonly errors: number;
}

/** The results of coroutines that were given as an object or as an array. */
export type TaskGroupResults<C> = {
  -readonly [K in keyof C]: ResultOf<C[K]>;
};

/**
 * Tasks that belong to a block: it is left when all have ended. The first that fails
 * has the others cancelled, and the errors are raised together.
 *
 * @example
 * ```ts
 * import { run, sleep, TaskGroup } from "@x/asyncio";
 *
 * await run(async () => {
 *   await new TaskGroup().with(async (group) => {
 *     const user = group.createTask(() => sleep(0.02, "ann"));
 *     const posts = group.createTask(() => sleep(0.01, 3));
 *     console.log(`${await user} has ${await posts} posts`);
 *   });
 * });
 * ```
 */
export class TaskGroup {
  #entered = false;
  #exiting = false;
  #aborting = false;
  #cancelOnEnter = false;
  #parentCancelRequested = false;
  #loop: AbstractEventLoop | null = null;
  readonly #members: Members = new Members();
  #errors: unknown[] | null = [];
  #failures = 0;
  #baseError: unknown = NONE;
  #completed: Future<void> | null = null;
  readonly #slots: Slots | null;
  /**
   * The task that is inside its block.
   *
   * @internal
   */
  _parent: Task<unknown> | null = null;

  /**
   * Makes a group; it is entered by {@linkcode TaskGroup.with}.
   *
   * @param options See {@linkcode TaskGroupOptions}.
   * @throws RangeError When the limit is no whole number of at least 1.
   */
  constructor(options?: TaskGroupOptions) {
    this.#slots = slotsOf(options?.limit, "make a task group");
  }

  /**
   * Runs coroutines as the tasks of a group of their own and gives their results in
   * the shape in which they were given. An addition to asyncio.
   *
   * Where one fails the others are cancelled, unlike with `gather`. One that is
   * cancelled by itself does not disturb the others; the whole then raises its
   * CancelledError, since there is no result in its place.
   *
   * @param coros An object or an array of coroutines.
   * @param options See {@linkcode TaskGroupOptions}.
   * @returns An object or an array of the results.
   * @throws BaseExceptionGroup When any fails.
   * @throws TypeError When something in it is no coroutine.
   * @throws RangeError When the limit is no whole number of at least 1.
   *
   * @example
   * ```ts
   * import { run, sleep, TaskGroup } from "@x/asyncio";
   *
   * await run(async () => {
   *   const { name, posts } = await TaskGroup.all({
   *     name: sleep(0.01, "ann"),
   *     posts: async () => [await sleep(0.01, 1), 2],
   *   });
   *   console.log(name.toUpperCase(), posts.length);
   * });
   * ```
   */
  static all<
    const C extends
      & object
      & (
        | readonly AnyCoroutine<unknown>[]
        | { readonly [K in keyof C]: AnyCoroutine<unknown> }
      ),
  >(coros: C, options?: TaskGroupOptions): Coroutine<TaskGroupResults<C>> {
    return new Coroutine<TaskGroupResults<C>>(runAll as never, [
      new TaskGroup(options),
      coros,
    ]);
  }

  /**
   * Runs a function as the block of the group, then waits until its tasks have
   * ended.
   *
   * @param body An async function, a generator function or a plain one; it is given
   * the group.
   * @returns What the body returned, or undefined where {@linkcode TaskGroup.cancel}
   * ended it first.
   * @throws BaseExceptionGroup When a task or the body failed: all their errors.
   * @throws RuntimeError When the group was entered before, or outside any task.
   */
  with<R>(
    body: (group: this) => Generator<Yieldable, R, unknown>,
  ): Coroutine<R | undefined>;
  /** Runs an async or plain function as the block of the group. */
  with<R>(body: (group: this) => PromiseLike<R> | R): Coroutine<R | undefined>;
  with<R>(body: Body<[this], R>): Coroutine<R | undefined> {
    if (typeof body !== "function") {
      throw new TypeError(
        "Cannot enter the task group: with() needs a function as its body, as " +
          `in group.with(async (group) => …), got ${
            body === null ? "null" : typeof body
          }`,
      );
    }
    return new Coroutine<R | undefined>(runBody as never, [this, body]);
  }

  /**
   * Starts a task that belongs to the group. In a group with a limit it may have to
   * wait for others to end; then it begins in its turn, first come first served.
   *
   * @param coro The coroutine: a Coroutine, a generator, or an async or generator
   * function, which is called as the task's first step.
   * @param options See {@linkcode TaskOptions}.
   * @returns The task.
   * @throws RuntimeError When the group takes no tasks: before its block, after it,
   * and while it is being cancelled. The coroutine is closed.
   */
  createTask<T>(coro: Coroutine<T>, options?: TaskOptions): Task<T>;
  /** Starts a generator, or a function in either spelling, in the group. */
  createTask<T>(coro: Coro<T>, options?: TaskOptions): Task<T>;
  /** Starts a generator function in the group. */
  createTask<T>(coro: () => Coro<T>, options?: TaskOptions): Task<T>;
  /** Starts an async function in the group. */
  createTask<T>(coro: () => PromiseLike<T>, options?: TaskOptions): Task<T>;
  /** Starts any coroutine in the group. */
  createTask<T>(coro: AnyCoroutine<T>, options?: TaskOptions): Task<T>;
  createTask<T>(coro: AnyCoroutine<T>, options?: TaskOptions): Task<T> {
    if (
      !this.#entered || this.#aborting ||
      this.#exiting && this.#members.count === 0
    ) throw this.#refuse(coro);
    const loop = this.#loop!;
    const member = new Member(this, loop);
    const slots = this.#slots;
    // With a limit the group hears of a failure before the place is passed on.
    const task = slots === null
      ? loop.createTask<T>(coro, options)
      : slots.start<T>(loop, coro, options, member);
    member._task = task as Future<unknown>;
    this.#members.add(member);
    // Queued even for an eager task that has ended: its error must not cancel the
    // body before this call has returned.
    if (slots === null) task._addWaiter(member);
    // An eager task may have cancelled the group before it was a member.
    if (this.#aborting && !task.done()) task.cancel();
    return task;
  }

  /**
   * Cancels the tasks of the group and its body. The block then ends without an
   * error, unless something fails meanwhile or somebody else cancels the task, too.
   *
   * Before the block, it takes effect on entry. Afterwards, and a second time, it
   * does nothing.
   */
  cancel(): void {
    if (!this.#entered) {
      this.#cancelOnEnter = true;
      return;
    }
    if (this.#aborting || this.#exiting && this.#members.count === 0) return;
    this.#abort();
    this.#cancelParent();
  }

  /** How many tasks it has, and how far it is. */
  statistics(): TaskGroupStatistics {
    return Object.freeze({
      state: this.#stateName(),
      tasks: this.#members.count,
      waiting: this.#slots?.waiting ?? 0,
      limit: this.#slots?.limit ?? null,
      errors: this.#failures,
    });
  }

  #stateName(): TaskGroupStatistics["state"] {
    if (!this.#entered) return "created";
    if (this._parent === null) return "finished";
    if (this.#aborting) return "aborting";
    return this.#exiting ? "exiting" : "entered";
  }

  /** Shows how many tasks it has, and how far it is. */
  toString(): string {
    let info = "";
    if (this.#members.count > 0) info += ` tasks=${this.#members.count}`;
    const errors = this.#errors?.length ?? 0;
    if (errors > 0) info += ` errors=${errors}`;
    if (this.#aborting) info += " cancelling";
    else if (this.#entered) info += " entered";
    return `<TaskGroup${info}>`;
  }

  #refuse(coro: unknown): RuntimeError {
    closeCoroutine(coro);
    const why = !this.#entered
      ? "has not been entered"
      : this.#exiting && this.#members.count === 0
      ? "is finished"
      : "is shutting down";
    return new RuntimeError(`TaskGroup ${this} ${why}`);
  }

  #abort(): void {
    this.#aborting = true;
    this.#members.cancel();
  }

  /** Cancels the body; the request is withdrawn when the block ends. */
  #cancelParent(): void {
    if (this._parent === null || this.#parentCancelRequested) return;
    this.#parentCancelRequested = true;
    this._parent.cancel();
  }

  /** @internal */
  _enter(): void {
    if (this.#entered) {
      throw new RuntimeError(`TaskGroup ${this} has already been entered`);
    }
    const loop = getRunningLoop();
    const parent = currentTask(loop);
    if (parent === null) {
      throw new RuntimeError(
        `TaskGroup ${this} cannot determine the parent task`,
      );
    }
    this.#loop = loop;
    this._parent = parent;
    this.#entered = true;
    if (this.#cancelOnEnter) this.cancel();
  }

  /**
   * Waits for the tasks, and throws what the block ends with.
   *
   * @param error What the body threw, or NONE.
   *
   * @internal
   */
  *_exit(error: unknown): Coro<void> {
    this.#exiting = true;
    const parent = this._parent!;
    const errors = this.#errors!;
    if (this.#baseError === NONE && isExit(error)) this.#baseError = error;
    let cancelled = error instanceof CancelledError ? error : null;
    if (error !== NONE && !this.#aborting) this.#abort();
    let late: CancelledError | null = null;
    // More than once around: each cancellation of the parent ends one wait.
    while (this.#members.count > 0) {
      this.#completed ??= this.#loop!.createFuture<void>();
      this.#completed._standsFor = this.#members;
      try {
        yield* this.#completed;
      } catch (thrown) {
        if (!(thrown instanceof CancelledError)) throw thrown;
        late = thrown;
        if (!this.#aborting) {
          cancelled = thrown;
          this.#abort();
        }
      }
      this.#completed = null;
    }
    const failed = error !== NONE && !(error instanceof CancelledError);
    if (this.#baseError !== NONE) {
      if (failed) errors.push(error);
      this.#reportDropped(errors);
      throw this.#baseError;
    }
    if (this.#parentCancelRequested) {
      if (parent.uncancel() === 0) cancelled = null;
      // What is left of the requests is somebody else's.
      else cancelled ??= late;
    }
    if (cancelled !== null && errors.length === 0) throw cancelled;
    if (failed) errors.push(error);
    if (errors.length === 0) return;
    if (parent.cancelling() > 0) {
      // The group takes the place of the cancellation, which the parent is told of
      // again; its count stays what it was.
      parent.uncancel();
      parent.cancel();
    }
    throw new BaseExceptionGroup("unhandled errors in a TaskGroup", errors);
  }

  /** Errors that an exit of the program pushes aside are told to the loop. */
  #reportDropped(errors: readonly unknown[]): void {
    for (const exception of errors) {
      if (exception === this.#baseError) continue;
      this.#loop!.callExceptionHandler({
        message: "TaskGroup task exception was not propagated because the " +
          "TaskGroup body is being closed with a BaseException",
        exception,
        taskGroup: this,
      });
    }
  }

  /**
   * The block is over, in whatever way.
   *
   * @internal
   */
  _leave(): void {
    // Only where its generator was closed in the middle.
    if (this.#members.count > 0) this.#abort();
    this._parent = null;
    this.#errors = null;
    this.#baseError = NONE;
  }

  /** @internal */
  _memberDone(member: Member): void {
    const task = member._task!;
    this.#members.remove(member);
    const completed = this.#completed;
    if (completed !== null && this.#members.count === 0 && !completed.done()) {
      completed.setResult(undefined);
    }
    if (task.cancelled() || !task._failed) return;
    const error = task.exception();
    this.#failures++;
    this.#errors?.push(error);
    if (this.#baseError === NONE && isExit(error)) this.#baseError = error;
    const parent = this._parent;
    if (parent === null || parent.done()) {
      this.#loop!.callExceptionHandler({
        message: `Task ${task} has errored out but its parent task ${
          parent ?? "(gone)"
        } is already completed`,
        exception: error,
        task: task as Task<unknown>,
      });
      return;
    }
    if (this.#aborting || this.#parentCancelRequested) return;
    this.#abort();
    this.#cancelParent();
  }
}

function* runBody<R>(
  group: TaskGroup,
  body: Body<[TaskGroup], R>,
): Coro<R | undefined> {
  group._enter();
  let result: R | undefined;
  let error: unknown = NONE;
  try {
    try {
      result = yield* inline(body, [group]);
    } catch (thrown) {
      error = thrown;
    }
    yield* group._exit(error);
  } finally {
    group._leave();
  }
  return result;
}

markCoroutineFunctions(TaskGroup.all);

nameCoroutines({ with: runBody, all: runAll });
