/**
 * `run` and `Runner`: the way into a program, with Ctrl-C handling, and out of it
 * with everything closed.
 *
 * @example A program
 * ```ts
 * import { run, sleep } from "@x/asyncio";
 *
 * const result = await run(async () => {
 *   await sleep(0.01);
 *   return "done";
 * });
 * console.log(result);
 * ```
 *
 * @module
 */

import { THREAD_JOIN_TIMEOUT } from "./constants.ts";
import { type Context, copyContext } from "./contextvars.ts";
import {
  type AnyCoroutine,
  type Awaitable,
  type Coro,
  isCoroutine,
} from "./coroutines.ts";
import {
  _getRunningLoop,
  type AbstractEventLoop,
  newEventLoop,
  setEventLoop,
} from "./events.ts";
import { RuntimeError } from "./exceptions.ts";
import { needHooks } from "./_debug/need.ts";
import type { Instrument } from "./_debug/instruments.ts";
// For the loop that newEventLoop makes, which it registers.
import "./_os/events.ts";
import {
  abandonAll,
  onTheWayOut,
  processOf,
  type RunProcess,
} from "./_os/process_runs.ts";
import { allEnded } from "./_tasks/all_ended.ts";
import { allTasks, ensureFuture, type Task } from "./tasks.ts";

/** Options of {@linkcode run} and {@linkcode Runner}. */
export interface RunnerOptions {
  /** Turns the loop's debug mode on or off; the loop decides unless given. */
  debug?: boolean | undefined;
  /** Makes the loop; {@linkcode newEventLoop} unless given. */
  loopFactory?: (() => AbstractEventLoop) | undefined;
  /**
   * Is told what tasks and callbacks do, until the runner is closed. An addition to
   * asyncio.
   */
  instrument?: Instrument | undefined;
  /**
   * Whether the commands `ps` and `pstree` of `@x/asyncio/main` may look at its tasks
   * from other processes of the same user, and SIGQUIT prints them; as the
   * environment variable ASYNCIO_INSPECT says unless given. An addition to asyncio.
   */
  inspectable?: boolean | undefined;
}

/** Options of {@linkcode Runner.run}. */
export interface RunOptions {
  /** The context the coroutine runs in; the runner's own unless given. */
  context?: Context | null | undefined;
}

type State = "created" | "initialized" | "closed";

/**
 * Runs several coroutines one after another in one loop and one context, then
 * closes the loop with all that still runs in it.
 *
 * While it runs a coroutine in the main thread, Ctrl-C (SIGINT) cancels that
 * coroutine's task; when the task ends by it, `run` throws
 * {@linkcode KeyboardInterrupt}. A second Ctrl-C makes it throw at once, whatever
 * the task does. A program that does not catch the error ends by SIGINT, as
 * programs do without a handler (the shell sees 130). Where a listener for SIGINT
 * stands already, it is left alone; one that the loop's `addSignalHandler` adds later
 * takes the runner's place.
 *
 * @example Two runs that share a context
 * ```ts
 * import { ContextVar, Runner } from "@x/asyncio";
 *
 * const user = new ContextVar<string>("user");
 * await using runner = new Runner();
 * await runner.run(async () => void user.set("ann"));
 * console.log(await runner.run(async () => user.get())); // "ann"
 * ```
 */
export class Runner {
  #state: State = "created";
  readonly #debug: boolean | undefined;
  readonly #loopFactory: (() => AbstractEventLoop) | undefined;
  readonly #instrument: Instrument | undefined;
  readonly #process: RunProcess | null;
  /** Puts back the instrument that was set before. */
  #withdraw: (() => void) | null = null;
  #loop: AbstractEventLoop | null = null;
  #context: Context | null = null;
  #setLoop = false;
  #closing: Promise<void> | null = null;

  /**
   * Makes a runner; its loop is made when it is first needed.
   *
   * @param options See {@linkcode RunnerOptions}.
   */
  constructor(options?: RunnerOptions) {
    this.#debug = options?.debug;
    this.#loopFactory = options?.loopFactory;
    this.#instrument = options?.instrument;
    this.#process = processOf(options?.inspectable);
  }

  /**
   * Runs a coroutine until it is done.
   *
   * @param coro A coroutine, a function that makes one (called as the first step
   * of the task), or anything else that can be awaited.
   * @param options `context`: the context it runs in.
   * @returns Its result.
   * @throws RuntimeError When a loop runs already, or the runner is closed.
   * @throws TypeError When `coro` is nothing that can be awaited.
   * @throws KeyboardInterrupt When Ctrl-C ended it.
   */
  async run<T>(coro: Awaitable<T>, options?: RunOptions): Promise<T> {
    if (_getRunningLoop() !== null) {
      throw new RuntimeError(
        "Runner.run() cannot be called from a running event loop",
      );
    }
    const loop = this.#init();
    const ready = this.#process?.ready ?? null;
    if (ready !== null) await ready;
    const task = loop.createTask(toCoroutine(coro), {
      context: options?.context ?? this.#context,
    });
    const host = this.#process;
    host?.begin(loop, task);
    try {
      return await loop.runUntilComplete(task);
    } catch (error) {
      throw host === null ? error : host.failure(loop, task, error);
    } finally {
      host?.end();
    }
  }

