// deno-lint-ignore-file no-console
/**
 * Calls of a no-op in a worker against bare round trips of messages with one:
 * `deno run -A bench/threads.ts [N]`, and with bun. Both ways in one run, in turns;
 * prints one line of JSON. Ends with 1 if a call takes more than twice as long.
 * `threads.ts soak [N]`: calls with random crashes, cancels and aborts; ends with 1 if
 * a worker is left.
 */
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import {
  getRunningLoop,
  loopPort,
  moduleFunction,
  moduleFunctions,
  RemoteLoop,
  run,
  ThreadPoolExecutor,
  toThread,
  transfer,
} from "../mod.ts";

/** The most that a call may cost, in round trips. */
const BOUND = 2;
const ROUNDS = 5;

const functions = moduleFunctions<typeof import("./threads.ts")>(
  import.meta.url,
);

export function noop(): void {}

const answering = moduleFunction(import.meta.url, answer);

/** Called by the loop. */
export async function answer(): Promise<void> {}

/** Seconds that a number of calls into the loop take, each waited for by blocking. */
export function callBack(port: MessagePort, n: number): number {
  using loop = new RemoteLoop(port);
  const began = performance.now();
  for (let i = 0; i < n; i++) {
    loop.runCoroutineThreadsafe(answering).result();
  }
  return (performance.now() - began) / 1000;
}

const ECHO = "onmessage = ({ data }) => postMessage(data);";

/** A worker that sends back what it gets, without anything of the library. */
async function bareTrips(worker: Worker, n: number): Promise<void> {
  let done = () => {};
  worker.onmessage = () => done();
  for (let i = 0; i < n; i++) {
    await new Promise<void>((resolve) => {
      done = resolve;
      worker.postMessage([i, 0, []]);
    });
  }
}

async function timed(body: () => PromiseLike<void>): Promise<number> {
  const began = performance.now();
  await body();
  return performance.now() - began;
}

async function measure(total: number): Promise<void> {
  const worker = new Worker(
    URL.createObjectURL(new Blob([ECHO], { type: "text/javascript" })),
    { type: "module" },
  );
  const n = Math.ceil(total / ROUNDS);
  await bareTrips(worker, n / 10);
  const ratios: number[] = [];
  let bare = 0;
  let calls = 0;
  let back = 0;
  await run(async () => {
    getRunningLoop().setDefaultExecutor(new ThreadPoolExecutor(1));
    const inTurn = async (n: number) => {
      for (let i = 0; i < n; i++) await toThread(functions.noop);
    };
    await inTurn(n / 10);
    for (let round = 0; round < ROUNDS; round++) {
      // The one that goes first changes: the machine may get slower or faster.
      const first = round % 2 === 0;
      let trips = first ? await timed(() => bareTrips(worker, n)) : 0;
      const took = await timed(() => inTurn(n));
      if (!first) trips = await timed(() => bareTrips(worker, n));
      ratios.push(took / trips);
      bare += trips;
      calls += took;
    }
    const port = loopPort();
    back = await toThread(functions.callBack, transfer(port, [port]), n);
  });
  worker.terminate();
  const ratio = ratios.sort((a, b) => a - b)[ROUNDS >> 1]!;
  const each = (ms: number, of: number) => Number((ms * 1000 / of).toFixed(1));
  console.log(JSON.stringify({
    calls: n * ROUNDS,
    tripMicroseconds: each(bare, n * ROUNDS),
    callMicroseconds: each(calls, n * ROUNDS),
    ratio: Number(ratio.toFixed(2)),
    callBackMicroseconds: each(back * 1000, n),
  }));
  if (ratio > BOUND) process.exitCode = 1;
}

/** Numbers that look random and are the same each time. */
function dice(seed: number): (sides: number) => number {
  let x = seed >>> 0;
  return (sides) => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return Math.floor(x / 2 ** 32 * sides);
  };
}

/** One of the things that a call may do to its worker; it loads little. */
const life = moduleFunction<(kind: number) => Promise<number>>(
  new URL("../tests/programs/rounds.ts", import.meta.url),
  "round",
);

/** Threads of workers, which Deno names itself, and Bun by the pool's prefix. */
function workerThreads(): number {
  return readdirSync("/proc/self/task").filter((id) => {
    try {
      const name = readFileSync(`/proc/self/task/${id}/comm`, "utf8").trim();
      return /^(worker-\d+|soak_\d+)$/.test(name);
    } catch {
      return false;
    }
  }).length;
}

async function soak(rounds: number): Promise<void> {
  const roll = dice(11);
  const before = workerThreads();
  const pool = new ThreadPoolExecutor(2, { threadNamePrefix: "soak" });
  const outcomes = { fulfilled: 0, rejected: 0 };
  const one = async () => {
    const controller = new AbortController();
    const kind = roll(6);
    const call = pool.submit(
      life.withOptions({
        signal: controller.signal,
        terminateOnCancel: roll(2) === 0,
      }),
      kind,
    );
    const act = roll(4);
    const delay = roll(30);
    if (act === 0) setTimeout(() => controller.abort(), delay);
    if (act === 1) setTimeout(() => call.cancel(), delay);
    // Cancelled without an end, it would wait for ever.
    if (kind === 5) setTimeout(() => controller.abort(), 50);
    await call.then(() => outcomes.fulfilled++, () => outcomes.rejected++);
  };
  for (let i = 0; i < rounds; i += 4) {
    await Promise.all([one(), one(), one(), one()]);
  }
  await pool.shutdown();
  // Deno's workers end at their next turn.
  for (let i = 0; i < 300 && workerThreads() > before; i++) {
    await new Promise((done) => setTimeout(done, 10));
  }
  const left = workerThreads() - before;
  console.log(JSON.stringify({ calls: rounds, ...outcomes, left }));
  if (left > 0) process.exitCode = 1;
}

if (import.meta.main) {
  const [what, count] = process.argv.slice(2);
  if (what === "soak") await soak(Number(count ?? 2000));
  else await measure(Number(what ?? 100_000));
}
