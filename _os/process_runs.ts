/**
 * What runs have to do with the process that they are in: Ctrl-C, exits that nobody
 * catches, and others that look at its tasks. A browser has none of it.
 */

import type { Inspector } from "../_debug/inspector.ts";
import type { Coro } from "../coroutines.ts";
import { type AbstractEventLoop, isExit } from "../events.ts";
import {
  CancelledError,
  KeyboardInterrupt,
  SystemExit,
} from "../exceptions.ts";
import type { Future } from "../futures.ts";
import { RunInterrupts } from "../_kernel/interrupts.ts";
import { logger } from "../log.ts";
import { platform } from "../_platform/mod.ts";
import type { Ending, Signals } from "../_platform/signals.ts";
import type { Platform } from "../_platform/types.ts";
import { allTasks, sleep, type Task } from "../tasks.ts";

/**
 * How many iterations the tasks that are left get after a second Ctrl-C. Enough
 * for a `finally` that hands over a lock or closes a few nested scopes; a task
 * that yields in a circle does not hold up the end.
 */
const LAST_ITERATIONS = 100;

/** What a runner does for its process. */
export interface RunProcess {
  /** The loop is there. */
  opened(loop: AbstractEventLoop): void;
  /** What a run waits for before it begins; null for nothing. */
  readonly ready: Promise<void> | null;
  /** The loop is about to be closed. */
  closing(): void;
  /** A run begins. */
  begin(loop: AbstractEventLoop, task: Task<unknown>): void;
  /** A run has failed: what it is to throw. */
  failure(
    loop: AbstractEventLoop,
    task: Task<unknown>,
    error: unknown,
  ): unknown;
  /** A run is over. */
  end(): void;
  /** Whether a second Ctrl-C ended the last run: nothing is to be waited for. */
  readonly cutShort: boolean;
}

/**
 * What a runner does for its process, or null where there is nothing to do.
 *
 * @param inspectable Whether others may look at its tasks; undefined for what the
 * environment says.
 */
export function processOf(inspectable: boolean | undefined): RunProcess | null {
  return new ProcessRuns(inspectable);
}

/** Whether the environment asks for others to look at the tasks. */
function isWanted(): boolean {
  const value = platform.os.env("ASYNCIO_INSPECT");
  return value !== undefined && value !== "" && value !== "0";
}

class ProcessRuns implements RunProcess {
  readonly #inspectable: boolean | undefined;
  #opening: Promise<void> | null = null;
  #inspector: Inspector | null = null;
  #watch: RunInterrupts | null = null;
  #interrupts = 0;
  cutShort = false;

  constructor(inspectable: boolean | undefined) {
    this.#inspectable = inspectable;
  }

  opened(loop: AbstractEventLoop): void {
    if (!(this.#inspectable ?? isWanted())) return;
    this.#opening = import("../_debug/inspector.ts").then(({ Inspector }) => {
      if (this.#opening !== null) this.#inspector = new Inspector(loop);
    }).catch((error) => {
      this.#opening = null;
      logger.warning(`The program cannot be inspected: ${error}`);
    });
  }

  get ready(): Promise<void> | null {
    return this.#inspector === null ? this.#opening : null;
  }

  closing(): void {
    this.#opening = null;
    this.#inspector?.close();
    this.#inspector = null;
  }

  begin(loop: AbstractEventLoop, task: Task<unknown>): void {
    this.#interrupts = 0;
    this.cutShort = false;
    this.#watch = new RunInterrupts(
      loop,
      signalsOf(loop),
      () => this.#onInterrupt(loop, task),
    );
  }

  failure(
    loop: AbstractEventLoop,
    task: Task<unknown>,
    error: unknown,
  ): unknown {
    return onTheWayOut(loop, this.#interruptOr(error, task));
  }

  end(): void {
    this.#watch?.dispose();
    this.#watch = null;
  }

  #onInterrupt(loop: AbstractEventLoop, task: Task<unknown>): void {
    this.#interrupts++;
    if (this.#interrupts === 1 && !task.done()) {
      task.cancel();
      return;
    }
    this.cutShort = true;
    loop._fatal(new KeyboardInterrupt());
  }

  /** The interrupt that stands behind an error, else the error itself. */
  #interruptOr(error: unknown, task: Future<unknown>): unknown {
    if (this.cutShort && error instanceof KeyboardInterrupt) {
      // A new one: its stack leads to the caller, not to the signal's handler.
      return new KeyboardInterrupt();
    }
    if (this.#interrupts === 0 || !(error instanceof CancelledError)) {
      return error;
    }
    // A task factory may have made something that is not a task.
    const { uncancel } = task as Partial<Task<unknown>>;
    if (uncancel?.call(task as Task<unknown>) !== 0) return error;
    return new KeyboardInterrupt(undefined, { cause: error });
  }
}

function signalsOf(loop: AbstractEventLoop): Signals {
  const own = (loop as { _platform?: Platform })._platform;
  return (own ?? platform).signals;
}

/**
 * Cancels all tasks and gives them a bounded number of iterations to end.
 *
 * @param loop The loop.
 * @param reportFailure Is told of each task afterwards.
 */
export async function abandonAll(
  loop: AbstractEventLoop,
  reportFailure: (loop: AbstractEventLoop, task: Task<unknown>) => void,
): Promise<void> {
  // One iteration for what is queued: if the interrupt came right when main had
  // ended, a request to stop is, which would end a run that matters.
  loop.stop();
  await loop.runForever();
  const left = [...allTasks(loop)];
  for (const task of left) task.cancel();
  await loop.runUntilComplete(lastIterations(left));
  const report = (task: Task<unknown>) => {
    if (task.done()) return reportFailure(loop, task);
    loop.callExceptionHandler({
      message: "task did not end when asyncio.run() was interrupted twice",
      task,
    });
  };
  left.forEach(report);
  const closing = loop.createTask(loop.shutdownAsyncgens());
  await loop.runUntilComplete(lastIterations([closing]));
  report(closing);
}

function* lastIterations(tasks: readonly Task<unknown>[]): Coro<void> {
  for (let i = 0; i < LAST_ITERATIONS; i++) {
    if (tasks.every((task) => task.done())) return;
    yield* sleep(0);
  }
}

/** Has the program end by an exit that nobody catches; returns the error. */
export function onTheWayOut(loop: AbstractEventLoop, error: unknown): unknown {
  if (isExit(error)) signalsOf(loop).endOnUncaught(endingFor);
  return error;
}

function endingFor(error: unknown): Ending | undefined {
  if (error instanceof KeyboardInterrupt) {
    return {
      notice: `KeyboardInterrupt\n${framesOf(error)}`,
      signal: "SIGINT",
    };
  }
  if (!(error instanceof SystemExit)) return undefined;
  const code: unknown = (error as { code?: unknown }).code;
  if (typeof code === "number") return { notice: "", code };
  return code === undefined || code === null
    ? { notice: "", code: 0 }
    : { notice: `${code}\n`, code: 1 };
}

/** The lines of a stack but for those of runs, without the head. */
function framesOf(error: Error): string {
  // This module as it stands in stacks, a URL or a path on Bun, and the runner.
  const here = import.meta.url.replace(/^file:\/\//, "");
  const runner = here.replace(/_os\/process_runs(?=\.[jt]s$)/, "runners");
  return (error.stack ?? "").split("\n").filter((line) =>
    /^\s+at /.test(line) && !line.includes(here) && !line.includes(runner)
  ).map((line) => `${line}\n`).join("");
}
