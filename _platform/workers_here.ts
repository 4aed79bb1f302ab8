/** The workers of the runtime in use, whose code is loaded with the first of them. */

import { platform } from "./mod.ts";
import type { Workers } from "./workers.ts";

let workers: Workers | null = null;

async function load(): Promise<Workers> {
  switch (platform.runtime) {
    case "deno":
      return (await import("./deno_workers.ts")).denoWorkers();
    case "bun":
      return (await import("./bun_workers.ts")).bunWorkers();
    case "node":
      return (await import("./node_workers.ts")).nodeWorkers();
    default:
      return (await import("./web_workers.ts")).webWorkers();
  }
}

/** The workers of this thread's runtime. */
export async function loadWorkers(): Promise<Workers> {
  return workers ??= await load();
}
