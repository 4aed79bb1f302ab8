// deno-lint-ignore-file no-console
/** Programs that others look at while they run: the first argument names one. */

import process from "node:process";
import {
  isMainThread,
  parentPort,
  Worker as Thread,
} from "node:worker_threads";
import { createTask, Lock, run, sleep, TaskGroup, wait } from "../../mod.ts";

function* inner() {
  yield* sleep(60);
}

/** Starts this program in a worker, too. */
function startInside(ready: (message: unknown) => void): void {
  const url = `${import.meta.url}?inside`;
  if (typeof Worker === "function") {
    new Worker(url, { type: "module" }).onmessage = ready;
  } else new Thread(new URL(url)).once("message", ready);
}

function* worker() {
  yield* inner();
}

/** Tells now and then the longest time between two of its turns, in milliseconds. */
async function heart(): Promise<void> {
  let last = performance.now();
  let longest = 0;
  for (let beats = 1;; beats++) {
    await sleep(0.001);
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (beats % 20 !== 0) continue;
    console.log(`beat ${longest.toFixed(0)}`);
    longest = 0;
  }
}

const programs: Record<string, () => Promise<void>> = {
  async many() {
    createTask(heart, { name: "heart" });
    await new TaskGroup().with(async (group) => {
      for (let i = 0; i < 1000; i++) {
        group.createTask(i % 2 === 0 ? worker : async () => await sleep(60));
      }
      console.log("ready");
    });
  },

  /** Never idle. */
  async busy() {
    createTask(async function spinner() {
      for (;;) await sleep(0);
    }, { name: "spinner" });
    console.log("ready");
    await sleep(60);
  },

  /** Two tasks, each with the lock that the other wants. */
  async circle() {
    const [first, second] = [new Lock(), new Lock()];
    const take = (a: Lock, b: Lock) =>
      async function taking() {
        await a.with(async () => {
          await sleep(0.01);
          await b.acquire();
        });
      };
    const tasks = [
      createTask(take(first, second), { name: "left" }),
      createTask(take(second, first), { name: "right" }),
    ];
    await sleep(0.1);
    console.log("ready");
    await wait(tasks);
  },

  async short() {
    await sleep(0.05);
    console.log("ready");
  },

  /** Its thread is not free for anything. */
  async stuck() {
    console.log("ready");
    await sleep(0.1);
    const end = performance.now() + 4000;
    while (performance.now() < end);
  },

  async awhile() {
    createTask(worker, { name: "helper" });
    await sleep(0);
    console.log("ready");
    await sleep(1);
  },

  async worker() {
    await new Promise<unknown>(startInside);
    createTask(worker, { name: "outside" });
    await sleep(0);
    console.log("ready");
    await sleep(20);
  },
};

// Bun drops the query, Deno takes each such worker for the main thread.
if (isMainThread && !import.meta.url.endsWith("?inside")) {
  const [name, how] = process.argv.slice(2);
  await run(
    programs[name!]!,
    how === "unsaid" ? {} : { inspectable: how === "on" },
  );
  console.log("over");
} else {
  await run(async () => {
    createTask(worker, { name: "inside" });
    await sleep(0);
    // Node has no such global.
    const scope = "postMessage" in globalThis ? globalThis : parentPort;
    (scope as unknown as { postMessage(data: string): void })
      .postMessage("ready");
    await sleep(20);
  }, { inspectable: true });
}
