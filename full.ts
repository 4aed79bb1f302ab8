/**
 * What a bundle for browsers leaves out unless it is asked for: debug mode, the
 * instrument that `run` takes, where tasks stand, long text forms of futures and
 * tasks, and executors of one's own. On Deno, Bun and Node all of it is there
 * without this module.
 *
 * @example Debug mode in a browser
 * ```ts
 * import "@x/asyncio/full";
 * import { run, sleep } from "@x/asyncio";
 *
 * await run(() => sleep(0.01), { debug: true });
 * ```
 *
 * @module
 */

import "./_kernel/whole_loop.ts";
