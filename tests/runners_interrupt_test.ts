/** SIGINT as runners see it, with signals that the test sends. */

import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { isDoubler, PressFilter } from "../_platform/signals.ts";
import {
  CancelledError,
  currentTask,
  Future,
  getRunningLoop,
  KeyboardInterrupt,
  run,
  Runner,
  sleep,
  SystemExit,
  type Task,
} from "../mod.ts";
import { describe, it } from "./_harness.ts";
import { Stage } from "./_stage.ts";

async function ignoringCancellation(): Promise<void> {
  try {
    await sleep(60);
  } catch (error) {
    if (!(error instanceof CancelledError)) throw error;
  }
}

describe("Runner and SIGINT", () => {
  it("behaviour 63: the first cancels main, and KeyboardInterrupt is thrown", async () => {
    const stage = new Stage();
    const log: string[] = [];
    const error = await assertRejects(
      () =>
        run(async () => {
          try {
            getRunningLoop().callSoon(() => stage.press());
            await sleep(60);
          } finally {
            await sleep(1);
            log.push("cleaned");
          }
        }, stage),
      KeyboardInterrupt,
    );
    assertEquals(log, ["cleaned"]);
    assert(error.cause instanceof CancelledError);
    assertEquals(stage.platform.clock.now(), 1);
  });

  it("behaviour 63: a main that swallows it returns its value", async () => {
    const stage = new Stage();
    const result = await run(function* () {
      stage.press();
      try {
        yield* sleep(60);
      } catch (error) {
        assert(error instanceof CancelledError);
      }
      return "went on";
    }, stage);
    assertEquals(result, "went on");
  });

  it("behaviour 63: the error of main wins over the interrupt", async () => {
    const stage = new Stage();
    await assertRejects(
      () =>
        run(async () => {
          stage.press();
          try {
            await sleep(60);
          } catch {
            throw new RangeError("in cleanup");
          }
        }, stage),
      RangeError,
    );
  });

  it("behaviour 63: a cancellation from elsewhere stays a CancelledError", async () => {
    const stage = new Stage();
    await assertRejects(
      () =>
        run(async () => {
          currentTask()!.cancel();
          stage.press();
          await sleep(60);
        }, stage),
      CancelledError,
    );
  });

  it("behaviour 63: a second one is thrown at once", async () => {
    const stage = new Stage();
    let presses = 0;
    await assertRejects(
      () =>
        run(async () => {
          for (;;) {
            if (++presses <= 2) getRunningLoop().callSoon(() => stage.press());
            await ignoringCancellation();
          }
        }, stage),
      KeyboardInterrupt,
    );
    assertEquals(presses, 3);
    assertEquals(stage.platform.clock.now(), 0);
    assert(stage.loop?.isClosed());
    const messages = stage.reports.map(({ message }) => message);
    assertEquals(messages, [
      "task did not end when asyncio.run() was interrupted twice",
    ]);
  });

  it("a second one leaves tasks a last few iterations, but no time", async () => {
    const stage = new Stage();
    const log: string[] = [];
    await assertRejects(
      () =>
        run(async () => {
          const loop = getRunningLoop();
          loop.createTask(async () => {
            try {
              await sleep(60);
            } finally {
              for (let i = 0; i < 5; i++) await sleep(0);
              log.push("quick cleanup ended");
            }
          });
          loop.createTask(async () => {
            try {
              await sleep(60);
            } finally {
              await sleep(5);
              log.push("slow cleanup ended");
            }
          });
          await sleep(1);
          loop.callSoon(() => stage.press());
          await ignoringCancellation();
          loop.callSoon(() => stage.press());
          await sleep(60);
        }, stage),
      KeyboardInterrupt,
    );
    assertEquals(log, ["quick cleanup ended"]);
    assertEquals(stage.platform.clock.now(), 1);
    assertEquals(stage.reports.length, 1);
    assert(stage.reports[0]?.task?.done() === false);
  });

  it("is thrown at once when main has just ended", async () => {
    const stage = new Stage();
    let cleaned = false;
    await assertRejects(
      () =>
        run(async () => {
          const loop = getRunningLoop();
          loop.createTask(async () => {
            try {
              await sleep(60);
            } finally {
              cleaned = true;
            }
          });
          await sleep(1);
          loop.callSoon(() => stage.press());
        }, stage),
      KeyboardInterrupt,
    );
    assert(cleaned && stage.loop?.isClosed());
  });

  it("is watched during a run only", async () => {
    const stage = new Stage();
    const runner = new Runner(stage);
    runner.getLoop();
    assert(!stage.watching);
    await runner.run(async () => {
      assert(stage.watching);
      await sleep(1);
      assert(stage.watching);
    });
    assert(!stage.watching);
    await runner.close();
  });

  it("counts anew in each run", async () => {
    const stage = new Stage();
    await using runner = new Runner(stage);
    for (let i = 0; i < 2; i++) {
      await assertRejects(
        () =>
          runner.run(async () => {
            stage.press();
            await sleep(60);
          }),
        KeyboardInterrupt,
      );
    }
    assertEquals(await runner.run(sleep(1, "still usable")), "still usable");
  });

  it("is left alone where a listener stands", async () => {
    const stage = new Stage();
    let heard = 0;
    const listener = () => void heard++;
    stage.signals.add("SIGINT", listener);
    await run(async () => {
      stage.press();
      await sleep(1);
    }, stage);
    assertEquals(heard, 1);
    assert(stage.watching);
  });

  it("is left alone outside the main thread", async () => {
    const stage = new Stage();
    stage.signals.mainThread = false;
    await run(async () => {
      assert(!stage.watching);
      await sleep(1);
    }, stage);
  });

  it("works with tasks of a factory", async () => {
    const stage = new Stage();
    const loopFactory = () => {
      const loop = stage.loopFactory();
      loop.setTaskFactory((loop, coro) => {
        const future = new Future<unknown>({ loop });
        (coro as () => Promise<unknown>)().then(
          (value) => future.setResult(value),
          () => {},
        );
        return future as Task<unknown>;
      });
      return loop;
    };
    // What has no uncancel() cannot tell who cancelled it.
    await assertRejects(
      () =>
        new Runner({ loopFactory }).run(() => {
          stage.loop!.callSoon(() => stage.press());
          return new Promise(() => {});
        }),
      CancelledError,
    );
  });

  it("tells the host how to end when nobody catches it", async () => {
    const stage = new Stage();
    const error = await assertRejects(
      () =>
        run(async () => {
          stage.press();
          await sleep(60);
        }, stage),
      KeyboardInterrupt,
    );
    const ending = stage.signals.endingOf(error);
    assertEquals(ending?.signal, "SIGINT");
    assertStringIncludes(ending!.notice, "KeyboardInterrupt\n");
    assert(!ending!.notice.includes("/runners.ts"));
    assertEquals(stage.signals.endingOf(new RangeError("other")), undefined);
    assertEquals(stage.signals.endingOf(new SystemExit(3))?.code, 3);
  });

  it("tells the host nothing when nothing interrupted the run", async () => {
    const stage = new Stage();
    await run(sleep(1), stage);
    assertEquals(stage.signals.endingOf(new KeyboardInterrupt()), undefined);
  });
});

describe("PressFilter", () => {
  it("takes two signals in a wrapper for one press", async () => {
    let presses = 0;
    const filter = new PressFilter(() => presses++, () => true);
    filter.press();
    filter.press();
    await new Promise((done) => setTimeout(done, 300));
    assertEquals(presses, 1);
    filter.press();
    assertEquals(presses, 2);
    filter.dispose();
  });

  it("counts the second one later where there is no wrapper", async () => {
    let presses = 0;
    const filter = new PressFilter(() => presses++, () => false);
    filter.press();
    filter.press();
    assertEquals(presses, 1);
    await new Promise((done) => setTimeout(done, 300));
    assertEquals(presses, 2);
    filter.press();
    filter.press();
    filter.dispose();
    await new Promise((done) => setTimeout(done, 300));
    assertEquals(presses, 3);
  });

  it("knows the wrappers that double", () => {
    assert(isDoubler("deno/2.9.5 npm/? deno/2.9.5 linux x86_64"));
    assert(isDoubler("bun/1.4.5 npm/? node/v26.3.0 linux x64"));
    assert(!isDoubler("npm/11.19.1 node/v20.20.2 linux x64"));
    assert(!isDoubler(undefined));
  });
});
