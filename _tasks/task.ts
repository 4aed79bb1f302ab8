/**
 * The task: a future that runs a coroutine, and the records of which tasks there
 * are and which one runs.
 */

import { wordsOfTask } from "./texts.ts";
import { Context, snapshotContext } from "../contextvars.ts";
import {
  type Awaitable,
  Coroutine,
  type TaskOptions,
  toIterator,
} from "../coroutines.ts";
import { type AbstractEventLoop, getRunningLoop, isExit } from "../events.ts";
import { cancellation } from "../_kernel/base_exceptions.ts";
import { CancelledError, RuntimeError } from "../exceptions.ts";
import type { StackFrame } from "../format_helpers.ts";
import { textOf } from "../_kernel/texts.ts";
import { Future } from "../futures.ts";
import { cancelAndWait } from "./ended.ts";
import { debug } from "../_debug/hooks.ts";
import { needHooks } from "../_debug/need.ts";
import { logger } from "../log.ts";
import { hooked, watched } from "../_debug/switches.ts";
import { state, type StepOwner, stepOwner } from "../_kernel/state.ts";
import {
  advance,
  type AwaitPoint,
  type CoroIterator,
  type FutureLike,
  NONE,
  step,
} from "../_kernel/step.ts";

let taskCount = 0;

/** Options of the {@linkcode Task} constructor. */
export interface TaskConstructorOptions extends TaskOptions {
  /** The loop that runs it; the running one unless given. */
  loop?: AbstractEventLoop | undefined;
}

/**
 * A coroutine that runs by itself, beside the others of its loop. Made by
 * `createTask`; a future of the coroutine's result.
 *
 * @typeParam T The type of its result.
 */
export class Task<T> extends Future<T> {
  /** @internal */
  _coro: Awaitable<T> | null;
  /** @internal */
  _iter: CoroIterator<T>;
  /** @internal */
  _context: Context | null;
  /** @internal */
  _waiting: FutureLike | null = null;
  /** @internal */
  declare _thrown: unknown;
  /** @internal */
  _mustCancel = false;
  /** @internal */
  _points: AwaitPoint<unknown> | null = null;
  /**
   * The loop's count of steps in which this one was opened.
   *
   * @internal
   */
  _stepMark = -1;
  /**
   * Its neighbours among the tasks of its loop that run.
   *
   * @internal
   */
  _before: Task<unknown> | null = null;
  /** @internal */
  _after: Task<unknown> | null = null;
  /**
   * Its number while it has no name: names are made when asked for.
   *
   * @internal
   */
  _name: string | number;
  /** @internal */
  _cancelCount = 0;
  /**
   * The message of the first request that stands.
   *
   * @internal
   */
  declare _cancelRequest: unknown;
  /** @internal */
  declare _abort: AbortController | null;
  /**
   * Takes its listener off the signal that was given.
   *
   * @internal
   */
  declare _unlisten: (() => void) | null;

  /**
   * Makes a task and schedules its first step; `createTask` is the usual way.
   *
   * @param coro What it runs: a coroutine in any spelling.
   * @param options See {@linkcode TaskOptions}, and the loop.
   * @throws TypeError When it is given no coroutine.
   */
  constructor(coro: Awaitable<T>, options?: TaskConstructorOptions) {
    super(options);
    const iter = toIterator<T>(coro);
    if (iter === null) throw noCoroutine(coro);
    this._coro = coro;
    this._iter = iter;
    this._name = options?.name == null ? ++taskCount : String(options.name);
    this._context = options?.context ?? snapshotContext();
    if (hooked) debug!.instruments.created(this);
    // What can fail comes before the listener, which would stay.
    if (options?.eagerStart === true && this._loop.isRunning()) {
      this._context?._checkEntered();
      if (options.signal !== undefined) this.#listen(options.signal);
      _registerTask(this);
      if (hooked) debug!.instruments.stepped(this);
      advance(this, NONE);
      if (hooked && this._stepMark === -1) debug!.instruments.closed(this);
      if (this._state !== "PENDING") this._coro = null;
    } else {
      this._loop._push(this);
      if (options?.signal !== undefined) this.#listen(options.signal);
      _registerTask(this);
    }
  }

  /**
   * It is its own stepper.
   *
   * @internal
   */
  get _owner(): this {
    return this;
  }

  /** The coroutine that it runs, or null for an eager task that is done. */
  getCoro(): Awaitable<T> | null {
    return this._coro;
  }

