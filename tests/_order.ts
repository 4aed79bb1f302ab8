/**
 * A small program whose trace shows whether a platform keeps asyncio's order and
 * contexts; tests run it over every variant of the adapters.
 */

import {
  BaseEventLoop,
  ContextVar,
  type Coro,
  createTask,
  currentTask,
  gather,
  getRunningLoop,
  sleep,
  timeout,
  TimeoutError,
} from "../mod.ts";
import type { Platform } from "../_platform/types.ts";

const name = new ContextVar<string>("name", { default: "none" });

function* generator(id: string, log: (what: string) => void): Coro<string> {
  name.set(id);
  log("starts");
  yield* sleep(0);
  log("after sleep(0)");
  yield* sleep(0.002);
  log("after sleep");
  return id;
}

async function native(id: string, log: (what: string) => void) {
  name.set(id);
  log("starts");
  await sleep(0);
  log("after sleep(0)");
  for (let i = 0; i < 5; i++) await Promise.resolve();
  log("after promises");
  await sleep(0.002);
  log("after sleep");
  return id;
}

/** What {@linkcode trace} logs on a platform that is right. */
export const ORDER: readonly string[] = [
  "a starts in Task a",
  "b starts in Task b",
  "c starts in Task c",
  "none callback in none",
  "a after sleep(0) in Task a",
  "b after sleep(0) in Task b",
  "b after promises in Task b",
  "c after sleep(0) in Task c",
  "a after sleep in Task a",
  "b after sleep in Task b",
  "c after sleep in Task c",
  "done a,b,c",
  "main timed out in Task main",
  "main after a host timer in Task main",
  "x host callback in Task x",
];

/** Runs the program over a platform. */
export async function trace(platform: Platform): Promise<string[]> {
  const lines: string[] = [];
  const log = (what: string) => {
    const task = currentTask();
    lines.push(
      `${name.get()} ${what} in ${
        task === null ? "none" : `Task ${task.getName()}`
      }`,
    );
  };
  const loop = new BaseEventLoop({ platform });
  await loop.runUntilComplete(loop.createTask(async () => {
    const tasks = [
      createTask(generator("a", log), { name: "a" }),
      createTask(() => native("b", log), { name: "b" }),
      createTask(generator("c", log), { name: "c" }),
    ];
    getRunningLoop().callSoon(log, "callback");
    lines.push(`done ${await gather(tasks)}`);
    name.set("main");
    try {
      await timeout(0.001).with(() => sleep(60));
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
      log("timed out");
    }
    await new Promise<void>((done) => setTimeout(done, 1));
    log("after a host timer");
    await createTask(async () => {
      name.set("x");
      await sleep(0);
      await new Promise<void>((done) =>
        setTimeout(() => {
          log("host callback");
          done();
        }, 1)
      );
    }, { name: "x" });
  }, { name: "main" }));
  loop.close();
  return lines;
}
