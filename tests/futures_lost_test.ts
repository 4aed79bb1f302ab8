/** Errors of futures and tasks that nobody looked at. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import {
  createTask,
  type Future,
  gather,
  getRunningLoop,
  sleep,
  wait,
} from "../mod.ts";
import type { ExceptionContext } from "../events.ts";
import { collector } from "./_collector.ts";
import { it, runtime } from "./_harness.ts";
import { both, caught } from "./_spell.ts";
import { runVirtual, type Virtual } from "./_virtual.ts";

/** Runs a body and returns what was reported after it, as its loop was closed. */
async function reportedAtClose(
  body: (v: Virtual) => void | PromiseLike<void>,
): Promise<ExceptionContext[]> {
  let kept: ExceptionContext[] = [];
  const reported: ExceptionContext[] = [];
  await runVirtual(async (v) => {
    kept = v.reports;
    v.loop.setExceptionHandler((_, context) => void reported.push(context));
    await body(v);
  });
  assertEquals(kept, []);
  return reported;
}

/** A future that has failed. */
function failed(error: unknown): Future<unknown> {
  const future = getRunningLoop().createFuture<unknown>();
  future.setException(error);
  return future;
}

it("behaviour 22: an error that nobody looked at is reported by the closing loop", async () => {
  const first = new Error("first");
  const second = new RangeError("second");
  const futures: Future<unknown>[] = [];
  const reports = await reportedAtClose(async () => {
    futures.push(failed(first));
    const task = createTask(async () => {
      await sleep(0);
      throw second;
    });
    futures.push(task as Future<unknown>);
    await sleep(1);
  });
  assertEquals(reports.map((context) => context.message), [
    "Future exception was never retrieved",
    "Task exception was never retrieved",
  ]);
  assertEquals(Object.keys(reports[0]!).sort(), [
    "exception",
    "future",
    "message",
  ]);
  assertStrictEquals(reports[0]!.exception, first);
  assertStrictEquals(reports[1]!.exception, second);
  assertStrictEquals(reports[0]!.future as unknown, futures[0]);
  assertStrictEquals(reports[1]!.future as unknown, futures[1]);
});

it("behaviour 22: the report of a generator task is the same", async () => {
  const error = new Error("lost");
  const reports = await reportedAtClose(async () => {
    createTask(function* () {
      yield* sleep(0);
      throw error;
    });
    await sleep(1);
  });
  assertEquals(reports.map((context) => context.message), [
    "Task exception was never retrieved",
  ]);
  assertStrictEquals(reports[0]!.exception, error);
});

const looks: Record<string, (future: Future<unknown>) => unknown> = {
  "result()": (future) => {
    try {
      future.result();
    } catch { /* looked at */ }
  },
  "exception()": (future) => future.exception(),
  "cancel()": (future) => future.cancel(),
  "await": async (future) => {
    try {
      await future;
    } catch { /* looked at */ }
  },
  "gather()": async (future) => {
    await gather([future], { returnExceptions: true });
  },
  "then()": async (future) => {
    await future.then(null, () => {});
  },
};
for (const [name, look] of Object.entries(looks)) {
  it(`behaviour 22: ${name} counts as a look at the error`, async () => {
    const reports = await reportedAtClose(async () => {
      await look(failed(new Error("seen")));
      const task = createTask(async () => {
        await sleep(0);
        throw new Error("seen");
      });
      await sleep(1);
      await look(task as Future<unknown>);
    });
    assertEquals(reports.map((context) => context.message), []);
  });
}

it("behaviour 22: callbacks and wait() do not look at the error", async () => {
  const reports = await reportedAtClose(async () => {
    const future = failed(new Error("unseen"));
    future.addDoneCallback(() => {});
    await wait([future, createTask(sleep(0)) as Future<unknown>]);
    assert(future.done());
  });
  assertEquals(reports.length, 1);
});

both(
  "behaviour 22: an error that was awaited is not reported",
  function* ({ co }) {
    // A report would fail the test.
    const task = createTask(
      co(function* () {
        yield sleep(0);
        throw new Error("seen");
      })(),
    );
    yield* caught(task);
  },
);

const gc = await collector().catch(() => () => {});

/** Runs the collector until there was enough of it; false if it was not. */
async function collect(enough: () => boolean): Promise<boolean> {
  for (let round = 0; round < 100 && !enough(); round++) {
    gc();
    // Finalization callbacks are macrotasks.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return enough();
}

// One that nobody holds would itself be collected, and call nobody.
const registry = new FinalizationRegistry<() => void>((tell) => tell());

/** Whether it cooperates: asked once with an object of no consequence. */
async function collectorRuns(): Promise<boolean> {
  let collected = 0;
  const tell = () => void collected++;
  const make = () => {
    for (let i = 0; i < 20; i++) registry.register({ i }, tell);
  };
  make();
  return await collect(() => collected > 10);
}

const skip = await collectorRuns()
  ? false
  : `the collector of ${runtime} does not run on demand`;

it(
  "behaviour 22: an error is reported once its future is collected",
  { skip, timeout: 20_000 },
  async () => {
    const reports: ExceptionContext[] = [];
    await runVirtual(async ({ loop }) => {
      loop.setExceptionHandler((_, context) => void reports.push(context));
      const lose = () => {
        for (let i = 0; i < 20; i++) failed(new RangeError(`lost ${i}`));
      };
      lose();
      assertEquals(reports, []);
      // Some register may point to the last ones for as long as it likes.
      assert(await collect(() => reports.length >= 10), "nothing was reported");
    }, { realTimers: true });
    // What was left came as the loop was closed, and none came twice.
    const texts = reports.map(({ message, exception, future }) => {
      assertEquals(message, "Future exception was never retrieved");
      assert(exception instanceof RangeError);
      // The future is gone: one of the same outcome stands for it.
      assertStrictEquals(future!.exception(), exception);
      return exception.message;
    });
    assertEquals([texts.length, new Set(texts).size], [20, 20]);
  },
);

it(
  "behaviour 22: nothing is reported for a collected future that was looked at",
  { skip, timeout: 20_000 },
  () =>
    runVirtual(async ({ reports }) => {
      let collected = 0;
      const tell = () => void collected++;
      const lose = () => {
        for (let i = 0; i < 20; i++) {
          const future = failed(new Error("seen"));
          registry.register(future, tell);
          future.exception();
        }
      };
      lose();
      assert(await collect(() => collected >= 10), "nothing was collected");
      assertEquals(reports, []);
    }, { realTimers: true }),
);
