/** The paths of Unix sockets: left from before, kept, or somebody else's. */

import { builtin } from "./host.ts";
import { codeOf, ownError, systemError } from "./socket_errors.ts";
import { showPath } from "./addresses.ts";

interface Stats {
  readonly dev: number;
  readonly ino: number;
  isSocket(): boolean;
}

interface FileSystem {
  fstatSync(fd: number): Stats;
  lstatSync(path: string): Stats;
  unlinkSync(path: string): void;
  linkSync(from: string, to: string): void;
  renameSync(from: string, to: string): void;
}

const files = (): FileSystem => builtin<FileSystem>("node:fs")!;

function stats(path: string): Stats | undefined {
  try {
    return files().lstatSync(path);
  } catch {
    return undefined;
  }
}

/** See {@linkcode StreamSockets.removeSocketFile}. */
export function removeSocketFile(path: string): boolean {
  if (path.startsWith("\0")) return false;
  try {
    if (!files().lstatSync(path).isSocket()) return false;
    files().unlinkSync(path);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw systemError(
      `Cannot remove the socket ${showPath(path)}`,
      error,
    );
  }
}

/** Refuses what is no socket's descriptor: the runtimes' own words mislead. */
export function checkSocketFd(fd: number, action: string): void {
  let found: Stats;
  try {
    found = files().fstatSync(fd);
  } catch (error) {
    throw systemError(action, error, "EBADF");
  }
  if (!found.isSocket()) throw ownError(action, "ENOTSOCK");
}

/** One listening socket's path, from bind to close. */
export class SocketFile {
  readonly #path: string;
  readonly #keep: boolean;
  readonly #made: Stats | undefined;

  constructor(path: string, keep: boolean) {
    this.#path = path;
    this.#keep = keep;
    this.#made = path.startsWith("\0") ? undefined : stats(path);
  }

  /**
   * Closes by the runtime's own way, which removes the path whoever bound it
   * last. A second name holds a socket that has to stay, and takes the first
   * name over: what is at the path is never somebody else's for a moment.
   */
  close(closeNow: () => void): void {
    const now = this.#made === undefined ? undefined : stats(this.#path);
    const own = now !== undefined && now.ino === this.#made!.ino &&
      now.dev === this.#made!.dev;
    if (now === undefined || (own && !this.#keep)) return closeNow();
    const second = `${this.#path}.${now.ino}`;
    let held = false;
    try {
      files().linkSync(this.#path, second);
      held = true;
    } catch {
      // Without the right to write there, the path goes with the socket.
    }
    try {
      closeNow();
    } finally {
      if (held) this.#restore(second);
    }
  }

  #restore(second: string): void {
    try {
      files().renameSync(second, this.#path);
    } catch {
      // The directory itself may have gone meanwhile.
    }
  }
}
