/**
 * Debug mode: coroutines that nobody awaits. Most are awaited within the iteration
 * in which they were made, so only what is left then is watched.
 */

import type { AbstractEventLoop } from "../events.ts";
import { warn } from "../log.ts";
import type { Watchable } from "./hooks.ts";
import { type Origin, origins } from "./origins.ts";

/** What is kept of a coroutine; it must not keep the coroutine alive. */
export class Unawaited {
  readonly #name: string;
  readonly #origin: Origin | null;
  readonly #all: Set<Unawaited>;

  constructor(coro: Watchable, all: Set<Unawaited>) {
    this.#name = coro.name;
    this.#origin = coro._origin ?? origins.alike(coro._function);
    this.#all = all;
    all.add(this);
    registry.register(coro, this, this);
  }

  forget(): void {
    registry.unregister(this);
    this.#all.delete(this);
  }

  report(): void {
    if (!this.#all.delete(this)) return;
    registry.unregister(this);
    const where = this.#origin?.place ?? "";
    warn(
      `coroutine '${this.#name || "(anonymous)"}' was never awaited` +
        (where === "" ? "" : `, ${where}`),
      "RuntimeWarning",
    );
  }
}

const registry = new FinalizationRegistry<Unawaited>((held) => held.report());

/** Those made since the last look. */
let fresh: Watchable[] = [];

const watched = new WeakMap<AbstractEventLoop, Set<Unawaited>>();

/** A coroutine was made of a function. */
export function noteCoroutine(coro: Watchable, fn: object): void {
  if (!origins.on) return;
  const origin = origins.take(fn);
  if (origin !== null) coro._origin = origin;
  fresh.push(coro);
}

/** An iteration of the loop is over: what nobody has taken is watched. */
export function sweepCoroutines(loop: AbstractEventLoop): void {
  if (fresh.length === 0) return;
  const all = fresh;
  fresh = [];
  let set = watched.get(loop);
  if (set === undefined) watched.set(loop, set = new Set());
  for (const coro of all) {
    if (coro._isFresh()) coro._watched = new Unawaited(coro, set);
  }
}

/** The loop is closed: nobody will await them any more. */
export function reportUnawaited(loop: AbstractEventLoop): void {
  sweepCoroutines(loop);
  for (const held of [...watched.get(loop) ?? []]) held.report();
}
