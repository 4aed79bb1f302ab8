/** Stands for late.ts in bundles for browsers, which may be of one file. */

import { loadWorkers } from "../_platform/workers_here.ts";
import type { PoolParts, PortParts } from "./late.ts";
import { LoopService } from "./loop_service.ts";
import { PoolWorker } from "./pool_worker.ts";
import { PortCalls } from "./port_calls.ts";

/** Gives what starts workers. */
export async function loadPoolParts(): Promise<PoolParts> {
  return { PoolWorker, workers: await loadWorkers() };
}

/** Gives what serves other threads. */
export function loadPortParts(): Promise<PortParts> {
  return Promise.resolve({ LoopService, PortCalls });
}
