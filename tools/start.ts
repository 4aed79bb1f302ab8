// deno-lint-ignore-file no-console
/**
 * How long a program that imports the whole library and runs a hello takes over one
 * that only prints it: whole processes on Deno and Bun, in turns, and how much of the
 * library such a program loads.
 *
 *     deno run -A tools/start.ts [rounds]
 *
 * Times differ from machine to machine, so what is compared with a bound is a ratio:
 * to what a program takes over the empty one that imports node:http, a built-in of a
 * similar size. The bounds have half of room over what was measured, for machines
 * that do other things as well; the count of modules and bytes needs none.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { readGraph } from "./imports.ts";
import { findBun, findDeno } from "./runtimes.ts";

/** What is wanted over an empty program, in milliseconds on an idle machine. */
const WANTED_MS = 15;
/** The most that a hello may take, in times of what importing node:http takes. */
const BOUNDS: Readonly<Record<string, number>> = { Deno: 3, Bun: 4.5 };
/** The most modules that a hello may load, and the most bytes of source. */
const MOST_MODULES = 180;
const MOST_BYTES = 1_080_000;
/** How often each program is run; the median counts. */
const ROUNDS = 21;
/** How often all is measured anew before a bound counts as exceeded. */
const TRIES = 3;
/** What ends a program that hangs. */
const LIMIT_MS = 30_000;

const HELLO = 'console.log("hello");\n';

/** The programs, by name. */
function programs(library: string): Record<string, string> {
  return {
    empty: HELLO,
    builtin: `import "node:http";\n${HELLO}`,
    hello: `import { run, sleep } from ${JSON.stringify(library)};\n` +
      "await run(async () => {\n  await sleep(0);\n" +
      '  console.log("hello");\n});\n',
  };
}

/** How long one process takes, in milliseconds. */
function timed(command: readonly [string, ...string[]]): number {
  const [program, ...args] = command;
  const start = performance.now();
  const result = spawnSync(program, args, {
    encoding: "utf8",
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
  });
  const took = performance.now() - start;
  if (result.status === 0 && result.stdout === "hello\n") return took;
  throw new Error(`${command.join(" ")}:\n${result.stdout}${result.stderr}`);
}

function median(times: number[]): number {
  return times.toSorted((a, b) => a - b)[times.length >> 1]!;
}

/** What was measured of one runtime, in milliseconds. */
interface Measured {
  readonly empty: number;
  readonly builtin: number;
  readonly hello: number;
  /** What the hello takes over the empty one, in times of what the built-in takes. */
  readonly ratio: number;
}

/** Runs the programs in turns, so that what the machine does meets them alike. */
function measure(
  command: readonly [string, ...string[]],
  folder: string,
  rounds: number,
): Measured {
  const names = ["empty", "builtin", "hello"] as const;
  const times = { empty: [], builtin: [], hello: [] } as Record<
    typeof names[number],
    number[]
  >;
  // The first two rounds fill the runtime's caches.
  for (let i = -2; i < rounds; i++) {
    for (const name of names) {
      const took = timed([...command, join(folder, `${name}.ts`)]);
      if (i >= 0) times[name].push(took);
    }
  }
  const empty = median(times.empty);
  const builtin = median(times.builtin);
  const hello = median(times.hello);
  return { empty, builtin, hello, ratio: (hello - empty) / (builtin - empty) };
}

/** What a program loads that imports a module, itself included. */
function loadedBy(root: string, entry: string): string[] {
  const graph = readGraph(root);
  const found = new Set([entry]);
  for (const path of found) {
    for (const target of graph.get(path) ?? []) found.add(target);
  }
  return [...found];
}

/** Measures and says what exceeds its bound. */
function main(rounds: number): string[] {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  const problems: string[] = [];
  const modules = loadedBy(root, "mod.ts");
  const bytes = modules.reduce(
    (sum, path) => sum + statSync(join(root, path)).size,
    0,
  );
  console.log(
    `${modules.length} modules of ${(bytes / 1000).toFixed(0)} kB are loaded ` +
      `(at most ${MOST_MODULES} of ${MOST_BYTES / 1000} kB)`,
  );
  if (modules.length > MOST_MODULES || bytes > MOST_BYTES) {
    problems.push("A hello loads more than it may");
  }
  const deno = findDeno();
  const bun = findBun();
  if (deno === undefined || bun === undefined) {
    throw new Error("deno and bun are needed");
  }
  const runtimes = {
    Deno: [...deno, "run", "-A", "-q", "--no-config"],
    Bun: bun,
  } as const;
  const folder = mkdtempSync(join(tmpdir(), "asyncio-start-"));
  try {
    const library = pathToFileURL(join(root, "mod.ts")).href;
    for (const [name, text] of Object.entries(programs(library))) {
      writeFileSync(join(folder, `${name}.ts`), text);
    }
    for (const [name, command] of Object.entries(runtimes)) {
      const bound = BOUNDS[name]!;
      let best: Measured | undefined;
      for (let i = 0; i < TRIES; i++) {
        const now = measure(command, folder, rounds);
        // Below nothing where the built-in seemed to take no time at all.
        if (now.ratio > 0 && now.ratio < (best?.ratio ?? Infinity)) best = now;
        if (best !== undefined && best.ratio <= bound) break;
      }
      if (best === undefined) {
        problems.push(`${name}: the machine is too busy for a measurement`);
        continue;
      }
      const { empty, builtin, hello, ratio } = best;
      const over = hello - empty;
      console.log(
        `${name}: empty ${empty.toFixed(1)} ms, node:http ` +
          `${builtin.toFixed(1)} ms, hello ${hello.toFixed(1)} ms: ` +
          `${over.toFixed(1)} ms over the empty one (wanted ${WANTED_MS}), ` +
          `${ratio.toFixed(2)} times the built-in (at most ${bound})`,
      );
      if (ratio > bound) {
        problems.push(`${name} takes too long to start a hello`);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return problems;
}

if (import.meta.main) {
  const problems = main(Number(process.argv[2] ?? ROUNDS));
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exit(1);
}
