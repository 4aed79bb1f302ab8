/** What the examples need of the runtime; Deno, Bun and Node all have it. */

interface Output {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}
interface HostProcess {
  readonly argv: readonly string[];
  readonly stderr: Output;
  exitCode?: number | undefined;
}

const { process } = globalThis as unknown as { process: HostProcess };

/** What the program was called with. */
export const args: readonly string[] = process.argv.slice(2);

/** Where a program tells people what it does. */
export const stderr: Output = process.stderr;

/** Sets the code that the program ends with. */
export function setExitCode(code: number): void {
  process.exitCode = code;
}

/** Whether a module is the program that was started. */
export function isMain(meta: ImportMeta): boolean {
  return (meta as { main?: boolean }).main === true;
}
