/**
 * The program of an application's own workers, for applications that a bundler makes
 * for browsers. There a module has no address by which a worker could load it, so the
 * application has a module of its own that its workers consist of.
 *
 * On Deno, Bun and Node, and for modules that a browser gets as they are, workers load
 * what they are to call by themselves, and nothing of this is needed.
 *
 * @example The modules of an application
 * ```ts ignore
 * // heavy.ts
 * export function fib(n: number): number {
 *   return n < 2 ? n : fib(n - 1) + fib(n - 2);
 * }
 *
 * // pool.worker.ts: what a worker consists of.
 * import { serveModules } from "@x/asyncio/worker";
 * import * as heavy from "./heavy.ts";
 *
 * serveModules({ "app:heavy": heavy });
 *
 * // main.ts: bundlers look for the words in which the worker is made.
 * import {
 *   getRunningLoop,
 *   moduleFunctions,
 *   run,
 *   ThreadPoolExecutor,
 *   toThread,
 * } from "@x/asyncio";
 *
 * const heavy = moduleFunctions<typeof import("./heavy.ts")>("app:heavy");
 * const worker = () =>
 *   new Worker(new URL("./pool.worker.ts", import.meta.url), { type: "module" });
 *
 * await run(async () => {
 *   getRunningLoop().setDefaultExecutor(new ThreadPoolExecutor(null, { worker }));
 *   console.log(await toThread(heavy.fib, 20)); // 6765
 * });
 * ```
 *
 * @module
 */

import { holdCalls, provideModule } from "./_workers/worker_entry.ts";

const begin = holdCalls();

/**
 * Names the modules whose functions this worker is to call; it calls none before. In
 * a main thread it does nothing. A worker that no ThreadPoolExecutor starts should not
 * import this module, which takes what is sent to a worker for calls.
 *
 * @param modules Each module, as in `import * as heavy from "./heavy.ts"`, under the
 * URL by which `moduleFunction` and `moduleFunctions` name it: any that is absolute,
 * such as "app:heavy".
 * @throws TypeError If a URL is not absolute.
 *
 * @example
 * ```ts
 * import { serveModules } from "@x/asyncio/worker";
 *
 * const heavy = { double: (n: number) => n * 2 };
 * serveModules({ "app:heavy": heavy });
 * ```
 */
export function serveModules(
  modules: Readonly<Record<string, object>>,
): void {
  for (const [url, module] of Object.entries(modules)) {
    if (!URL.canParse(url)) {
      throw new TypeError(
        `Cannot serve the module '${url}': an absolute URL is needed, such as ` +
          "app:heavy",
      );
    }
    provideModule(new URL(url).href, module);
  }
  begin();
}
