/** A virtual test from its start to its end. */

import { realCancellation } from "../_kernel/base_exceptions.ts";
import {
  _getRunningLoop,
  type AbstractEventLoop,
  type ExceptionContext,
  isExit,
} from "../events.ts";
import { RuntimeError } from "../exceptions.ts";
import type { Future } from "../futures.ts";
import { fakeSignals } from "../_platform/fake_signals.ts";
import { platform as real } from "../_platform/mod.ts";
import { countTimers } from "../_platform/real_timers.ts";
import type { Platform } from "../_platform/types.ts";
import { TimerHeap } from "../_kernel/ready.ts";
import { VirtualClock } from "./clock.ts";
import {
  DeadlockError,
  LeakError,
  RealTimerError,
  TimeLimitError,
} from "./errors.ts";
import { findLeaks } from "./leaks.ts";
import { TestLoop } from "./loop.ts";
import { FakeNetwork } from "./network.ts";
import {
  type Chooser,
  RandomChooser,
  ReplayChooser,
  ScheduledQueue,
} from "./order.ts";
import type { TestBody, TestOptions, TestScope } from "./options.ts";
import { RealTraffic } from "./real.ts";
import { parseSeed, Random } from "./seed.ts";
import { describeWaits } from "./waits.ts";
import { allTasks, gather, type Task } from "../tasks.ts";

/** How a search runs a body. */
export interface SessionExtras {
  readonly chooser?: Chooser | null;
  readonly random?: Random;
  readonly told?: string[] | null;
  readonly sites?: boolean;
}

const RUNNING = 0;
/** The body has ended: what is ready runs, but no time passes. */
const SETTLING = 1;
/** What was left is being cancelled. */
const CLOSING = 2;

/** How many iterations what is ready has to come to rest after the body. */
const SETTLE_ITERATIONS = 1000;
/** Real seconds that cleaning up may take, and where the test has failed. */
const CLEAN_UP_LIMIT = 1;
const CLEAN_UP_LIMIT_FAILED = 0.1;
/** Real seconds of silence after which real sockets are taken to wait. */
const QUIET = 0.02;

/** A loop with a virtual clock, for one test. */
export class Session {
  readonly loop: TestLoop;
  readonly queue: ScheduledQueue;
  readonly scope: TestScope;
  readonly network: FakeNetwork;
  readonly reports: ExceptionContext[] = [];
  readonly #clock: VirtualClock;
  readonly #heap: TimerHeap = new TimerHeap();
  readonly #traffic: RealTraffic;
  readonly #options: TestOptions;
  readonly #ignored: ReadonlySet<unknown>;
  #mode: number = RUNNING;
  #failure: Error | null = null;
  #holds: number = 0;
  #checking: boolean = false;
  /** Changes whenever the loop comes to rest. */
  #rests: number = 0;
  #timersBefore: number = 0;
  #blocked: Future<void>[] = [];

  constructor(options: TestOptions, extras: SessionExtras = {}) {
    this.#options = options;
    this.#ignored = new Set(options.ignore ?? []);
    const seed = options.seed === undefined ? null : parseSeed(options.seed);
    const random = extras.random ?? new Random(seed?.random ?? 0);
    const chooser = extras.chooser !== undefined
      ? extras.chooser
      : seed === null
      ? null
      : seed.schedule === null
      // Its own numbers: the network's must be the same under any schedule.
      ? new RandomChooser(new Random(seed.random ^ 0x5eed))
      : new ReplayChooser(seed.schedule);
    this.queue = new ScheduledQueue(
      chooser,
      options.trace ?? null,
      extras.told ?? null,
    );
    this.#clock = new VirtualClock(options.start ?? 0);
    this.network = new FakeNetwork(random);
    const rest = () => this.#rest();
    this.#traffic = new RealTraffic(rest);
    const signals = fakeSignals(real.os.name);
    this.loop = new TestLoop({
      platform: this.#platform(signals),
      queue: this.queue,
      timers: this.#heap,
      idle: () => {
        this.queue.stirred = false;
        this.#rests++;
        this.#rest();
      },
      rest,
      sites: extras.sites ?? true,
    });
    sessions.set(this.loop, this);
    this.network._loop = this.loop;
    if (options.debug !== undefined) this.loop.setDebug(options.debug);
    const { reports } = this;
    this.loop.setExceptionHandler((_, context) => void reports.push(context));
    this.scope = {
      loop: this.loop,
      network: this.network,
      random,
      reports,
      time: () => this.#clock.now(),
      advance: (seconds) => this.#clock.moveTo(this.#clock.now() + seconds),
      messages: () => reports.splice(0).map((context) => context.message),
      hold: () => this.#hold(),
      signal: (name) => signals.send(name),
    };
  }

