/** Short text forms of futures and tasks, for bundles without the debugging part. */

import { debug } from "../_debug/hooks.ts";
import type { Future } from "../futures.ts";
import type { Task } from "./task.ts";

/** Its state. */
export function wordsOfFuture(future: Future<unknown>): string[] {
  return debug?.wordsOfFuture(future) ?? [future._state.toLowerCase()];
}

/** Its state and its name. */
export function wordsOfTask(task: Task<unknown>, words: string[]): string[] {
  return debug?.wordsOfTask(task, words) ??
    [words[0]!, `name='${task.getName()}'`];
}

/** Browsers cannot be told how to show an object. */
export function showAsText(_prototype: object): void {}
