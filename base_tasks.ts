/**
 * How tasks are shown, and what can be said of where they stand.
 *
 * @example The name of a coroutine
 * ```ts
 * import { sleep } from "@x/asyncio";
 * import { coroutineName } from "@x/asyncio/base_tasks";
 *
 * console.log(coroutineName(sleep(1))); // "sleep"
 * ```
 *
 * @module
 */

import type { StackFrame } from "./format_helpers.ts";
import type { Coroutine } from "./coroutines.ts";
import type { Future } from "./futures.ts";
import type { Task } from "./tasks.ts";

/** The name of the function behind a coroutine. */
export function coroutineName(coro: unknown): string {
  if (coro === null || coro === undefined) return "(finished)";
  if (
    typeof coro === "function" || typeof coro === "object" && "_take" in coro
  ) return (coro as Coroutine<unknown>).name || "(anonymous)";
  // A generator does not know its function; its prototype may have a tag only.
  return "generator";
}

/**
 * The words of a task's text form.
 *
 * @internal
 */
export function taskInfo(task: Task<unknown>, info: string[]): string[] {
  if (task.cancelling() > 0 && !task.done()) info[0] = "cancelling";
  const words = [info[0]!, `name=${quote(task.getName())}`];
  const coro = task.getCoro();
  if (coro !== null) words.push(`coro=<${coroutineName(coro)}()>`);
  // Async code waits in a place of its own.
  const waiting = task._waiting ?? task._points?._waiting ?? null;
  // One that only gives the others a turn waits for nothing that can be shown.
  if (waiting !== null && "_state" in waiting) {
    words.push(`wait_for=${shown(waiting as Future<unknown>)}`);
  }
  return words.concat(info.slice(1));
}

/** What is waited for, without its callbacks and without what it waits for. */
function shown(future: Future<unknown>): string {
  const name = "getName" in future
    ? ` name=${quote((future as Task<unknown>).getName())}`
    : "";
  return `<${future.constructor.name} ${future._state.toLowerCase()}${name}>`;
}

function quote(name: string): string {
  return `'${name.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

/**
 * The text that `printStack` prints.
 *
 * @internal
 */
export function formatTaskStack(
  task: Task<unknown>,
  frames: readonly StackFrame[],
): string {
  const failed = task.done() && !task.cancelled() && task._failed;
  if (frames.length === 0 && !failed) return `No stack for ${task}\n`;
  const lines = [
    failed ? `Traceback for ${task}:` : `Stack for ${task}:`,
    ...frames.map((f) =>
      `  File "${f.file}", line ${f.line}, in ${f.functionName}`
    ),
  ];
  if (failed) lines.push(String(task._value));
  return lines.join("\n") + "\n";
}