  #platform(signals: Platform["signals"]): Platform {
    const base: Platform = { ...real, runtime: "fake" };
    const common = { ...base, clock: this.#clock, signals };
    const traffic = this.#traffic;
    if (this.#options.network === "real") {
      return {
        ...common,
        sockets: traffic.sockets(real.sockets),
        datagrams: traffic.datagrams(real.datagrams),
        tls: traffic.tls(real.tls),
      };
    }
    const { network } = this;
    return {
      ...common,
      sockets: network._sockets,
      datagrams: network._datagrams,
      dns: network._dns,
      tls: traffic.tls(real.tls),
    };
  }

  /** Runs a body to its end; what it leaves stays, for {@linkcode close}. */
  async run<T>(body: TestBody<T>): Promise<T> {
    if (typeof body !== "function") {
      throw new TypeError(
        `Cannot run a test: a function is needed, got ${typeof body}`,
      );
    }
    checkNested();
    this.#mode = RUNNING;
    this.queue.budget = Infinity;
    const task = this.loop.createTask(
      () => body(this.scope) as PromiseLike<T>,
      { name: "test" },
    );
    task.addDoneCallback(() => {
      this.#mode = SETTLING;
      this.queue.budget = SETTLE_ITERATIONS;
      this.#rest();
    });
    try {
      await this.#drive(this.#options.timeLimit ?? 5);
    } catch (error) {
      if (task.done()) task._seen();
      throw error;
    }
    if (this.#failure !== null) {
      if (task.done()) task._seen();
      throw this.#failure;
    }
    if (task.cancelled()) throw realCancellation(task._makeCancelledError());
    return task.result();
  }

