/**
 * The exceptions that Python's `except Exception` lets pass, and what gives all of
 * the library's exceptions their names. They stand apart so that exception groups,
 * which must know them, are no part of a circle of imports.
 *
 * @module
 */

import { shortRepr } from "./format_helpers.ts";

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

/**
 * Turns stack traces of CancelledError on or off: debug mode turns them on. One
 * shows the loop and nothing of the program. On Bun it is two thirds of what making
 * the error costs. On Deno it is nothing beside what the runtime adds to any error;
 * an object that merely inherits from Error would be made in a hundredth of the
 * time, but a whole cancellation gains less than a tenth by it, and loses
 * `Error.isError`, structured clones and Bun's way of printing errors.
 *
 * @param on Whether they are made.
 *
 * @internal
 */
export function captureCancelStacks(on: boolean): void {
  cancelStacks = on;
}

const NO_ARGS: readonly [] = [];

/** Anything may be a message; one that has no text must not spoil the cancellation. */
function textOf(message: unknown): string {
  try {
    return String(message);
  } catch {
    return shortRepr(message);
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
    const text = message === undefined ? undefined : textOf(message);
    const limit = stacks.stackTraceLimit;
    if (!cancelStacks) stacks.stackTraceLimit = 0;
    super(text, options);
    stacks.stackTraceLimit = limit;
    this.args = message === undefined ? NO_ARGS : [message];
  }
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
