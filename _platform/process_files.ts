/** What starting a child needs to know of files, accounts and signals. */

import { OSError } from "../exceptions.ts";
import { builtin, host } from "./host.ts";
import type { SpawnOptions } from "./processes.ts";
import { codeOf, ownError, systemError } from "./socket_errors.ts";

interface Stats {
  isFile(): boolean;
  isDirectory(): boolean;
}

interface Files {
  readonly constants: { readonly X_OK: number };
  statSync(path: string): Stats;
  accessSync(path: string, mode: number): void;
  readFileSync(path: string, encoding: "utf8"): string;
}

const files = (): Files => builtin<Files>("node:fs")!;

let signals: Readonly<Record<string, number>> | undefined;

/** The numbers of the system's signals. */
function signalNumbers(): Readonly<Record<string, number>> {
  return signals ??= builtin<
    { constants: { signals: Record<string, number> } }
  >("node:os")!.constants.signals;
}

/** See {@linkcode Processes.signalNumber}. */
export function signalNumber(name: string): number | undefined {
  const numbers = signalNumbers();
  return Object.hasOwn(numbers, name) ? numbers[name] : undefined;
}

/** The name of a signal; undefined where it has none. */
export function signalName(number: number): string | undefined {
  const numbers = signalNumbers();
  return Object.keys(numbers).find((name) => numbers[name] === number);
}

/** What a runtime tells of an end as Python does: signals are negative. */
export function returnCode(code: number | null, signal: string | null): number {
  if (signal === null) return code ?? 0;
  const number = signalNumber(signal) ??
    // A shell's way to write a signal that has no name here.
    (code !== null && code > 128 ? code - 128 : 0);
  return -number;
}

/** See {@linkcode Processes.accountId}. */
export function accountId(
  kind: "user" | "group",
  name: string,
): number | undefined {
  const path = kind === "user" ? "/etc/passwd" : "/etc/group";
  let list: string;
  try {
    list = files().readFileSync(path, "utf8");
  } catch (error) {
    throw systemError(`Cannot look up the ${kind} ${name} in ${path}`, error);
  }
  for (const line of list.split("\n")) {
    const [own, , id] = line.split(":");
    if (own === name && /^\d+$/.test(id ?? "")) return Number(id);
  }
  return undefined;
}

/** The folders of PATH where there is none. */
const DEFAULT_PATH = "/bin:/usr/bin";

/**
 * Looks for a program, as the system would.
 *
 * @returns Undefined if it is there, or if it cannot be known; else the code of the
 * error.
 */
function missingProgram(options: SpawnOptions): string | undefined {
  const { file, cwd } = options;
  // No folder is a program.
  if (file === "") return "EACCES";
  const inside = (path: string) =>
    path.startsWith("/") || cwd === undefined ? path : `${cwd}/${path}`;
  if (file.includes("/")) return unusable(inside(file));
  const path = options.env === undefined
    ? searchPath()
    : options.env["PATH"] ?? DEFAULT_PATH;
  if (path === undefined) return undefined;
  let code = "ENOENT";
  for (const folder of path.split(":")) {
    const problem = unusable(inside(`${folder || "."}/${file}`));
    if (problem === undefined) return undefined;
    // A folder of PATH need not be one.
    if (problem === "EACCES") code = problem;
  }
  return code;
}

/**
 * Throws if a program is not there, where that can be known.
 *
 * @throws {OSError} As starting it would.
 */
export function checkProgram(options: SpawnOptions): void {
  const code = missingProgram(options);
  if (code !== undefined) throw missingError(options, code);
}

/** Our PATH; undefined where it may not be read. */
function searchPath(): string | undefined {
  const deno = host.Deno;
  if (deno !== undefined && host.Bun === undefined) {
    const { state } = deno.permissions.querySync({
      name: "env",
      variable: "PATH",
    });
    if (state !== "granted") return undefined;
    return deno.env.get("PATH") ?? DEFAULT_PATH;
  }
  return host.process!.env["PATH"] ?? DEFAULT_PATH;
}

function unusable(path: string): string | undefined {
  const { constants, statSync, accessSync } = files();
  try {
    if (!statSync(path).isFile()) return "EACCES";
    accessSync(path, constants.X_OK);
    return undefined;
  } catch (error) {
    // Deno without the right to look: the child will tell.
    if ((error as Error).name === "NotCapable") return undefined;
    return codeOf(error);
  }
}

