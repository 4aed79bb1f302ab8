/**
 * Python's exception groups.
 *
 * @module
 */

import {
  CancelledError,
  KeyboardInterrupt,
  named,
  SystemExit,
} from "./base_exceptions.ts";

/**
 * What `split` and `subgroup` choose by: a class, several classes, or a function
 * that is asked for the group itself, for each group in it and for each error.
 */
export type ExceptionMatcher =
  | (abstract new (...args: never) => unknown)
  | readonly (abstract new (...args: never) => unknown)[]
  | ((error: unknown) => boolean);

/**
 * Whether Python's `except Exception` would let an error pass.
 *
 * That is so for a cancellation, an interrupt, an exit, and a group that holds one
 * of them. JavaScript's `catch` takes all, so ask where only failures are meant.
 *
 * @param error Any thrown value.
 * @returns Whether it is one of those.
 *
 * @example Handling failures only
 * ```ts
 * import { CancelledError, isBaseException } from "@x/asyncio";
 *
 * console.log(isBaseException(new CancelledError()), isBaseException(new Error()));
 * ```
 */
export function isBaseException(error: unknown): boolean {
  return error instanceof CancelledError ||
    error instanceof KeyboardInterrupt || error instanceof SystemExit ||
    error instanceof BaseExceptionGroup && !(error instanceof ExceptionGroup);
}

/**
 * Several errors that happened together; some may be cancellations or exits.
 *
 * As in CPython, `new BaseExceptionGroup` of ordinary errors alone gives an
 * {@linkcode ExceptionGroup}. JavaScript can throw anything, so a member need not be
 * an Error.
 *
 * @example Taking a group apart
 * ```ts
 * import { BaseExceptionGroup, CancelledError } from "@x/asyncio";
 *
 * const group = new BaseExceptionGroup("two things", [
 *   new CancelledError(),
 *   new RangeError("too far"),
 * ]);
 * const [cancelled, failed] = group.split(CancelledError);
 * console.log(cancelled?.exceptions.length, `${failed}`);
 * ```
 */
export class BaseExceptionGroup extends AggregateError {
  /**
   * Makes the group.
   *
   * @param message What they have in common.
   * @param exceptions The errors; at least one.
   * @param options `cause`: what led to them.
   * @throws {TypeError} If `exceptions` is no array or `message` no string.
   * @throws {RangeError} If there are none.
   */
  constructor(
    message: string,
    exceptions: readonly unknown[],
    options?: ErrorOptions,
  ) {
    check(message, exceptions);
    if (
      new.target === BaseExceptionGroup && !exceptions.some(isBaseException)
    ) {
      return new ExceptionGroup(message, exceptions, options);
    }
    super(exceptions, message, options);
    Object.freeze(this.errors);
  }

  /** The errors, under Python's name. */
  get exceptions(): readonly unknown[] {
    return this.errors;
  }

  /**
   * Makes a group like this one of other errors: `split` and `subgroup` make their
   * parts by it. A subclass overrides it so that they are of the subclass, too.
   *
   * @param exceptions The errors.
   * @returns The group.
   */
  derive(exceptions: readonly unknown[]): BaseExceptionGroup {
    return new BaseExceptionGroup(this.message, exceptions);
  }

  /**
   * The part of the group, with its nesting, whose errors match.
   *
   * @param matcher See {@linkcode ExceptionMatcher}. `Error` matches cancellations
   * and exits, too.
   * @returns The group itself where it matches as a whole, null where nothing does.
   * @throws {TypeError} If `matcher` is none.
   */
  subgroup(matcher: ExceptionMatcher): BaseExceptionGroup | null {
    return this.#split(toPredicate(matcher), false)[0];
  }

  /**
   * Splits the group, with its nesting, into what matches and what does not.
   *
   * @param matcher See {@linkcode ExceptionMatcher}. `Error` matches cancellations
   * and exits, too.
   * @returns The two parts; null where one is empty.
   * @throws {TypeError} If `matcher` is none.
   */
  split(
    matcher: ExceptionMatcher,
  ): [BaseExceptionGroup | null, BaseExceptionGroup | null] {
    return this.#split(toPredicate(matcher), true);
  }

