/**
 * What starts workers, and what serves them through ports. Its code is loaded by the
 * first call, or when a worker first says something: programs without would load more
 * for it than for a hello.
 */

import type { Workers } from "../_platform/workers.ts";

/** What starts workers. */
export interface PoolParts {
  readonly PoolWorker: typeof import("./pool_worker.ts").PoolWorker;
  readonly workers: Workers;
}

/** What serves other threads. */
export interface PortParts {
  readonly LoopService: typeof import("./loop_service.ts").LoopService;
  readonly PortCalls: typeof import("./port_calls.ts").PortCalls;
}

/** Loads what starts workers. */
export async function loadPoolParts(): Promise<PoolParts> {
  const [{ PoolWorker }, { loadWorkers }] = await Promise.all([
    import("./pool_worker.ts"),
    import("../_platform/workers_here.ts"),
  ]);
  return { PoolWorker, workers: await loadWorkers() };
}

/** Loads what serves other threads. */
export async function loadPortParts(): Promise<PortParts> {
  const [{ LoopService }, { PortCalls }] = await Promise.all([
    import("./loop_service.ts"),
    import("./port_calls.ts"),
  ]);
  return { LoopService, PortCalls };
}
