import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { fakePlatform } from "../_platform/fake.ts";
import type { FakeSignals } from "../_platform/fake_signals.ts";
import { isDoubler, PressFilter } from "../_platform/signals.ts";
import {
  type AbstractEventLoop,
  asyncgen,
  BaseEventLoop,
  CancelledError,
  ContextVar,
  copyContext,
  currentTask,
  type ExceptionContext,
  Future,
  getEventLoop,
  getRunningLoop,
  KeyboardInterrupt,
  newEventLoop,
  run,
  Runner,
  RuntimeError,
  sleep,
  SystemExit,
  type Task,
} from "../mod.ts";
import { describe, it } from "./_harness.ts";

/** A loop with signals and a clock of its own, which notes what is reported. */
class Stage {
  readonly platform = fakePlatform();
  readonly signals = this.platform.signals as FakeSignals;
  readonly reports: ExceptionContext[] = [];
  loop: BaseEventLoop | undefined;

  readonly loopFactory = (): BaseEventLoop => {
    this.loop = new BaseEventLoop({ platform: this.platform });
    this.loop.setExceptionHandler((_, context) => {
      this.reports.push(context);
    });
    return this.loop;
  };

  /** Sends SIGINT. */
  press(): void {
    this.signals.send("SIGINT");
  }

  get watching(): boolean {
    return this.signals.isHandled("SIGINT");
  }
}

async function ignoringCancellation(): Promise<void> {
  try {
    await sleep(60);
  } catch (error) {
    if (!(error instanceof CancelledError)) throw error;
  }
}

const macrotask = () => new Promise<void>((done) => setTimeout(done, 1));

describe("run()", () => {
  it("returns the result of every kind of coroutine", async () => {
    assertEquals(await run(async () => (await sleep(0, 1), 2)), 2);
    assertEquals(
      await run(function* () {
        return (yield* sleep(0, 1)) + 2;
      }),
      3,
    );
    assertEquals(await run(sleep(0, "slept")), "slept");
  });

  it("calls a function main as the first step of its task", async () => {
    let task: unknown = null;
    await run(() => {
      task = currentTask();
      return Promise.resolve();
    });
    assert(task !== null);
  });

  it("throws what main throws", async () => {
    await assertRejects(
      () => run(() => Promise.reject(new RangeError("boom"))),
      RangeError,
      "boom",
    );
  });

  it("behaviour 61: is refused inside a running loop", async () => {
    await run(async () => {
      await assertRejects(
        () => run(() => sleep(0)),
        RuntimeError,
        "asyncio.run() cannot be called from a running event loop",
      );
      const runner = new Runner();
      await assertRejects(
        () => runner.run(() => sleep(0)),
        RuntimeError,
        "Runner.run() cannot be called from a running event loop",
      );
    });
  });

  it("behaviour 61: while it is pending its loop runs for host callbacks too", async () => {
    let loop: AbstractEventLoop | undefined;
    const running = run(async () => {
      loop = getRunningLoop();
      await sleep(0.02);
    });
    await macrotask();
    assertStrictEquals(getRunningLoop(), loop);
    await assertRejects(() => run(() => sleep(0)), RuntimeError);
    await running;
    assertThrows(() => getRunningLoop(), RuntimeError);
  });

  it("behaviour 62: cancels leftovers, reports errors, closes generators, executor, loop", async () => {
    const stage = new Stage();
    const log: string[] = [];
    const numbers = asyncgen(async function* () {
      try {
        yield 1;
        yield 2;
      } finally {
        log.push("generator closed");
      }
    });
    const failure = new RangeError("in cleanup");
    await run(async () => {
      const loop = getRunningLoop();
      loop.setDefaultExecutor({
        submit: () => Promise.resolve(),
        shutdown: (options) => {
          // The loop's own close() tells it once more, without waiting.
          if (options?.wait) log.push("executor ended");
          return Promise.resolve();
        },
      });
      loop.createTask(async () => {
        try {
          await sleep(60);
        } finally {
          await sleep(1);
          log.push("leftover cancelled");
        }
      });
      loop.createTask(async () => {
        try {
          await sleep(60);
        } finally {
          throw failure;
        }
      });
      for await (const _ of numbers()) break;
      await numbers().next();
      await sleep(1);
      log.length = 0;
      log.push("main ended");
    }, { loopFactory: stage.loopFactory });
    assertEquals(log, [
      "main ended",
      "leftover cancelled",
      "generator closed",
      "executor ended",
    ]);
    assert(stage.loop?.isClosed());
    assertEquals(stage.reports.length, 1);
    const [report] = stage.reports;
    assertEquals(
      report?.message,
      "unhandled exception during asyncio.run() shutdown",
    );
    assertStrictEquals(report?.exception, failure);
    assert(report?.task?.done());
  });

  it("behaviour 62: cleans up when main fails", async () => {
    const stage = new Stage();
    let cleaned = false;
    await assertRejects(
      () =>
        run(async () => {
          getRunningLoop().createTask(async () => {
            try {
              await sleep(60);
            } finally {
              cleaned = true;
            }
          });
          await sleep(0);
          throw new RangeError("boom");
        }, { loopFactory: stage.loopFactory }),
      RangeError,
    );
    assert(cleaned && stage.loop?.isClosed());
  });

  it("behaviour 64: refuses what cannot be awaited", async () => {
    for (const wrong of [5, "main", null, undefined, {}]) {
      await assertRejects(
        () => run(wrong as never),
        TypeError,
        "An asyncio.Future, a coroutine or an awaitable is required",
      );
    }
  });

  it("behaviour 64: accepts any awaitable", async () => {
    assertEquals(await run(Promise.resolve(1)), 1);
    const thenable: PromiseLike<number> = {
      then: (done, failed) => Promise.resolve(2).then(done, failed),
    };
    assertEquals(await run(thenable), 2);
    await using runner = new Runner();
    const future = new Future<number>({ loop: runner.getLoop() });
    future.setResult(3);
    assertEquals(await runner.run(future), 3);
  });

  it("leaves debug mode to the loop unless told", async () => {
    const loop = newEventLoop();
    const usual = loop.getDebug();
    loop.close();
    assertEquals(await run(debug), usual);
    assertEquals(await run(debug, { debug: true }), true);
    assertEquals(await run(debug, { debug: false }), false);
    const loopFactory = () => {
      const own = newEventLoop();
      own.setDebug(true);
      return own;
    };
    assertEquals(await run(debug, { loopFactory }), true);
    // deno-lint-ignore require-await
    async function debug() {
      return getRunningLoop().getDebug();
    }
  });

  it("sets the thread's loop only if it made it, and unsets it", async () => {
    let inside: unknown;
    await run(async () => {
      await sleep(0);
      inside = getEventLoop();
    });
    assert(inside !== undefined);
    assertThrows(() => getEventLoop(), RuntimeError);
    const runner = new Runner({ loopFactory: newEventLoop });
    runner.getLoop();
    assertThrows(() => getEventLoop(), RuntimeError);
    await runner.close();
  });
});

