/**
 * The floor: what the runtime's own promises and timers take for the same
 * work, without anything that makes a task of it. There is no cancel to be
 * had: a sleep that can be left early is a timer beside a promise.
 */
import process from "node:process";
import { LONG, type Rows, TURNS, type Watch, work } from "../measure.ts";

const CANCELLED = new Error("cancelled");

interface Sleeper {
  readonly timer: ReturnType<typeof setTimeout>;
  readonly reject: (reason: Error) => void;
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

// deno-lint-ignore require-await
async function child(i: number): Promise<number> {
  return i;
}

async function suspended(i: number): Promise<number> {
  await null;
  return i;
}

async function slept(i: number): Promise<number> {
  await delay(i % 101);
  return i;
}

async function join(tasks: Promise<number>[]): Promise<number> {
  let sum = 0;
  for (const task of tasks) sum += await task;
  return sum;
}

async function all(
  n: number,
  watch: Watch,
  body: (i: number) => Promise<number>,
): Promise<number> {
  watch.start();
  const tasks: Promise<number>[] = [];
  for (let i = 0; i < n; i++) tasks.push(body(i));
  const sum = await join(tasks);
  watch.stop();
  return sum;
}

async function cancelled(
  n: number,
  watch: Watch,
  whole: boolean,
): Promise<number> {
  let seen = 0;
  const sleepers: Sleeper[] = [];
  async function sleeper(): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => {
        sleepers.push({ timer: setTimeout(resolve, LONG * 1000), reject });
      });
    } catch (error) {
      seen++;
      throw error;
    }
  }
  if (whole) watch.start();
  const tasks: Promise<void>[] = [];
  for (let i = 0; i < n; i++) tasks.push(sleeper());
  if (whole) watch.weigh();
  else watch.start();
  for (const { timer, reject } of sleepers) {
    clearTimeout(timer);
    reject(CANCELLED);
  }
  // A promise that was rejected before anybody listens would be reported.
  const joined = tasks.map((task) => task.catch(() => void seen++));
  for (const task of joined) await task;
  watch.stop();
  return seen;
}

const rows: Rows = {
  spawn: (n, watch) => all(n, watch, child),
  suspend: (n, watch) => all(n, watch, suspended),
  sleeps: (n, watch) => all(n, watch, slept),

  async pingpong(n, watch) {
    let ping = Promise.withResolvers<number>();
    let pong = Promise.withResolvers<number>();
    async function server(): Promise<number> {
      for (let i = 0; i < n; i++) {
        const value = await ping.promise;
        ping = Promise.withResolvers();
        pong.resolve(value + 1);
      }
      return 0;
    }
    async function client(): Promise<number> {
      let sum = 0;
      for (let i = 0; i < n; i++) {
        pong = Promise.withResolvers();
        ping.resolve(i);
        sum += await pong.promise;
      }
      return sum;
    }
    watch.start();
    const sum = await join([server(), client()]);
    watch.stop();
    return sum;
  },

  cancel: (n, watch) => cancelled(n, watch, false),
  sleepers: (n, watch) => cancelled(n, watch, true),

  async switches(n, watch) {
    let turn = 0;
    async function player(me: number): Promise<number> {
      let right = 0;
      for (let i = 0; i < n / TURNS; i++) {
        await null;
        if (turn++ % TURNS === me) right++;
      }
      return right;
    }
    watch.start();
    const players: Promise<number>[] = [];
    for (let i = 0; i < TURNS; i++) players.push(player(i));
    const right = await join(players);
    watch.stop();
    return right;
  },

  async callsoon(n, watch) {
    const done = Promise.withResolvers<void>();
    let calls = 0;
    const callback = () => {
      if (++calls === n) done.resolve();
    };
    watch.start();
    for (let i = 0; i < n; i++) queueMicrotask(callback);
    await done.promise;
    watch.stop();
    return calls;
  },
};

await work(rows, process.argv.slice(2));
