/**
 * The order in which what is ready runs, where a test may choose it.
 *
 * An iteration runs what was ready at its start; that stays. What may change is the
 * order within it, except where a program may rely on CPython's:
 *
 * - callbacks run in the order in which they were scheduled;
 * - timers run in the order of their deadlines, those of one callback also where the
 *   deadlines are equal;
 * - those who waited in one queue (of a lock, a semaphore, a queue) go on in its
 *   order, so that nobody overtakes;
 * - what wakes one task twice wakes it in that order;
 * - a task that slept for 0 seconds lets all go first that were ready before.
 */

import { Handle, type Runnable, TimerHandle } from "../events.ts";
import { ReadyQueue } from "../_kernel/ready.ts";
import type { Deviation, Random } from "./seed.ts";
import {
  AwaitPoint,
  type FutureLike,
  type Stepper,
  TURN,
} from "../_kernel/step.ts";
import { Task } from "../_tasks/task.ts";
import { Waiter } from "../_sync/waiters.ts";

/** No further is looked for one that could go on: a choice takes bounded time. */
const WINDOW = 48;

/** Chooses who goes on. Its decisions are counted, and kept where they were bold. */
export abstract class Chooser {
  /** How many decisions there were. */
  decisions = 0;
  /** Those that did not take the first. */
  readonly deviations: Deviation[] = [];

  /** Which of `count` candidates goes on, from 0; there are at least two. */
  choose(count: number): number {
    const at = this.decisions++;
    const choice = this.pick(at, count);
    if (choice === 0) return 0;
    this.deviations.push({ at, choice });
    return choice;
  }

  protected abstract pick(at: number, count: number): number;
}

/** Takes any of them, each time. */
export class RandomChooser extends Chooser {
  readonly #random: Random;

  constructor(random: Random) {
    super();
    this.#random = random;
  }

  protected override pick(_at: number, count: number): number {
    return this.#random.integer(count);
  }
}

/**
 * Takes the first but in a few places. A race of depth d shows in any run whose d
 * places are the right ones, which is far likelier with few of them than by chance in
 * every place.
 */
export class SparseChooser extends Chooser {
  readonly #random: Random;
  readonly #places: ReadonlySet<number>;

  /**
   * Draws the places.
   *
   * @param random The random numbers.
   * @param horizon How many decisions a run has, about.
   * @param bound How many places at most.
   */
  constructor(random: Random, horizon: number, bound: number) {
    super();
    this.#random = random;
    const places = new Set<number>();
    for (let i = 0; i < bound; i++) {
      places.add(random.integer(Math.max(1, horizon)));
    }
    this.#places = places;
  }

  protected override pick(at: number, count: number): number {
    return this.#places.has(at) ? 1 + this.#random.integer(count - 1) : 0;
  }
}

/** Follows a schedule, and takes the first where that says nothing. */
export class ReplayChooser extends Chooser {
  readonly #choices: ReadonlyMap<number, number>;

  constructor(schedule: readonly Deviation[]) {
    super();
    this.#choices = new Map(schedule.map((d) => [d.at, d.choice]));
  }

  protected override pick(at: number, count: number): number {
    return Math.min(this.#choices.get(at) ?? 0, count - 1);
  }
}

/** All that is neither a task's step nor a timer keeps its order. */
const CALLBACKS = Symbol("callbacks");

/** A ready queue that a {@linkcode Chooser} may reorder, and that can tell its order. */
export class ScheduledQueue extends ReadyQueue {
  readonly #chooser: Chooser | null;
  /** Takes a line for each that runs. */
  readonly #trace: string[] | null;
  /** Takes a line for each decision that did not take the first. */
  readonly #told: string[] | null;
  /** Those of this iteration, from #at, and what each keeps its order with. */
  #batch: Runnable[] = [];
  #lanes: unknown[] = [];
  #at = 0;
  #next: Runnable[] = [];
  #nextLanes: unknown[] = [];
  readonly #begun: WeakSet<object> = new WeakSet();
  readonly #homes: WeakMap<object, object> = new WeakMap();
  readonly #numbers: WeakMap<object, number> = new WeakMap();
  #count = 0;
  /** How many iterations may begin; `onSpent` is told when one more does. */
  budget: number = Infinity;
  /** Whether something was pushed since the loop last came to rest. */
  stirred = true;
  onSpent: () => void = () => {};
  readonly #open: number[] = [];

  /**
   * Makes a queue.
   *
   * @param chooser Chooses; null to take the first.
   * @param trace Takes what ran, in order.
   * @param told Takes what a schedule changed, in words.
   */
  constructor(
    chooser: Chooser | null,
    trace: string[] | null = null,
    told: string[] | null = null,
  ) {
    super();
    this.#chooser = chooser;
    this.#trace = trace;
    this.#told = told;
  }

