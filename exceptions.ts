/**
 * The exceptions of asyncio, and those of Python that it needs.
 *
 * `ValueError` is RangeError here and `TypeError` is TypeError. All are Errors, so
 * that a `catch` shows a stack; `name` is the Python name even in minified code.
 *
 * @example Which error it was
 * ```ts
 * import { CancelledError, TimeoutError } from "@x/asyncio";
 *
 * export function describe(error: unknown): string {
 *   if (error instanceof TimeoutError) return "too slow";
 *   if (error instanceof CancelledError) throw error;
 *   return `failed: ${error}`;
 * }
 * ```
 *
 * @module
 */

import { named } from "./_kernel/base_exceptions.ts";

export {
  CancelledError,
  KeyboardInterrupt,
  SystemExit,
} from "./_kernel/base_exceptions.ts";
export {
  BaseExceptionGroup,
  ExceptionGroup,
  type ExceptionMatcher,
  isBaseException,
} from "./_kernel/exception_groups.ts";
export {
  BlockingIOError,
  BrokenPipeError,
  ChildProcessError,
  ConnectionAbortedError,
  ConnectionError,
  ConnectionRefusedError,
  ConnectionResetError,
  FileExistsError,
  FileNotFoundError,
  InterruptedError,
  IsADirectoryError,
  NotADirectoryError,
  OSError,
  type OSErrorOptions,
  PermissionError,
  ProcessLookupError,
  TimeoutError,
} from "./_kernel/os_errors.ts";

/** Something was asked for at a time, or in a place, that does not allow it. */
export class RuntimeError extends Error {}

/** This runtime, or this class, cannot do it. */
export class NotImplementedError extends RuntimeError {}

/** The state of a future does not allow it. */
export class InvalidStateError extends Error {}

/** A file transfer cannot be done by the system; the caller may do it by hand. */
export class SendfileNotAvailableError extends RuntimeError {}

/** A barrier was broken while, or before, somebody waited for it. */
export class BrokenBarrierError extends RuntimeError {}

/** The data ended early. */
export class EOFError extends Error {}

/**
 * A stream ended before all that was asked for had come.
 *
 * @example What had come
 * ```ts
 * import { IncompleteReadError } from "@x/asyncio";
 *
 * const error = new IncompleteReadError(new Uint8Array([1, 2, 3]), 10);
 * console.log(error.message, error.partial);
 * ```
 */
export class IncompleteReadError extends EOFError {
  /** What had come. */
  readonly partial: Uint8Array;
  /** How many bytes were expected, or null where that was open. */
  readonly expected: number | null;

  /**
   * Makes the error.
   *
   * @param partial What had come.
   * @param expected How many bytes were expected, or null where that was open.
   */
  constructor(partial: Uint8Array, expected: number | null) {
    super(
      `${partial.length} bytes read on a total of ${
        expected ?? "undefined"
      } expected bytes`,
    );
    this.partial = partial;
    this.expected = expected;
  }
}

/** A separator was not found within a stream's limit. */
export class LimitOverrunError extends Error {
  /** How many bytes can be taken before the rest may match. */
  readonly consumed: number;

  /**
   * Makes the error.
   *
   * @param message What happened.
   * @param consumed How many bytes can be taken before the rest may match.
   */
  constructor(message: string, consumed: number) {
    super(message);
    this.consumed = consumed;
  }
}

/**
 * The error meant by what was given: an error class is made an error of. JavaScript
 * can throw anything, so any other value stands for itself.
 *
 * @param given An error, an error class, or any value.
 * @returns What is to be thrown.
 *
 * @internal
 */
export function toException(given: unknown): unknown {
  if (typeof given !== "function") return given;
  return given === Error || given.prototype instanceof Error
    ? Reflect.construct(given, [])
    : given;
}

named({
  BrokenBarrierError,
  EOFError,
  IncompleteReadError,
  InvalidStateError,
  LimitOverrunError,
  NotImplementedError,
  RuntimeError,
  SendfileNotAvailableError,
});