  /** The context that it runs in. */
  getContext(): Context {
    return this._context ??= new Context();
  }

  /** Its name. */
  getName(): string {
    return typeof this._name === "number" ? `Task-${this._name}` : this._name;
  }

  /**
   * Renames it.
   *
   * @param value The name; anything else is made a string.
   */
  setName(value: unknown): void {
    this._name = String(value);
  }

  /**
   * Aborted when the task is asked to cancel: pass it to `fetch` and the like, so
   * that they stop too. After the request was withdrawn by `uncancel`, a new one.
   */
  get signal(): AbortSignal {
    if (this._abort === null) {
      this._abort = new AbortController();
      if (this._cancelCount > 0) this._abort.abort(this.#reason());
    }
    return this._abort.signal;
  }

  #reason(): CancelledError {
    return new CancelledError(this._cancelRequest);
  }

  /**
   * Asks it to cancel: a CancelledError is thrown where it waits. It may clean up,
   * and it may refuse.
   *
   * @param message What the CancelledError will say.
   * @returns False if it was done already.
   */
  override cancel(message?: unknown): boolean {
    if (this._lost !== null) this._seen();
    if (this._state !== "PENDING") return false;
    if (this._cancelCount++ === 0 && message !== undefined) {
      this._cancelRequest = message;
    }
    const delivered = this.#cancelWaiting(message);
    if (!delivered) {
      this._mustCancel = true;
      this._cancelMessage = message;
    }
    if (this._abort !== null && !this._abort.signal.aborted) {
      this._abort.abort(new CancelledError(message));
    }
    return true;
  }

