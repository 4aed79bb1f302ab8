/**
 * Effect, by its own quick means: detached fibers, as asyncio's tasks are
 * (`forkChild`, which also enters each in a set of its parent, takes longer),
 * combinators where the body is one line, Deferred in its unsafe spelling.
 * `effect@4` is a plain release; no beta tag is needed.
 */
import process from "node:process";
import { Deferred, Effect, Fiber } from "npm:effect@4";
import { LONG, type Rows, TURNS, type Watch, work } from "../measure.ts";

const join = Effect.fnUntraced(function* (fibers: Fiber.Fiber<number>[]) {
  let sum = 0;
  for (const fiber of fibers) sum += yield* Fiber.join(fiber);
  return sum;
});

function all(
  n: number,
  watch: Watch,
  body: (i: number) => Effect.Effect<number>,
): Promise<number> {
  return Effect.runPromise(Effect.gen(function* () {
    watch.start();
    const fibers: Fiber.Fiber<number>[] = [];
    for (let i = 0; i < n; i++) fibers.push(yield* Effect.forkDetach(body(i)));
    const sum = yield* join(fibers);
    watch.stop();
    return sum;
  }));
}

function cancelled(n: number, watch: Watch, whole: boolean): Promise<number> {
  let asleep = 0;
  let seen = 0;
  const sleeper = Effect.suspend(() => {
    asleep++;
    return Effect.onInterrupt(
      Effect.sleep(LONG * 1000),
      () => Effect.sync(() => void seen++),
    );
  });
  return Effect.runPromise(Effect.gen(function* () {
    if (whole) watch.start();
    const fibers: Fiber.Fiber<void>[] = [];
    for (let i = 0; i < n; i++) fibers.push(yield* Effect.forkDetach(sleeper));
    while (asleep < n) yield* Effect.yieldNow;
    if (whole) watch.weigh();
    else watch.start();
    yield* Fiber.interruptAll(fibers);
    for (const exit of yield* Fiber.awaitAll(fibers)) {
      if (exit._tag === "Failure") seen++;
    }
    watch.stop();
    return seen;
  }));
}

const rows: Rows = {
  spawn: (n, watch) => all(n, watch, (i) => Effect.sync(() => i)),
  suspend: (n, watch) =>
    all(n, watch, (i) => Effect.map(Effect.yieldNow, () => i)),
  sleeps: (n, watch) =>
    all(n, watch, (i) => Effect.map(Effect.sleep(i % 101), () => i)),

  pingpong(n, watch) {
    let ping = Deferred.makeUnsafe<number>();
    let pong = Deferred.makeUnsafe<number>();
    const server = Effect.gen(function* () {
      for (let i = 0; i < n; i++) {
        const value = yield* Deferred.await(ping);
        ping = Deferred.makeUnsafe();
        Deferred.doneUnsafe(pong, Effect.succeed(value + 1));
      }
      return 0;
    });
    const client = Effect.gen(function* () {
      let sum = 0;
      for (let i = 0; i < n; i++) {
        pong = Deferred.makeUnsafe();
        Deferred.doneUnsafe(ping, Effect.succeed(i));
        sum += yield* Deferred.await(pong);
      }
      return sum;
    });
    return Effect.runPromise(Effect.gen(function* () {
      watch.start();
      const a = yield* Effect.forkDetach(server);
      const b = yield* Effect.forkDetach(client);
      const sum = yield* join([a, b]);
      watch.stop();
      return sum;
    }));
  },

  cancel: (n, watch) => cancelled(n, watch, false),
  sleepers: (n, watch) => cancelled(n, watch, true),

  switches(n, watch) {
    let turn = 0;
    const player = Effect.fnUntraced(function* (me: number) {
      let right = 0;
      for (let i = 0; i < n / TURNS; i++) {
        yield* Effect.yieldNow;
        if (turn++ % TURNS === me) right++;
      }
      return right;
    });
    return Effect.runPromise(Effect.gen(function* () {
      watch.start();
      const fibers: Fiber.Fiber<number>[] = [];
      for (let i = 0; i < TURNS; i++) {
        fibers.push(yield* Effect.forkDetach(player(i)));
      }
      const right = yield* join(fibers);
      watch.stop();
      return right;
    }));
  },

  // The dispatcher's own queue of bare functions is no match: nothing in it can
  // be cancelled, has a context, or may throw without losing what is behind it.
  // The lightest thing that is all of this is a fiber that nobody joins.
  callsoon(n, watch) {
    let calls = 0;
    const done = Deferred.makeUnsafe<void>();
    const callback = Effect.sync(() => {
      if (++calls === n) Deferred.doneUnsafe(done, Effect.void);
    });
    return Effect.runPromise(Effect.gen(function* () {
      watch.start();
      for (let i = 0; i < n; i++) yield* Effect.forkDetach(callback);
      yield* Deferred.await(done);
      watch.stop();
      return calls;
    }));
  },
};

await work(rows, process.argv.slice(2));
