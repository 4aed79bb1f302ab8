// deno-lint-ignore-file no-console
/**
 * Every gate of the project, one after the other; the first that fails ends the
 * run with exit code 1.
 *
 *     deno task ok [--no-tests] [gate …]
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import {
  type Command,
  findBun,
  findDeno,
  findTsc,
  stdFlags,
  stdOnDeno,
} from "./runtimes.ts";
import { librarySources } from "./imports.ts";

/** What ends a gate that hangs. The tests have their own, shorter limits. */
const GATE_LIMIT_MS = 13 * 60_000;
const EXAMPLE = "examples/hello.ts";

/** A gate throws when it fails, its error's message saying what was wrong. */
type Gate = () => void;

/** Finds a program; without it the gates that use it cannot pass. */
function need(what: string, command: Command | undefined): Command {
  if (!command) throw new Error(`${what} was not found`);
  return command;
}

/** Runs a command and returns what it printed. */
function run(command: Command, ...more: string[]): string {
  const [program, ...args] = command;
  const result = spawnSync(program, [...args, ...more], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: GATE_LIMIT_MS,
    killSignal: "SIGKILL",
  });
  if (result.status !== 0) {
    const how = result.signal ?? result.error?.message ??
      `exit code ${result.status}`;
    const line = [program, ...args, ...more].join(" ");
    throw new Error(`${result.stdout}${result.stderr}\n${line}: ${how}`);
  }
  return result.stdout;
}

/** Runs a command whose output is worth watching. */
function show(command: Command, ...more: string[]): void {
  const [program, ...args] = command;
  const result = spawnSync(program, [...args, ...more], {
    stdio: ["ignore", "inherit", "inherit"],
    timeout: GATE_LIMIT_MS,
    killSignal: "SIGKILL",
  });
  if (result.status !== 0) {
    throw new Error(result.signal ?? `exit code ${result.status}`);
  }
}

/** The files of the export entries, which are what users see documented. */
function exportEntries(): string[] {
  const { exports } = JSON.parse(readFileSync("deno.json", "utf8")) as {
    exports: Record<string, string>;
  };
  return Object.values(exports);
}

/** The Markdown whose examples are run. */
function prose(): string[] {
  const docs = existsSync("docs")
    ? readdirSync("docs", { encoding: "utf8" }).map((name) => `docs/${name}`)
    : [];
  return ["README.md", ...docs].filter((path) =>
    path.endsWith(".md") && existsSync(path)
  );
}

const deno = need("deno", findDeno());
// Asked once and told to the runs below, since the answer may take a time-out.
const std = stdOnDeno(deno);
process.env["ASYNCIO_STD"] = std;
process.env["DENO_NO_UPDATE_CHECK"] = "1";

const gates: Record<string, Gate> = {
  fmt: () => run(deno, "fmt", "--check"),
  lint: () => {
    run(deno, "lint");
    run(deno, "run", "-A", "tools/imports.ts");
  },
  check: () => {
    const folders = ["examples", "tests", "tools"]
      .filter((folder) => existsSync(folder));
    // Not bench/rivals: what it imports from npm cannot be had everywhere.
    const bench = readdirSync("bench")
      .filter((name) => name.endsWith(".ts"))
      .map((name) => `bench/${name}`);
    run(
      deno,
      "check",
      ...stdFlags(std),
      ...librarySources("."),
      ...folders,
      ...bench,
    );
  },
  tsc: () => run(need("tsc", findTsc()), "-p", "tsconfig.json"),
  doc: () => {
    run(deno, "doc", "--lint", ...exportEntries());
    run(deno, "run", "-A", "tools/doc_coverage.ts");
  },
  publish: () => run(deno, "publish", "--dry-run", "--allow-dirty"),
  doctest: () => {
    // The adapters have no examples, and a file of them may be for one runtime.
    const sources = librarySources(".")
      .filter((path) => !path.startsWith("_platform/"));
    run(
      deno,
      "test",
      "-A",
      "--doc",
      "--permit-no-files",
      ...stdFlags(std),
      ...sources.map((path) => `./${path}`),
      ...prose(),
    );
  },
  example: () => {
    const onDeno = run(deno, "run", "--no-prompt", EXAMPLE);
    const onBun = run(need("bun", findBun()), EXAMPLE);
    if (onDeno === "" || onDeno !== onBun) {
      throw new Error(
        `${EXAMPLE} prints on Deno:\n${onDeno}and on Bun:\n${onBun}`,
      );
    }
  },
  size: () => process.stdout.write(run(deno, "run", "-A", "tools/size.ts")),
  start: () => process.stdout.write(run(deno, "run", "-A", "tools/start.ts")),
  test: () => show(deno, "run", "-A", "tools/test.ts"),
};

const args = process.argv.slice(2);
const named = args.filter((arg) => arg !== "--no-tests");
const unknown = named.filter((name) => !(name in gates));
if (unknown.length > 0) {
  console.error(
    `Cannot run ${unknown.join(" ")}: the gates are ` +
      `${Object.keys(gates).join(" ")}, the one option is --no-tests`,
  );
  process.exit(1);
}

console.log(`@std from ${std}`);
for (const [name, gate] of Object.entries(gates)) {
  if (named.length > 0 && !named.includes(name)) continue;
  if (name === "test" && args.includes("--no-tests")) continue;
  process.stdout.write(`== ${name}${name === "test" ? "\n" : " "}`);
  const start = performance.now();
  const seconds = () => ((performance.now() - start) / 1000).toFixed(1);
  try {
    gate();
  } catch (error) {
    console.log(`failed, ${seconds()} s`);
    console.error((error as Error).message);
    console.error(`\nGate failed: ${name}`);
    process.exit(1);
  }
  // The tests close with their own line, which stays the last one.
  if (name !== "test") console.log(`ok, ${seconds()} s`);
}
