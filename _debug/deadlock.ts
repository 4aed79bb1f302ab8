/** Finding tasks that wait for each other and will never go on. */

import { type FutureState, PENDING } from "../base_futures.ts";
import type { AbstractEventLoop } from "../events.ts";
import { formatFrames } from "../format_helpers.ts";

import { Future } from "../futures.ts";
import type { FutureLike } from "../_kernel/step.ts";
import { allTasks, Task } from "../_tasks/task.ts";
import { type Wait, waitsOf } from "./waits.ts";

/** One task of a {@linkcode Deadlock}. */
export interface BlockedTask {
  /** The task. */
  readonly task: Task<unknown>;
  /** What it waits for, in words: a lock and who holds it, a task, a queue. */
  readonly waitsFor: string;
  /** The tasks that it waits for, directly or as holders of a lock. */
  readonly blockedBy: readonly Task<unknown>[];
}

/** Options of {@linkcode findDeadlock}. */
export interface DeadlockOptions {
  /**
   * Whether nothing is ready and no timer is set. Then a task that waits for a queue,
   * an event or a semaphore is stuck, too, when no other task could go on. Without
   * it only tasks that wait for each other in a circle are found.
   */
  idle?: boolean | undefined;
  /**
   * Whether nothing outside can settle a future either: no connection, no process,
   * no promise, as in a test. Implies `idle`.
   */
  closed?: boolean | undefined;
}

/** Tasks that will not go on by themselves. */
export class Deadlock {
  /** The tasks; those that wait in a circle first, each before what it waits for. */
  readonly tasks: readonly BlockedTask[];
  /** How many of them form the circle; 0 where there is none. */
  readonly circle: number;

  /**
   * Made by {@linkcode findDeadlock}.
   *
   * @param tasks The tasks, those of the circle first.
   * @param circle How many form the circle.
   */
  constructor(tasks: readonly BlockedTask[], circle: number) {
    this.tasks = tasks;
    this.circle = circle;
  }

  /** The report: one line per task, with where it was made in debug mode. */
  toString(): string {
    const { length } = this.tasks;
    const head = this.circle > 0
      ? `Deadlock: ${circleText(this.circle, length - this.circle)}`
      : length === 1
      ? "Deadlock: a task waits for what nothing can bring"
      : `Deadlock: ${length} tasks wait for what nothing can bring`;
    const shown = this.tasks.slice(0, MOST_SHOWN).map(line);
    const more = length - shown.length;
    if (more > 0) shown.push(`  and ${more} more`);
    return [head, ...shown].join("\n");
  }
}

function circleText(circle: number, others: number): string {
  const text = circle === 1
    ? "a task waits for itself"
    : `${circle} tasks wait for each other`;
  if (others === 0) return text;
  return `${text}, and ${others} more ${
    others === 1 ? "waits" : "wait"
  } for them`;
}

/** Of so many tasks a report tells. */
const MOST_SHOWN = 50;

function line({ task, waitsFor }: BlockedTask): string {
  const text = `  Task '${task.getName()}' waits for ${waitsFor}`;
  const origin = task._sourceTraceback?.at(-1);
  return origin === undefined
    ? text
    : `${text}\n    made at${formatFrames([origin]).slice(1)}`;
}

interface Node {
  readonly task: Task<unknown>;
  readonly waits: readonly Wait[];
  /** Those that may wake it. */
  readonly needs: readonly Task<unknown>[];
  /** Something outside may wake it. */
  readonly open: boolean;
  /** Any task at all may wake it. */
  readonly shared: boolean;
}

function nodeOf(task: Task<unknown>, closed: boolean): Node {
  const waits = waitsOf(task);
  const needs = new Set<Task<unknown>>();
  let open = task._mustCancel || !closed && waits.length === 0;
  let shared = closed && waits.length === 0;
  for (const { future, futures, primitive, holders } of waits) {
    const foreign = future instanceof Future && primitive === null;
    // What it waits for has come, and it has yet to hear of it.
    if (isDone(future) || foreign && futures.length === 0) open = true;
    else if (foreign) {
      for (const target of futures) {
        if (target instanceof Task) needs.add(target as Task<unknown>);
        else if (closed) shared = true;
        else open = true;
      }
    } else {
      const live = holders.filter((holder) => !holder.done());
      for (const holder of live) needs.add(holder);
      // Nobody knows who holds it, or whoever did has ended: anyone may release it.
      if (live.length === 0 || live.length < holders.length) shared = true;
    }
  }
  return { task, waits, needs: [...needs], open, shared };
}

