/**
 * What the library asks of a runtime, by capability. Each adapter in this
 * folder implements it in one file; nothing outside the folder names a runtime.
 */

import type { Datagrams } from "./datagrams.ts";
import type { Dns } from "./dns.ts";
import type { Pipes } from "./pipes.ts";
import type { Processes } from "./processes.ts";
import type { Signals } from "./signals.ts";
import type { StreamSockets } from "./sockets.ts";
import type { Tls } from "./tls_types.ts";

/** The names of the runtimes that have an adapter. */
export type RuntimeName = "deno" | "bun" | "node" | "web" | "fake";

/** A host timer; what it is differs from runtime to runtime. */
export type HostTimer = unknown;

/** Time and the ways to be called later. All times are in seconds. */
export interface Clock {
  /** The smallest step that `now` can show. */
  readonly resolution: number;
  /** A time that never runs backwards. */
  now(): number;
  /** Calls `fn` in a macrotask of its own, after I/O has had its turn. */
  immediate(fn: () => void): void;
  /** Calls `fn` once, after about `delay` seconds; it may come early. */
  startTimer(delay: number, fn: () => void): HostTimer;
  /** Forgets a timer that has not fired. */
  clearTimer(timer: HostTimer): void;
  /** Keeps the process alive until the returned function is called. */
  keepAlive(): () => void;
}

/** Wraps a callback; see {@linkcode ContextStore.carrier}. */
export type Carrier = <V>(
  callback: (value: V) => unknown,
) => (value: V) => unknown;

/**
 * A value that follows native `await`s, host timers and I/O callbacks: what
 * AsyncLocalStorage gives on the runtimes that have it.
 */
export interface ContextStore<T> {
  /** The value of the code that runs now. */
  get(): T | undefined;
  /**
   * Calls `fn` with the value set, for it and all that it starts. Some stores want
   * to know which function of the program `fn` stands for.
   */
  run<R>(value: T, fn: () => R, called?: unknown): R;
  /**
   * Where the runtime does not see to it: the code that runs now begins to wait for
   * this library. Both callbacks of its `then` are to be wrapped by what is returned,
   * so that what they set going has the value.
   */
  carrier?(): Carrier;
}

/** The runtime's implicit context, which its promises carry along. */
export interface HostContext {
  /** Makes a store; one per thread serves the whole library. */
  createStore<T extends object>(): ContextStore<T>;
  /**
   * Returns a function that calls `fn` in a microtask, in the context in which
   * `hop` was called rather than the context of whoever asks. Asking again
   * before `fn` was called is not allowed.
   */
  hop(fn: () => void): () => void;
}

/** Facts about the machine and the process. */
export interface OsFacts {
  /** The operating system, as Node names it: "linux", "darwin", "win32", … */
  readonly name: string;
  /** The process id, or 0 where there is none. */
  readonly pid: number;
  /** Whether this is the program's main thread, which receives signals. */
  readonly isMainThread: boolean;
  /** An environment variable, or undefined where it may not be read. */
  env(name: string): string | undefined;
}

/** One runtime, as the library sees it. */
export interface Platform {
  readonly runtime: RuntimeName;
  readonly clock: Clock;
  readonly context: HostContext;
  readonly os: OsFacts;
  readonly signals: Signals;
  readonly sockets: StreamSockets;
  readonly datagrams: Datagrams;
  readonly dns: Dns;
  readonly tls: Tls;
  readonly pipes: Pipes;
  readonly processes: Processes;
}
