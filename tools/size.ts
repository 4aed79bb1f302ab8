// deno-lint-ignore-file no-console
/**
 * How large a program for browsers becomes by `import { run, sleep, TaskGroup }`:
 * the npm package is built, bundled by esbuild as an application would be, run, and
 * measured, minified and compressed.
 *
 *     deno run -A tools/size.ts [--modules]
 *
 * With --modules it also tells what each module adds to the bundle.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { buildNpm } from "./build_npm.ts";
import { findEsbuild } from "./runtimes.ts";

/** What a program takes of the library. */
const NAMES = "run, sleep, TaskGroup";
/** What is wanted, minified and compressed by gzip. */
const WANTED = 12_000;
/** What must not be exceeded: what was reached last, and 3 % more. */
const BOUND = 19_100;
/** What ends a bundler that hangs. */
const LIMIT_MS = 2 * 60_000;

/** What a bundle consists of. */
export interface Size {
  /** Its bytes, minified. */
  readonly minified: number;
  /** Its bytes, minified and compressed by gzip. */
  readonly gzipped: number;
  /** The minified bytes of each module that is in it, the largest first. */
  readonly modules: readonly (readonly [name: string, bytes: number])[];
}

interface Metafile {
  readonly outputs: Readonly<
    Record<
      string,
      {
        readonly inputs: Readonly<
          Record<string, { readonly bytesInOutput: number }>
        >;
      }
    >
  >;
}

/** Has the bundle run a program: one that does not work is not worth measuring. */
async function tryOut(bundle: string): Promise<void> {
  const { run, sleep, TaskGroup } = await import(
    pathToFileURL(bundle).href
  ) as typeof import("../mod.ts");
  const sum = await run(async () => {
    const { a, b } = await TaskGroup.all({
      a: () => sleep(0.002, 1),
      b: sleep(0.001, 2),
    });
    return a + b;
  });
  if (sum !== 3) throw new Error(`the bundle's program returned ${sum}`);
  const group = await run(() =>
    new TaskGroup().with((group) => {
      group.createTask(() => Promise.reject(new Error("one")));
      group.createTask(() => sleep(60));
    })
  ).then(() => "nothing", String);
  if (
    group !==
      "ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)"
  ) {
    throw new Error(`the bundle's task group raised ${group}`);
  }
  // What was left out says so, and where it is.
  const debug = await run(() => sleep(0), { debug: true })
    .then(() => "nothing", String);
  if (!/^NotImplementedError: .*"@x\/asyncio\/full"/.test(debug)) {
    throw new Error(`the bundle's debug mode raised ${debug}`);
  }
}

/**
 * Bundles a program that uses three names of the package, and measures it.
 *
 * @param esbuild How esbuild is called.
 * @returns What it came to.
 * @throws {Error} When the package cannot be built or bundled, or does not work.
 */
export async function measure(esbuild: readonly string[]): Promise<Size> {
  mkdirSync(".node", { recursive: true });
  const folder = mkdtempSync(join(".node", "size-"));
  try {
    buildNpm(join(folder, "node_modules", "@x", "asyncio"));
    writeFileSync(
      join(folder, "entry.js"),
      `export { ${NAMES} } from "@x/asyncio";\n`,
    );
    const bundle = join(folder, "bundle.mjs");
    const meta = join(folder, "meta.json");
    const [program, ...args] = esbuild;
    const { status, stderr } = spawnSync(program!, [
      ...args,
      join(folder, "entry.js"),
      "--bundle",
      "--minify",
      "--format=esm",
      "--platform=browser",
      // The project's own would lead back to the sources.
      "--tsconfig-raw={}",
      "--log-level=warning",
      `--metafile=${meta}`,
      `--outfile=${bundle}`,
    ], { encoding: "utf8", timeout: LIMIT_MS });
    if (status !== 0) throw new Error(`${stderr}esbuild did not end well`);
    await tryOut(resolve(bundle));
    const code = readFileSync(bundle);
    const { outputs } = JSON.parse(readFileSync(meta, "utf8")) as Metafile;
    const modules = Object.values(outputs)
      .flatMap(({ inputs }) => Object.entries(inputs))
      .map(([path, { bytesInOutput }]) =>
        [path.replace(/^.*\/@x\/asyncio\//, ""), bytesInOutput] as const
      )
      .filter(([, bytes]) => bytes > 0)
      .sort((a, b) => b[1] - a[1]);
    return {
      minified: code.length,
      gzipped: gzipSync(code, { level: 9 }).length,
      modules,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const esbuild = findEsbuild();
  if (esbuild === undefined) {
    console.log("size not measured: esbuild cannot be had");
    process.exit(0);
  }
  const { minified, gzipped, modules } = await measure(esbuild);
  if (process.argv.includes("--modules")) {
    for (const [name, bytes] of modules) console.log(`${bytes}\t${name}`);
  }
  const ratio = (of: number) => (gzipped / of).toFixed(2);
  console.log(
    `import { ${NAMES} } in a browser: ${minified} bytes minified, ${gzipped} ` +
      `compressed: ${ratio(WANTED)} of the ${WANTED} wanted, ${ratio(BOUND)} ` +
      `of the bound of ${BOUND}`,
  );
  if (gzipped > BOUND) {
    console.error("It is larger than it may be; --modules tells what is in it");
  }
  // The bundle's program has left a message channel open, as pages may.
  process.exit(gzipped > BOUND ? 1 : 0);
}
