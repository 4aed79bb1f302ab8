/** Where there is a REPL, and what its inputs may be. Browsers can load this, too. */

import { type Runtime, runtime } from "./_harness.ts";

/** Where there is a REPL. */
export const on: Runtime[] = ["deno", "bun", "node"];

interface ModulePart {
  stripTypeScriptTypes?(code: string, options: { mode: string }): string;
}

interface ProcessPart {
  emitWarning: () => void;
  getBuiltinModule(name: string): unknown;
}

function strips(code: string, mode: string): boolean {
  const { process } = globalThis as unknown as { process: ProcessPart };
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    const module = process.getBuiltinModule("node:module") as ModulePart;
    return module.stripTypeScriptTypes?.(code, { mode }) !== undefined;
  } catch {
    return false;
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** Whether inputs may have types: on Node from 22.13 on. */
export const takesTypes: boolean = runtime !== "node" ||
  strips("let a: 1", "strip");
/** Whether they may have what has to be made of types: up to Node 25. */
export const takesEnums: boolean = runtime !== "node" ||
  strips("enum A {}", "transform");
/** A type where inputs may have one. */
export const NUMBER: string = takesTypes ? ": number" : "";
