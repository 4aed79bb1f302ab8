/**
 * The evaluator on Node: V8's inspector runs the inputs, from which Node 22.13 and newer
 * strip the types. What V8 itself parses is JavaScript.
 */

import { NotImplementedError } from "../exceptions.ts";
import type { Compiled, Evaluator } from "./evaluator.ts";
import { builtin, host } from "./host.ts";
import {
  type Inspector,
  InspectorEvaluator,
  type ModulePart,
  type Problem,
  type V8,
  wrong,
} from "./inspector_evaluator.ts";
import { ownError } from "./socket_errors.ts";

interface Vm {
  readonly constants?: { readonly USE_MAIN_CONTEXT_DEFAULT_LOADER?: symbol };
  Script: new (
    code: string,
    options: {
      filename?: string;
      lineOffset?: number;
      importModuleDynamically?: symbol | undefined;
    },
  ) => {
    runInThisContext(options?: { breakOnSigint: boolean }): unknown;
  };
}

interface ProcessPart {
  emitWarning: (...args: readonly unknown[]) => void;
}

/** Takes the types off some code. */
type Strip = (code: string) => string;

/** What inputs look like in what Node says. */
const FILE = "<input>";

/** Does something of which Node says that it may still change. */
function quietly<T>(work: () => T): T {
  const process = host.process as unknown as ProcessPart;
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return work();
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** How types are stripped; null where Node is too old for it. */
function findStrip(): Strip | null {
  const strip = builtin<ModulePart>("node:module")?.stripTypeScriptTypes;
  if (strip === undefined) return null;
  return (code) =>
    quietly(() => {
      try {
        return strip(code, { mode: "strip" });
      } catch (error) {
        try {
          // Enums need the other mode, which the newest Nodes do not have.
          return strip(code, { mode: "transform" });
        } catch {
          throw error;
        }
      }
    });
}

/** What an error says about some code: Node shows the place above the stack. */
function problemOf({ message, stack = "" }: Error): Problem {
  // Node 22.13 draws a frame around it.
  const text = message.replace(/^\s*x /, "").split("\n", 1)[0]!;
  const frame = /^[^\n]*:(\d+)\n(?:[^\n]*\n)*?([ \t]*)\^+\n/.exec(stack);
  return {
    text,
    place: frame &&
      { line: Number(frame[1]), column: frame[2]!.length + 1 },
  };
}

/** What V8 says where only the end of the code is in its way. */
const AT_END = "Unexpected end of input";
/** What else it says there of what is open, and what ends that. */
const ENDS: ReadonlyMap<string | undefined, string> = new Map([
  ["missing ) after argument list", ")"],
  ["Missing } in template expression", "}`"],
  ["Missing catch or finally after try", "\ncatch {}"],
]);
/** What may be open. */
const OPEN = /\(|\$\{|\btry\b/g;
/** Ends a comment; of one that is open V8 says as of many things. */
const COMMENT_END = "\n*/";

/** What V8 minds in an input. */
class Parser {
  readonly #vm: Vm;

  constructor(vm: Vm) {
    this.#vm = vm;
  }

  /** What is wrong with an input as it stands; null if nothing is. */
  problemOf(code: string): Problem | null {
    return this.#parse(`${code}\n})`);
  }

  /** Whether more may make an input right that is wrong as it stands. */
  isIncomplete(code: string): boolean {
    return this.#isCutOff(code) || this.#isCutOff(code + COMMENT_END);
  }

  #isCutOff(code: string): boolean {
    const open = code.match(OPEN)?.length ?? 0;
    for (let i = 0, ended = code; i <= open; i++) {
      const text = this.#parse(ended)?.text;
      if (text === AT_END) return true;
      const end = ENDS.get(text);
      if (end === undefined) break;
      ended += end;
    }
    return false;
  }

  #parse(code: string): Problem | null {
    try {
      // Inside a function, which may await: as a script it could not.
      new this.#vm.Script(`(async () => {\n${code}`, {
        filename: FILE,
        lineOffset: -1,
      });
      return null;
    } catch (error) {
      return problemOf(error as Error);
    }
  }
}

