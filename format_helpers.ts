/**
 * Text forms for errors, handles and stacks.
 *
 * @example A value in a line
 * ```ts
 * import { shortRepr } from "@x/asyncio/format_helpers";
 *
 * console.log(shortRepr({ name: "ann", list: [1, 2, 3] }));
 * ```
 *
 * @module
 */

import { DEBUG_STACK_DEPTH } from "./constants.ts";

/** One frame of a stack. */
export interface StackFrame {
  /** The function, or "(anonymous)". */
  readonly functionName: string;
  /** The file's path, or its URL where it is no file of this machine. */
  readonly file: string;
  /** The line, from 1. */
  readonly line: number;
  /** The column, from 1. */
  readonly column: number;
}

const ANONYMOUS = "(anonymous)";

/** Deno's stacks have file URLs, Bun's have paths: all become paths. */
function toPath(file: string): string {
  if (!file.startsWith("file://")) return file;
  const path = file.slice("file://".length).replace(/^\/(?=[A-Za-z]:)/, "");
  try {
    return decodeURIComponent(path);
  } catch {
    // A name with a "%" of its own, which the runtime did not escape.
    return path;
  }
}

let home: string | null | undefined;

/**
 * Where this library lies: its own frames are of no use to anyone else. Null where
 * it was bundled into one file with the program, whose frames would be taken for
 * its own.
 */
function homeFolder(): string | null {
  if (home === undefined) {
    // In a bundle for an edge runtime there may be none.
    const self = toPath(import.meta.url ?? "");
    home = /[\\/]format_helpers\.[jt]s$/.test(self)
      ? self.slice(0, -"format_helpers.ts".length).replaceAll("\\", "/")
      : null;
  }
  return home;
}

/** The library is its modules, and folders of their parts that start with `_`. */
function isOwn({ file }: StackFrame): boolean {
  const folder = homeFolder();
  if (folder === null) return false;
  const path = file.replaceAll("\\", "/");
  return path.startsWith(folder) &&
    /^(_[^/]+\/)?[^/]+$/.test(path.slice(folder.length));
}

