/**
 * Where tasks stand. A generator's place is on the stack of whoever resumes it: a
 * task that waits is resumed once with its future still pending, on which the chain
 * of `yield*` ends at the future's iterator, which yields the future again. No code
 * of the program runs, and the stack has the whole chain.
 *
 * Async functions cannot be asked: debug mode remembers where they await.
 */

import { type FutureState, PENDING } from "../base_futures.ts";
import type { Runnable } from "../events.ts";
import { type StackFrame, stackOfError } from "../format_helpers.ts";
import { origins } from "./origins.ts";
import { AwaitPoint, InlineCall, type Stepper } from "../_kernel/step.ts";
import type { Task } from "../_tasks/task.ts";

/** More than this, a chain is not worth showing. */
const DEEPEST = 500;

function deepStack(): Error {
  const stacks = Error as unknown as { stackTraceLimit: number };
  const before = stacks.stackTraceLimit;
  stacks.stackTraceLimit = DEEPEST;
  const error = new Error();
  // Read while the limit stands: the text is made when it is first looked at.
  void error.stack;
  stacks.stackTraceLimit = before;
  return error;
}

const GeneratorPrototype: object = Object.getPrototypeOf(
  (function* () {}).prototype,
);

/** Only real generators have frames of the program. */
function isGeneratorObject(value: unknown): boolean {
  for (
    let at: unknown = value;
    at !== null && typeof at === "object";
    at = Object.getPrototypeOf(at)
  ) if (at === GeneratorPrototype) return true;
  return false;
}

/** The frames of a generator that waits, oldest first. */
function framesOfStepper(stepper: Stepper): StackFrame[] {
  const future = stepper._waiting;
  if (
    future === null ||
    (future as { _state?: FutureState })._state !== PENDING ||
    !isGeneratorObject(stepper._iter) && !(stepper._iter instanceof InlineCall)
  ) return [];
  let stack: Error | null = null;
  // Set by the iterator that the chain ends at, just before it yields.
  Object.defineProperty(future, "_blocking", {
    configurable: true,
    enumerable: true,
    get: () => false,
    set: () => {
      stack = deepStack();
    },
  });
  // The probe is no await of debug mode's.
  const { on } = origins;
  origins.on = false;
  try {
    stepper._iter.next();
  } finally {
    origins.on = on;
    Object.defineProperty(future, "_blocking", {
      configurable: true,
      enumerable: true,
      writable: true,
      value: false,
    });
  }
  if (stack === null) return [];
  const here = stackOfError(deepStack());
  const all = stackOfError(stack);
  // What called this is no part of the task.
  return all.slice(commonLength(here, all));
}

function commonLength(
  a: readonly StackFrame[],
  b: readonly StackFrame[],
): number {
  let i = 0;
  while (i < a.length && i < b.length && same(a[i]!, b[i]!)) i++;
  return i;
}

function same(a: StackFrame, b: StackFrame): boolean {
  return a.line === b.line && a.column === b.column && a.file === b.file &&
    a.functionName === b.functionName;
}

/** The await that is the oldest, behind which the others stand. */
function oldestPoint(task: Task<unknown>): AwaitPoint<unknown> | null {
  let point = task._points;
  while (point !== null && point._next !== null) point = point._next;
  return point;
}

/**
 * The chain of awaits of a task that waits, oldest first: as far as it can be known,
 * empty where it cannot.
 */
export function awaitChain(task: Task<unknown>): StackFrame[] {
  const outer = framesOfStepper(task);
  const point = oldestPoint(task);
  if (point === null) return outer;
  const awaits = point._origin?.frames ?? [];
  return [...outer, ...awaits, ...framesOfStepper(point)];
}

/** " (now at file:line)" for a step that has just ended; nothing if not known. */
export function placeOf(what: Runnable): string {
  const task = what instanceof AwaitPoint ? what._owner : what;
  if (!("_points" in task)) return "";
  const frame = awaitChain(task as unknown as Task<unknown>).at(-1);
  return frame === undefined ? "" : ` (now at ${frame.file}:${frame.line})`;
}
