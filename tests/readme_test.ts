/** README.md as a new user takes it: each of its programs, in an empty project. */

import { assert, assertEquals } from "@std/assert";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { findTsc } from "../tools/runtimes.ts";
import { describe, it, runtime } from "./_harness.ts";
import { hasNpm, ran, spawned, withProject } from "./_packages.ts";

const README = readFileSync(
  fileURLToPath(new URL("../README.md", import.meta.url)),
  "utf8",
);

/** A program of README.md, and the heading above it. */
interface Snippet {
  readonly heading: string;
  readonly code: string;
}

function snippetsOf(page: string): Snippet[] {
  const found: Snippet[] = [];
  let heading = "";
  for (
    const [, title, code] of page.matchAll(
      /^## ([^\n]*)$|^```ts\n(.*?)^```$/gms,
    )
  ) {
    if (code === undefined) heading = title!;
    else found.push({ heading, code });
  }
  return found;
}

/** What they print, where the page makes that clear. */
const PRINTED: Readonly<Record<string, string>> = {
  "Use it": "user 1 user 2\ncleaned up\n",
  "Coroutines in two spellings": "[ 42, 42 ]\n",
  "A server and its client": "hello\n\n",
};

/** Compiles programs where this runtime wants that: Node 20 does, as its users do. */
function compile(project: string, files: readonly string[]): void {
  if (runtime !== "node") return;
  const checked = ["--strict", "--module", "nodenext", "--target", "es2022"];
  const libs = ["--lib", "es2024,esnext.disposable,dom"];
  ran(project, ...findTsc()!, ...checked, ...libs, ...files);
}

/** How this runtime runs one. */
function commandFor(file: string): readonly string[] {
  if (runtime === "deno") return [process.execPath, "run", "-A", file];
  if (runtime === "bun") return [process.execPath, file];
  return [process.execPath, file.replace(".ts", ".js")];
}

/** A server that serves for ever is ended as by a user, with Ctrl-C. */
const FOREVER = /\.serveForever\(/;

describe("README.md", () => {
  const snippets = snippetsOf(README);

  it("has programs, one of them a server's", () => {
    assert(snippets.length >= 3);
    assert(snippets.some(({ code }) => code.includes("startServer(")));
    const headings = new Set(snippets.map(({ heading }) => heading));
    assertEquals(
      Object.keys(PRINTED).filter((name) => !headings.has(name)),
      [],
    );
  });

  it("each program runs in an empty project that has the package", {
    skip: runtime === "node" && (!hasNpm || findTsc() === undefined),
    timeout: 180_000,
  }, () =>
    withProject((project) => {
      const files = snippets.map((_, i) => `snippet${i}.ts`);
      files.forEach((file, i) => {
        writeFileSync(join(project, file), snippets[i]!.code);
      });
      compile(project, files);
      snippets.forEach(({ heading, code }, i) => {
        const forever = FOREVER.test(code);
        const { status, signal, stdout, stderr } = spawned(
          project,
          commandFor(files[i]!),
          forever ? { timeout: 3000, killSignal: "SIGINT" } : {},
        );
        assertEquals(stderr, "", heading);
        const end = signal ?? status;
        assertEquals(end, forever ? "SIGINT" : 0, heading);
        const printed = PRINTED[heading];
        if (printed !== undefined) assertEquals(stdout, printed, heading);
      });
    }));
});
