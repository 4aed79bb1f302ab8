// deno-lint-ignore-file no-console
/**
 * A pipeline over workers: one task makes jobs, a few hand them to threads, one
 * adds up the results. Bounded queues between them see to it that no stage runs
 * far ahead of the next.
 *
 *     deno run -A examples/pipeline.ts 2000000 4
 *     bun examples/pipeline.ts 2000000 4
 *
 * It counts the primes below the first number, in as many threads as the second
 * one says.
 */
import {
  getRunningLoop,
  moduleFunction,
  Queue,
  run,
  TaskGroup,
  ThreadPoolExecutor,
} from "../mod.ts";
import { args, isMain } from "./_host.ts";

/** Numbers from `from` on, below `to`. */
export type Range = readonly [from: number, to: number];

/** A range and the primes in it. */
export interface Count {
  readonly range: Range;
  readonly primes: number;
}

/** How many numbers are one job: enough to be worth a message to a worker. */
const STEP = 50_000;

/** Counts the primes in a range; this runs in workers. */
export function countPrimes(from: number, to: number): number {
  let primes = 0;
  for (let n = Math.max(from, 2); n < to; n++) {
    let prime = n === 2 || n % 2 === 1;
    for (let d = 3; prime && d * d <= n; d += 2) prime = n % d !== 0;
    if (prime) primes++;
  }
  return primes;
}

const countInWorker = moduleFunction(import.meta.url, countPrimes);

/** The first stage: makes the jobs. */
async function produce(below: number, jobs: Queue<Range>): Promise<void> {
  for (let from = 0; from < below; from += STEP) {
    await jobs.put([from, Math.min(from + STEP, below)]);
  }
  // Whoever takes jobs gets those that are left, and is then told to stop.
  jobs.shutdown();
}

/** The second stage: has a thread do one job after the other. */
async function work(
  jobs: Queue<Range>,
  counts: Queue<Count>,
  executor: ThreadPoolExecutor,
): Promise<void> {
  const loop = getRunningLoop();
  for await (const range of jobs) {
    const primes = await loop.runInExecutor<number>(
      executor,
      countInWorker,
      ...range,
    );
    await counts.put({ range, primes });
  }
}

/** Counts the primes below a number. */
export async function countBelow(
  below: number,
  threads: number,
  tell: (count: Count, sum: number) => void = () => {},
): Promise<number> {
  await using executor = new ThreadPoolExecutor(threads);
  const jobs = new Queue<Range>(threads);
  const counts = new Queue<Count>(threads);
  let sum = 0;
  await new TaskGroup().with(async (group) => {
    group.createTask(() => produce(below, jobs), { name: "producer" });
    group.createTask(async () => {
      // The workers' stage has a group of its own, so that its end is known.
      await new TaskGroup().with((workers) => {
        for (let n = 1; n <= threads; n++) {
          workers.createTask(() => work(jobs, counts, executor), {
            name: `consumer ${n}`,
          });
        }
      });
      counts.shutdown();
    });
    for await (const count of counts) {
      sum += count.primes;
      tell(count, sum);
    }
  });
  return sum;
}

/** Counts, and tells each result as it comes. */
export async function main(below: number, threads: number): Promise<void> {
  const sum = await countBelow(below, threads, ({ range, primes }) => {
    console.log(`${range[0]} to ${range[1]}: ${primes}`);
  });
  console.log(`${sum} primes below ${below}`);
}

// The workers load this module, too.
if (isMain(import.meta)) {
  const [below = "2000000", threads = "4"] = args;
  await run(() => main(Number(below), Number(threads)));
}
