#!/usr/bin/env node
/**
 * The command: `deno run -A jsr:@x/asyncio/main`, `npx @x/asyncio` on Node, or
 * `bun main.ts`.
 *
 * - without arguments a REPL in which `await` works and tasks go on between inputs;
 * - `ps PID` prints the tasks of a running program;
 * - `pstree PID` prints who waits for whom in it.
 *
 * @example Its commands from a program
 * ```ts
 * import { main } from "@x/asyncio/main";
 *
 * console.log(await main(["--help"])); // 0
 * ```
 *
 * @module
 */

import {
  commandArguments,
  exitProcess,
  isMainProgram,
} from "./_platform/command.ts";
import {
  NotImplementedError,
  PermissionError,
  SystemExit,
} from "./exceptions.ts";
import { runRepl } from "./_repl/repl.ts";
import {
  displayAwaitedByTasksTable,
  displayAwaitedByTasksTree,
} from "./tools.ts";

const USAGE = `usage: main [-h] [{ps,pstree} pid]

Without arguments it starts a REPL in which await works.

commands:
  ps pid      print the tasks of a running program as a table
  pstree pid  print as a tree which task waits for which

The program lets itself be inspected by ASYNCIO_INSPECT=1 in its environment, or by
run(main, { inspectable: true }).`;

const COMMANDS: Readonly<Record<string, (pid: number) => Promise<void>>> = {
  ps: displayAwaitedByTasksTable,
  pstree: displayAwaitedByTasksTree,
};

async function startRepl(): Promise<number> {
  try {
    return await runRepl();
  } catch (error) {
    if (
      !(error instanceof PermissionError ||
        error instanceof NotImplementedError)
    ) throw error;
    // deno-lint-ignore no-console
    console.error("%s", `main: error: ${error.message}`);
    return 1;
  }
}

function misused(problem: string): number {
  // deno-lint-ignore no-console
  console.error("%s", `main: error: ${problem}; --help tells more`);
  return 2;
}

/**
 * Does what a command line asks for.
 *
 * @param args The arguments, without the program's name.
 * @returns The exit code: 0, 1 where it failed, 2 for arguments that it does not know.
 *
 * @example Arguments that it does not know
 * ```ts
 * import { main } from "@x/asyncio/main";
 *
 * console.log(await main(["ps", "everything"])); // 2
 * ```
 */
export async function main(args: readonly string[]): Promise<number> {
  const [command, pid, ...more] = args;
  if (command === undefined) return await startRepl();
  if (command === "-h" || command === "--help") {
    // deno-lint-ignore no-console
    console.log(USAGE);
    return 0;
  }
  if (!Object.hasOwn(COMMANDS, command)) {
    const known = Object.keys(COMMANDS).join(", ");
    return misused(`unknown command '${command}' (choose from ${known})`);
  }
  if (pid === undefined) return misused("the argument pid is required");
  if (more.length > 0) return misused(`unknown arguments: ${more.join(" ")}`);
  const number = Number(pid);
  if (!/^\d+$/.test(pid) || !Number.isSafeInteger(number) || number === 0) {
    return misused(`argument pid: '${pid}' is no process number`);
  }
  try {
    await COMMANDS[command]!(number);
    return 0;
  } catch (error) {
    if (error instanceof SystemExit) return 1;
    throw error;
  }
}

if (isMainProgram(import.meta)) {
  await exitProcess(await main(commandArguments()));
}
