/**
 * The examples about workers as programs of their own: what they do stands behind
 * `import.meta.main`, which is false where the doc tests run them.
 */

import { assert, assertEquals } from "@std/assert";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { Child } from "./_child.ts";
import { describe, it, runtime } from "./_harness.ts";

const FILES = [
  "threads.ts",
  "_workers/executor.ts",
  "_workers/module_function.ts",
  "_workers/loop_port.ts",
  "_workers/shared_queue.ts",
  "docs/additions.md",
];
const LIBRARY = new URL("../mod.ts", import.meta.url).href;

/** The programs in a file, with the library in place of its name. */
function programsOf(file: string): string[] {
  const text = readFileSync(new URL(`../${file}`, import.meta.url), "utf8")
    .replaceAll(/^ \* ?/gm, "").replaceAll(/^ {3}\* ?/gm, "");
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code!)
    .filter((code) => code.includes("import.meta.main"))
    .map((code) => code.replaceAll('"@x/asyncio"', JSON.stringify(LIBRARY)));
}

/** The figures that a program's comments promise, one for each line of output. */
function promised(code: string): string[] {
  return [...code.matchAll(/console\.log\(.*\/\/ (\d+)$/gm)].map(([, n]) => n!);
}

describe("an example about workers", () => {
  for (const file of FILES) {
    it(`runs as a program: ${file}`, {
      on: ["deno", "bun"],
      timeout: 30_000,
    }, async () => {
      const programs = programsOf(file);
      assert(programs.length > 0);
      const folder = mkdtempSync(`${tmpdir()}/asyncio-`);
      try {
        for (const [i, code] of programs.entries()) {
          const path = `${folder}/example${i}.ts`;
          writeFileSync(path, code);
          const flags = runtime === "deno"
            ? ["run", "-q", "-A", "--no-lock", "--no-check"]
            : [];
          const child = new Child([process.execPath, ...flags, path]);
          const { code: exit, stdout, stderr } = await child.end;
          assertEquals([exit, stderr], [0, ""]);
          for (const line of promised(code)) {
            assert(stdout.split("\n").includes(line), stdout);
          }
          assert(stdout !== "");
        }
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  }
});
