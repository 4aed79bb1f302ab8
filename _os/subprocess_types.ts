/** What child processes are started with, and what is refused. */

import type {
  ChildStream,
  Processes,
  SpawnOptions,
} from "../_platform/processes.ts";
import { NotImplementedError, OSError } from "../exceptions.ts";

/** A new pipe to the child. */
export const PIPE: number = -1;

/** For stderr alone: the same as the child's stdout. */
export const STDOUT: number = -2;

/** The system's null device. */
export const DEVNULL: number = -3;

/**
 * What a standard stream of a child is: {@linkcode PIPE}, {@linkcode DEVNULL}, for
 * stderr {@linkcode STDOUT}, one of our file descriptors or what has one, or null for
 * our own stream.
 */
export type Stdio = number | { readonly fd: number } | null;

/** How a child process is started. */
export interface SubprocessOptions {
  /** What it reads. */
  stdin?: Stdio | undefined;
  /** Where it writes. */
  stdout?: Stdio | undefined;
  /** Where it writes errors. */
  stderr?: Stdio | undefined;
  /** The folder it starts in; ours unless given. */
  cwd?: string | URL | null | undefined;
  /** Its whole environment; ours unless given. */
  env?: Readonly<Record<string, string>> | null | undefined;
  /** The user it runs as: a name or a number. */
  user?: string | number | null | undefined;
  /** The group it runs as: a name or a number. */
  group?: string | number | null | undefined;
  /** Its file mode mask; ours if negative or not given. */
  umask?: number | undefined;
  /** Whether it leads a session, and a process group, of its own. */
  startNewSession?: boolean | undefined;
  /** Descriptors above 2 that it gets under the same numbers. */
  passFds?: Iterable<number> | undefined;
  /** The program that runs, where `program` is only the name it is called by. */
  executable?: string | URL | null | undefined;
  /** Always closed: the descriptors that are not passed on. */
  closeFds?: true | undefined;
  /** Not offered: the runtimes have no way to join a process group. */
  processGroup?: number | null | undefined;
  /** Not offered: the runtimes cannot set further groups. */
  extraGroups?: readonly (string | number)[] | null | undefined;
  /** Not offered: no JavaScript runs between fork and exec. */
  preexecFn?: null | undefined;
  /** Refused: streams are of bytes. */
  universalNewlines?: false | undefined;
  /** Refused where it is not what the function does anyway. */
  shell?: boolean | undefined;
  /** Refused: pipes are not buffered. */
  bufsize?: 0 | undefined;
  /** Refused: streams are of bytes. */
  encoding?: null | undefined;
  /** Refused: streams are of bytes. */
  errors?: null | undefined;
  /** Refused: streams are of bytes. */
  text?: false | null | undefined;
}

/** What a program is called with, and perhaps options at the end. */
export type ProgramArgs =
  | readonly string[]
  | readonly [...args: string[], options: SubprocessOptions];

/** A program and its {@linkcode ProgramArgs}. */
export type SubprocessArgs = readonly [
  program: string | URL,
  ...args: ProgramArgs,
];

const KNOWN: ReadonlySet<string> = new Set([
  "stdin",
  "stdout",
  "stderr",
  "cwd",
  "env",
  "user",
  "group",
  "umask",
  "startNewSession",
  "passFds",
  "executable",
  "closeFds",
  "processGroup",
  "extraGroups",
  "preexecFn",
  "universalNewlines",
  "shell",
  "bufsize",
  "encoding",
  "errors",
  "text",
]);

function cannot(what: string, why: string): NotImplementedError {
  return new NotImplementedError(
    `Cannot start a child process with ${what}: ${why}`,
  );
}

/** Throws for what a child process cannot be started with. */
export function checkOptions(options: SubprocessOptions, shell: boolean): void {
  for (const name in options) {
    if (KNOWN.has(name)) continue;
    // What is not given may be there by name.
    if ((options as Record<string, unknown>)[name] === undefined) continue;
    throw new TypeError(
      `Cannot start a child process: there is no option ${name}`,
    );
  }
  if (options.universalNewlines) {
    throw new RangeError("universal_newlines must be False");
  }
  if ((options.shell ?? shell) !== shell) {
    throw new RangeError(`shell must be ${shell ? "True" : "False"}`);
  }
  if ((options.bufsize ?? 0) !== 0) throw new RangeError("bufsize must be 0");
  if (options.text) throw new RangeError("text must be False");
  if ((options.encoding ?? null) !== null) {
    throw new RangeError("encoding must be None");
  }
  if ((options.errors ?? null) !== null) {
    throw new RangeError("errors must be None");
  }
  if ((options.processGroup ?? null) !== null) {
    throw cannot(
      "processGroup",
      "startNewSession gives the child a group of its own",
    );
  }
  if ((options.extraGroups ?? null) !== null) {
    throw cannot("extraGroups", "only user and group can be set");
  }
  if ((options.preexecFn ?? null) !== null) {
    throw cannot("preexecFn", "no JavaScript runs between fork and exec");
  }
  if ((options as { closeFds?: boolean }).closeFds === false) {
    throw cannot("closeFds false", "name the descriptors in passFds");
  }
}

