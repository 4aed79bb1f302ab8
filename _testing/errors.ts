/** The errors that say what is wrong with a test. */

import { RuntimeError } from "../exceptions.ts";

/** Everything waits, and nothing will ever go on. Its message says who for whom. */
export class DeadlockError extends RuntimeError {
  /** Its name, for consoles. */
  override readonly name: string = "DeadlockError";
}

/** A test took too much real time. Its message shows what its tasks wait for. */
export class TimeLimitError extends RuntimeError {
  /** Its name, for consoles. */
  override readonly name: string = "TimeLimitError";
}

/** A test waits for a timer of the runtime, which no virtual clock moves on. */
export class RealTimerError extends RuntimeError {
  /** Its name, for consoles. */
  override readonly name: string = "RealTimerError";
}

/** A test left something open. Its message says what, and where it was made. */
export class LeakError extends RuntimeError {
  /** Its name, for consoles. */
  override readonly name: string = "LeakError";
  /** What was left, one line each. */
  readonly leaks: readonly string[];

  /**
   * Made by the end of a test.
   *
   * @param message All of it in words.
   * @param leaks One line for each.
   */
  constructor(message: string, leaks: readonly string[]) {
    super(message);
    this.leaks = leaks;
  }
}

/** A search found a schedule under which the test fails. */
export class ExploreError extends Error {
  /** Its name, for consoles. */
  override readonly name: string = "ExploreError";
  /** What `runTest` takes as `seed` to run this schedule again. */
  readonly seed: string;
  /** Where the schedule departs from first come, first served. */
  readonly schedule: readonly string[];
  /** How many runs the search took until it failed. */
  readonly runs: number;

  /**
   * Made by a search.
   *
   * @param seed What replays it.
   * @param schedule Its departures, in words.
   * @param runs How many runs it took.
   * @param cause What the test failed with.
   */
  constructor(
    seed: string,
    schedule: readonly string[],
    runs: number,
    cause: unknown,
  ) {
    const steps = schedule.length === 0
      ? ["  first come, first served"]
      : schedule.map((line) => `  ${line}`);
    super(
      [
        `The test failed in run ${runs} of the search, with: ${short(cause)}`,
        "The shortest schedule found that fails:",
        ...steps,
        `Replay it with runTest(body, { seed: "${seed}" })`,
      ].join("\n"),
      { cause },
    );
    this.seed = seed;
    this.schedule = schedule;
    this.runs = runs;
  }
}

function short(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const [line = ""] = error.message.split("\n");
  return `${error.name}: ${line}`;
}
