// deno-lint-ignore-file no-console
/**
 * What asyncio's own documentation shows of tasks, one function each: waiting,
 * groups, time limits, cancelling, futures, callbacks, queues, threads.
 *
 *     deno run -A examples/tour_tasks.ts
 *     bun examples/tour_tasks.ts
 */
import {
  asCompleted,
  CancelledError,
  createTask,
  Event,
  ExceptionGroup,
  type Future,
  gather,
  getRunningLoop,
  moduleFunction,
  Queue,
  run,
  runCoroutineThreadsafe,
  shield,
  sleep,
  TaskGroup,
  timeout,
  TimeoutError,
  toThread,
  wait,
  waitFor,
} from "../mod.ts";
import { isMain } from "./_host.ts";

/** Hello, and a moment later the rest. */
export async function hello(): Promise<void> {
  console.log("hello");
  await sleep(0.01);
  console.log("again");
}

async function announce(after: number, what: string): Promise<string> {
  await sleep(after);
  console.log(`  ${what} after ${after} s`);
  return what;
}

async function elapsed(body: () => Promise<unknown>): Promise<number> {
  const loop = getRunningLoop();
  const start = loop.time();
  await body();
  return loop.time() - start;
}

/** One after the other, as tasks, and in a group: the times add up once. */
export async function oneByOneAndTogether(): Promise<void> {
  const apart = await elapsed(async () => {
    await announce(0.1, "tea");
    await announce(0.2, "toast");
  });
  console.log(`one by one: ${apart.toFixed(1)} s`);

  const tasks = await elapsed(async () => {
    const tea = createTask(() => announce(0.1, "tea"));
    const toast = createTask(() => announce(0.2, "toast"));
    await tea;
    await toast;
  });
  console.log(`as tasks: ${tasks.toFixed(1)} s`);

  const grouped = await elapsed(async () => {
    await new TaskGroup().with((group) => {
      group.createTask(() => announce(0.1, "tea"));
      group.createTask(() => announce(0.2, "toast"));
    });
  });
  console.log(`in a group: ${grouped.toFixed(1)} s`);
}

/** Several products, each a task that steps aside between two factors. */
export async function products(): Promise<void> {
  const product = async (name: string, n: number): Promise<number> => {
    let all = 1;
    for (let i = 2; i <= n; i++) {
      await sleep(0.005);
      console.log(`  ${name}: ${all} times ${i}`);
      all *= i;
    }
    return all;
  };
  const results = await gather([
    () => product("A", 2),
    () => product("B", 3),
    () => product("C", 4),
  ]);
  console.log(`products: ${results}`);
}

/** What waits for an event goes on once it is set. */
export async function event(): Promise<void> {
  const open = new Event();
  const guest = createTask(async () => {
    console.log("waiting at the door");
    await open.wait();
    console.log("in");
  });
  await sleep(0.01);
  open.set();
  await guest;
}

/** Three ways to wait no longer than so long. */
export async function limits(): Promise<void> {
  const tooLong = () => sleep(3600);
  try {
    await waitFor(tooLong(), 0.01);
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error;
    console.log("waitFor: too long");
  }
  try {
    await timeout(0.01).with(tooLong);
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error;
    console.log("timeout: too long");
  }
  // The limit is known only once the block has begun.
  const limit = timeout(null);
  try {
    await limit.with(async () => {
      limit.reschedule(getRunningLoop().time() + 0.01);
      await tooLong();
    });
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error;
  }
  console.log(`rescheduled: expired is ${limit.expired()}`);
}

/** A cancelled task clears up, and whoever awaits it hears of it. */
export async function cancelling(): Promise<void> {
  const task = createTask(async () => {
    console.log("  working");
    try {
      await sleep(3600);
    } catch (error) {
      console.log("  cancelled");
      throw error;
    } finally {
      console.log("  cleared up");
    }
  });
  await sleep(0.01);
  task.cancel();
  try {
    await task;
  } catch (error) {
    if (!(error instanceof CancelledError)) throw error;
    console.log("it was cancelled");
  }
}

/** What is shielded goes on when the one who waits for it is cancelled. */
export async function shielding(): Promise<void> {
  const saving = createTask(async () => {
    await sleep(0.02);
    return "saved";
  });
  const waiting = createTask(async () => await shield(saving));
  await sleep(0);
  waiting.cancel();
  const { length } = await gather([waiting], { returnExceptions: true });
  console.log(`${length} gave up, yet: ${await saving}`);
}

