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
import type { Platform } from "../_platform/types.ts";
import { TimerHeap } from "../_kernel/ready.ts";
import { VirtualClock } from "./clock.ts";
import { LeakError, TimeLimitError } from "./errors.ts";
import { findLeaks } from "./leaks.ts";
import { TestLoop } from "./loop.ts";
import { FakeNetwork } from "./network.ts";
import {
  type Chooser,
  RandomChooser,
  ReplayChooser,
  ScheduledQueue,
} from "./order.ts";
import {
  checkOptions,
  type TestBody,
  type TestOptions,
  type TestScope,
} from "./options.ts";
import { CLOSING, Pace, RUNNING } from "./pace.ts";
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

/** How many iterations what is ready has to come to rest after the body. */
const SETTLE_ITERATIONS = 1000;
/** Real seconds that cleaning up may take, and where the test has failed. */
const CLEAN_UP_LIMIT = 1;
const CLEAN_UP_LIMIT_FAILED = 0.1;
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
  readonly #pace: Pace;
  #failure: Error | null = null;

  constructor(options: TestOptions, extras: SessionExtras = {}) {
    checkOptions(options);
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
    const rest = () => this.#pace.rest();
    this.#traffic = new RealTraffic(rest);
    const signals = fakeSignals(real.os.name);
    this.loop = new TestLoop({
      platform: this.#platform(signals),
      queue: this.queue,
      timers: this.#heap,
      idle: () => this.#pace.idle(),
      rest,
      sites: extras.sites ?? true,
    });
    this.#pace = new Pace({
      loop: this.loop,
      queue: this.queue,
      network: this.network,
      clock: this.#clock,
      timers: this.#heap,
      traffic: this.#traffic,
      realTimers: options.realTimers === true,
      fail: (error) => this.fail(error),
      waits: () => this.waits(),
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
      hold: () => this.#pace.hold(),
      signal: (name) => signals.send(name),
    };
  }

  #platform(signals: Platform["signals"]): Platform {
    const base: Platform = { ...real, runtime: "fake" };
    const traffic = this.#traffic;
    const common: Platform = {
      ...base,
      clock: this.#clock,
      signals,
      pipes: traffic.pipes(real.pipes),
      tls: traffic.tls(real.tls),
    };
    if (this.#options.network === "real") {
      return {
        ...common,
        sockets: traffic.sockets(real.sockets),
        datagrams: traffic.datagrams(real.datagrams),
      };
    }
    const { network } = this;
    return {
      ...common,
      sockets: network._sockets,
      datagrams: network._datagrams,
      dns: network._dns,
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
    this.#pace.mode = RUNNING;
    this.queue.budget = Infinity;
    const task = this.loop.createTask(
      () => body(this.scope) as PromiseLike<T>,
      { name: "test" },
    );
    task.addDoneCallback(() => {
      this.queue.budget = SETTLE_ITERATIONS;
      this.#pace.settle();
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
    if (!task.done()) {
      throw new RuntimeError(
        "The test's loop was stopped before the body had ended: only the test " +
          `may stop it.\n${this.waits()}`,
      );
    }
    if (task.cancelled()) throw realCancellation(task._makeCancelledError());
    return task.result();
  }

  /** Runs the loop until it is stopped, for a bounded real time. */
  async #drive(seconds: number): Promise<void> {
    this.#failure = null;
    this.queue.onSpent = () => this.loop.stop();
    const limit = real.clock.startTimer(seconds, () => {
      this.fail(
        new TimeLimitError(
          `The test took longer than ${seconds} s of real time; its clock shows ` +
            `${this.#clock.now()} s${this.#pace.heldBy()}. Its tasks:\n${this.waits()}`,
        ),
      );
    });
    try {
      const running = this.loop.runForever();
      // The body begins in a microtask.
      this.#pace.begin();
      await running;
    } finally {
      real.clock.clearTimer(limit);
      this.#pace.end();
    }
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
    return this.#pace.blocked();
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
    this.#pace.mode = CLOSING;
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
