/** Errors that have come from another thread: made anew, of the class they had. */

import {
  BaseExceptionGroup,
  CancelledError,
  ExceptionGroup,
} from "../exceptions.ts";
import * as exceptions from "../exceptions.ts";
import { named } from "../_kernel/base_exceptions.ts";
import type { Packed } from "./error_pack.ts";
import { QueueEmpty, QueueFull, QueueShutDown } from "../queues.ts";
import { ERRORS } from "./wire_read.ts";

type ErrorClass = new (...args: never[]) => Error;

/**
 * Where an error was thrown that has come from another thread: its `cause`. The text
 * is the other thread's stack; if the error had a cause of its own, that is the
 * `cause` of this.
 */
export class RemoteTraceback extends Error {
  /** @internal */
  constructor(origin: string, stack: string, options?: ErrorOptions) {
    super(`thrown in ${origin}:\n${stack}`, options);
    // Where it was made anew says nothing.
    this.stack = `RemoteTraceback: ${this.message}`;
  }
}

/** A worker ended while it ran a call: by an error that nothing caught, or by itself. */
export class WorkerDiedError extends exceptions.RuntimeError {}

/** An executor can run nothing any more. */
export class BrokenExecutor extends exceptions.RuntimeError {}

/** The initializer of a ThreadPoolExecutor failed in one of its workers. */
export class BrokenThreadPool extends BrokenExecutor {}

named({
  BrokenExecutor,
  BrokenThreadPool,
  RemoteTraceback,
  WorkerDiedError,
});

let classes: ReadonlyMap<string, ErrorClass> | undefined;

/** The classes that are known here, by name. */
function knownClasses(): ReadonlyMap<string, ErrorClass> {
  return classes ??= new Map(
    [
      ...Object.entries(exceptions),
      ...Object.entries({
        BrokenExecutor,
        BrokenThreadPool,
        QueueEmpty,
        QueueFull,
        QueueShutDown,
        RemoteTraceback,
        WorkerDiedError,
        AggregateError,
        ...ERRORS,
      }),
    ].filter(([, value]) =>
      value === Error ||
      (value as { prototype?: unknown }).prototype instanceof Error
    ) as [string, ErrorClass][],
  );
}

/** An error without frames: those of this thread are not where it was thrown. */
function make(
  name: string,
  packed: Exclude<Packed, { value: unknown }>,
  inner: unknown[],
): Error {
  const { message, fields } = packed;
  const Class = knownClasses().get(name) ?? Error;
  if (name === "DOMException") {
    return new DOMException(message, packed.names[0]) as unknown as Error;
  }
  if (Class === CancelledError as unknown) {
    return new CancelledError(...(fields["args"] as [] | [unknown] ?? []));
  }
  if (
    Class.prototype instanceof BaseExceptionGroup ||
    Class === BaseExceptionGroup as unknown
  ) {
    const Group = Class as unknown as typeof BaseExceptionGroup;
    // A group of nothing cannot be made: what it had was nested too deeply.
    return inner.length > 0
      ? new Group(message, inner)
      : new ExceptionGroup(message, [new Error("left out")]);
  }
  if (Class === AggregateError as unknown) {
    return new AggregateError(inner, message);
  }
  // Not by the class itself, whose parameters are its own affair.
  return Reflect.construct(Error, [message], Class) as Error;
}

/**
 * Makes an error anew. A class that is not known here is replaced by the nearest one
 * above it that is; the name stays.
 *
 * @param packed What `packError` has made.
 * @param origin What is said of where it was thrown.
 * @returns The error, or whatever else was thrown.
 */
export function unpackError(packed: Packed, origin: string): unknown {
  if ("value" in packed) return packed.value;
  const inner = (packed.errors ?? []).map((error) =>
    unpackError(error, origin)
  );
  const known =
    packed.names.slice(1).find((name) =>
      name === "DOMException" || knownClasses().has(name)
    ) ?? "Error";
  const error = make(known, packed, inner);
  for (const [key, value] of Object.entries(packed.fields)) {
    // Some are getters of the class, or frozen.
    if (!(key in error)) define(error, key, value, true);
    else if (Object.hasOwn(error, key)) Reflect.set(error, key, value);
  }
  const [name] = packed.names;
  if (name !== undefined && error.name !== name) {
    define(error, "name", name, false);
  }
  const cause = packed.cause === undefined
    ? undefined
    : { cause: unpackError(packed.cause, origin) };
  define(
    error,
    "cause",
    new RemoteTraceback(origin, packed.stack, cause),
    false,
  );
  define(error, "stack", String(error), false);
  return error;
}

function define(
  error: Error,
  key: string,
  value: unknown,
  enumerable: boolean,
): void {
  Object.defineProperty(error, key, {
    value,
    enumerable,
    configurable: true,
    writable: true,
  });
}
