/** Signals on Deno. */

import { ownTimers } from "./deno_clock.ts";
import { GuardWorker } from "./deno_guard.ts";
import { builtin, host } from "./host.ts";
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
  isDoubler,
  PressFilter,
  signalExitCode,
  type Signals,
} from "./signals.ts";
import type { HostTimer } from "./types.ts";

/** The part of Deno that this file uses. */
interface DenoSignalHost {
  readonly pid: number;
  readonly build: { readonly os: string; readonly arch: string };
  readonly env: { get(name: string): string | undefined };
  readonly stdin: { isTerminal(): boolean };
  readonly stdout: { isTerminal(): boolean };
  readonly stderr: {
    isTerminal(): boolean;
    writeSync(bytes: Uint8Array): number;
  };
  readonly permissions: {
    querySync(d: { name: string; variable?: string }): { state: string };
  };
  readonly internal?: symbol;
  addSignalListener(name: string, handler: () => void): void;
  removeSignalListener(name: string, handler: () => void): void;
  kill(pid: number, signal: string): void;
  exit(code: number): never;
  dlopen(
    path: string,
    symbols: Record<string, { parameters: string[]; result: string }>,
  ): { symbols: { sigaction: SignalLibrary["sigaction"] }; close(): void };
}

interface ProcessEvents {
  listenerCount(name: string): number;
  removeAllListeners(name: string): void;
}

const deno = (): DenoSignalHost => host.Deno as unknown as DenoSignalHost;
const processEvents = () => builtin<ProcessEvents>("node:process");

/** How long a run lasts before it gets a watcher worker, in milliseconds. */
const GUARD_DELAY_MS = 10;
/** The same where the kernel already guards the run. */
const RELIEF_DELAY_MS = 100;
/** How long the first run may wait for its worker. */
const READY_MS = 250;

let watchedBefore = false;

function granted(name: string, variable?: string): boolean {
  const descriptor = variable === undefined ? { name } : { name, variable };
  return deno().permissions.querySync(descriptor).state === "granted";
}

function openLibrary(): SignalLibrary | undefined {
  const d = deno();
  if (!knowsLayout(d.build.os, d.build.arch) || !granted("ffi")) {
    return undefined;
  }
  for (const name of LIBC) {
    try {
      const library = d.dlopen(name, {
        sigaction: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
      });
      return {
        sigaction: library.symbols.sigaction,
        close: () => library.close(),
      };
    } catch {
      continue;
    }
  }
  return undefined;
}

/** Counts the signals listened to, by an undocumented list; undefined without. */
function listenedSignals(): number | undefined {
  const d = deno();
  if (d.internal === undefined) return undefined;
  type Core = { resources?(): Record<string, string> };
  const core = (d as unknown as Record<symbol, { core?: Core }>)[d.internal]
    ?.core;
  if (typeof core?.resources !== "function") return undefined;
  return Object.values(core.resources()).filter((r) => r === "signal").length;
}

/**
 * Deno has no way to list signal listeners. But it opens one resource for each
 * signal, not for each listener, so a further listener that opens none shows that
 * others stand. `process.on` goes through the same door.
 */
function isHandled(name: string): boolean {
  const before = listenedSignals();
  if (before === undefined) {
    return (processEvents()?.listenerCount(name) ?? 0) > 0;
  }
  if (before === 0) return false;
  const probe = () => {};
  deno().addSignalListener(name, probe);
  const shared = listenedSignals() === before;
  deno().removeSignalListener(name, probe);
  return shared;
}

function isTerminal(stream: { isTerminal(): boolean }): boolean {
  try {
    return stream.isTerminal();
  } catch {
    return false;
  }
}

function wrapped(): boolean {
  const d = deno();
  if (![d.stdin, d.stdout, d.stderr].some(isTerminal)) return false;
  const name = "npm_config_user_agent";
  // Without leave to look, a terminal counts as wrapped: `deno task` is common
  // there, and two presses of a key do not come within 10 ms.
  return !granted("env", name) || isDoubler(d.env.get(name));
}

/**
 * Ctrl-C for one run. At first the main thread listens itself; where the foreign
 * function interface is granted, the kernel ends a busy program at the second
 * SIGINT. Then a worker takes over, which can tell two presses from one doubled.
 * Where it is not granted, or each press comes doubled, the program's first run
 * starts the worker before anything else, since nothing can start it once a loop
 * spins; later runs start it after a moment, so that many short runs do not each
 * pay for one.
 */
