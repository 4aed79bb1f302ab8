/**
 * What debug mode and the instrument do, as far as the loop, its tasks and its futures
 * call it. It stands behind an interface so that a program for browsers that uses
 * neither is bundled without them; everywhere else the loops load it.
 */

import type { AbstractEventLoop, Handle, Runnable } from "../events.ts";
import type { StackFrame } from "../format_helpers.ts";
import type { Platform } from "../_platform/types.ts";
import type { StepOwner } from "../_kernel/state.ts";
import type { AwaitPoint } from "../_kernel/step.ts";
import type { Future } from "../futures.ts";
import type { Task } from "../_tasks/task.ts";
import type { Instrument } from "./instruments.ts";
import type { Origin } from "./origins.ts";
import type { Unawaited } from "./unawaited.ts";

/** What has been made, as far as it is remembered where. */
export interface Traced {
  _origin: Origin | null;
}

/** A coroutine, as far as it matters here. */
export interface Watchable extends Traced {
  readonly name: string;
  readonly _function: object;
  _watched: Unawaited | null;
  _isFresh(): boolean;
}

/** How many stacks debug mode may take. */
export interface StackBudget {
  /** Whether one may be taken. */
  left(): boolean;
  /** Whether one may be taken, which is counted. */
  spend(): boolean;
}

/** Is told what tasks do, and tells the instrument. */
export interface InstrumentHooks {
  created(task: StepOwner): void;
  /** A task goes on. */
  stepped(task: StepOwner): void;
  /** A task waits for something of this library, if it has not ended. */
  closed(owner: StepOwner): void;
  /** A task has ended. */
  finished(task: Task<unknown>): void;
  /** Async code waits for something foreign, and told nobody. */
  gaveUp(): void;
}

/** A loop that is watched. */
export interface WatchedLoop extends AbstractEventLoop {
  slowCallbackDuration: number;
}

/** Watches one loop while it is in debug mode or there is an instrument. */
export interface LoopWatch {
  /** Something is about to run, the last of its iteration or not: the time. */
  begins(what: Runnable, last: boolean): number;
  /** It has run; with `open`, the async code that it resumed is yet to run. */
  ran(what: Runnable, began: number, open: boolean): void;
  /** The open step has ended. */
  ended(): void;
  /** The open step waits for something foreign; since when, nobody knows. */
  gaveUp(): void;
  /** What runs next does not follow at once. */
  pause(): void;
  /** A time slice begins. */
  newSlice(): void;
  /** The loop has nothing to do and no timer is set. */
  idle(): void;
  /** The run is over. */
  stop(): void;
}

/** Text forms, which are short without them. */
export interface Texts {
  /** As `shortRepr`. */
  textOf(value: unknown): string;
  /** As `formatCallback`. */
  textOfCallback(
    callback: (...args: never[]) => unknown,
    args: readonly unknown[],
    options?: { debug?: boolean },
  ): string;
  /** The text form of a handle. */
  textOfHandle(handle: Handle): string;
  /** As `formatFrames`. */
  textOfFrames(frames: readonly StackFrame[]): string;
  /** The words of a future's text form. */
  wordsOfFuture(future: Future<unknown>): string[];
  /** The words of a task's, made of those that it has as a future. */
  wordsOfTask(task: Task<unknown>, words: string[]): string[];
}

/** All of it. */
export interface DebugHooks extends Texts {
  readonly instruments: InstrumentHooks;
  readonly stacks: StackBudget;
  /** Whether the environment asks for debug mode. */
  isWanted(platform: Platform): boolean;
  /** The loop that begins to run is in debug mode, or is not. */
  setMode(on: boolean): void;
  /** The run is over. */
  ended(): void;
  /** As the public function of this name. */
  setInstrument(instrument: Instrument | null): Instrument | null;
  /** Remembers where something was made if its loop is in debug mode. */
  trace(made: Traced, loop: AbstractEventLoop, kind: object | null): void;
  /** Where the last of a kind was made, for one of which that is not known. */
  alike(kind: object | null): Origin | null;
  /** A coroutine was made of a function. */
  noteCoroutine(coro: Watchable, fn: object): void;
  /** Remembers where something is awaited. */
  markAwait(point: AwaitPoint<never>, origin: Origin | null): void;
  /** A loop is given work while it is in debug mode. */
  checkPlace(loop: AbstractEventLoop): void;
  /** The coroutines that nobody has awaited when a loop is closed. */
  reportUnawaited(loop: AbstractEventLoop): void;
  /** Watches a loop; `isIdle` tells whether nothing is ready and no timer is set. */
  watch(
    loop: WatchedLoop,
    now: () => number,
    isIdle: () => boolean,
  ): LoopWatch;
  /** Where a task stands. */
  stackOf(task: Task<unknown>): StackFrame[];
  /** The text that `printStack` prints. */
  formatStack(task: Task<unknown>, frames: readonly StackFrame[]): string;
}

/** The hooks, or null where they were left out. */
export let debug: DebugHooks | null = null;

/** Brings the hooks. */
export function setHooks(hooks: DebugHooks): void {
  debug = hooks;
}

/** Where something was made, or one of its kind; only debug mode knows. */
export function originOf(made: Traced, kind: object | null): Origin | null {
  return made._origin ?? debug?.alike(kind) ?? null;
}