/** A task of a group that ends the group by an error of its own. */
export async function endingAGroup(): Promise<void> {
  class Enough extends Error {}
  try {
    await new TaskGroup().with((group) => {
      group.createTask(() => sleep(3600));
      group.createTask(async () => {
        await sleep(0.01);
        throw new Enough();
      });
    });
  } catch (error) {
    if (!(error instanceof ExceptionGroup)) throw error;
    const [known, others] = error.split(Enough);
    if (others !== null) throw others;
    console.log(`ended by ${known!.errors.length} error`);
  }
}

/** As they come, and the first of several. */
export async function firstCome(): Promise<void> {
  const sizes = [3, 1, 2].map((n) => () => sleep(n / 100, n));
  for await (const done of asCompleted(sizes)) {
    console.log(`  size ${await done}`);
  }
  const tasks = [
    createTask(sleep(0.01, "fast")),
    createTask(sleep(60, "slow")),
  ];
  const { done, pending } = await wait(tasks, {
    returnWhen: "FIRST_COMPLETED",
  });
  for (const task of pending) task.cancel();
  console.log([...done].map((task) => task.result()), "first");
}

/** A future is a result that somebody else will set. */
export async function future(): Promise<void> {
  const loop = getRunningLoop();
  const answer: Future<string> = loop.createFuture();
  createTask(async () => {
    await sleep(0.01);
    answer.setResult("... world");
  });
  console.log("hello ...", await answer);
}

/** Some ticks of a clock, first by sleeping, then by callbacks. */
export async function clock(): Promise<void> {
  const loop = getRunningLoop();
  let ticks = 0;
  const end = loop.time() + 0.25;
  do {
    ticks++;
    await sleep(0.05);
  } while (loop.time() + 0.05 < end);
  console.log(`slept: ${ticks > 1 ? "several" : "few"} ticks`);

  const done = loop.createFuture<number>();
  const tick = (until: number, count: number): void => {
    if (loop.time() + 0.05 < until) {
      loop.callLater(0.05, tick, until, count + 1);
    } else done.setResult(count);
  };
  loop.callSoon(tick, loop.time() + 0.25, 1);
  console.log(`called back: ${await done > 1 ? "several" : "few"} ticks`);
}

/** Workers share a queue of sleeps. */
export async function queue(): Promise<void> {
  const naps = new Queue<number>();
  let total = 0;
  for (let n = 0; n < 20; n++) {
    const nap = (5 + n % 4) / 250;
    total += nap;
    naps.putNowait(nap);
  }
  const workers = ["a", "b", "c"].map((name) =>
    createTask(async () => {
      for (;;) {
        await sleep(await naps.get());
        naps.taskDone();
      }
    }, { name })
  );
  const took = await elapsed(async () => await naps.join());
  for (const worker of workers) await worker.cancelAndWait();
  console.log(
    `three slept ${total.toFixed(2)} s in less: ${took < total * 0.8}`,
  );
}

/** Blocks its thread; runs in a worker. */
export function block(ms: number): string {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  return "blocked elsewhere";
}

const blockInWorker = moduleFunction(import.meta.url, block);

/** What would block the loop runs in a thread; the loop goes on. */
export async function threads(): Promise<void> {
  let ticks = 0;
  const [what] = await gather([
    toThread(blockInWorker, 50),
    async () => {
      for (; ticks < 4; ticks++) await sleep(0.01);
    },
  ]);
  console.log(`${what}, ${ticks} ticks meanwhile`);
}

/** A coroutine for a loop, from code that is none of its tasks. */
export async function fromOutside(): Promise<void> {
  const loop = getRunningLoop();
  const outside = new Promise<string>((resolve) => {
    setTimeout(() => {
      resolve(runCoroutineThreadsafe(sleep(0.01, "from outside"), loop));
    });
  });
  console.log(await outside);
}

/** All of them. */
export async function main(): Promise<void> {
  const all = [
    ...[hello, oneByOneAndTogether, products, event, limits, cancelling],
    ...[shielding, endingAGroup, firstCome, future, clock, queue, threads],
    fromOutside,
  ];
  for (const one of all) {
    console.log(`# ${one.name}`);
    await one();
  }
}

if (isMain(import.meta)) await run(main);
