/**
 * The loop core: what every loop of every platform shares.
 *
 * @module
 */

import { platform as host } from "./_platform/mod.ts";
import type { Platform } from "./_platform/types.ts";
import type { Awaitable, Coro, TaskOptions } from "./coroutines.ts";
import {
  type AnyCoroutine,
  Coroutine,
  isCoroutine,
  isCoroutineFunction,
} from "./coroutines.ts";
import {
  _getRunningLoop,
  _setRunningLoop,
  AbstractEventLoop,
  type Callback,
  type ExceptionContext,
  type ExceptionHandler,
  type Executor,
  Handle,
  isExit,
  registerDefaultLoop,
  type Runnable,
  type TaskFactory,
  TimerHandle,
} from "./events.ts";
import { captureCancelStacks, realCancellation } from "./_base_exceptions.ts";
import { RuntimeError, TimeoutError } from "./exceptions.ts";
import { formatFrames, shortRepr, type StackFrame } from "./format_helpers.ts";
import { Future, wrapFuture } from "./futures.ts";
import { isFuture } from "./base_futures.ts";
import { logger } from "./log.ts";
import { reportLost } from "./_lost.ts";
import { LoopDriver } from "./_driver.ts";
import { ensureFuture, gather, Task } from "./tasks.ts";
import type { StepOwner } from "./_state.ts";
import { timeout as timeoutBlock } from "./timeouts.ts";

/** The longest that a loop sleeps in one go, in seconds: a day. */
export const MAXIMUM_SELECT_TIMEOUT: number = 24 * 3600;

/** Options of a {@linkcode BaseEventLoop}. */
export interface LoopOptions {
  /**
   * Clock, wake-ups and operating system; the runtime's unless given.
   *
   * @internal
   */
  platform?: Platform | undefined;
}

/** Makes the default executor when it is first needed, from the layer above. */
let executorFactory: (() => Executor) | null = null;

/**
 * Names the default executor of this platform, from the layer above.
 *
 * @internal
 */
export function registerDefaultExecutor(factory: () => Executor): void {
  executorFactory = factory;
}

/**
 * An event loop without I/O: callbacks, timers, futures, tasks. The loops with
 * sockets and pipes extend it.
 */
export class BaseEventLoop extends AbstractEventLoop {
  /** How long a callback may take before debug mode reports it, in seconds. */
  slowCallbackDuration = 0.1;
  /** @internal */
  readonly _platform: Platform;
  /**
   * The async generators that run on it.
   *
   * @internal
   */
  readonly _asyncgens: Set<AsyncGenerator<unknown, unknown, unknown>> =
    new Set();
  readonly #driver: LoopDriver;
  /** The options of a plain future or task: one object for all of them. */
  readonly #noOptions = { loop: this };
  #closed = false;
  #debug: boolean;
  #taskFactory: TaskFactory | null = null;
  #exceptionHandler: ExceptionHandler | null = null;
  #executor: Executor | null = null;
  #executorShutdown = false;
  #asyncgensShutdown = false;

  /**
   * Makes a loop that is not running yet.
   *
   * @param options `platform`: what it runs on; for tests.
   */
  constructor(options?: LoopOptions) {
    super();
    this._platform = options?.platform ?? host;
    this.#driver = new LoopDriver(this, this._platform);
    this.#debug = debugFromEnvironment(this._platform);
  }

  /** Shows its state. */
  override toString(): string {
    return `<${this.constructor.name} running=${this.isRunning()} ` +
      `closed=${this.#closed} debug=${this.#debug}>`;
  }

  // Running