  /** Cancels what it waits for; false where there is nothing that agrees. */
  #cancelWaiting(message: unknown): boolean {
    let delivered = this._waiting !== null && this._waiting.cancel(message);
    // Async code may wait in several places at once: each is told, the first one
    // first, which stands last in the list.
    let point = this._points;
    // Those within which others wait, blocks for one, wait for nothing themselves.
    let waits = 0;
    let last = point;
    for (; point !== null; point = point._next) {
      if (point._waiting !== null) waits++;
      last = point;
    }
    for (point = last; point !== null;) {
      const before: AwaitPoint<unknown> | null = point._previous;
      const waiting = point._waiting;
      if (waiting !== null) {
        if (waiting.cancel(message)) delivered = true;
        else if (waits > 1 && waiting.done()) {
          // Woken, and in the ready queue. One alone is told there by the task.
          if (!(point._thrown instanceof CancelledError)) {
            point._thrown = waiting._cancellation() ?? cancellation(message);
          }
          delivered = true;
        }
      }
      point = before;
    }
    return delivered;
  }

  /**
   * Cancels it and waits until it has ended. An addition to asyncio, where `await`
   * cannot tell the task's cancellation from one of the task that waits.
   *
   * @param message What the CancelledError inside the task will say.
   * @returns True when it ended as cancelled, false when it returned all the same or
   * had returned before.
   * @throws CancelledError Only when the waiting task itself is cancelled.
   * @throws RuntimeError When a task would wait for itself.
   * @throws What the task failed with.
   *
   * @example
   * ```ts
   * import { createTask, run, sleep } from "@x/asyncio";
   *
   * await run(async () => {
   *   const task = createTask(() => sleep(60));
   *   await sleep(0);
   *   console.log(await task.cancelAndWait());
   * });
   * ```
   */
  cancelAndWait(message?: unknown): Coroutine<boolean> {
    return new Coroutine<boolean>(cancelAndWait as never, [this, message]);
  }

  /** How many requests to cancel it were made and not withdrawn. */
  cancelling(): number {
    return this._cancelCount;
  }

  /**
   * Withdraws one request to cancel; for code that handles cancellation it caused.
   *
   * @returns How many are left.
   */
  uncancel(): number {
    if (this._cancelCount > 0) {
      this._cancelCount--;
      if (this._cancelCount === 0) {
        this._mustCancel = false;
        if (this._cancelRequest !== undefined) this._cancelRequest = undefined;
        if (this._abort?.signal.aborted) this._abort = null;
      }
    }
    return this._cancelCount;
  }

  /** Not for tasks. */
  override setResult(_result: T): void {
    throw new RuntimeError("Task does not support set_result operation");
  }

  /** Not for tasks. */
  override setException(_exception: unknown): void {
    throw new RuntimeError("Task does not support set_exception operation");
  }

  /**
   * The frames that can be known: where a failed task's error was thrown; the chain
   * of awaits of one that waits, which for async functions only debug mode knows;
   * where that is not known, in debug mode, where the task was made.
   *
   * @param options `limit`: at most so many frames, the newest.
   * @returns The frames, oldest first.
   */
  getStack(options?: { limit?: number | null }): StackFrame[] {
    const frames = needHooks("tell where a task stands")
      .stackOf(this as Task<unknown>);
    const limit = options?.limit;
    return limit == null ? frames : frames.slice(-limit);
  }

  /**
   * Prints what {@linkcode Task.getStack} returns.
   *
   * @param options `limit`: at most so many frames; `file`: takes the text in place
   * of standard error.
   */
  printStack(
    options?: { limit?: number | null; file?: (text: string) => void },
  ): void {
    const frames = this.getStack({ limit: options?.limit ?? null });
    const text = debug!.formatStack(this as Task<unknown>, frames);
    if (options?.file !== undefined) options.file(text);
    // deno-lint-ignore no-console
    else console.error(text.slice(0, -1));
  }

  /** @internal */
  _run(): void {
    step(this);
  }

  /** @internal */
  _futureDone(_future: FutureLike): void {
    this._loop._push(this);
  }

  /** @internal */
  _finish(value: unknown): void {
    this.#end();
    if (this._mustCancel) {
      // It asked for its own cancellation and returned before that reached it.
      this._mustCancel = false;
      super.cancel(this._cancelMessage);
    } else {
      this._value = value;
      this._state = "FINISHED";
      this._schedule();
    }
    if (watched) this.#watchedEnd(false);
    this._loop._closeStep(this);
  }

  /** @internal */
  _fail(error: unknown): void {
    this.#end();
    if (error instanceof CancelledError) {
      // The error carries the message; a second look makes one without.
      this._value = error;
      super.cancel();
    } else this._setFailure(error);
    if (watched) this.#watchedEnd(true);
    this._loop._closeStep(this);
    if (isExit(error)) throw error;
  }

  /** Tells the instrument, and in debug mode of a request to cancel that was lost. */
  #watchedEnd(thrown: boolean): void {
    if (hooked) debug!.instruments.finished(this as Task<unknown>);
    if (thrown || this._cancelCount === 0 || this._state !== "FINISHED") return;
    if (!this._loop.getDebug()) return;
    logger.warning(
      `${this} was cancelled and returned all the same: a catch took the ` +
        "CancelledError and did not throw it again; call uncancel() where that is " +
        "meant",
    );
  }

  #end(): void {
    _unregisterTask(this);
    if (this._unlisten !== null) {
      this._unlisten();
      this._unlisten = null;
    }
  }

  #listen(signal: AbortSignal): void {
    const cancel = () => {
      this.cancel(abortMessage(signal));
    };
    if (signal.aborted) {
      cancel();
      return;
    }
    signal.addEventListener("abort", cancel, { once: true });
    this._unlisten = () => signal.removeEventListener("abort", cancel);
  }

  /** @internal */
  override _info(): string[] {
    return wordsOfTask(this as Task<unknown>, super._info());
  }
}

// As in Future: what few tasks need is no field of each.
Object.assign(Task.prototype, {
  _thrown: NONE,
  _cancelRequest: undefined,
  _abort: null,
  _unlisten: null,
});

/**
 * What a CancelledError says that an AbortSignal caused.
 *
 * @internal
 */
export function abortMessage(signal: AbortSignal): string {
  const { reason } = signal;
  if (reason instanceof Error) return reason.message;
  return typeof reason === "string" ? reason : textOf(reason);
}

/** The error for something that is no coroutine. */
function noCoroutine(coro: unknown): TypeError {
  if (typeof (coro as PromiseLike<unknown> | null)?.then === "function") {
    return new TypeError(
      "a coroutine was expected, got a Promise, which runs already: pass the " +
        "async function itself, as in createTask(() => work()), or use " +
        "ensureFuture(promise)",
    );
  }
  return new TypeError(
    `a coroutine was expected, got ${
      coro === null
        ? "null"
        : typeof coro === "object"
        ? `${coro}`
        : typeof coro
    }`,
  );
}

/**
 * The tasks of a loop that run, strongly held: a task that nobody keeps must not be
 * collected half-way. A ring, since a Set costs as much as the rest of a spawn.
 */
interface TaskList {
  first: Task<unknown> | null;
  /** Task-like objects of others, without our links. */
  others: Set<Future<unknown>> | null;
}

