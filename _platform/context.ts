/** The context capability over AsyncLocalStorage, for every runtime that has it. */

import type { AsyncHooksModule } from "./host.ts";
import type { ContextStore, HostContext } from "./types.ts";

const resolved = Promise.resolve();

/**
 * The portable hop: a promise whose reaction was registered in the right context
 * before it was resolved. It costs a promise per hop.
 */
export function promiseHop(fn: () => void): () => void {
  let resolve!: () => void;
  const arm = () => {
    new Promise<void>((r) => {
      resolve = r;
    }).then(run);
  };
  const run = () => {
    arm();
    fn();
  };
  arm();
  return () => resolve();
}

/**
 * A hop that enters a captured context at its start: a third cheaper where
 * entering costs little (Bun's snapshots do, Deno's do not).
 */
export function enteringHop(
  capture: () => (fn: () => void) => void,
): (fn: () => void) => () => void {
  return (fn) => {
    const enter = capture();
    const run = () => enter(fn);
    return () => void resolved.then(run);
  };
}

/** Makes the context capability from `node:async_hooks`. */
export function asyncHooksContext(
  hooks: AsyncHooksModule,
  hop: (fn: () => void) => () => void,
): HostContext {
  return {
    createStore<T extends object>(): ContextStore<T> {
      const als = new hooks.AsyncLocalStorage<T>();
      return {
        get: () => als.getStore(),
        run: (value, fn) => als.run(value, fn),
      };
    },
    hop,
  };
}