/** Our environment; undefined where it may not be read. */
function ownEnvironment(): Record<string, string | undefined> | undefined {
  const { Bun: bun, Deno: deno, process } = host;
  if (deno !== undefined && bun === undefined) {
    const { state } = deno.permissions.querySync({ name: "env" });
    if (state !== "granted") return undefined;
  }
  return { ...process!.env };
}

/** What shells take for their own and can be told to put back. */
const SETTABLE = ["PWD", "OLDPWD", "IFS", "PS1", "PS2", "PS4"];
/** What they add where it is not given. */
const ADDED = ["PWD", "OLDPWD", "SHLVL"];
/** What they change, or drop since it is no name of theirs. */
const SPOILED = /^(?:OPT\w+|PPID|LINENO|RANDOM|SECONDS)$|^\d|\W/;

/** What a shell needs to hand on an environment as it got it. */
function keeping(
  env: Readonly<Record<string, string | undefined>>,
): { script: string; values: string[]; entries: string[] } {
  const values: string[] = [];
  let script = "";
  for (const name of SETTABLE) {
    if (env[name] === undefined) continue;
    script += `${name}="$1"; export ${name}; shift; `;
    values.push(env[name]);
  }
  const added = ADDED.filter((name) => env[name] === undefined);
  if (added.length > 0) script += `unset ${added.join(" ")}; `;
  const entries: string[] = [];
  for (const name in env) {
    if (SPOILED.test(name)) entries.push(`${name}=${env[name]}`);
  }
  return { script, values, entries };
}

/** What makes a shell do what no runtime offers, and then become the program. */
function detour(options: SpawnOptions): readonly string[] | undefined {
  const merged = options.stderr === "stdout" && options.stdout === "pipe";
  const { umask, file } = options;
  if (!merged && umask === undefined) return undefined;
  const given = options.env ?? ownEnvironment();
  const { script, values, entries } = given === undefined
    ? { script: "", values: [], entries: [] }
    : keeping(given);
  // Only where it is needed: one more program, which takes a "=" for an entry.
  const env = entries.length > 0 && !file.includes("=")
    ? ["/usr/bin/env", ...entries]
    : [];
  const mask = umask === undefined ? "" : `umask ${umask.toString(8)} && `;
  return [
    "-c",
    `${script}${mask}exec "$@"${merged ? " 2>&1" : ""}`,
    "sh",
    ...values,
    ...env,
    file,
    ...options.args,
  ];
}

/** The program to start, perhaps by a detour that keeps the process number. */
export function commandOf(
  options: SpawnOptions,
): { file: string; args: readonly string[] } {
  const { file, args } = options;
  const shell = detour(options);
  if (shell === undefined) return { file, args };
  // A shell that does not find it would be a program that exits with 127.
  checkProgram(options);
  return { file: "/bin/sh", args: shell };
}

/** What stderr is, once a detour has taken care of pipes. */
export function stderrOf(
  { stdout, stderr }: SpawnOptions,
): "pipe" | "null" | "inherit" | number {
  if (stderr !== "stdout") return stderr;
  // The child's stdout is our own then, and so its stderr has to be.
  return stdout === "inherit" ? 1 : stdout === "pipe" ? "null" : stdout;
}

/** Makes the library's error of one that the runtime had when it started a child. */
export function spawnError(options: SpawnOptions, cause: unknown): Error {
  const { cwd, file } = options;
  const folder = cwd === undefined ? undefined : badFolder(cwd);
  return folder === undefined
    ? about(file, systemError(`Cannot run ${file}`, cause), cause)
    : about(
      cwd!,
      systemError(`Cannot run ${file} in the folder ${cwd}`, cause, folder),
      cause,
    );
}

/** The error of a program that is not there, found before it is started. */
function missingError(options: SpawnOptions, code: string): Error {
  const { file } = options;
  return about(file, ownError(`Cannot run ${file}`, code));
}

/** Adds the name of the file that an error is about. */
function about(filename: string, error: Error, cause?: unknown): Error {
  const { code, errno, message } = error as OSError;
  return OSError.from(code, message, {
    filename,
    errno,
    ...(cause !== undefined && { cause }),
  });
}

function badFolder(path: string): string | undefined {
  try {
    return files().statSync(path).isDirectory() ? undefined : "ENOTDIR";
  } catch (error) {
    if ((error as Error).name === "NotCapable") return undefined;
    return codeOf(error) || undefined;
  }
}
