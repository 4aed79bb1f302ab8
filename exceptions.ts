/**
 * The exceptions of asyncio, and those of Python that it needs.
 *
 * `ValueError` is RangeError here and `TypeError` is TypeError. All are Errors, so
 * that a `catch` shows a stack; `name` is the Python name even in minified code.
 *
 * @module
 */

/** Gives the classes their names, which minifiers would change. */
function named(classes: Record<string, { prototype: Error }>): void {
  for (const [name, { prototype }] of Object.entries(classes)) {
    Object.defineProperty(prototype, "name", {
      value: name,
      configurable: true,
      writable: true,
    });
  }
}

let cancelStacks = false;

/**
 * Turns stack traces of CancelledError on: debug mode does. Capturing one costs
 * several times as much as all the rest of a cancellation, and shows the loop.
 *
 * @internal
 */
export function captureCancelStacks(on: boolean): void {
  cancelStacks = on;
}

/** The limit to put back after a CancelledError was made without a stack. */
function withoutStack(): number {
  const limit = Error.stackTraceLimit;
  if (!cancelStacks) Error.stackTraceLimit = 0;
  return limit;
}

/**
 * A task or future was cancelled. Thrown where a cancelled task waits; clean up and
 * rethrow it.
 */
export class CancelledError extends Error {
  /** What `cancel` was given: nothing or one value. */
  readonly args: readonly [] | readonly [unknown];

  /**
   * @param message What `cancel` was given.
   * @param options `cause`: what led to it.
   */
  constructor(message?: unknown, options?: ErrorOptions) {
    const limit = withoutStack();
    if (message === undefined) {
      if (options === undefined) super();
      else super(undefined, options);
      this.args = NO_ARGS;
    } else {
      super(String(message), options);
      this.args = [message];
    }
    Error.stackTraceLimit = limit;
  }
}

const NO_ARGS: readonly [] = [];

/** Something was asked of an object in a state that does not allow it. */
export class RuntimeError extends Error {}

/** This runtime, or this class, cannot do it. */
export class NotImplementedError extends RuntimeError {}

/** The state of a future does not allow it. */
export class InvalidStateError extends Error {}

/** A file transfer cannot be done by the system; the caller may do it by hand. */
export class SendfileNotAvailableError extends RuntimeError {}

/** A barrier was broken. */
export class BrokenBarrierError extends RuntimeError {}

/** Ctrl-C was pressed. It leaves the loop. */
export class KeyboardInterrupt extends Error {}

/** The program is to end. It leaves the loop. */
export class SystemExit extends Error {
  /** The exit code. */
  readonly code: number;

  /** @param code The exit code; 0 unless given. */
  constructor(code = 0) {
    super(String(code));
    this.code = code;
  }
}

/** Options of an {@linkcode OSError}. */
export interface OSErrorOptions extends ErrorOptions {
  /** The error's name as the system has it, "ECONNRESET". */
  code?: string | undefined;
  /** Its number, where the runtime tells it. */
  errno?: number | undefined;
  /** The file it is about. */
  filename?: string | undefined;
}

/** The system refused something. One `code` on every runtime. */
export class OSError extends Error {
  /** The error's name as the system has it; empty where there is none. */
  readonly code: string;
  /** Its number, where the runtime tells it. */
  readonly errno: number | undefined;
  /** The file it is about, where there is one. */
  readonly filename: string | undefined;

  /**
   * @param message What was being done, then what happened.
   * @param options See {@linkcode OSErrorOptions}; `cause` is the runtime's error.
   */
  constructor(message?: string, options?: OSErrorOptions) {
    super(
      message,
      options !== undefined && "cause" in options
        ? { cause: options.cause }
        : undefined,
    );
    this.code = options?.code ?? "";
    this.errno = options?.errno;
    this.filename = options?.filename;
  }

  /**
   * Makes the subclass that belongs to a code.
   *
   * @param code The system's name of the error.
   * @param message What was being done, then what happened.
   * @param options See {@linkcode OSErrorOptions}.
   * @returns The error.
   */
  static from(
    code: string,
    message: string,
    options?: OSErrorOptions,
  ): OSError {
    const Class = byCode.get(code) ?? OSError;
    return new Class(message, { ...options, code });
  }
}