  override get length(): number {
    return this.#batch.length - this.#at + this.#next.length;
  }

  override push(item: Runnable): void {
    this.stirred = true;
    this.#next.push(item);
    if (this.#chooser !== null) this.#nextLanes.push(this.#laneOf(item));
  }

  override shift(): Runnable {
    if (this.#at === this.#batch.length) this.#begin();
    const chooser = this.#chooser;
    const at = this.#at++;
    let taken = at;
    if (chooser !== null && this.#batch.length - at > 1) {
      const open = this.#candidates(at);
      if (open.length > 1) {
        const choice = chooser.choose(open.length);
        taken = open[choice]!;
        if (choice > 0) {
          this.#told?.push(
            `decision ${chooser.decisions - 1}: ` +
              `${this.labelOf(this.#batch[taken]!)} went on before ` +
              this.labelOf(this.#batch[at]!),
          );
        }
      }
    }
    const item = this.#take(taken, at);
    this.#trace?.push(this.labelOf(item));
    return item;
  }

  override clear(): void {
    super.clear();
    this.#batch = [];
    this.#lanes = [];
    this.#at = 0;
    this.#next = [];
    this.#nextLanes = [];
  }

  /** Whether a task, or one of its awaits, is ready to run. */
  hasTask(task: object): boolean {
    const belongs = (item: Runnable) =>
      isStepper(item) && item._owner as object === task;
    return this.#next.some(belongs) ||
      this.#batch.some((item, i) => i >= this.#at && belongs(item));
  }

  /** Remembers whose waiter something is; a queue's waiters forget it. */
  noteHome(waiting: FutureLike): void {
    const list = (waiting as { _list?: object | null })._list;
    if (list) this.#homes.set(waiting, list);
  }

  /** What a runnable is called: the same in each run of a test. */
  labelOf(item: Runnable): string {
    if (isStepper(item)) {
      const owner = item._owner as Task<unknown>;
      if (typeof owner._name === "string") return `task ${owner._name}`;
      let number = this.#numbers.get(owner);
      if (number === undefined) {
        this.#numbers.set(owner, number = ++this.#count);
      }
      return `task #${number}`;
    }
    const kind = item instanceof TimerHandle ? "timer" : "callback";
    const name = item instanceof Handle ? item._callback?.name : undefined;
    return name ? `${kind} ${name}` : kind;
  }

  #begin(): void {
    [this.#batch, this.#next] = [this.#next, this.#batch];
    [this.#lanes, this.#nextLanes] = [this.#nextLanes, this.#lanes];
    this.#next.length = 0;
    this.#nextLanes.length = 0;
    this.#at = 0;
    if (--this.budget < 0) this.onSpent();
  }

  /** Takes one out of its place; those before it keep their order. */
  #take(index: number, first: number): Runnable {
    const batch = this.#batch;
    const item = batch[index]!;
    if (index !== first) {
      batch.copyWithin(first + 1, first, index);
      this.#lanes.copyWithin(first + 1, first, index);
    }
    return item;
  }

  /** The places of those that may go on. */
  #candidates(from: number): readonly number[] {
    const open = this.#open;
    open.length = 0;
    const batch = this.#batch;
    const lanes = this.#lanes;
    const end = Math.min(batch.length, from + WINDOW);
    let due = NaN;
    for (let i = from; i < end; i++) {
      const item = batch[i]!;
      const lane = lanes[i];
      if (item instanceof TimerHandle) {
        if (Number.isNaN(due)) due = item._when;
        else if (item._when !== due) continue;
      }
      // A yield lets those before it go first.
      if (lane === YIELDED && i !== from) continue;
      if (lane === YIELDED || !seen(lanes, lane, from, i)) open.push(i);
    }
    return open;
  }

  #laneOf(item: Runnable): unknown {
    if (item instanceof TimerHandle) {
      // Sleeps bring a run of their own, and no two have anything in common.
      return item._run === TimerHandle.prototype._run
        ? item._callback ?? item
        : item;
    }
    if (!isStepper(item)) return CALLBACKS;
    const waiting = item._waiting;
    if (waiting === TURN) return YIELDED;
    if (waiting instanceof Waiter) return waiting._queue;
    if (waiting !== null) return this.#homes.get(waiting) ?? item._owner;
    if (item instanceof AwaitPoint || this.#begun.has(item)) return YIELDED;
    this.#begun.add(item);
    return item._owner;
  }
}

/** Stands for the lane of those that let all others go first. */
const YIELDED = Symbol("yielded");

function seen(
  lanes: readonly unknown[],
  lane: unknown,
  from: number,
  to: number,
): boolean {
  for (let i = from; i < to; i++) if (lanes[i] === lane) return true;
  return false;
}

function isStepper(item: Runnable): item is Stepper {
  return item instanceof Task || item instanceof AwaitPoint;
}
