/** The kernel of a loop: running, callbacks, timers, futures, tasks and reports. */

import { platform as host } from "../_platform/mod.ts";
import type { Platform } from "../_platform/types.ts";
import type { Awaitable, TaskOptions } from "../coroutines.ts";
import {
  type AnyCoroutine,
  isCoroutine,
  isCoroutineFunction,
} from "../coroutines.ts";
import {
  _getRunningLoop,
  _setRunningLoop,
  AbstractEventLoop,
  type Callback,
  type ExceptionContext,
  type ExceptionHandler,
  Handle,
  isExit,
  type Runnable,
  type TaskFactory,
  TimerHandle,
} from "../events.ts";
import { realCancellation } from "./base_exceptions.ts";
import { RuntimeError } from "../exceptions.ts";
import { Future } from "../futures.ts";
import { isFuture } from "../base_futures.ts";
import { reportLost } from "./lost.ts";
import { debug } from "../_debug/hooks.ts";
import { needHooks } from "../_debug/need.ts";
import { noteTraced } from "../_debug/switches.ts";
import { type Instruments, LoopDriver } from "./driver.ts";
import { logReport, report } from "./loop_reports.ts";
import { ensureFuture, Task } from "../tasks.ts";
import { state, type StepOwner } from "./state.ts";

/** Options of a loop. */
export interface LoopOptions {
  /**
   * Clock, wake-ups and operating system; the runtime's unless given.
   *
   * @internal
   */
  platform?: Platform | undefined;
  /**
   * Queues and ears of a test; none unless given.
   *
   * @internal
   */
  instruments?: Instruments | undefined;
}

/**
 * What every loop has but what it does with the outside world.
 *
 * @internal
 */
export class LoopCore extends AbstractEventLoop {
  /** How long a callback may take before debug mode reports it, in seconds. */
  slowCallbackDuration = 0.1;
  /** @internal */
  readonly _platform: Platform;
  /**
   * What has to be closed with it.
   *
   * @internal
   */
  _open: { close(): void } | null = null;
  readonly #driver: LoopDriver;
  /** The options of a plain future or task: one object for all of them. */
  readonly #noOptions = { loop: this };
  #closed = false;
  #debug: boolean;
  /** It is closed or in debug mode: who gives it work is looked at. */
  #careful: boolean;
  #taskFactory: TaskFactory | null = null;
  #exceptionHandler: ExceptionHandler | null = null;

  /**
   * Makes a loop that is not running yet.
   *
   * @param options `platform`: what it runs on; for tests.
   */
  constructor(options?: LoopOptions) {
    super();
    this._platform = options?.platform ?? host;
    this.#driver = new LoopDriver(
      this,
      this._platform,
      options?.instruments ?? null,
    );
    this.#debug = debug?.isWanted(this._platform) ?? false;
    this.#careful = this.#debug;
    if (this.#debug) startTracing();
  }

  /** Shows its state. */
  override toString(): string {
    return `<${this.constructor.name} running=${this.isRunning()} ` +
      `closed=${this.#closed} debug=${this.#debug}>`;
  }

  // Running