function isDone(future: FutureLike): boolean {
  return (future as { _state?: FutureState })._state !== PENDING;
}

/** Takes out, one after another, whoever can still be woken. */
function stuck(nodes: Map<Task<unknown>, Node>, idle: boolean): Set<Node> {
  const awake: Node[] = [];
  const left = new Set<Node>();
  const wakes = new Map<Task<unknown>, Node[]>();
  for (const node of nodes.values()) {
    if (node.open || node.shared && !idle) awake.push(node);
    else left.add(node);
    for (const need of node.needs) {
      const all = wakes.get(need);
      if (all === undefined) wakes.set(need, [node]);
      else all.push(node);
    }
    // Another loop's, or one that runs right now.
    if (node.needs.some((need) => !nodes.has(need)) && left.delete(node)) {
      awake.push(node);
    }
  }
  const any = awake.length > 0;
  const spread = () => {
    for (let node = awake.pop(); node !== undefined; node = awake.pop()) {
      for (const woken of wakes.get(node.task) ?? []) {
        if (left.delete(woken)) awake.push(woken);
      }
    }
  };
  spread();
  // Whoever is awake may put an item, set an event, release a semaphore.
  if (any) {
    for (const node of [...left]) {
      if (node.shared && left.delete(node)) awake.push(node);
    }
    spread();
  }
  return left;
}

/** A circle among the stuck, in the order in which each waits for the next. */
function circleOf(
  left: ReadonlySet<Node>,
  nodes: ReadonlyMap<Task<unknown>, Node>,
): Node[] {
  const seen = new Set<Node>();
  for (const start of left) {
    const path: Node[] = [];
    let node: Node | undefined = start;
    while (node !== undefined && !seen.has(node)) {
      seen.add(node);
      path.push(node);
      const next: Task<unknown> | undefined = node.needs.find((need) =>
        left.has(nodes.get(need)!)
      );
      node = next && nodes.get(next);
    }
    const at = node === undefined ? -1 : path.indexOf(node);
    if (at >= 0) return path.slice(at);
  }
  return [];
}

function reported({ task, waits, needs }: Node): BlockedTask {
  const words = waits.map((wait) => {
    if (wait.holders.length === 0) return wait.text;
    const names = wait.holders.map((holder) =>
      `Task '${holder.getName()}'${
        holder === task ? " itself" : holder.done() ? ", which has ended" : ""
      }`
    );
    return `${wait.text} held by ${names.join(", ")}`;
  });
  const waitsFor = words.length > 0
    ? words.join(" and ")
    : "something that is not of this library";
  return { task, waitsFor, blockedBy: needs };
}

/**
 * Looks for tasks of a loop that will never go on: those that wait for each other in
 * a circle, through awaits, locks, groups or gathers, and those that wait for them.
 *
 * It is sure of what it reports only as far as it can see: a timer may cancel a task
 * of the circle, and any task may release a lock that is not its own.
 *
 * @param loop The loop.
 * @param options See {@linkcode DeadlockOptions}.
 * @returns The deadlock, or null where there is none.
 *
 * @example Two locks in two orders
 * ```ts
 * import { createTask, findDeadlock, getRunningLoop, Lock, run, sleep } from "@x/asyncio";
 *
 * const a = new Lock();
 * const b = new Lock();
 * const both = (first: Lock, second: Lock) => async () => {
 *   await first.with(async () => {
 *     await sleep(0);
 *     await second.with(async () => {});
 *   });
 * };
 * await run(async () => {
 *   createTask(both(a, b), { name: "one" });
 *   createTask(both(b, a), { name: "two" });
 *   await sleep(0.01);
 *   console.log(`${findDeadlock(getRunningLoop())}`);
 * });
 * ```
 */
export function findDeadlock(
  loop: AbstractEventLoop,
  options?: DeadlockOptions,
): Deadlock | null {
  const closed = options?.closed === true;
  const nodes = new Map<Task<unknown>, Node>();
  for (const task of allTasks(loop) as Set<Future<unknown>>) {
    if (task instanceof Task) nodes.set(task, nodeOf(task, closed));
  }
  const left = stuck(nodes, closed || options?.idle === true);
  if (left.size === 0) return null;
  const circle = circleOf(left, nodes);
  const inCircle = new Set(circle);
  const others = [...left].filter((node) => !inCircle.has(node));
  return new Deadlock([...circle, ...others].map(reported), circle.length);
}
