/** What a command needs of the process that runs it. */

import { host } from "./host.ts";

interface ProcessPart {
  readonly argv: readonly string[];
  exitCode?: number | undefined;
  exit(code: number): never;
}

const ownProcess = (): ProcessPart => host.process as unknown as ProcessPart;

/** What stands after the program's name on the command line. */
export function commandArguments(): readonly string[] {
  return ownProcess().argv.slice(2);
}

/** Sets what the process says when it has nothing left to do and ends. */
export function setExitCode(code: number): void {
  ownProcess().exitCode = code;
}

/** Ends the process at once. */
export function exitProcess(code: number): never {
  return ownProcess().exit(code);
}
