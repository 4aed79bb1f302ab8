/**
 * Runs a test's body as the main task of a loop whose clock moves by itself: a
 * test of ten seconds takes none, and its times are exact.
 */
import { BaseEventLoop } from "../base_events.ts";
import type { ExceptionContext } from "../events.ts";
import { type FakePlatform, fakePlatform } from "../_platform/fake.ts";
import type { Awaitable, Coro } from "../coroutines.ts";
import { allTasks, gather } from "../tasks.ts";

/** What a body is given. */
export interface Virtual {
  /** The loop that runs it. */
  readonly loop: BaseEventLoop;
  /** Its platform: the clock, the signals. */
  readonly platform: FakePlatform;
  /** What the loop's exception handler was told and the test has not taken. */
  readonly reports: ExceptionContext[];
  /** Takes the messages of the reports, oldest first. */
  messages(): string[];
}

/** A body in either spelling. */
export type VirtualBody<T> = (v: Virtual) => PromiseLike<T> | Coro<T>;

/** A loop with a clock of its own, and what it reports. */
export function virtualLoop(): Virtual {
  const platform = fakePlatform();
  const loop = new BaseEventLoop({ platform });
  const reports: ExceptionContext[] = [];
  loop.setExceptionHandler((_, context) => void reports.push(context));
  return {
    loop,
    platform,
    reports,
    messages: () => reports.splice(0).map((context) => context.message),
  };
}

/** Real milliseconds that a body, and then its clean-up, may take. */
const PATIENCE = 3000;

/**
 * Runs a body, then cancels what it left running and closes the loop. A report
 * that the body did not take fails the test: nothing is lost unseen.
 */
export async function runVirtual<T>(body: VirtualBody<T>): Promise<T> {
  const v = virtualLoop();
  let result: T;
  try {
    result = await bounded(v.loop, () => body(v));
  } finally {
    await finish(v);
  }
  const [report] = v.reports;
  if (report !== undefined) {
    throw new Error(`the loop reported: ${report.message}`, {
      cause: report.exception,
    });
  }
  return result;
}

/** Ends what still runs on a loop, and closes it. */
export async function finish({ loop }: Virtual): Promise<void> {
  const left = [...allTasks(loop)];
  for (const task of left) task.cancel();
  try {
    if (left.length > 0) {
      await bounded(loop, gather(left, { returnExceptions: true }));
    }
  } finally {
    loop.close();
  }
}

/** A loop that goes nowhere is stopped: it would stop all tests that follow. */
async function bounded<T>(
  loop: BaseEventLoop,
  awaitable: Awaitable<T>,
): Promise<T> {
  const id = setTimeout(() => loop.stop(), PATIENCE);
  try {
    return await loop.runUntilComplete<T>(awaitable);
  } finally {
    clearTimeout(id);
  }
}
