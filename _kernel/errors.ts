/**
 * The errors that the kernel throws. They stand apart from those that only streams,
 * files and locks know, which a small bundle then does without.
 *
 * @module
 */

import { named } from "./base_exceptions.ts";

/** Something was asked for at a time, or in a place, that does not allow it. */
export class RuntimeError extends Error {}

/** This runtime, or this class, cannot do it. */
export class NotImplementedError extends RuntimeError {}

/** The state of a future does not allow it. */
export class InvalidStateError extends Error {}

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

named({ InvalidStateError, NotImplementedError, RuntimeError });