/** Frames of the runtime itself, which no reader can do anything about. */
function isInternal({ file }: StackFrame): boolean {
  return /^(ext:|node:|bun:|internal:|native\b|\[native|eval at |<anonymous>|unknown$)/
    .test(
      file,
    );
}

// V8 and Bun: "    at name (file:1:2)" or "    at file:1:2", some with "async ". A
// path may have spaces and parentheses of its own.
const V8_FRAME =
  /^\s*at (?:async )?(?:(.*?) \((.+?):(\d+):(\d+)\)|(.+?):(\d+):(\d+))$/;
// JavaScriptCore and SpiderMonkey elsewhere: "name@file:1:2".
const AT_FRAME = /^(?:async[ *])?(.*?)@(.+?):(\d+):(\d+)$/;

function toFrame(line: string): StackFrame | null {
  const found = V8_FRAME.exec(line) ?? AT_FRAME.exec(line);
  if (found === null) return null;
  const name = found[1];
  return {
    functionName: !name || name === "<anonymous>" ? ANONYMOUS : name,
    file: toPath((found[2] ?? found[5])!),
    line: Number(found[3] ?? found[6]),
    column: Number(found[4] ?? found[7]),
  };
}

/**
 * The current stack, without the frames of this library and of the runtime.
 *
 * @param f An error whose stack is meant in place of the current one.
 * @param limit At most so many frames, the newest, or if negative the oldest;
 * `DEBUG_STACK_DEPTH` unless given.
 * @returns The frames, oldest first.
 *
 * @example Where this is
 * ```ts
 * import { extractStack, formatFrames } from "@x/asyncio";
 *
 * console.log(formatFrames(extractStack()));
 * ```
 */
export function extractStack(
  f?: Error | null,
  limit?: number | null,
): StackFrame[] {
  const most = limit ?? DEBUG_STACK_DEPTH;
  const frames = stackOfError(f ?? deepError(most));
  if (most < 0) return frames.slice(0, -most);
  return most === 0 ? [] : frames.slice(-most);
}

/**
 * How many frames more than are wanted are asked for: the library's own come first,
 * among the program's, and are dropped.
 *
 * @internal
 */
export const OWN_FRAMES: number = 30;

function deepError(limit: number): Error {
  const stacks = Error as unknown as { stackTraceLimit: number };
  const before = stacks.stackTraceLimit;
  stacks.stackTraceLimit = limit < 0 ? Infinity : limit + OWN_FRAMES;
  const error = new Error();
  // Read while the limit stands: the text is made when it is first looked at.
  void error.stack;
  stacks.stackTraceLimit = before;
  return error;
}

/**
 * The frames of an error's stack, without those of this library and of the runtime.
 *
 * @param error Any thrown value.
 * @returns The frames, oldest first; none where it has no stack.
 */
export function stackOfError(error: unknown): StackFrame[] {
  if (!(error instanceof Error)) return [];
  const { message, stack } = error;
  if (typeof stack !== "string") return [];
  // V8 and Bun put the message first, and its lines may look like frames.
  const head = message === "" ? -1 : stack.indexOf(message);
  const start = /^[^\n@]*: $/.test(stack.slice(0, Math.max(head, 0)))
    ? head + message.length
    : 0;
  return stack.slice(start).split("\n").map(toFrame)
    .filter((frame) => frame !== null)
    .filter((frame) => !isOwn(frame) && !isInternal(frame))
    .reverse();
}

/**
 * Whether a line of a stack is a frame of this library or of the runtime.
 *
 * @internal
 */
export function isHiddenFrame(line: string): boolean {
  const frame = toFrame(line);
  return frame !== null && (isOwn(frame) || isInternal(frame));
}

/**
 * Frames as Python prints them.
 *
 * @param frames The frames, oldest first.
 * @returns One line per frame.
 */
export function formatFrames(frames: readonly StackFrame[]): string {
  return frames
    .map((f) => `  File "${f.file}", line ${f.line}, in ${f.functionName}`)
    .join("\n");
}

const MAX_REPR = 200;
const MAX_STRING = 100;
const MAX_MEMBERS = 6;

/**
 * A short text of any value, for error texts. It never throws.
 *
 * @param value The value.
 * @returns The text: strings in quotes, an error as its class with its message, and
 * never more than a few hundred characters.
 *
 * @example Short texts
 * ```ts
 * import { shortRepr } from "@x/asyncio";
 *
 * console.log(shortRepr("it's"), shortRepr(new RangeError("no")), shortRepr([1, {}]));
 * ```
 */
export function shortRepr(value: unknown): string {
  let text: string;
  try {
    text = repr(value, true);
  } catch {
    // A toString, getter or trap that throws must not hide what is reported.
    text = "<unprintable object>";
  }
  return middleOut(text, MAX_REPR);
}

function middleOut(text: string, most: number): string {
  if (text.length <= most) return text;
  const head = Math.ceil((most - 3) / 2);
  return `${text.slice(0, head)}...${text.slice(head + 3 - most)}`;
}

/** A value's text; that of its members where `deep` says so. */
function repr(value: unknown, deep: boolean): string {
  switch (typeof value) {
    case "string":
      return quote(value);
    case "bigint":
      return `${value}n`;
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "function":
      return `<function ${functionName(value)}>`;
    case "object":
      return value === null ? "null" : reprOfObject(value, deep);
    default:
      return String(value);
  }
}

function reprOfObject(value: object, deep: boolean): string {
  if (value instanceof Error) return reprOfError(value, deep);
  if (Array.isArray(value)) {
    return deep ? elements(value) : "[...]";
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) {
    if (!deep) return "{...}";
    const keys = Object.keys(value);
    return `{${members(keys.length, (i) => property(value, keys[i]!))}}`;
  }
  const name = nameOfClass(value);
  // Its text would be all of its numbers, however many.
  if (ArrayBuffer.isView(value)) {
    return `<${name} of ${value.byteLength} bytes>`;
  }
  const text = String(value);
  return text.startsWith("[object ") ? `<${name} object>` : text;
}

/** A getter is not run: showing a value must not change it. */
function property(value: object, key: string): string {
  const found = Object.getOwnPropertyDescriptor(value, key);
  return `${key}: ${
    found?.get === undefined ? repr(found?.value, false) : "<getter>"
  }`;
}

function members(length: number, textOf: (index: number) => string): string {
  const shown = Array.from(
    { length: Math.min(length, MAX_MEMBERS) },
    (_, index) => textOf(index),
  );
  if (length > MAX_MEMBERS) shown.push("...");
  return shown.join(", ");
}

function elements(values: readonly unknown[]): string {
  return `[${members(values.length, (i) => repr(values[i], false))}]`;
}

function reprOfError(error: Error, deep: boolean): string {
  const words: string[] = [];
  if (error.message !== "") words.push(quote(String(error.message)));
  if (error instanceof AggregateError) {
    words.push(deep ? elements(error.errors) : "[...]");
  }
  return `${nameOfClass(error)}(${words.join(", ")})`;
}

/** A class that names its errors knows better than a minifier did. */
function nameOfClass(value: object): string {
  const prototype = Object.getPrototypeOf(value) as object | null;
  const named = value instanceof Error &&
    (Object.hasOwn(value, "name") ||
      prototype !== null && Object.hasOwn(prototype, "name"));
  if (named) return String(value.name);
  const { constructor } = value;
  return typeof constructor === "function" && constructor.name !== ""
    ? constructor.name
    : value instanceof Error
    ? String(value.name)
    : ANONYMOUS;
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

/** A string in quotes as Python chooses them. */
function quote(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  // deno-lint-ignore no-control-regex -- those must not reach a terminal
  const special = /[\\'\x00-\x1f\x7f-\x9f]/g;
  const shown = middleOut(text, MAX_STRING).replace(special, (char) => {
    if (char === "'") return mark === char ? "\\'" : char;
    const code = char.charCodeAt(0).toString(16).padStart(2, "0");
    return ESCAPES[char] ?? `\\x${code}`;
  });
  return mark + shown + mark;
}

// deno-lint-ignore ban-types -- any function at all has a name
function functionName(fn: Function): string {
  const { name } = fn;
  // A bound function is shown as what it calls, as Python shows a partial.
  const bare = typeof name === "string" ? name.replace(/^(bound )+/, "") : "";
  return bare === "" ? ANONYMOUS : bare;
}

/**
 * A callback, as the text of a handle shows it. Where it was written cannot be told
 * in JavaScript; debug mode says where the handle was made.
 *
 * @param callback The function.
 * @param args What it is called with.
 * @param options `debug`: whether the arguments are shown. They may be secrets, so
 * CPython shows them in debug mode only.
 * @returns The text.
 *
 * @example A call
 * ```ts
 * import { formatCallback } from "@x/asyncio";
 *
 * function greet(_name: string) {}
 * console.log(formatCallback(greet, ["ann"]));
 * console.log(formatCallback(greet, ["ann"], { debug: true }));
 * ```
 */
export function formatCallback(
  callback: (...args: never[]) => unknown,
  args: readonly unknown[],
  options?: { debug?: boolean },
): string {
  const shown = options?.debug ? args.map(shortRepr).join(", ") : "";
  return `${functionName(callback)}(${shown})`;
}
