/**
 * The evaluator on Deno: V8 itself has a mode for REPLs, which its inspector can ask
 * for, and Deno strips the types.
 */

import { NotImplementedError } from "../exceptions.ts";
import type { Compiled, Evaluator, Value } from "./evaluator.ts";
import { builtin } from "./host.ts";

interface Evaluated {
  readonly exceptionDetails?: {
    readonly exception?: { readonly description?: string };
  };
}

/** What V8 resolves the promise of an input to. */
interface Result {
  readonly [".repl_result"]: unknown;
}

/** `node:v8`, as far as it is used. */
interface V8 {
  readonly promiseHooks?: {
    onInit(hook: (promise: Promise<Result>) => void): () => void;
  };
}

interface Session {
  connect(): void;
  disconnect(): void;
  post<T>(
    method: string,
    params: Readonly<Record<string, unknown>>,
    done: (error: Error | null, result: T) => void,
  ): void;
}

interface ModulePart {
  stripTypeScriptTypes?(
    code: string,
    options: { mode: "strip" | "transform" },
  ): string;
}

/** Under which the inspector keeps what inputs have made. */
const GROUP = "inputs";

function problemOf(error: unknown, code: string): Compiled {
  const text = String((error as Error)?.message ?? error);
  const first = text.split("\n", 1)[0]!.replace(/^SyntaxError: /, "");
  const place = /:(\d+):(\d+)\)?\s*$/.exec(text);
  if (/Unterminated template/.test(first)) return { kind: "incomplete" };
  if (place === null) return { kind: "wrong", problem: first };
  const [, line, column] = place;
  const lines = code.trimEnd().split("\n");
  const isEnd = Number(line) > lines.length ||
    Number(line) === lines.length &&
      Number(column) > lines[lines.length - 1]!.length;
  return isEnd
    ? { kind: "incomplete" }
    : { kind: "wrong", problem: `${first} (line ${line}:${column})` };
}

class DenoEvaluator implements Evaluator {
  readonly #session: Session;
  readonly #strip: NonNullable<ModulePart["stripTypeScriptTypes"]>;
  readonly #hooks: NonNullable<V8["promiseHooks"]>;
  /**
   * The promises of inputs that run. V8's inspector tells when one is collected, in
   * the middle of the collection, which ends Deno: one that waits for something that
   * nobody holds must stay.
   */
  readonly #pending = new Set<Promise<Result>>();

  constructor(
    session: Session,
    strip: NonNullable<ModulePart["stripTypeScriptTypes"]>,
    hooks: NonNullable<V8["promiseHooks"]>,
  ) {
    this.#session = session;
    this.#strip = strip;
    this.#hooks = hooks;
    session.connect();
  }

  compile(code: string): Compiled {
    let script: string;
    try {
      // Stripping alone does not tell of all that is wrong.
      script = this.#strip(code, { mode: "transform" });
    } catch (error) {
      return problemOf(error, code);
    }
    try {
      // It keeps imports that only look unused; enums need the other mode.
      script = this.#strip(code, { mode: "strip" });
    } catch {
      // What the other mode made is what runs.
    }
    return { kind: "ready", script };
  }

  async run(script: string): Promise<Value> {
    const { promise: evaluated, resolve, reject } = Promise.withResolvers<
      Evaluated
    >();
    let promise: Promise<Result> | undefined;
    // The first one that is made is the input's own.
    const stop = this.#hooks.onInit((made) => void (promise ??= made));
    try {
      this.#session.post<Evaluated>("Runtime.evaluate", {
        expression: script,
        replMode: true,
        awaitPromise: true,
        objectGroup: GROUP,
      }, (error, result) => error ? reject(error) : resolve(result));
    } finally {
      stop();
    }
    if (promise === undefined) throw compileError(await evaluated);
    this.#pending.add(promise);
    try {
      return { value: (await promise)[".repl_result"] };
    } finally {
      this.#pending.delete(promise);
      await evaluated;
      // Kept for the inspector, nothing of it would be collected.
      await this.#post("Runtime.releaseObjectGroup", { objectGroup: GROUP });
    }
  }

  async declared(): Promise<readonly string[]> {
    const { names } = await this.#post<{ names: string[] }>(
      "Runtime.globalLexicalScopeNames",
      {},
    );
    return names;
  }

  close(): void {
    this.#session.disconnect();
  }

  #post<T>(
    method: string,
    params: Readonly<Record<string, unknown>>,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#session.post<T>(method, params, (error, result) => {
        if (error) reject(error);
        else resolve(result);
      });
    });
  }
}

/** The error of a script that V8 does not take. */
function compileError({ exceptionDetails }: Evaluated): SyntaxError {
  const text = exceptionDetails?.exception?.description ?? "";
  const first = text.split("\n", 1)[0]!.replace(/^SyntaxError: /, "");
  const error = new SyntaxError(first);
  // It has no place in any code of the user's.
  error.stack = `SyntaxError: ${first}`;
  return error;
}

/**
 * Makes it.
 *
 * @throws {NotImplementedError} Where Deno is too old.
 */
export function denoEvaluator(): Evaluator {
  const inspector = builtin<{ Session?: new () => Session }>("node:inspector");
  const strip = builtin<ModulePart>("node:module")?.stripTypeScriptTypes;
  const hooks = builtin<V8>("node:v8")?.promiseHooks;
  if (!inspector?.Session || !strip || !hooks) {
    throw new NotImplementedError("Cannot run a REPL: this Deno is too old");
  }
  return new DenoEvaluator(new inspector.Session(), strip, hooks);
}
