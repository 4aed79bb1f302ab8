/** Signals by `process`, which Bun and Node have alike. */

import { builtin, host } from "./host.ts";
import { type Ending, isDoubler, signalExitCode } from "./signals.ts";

/** `process`, as far as signals use it. */
export interface SignalProcess {
  readonly pid: number;
  readonly platform: string;
  readonly arch: string;
  readonly env: Record<string, string | undefined>;
  on(name: string, handler: (...args: never[]) => void): void;
  off(name: string, handler: (...args: never[]) => void): void;
  listenerCount(name: string): number;
  removeAllListeners(name: string): void;
  kill(pid: number, signal: string): void;
  exit(code: number): never;
}

/** The process that this is. */
export const ownProcess = (): SignalProcess =>
  host.process as unknown as SignalProcess;

/** See {@linkcode Signals.isHandled}. */
export function isHandled(name: string): boolean {
  return ownProcess().listenerCount(name) > 0;
}

/** Whether a wrapper passes on the Ctrl-C of a terminal that is ours, too. */
export function isWrapped(): boolean {
  // The environment first: loading node:tty takes milliseconds.
  if (!isDoubler(ownProcess().env["npm_config_user_agent"])) return false;
  const tty = builtin<{ isatty(fd: number): boolean }>("node:tty");
  return [0, 1, 2].some((fd) => tty?.isatty(fd) ?? false);
}

/** See {@linkcode Signals.raiseDefault}. */
export function raiseDefault(name: string): void {
  ownProcess().removeAllListeners(name);
  ownProcess().kill(ownProcess().pid, name);
  // Left alive, it is ignored: the exit code says it instead.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  ownProcess().exit(signalExitCode(name));
}

/** Ends the program. */
export function endBy(end: Ending): never {
  const fs = builtin<{ writeSync(fd: number, text: string): void }>("node:fs");
  if (end.notice) fs?.writeSync(2, end.notice);
  if (end.signal !== undefined) raiseDefault(end.signal);
  return ownProcess().exit(end.code ?? 1);
}
