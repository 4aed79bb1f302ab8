/**
 * Who takes part: finds the runtimes and interpreters of this machine, and has
 * the rivals installed where a runtime cannot fetch them by itself.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type RowName, type SuiteName, SUITES } from "./measure.ts";

/** The library in its two spellings. */
export type Spelling = "generator" | "async";

/** What the library is compared with. */
export type Rival =
  | "asyncio"
  | "uvloop"
  | "effect"
  | "effection"
  | "floor"
  | Limiter;

/** The locks and limiters of npm and JSR; each takes part in the rows it can. */
export type Limiter =
  | "p-limit"
  | "p-queue"
  | "async-mutex"
  | "async-sema"
  | "pooledMap";

/** Where JavaScript runs. */
export type Runtime = "deno" | "bun";

/** One who runs rows: its command line takes the row and the size behind it. */
export interface Contestant {
  /** Its name in the tables. */
  readonly name: Spelling | Rival;
  /** Its runtime; null for an interpreter, which stands in every table. */
  readonly runtime: Runtime | null;
  /** The suite. */
  readonly suite: SuiteName;
  /** The rows in which it takes part. */
  readonly rows: readonly RowName[];
  /** The command line. */
  readonly command: readonly string[];
  /** The folder to run in. */
  readonly cwd: string;
}

/** All that take part, and what there is to say about who does and who does not. */
export interface Field {
  /** The contestants. */
  readonly contestants: readonly Contestant[];
  /** One line for each that was found or is absent. */
  readonly notes: readonly string[];
}

const HERE = fileURLToPath(new URL(".", import.meta.url));
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const BUN = "1.4.5";

/** The rivals that are npm packages and take part in both suites. */
const NPM = ["effect", "effection"] as const;

/** The rows of the locks and limiters. */
const LIMITERS: Readonly<Record<Limiter, readonly RowName[]>> = {
  "p-limit": ["limit"],
  "p-queue": ["limit"],
  "async-mutex": ["lock", "limit"],
  "async-sema": ["lock", "limit"],
  pooledMap: ["limit"],
};

