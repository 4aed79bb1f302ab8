/**
 * Where things were made, for debug mode. A stack is taken as it is and read only
 * when somebody wants to see it: reading costs a hundred times as much.
 *
 * Taking one still costs several steps of a task. A program that makes very many
 * things in a short time pays for a limited number of stacks; what comes after that
 * is said to have been made where the last of its kind was.
 */

import { DEBUG_STACK_DEPTH } from "../constants.ts";
import {
  OWN_FRAMES,
  type StackFrame,
  stackOfError,
} from "../format_helpers.ts";

/** How many stacks may be taken at once. */
const MOST = 1000;
/** How many more each second of the loop's time. */
const PER_SECOND = 5000;

/** Where something was made. */
export class Origin {
  #error: Error | null;
  #frames: readonly StackFrame[] = [];
  /** Whether it tells of another thing, of the same kind. */
  readonly alike: boolean;

  constructor(error: Error, alike: boolean) {
    this.#error = error;
    this.alike = alike;
  }

  /** The frames, oldest first. */
  get frames(): readonly StackFrame[] {
    if (this.#error !== null) {
      this.#frames = stackOfError(this.#error).slice(-DEBUG_STACK_DEPTH);
      this.#error = null;
    }
    return this.#frames;
  }

  /** "created at file:line", or nothing where it is not known. */
  get place(): string {
    const frame = this.frames.at(-1);
    if (frame === undefined) return "";
    const how = this.alike ? "created like those at" : "created at";
    return `${how} ${frame.file}:${frame.line}`;
  }
}

class Origins {
  /** Whether the loop of this thread is in debug mode. */
  on = false;
  #left = MOST;
  #filled = 0;
  /** The last of each kind. */
  #last = new WeakMap<object, Origin>();

  /** Whether a stack may be taken. */
  left(): boolean {
    return !this.on || this.#left >= 1;
  }

  /** Whether a stack may be taken, which is counted. */
  spend(): boolean {
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }

  /** The place that this is called from, or null where no stack may be taken. */
  take(kind: object | null): Origin | null {
    if (!this.spend()) return null;
    const error = takeStack();
    // Kept for the time when there are no more.
    if (kind !== null && this.#left < MOST / 2) {
      this.#last.set(kind, new Origin(error, true));
    }
    return new Origin(error, false);
  }

  /** Where the last of a kind was made, for one of which that is not known. */
  alike(kind: object | null): Origin | null {
    return kind === null || !this.on ? null : this.#last.get(kind) ?? null;
  }

  /** Time has passed. */
  refill(now: number): void {
    const more = (now - this.#filled) * PER_SECOND;
    // Below zero: another clock, of another loop.
    if (more >= 0 && more < 1) return;
    this.#filled = now;
    this.#left = Math.min(MOST, this.#left + Math.max(more, 0));
  }
}

/** The stack, with the library's own frames, which are left out when it is read. */
function takeStack(): Error {
  const stacks = Error as unknown as { stackTraceLimit: number };
  const before = stacks.stackTraceLimit;
  stacks.stackTraceLimit = DEBUG_STACK_DEPTH + OWN_FRAMES;
  const error = new Error();
  stacks.stackTraceLimit = before;
  return error;
}

/** What debug mode knows of this thread. */
export const origins: Origins = new Origins();

/** A loop, as far as it matters here. */
interface Loop {
  getDebug(): boolean;
}

/**
 * Remembers where something was made if its loop is in debug mode. A call of its own:
 * a constructor that does it itself is too long for compilers to inline.
 */
export function trace(
  made: { _origin: Origin | null },
  loop: Loop,
  kind: object | null,
): void {
  if (!loop.getDebug()) return;
  const origin = origins.take(kind);
  // Nothing is written where nothing is known: a new field costs as much as a stack.
  if (origin !== null) made._origin = origin;
}
