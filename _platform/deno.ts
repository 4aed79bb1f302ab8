/**
 * The adapter for Deno. Its AsyncLocalStorage adds an entry to a WeakMap per run(),
 * which for many tasks costs more in garbage collection than all the rest; so the
 * library's store reads and writes Deno's async context itself, where a try at load
 * time shows that this works. Elsewhere the public API serves.
 */

import { asyncHooksContext, enteringHop, promiseHop } from "./context.ts";
import { type AsyncHooksModule, builtin, host } from "./host.ts";
import { denoClock, ownTimers } from "./deno_clock.ts";
import { denoSignals } from "./deno_signals.ts";
import { lateIo } from "./late_io.ts";
import { nodeTls } from "./tls.ts";
import type { ContextStore, Platform } from "./types.ts";

/** Deno's own way to read and set the async context; not a public API. */
interface ContextOps {
  getAsyncContext(): unknown;
  setAsyncContext(context: unknown): unknown;
  /** What AsyncLocalStorage is made of. */
  readonly AsyncVariable?: new () => {
    enter(value: unknown): unknown;
    get(): unknown;
  };
}

/** The runtime's own store, beside which the library's is tried. */
function hostStore(core: ContextOps): ContextStore<object> {
  if (typeof core.AsyncVariable !== "function") {
    const hooks = builtin<AsyncHooksModule>("node:async_hooks")!;
    return asyncHooksContext(hooks, promiseHop).createStore();
  }
  // The same without node:process, which takes longer to load than this library.
  const variable = new core.AsyncVariable();
  return {
    get: () => variable.get() as object | undefined,
    run(value, fn) {
      const before = variable.enter(value);
      try {
        return fn();
      } finally {
        core.setAsyncContext(before);
      }
    },
  };
}

/**
 * Finds Deno's internal context functions and tries them: snapshot() does the
 * same publicly at ten times the cost. Anything unexpected means "not there".
 */
export function findContextOps(deno: unknown): ContextOps | undefined {
  try {
    const symbol = (deno as { internal?: symbol }).internal;
    if (symbol === undefined) return undefined;
    const core = (deno as Record<symbol, { core?: ContextOps }>)[symbol]?.core;
    if (
      typeof core?.getAsyncContext !== "function" ||
      typeof core.setAsyncContext !== "function"
    ) return undefined;
    const [own, other] = [rawStore<object>(core), hostStore(core)];
    const [mine, its] = [{}, {}];
    const both = () => own.get() === mine && other.get() === its;
    // Each must see its own value inside the other's, and nothing outside.
    const fine = own.run(mine, () => other.run(its, both)) &&
      other.run(its, () => own.run(mine, both)) &&
      own.get() === undefined && other.get() === undefined;
    return fine ? core : undefined;
  } catch {
    return undefined;
  }
}

/** The hop for Deno; without the internals, the portable one. */
export function denoHop(
  ops: ContextOps | undefined,
): (fn: () => void) => () => void {
  if (ops === undefined) return promiseHop;
  return enteringHop(() => {
    const context = ops.getAsyncContext();
    // Not restored: a microtask's context ends with it.
    return (fn) => {
      ops.setAsyncContext(context);
      fn();
    };
  });
}

/** Where the library's value stands in an async context, which is a plain object. */
const KEY: unique symbol = Symbol("@x/asyncio");

/** A context with the library's value alone; the common case. */
class Frame {
  readonly [KEY]: unknown;

  constructor(value: unknown) {
    this[KEY] = value;
  }
}
// Others look their own keys up in it: they must not find Object's.
Object.setPrototypeOf(Frame.prototype, null);

/** The store on Deno's own functions; see the top of this file. */
export function rawStore<T extends object>(ops: ContextOps): ContextStore<T> {
  return {
    get() {
      const frame = ops.getAsyncContext() as Partial<Frame> | null | undefined;
      return frame?.[KEY] as T | undefined;
    },
    run(value, fn) {
      const before = ops.getAsyncContext();
      ops.setAsyncContext(
        before === null || before === undefined
          ? new Frame(value)
          : { __proto__: null, ...before, [KEY]: value },
      );
      try {
        return fn();
      } finally {
        ops.setAsyncContext(before);
      }
    },
  };
}

/** Makes the platform for Deno. */
export function denoPlatform(): Platform {
  const deno = host.Deno!;
  const io = lateIo(async () => (await import("./deno_io.ts")).denoIo());
  const ops = findContextOps(deno);
  const hop = denoHop(ops);
  const os = deno.build.os === "windows" ? "win32" : deno.build.os;
  return {
    runtime: "deno",
    clock: denoClock(ownTimers()),
    context: ops === undefined
      ? asyncHooksContext(builtin<AsyncHooksModule>("node:async_hooks")!, hop)
      : { createStore: () => rawStore(ops), hop },
    os: {
      name: os,
      pid: deno.pid,
      isMainThread: host.WorkerGlobalScope === undefined,
      env(name) {
        // Asked first: a prompt or an error would come from reading without.
        const { state } = deno.permissions.querySync({
          name: "env",
          variable: name,
        });
        return state === "granted" ? deno.env.get(name) : undefined;
      },
    },
    signals: denoSignals(os),
    ...io,
    tls: nodeTls(),
  };
}
