/** What the tests of threads share. */

import { readdirSync, readFileSync } from "node:fs";
import { logger, type LogRecord } from "../log.ts";
import { runtime } from "./_harness.ts";

/** Runs a body while the log goes to an array, as "level: message". */
export async function quietly(
  body: (log: string[]) => Promise<void>,
): Promise<void> {
  const log: string[] = [];
  logger.setHandler(({ level, message }: LogRecord) =>
    void log.push(`${level}: ${message}`)
  );
  try {
    await body(log);
  } finally {
    logger.setHandler(null);
  }
}

/** Two cells that workers and the test share. */
export const cells = (): Int32Array<SharedArrayBuffer> =>
  new Int32Array(new SharedArrayBuffer(8));

/** Settles once the first cell has reached a value. */
export async function reached(
  cell: Int32Array<SharedArrayBuffer>,
  value: number,
): Promise<void> {
  while (Atomics.load(cell, 0) < value) {
    await new Promise((done) => setTimeout(done, 1));
  }
}

/** Lets what was held by `hold` go. */
export function release(cell: Int32Array<SharedArrayBuffer>): void {
  Atomics.store(cell, 1, 1);
  Atomics.notify(cell, 1);
}

/**
 * How many threads of workers this process has; null where that cannot be told. Deno
 * names them itself, Bun as the program does: those of a prefix "leak" are counted.
 * Node names none: there it is how many threads there are at all.
 */
export function workerThreads(): number | null {
  try {
    const ids = readdirSync("/proc/self/task");
    if (runtime === "node") return ids.length;
    return ids.filter((id) => {
      const name = readFileSync(`/proc/self/task/${id}/comm`, "utf8").trim();
      return /^(worker-\d+|leak_\d+)$/.test(name);
    }).length;
  } catch {
    return null;
  }
}
