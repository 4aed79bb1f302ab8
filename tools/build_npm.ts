// deno-lint-ignore-file no-console
/**
 * Makes the npm package, for Node, in npm/: what tsc makes of the sources, with
 * declarations and source maps, and a package.json with the same exports.
 *
 *     deno task build:npm [folder]
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, relative, resolve } from "node:path";
import process from "node:process";
import { findTsc } from "./runtimes.ts";

/** What ends a compiler that hangs. */
const COMPILER_LIMIT_MS = 5 * 60_000;

const PROSE = ["README.md", "LICENSE", "CHANGELOG.md"];

/** Older ones have no way to load a built-in module at once. */
const OLDEST_NODE = ">=20.16.0";

/** What a folder's sources are compiled to. */
interface Emission {
  /** Which sources, as paths or patterns from the project's root. */
  readonly sources: readonly string[];
  /** Where to, from the project's root; the folders keep their names. */
  readonly out: string;
  /** Whether there are declarations and source maps beside the code. */
  readonly published: boolean;
}

/**
 * Compiles sources for Node 20. What is wrong with the types is not its business:
 * the gates have looked at them.
 *
 * @param what See {@linkcode Emission}.
 * @throws {Error} When the compiler fails.
 */
export function emit({ sources, out, published }: Emission): void {
  const tsc = findTsc();
  if (tsc === undefined) throw new Error("tsc was not found");
  mkdirSync(out, { recursive: true });
  const config = join(out, "tsconfig.build.json");
  const root = relative(out, ".").replaceAll("\\", "/");
  const up = (path: string) => `${root}/${path}`;
  writeFileSync(
    config,
    JSON.stringify({
      extends: up("tsconfig.json"),
      compilerOptions: {
        noEmit: false,
        noCheck: true,
        // What is imported is compiled if it is asked for, not because of that.
        noResolve: true,
        rewriteRelativeImportExtensions: true,
        // Node 20 has no `using`, which an older target spells out.
        target: "es2022",
        rootDir: root,
        outDir: ".",
        paths: {},
        declaration: published,
        isolatedDeclarations: published,
        sourceMap: published,
        inlineSources: published,
      },
      include: sources.map(up),
    }),
  );
  const [program, ...args] = tsc;
  const result = spawnSync(program, [...args, "-p", config], {
    encoding: "utf8",
    timeout: COMPILER_LIMIT_MS,
    killSignal: "SIGKILL",
  });
  rmSync(config);
  if (result.status !== 0) {
    throw new Error(`${result.stdout}${result.stderr}tsc did not end well`);
  }
}

/** What bundles for browsers have in place of modules that they could not use. */
const BROWSER: Readonly<Record<string, string>> = {
  "_kernel/abstract_loop": "_kernel/web_abstract_loop",
  "_kernel/texts": "_kernel/web_texts",
  "_net/late": "_net/web_late",
  "_os/events": "_os/web_events",
  "_os/process_runs": "_os/web_runs",
  "_platform/mod": "_platform/web_mod",
  "_platform/workers_here": "_platform/web_workers_here",
  "_tasks/texts": "_tasks/web_texts",
  "_workers/context_values": "_workers/web_context_values",
  "_workers/late": "_workers/web_late",
};

/**
 * The modules that have to be loaded even if a program uses nothing of what they
 * export: they say which loop and which executor there is, or are programs. And
 * `mod`, which has no effects: without it esbuild forgets to run modules that it
 * wraps, as it does where there is an `import()` in a bundle of one file.
 */
const WITH_EFFECTS: readonly string[] = [
  "_kernel/whole_loop",
  "_net/whole",
  "_os/events",
  "_os/web_events",
  "_platform/all_io",
  "_workers/executor",
  "_workers/worker_entry",
  "full",
  "main",
  "mod",
  "worker",
];

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly exports: Readonly<Record<string, string>>;
}

/** Where the sources are, which a workflow on GitHub knows; it must be right. */
function repository(): object {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: name } = process.env;
  if (!server || !name) return {};
  return { repository: { type: "git", url: `git+${server}/${name}.git` } };
}

