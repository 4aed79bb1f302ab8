/** Uses workers and leaves: `leaving_workers.ts HOW`. */

import process from "node:process";
import {
  moduleFunction,
  run,
  ThreadPoolExecutor,
  toThread,
} from "../../mod.ts";

export function add(a: number, b: number): number {
  return a + b;
}

export function spin(): void {
  for (;;);
}

const work = moduleFunction(import.meta.url, add);
const write = (value: unknown) => process.stdout.write(`${value}\n`);

async function main(how: string): Promise<void> {
  if (how === "run") {
    await run(async () => write(await toThread(work, 1, 2)));
    return;
  }
  const pool = new ThreadPoolExecutor(2);
  write(await pool.submit(work, 1, 2));
  if (how === "shutdown") await pool.shutdown();
  if (how === "terminated") {
    const call = pool.submit(moduleFunction(import.meta.url, spin));
    await new Promise((done) => setTimeout(done, 100));
    pool.terminateWorkers();
    await call.then(null, () => {});
  }
}

if (import.meta.main) await main(process.argv[2]!);
