/**
 * Call graphs: where a task stands, and who waits for it.
 *
 * @example What a task waits for
 * ```ts
 * import { createTask, formatCallGraph, run, sleep } from "@x/asyncio";
 *
 * await run(async () => {
 *   const task = createTask(() => sleep(0.02), { name: "nap" });
 *   await sleep(0.01);
 *   console.log(formatCallGraph(task));
 * });
 * ```
 *
 * @module
 */

import { getRunningLoop } from "./events.ts";
import { RuntimeError } from "./exceptions.ts";
import { type StackFrame, stackOfError } from "./format_helpers.ts";
import { Future } from "./futures.ts";
import { awaitChain } from "./_debug/stack.ts";
import { state } from "./_kernel/state.ts";
import { allTasks, currentTask, Task } from "./_tasks/task.ts";
import { awaitersOf, type Wait, waitsOf } from "./_debug/waits.ts";

/** One entry of the call stack of a task. */
export class FrameCallGraphEntry {
  /** Where it is. */
  readonly frame: StackFrame;
  /** Whether it waits, and is no call that runs now. */
  readonly suspended: boolean;

  /**
   * Made by {@linkcode captureCallGraph}.
   *
   * @param frame Where it is.
   * @param suspended Whether it waits.
   */
  constructor(frame: StackFrame, suspended = true) {
    this.frame = frame;
    this.suspended = suspended;
    Object.freeze(this);
  }
}

/** A future, where it stands, and the graphs of those who wait for it. */
export class FutureCallGraph {
  /** The future or task. */
  readonly future: Future<unknown>;
  /** Where it stands, the newest call first; empty where it cannot be known. */
  readonly callStack: readonly FrameCallGraphEntry[];
  /** Those who wait for it. */
  readonly awaitedBy: readonly FutureCallGraph[];
  /**
   * What it waits for, in words, with the lock or queue behind it. An addition to
   * asyncio.
   */
  readonly waitsFor: readonly string[];
  /**
   * Whether it stands above in the graph already: the tasks wait for each other, and
   * the graph ends here. An addition to asyncio, which does not end here.
   */
  readonly isCycle: boolean;

  /**
   * Made by {@linkcode captureCallGraph}.
   *
   * @param future The future or task.
   * @param callStack Where it stands.
   * @param awaitedBy Those who wait for it.
   * @param waitsFor What it waits for.
   * @param isCycle Whether it stands above already.
   */
  constructor(
    future: Future<unknown>,
    callStack: readonly FrameCallGraphEntry[],
    awaitedBy: readonly FutureCallGraph[],
    waitsFor: readonly string[] = [],
    isCycle = false,
  ) {
    this.future = future;
    this.callStack = callStack;
    this.awaitedBy = awaitedBy;
    this.waitsFor = waitsFor;
    this.isCycle = isCycle;
    Object.freeze(this);
  }
}

/** Options of {@linkcode captureCallGraph}. */
export interface CallGraphOptions {
  /**
   * How many of the newest frames are left out of the current task's stack, and one
   * more: 1, the default, leaves none of the program's out.
   */
  depth?: number | undefined;
  /**
   * At most so many entries of each stack: the oldest, or if negative the newest. 0
   * for none; null for all.
   */
  limit?: number | null | undefined;
}

/** Who waits for a future, with those who wait for a lock that a task holds. */
type Edges = Map<Future<unknown>, Set<Future<unknown>>>;

/** All edges of a loop, from those who wait: some of them no future knows of. */
function edgesOf(future: Future<unknown>): Edges {
  const edges: Edges = new Map();
  for (const task of allTasks(future.getLoop()) as Set<Future<unknown>>) {
    if (!(task instanceof Task)) continue;
    for (const { futures, holders } of waitsOf(task)) {
      for (const target of [...futures, ...holders]) {
        const known = edges.get(target);
        if (known === undefined) edges.set(target, new Set([task]));
        else known.add(task);
      }
    }
  }
  return edges;
}

function limited<T>(newestFirst: T[], limit: number | null): T[] {
  if (limit === null) return newestFirst;
  if (limit < 0) return newestFirst.slice(0, -limit);
  return limit === 0 ? [] : newestFirst.slice(-limit);
}

