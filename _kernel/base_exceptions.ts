/**
 * The exceptions that Python's `except Exception` lets pass, and what gives all of
 * the library's exceptions their names. They stand apart so that exception groups,
 * which must know them, are no part of a circle of imports.
 *
 * @module
 */

import { textOf } from "./texts.ts";
import type { StackBudget } from "../_debug/hooks.ts";

/**
 * Gives the classes their names. A minifier renames classes but no keys, and a
 * name on the prototype costs an instance nothing.
 *
 * @internal
 */
export function named(
  classes: Readonly<Record<string, { readonly prototype: Error }>>,
): void {
  for (const [name, { prototype }] of Object.entries(classes)) {
    Object.defineProperty(prototype, "name", {
      value: name,
      configurable: true,
      writable: true,
    });
  }
}

/** How many frames a new error's stack has: V8's and JavaScriptCore's setting. */
const stacks = Error as unknown as { stackTraceLimit: number };

let cancelStacks = false;
/** How many of them may be made; null for any number. */
let cancelBudget: StackBudget | null = null;

/**
 * Turns stack traces of CancelledError on or off: debug mode turns them on. One
 * shows the loop and nothing of the program.
 *
 * @param on Whether they are made.
 * @param budget How many may be made; null for any number.
 *
 * @internal
 */
export function captureCancelStacks(
  on: boolean,
  budget: StackBudget | null = null,
): void {
  cancelStacks = on;
  cancelBudget = budget;
}

const NO_ARGS: readonly [] = [];

/** Anything may be a message; one that has no text must not spoil the cancellation. */
function messageOf(message: unknown): string {
  try {
    return String(message);
  } catch {
    return textOf(message);
  }
}

/**
 * A task or future was cancelled.
 *
 * It is thrown where a cancelled task waits. Clean up and throw it again: a task
 * that swallows it goes on as if it had not been cancelled. In Python it is no
 * `Exception`, so `except Exception` lets it pass; `catch` catches everything, so
 * test for it there. It has a stack in debug mode only.
 *
 * @example Rethrowing what is not handled
 * ```ts
 * import { CancelledError, run, sleep } from "@x/asyncio";
 *
 * await run(async () => {
 *   try {
 *     await sleep(0.001);
 *   } catch (error) {
 *     if (error instanceof CancelledError) throw error;
 *     console.error("the work failed", error);
 *   }
 * });
 * ```
 */
export class CancelledError extends Error {
  /** What `cancel` was given: nothing or one value. */
  readonly args: readonly [] | readonly [unknown];

  /**
   * Makes the error.
   *
   * @param message What `cancel` was given; its text is the error's message.
   * @param options `cause`: what led to it.
   */
  constructor(message?: unknown, options?: ErrorOptions) {
    const text = message === undefined ? undefined : messageOf(message);
    const limit = stacks.stackTraceLimit;
    if (!cancelStacks || cancelBudget !== null && !cancelBudget.spend()) {
      stacks.stackTraceLimit = 0;
    }
    super(text, options);
    stacks.stackTraceLimit = limit;
    this.args = message === undefined ? NO_ARGS : [message];
  }
}

/** What {@linkcode cancellation} makes: see there. */
const Bare = function (this: { args: readonly [] }) {
  this.args = NO_ARGS;
} as unknown as { new (): CancelledError; prototype: CancelledError };

Bare.prototype = Object.create(CancelledError.prototype, {
  stack: { value: "CancelledError", configurable: true, writable: true },
  // Bun shows the fields of what the Error constructor has not made.
  [Symbol.for("nodejs.util.inspect.custom")]: { value: () => "CancelledError" },
});

/**
 * Makes the error that is thrown into a cancelled task. Without a message and
 * outside debug mode it does not come from the Error constructor, only inherits
 * from it: on Deno the constructor looks at the whole stack even where no stack is
 * wanted, which is five sixths of a cancellation. What leaves the loop is made a
 * real one by {@linkcode realCancellation}.
 *
 * @param message What `cancel` was given.
 * @returns The error.
 *
 * @internal
 */
export function cancellation(message: unknown): CancelledError {
  return message === undefined &&
      !(cancelStacks && (cancelBudget === null || cancelBudget.left()))
    ? new Bare()
    : new CancelledError(message);
}

/**
 * The error to show to code outside the loop: printed, cloned and recognised as
 * runtimes do with errors.
 *
 * @param error What a task ended with.
 * @returns The same, or a CancelledError from the Error constructor.
 *
 * @internal
 */
export function realCancellation(error: unknown): unknown {
  return error instanceof CancelledError && error instanceof Bare
    ? new CancelledError(...error.args)
    : error;
}

/**
 * Ctrl-C was pressed. It is not kept by the task that throws it but leaves the
 * loop, too.
 */
export class KeyboardInterrupt extends Error {}

/**
 * The program is to end. It is not kept by the task that throws it but leaves the
 * loop, too.
 *
 * @example Ending with an exit code
 * ```ts
 * import { SystemExit } from "@x/asyncio";
 *
 * const exit = new SystemExit(3);
 * console.log(exit.code);
 * ```
 */
export class SystemExit extends Error {
  /** The exit code; null is success, a text is shown and is failure. */
  readonly code: number | string | null;

  /**
   * Makes the error.
   *
   * @param code The exit code; a text is shown and ends the program with code 1.
   * @param options `cause`: what led to it.
   */
  constructor(code: number | string | null = null, options?: ErrorOptions) {
    super(code === null ? "" : String(code), options);
    this.code = code;
  }
}

named({ CancelledError, KeyboardInterrupt, SystemExit });
