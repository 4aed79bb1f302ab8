/** What other threads have a loop call. */

import { loadWorkers } from "../_platform/workers_here.ts";
import type { AnyCoroutine, Coro } from "../coroutines.ts";
import type { AbstractEventLoop } from "../events.ts";
import {
  findExport,
  type Found,
  type LoadedModule,
  loadError,
} from "./exports.ts";
import { inline } from "../_tasks/inline.ts";
import { functionHere } from "./module_function.ts";
import type { Service } from "./port_calls.ts";
import type { Request } from "./port_words.ts";
import { isGenerator } from "../_kernel/step.ts";

/** A function and its arguments. */
export type Named = readonly [
  module: string,
  name: string,
  args: readonly unknown[],
];

/** The modules that were asked for, as this thread has them. */
const loaded = new Map<string, LoadedModule>();

async function load(url: string): Promise<void> {
  try {
    const workers = await loadWorkers();
    loaded.set(url, await workers.load(url));
  } catch (error) {
    throw await loadError(error, url);
  }
}

/**
 * Finds a function. The main program may have one that it cannot be asked for yet,
 * while it awaits at its top level, but has named.
 */
function lookUp([module, name]: Named): Found {
  const found = loaded.get(module);
  return found === undefined
    ? functionHere(module, name)!
    : findExport(found, module, name);
}

/** Runs what is called as a coroutine; anything else is refused, as CPython does. */
function* runNamed(named: Named): Coro<unknown> {
  const fn = lookUp(named);
  return yield* inline((...args: unknown[]) => {
    const made = fn(...args);
    const awaitable = isGenerator(made) ||
      typeof (made as PromiseLike<unknown> | null)?.then === "function";
    if (!awaitable) throw new TypeError("A coroutine object is required");
    return made;
  }, [...named[2]]);
}

/** Calls functions by their names. */
export class LoopService implements Service {
  readonly #loop: AbstractEventLoop;

  constructor(loop: AbstractEventLoop) {
    this.#loop = loop;
  }

  prepare([, , payload]: Request): PromiseLike<unknown> | null {
    const [module, name] = payload as Named;
    return loaded.has(module) || functionHere(module, name) !== undefined
      ? null
      : load(module);
  }

  begin([, , payload]: Request): AnyCoroutine<unknown> {
    return runNamed(payload as Named);
  }

  tell([, , payload]: Request): void {
    const named = payload as Named;
    this.#loop.callSoonThreadsafe(lookUp(named), ...named[2]);
  }

  failed([, , payload]: Request, error: unknown): void {
    const [, name] = payload as Named;
    this.#loop.callExceptionHandler({
      message: `Exception in callback ${name}(), called from another thread`,
      exception: error,
    });
  }
}
