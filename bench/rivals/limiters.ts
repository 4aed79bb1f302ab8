/**
 * The locks and limiters of npm: `limiters.ts NAME ROW N`. They lock or limit
 * what raw promises do, so a job suspends as a promise does.
 */
import process from "node:process";
import { HOLDERS, LIMIT, type Row, type RowName, work } from "../measure.ts";

type Limiter = Readonly<Partial<Record<RowName, Row>>>;

/** A row in which native async functions pass something on. */
function handOver(
  make: () => { acquire: () => Promise<unknown>; release: () => void },
): Row {
  return async (n, watch) => {
    const lock = make();
    let held = false;
    let last = -1;
    const holder = async (me: number) => {
      let alone = 0;
      for (let i = 0; i < n / HOLDERS; i++) {
        await lock.acquire();
        try {
          if (!held && last !== me) alone++;
          held = true;
          last = me;
          await null;
          held = false;
        } finally {
          lock.release();
        }
      }
      return alone;
    };
    watch.start();
    const holders: Promise<number>[] = [];
    for (let i = 0; i < HOLDERS; i++) holders.push(holder(i));
    let alone = 0;
    for (const one of holders) alone += await one;
    watch.stop();
    return alone;
  };
}

/** A row in which something starts the jobs. */
function map(
  make: () => (job: () => Promise<number>) => Promise<number>,
): Row {
  return async (n, watch) => {
    const limited = make();
    let active = 0;
    const job = async (i: number) => {
      active++;
      await null;
      const right = active <= LIMIT;
      active--;
      return right ? i : 0;
    };
    watch.start();
    const jobs: Promise<number>[] = [];
    for (let i = 0; i < n; i++) jobs.push(limited(() => job(i)));
    let sum = 0;
    for (const i of await Promise.all(jobs)) sum += i;
    watch.stop();
    return sum;
  };
}

const LIMITERS: Readonly<Record<string, () => Promise<Limiter>>> = {
  "p-limit": async () => {
    const { default: pLimit } = await import("npm:p-limit@7");
    return { limit: map(() => pLimit(LIMIT)) };
  },

  "p-queue": async () => {
    const { default: PQueue } = await import("npm:p-queue@10");
    return {
      limit: map(() => {
        const queue = new PQueue({ concurrency: LIMIT });
        return (job) => queue.add(job);
      }),
    };
  },

  "async-mutex": async () => {
    const { Mutex, Semaphore } = await import("npm:async-mutex@0.5");
    return {
      // The lock's own release costs less than the one that acquire() makes.
      lock: handOver(() => new Mutex()),
      limit: map(() => {
        const semaphore = new Semaphore(LIMIT);
        return (job) => semaphore.runExclusive(job);
      }),
    };
  },

  "async-sema": async () => {
    const { Sema } = await import("npm:async-sema@3");
    return {
      lock: handOver(() => new Sema(1, { capacity: HOLDERS })),
      limit: map(() => {
        const sema = new Sema(LIMIT);
        return async (job) => {
          await sema.acquire();
          try {
            return await job();
          } finally {
            sema.release();
          }
        };
      }),
    };
  },

  pooledMap: async () => {
    const { pooledMap } = await import("jsr:@std/async@^1.5.0/pool");
    return {
      limit: async (n, watch) => {
        let active = 0;
        watch.start();
        const numbers = Array.from({ length: n }, (_, i) => i);
        let sum = 0;
        for await (
          const i of pooledMap(LIMIT, numbers, async (i: number) => {
            active++;
            await null;
            const right = active <= LIMIT;
            active--;
            return right ? i : 0;
          })
        ) sum += i;
        watch.stop();
        return sum;
      },
    };
  },
};

const [name, ...args] = process.argv.slice(2);
await work(await LIMITERS[name!]!(), args);
