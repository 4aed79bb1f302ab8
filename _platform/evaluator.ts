/** Runs pieces of TypeScript as a REPL does: each sees what those before declared. */

import { NotImplementedError } from "../exceptions.ts";
import { bunEvaluator } from "./bun_evaluator.ts";
import { denoEvaluator } from "./deno_evaluator.ts";
import { host } from "./host.ts";
import { nodeEvaluator } from "./node_evaluator.ts";

/** What became of an input. */
export type Compiled =
  | { readonly kind: "ready"; readonly script: string }
  | { readonly kind: "incomplete" }
  | { readonly kind: "wrong"; readonly problem: string };

/** A value in a box: a promise of it would wait for what only looks like one. */
export interface Value {
  /** The value. */
  readonly value: unknown;
}

/** Runs inputs. */
export interface Evaluator {
  /** What who types should know beforehand; empty for nothing. */
  readonly note: string;
  /** Makes a script of an input, which may have types and top-level await. */
  compile(code: string): Compiled;
  /**
   * Runs a script. What it does before its first await it does inside the call, and
   * all of it belongs to the async context of the call.
   *
   * @param script What `compile` has made.
   * @returns The value of its last statement.
   * @throws What the script throws.
   */
  run(script: string): Promise<Value>;
  /** The names that inputs have declared and the global object does not have. */
  declared(): Promise<readonly string[]>;
  /** Ends it. */
  close(): void;
}

/**
 * Makes the evaluator of this runtime.
 *
 * @throws {NotImplementedError} Where the runtime lacks what it needs.
 */
export function makeEvaluator(): Evaluator {
  if (host.Bun !== undefined) return bunEvaluator();
  if (host.Deno !== undefined) return denoEvaluator();
  if (host.process !== undefined) return nodeEvaluator();
  throw new NotImplementedError("Cannot run a REPL: there is no process");
}