describe("Runner", () => {
  it("behaviour 62: keeps one context across its runs", async () => {
    const name = new ContextVar<string>("name");
    await using runner = new Runner();
    await runner.run(async () => {
      await sleep(0);
      name.set("ann");
    });
    assertEquals(await runner.run(() => Promise.resolve(name.get())), "ann");
    assertThrows(() => name.get());
  });

  it("runs in another context if given one", async () => {
    const name = new ContextVar<string>("name", { default: "nobody" });
    await using runner = new Runner();
    const context = copyContext();
    context.run(() => name.set("bob"));
    const read = () => Promise.resolve(name.get());
    assertEquals(await runner.run(read, { context }), "bob");
    assertEquals(await runner.run(read), "nobody");
  });

  it("makes its loop when it is first needed, and one only", async () => {
    let made = 0;
    await using runner = new Runner({
      loopFactory: () => {
        made++;
        return newEventLoop();
      },
    });
    assertEquals(made, 0);
    const loop = runner.getLoop();
    assertStrictEquals(
      await runner.run(() => Promise.resolve(getRunningLoop())),
      loop,
    );
    assertEquals(made, 1);
  });

  it("behaviour 62: refuses everything once closed; closing again does nothing", async () => {
    const runner = new Runner();
    const loop = runner.getLoop();
    await Promise.all([runner.close(), runner.close()]);
    await runner.close();
    assert(loop.isClosed());
    await assertRejects(
      () => runner.run(() => sleep(0)),
      RuntimeError,
      "Runner is closed",
    );
    assertThrows(() => runner.getLoop(), RuntimeError, "Runner is closed");
  });

  it("makes no loop just to close it", async () => {
    let made = 0;
    const runner = new Runner({
      loopFactory: () => {
        made++;
        return newEventLoop();
      },
    });
    await runner.close();
    assertEquals(made, 0);
  });
});

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