/** What a child runs: a command for the shell, or a program and its arguments. */
export type Command = string | readonly [program: string | URL, ...string[]];

/** What the platform is asked to start. */
export function spawnOptions(
  processes: Processes,
  command: Command,
  stdin: Stdio,
  stdout: Stdio,
  stderr: Stdio,
  options: SubprocessOptions,
): SpawnOptions {
  const executable = pathOf(options.executable ?? undefined, "executable");
  const [program, ...args] = typeof command === "string"
    ? [executable ?? "/bin/sh", "-c", command]
    : command;
  const name = pathOf(program, "program")!;
  for (const arg of args) text(arg, "an argument");
  const own = typeof command !== "string" && executable !== undefined;
  const cwd = pathOf(options.cwd ?? undefined, "cwd");
  if (cwd === "") {
    throw OSError.from("ENOENT", "Cannot start a child process: cwd is empty", {
      filename: cwd,
    });
  }
  const umask = options.umask ?? -1;
  const env = options.env ?? undefined;
  if (env !== undefined) checkEnvironment(env);
  return {
    file: own ? executable : name,
    argv0: own && executable !== name ? name : undefined,
    args,
    stdin: streamOf(stdin, "stdin"),
    stdout: streamOf(stdout, "stdout"),
    stderr: stderr === STDOUT ? "stdout" : streamOf(stderr, "stderr"),
    cwd,
    env,
    uid: accountOf(processes, "user", options.user ?? undefined),
    gid: accountOf(processes, "group", options.group ?? undefined),
    umask: umask < 0 ? undefined : umask,
    newSession: options.startNewSession,
    passFds: passed(options.passFds ?? []),
  };
}

/** A text without the one character that the system takes for its end. */
function text(value: unknown, what: string): string {
  if (typeof value !== "string") {
    throw new TypeError(
      `Cannot start a child process: ${what} must be a string, not ` +
        (value === null ? "null" : typeof value),
    );
  }
  if (value.includes("\0")) throw new RangeError("embedded null byte");
  return value;
}

function pathOf(value: unknown, what: string): string | undefined {
  if (value === undefined) return undefined;
  if (!(value instanceof URL)) return text(value, what);
  if (value.protocol !== "file:") {
    throw new TypeError(
      `Cannot start a child process: ${what} must be a path or a file: URL`,
    );
  }
  return text(decodeURIComponent(value.pathname), what);
}

function checkEnvironment(env: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(env)) {
    text(value, `the value of ${name} in env`);
    if (name === "" || name.includes("=") || name.includes("\0")) {
      throw new RangeError("illegal environment variable name");
    }
  }
}

function streamOf(stream: Stdio, what: string): ChildStream {
  if (stream === null) return "inherit";
  if (stream === PIPE) return "pipe";
  if (stream === DEVNULL) return "null";
  if (stream === STDOUT) {
    throw new RangeError("STDOUT can only be used for stderr");
  }
  const fd = typeof stream === "number" ? stream : stream?.fd;
  if (typeof fd === "number" && Number.isInteger(fd) && fd >= 0) return fd;
  throw new TypeError(
    `Cannot start a child process: ${what} must be PIPE, DEVNULL, null or a ` +
      `file descriptor, not ${String(stream)}`,
  );
}

function accountOf(
  processes: Processes,
  kind: "user" | "group",
  value: string | number | undefined,
): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string") {
    const id = processes.accountId(kind, value);
    if (id !== undefined) return id;
    throw new RangeError(
      `Cannot start a child process: there is no ${kind} ${value}`,
    );
  }
  if (Number.isInteger(value) && value >= 0) return value;
  throw new RangeError(
    `Cannot start a child process: ${value} is the number of no ${kind}`,
  );
}

function passed(fds: Iterable<number>): readonly number[] {
  const list = [...fds];
  for (const fd of list) {
    if (Number.isInteger(fd) && fd > 2) continue;
    throw new RangeError(
      `Cannot pass the file descriptor ${fd} on: a number above 2 is needed`,
    );
  }
  return list;
}

/** Takes the options off the end of what a program is called with. */
export function splitOptions<O extends object>(
  rest: readonly (string | O)[],
): [args: readonly string[], options: O | Record<never, never>] {
  const last = rest.at(-1);
  return typeof last === "object" && last !== null
    ? [rest.slice(0, -1) as string[], last]
    : [rest as string[], {}];
}
