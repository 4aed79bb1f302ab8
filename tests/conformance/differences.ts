/**
 * The deliberate differences from CPython that a comparison may skip, by name.
 * Each is explained in docs/differences.md under the same name. The harness
 * also writes scenarios around one that shows on nearly every line, "async
 * eager start" (see spell.ts), and settles another on the oracle's side,
 * "timers with equal deadlines" (see oracle/vloop.py).
 */
import type { Mode, Scenario, Spelling, Trace } from "./types.ts";

/** One comparison. */
export interface Case {
  /** The program. */
  readonly scenario: Scenario;
  /** The task factory in force. */
  readonly mode: Mode;
  /** The library's spelling. */
  readonly spelling: Spelling;
}

/** A difference that is meant. */
export interface Difference {
  /** Its name in docs/differences.md. */
  readonly name: string;
  /** Whether two lines say the same but for it. */
  readonly line?: (expected: string, actual: string) => boolean;
  /** Whether it is a line that CPython does not write at all. */
  readonly extra?: (actual: string) => boolean;
  /** Whether it explains that two whole traces differ. */
  readonly trace?: (at: Case, expected: Trace, actual: Trace) => boolean;
}

/** All of them. */
export const DIFFERENCES: readonly Difference[] = [
  {
    name: "what is no awaitable",
    // The accepted things are others, and the message lists them.
    line: (expected, actual) =>
      actual.replace(
        /(a coroutine or an awaitable is required): a future[^)]*/,
        "$1",
      ) === expected,
  },
  {
    name: "messages that name the fix",
    // CPython's text comes first, then what JavaScript's caller can do.
    line: (expected, actual) => {
      const text = "RuntimeError(cannot reuse already awaited coroutine";
      return expected.includes(`${text})`) &&
        actual.replace(/: [^)]*\)/, ")") === expected;
    },
  },
  {
    name: "errors that an exit pushes aside",
    // Newer CPythons report them as well.
    extra: (actual) => / handler exception,message,taskGroup "/.test(actual),
  },
  {
    name: "the error that another one replaces",
    // The error of leaving a block keeps the block's own as its cause, where
    // CPython has it as the context, which is not shown.
    line: (expected, actual) =>
      LEAVING.some((text) => actual.includes(text)) &&
      LEAVING.reduce(withoutCause, actual) === expected,
  },
  {
    name: "mistakes in a staggered race",
    // Two winners are an assert there, which can be switched off; an exit is
    // refused by the class of group chosen.
    line: (expected, actual) =>
      actual.replace(
          /RuntimeError\(Cannot have two winners[^)]*\)/g,
          "AssertionError",
        ) === expected ||
      expected.replace(
          "TypeError(Cannot nest BaseExceptions in an ExceptionGroup)",
          "",
        ) === actual.replace(
          /BaseExceptionGroup\(staggered race failed\)\[.*\]/,
          "",
        ),
  },
  {
    name: "awaiting a task that awaits itself",
    trace: (at) =>
      at.scenario.name ===
        "task: one that awaits itself, awaited by another meanwhile",
  },
];

const LEAVING = [
  "RuntimeError(Lock is not acquired.)",
  "ValueError(BoundedSemaphore released too many times)",
];

/** The line without what follows `error` as its cause. */
function withoutCause(line: string, error: string): string {
  const at = line.indexOf(error);
  if (at < 0) return line;
  const end = at + error.length;
  return line.slice(0, end) + withoutCause(afterCauses(line.slice(end)), error);
}

function afterCauses(text: string): string {
  const found = /^ from \w+/.exec(text);
  if (found === null) return text;
  let at = found[0].length;
  let depth = 0;
  for (; at < text.length; at++) {
    const c = text[at]!;
    if (c === "(" || c === "[") depth++;
    else if (depth === 0) break;
    if (c === ")" || c === "]") depth--;
  }
  return afterCauses(text.slice(at));
}

/** The outcome of a comparison. */
export type Verdict = { same: true; skipped: string[] } | { same: false };

/** Compares two traces, line by line, but for the differences above. */
export function judge(at: Case, expected: Trace, got: Trace): Verdict {
  const skipped = new Set<string>();
  const actual = got.filter((line) => {
    const known = DIFFERENCES.find(({ extra }) => extra?.(line));
    if (known) skipped.add(known.name);
    return known === undefined;
  });
  let same = expected.length === actual.length;
  for (let i = 0; same && i < expected.length; i++) {
    const [a, b] = [expected[i]!, actual[i]!];
    if (a === b) continue;
    const known = DIFFERENCES.find(({ line }) => line?.(a, b));
    if (known) skipped.add(known.name);
    else same = false;
  }
  if (same) return { same, skipped: [...skipped] };
  const whole = DIFFERENCES.find(({ trace }) => trace?.(at, expected, actual));
  return whole ? { same: true, skipped: [whole.name] } : { same: false };
}
