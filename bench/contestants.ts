/**
 * Who takes part: finds the runtimes and interpreters of this machine, and has
 * the rivals installed where a runtime cannot fetch them by itself.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The library in its two spellings. */
export type Spelling = "generator" | "async";

/** What the library is compared with. */
export type Rival = "asyncio" | "uvloop" | "effect" | "effection" | "floor";

/** Where JavaScript runs. */
export type Runtime = "deno" | "bun";

/** One who runs rows: its command line takes the row and the size behind it. */
export interface Contestant {
  /** Its name in the tables. */
  readonly name: Spelling | Rival;
  /** Its runtime; null for an interpreter, which stands in every table. */
  readonly runtime: Runtime | null;
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

/** The rivals that are npm packages, of which major version 4 takes part. */
const NPM = ["effect", "effection"] as const;

/** A million live objects need more than some machines' default heap. */
const V8 = "--v8-flags=--expose-gc,--max-old-space-size=8192";

function output(command: readonly string[], cwd = ROOT): string | null {
  const [cmd, ...args] = command;
  const r = spawnSync(cmd!, args, { cwd, encoding: "utf8", timeout: 120_000 });
  return r.status === 0 ? r.stdout.trim() : null;
}

/** Everyone's rows of one runtime. */
function contestants(
  runtime: Runtime,
  command: readonly string[],
  npm: { cwd: string; path: string } | null,
): Contestant[] {
  const found: Contestant[] = [];
  for (const name of ["generator", "async"] as const) {
    found.push({
      name,
      runtime,
      command: [...command, `${HERE}tasks.ts`, name],
      cwd: ROOT,
    });
  }
  const rival = (name: Rival, file: string, cwd: string) =>
    found.push({ name, runtime, command: [...command, file], cwd });
  rival("floor", `${HERE}rivals/promises.ts`, ROOT);
  if (npm !== null) {
    for (const name of NPM) rival(name, `${npm.path}${name}.ts`, npm.cwd);
  }
  return found;
}

/**
 * Bun knows no `npm:` specifiers: it gets a copy of the rivals that names the
 * bare packages, in a folder where they are installed.
 */
function install(folder: string): string | null {
  writeFileSync(`${folder}/package.json`, '{"private":true,"type":"module"}');
  const done = output(
    ["npm", "install", "--no-audit", "--no-fund", ...NPM.map((p) => `${p}@4`)],
    folder,
  );
  if (done === null) return null;
  mkdirSync(`${folder}/rivals`);
  cpSync(`${HERE}measure.ts`, `${folder}/measure.ts`);
  return NPM.map((name) => {
    const source = readFileSync(`${HERE}rivals/${name}.ts`, "utf8");
    writeFileSync(
      `${folder}/rivals/${name}.ts`,
      source.replace(`"npm:${name}@4"`, `"${name}"`),
    );
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
print(sys.executable, platform.python_implementation(), platform.python_version(), uv)
`;

/**
 * The quickest interpreter for asyncio, and the quickest that has uvloop: a
 * newer one is not always the quicker one, it depends on how it was built, so a
 * short trial decides.
 */
function pythons(asked: readonly string[]): Field {
  const rows = `${HERE}rivals/asyncio_rows.py`;
  const seen = new Set<string>();
  const best = new Map<Rival, { ms: number; command: string[] }>();
  const about = new Map<Rival, string>();
  for (const python of asked.length > 0 ? asked : PYTHONS) {
    const probe = output([python, "-c", PROBE]);
    if (probe === null) continue;
    const [path, kind, version, uvloop] = probe.split(" ");
    if (seen.has(path!)) continue;
    seen.add(path!);
    for (const name of ["asyncio", "uvloop"] as const) {
      if (name === "uvloop" && !uvloop) continue;
      const command = [path!, rows, name];
      const ms = trial(command);
      if (ms >= (best.get(name)?.ms ?? Infinity)) continue;
      best.set(name, { ms, command });
      const what = name === "uvloop" ? `uvloop ${uvloop}, ` : "";
      about.set(name, `${what}${kind} ${version} (${path})`);
    }
  }
  const found: Contestant[] = [];
  for (const [name, { command }] of best) {
    found.push({ name, runtime: null, command, cwd: ROOT });
  }
  const note = (name: Rival) => `${name}: ${about.get(name) ?? "absent"}`;
  return { contestants: found, notes: [note("asyncio"), note("uvloop")] };
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
 * @param options Which runtimes and interpreters are asked for (all that are
 * found, where the list is empty), and a folder for what has to be installed.
 * @returns The contestants and the notes about them.
 */
export function findField(options: {
  runtimes: readonly string[];
  pythons: readonly string[];
  folder: string;
}): Field {
  const found: Contestant[] = [];
  const notes: string[] = [];
  const wanted = (runtime: Runtime) =>
    options.runtimes.length === 0 || options.runtimes.includes(runtime);
  if (wanted("deno")) {
    const { deno, v8 } = Deno.version;
    notes.push(
      `deno: ${deno} (V8 ${v8}); its effect@4 and effection@4 by npm:`,
    );
    found.push(...contestants(
      "deno",
      [Deno.execPath(), "run", "-A", "-q", V8],
      { cwd: ROOT, path: `${HERE}rivals/` },
    ));
  }
  if (wanted("bun")) {
    const bun = [["bun"], ["npx", "-y", `bun@${BUN}`]].find((line) =>
      output([...line, "--version"]) !== null
    );
    if (bun === undefined) notes.push("bun: absent");
    else {
      const { folder } = options;
      const versions = install(folder);
      notes.push(
        `bun: ${output([...bun, "--version"])}; ${
          versions ?? "its rivals are absent, npm could not install them"
        }`,
      );
      found.push(...contestants(
        "bun",
        [...bun, "--expose-gc"],
        versions === null ? null : { cwd: folder, path: `${folder}/rivals/` },
      ));
    }
  }
  const python = pythons(options.pythons);
  return {
    contestants: [...found, ...python.contestants],
    notes: [...notes, ...python.notes],
  };
}