  #split(
    matches: (error: unknown) => boolean,
    keepRest: boolean,
  ): [BaseExceptionGroup | null, BaseExceptionGroup | null] {
    if (matches(this)) return [this, null];
    const yes: unknown[] = [];
    const no: unknown[] = [];
    for (const error of this.exceptions) {
      if (error instanceof BaseExceptionGroup) {
        const [match, rest] = error.#split(matches, keepRest);
        if (match !== null) yes.push(match);
        if (rest !== null) no.push(rest);
      } else (matches(error) ? yes : no).push(error);
    }
    return [this.#part(yes), keepRest ? this.#part(no) : null];
  }

  /** A part has the cause and the stack of the whole. */
  #part(errors: readonly unknown[]): BaseExceptionGroup | null {
    if (errors.length === 0) return null;
    const part: unknown = this.derive(errors);
    if (!(part instanceof BaseExceptionGroup)) {
      throw new TypeError(
        "derive must return an instance of BaseExceptionGroup",
      );
    }
    if ("cause" in this) {
      Object.defineProperty(part, "cause", {
        value: this.cause,
        configurable: true,
        writable: true,
      });
    }
    if (this.stack !== undefined) part.stack = this.stack;
    return part;
  }

  /** Shows the message and how many errors there are. */
  override toString(): string {
    const { length } = this.errors;
    return `${this.name}: ${this.message} (${length} sub-exception${
      length === 1 ? "" : "s"
    })`;
  }
}

/**
 * Several ordinary errors that happened together.
 *
 * @example Handling one kind of failure
 * ```ts
 * import { ConnectionError, ConnectionResetError, ExceptionGroup } from "@x/asyncio";
 *
 * const group = new ExceptionGroup("unhandled errors", [
 *   new ConnectionResetError("Connection lost"),
 *   new RangeError("too far"),
 * ]);
 * console.log(`${group.subgroup(ConnectionError)}`);
 * ```
 */
export class ExceptionGroup extends BaseExceptionGroup {
  /**
   * Makes the group.
   *
   * @param message What they have in common.
   * @param exceptions The errors; at least one.
   * @param options `cause`: what led to them.
   * @throws {TypeError} If one is a cancellation, an interrupt or an exit: a
   * BaseExceptionGroup holds those.
   * @throws {RangeError} If there are none.
   */
  constructor(
    message: string,
    exceptions: readonly unknown[],
    options?: ErrorOptions,
  ) {
    check(message, exceptions);
    if (exceptions.some(isBaseException)) {
      throw new TypeError(
        "Cannot nest BaseExceptions in " +
          (new.target === ExceptionGroup
            ? "an ExceptionGroup"
            : `'${new.target.name}'`),
      );
    }
    super(message, exceptions, options);
  }
}

function check(message: unknown, exceptions: unknown): void {
  if (typeof message !== "string") {
    throw new TypeError(
      `first argument (message) must be a string, not ${typeof message}`,
    );
  }
  if (!Array.isArray(exceptions)) {
    throw new TypeError("second argument (exceptions) must be a sequence");
  }
  if (exceptions.length === 0) {
    throw new RangeError(
      "second argument (exceptions) must be a non-empty sequence",
    );
  }
}

function toPredicate(matcher: ExceptionMatcher): (error: unknown) => boolean {
  if (isClass(matcher)) return (error) => error instanceof matcher;
  if (typeof matcher === "function") {
    return matcher as (error: unknown) => boolean;
  }
  if (Array.isArray(matcher) && matcher.every(isClass)) {
    return (error) => matcher.some((Class) => error instanceof Class);
  }
  throw new TypeError(
    "expected an exception type, a tuple of exception types, or a callable " +
      "(other than a class)",
  );
}

/**
 * A class cannot be called, so it must not be taken for a function that decides.
 * Its prototype cannot be replaced, a function's can; an error class made the old
 * way is known by what it inherits from.
 */
function isClass(value: unknown): value is abstract new () => unknown {
  if (typeof value !== "function") return false;
  const prototype = Object.getOwnPropertyDescriptor(value, "prototype");
  return prototype !== undefined &&
    (prototype.writable === false || prototype.value instanceof Error);
}

named({ BaseExceptionGroup, ExceptionGroup });
