/**
 * The library's rows, in both spellings: `tasks.ts SPELLING ROW N` runs one and
 * prints one line of JSON, on Deno and on Bun.
 */
import process from "node:process";
import {
  CancelledError,
  type Coro,
  coroutine,
  createTask,
  type Future,
  getRunningLoop,
  run,
  sleep,
  type Task,
} from "../mod.ts";
import {
  LONG,
  type Row,
  type Rows,
  TURNS,
  type Watch,
  work,
} from "./measure.ts";

/** The row of the bare callbacks has no spelling: no task is part of it. */
const callsoon: Row = (n, watch) =>
  run(function* () {
    const loop = getRunningLoop();
    const done = loop.createFuture<void>();
    let calls = 0;
    const callback = () => {
      if (++calls === n) done.setResult();
    };
    watch.start();
    for (let i = 0; i < n; i++) loop.callSoon(callback);
    yield* done;
    watch.stop();
    return calls;
  });

// deno-lint-ignore require-yield
function* child(i: number): Coro<number> {
  return i;
}

function* suspended(i: number): Coro<number> {
  yield* sleep(0);
  return i;
}

function* slept(i: number): Coro<number> {
  yield* sleep(i % 101 / 1000);
  return i;
}

function* join(tasks: Task<number>[]): Coro<number> {
  let sum = 0;
  for (const task of tasks) sum += yield* task;
  return sum;
}

function* all(
  n: number,
  watch: Watch,
  body: (i: number) => Coro<number>,
): Coro<number> {
  watch.start();
  const tasks: Task<number>[] = [];
  for (let i = 0; i < n; i++) tasks.push(createTask(body(i)));
  const sum = yield* join(tasks);
  watch.stop();
  return sum;
}

function* cancelled(n: number, watch: Watch, whole: boolean): Coro<number> {
  let asleep = 0;
  let seen = 0;
  function* sleeper(): Coro<void> {
    asleep++;
    try {
      yield* sleep(LONG);
    } catch (error) {
      if (error instanceof CancelledError) seen++;
      throw error;
    }
  }
  if (whole) watch.start();
  const tasks: Task<void>[] = [];
  for (let i = 0; i < n; i++) tasks.push(createTask(sleeper()));
  while (asleep < n) yield* sleep(0);
  if (whole) watch.weigh();
  else watch.start();
  for (const task of tasks) task.cancel();
  for (const task of tasks) {
    try {
      yield* task;
    } catch (error) {
      if (error instanceof CancelledError) seen++;
    }
  }
  watch.stop();
  return seen;
}

function* pingpong(n: number, watch: Watch): Coro<number> {
  const loop = getRunningLoop();
  let ping: Future<number> = loop.createFuture();
  let pong: Future<number> = loop.createFuture();
  function* server(): Coro<number> {
    for (let i = 0; i < n; i++) {
      const value = yield* ping;
      ping = loop.createFuture();
      pong.setResult(value + 1);
    }
    return 0;
  }
  function* client(): Coro<number> {
    let sum = 0;
    for (let i = 0; i < n; i++) {
      pong = loop.createFuture();
      ping.setResult(i);
      sum += yield* pong;
    }
    return sum;
  }
  watch.start();
  const sum = yield* join([createTask(server()), createTask(client())]);
  watch.stop();
  return sum;
}

function* switches(n: number, watch: Watch): Coro<number> {
  let turn = 0;
  function* player(me: number): Coro<number> {
    let right = 0;
    for (let i = 0; i < n / TURNS; i++) {
      yield* sleep(0);
      if (turn++ % TURNS === me) right++;
    }
    return right;
  }
  watch.start();
  const tasks: Task<number>[] = [];
  for (let i = 0; i < TURNS; i++) tasks.push(createTask(player(i)));
  const right = yield* join(tasks);
  watch.stop();
  return right;
}

