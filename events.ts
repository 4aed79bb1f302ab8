/**
 * Handles, the abstract event loop and server, and the functions that find a
 * loop: the running one, the one set for this thread, a new one.
 *
 * @example Callbacks
 * ```ts
 * import { getRunningLoop, run, sleep } from "@x/asyncio";
 *
 * await run(async () => {
 *   const loop = getRunningLoop();
 *   loop.callSoon(console.log, "soon");
 *   const timer = loop.callLater(3600, console.log, "never");
 *   await sleep(0.01);
 *   timer.cancel();
 * });
 * ```
 *
 * @module
 */

import { Context, snapshotContext } from "./contextvars.ts";
import {
  KeyboardInterrupt,
  NotImplementedError,
  RuntimeError,
  SystemExit,
} from "./exceptions.ts";
import { textOfCallback, textOfHandle } from "./_kernel/texts.ts";
import type { StackFrame } from "./format_helpers.ts";
import type { AnyCoroutine, TaskOptions } from "./coroutines.ts";
import type { AbstractChildWatcher } from "./_os/child_watchers.ts";
import type { Future } from "./futures.ts";
import type { Task } from "./tasks.ts";
import { originOf } from "./_debug/hooks.ts";
import type { Origin } from "./_debug/origins.ts";
import { state, stepOwner } from "./_kernel/state.ts";
import { AbstractEventLoop } from "./_kernel/abstract_loop.ts";
import { missing } from "./_kernel/missing.ts";

export { AbstractEventLoop };

/**
 * Whether an error must leave the loop rather than be reported.
 *
 * @internal
 */
export function isExit(error: unknown): boolean {
  return error instanceof KeyboardInterrupt || error instanceof SystemExit;
}

/**
 * What the ready queue holds: handles, tasks and suspended awaits.
 *
 * @internal
 */
export interface Runnable {
  /** Runs it; only KeyboardInterrupt and SystemExit may be thrown. */
  _run(): void;
}

/** A callback of a loop. */
// deno-lint-ignore no-explicit-any
export type Callback<A extends unknown[] = any[]> = (...args: A) => unknown;

/**
 * What an exception handler is told. `message` is always there; the other keys
 * depend on what failed.
 */
export interface ExceptionContext {
  /** What happened. */
  message: string;
  /** The error. */
  exception?: unknown;
  /** The future it belongs to. */
  future?: Future<unknown> | undefined;
  /** The task it belongs to. */
  task?: Task<unknown> | undefined;
  /** The handle whose callback failed. */
  handle?: Handle | undefined;
  /** The async generator that failed to close. */
  asyncgen?: unknown;
  /** Where the future or task was made, in debug mode. */
  sourceTraceback?: readonly StackFrame[];
  /** Where the callback was scheduled, in debug mode. */
  handleTraceback?: readonly StackFrame[];
  /** Whatever else a caller wants to hand over. */
  [key: string]: unknown;
}

/** Is told of errors that nobody can catch. */
export type ExceptionHandler = (
  loop: AbstractEventLoop,
  context: ExceptionContext,
) => void;

/** Makes the tasks of a loop in place of the Task constructor. */
export type TaskFactory = (
  loop: AbstractEventLoop,
  coro: AnyCoroutine<unknown>,
  options: TaskOptions,
) => Future<unknown>;

/** Runs functions outside the loop's thread. */
export interface Executor {
  /** Starts a call; the promise settles with its outcome. */
  // deno-lint-ignore no-explicit-any
  submit(fn: any, ...args: any[]): PromiseLike<any>;
  /** Takes no more calls; with `wait`, settles when all have ended. */
  shutdown(options?: { wait?: boolean }): PromiseLike<void> | void;
}

/** A scheduled callback, as `callSoon` returns it. */
export class Handle implements Runnable {
  /** @internal */
  _callback: Callback | null;
  /** @internal */
  _args: readonly unknown[] | null;
  /** @internal */
  readonly _loop: AbstractEventLoop;
  /**
   * Null stands for an empty context that nobody asked for.
   *
   * @internal
   */
  _context: Context | null;
  /** @internal */
  _cancelled = false;
  /** @internal */
  declare _origin: Origin | null;

  /**
   * Makes a handle; `callSoon` also queues it.
   *
   * @param callback What is called.
   * @param args What it is called with.
   * @param loop The loop that calls it.
   * @param context The context it runs in; a copy of the current one unless given.
   */
  constructor(
    callback: Callback,
    args: readonly unknown[],
    loop: AbstractEventLoop,
    context?: Context | null,
  ) {
    this._callback = callback;
    this._args = args;
    this._loop = loop;
    this._context = context === undefined ? snapshotContext() : context;
  }

  /**
   * Where it was made, in debug mode.
   *
   * @internal
   */
  get _sourceTraceback(): readonly StackFrame[] | null {
    return originOf(this, this._callback)?.frames ?? null;
  }

  /** Drops the callback; the loop will pass over it. */
  cancel(): void {
    if (this._cancelled) return;
    this._cancelled = true;
    this._callback = null;
    this._args = null;
  }

