/**
 * The evaluator on Deno: V8 itself has a mode for REPLs, which its inspector can ask
 * for, and Deno strips the types.
 */

import { NotImplementedError } from "../exceptions.ts";
import type { Compiled, Evaluator, Value } from "./evaluator.ts";
import { builtin } from "./host.ts";

/** A value as the inspector names it. */
interface RemoteValue {
  readonly type: string;
  readonly value?: unknown;
  readonly unserializableValue?: string;
  readonly objectId?: string;
}

interface Evaluated {
  readonly result: RemoteValue;
  readonly exceptionDetails?: { readonly exception?: RemoteValue };
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

/** The key of the global object's function that hands values over. */
const DOOR = "@x/asyncio repl";

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
  #received: unknown;

  constructor(
    session: Session,
    strip: NonNullable<ModulePart["stripTypeScriptTypes"]>,
  ) {
    this.#session = session;
    this.#strip = strip;
    session.connect();
    Object.defineProperty(globalThis, Symbol.for(DOOR), {
      configurable: true,
      value: (value: unknown) => void (this.#received = value),
    });
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
    const { result, exceptionDetails } = await this.#post<Evaluated>(
      "Runtime.evaluate",
      { expression: script, replMode: true, awaitPromise: true },
    );
    if (exceptionDetails === undefined) return await this.#take(result);
    throw (await this.#take(exceptionDetails.exception ?? result)).value;
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

  /** The value behind its name. */
  async #take(remote: RemoteValue): Promise<Value> {
    const { type, value, objectId, unserializableValue } = remote;
    if (objectId === undefined && unserializableValue === undefined) {
      return { value: type === "undefined" ? undefined : value };
    }
    const { result } = await this.#post<Evaluated>("Runtime.evaluate", {
      expression: `globalThis[Symbol.for("${DOOR}")]`,
    });
    await this.#post("Runtime.callFunctionOn", {
      objectId: result.objectId,
      functionDeclaration: "function (value) { this(value); }",
      arguments: [
        objectId === undefined ? { unserializableValue } : { objectId },
      ],
    });
    // Kept for the inspector, it would never be collected.
    for (const id of [objectId, result.objectId]) {
      if (id === undefined) continue;
      await this.#post("Runtime.releaseObject", { objectId: id });
    }
    const received = this.#received;
    this.#received = undefined;
    return { value: received };
  }
}

/**
 * Makes it.
 *
 * @throws {NotImplementedError} Where Deno is too old.
 */
export function denoEvaluator(): Evaluator {
  const inspector = builtin<{ Session?: new () => Session }>("node:inspector");
  const strip = builtin<ModulePart>("node:module")?.stripTypeScriptTypes;
  if (inspector?.Session === undefined || strip === undefined) {
    throw new NotImplementedError("Cannot run a REPL: this Deno is too old");
  }
  return new DenoEvaluator(new inspector.Session(), strip);
}
