// deno-lint-ignore-file no-console
/**
 * How many lines of the library the tests run, on all runtimes together: the adapters
 * of one are not run on the others. Fails below 95 %.
 *
 *     deno task coverage [--report] [--missed PART] [runtime …]
 *
 * It runs all tests on each runtime, which takes up to half an hour, and leaves
 * what they tell in coverage/; `--report` only reads that. `--missed` names the lines
 * that did not run of the files whose path contains PART. A test that fails while
 * it is watched is no failure here: stacks and times are others then.
 *
 * A line of a source counts unless it is empty, a comment, an import or has only
 * brackets, and if Node's report knows it, whose source maps leave out what is types
 * alone; those of Deno and Bun are asked for what Node never loads, and of what
 * nobody loads, as it is for browsers, each line counts. It has run if all of it did on one runtime: the
 * tests' own process on Deno, with its workers, and on Bun; the programs that the
 * tests start on Node, and on Deno those of the REPL and the inspection.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import {
  hasCode,
  type Lines,
  NodeLines,
  type NodeProfile,
  readLcov,
  type Report,
  saying,
} from "./coverage_lines.ts";
import { librarySources } from "./imports.ts";
import { type Command, findDeno } from "./runtimes.ts";

const FOLDER = "coverage";
const AT_LEAST = 0.95;
/** How many of the files that lack most are named. */
const NAMED = 25;

/** The minutes that a runtime's tests may take: watched, they take longer. */
const TEST_LIMIT = "25";

/** Runs a command. */
function run([program, ...args]: Command, env: Record<string, string>): void {
  const { status, signal } = spawnSync(program, args, {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...env },
  });
  if (status !== 0) {
    console.log(`${program} ${args.join(" ")}: ended with ${signal ?? status}`);
  }
}

/** The same report, its files by their paths from here; others are left out. */
function ofSources(report: Report, sources: ReadonlySet<string>): Report {
  const here = `${resolve(".").replaceAll("\\", "/")}/`;
  const kept: Report = new Map();
  for (const [name, lines] of report) {
    const path = name.startsWith("file:") ? fileURLToPath(name) : resolve(name);
    const from = path.replaceAll("\\", "/").replace(here, "");
    if (sources.has(from)) kept.set(from, lines);
  }
  return kept;
}

/** How each runtime's tests are run, and what they tell is read. */
interface Teller {
  /** The arguments for the test runner, in each of its runs. */
  readonly runs: readonly (readonly string[])[];
  readonly env: Record<string, string>;
  read(deno: Command): Report;
}

const DENO_FLAGS = [`--coverage=${FOLDER}/deno`, "--coverage-raw-data-only"];
/** The programs that the tests start are not watched: it slows them, and all else. */
const ALONE =
  '--preload=data:text/javascript,Deno.env.delete("DENO_COVERAGE_DIR")';

/** The first that knows a source says which of its lines count. */
const TELLERS: Readonly<Record<string, Teller>> = {
  node: {
    runs: [[]],
    env: { NODE_V8_COVERAGE: resolve(FOLDER, "node") },
    read() {
      const lines = new NodeLines();
      for (const name of readdirSync(`${FOLDER}/node`)) {
        const text = readFileSync(`${FOLDER}/node/${name}`, "utf8");
        // Who was killed while it wrote has left half of it.
        if (text.endsWith("}")) lines.add(JSON.parse(text) as NodeProfile);
      }
      return lines.report();
    },
  },
  deno: {
    runs: [[...DENO_FLAGS, ALONE], ["repl", "inspect", ...DENO_FLAGS]],
    env: {},
    read(deno) {
      const lcov = `${FOLDER}/deno.lcov`;
      const what = ["coverage", "--lcov", `--output=${lcov}`, `${FOLDER}/deno`];
      run([...deno, ...what], {});
      return readLcov(readFileSync(lcov, "utf8"));
    },
  },
  bun: {
    runs: [[
      "--coverage",
      "--coverage-reporter=lcov",
      `--coverage-dir=${FOLDER}/bun`,
    ]],
    env: {},
    read: () => readLcov(readFileSync(`${FOLDER}/bun/lcov.info`, "utf8")),
  },
};

