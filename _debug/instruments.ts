/**
 * The instrument: one function that is told what tasks and callbacks do. Where there
 * is none, whoever would tell it looks at one of the switches and goes on.
 */

import type { AbstractEventLoop, Runnable } from "../events.ts";
import type { InstrumentHooks } from "./hooks.ts";
import { logger } from "../log.ts";
import { origins } from "./origins.ts";
import { setWatched } from "./switches.ts";
import { type StepOwner, stepOwner } from "../_kernel/state.ts";
import type { Stepper } from "../_kernel/step.ts";
import type { Task } from "../tasks.ts";

/**
 * What an {@linkcode InstrumentEvent} tells of.
 *
 * - `created`: a task was made;
 * - `started`: its first step begins;
 * - `suspended`: it waits, see `awaiting`;
 * - `resumed`: what it waited for has come, or it was cancelled;
 * - `finished`: it has ended, in whatever way;
 * - `handle`: a callback or a timer has run; this library's own are among them.
 */
export type InstrumentKind =
  | "created"
  | "started"
  | "suspended"
  | "resumed"
  | "finished"
  | "handle";

/** What an {@linkcode Instrument} is told. All events have all fields. */
export class InstrumentEvent {
  /** What happened. */
  readonly kind: InstrumentKind;
  /** When, in seconds of the loop's clock; for `handle` when it began. */
  readonly time: number;
  /** The task; null for `handle`. */
  readonly task: Task<unknown> | null;
  /** For `created` the task that made it, if one did. */
  readonly parent: Task<unknown> | null;
  /**
   * For `suspended` the future that it waits for: null where it waits for the next
   * iteration, or for something that is not of this library.
   */
  readonly awaiting: unknown;
  /**
   * For `finished` what the task failed with, undefined if it did not. Looking at it
   * here does not count as having handled it.
   */
  readonly error: unknown;
  /** For `handle` what was run; its text says what it is. */
  readonly handle: { toString(): string } | null;
  /** For `handle` how many seconds that took. */
  readonly duration: number;

  /** Made by the library. */
  constructor(
    kind: InstrumentKind,
    time: number,
    task: Task<unknown> | null,
    parent: Task<unknown> | null,
    awaiting: unknown,
    error: unknown,
    handle: { toString(): string } | null,
    duration: number,
  ) {
    this.kind = kind;
    this.time = time;
    this.task = task;
    this.parent = parent;
    this.awaiting = awaiting;
    this.error = error;
    this.handle = handle;
    this.duration = duration;
  }
}

/**
 * Is told what tasks and callbacks do, as it happens. It must not wait. If it throws,
 * that is logged and it is told nothing more; the program goes on. What it does
 * itself, such as making a task, is not told.
 */
export type Instrument = (event: InstrumentEvent) => void;

class Instruments implements InstrumentHooks {
  hook: Instrument | null = null;
  /** Tasks whose step runs: more than one where an eager task starts in another. */
  #running: StepOwner[] = [];
  #started = new WeakSet<object>();
  #busy = false;

  set(hook: Instrument | null): Instrument | null {
    const before = this.hook;
    this.hook = hook;
    setWatched(hook !== null, origins.on);
    this.#running = [];
    return before;
  }

  created(task: StepOwner): void {
    this.#tell("created", task, stepOwner(), null);
  }

  stepped(task: StepOwner): void {
    const first = !this.#started.has(task);
    if (first) this.#started.add(task);
    // One of several awaits of a task may end while its code runs.
    if (!this.#running.includes(task)) this.#running.push(task);
    this.#tell(first ? "started" : "resumed", task, null, null);
  }

  /** The loop that runs is in debug mode, or is not. */
  setDebug(on: boolean): void {
    origins.on = on;
    setWatched(this.hook !== null, on);
  }

  /** A handle is about to run: maybe it moves a task on. */
  begins(handle: Runnable): void {
    const owner = (handle as Partial<Stepper>)._owner;
    if (owner !== undefined) this.stepped(owner);
  }

  closed(owner: StepOwner): void {
    if (owner.done() || !this.#ended(owner)) return;
    const task = owner as unknown as Task<unknown>;
    // Async code waits in a place of its own; the newest comes first.
    const waiting = task._waiting ?? task._points?._waiting ?? null;
    const shown = waiting !== null && "_state" in waiting ? waiting : null;
    this.#tell("suspended", owner, null, shown);
  }

  finished(task: Task<unknown>): void {
    const owner = task as unknown as StepOwner;
    this.#ended(owner);
    const error = task._failed ? task._value : undefined;
    this.#tell("finished", owner, null, null, error);
  }

  /** Takes it out of those whose step runs; false if it was not one of them. */
  #ended(task: StepOwner): boolean {
    const at = this.#running.lastIndexOf(task);
    if (at < 0) return false;
    this.#running.splice(at, 1);
    return true;
  }

  gaveUp(): void {
    for (let task = this.#running.pop(); task; task = this.#running.pop()) {
      if (!task.done()) this.#tell("suspended", task, null, null);
    }
  }

  ran(handle: Runnable, loop: AbstractEventLoop, began: number): void {
    // The steps of tasks are told of as such; those of async code are not over.
    const owner = (handle as Partial<Stepper>)._owner as
      | StepOwner & { _stepMark: number }
      | undefined;
    if (owner !== undefined) {
      if (owner._stepMark === -1) this.closed(owner);
      return;
    }
    const took = loop.time() - began;
    this.#send(
      new InstrumentEvent(
        "handle",
        began,
        null,
        null,
        null,
        undefined,
        handle,
        took,
      ),
    );
  }

  #tell(
    kind: InstrumentKind,
    task: StepOwner,
    parent: StepOwner | null,
    awaiting: unknown,
    error?: unknown,
  ): void {
    this.#send(
      new InstrumentEvent(
        kind,
        task.getLoop().time(),
        task as unknown as Task<unknown>,
        parent as unknown as Task<unknown> | null,
        awaiting,
        error,
        null,
        0,
      ),
    );
  }

  #send(event: InstrumentEvent): void {
    const { hook } = this;
    if (hook === null || this.#busy) return;
    this.#busy = true;
    try {
      const result: unknown = hook(event);
      if (result instanceof Promise) {
        result.then(undefined, (error) => this.#failed(hook, error));
      }
    } catch (error) {
      this.#failed(hook, error);
    } finally {
      this.#busy = false;
    }
  }

  #failed(hook: Instrument, error: unknown): void {
    // An async one may fail again, later; a newer one has done nothing.
    if (this.hook !== hook) return;
    this.set(null);
    logger.error("The instrument failed and was removed", { exc: error });
  }
}

/** The instrument of this thread. */
export const instruments: Instruments = new Instruments();
