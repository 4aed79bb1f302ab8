/**
 * Programs that tests/driver_test.ts runs to their end, one per name: none of them
 * exits by itself, so whatever the library leaves behind would keep it alive.
 */

import process from "node:process";
import {
  BaseEventLoop,
  createTask,
  getRunningLoop,
  run,
  Runner,
  sleep,
} from "../../mod.ts";

// deno-lint-ignore no-console
const print = (line: string) => console.log(line);

const programs: Record<string, () => unknown> = {
  run: () =>
    run(async () => {
      createTask(sleep(1000));
      getRunningLoop().callLater(1000, print, "never");
      await sleep(0.01);
    }),

  generator: () =>
    run(function* () {
      yield* sleep(0.01);
    }),

  failed: async () => {
    try {
      await run(async () => {
        await sleep(0.01);
        throw new RangeError("mine");
      });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  },

  // Neither closed: timers that are left must not hold the process.
  stopped: async () => {
    const loop = new BaseEventLoop();
    loop.callLater(1000, print, "never");
    loop.callLater(0.01, () => loop.stop());
    await loop.runForever();
  },

  interrupted: async () => {
    const loop = new BaseEventLoop();
    loop.callLater(1000, print, "never");
    setTimeout(() => loop.stop(), 10);
    await loop.runForever();
  },

  unclosed: async () => {
    const runner = new Runner();
    await runner.run(async () => {
      createTask(sleep(1000));
      await sleep(0.01);
    });
  },

  foreign: () =>
    run(async () => {
      await (await fetch("data:text/plain,x")).text();
      await new Promise<void>((done) => setTimeout(done, 5));
    }),

  // What nothing else keeps alive, a running loop does.
  held: async () => {
    const loop = new BaseEventLoop();
    const timer = setTimeout(() => {
      print("still alive");
      loop.stop();
    }, 100);
    timer.unref();
    await loop.runForever();
  },
};

await programs[process.argv[2]!]!();
print("over");
