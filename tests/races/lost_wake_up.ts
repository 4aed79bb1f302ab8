/** A consumer looks for work, and waits for a signal that may have come by then. */
import { Condition, createTask, type Future, sleep } from "../../mod.ts";
import type { Race } from "./types.ts";
import type { TestScope } from "../../testing.ts";

async function planted({ loop }: TestScope) {
  const work: string[] = [];
  let waiter: Future<void> | null = null;
  const producer = createTask(async () => {
    await sleep(1);
    work.push("job");
    waiter?.setResult(undefined);
  });
  const consumer = createTask(async () => {
    await sleep(1);
    if (work.length === 0) {
      // Here the producer may run, which finds nobody to wake.
      await sleep(0);
      waiter = loop.createFuture<void>();
      await waiter;
    }
    work.pop();
  });
  await producer;
  await consumer;
}

async function corrected() {
  const work: string[] = [];
  const condition = new Condition();
  const producer = createTask(async () => {
    await sleep(1);
    await condition.with(() => {
      work.push("job");
      condition.notify();
    });
  });
  const consumer = createTask(async () => {
    await sleep(1);
    await condition.with(async () => {
      await condition.waitFor(() => work.length > 0);
      work.pop();
    });
  });
  await producer;
  await consumer;
}

export const race: Race = { name: "lost wake-up", planted, corrected };