  /**
   * Runs until {@linkcode BaseEventLoop.stop} is called; if that was called
   * before, for one iteration.
   *
   * @returns A promise that settles when the loop has stopped.
   * @throws RuntimeError When it is closed, or a loop runs already.
   */
  // deno-lint-ignore require-await
  override async runForever(): Promise<void> {
    this.#checkClosed();
    this.#checkRunning();
    _setRunningLoop(this);
    // One loop runs at a time, so its mode is the thread's.
    captureCancelStacks(this.#debug);
    return this.#driver.run(() => {
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
    this.#checkClosed();
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
    this.#driver.clear();
    this.#executorShutdown = true;
    const executor = this.#executor;
    this.#executor = null;
    if (executor !== null) void executor.shutdown({ wait: false });
    reportLost(this);
  }

  #checkClosed(): void {
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
    this.#checkClosed();
    checkCallback(callback, "callSoon");
    const handle = new Handle(callback as Callback, args, this);
    this.#driver.push(handle);
    return handle;
  }

  /** As {@linkcode BaseEventLoop.callSoon}; it wakes an idle loop in any case. */
  override callSoonThreadsafe<A extends unknown[]>(
    callback: Callback<A>,
    ...args: A
  ): Handle {
    this.#checkClosed();
    checkCallback(callback, "callSoonThreadsafe");
    const handle = new Handle(callback as Callback, args, this);
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
   * Calls a function at a time of {@linkcode BaseEventLoop.time}.
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

  #schedule(
    when: number,
    callback: Callback,
    args: readonly unknown[],
  ): TimerHandle {
    this.#checkClosed();
    const timer = new TimerHandle(when, callback, args, this);
    this.#driver.schedule(timer);
    return timer;
  }

  /** The loop's clock, in seconds. */
  override time(): number {
    return this._platform.clock.now();
  }

  /** @internal */
  override _push(runnable: Runnable): void {
    if (this.#closed) throw new RuntimeError("Event loop is closed");
    this.#driver.push(runnable);
  }

  /** @internal */
  override _addTimer(timer: TimerHandle): void {
    this.#checkClosed();
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
    this.#checkClosed();
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
    const lines = [context.message || "Unhandled exception in event loop"];
    const { current } = this.#driver;
    if (
      context.sourceTraceback === undefined && current instanceof Handle &&
      current._sourceTraceback !== null
    ) context = { ...context, handleTraceback: current._sourceTraceback };
    for (const key of Object.keys(context).sort()) {
      if (key === "message" || key === "exception") continue;
      const value = context[key];
      if (key.endsWith("Traceback")) {
        const what = key === "sourceTraceback"
          ? "Object created at (most recent call last):"
          : "Handle created at (most recent call last):";
        lines.push(`${key}: ${what}`);
        lines.push(formatFrames(value as readonly StackFrame[]));
      } else lines.push(`${key}: ${shortRepr(value)}`);
    }
    logger.error(lines.join("\n"), { exc: context.exception });
  }

  /** Tells the handler of an error that nobody can catch. It never throws. */
  override callExceptionHandler(context: ExceptionContext): void {
    const handler = this.#exceptionHandler;
    try {
      if (handler === null) this.defaultExceptionHandler(context);
      else this.#watchHandler(callInContext(this, handler, context), context);
    } catch (error) {
      if (isExit(error)) throw error;
      if (handler === null) {
        logger.error("Exception in default exception handler", { exc: error });
        return;
      }
      this.#handlerFailed(error, context);
    }
  }

  #handlerFailed(error: unknown, context: ExceptionContext): void {
    try {
      this.defaultExceptionHandler({
        message: "Unhandled error in exception handler",
        exception: error,
        context,
      });
    } catch (second) {
      if (isExit(second)) throw second;
      logger.error(
        "Exception in default exception handler while handling an " +
          "unexpected error in custom exception handler",
        { exc: second },
      );
    }
  }

