/** Operations on queues; the twin of `oracle/queue_ops.py`. */
import * as aio from "../../mod.ts";
import type { Builder } from "./aws.ts";
import type { SyncRun } from "./ops.ts";

/** Operations that need no await. */
export const sync: Record<string, SyncRun> = {
  queue: (s, name: string, maxsize = 0) =>
    s.w.put(name, "queue", new aio.Queue(maxsize)),
  priorityQueue: (s, name: string, maxsize = 0) =>
    s.w.put(name, "queue", new aio.PriorityQueue(maxsize)),
  lifoQueue: (s, name: string, maxsize = 0) =>
    s.w.put(name, "queue", new aio.LifoQueue(maxsize)),
  putNowait: (s, name: string, item: unknown) =>
    s.w.get(name, "queue")?.putNowait(item),
  getNowait: (s, name: string) => {
    const found = s.w.get(name, "queue");
    if (found) s.w.say("got", s.w.show(found.getNowait()));
  },
  taskDone: (s, name: string) => s.w.get(name, "queue")?.taskDone(),
  shutdown: (s, name: string, ...immediate: [boolean?]) =>
    s.w.get(name, "queue")?.shutdown(...immediate),
};

/** Awaitables. */
export const awaitables: Record<string, Builder> = {
  put: (s, _use, name: string, item: unknown) =>
    s.w.get(name, "queue")?.put(item),
  get: (s, _use, name: string) => s.w.get(name, "queue")?.get(),
  join: (s, _use, name: string) => s.w.get(name, "queue")?.join(),
};
