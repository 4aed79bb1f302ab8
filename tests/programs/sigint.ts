/**
 * Programs that tests/sigint_test.ts interrupts, one per name. Each prints a line
 * when it is where the test wants it, so that nobody has to guess how long to wait.
 */

import process from "node:process";
import { CancelledError, KeyboardInterrupt, run, sleep } from "../../mod.ts";

// deno-lint-ignore no-console
const print = (line: string) => console.log(line);
const ready = () => print(`ready ${process.pid}`);
const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

async function cleanup(): Promise<void> {
  try {
    ready();
    await sleep(60);
  } finally {
    print("cleaning");
    await sleep(0.05);
    print("cleaned");
  }
}

const programs: Record<string, () => unknown> = {
  cleanup: () => run(cleanup),

  generator: () =>
    run(function* () {
      try {
        ready();
        yield* sleep(60);
      } finally {
        print("cleaning");
        yield* sleep(0.05);
        print("cleaned");
      }
    }),

  notAwaited() {
    run(cleanup);
  },

  async settled() {
    await run(async () => {
      await sleep(0.3);
      await cleanup();
    });
  },

  async swallow() {
    const result = await run(async () => {
      try {
        ready();
        await sleep(60);
      } catch (error) {
        if (!(error instanceof CancelledError)) throw error;
      }
      return 42;
    });
    print(`result ${result}`);
  },

  ignore: () =>
    run(async () => {
      ready();
      for (;;) {
        try {
          await sleep(60);
        } catch {
          print("ignored");
        }
      }
    }),

  foreignPromise: () =>
    run(async () => {
      ready();
      await new Promise(() => {});
    }),

  spin: () =>
    run(() => {
      ready();
      for (;;);
    }),

  spinLater: () =>
    run(async () => {
      await sleep(0.4);
      ready();
      for (;;);
    }),

  async spinInSecondRun() {
    await run(() => sleep(0));
    await run(async () => {
      await sleep(0.4);
      ready();
      for (;;);
    });
  },

  async hostListener() {
    let heard = () => {};
    const told = new Promise<void>((done) => heard = done);
    process.on("SIGINT", () => {
      print("host heard it");
      heard();
    });
    await run(async () => {
      ready();
      await told;
      await sleep(0.05);
      print("main went on");
    });
    process.removeAllListeners("SIGINT");
  },

  async otherListener() {
    process.on("SIGTERM", () => {});
    try {
      await run(cleanup);
    } finally {
      process.removeAllListeners("SIGTERM");
    }
  },

  async caught() {
    try {
      await run(cleanup);
    } catch (error) {
      if (!(error instanceof KeyboardInterrupt)) throw error;
      print("caught");
    }
    await pause(50);
    print("went on");
  },

  async restored() {
    await run(() => sleep(0.2));
    ready();
    await pause(20_000);
  },

  async restoredAfterInterrupt() {
    await run(cleanup).catch(() => {});
    print("caught");
    await pause(20_000);
  },

  async otherError() {
    await run(cleanup).catch(() => {});
    throw new RangeError("another error");
  },
};

await programs[process.argv[2] ?? ""]?.();