/** An operation would have had to wait. */
export class BlockingIOError extends OSError {}
/** There is no such child process. */
export class ChildProcessError extends OSError {}
/** A connection failed. */
export class ConnectionError extends OSError {}
/** The other side does not read any more. */
export class BrokenPipeError extends ConnectionError {}
/** A connection was given up. */
export class ConnectionAbortedError extends ConnectionError {}
/** Nobody listens there. */
export class ConnectionRefusedError extends ConnectionError {}
/** The other side ended the connection. */
export class ConnectionResetError extends ConnectionError {}
/** It exists already. */
export class FileExistsError extends OSError {}
/** It does not exist. */
export class FileNotFoundError extends OSError {}
/** A signal came in between. */
export class InterruptedError extends OSError {}
/** It is a directory. */
export class IsADirectoryError extends OSError {}
/** It is no directory. */
export class NotADirectoryError extends OSError {}
/** It is not allowed. */
export class PermissionError extends OSError {}
/** There is no such process. */
export class ProcessLookupError extends OSError {}

/** The time for something is over. */
export class TimeoutError extends OSError {
  /**
   * @param message What took too long.
   * @param options See {@linkcode OSErrorOptions}.
   */
  constructor(message?: string, options?: OSErrorOptions) {
    super(message, { code: "ETIMEDOUT", ...options });
  }
}

const byCode: ReadonlyMap<string, typeof OSError> = new Map([
  ["EAGAIN", BlockingIOError],
  ["EALREADY", BlockingIOError],
  ["EINPROGRESS", BlockingIOError],
  ["EWOULDBLOCK", BlockingIOError],
  ["ECHILD", ChildProcessError],
  ["EPIPE", BrokenPipeError],
  ["ESHUTDOWN", BrokenPipeError],
  ["ECONNABORTED", ConnectionAbortedError],
  ["ECONNREFUSED", ConnectionRefusedError],
  ["ECONNRESET", ConnectionResetError],
  ["EEXIST", FileExistsError],
  ["ENOENT", FileNotFoundError],
  ["EINTR", InterruptedError],
  ["EISDIR", IsADirectoryError],
  ["ENOTDIR", NotADirectoryError],
  ["EACCES", PermissionError],
  ["EPERM", PermissionError],
  ["ESRCH", ProcessLookupError],
  ["ETIMEDOUT", TimeoutError],
]);

/** The data ended early. */
export class EOFError extends Error {}

/** A stream ended before all that was asked for had come. */
export class IncompleteReadError extends EOFError {
  /** What had come. */
  readonly partial: Uint8Array;
  /** How many bytes were expected, or null where that was open. */
  readonly expected: number | null;

  /**
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
   * @param message What happened.
   * @param consumed How many bytes can be taken.
   */
  constructor(message: string, consumed: number) {
    super(message);
    this.consumed = consumed;
  }
}

/** What `split` and `subgroup` choose by: a class, several, or a function. */
export type ExceptionMatcher =
  // deno-lint-ignore no-explicit-any
  | (abstract new (...args: any[]) => unknown)
  // deno-lint-ignore no-explicit-any
  | readonly (abstract new (...args: any[]) => unknown)[]
  | ((error: unknown) => boolean);

/**
 * Whether Python's `except Exception` would let an error pass: a cancellation, an
 * interrupt, an exit, or a group that holds one.
 *
 * @param error Any thrown value.
 * @returns Whether it is one of those.
 */
export function isBaseException(error: unknown): boolean {
  return error instanceof CancelledError ||
    error instanceof KeyboardInterrupt || error instanceof SystemExit ||
    error instanceof BaseExceptionGroup && !(error instanceof ExceptionGroup);
}

/** Several errors that happened together; some may be cancellations or exits. */
export class BaseExceptionGroup extends AggregateError {
  /**
   * @param message What they have in common.
   * @param exceptions The errors; at least one.
   * @param options `cause`: what led to them.
   */
  constructor(
    message: string,
    exceptions: Iterable<unknown>,
    options?: ErrorOptions,
  ) {
    const errors = [...exceptions];
    if (errors.length === 0) {
      throw new RangeError(
        "second argument (exceptions) must be a non-empty sequence",
      );
    }
    super(errors, message, options);
  }