class DenoInterrupts implements InterruptWatch {
  readonly #filter: PressFilter;
  readonly #library: SignalLibrary | undefined;
  #oneShot: OneShotAction | undefined;
  #guard: GuardWorker | undefined;
  #timer: HostTimer = null;
  #listening = false;
  #disposed = false;

  constructor(handler: () => void, library: SignalLibrary | undefined) {
    this.#filter = new PressFilter(handler, wrapped);
    this.#library = library;
    this.#listen(true);
    if (library && !wrapped()) this.#oneShot = OneShotAction.of(library);
    this.#oneShot?.arm();
    if (this.#oneShot) this.#startLater(RELIEF_DELAY_MS);
    else if (watchedBefore) this.#startLater(GUARD_DELAY_MS);
    else {
      this.#start();
      if (this.#guard?.waitReady(READY_MS)) this.#handOver();
    }
    watchedBefore = true;
  }

  readonly #press = () => {
    // The worker may have passed one on just before it ended.
    if (this.#disposed) return;
    this.#oneShot?.arm();
    this.#guard?.acknowledge();
    this.#filter.press();
  };

  #listen(on: boolean): void {
    if (on === this.#listening) return;
    this.#listening = on;
    if (on) deno().addSignalListener("SIGINT", this.#press);
    else deno().removeSignalListener("SIGINT", this.#press);
  }

  #startLater(ms: number): void {
    this.#timer = ownTimers().start(() => this.#start(), ms);
  }

  #start(): void {
    try {
      this.#guard = new GuardWorker({
        // A turn later: a signal that the main thread has already been sent is
        // lost when it stops listening.
        ready: () => {
          if (this.#listening && !this.#disposed) {
            this.#timer = ownTimers().start(() => this.#handOver(), 0);
          }
        },
        press: this.#press,
        fail: () => {
          if (!this.#disposed) this.#listen(true);
        },
      });
    } catch {
      this.#guard = undefined;
    }
  }

  #handOver(): void {
    this.#oneShot?.release();
    this.#oneShot = undefined;
    this.#listen(false);
    this.#guard?.forward();
  }

  dispose(): void {
    this.#disposed = true;
    if (this.#timer !== null) ownTimers().stop(this.#timer);
    this.#filter.dispose();
    this.#oneShot?.release();
    this.#oneShot = undefined;
    this.#listen(false);
    this.#guard?.dispose();
    this.#guard = undefined;
    this.#library?.close();
  }
}

function watchInterrupts(handler: () => void): InterruptWatch | null {
  if (host.WorkerGlobalScope !== undefined) return null;
  const library = openLibrary();
  // Asked first: looking for listeners adds one, which ends the ignoring.
  if ((library && isIgnored(library)) || isHandled("SIGINT")) {
    library?.close();
    return null;
  }
  return new DenoInterrupts(handler, library);
}

function raiseDefault(name: string): void {
  processEvents()?.removeAllListeners(name);
  deno().kill(deno().pid, name);
  // The default action may come from another thread, a moment later. A listener
  // that cannot be removed from here, or ignoring, leaves only the exit code.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  deno().exit(signalExitCode(name));
}

let ending: ((error: unknown) => Ending | undefined) | undefined;

function endIfWanted(event: Event, error: unknown): void {
  if (event.defaultPrevented) return;
  const end = ending?.(error);
  if (end === undefined) return;
  event.preventDefault();
  if (end.notice) deno().stderr.writeSync(new TextEncoder().encode(end.notice));
  if (end.signal !== undefined) raiseDefault(end.signal);
  deno().exit(end.code ?? 1);
}

/** Signals of this Deno process. */
export function denoSignals(os: string): Signals {
  return {
    // Not before somebody asks: the table is a module that takes long to load.
    get numbers() {
      return signalNumbers(os);
    },
    add: (name, handler) => deno().addSignalListener(name, handler),
    remove: (name, handler) => deno().removeSignalListener(name, handler),
    isHandled,
    watchInterrupts,
    endOnUncaught(answer) {
      if (ending === undefined && host.WorkerGlobalScope === undefined) {
        // A top-level await that rejects is an unhandled rejection on Deno.
        addEventListener(
          "unhandledrejection",
          (event) => endIfWanted(event, event.reason),
        );
        addEventListener("error", (event) => endIfWanted(event, event.error));
      }
      ending = answer;
    },
    raiseDefault,
  };
}
