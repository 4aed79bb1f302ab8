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

export {
  CancelledError,
  KeyboardInterrupt,
  SystemExit,
} from "./_kernel/base_exceptions.ts";
export {
  InvalidStateError,
  NotImplementedError,
  RuntimeError,
  toException,
} from "./_kernel/errors.ts";
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
export {
  BrokenBarrierError,
  EOFError,
  IncompleteReadError,
  LimitOverrunError,
  SendfileNotAvailableError,
} from "./_kernel/other_errors.ts";