  /** Whether it was cancelled. */
  cancelled(): boolean {
    return this._cancelled;
  }

  /** The context that the callback runs in. */
  getContext(): Context {
    return this._context ??= new Context();
  }

  /** @internal */
  _run(): void {
    const callback = this._callback;
    if (callback === null) return;
    const args = this._args!;
    state.sync = true;
    state.task = null;
    state.context = this._context;
    let result: unknown;
    try {
      // The common arities without a spread, which costs more than the call.
      result = args.length === 0
        ? callback()
        : args.length === 1
        ? callback(args[0])
        : callback(...args);
    } catch (error) {
      if (isExit(error)) throw error;
      this._context = state.context;
      this._failed(error);
    } finally {
      state.sync = false;
      // Made meanwhile if the callback was the first to look at it.
      this._context = state.context;
      state.context = null;
    }
    if (result instanceof Promise) this._watch(result);
  }

  /** An async function as a callback: nobody else would hear of its error. */
  _watch(result: Promise<unknown>): void {
    result.then(undefined, (error) => {
      try {
        if (isExit(error)) throw error;
        this._failed(error);
      } catch (exit) {
        this._loop._fatal(exit);
      }
    });
  }

  /** @internal */
  _failed(error: unknown): void {
    const what = this._callback === null
      ? "a callback"
      : textOfCallback(this._callback, this._args ?? [], {
        debug: this._loop.getDebug(),
      });
    const context: ExceptionContext = {
      message: `Exception in callback ${what}`,
      exception: error,
      handle: this,
    };
    if (this._sourceTraceback !== null) {
      context.sourceTraceback = this._sourceTraceback;
    }
    this._loop.callExceptionHandler(context);
  }

  /** Shows the callback. */
  toString(): string {
    return textOfHandle(this);
  }
}

// Set in debug mode only, and by those who make handles for a program, since the
// constructor is too long for compilers as it is: no field of each.
Object.assign(Handle.prototype, { _origin: null });

let timerCount = 0;

/** A callback scheduled for a time, as `callLater` and `callAt` return it. */
export class TimerHandle extends Handle {
  /** @internal */
  readonly _when: number;
  /**
   * Orders equal deadlines as they were scheduled.
   *
   * @internal
   */
  readonly _seq: number;
  /**
   * Whether it stands in its loop's heap.
   *
   * @internal
   */
  _scheduled = false;

  /**
   * Makes a timer; `callAt` also schedules it.
   *
   * @param when The loop's time at which it is due, in seconds.
   * @param callback What is called.
   * @param args What it is called with.
   * @param loop The loop that calls it.
   * @param context The context it runs in; a copy of the current one unless given.
   */
  constructor(
    when: number,
    callback: Callback,
    args: readonly unknown[],
    loop: AbstractEventLoop,
    context?: Context | null,
  ) {
    super(callback, args, loop, context);
    this._when = when;
    this._seq = timerCount++;
  }

  /** Drops the callback and tells the loop, which sweeps its heap now and then. */
  override cancel(): void {
    if (!this._cancelled) this._loop._timerHandleCancelled(this);
    super.cancel();
  }

  /** The loop's time at which it is due, in seconds. */
  when(): number {
    return this._when;
  }

  /**
   * Orders timers by when they are due, then by when they were scheduled.
   *
   * @param other The other timer.
   * @returns A number below, at or above zero, as Array.prototype.sort takes it.
   */
  compare(other: TimerHandle): number {
    return this._when - other._when || this._seq - other._seq;
  }
}

/** What `createServer` returns. */
export abstract class AbstractServer {
  /** Stops listening; connections that are open stay open. */
  close(): void {
    throw missing(this, "close");
  }
  /** Closes the connections that are open. */
  closeClients(): void {
    throw missing(this, "closeClients");
  }
  /** Closes the open connections at once, without sending what is buffered. */
  abortClients(): void {
    throw missing(this, "abortClients");
  }
  /** The loop it belongs to. */
  getLoop(): AbstractEventLoop {
    throw missing(this, "getLoop");
  }
  /** Whether it accepts connections. */
  isServing(): boolean {
    throw missing(this, "isServing");
  }
  /** Starts accepting. */
  startServing(): PromiseLike<void> {
    throw missing(this, "startServing");
  }
  /** Accepts until it is cancelled or closed. */
  serveForever(): PromiseLike<void> {
    throw missing(this, "serveForever");
  }
  /** Waits until it is closed and its connections have ended. */
  waitClosed(): PromiseLike<void> {
    throw missing(this, "waitClosed");
  }
  /** Closes it and waits for that. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.waitClosed();
  }
}

/** Chooses loops for threads; what asyncio had up to 3.13. */
export abstract class AbstractEventLoopPolicy {
  /** The loop of this thread. */
  getEventLoop(): AbstractEventLoop {
    throw missing(this, "getEventLoop");
  }
  /** Sets the loop of this thread. */
  setEventLoop(_loop: AbstractEventLoop | null): void {
    throw missing(this, "setEventLoop");
  }
  /** Makes a loop. */
  newEventLoop(): AbstractEventLoop {
    throw missing(this, "newEventLoop");
  }
  /**
   * The watcher of child processes.
   *
   * @deprecated CPython has no child watchers any more since 3.14.
   */
  getChildWatcher(): AbstractChildWatcher {
    throw missing(this, "getChildWatcher");
  }
  /**
   * Sets the watcher of child processes.
   *
   * @deprecated CPython has no child watchers any more since 3.14.
   */
  setChildWatcher(_watcher: AbstractChildWatcher | null): void {
    throw missing(this, "setChildWatcher");
  }
}

let defaultFactory: (() => AbstractEventLoop) | null = null;

/**
 * Names the loop class of this platform, from the layer above.
 *
 * @internal
 */
export function registerDefaultLoop(factory: () => AbstractEventLoop): void {
  defaultFactory = factory;
}

let defaultPolicy: (() => AbstractEventLoopPolicy) | null = null;

/**
 * Names the policy of this platform, from the layer above.
 *
 * @internal
 */
export function registerDefaultPolicy(
  factory: () => AbstractEventLoopPolicy,
): void {
  defaultPolicy = factory;
}

/** The policy in use unless another is set: one loop per thread, set by hand. */
export class BaseDefaultEventLoopPolicy extends AbstractEventLoopPolicy {
  #loop: AbstractEventLoop | null = null;

