/** The evaluator on Deno: V8's inspector runs the inputs, and Deno strips the types. */

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

/** Deno's permissions. */
interface Permissions {
  readonly permissions: { querySync(what: object): { readonly state: string } };
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

/** Makes a script of an input. */
function compile(code: string, strip: Strip): Compiled {
  const problem = problemOf(code, strip);
  if (problem !== null) {
    return isIncomplete(code, problem)
      ? { kind: "incomplete" }
      : wrong(problem);
  }
  // The parser does not mind a comment without an end.
  if (code.includes("/*") && problemOf(code + COMMENT_END, strip) === null) {
    return { kind: "incomplete" };
  }
  try {
    // It keeps imports that only look unused; enums need the other mode.
    return { kind: "ready", script: strip(code, { mode: "strip" }) };
  } catch {
    return { kind: "ready", script: strip(code, { mode: "transform" }) };
  }
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
  const inspector = builtin<Inspector>("node:inspector");
  const strip = builtin<ModulePart>("node:module")?.stripTypeScriptTypes;
  const hooks = builtin<V8>("node:v8")?.promiseHooks;
  if (!inspector?.Session || !strip || !hooks) {
    throw new NotImplementedError("Cannot run a REPL: this Deno is too old");
  }
  checkGrant();
  return new InspectorEvaluator({
    session: new inspector.Session(),
    hooks,
    compile: (code) => compile(code, strip),
  });
}
