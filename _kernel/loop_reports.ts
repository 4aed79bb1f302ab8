/** Reports of errors that nobody can catch. */

import {
  type AbstractEventLoop,
  type ExceptionContext,
  type ExceptionHandler,
  Handle,
  isExit,
} from "../events.ts";
import type { StackFrame } from "../format_helpers.ts";
import { logger } from "../log.ts";
import { textOf, textOfFrames } from "./texts.ts";
import { Task } from "../tasks.ts";

/** Logs an error with all that is known of it. */
export function logReport(context: ExceptionContext, current: unknown): void {
  const lines = [context.message || "Unhandled exception in event loop"];
  if (
    context.sourceTraceback === undefined && current instanceof Handle &&
    current._sourceTraceback !== null
  ) context = { ...context, handleTraceback: current._sourceTraceback };
  for (const key of Object.keys(context).sort()) {
    if (key === "message" || key === "exception") continue;
    const value = context[key];
    if (key.endsWith("Traceback")) {
      const what = key === "sourceTraceback"
        ? "Object created at (most recent call last):"
        : "Handle created at (most recent call last):";
      lines.push(`${key}: ${what}`);
      lines.push(textOfFrames(value as readonly StackFrame[]));
    } else lines.push(`${key}: ${textOf(value)}`);
  }
  logger.error(lines.join("\n"), { exc: context.exception });
}

/** Tells the handler of an error, or the default one. Throws exits alone. */
export function report(
  loop: AbstractEventLoop,
  handler: ExceptionHandler | null,
  context: ExceptionContext,
): void {
  try {
    if (handler === null) loop.defaultExceptionHandler(context);
    else watch(loop, callInContext(loop, handler, context), context);
  } catch (error) {
    if (isExit(error)) throw error;
    if (handler === null) {
      logger.error("Exception in default exception handler", { exc: error });
      return;
    }
    handlerFailed(loop, error, context);
  }
}

function handlerFailed(
  loop: AbstractEventLoop,
  error: unknown,
  context: ExceptionContext,
): void {
  try {
    loop.defaultExceptionHandler({
      message: "Unhandled error in exception handler",
      exception: error,
      context,
    });
  } catch (second) {
    if (isExit(second)) throw second;
    logger.error(
      "Exception in default exception handler while handling an " +
        "unexpected error in custom exception handler",
      { exc: second },
    );
  }
}

/** An async handler fails later, when nobody is there to catch it. */
function watch(
  loop: AbstractEventLoop,
  result: unknown,
  context: ExceptionContext,
): void {
  if (!(result instanceof Promise)) return;
  result.then(undefined, (error) => {
    if (isExit(error)) loop._fatal(error);
    else handlerFailed(loop, error, context);
  });
}

/** Calls a handler in the context of what failed, where it has one. */
function callInContext(
  loop: AbstractEventLoop,
  handler: ExceptionHandler,
  context: ExceptionContext,
): unknown {
  const owner = context.task ?? context.future ?? context.handle;
  const own = owner instanceof Task || owner instanceof Handle
    ? owner.getContext()
    : null;
  return own === null || own._isEntered()
    ? handler(loop, context)
    : own.run(handler, loop, context);
}