  /** The loop that was set for this thread. */
  override getEventLoop(): AbstractEventLoop {
    if (this.#loop === null) {
      throw new RuntimeError(
        "There is no current event loop in this thread: use run(), or call " +
          "setEventLoop(newEventLoop()) first",
      );
    }
    return this.#loop;
  }

  /** Sets the loop of this thread; null for none. */
  override setEventLoop(loop: AbstractEventLoop | null): void {
    if (loop !== null && !(loop instanceof AbstractEventLoop)) {
      throw new TypeError(
        "loop must be an instance of AbstractEventLoop or null, not " +
          `'${typeof loop}'`,
      );
    }
    this.#loop = loop;
  }

  /** Makes the default loop of this platform. */
  override newEventLoop(): AbstractEventLoop {
    if (defaultFactory === null) {
      throw new NotImplementedError(
        "Cannot make an event loop: no loop class is loaded; import " +
          '"@x/asyncio" or "@x/asyncio/base_events"',
      );
    }
    return defaultFactory();
  }
}

let policy: AbstractEventLoopPolicy | null = null;

/** The policy in use. */
export function getEventLoopPolicy(): AbstractEventLoopPolicy {
  return policy ??= defaultPolicy?.() ?? new BaseDefaultEventLoopPolicy();
}

/**
 * Chooses the policy.
 *
 * @param newPolicy The policy; null for the default one.
 */
export function setEventLoopPolicy(
  newPolicy: AbstractEventLoopPolicy | null,
): void {
  if (newPolicy !== null && !(newPolicy instanceof AbstractEventLoopPolicy)) {
    throw new TypeError(
      "policy must be an instance of AbstractEventLoopPolicy or null, not " +
        `'${typeof newPolicy}'`,
    );
  }
  policy = newPolicy;
}

/** The running loop of this thread, or null. */
export function _getRunningLoop(): AbstractEventLoop | null {
  return state.loop;
}

/** Sets the running loop of this thread; for implementers of loops. */
export function _setRunningLoop(loop: AbstractEventLoop | null): void {
  state.loop = loop;
}

/**
 * The running loop of this thread.
 *
 * @returns The loop.
 * @throws RuntimeError When no loop runs.
 */
export function getRunningLoop(): AbstractEventLoop {
  if (state.loop === null) throw new RuntimeError("no running event loop");
  return state.loop;
}

/**
 * The running loop, else that of the task which the code belongs to (a foreign
 * promise may resume a task between two runs), else the one set for this thread.
 *
 * @returns The loop.
 * @throws RuntimeError When there is neither.
 */
export function getEventLoop(): AbstractEventLoop {
  return state.loop ?? stepOwner()?.getLoop() ??
    getEventLoopPolicy().getEventLoop();
}

/** Sets the loop of this thread for {@linkcode getEventLoop}; null for none. */
export function setEventLoop(loop: AbstractEventLoop | null): void {
  getEventLoopPolicy().setEventLoop(loop);
}

/** Makes a loop of the policy's kind. */
export function newEventLoop(): AbstractEventLoop {
  return getEventLoopPolicy().newEventLoop();
}

/**
 * The policy's watcher of child processes.
 *
 * @returns The watcher.
 * @throws {NotImplementedError} If the policy has none, as on Windows.
 *
 * @deprecated CPython has no child watchers any more since 3.14.
 */
export function getChildWatcher(): AbstractChildWatcher {
  return getEventLoopPolicy().getChildWatcher();
}

/**
 * Sets the policy's watcher of child processes.
 *
 * @param watcher The watcher; null for the default one.
 * @throws {NotImplementedError} If the policy has none, as on Windows.
 *
 * @deprecated CPython has no child watchers any more since 3.14.
 */
export function setChildWatcher(watcher: AbstractChildWatcher | null): void {
  getEventLoopPolicy().setChildWatcher(watcher);
}
