/** What the tests of the primitives share. */

import type { BaseEventLoop } from "../base_events.ts";
import type { Coroutine } from "../coroutines.ts";
import type { Future } from "../futures.ts";
import { createTask, gather, sleep, type Task } from "../tasks.ts";
import type { Body, Spelled } from "./_spell.ts";

/** Notes the iterations of a loop in a log, as `|`, from now on. */
export function tickInto(log: unknown[], loop: BaseEventLoop): void {
  let left = 12;
  const tick = () => {
    log.push("|");
    if (--left > 0) loop.callSoon(tick);
  };
  tick();
}

/** A log as one line, without the ticks at its end. */
export function line(log: readonly unknown[]): string {
  return log.join(" ").replace(/( \|)+$/, "");
}

/** Makes tasks of a body, named by its first argument. */
export function spawner<A extends unknown[], T>(
  { co }: Pick<Spelled, "co">,
  body: (name: string, ...rest: A) => Body<T>,
): (name: string, ...rest: A) => Task<T> {
  const fn = co(body);
  return (name, ...rest) => createTask(fn(name, ...rest), { name });
}

/** Waits for tasks, however they end. */
export function ended(
  ...tasks: readonly Task<unknown>[]
): Future<unknown> {
  return gather(tasks, { returnExceptions: true });
}

/** What is acquired and released. */
export interface Acquirable {
  acquire(): Coroutine<true>;
  release(): void;
}

/**
 * Makes tasks that acquire something, note their name, hold it for some iterations
 * and release it; one that is cancelled while it waits notes its name and an x.
 */
export function holder(
  t: Pick<Spelled, "co">,
  what: Acquirable,
  log: unknown[],
): (name: string, iterations: number) => Task<void> {
  return spawner(t, function* (name: string, iterations: number) {
    try {
      yield what.acquire();
    } catch (error) {
      log.push(`${name}x`);
      throw error;
    }
    log.push(name);
    for (let i = 0; i < iterations; i++) yield sleep(0);
    what.release();
  });
}
