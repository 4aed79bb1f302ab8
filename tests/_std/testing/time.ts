/**
 * A stand-in for the FakeTime of @std/testing/time, for machines that cannot
 * reach JSR. Written from the package's documentation.
 *
 * @module
 */
import { delay as realDelay, type DelayOptions } from "../async/mod.ts";

/** Misuse of fake time. */
export class TimeError extends Error {
  /** Makes one with a message. */
  constructor(message: string) {
    super(message);
    this.name = "TimeError";
  }
}

/** Options of {@linkcode FakeTime}. */
export interface FakeTimeOptions {
  /** How many fake milliseconds pass in a real one; 0 unless told. */
  advanceRate?: number;
  /** How many real milliseconds lie between two advances; 10 unless told. */
  advanceFrequency?: number;
}

interface Timer {
  readonly id: number;
  readonly call: () => void;
  readonly every: number | undefined;
  due: number;
}

/** What is replaced, as it was. */
const real = {
  Date,
  setTimeout,
  clearTimeout,
  setInterval,
  clearInterval,
};
let current: FakeTime | undefined;

function faked(): FakeTime {
  if (!current) throw new TimeError("no fake time");
  return current;
}

/** Takes the place of Date and of the timers until it is restored. */
export class FakeTime {
  /** The fake time at which it was made, in milliseconds. */
  readonly start: number;
  #now: number;
  #timers = new Map<number, Timer>();
  #lastId = 0;
  #advance: ReturnType<typeof real.setInterval> | undefined;

  /** Starts at a time; at the real one unless told. */
  constructor(
    start?: number | string | Date | null,
    options: FakeTimeOptions = {},
  ) {
    if (current) throw new TimeError("Time is already faked");
    this.start = start === undefined || start === null
      ? real.Date.now()
      : new real.Date(start).getTime();
    if (Number.isNaN(this.start)) throw new TimeError("Invalid date");
    this.#now = this.start;
    const { advanceRate = 0, advanceFrequency = 10 } = options;
    if (advanceRate > 0) {
      this.#advance = real.setInterval(
        () => this.tick(advanceRate * advanceFrequency),
        advanceFrequency,
      );
    }
    current = this;
    this.#replace();
  }

  #replace(): void {
    const add = (args: unknown[], repeats: boolean): number => {
      const [callback, ms, ...rest] = args as [
        (...args: unknown[]) => void,
        number?,
        ...unknown[],
      ];
      const wait = Math.max(0, Number(ms) || 0);
      const id = ++this.#lastId;
      this.#timers.set(id, {
        id,
        call: () => callback(...rest),
        // An interval of 0 would keep a tick from ever ending.
        every: repeats ? Math.max(1, wait) : undefined,
        due: this.#now + (repeats ? Math.max(1, wait) : wait),
      });
      return id;
    };
    const remove = (id: unknown): void => {
      this.#timers.delete(Number(id));
    };
    const date: DateConstructor = new Proxy(real.Date, {
      construct: (target, args, newTarget) =>
        Reflect.construct(
          target,
          args.length === 0 ? [faked().now] : args,
          newTarget === date ? target : newTarget,
        ),
      apply: () => new date().toString(),
      get: (target, key) =>
        key === "now" ? () => faked().now : Reflect.get(target, key),
    });
    Object.assign(globalThis, {
      Date: date,
      setTimeout: (...args: unknown[]) => add(args, false),
      setInterval: (...args: unknown[]) => add(args, true),
      clearTimeout: remove,
      clearInterval: remove,
    });
  }

  /** Puts the real time back. */
  static restore(): void {
    faked().restore();
  }

  /** Runs a function in real time, and fakes time again after it. */
  static async restoreFor<T, Args extends unknown[]>(
    callback: (...args: Args) => Promise<T> | T,
    ...args: Args
  ): Promise<T> {
    const time = faked();
    Object.assign(globalThis, real);
    try {
      return await callback(...args);
    } finally {
      if (current === time) time.#replace();
    }
  }

  /** The fake time in milliseconds; setting it runs what falls due. */
  get now(): number {
    return this.#now;
  }
  set now(value: number) {
    if (value < this.#now) throw new RangeError("time cannot go backwards");
    for (;;) {
      const timer = this.#earliest();
      if (!timer || timer.due > value) break;
      this.#fire(timer);
    }
    this.#now = value;
  }

  #earliest(): Timer | undefined {
    let earliest: Timer | undefined;
    for (const timer of this.#timers.values()) {
      if (!earliest || timer.due < earliest.due) earliest = timer;
    }
    return earliest;
  }

  #fire(timer: Timer): void {
    this.#now = Math.max(this.#now, timer.due);
    // Out and back in, so that of two that are due at once the one that was
    // scheduled first runs first.
    this.#timers.delete(timer.id);
    if (timer.every !== undefined) {
      timer.due = this.#now + timer.every;
      this.#timers.set(timer.id, timer);
    }
    timer.call();
  }

  /** Moves the fake time on by some milliseconds. */
  tick(ms = 0): void {
    this.now += ms;
  }

  /** Runs the microtasks, then moves the fake time on. */
  async tickAsync(ms = 0): Promise<void> {
    await this.runMicrotasks();
    this.now += ms;
  }

  /** Runs the next timer; false when there is none. */
  next(): boolean {
    const timer = this.#earliest();
    if (timer) this.#fire(timer);
    return timer !== undefined;
  }

  /** Runs the microtasks, then the next timer; false when there is none. */
  async nextAsync(): Promise<boolean> {
    await this.runMicrotasks();
    return this.next();
  }

  /** Runs timers until none is left. */
  runAll(): void {
    while (this.next());
  }

  /** Runs microtasks and timers until no timer is left. */
  async runAllAsync(): Promise<void> {
    while (await this.nextAsync());
  }

  /** Waits some real milliseconds. */
  async delay(ms: number, options: DelayOptions = {}): Promise<void> {
    // The timer is set before the fake ones are back, synchronously.
    let waiting: Promise<void> = Promise.resolve();
    Object.assign(globalThis, real);
    try {
      waiting = realDelay(ms, options);
    } finally {
      if (current === this) this.#replace();
    }
    await waiting;
  }

  /** Runs the microtasks that are queued, and those that they queue. */
  async runMicrotasks(): Promise<void> {
    await this.delay(0);
  }

  /** Puts the real time back. */
  restore(): void {
    if (current !== this) throw new TimeError("Time is already restored");
    current = undefined;
    if (this.#advance !== undefined) real.clearInterval(this.#advance);
    Object.assign(globalThis, real);
  }

  /** Puts the real time back. */
  [Symbol.dispose](): void {
    this.restore();
  }
}
