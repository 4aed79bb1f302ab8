/** What a virtual test is given, and what it may ask for. */

import type { Awaitable } from "../coroutines.ts";
import type { AbstractEventLoop, ExceptionContext } from "../events.ts";
import type { FakeNetwork } from "./network.ts";
import type { Random } from "./seed.ts";

/** Options of a virtual test. */
export interface TestOptions {
  /**
   * Shuffles the order of what is ready, where CPython leaves it open, and starts the
   * random numbers: a number, or what `explore` printed. First come, first served
   * unless given.
   */
  seed?: number | string | undefined;
  /** Real seconds that the test may take; 5 unless given. */
  timeLimit?: number | undefined;
  /** What the loop's clock shows at first, in seconds; 0 unless given. */
  start?: number | undefined;
  /** Whether the loop is in debug mode. */
  debug?: boolean | undefined;
  /** Takes a line for each thing that ran, in order. */
  trace?: string[] | undefined;
  /** "real" for the machine's own sockets and names; in memory unless given. */
  network?: "memory" | "real" | undefined;
  /** Whether what is left open fails the test; true unless given. */
  leaks?: boolean | undefined;
  /** Tasks, timers, servers, transports and executors that may be left open. */
  ignore?: Iterable<unknown> | undefined;
  /** Whether the test may wait for timers of the runtime; false unless given. */
  realTimers?: boolean | undefined;
}

/** What a virtual test's body is given. */
export interface TestScope {
  /** The loop that runs it. */
  readonly loop: AbstractEventLoop;
  /** The network that its connections use, unless that is the real one. */
  readonly network: FakeNetwork;
  /** Random numbers from the seed. */
  readonly random: Random;
  /** What the loop's exception handler was told, and the test has not taken. */
  readonly reports: ExceptionContext[];
  /** The loop's time, in seconds. */
  time(): number;
  /**
   * Moves the clock on by hand; what is due then runs as if late.
   *
   * @param seconds How far.
   * @throws RangeError When it is negative or infinite.
   * @throws TypeError When it is no number.
   */
  advance(seconds: number): void;
  /** Takes the messages of the reports, oldest first. */
  messages(): string[];
  /**
   * Holds the clock while something outside the loop goes on that the library cannot
   * know of: returns what lets go of it.
   */
  hold(): () => void;
  /**
   * Sends a signal such as "SIGINT" to whoever has a handler for it.
   *
   * @returns Whether somebody had.
   */
  signal(name: string): boolean;
}

/** A body: an async function or a generator function. */
export type TestBody<T> = (test: TestScope) => Awaitable<T>;

/**
 * Checks what a test asks for.
 *
 * @throws RangeError When a number or a word makes no sense.
 * @throws TypeError When something is of a wrong type.
 */
export function checkOptions(options: TestOptions): void {
  const { timeLimit, start, network, trace, ignore } = options;
  if (timeLimit !== undefined && !(Number(timeLimit) > 0)) {
    throw new RangeError(
      `Cannot run a test: timeLimit has to be a number of seconds above 0, got ` +
        timeLimit,
    );
  }
  if (start !== undefined && !Number.isFinite(start)) {
    throw new RangeError(
      `Cannot run a test: start has to be a finite number of seconds, got ${start}`,
    );
  }
  if (network !== undefined && network !== "memory" && network !== "real") {
    throw new RangeError(
      `Cannot run a test: network has to be "memory" or "real", got ${network}`,
    );
  }
  if (trace !== undefined && !Array.isArray(trace)) {
    throw new TypeError("Cannot run a test: trace has to be an array");
  }
  if (
    ignore !== undefined &&
    typeof (ignore as Partial<Iterable<unknown>> | null)?.[Symbol.iterator] !==
      "function"
  ) {
    throw new TypeError("Cannot run a test: ignore has to be iterable");
  }
}
