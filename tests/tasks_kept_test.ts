/** A running task is kept, whoever else lets go of it. */

import { assert, assertEquals } from "@std/assert";
import {
  allTasks,
  type Coro,
  createTask,
  type Future,
  getRunningLoop,
  run,
  sleep,
} from "../mod.ts";
import { collector } from "./_collector.ts";
import { it, runtime } from "./_harness.ts";
import { spell, SPELLINGS } from "./_spell.ts";

const MANY = 20;

const gc = await collector().catch(() => () => {});

/** Runs the collector until it has taken most of some things; false if it has not. */
async function collected(things: readonly WeakRef<object>[]): Promise<boolean> {
  const gone = () => things.filter((one) => one.deref() === undefined).length;
  for (let round = 0; round < 100; round++) {
    // What a turn has looked at is kept until its end.
    await new Promise((resolve) => setTimeout(resolve, 1));
    gc();
    if (gone() >= things.length / 2) return true;
  }
  return false;
}

/** Things that nobody holds. */
function litter(): WeakRef<object>[] {
  return Array.from({ length: MANY }, (_, i) => new WeakRef({ i }));
}

const skip = await collected(litter())
  ? false
  : `the collector of ${runtime} does not run on demand`;

for (const spelling of SPELLINGS) {
  it(
    `a task that waits for what nobody holds is kept, and can be ended: ${spelling}`,
    { skip, timeout: 20_000 },
    () =>
      // Not runTest, which holds whatever a test makes.
      run(async () => {
        const log: number[] = [];
        const work = spell(spelling, function* (n: number) {
          try {
            yield getRunningLoop().createFuture();
          } finally {
            log.push(n);
          }
        });
        const begin = () => {
          for (let n = 0; n < MANY; n++) createTask((): Coro<void> => work(n));
        };
        begin();
        await sleep(0);
        // A future of the same age, which a task may have forgotten, is not.
        const lost = (() =>
          Array.from(
            { length: MANY },
            () => new WeakRef<Future<unknown>>(getRunningLoop().createFuture()),
          ))();
        assert(await collected(lost), "the collector did not run");
        const left = [...allTasks()].slice(1);
        assertEquals(left.length, MANY);
        for (const task of left) task.cancel();
        await sleep(0);
        await sleep(0);
        assertEquals(log, Array.from({ length: MANY }, (_, n) => n));
      }),
  );
}
