/** Debug mode and the instrument, brought to where the loop looks for them. */

import { formatTaskStack, taskInfo } from "../base_tasks.ts";
import type { Runnable } from "../events.ts";
import {
  formatCallback,
  formatFrames,
  shortRepr,
  type StackFrame,
  stackOfError,
} from "../format_helpers.ts";
import { captureCancelStacks } from "../_kernel/base_exceptions.ts";
import type { AwaitPoint } from "../_kernel/step.ts";
import type { Platform } from "../_platform/types.ts";
import type { Task } from "../_tasks/task.ts";
import { wordsOfFuture } from "./future_words.ts";
import {
  type DebugHooks,
  type LoopWatch,
  setHooks,
  type StackBudget,
  type WatchedLoop,
} from "./hooks.ts";
import { textOfHandle } from "./handle_words.ts";
import { IdleWatch } from "./idle_watch.ts";
import { type Instrument, instruments } from "./instruments.ts";
import { type Origin, origins, trace } from "./origins.ts";
import { checkPlace } from "./place.ts";
import { SlowWatch } from "./slow.ts";
import { awaitChain } from "./stack.ts";
import { hooked } from "./switches.ts";
import {
  noteCoroutine,
  reportUnawaited,
  sweepCoroutines,
} from "./unawaited.ts";

/** Tells the instrument what a loop runs; in debug mode, reports what takes long. */
class Watch extends SlowWatch implements LoopWatch {
  readonly #loop: WatchedLoop;
  readonly #idle: IdleWatch;

  constructor(loop: WatchedLoop, now: () => number, isIdle: () => boolean) {
    super(loop, now);
    this.#loop = loop;
    this.#idle = new IdleWatch(loop, isIdle);
  }

  begins(what: Runnable, last: boolean): number {
    // Once per iteration: what it left is looked at all at once.
    if (origins.on && last) sweepCoroutines(this.#loop);
    const began = this.begin();
    if (hooked) instruments.begins(what);
    return began;
  }

  override ran(what: Runnable, began: number, open: boolean): void {
    if (hooked) instruments.ran(what, this.#loop, began);
    if (origins.on) super.ran(what, began, open);
  }

  idle(): void {
    if (origins.on) this.#idle.idle();
  }

  override stop(): void {
    super.stop();
    this.#idle.stop();
  }
}

/** Remembers in debug mode where something is awaited. */
function markAwait(point: AwaitPoint<never>, origin: Origin | null): void {
  if (!origins.on) return;
  // A coroutine was made where it is awaited, as a rule, and knows more: not every
  // runtime shows who awaits.
  const known = origin ??
    (point._iter as { _origin?: Origin | null })._origin ?? origins.take(null);
  if (known !== null) point._origin = known;
}

/** Whether the environment asks for debug mode. */
function isWanted(platform: Platform): boolean {
  const value = platform.os.env("ASYNCIO_DEBUG") ??
    platform.os.env("PYTHONASYNCIODEBUG");
  return value !== undefined && value !== "";
}

/** A stack of a cancellation outside a run is not counted. */
const stacks: StackBudget = {
  left: () => origins.left(),
  spend: () => !origins.on || origins.spend(),
};

function setMode(on: boolean): void {
  captureCancelStacks(on, stacks);
  instruments.setDebug(on);
}

function stackOf(task: Task<unknown>): StackFrame[] {
  if (task._state === "FINISHED") {
    return task._failed ? stackOfError(task._value) : [];
  }
  if (task._state !== "PENDING") return [];
  const chain = awaitChain(task);
  return chain.length > 0 ? chain : [...task._sourceTraceback ?? []];
}

const hooks: DebugHooks = {
  textOf: shortRepr,
  textOfCallback: formatCallback,
  textOfFrames: formatFrames,
  textOfHandle,
  wordsOfFuture,
  wordsOfTask: taskInfo,
  instruments,
  stacks,
  isWanted,
  setMode,
  ended: () => instruments.setDebug(false),
  setInstrument,
  trace,
  alike: (kind) => origins.alike(kind),
  noteCoroutine,
  markAwait,
  checkPlace,
  reportUnawaited,
  watch: (loop, now, isIdle) => new Watch(loop, now, isIdle),
  stackOf,
  formatStack: formatTaskStack,
};

/** Brings debug mode and the instrument; a second time changes nothing. */
export function loadDebug(): void {
  setHooks(hooks);
}

/**
 * Sets what is told of tasks and callbacks; there is one at a time.
 *
 * @param instrument The function, or null for none.
 * @returns The one before, for putting it back or passing events on to it.
 * @throws TypeError When it is neither.
 *
 * @example What a program waits for
 * ```ts
 * import { run, setInstrument, sleep } from "@x/asyncio";
 *
 * setInstrument(({ kind, task, awaiting }) => {
 *   if (kind === "suspended") console.log(`${task?.getName()}: ${awaiting}`);
 * });
 * await run(async () => await sleep(0.01));
 * setInstrument(null);
 * ```
 */
export function setInstrument(
  instrument: Instrument | null,
): Instrument | null {
  if (instrument !== null && typeof instrument !== "function") {
    throw new TypeError(
      "Cannot set the instrument: a function or null is needed, got " +
        typeof instrument,
    );
  }
  loadDebug();
  return instruments.set(instrument);
}
