/**
 * Runs a test's body as the main task of a loop whose clock moves by itself: a
 * test of ten seconds takes none, and its times are exact. It is `runTest`, the
 * library's own tool, with the loop typed as what its own tests look at.
 *
 * Tests that start and stop a loop themselves, run several, or look at what happens
 * before a run and after it, take a {@linkcode virtualLoop}: the bare loop of
 * programs on a clock that jumps. `runTest` owns its loop from start to end.
 */
import type { BaseEventLoop } from "../base_events.ts";
import type { Awaitable, Coro } from "../coroutines.ts";
import { allTasks, gather } from "../tasks.ts";
import { runTest, type TestOptions, type TestScope } from "../testing.ts";
import {
  type VirtualLoop as BareLoop,
  virtualLoop as bareLoop,
} from "./_loops.ts";

/** What a body is given. */
export interface Virtual extends TestScope {
  /** The loop that runs it. */
  readonly loop: TestScope["loop"] & BaseEventLoop;
}

/** A body in either spelling. */
export type VirtualBody<T> = (v: Virtual) => PromiseLike<T> | Coro<T>;

/** A loop for a test to start and stop. */
export interface VirtualLoop extends BareLoop {
  /** Takes the messages of the reports, oldest first. */
  messages(): string[];
}

/** A loop with a clock of its own, and what it reports. */
export function virtualLoop(): VirtualLoop {
  const v = bareLoop();
  return {
    ...v,
    messages: () => v.reports.splice(0).map((context) => context.message),
  };
}

/** What a test says of its loop; each is an exception that a test has a reason for. */
export type VirtualOptions = Pick<
  TestOptions,
  "leaks" | "realTimers" | "network" | "timeLimit"
>;

/** Real seconds that a body may take. */
const PATIENCE = 3;

/**
 * Runs a body. What it leaves open fails the test, and so does a report that it did
 * not take: nothing is lost unseen.
 */
export function runVirtual<T>(
  body: VirtualBody<T>,
  options: VirtualOptions = {},
): Promise<T> {
  return runTest(
    (test) => body(test as Virtual),
    { timeLimit: PATIENCE, ...options },
  );
}

/** Ends what still runs on a loop, and closes it. */
export async function finish({ loop }: VirtualLoop): Promise<void> {
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
  const id = setTimeout(() => loop.stop(), PATIENCE * 1000);
  try {
    return await loop.runUntilComplete<T>(awaitable);
  } finally {
    clearTimeout(id);
  }
}
