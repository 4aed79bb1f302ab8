/**
 * Timeouts for a block of code.
 *
 * @example No longer than so long
 * ```ts
 * import { run, sleep, timeout, TimeoutError } from "@x/asyncio";
 *
 * await run(async () => {
 *   try {
 *     await timeout(0.01).with(() => sleep(60));
 *   } catch (error) {
 *     if (!(error instanceof TimeoutError)) throw error;
 *     console.log("gave up");
 *   }
 * });
 * ```
 *
 * @module
 */

import { type Coro, Coroutine, nameCoroutines } from "./coroutines.ts";
import { getRunningLoop, type Handle } from "./events.ts";
import {
  BaseExceptionGroup,
  CancelledError,
  RuntimeError,
  TimeoutError,
} from "./exceptions.ts";
import { currentTask, type Task } from "./_tasks/task.ts";
import { inline } from "./_tasks/inline.ts";
import type { Yieldable } from "./_kernel/step.ts";

type State = "created" | "active" | "expiring" | "expired" | "finished";

/** The body of a `.with`: a function in either spelling, or a plain one. */
export type Body<A extends unknown[], R> = (
  ...args: A
) => Generator<Yieldable, R, unknown> | PromiseLike<R> | R;

/**
 * Cancels what runs inside it when its time has come, and turns that cancellation
 * into a TimeoutError. Made by {@linkcode timeout} and {@linkcode timeoutAt}.
 */
export class Timeout {
  #state: State = "created";
  #when: number | null;
  #handle: Handle | null = null;
  #task: Task<unknown> | null = null;
  #cancelling = 0;

  /**
   * Makes a timeout; see {@linkcode timeout} and {@linkcode timeoutAt}.
   *
   * @param when The loop's time at which it expires, in seconds, or null for never.
   */
  constructor(when: number | null) {
    checkSeconds(when);
    this.#when = when;
  }

  /** The loop's time at which it expires, in seconds, or null for never. */
  when(): number | null {
    return this.#when;
  }

