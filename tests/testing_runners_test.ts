/** The examples of the guide for the three test runners, under these runners. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, it, type Runtime, runtime } from "./_harness.ts";

const root = new URL("../", import.meta.url);
/** Node runs the package, compiled; the examples have no types in them. */
const [MODULE, SUITE] = runtime === "node" ? ["js", "mjs"] : ["ts", "ts"];
/** A module of the library, as an import names it. */
const library = (name: string) => `"${new URL(`${name}.${MODULE}`, root)}"`;

/** The example of a section of the guide, with what it imports from here. */
async function example(section: string): Promise<string> {
  const guide = await readFile(new URL("docs/testing.md", root), "utf8");
  const code = guide.split(`\n### ${section}\n`)[1]
    ?.match(/```ts ignore\n(.*?)```/s)?.[1];
  assert(code !== undefined, `the guide has no example for ${section}`);
  return code
    .replaceAll('"@x/asyncio"', library("mod"))
    .replaceAll('"@x/asyncio/testing"', library("testing"));
}

/** How the tests of a file end. */
async function tested(
  code: string,
): Promise<{ code: number | null; output: string }> {
  const folder = await mkdtemp(join(tmpdir(), "runners-"));
  try {
    const file = join(folder, `example_test.${SUITE}`);
    await writeFile(file, code);
    const flags = runtime === "deno"
      ? ["test", "-A", "--no-check", "--no-lock", "--no-config", file]
      : runtime === "bun"
      ? ["test", file]
      : ["--test", file];
    // By this Node tells a test's process from one that a person starts.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const child = spawn(process.execPath, flags, {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...env, NO_COLOR: "1" },
      timeout: 20_000,
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => output += text);
    }
    const exit = await new Promise<number | null>((resolve, reject) => {
      child.on("error", reject).on("close", resolve);
    });
    return { code: exit, output };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A test that leaves a task behind, in the words of each section. */
const LEAKING = `
import { createTask as leave } from ${library("mod")};
REGISTER("leaves a task", test.it(async () => void leave(() => sleep(60))));
`;

const SECTIONS: [section: string, register: string, on: readonly Runtime[]][] =
  [
    ["deno test", "Deno.test", ["deno"]],
    ["bun test", "it", ["bun"]],
    ["node:test", "it", ["deno", "bun", "node"]],
  ];

describe("The guide's example for", () => {
  for (const [section, register, on] of SECTIONS) {
    it(`${section} passes under it`, { on, timeout: 30_000 }, async () => {
      const { code, output } = await tested(await example(section));
      assertEquals(code, 0, output);
      assertStringIncludes(output, "waits a minute");
    });

    it(`${section} fails where something is left open`, {
      on,
      timeout: 30_000,
    }, async () => {
      const lines = LEAKING.replace("REGISTER", register);
      const suite = await example(section);
      // Inside the describe(), where there is one.
      const last = suite.lastIndexOf("});");
      const [head, tail] = register === "it"
        ? [suite.slice(0, last), suite.slice(last)]
        : [suite, ""];
      const [, imports, body] = lines.split("\n");
      const { code, output } = await tested(
        `${imports}\n${head}\n${body}\n${tail}`,
      );
      assert(code !== 0 && code !== null, output);
      assertStringIncludes(output, "The test left something open");
      assertStringIncludes(output, `example_test.${SUITE}:`);
    });
  }
});