  /**
   * The runner's loop; it is made when it is first needed.
   *
   * @throws RuntimeError When the runner is closed.
   */
  getLoop(): AbstractEventLoop {
    return this.#init();
  }

  /**
   * Cancels the tasks that are left and waits for them, closes async generators
   * and the default executor, then the loop. What goes wrong in a task on the way
   * is told to the loop's exception handler. Closing twice does nothing.
   *
   * After a second Ctrl-C nothing is waited for: tasks get a last number of
   * iterations, without timers and I/O.
   */
  async close(): Promise<void> {
    if (this.#state !== "initialized") return;
    this.#closing ??= this.#close(this.#loop!);
    try {
      await this.#closing;
    } finally {
      this.#closing = null;
    }
  }

  /** Closes it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #init(): AbstractEventLoop {
    if (this.#state === "closed") throw new RuntimeError("Runner is closed");
    if (this.#loop !== null) return this.#loop;
    let loop: AbstractEventLoop;
    if (this.#loopFactory === undefined) {
      loop = newEventLoop();
      setEventLoop(loop);
      this.#setLoop = true;
    } else loop = this.#loopFactory();
    if (this.#debug !== undefined) loop.setDebug(this.#debug);
    if (this.#instrument !== undefined) {
      const hooks = needHooks("set an instrument");
      const before = hooks.setInstrument(this.#instrument);
      this.#withdraw = () => void hooks.setInstrument(before);
    }
    this.#process?.opened(loop);
    this.#loop = loop;
    this.#context = copyContext();
    this.#state = "initialized";
    return loop;
  }

  async #close(loop: AbstractEventLoop): Promise<void> {
    try {
      if (this.#process?.cutShort) await abandonAll(loop, reportFailure);
      else {
        await cancelAll(loop);
        await loop.runUntilComplete(loop.shutdownAsyncgens());
        await loop.runUntilComplete(
          loop.shutdownDefaultExecutor(THREAD_JOIN_TIMEOUT),
        );
      }
    } finally {
      if (this.#setLoop) setEventLoop(null);
      this.#withdraw?.();
      this.#withdraw = null;
      this.#process?.closing();
      loop.close();
      this.#loop = null;
      this.#state = "closed";
    }
  }
}

/**
 * Runs a program's main coroutine in a new loop, and closes the loop afterwards
 * with all that still runs in it.
 *
 * Ctrl-C is handled as {@linkcode Runner} says: the first one cancels `main`, so
 * that its `finally` blocks run.
 *
 * @param main A coroutine, a function that makes one (called as the first step of
 * the task), or anything else that can be awaited.
 * @param options See {@linkcode RunnerOptions}.
 * @returns The result of `main`.
 * @throws RuntimeError When a loop runs already.
 * @throws TypeError When `main` is nothing that can be awaited.
 * @throws KeyboardInterrupt When Ctrl-C ended it.
 *
 * @example A program
 * ```ts
 * import { run, sleep } from "@x/asyncio";
 *
 * await run(async () => {
 *   console.log("hello");
 *   await sleep(0.01); // seconds
 *   console.log("world");
 * });
 * ```
 */
export async function run<T>(
  main: Awaitable<T>,
  options?: RunnerOptions,
): Promise<T> {
  if (_getRunningLoop() !== null) {
    throw new RuntimeError(
      "asyncio.run() cannot be called from a running event loop",
    );
  }
  const runner = new Runner(options);
  const loop = runner.getLoop();
  try {
    try {
      return await runner.run(main);
    } finally {
      await runner.close();
    }
  } catch (error) {
    // Told again: Bun hears of a rejection only soon after it was told.
    throw onTheWayOut(loop, error);
  }
}

function toCoroutine<T>(coro: Awaitable<T>): AnyCoroutine<T> {
  if (isCoroutine(coro) || typeof coro === "function") {
    return coro as AnyCoroutine<T>;
  }
  if (typeof (coro as PromiseLike<T> | null)?.then !== "function") {
    throw new TypeError(
      "An asyncio.Future, a coroutine or an awaitable is required",
    );
  }
  return wrapAwaitable(coro as PromiseLike<T>);
}

function* wrapAwaitable<T>(awaitable: PromiseLike<T>): Coro<T> {
  return (yield* ensureFuture(awaitable)) as T;
}

/** Cancels all tasks and waits until they have ended. */
async function cancelAll(loop: AbstractEventLoop): Promise<void> {
  const left = [...allTasks(loop)];
  if (left.length === 0) return;
  for (const task of left) task.cancel();
  await loop.runUntilComplete(allEnded(loop, left, null));
  for (const task of left) reportFailure(loop, task);
}

function reportFailure(loop: AbstractEventLoop, task: Task<unknown>): void {
  if (task.cancelled() || !task._failed) return;
  loop.callExceptionHandler({
    message: "unhandled exception during asyncio.run() shutdown",
    exception: task.exception(),
    task,
  });
}