/** The package.json of the package. */
function manifest(): object {
  const { name, version, license, exports } = JSON.parse(
    readFileSync("deno.json", "utf8"),
  ) as Manifest;
  const entry = (path: string) => {
    const stem = path.slice(0, -".ts".length);
    return { types: `${stem}.d.ts`, default: `${stem}.js` };
  };
  const paths = Object.entries(exports);
  return {
    name,
    version,
    description: "Python's asyncio for TypeScript",
    license,
    keywords: ["asyncio", "async", "task", "cancellation", "structured"],
    ...repository(),
    type: "module",
    sideEffects: WITH_EFFECTS.map((stem) => `./${stem}.js`),
    browser: Object.fromEntries(
      Object.entries(BROWSER).map(([stem, other]) => [
        `./${stem}.js`,
        `./${other}.js`,
      ]),
    ),
    engines: { node: OLDEST_NODE },
    bin: { asyncio: "main.js" },
    exports: {
      ...Object.fromEntries(paths.map(([key, path]) => [key, entry(path)])),
      "./package.json": "./package.json",
    },
    files: ["*.js", "*.d.ts", "*.map", "_*/**", "CHANGELOG.md"],
    publishConfig: { access: "public", provenance: true },
  };
}

/** What a project may have no library for, and how a declaration brings it. */
const DISPOSABLE = /\b(Async)?Disposable\b|\bSymbol\.(asyncD|d)ispose\b/;
const DISPOSABLE_LIB = '/// <reference lib="esnext.disposable" />\n';

/**
 * Declarations may name the sources they were made of, which are not there: not
 * every reader of them takes "./tasks.ts" for "./tasks.d.ts".
 */
function nameCompiled(folder: string): void {
  const list = readdirSync(folder, { recursive: true, encoding: "utf8" });
  for (const name of list.filter((name) => name.endsWith(".d.ts"))) {
    const path = join(folder, name);
    const text = readFileSync(path, "utf8");
    const named = text.replace(
      /((?:from|import)\s*\(?\s*")(\.[^"]*)\.ts"/g,
      '$1$2.js"',
    );
    const head = DISPOSABLE.test(named) ? DISPOSABLE_LIB : "";
    if (head + named !== text) writeFileSync(path, head + named);
  }
}

/** What the compiler wraps around what is imported by a URL known only at run time. */
const WRAPPER =
  /\bimport\(__rewriteRelativeImportExtension\(((?:[^()]|\([^()]*\))*)\)\)/g;
const WRAPPER_MADE = /^var __rewriteRelativeImportExtension = [^]*?^};$/m;

/**
 * Imports by a URL are left as they were written: such a URL is absolute, and
 * bundlers look at the comments beside it. No line moves, for the source maps.
 */
function unwrapImports(folder: string): void {
  const list = readdirSync(folder, { recursive: true, encoding: "utf8" });
  for (const name of list.filter((name) => name.endsWith(".js"))) {
    const path = join(folder, name);
    const text = readFileSync(path, "utf8");
    if (!text.includes("__rewriteRelativeImportExtension")) continue;
    const plain = text.replace(WRAPPER, "import($1)")
      .replace(WRAPPER_MADE, (helper) => helper.replace(/[^\n]+/g, ""));
    if (plain.includes("__rewriteRelativeImportExtension")) {
      throw new Error(`${name} imports in a way that is not known here`);
    }
    writeFileSync(path, plain);
  }
}

/**
 * Makes the package.
 *
 * @param out Where; what was there is removed.
 * @throws {Error} When the compiler fails.
 */
export function buildNpm(out: string): void {
  rmSync(out, { recursive: true, force: true });
  emit({ sources: ["*.ts", "_*/**/*.ts"], out, published: true });
  nameCompiled(out);
  unwrapImports(out);
  for (const stem of [...WITH_EFFECTS, ...Object.entries(BROWSER).flat()]) {
    if (!existsSync(join(out, `${stem}.js`))) {
      throw new Error(
        `${stem}.ts is named in tools/build_npm.ts, but not there`,
      );
    }
  }
  writeFileSync(
    join(out, "package.json"),
    `${JSON.stringify(manifest(), null, 2)}\n`,
  );
  for (const name of PROSE) {
    if (existsSync(name)) copyFileSync(name, join(out, name));
  }
}

if (import.meta.main) {
  const out = process.argv[2] ?? "npm";
  if (relative(".", resolve(out)).startsWith("..")) {
    console.error(`Cannot build outside of the project: received ${out}`);
    process.exit(1);
  }
  buildNpm(out);
  console.log(`built in ${out}: npm publish ./${out}`);
}
