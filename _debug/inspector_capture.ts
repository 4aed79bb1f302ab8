/** What a running program tells of its tasks to whoever inspects it. */

import { platform } from "../_platform/mod.ts";
import { coroutineName } from "../base_tasks.ts";
import type { AbstractEventLoop } from "../events.ts";
import type { StackFrame } from "../format_helpers.ts";
import type { Future } from "../futures.ts";
import { awaitChain } from "./stack.ts";
import { allTasks, Task } from "../_tasks/task.ts";
import { awaitersOf, waitsOf } from "./waits.ts";

/** One call of a coroutine's stack. */
export interface FrameInfo {
  /** The name of the function. */
  readonly funcname: string;
  /** The path or URL of its file; empty where it is not known. */
  readonly filename: string;
  /** Its line; 0 where it is not known. */
  readonly lineno: number;
}

/** The stack of a task. */
export interface CoroInfo {
  /** The calls, the newest first. */
  readonly callStack: readonly FrameInfo[];
  /** The number of the task whose stack it is. */
  readonly taskId: number;
}

/** One task. */
export interface TaskInfo {
  /** Its number, which is no other task's of its thread. */
  readonly taskId: number;
  /** Its name. */
  readonly taskName: string;
  /** Where it stands. */
  readonly coroutineStack: readonly CoroInfo[];
  /** Where those stand that wait for it. */
  readonly awaitedBy: readonly CoroInfo[];
}

/** The tasks of one thread. */
export interface AwaitedInfo {
  /** The number of the process for its main thread; of others a count. */
  readonly threadId: number;
  /** The tasks, in the order in which they were made. */
  readonly awaitedBy: readonly TaskInfo[];
}

type AnyFuture = Future<unknown>;

let idCount = 0;
const ids = new WeakMap<object, number>();

/** JavaScript has no addresses: a number that stays. */
function idOf(task: object): number {
  let id = ids.get(task);
  if (id === undefined) ids.set(task, id = ++idCount);
  return id;
}

/** Those who wait as seen from them: for a lock that a task holds, for instance. */
function edgesOf(tasks: Iterable<AnyFuture>): Map<AnyFuture, AnyFuture[]> {
  const edges = new Map<AnyFuture, AnyFuture[]>();
  for (const task of tasks) {
    if (!(task instanceof Task)) continue;
    for (const { futures, holders } of waitsOf(task)) {
      for (const target of [...futures, ...holders]) {
        const known = edges.get(target);
        if (known === undefined) edges.set(target, [task]);
        else known.push(task);
      }
    }
  }
  return edges;
}

/** The tasks that wait for one, directly or by futures that no task is. */
function awaitingTasks(
  task: AnyFuture,
  edges: ReadonlyMap<AnyFuture, readonly AnyFuture[]>,
  tasks: ReadonlySet<AnyFuture>,
): Set<AnyFuture> {
  const found = new Set<AnyFuture>();
  const seen = new Set<AnyFuture>();
  const open = [task];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    for (const who of [...edges.get(at) ?? [], ...awaitersOf(at)]) {
      if (tasks.has(who)) found.add(who);
      else if (!seen.has(who)) {
        seen.add(who);
        open.push(who);
      }
    }
  }
  return found;
}

function frameInfo(frame: StackFrame): FrameInfo {
  const { functionName, file, line } = frame;
  return { funcname: functionName, filename: file, lineno: line };
}

/** What a task is called that others made. */
function nameOf(task: AnyFuture): string {
  const { getName } = task as Partial<Task<unknown>>;
  return String(getName?.call(task as Task<unknown>) ?? task.constructor.name);
}

function stackOf(task: AnyFuture): FrameInfo[] {
  if (!(task instanceof Task)) return [];
  let frames: FrameInfo[] = [];
  try {
    frames = awaitChain(task).reverse().map(frameInfo);
  } catch {
    // An iterator of the program's own that cannot be asked: the name remains.
  }
  const root = coroutineName(task.getCoro());
  if (frames.length === 0 || isHidden(task, root, frames)) {
    frames.push({ funcname: root, filename: "", lineno: 0 });
  }
  return frames;
}

/** Whether an async function stands below its frames that only debug mode sees. */
function isHidden(
  task: Task<unknown>,
  root: string,
  frames: readonly FrameInfo[],
): boolean {
  return task._points !== null && task._waiting === null &&
    frames.at(-1)!.funcname !== root;
}

/** How long the program may be held up at a time, in seconds. */
const TIME_SLICE = 0.004;

/** Gives the program its turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => platform.clock.immediate(resolve));
}

/**
 * All tasks of a loop that have not ended, where they stand, and who waits for them.
 *
 * Which tasks there are and who waits for whom is looked up at once, so that it fits
 * together. Where they stand takes longer and is looked up bit by bit, so that the
 * program goes on; a task that ended meanwhile has no stack.
 *
 * @param loop The loop.
 * @returns The tasks, in the order in which they were made.
 */
export async function captureTasks(
  loop: AbstractEventLoop,
): Promise<TaskInfo[]> {
  const tasks = allTasks(loop) as ReadonlySet<AnyFuture>;
  const edges = edgesOf(tasks);
  const awaiters = new Map<AnyFuture, ReadonlySet<AnyFuture>>();
  for (const task of tasks) {
    awaiters.set(task, awaitingTasks(task, edges, tasks));
  }
  const stacks = new Map<AnyFuture, CoroInfo>();
  let until = platform.clock.now() + TIME_SLICE;
  for (const task of tasks) {
    if (platform.clock.now() >= until) {
      await turn();
      until = platform.clock.now() + TIME_SLICE;
    }
    const callStack = task.done() ? [] : stackOf(task);
    stacks.set(task, { callStack, taskId: idOf(task) });
  }
  return [...tasks].map((task) => ({
    taskId: idOf(task),
    taskName: nameOf(task),
    coroutineStack: [stacks.get(task)!],
    awaitedBy: [...awaiters.get(task)!].map((who) => stacks.get(who)!),
  }));
}
