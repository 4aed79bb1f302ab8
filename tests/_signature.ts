/**
 * How a Python signature of tests/api/asyncio.tsv reads in TypeScript, and how a
 * function's own parameters are counted.
 *
 * `Function.prototype.length` stops at the first default and cannot see what comes
 * after a rest parameter, so it would take `wait(fs)` for `wait(fs, options)`. The
 * parameters are therefore read off the function's source, which every runtime
 * keeps, with types already stripped:
 *
 * - positional parameters stay positional, one for one, in order;
 * - `*args` is a rest parameter; `*aws` and `*coros_or_futures` are one array;
 * - keyword-only parameters and `**kwargs` are one trailing options object, except
 *   after a rest parameter, where nothing can follow;
 * - what Python requires has no default here. (What Python leaves out may be an
 *   optional parameter or one with a default: both count as one.)
 */

/** What a signature asks of a TypeScript function. */
export interface Expected {
  /** How many parameters there are, the options object and the rest included. */
  readonly count: number;
  /** How many of them Python requires: these may have no default. */
  readonly required: number;
  /** Whether the last is a rest parameter. */
  readonly rest: boolean;
}

/** What a function's source says of its parameters. */
export interface Found extends Expected {
  /** How many stand before the first default or rest. */
  readonly required: number;
}

/** Star parameters that are an array here, as in `Promise.all`. */
const ARRAYS: ReadonlySet<string> = new Set(["aws", "coros_or_futures"]);

/** Splits at commas outside brackets and strings. */
function splitTop(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let quote = "";
  let part = "";
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (quote !== "") {
      if (char === "\\") part += text[i++]!;
      else if (char === quote) quote = "";
    } else if (char === '"' || char === "'" || char === "`") quote = char;
    else if ("([{".includes(char)) depth++;
    else if (")]}".includes(char)) depth--;
    else if (char === "," && depth === 0) {
      parts.push(part.trim());
      part = "";
      continue;
    }
    part += text[i]!;
  }
  if (part.trim() !== "") parts.push(part.trim());
  return parts;
}

/** Reads a Python signature such as `(fs, *, timeout=None)`. */
export function expectedOf(signature: string): Expected {
  let count = 0;
  let required = 0;
  let rest = false;
  let options = false;
  let keywordOnly = false;
  for (const part of splitTop(signature.trim().slice(1, -1))) {
    if (part === "/") continue;
    if (part.startsWith("**")) options = true;
    else if (part === "*") keywordOnly = true;
    else if (part.startsWith("*")) {
      keywordOnly = true;
      if (ARRAYS.has(part.slice(1))) {
        count++;
        required++;
      } else rest = true;
    } else if (keywordOnly) options = true;
    else {
      count++;
      if (!part.includes("=")) required++;
    }
  }
  if (rest) return { count: count + 1, required, rest };
  return { count: count + (options ? 1 : 0), required, rest };
}

/** The text between the first parenthesis and the one that closes it. */
function parameterText(source: string): string {
  const start = source.indexOf("(");
  if (start < 0) throw new Error(`no parameters in: ${source}`);
  let depth = 0;
  let quote = "";
  for (let i = start; i < source.length; i++) {
    const char = source[i]!;
    if (quote !== "") {
      if (char === "\\") i++;
      else if (char === quote) quote = "";
    } else if (char === '"' || char === "'" || char === "`") quote = char;
    else if ("([{".includes(char)) depth++;
    else if (")]}".includes(char) && --depth === 0) {
      return source.slice(start + 1, i);
    }
  }
  throw new Error(`unbalanced parameters in: ${source}`);
}

function withoutComments(source: string): string {
  return source.replace(/\/\*[^]*?\*\//g, "").replace(/\/\/[^\n]*/g, "");
}

/** Reads the parameters of a function, or of a class's constructor. */
export function parametersOf(fn: (...args: never[]) => unknown): Found {
  let source = withoutComments(Function.prototype.toString.call(fn));
  if (/^class\b/.test(source)) {
    const at = source.search(/(^|[\s;}])constructor\s*\(/);
    if (at < 0) {
      const parent = Object.getPrototypeOf(fn);
      return parent === Function.prototype
        ? { count: 0, required: 0, rest: false }
        : parametersOf(parent);
    }
    source = source.slice(source.indexOf("(", at));
  } else {
    const arrow = /^(async\s+)?([\w$]+)\s*=>/.exec(source);
    if (arrow !== null) return { count: 1, required: 1, rest: false };
    // A computed name may hold parentheses of its own, but none here does.
    source = source.slice(source.indexOf("("));
  }
  const parts = splitTop(parameterText(source));
  const first = parts.findIndex((p) => p.startsWith("...") || p.includes("="));
  return {
    count: parts.length,
    required: first < 0 ? parts.length : first,
    rest: parts.at(-1)?.startsWith("...") ?? false,
  };
}

/** Says how a function differs from its signature, or null where it does not. */
export function mismatch(
  fn: (...args: never[]) => unknown,
  signature: string,
): string | null {
  const expected = expectedOf(signature);
  const found = parametersOf(fn);
  if (found.count !== expected.count) {
    return `has ${found.count} parameters, not ${expected.count}`;
  }
  if (found.rest !== expected.rest) {
    return expected.rest ? "has no rest parameter" : "has a rest parameter";
  }
  return found.required < expected.required
    ? `has a default for a parameter that Python requires`
    : null;
}
