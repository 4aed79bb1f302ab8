/**
 * Effection in the rows of locks, queues and groups. It has no lock, no bounded
 * queue and no limit: a token in a queue stands for the lock, ten of them for
 * the places in the bounded queue, and a hundred tasks that run one job after
 * the other for the limit (100 000 tasks that wait for tokens take far longer).
 * A job is a task of its own, as it is for the others.
 */
import process from "node:process";
import {
  action,
  createQueue,
  type Operation,
  type Queue,
  run,
  spawn,
  type Task,
  withResolvers,
} from "npm:effection@4";
import {
  BOUND,
  HOLDERS,
  LIMIT,
  LISTENERS,
  type SyncRows,
  type Watch,
  work,
} from "../measure.ts";

const turnOver: Operation<void> = action<void>((resolve) => {
  queueMicrotask(resolve);
  return () => {};
});

function tokens(count: number): Queue<number, never> {
  const queue = createQueue<number, never>();
  for (let i = 0; i < count; i++) queue.add(i);
  return queue;
}

/** Starts tasks and adds what they come to. */
async function together(
  watch: Watch,
  many: number,
  body: (i: number) => Operation<number>,
  meanwhile?: () => Operation<void>,
): Promise<number> {
  return await run(function* () {
    watch.start();
    const tasks: Task<number>[] = [];
    for (let i = 0; i < many; i++) tasks.push(yield* spawn(() => body(i)));
    if (meanwhile !== undefined) yield* meanwhile();
    let sum = 0;
    for (const task of tasks) sum += yield* task;
    watch.stop();
    return sum;
  });
}

const rows: SyncRows = {
  lock(n, watch) {
    const lock = tokens(1);
    let held = false;
    let last = -1;
    return together(watch, HOLDERS, function* (me) {
      let alone = 0;
      for (let i = 0; i < n / HOLDERS; i++) {
        yield* lock.next();
        try {
          if (!held && last !== me) alone++;
          held = true;
          last = me;
          yield* turnOver;
          held = false;
        } finally {
          lock.add(0);
        }
      }
      return alone;
    });
  },

  limit(n, watch) {
    let active = 0;
    let next = 0;
    function* job(i: number): Operation<number> {
      active++;
      yield* turnOver;
      const right = active <= LIMIT;
      active--;
      return right ? i : 0;
    }
    return together(watch, LIMIT, function* () {
      let sum = 0;
      while (next < n) {
        const i = next++;
        const task = yield* spawn(() => job(i));
        sum += yield* task;
      }
      return sum;
    });
  },

  queues(n, watch) {
    const there = tokens(0);
    const back = tokens(0);
    return together(watch, 2, function* (which) {
      let sum = 0;
      for (let i = 0; i < n; i++) {
        if (which === 0) {
          const { value } = yield* there.next();
          back.add(value + 1);
        } else {
          there.add(i);
          sum += (yield* back.next()).value;
        }
      }
      return sum;
    });
  },

  bounded(n, watch) {
    const places = tokens(BOUND);
    const queue = tokens(0);
    return together(watch, 2, function* (which) {
      let sum = 0;
      for (let i = 0; i < n; i++) {
        if (which === 0) {
          yield* places.next();
          queue.add(i);
        } else {
          sum += (yield* queue.next()).value;
          places.add(0);
        }
      }
      return sum;
    });
  },

  fanout(n, watch) {
    const many = Math.min(n, LISTENERS);
    const events = Array.from(
      { length: n / many },
      () => ({ ...withResolvers<void>(), set: false }),
    );
    let waiting = 0;
    function* listener(): Operation<number> {
      let heard = 0;
      for (const event of events) {
        waiting++;
        yield* event.operation;
        if (event.set) heard++;
      }
      return heard;
    }
    return together(watch, many, listener, function* () {
      let due = 0;
      for (const event of events) {
        due += many;
        while (waiting < due) yield* turnOver;
        event.set = true;
        event.resolve();
      }
    });
  },

  group: (n, watch) =>
    together(watch, n, function* (i) {
      yield* turnOver;
      return i;
    }),
};

await work(rows, process.argv.slice(2));
