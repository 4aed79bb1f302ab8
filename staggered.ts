/**
 * Racing attempts that start one after another.
 *
 * @example A second server, in case the first is slow
 * ```ts
 * import { run, sleep, staggeredRace } from "@x/asyncio";
 *
 * await run(async () => {
 *   const [winner] = await staggeredRace(
 *     [() => sleep(60, "first"), () => sleep(0.01, "second")],
 *     0.01,
 *   );
 *   console.log(winner); // "second"
 * });
 * ```
 *
 * @module
 */

import { InlineCall, type Yieldable } from "./_kernel/step.ts";
import {
  type Coro,
  Coroutine,
  type CoroutineFunction,
  markCoroutineFunctions,
  nameCoroutines,
} from "./coroutines.ts";
import { type AbstractEventLoop, getRunningLoop, isExit } from "./events.ts";
import {
  BaseExceptionGroup,
  CancelledError,
  ExceptionGroup,
  isBaseException,
  RuntimeError,
  TimeoutError,
} from "./exceptions.ts";
import { shortRepr } from "./format_helpers.ts";
import {
  type Future,
  futureAddToAwaitedBy,
  futureDiscardFromAwaitedBy,
} from "./futures.ts";
import { Event } from "./locks.ts";
import { currentTask, type Task, waitFor } from "./tasks.ts";

/** Options of {@linkcode staggeredRace}. */
export interface StaggeredRaceOptions {
  /** The loop that runs the attempts; the running one unless given. */
  loop?: AbstractEventLoop | null | undefined;
}

/**
 * What a race came to: the winner's result and its index, both null where nobody
 * won, and what each attempt that was started raised, null for the winner.
 */
export type StaggeredRaceResult<T> =
  | [
    winnerResult: T,
    winnerIndex: number,
    exceptions: unknown[],
  ]
  | [winnerResult: null, winnerIndex: null, exceptions: unknown[]];

/**
 * Makes attempts until one succeeds. The next one starts when the one before has
 * failed, or after a delay, while those before go on: so a slow attempt does not
 * hold up the others, and a fast one is not doubled. The first that succeeds wins,
 * and the others are cancelled and waited for.
 *
 * @param coroFns The attempts: coroutine functions, each called when its turn comes.
 * @param delay Seconds between the starts, or null to start each one only when the
 * one before has failed.
 * @param options See {@linkcode StaggeredRaceOptions}.
 * @returns The winner's result, its index, and what each attempt raised.
 *
 * @example The first of two servers that answers
 * ```ts
 * import { run, sleep, staggeredRace } from "@x/asyncio";
 *
 * const ask = (name: string, seconds: number) => async () => {
 *   await sleep(seconds);
 *   return name;
 * };
 * await run(async () => {
 *   const [winner, index] = await staggeredRace(
 *     [ask("slow", 5), ask("fast", 0.01)],
 *     0.02,
 *   );
 *   console.log(winner, index); // fast 1
 * });
 * ```
 */
export function staggeredRace<T>(
  coroFns: Iterable<CoroutineFunction<T>>,
  delay: number | null,
  options?: StaggeredRaceOptions,
): Coroutine<StaggeredRaceResult<T>> {
  if (
    typeof (coroFns as Iterable<unknown> | null)?.[Symbol.iterator] !==
      "function" ||
    coroFns instanceof Coroutine
  ) {
    throw new TypeError(
      "Cannot race: an iterable of coroutine functions is needed, as in " +
        "staggeredRace([first, second], 0.25)",
    );
  }
  if (delay !== null && typeof delay !== "number") {
    throw new TypeError(
      "Cannot race: a number of seconds or null is needed as the delay, got " +
        typeof delay,
    );
  }
  return new Coroutine<StaggeredRaceResult<T>>(raceBody as never, [
    coroFns,
    delay,
    options?.loop ?? null,
  ]);
}

class Race<T> {
  readonly #loop: AbstractEventLoop;
  readonly #parent: Task<unknown> | null;
  readonly #coroFns: Iterator<CoroutineFunction<T>>;
  readonly #delay: number | null;
  /** The attempts that run, and the one that waits for its turn. */
  readonly #running: Set<Task<void>> = new Set();
  readonly #exceptions: unknown[] = [];
  /** What is nobody's attempt that failed, but a mistake. */
  readonly #unhandled: unknown[] = [];
  #winner: [T, number] | null = null;
  #allEnded: Future<void> | null = null;
  readonly #onDone = (task: Task<void>): void => this.#ended(task);