  /** Runs the loop until it is stopped, for a bounded real time. */
  async #drive(seconds: number): Promise<void> {
    this.#failure = null;
    // Timers that were cleared just now are still counted until the next macrotask.
    if (countTimers() !== null) await new Promise<void>(real.clock.immediate);
    this.queue.onSpent = () => this.loop.stop();
    const limit = real.clock.startTimer(seconds, () => {
      this.fail(
        new TimeLimitError(
          `The test took longer than ${seconds} s of real time; its clock shows ` +
            `${this.#clock.now()} s${this.#heldBy()}. Its tasks:\n${this.waits()}`,
        ),
      );
    });
    try {
      const running = this.loop.runForever();
      // The body begins in a microtask.
      this.#timersBefore = countTimers() ?? 0;
      await running;
    } finally {
      real.clock.clearTimer(limit);
    }
  }

  #heldBy(): string {
    return this.#holds > 0
      ? ", held by hold()"
      : this.loop._hasProcess
      ? ", held while a child process runs"
      : "";
  }

  /** Ends the run with an error. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.loop.stop();
  }

  /** Who waits for whom. */
  waits(): string {
    return describeWaits(
      this.loop,
      this.loop._sites,
      (task: Task<unknown>) => this.queue.hasTask(task),
    );
  }

  /** A future that is set once all else is blocked. */
  blocked(): Future<void> {
    const future = this.loop.createFuture<void>();
    this.#blocked.push(future);
    return future;
  }

  #hold(): () => void {
    this.#holds++;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#holds--;
      this.#rest();
    };
  }

  /**
   * Looks, in a macrotask, whether everything has come to rest: by then all native
   * promises that could settle have.
   */
  #rest(): void {
    if (this.#checking) return;
    this.#checking = true;
    real.clock.immediate(() => {
      this.#checking = false;
      if (this.loop.isRunning()) this.#check();
    });
  }

  #check(): void {
    // What was pushed meanwhile has woken the loop, which comes to rest again.
    if (this.queue.stirred) return;
    if (this.#mode === SETTLING) {
      this.loop.stop();
      return;
    }
    const foreign = this.loop._foreignWaits - this.network._pending;
    if (this.#holds > 0 || this.loop._hasProcess) return;
    if (foreign > 0) {
      this.#refuseTimers();
      return;
    }
    if (this.#traffic.open > 0) {
      this.#awaitQuiet();
      return;
    }
    this.#goOn();
  }

  /** Lets those go on who wait for the rest to be blocked, or the time pass. */
  #goOn(): void {
    const blocked = this.#blocked.filter((future) => !future.done());
    this.#blocked = [];
    if (blocked.length > 0) {
      for (const future of blocked) future.setResult(undefined);
      return;
    }
    const next = this.#heap.peek();
    if (next !== undefined) {
      this.queue.stirred = true;
      this.#clock.moveTo(Math.max(this.#clock.now(), next._when));
      return;
    }
    if (this.#mode === CLOSING) {
      this.loop.stop();
      return;
    }
    this.#refuseTimers();
    if (this.#failure !== null) return;
    this.fail(
      new DeadlockError(
        "Deadlock: everything waits, and nothing is left that could go on. If " +
          "something outside the loop was to wake it, wrap its promise with " +
          `wrapFuture(), or call hold() on the test.\n${this.waits()}`,
      ),
    );
  }

  /** Fails where a timer of the runtime was started during the test. */
  #refuseTimers(): void {
    if (this.#options.realTimers === true || this.#mode !== RUNNING) return;
    const now = countTimers();
    if (now === null || now <= this.#timersBefore) return;
    this.fail(
      new RealTimerError(
        "A virtual test waits while a timer of the runtime (setTimeout, " +
          "setInterval) runs, which the test's clock does not move on: use " +
          "sleep() or callLater(), or allow it with { realTimers: true }.\n" +
          this.waits(),
      ),
    );
  }

  /** Real sockets tell nobody that nothing is on its way: silence has to do. */
  #awaitQuiet(): void {
    const { beats } = this.#traffic;
    const rests = this.#rests;
    real.clock.startTimer(QUIET, () => {
      if (!this.loop.isRunning() || rests !== this.#rests) return;
      if (beats !== this.#traffic.beats) this.#rest();
      else if (!this.queue.stirred) this.#goOn();
    });
  }

  /**
   * Ends the test: closes what was left open and says what that was.
   *
   * @param failed Whether the test has failed already: then nothing more is said.
   * @throws LeakError When something was left open, or an error was never retrieved.
   */
  async close(failed: boolean): Promise<void> {
    const leaks = failed || this.#options.leaks === false
      ? []
      : findLeaks(this.loop, this.#ignored);
    try {
      await this.#cleanUp(failed ? CLEAN_UP_LIMIT_FAILED : CLEAN_UP_LIMIT);
    } finally {
      sessions.delete(this.loop);
      this.loop.close();
    }
    if (failed) return;
    this.#judge(leaks);
  }

  async #cleanUp(seconds: number): Promise<void> {
    const left = [...allTasks(this.loop)];
    const ending = this.#ending(left);
    if (ending === null) return;
    this.#mode = CLOSING;
    this.queue.budget = Infinity;
    try {
      const task = this.loop.createTask(ending);
      task.addDoneCallback(() => this.loop.stop());
      await this.#drive(seconds);
      if (task.done() && !task.cancelled()) task.exception();
    } catch (error) {
      if (!isExit(error)) throw error;
    }
  }

  #ending(left: readonly Task<unknown>[]) {
    const { loop } = this;
    if (left.length === 0 && loop._asyncgens.size === 0) return null;
    return function* () {
      for (const task of left) task.cancel();
      yield* gather(left, { returnExceptions: true });
      yield* loop._shutdown();
    };
  }

  #judge(leaks: readonly string[]): void {
    const reports = this.reports.splice(0);
    const lines = [
      ...leaks,
      ...reports.map(({ message, exception }) =>
        exception === undefined ? message : `${message}: ${exception}`
      ),
    ];
    if (lines.length === 0) return;
    const error = new LeakError(
      [
        leaks.length > 0
          ? "The test left something open:"
          : "The test's loop reported what nobody took:",
        ...lines.map((line) => `  ${line}`),
      ].join("\n"),
      lines,
    );
    const cause = reports.find((report) => report.exception !== undefined);
    if (cause !== undefined) error.cause = cause.exception;
    throw error;
  }
}

/** The sessions by their loops. */
const sessions = new WeakMap<AbstractEventLoop, Session>();

/**
 * The session of the running loop.
 *
 * @param what The function that needs it.
 * @throws RuntimeError Outside a virtual test.
 */
export function currentSession(what: string): Session {
  const loop = _getRunningLoop();
  const session = loop === null ? undefined : sessions.get(loop);
  if (session === undefined) {
    throw new RuntimeError(
      `Cannot use ${what} outside a virtual test: call it in the body of ` +
        "runTest()",
    );
  }
  return session;
}

/**
 * Refuses to start a test while a loop runs.
 *
 * @throws RuntimeError When one does.
 */
export function checkNested(): void {
  const running = _getRunningLoop();
  if (running === null) return;
  throw new RuntimeError(
    sessions.has(running)
      ? "Cannot run a virtual test inside another: runTest() was called while " +
        "one runs; await the inner body itself, or end the outer test first"
      : "Cannot run a virtual test while an event loop runs: call runTest() " +
        "outside of it",
  );
}

/** Runs one body and ends its session, however the body ended. */
export async function runSession<T>(
  session: Session,
  body: TestBody<T>,
): Promise<T> {
  let result: T;
  try {
    result = await session.run(body);
  } catch (error) {
    await session.close(true);
    throw error;
  }
  await session.close(false);
  return result;
}