/** What is imported from npm, as the rivals' sources say it. */
const NPM_SPECIFIER = /"npm:([^"@]+)@([^"]+)"/g;
const POOL = "jsr:@std/async@^1.5.0/pool";

/** A million live objects need more than some machines' default heap. */
const V8 = "--v8-flags=--expose-gc,--max-old-space-size=8192";

function output(
  command: readonly string[],
  cwd = ROOT,
  timeout = 120_000,
): string | null {
  const [cmd, ...args] = command;
  const r = spawnSync(cmd!, args, { cwd, encoding: "utf8", timeout });
  return r.status === 0 ? r.stdout.trim() : null;
}

/** Everyone's rows of one runtime and suite. */
function contestants(
  runtime: Runtime,
  suite: SuiteName,
  command: readonly string[],
  npm: { cwd: string; path: string } | null,
): Contestant[] {
  const found: Contestant[] = [];
  const { rows, scaling } = SUITES[suite];
  for (const name of ["generator", "async"] as const) {
    found.push({
      name,
      runtime,
      suite,
      rows: [...rows, ...scaling],
      command: [...command, `${HERE}${suite}.ts`, name],
      cwd: ROOT,
    });
  }
  if (suite === "tasks") {
    const file = `${HERE}rivals/promises.ts`;
    const floor = { name: "floor", command: [...command, file] } as const;
    found.push({ ...floor, runtime, suite, rows, cwd: ROOT });
  }
  if (npm === null) return found;
  const { cwd, path } = npm;
  for (const name of NPM) {
    const line = [...command, `${path}${source(name, suite)}`];
    found.push({ name, runtime, suite, rows, command: line, cwd });
  }
  if (suite === "tasks") return found;
  for (const name of Object.keys(LIMITERS) as Limiter[]) {
    if (name === "pooledMap") continue;
    const line = [...command, `${path}limiters.ts`, name];
    found.push({
      name,
      runtime,
      suite,
      rows: LIMITERS[name],
      command: line,
      cwd,
    });
  }
  return found;
}

function source(name: string, suite: SuiteName): string {
  return suite === "tasks" ? `${name}.ts` : `${name}_${suite}.ts`;
}

/** The files of the rivals that import from npm. */
function sources(suites: readonly SuiteName[]): string[] {
  const files = suites.flatMap((s) => NPM.map((name) => source(name, s)));
  return suites.includes("sync") ? [...files, "limiters.ts"] : files;
}

/** The packages that some files import from npm, each with its version. */
function packages(files: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of files) {
    const text = readFileSync(`${HERE}rivals/${file}`, "utf8");
    for (const [, name, version] of text.matchAll(NPM_SPECIFIER)) {
      found.set(name!, version!);
    }
  }
  return found;
}

/**
 * Bun knows no `npm:` specifiers: it gets a copy of the rivals that names the
 * bare packages, in a folder where they are installed.
 */
function install(folder: string, files: readonly string[]): string | null {
  writeFileSync(`${folder}/package.json`, '{"private":true,"type":"module"}');
  const wanted = packages(files);
  const done = output(
    [
      "npm",
      "install",
      "--no-audit",
      "--no-fund",
      ...[...wanted].map(([name, version]) => `${name}@${version}`),
    ],
    folder,
  );
  if (done === null) return null;
  mkdirSync(`${folder}/rivals`);
  cpSync(`${HERE}measure.ts`, `${folder}/measure.ts`);
  for (const file of files) {
    const text = readFileSync(`${HERE}rivals/${file}`, "utf8");
    writeFileSync(
      `${folder}/rivals/${file}`,
      text.replaceAll(NPM_SPECIFIER, '"$1"'),
    );
  }
  return [...wanted.keys()].map((name) => {
    const manifest = `${folder}/node_modules/${name}/package.json`;
    return `${name} ${JSON.parse(readFileSync(manifest, "utf8")).version}`;
  }).join(", ");
}

const PYTHONS = [
  "python3.15",
  "python3.14",
  "python3.13",
  "python3.12",
  "python3.11",
  "python3",
  "/usr/bin/python3",
];

const PROBE = `
import platform, sys
try: import uvloop; uv = uvloop.__version__
except ImportError: uv = ""
group = hasattr(__import__("asyncio"), "TaskGroup")
print(sys.executable, platform.python_implementation(), platform.python_version(), group, uv)
`;

/**
 * The quickest interpreter for asyncio, and the quickest that has uvloop: a
 * newer one is not always the quicker one, it depends on how it was built, so a
 * short trial decides.
 */
function pythons(
  asked: readonly string[],
  suites: readonly SuiteName[],
): Field {
  const seen = new Set<string>();
  const best = new Map<string, { ms: number; who: Contestant; what: string }>();
  for (const python of asked.length > 0 ? asked : PYTHONS) {
    const probe = output([python, "-c", PROBE]);
    if (probe === null) continue;
    const [path, kind, version, groups, uvloop] = probe.split(" ");
    if (seen.has(path!)) continue;
    seen.add(path!);
    for (const name of ["asyncio", "uvloop"] as const) {
      if (name === "uvloop" && !uvloop) continue;
      const rivals = `${HERE}rivals/asyncio_`;
      const ms = trial([path!, `${rivals}rows.py`, name]);
      for (const suite of suites) {
        if (suite === "sync" && groups === "False") continue;
        if (ms >= (best.get(suite + name)?.ms ?? Infinity)) continue;
        const file = suite === "tasks" ? "rows.py" : `${suite}.py`;
        const { rows } = SUITES[suite];
        const command = [path!, rivals + file, name];
        best.set(suite + name, {
          ms,
          who: { name, runtime: null, suite, rows, command, cwd: ROOT },
          what: (name === "uvloop" ? `uvloop ${uvloop}, ` : "") +
            `${kind} ${version} (${path})`,
        });
      }
    }
  }
  const note = (name: Rival) => {
    const whats = suites.map((s) => best.get(s + name)?.what ?? "absent");
    if (new Set(whats).size === 1) return `${name}: ${whats[0]}`;
    return `${name}: ${suites.map((s, i) => `${s} ${whats[i]}`).join("; ")}`;
  };
  return {
    contestants: [...best.values()].map(({ who }) => who),
    notes: [note("asyncio"), note("uvloop")],
  };
}

function trial(command: readonly string[]): number {
  let ms = 0;
  for (const row of ["spawn", "pingpong", "cancel"]) {
    const json = output([...command, row, "10000"]);
    if (json === null) return Infinity;
    ms += Math.min(...JSON.parse(json).wall);
  }
  return ms;
}

/**
 * Finds everyone who can take part on this machine.
 *
 * @param options Which suites run, which runtimes and interpreters are asked for
 * (all that are found, where the list is empty), and a folder for what has to be
 * installed.
 * @returns The contestants and the notes about them.
 */
export function findField(options: {
  suites: readonly SuiteName[];
  runtimes: readonly string[];
  pythons: readonly string[];
  folder: string;
}): Field {
  const found: Contestant[] = [];
  const notes: string[] = [];
  const { suites, folder } = options;
  const files = sources(suites);
  const wanted = (runtime: Runtime) =>
    options.runtimes.length === 0 || options.runtimes.includes(runtime);
  if (wanted("deno")) {
    const { deno, v8 } = Deno.version;
    const specifiers = [...packages(files)].map((entry) => entry.join("@"));
    notes.push(
      `deno: ${deno} (V8 ${v8}); its ${specifiers.join(", ")} by npm:`,
    );
    const command = [Deno.execPath(), "run", "-A", "-q", V8];
    const npm = { cwd: ROOT, path: `${HERE}rivals/` };
    for (const suite of suites) {
      found.push(...contestants("deno", suite, command, npm));
    }
  }
  if (suites.includes("sync")) {
    const pool = wanted("deno") ? findPool() : null;
    if (pool !== null) found.push(pool);
    notes.push(
      "pooledMap of @std/async: " +
        (pool !== null
          ? "by jsr:, on Deno"
          : wanted("deno")
          ? "skipped, JSR cannot be reached"
          : "skipped, Bun has no jsr: specifiers"),
    );
  }
  if (wanted("bun")) {
    const bun = [["bun"], ["npx", "-y", `bun@${BUN}`]].find((line) =>
      output([...line, "--version"]) !== null
    );
    if (bun === undefined) notes.push("bun: absent");
    else {
      const versions = install(folder, files);
      notes.push(
        `bun: ${output([...bun, "--version"])}; ${
          versions ?? "its rivals are absent, npm could not install them"
        }`,
      );
      const command = [...bun, "--expose-gc"];
      const npm = versions === null
        ? null
        : { cwd: folder, path: `${folder}/rivals/` };
      for (const suite of suites) {
        found.push(...contestants("bun", suite, command, npm));
      }
    }
  }
  const python = pythons(options.pythons, suites);
  return {
    contestants: [...found, ...python.contestants],
    notes: [...notes, ...python.notes],
  };
}

/** pooledMap, where Deno has it in its cache or can reach JSR. */
function findPool(): Contestant | null {
  const deno = Deno.execPath();
  const cached = output([deno, "cache", "-q", POOL], ROOT, 30_000);
  if (cached === null) return null;
  return {
    name: "pooledMap",
    runtime: "deno",
    suite: "sync",
    rows: LIMITERS.pooledMap,
    command: [
      deno,
      "run",
      "-A",
      "-q",
      V8,
      `${HERE}rivals/limiters.ts`,
      "pooledMap",
    ],
    cwd: ROOT,
  };
}