  /**
   * Runs until {@linkcode AbstractEventLoop.stop} is called; if that was called
   * before, for one iteration.
   *
   * @returns A promise that settles when the loop has stopped.
   * @throws RuntimeError When it is closed, or a loop runs already.
   */
  // deno-lint-ignore require-await
  override async runForever(): Promise<void> {
    this._checkClosed();
    this.#checkRunning();
    _setRunningLoop(this);
    // One loop runs at a time, so its mode is the thread's.
    debug?.setMode(this.#debug);
    return this.#driver.run(() => {
      debug?.ended();
      if (_getRunningLoop() === this) _setRunningLoop(null);
    });
  }

  /**
   * Runs until an awaitable is done.
   *
   * @param future The awaitable; a coroutine becomes a task.
   * @returns Its result.
   * @throws RuntimeError When the loop is stopped before.
   */
  override async runUntilComplete<T>(future: Awaitable<T>): Promise<T> {
    this._checkClosed();
    this.#checkRunning();
    const made = !isFuture(future);
    const awaited = ensureFuture(future, { loop: this }) as Future<T>;
    const stop = (done: Future<T>) => {
      // An exit leaves the loop by itself.
      if (!done.cancelled() && isExit(done.exception())) return;
      done.getLoop().stop();
    };
    awaited.addDoneCallback(stop);
    try {
      await this.runForever();
    } catch (error) {
      // The error that ended the run is the one to report.
      if (made && awaited.done()) awaited._seen();
      throw error;
    } finally {
      awaited.removeDoneCallback(stop);
    }
    if (!awaited.done()) {
      throw new RuntimeError("Event loop stopped before Future completed.");
    }
    if (awaited.cancelled()) {
      throw realCancellation(awaited._makeCancelledError());
    }
    return awaited.result();
  }

  /** Ends the run after the current iteration. */
  override stop(): void {
    this.#driver.stop();
  }

  /** Whether it runs. */
  override isRunning(): boolean {
    return this.#driver.running;
  }

  /** Whether it was closed. */
  override isClosed(): boolean {
    return this.#closed;
  }

  /**
   * Drops what is scheduled. Errors of futures that nobody looked at are reported
   * now.
   *
   * @throws RuntimeError While it runs.
   */
  override close(): void {
    if (this.isRunning()) {
      throw new RuntimeError("Cannot close a running event loop");
    }
    if (this.#closed) return;
    this.#closed = true;
    this.#careful = true;
    this.#driver.clear();
    this._dropExecutor();
    reportLost(this);
    debug?.reportUnawaited(this);
    this._open?.close();
  }

  /** @internal */
  _dropExecutor(): void {}

  /** @internal */
  _checkClosed(): void {
    if (this.#closed) throw new RuntimeError("Event loop is closed");
  }

  #checkRunning(): void {
    if (this.isRunning()) {
      throw new RuntimeError("This event loop is already running");
    }
    if (_getRunningLoop() !== null) {
      throw new RuntimeError(
        "Cannot run the event loop while another loop is running",
      );
    }
  }

  // Callbacks

  /**
   * Calls a function in the next iteration, in a copy of the current context.
   *
   * @param callback The function.
   * @param args What it is called with.
   * @returns A handle to cancel it.
   */
  override callSoon<A extends unknown[]>(
    callback: Callback<A>,
    ...args: A
  ): Handle {
    if (this.#careful) this.#look();
    checkCallback(callback, "callSoon");
    const handle = new Handle(callback as Callback, args, this);
    if (this.#careful) debug?.trace(handle, this, callback);
    this.#driver.push(handle);
    return handle;
  }

  /** As {@linkcode AbstractEventLoop.callSoon}; it wakes an idle loop in any case. */
  override callSoonThreadsafe<A extends unknown[]>(
    callback: Callback<A>,
    ...args: A
  ): Handle {
    this._checkClosed();
    checkCallback(callback, "callSoonThreadsafe");
    const handle = new Handle(callback as Callback, args, this);
    if (this.#careful) debug?.trace(handle, this, callback);
    this.#driver.push(handle);
    return handle;
  }

  /**
   * Calls a function after a delay.
   *
   * @param delay Seconds; negative ones count as past.
   * @param callback The function.
   * @param args What it is called with.
   * @returns A handle to cancel it.
   */
  override callLater<A extends unknown[]>(
    delay: number,
    callback: Callback<A>,
    ...args: A
  ): TimerHandle {
    checkTime(delay, "delay");
    checkCallback(callback, "callLater");
    return this.#schedule(this.time() + delay, callback as Callback, args);
  }

  /**
   * Calls a function at a time of {@linkcode AbstractEventLoop.time}.
   *
   * @param when Seconds.
   * @param callback The function.
   * @param args What it is called with.
   * @returns A handle to cancel it.
   */
  override callAt<A extends unknown[]>(
    when: number,
    callback: Callback<A>,
    ...args: A
  ): TimerHandle {
    checkTime(when, "when");
    checkCallback(callback, "callAt");
    return this.#schedule(when, callback as Callback, args);
  }

  /** It is given work. */
  #look(): void {
    this._checkClosed();
    if (state.loop !== this) debug?.checkPlace(this);
  }

  #schedule(
    when: number,
    callback: Callback,
    args: readonly unknown[],
  ): TimerHandle {
    if (this.#careful) this.#look();
    const timer = new TimerHandle(when, callback, args, this);
    if (this.#careful) debug?.trace(timer, this, callback);
    this.#driver.schedule(timer);
    return timer;
  }

  /** The loop's clock, in seconds. */
  override time(): number {
    return this._platform.clock.now();
  }

  /** @internal */
  override _push(runnable: Runnable): void {
    if (this.#careful) this.#look();
    this.#driver.push(runnable);
  }

  /** @internal */
  override _addTimer(timer: TimerHandle): void {
    if (this.#careful) this.#look();
    this.#driver.schedule(timer);
  }

  /** @internal */
  override _timerHandleCancelled(handle: TimerHandle): void {
    this.#driver.timers.noteCancelled(handle);
  }

  /** @internal */
  override _openStep(owner: StepOwner): void {
    this.#driver.openStep(owner);
  }

  /** @internal */
  override _closeStep(owner: StepOwner): void {
    this.#driver.closeStep(owner);
  }

  /** @internal */
  override _fatal(error: unknown): void {
    this.#driver.fail(error);
  }

  // Futures and tasks

  /** Makes a future of this loop. */
  override createFuture<T>(): Future<T> {
    return new Future<T>(this.#noOptions);
  }

  /**
   * Makes a task of this loop.
   *
   * @param coro What it runs.
   * @param options See {@linkcode TaskOptions}.
   * @returns The task.
   */
  override createTask<T>(
    coro: AnyCoroutine<T>,
    options?: TaskOptions,
  ): Task<T> {
    this._checkClosed();
    if (this.#taskFactory !== null) {
      return this.#taskFactory(this, coro, options ?? {}) as Task<T>;
    }
    return new Task<T>(
      coro,
      options === undefined ? this.#noOptions : { ...options, loop: this },
    );
  }

  /** Chooses what makes the loop's tasks; null for the Task class. */
  override setTaskFactory(factory: TaskFactory | null): void {
    if (factory !== null && typeof factory !== "function") {
      throw new TypeError("task factory must be a callable or null");
    }
    this.#taskFactory = factory;
  }

  /** What makes the loop's tasks, or null for the Task class. */
  override getTaskFactory(): TaskFactory | null {
    return this.#taskFactory;
  }

  // Errors

  /** Chooses who is told of errors that nobody can catch; null for the default. */
  override setExceptionHandler(handler: ExceptionHandler | null): void {
    if (handler !== null && typeof handler !== "function") {
      throw new TypeError(
        `A callable object or null is expected, got ${typeof handler}`,
      );
    }
    this.#exceptionHandler = handler;
  }

  /** The handler that was set, or null. */
  override getExceptionHandler(): ExceptionHandler | null {
    return this.#exceptionHandler;
  }

  /** Logs an error that nobody can catch, with all that is known of it. */
  override defaultExceptionHandler(context: ExceptionContext): void {
    logReport(context, this.#driver.current);
  }

  /** Tells the handler of an error that nobody can catch. It never throws. */
  override callExceptionHandler(context: ExceptionContext): void {
    report(this, this.#exceptionHandler, context);
  }

  // Debug mode

  /** Whether debug mode is on. */
  override getDebug(): boolean {
    return this.#debug;
  }

  /** Turns debug mode on or off. */
  override setDebug(enabled: boolean): void {
    if (enabled) startTracing();
    this.#debug = enabled;
    this.#careful = enabled || this.#closed;
    if (this.isRunning()) debug?.setMode(enabled);
  }
}

/** From here on there is a loop in debug mode. */
function startTracing(): void {
  needHooks("turn debug mode on");
  noteTraced();
}

function checkCallback(callback: unknown, method: string): void {
  if (isCoroutine(callback) || isCoroutineFunction(callback)) {
    throw new TypeError(
      `coroutines cannot be used with ${method}(): make a task of it, with ` +
        "createTask()",
    );
  }
  if (typeof callback !== "function") {
    throw new TypeError(
      `a callable object was expected by ${method}(), got ${
        callback === null ? "null" : typeof callback
      }`,
    );
  }
}

function checkTime(time: unknown, what: string): void {
  if (typeof time !== "number") {
    throw new TypeError(
      `${what} cannot be ${time}: a number of seconds is needed`,
    );
  }
  if (Number.isNaN(time)) {
    throw new RangeError(`Invalid ${what}: NaN (not a number)`);
  }
}
