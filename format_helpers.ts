/**
 * Text forms for errors, handles and stacks.
 *
 * @module
 */

import { DEBUG_STACK_DEPTH } from "./constants.ts";

/** One frame of a stack. */
export interface StackFrame {
  /** The function, or "(anonymous)". */
  readonly functionName: string;
  /** The file's URL or path. */
  readonly file: string;
  /** The line, from 1. */
  readonly line: number;
  /** The column, from 1. */
  readonly column: number;
}

/** Where this library lies: its own frames are of no use to anyone else. */
const HERE = import.meta.url.slice(0, import.meta.url.lastIndexOf("/") + 1);
const HERE_PATH = HERE.replace(/^file:\/\//, "");

/** The library's own modules; programs beside them in the same folder stay. */
const OWN =
  /^(_\w+|base_\w+|constants|contextvars|coroutines|events|exceptions|format_helpers|futures|log|mod|runners|tasks|timeouts)\.ts$/;

function isOwn(file: string): boolean {
  const base = file.startsWith(HERE)
    ? HERE
    : file.startsWith(HERE_PATH)
    ? HERE_PATH
    : null;
  if (base === null) return false;
  const rest = file.slice(base.length);
  return rest.startsWith("_platform/") || OWN.test(rest);
}

// V8: "    at name (file:1:2)" or "    at file:1:2", with "async " before some.
const V8_FRAME = /^\s*at (?:async )?(?:(.*?) \()?(.+?):(\d+):(\d+)\)?$/;
// JavaScriptCore elsewhere than in Bun: "name@file:1:2".
const JSC_FRAME = /^(.*?)@(.+?):(\d+):(\d+)$/;

/** The frames of a stack's text, newest first. */
function parse(stack: string): StackFrame[] {
  const frames: StackFrame[] = [];
  for (const line of stack.split("\n")) {
    const found = V8_FRAME.exec(line) ?? JSC_FRAME.exec(line);
    if (found === null) continue;
    frames.push({
      functionName: found[1] || "(anonymous)",
      file: found[2]!,
      line: Number(found[3]),
      column: Number(found[4]),
    });
  }
  return frames;
}

/** Frames of the runtime itself, which no reader can do anything about. */
function isInternal({ file }: StackFrame): boolean {
  return /^(ext:|node:|native|internal:|bun:|\[)/.test(file);
}

/**
 * The current stack, oldest frame first, without the frames of this library and of
 * the runtime.
 *
 * @param f An error whose stack is meant in place of the current one.
 * @param limit At most so many frames, the newest; `DEBUG_STACK_DEPTH` unless
 * given.
 * @returns The frames.
 */
export function extractStack(
  f?: Error | null,
  limit: number = DEBUG_STACK_DEPTH,
): StackFrame[] {
  let error: Error;
  if (f != null) error = f;
  else {
    // The library's own frames come first and are dropped, so more are asked for.
    const before = Error.stackTraceLimit;
    Error.stackTraceLimit = limit + 20;
    error = new Error();
    // Read while the limit stands: the text is made when it is first looked at.
    void error.stack;
    Error.stackTraceLimit = before;
  }
  return stackOfError(error).slice(-limit);
}

/**
 * The frames of an error's stack, oldest first, without those of this library and of
 * the runtime.
 *
 * @param error Any thrown value.
 * @returns The frames; none where it has no stack.
 */
export function stackOfError(error: unknown): StackFrame[] {
  const stack = error instanceof Error ? error.stack : undefined;
  if (typeof stack !== "string") return [];
  return parse(stack)
    .filter((frame) => !isOwn(frame.file) && !isInternal(frame))
    .reverse();
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

/**
 * A short text of any value, for error texts.
 *
 * @param value The value.
 * @returns The text, of bounded length.
 */
export function shortRepr(value: unknown): string {
  const text = repr(value);
  return text.length <= MAX_REPR
    ? text
    : `${text.slice(0, MAX_REPR / 2)}...${text.slice(-MAX_REPR / 4)}`;
}

function repr(value: unknown): string {
  switch (typeof value) {
    case "string":
      return `'${
        value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")
          .replaceAll("\n", "\\n")
      }'`;
    case "function":
      return `<function ${value.name || "(anonymous)"}>`;
    case "bigint":
      return `${value}n`;
    case "object":
      break;
    default:
      return String(value);
  }
  if (value === null) return "null";
  try {
    if (value instanceof Error) {
      return `${value.name}(${value.message ? repr(value.message) : ""})`;
    }
    if (Array.isArray(value)) {
      const shown = value.slice(0, 6).map(shallow).join(", ");
      return value.length > 6 ? `[${shown}, ...]` : `[${shown}]`;
    }
    const own = Object.getPrototypeOf(value) === Object.prototype;
    if (!own) return String(value);
    const keys = Object.keys(value);
    const shown = keys.slice(0, 6).map((key) =>
      `${key}: ${shallow((value as Record<string, unknown>)[key])}`
    );
    if (keys.length > 6) shown.push("...");
    return `{${shown.join(", ")}}`;
  } catch (error) {
    // A toString or getter that throws must not hide what is being reported.
    return `<unprintable ${error instanceof Error ? error.name : "object"}>`;
  }
}

/** A member's text, without its own members. */
function shallow(value: unknown): string {
  if (Array.isArray(value)) return "[...]";
  if (
    typeof value === "object" && value !== null && !(value instanceof Error) &&
    Object.getPrototypeOf(value) === Object.prototype
  ) return "{...}";
  return repr(value);
}

/**
 * A callback with its arguments, as the text of a handle shows it.
 *
 * @param callback The function.
 * @param args What it is called with.
 * @returns The text.
 */
export function formatCallback(
  callback: (...args: never[]) => unknown,
  args: readonly unknown[],
): string {
  return `${callback.name || "(anonymous)"}(${args.map(shortRepr).join(", ")})`;
}
