/**
 * Looking at the tasks of a running program from outside: the commands `ps` and
 * `pstree`.
 *
 * @example The tasks of a program by its number
 * ```ts
 * import { displayAwaitedByTasksTree } from "@x/asyncio/tools";
 *
 * export async function look(pid: number): Promise<void> {
 *   await displayAwaitedByTasksTree(pid);
 * }
 * ```
 *
 * @module
 */

import { askProgram, processState } from "./_platform/inspect_channel.ts";
import { platform } from "./_platform/mod.ts";
import { PermissionError, RuntimeError, SystemExit } from "./exceptions.ts";
import { folders, FORMAT, type Told } from "./_debug/inspector.ts";
import type { AwaitedInfo } from "./_debug/inspector_capture.ts";
import {
  buildAsyncTree,
  buildTaskTable,
  CycleFoundException,
  cycleText,
} from "./_debug/inspector_tree.ts";

export type {
  AwaitedInfo,
  CoroInfo,
  FrameInfo,
  TaskInfo,
} from "./_debug/inspector_capture.ts";
export {
  buildAsyncTree,
  buildTaskTable,
  CycleFoundException,
  NodeType,
  type TaskKey,
  type TaskRow,
} from "./_debug/inspector_tree.ts";

/** Thrown where asking once more may help. */
class Interrupted extends RuntimeError {}

function checkPid(pid: unknown): asserts pid is number {
  if (Number.isSafeInteger(pid) && (pid as number) > 0) return;
  throw new TypeError(
    `Cannot inspect process ${String(pid)}: a process number is needed`,
  );
}

/** What a program answered; it may be of another version, or no program of ours. */
function understood(text: string, pid: number): Told {
  let told: Partial<Told> | null;
  try {
    told = JSON.parse(text);
  } catch {
    throw new Interrupted(`Process ${pid} ended while it was asked`);
  }
  if (told?.format === FORMAT && Array.isArray(told.tasks)) return told as Told;
  throw new RuntimeError(
    `Process ${pid} answers in another form: it uses another version of ` +
      "@x/asyncio than this one",
  );
}

/** Why there is nobody to ask. */
function explain(pid: number): Error {
  switch (processState(pid)) {
    case "gone":
      return new RuntimeError(`There is no process ${pid}`);
    case "foreign":
      return new PermissionError(
        `Cannot inspect process ${pid}: it belongs to another user; ask as that ` +
          "user, or as root",
      );
    case "ours":
      return new RuntimeError(
        `Process ${pid} does not let itself be inspected: start it with ` +
          "ASYNCIO_INSPECT=1, or use run(main, { inspectable: true })",
      );
  }
}

/**
 * Asks a running program for its tasks.
 *
 * The program has to allow it, by `run(main, { inspectable: true })` or by the
 * environment variable `ASYNCIO_INSPECT=1`, and has to be the same user's. It goes on
 * meanwhile. The asking program needs Deno's permissions to read, to write, for the
 * network and for the number of the user.
 *
 * @param pid The number of its process.
 * @returns The tasks of each of its threads that allow it.
 * @throws TypeError When `pid` is no process number.
 * @throws PermissionError When the process is another user's, or Deno grants too
 * little.
 * @throws RuntimeError When there is no such process, when it does not allow it, does
 * not answer, or ends meanwhile.
 *
 * @example The tasks of this program
 * ```ts
 * import { createTask, run, sleep } from "@x/asyncio";
 * import { getAllAwaitedBy } from "@x/asyncio/tools";
 * import process from "node:process";
 *
 * await run(async () => {
 *   createTask(() => sleep(0.05), { name: "sleeper" });
 *   const [thread] = await getAllAwaitedBy(process.pid);
 *   console.log(thread?.awaitedBy.map((task) => task.taskName));
 * }, { inspectable: true });
 * ```
 */
export async function getAllAwaitedBy(pid: number): Promise<AwaitedInfo[]> {
  checkPid(pid);
  const answers = await askProgram(folders(), pid);
  if (answers.length === 0) throw explain(pid);
  const texts = answers.filter((answer) => answer.kind === "text");
  if (texts.length === 0) {
    if (answers.some((answer) => answer.kind === "silent")) {
      throw new RuntimeError(
        `Process ${pid} does not answer: something keeps its event loop busy, ` +
          "or it is stopped",
      );
    }
    throw new Interrupted(`Process ${pid} ended while it was asked`);
  }
  let count = 0;
  return texts.map(({ text }) => {
    const { isMainThread, tasks } = understood(text, pid);
    return { threadId: isMainThread ? pid : ++count, awaitedBy: tasks };
  });
}

/** Writes a line of what is wrong, and ends the program as a command that failed. */
function fail(text: string): never {
  // deno-lint-ignore no-console
  console.error("%s", text);
  throw new SystemExit(1);
}

/**
 * Says on standard error how a process of somebody else's can be inspected.
 *
 * @throws SystemExit Always, with 1.
 */
export function exitWithPermissionHelpText(): never {
  fail(
    "Error: This process may not be inspected: run the command as its user, or as " +
      "root" +
      (platform.runtime === "deno"
        ? ", and on Deno with --allow-read --allow-write --allow-net " +
          "--allow-sys=uid --allow-env"
        : ""),
  );
}

async function askOrFail(pid: number, retries: number): Promise<AwaitedInfo[]> {
  for (let attempt = 0;; attempt++) {
    try {
      return await getAllAwaitedBy(pid);
    } catch (error) {
      if (error instanceof Interrupted && attempt < retries) continue;
      const text = error instanceof Error ? error.message : String(error);
      return fail(`Error retrieving tasks: ${text}`);
    }
  }
}

const HEADER = [
  "tid",
  "task id",
  "task name",
  "coroutine stack",
  "awaiter chain",
  "awaiter name",
  "awaiter id",
];

/** The widths of the columns; longer words push the rest aside. */
const WIDTHS = [10, 20, 20, 50, 50, 15, 15];

function rowText(cells: readonly (string | number)[]): string {
  return cells.map((cell, i) => String(cell).padEnd(WIDTHS[i]!)).join(" ")
    .trimEnd();
}

/**
 * Prints the tasks of a running program as a table: what the command `ps` does.
 *
 * @param pid The number of its process.
 * @param retries How often to ask again where it stops in the middle.
 * @throws SystemExit When that fails, with 1; why is on standard error then.
 */
export async function displayAwaitedByTasksTable(
  pid: number,
  retries = 3,
): Promise<void> {
  const rows = buildTaskTable(await askOrFail(pid, retries)).map(rowText);
  const lines = [rowText(HEADER), "-".repeat(180), ...rows];
  // deno-lint-ignore no-console
  console.log("%s", lines.join("\n"));
}

/**
 * Prints who waits for whom in a running program, as a tree: what the command
 * `pstree` does. Where tasks wait for each other in a circle there is no tree: the
 * circles are printed on standard error.
 *
 * @param pid The number of its process.
 * @param retries How often to ask again where it stops in the middle.
 * @throws SystemExit When that fails, with 1; why is on standard error then.
 */
export async function displayAwaitedByTasksTree(
  pid: number,
  retries = 3,
): Promise<void> {
  const threads = await askOrFail(pid, retries);
  let trees: string[][];
  try {
    trees = buildAsyncTree(threads);
  } catch (error) {
    if (error instanceof CycleFoundException) fail(cycleText(error));
    throw error;
  }
  // deno-lint-ignore no-console
  if (trees.length > 0) console.log("%s", trees.flat().join("\n"));
}
