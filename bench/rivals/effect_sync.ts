/**
 * Effect's locks, queues and groups, by its own quick means: take and release
 * of a semaphore (withPermits takes longer), a forEach that runs a hundred
 * effects at a time (a semaphore among 100 000 fibers takes minutes), a
 * FiberSet for the children.
 */
import process from "node:process";
import { Effect, Fiber, FiberSet, Latch, Queue, Semaphore } from "npm:effect@4";
import {
  BOUND,
  HOLDERS,
  LIMIT,
  LISTENERS,
  type SyncRows,
  type Watch,
  work,
} from "../measure.ts";

const join = Effect.fnUntraced(function* (fibers: Fiber.Fiber<number>[]) {
  let sum = 0;
  for (const fiber of fibers) sum += yield* Fiber.join(fiber);
  return sum;
});

function timed(
  watch: Watch,
  effect: Effect.Effect<number>,
): Promise<number> {
  return Effect.runPromise(Effect.gen(function* () {
    watch.start();
    const sum = yield* effect;
    watch.stop();
    return sum;
  }));
}

/** Starts fibers and adds what they come to. */
function together(
  watch: Watch,
  many: number,
  body: (i: number) => Effect.Effect<number>,
  meanwhile: Effect.Effect<void> = Effect.void,
): Promise<number> {
  return timed(
    watch,
    Effect.gen(function* () {
      const fibers: Fiber.Fiber<number>[] = [];
      for (let i = 0; i < many; i++) {
        fibers.push(yield* Effect.forkDetach(body(i)));
      }
      yield* meanwhile;
      return yield* join(fibers);
    }),
  );
}

const rows: SyncRows = {
  lock(n, watch) {
    const lock = Semaphore.makeUnsafe(1);
    let held = false;
    let last = -1;
    const critical = (me: number) =>
      Effect.suspend(() => {
        const alone = !held && last !== me ? 1 : 0;
        held = true;
        last = me;
        return Effect.map(Effect.yieldNow, () => {
          held = false;
          return alone;
        });
      });
    const holder = Effect.fnUntraced(function* (me: number) {
      let alone = 0;
      for (let i = 0; i < n / HOLDERS; i++) {
        yield* lock.take(1);
        alone += yield* critical(me);
        yield* lock.release(1);
      }
      return alone;
    });
    return together(watch, HOLDERS, holder);
  },

  limit(n, watch) {
    let active = 0;
    const job = (i: number) =>
      Effect.suspend(() => {
        active++;
        return Effect.map(Effect.yieldNow, () => {
          const right = active <= LIMIT;
          active--;
          return right ? i : 0;
        });
      });
    return timed(
      watch,
      Effect.gen(function* () {
        const numbers = Array.from({ length: n }, (_, i) => i);
        let sum = 0;
        for (
          const i of yield* Effect.forEach(numbers, job, {
            concurrency: LIMIT,
          })
        ) sum += i;
        return sum;
      }),
    );
  },

  queues: (n, watch) =>
    Effect.runPromise(Effect.gen(function* () {
      const there = yield* Queue.unbounded<number>();
      const back = yield* Queue.unbounded<number>();
      const server = Effect.gen(function* () {
        for (let i = 0; i < n; i++) {
          yield* Queue.offer(back, (yield* Queue.take(there)) + 1);
        }
        return 0;
      });
      const client = Effect.gen(function* () {
        let sum = 0;
        for (let i = 0; i < n; i++) {
          yield* Queue.offer(there, i);
          sum += yield* Queue.take(back);
        }
        return sum;
      });
      return yield* Effect.promise(() =>
        together(watch, 2, (i) => i === 0 ? server : client)
      );
    })),

  bounded: (n, watch) =>
    Effect.runPromise(Effect.gen(function* () {
      const queue = yield* Queue.bounded<number>(BOUND);
      const producer = Effect.gen(function* () {
        for (let i = 0; i < n; i++) yield* Queue.offer(queue, i);
        return 0;
      });
      const consumer = Effect.gen(function* () {
        let sum = 0;
        for (let i = 0; i < n; i++) sum += yield* Queue.take(queue);
        return sum;
      });
      return yield* Effect.promise(() =>
        together(watch, 2, (i) => i === 0 ? producer : consumer)
      );
    })),

  fanout(n, watch) {
    const many = Math.min(n, LISTENERS);
    const events = Array.from(
      { length: n / many },
      () => Latch.makeUnsafe(false),
    );
    let waiting = 0;
    const listener = Effect.fnUntraced(function* () {
      let heard = 0;
      for (const event of events) {
        waiting++;
        yield* event.await;
        if (event.isOpen()) heard++;
      }
      return heard;
    });
    const speaker = Effect.gen(function* () {
      let due = 0;
      for (const event of events) {
        due += many;
        while (waiting < due) yield* Effect.yieldNow;
        event.openUnsafe();
      }
    });
    return together(watch, many, listener, speaker);
  },

  group: (n, watch) =>
    timed(
      watch,
      Effect.scoped(Effect.gen(function* () {
        const set = yield* FiberSet.make<void>();
        let sum = 0;
        for (let i = 0; i < n; i++) {
          yield* FiberSet.run(
            set,
            Effect.map(Effect.yieldNow, () => void (sum += i)),
          );
        }
        yield* FiberSet.awaitEmpty(set);
        return sum;
      })),
    ),
};

await work(rows, process.argv.slice(2));