const generator: Rows = {
  spawn: (n, watch) => run(all(n, watch, child)),
  suspend: (n, watch) => run(all(n, watch, suspended)),
  pingpong: (n, watch) => run(pingpong(n, watch)),
  sleeps: (n, watch) => run(all(n, watch, slept)),
  cancel: (n, watch) => run(cancelled(n, watch, false)),
  switches: (n, watch) => run(switches(n, watch)),
  callsoon,
  sleepers: (n, watch) => run(cancelled(n, watch, true)),
};

// deno-lint-ignore require-await
const childAsync = coroutine(async (i: number) => i);

const suspendedAsync = coroutine(async (i: number) => {
  await sleep(0);
  return i;
});

const sleptAsync = coroutine(async (i: number) => {
  await sleep(i % 101 / 1000);
  return i;
});

async function joinAsync(tasks: Task<number>[]): Promise<number> {
  let sum = 0;
  for (const task of tasks) sum += await task;
  return sum;
}

async function allAsync(
  n: number,
  watch: Watch,
  body: typeof childAsync,
): Promise<number> {
  watch.start();
  const tasks: Task<number>[] = [];
  for (let i = 0; i < n; i++) tasks.push(createTask(body(i)));
  const sum = await joinAsync(tasks);
  watch.stop();
  return sum;
}

async function cancelledAsync(
  n: number,
  watch: Watch,
  whole: boolean,
): Promise<number> {
  let asleep = 0;
  let seen = 0;
  const sleeper = coroutine(async () => {
    asleep++;
    try {
      await sleep(LONG);
    } catch (error) {
      if (error instanceof CancelledError) seen++;
      throw error;
    }
  });
  if (whole) watch.start();
  const tasks: Task<void>[] = [];
  for (let i = 0; i < n; i++) tasks.push(createTask(sleeper()));
  while (asleep < n) await sleep(0);
  if (whole) watch.weigh();
  else watch.start();
  for (const task of tasks) task.cancel();
  for (const task of tasks) {
    try {
      await task;
    } catch (error) {
      if (error instanceof CancelledError) seen++;
    }
  }
  watch.stop();
  return seen;
}

async function pingpongAsync(n: number, watch: Watch): Promise<number> {
  const loop = getRunningLoop();
  let ping: Future<number> = loop.createFuture();
  let pong: Future<number> = loop.createFuture();
  const server = coroutine(async () => {
    for (let i = 0; i < n; i++) {
      const value = await ping;
      ping = loop.createFuture();
      pong.setResult(value + 1);
    }
    return 0;
  });
  const client = coroutine(async () => {
    let sum = 0;
    for (let i = 0; i < n; i++) {
      pong = loop.createFuture();
      ping.setResult(i);
      sum += await pong;
    }
    return sum;
  });
  watch.start();
  const sum = await joinAsync([createTask(server()), createTask(client())]);
  watch.stop();
  return sum;
}

async function switchesAsync(n: number, watch: Watch): Promise<number> {
  let turn = 0;
  const player = coroutine(async (me: number) => {
    let right = 0;
    for (let i = 0; i < n / TURNS; i++) {
      await sleep(0);
      if (turn++ % TURNS === me) right++;
    }
    return right;
  });
  watch.start();
  const tasks: Task<number>[] = [];
  for (let i = 0; i < TURNS; i++) tasks.push(createTask(player(i)));
  const right = await joinAsync(tasks);
  watch.stop();
  return right;
}

const native: Rows = {
  spawn: (n, watch) => run(() => allAsync(n, watch, childAsync)),
  suspend: (n, watch) => run(() => allAsync(n, watch, suspendedAsync)),
  pingpong: (n, watch) => run(() => pingpongAsync(n, watch)),
  sleeps: (n, watch) => run(() => allAsync(n, watch, sleptAsync)),
  cancel: (n, watch) => run(() => cancelledAsync(n, watch, false)),
  switches: (n, watch) => run(() => switchesAsync(n, watch)),
  callsoon,
  sleepers: (n, watch) => run(() => cancelledAsync(n, watch, true)),
};

const [spelling, ...args] = process.argv.slice(2);
await work(spelling === "async" ? native : generator, args);