  /**
   * Moves the deadline.
   *
   * @param when The loop's time at which it expires, in seconds, or null for never.
   * @throws RuntimeError Outside the block that it guards.
   */
  reschedule(when: number | null): void {
    if (this.#state !== "active") {
      throw new RuntimeError(
        this.#state === "created"
          ? "Timeout has not been entered"
          : `Cannot change state of ${this.#state} Timeout`,
      );
    }
    this.#when = when;
    this.#handle?.cancel();
    if (when === null) {
      this.#handle = null;
      return;
    }
    const loop = getRunningLoop();
    this.#handle = when <= loop.time()
      ? loop.callSoon(() => this.#expire())
      : loop.callAt(when, () => this.#expire());
  }

  /** Whether its time came while the block ran. */
  expired(): boolean {
    return this.#state === "expiring" || this.#state === "expired";
  }

  /**
   * Runs a function under the timeout.
   *
   * @param body An async function, a generator function or a plain one; it is given
   * the timeout.
   * @returns What the body returned.
   * @throws TimeoutError When the time came and nobody else had cancelled the task.
   *
   * @example
   * ```ts
   * import { run, sleep, timeout, TimeoutError } from "@x/asyncio";
   *
   * await run(async () => {
   *   try {
   *     await timeout(0.01).with(async () => {
   *       await sleep(60);
   *     });
   *   } catch (error) {
   *     if (!(error instanceof TimeoutError)) throw error;
   *     console.log("too late");
   *   }
   * });
   * ```
   */
  with<R>(
    body: (timeout: this) => Generator<Yieldable, R, unknown>,
  ): Coroutine<R>;
  /** Runs an async or plain function under the timeout. */
  with<R>(body: (timeout: this) => PromiseLike<R> | R): Coroutine<R>;
  with<R>(body: Body<[this], R>): Coroutine<R> {
    if (typeof body !== "function") {
      throw new TypeError(
        `Cannot enter the timeout: with() needs a function as its body, got ${typeof body}`,
      );
    }
    return new Coroutine<R>(runBody as never, [this, body]);
  }

  /** @internal */
  _enter(): void {
    if (this.#state !== "created") {
      throw new RuntimeError("Timeout has already been entered");
    }
    const task = currentTask();
    if (task === null) {
      throw new RuntimeError("Timeout should be used inside a task");
    }
    this.#state = "active";
    this.#task = task;
    this.#cancelling = task.cancelling();
    this.reschedule(this.#when);
  }

  /**
   * Ends the block without an error.
   *
   * @internal
   */
  _exit(): void {
    this.#handle?.cancel();
    this.#handle = null;
    if (this.#state === "expiring") {
      this.#state = "expired";
      this.#task!.uncancel();
    } else this.#state = "finished";
  }

  /**
   * Ends the block with an error and returns the one to throw.
   *
   * @internal
   */
  _exitWith(error: unknown): unknown {
    this.#handle?.cancel();
    this.#handle = null;
    if (this.#state !== "expiring") {
      this.#state = "finished";
      return error;
    }
    this.#state = "expired";
    // More requests than at the start: somebody else wants the task cancelled too.
    if (this.#task!.uncancel() > this.#cancelling) return error;
    if (error instanceof CancelledError) {
      return new TimeoutError(undefined, { cause: error });
    }
    blame(error);
    if (error instanceof BaseExceptionGroup) error.errors.forEach(blame);
    return error;
  }

  #expire(): void {
    this.#task!.cancel();
    this.#state = "expiring";
    this.#handle = null;
  }

  /** Shows its state and deadline. */
  toString(): string {
    const when = this.#when === null ? "null" : this.#when.toFixed(3);
    const info = this.#state === "active" ? ` when=${when}` : "";
    return `<Timeout [${this.#state}]${info}>`;
  }
}

function checkSeconds(time: unknown): void {
  if (time === null || typeof time === "number") return;
  throw new TypeError(
    "Cannot make a timeout: a number of seconds or null is needed, got " +
      typeof time,
  );
}

/** In a chain of causes, a cancellation by a timeout is shown as that timeout. */
function blame(error: unknown): void {
  let at = error;
  for (let depth = 0; at instanceof Error && depth < 100; depth++) {
    // A timeout named its own cause.
    if (at instanceof TimeoutError) return;
    const { cause } = at;
    if (cause instanceof CancelledError) {
      at.cause = new TimeoutError(undefined, { cause });
      return;
    }
    at = cause;
  }
}

function* runBody<R>(timeout: Timeout, body: Body<[Timeout], R>): Coro<R> {
  timeout._enter();
  let result: R;
  try {
    result = yield* inline(body, [timeout]);
  } catch (error) {
    throw timeout._exitWith(error);
  }
  timeout._exit();
  return result;
}

/**
 * A timeout that expires after a delay, counted from now.
 *
 * @param delay Seconds, or null for never.
 * @returns The timeout; call its `with`.
 */
export function timeout(delay: number | null): Timeout {
  checkSeconds(delay);
  const loop = getRunningLoop();
  return new Timeout(delay === null ? null : loop.time() + delay);
}

/**
 * A timeout that expires at a time of the loop's clock.
 *
 * @param when The loop's time, in seconds, or null for never.
 * @returns The timeout; call its `with`.
 */
export function timeoutAt(when: number | null): Timeout {
  return new Timeout(when);
}

/**
 * Ends what runs inside it when its time has come, without an error. Made by
 * {@linkcode moveOnAfter} and {@linkcode moveOnAt}.
 */
export class MoveOn {
  readonly #timeout: Timeout;

  /**
   * Makes one; see {@linkcode moveOnAfter} and {@linkcode moveOnAt}.
   *
   * @param when The loop's time at which it expires, in seconds, or null for never.
   */
  constructor(when: number | null) {
    this.#timeout = new Timeout(when);
  }

  /** The loop's time at which it expires, in seconds, or null for never. */
  when(): number | null {
    return this.#timeout.when();
  }

  /**
   * Moves the deadline.
   *
   * @param when The loop's time at which it expires, in seconds, or null for never.
   * @throws RuntimeError Outside the block that it guards.
   */
  reschedule(when: number | null): void {
    this.#timeout.reschedule(when);
  }

  /** Whether its time came while the block ran. */
  expired(): boolean {
    return this.#timeout.expired();
  }

  /**
   * Runs a function until its time comes.
   *
   * Only its own cancellation is kept from the caller: an error of the body is
   * raised, and so is a cancellation by somebody else.
   *
   * @param body An async function, a generator function or a plain one; it is given
   * this object.
   * @returns What the body returned, or undefined where its time came first.
   *
   * @example
   * ```ts
   * import { moveOnAfter, run, sleep } from "@x/asyncio";
   *
   * await run(async () => {
   *   const block = moveOnAfter(0.01);
   *   const page = await block.with(async () => {
   *     await sleep(60);
   *     return "page";
   *   });
   *   console.log(page ?? "went on without it", block.expired());
   * });
   * ```
   */
  with<R>(
    body: (block: this) => Generator<Yieldable, R, unknown>,
  ): Coroutine<R | undefined>;
  /** Runs an async or plain function until its time comes. */
  with<R>(body: (block: this) => PromiseLike<R> | R): Coroutine<R | undefined>;
  with<R>(body: Body<[this], R>): Coroutine<R | undefined> {
    if (typeof body !== "function") {
      throw new TypeError(
        `Cannot enter the block: with() needs a function as its body, got ${typeof body}`,
      );
    }
    return new Coroutine<R | undefined>(runMoveOn as never, [
      this,
      this.#timeout,
      body,
    ]);
  }

  /** Shows its state and deadline. */
  toString(): string {
    return `${this.#timeout}`.replace("Timeout", "MoveOn");
  }
}

function* runMoveOn<R>(
  block: MoveOn,
  timeout: Timeout,
  body: Body<[MoveOn], R>,
): Coro<R | undefined> {
  timeout._enter();
  let result: R;
  try {
    result = yield* inline(body, [block]);
  } catch (error) {
    // Another error than came in is the TimeoutError that its own cancellation
    // was turned into.
    if (timeout._exitWith(error) === error) throw error;
    return undefined;
  }
  timeout._exit();
  return result;
}

/**
 * A timeout that does not raise: when a delay, counted from now, is over, its block
 * ends and the code after it goes on. An addition to asyncio.
 *
 * @param delay Seconds, or null for never.
 * @returns The block; call its `with`, and ask `expired()` afterwards.
 */
export function moveOnAfter(delay: number | null): MoveOn {
  checkSeconds(delay);
  const loop = getRunningLoop();
  return new MoveOn(delay === null ? null : loop.time() + delay);
}

/**
 * As {@linkcode moveOnAfter}, for a time of the loop's clock. An addition to asyncio.
 *
 * @param when The loop's time, in seconds, or null for never.
 * @returns The block; call its `with`, and ask `expired()` afterwards.
 */
export function moveOnAt(when: number | null): MoveOn {
  return new MoveOn(when);
}

nameCoroutines({ with: runBody });
nameCoroutines({ with: runMoveOn });
