/** What the tests of the REPL share. */

import { assertEquals } from "@std/assert";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runtime, type TestOptions } from "./_harness.ts";
import { on } from "./_repl_inputs.ts";
import { noTerminal, TestTerminal } from "./_terminal.ts";

/** How its tests run. */
export const options: TestOptions = { on, skip: noTerminal, timeout: 30_000 };

/** Ctrl-C. */
export const CTRL_C = "\x03";
/** Ctrl-D. */
export const CTRL_D = "\x04";
/** The key that ends even what hears no Ctrl-C. */
export const CTRL_BACKSLASH = "\x1c";
/** The key of the arrow up. */
export const UP = "\x1b[A";
/** The tabulator. */
export const TAB = "\t";

/** The command line. */
export const LINE: readonly string[] = [
  process.execPath,
  ...runtime === "deno" ? ["run", "-A", "-q", "--no-lock"] : [],
  fileURLToPath(new URL("../main.ts", import.meta.url)),
];

/** Opens a REPL that keeps no history unless told where. */
export async function open(history = ""): Promise<TestTerminal> {
  const repl = new TestTerminal(LINE, { ASYNCIO_HISTORY: history });
  await repl.prompt();
  return repl;
}

/** Runs a test's body with a REPL. */
export function withRepl(
  body: (repl: TestTerminal) => Promise<void>,
): () => Promise<void> {
  return async () => {
    await using repl = await open();
    await body(repl);
  };
}

/** Asks one input after the other: each with what it has to show. */
export async function dialogue(
  repl: TestTerminal,
  ...turns: readonly (readonly [input: string, shown: string])[]
): Promise<void> {
  for (const [input, shown] of turns) {
    assertEquals(await repl.ask(input), shown, input);
  }
}

/** Waits some milliseconds. */
export const pause = (ms: number): Promise<unknown> =>
  new Promise((done) => setTimeout(done, ms));
