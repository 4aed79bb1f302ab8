/** Python's error classes and how they are written, in JavaScript's terms. */
import * as aio from "../../mod.ts";
import type { ErrorSpec } from "./types.ts";

/** An error of the scenario's own. */
export class Boom extends Error {
  override name = "Boom";
}

type ErrorClass = new (...args: never[]) => Error;

const CLASSES: Record<string, ErrorClass> = {
  Boom,
  ValueError: RangeError,
  TypeError,
  RuntimeError: aio.RuntimeError,
  OSError: aio.OSError,
  TimeoutError: aio.TimeoutError,
  CancelledError: aio.CancelledError,
  InvalidStateError: aio.InvalidStateError,
  BrokenBarrierError: aio.BrokenBarrierError,
  QueueEmpty: aio.QueueEmpty,
  QueueFull: aio.QueueFull,
  QueueShutDown: aio.QueueShutDown,
  ExceptionGroup: aio.ExceptionGroup,
  BaseExceptionGroup: aio.BaseExceptionGroup,
  KeyboardInterrupt: aio.KeyboardInterrupt,
  SystemExit: aio.SystemExit,
  BaseException: Error,
};

/** Whether Python's `except Exception` would let it pass. */
function isBase(error: Error): boolean {
  return error instanceof aio.CancelledError ||
    error instanceof aio.KeyboardInterrupt ||
    error instanceof aio.SystemExit ||
    error instanceof aio.BaseExceptionGroup &&
      !(error instanceof aio.ExceptionGroup);
}

/** Whether `except kind` would catch it. */
export function matches(error: unknown, kind: string): boolean {
  if (!(error instanceof Error)) return false;
  if (kind === "Exception") return !isBase(error);
  const found = CLASSES[kind];
  if (found === undefined) throw new Error(`no error class ${kind}`);
  return error instanceof found;
}

/** Makes the error that a scenario names. */
export function buildError(spec: ErrorSpec): Error {
  const [kind, ...args] = typeof spec === "string" ? [spec] : spec;
  const found = CLASSES[kind];
  if (found === undefined) throw new Error(`no error class ${kind}`);
  return new (found as new (...args: unknown[]) => Error)(...args);
}

/** The error with the cause that `raise ... from` gives it. */
export function withCause(error: Error, cause: Error): Error {
  error.cause = cause;
  return error;
}

function nameOf(error: Error): string {
  for (const [name, kind] of Object.entries(CLASSES)) {
    if (kind !== Error && error.constructor === kind) return name;
  }
  return error.constructor === Error ? "Exception" : error.name;
}

function argument(error: Error): string | undefined {
  if (error instanceof aio.CancelledError) {
    return error.args.length > 0 ? String(error.args[0]) : undefined;
  }
  if (error instanceof aio.SystemExit) {
    return error.code === undefined || error.code === null
      ? undefined
      : String(error.code);
  }
  return error.message === "" ? undefined : error.message;
}

/** Writes an error as the oracle does; `show` writes those inside a group. */
export function showError(
  error: Error,
  show: (value: unknown) => string,
  depth = 2,
): string {
  const name = nameOf(error);
  if (error instanceof aio.BaseExceptionGroup) {
    const inner = error.errors.map(show).join(", ");
    return `${name}(${error.message})[${inner}]`;
  }
  const given = argument(error);
  const text = given === undefined ? name : `${name}(${given})`;
  return error.cause instanceof Error && depth > 0
    ? `${text} from ${showError(error.cause, show, depth - 1)}`
    : text;
}