/** What ran of a source. */
interface Told {
  readonly path: string;
  readonly missed: readonly number[];
  readonly count: number;
}

/**
 * Puts the reports together.
 * @param path The source.
 * @param wanted Its lines that say something.
 * @param reports What the runtimes say of it; the first that knows it says what counts.
 * @returns How many count, and which of them did not run.
 */
export function together(
  path: string,
  wanted: ReadonlySet<number>,
  reports: readonly Lines[],
): Told {
  const known = reports.find((lines) => lines.size > 0) ??
    new Map([...wanted].map((line) => [line, false]));
  const counted = [...known.keys()].filter((line) => wanted.has(line));
  return {
    path,
    count: counted.length,
    missed: counted.filter((line) => reports.every((lines) => !lines.get(line)))
      .sort((a, b) => a - b),
  };
}

const percent = (told: Pick<Told, "count" | "missed">) =>
  (100 * (1 - told.missed.length / (told.count || 1))).toFixed(1);

/** Numbers, those that follow each other as one span. */
function spans(numbers: readonly number[]): string {
  const found: [number, number][] = [];
  for (const n of numbers) {
    const last = found.at(-1);
    if (last !== undefined && last[1] === n - 1) last[1] = n;
    else found.push([n, n]);
  }
  return found.map(([a, b]) => a === b ? `${a}` : `${a}-${b}`).join(" ");
}

function main(): void {
  const args = process.argv.slice(2);
  const at = args.indexOf("--missed");
  const part = at < 0 ? undefined : args.splice(at, 2)[1] ?? "";
  const named = args.filter((arg) => !arg.startsWith("--"));
  const runtimes = named.length > 0 ? named : Object.keys(TELLERS);
  const deno = findDeno();
  if (deno === undefined) throw new Error("deno was not found");
  if (!args.includes("--report")) {
    for (const runtime of runtimes) {
      const { runs, env } = TELLERS[runtime]!;
      rmSync(`${FOLDER}/${runtime}`, { recursive: true, force: true });
      mkdirSync(`${FOLDER}/${runtime}`, { recursive: true });
      const tests = ["run", "-A", "tools/test.ts", "--only", runtime];
      for (const args of runs) {
        run([...deno, ...tests, ...args], {
          ...env,
          ASYNCIO_TEST_LIMIT: TEST_LIMIT,
        });
      }
    }
  }
  const sources = librarySources(".");
  const known = new Set(sources);
  const reports = runtimes.filter((name) => existsSync(`${FOLDER}/${name}`))
    .map((name) => ({
      name,
      lines: ofSources(TELLERS[name]!.read(deno), known),
    }));
  const files = sources.map((path) => {
    const told = reports.map(({ lines }) => lines.get(path) ?? new Map());
    const text = readFileSync(path, "utf8");
    return together(path, hasCode(text) ? saying(text) : new Set(), told);
  });
  const missed = files.flatMap(({ missed }) => missed);
  const count = files.reduce((sum, told) => sum + told.count, 0);
  const worst = files.filter(({ missed }) => missed.length > 0)
    .sort((a, b) => b.missed.length - a.missed.length);
  const shown = part === undefined
    ? worst.slice(0, NAMED)
    : worst.filter(({ path }) => path.includes(part));
  for (const told of shown) {
    const lines = part === undefined ? "" : `  ${spans(told.missed)}`;
    const some = `${told.count - told.missed.length} of ${told.count}`;
    console.log(
      `${percent(told).padStart(5)} %  ${some.padEnd(12)} ${told.path}${lines}`,
    );
  }
  console.log(
    `\n${percent({ count, missed })} % of the lines ran on ` +
      `${reports.map(({ name }) => name).join(", ")}: ` +
      `${count - missed.length} of ${count}, in ${files.length} files`,
  );
  if (count === 0 || missed.length > (1 - AT_LEAST) * count) {
    console.log(`that is less than ${100 * AT_LEAST} %`);
    process.exitCode = 1;
  }
}

if (import.meta.main) main();
