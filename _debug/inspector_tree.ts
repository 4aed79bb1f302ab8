/** The table and the tree in which the tasks of a program are shown. */

import type { AwaitedInfo, CoroInfo, FrameInfo } from "./inspector_capture.ts";

/** What a node of the tree stands for. */
export class NodeType {
  /** Its name. */
  readonly name: string;
  /** Its number. */
  readonly value: number;

  private constructor(name: string, value: number) {
    this.name = name;
    this.value = value;
    Object.freeze(this);
  }

  /** Its name. */
  toString(): string {
    return `NodeType.${this.name}`;
  }

  /** A call of a coroutine. */
  static readonly COROUTINE: NodeType = new NodeType("COROUTINE", 1);
  /** A task. */
  static readonly TASK: NodeType = new NodeType("TASK", 2);
}

/** A task as {@linkcode CycleFoundException} names it. */
export type TaskKey = string;

/** Thrown where tasks wait for each other in a circle, so that there is no tree. */
export class CycleFoundException extends Error {
  /** Always "CycleFoundException". */
  override readonly name = "CycleFoundException";
  /** The circles: the tasks by their keys, the first one again at the end. */
  readonly cycles: readonly (readonly TaskKey[])[];
  /** The names of the tasks. */
  readonly id2name: ReadonlyMap<TaskKey, string>;

  /**
   * Made by {@linkcode buildAsyncTree}.
   *
   * @param cycles The circles.
   * @param id2name The names of the tasks.
   */
  constructor(
    cycles: readonly (readonly TaskKey[])[],
    id2name: ReadonlyMap<TaskKey, string>,
  ) {
    super(cycleLines(cycles, id2name).join("; "));
    this.cycles = cycles;
    this.id2name = id2name;
  }
}

/** One line for each circle. */
function cycleLines(
  cycles: readonly (readonly TaskKey[])[],
  id2name: ReadonlyMap<TaskKey, string>,
): string[] {
  return cycles.map((cycle) => {
    const names = cycle.map((key) => printable(id2name.get(key) ?? key));
    return `cycle: ${names.join(" → ")}`;
  });
}

