// deno-lint-ignore-file no-console
/**
 * Runs the tests on Deno, Bun, Node and in a browser, and closes with one line that
 * sums them all.
 *
 *     deno task test [--only runtime] [--filter name] [file or folder …] [flags]
 *
 * The runtimes are `deno`, `bun`, `node` and `web`. Node is the one on the PATH, or,
 * as `node@26`, one that npx gets. It runs the npm package, compiled for it, and so
 * does `web`: a headless Chromium from the PATH or CHROME_PATH.
 *
 * A word picks the test files whose path contains it. `--filter` takes a part of
 * a test's full name or a /regular expression/, as `deno test` does. Any other
 * flag goes to `deno test`, so it needs `--only deno`; after `--only bun`, to
 * `bun test`; after `--only node`, to `node --test`.
 *
 * @module
 */
import { spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { availableParallelism } from "node:os";
import process from "node:process";
import { stripVTControlCharacters } from "node:util";
import { prepareNodeTests } from "./node_tests.ts";
import {
  type Command,
  findBun,
  findChromium,
  findDeno,
  findNode,
  stdFlags,
  stdOnBun,
  stdOnDeno,
} from "./runtimes.ts";

/** What looks at the sources and the pages, not at what a runtime makes of them. */
const NOT_ON_NODE: ReadonlySet<string> = new Set([
  "./tests/docs_test.ts",
  "./tests/tooling_test.ts",
]);

/**
 * What ends a runtime that hangs where no test's own limit can see it, in minutes;
 * tools/coverage.ts gives it longer.
 */
const RUNTIME_LIMIT_MS = Number(process.env["ASYNCIO_TEST_LIMIT"] ?? 6) *
  60_000;
const REPORTS = ".junit";

interface Options {
  readonly only: string | undefined;
  readonly filter: string | undefined;
  readonly words: readonly string[];
  readonly flags: readonly string[];
}

function parse(argv: readonly string[]): Options {
  let only: string | undefined;
  let filter: string | undefined;
  const words: string[] = [];
  const flags: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i]!;
    const [name, value] = arg.split(/=(.*)/s);
    if (name === "--only") only = value ?? argv[++i];
    else if (name === "--filter") filter = value ?? argv[++i];
    else if (arg.startsWith("-")) flags.push(arg);
    else words.push(arg.replace(/^\.\//, ""));
  }
  if (only !== undefined && !/^(deno|bun|web|node(@[\w.]+)?)$/.test(only)) {
    throw new Error(
      `--only takes deno, bun, web, node or, say, node@26: received ${only}`,
    );
  }
  if (flags.length > 0 && only === undefined) {
    throw new Error(
      `Cannot pass ${flags.join(" ")} to all runtimes: add --only and one`,
    );
  }
  return { only, filter, words, flags };
}

/** The test files whose path contains one of the words; all without words. */
function testFiles(words: readonly string[]): string[] {
  const all = readdirSync("tests", { recursive: true, encoding: "utf8" })
    .map((path) => `tests/${path.replaceAll("\\", "/")}`)
    .filter((path) => path.endsWith("_test.ts"))
    .sort();
  if (words.length === 0) return all;
  return all.filter((path) => words.some((word) => path.includes(word)));
}

/** Deno's filter, a substring or /regex/, as the regex that Bun takes. */
function asRegex(filter: string): string {
  const regex = /^\/(.*)\/$/s.exec(filter)?.[1];
  return regex ?? filter.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** What Node 20 says of a test that the filter does not want. */
const UNWANTED = /<skipped [^>]*message="test name does not match pattern"/g;

/** Counts the tests of a JUnit report, which all runtimes write. */
function countReport(path: string): Counts {
  const xml = existsSync(path) ? readFileSync(path, "utf8") : "";
  const count = (re: RegExp) => xml.match(re)?.length ?? 0;
  const failed = count(/<(failure|error)\b/g);
  const all = count(/<skipped\b/g);
  const passed = count(/<testcase\b/g) - failed - all;
  return { passed, failed, skipped: all - count(UNWANTED) };
}

/** Runs a command, its output going to the terminal, and returns the output. */
function tee([program, ...args]: Command): Promise<[output: string, end: End]> {
  return new Promise((resolve) => {
    const color = process.stdout.isTTY ? { FORCE_COLOR: "1" } : {};
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...color },
      timeout: RUNTIME_LIMIT_MS,
      killSignal: "SIGKILL",
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      process.stdout.write(text);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      process.stderr.write(text);
    });
    child.on("error", (error) => resolve([output, error.message]));
    child.on("close", (code, signal) => {
      resolve([output, signal ?? `exit code ${code}`]);
    });
  });
}

/** How a command ended. */
type End = string;

/**
 * Counts the errors that belong to no test, which no report has: a file that
 * throws on load, a callback that throws after its test.
 */