/** What a task waits for beside a plain future of nobody's. */
function inWords({ primitive, holders, futures, text }: Wait): string | null {
  if (primitive === null) {
    return futures.some((future) => future instanceof Task) ? text : null;
  }
  if (holders.length === 0) return text;
  const names = holders.map((task) => `Task '${task.getName()}'`).join(", ");
  return `${text} held by ${names}`;
}

class Builder {
  readonly #limit: number | null;
  readonly #edges: Edges;
  /** Those above the one that is being built. */
  readonly #above = new Set<Future<unknown>>();
  readonly #built = new Map<Future<unknown>, FutureCallGraph>();

  constructor(future: Future<unknown>, limit: number | null) {
    this.#limit = limit;
    this.#edges = edgesOf(future);
  }

  build(
    future: Future<unknown>,
    current?: FrameCallGraphEntry[],
  ): FutureCallGraph {
    if (this.#above.has(future)) {
      return new FutureCallGraph(future, [], [], [], true);
    }
    // Two tasks may be awaited by the same third one, and so on: built once each.
    const known = this.#built.get(future);
    if (known !== undefined) return known;
    this.#above.add(future);
    const awaiters = awaitersOf(future);
    for (const who of this.#edges.get(future) ?? []) awaiters.add(who);
    const graph = new FutureCallGraph(
      future,
      limited(current ?? this.#stack(future), this.#limit),
      [...awaiters].map((who) => this.build(who)),
      future instanceof Task
        ? waitsOf(future).map(inWords).filter((text) => text !== null)
        : [],
    );
    this.#above.delete(future);
    this.#built.set(future, graph);
    return graph;
  }

  #stack(future: Future<unknown>): FrameCallGraphEntry[] {
    if (!(future instanceof Task) || this.#limit === 0) return [];
    return awaitChain(future).reverse()
      .map((frame) => new FrameCallGraphEntry(frame));
  }
}

/** The frames of the running code, the newest first. */
function runningFrames(depth: number): FrameCallGraphEntry[] {
  const stacks = Error as unknown as { stackTraceLimit: number };
  const before = stacks.stackTraceLimit;
  stacks.stackTraceLimit = Infinity;
  const frames = stackOfError(new Error());
  stacks.stackTraceLimit = before;
  return frames.reverse().slice(Math.max(depth - 1, 0))
    .map((frame) => new FrameCallGraphEntry(frame, false));
}

/**
 * Captures where a task stands and who waits for it, and for those, and so on:
 * through `await`, gather, wait, shield, task groups, and locks that it holds.
 *
 * The stack of a generator coroutine that waits is known in full. Of an async
 * function it is known in debug mode, with the async functions that called it on
 * runtimes that keep track of them. To learn it the coroutine's iterator is asked for
 * its next value once more; those of this library, and generators with `yield*`,
 * give the same again.
 *
 * @param future The future or task; the current task unless given.
 * @param options See {@linkcode CallGraphOptions}.
 * @returns The graph, or null where no future is given and no task runs.
 * @throws RuntimeError When no future is given and no loop runs.
 * @throws TypeError When it is given no future.
 *
 * @example Who waits for a task
 * ```ts
 * import { captureCallGraph, createTask, run, sleep } from "@x/asyncio";
 *
 * await run(async () => {
 *   const inner = createTask(sleep(0.02), { name: "inner" });
 *   createTask(async () => await inner, { name: "outer" });
 *   await sleep(0.01);
 *   const graph = captureCallGraph(inner)!;
 *   console.log(graph.awaitedBy[0]?.future === inner); // false: it is "outer"
 * });
 * ```
 */
export function captureCallGraph(
  future?: Future<unknown> | null,
  options?: CallGraphOptions,
): FutureCallGraph | null {
  const depth = options?.depth ?? 1;
  const limit = options?.limit ?? null;
  let which: Future<unknown> | null;
  if (future !== undefined && future !== null) which = future;
  else if (state.loop === null) {
    throw new RuntimeError(
      "captureCallGraph() is called outside of a running event loop and no " +
        "future to introspect was provided",
    );
  } else which = currentTask(getRunningLoop());
  if (which === null) return null;
  if (!(which instanceof Future)) {
    throw new TypeError(
      `${String(which)} object does not appear to be compatible with ` +
        "asyncio.Future",
    );
  }
  const isCurrent = state.loop !== null && which === currentTask(state.loop);
  const builder = new Builder(which, limit);
  return isCurrent
    ? builder.build(which, limit === 0 ? [] : runningFrames(depth))
    : builder.build(which);
}

let idCount = 0;
const ids = new WeakMap<object, number>();

/** JavaScript has no addresses: a number that stays. */
function idOf(future: object): string {
  let id = ids.get(future);
  if (id === undefined) ids.set(future, id = ++idCount);
  return `0x${id.toString(16)}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

/** Beyond so many lines, a graph says nothing to anyone. */
const MOST_LINES = 10_000;

function render(graph: FutureCallGraph, lines: string[], level: number): void {
  if (lines.length >= MOST_LINES) return;
  const add = (text: string) => void lines.push("    ".repeat(level) + text);
  const { future } = graph;
  const id = `id=${idOf(future)}`;
  const head = future instanceof Task
    ? `* Task(name=${quote(future.getName())}, ${id})`
    : `* Future(${id})`;
  if (graph.isCycle) {
    add(`${head} waits for itself: see above`);
    return;
  }
  add(head);
  if (graph.callStack.length > 0) {
    add("  + Call stack:");
    for (const { frame, suspended } of graph.callStack) {
      const where = `File ${quote(frame.file)}, line ${frame.line}`;
      const tag = suspended ? "async " : "";
      add(`  |   ${where}, in ${tag}${frame.functionName}()`);
    }
  }
  if (graph.waitsFor.length > 0) {
    add("  + Waits for:");
    for (const text of graph.waitsFor) add(`  |   ${text}`);
  }
  if (graph.awaitedBy.length > 0) {
    add("  + Awaited by:");
    for (const who of graph.awaitedBy) render(who, lines, level + 1);
  }
}

/**
 * The call graph as text: what {@linkcode captureCallGraph} captures, in the form in
 * which asyncio shows it.
 *
 * @param future The future or task; the current task unless given.
 * @param options See {@linkcode CallGraphOptions}.
 * @returns The text; empty where no future is given and no task runs.
 * @throws RuntimeError When no future is given and no loop runs.
 * @throws TypeError When it is given no future.
 *
 * @example The tasks of a group
 * ```ts
 * import { formatCallGraph, run, sleep, TaskGroup } from "@x/asyncio";
 *
 * await run(async () => {
 *   await new TaskGroup().with(async (group) => {
 *     const task = group.createTask(function* () {
 *       yield* sleep(0.02);
 *     }, { name: "worker" });
 *     group.createTask(async () => {
 *       await sleep(0.01);
 *       console.log(formatCallGraph(task));
 *     });
 *   });
 * });
 * ```
 */
export function formatCallGraph(
  future?: Future<unknown> | null,
  options?: CallGraphOptions,
): string {
  const graph = captureCallGraph(future, options);
  if (graph === null) return "";
  const lines: string[] = [];
  render(graph, lines, 0);
  if (lines.length >= MOST_LINES) lines.push("...");
  return lines.join("\n");
}

/** Options of {@linkcode printCallGraph}. */
export interface PrintCallGraphOptions extends CallGraphOptions {
  /** Takes the text, in place of standard output. */
  file?: ((text: string) => void) | null | undefined;
}

/**
 * Prints the call graph: see {@linkcode formatCallGraph}.
 *
 * @param future The future or task; the current task unless given.
 * @param options See {@linkcode CallGraphOptions}; `file` takes the text.
 * @throws RuntimeError When no future is given and no loop runs.
 * @throws TypeError When it is given no future.
 */
export function printCallGraph(
  future?: Future<unknown> | null,
  options?: PrintCallGraphOptions,
): void {
  const text = formatCallGraph(future, options);
  // deno-lint-ignore no-console
  (options?.file ?? console.log)(text);
}
