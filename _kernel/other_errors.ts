/**
 * The errors that only streams, files and locks know.
 *
 * @module
 */

import { named } from "./base_exceptions.ts";
import { RuntimeError } from "./errors.ts";

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

named({
  BrokenBarrierError,
  EOFError,
  IncompleteReadError,
  LimitOverrunError,
  SendfileNotAvailableError,
});