/** What an input calls. */
interface Hooks {
  /** The work that is under guard. */
  work: () => void;
  /** Imports as a module in the current folder does. */
  readonly load: (name: unknown, options: unknown) => Promise<unknown>;
}

/** Where V8 finds {@linkcode Hooks}: no name that an input could take or complete. */
const HOOKS = Symbol.for("asyncio.repl");
const HOOKS_CODE = 'globalThis[Symbol.for("asyncio.repl")]';

/** An import as an expression, if it is not inside of a text or a name. */
const IMPORT = /\bimport(?=(?:\s|\/\*[^]*?\*\/|\/\/.*\n)*\()/g;

/**
 * Gives the imports of an input a loader: what the inspector runs has none. Nothing
 * but V8 knows which of them are expressions. Those cannot be called `enum`; members
 * can, and in texts it says nothing.
 */
function withLoader(code: string, parser: Parser): string {
  return code.replace(IMPORT, (word, at: number) => {
    const other = `${code.slice(0, at)}enum${code.slice(at + word.length)}`;
    return parser.problemOf(other) === null ? word : `${HOOKS_CODE}.load`;
  });
}

/** Makes a script of an input. */
function compile(
  input: string,
  strip: Strip | null,
  parser: Parser,
): Compiled {
  const [code, mistake] = stripped(input, strip);
  const problem = parser.problemOf(code);
  // What is JavaScript is taken, whatever TypeScript has against it.
  if (problem === null) {
    return { kind: "ready", script: withLoader(code, parser) };
  }
  return mistake !== null && isCutOff(mistake) || parser.isIncomplete(code)
    ? { kind: "incomplete" }
    : wrong(mistake === null ? problem : problemOf(mistake));
}

/** An input without its types, or as it is and why. */
function stripped(
  input: string,
  strip: Strip | null,
): [code: string, mistake: Error | null] {
  try {
    return [strip === null ? input : strip(input), null];
  } catch (error) {
    return [input, error as Error];
  }
}

/** Whether an input ends where its types are not yet complete. */
function isCutOff(mistake: Error): boolean {
  const { text, place } = problemOf(mistake);
  if (/\b(?:Unexpected|got) \W*eof\b|^Unterminated template/.test(text)) {
    return true;
  }
  // The line is shown, and nothing in it is pointed at.
  return place === null && /^[^\n]*:\d+\n/.test(mistake.stack ?? "");
}

/**
 * Makes it.
 *
 * @throws {PermissionError} Where Node was told to grant too little.
 * @throws {NotImplementedError} Where Node was built without V8's inspector.
 */
export function nodeEvaluator(): Evaluator {
  const inspector = builtin<Inspector>("node:inspector");
  const vm = builtin<Vm>("node:vm");
  const hooks = builtin<V8>("node:v8")?.promiseHooks;
  if (!inspector?.Session || !vm || !hooks) {
    throw new NotImplementedError(
      "Cannot run a REPL: this Node has no inspector",
    );
  }
  const load = new vm.Script("(name, options) => import(name, options)", {
    importModuleDynamically: vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  }).runInThisContext() as Hooks["load"];
  const shared: Hooks = {
    work: () => {},
    load: (name, options) => quietly(() => load(name, options)),
  };
  Object.defineProperty(globalThis, HOOKS, {
    configurable: true,
    value: shared,
  });
  const guarded = new vm.Script(`${HOOKS_CODE}.work()`, {
    filename: "node:vm",
  });
  const parser = new Parser(vm);
  const strip = findStrip();
  try {
    return new InspectorEvaluator({
      session: new inspector.Session(),
      hooks,
      compile: (code) => compile(code, strip, parser),
      note: strip === null
        ? "Inputs are JavaScript: Node takes types off them from 22.13 on."
        : undefined,
      guard(work) {
        shared.work = work;
        // A loop that never awaits hears no signal otherwise.
        guarded.runInThisContext({ breakOnSigint: true });
      },
    });
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ERR_ACCESS_DENIED") throw error;
    throw ownError(
      "Cannot run a REPL",
      "EACCES",
      "Node needs --allow-inspector beside --permission",
    );
  }
}
