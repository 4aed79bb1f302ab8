/** The signals capability, and what the adapters share to provide it. */

import { held } from "./host.ts";
import type { SignalNumbers } from "./signal_numbers.ts";

// Taken once: fake timers that a test installs later must not reach in here.
const { performance } = globalThis;
const setTimeout = held("setTimeout");
const clearTimeout = held("clearTimeout");

/** How the program ends because of an error that nothing caught. */
export interface Ending {
  /** What to print on the standard error stream first. */
  readonly notice: string;
  /** The signal to die of; without it, the program exits with `code`. */
  readonly signal?: string;
  /** The exit code; 1 unless given. */
  readonly code?: number;
}

/** A running watch for Ctrl-C. */
export interface InterruptWatch {
  /** Ends it: SIGINT does again what it did before. */
  dispose(): void;
}

/** Signals of the process; names are as in "SIGINT". */
export interface Signals {
  /** The signals that the system has; the runtime may hear fewer of them. */
  readonly numbers: SignalNumbers;
  /**
   * Calls `handler` at each such signal; it does not keep the process alive.
   *
   * @throws {Error} When the runtime cannot hear it.
   */
  add(name: string, handler: () => void): void;
  /** Takes back `add`; with the last handler the default action returns. */
  remove(name: string, handler: () => void): void;
  /** Whether some listener of this thread stands, whoever added it. */
  isHandled(name: string): boolean;
  /**
   * Calls `handler` at each SIGINT, once for the two that a wrapper makes of one
   * Ctrl-C, and sees to it that a second one ends the program while JavaScript
   * is too busy to be called. Returns null, and leaves SIGINT alone, outside the
   * main thread, where a listener stands already, and where SIGINT is ignored.
   */
  watchInterrupts(handler: () => void): InterruptWatch | null;
  /**
   * From now on, ends the program when an error that nobody caught is one for
   * which `ending` has an answer.
   */
  endOnUncaught(ending: (error: unknown) => Ending | undefined): void;
  /** Restores the default action of the signal and sends it to the process. */
  raiseDefault(name: string): void;
}

/** Signals closer than this in time are taken for one press of Ctrl-C. */
const TWIN_MS = 10;
/** How long the second of two such signals waits where they may be two. */
const GRACE_MS = 250;

/**
 * Makes one call of the two signals that one Ctrl-C can send. `deno task` and
 * `bun run` pass on the SIGINT that the terminal gave to the whole process group
 * anyway (the pair comes 0.03 to 0.3 ms apart), and so does `timeout -s INT`;
 * taken as two presses they would cut every cleanup short.
 *
 * Under such a wrapper the second of a pair is dropped. Elsewhere it may be a
 * second signal in earnest, and counts a moment later.
 */
export class PressFilter {
  #last = -Infinity;
  #late: ReturnType<typeof globalThis.setTimeout> | undefined;
  readonly #handler: () => void;
  readonly #wrapped: () => boolean;

  constructor(handler: () => void, wrapped: () => boolean) {
    this.#handler = handler;
    this.#wrapped = wrapped;
  }

  /** A signal came. */
  press(): void {
    const now = performance.now();
    const gap = now - this.#last;
    this.#last = now;
    if (gap >= TWIN_MS) this.#handler();
    else if (this.#late === undefined && !this.#wrapped()) {
      this.#late = setTimeout()(() => {
        this.#late = undefined;
        this.#handler();
      }, GRACE_MS);
    }
  }

  /** Forgets a signal that is still waiting. */
  dispose(): void {
    if (this.#late === undefined) return;
    clearTimeout()(this.#late);
    this.#late = undefined;
  }
}

/**
 * Whether the value of npm_config_user_agent names a wrapper that doubles the
 * Ctrl-C of a terminal. npm sets the variable too, but passes nothing on.
 */
export function isDoubler(agent: string | undefined): boolean {
  return agent !== undefined && !agent.startsWith("npm/");
}

/** The conventional exit code of a program that a signal ended. */
export function signalExitCode(name: string): number {
  const codes: Record<string, number> = {
    SIGHUP: 1,
    SIGINT: 2,
    SIGQUIT: 3,
    SIGTERM: 15,
  };
  return 128 + (codes[name] ?? 0);
}
