/**
 * Operations on locks, events, conditions, semaphores and barriers. The twin
 * of `oracle/lock_ops.py`.
 */
import * as aio from "../../mod.ts";
import type { Builder } from "./aws.ts";
import { type FlowRun, type Left, runFlow } from "./flow.ts";
import { runSync, type SyncRun } from "./ops.ts";
import { type Core, type Scope, spell } from "./spell.ts";
import type { Op, SyncOp } from "./types.ts";

/** Operations that need no await. */
export const sync: Record<string, SyncRun> = {
  lock: (s, name: string) => s.w.put(name, "lock", new aio.Lock()),
  event: (s, name: string) => s.w.put(name, "event", new aio.Event()),
  condition: (s, name: string, lock?: string) => {
    const found = lock === undefined ? undefined : s.w.get(lock, "lock");
    s.w.put(name, "cond", new aio.Condition(found));
  },
  semaphore: (s, name: string, value = 1) =>
    s.w.put(name, "sem", new aio.Semaphore(value)),
  bounded: (s, name: string, value = 1) =>
    s.w.put(name, "sem", new aio.BoundedSemaphore(value)),
  barrier: (s, name: string, parties: number) =>
    s.w.put(name, "barrier", new aio.Barrier(parties)),

  release: (s, name: string) => s.w.get(name, "lock", "cond", "sem")?.release(),
  setEvent: (s, name: string) => s.w.get(name, "event")?.set(),
  clearEvent: (s, name: string) => s.w.get(name, "event")?.clear(),
  notify: (s, name: string, ...count: [number?]) =>
    s.w.get(name, "cond")?.notify(...count),
  notifyAll: (s, name: string) => s.w.get(name, "cond")?.notifyAll(),
  status: (s, name: string) => {
    const found = s.w.get(
      name,
      "lock",
      "cond",
      "sem",
      "event",
      "barrier",
      "queue",
    );
    if (found === undefined) return;
    const parts = found instanceof aio.Queue
      ? [found.qsize(), found.empty(), found.full(), found.maxsize]
      : found instanceof aio.Barrier
      ? [found.nWaiting, found.broken, found.parties]
      : found instanceof aio.Event
      ? [found.isSet()]
      : [found.locked()];
    s.w.say("status", name, ...parts.map((part) => s.w.show(part)));
  },
  bump: ({ w }, cell: string, by = 1) => {
    w.cells.set(cell, (w.cells.get(cell) ?? 0) + by);
  },
};

/** Awaitables. */
export const awaitables: Record<string, Builder> = {
  acquire: (s, _use, name: string) =>
    s.w.get(name, "lock", "cond", "sem")?.acquire(),
  waitOn: (s, _use, name: string) => {
    const found = s.w.get(name, "event", "cond", "barrier");
    return found?.wait() as aio.Coroutine<unknown> | undefined;
  },
  waitUntil: (
    s,
    _use,
    name: string,
    cell: string,
    least: number,
    ops: SyncOp[] = [],
  ) =>
    s.w.get(name, "cond")?.waitFor(() => {
      const value = s.w.cells.get(cell) ?? 0;
      s.w.say("predicate", cell, String(value));
      runSync(s, ops);
      return value >= least;
    }),
  reset: (s, _use, name: string) => s.w.get(name, "barrier")?.reset(),
  abort: (s, _use, name: string) => s.w.get(name, "barrier")?.abort(),
};

/** Operations that await or nest. */
export const flow: Record<string, FlowRun> = {
  with: enter,
};

/** Runs operations as the block of something. */
export function* enter(s: Scope, name: string, ops: Op[]): Core<Left> {
  const found = s.w.get(name, "lock", "cond", "sem", "barrier", "group");
  if (found === undefined) return undefined;
  const body = spell(s.spelling, function* (...given: unknown[]): Core<Left> {
    const index = found instanceof aio.Barrier ? [s.w.show(given[0])] : [];
    s.w.say("enter", name, ...index);
    return yield* runFlow(s, ops);
  });
  const block = found as { with(body: unknown): aio.Coroutine<Left> };
  const left = (yield block.with(body)) as Left;
  s.w.say("exit", name);
  return left;
}
