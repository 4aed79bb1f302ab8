/**
 * What goes on when everything in a test has come to rest: those who waited for
 * that, or the clock, or nothing, which is a deadlock.
 */

import type { TimerHeap } from "../_kernel/ready.ts";
import { platform as real } from "../_platform/mod.ts";
import { countsClock, countTimers } from "../_platform/real_timers.ts";
import { engineWork } from "../_tls/pipe.ts";
import type { HostTimer } from "../_platform/types.ts";
import type { Future } from "../futures.ts";
import type { VirtualClock } from "./clock.ts";
import { DeadlockError, RealTimerError } from "./errors.ts";
import type { TestLoop } from "./loop.ts";
import type { FakeNetwork } from "./network.ts";
import type { ScheduledQueue } from "./order.ts";
import type { RealTraffic } from "./real.ts";

/** What a test is at. */
export const RUNNING = 0;
/** The body has ended: what is ready runs, but no time passes. */
export const SETTLING = 1;
/** What was left is being cancelled. */
export const CLOSING = 2;

/**
 * So many looks, so many real seconds apart, find nothing before real sockets are taken
 * to wait. One long look would be over at once where the machine has stalled.
 */
const QUIET_LOOKS = 5;
const QUIET_STEP = 0.004;

/** So many macrotasks TLS has to answer what it was given; Node needs some. */
const TLS_LOOKS = 10;

/** The test whose pace it is. */
export interface PacedTest {
  readonly loop: TestLoop;
  readonly queue: ScheduledQueue;
  readonly network: FakeNetwork;
  readonly clock: VirtualClock;
  readonly timers: TimerHeap;
  readonly traffic: RealTraffic;
  /** Whether it may wait for timers of the runtime. */
  readonly realTimers: boolean;
  /** Ends the run with an error. */
  fail(error: Error): void;
  /** Who waits for whom. */
  waits(): string;
}

/** The pace of one test. */
export class Pace {
  mode: number = RUNNING;
  readonly #test: PacedTest;
  #holds: number = 0;
  #checking: boolean = false;
  /** Changes whenever the loop comes to rest. */
  #rests: number = 0;
  #timersBefore: number = 0;
  /** What TLS had been given at the last look, and how many looks it still has. */
  #engineWork: number = engineWork.count;
  #engineLooks: number = 0;
  #blocked: Future<void>[] = [];
  /** The timer that waits for silence. */
  #quiet: HostTimer = null;

  constructor(test: PacedTest) {
    this.#test = test;
  }

  /** A run begins: timers of the runtime that are there already are not its own. */
  begin(): void {
    this.#timersBefore = countTimers() ?? 0;
  }

  /** The body has ended. */
  settle(): void {
    this.mode = SETTLING;
    this.rest();
  }

  /** What holds the clock, in words for a report; empty if it is not held. */
  heldBy(): string {
    const { loop, network, timers } = this.#test;
    if (this.#holds > 0) return ", held by hold()";
    if (loop._hasProcess) return ", held while a child process runs";
    if (loop._foreignWaits <= network._pending) return "";
    const next = timers.peek();
    return ", held while a promise is awaited that is not of this library" +
      (next === undefined ? "" : `; the next deadline is at ${next._when} s. ` +
        "If the loop itself is to settle that promise, await a future of " +
        "loop.createFuture() in its place");
  }

  /** Holds the clock until what it returns is called. */
  hold(): () => void {
    this.#holds++;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#holds--;
      this.rest();
    };
  }

  /** A future that is set once all else is blocked. */
  blocked(): Future<void> {
    const future = this.#test.loop.createFuture<void>();
    this.#blocked.push(future);
    return future;
  }

  /** The loop has nothing to do. */
  idle(): void {
    this.#test.queue.stirred = false;
    this.#rests++;
    this.rest();
  }

  /**
   * Looks, in a macrotask, whether everything has come to rest: by then all native
   * promises that could settle have.
   */
  rest(): void {
    if (this.#checking) return;
    this.#checking = true;
    real.clock.immediate(() => {
      this.#checking = false;
      if (this.#test.loop.isRunning()) this.#check();
    });
  }

  #check(): void {
    const { loop, queue, network, traffic } = this.#test;
    // What was pushed meanwhile has woken the loop, which comes to rest again.
    if (queue.stirred) return;
    if (this.mode === SETTLING) {
      loop.stop();
      return;
    }
    const foreign = loop._foreignWaits - network._pending;
    if (this.#holds > 0 || loop._hasProcess) return;
    if (foreign > 0) {
      this.#refuseTimers();
      return;
    }
    if (traffic.open > 0) {
      this.#awaitQuiet();
      return;
    }
    if (this.#awaitsTls()) this.rest();
    else this.#goOn();
  }

  /** Whether TLS may still be about to answer. */
  #awaitsTls(): boolean {
    if (this.#engineWork !== engineWork.count) {
      this.#engineWork = engineWork.count;
      this.#engineLooks = TLS_LOOKS;
    }
    if (this.#engineLooks === 0) return false;
    this.#engineLooks--;
    return true;
  }

  /** Lets those go on who wait for the rest to be blocked, or the time pass. */
  #goOn(): void {
    const { loop, queue, clock, timers } = this.#test;
    const blocked = this.#blocked.filter((future) => !future.done());
    this.#blocked = [];
    if (blocked.length > 0) {
      for (const future of blocked) future.setResult(undefined);
      return;
    }
    const next = timers.peek();
    // What is due at the end of all time never is.
    if (next !== undefined && next._when < Infinity) {
      queue.stirred = true;
      clock.moveTo(Math.max(clock.now(), next._when));
      return;
    }
    if (this.mode === CLOSING) {
      loop.stop();
      return;
    }
    if (this.#refuseTimers()) return;
    this.#test.fail(
      new DeadlockError(
        "Deadlock: everything waits, and nothing is left that could go on. If " +
          "something outside the loop was to wake it, wrap its promise with " +
          `wrapFuture(), or call hold() on the test.\n${this.#test.waits()}`,
      ),
    );
  }

  /** Fails where a timer of the runtime was started during the test. */
  #refuseTimers(): boolean {
    const test = this.#test;
    if (test.realTimers || this.mode !== RUNNING) return false;
    const own = this.#quiet !== null && countsClock() ? 1 : 0;
    const now = countTimers();
    if (now === null || now - own <= this.#timersBefore) return false;
    test.fail(
      new RealTimerError(
        "A virtual test waits while a timer of the runtime (setTimeout, " +
          "setInterval) runs, which the test's clock does not move on: use " +
          "sleep() or callLater(), or allow it with { realTimers: true }.\n" +
          test.waits(),
      ),
    );
    return true;
  }

  /** Real sockets tell nobody that nothing is on its way: silence has to do. */
  #awaitQuiet(left = QUIET_LOOKS): void {
    const { loop, queue, traffic } = this.#test;
    const { beats } = traffic;
    const rests = this.#rests;
    if (this.#quiet !== null) real.clock.clearTimer(this.#quiet);
    this.#quiet = real.clock.startTimer(QUIET_STEP, () => {
      this.#quiet = null;
      if (!loop.isRunning() || rests !== this.#rests) return;
      if (beats !== traffic.beats) this.rest();
      else if (left > 1) this.#awaitQuiet(left - 1);
      else if (!queue.stirred) this.#goOn();
    });
  }

  /** A run has ended. */
  end(): void {
    if (this.#quiet !== null) real.clock.clearTimer(this.#quiet);
    this.#quiet = null;
  }
}
