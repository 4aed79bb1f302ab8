/**
 * How each primitive takes to a crowd: N tasks wait on one, every second one is
 * cancelled, the last first, and the others are let through. A search through
 * the waiters, at a wait, a wake-up or a cancel, makes the cost of a waiter
 * grow with their number.
 */
import {
  Barrier,
  CancelledError,
  Condition,
  type Coro,
  type Coroutine,
  coroutine,
  createTask,
  Event,
  type Future,
  getRunningLoop,
  Lock,
  Queue,
  run,
  Semaphore,
  sleep,
  type Task,
} from "../mod.ts";
import type { Row, WaitersRow, Watch } from "./measure.ts";

/** A primitive that everyone has to wait for. */
interface Closed {
  /** What comes before the wait, and does not wait itself. */
  readonly enter?: () => Coroutine<unknown>;
  /** The wait. */
  readonly wait: (i: number) => Coroutine<unknown>;
  /** What whoever was let through has to do. */
  readonly leave?: () => void;
  /** What whoever entered has to do, let through or not. */
  readonly exit?: () => void;
  /** Lets a number of waiters through. */
  readonly open: (left: number) => Coroutine<void>;
}

const PRIMITIVES: Readonly<
  Record<WaitersRow, (n: number) => Coroutine<Closed>>
> = {
  // No primitive, for comparison: what so many waiting tasks cost by themselves.
  "waiters-future": coroutine(function* (n: number): Coro<Closed> {
    const loop = getRunningLoop();
    const futures: Future<void>[] = Array.from(
      { length: n },
      () => loop.createFuture(),
    );
    return {
      wait: coroutine((i: number) => futures[i]!),
      open: coroutine(function* (): Coro<void> {
        for (const future of futures) {
          if (!future.done()) future.setResult();
        }
      }),
    };
  }),

  "waiters-lock": coroutine(function* (): Coro<Closed> {
    const lock = new Lock();
    yield* lock.acquire();
    return {
      wait: () => lock.acquire(),
      leave: () => lock.release(),
      open: coroutine(function* (): Coro<void> {
        lock.release();
      }),
    };
  }),

  "waiters-semaphore": coroutine(function* (): Coro<Closed> {
    const semaphore = new Semaphore(0);
    return {
      wait: () => semaphore.acquire(),
      open: coroutine(function* (left: number): Coro<void> {
        for (let i = 0; i < left; i++) semaphore.release();
      }),
    };
  }),

  "waiters-event": coroutine(function* (): Coro<Closed> {
    const event = new Event();
    return {
      wait: () => event.wait(),
      open: coroutine(function* (): Coro<void> {
        event.set();
      }),
    };
  }),

  "waiters-condition": coroutine(function* (): Coro<Closed> {
    const condition = new Condition();
    return {
      enter: () => condition.acquire(),
      wait: () => condition.wait(),
      exit: () => condition.release(),
      open: coroutine(function* (): Coro<void> {
        yield* condition.acquire();
        condition.notifyAll();
        condition.release();
      }),
    };
  }),

  "waiters-get": coroutine(function* (): Coro<Closed> {
    const queue = new Queue<number>();
    return {
      wait: () => queue.get(),
      open: coroutine(function* (left: number): Coro<void> {
        for (let i = 0; i < left; i++) queue.putNowait(i);
      }),
    };
  }),

  "waiters-put": coroutine(function* (): Coro<Closed> {
    const queue = new Queue<number>(1);
    queue.putNowait(-1);
    return {
      wait: (i) => queue.put(i),
      open: coroutine(function* (left: number): Coro<void> {
        for (let i = 0; i < left; i++) yield* queue.get();
      }),
    };
  }),

  "waiters-barrier": coroutine(function* (n: number): Coro<Closed> {
    const barrier = new Barrier(n + 1);
    return {
      wait: () => barrier.wait(),
      // Others come in place of those who were cancelled.
      open: coroutine(function* (left: number): Coro<void> {
        for (let i = left; i < n; i++) createTask(barrier.wait());
        yield* barrier.wait();
      }),
    };
  }),
};

function* crowd(row: WaitersRow, n: number, watch: Watch): Coro<number> {
  const closed = yield* PRIMITIVES[row](n);
  let waiting = 0;
  let seen = 0;
  function* waiter(i: number): Coro<void> {
    if (closed.enter !== undefined) yield* closed.enter();
    waiting++;
    try {
      yield* closed.wait(i);
      seen++;
      closed.leave?.();
    } catch (error) {
      if (error instanceof CancelledError) seen += 2;
    } finally {
      closed.exit?.();
    }
  }
  watch.start();
  const tasks: Task<void>[] = [];
  for (let i = 0; i < n; i++) tasks.push(createTask(waiter(i)));
  while (waiting < n) yield* sleep(0);
  for (let i = n - 1; i >= 0; i -= 2) tasks[i]!.cancel();
  yield* sleep(0);
  yield* closed.open(n / 2);
  for (const task of tasks) yield* task;
  watch.stop();
  return seen;
}

async function crowdAsync(
  row: WaitersRow,
  n: number,
  watch: Watch,
): Promise<number> {
  const closed = await PRIMITIVES[row](n);
  let waiting = 0;
  let seen = 0;
  const waiter = coroutine(async (i: number) => {
    if (closed.enter !== undefined) await closed.enter();
    waiting++;
    try {
      await closed.wait(i);
      seen++;
      closed.leave?.();
    } catch (error) {
      if (error instanceof CancelledError) seen += 2;
    } finally {
      closed.exit?.();
    }
  });
  watch.start();
  const tasks: Task<void>[] = [];
  for (let i = 0; i < n; i++) tasks.push(createTask(waiter(i)));
  while (waiting < n) await sleep(0);
  for (let i = n - 1; i >= 0; i -= 2) tasks[i]!.cancel();
  await sleep(0);
  await closed.open(n / 2);
  for (const task of tasks) await task;
  watch.stop();
  return seen;
}

type Crowds = Readonly<Record<WaitersRow, Row>>;

function rows(body: (row: WaitersRow) => Row): Crowds {
  return Object.fromEntries(
    (Object.keys(PRIMITIVES) as WaitersRow[]).map((row) => [row, body(row)]),
  ) as Crowds;
}

/** The rows in the generator spelling. */
export const waiters: Crowds = rows((row) => (n, watch) =>
  run(crowd(row, n, watch))
);

/** The rows in the async spelling. */
export const waitersAsync: Crowds = rows((row) => (n, watch) =>
  run(() => crowdAsync(row, n, watch))
);
