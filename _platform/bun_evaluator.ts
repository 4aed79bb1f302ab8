/** The evaluator on Bun, whose transpiler has a mode for REPLs. */

import { NotImplementedError } from "../exceptions.ts";
import type { Compiled, Evaluator, Value } from "./evaluator.ts";
import { builtin, host } from "./host.ts";

interface Transpiler {
  transformSync(code: string): string;
}

interface BunPart {
  resolveSync(name: string, folder: string): string;
  readonly Transpiler?: new (
    options: { loader: "tsx" | "ts"; replMode: true },
  ) => Transpiler;
}

interface Vm {
  Script: new (
    code: string,
    options: {
      filename: string;
      importModuleDynamically(name: string): Promise<unknown>;
    },
  ) => {
    runInThisContext(options: { breakOnSigint: boolean }): unknown;
  };
}

/** What the transpiler throws. */
interface BuildMessage {
  readonly message?: unknown;
  readonly errors?: readonly BuildMessage[];
  readonly position?: {
    readonly line: number;
    readonly column: number;
    readonly offset: number;
  } | null;
}

/** What the parser says where more would help. */
const MORE = /end of file|to terminate multi-line comment/;

function problemOf(error: unknown, code: string): Compiled {
  const { errors } = error as BuildMessage;
  const { message, position } = errors?.[0] ?? error as BuildMessage;
  const text = String(message ?? error);
  const isTemplate = /^Unterminated (string|template)/.test(text) &&
    code[position?.offset ?? -1] === "`";
  if (MORE.test(text) || isTemplate) return { kind: "incomplete" };
  const at = position ? ` (line ${position.line}:${position.column})` : "";
  return { kind: "wrong", problem: `${text}${at}` };
}

/**
 * Makes it.
 *
 * @throws {NotImplementedError} Where Bun is too old.
 */
export function bunEvaluator(): Evaluator {
  const bun = host.Bun as unknown as BunPart;
  const { Transpiler } = bun;
  const vm = builtin<Vm>("node:vm");
  if (Transpiler === undefined || vm === undefined) {
    throw new NotImplementedError("Cannot run a REPL: this Bun is too old");
  }
  const transpiler = new Transpiler({ loader: "ts", replMode: true });
  const { cwd } = host.process as unknown as { cwd(): string };
  const resolve = (name: string) => bun.resolveSync(name, cwd());
  return {
    compile(code) {
      try {
        return { kind: "ready", script: transpiler.transformSync(code) };
      } catch (error) {
        return problemOf(error, code);
      }
    },
    async run(script) {
      const compiled = new vm.Script(script, {
        filename: "<input>",
        importModuleDynamically: (name) => import(resolve(name)),
      });
      // A loop that never awaits hears no signal otherwise.
      const result = await compiled.runInThisContext({ breakOnSigint: true });
      return { value: (result as Value | null | undefined)?.value };
    },
    // Its declarations become properties of the global object.
    declared: () => Promise.resolve([]),
    close() {},
  };
}
