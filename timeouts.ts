/**
 * Timeouts for a block of code.
 *
 * @module
 */

import { type Coro, Coroutine } from "./coroutines.ts";
import { getRunningLoop, type Handle } from "./events.ts";
import {
  BaseExceptionGroup,
  CancelledError,
  RuntimeError,
  TimeoutError,
} from "./exceptions.ts";
import { currentTask, type Task } from "./_task.ts";
import { InlineCall, type Yieldable } from "./_step.ts";

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

/** Calls a function as part of the current task. */
function inline<A extends unknown[], R>(
  body: Body<A, R>,
  args: A,
): Generator<Yieldable, R, unknown> {
  const call = new InlineCall<R>(body as never, args, false);
  return { [Symbol.iterator]: () => call } as unknown as Generator<
    Yieldable,
    R,
    unknown
  >;
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
