/**
 * The way into a program that lets itself be inspected: a Unix socket in a folder of
 * its owner's. Whoever connects is sent one text, and that is all.
 */

import { NotImplementedError, OSError } from "../exceptions.ts";
import { builtin, host } from "./host.ts";
import { codeOf, ownError, systemError } from "./socket_errors.ts";

// Taken once: fake timers that a test installs later must not reach in here.
const { setTimeout, clearTimeout } = globalThis;

interface Stats {
  readonly uid: number;
  readonly mode: number;
  isDirectory(): boolean;
}

interface Files {
  mkdirSync(path: string, options: { mode: number }): void;
  lstatSync(path: string): Stats;
  chmodSync(path: string, mode: number): void;
  readdirSync(path: string): string[];
  readFileSync(path: string, encoding: "latin1"): string;
  existsSync(path: string): boolean;
  unlinkSync(path: string): void;
}

interface Connection {
  on(event: "error", listener: (error: Error) => void): void;
  on(event: "data", listener: (chunk: string) => void): void;
  on(event: "close", listener: () => void): void;
  setEncoding(encoding: "utf8"): void;
  write(text: string): void;
  end(text: string): void;
  destroy(): void;
  unref(): void;
}

interface Server {
  on(event: "error", listener: (error: Error) => void): void;
  listen(path: string): void;
  close(): void;
  unref(): void;
}

interface Net {
  createServer(connected: (connection: Connection) => void): Server;
  connect(path: string): Connection;
}

interface ProcessPart {
  getuid?(): number;
  kill(pid: number, signal: 0): void;
  on(event: "exit", listener: () => void): void;
  off(event: "exit", listener: () => void): void;
}

const files = (): Files => builtin<Files>("node:fs")!;
const ownProcess = (): ProcessPart => host.process as unknown as ProcessPart;

/** Where the system cuts the path of a Unix socket; macOS has the least. */
const LONGEST_PATH = 103;
/** How long one that is asked may take to hear it, in milliseconds. */
const PATIENCE_MS = 2000;
/** How long it may take to answer then: it may have a million tasks. */
const ANSWER_MS = 30_000;
/** What says that it has heard; no part of the answer, which is JSON. */
const HEARD = " ";

/** What `askPrograms` found at one place. */
export type Answer =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "silent" | "cut" };

/** An open way in. */
export interface InspectChannel {
  /** The path of the socket. */
  readonly path: string;
  /** Closes it and removes the socket. */
  close(): void;
}

/** What is known of a process from outside. */
export type ProcessState = "ours" | "foreign" | "gone";

/** What Deno has to have granted, as its flags name it. */
const GRANTS: readonly { name: string; kind?: string; flag: string }[] = [
  { name: "read", flag: "--allow-read" },
  { name: "write", flag: "--allow-write" },
  { name: "net", flag: "--allow-net" },
  { name: "sys", kind: "uid", flag: "--allow-sys=uid" },
];

/** Asked first: otherwise a prompt would stop the program, or an error end it. */
function checkGrants(): void {
  if (host.Bun !== undefined || host.Deno === undefined) return;
  const { permissions } = host.Deno;
  const missing = GRANTS
    .filter(({ name, kind }) =>
      permissions.querySync(
        (kind === undefined ? { name } : { name, kind }) as { name: string },
      ).state !== "granted"
    ).map(({ flag }) => flag);
  if (missing.length > 0) {
    throw ownError(
      "Cannot use the socket for inspection",
      "EACCES",
      `Deno needs ${missing.join(" ")}`,
    );
  }
}

/** The number of the user that runs this. */
function userId(): number {
  const id = ownProcess().getuid?.();
  if (id === undefined) {
    throw new NotImplementedError("there are no Unix sockets here");
  }
  return id;
}

/** Whether a folder is its owner's and closed to all others. */
function isPrivate(folder: string, uid: number): boolean {
  try {
    const stats = files().lstatSync(folder);
    return stats.isDirectory() && stats.uid === uid &&
      (stats.mode & 0o077) === 0;
  } catch {
    return false;
  }
}

/** The owner of a process; undefined where the system does not show it. */
function ownerOf(pid: number): number | undefined {
  try {
    return files().lstatSync(`/proc/${pid}`).uid;
  } catch {
    return undefined;
  }
}

/** The process of a socket's name; NaN if it is no such name. */
function pidOf(name: string): number {
  return Number(/^(\d+)-\d+\.sock$/.exec(name)?.[1] ?? NaN);
}

function remove(path: string): void {
  try {
    files().unlinkSync(path);
  } catch {
    // It is gone, which is what was wanted, or it is not ours to remove.
  }
}

/** Removes what programs left behind that were killed. */
function sweep(folder: string, ownPid: number): void {
  for (const name of files().readdirSync(folder)) {
    const pid = pidOf(name);
    if (pid === ownPid || Number.isNaN(pid)) continue;
    if (processState(pid) === "gone") remove(`${folder}/${name}`);
  }
}

/** The first folder that can be had for the sockets of a user. */
function makeFolder(bases: readonly string[], uid: number): string {
  let problem: unknown;
  for (const base of bases) {
    const folder = `${base}/asyncio-${uid}`;
    // A number with five digits more has to fit.
    if (folder.length + 20 > LONGEST_PATH) continue;
    try {
      files().mkdirSync(folder, { mode: 0o700 });
    } catch (error) {
      if (codeOf(error) !== "EEXIST") {
        problem = error;
        continue;
      }
    }
    if (isPrivate(folder, uid)) return folder;
    problem = ownError(
      `Cannot use ${folder}`,
      "EACCES",
      "it belongs to another user, or is open to others",
    );
  }
  if (problem instanceof OSError) throw problem;
  throw systemError(
    `Cannot make a folder for the socket in ${bases.join(" or ")}`,
    problem,
    "ENAMETOOLONG",
  );
}

