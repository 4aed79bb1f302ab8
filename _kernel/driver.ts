/**
 * What runs a loop's iterations on the host's own event loop.
 *
 * An iteration is CPython's: due timers join the ready queue in the heap's order, and
 * the handles that are ready then run, first come first served, and no more. What
 * differs is that an async function, once resumed, runs in microtasks after its
 * handle has returned. A handle that resumes one opens a *step*, and the next handle
 * must not run until it is closed: until the task waits for a future of this library or
 * has ended, both of which report here. An async function that waits for something
 * else, such as a `fetch`, reports nothing; when the host comes to its next macrotask
 * all microtasks have run, so the step is taken to wait and the loop goes on.
 */

import { platform as host } from "../_platform/mod.ts";
import type { HostTimer, Platform } from "../_platform/types.ts";
import {
  type AbstractEventLoop,
  isExit,
  type Runnable,
  type TimerHandle,
} from "../events.ts";
import { debug, type LoopWatch } from "../_debug/hooks.ts";
import { logger } from "../log.ts";
import { ReadyQueue, TimerHeap } from "./ready.ts";
import { state, type StepOwner } from "./state.ts";
import { hooked, watched } from "../_debug/switches.ts";

/** Seconds of work after which the host's I/O and timers get their turn. */
const TIME_SLICE = 0.002;
/** How many handles run between two looks at the clock. */
const SLICE_CHECK = 16;
/** The longest wait that is asked of the host at once, in seconds: a day. */
const MAX_WAIT = 24 * 3600;

/** A step owner that remembers in which batch its step was opened. */
interface Marked extends StepOwner {
  _stepMark: number;
}

/** What the driver asks of the loop that it runs. */
interface DrivenLoop extends AbstractEventLoop {
  slowCallbackDuration: number;
}

/** What a test brings in place of the driver's queues, and is told of by it. */
export interface Instruments {
  /** Holds what is ready; it may choose among what an iteration finds there. */
  readonly ready: ReadyQueue;
  readonly timers: TimerHeap;
  /** Nothing is ready: from here on only a timer or the outside goes on. */
  idle(): void;
}

export class LoopDriver {
  readonly ready: ReadyQueue;
  readonly timers: TimerHeap;
  /** Whether a run has begun and not ended. */
  running = false;

  readonly #loop: DrivenLoop;
  readonly #platform: Platform;
  readonly #instruments: Instruments | null;
  /** Schedules a call of #drive in a microtask, in the loop's own host context. */
  #hop: () => void = () => {};
  #hopPending = false;
  /** Nothing is ready: a push must wake the driver. */
  #idle = false;
  /** The time slice is over: only a macrotask may go on. */
  #sliceOver = false;
  /** Whether a macrotask was asked for. */
  #pulsePending = false;
  /** How many handles of this iteration are left. */
  #todo = 0;
  #stopping = false;
  /** Whether an iteration has begun that stop() will be looked at after. */
  #began = false;
  /** Open steps; see the top of this file. */
  #open = 0;
  /** Changes when open steps are given up, which leaves their marks stale. */
  #mark = 0;
  #sinceCheck = 0;
  #sliceEnd = 0;
  #timer: HostTimer = null;
  #timerAt = Infinity;
  #release: () => void = () => {};
  #settle: ((failed: boolean, error: unknown) => void) | null = null;
  /** Made when something is first to be watched. */
  #watch: LoopWatch | null = null;
  /** Debug mode: what is being run. */
  current: Runnable | null = null;
  /** What a task ended with between two runs and the next run must end with. */
  #late: unknown = undefined;
  /** Distinguishes runs: a late macrotask of an earlier run does nothing. */
  #run = 0;

  constructor(
    loop: DrivenLoop,
    platform: Platform,
    instruments: Instruments | null = null,
  ) {
    this.#loop = loop;
    this.#platform = platform;
    this.#instruments = instruments;
    this.ready = instruments?.ready ?? new ReadyQueue();
    this.timers = instruments?.timers ?? new TimerHeap();
  }

