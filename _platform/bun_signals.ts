/** Signals on Bun. */

import { type CompiledGuard, installGuard, isCompiled } from "./bun_guard.ts";
import { held, host } from "./host.ts";
import {
  endBy,
  isHandled,
  isWrapped,
  ownProcess,
  raiseDefault,
} from "./process_signals.ts";
import { signalNumbers } from "./signal_numbers.ts";
import {
  isIgnored,
  knowsLayout,
  LIBC,
  OneShotAction,
  type SignalLibrary,
} from "./sigaction.ts";
import {
  type Ending,
  type InterruptWatch,
  PressFilter,
  type Signals,
} from "./signals.ts";

// Taken once: fake timers that a test installs later must not reach in here.
const setTimeout = held("setTimeout");
const clearTimeout = held("clearTimeout");

interface Ffi {
  dlopen(
    path: string,
    symbols: Record<string, { args: string[]; returns: string }>,
  ): {
    symbols: {
      sigaction(signal: number, act: unknown, old: unknown): number;
    };
    close(): void;
  };
  ptr(bytes: Uint8Array): unknown;
}

/** Signals that Bun takes a listener for and never calls it. */
const UNHEARD: ReadonlySet<string> = new Set(["SIGPWR", "SIGSTKFLT"]);

/** How long a run lasts before its guard learns to tell doubled presses. */
const RELIEF_DELAY_MS = 100;

function openLibrary(): SignalLibrary | undefined {
  const ffi = (host.Bun as unknown as { FFI?: Partial<Ffi> }).FFI;
  const { dlopen, ptr } = ffi ?? {};
  const { platform, arch } = ownProcess();
  if (!dlopen || !ptr || !knowsLayout(platform, arch)) return undefined;
  for (const name of LIBC) {
    try {
      const library = dlopen(name, {
        sigaction: { args: ["i32", "ptr", "ptr"], returns: "i32" },
      });
      return {
        sigaction: (signal, action, previous) =>
          library.symbols.sigaction(
            signal,
            action && ptr(action),
            previous && ptr(previous),
          ),
        close: () => library.close(),
      };
    } catch {
      continue;
    }
  }
  return undefined;
}

/**
 * Ctrl-C for one run. At first the kernel guards it, which costs next to nothing
 * but takes a doubled Ctrl-C for two; a run that lasts gets the compiled handler,
 * which can tell. Without a way to call libc, nothing ends a busy program: `vm`'s
 * breakOnSigint does, but only around one synchronous call, not in microtasks.
 */
class BunInterrupts implements InterruptWatch {
  readonly #filter: PressFilter;
  readonly #library: SignalLibrary | undefined;
  #oneShot: OneShotAction | undefined;
  #guard: CompiledGuard | null = null;
  #timer: ReturnType<typeof globalThis.setTimeout> | undefined;

  constructor(handler: () => void, library: SignalLibrary | undefined) {
    this.#filter = new PressFilter(handler, isWrapped);
    this.#library = library;
    ownProcess().on("SIGINT", this.#press);
    if (library === undefined) return;
    // Where each press comes doubled, only the compiled handler will do.
    if (isCompiled() || isWrapped()) this.#guard = installGuard();
    if (this.#guard !== null) return;
    this.#oneShot = OneShotAction.of(library);
    this.#oneShot?.arm();
    this.#timer = setTimeout()(() => this.#relieve(), RELIEF_DELAY_MS);
  }

  readonly #press = () => {
    this.#oneShot?.arm();
    this.#guard?.acknowledge();
    this.#filter.press();
  };

  #relieve(): void {
    this.#oneShot?.release();
    this.#guard = installGuard();
    if (this.#guard === null) this.#oneShot?.arm();
    else this.#oneShot = undefined;
  }

  dispose(): void {
    clearTimeout()(this.#timer);
    this.#filter.dispose();
    this.#oneShot?.release();
    this.#oneShot = undefined;
    this.#guard?.remove();
    this.#guard = null;
    ownProcess().off("SIGINT", this.#press);
    this.#library?.close();
  }
}

function watchInterrupts(handler: () => void): InterruptWatch | null {
  if (!host.Bun!.isMainThread || isHandled("SIGINT")) return null;
  const library = openLibrary();
  if (library && isIgnored(library)) {
    library.close();
    return null;
  }
  return new BunInterrupts(handler, library);
}

let ending: ((error: unknown) => Ending | undefined) | undefined;

function endIfWanted(error: unknown): void {
  const end = ending?.(error);
  if (end !== undefined) endBy(end);
}

/** Thrown out of a module or a callback; who listens for these, handles them. */
function onException(error: unknown): void {
  if (ownProcess().listenerCount("uncaughtException") === 0) endIfWanted(error);
}

let rejectionWatched = false;

/**
 * A promise that nobody awaits reaches no monitor, only this event, and listening
 * to it keeps Bun from reporting other rejections. So it is listened to for one
 * turn, and a rejection that is not ours is made anew once we are gone.
 */
function watchRejections(): void {
  if (rejectionWatched) return;
  rejectionWatched = true;
  const stop = () => {
    rejectionWatched = false;
    ownProcess().off("unhandledRejection", onRejection);
  };
  const onRejection = (error: unknown) => {
    if (ownProcess().listenerCount("unhandledRejection") > 1) return;
    endIfWanted(error);
    stop();
    Promise.reject(error);
  };
  ownProcess().on("unhandledRejection", onRejection);
  host.setImmediate?.(stop);
}

function add(name: string, handler: () => void): void {
  if (UNHEARD.has(name) || name.startsWith("SIGRT")) {
    throw new TypeError(`Bun does not listen to ${name}`);
  }
  ownProcess().on(name, handler);
}

/** Signals of this Bun process. */
export function bunSignals(os: string): Signals {
  return {
    // Not before somebody asks: the table is a module that takes long to load.
    get numbers() {
      return signalNumbers(os);
    },
    add,
    remove: (name, handler) => ownProcess().off(name, handler),
    isHandled,
    watchInterrupts,
    endOnUncaught(answer) {
      if (!host.Bun!.isMainThread) return;
      if (ending === undefined) {
        ownProcess().on("uncaughtExceptionMonitor", onException);
      }
      ending = answer;
      watchRejections();
    },
    raiseDefault,
  };
}