  constructor(
    coroFns: Iterable<CoroutineFunction<T>>,
    delay: number | null,
    loop: AbstractEventLoop,
  ) {
    this.#loop = loop;
    this.#parent = currentTask(loop);
    this.#coroFns = coroFns[Symbol.iterator]();
    this.#delay = delay;
  }

  *run(): Coro<StaggeredRaceResult<T>> {
    this.#start(null);
    let cancelled: CancelledError | null = null;
    // Whatever comes, no attempt is left running.
    while (this.#running.size > 0) {
      this.#allEnded = this.#loop.createFuture<void>();
      try {
        yield* this.#allEnded;
      } catch (error) {
        if (!(error instanceof CancelledError)) throw error;
        cancelled = error;
        for (const task of this.#running) task.cancel(error.args[0]);
      }
      this.#allEnded = null;
    }
    if (this.#unhandled.length > 0) {
      const Group = this.#unhandled.some(isBaseException)
        ? BaseExceptionGroup
        : ExceptionGroup;
      throw new Group("staggered race failed", this.#unhandled);
    }
    if (cancelled !== null) throw cancelled;
    return [...this.#winner ?? NOBODY, this.#exceptions] as StaggeredRaceResult<
      T
    >;
  }

  #start(previousFailed: Event | null): void {
    // An eager task begins inside createTask, before it is among those that run.
    const mayStart = new Event();
    const task = this.#loop.createTask(
      new Coroutine<void>(attempt as never, [this, mayStart, previousFailed]),
    );
    if (this.#parent !== null) futureAddToAwaitedBy(task, this.#parent);
    this.#running.add(task);
    task.addDoneCallback(this.#onDone);
    mayStart.set();
  }

  #ended(task: Task<void>): void {
    this.#running.delete(task);
    if (this.#parent !== null) futureDiscardFromAwaitedBy(task, this.#parent);
    const allEnded = this.#allEnded;
    if (allEnded !== null && !allEnded.done() && this.#running.size === 0) {
      allEnded.setResult(undefined);
    }
    if (task.cancelled() || !task._failed) return;
    this.#unhandled.push(task.exception());
  }

  /** @internal */
  *_attempt(mayStart: Event, previousFailed: Event | null): Coro<void> {
    yield* mayStart.wait();
    if (previousFailed !== null) {
      try {
        yield* waitFor(previousFailed.wait(), this.#delay);
      } catch (error) {
        if (!(error instanceof TimeoutError)) throw error;
      }
    }
    const next = this.#coroFns.next();
    if (next.done === true) return;
    const index = this.#exceptions.push(null) - 1;
    const failed = new Event();
    this.#start(failed);
    let result: T;
    try {
      result = yield* call(next.value);
    } catch (error) {
      if (isExit(error)) throw error;
      this.#exceptions[index] = error;
      failed.set();
      return;
    }
    this.#won(result, index);
  }

  #won(result: T, index: number): void {
    if (this.#winner !== null) {
      throw new RuntimeError(
        `Cannot have two winners: attempt ${index} returned after attempt ` +
          `${this.#winner[1]} had won; one that is cancelled must not ` +
          "catch that and return",
      );
    }
    this.#winner = [result, index];
    // Not itself: that would abort its signal, which what it returns may depend on,
    // as the body of a response to fetch does.
    const current = currentTask(this.#loop);
    for (const task of this.#running) {
      if (task !== current) task.cancel();
    }
  }
}

const NOBODY = [null, null] as const;

/** Calls an attempt as part of the current task. */
function call<T>(fn: CoroutineFunction<T>): Generator<Yieldable, T, unknown> {
  if (typeof fn !== "function") {
    throw new TypeError(
      "Cannot make an attempt: a coroutine function is needed, as in " +
        `() => ask(), got ${shortRepr(fn)}`,
    );
  }
  const inline = new InlineCall<T>(fn as () => unknown, [], true);
  return { [Symbol.iterator]: () => inline } as never;
}

/** Names the coroutine of an attempt. */
function* attempt<T>(
  race: Race<T>,
  mayStart: Event,
  previousFailed: Event | null,
): Coro<void> {
  yield* race._attempt(mayStart, previousFailed);
}

function* raceBody<T>(
  coroFns: Iterable<CoroutineFunction<T>>,
  delay: number | null,
  loop: AbstractEventLoop | null,
): Coro<StaggeredRaceResult<T>> {
  return yield* new Race(coroFns, delay, loop ?? getRunningLoop()).run();
}

markCoroutineFunctions(staggeredRace);

nameCoroutines({ staggeredRace: raceBody });
