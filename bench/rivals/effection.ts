/**
 * Effection, by its own means. It has no way to give up one turn but a host
 * timer of more than a millisecond: an action that a microtask resolves, far
 * quicker, stands for it. It has no bare callbacks either: what enters it from
 * outside is an operation that the scope runs.
 */
import process from "node:process";
import {
  action,
  type Operation,
  run,
  sleep,
  spawn,
  type Task,
  useScope,
  withResolvers,
} from "npm:effection@4";
import { LONG, type Rows, TURNS, type Watch, work } from "../measure.ts";

const turnOver: Operation<void> = action<void>((resolve) => {
  queueMicrotask(resolve);
  return () => {};
});

function* join(tasks: Task<number>[]): Operation<number> {
  let sum = 0;
  for (const task of tasks) sum += yield* task;
  return sum;
}

async function all(
  n: number,
  watch: Watch,
  body: (i: number) => Operation<number>,
): Promise<number> {
  return await run(function* () {
    watch.start();
    const tasks: Task<number>[] = [];
    for (let i = 0; i < n; i++) tasks.push(yield* spawn(() => body(i)));
    const sum = yield* join(tasks);
    watch.stop();
    return sum;
  });
}

async function cancelled(
  n: number,
  watch: Watch,
  whole: boolean,
): Promise<number> {
  let asleep = 0;
  let seen = 0;
  function* sleeper(): Operation<void> {
    asleep++;
    try {
      yield* sleep(LONG * 1000);
    } finally {
      seen++;
    }
  }
  return await run(function* () {
    if (whole) watch.start();
    const tasks: Task<void>[] = [];
    for (let i = 0; i < n; i++) tasks.push(yield* spawn(sleeper));
    while (asleep < n) yield* turnOver;
    if (whole) watch.weigh();
    else watch.start();
    for (const task of tasks) {
      yield* task.halt();
      seen++;
    }
    watch.stop();
    return seen;
  });
}

const rows: Rows = {
  spawn: (n, watch) =>
    // deno-lint-ignore require-yield
    all(n, watch, function* (i) {
      return i;
    }),
  suspend: (n, watch) =>
    all(n, watch, function* (i) {
      yield* turnOver;
      return i;
    }),
  sleeps: (n, watch) =>
    all(n, watch, function* (i) {
      yield* sleep(i % 101);
      return i;
    }),

  async pingpong(n, watch) {
    let ping = withResolvers<number>();
    let pong = withResolvers<number>();
    function* server(): Operation<number> {
      for (let i = 0; i < n; i++) {
        const value = yield* ping.operation;
        ping = withResolvers();
        pong.resolve(value + 1);
      }
      return 0;
    }
    function* client(): Operation<number> {
      let sum = 0;
      for (let i = 0; i < n; i++) {
        pong = withResolvers();
        ping.resolve(i);
        sum += yield* pong.operation;
      }
      return sum;
    }
    return await run(function* () {
      watch.start();
      const a = yield* spawn(server);
      const b = yield* spawn(client);
      const sum = yield* join([a, b]);
      watch.stop();
      return sum;
    });
  },

  cancel: (n, watch) => cancelled(n, watch, false),
  sleepers: (n, watch) => cancelled(n, watch, true),

  async switches(n, watch) {
    let turn = 0;
    function* player(me: number): Operation<number> {
      let right = 0;
      for (let i = 0; i < n / TURNS; i++) {
        yield* turnOver;
        if (turn++ % TURNS === me) right++;
      }
      return right;
    }
    return await run(function* () {
      watch.start();
      const tasks: Task<number>[] = [];
      for (let i = 0; i < TURNS; i++) {
        tasks.push(yield* spawn(() => player(i)));
      }
      const right = yield* join(tasks);
      watch.stop();
      return right;
    });
  },

  async callsoon(n, watch) {
    let calls = 0;
    return await run(function* () {
      const scope = yield* useScope();
      const done = withResolvers<void>();
      // deno-lint-ignore require-yield
      function* callback(): Operation<void> {
        if (++calls === n) done.resolve();
      }
      watch.start();
      for (let i = 0; i < n; i++) scope.run(callback);
      yield* done.operation;
      watch.stop();
      return calls;
    });
  },
};

await work(rows, process.argv.slice(2));
