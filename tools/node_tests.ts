/**
 * Makes the folder in which the tests run on Node: the npm package, as it is
 * published, with the compiled tests in it.
 *
 * @module
 */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { buildNpm, emit } from "./build_npm.ts";

/** Where the folders are; `git` and the other tools leave it alone. */
const PLACE = ".node";

/** The stand-ins for @std, and what each is imported as. */
const STD: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  assert: { ".": "./mod.js" },
  async: { ".": "./mod.js" },
  testing: { "./mock": "./mock.js", "./time": "./time.js" },
};

/** What runs beside the package. */
const BESIDE = [
  "bench/*.ts",
  "examples/**/*.ts",
  "tests/**/*.ts",
  "tools/*.ts",
];

/** The URL of a module, relative to the one that names it. */
const MODULE_URL = /(new URL\(\s*"\.[^"]*)\.ts("\s*,\s*import\.meta\.url)/g;

/**
 * What `import.meta.main` stands for: Node has it from 24.2 on, and a program of a
 * test has to run before that.
 */
const IS_MAIN =
  '(process.getBuiltinModule("node:worker_threads").isMainThread && ' +
  "import.meta.filename === process.argv[1])";

/** All files below a folder, as paths from there. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .map((path) => path.replaceAll("\\", "/"));
}

/**
 * The tests name files of theirs, in URLs of programs and of modules for workers,
 * and look for them in stacks: all of these have the compiled ones' names.
 */
function nameCompiled(folder: string): void {
  const compiled = filesIn(folder).filter((name) => name.endsWith(".js"));
  const names = compiled
    .filter((name) => !name.includes("/") || name.startsWith("programs/"))
    .map((name) => basename(name, ".js"));
  const source = new RegExp(`\\b(${names.join("|")})(\\\\?)\\.ts\\b`, "g");
  for (const name of compiled) {
    const path = join(folder, name);
    const text = readFileSync(path, "utf8");
    writeFileSync(
      path,
      text.replace(source, "$1$2.js").replace(MODULE_URL, "$1.js$2")
        .replace(/if \(import\.meta\.main\)/g, () => `if (${IS_MAIN})`),
    );
  }
}

/**
 * Makes a folder of the package and its tests.
 *
 * @returns Its path, which is the caller's to remove.
 */
export function prepareNodeTests(): string {
  mkdirSync(PLACE, { recursive: true });
  const folder = mkdtempSync(`${PLACE}/tests-`);
  buildNpm(folder);
  emit({ sources: BESIDE, out: folder, published: false });
  nameCompiled(`${folder}/tests`);
  for (const name of filesIn("tests")) {
    if (name.endsWith(".ts")) continue;
    mkdirSync(dirname(`${folder}/tests/${name}`), { recursive: true });
    cpSync(`tests/${name}`, `${folder}/tests/${name}`);
  }
  cpSync("docs", `${folder}/docs`, { recursive: true });
  for (const [name, exports] of Object.entries(STD)) {
    const place = `${folder}/node_modules/@std/${name}`;
    cpSync(`${folder}/tests/_std/${name}`, place, { recursive: true });
    writeFileSync(
      `${place}/package.json`,
      JSON.stringify({ name: `@std/${name}`, type: "module", exports }),
    );
  }
  return folder;
}