/** A name is the program's own: it must not break lines or drive the terminal. */
function printable(text: string): string {
  return text.replace(
    // deno-lint-ignore no-control-regex
    /[\x00-\x1f\x7f-\x9f\u2028\u2029]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

/** Threads count their tasks each by itself. */
function keyOf(threadId: number, taskId: number): TaskKey {
  return `${threadId}:${taskId}`;
}

interface Node {
  readonly type: NodeType;
  readonly text: string;
  readonly children: Set<Node>;
}

interface Index {
  readonly names: Map<TaskKey, string>;
  /** The tasks, in order. */
  readonly tasks: Map<TaskKey, Node>;
  /** Whom each task waits for. */
  readonly waitsFor: Map<TaskKey, Set<TaskKey>>;
  readonly roots: Node[];
}

function callText({ funcname, filename, lineno }: FrameInfo): string {
  const name = printable(funcname);
  return filename === "" ? name : `${name} ${printable(filename)}:${lineno}`;
}

/** The node of the newest call of a task's stack; made with those above it. */
function newestCall(
  task: Node,
  { callStack }: CoroInfo,
  known: Map<Node, Map<string, Node>>,
): Node {
  let at = task;
  for (const frame of callStack.toReversed()) {
    const text = callText(frame);
    let calls = known.get(at);
    if (calls === undefined) known.set(at, calls = new Map());
    let node = calls.get(text);
    if (node === undefined) {
      node = { type: NodeType.COROUTINE, text, children: new Set() };
      calls.set(text, node);
      at.children.add(node);
    }
    at = node;
  }
  return at;
}

function indexOf(result: readonly AwaitedInfo[]): Index {
  const index: Index = {
    names: new Map(),
    tasks: new Map(),
    waitsFor: new Map(),
    roots: [],
  };
  const { names, tasks, waitsFor, roots } = index;
  for (const { threadId, awaitedBy } of result) {
    for (const { taskId, taskName } of awaitedBy) {
      const key = keyOf(threadId, taskId);
      names.set(key, taskName);
      const text = printable(taskName);
      tasks.set(key, { type: NodeType.TASK, text, children: new Set() });
    }
  }
  const calls = new Map<Node, Map<string, Node>>();
  for (const { threadId, awaitedBy } of result) {
    for (const task of awaitedBy) {
      const key = keyOf(threadId, task.taskId);
      const node = tasks.get(key)!;
      let isRoot = true;
      for (const info of task.awaitedBy) {
        const by = keyOf(threadId, info.taskId);
        const awaiter = tasks.get(by);
        if (awaiter === undefined) continue;
        isRoot = false;
        newestCall(awaiter, info, calls).children.add(node);
        const targets = waitsFor.get(by);
        if (targets === undefined) waitsFor.set(by, new Set([key]));
        else targets.add(key);
      }
      if (isRoot) roots.push(node);
      // Where nobody waits for anything of it, its own calls are all there is.
      for (const info of task.coroutineStack) newestCall(node, info, calls);
    }
  }
  return index;
}

/** The circles that a walk along who waits for whom runs into. */
function findCycles({ tasks, waitsFor }: Index): TaskKey[][] {
  const cycles: TaskKey[][] = [];
  const finished = new Set<TaskKey>();
  for (const start of tasks.keys()) {
    if (finished.has(start)) continue;
    const path: TaskKey[] = [start];
    const places = new Map([[start, 0]]);
    const open = [[...waitsFor.get(start) ?? []].values()];
    while (open.length > 0) {
      const { value: next, done } = open.at(-1)!.next();
      if (done) {
        open.pop();
        const last = path.pop()!;
        places.delete(last);
        finished.add(last);
        continue;
      }
      const place = places.get(next);
      if (place !== undefined) cycles.push([...path.slice(place), next]);
      else if (!finished.has(next)) {
        places.set(next, path.length);
        path.push(next);
        open.push([...waitsFor.get(next) ?? []].values());
      }
    }
  }
  return cycles;
}

/** Beyond so many lines, what was shown already is not shown again. */
const MOST_LINES = 10_000;
/** Beyond so many levels, a line is wider than anybody reads. */
const MOST_LEVELS = 200;

interface Place {
  readonly node: Node;
  /** What stands before the lines of its children. */
  readonly indent: string;
  readonly isLast: boolean;
  readonly level: number;
}

class Renderer {
  readonly #taskEmoji: string;
  readonly #corEmoji: string;
  readonly #shown = new Set<Node>();
  #count = 0;

  constructor(taskEmoji: string, corEmoji: string) {
    this.#taskEmoji = taskEmoji;
    this.#corEmoji = corEmoji;
  }

  render(root: Node): string[] {
    const lines: string[] = [];
    const open: Place[] = [{ node: root, indent: "", isLast: true, level: 0 }];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const { node, indent, isLast, level } = at;
      const head = `${indent}${isLast ? "└── " : "├── "}`;
      const emoji = node.type === NodeType.TASK
        ? this.#taskEmoji
        : this.#corEmoji;
      const text = `${emoji} ${node.text}`;
      // A task that several wait for stands below each.
      const again = this.#shown.has(node) && node.children.size > 0 &&
        this.#count >= MOST_LINES;
      const isDeep = level >= MOST_LEVELS && node.children.size > 0;
      this.#shown.add(node);
      this.#count++;
      if (again || isDeep) {
        lines.push(`${head}${text} ${again ? "(see above)" : "..."}`);
        continue;
      }
      lines.push(head + text);
      const children = [...node.children];
      for (let i = children.length - 1; i >= 0; i--) {
        open.push({
          node: children[i]!,
          indent: `${indent}${isLast ? "    " : "│   "}`,
          isLast: i === children.length - 1,
          level: level + 1,
        });
      }
    }
    return lines;
  }
}

/**
 * Builds the tree of who waits for whom: below each task its calls, below the last
 * call the tasks that it waits for.
 *
 * @param result What `getAllAwaitedBy` has told.
 * @param taskEmoji What stands before a task.
 * @param corEmoji What stands before a call.
 * @returns The lines of a tree for each task that nobody waits for.
 * @throws CycleFoundException When tasks wait for each other in a circle.
 */
export function buildAsyncTree(
  result: readonly AwaitedInfo[],
  taskEmoji = "(T)",
  corEmoji = "",
): string[][] {
  const index = indexOf(result);
  const cycles = findCycles(index);
  if (cycles.length > 0) throw new CycleFoundException(cycles, index.names);
  const renderer = new Renderer(taskEmoji, corEmoji);
  return index.roots.map((root) => renderer.render(root));
}

/** One row of {@linkcode buildTaskTable}. */
export type TaskRow = [
  threadId: number,
  taskId: string,
  taskName: string,
  coroutineStack: string,
  awaiterChain: string,
  awaiterName: string,
  awaiterId: string,
];

const hex = (id: number) => `0x${id.toString(16)}`;

function chainOf({ callStack }: CoroInfo): string {
  return callStack.map(({ funcname }) => printable(funcname)).join(" -> ");
}

/**
 * Builds the table of the tasks.
 *
 * @param result What `getAllAwaitedBy` has told.
 * @returns For each task a row for each of those who wait for it, or one row: the
 * thread, the task's number, name and calls, and the awaiter's calls, name and number.
 */
export function buildTaskTable(result: readonly AwaitedInfo[]): TaskRow[] {
  const { names } = indexOf(result);
  const rows: TaskRow[] = [];
  for (const { threadId, awaitedBy } of result) {
    for (const task of awaitedBy) {
      const calls = task.coroutineStack.map(chainOf).join(" -> ");
      const add = (chain: string, name: string, id: string) => {
        const own = printable(task.taskName);
        rows.push([threadId, hex(task.taskId), own, calls, chain, name, id]);
      };
      if (task.awaitedBy.length === 0) add("", "", "0x0");
      for (const info of task.awaitedBy) {
        const name = names.get(keyOf(threadId, info.taskId)) ?? "Unknown";
        add(chainOf(info), printable(name), hex(info.taskId));
      }
    }
  }
  return rows;
}

/** What is printed in place of a tree. */
export function cycleText(error: CycleFoundException): string {
  return [
    "ERROR: await-graph contains cycles - cannot print a tree!",
    "",
    ...cycleLines(error.cycles, error.id2name),
  ].join("\n");
}

/** The lines of the tree as they are printed, or what is in its way. */
export function treeText(result: readonly AwaitedInfo[]): string {
  try {
    return buildAsyncTree(result).flat().join("\n");
  } catch (error) {
    if (error instanceof CycleFoundException) return cycleText(error);
    throw error;
  }
}
