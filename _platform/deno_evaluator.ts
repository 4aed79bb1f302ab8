/**
 * The evaluator on Deno: V8 itself has a mode for REPLs, which its inspector can ask
 * for, and Deno strips the types.
 */

import { NotImplementedError } from "../exceptions.ts";
import type { Compiled, Evaluator, Value } from "./evaluator.ts";
import { builtin, host } from "./host.ts";
import { ownError } from "./socket_errors.ts";

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

/** Deno's permissions. */
interface Permissions {
  readonly permissions: { querySync(what: object): { readonly state: string } };
}

/** Under which the inspector keeps what inputs have made. */
const GROUP = "inputs";

/** What is wrong with some code, and where. */
interface Problem {
  readonly text: string;
  readonly place: { readonly line: number; readonly column: number } | null;
}

type Strip = NonNullable<ModulePart["stripTypeScriptTypes"]>;

/** What is wrong with some code; null if nothing is. */
function problemOf(code: string, strip: Strip): Problem | null {
  try {
    // Stripping alone does not tell of all that is wrong.
    strip(code, { mode: "transform" });
    return null;
  } catch (error) {
    const text = String((error as Error)?.message ?? error);
    const place = /:(\d+):(\d+)\)?\s*$/.exec(text);
    return {
      text: text.split("\n", 1)[0]!.replace(/^SyntaxError: /, ""),
      place: place && { line: Number(place[1]), column: Number(place[2]) },
    };
  }
}

/** Ends a comment if one is open; it is wrong anywhere else. */
const COMMENT_END = "\n*/";
/** What may stand behind the last token. */
const NOTHING = /^(?:\s|\/\/.*|\/\*[^]*?(?:\*\/|$))*$/;

/** Whether more may make an input right that is wrong as it stands. */
function isIncomplete(code: string, { text, place }: Problem): boolean {
  if (
    /(?:Unexpected|Unexpected token|got) \W*eof\b|Unterminated template/.test(
      text,
    )
  ) return true;
  if (place === null) return false;
  const [line = "", ...more] = code.split("\n").slice(place.line - 1);
  const rest = [...line].slice(place.column - 1).join("");
  return NOTHING.test([rest, ...more].join("\n"));
}

class DenoEvaluator implements Evaluator {
  readonly #session: Session;
  readonly #strip: Strip;
  readonly #hooks: NonNullable<V8["promiseHooks"]>;
  /**
   * The promises of inputs that run. V8's inspector tells when one is collected, in
   * the middle of the collection, which ends Deno: one that waits for something that
   * nobody holds must stay.
   */
  readonly #pending = new Set<Promise<Result>>();

  constructor(
    session: Session,
    strip: Strip,
    hooks: NonNullable<V8["promiseHooks"]>,
  ) {
    this.#session = session;
    this.#strip = strip;
    this.#hooks = hooks;
    session.connect();
  }

  compile(code: string): Compiled {
    const problem = problemOf(code, this.#strip);
    if (problem !== null) {
      if (isIncomplete(code, problem)) return { kind: "incomplete" };
      const { text, place } = problem;
      const where = place === null
        ? ""
        : ` (line ${place.line}:${place.column})`;
      return { kind: "wrong", problem: `${text}${where}` };
    }
    // The parser does not mind a comment without an end.
    if (
      code.includes("/*") && problemOf(code + COMMENT_END, this.#strip) === null
    ) return { kind: "incomplete" };
    try {
      // It keeps imports that only look unused; enums need the other mode.
      return {
        kind: "ready",
        script: this.#strip(code, { mode: "strip" }),
      };
    } catch {
      return {
        kind: "ready",
        script: this.#strip(code, { mode: "transform" }),
      };
    }
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

/** Asked first: otherwise Deno's own prompt would come in between. */
function checkGrant(): void {
  const { permissions } = host.Deno as unknown as Permissions;
  const isGranted = (what: object) =>
    permissions.querySync(what).state === "granted";
  // node:repl looks at the environment.
  if (
    isGranted({ name: "sys", kind: "inspector" }) && isGranted({ name: "env" })
  ) {
    return;
  }
  throw ownError(
    "Cannot run a REPL",
    "EACCES",
    "Deno needs --allow-env --allow-sys=inspector",
  );
}

/**
 * Makes it.
 *
 * @throws {PermissionError} Where Deno grants too little.
 * @throws {NotImplementedError} Where Deno is too old.
 */
export function denoEvaluator(): Evaluator {
  const inspector = builtin<{ Session?: new () => Session }>("node:inspector");
  const strip = builtin<ModulePart>("node:module")?.stripTypeScriptTypes;
  const hooks = builtin<V8>("node:v8")?.promiseHooks;
  if (!inspector?.Session || !strip || !hooks) {
    throw new NotImplementedError("Cannot run a REPL: this Deno is too old");
  }
  checkGrant();
  return new DenoEvaluator(new inspector.Session(), strip, hooks);
}