function countStray(output: string): number {
  const lines = stripVTControlCharacters(output).split("\n");
  const deno = lines.filter((line) => line.endsWith(" (uncaught error)"));
  const bun = lines.filter((line) =>
    line === "# Unhandled error between tests"
  );
  // Deno names each once with the error and once more in its list of failures.
  return new Set(deno).size + bun.length;
}

/** Runs one runtime's tests and counts them. */
async function runTests(
  what: string,
  command: Command,
  report: string,
): Promise<Counts> {
  rmSync(report, { force: true });
  console.log(`\n--- ${what}`);
  const [output, end] = await tee(command);
  const counts = countReport(report);
  counts.failed += countStray(output);
  if (end !== "exit code 0" && counts.failed === 0) {
    console.log(`${what} ended with ${end}: counted as one failure`);
    counts.failed = 1;
  }
  return counts;
}

function parseOrExit(): Options {
  try {
    return parse(process.argv.slice(2));
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}

const options = parseOrExit();
const files = testFiles(options.words).map((path) => `./${path}`);
const total: Counts = { passed: 0, failed: 0, skipped: 0 };
mkdirSync(REPORTS, { recursive: true });

function add(counts: Counts): void {
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped += counts.skipped;
}

/** A runtime that is not there fails the run where all are expected. */
function missing(name: string): void {
  console.log(`\n--- ${name} was not found: its tests did not run`);
  if (process.env["CI"] || options.only === name) total.failed++;
}

async function onDeno(): Promise<void> {
  const deno = findDeno();
  if (!deno) return missing("deno");
  const std = stdOnDeno(deno);
  const report = `${REPORTS}/deno.xml`;
  const filter = options.filter === undefined
    ? []
    : [`--filter=${options.filter}`];
  const command: Command = [
    ...deno,
    "test",
    "-A",
    // Types are a gate of their own, where an error does not hide every test.
    "--no-check",
    ...stdFlags(std),
    `--junit-path=${report}`,
    ...filter,
    ...options.flags,
    ...files,
  ];
  add(await runTests(`deno, @std from ${std}`, command, report));
}

async function onBun(): Promise<void> {
  const bun = findBun();
  if (!bun) return missing("bun");
  const report = `${REPORTS}/bun.xml`;
  const filter = options.filter === undefined
    ? []
    : ["--test-name-pattern", asRegex(options.filter)];
  const command: Command = [
    ...bun,
    "test",
    "--reporter=junit",
    `--reporter-outfile=${report}`,
    ...filter,
    ...options.flags,
    ...files,
  ];
  add(await runTests(`bun, @std from ${stdOnBun()}`, command, report));
}

async function onNode(): Promise<void> {
  const what = options.only ?? "node";
  const node = findNode(what.split("@")[1]);
  if (!node) return missing(what);
  const folder = compiled();
  const report = `${folder}/report.xml`;
  const filter = options.filter === undefined
    ? []
    : [`--test-name-pattern=${asRegex(options.filter)}`];
  const command: Command = [
    ...node,
    "--test",
    `--test-concurrency=${availableParallelism()}`,
    // One that hangs is named and ended, before the limit of the whole runtime.
    `--test-timeout=${RUNTIME_LIMIT_MS / 2}`,
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    "--test-reporter=junit",
    `--test-reporter-destination=${report}`,
    ...filter,
    ...options.flags,
    ...files
      .filter((path) => !NOT_ON_NODE.has(path))
      .map((path) => `${folder}/${path.slice(2, -".ts".length)}.js`),
  ];
  add(await runTests(`${what}, @std from stand-ins`, command, report));
  if (existsSync(report)) copyFileSync(report, `${REPORTS}/${what}.xml`);
}

async function onWeb(): Promise<void> {
  const deno = findDeno();
  // No part of what is needed to work on the library, so it fails nothing.
  if (!deno || !findChromium()) {
    console.log("\n--- no Chromium was found: nothing ran in a browser");
    return;
  }
  const report = `${REPORTS}/web.xml`;
  const filter = options.filter === undefined
    ? []
    : [`--filter=${asRegex(options.filter)}`];
  const runner = ["run", "-A", "--no-check", "tools/web_tests.ts"];
  const command: Command = [
    ...deno,
    ...runner,
    compiled(),
    report,
    ...filter,
    ...options.flags,
    ...files,
  ];
  add(await runTests("web, @std from stand-ins", command, report));
}

let folder: string | undefined;

/** The package and its tests, compiled; removed at the end. */
function compiled(): string {
  return folder ??= prepareNodeTests();
}

async function onAll(only: string): Promise<void> {
  if (only === "" || only === "deno") await onDeno();
  if (only === "" || only === "bun") await onBun();
  if (only === "" || only.startsWith("node")) await onNode();
  if (only === "" || only === "web") await onWeb();
}

if (files.length === 0) {
  console.log(`no test file matches ${options.words.join(" ")}`);
} else {
  try {
    await onAll(options.only ?? "");
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}
const { passed, failed, skipped } = total;
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
