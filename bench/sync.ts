/**
 * The library's rows of locks, queues and groups, in both spellings: `sync.ts
 * SPELLING ROW N` runs one and prints one line of JSON, on Deno and on Bun.
 */
import process from "node:process";
import {
  type Coro,
  coroutine,
  createTask,
  Event,
  gather,
  Lock,
  Queue,
  run,
  Semaphore,
  sleep,
  type Task,
  TaskGroup,
} from "../mod.ts";
import {
  BOUND,
  HOLDERS,
  LIMIT,
  LISTENERS,
  type SyncRows,
  type Watch,
  work,
} from "./measure.ts";
import { waiters, waitersAsync } from "./waiters.ts";

function* join(tasks: Task<number>[]): Coro<number> {
  let sum = 0;
  for (const task of tasks) sum += yield* task;
  return sum;
}

function* lock(n: number, watch: Watch): Coro<number> {
  const lock = new Lock();
  let held = false;
  let last = -1;
  function* holder(me: number): Coro<number> {
    let alone = 0;
    for (let i = 0; i < n / HOLDERS; i++) {
      yield* lock.acquire();
      try {
        if (!held && last !== me) alone++;
        held = true;
        last = me;
        yield* sleep(0);
        held = false;
      } finally {
        lock.release();
      }
    }
    return alone;
  }
  watch.start();
  const tasks: Task<number>[] = [];
  for (let i = 0; i < HOLDERS; i++) tasks.push(createTask(holder(i)));
  const sum = yield* join(tasks);
  watch.stop();
  return sum;
}

function* limit(n: number, watch: Watch): Coro<number> {
  const semaphore = new Semaphore(LIMIT);
  let active = 0;
  function* job(i: number): Coro<number> {
    yield* semaphore.acquire();
    try {
      active++;
      yield* sleep(0);
      const right = active <= LIMIT;
      active--;
      return right ? i : 0;
    } finally {
      semaphore.release();
    }
  }
  watch.start();
  const jobs = Array.from({ length: n }, (_, i) => job(i));
  let sum = 0;
  for (const i of yield* gather(jobs)) sum += i;
  watch.stop();
  return sum;
}

function* queues(n: number, watch: Watch): Coro<number> {
  const there = new Queue<number>();
  const back = new Queue<number>();
  function* server(): Coro<number> {
    for (let i = 0; i < n; i++) yield* back.put((yield* there.get()) + 1);
    return 0;
  }
  function* client(): Coro<number> {
    let sum = 0;
    for (let i = 0; i < n; i++) {
      yield* there.put(i);
      sum += yield* back.get();
    }
    return sum;
  }
  watch.start();
  const sum = yield* join([createTask(server()), createTask(client())]);
  watch.stop();
  return sum;
}

function* bounded(n: number, watch: Watch): Coro<number> {
  const queue = new Queue<number>(BOUND);
  function* producer(): Coro<number> {
    for (let i = 0; i < n; i++) yield* queue.put(i);
    return 0;
  }
  function* consumer(): Coro<number> {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += yield* queue.get();
    return sum;
  }
  watch.start();
  const sum = yield* join([createTask(producer()), createTask(consumer())]);
  watch.stop();
  return sum;
}

function* fanout(n: number, watch: Watch): Coro<number> {
  const many = Math.min(n, LISTENERS);
  const events = Array.from({ length: n / many }, () => new Event());
  let waiting = 0;
  function* listener(): Coro<number> {
    let heard = 0;
    for (const event of events) {
      waiting++;
      yield* event.wait();
      if (event.isSet()) heard++;
    }
    return heard;
  }
  watch.start();
  const tasks: Task<number>[] = [];
  for (let i = 0; i < many; i++) tasks.push(createTask(listener()));
  let due = 0;
  for (const event of events) {
    due += many;
    while (waiting < due) yield* sleep(0);
    event.set();
  }
  const sum = yield* join(tasks);
  watch.stop();
  return sum;
}

function* suspended(i: number): Coro<number> {
  yield* sleep(0);
  return i;
}

function* group(n: number, watch: Watch): Coro<number> {
  const tasks: Task<number>[] = [];
  watch.start();
  yield* new TaskGroup().with((tg) => {
    for (let i = 0; i < n; i++) tasks.push(tg.createTask(suspended(i)));
  });
  let sum = 0;
  for (const task of tasks) sum += task.result();
  watch.stop();
  return sum;
}

