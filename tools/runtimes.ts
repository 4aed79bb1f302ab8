/**
 * Where the tools find Deno, Bun and tsc, and which @std packages the tests
 * get. Uses only `node:` modules, so that it runs on Deno, Bun and Node.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";

/** The version of Deno that is fetched where none is found. */
export const DENO_VERSION = "2.9.5";
/** The version of Bun that is fetched where none is found. */
export const BUN_VERSION = "1.4.5";
/** The version of TypeScript that checks the sources beside Deno's own. */
export const TYPESCRIPT_VERSION = "6.0.3";

/** The version of esbuild that measures what a bundle for browsers comes to. */
export const ESBUILD_VERSION = "0.28.2";

/** A program and the arguments that come before the caller's own. */
export type Command = readonly [string, ...string[]];

/** What the tests import as `@std/…`. */
export type Std = "jsr" | "stand-ins";

const STAND_INS = "tests/_std/import_map.json";

/** Whether a command answers `--version`. */
function answers([program, ...args]: Command): boolean {
  const result = spawnSync(program, [...args, "--version"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  return result.status === 0;
}

/** Prints where on the PATH a program lies, for a Node that npx starts. */
const LOCATE = `
const { existsSync } = require("node:fs");
const { delimiter, join } = require("node:path");
const name = process.argv[1];
const names = process.platform === "win32" ? [name + ".exe"] : [name];
for (const folder of process.env.PATH.split(delimiter)) {
  const found = names.map((n) => join(folder, n)).find(existsSync);
  if (found) { process.stdout.write(found); break; }
}`;

/**
 * A program from npm, fetched where it is not there yet. What comes back is the
 * program itself: through npx each start takes its time and carries npm's warnings.
 */
function fetched(name: string, version: string, program = name): Command {
  const through = ["npx", "-y", "-p", `${name}@${version}`] as const;
  const { status, stdout } = spawnSync(
    through[0],
    [...through.slice(1), "node", "-e", LOCATE, program],
    { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
  );
  return status === 0 && stdout !== "" ? [stdout] : [...through, program];
}

/** The first of some commands that answers `--version`. */
function first(
  ...candidates: (Command | (() => Command))[]
): Command | undefined {
  for (const candidate of candidates) {
    const command = typeof candidate === "function" ? candidate() : candidate;
    if (answers(command)) return command;
  }
  return undefined;
}

/**
 * Finds Deno: the one that runs this program, one on the PATH, or the pinned
 * version through npx or bunx.
 */
export function findDeno(): Command | undefined {
  if ("deno" in process.versions) return [process.execPath];
  return first(
    ["deno"],
    () => fetched("deno", DENO_VERSION),
    ["bunx", `deno@${DENO_VERSION}`],
  );
}

/**
 * Finds Bun: the one that runs this program, one on the PATH, or the pinned
 * version through npx or Deno. `deno run npm:bun` cannot run it, since the
 * package's program is a native one; `deno x` can.
 */
export function findBun(): Command | undefined {
  if ("bun" in process.versions) return [process.execPath];
  return first(
    ["bun"],
    () => fetched("bun", BUN_VERSION),
    [...findDeno() ?? ["deno"] as const, "x", "-y", `npm:bun@${BUN_VERSION}`],
  );
}

/** Whether a command is a Node that the library runs on. */
function isNode(command: Command): boolean {
  const [program, ...args] = command;
  const { status, stdout } = spawnSync(program, [...args, "--version"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [, major, minor] = /^v(\d+)\.(\d+)/.exec(stdout ?? "") ?? [];
  if (status !== 0 || major === undefined) return false;
  return Number(major) > 20 || Number(major) === 20 && Number(minor) >= 16;
}

/**
 * Finds Node 20.16 or newer.
 *
 * @param version The version to get through npx; the one on the PATH unless given.
 */
export function findNode(version?: string): Command | undefined {
  const command: Command = version === undefined
    ? ["node"]
    : ["npx", "-y", "-p", `node@${version}`, "node"];
  return isNode(command) ? command : undefined;
}

/** Finds Chromium, or another browser that is driven as it is. */
export function findChromium(): Command | undefined {
  const { CHROME_PATH } = process.env;
  return first(
    ...CHROME_PATH === undefined ? [] : [[CHROME_PATH] as const],
    ["chromium"],
    ["chromium-browser"],
    ["google-chrome"],
    ["google-chrome-stable"],
  );
}

/** Finds esbuild: always the pinned version, since what it drops differs by version. */
export function findEsbuild(): Command | undefined {
  return first(
    ["npx", "-y", "-p", `esbuild@${ESBUILD_VERSION}`, "esbuild"],
    [
      ...findDeno() ?? ["deno"] as const,
      "run",
      "-A",
      `npm:esbuild@${ESBUILD_VERSION}`,
    ],
  );
}

/** Finds tsc: always the pinned version, since its checks differ by version. */
export function findTsc(): Command | undefined {
  return first(
    () => fetched("typescript", TYPESCRIPT_VERSION, "tsc"),
    [
      ...findDeno() ?? ["deno"] as const,
      "run",
      "-A",
      `npm:typescript@${TYPESCRIPT_VERSION}/tsc`,
    ],
  );
}

/**
 * Which @std packages Deno gets: the real ones where they are cached or JSR
 * can be reached. `ASYNCIO_STD=jsr` or `ASYNCIO_STD=stand-ins` decides instead.
 */
export function stdOnDeno([program, ...args]: Command): Std {
  const wanted = process.env["ASYNCIO_STD"];
  if (wanted === "jsr" || wanted === "stand-ins") return wanted;
  const result = spawnSync(
    program,
    [...args, "cache", "--quiet", "tests/_std/probe.ts"],
    { stdio: "ignore", timeout: 30_000 },
  );
  return result.status === 0 ? "jsr" : "stand-ins";
}

/** Which @std packages Bun gets, by the order of the paths in tsconfig.json. */
export function stdOnBun(): Std {
  const files = [
    "assert/mod.js",
    "async/mod.js",
    "testing/mock.js",
    "testing/time.js",
  ];
  const installed = files.every((f) => existsSync(`node_modules/@std/${f}`));
  return installed ? "jsr" : "stand-ins";
}

/** The flags that give a `deno` subcommand the chosen @std packages. */
export function stdFlags(std: Std): string[] {
  return std === "jsr" ? [] : [`--import-map=${STAND_INS}`, "--no-lock"];
}
