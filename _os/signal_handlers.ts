/** The handlers of signals that a program adds to a loop. */

import type { BaseEventLoop } from "../base_events.ts";
import { trace } from "../_debug/origins.ts";
import { isCoroutine, isCoroutineFunction } from "../coroutines.ts";
import { type Callback, Handle } from "../events.ts";
import { NotImplementedError, RuntimeError } from "../exceptions.ts";
import { interruptsOf } from "../_kernel/interrupts.ts";

/** A signal: its name, as "SIGTERM", or its number. */
export type Signal = string | number;

/** The two that no program can handle. */
const UNCATCHABLE: ReadonlySet<string> = new Set(["SIGKILL", "SIGSTOP"]);

/** A signal that is handled. */
interface Entry {
  readonly name: string;
  readonly listener: () => void;
  handle: Handle;
}

/** The handlers of one loop. */
export class SignalHandlers {
  readonly #loop: BaseEventLoop;
  readonly #entries: Map<number, Entry> = new Map();

  constructor(loop: BaseEventLoop) {
    this.#loop = loop;
  }

  /** See `AbstractEventLoop.addSignalHandler`. */
  add(sig: Signal, callback: Callback, args: readonly unknown[]): void {
    checkCallback(callback);
    const number = this.#numberOf(sig);
    const loop = this.#loop;
    loop._checkClosed();
    const { os, signals } = loop._platform;
    if (!os.isMainThread) {
      throw new RuntimeError(
        "signal only works in main thread of the main interpreter: a worker " +
          "is sent none",
      );
    }
    const name = signals.numbers.nameOf(number)!;
    if (UNCATCHABLE.has(name)) {
      throw new RuntimeError(`sig ${sig} cannot be caught`);
    }
    const handle = new Handle(callback, args, loop);
    trace(handle, loop, callback);
    const standing = this.#entries.get(number);
    if (standing !== undefined) {
      standing.handle = handle;
      return;
    }
    const entry: Entry = {
      name,
      handle,
      listener: () => {
        if (!loop.isClosed()) loop._push(entry.handle);
      },
    };
    try {
      signals.add(name, entry.listener);
    } catch (error) {
      throw new NotImplementedError(
        `sig ${sig} cannot be caught: ${loop._platform.runtime} has no ` +
          `listeners for ${name}`,
        { cause: error },
      );
    }
    this.#entries.set(number, entry);
    // Only now: in between a Ctrl-C would end the program.
    if (name === "SIGINT") interruptsOf(loop)?.leave();
  }

  /** See `AbstractEventLoop.removeSignalHandler`. */
  remove(sig: Signal): boolean {
    const number = this.#numberOf(sig);
    const entry = this.#entries.get(number);
    if (entry === undefined) return false;
    this.#entries.delete(number);
    const { name, listener } = entry;
    this.#loop._platform.signals.remove(name, listener);
    if (name === "SIGINT") interruptsOf(this.#loop)?.comeBack();
    return true;
  }

  /** Removes them all. */
  clear(): void {
    for (const number of [...this.#entries.keys()]) this.remove(number);
  }

  /** The number of a signal that the system has. */
  #numberOf(sig: unknown): number {
    const { os, signals } = this.#loop._platform;
    if (typeof sig === "string") {
      const number = signals.numbers.numberOf(sig);
      if (number !== undefined) return number;
      throw new RangeError(`invalid signal name ${sig}: not one of ${os.name}`);
    }
    if (!Number.isInteger(sig)) {
      throw new TypeError(
        `sig must be an int, not ${show(sig)}: a number, or a name such as ` +
          '"SIGTERM"',
      );
    }
    if (signals.numbers.nameOf(sig as number) !== undefined) {
      return sig as number;
    }
    throw new RangeError(`invalid signal number ${sig}: not one of ${os.name}`);
  }
}

function show(value: unknown): string {
  return typeof value === "number" || value === null
    ? String(value)
    : typeof value;
}

function checkCallback(callback: unknown): void {
  if (isCoroutine(callback) || isCoroutineFunction(callback)) {
    throw new TypeError(
      "coroutines cannot be used with addSignalHandler(): make a task of it, " +
        "with createTask()",
    );
  }
  if (typeof callback !== "function") {
    throw new TypeError(
      "a callable object was expected by addSignalHandler(), got " +
        (callback === null ? "null" : typeof callback),
    );
  }
}
