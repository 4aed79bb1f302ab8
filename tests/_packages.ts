/** Empty projects that have this package, as a user's would, and programs in them. */

import { assert, assertEquals } from "@std/assert";
import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runtime } from "./_harness.ts";

/** The sources, or on Node the npm package: see tools/node_tests.ts. */
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const NAME = "@x/asyncio";

/** The environment, without the settings of whatever has started the tests. */
const ENV = Object.fromEntries(
  Object.entries(process.env).filter(([name]) =>
    !/^npm_|^ASYNCIO|^NODE_|^DENO_COVERAGE/i.test(name)
  ),
) as Record<string, string>;

/** Runs a program in a project, for so long at most, and returns what came of it. */
export function spawned(
  project: string,
  [program, ...args]: readonly string[],
  options: {
    timeout?: number;
    killSignal?: NodeJS.Signals;
    input?: string;
  } = {},
): SpawnSyncReturns<string> {
  return spawnSync(program!, args, {
    cwd: project,
    encoding: "utf8",
    timeout: 60_000,
    env: ENV,
    ...options,
  });
}

/** Runs a program, which has to end well, and returns what it printed. */
export function ran(project: string, ...command: string[]): string {
  const { status, stdout, stderr } = spawned(project, command);
  assertEquals(status, 0, `${command.join(" ")}:\n${stdout}${stderr}`);
  return stdout;
}

/** Whether there is an npm, which Node comes with. */
export const hasNpm: boolean =
  spawnSync("npm", ["--version"], { env: ENV }).status === 0;

interface Manifest {
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
}

/** The exports of the sources. */
const manifest = () =>
  JSON.parse(readFileSync(join(ROOT, "deno.json"), "utf8")) as Manifest;

/** Packs the npm package and installs it. */
function byTarball(project: string): void {
  const packed = join(project, "packed");
  mkdirSync(packed);
  ran(ROOT, "npm", "pack", "--silent", "--pack-destination", packed);
  const [tarball] = readdirSync(packed);
  assert(tarball !== undefined);
  writeFileSync(join(project, "package.json"), '{ "type": "module" }');
  const quiet = ["--offline", "--no-audit", "--no-fund"];
  ran(project, "npm", "install", ...quiet, join(packed, tarball));
}

/** Names the sources in an import map, as JSR's packages are in Deno's. */
function byImportMap(project: string): void {
  const imports = Object.fromEntries(
    Object.entries(manifest().exports).map(([key, path]) => [
      NAME + key.slice(1),
      new URL(path, new URL("..", import.meta.url)).href,
    ]),
  );
  writeFileSync(join(project, "deno.json"), JSON.stringify({ imports }));
}

/** Lays the sources where `bunx jsr add` lays them. */
function byFolder(project: string): void {
  const place = join(project, "node_modules", NAME);
  mkdirSync(place, { recursive: true });
  for (const name of readdirSync(ROOT)) {
    if (!/^_|\.ts$/.test(name)) continue;
    cpSync(join(ROOT, name), join(place, name), { recursive: true });
  }
  const { version, exports } = manifest();
  writeFileSync(
    join(place, "package.json"),
    JSON.stringify({ name: NAME, version, type: "module", exports }),
  );
  writeFileSync(join(project, "package.json"), '{ "type": "module" }');
}

/**
 * Makes an empty project and gives it the package in the way of this runtime: from
 * the sources on Deno and Bun, from the npm package's tarball on Node.
 */
export function withProject(body: (project: string) => void): void {
  const project = mkdtempSync(join(tmpdir(), "asyncio-user-"));
  try {
    if (runtime === "deno") byImportMap(project);
    else if (runtime === "bun") byFolder(project);
    else byTarball(project);
    body(project);
  } finally {
    rmSync(project, { recursive: true });
  }
}