/** Whether a process has ended, and its parent has not heard of it yet. */
function hasEnded(pid: number): boolean {
  try {
    const text = files().readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name before it may have spaces and parentheses in it.
    return /^[ZX]/.test(text.slice(text.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}

/**
 * Whether a process is there, and whose it is.
 *
 * @param pid Its number.
 * @returns "foreign" where it may not be sent a signal.
 */
export function processState(pid: number): ProcessState {
  try {
    ownProcess().kill(pid, 0);
    return hasEnded(pid) ? "gone" : "ours";
  } catch (error) {
    return codeOf(error) === "EPERM" ? "foreign" : "gone";
  }
}

/**
 * Lets others of this user ask this program, until it is closed. It does not keep
 * the program alive, and it is removed when the program exits.
 *
 * @param bases Folders in which the socket's own folder may be, the best first.
 * @param pid The number of this process.
 * @param answer Makes what whoever connects is sent.
 * @param onError Is told what goes wrong after this has returned.
 * @returns The way in.
 * @throws {OSError} When there is no place for it.
 * @throws {NotImplementedError} On a system without Unix sockets.
 */
export function openChannel(
  bases: readonly string[],
  pid: number,
  answer: () => Promise<string>,
  onError: (error: Error) => void,
): InspectChannel {
  checkGrants();
  const folder = makeFolder(bases, userId());
  sweep(folder, pid);
  let path: string;
  let count = 0;
  do path = `${folder}/${pid}-${count++}.sock`; while (
    files().existsSync(path)
  );
  const connections = new Set<Connection>();
  const server = builtin<Net>("node:net")!.createServer((connection) => {
    connections.add(connection);
    // Whoever asks and does not wait for the answer harms nobody.
    connection.on("error", () => {});
    connection.on("close", () => void connections.delete(connection));
    connection.unref();
    connection.write(HEARD);
    answer().then(
      (text) => connection.end(text),
      () => connection.destroy(),
    );
  });
  const removeFile = () => remove(path);
  const close = () => {
    ownProcess().off("exit", removeFile);
    server.close();
    for (const connection of connections) connection.destroy();
    remove(path);
  };
  server.on("error", (error) => {
    close();
    onError(systemError(`Cannot listen at ${path}`, error));
  });
  server.listen(path);
  try {
    files().chmodSync(path, 0o600);
  } catch {
    // It is not there: the error comes in a moment.
  }
  server.unref();
  ownProcess().on("exit", removeFile);
  return { path, close };
}

/** How long a process that has lost its sockets is waited for, and how often. */
const ENDING_MS = 500;
const ENDING_STEP_MS = 20;

/** Connects and reads to the end; null where nobody listens any more. */
function ask(path: string): Promise<Answer | null> {
  return new Promise((resolve) => {
    let text = "";
    const connection = builtin<Net>("node:net")!.connect(path);
    const settle = (answer: Answer | null) => {
      clearTimeout(timer);
      connection.destroy();
      resolve(answer);
    };
    const giveUp = () => settle({ kind: "silent" });
    let timer = setTimeout(giveUp, PATIENCE_MS);
    connection.setEncoding("utf8");
    connection.on("data", (chunk) => {
      clearTimeout(timer);
      timer = setTimeout(giveUp, ANSWER_MS);
      text += chunk;
    });
    connection.on("error", (error) => {
      const code = codeOf(error);
      const isOver = code === "ECONNREFUSED" || code === "ENOENT";
      settle(isOver ? null : { kind: "cut" });
    });
    connection.on("close", () => {
      settle(text.trim() === "" ? { kind: "cut" } : { kind: "text", text });
    });
  });
}

/**
 * Asks a program whatever it answers; several threads of it may.
 *
 * @param bases Folders in which the sockets' own folder may be.
 * @param pid The number of its process.
 * @returns The answers; none where it listens nowhere.
 * @throws {OSError} When this program may not look.
 * @throws {NotImplementedError} On a system without Unix sockets.
 */
export async function askProgram(
  bases: readonly string[],
  pid: number,
): Promise<Answer[]> {
  checkGrants();
  if (processState(pid) === "foreign") return [];
  // Root may ask anybody's.
  const uid = ownerOf(pid) ?? userId();
  const found: string[] = [];
  for (const base of new Set([...bases, `/run/user/${uid}`])) {
    const folder = `${base}/asyncio-${uid}`;
    if (!isPrivate(folder, uid)) continue;
    try {
      for (const name of files().readdirSync(folder).sort()) {
        if (pidOf(name) === pid) found.push(`${folder}/${name}`);
      }
    } catch (error) {
      throw error instanceof OSError
        ? error
        : systemError(`Cannot look into ${folder}`, error);
    }
  }
  const answers = (await Promise.all(found.map(ask)))
    .filter((answer) => answer !== null);
  const isDeserted = found.length > 0 && answers.length === 0;
  // Left behind by a program that was killed.
  if (isDeserted ? await ends(pid) : processState(pid) === "gone") {
    found.forEach(remove);
  }
  return answers;
}

/**
 * Whether a process that listens no more is gone within a moment: one that is killed
 * loses its sockets before it ends. Another one may have its number by now.
 */
async function ends(pid: number): Promise<boolean> {
  for (let waited = 0; processState(pid) !== "gone"; waited += ENDING_STEP_MS) {
    if (waited >= ENDING_MS) return false;
    await new Promise<void>((done) => setTimeout(done, ENDING_STEP_MS));
  }
  return true;
}
