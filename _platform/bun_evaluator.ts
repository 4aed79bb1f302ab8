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

function problemOf(error: unknown, code: string, input: string): Compiled {
  const { errors } = error as BuildMessage;
  const { message, position } = errors?.[0] ?? error as BuildMessage;
  const text = String(message ?? error);
  const isTemplate = /^Unterminated (string|template)/.test(text) &&
    code[position?.offset ?? -1] === "`";
  if (MORE.test(text) || isTemplate) return { kind: "incomplete" };
  if (!position) return { kind: "wrong", problem: text };
  const { line, column } = position;
  const shift = line === 1 ? code.length - input.length : 0;
  return { kind: "wrong", problem: `${text} (line ${line}:${column - shift})` };
}

/** What stands before the value in what the transpiler makes. */
const VALUE = "  return {\n    __proto__: null,\n    value: ";

/**
 * Whether the last statement of an input declares something. To the transpiler what it
 * declares is the input's value; V8 and Python have none.
 */
function isDeclaration(script: string): boolean {
  const names = /^(?:var [^;]+;\n)+/.exec(script)?.[0]?.match(/[\w$]+/g);
  const at = script.lastIndexOf(VALUE);
  if (!names || at < 0) return false;
  const value = script.slice(at + VALUE.length);
  // Several at once: `[a, b] = …`.
  if (/^(?:\{[^={}]*\}|\[[^=[\]]*\]) = /.test(value)) return true;
  // An enum is made by a function that is called.
  const [, name] = /^(?:\(\()?([\w$]+)(?: = |\) => )/.exec(value) ?? [];
  return name !== undefined && names.includes(name);
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
    note: "",
    compile(input) {
      // What begins with a brace it takes for an object, even where that is wrong.
      const code = input.replace(/^\s*(?=\{)/, (space) => `${space};`);
      try {
        return { kind: "ready", script: transpiler.transformSync(code) };
      } catch (error) {
        return problemOf(error, code, input);
      }
    },
    async run(script) {
      const compiled = new vm.Script(script, {
        filename: "<input>",
        importModuleDynamically: (name) => import(resolve(name)),
      });
      // A loop that never awaits hears no signal otherwise.
      const result = await compiled.runInThisContext({ breakOnSigint: true });
      const { value } = (result ?? {}) as Partial<Value>;
      return { value: isDeclaration(script) ? undefined : value };
    },
    // Its declarations become properties of the global object.
    declared: () => Promise.resolve([]),
    close() {},
  };
}
