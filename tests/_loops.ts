/** Loops on a clock of the test's own, and what they report. */

import "../_net/whole.ts";
import {
  _getRunningLoop,
  type Awaitable,
  BaseEventLoop,
  type ExceptionContext,
  KeyboardInterrupt,
  logger,
} from "../mod.ts";
import {
  type FakeOptions,
  type FakePlatform,
  fakePlatform,
} from "../_platform/fake.ts";

/** A loop under a test's control. */
export interface VirtualLoop {
  readonly loop: BaseEventLoop;
  readonly platform: FakePlatform;
  readonly clock: FakePlatform["clock"];
  /** What its exception handler was told. */
  readonly reports: ExceptionContext[];
}

/** Makes a loop whose clock jumps to the next deadline when it is idle. */
export function virtualLoop(options?: FakeOptions): VirtualLoop {
  const platform = fakePlatform(options);
  const loop = new BaseEventLoop({ platform });
  const reports: ExceptionContext[] = [];
  loop.setExceptionHandler((_loop, context) => void reports.push(context));
  return { loop, platform, clock: platform.clock, reports };
}

/** Runs a test's body with a virtual loop, which is closed afterwards. */
export async function withLoop(
  body: (v: VirtualLoop) => void | Promise<void>,
  options?: FakeOptions,
): Promise<void> {
  const v = virtualLoop(options);
  try {
    await body(v);
  } finally {
    if (!v.loop.isRunning()) v.loop.close();
  }
  if (_getRunningLoop() !== null) throw new Error("a loop was left running");
}

/** Ends a loop that hangs after some real milliseconds, whatever it waits for. */
export function endIfHung(
  loop: BaseEventLoop,
  limit: number,
): ReturnType<typeof setTimeout> {
  return setTimeout(
    () => loop._fatal(new KeyboardInterrupt("the loop hung")),
    limit,
  );
}

/**
 * Runs a main coroutine in a loop on the real clock and closes the loop. One that
 * hangs is stopped, so that it fails alone.
 */
export async function withRealLoop<T>(
  main: Awaitable<T>,
  limit = 2000,
): Promise<T> {
  const loop = new BaseEventLoop();
  const giveUp = endIfHung(loop, limit);
  try {
    return await loop.runUntilComplete(main);
  } finally {
    clearTimeout(giveUp);
    loop.close();
  }
}

/** Runs a loop until the handles that are ready now have run. */
export async function oneIteration(loop: BaseEventLoop): Promise<void> {
  loop.stop();
  await loop.runForever();
}

/** One message that the library logged. */
export interface LogEntry {
  readonly level: string;
  readonly text: string;
  readonly exc: unknown;
}

/** Collects what the library logs while `body` runs. */
export async function capturedLog(
  body: () => unknown,
): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  const target = logger as unknown as Record<string, unknown>;
  const levels = ["debug", "info", "warning", "error", "critical"];
  const own = levels.map((level) =>
    [level, Object.getOwnPropertyDescriptor(target, level)] as const
  );
  for (const level of levels) {
    Object.defineProperty(target, level, {
      configurable: true,
      writable: true,
      enumerable: true,
      value: (text: string, options?: { exc?: unknown }) =>
        void entries.push({ level, text, exc: options?.exc }),
    });
  }
  try {
    await body();
  } finally {
    for (const [level, before] of own) {
      if (before === undefined) delete target[level];
      else Object.defineProperty(target, level, before);
    }
  }
  return entries;
}

/** Waits for the host's next macrotasks. */
export async function hostTurns(count = 1): Promise<void> {
  for (let i = 0; i < count; i++) {
    await new Promise<void>((done) => setTimeout(done, 0));
  }
}
