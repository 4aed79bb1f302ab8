/**
 * Who waits for what: read off the futures that tasks wait for and off the waiters
 * of futures. Call graphs and deadlock reports are made of it; nothing is recorded
 * for it beforehand, so it costs nothing until somebody asks.
 */

import { Future } from "../futures.ts";
import { Finished, type WaitingList } from "../_sync/queue_calls.ts";
import { AwaitPoint, type FutureLike, type Waiter } from "../_kernel/step.ts";
import { Task } from "../_tasks/task.ts";
import { Waiter as GateWaiter } from "../_sync/waiters.ts";

/** Something that one task waits for. */
export interface Wait {
  /** What is awaited. */
  readonly future: FutureLike;
  /** The futures that it stands for: itself, or those of a gather, a group, ... */
  readonly futures: readonly Future<unknown>[];
  /** The lock, queue or the like behind it. */
  readonly primitive: object | null;
  /** Who holds the primitive, as far as it knows. */
  readonly holders: readonly Task<unknown>[];
  /** Says what it is, without the holders. */
  readonly text: string;
}

/** What some futures stand for: those whose ends they wait for. */
interface Standing {
  _standsFor?: Iterable<Future<unknown>> | null;
  _children?: readonly Future<unknown>[];
}

/** What waits in a queue, which is no Future. */
interface InQueue {
  _list: WaitingList | null;
}

/** What can tell its holders. */
interface Held {
  statistics?(): { owner?: unknown; borrowers?: readonly unknown[] };
}

/** A lock is held by its owner, a limiter by its borrowers; others do not know. */
function holdersOf(primitive: object): Task<unknown>[] {
  // A condition or a semaphore of somebody's own may have any statistics.
  const stats = (primitive as Held).statistics?.();
  const holders = stats?.borrowers ?? [stats?.owner];
  return holders.filter((holder) => holder instanceof Task);
}

/** What a future stands for, with nothing in it that is done. */
function targetsOf(future: Future<unknown>): Future<unknown>[] {
  const { _standsFor, _children } = future as Standing;
  const targets = _standsFor ?? _children;
  return targets == null
    ? [future]
    : [...new Set(targets)].filter((target) => !target.done());
}

function inQueue(list: WaitingList): { primitive: object; text: string } {
  const primitive = list.owner as {
    _getters?: WaitingList;
    _putters?: WaitingList;
  };
  if (primitive instanceof Finished) return { primitive, text: `${primitive}` };
  const what = primitive._putters === list ? "a place in" : "an item of";
  return { primitive, text: `${what} ${primitive}` };
}

function nameOf(future: Future<unknown>): string {
  return future instanceof Task
    ? `Task '${future.getName()}'`
    : `a ${future.constructor.name}`;
}

/** Beyond so many, the others are counted. */
const MOST_NAMES = 5;

function listed(futures: readonly Future<unknown>[]): string {
  const names = futures.slice(0, MOST_NAMES).map(nameOf);
  const more = futures.length - names.length;
  if (more > 0) names.push(`${more} more`);
  return names.join(", ");
}

/** What a task waits for that awaits a future. */
export function describe(future: FutureLike): Wait {
  if (future instanceof GateWaiter) {
    const primitive = future._queue.owner;
    if (primitive !== null) {
      const holders = holdersOf(primitive);
      return { future, futures: [], primitive, holders, text: `${primitive}` };
    }
  }
  if (!(future instanceof Future)) {
    const list = (future as Partial<InQueue>)._list ?? null;
    return list === null
      ? { future, futures: [], primitive: null, holders: [], text: "a queue" }
      : { future, futures: [], holders: [], ...inQueue(list) };
  }
  const futures = targetsOf(future);
  const text = futures.length === 0 ? nameOf(future) : listed(futures);
  return { future, futures, primitive: null, holders: [], text };
}

/** The futures that a task waits for right now; async code may wait for several. */
export function awaitedBy(task: Task<unknown>): FutureLike[] {
  const found: FutureLike[] = [];
  if (task._waiting !== null) found.push(task._waiting);
  for (let point = task._points; point !== null; point = point._next) {
    // One that only gives the others a turn waits for nothing that can be shown.
    if (point._waiting !== null && "_state" in point._waiting) {
      found.push(point._waiting);
    }
  }
  // The list of points has the newest first.
  return found.length > 1 ? found.reverse() : found;
}

/** What a task waits for; nothing where it runs, or waits outside this library. */
export function waitsOf(task: Task<unknown>): Wait[] {
  return awaitedBy(task).map(describe);
}

/** Whoever a waiter stands for: the task itself, or the one that a helper serves. */
function behind(waiter: Waiter): Future<unknown> | null {
  if (waiter instanceof Future) return waiter;
  if (waiter instanceof AwaitPoint) {
    return waiter._owner as unknown as Future<unknown>;
  }
  const helper = waiter as {
    _parent?: Future<unknown> | null;
    outer?: { _parent: Future<unknown> | null } | null;
  };
  if (helper._parent != null) return helper._parent;
  if (helper.outer == null) return null;
  return helper.outer._parent ??
    helper.outer as unknown as Future<unknown>;
}

/** Who waits for a future: through await, gather, wait, shield, a group, ... */
export function awaitersOf(future: Future<unknown>): Set<Future<unknown>> {
  const found = new Set<Future<unknown>>();
  for (const waiter of future._allWaiters()) {
    const who = behind(waiter);
    if (who !== null && !who.done()) found.add(who);
  }
  for (const who of future._awaitedBy ?? []) if (!who.done()) found.add(who);
  return found;
}
