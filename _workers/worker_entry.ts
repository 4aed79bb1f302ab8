/**
 * The program of a pool's workers: calls the functions that it is told to, one after
 * the other. It imports little, since each worker loads it before anything else.
 *
 * @module
 */

import { listen, post } from "../_platform/worker_scope.ts";
import { withResolvers } from "../_platform/promises.ts";
import { type Invoke, within } from "./context_values.ts";
import { packError } from "./error_pack.ts";
import { findExport, type LoadedModule, loadError } from "./exports.ts";
import { unwrap } from "./module_function.ts";
import {
  type BeginMessage,
  type CallMessage,
  DIED,
  FAILED,
  RETURNED,
  UNFIT,
  workerState,
} from "./worker_state.ts";

const loaded = new Map<string, LoadedModule>();
/** What must end before the first call, or null once it has. */
let beginning: Promise<void> | null = null;
/** What must be there before anything is called, in an application's own worker. */
let provided: Promise<void> | null = null;

/**
 * Has calls wait.
 *
 * @returns Ends that.
 */
export function holdCalls(): () => void {
  const { promise, resolve } = withResolvers<void>();
  provided = promise;
  promise.then(() => provided = null);
  return resolve;
}

/** Brings a module, so that it need not be loaded. */
export function provideModule(url: string, module: object): void {
  loaded.set(url, module as LoadedModule);
}

async function load(url: string): Promise<LoadedModule> {
  workerState.loading++;
  try {
    const module: LoadedModule = await import(
      /* @vite-ignore */ /* webpackIgnore: true */ url
    );
    loaded.set(url, module);
    return module;
  } catch (error) {
    throw await loadError(error, url);
  } finally {
    workerState.loading--;
  }
}

function fail(id: number, error: unknown): void {
  workerState.call = 0;
  post([id, FAILED, packError(error)]);
}

function succeed([id, , name]: CallMessage, result: unknown): void {
  const list: Transferable[] = [];
  try {
    const value = unwrap(result, list);
    post([id, RETURNED, value], list);
    workerState.call = 0;
  } catch (error) {
    fail(
      id,
      new TypeError(
        `Cannot send the result of ${name}() to another thread: ${
          (error as Error).message
        }`,
        { cause: error },
      ),
    );
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as { then?: unknown }).then === "function";
}

const plainly: Invoke = (fn) => fn();

function invoke(
  call: CallMessage,
  module: LoadedModule,
  around: Invoke,
): unknown {
  const [, url, name, args] = call;
  const fn = findExport(module, url, name);
  return around(() => fn(...args));
}

/** A call from its beginning to its result. */
async function perform(call: CallMessage): Promise<unknown> {
  const [, url, , , context] = call;
  const module = loaded.get(url) ?? await load(url);
  // After the module, which may be the one that makes the variables.
  const around = context === null ? plainly : await within(context);
  return await invoke(call, module, around);
}

function answer(call: CallMessage): void {
  const [id, url, , , context] = call;
  workerState.call = id;
  const module = loaded.get(url);
  if (module === undefined || context !== null) {
    perform(call).then(
      (value) => succeed(call, value),
      (error) => fail(id, error),
    );
    return;
  }
  // The usual case, without a turn through promises.
  let result: unknown;
  let later: boolean;
  try {
    result = invoke(call, module, plainly);
    // In here: reading `then` of something odd may throw.
    later = isThenable(result);
  } catch (error) {
    fail(id, error);
    return;
  }
  if (later) {
    Promise.resolve(result).then(
      (value) => succeed(call, value),
      (error) => fail(id, error),
    );
  } else succeed(call, result);
}

function begin({ cells, name, initializer }: BeginMessage): void {
  workerState.cells = cells;
  workerState.name = name;
  if (initializer === null) return;
  beginning = perform(initializer).then(
    () => {
      beginning = null;
    },
    // The pool ends it: no call must run.
    (error) => {
      post([0, UNFIT, packError(error)]);
      return new Promise<void>(() => {});
    },
  );
}

function take(data: unknown): void {
  if (typeof data === "number") workerState.asked = data;
  else if (!Array.isArray(data)) begin(data as BeginMessage);
  else if (beginning === null) answer(data as unknown as CallMessage);
  else beginning.then(() => answer(data as unknown as CallMessage));
}

listen(
  (data) => {
    if (provided === null) take(data);
    else provided.then(() => take(data));
  },
  (error, byError) => post([0, DIED, byError ? packError(error) : null]),
);
