/** Stands for workers_here.ts in bundles for browsers. */

import { webWorkers } from "./web_workers.ts";
import type { Workers } from "./workers.ts";

const workers = webWorkers();

/** The workers of this page, or of this worker of it. */
export function loadWorkers(): Promise<Workers> {
  return Promise.resolve(workers);
}
