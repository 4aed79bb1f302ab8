/** What a command needs of the process that runs it. */

import { builtin, host } from "./host.ts";

interface Output {
  write(text: string, written: (error?: unknown) => void): unknown;
}

interface ProcessPart {
  readonly argv: readonly string[];
  exitCode?: number | undefined;
  readonly stdout: Output;
  readonly stderr: Output;
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

/** Ends the process, once what it has printed is on its way. */
export async function exitProcess(code: number): Promise<never> {
  const { stdout, stderr } = ownProcess();
  // Node would drop what a pipe has not taken yet.
  if (host.Deno === undefined && host.Bun === undefined) {
    for (const stream of [stdout, stderr]) {
      await new Promise<unknown>((written) => stream.write("", written));
    }
  }
  return ownProcess().exit(code);
}

/** What a module knows of itself; Node has `main` from 24.2 on. */
interface ModuleMeta {
  readonly main?: boolean;
  readonly url: string;
}

/**
 * Whether a module is the program that was started.
 *
 * @param meta Its `import.meta`.
 * @returns Whether it is; false in a worker.
 */
export function isMainProgram(meta: ModuleMeta): boolean {
  if (meta.main !== undefined) return meta.main;
  const threads = builtin<{ isMainThread: boolean }>("node:worker_threads");
  const files = builtin<{ realpathSync(path: string): string }>("node:fs");
  const urls = builtin<{ pathToFileURL(path: string): URL }>("node:url");
  const path = host.process === undefined ? undefined : ownProcess().argv[1];
  if (!threads?.isMainThread || path === undefined) return false;
  try {
    // By its own path: a command of a package is started by a link.
    return urls!.pathToFileURL(files!.realpathSync(path)).href === meta.url;
  } catch {
    return false;
  }
}
