/** Does something to a program's first call in a thread: `first_call.ts HOW`. */

import process from "node:process";
import {
  CancelledError,
  createTask,
  type ExecutorFuture,
  moduleFunction,
  newEventLoop,
  run,
  sleep,
  ThreadPoolExecutor,
  toThread,
} from "../../mod.ts";

export function add(a: number, b: number): number {
  return a + b;
}

let initial = 0;

export function begin(n: number): void {
  initial = n;
}

export function begun(): number {
  return initial;
}

const work = moduleFunction(import.meta.url, add);
const write = (...values: unknown[]) =>
  void process.stdout.write(`${values.join(" ")}\n`);

async function outcome(call: ExecutorFuture<number>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    return error instanceof CancelledError ? "cancelled" : error;
  }
}

/** What is done to it, by name. */
const WAYS: Readonly<Record<string, () => Promise<void>>> = {
  async shutdown() {
    const pool = new ThreadPoolExecutor(1);
    const calls = [pool.submit(work, 1, 2), pool.submit(work, 3, 4)];
    await pool.shutdown();
    write(calls.map((call) => call.result()), pool.statistics().workers);
  },
  async leave() {
    const pool = new ThreadPoolExecutor(1);
    const call = pool.submit(work, 1, 2);
    await pool.shutdown({ wait: false });
    write(call.done(), await outcome(call));
  },
  async drop() {
    const pool = new ThreadPoolExecutor(1);
    const call = pool.submit(work, 1, 2);
    await pool.shutdown({ cancelFutures: true });
    write(await outcome(call), pool.statistics().queued);
  },
  async terminate() {
    const pool = new ThreadPoolExecutor(1);
    const call = pool.submit(work, 1, 2);
    pool.terminateWorkers();
    write(await outcome(call));
    await pool.shutdown();
    write(pool.statistics().workers);
  },
  async cancel() {
    const pool = new ThreadPoolExecutor(1);
    const [first, second] = [pool.submit(work, 1, 2), pool.submit(work, 3, 4)];
    write(first.cancel(), pool.statistics().queued, await outcome(first));
    write(await outcome(second));
  },
  async abort() {
    const pool = new ThreadPoolExecutor(1);
    const controller = new AbortController();
    const { signal } = controller;
    const call = pool.submit(work.withOptions({ signal }), 1, 2);
    controller.abort();
    write(await outcome(call), pool.statistics().queued);
    write(await outcome(pool.submit(work, 3, 4)));
  },
  async throw() {
    try {
      await run(async () => {
        createTask(toThread(work, 1, 2));
        await sleep(0);
        throw new Error("the program's");
      });
    } catch (error) {
      write((error as Error).message);
    }
  },
  async close() {
    const loop = newEventLoop();
    const future = loop.runInExecutor(null, work, 1, 2);
    loop.close();
    await new Promise((done) => setTimeout(done, 100));
    write(future.done());
  },
  async forget() {
    const pool = new ThreadPoolExecutor(1);
    pool.submit(work, 1, 2).addDoneCallback((call) => write(call.result()));
  },
  async several() {
    const pools = [1, 2, 3].map(() => new ThreadPoolExecutor(2));
    const seen: number[] = [];
    for (let i = 0; i < 30; i++) {
      pools[i % 3]!.submit(work, i, 0)
        .addDoneCallback((call) => void seen.push(call.result()));
      if (i % 10 === 9) await Promise.resolve();
    }
    await Promise.all(pools.map((pool) => pool.shutdown()));
    write(
      seen.reduce((a, b) => a + b),
      pools.map((p) => p.statistics().workers),
    );
  },
  async order() {
    const pool = new ThreadPoolExecutor(1);
    const seen: number[] = [];
    for (let i = 0; i < 9; i++) {
      pool.submit(work, i, 0)
        .addDoneCallback((call) => void seen.push(call.result()));
      if (i % 3 === 2) await new Promise((done) => setTimeout(done, 1));
    }
    await pool.shutdown();
    write(seen.join());
  },
  async initializer() {
    const pool = new ThreadPoolExecutor(2, {
      initializer: moduleFunction(import.meta.url, begin),
      initargs: [7],
    });
    write(await pool.submit(moduleFunction(import.meta.url, begun)));
  },
};

if (import.meta.main) await WAYS[process.argv[2]!]!();