  /**
   * Makes an ExceptionGroup where all errors are ordinary ones, as CPython's
   * constructor does, else a BaseExceptionGroup.
   *
   * @param message What they have in common.
   * @param exceptions The errors; at least one.
   * @returns The group.
   */
  static of(
    message: string,
    exceptions: Iterable<unknown>,
  ): BaseExceptionGroup {
    const errors = [...exceptions];
    return errors.some(isBaseException)
      ? new BaseExceptionGroup(message, errors)
      : new ExceptionGroup(message, errors);
  }

  /** The errors, under Python's name. */
  get exceptions(): readonly unknown[] {
    return this.errors;
  }

  /**
   * A group like this one with other errors; subclasses override it to stay what
   * they are.
   *
   * @param exceptions The errors.
   * @returns The group.
   */
  derive(exceptions: readonly unknown[]): BaseExceptionGroup {
    return BaseExceptionGroup.of(this.message, exceptions);
  }

  /**
   * The part of the group, with its nesting, whose errors match.
   *
   * @param matcher A class, several, or a function.
   * @returns The group, or null where none matches.
   */
  subgroup(matcher: ExceptionMatcher): BaseExceptionGroup | null {
    return this.split(matcher)[0];
  }

  /**
   * Splits the group, with its nesting, into what matches and what does not.
   *
   * @param matcher A class, several, or a function.
   * @returns The two parts; null where one is empty.
   */
  split(
    matcher: ExceptionMatcher,
  ): [BaseExceptionGroup | null, BaseExceptionGroup | null] {
    const matches = toPredicate(matcher);
    if (matches(this)) return [this, null];
    const yes: unknown[] = [];
    const no: unknown[] = [];
    for (const error of this.errors) {
      if (error instanceof BaseExceptionGroup) {
        const [match, rest] = error.split(matches);
        if (match !== null) yes.push(match);
        if (rest !== null) no.push(rest);
      } else (matches(error) ? yes : no).push(error);
    }
    return [this.#part(yes), this.#part(no)];
  }

  #part(errors: readonly unknown[]): BaseExceptionGroup | null {
    if (errors.length === 0) return null;
    const part = this.derive(errors);
    if (this.cause !== undefined) part.cause = this.cause;
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

/** Several ordinary errors that happened together. */
export class ExceptionGroup extends BaseExceptionGroup {
  /**
   * @param message What they have in common.
   * @param exceptions The errors; at least one, and no cancellation or exit.
   * @param options `cause`: what led to them.
   */
  constructor(
    message: string,
    exceptions: Iterable<unknown>,
    options?: ErrorOptions,
  ) {
    super(message, exceptions, options);
    if (this.errors.some(isBaseException)) {
      throw new TypeError(
        "Cannot nest BaseExceptions in an ExceptionGroup: use " +
          "BaseExceptionGroup.of()",
      );
    }
  }
}

function toPredicate(matcher: ExceptionMatcher): (error: unknown) => boolean {
  if (Array.isArray(matcher)) {
    return (error) => matcher.some((Class) => error instanceof Class);
  }
  if (typeof matcher !== "function") {
    throw new TypeError(
      "expected an exception type, a tuple of exception types, or a callable " +
        "(other than a class)",
    );
  }
  if (isErrorClass(matcher)) return (error) => error instanceof matcher;
  return matcher as (error: unknown) => boolean;
}

function isErrorClass(value: unknown): value is new () => Error {
  return typeof value === "function" &&
    (value === Error || value.prototype instanceof Error);
}

/**
 * The error meant by what was given: an error class is made an error of. JavaScript
 * can throw anything, so any other value stands for itself.
 *
 * @internal
 */
export function toException(given: unknown): unknown {
  return isErrorClass(given) ? new given() : given;
}

named({
  BaseExceptionGroup,
  BlockingIOError,
  BrokenBarrierError,
  BrokenPipeError,
  CancelledError,
  ChildProcessError,
  ConnectionAbortedError,
  ConnectionError,
  ConnectionRefusedError,
  ConnectionResetError,
  EOFError,
  ExceptionGroup,
  FileExistsError,
  FileNotFoundError,
  IncompleteReadError,
  InterruptedError,
  InvalidStateError,
  IsADirectoryError,
  KeyboardInterrupt,
  LimitOverrunError,
  NotADirectoryError,
  NotImplementedError,
  OSError,
  PermissionError,
  ProcessLookupError,
  RuntimeError,
  SendfileNotAvailableError,
  SystemExit,
  TimeoutError,
});
