/** The body of `TaskGroup.all`. */

import {
  type AnyCoroutine,
  closeCoroutine,
  type Coro,
  isCoroutine,
} from "../coroutines.ts";
import type { TaskGroup } from "../taskgroups.ts";
import type { Task } from "../_tasks/task.ts";

/** Runs coroutines in a fresh group; the results stand where they stood. */
export function* runAll(
  group: TaskGroup,
  coros: Readonly<Record<string, AnyCoroutine<unknown>>>,
): Coro<unknown> {
  const isList = Array.isArray(coros);
  // A Map or a Set has no names to give back, and a coroutine is iterable as well.
  if (
    typeof coros !== "object" || coros === null ||
    !isList && Symbol.iterator in coros
  ) {
    throw new TypeError(
      "Cannot run all: an object or an array of coroutines is expected, got " +
        kindOf(coros),
    );
  }
  // By position: an array with holes has fewer keys.
  const names = Object.keys(isList ? [...coros] : coros);
  for (const name of names) {
    const coro: unknown = coros[name];
    if (isCoroutine(coro) || typeof coro === "function") continue;
    for (const other of Object.values(coros)) closeCoroutine(other);
    throw new TypeError(
      `Cannot run all: a coroutine is expected at ${name}, got ${kindOf(coro)}`,
    );
  }
  const tasks: Task<unknown>[] = [];
  let begun = 0;
  try {
    yield* group.with(() => {
      for (const name of names) {
        begun++;
        tasks.push(group.createTask(coros[name]!));
      }
    });
  } finally {
    // What never came to be a task runs no more.
    for (const name of names.slice(begun)) closeCoroutine(coros[name]);
  }
  const results = tasks.map((task) => task.result());
  return isList
    ? results
    : Object.fromEntries(names.map((name, i) => [name, results[i]]));
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (typeof (value as { then?: unknown } | undefined)?.then !== "function") {
    return typeof value === "object" ? `${value}` : typeof value;
  }
  return isCoroutine(value)
    ? `${value}`
    : "a Promise or a future, which runs already: use gather for these";
}
