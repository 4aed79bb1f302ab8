/**
 * The globals that the adapters use, typed as far as they use them. Runtime type
 * packages would make every user's type check depend on them.
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

/** Loads a built-in module at once, without an import that bundlers follow. */
export function builtin<T>(name: string): T | undefined {
  return host.process?.getBuiltinModule?.(name) as T | undefined;
}
