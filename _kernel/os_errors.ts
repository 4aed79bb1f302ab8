/**
 * Python's OSError and its subclasses.
 *
 * @module
 */

import { named } from "./base_exceptions.ts";

/** Options of an {@linkcode OSError}. */
export interface OSErrorOptions extends ErrorOptions {
  /** The error's name as the system has it, "ECONNRESET". */
  code?: string | undefined;
  /** Its number, where the runtime tells it. */
  errno?: number | undefined;
  /** The system call that failed, where the runtime tells it. */
  syscall?: string | undefined;
  /** The address it is about, where there is one. */
  address?: string | undefined;
  /** The file it is about, where there is one. */
  filename?: string | undefined;
}

/**
 * The system refused something.
 *
 * The subclass and `code` say what, and are the same on every runtime; the runtime's
 * own error is the `cause`.
 *
 * @example Telling errors apart
 * ```ts
 * import { ConnectionRefusedError, OSError } from "@x/asyncio";
 *
 * const error = OSError.from("ECONNREFUSED", "Cannot connect to port 9");
 * console.log(error instanceof ConnectionRefusedError, error.code);
 * ```
 */
export class OSError extends Error {
  /** The error's name as the system has it; empty where there is none. */
  readonly code: string;
  // Declared alone, and set only where known: five times "undefined" in each
  // printed error would hide what it says.
  /** Its number, where the runtime tells it. */
  declare readonly errno?: number;
  /** The system call that failed, where the runtime tells it. */
  declare readonly syscall?: string;
  /** The address it is about, where there is one. */
  declare readonly address?: string;
  /** The file it is about, where there is one. */
  declare readonly filename?: string;

  /**
   * Makes the error; {@linkcode OSError.from} chooses the class, too.
   *
   * @param message What was being done, then what happened.
   * @param options See {@linkcode OSErrorOptions}; `cause` is the runtime's error.
   */
  constructor(message?: string, options?: OSErrorOptions) {
    super(message, options);
    // Not new.target: terser, when it inlines the call, loses it.
    this.code = options?.code ?? defaultCode(this.constructor);
    if (options === undefined) return;
    const { errno, syscall, address, filename } = options;
    if (errno !== undefined) this.errno = errno;
    if (syscall !== undefined) this.syscall = syscall;
    if (address !== undefined) this.address = address;
    if (filename !== undefined) this.filename = filename;
  }

  /**
   * Makes the subclass that belongs to a code.
   *
   * @param code The system's name of the error.
   * @param message What was being done, then what happened.
   * @param options See {@linkcode OSErrorOptions}; `cause` is the runtime's error.
   * @returns The error; a plain OSError where the code has no class of its own.
   */
  static from(
    code: string,
    message?: string,
    options?: OSErrorOptions,
  ): OSError {
    const Class = classOf(code);
    return new Class(message, { ...options, code });
  }
}

/** An operation would have had to wait. */
export class BlockingIOError extends OSError {}

/** There is no such child process. */
export class ChildProcessError extends OSError {}

/** A connection failed; the subclasses say how. */
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
export class TimeoutError extends OSError {}

/** The codes of each class; the first is that of an error made without one. */
const CODES: ReadonlyMap<typeof OSError, readonly string[]> = new Map([
  [BlockingIOError, ["EAGAIN", "EALREADY", "EINPROGRESS", "EWOULDBLOCK"]],
  [ChildProcessError, ["ECHILD"]],
  [BrokenPipeError, ["EPIPE", "ESHUTDOWN"]],
  [ConnectionAbortedError, ["ECONNABORTED"]],
  [ConnectionRefusedError, ["ECONNREFUSED"]],
  [ConnectionResetError, ["ECONNRESET"]],
  [FileExistsError, ["EEXIST"]],
  [FileNotFoundError, ["ENOENT"]],
  [InterruptedError, ["EINTR"]],
  [IsADirectoryError, ["EISDIR"]],
  [NotADirectoryError, ["ENOTDIR"]],
  [PermissionError, ["EACCES", "EPERM"]],
  [ProcessLookupError, ["ESRCH"]],
  [TimeoutError, ["ETIMEDOUT"]],
]);

let classes: Map<string, typeof OSError> | undefined;

/** The class of a code; the table is made when it is first asked. */
function classOf(code: string): typeof OSError {
  if (classes === undefined) {
    classes = new Map();
    for (const [Class, codes] of CODES) {
      for (const each of codes) classes.set(each, Class);
    }
  }
  return classes.get(code) ?? OSError;
}

/** The code of a class or of the nearest one that it extends. */
function defaultCode(made: unknown): string {
  for (
    let Class = made as typeof OSError | null;
    Class !== null;
    Class = Object.getPrototypeOf(Class)
  ) {
    const codes = CODES.get(Class);
    if (codes !== undefined) return codes[0]!;
  }
  return "";
}

named({
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
  PermissionError,
  ProcessLookupError,
  TimeoutError,
});