const generator: SyncRows = {
  lock: (n, watch) => run(lock(n, watch)),
  limit: (n, watch) => run(limit(n, watch)),
  queues: (n, watch) => run(queues(n, watch)),
  bounded: (n, watch) => run(bounded(n, watch)),
  fanout: (n, watch) => run(fanout(n, watch)),
  group: (n, watch) => run(group(n, watch)),
};

async function joinAsync(tasks: Task<number>[]): Promise<number> {
  let sum = 0;
  for (const task of tasks) sum += await task;
  return sum;
}

async function lockAsync(n: number, watch: Watch): Promise<number> {
  const lock = new Lock();
  let held = false;
  let last = -1;
  const holder = coroutine(async (me: number) => {
    let alone = 0;
    for (let i = 0; i < n / HOLDERS; i++) {
      await lock.acquire();
      try {
        if (!held && last !== me) alone++;
        held = true;
        last = me;
        await sleep(0);
        held = false;
      } finally {
        lock.release();
      }
    }
    return alone;
  });
  watch.start();
  const tasks: Task<number>[] = [];
  for (let i = 0; i < HOLDERS; i++) tasks.push(createTask(holder(i)));
  const sum = await joinAsync(tasks);
  watch.stop();
  return sum;
}

async function limitAsync(n: number, watch: Watch): Promise<number> {
  const semaphore = new Semaphore(LIMIT);
  let active = 0;
  const job = coroutine(async (i: number) => {
    await semaphore.acquire();
    try {
      active++;
      await sleep(0);
      const right = active <= LIMIT;
      active--;
      return right ? i : 0;
    } finally {
      semaphore.release();
    }
  });
  watch.start();
  const jobs = Array.from({ length: n }, (_, i) => job(i));
  let sum = 0;
  for (const i of await gather(jobs)) sum += i;
  watch.stop();
  return sum;
}

async function queuesAsync(n: number, watch: Watch): Promise<number> {
  const there = new Queue<number>();
  const back = new Queue<number>();
  const server = coroutine(async () => {
    for (let i = 0; i < n; i++) await back.put(await there.get() + 1);
    return 0;
  });
  const client = coroutine(async () => {
    let sum = 0;
    for (let i = 0; i < n; i++) {
      await there.put(i);
      sum += await back.get();
    }
    return sum;
  });
  watch.start();
  const sum = await joinAsync([createTask(server()), createTask(client())]);
  watch.stop();
  return sum;
}

async function boundedAsync(n: number, watch: Watch): Promise<number> {
  const queue = new Queue<number>(BOUND);
  const producer = coroutine(async () => {
    for (let i = 0; i < n; i++) await queue.put(i);
    return 0;
  });
  const consumer = coroutine(async () => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += await queue.get();
    return sum;
  });
  watch.start();
  const sum = await joinAsync([createTask(producer()), createTask(consumer())]);
  watch.stop();
  return sum;
}

async function fanoutAsync(n: number, watch: Watch): Promise<number> {
  const many = Math.min(n, LISTENERS);
  const events = Array.from({ length: n / many }, () => new Event());
  let waiting = 0;
  const listener = coroutine(async () => {
    let heard = 0;
    for (const event of events) {
      waiting++;
      await event.wait();
      if (event.isSet()) heard++;
    }
    return heard;
  });
  watch.start();
  const tasks: Task<number>[] = [];
  for (let i = 0; i < many; i++) tasks.push(createTask(listener()));
  let due = 0;
  for (const event of events) {
    due += many;
    while (waiting < due) await sleep(0);
    event.set();
  }
  const sum = await joinAsync(tasks);
  watch.stop();
  return sum;
}

const suspendedAsync = coroutine(async (i: number) => {
  await sleep(0);
  return i;
});

async function groupAsync(n: number, watch: Watch): Promise<number> {
  const tasks: Task<number>[] = [];
  watch.start();
  await new TaskGroup().with((tg) => {
    for (let i = 0; i < n; i++) tasks.push(tg.createTask(suspendedAsync(i)));
  });
  let sum = 0;
  for (const task of tasks) sum += task.result();
  watch.stop();
  return sum;
}

const native: SyncRows = {
  lock: (n, watch) => run(() => lockAsync(n, watch)),
  limit: (n, watch) => run(() => limitAsync(n, watch)),
  queues: (n, watch) => run(() => queuesAsync(n, watch)),
  bounded: (n, watch) => run(() => boundedAsync(n, watch)),
  fanout: (n, watch) => run(() => fanoutAsync(n, watch)),
  group: (n, watch) => run(() => groupAsync(n, watch)),
};

const [spelling, ...args] = process.argv.slice(2);
await work(
  spelling === "async"
    ? { ...native, ...waitersAsync }
    : { ...generator, ...waiters },
  args,
);
