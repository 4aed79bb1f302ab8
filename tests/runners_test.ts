import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  type AbstractEventLoop,
  asyncgen,
  ContextVar,
  copyContext,
  currentTask,
  Future,
  getEventLoop,
  getRunningLoop,
  newEventLoop,
  run,
  Runner,
  RuntimeError,
  sleep,
} from "../mod.ts";
import { describe, it } from "./_harness.ts";
import { Stage } from "./_stage.ts";

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
        } catch {
          throw failure;
        }
      });
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
