/**
 * The globals that the adapters use, typed as far as they use them, and looked up late
 * where that takes long. Runtime type packages would make every user's type check
 * depend on them.
 */

/** The part of AsyncLocalStorage that is used. */
export interface AsyncLocalStorageLike<T> {
  getStore(): T | undefined;
  run<R>(value: T, fn: () => R): R;
}

/** `node:async_hooks`, as far as it is used. */
export interface AsyncHooksModule {
  AsyncLocalStorage: {
    new <T>(): AsyncLocalStorageLike<T>;
    snapshot?(): <R>(fn: () => R) => R;
  };
}

/** `process`, which Deno, Bun and Node all have. */
export interface ProcessLike {
  readonly pid: number;
  readonly platform: string;
  readonly env: Record<string, string | undefined>;
  getBuiltinModule?(name: string): unknown;
}

/** Deno's globals, as far as they are used. */
export interface DenoLike {
  readonly pid: number;
  readonly build: { readonly os: string };
  readonly env: { get(name: string): string | undefined };
  readonly permissions: {
    querySync(d: { name: string; variable?: string }): { state: string };
  };
  readonly internal?: symbol;
}

interface Host {
  readonly Deno?: DenoLike;
  readonly Bun?: { readonly version: string; readonly isMainThread: boolean };
  readonly process?: ProcessLike;
  readonly setImmediate?: (fn: () => void) => unknown;
  readonly WorkerGlobalScope?: unknown;
}

/** The global object under the names above. */
export const host: Host = globalThis as unknown as Host;

/** The globals that are looked up late. */
interface Held {
  readonly setTimeout: typeof globalThis.setTimeout;
  readonly clearTimeout: typeof globalThis.clearTimeout;
  readonly setImmediate: (fn: () => void) => unknown;
}

/**
 * A global function as it stands now, whatever a test puts in its place later; but
 * looked up when it is first called for, since reading it may load modules: on Deno
 * the timers are accessors, and the first takes 4 ms.
 *
 * @param name Its name.
 * @returns Gives it.
 */
export function held<K extends keyof Held>(name: K): () => Held[K] {
  const { get, value } = Object.getOwnPropertyDescriptor(globalThis, name) ??
    {};
  let found = value as Held[K] | undefined;
  return () => found ??= get!.call(globalThis) as Held[K];
}

/** Loads a built-in module at once, without an import that bundlers follow. */
export function builtin<T>(name: string): T | undefined {
  return host.process?.getBuiltinModule?.(name) as T | undefined;
}
