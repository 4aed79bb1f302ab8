// deno-lint-ignore-file no-console
/**
 * Calls of a no-op in a worker against bare round trips of messages with one:
 * `deno run -A bench/threads.ts [N]`, and with bun. Both ways in one run, in turns;
 * prints one line of JSON. Ends with 1 if a call takes more than twice as long.
 */
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

if (import.meta.main) await measure(Number(process.argv[2] ?? 100_000));
