/** The programs of examples/ in child processes. */

import process from "node:process";
import { fileURLToPath } from "node:url";
import { assertEquals } from "@std/assert";
import { Child, type ChildEnd, type ChildOptions } from "./_child.ts";
import { runtime, type TestOptions } from "./_harness.ts";

/** Starting a runtime takes its time where the machine is busy. */
export const patient: TestOptions = { on: ["deno", "bun"], timeout: 30_000 };

/** Where an example is. */
export function examplePath(name: string): string {
  return fileURLToPath(new URL(`../examples/${name}`, import.meta.url));
}

/** Starts an example. */
export function startExample(
  name: string,
  args: readonly string[] = [],
  options: ChildOptions = {},
): Child {
  const flags = runtime === "deno"
    ? ["run", "-q", "-A", "--no-lock", "--no-check"]
    : [];
  return new Child(
    [process.execPath, ...flags, examplePath(name), ...args],
    { timeout: 25_000, ...options },
  );
}

/** Waits for an example that has to end well, and say nothing of errors. */
export async function endedWell(child: Child): Promise<string> {
  const end: ChildEnd = await child.end;
  assertEquals([end.code, end.signal, end.stderr], [0, null, ""]);
  return end.stdout;
}
