/**
 * Programs that tests/signals_process_test.ts sends signals to, one per name. Each
 * prints a line when it is where the test wants it.
 */

import process from "node:process";
import {
  CancelledError,
  Event,
  getRunningLoop,
  newEventLoop,
  run,
  Runner,
  sleep,
} from "../../mod.ts";

// deno-lint-ignore no-console
const print = (line: string) => console.log(line);
const ready = () => print(`ready ${process.pid}`);

/** Prints each signal of some, until it is ended. */
async function listen(names: readonly string[]): Promise<void> {
  const loop = getRunningLoop();
  const refused: string[] = [];
  for (const name of names) {
    try {
      loop.addSignalHandler(name, (name: string) => print(`got ${name}`), name);
    } catch {
      refused.push(name);
    }
  }
  print(`refused ${refused.join(" ")}`);
  ready();
  await sleep(60);
}

/** Waits for SIGTERM, whose handler it takes back. */
async function oneTerm(): Promise<void> {
  const loop = getRunningLoop();
  const asked = new Event();
  loop.addSignalHandler("SIGTERM", () => asked.set());
  ready();
  await asked.wait();
  print(`removed ${loop.removeSignalHandler("SIGTERM")}`);
  await sleep(60);
}

async function withCleanup(): Promise<void> {
  try {
    await sleep(60);
  } catch (error) {
    if (error instanceof CancelledError) print("cancelled");
    throw error;
  } finally {
    print("cleaned");
  }
}

const programs: Record<string, (args: string[]) => unknown> = {
  listen: (names) => run(() => listen(names)),

  oneTerm: () => run(oneTerm),

  /** The loop is closed, and the program goes on. */
  async closed() {
    const loop = newEventLoop();
    loop.addSignalHandler("SIGTERM", () => print("handled"));
    await loop.runUntilComplete(sleep(0.01));
    loop.close();
    ready();
    await new Promise((done) => setTimeout(done, 60_000));
  },

  /** The handler of SIGINT stands in for the runner's. */
  async replaced() {
    await run(async () => {
      const asked = new Event();
      getRunningLoop().addSignalHandler("SIGINT", () => {
        print("own handler");
        asked.set();
      });
      ready();
      await asked.wait();
      print("main goes on");
    });
    print("after run");
  },

  /** Taken back, SIGINT ends the run. */
  async takenBack() {
    try {
      await run(async () => {
        const loop = getRunningLoop();
        loop.addSignalHandler("SIGINT", () => print("own handler"));
        loop.removeSignalHandler("SIGINT");
        ready();
        await withCleanup();
      });
    } catch (error) {
      print(`thrown ${(error as Error).name}`);
      throw error;
    }
  },

  /** A handler that stood before the run: the runner leaves SIGINT alone. */
  async before() {
    await using runner = new Runner();
    const asked = new Event();
    runner.getLoop().addSignalHandler("SIGINT", () => asked.set());
    await runner.run(async () => {
      ready();
      await asked.wait();
      print("own handler");
    });
  },

  /** Two presses with a handler of its own do not end a busy program. */
  async busy() {
    await run(async () => {
      let heard = 0;
      getRunningLoop().addSignalHandler("SIGINT", () => void heard++);
      await sleep(0.3);
      ready();
      const until = performance.now() + 700;
      while (performance.now() < until);
      await sleep(0.05);
      print(`heard ${heard > 0}`);
    });
  },

  /** What arrives while the loop is at rest is handled when it runs again. */
  async between() {
    const loop = newEventLoop();
    let heard = 0;
    loop.addSignalHandler("SIGUSR1", () => void heard++);
    await loop.runUntilComplete(sleep(0.01));
    ready();
    await new Promise((done) => setTimeout(done, 300));
    print(`meanwhile ${heard}`);
    await loop.runUntilComplete(sleep(0.01));
    print(`then ${heard}`);
    loop.close();
  },
};

const [name, ...args] = process.argv.slice(2);
await programs[name!]!(args);
