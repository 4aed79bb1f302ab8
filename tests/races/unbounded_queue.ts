/** Nothing holds a producer back that is faster than its consumer. */
import { createTask, Queue, sleep } from "../../mod.ts";
import type { Race } from "./types.ts";

/** What there is room for. */
const ROOM = 2;

async function check(queue: Queue<number>) {
  const producers = [0, 1].map(() =>
    createTask(async () => {
      for (let i = 0; i < 3; i++) {
        await sleep(1);
        await queue.put(i);
        if (queue.qsize() > ROOM) throw new Error("the queue grew too long");
      }
    })
  );
  const consumer = createTask(async () => {
    for (let seen = 0; seen < 6;) {
      await sleep(1);
      for (; !queue.empty(); seen++) queue.getNowait();
    }
  });
  for (const producer of producers) await producer;
  await consumer;
}

export const race: Race = {
  name: "unbounded queue",
  planted: () => check(new Queue()),
  corrected: () => check(new Queue(ROOM)),
};
