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
    name: "awaiting a task that awaits itself",
    trace: (at) =>
      at.scenario.name ===
        "task: one that awaits itself, awaited by another meanwhile",
  },
];

/** The outcome of a comparison. */
export type Verdict = { same: true; skipped: string[] } | { same: false };

/** Compares two traces, line by line, but for the differences above. */
export function judge(at: Case, expected: Trace, actual: Trace): Verdict {
  const skipped = new Set<string>();
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