  /** Begins a run; the promise settles when it has ended. */
  run(ended: () => void): Promise<void> {
    this.running = true;
    this.#run++;
    this.#idle = false;
    this.#todo = 0;
    this.#open = 0;
    this.#mark++;
    this.#newSlice();
    this.#hopPending = false;
    this.#pulsePending = false;
    const run = this.#run;
    this.#hop = this.#platform.context.hop(() => {
      // One asked for by an earlier run comes too late.
      if (run === this.#run) this.#hopped();
    });
    this.#release = this.#platform.clock.keepAlive();
    return new Promise((resolve, reject) => {
      this.#settle = (failed, error) => {
        ended();
        if (failed) reject(error);
        else resolve();
      };
      const late = this.#late;
      if (late === undefined) this.#wake();
      else {
        this.#late = undefined;
        this.#end(true, late);
      }
    });
  }

  /** Ends the run after the current iteration. */
  stop(): void {
    this.#stopping = true;
    if (this.#idle) this.#wake();
  }

  /** Drops all that is scheduled. */
  clear(): void {
    this.ready.clear();
    this.timers.clear();
  }

  /** Queues something for the next iteration. */
  push(runnable: Runnable): void {
    this.ready.push(runnable);
    if (this.#idle) this.#wake();
  }

  /** Adds a timer; host callbacks do so while the loop sleeps. */
  schedule(timer: TimerHandle): void {
    this.timers.push(timer);
    if (this.#idle && timer._when < this.#timerAt) this.#wake();
  }

  /** Async code of a task is about to run in microtasks. */
  openStep(owner: StepOwner): void {
    if (!this.running || (owner as Marked)._stepMark === this.#mark) return;
    // What a task left behind waits for nothing that would close it.
    if (owner.done()) return;
    (owner as Marked)._stepMark = this.#mark;
    this.#open++;
  }

  /** A task waits for something of this library, or has ended. */
  closeStep(owner: StepOwner): void {
    if ((owner as Marked)._stepMark !== this.#mark) return;
    (owner as Marked)._stepMark = -1;
    if (hooked) debug!.instruments.closed(owner);
    if (--this.#open > 0) return;
    if (watched) this.#watch?.ended();
    if (!this.#idle) this.#wake();
  }

  /** Ends the run with an error that left a task in a microtask. */
  fail(error: unknown): void {
    if (this.running) this.#end(true, error);
    else this.#late = error;
  }

  #wake(): void {
    this.#idle = false;
    if (this.#hopPending || this.#sliceOver) return;
    this.#hopPending = true;
    this.#hop();
  }

  #hopped(): void {
    this.#hopPending = false;
    if (watched) this.#watch?.pause();
    if (this.#sliceOver) return;
    this.#drive();
  }

  /** Asks for a macrotask, in which open steps are given up and work goes on. */
  #askPulse(): void {
    if (this.#pulsePending) return;
    this.#pulsePending = true;
    const run = this.#run;
    this.#platform.clock.immediate(() => {
      // The flag is the present run's; a late pulse of another must not clear it.
      if (run !== this.#run) return;
      this.#pulsePending = false;
      if (!this.running) return;
      this.#newSlice();
      if (this.#open > 0) {
        this.#open = 0;
        this.#mark++;
        this.#watch?.gaveUp();
        if (hooked) debug!.instruments.gaveUp();
      }
      // Not driven from here: V8 records a stack for whatever is thrown outside of
      // microtasks.
      if (!this.#idle) this.#wake();
    });
  }

  #newSlice(): void {
    this.#sliceOver = false;
    this.#watch?.newSlice();
    this.#sinceCheck = 0;
    // The end is set by the first look at the clock.
    this.#sliceEnd = 0;
  }

  /** Whether the host must get its turn now. */
  #sliceDone(): boolean {
    this.#sinceCheck = 0;
    const now = host.clock.now();
    if (this.#sliceEnd === 0) {
      this.#sliceEnd = now + TIME_SLICE;
      return false;
    }
    return now >= this.#sliceEnd;
  }

  /** Runs handles until a step opens, nothing is ready, or the slice is over. */
  #drive(): void {
    if (!this.running) return;
    const { ready } = this;
    try {
      for (;;) {
        while (this.#todo > 0) {
          if (this.#open > 0) {
            this.#askPulse();
            return;
          }
          if (++this.#sinceCheck >= SLICE_CHECK && this.#sliceDone()) {
            this.#sliceOver = true;
            this.#watch?.pause();
            this.#askPulse();
            return;
          }
          this.#todo--;
          const next = ready.shift();
          try {
            if (watched) this.#runWatched(next);
            else next._run();
          } catch (error) {
            if (isExit(error)) throw error;
            // Whatever it was, the others must not suffer.
            this.#loop.callExceptionHandler({
              message: `Exception in callback ${next}`,
              exception: error,
            });
          }
          if (!this.running) return;
        }
        // The last handle's step is part of this iteration too.
        if (this.#open > 0) {
          this.#askPulse();
          return;
        }
        if (this.#began && this.#stopping) {
          this.#end(false, undefined);
          return;
        }
        this.#began = true;
        if (!this.#nextIteration()) return;
      }
    } catch (error) {
      // KeyboardInterrupt and SystemExit, and defects of this library.
      this.#end(true, error);
    }
  }

  /** Moves due timers; false where there is nothing to do but to wait. */
  #nextIteration(): boolean {
    const { ready, timers } = this;
    if (timers.length > 0) {
      let timer = timers.peek();
      if (timer !== undefined) {
        const { clock } = this.#platform;
        const now = clock.now();
        if (ready.length === 0 && !this.#stopping && timer._when > now) {
          if (timer._when >= now + clock.resolution) {
            this.#sleepUntil(timer._when, now);
            return false;
          }
        }
        const end = now + clock.resolution;
        while (timer !== undefined && timer._when < end) {
          ready.push(timers.pop());
          timer = timers.peek();
        }
      }
    }
    if (ready.length === 0 && !this.#stopping) {
      this.#goIdle();
      return false;
    }
    this.#todo = ready.length;
    return true;
  }

  #goIdle(): void {
    // What wakes it belongs to the iteration that went to sleep: it runs even if
    // stop() was called meanwhile.
    this.#began = false;
    this.#idle = true;
    this.#newSlice();
    this.#instruments?.idle();
    // A test's loop looks by itself, and at once.
    if (
      watched && this.timers.length === 0 && this.#instruments === null
    ) this.#watching().idle();
  }

  #sleepUntil(when: number, now: number): void {
    this.#goIdle();
    // A timer that is early enough serves: the loop looks again when it fires.
    if (this.#timer !== null && this.#timerAt <= when) return;
    this.#forgetTimer();
    const delay = Math.min(when - now, MAX_WAIT);
    this.#timerAt = now + delay;
    this.#timer = this.#platform.clock.startTimer(delay, () => {
      this.#timer = null;
      this.#timerAt = Infinity;
      if (this.running && this.#idle) this.#wake();
    });
  }

  #watching(): LoopWatch {
    return this.#watch ??= debug!.watch(
      this.#loop,
      () => this.#platform.clock.now(),
      () => this.running && this.#idle && this.timers.length === 0,
    );
  }

  #forgetTimer(): void {
    if (this.#timer === null) return;
    this.#platform.clock.clearTimer(this.#timer);
    this.#timer = null;
    this.#timerAt = Infinity;
  }

  /** Tells the instrument; in debug mode reports what takes long. */
  #runWatched(next: Runnable): void {
    const watch = this.#watching();
    this.current = next;
    const began = watch.begins(next, this.#todo === 0);
    try {
      next._run();
    } finally {
      this.current = null;
    }
    watch.ran(next, began, this.#open > 0);
  }

  #end(failed: boolean, error: unknown): void {
    if (failed && !isExit(error)) {
      logger.critical("The event loop failed", { exc: error });
    }
    this.running = false;
    this.#stopping = false;
    this.#began = false;
    this.#idle = false;
    this.#sliceOver = false;
    this.#open = 0;
    this.#mark++;
    this.#todo = 0;
    this.#watch?.stop();
    this.#forgetTimer();
    this.#release();
    state.sync = false;
    state.task = null;
    state.context = null;
    const settle = this.#settle;
    this.#settle = null;
    settle?.(failed, error);
  }
}
