/** Debug mode from outside: a program with a mistake of each kind. */

import { assert, assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Child, type ChildEnd, commandLine } from "./_child.ts";
import { describe, it } from "./_harness.ts";

const PROGRAM = "mistakes.ts";
/** Runs the program with a value of ASYNCIO_DEBUG. */
function ended(debug: string): Promise<ChildEnd> {
  const line = commandLine(PROGRAM, [], { allowAll: true });
  return new Child(["env", `ASYNCIO_DEBUG=${debug}`, ...line]).end;
}

/** What debug mode says, and the mark of the line that it names. */
const TOLD: readonly (readonly [text: string, mark: string])[] = [
  ["RuntimeWarning: coroutine 'sleep' was never awaited", "coroutine"],
  ["Executing <Handle slow()", "callback"],
  ["Executing <Task pending name='slow'", "step"],
  ["<Task finished name='deaf'", "deaf"],
  ["RuntimeWarning: Non-thread-safe operation", "other"],
  ["ResourceWarning: unclosed default executor", "executor"],
  ["ResourceWarning: unclosed <Server", "server"],
  ["ResourceWarning: unclosed transport <_SelectorDatagram", "transport"],
  ["ResourceWarning: unclosed <_UnixSubprocessTransport", "process"],
];

describe("ASYNCIO_DEBUG", () => {
  it("has a program told of each of its mistakes, once, with the line", {
    timeout: 20_000,
    // Compiled for Node, the program has lost some of its marks.
    on: ["deno", "bun"],
  }, async () => {
    const { code, stdout, stderr } = await ended("1");
    assertEquals([code, stdout], [0, "over\n"], stderr);
    const source = readFileSync(
      fileURLToPath(new URL(`programs/${PROGRAM}`, import.meta.url)),
      "utf8",
    ).split("\n");
    const lines = stderr.split("\n");
    for (const [text, mark] of TOLD) {
      const found = lines.filter((line) => line.startsWith(text));
      assertEquals(found.length, 1, `${text}\n${stderr}`);
      const at = source.findIndex((line) => line.endsWith(`// ${mark}`)) + 1;
      assert(at > 0, mark);
      assert(found[0]!.includes(`${PROGRAM}:${at}`), `${at}: ${found[0]}`);
    }
    const warnings = lines.filter((line) =>
      /^(\w+Warning: |Executing |<Task .* was cancelled)/.test(line)
    );
    assertEquals(warnings.length, TOLD.length, stderr);
    const deadlock = lines.indexOf("Deadlock: 2 tasks wait for each other");
    assertEquals(lines.slice(deadlock + 1, deadlock + 4), [
      "  Task 'A' waits for <Lock [locked, waiters:1]> held by Task 'B'",
      lines[deadlock + 2]!,
      "  Task 'B' waits for <Lock [locked, waiters:1]> held by Task 'A'",
    ]);
    assert(lines[deadlock + 2]!.includes(PROGRAM));
    const lost = lines.indexOf("Task exception was never retrieved");
    assert(lost >= 0 && lines.slice(lost).join().includes("Object created at"));
  });

  it("leaves a program alone that does not set it", {
    timeout: 20_000,
    on: ["deno", "bun", "node"],
  }, async () => {
    const { code, stdout, stderr } = await ended("");
    assertEquals([code, stdout], [0, "over\n"], stderr);
    // An error that nobody looked at is told in any mode.
    assert(stderr.startsWith("Task exception was never retrieved\n"), stderr);
    assert(!/Warning|Executing|Deadlock|created at/.test(stderr), stderr);
  });
});
