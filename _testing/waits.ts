/** Who waits for whom: the tasks of a loop, in words. */

import { coroutineName } from "../base_tasks.ts";
import { Future } from "../futures.ts";
import type { AbstractEventLoop } from "../events.ts";
import { shortRepr, stackOfError } from "../format_helpers.ts";
import { type FutureLike, TURN } from "../_kernel/step.ts";
import { allTasks, Task } from "../tasks.ts";
import { Waiter } from "../_sync/waiters.ts";

/** Where something was made. */
export interface Site {
  readonly error: Error;
  /** The task that made it, for where the stack tells nothing. */
  readonly task: Task<unknown> | null;
}

/** What is known of where things were made. */
export type Sites = WeakMap<object, Site>;

/**
 * ", made at file:line", or nothing where it is not known. What a coroutine makes after
 * its first await has no frames of its caller on the stack: then its task is named.
 */
export function siteOf(sites: Sites, what: object): string {
  const site = sites.get(what);
  if (site === undefined) return "";
  const frame = stackOfError(site.error).at(-1);
  if (frame !== undefined) {
    return `, made at ${frame.file}:${frame.line}:${frame.column}`;
  }
  const { task } = site;
  if (task === null || task === what) return "";
  return `, made by ${showTask(task)}${siteOf(sites, task)}`;
}

/** A task in a sentence. */
export function showTask(task: Task<unknown>): string {
  return `task '${task.getName()}'`;
}

/** What a task waits for. */
interface Wait {
  readonly text: string;
  /** The tasks that it needs. */
  readonly tasks: readonly Task<unknown>[];
}

function holderOf(owner: object): Task<unknown>[] {
  const { statistics } = owner as { statistics?: () => object };
  if (typeof statistics !== "function") return [];
  const found = statistics.call(owner) as {
    owner?: unknown;
    borrowers?: Iterable<unknown>;
  };
  const holders: unknown[] = [found.owner, ...found.borrowers ?? []];
  return holders.filter((holder) => holder instanceof Task);
}

function showTasks(tasks: readonly Task<unknown>[]): string {
  return tasks.map(showTask).join(", ");
}

function waitFor(
  waiting: FutureLike,
  task: Task<unknown>,
  all: Iterable<Task<unknown>>,
): Wait {
  if (waiting instanceof Task) {
    return { text: showTask(waiting), tasks: [waiting] };
  }
  const owner = waiting instanceof Waiter
    ? waiting._queue.owner
    : (waiting as { _list?: { owner: object } | null })._list?.owner ?? null;
  if (owner !== null) {
    const tasks = holderOf(owner);
    const held = tasks.length > 0 ? `, held by ${showTasks(tasks)}` : "";
    return { text: `${owner}${held}`, tasks };
  }
  // gather() and wait() record whom their future stands for.
  const tasks = [...all].filter((other) =>
    other._awaitedBy?.has(task) === true ||
    (waiting instanceof Future && other._awaitedBy?.has(waiting) === true)
  );
  if (tasks.length > 0) return { text: showTasks(tasks), tasks };
  return {
    text: waiting instanceof Future
      ? `a ${waiting.constructor.name} that nobody has set`
      : shortRepr(waiting),
    tasks,
  };
}

function waitsOf(
  task: Task<unknown>,
  all: Iterable<Task<unknown>>,
): Wait[] {
  const waits: Wait[] = [];
  if (task._waiting !== null) waits.push(waitFor(task._waiting, task, all));
  for (let point = task._points; point !== null; point = point._next) {
    if (point._waiting !== null && point._waiting !== TURN) {
      waits.unshift(waitFor(point._waiting, task, all));
    }
  }
  return waits;
}

/** The tasks of a circle of waits; empty where there is none. */
function circle(
  waits: ReadonlyMap<Task<unknown>, readonly Wait[]>,
): Task<unknown>[] {
  const finished = new Set<Task<unknown>>();
  const path: Task<unknown>[] = [];
  const visit = (task: Task<unknown>): Task<unknown>[] => {
    const start = path.indexOf(task);
    if (start >= 0) return path.slice(start);
    if (finished.has(task)) return [];
    path.push(task);
    for (const wait of waits.get(task) ?? []) {
      for (const next of wait.tasks) {
        const found = visit(next);
        if (found.length > 0) return found;
      }
    }
    path.pop();
    finished.add(task);
    return [];
  };
  for (const task of waits.keys()) {
    const found = visit(task);
    if (found.length > 0) return found;
  }
  return [];
}

/**
 * Tells of each task what it waits for, and of a circle of waits if there is one.
 *
 * @param loop The loop.
 * @param sites Where the tasks were made.
 * @param isReady Whether a task only waits for its turn.
 */
export function describeWaits(
  loop: AbstractEventLoop,
  sites: Sites,
  isReady: (task: Task<unknown>) => boolean,
): string {
  const all = allTasks(loop);
  const waits = new Map([...all].map((task) => [task, waitsOf(task, all)]));
  const lines: string[] = [];
  const round = circle(waits);
  if (round.length > 0) {
    const names = [...round, round[0]!].map(showTask);
    lines.push(`They wait for each other: ${names.join(" -> ")}`);
  }
  for (const [task, found] of waits) {
    const name = coroutineName(task.getCoro());
    lines.push(`${showTask(task)} (${name})${siteOf(sites, task)}`);
    if (found.length > 0) {
      for (const { text } of found) lines.push(`  waits for ${text}`);
    } else if (isReady(task)) lines.push("  is ready to run");
    else {
      lines.push(
        "  waits for a promise that is not of this library: a real timer, real " +
          "I/O, or several awaits joined by Promise",
      );
    }
  }
  return lines.length > 0 ? lines.join("\n") : "There are no tasks.";
}