const lists = new WeakMap<AbstractEventLoop, TaskList>();
// One loop runs at a time, so the last list asked for is nearly always right.
let lastLoop: AbstractEventLoop | null = null;
let lastList: TaskList | null = null;

function listOf(loop: AbstractEventLoop): TaskList {
  if (loop === lastLoop) return lastList!;
  let list = lists.get(loop);
  if (list === undefined) lists.set(loop, list = { first: null, others: null });
  lastLoop = loop;
  return lastList = list;
}

/** Puts a task on its loop's list; for implementers of tasks. */
export function _registerTask(task: Future<unknown>): void {
  const list = listOf(task._loop);
  if (!(task instanceof Task)) {
    (list.others ??= new Set()).add(task);
    return;
  }
  if (task._before !== null || list.first === task) return;
  const { first } = list;
  task._after = first;
  if (first !== null) first._before = task;
  list.first = task;
}

/** Takes a task off its loop's list; for implementers of tasks. */
export function _unregisterTask(task: Future<unknown>): void {
  const list = listOf(task._loop);
  if (!(task instanceof Task)) {
    list.others?.delete(task);
    return;
  }
  const { _before: before, _after: after } = task;
  if (before !== null) before._after = after;
  else if (list.first === task) list.first = after;
  else return;
  if (after !== null) after._before = before;
  task._before = null;
  task._after = null;
}

/** As {@linkcode _registerTask}, for a task that is being started eagerly. */
export function _registerEagerTask(task: Future<unknown>): void {
  _registerTask(task);
}

/** As {@linkcode _unregisterTask}, for a task that was being started eagerly. */
export function _unregisterEagerTask(task: Future<unknown>): void {
  _unregisterTask(task);
}

/** Whether something synchronous ran when a task was entered by hand. */
let syncBefore = false;

/** The current task as the register functions see it. */
function current(): Future<unknown> | null {
  return stepOwner() as Future<unknown> | null;
}

/**
 * Makes a task the current one; for implementers of tasks.
 *
 * @throws RuntimeError When another is.
 */
export function _enterTask(
  _loop: AbstractEventLoop,
  task: Future<unknown>,
): void {
  const entered = current();
  if (entered !== null) {
    throw new RuntimeError(
      `Cannot enter into task ${task} while another task ${entered} is being ` +
        "executed.",
    );
  }
  syncBefore = state.sync;
  state.sync = true;
  state.task = task as unknown as StepOwner;
}

/**
 * Ends what {@linkcode _enterTask} began.
 *
 * @throws RuntimeError When the task is not the current one.
 */
export function _leaveTask(
  _loop: AbstractEventLoop,
  task: Future<unknown>,
): void {
  const entered = current();
  if (entered !== task) {
    throw new RuntimeError(
      `Invalid attempt to leave task ${task} while task ${entered} is entered.`,
    );
  }
  state.task = null;
  state.sync = syncBefore;
}

/**
 * Makes a task the current one and returns the one before; for implementers.
 *
 * @param _loop The loop.
 * @param task The task, or null for none.
 * @returns The task that was current, or null.
 */
export function _swapCurrentTask(
  _loop: AbstractEventLoop,
  task: Future<unknown> | null,
): Future<unknown> | null {
  const before = current();
  if (task === null) state.sync = syncBefore;
  else {
    if (before === null) syncBefore = state.sync;
    state.sync = true;
  }
  state.task = task as unknown as StepOwner | null;
  return before;
}

/**
 * The task that the running code belongs to.
 *
 * @param loop The loop; the running one unless given.
 * @returns The task, or null in a callback.
 * @throws RuntimeError When no loop runs and none is given.
 */
export function currentTask(loop?: AbstractEventLoop): Task<unknown> | null {
  const which = loop ?? getRunningLoop();
  const owner = stepOwner();
  return owner !== null && owner.getLoop() === which
    ? owner as Task<unknown>
    : null;
}

/**
 * The tasks of a loop that have not ended.
 *
 * @param loop The loop; the running one unless given.
 * @returns The tasks, in the order in which they were made.
 * @throws RuntimeError When no loop runs and none is given.
 */
export function allTasks(loop?: AbstractEventLoop): Set<Task<unknown>> {
  const { first, others } = listOf(loop ?? getRunningLoop());
  const tasks: Task<unknown>[] = [];
  for (let task = first; task !== null; task = task._after) tasks.push(task);
  tasks.reverse();
  for (const task of others ?? []) {
    if (!task.done()) tasks.push(task as Task<unknown>);
  }
  return new Set(tasks);
}