  /** An async handler fails later, when nobody is there to catch it. */
  #watchHandler(result: unknown, context: ExceptionContext): void {
    if (!(result instanceof Promise)) return;
    result.then(undefined, (error) => {
      if (isExit(error)) this._fatal(error);
      else this.#handlerFailed(error, context);
    });
  }

  // Debug mode

  /** Whether debug mode is on. */
  override getDebug(): boolean {
    return this.#debug;
  }

  /** Turns debug mode on or off. */
  override setDebug(enabled: boolean): void {
    this.#debug = enabled;
    if (this.isRunning()) captureCancelStacks(enabled);
  }

  // Executors and async generators

  /** Chooses the executor that `runInExecutor(null, …)` uses. */
  override setDefaultExecutor(executor: Executor): void {
    if (typeof (executor as Executor | null)?.submit !== "function") {
      throw new TypeError(
        "executor must be ThreadPoolExecutor instance or have its submit() " +
          "method",
      );
    }
    this.#executor = executor;
  }

  /**
   * Runs a function in an executor.
   *
   * @param executor The executor, or null for the default one.
   * @param func What the executor runs.
   * @param args What it is called with.
   * @returns A future of its result.
   */
  override runInExecutor<T>(
    executor: Executor | null,
    func: unknown,
    ...args: unknown[]
  ): Future<T> {
    this.#checkClosed();
    if (executor === null) {
      if (this.#executorShutdown) {
        throw new RuntimeError("Executor shutdown has been called");
      }
      if (this.#executor === null) {
        if (executorFactory === null) {
          throw new RuntimeError(
            "Cannot run in the default executor: there is none; give one, or " +
              "set one with setDefaultExecutor()",
          );
        }
        this.#executor = executorFactory();
      }
      executor = this.#executor;
    }
    const submitted = executor.submit(func, ...args) as PromiseLike<T>;
    return wrapFuture(submitted, { loop: this });
  }

  /**
   * Ends the default executor and waits for it.
   *
   * @param timeout Seconds to wait at most; null for no limit.
   */
  override shutdownDefaultExecutor(
    timeout: number | null = null,
  ): Coroutine<void> {
    return new Coroutine<void>(this.#endExecutor.bind(this) as never, [
      timeout,
    ]);
  }

  *#endExecutor(timeout: number | null): Coro<void> {
    this.#executorShutdown = true;
    const executor = this.#executor;
    if (executor === null) return;
    const ended = Promise.resolve(executor.shutdown({ wait: true }));
    try {
      yield* timeoutBlock(timeout).with(function* () {
        yield* wrapFuture(ended);
      });
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
      logger.warning(
        "The executor did not finish joining its threads within " +
          `${timeout} seconds.`,
      );
      void executor.shutdown({ wait: false });
    }
  }

  /** Closes the async generators that are still open, and waits for that. */
  override shutdownAsyncgens(): Coroutine<void> {
    return new Coroutine<void>(this.#endAsyncgens.bind(this) as never);
  }

  *#endAsyncgens(): Coro<void> {
    this.#asyncgensShutdown = true;
    const open = [...this._asyncgens];
    if (open.length === 0) return;
    this._asyncgens.clear();
    const closing = open.map((gen) =>
      this.createTask(async () => void await gen.return(undefined))
    );
    yield* gather(closing, { returnExceptions: true });
    closing.forEach((task, i) => {
      if (task.cancelled() || !task._failed) return;
      this.callExceptionHandler({
        message: "an error occurred during closing of asynchronous generator " +
          String(open[i]),
        exception: task.exception(),
        asyncgen: open[i],
      });
    });
  }

  /**
   * Whether its async generators were shut down.
   *
   * @internal
   */
  get _asyncgensClosed(): boolean {
    return this.#asyncgensShutdown;
  }
}

/** Calls a handler in the context of what failed, where it has one. */
function callInContext(
  loop: AbstractEventLoop,
  handler: ExceptionHandler,
  context: ExceptionContext,
): unknown {
  const owner = context.task ?? context.future ?? context.handle;
  const own = owner instanceof Task || owner instanceof Handle
    ? owner.getContext()
    : null;
  return own === null || own._isEntered()
    ? handler(loop, context)
    : own.run(handler, loop, context);
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

function debugFromEnvironment(platform: Platform): boolean {
  const value = platform.os.env("ASYNCIO_DEBUG") ??
    platform.os.env("PYTHONASYNCIODEBUG");
  return value !== undefined && value !== "";
}

registerDefaultLoop(() => new BaseEventLoop());
