/** An evaluator by V8, which has a mode for REPLs that its inspector can ask for. */

import type { Compiled, Evaluator, Value } from "./evaluator.ts";

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
export interface V8 {
  /** Tells of each promise. */
  readonly promiseHooks?: {
    onInit(hook: (promise: Promise<Result>) => void): () => void;
  };
}

/** A session with the inspector of the own thread. */
export interface InspectorSession {
  /** Begins it. */
  connect(): void;
  /** Ends it. */
  disconnect(): void;
  /** Asks for something. */
  post<T>(
    method: string,
    params: Readonly<Record<string, unknown>>,
    done: (error: Error | null, result: T) => void,
  ): void;
}

/** `node:inspector`, as far as it is used. */
export interface Inspector {
  readonly Session?: new () => InspectorSession;
}

/** `node:module`, as far as it is used. */
export interface ModulePart {
  /** Takes the types off; `transform` turns what has code of its own, too. */
  stripTypeScriptTypes?(
    code: string,
    options: { mode: "strip" | "transform" },
  ): string;
}

/** What the evaluators of the runtimes with V8 differ in. */
export interface Parts {
  /** A new session with the inspector. */
  readonly session: InspectorSession;
  /** V8's hooks for promises. */
  readonly hooks: NonNullable<V8["promiseHooks"]>;
  /** See {@linkcode Evaluator.compile}. */
  compile(code: string): Compiled;
  /** See {@linkcode Evaluator.note}; nothing unless given. */
  readonly note?: string | undefined;
  /** Does one thing in a way that can be broken; as it is unless given. */
  guard?(work: () => void): void;
}

/** What is wrong with some code, and where. */
export interface Problem {
  /** What. */
  readonly text: string;
  /** Where, from 1 on. */
  readonly place: { readonly line: number; readonly column: number } | null;
}

/** An input that is wrong. */
export function wrong({ text, place }: Problem): Compiled {
  const where = place === null ? "" : ` (line ${place.line}:${place.column})`;
  return { kind: "wrong", problem: `${text}${where}` };
}

/** Under which the inspector keeps what inputs have made. */
const GROUP = "inputs";

const justDo = (work: () => void): void => work();

/** Runs inputs through the inspector. */
export class InspectorEvaluator implements Evaluator {
  readonly #parts: Parts;
  /**
   * The promises of inputs that run. V8's inspector tells when one is collected, in
   * the middle of the collection, which ends Deno: one that waits for something that
   * nobody holds must stay.
   */
  readonly #pending = new Set<Promise<Result>>();

  /** Connects the session. */
  constructor(parts: Parts) {
    this.#parts = parts;
    parts.session.connect();
  }

  /** See {@linkcode Evaluator.note}. */
  get note(): string {
    return this.#parts.note ?? "";
  }

  /** See {@linkcode Evaluator.compile}. */
  compile(code: string): Compiled {
    return this.#parts.compile(code);
  }

  /** See {@linkcode Evaluator.run}. */
  async run(script: string): Promise<Value> {
    let settle: (error: Error | null, result: Evaluated) => void;
    const evaluated = new Promise<Evaluated>((resolve, reject) => {
      settle = (error, result) => error ? reject(error) : resolve(result);
    });
    let promise: Promise<Result> | undefined;
    // Nobody hears of it where the guard has broken it.
    evaluated.catch(() => {});
    const { hooks, session, guard = justDo } = this.#parts;
    // The first one that is made is the input's own.
    const stop = hooks.onInit((made) => void (promise ??= made));
    try {
      guard(() =>
        session.post<Evaluated>("Runtime.evaluate", {
          expression: script,
          replMode: true,
          awaitPromise: true,
          objectGroup: GROUP,
        }, settle)
      );
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

  /** See {@linkcode Evaluator.declared}. */
  async declared(): Promise<readonly string[]> {
    const { names } = await this.#post<{ names: string[] }>(
      "Runtime.globalLexicalScopeNames",
      {},
    );
    return names;
  }

  /** See {@linkcode Evaluator.close}. */
  close(): void {
    this.#parts.session.disconnect();
  }

  #post<T>(
    method: string,
    params: Readonly<Record<string, unknown>>,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#parts.session.post<T>(method, params, (error, result) => {
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
