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
   *
   * @param closeNow The runtime's own way.
   * @param removed Settles when the runtime has removed the path; null where
   * closing has done so at once.
   * @returns Settles when the path is as it should be; null where it is.
   */
  close(
    closeNow: () => void,
    removed: Promise<unknown> | null = null,
  ): Promise<void> | null {
    const now = this.#made === undefined ? undefined : stats(this.#path);
    const own = now !== undefined && now.ino === this.#made!.ino &&
      now.dev === this.#made!.dev;
    if (now === undefined || (own && !this.#keep)) {
      closeNow();
      return null;
    }
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
      if (held && removed === null) this.#restore(second);
    }
    if (!held || removed === null) return null;
    const restore = () => this.#restore(second);
    return removed.then(restore, restore);
  }

  #restore(second: string): void {
    try {
      files().renameSync(second, this.#path);
      // Two names of one socket: renaming has left both.
      if (stats(second) !== undefined) files().unlinkSync(second);
    } catch {
      // The directory itself may have gone meanwhile.
    }
  }
}
