/** toThread and runInExecutor over workers. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  CancelledError,
  ContextVar,
  copyContext,
  type Coroutine,
  createTask,
  gather,
  getRunningLoop,
  moduleFunctions,
  newEventLoop,
  run,
  RuntimeError,
  sleep,
  ThreadPoolExecutor,
  toThread,
  transfer,
} from "../mod.ts";
import { describe, it } from "./_harness.ts";
import { jobs, staying, travelling } from "./_jobs.ts";
import { cells, quietly, release } from "./_threads.ts";

describe("toThread()", () => {
  it("runs a function in a worker of the default executor", () =>
    run(async () => {
      assertEquals(await toThread(jobs.add, 1, 2), 3);
      assertEquals(await toThread(jobs.name), "asyncio_0");
      assertEquals(await toThread(jobs.later, 1), "later");
    }));

  it("does nothing until it is awaited", () =>
    run(async () => {
      const pool = new ThreadPoolExecutor(1);
      getRunningLoop().setDefaultExecutor(pool);
      const coro = toThread(jobs.noop);
      await sleep(0);
      assertEquals(pool.statistics().workers, 0);
      await coro;
      assertEquals(pool.statistics().workers, 1);
    }));

  it("leaves the loop free meanwhile", () =>
    run(async () => {
      let turns = 0;
      const ticking = createTask(async () => {
        for (;;) {
          await sleep(0.001);
          turns++;
        }
      });
      await toThread(jobs.block, 50);
      ticking.cancel();
      assert(turns > 3, `${turns}`);
    }));

  it("runs several at once", () =>
    run(async () => {
      const cell = cells();
      const held = gather([
        toThread(jobs.hold, cell),
        toThread(jobs.hold, cell),
      ]);
      while (Atomics.load(cell, 0) < 2) await sleep(0.001);
      release(cell);
      assertEquals(await held, ["released", "released"]);
    }));

  it("is awaited in a generator", () =>
    run(function* () {
      assertEquals(yield* toThread(jobs.add, 4, 5), 9);
    }));

  it("raises what the function throws, and works on", () =>
    run(async () => {
      await assertRejects(
        async () => await toThread(jobs.fail, "range"),
        RangeError,
        "out of range",
      );
      assertEquals(await toThread(jobs.add, 1, 1), 2);
    }));

  it("refuses a plain function at the await", () =>
    run(async () => {
      await assertRejects(
        async () => await toThread((() => 1) as never),
        TypeError,
        "a function does not cross threads",
      );
    }));

  it("behaviour 66: copies the context; runInExecutor() does not", () =>
    run(async () => {
      travelling.set("set");
      staying.set("set");
      assertEquals(await toThread(jobs.values), ["set", "none"]);
      const loop = getRunningLoop();
      assertEquals(await loop.runInExecutor(null, jobs.values), [
        "none",
        "none",
      ]);
      // Of its own, over there, also after an await; nothing comes back.
      assertEquals(await toThread(jobs.valuesAfterAwait), "set set changed");
      assertEquals(travelling.get(), "set");
      assertEquals(await toThread(jobs.values), ["set", "none"]);
    }));

  it("behaviour 66: takes the context when it begins", () =>
    run(async () => {
      const coro = toThread(jobs.values);
      travelling.set("later");
      assertEquals(await coro, ["later", "none"]);
      const context = copyContext();
      context.run(() => travelling.set("other"));
      assertEquals(await createTask(toThread(jobs.values), { context }), [
        "other",
        "none",
      ]);
    }));

  it("fails where a context variable that travels cannot be cloned", () =>
    run(async () => {
      travelling.set((() => {}) as never);
      await assertRejects(async () => await toThread(jobs.noop), TypeError);
    }));

  it("lets the function start a loop of its own", () =>
    run(async () => assertEquals(await toThread(jobs.loopInside), "ran")));

  it("lets the function use threads itself", () =>
    run(async () => assertEquals(await toThread(jobs.nested), 23)));
});

describe("ContextVar", () => {
  it("must have a name of its own to be cloneable", () => {
    assertThrows(
      () => new ContextVar("tests.travels", { cloneable: true }),
      RangeError,
      "Cannot make context variable 'tests.travels' cloneable",
    );
    assert(new ContextVar("tests.travels") instanceof ContextVar);
  });
});

describe("runInExecutor() and the default executor", () => {
  it("behaviour 66: refuses calls after shutdownDefaultExecutor()", () =>
    run(async () => {
      const loop = getRunningLoop();
      assertEquals(await toThread(jobs.add, 1, 1), 2);
      await loop.shutdownDefaultExecutor();
      await assertRejects(
        async () => await toThread(jobs.noop),
        RuntimeError,
        "Executor shutdown has been called",
      );
      assertThrows(
        () => loop.runInExecutor(null, jobs.noop),
        RuntimeError,
        "Executor shutdown has been called",
      );
    }));

  it("shutdownDefaultExecutor() waits for calls, up to its timeout", () =>
    quietly((log) =>
      run(async () => {
        const loop = getRunningLoop();
        const cell = cells();
        const held = createTask(toThread(jobs.hold, cell));
        while (Atomics.load(cell, 0) === 0) await sleep(0.001);
        await loop.shutdownDefaultExecutor(0.05);
        assertEquals(log, [
          "warning: The executor did not finish joining its threads within " +
          "0.05 seconds.",
        ]);
        assert(!held.done());
        release(cell);
        assertEquals(await held, "released");
      })
    ));

  it("runs in a given executor, whose error for submitting too late it raises", () =>
    run(async () => {
      const loop = getRunningLoop();
      const pool = new ThreadPoolExecutor(1, { threadNamePrefix: "own" });
      assertEquals(await loop.runInExecutor(pool, jobs.name), "own_0");
      await pool.shutdown();
      assertThrows(
        () => loop.runInExecutor(pool, jobs.name),
        RuntimeError,
        "cannot schedule new futures after shutdown",
      );
    }));

  it("has no worker left when the loop is closed", async () => {
    const loop = newEventLoop();
    const pool = new ThreadPoolExecutor(1);
    loop.setDefaultExecutor(pool);
    await loop.runUntilComplete(loop.runInExecutor(null, jobs.noop));
    loop.close();
    assertEquals(pool.statistics(), {
      maxWorkers: 1,
      workers: 0,
      idle: 0,
      queued: 0,
      isShutdown: true,
    });
  });

  it("cancelling its future cancels a call that waits", () =>
    run(async () => {
      const loop = getRunningLoop();
      const pool = new ThreadPoolExecutor(1);
      const cell = cells();
      const held = loop.runInExecutor(pool, jobs.hold, cell);
      const waiting = loop.runInExecutor(pool, jobs.noop);
      waiting.cancel();
      await sleep(0.001);
      assertEquals(pool.statistics().queued, 0);
      release(cell);
      assertEquals(await held, "released");
      await assertRejects(async () => await waiting, CancelledError);
      await pool.shutdown();
    }));
});

describe("types of toThread()", () => {
  it("are those of the function", () => {
    const heavy = moduleFunctions<typeof import("./_jobs.ts")>(
      new URL("./_jobs.ts", import.meta.url),
    );
    // Never run: what counts is whether it compiles.
    const typed = () => {
      const a: Coroutine<number> = toThread(heavy.add, 1, 2);
      const b: Coroutine<string> = toThread(heavy.later, 1);
      const c: Coroutine<Uint8Array<ArrayBuffer>> = toThread(heavy.bytes, 1);
      const bytes = new Uint8Array(1);
      const d: Coroutine<number> = toThread(
        heavy.sumOf,
        transfer(bytes, [bytes.buffer]),
      );
      // @ts-expect-error: an argument of the wrong type
      toThread(heavy.add, "1", 2);
      // @ts-expect-error: an argument too few
      toThread(heavy.add, 1);
      // @ts-expect-error: not a function of the module
      toThread(heavy.notFunction);
      // @ts-expect-error: a function does not cross threads
      toThread(() => 1);
      // @ts-expect-error: the result is a number
      const e: Coroutine<string> = toThread(heavy.add, 1, 2);
      return [a, b, c, d, e];
    };
    assertEquals(typeof typed, "function");
  });
});
