/**
 * Child processes as the library sees them, the same on every runtime.
 *
 * Callbacks come from the host, in no particular async context; they must not
 * throw. Errors are OSErrors with the runtime's own error as `cause`.
 */

import type { ReadPipe, WritePipe } from "./pipes.ts";

/** What a standard stream of a child is: a number is one of our descriptors. */
export type ChildStream = "pipe" | "null" | "inherit" | number;

/** How to start a child. */
export interface SpawnOptions {
  /** The program: a path, or a name that is looked for in PATH. */
  readonly file: string;
  /** What it is called with, without its own name. */
  readonly args: readonly string[];
  /** What the program takes for its own name; `file` unless given. */
  readonly argv0?: string | undefined;
  readonly stdin: ChildStream;
  readonly stdout: ChildStream;
  /** "stdout": the same as stdout, whatever that is. */
  readonly stderr: ChildStream | "stdout";
  /** The folder to start in. */
  readonly cwd?: string | undefined;
  /** The whole environment; ours unless given. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** The file mode mask; ours unless given. */
  readonly umask?: number | undefined;
  /** Whether it leads a session, and a process group, of its own. */
  readonly newSession?: boolean | undefined;
  /** Descriptors above 2 that it gets under the same numbers. */
  readonly passFds?: readonly number[] | undefined;
}

/** A child process. */
export interface Child {
  readonly pid: number;
  readonly stdin: WritePipe | null;
  readonly stdout: ReadPipe | null;
  readonly stderr: ReadPipe | null;
  /**
   * Says who is told how it ended: its exit code, or the negative number of the
   * signal that ended it. Never from inside a call; it is no zombie then.
   */
  onExit(told: (returncode: number) => void): void;
  /**
   * Sends a signal.
   *
   * @param signal Its number; 0 only asks whether that were possible.
   * @throws {ProcessLookupError} When it has ended.
   * @throws {OSError} When the system refuses.
   */
  kill(signal: number): void;
  /** Lets it keep the process alive, as it does from the start. */
  ref(): void;
  /** Lets the process end in spite of it. */
  unref(): void;
}

/** Child processes of one runtime. */
export interface Processes {
  /**
   * Starts a child.
   *
   * @param options What and how.
   * @returns The child; its pipes are paused.
   * @throws {FileNotFoundError} When there is no such program or folder.
   * @throws {PermissionError} When it may not be run.
   * @throws {NotImplementedError} When the runtime has no way to do it so.
   */
  spawn(options: SpawnOptions): Child;
  /**
   * The number of a signal.
   *
   * @param name Its name, "SIGTERM".
   * @returns The number, or undefined where the system has none of that name.
   */
  signalNumber(name: string): number | undefined;
  /**
   * The number of a user or group.
   *
   * @param kind Which of them.
   * @param name Its name.
   * @returns The number, or undefined where there is none of that name.
   * @throws {PermissionError} When the system's list may not be read.
   */
  accountId(kind: "user" | "group", name: string): number | undefined;
}
