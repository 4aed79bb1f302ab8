/** How workers end: crashes, aborts, cancels; and that none is left. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { stopsRunningCode } from "../_platform/thread_facts.ts";
import {
  CancelledError,
  getRunningLoop,
  moduleFunction,
  RemoteTraceback,
  run,
  sleep,
  ThreadPoolExecutor,
  toThread,
  WorkerDiedError,
} from "../mod.ts";
import { describe, it, runtime } from "./_harness.ts";
import { jobs } from "./_jobs.ts";
import { cells, quietly, reached, release, workerThreads } from "./_threads.ts";

/** How long a worker spins at most: Deno cannot stop it before. */
const SPIN_MS = stopsRunningCode ? 60_000 : 300;

describe("a worker that crashes", () => {
  for (const how of ["throw", "reject"] as const) {
    it(`fails its call with the error as the cause, and is replaced: ${how}`, async () => {
      await using pool = new ThreadPoolExecutor(1, { threadNamePrefix: "w" });
      const error = await assertRejects(
        async () => await pool.submit(jobs.crashLater, how),
        WorkerDiedError,
        "worker 'w_0' ended while it ran crashLater(): an error that nothing caught",
      );
      assert(error.cause instanceof RangeError);
      assert(error.cause.cause instanceof RemoteTraceback);
      assertEquals(await pool.submit(jobs.name), "w_1");
      assertEquals(pool.statistics().workers, 1);
    });
  }

  for (const how of ["exit", "close"] as const) {
    it(`fails its call when it ends itself, and is replaced: ${how}`, {
      // A browser's worker is no process that could exit.
      skip: runtime === "web" && how === "exit",
    }, async () => {
      await using pool = new ThreadPoolExecutor(1);
      const call = pool.submit(jobs.crashLater, how);
      const next = pool.submit(jobs.add, 1, 2);
      await assertRejects(async () => await call, WorkerDiedError);
      assertEquals(await next, 3);
    });
  }

  it("fails all that wait where no other can be started", async () => {
    const initargs: unknown[] = [1, 2];
    const pool = new ThreadPoolExecutor(1, { initializer: jobs.add, initargs });
    await pool.submit(jobs.noop);
    const calls = [
      pool.submit(jobs.crashLater, "throw"),
      pool.submit(jobs.add, 1, 2),
      pool.submit(jobs.add, 3, 4),
    ];
    initargs[0] = () => {};
    const ends = await Promise.allSettled(calls);
    assertEquals(
      ends.map((end) => end.status === "rejected" && end.reason.name),
      ["WorkerDiedError", "TypeError", "TypeError"],
    );
    assertEquals(pool.statistics().queued, 0);
    await pool.shutdown();
  });

  it("between two calls is logged and replaced", () =>
    quietly(async (log) => {
      await using pool = new ThreadPoolExecutor(1, { threadNamePrefix: "w" });
      // On the heels of the result.
      await pool.submit(jobs.crash, "throw");
      while (pool.statistics().workers > 0) {
        await new Promise((done) => setTimeout(done, 1));
      }
      assertEquals(await pool.submit(jobs.name), "w_1");
      assertEquals(log, [
        "error: worker 'w_0' ended between two calls: an error that nothing caught",
      ]);
    }));
});

describe("an AbortSignal", () => {
  it("ends the worker that runs the call, whatever that does", async () => {
    await using pool = new ThreadPoolExecutor(1);
    const cell = cells();
    const controller = new AbortController();
    const spin = jobs.spin.withOptions({ signal: controller.signal });
    const call = pool.submit(spin, cell, SPIN_MS);
    await reached(cell, 1);
    const reason = new Error("enough");
    controller.abort(reason);
    const error = await assertRejects(
      async () => await call,
      CancelledError,
      "enough",
    );
    assertEquals(error.cause, reason);
    assertEquals(await pool.submit(jobs.add, 1, 2), 3);
  });

  it("takes back a call that waits, and one that comes too late", async () => {
    await using pool = new ThreadPoolExecutor(1);
    const cell = cells();
    const held = pool.submit(jobs.hold, cell);
    await reached(cell, 1);
    const controller = new AbortController();
    const add = jobs.add.withOptions({ signal: controller.signal });
    const waiting = pool.submit(add, 1, 2);
    controller.abort();
    assert(waiting.cancelled());
    assert(pool.submit(add, 1, 2).cancelled());
    assertEquals(pool.statistics().queued, 0);
    release(cell);
    assertEquals(await held, "released");
  });

  it("aborted after the end does nothing", async () => {
    await using pool = new ThreadPoolExecutor(1);
    const controller = new AbortController();
    const add = jobs.add.withOptions({ signal: controller.signal });
    assertEquals(await pool.submit(add, 1, 2), 3);
    controller.abort();
    assertEquals(pool.statistics().workers, 1);
  });
});

describe("a cancelled await", () => {
  it("behaviour 66: does not stop a call that has begun", () =>
    run(async () => {
      const pool = new ThreadPoolExecutor(1);
      getRunningLoop().setDefaultExecutor(pool);
      const cell = cells();
      const task = getRunningLoop().createTask(toThread(jobs.hold, cell));
      while (Atomics.load(cell, 0) === 0) await sleep(0.001);
      task.cancel();
      await assertRejects(async () => await task, CancelledError);
      assertEquals(pool.statistics().idle, 0);
      release(cell);
      while (pool.statistics().idle === 0) await sleep(0.001);
      assertEquals(pool.statistics().workers, 1);
    }));

  it("ends a spinning worker if the function was made so", () =>
    run(async () => {
      const pool = new ThreadPoolExecutor(1, { threadNamePrefix: "w" });
      getRunningLoop().setDefaultExecutor(pool);
      const cell = cells();
      const spin = jobs.spin.withOptions({ terminateOnCancel: true });
      const task = getRunningLoop().createTask(toThread(spin, cell, SPIN_MS));
      while (Atomics.load(cell, 0) === 0) await sleep(0.001);
      task.cancel();
      await assertRejects(async () => await task, CancelledError);
      assertEquals(await toThread(jobs.name), "w_1");
    }));

  it("takes back a call that waits for its turn", () =>
    run(async () => {
      const pool = new ThreadPoolExecutor(1);
      getRunningLoop().setDefaultExecutor(pool);
      const cell = cells();
      const held = getRunningLoop().createTask(toThread(jobs.hold, cell));
      const waiting = getRunningLoop().createTask(toThread(jobs.noop));
      while (Atomics.load(cell, 0) === 0) await sleep(0.001);
      assertEquals(pool.statistics().queued, 1);
      waiting.cancel();
      await assertRejects(async () => await waiting, CancelledError);
      assertEquals(pool.statistics().queued, 0);
      release(cell);
      assertEquals(await held, "released");
    }));

  it("is known to a call that asks", () =>
    run(async () => {
      const cell = cells();
      const task = getRunningLoop().createTask(toThread(jobs.spinAsking, cell));
      while (Atomics.load(cell, 0) === 0) await sleep(0.001);
      task.cancel();
      await assertRejects(async () => await task, CancelledError);
      while (Atomics.load(cell, 1) === 0) await sleep(0.001);
    }));
});

describe("terminateWorkers()", () => {
  it("cancels all calls, and what asks or blocks ends", async () => {
    const pool = new ThreadPoolExecutor(1);
    const cell = cells();
    const asking = pool.submit(jobs.spinAsking, cell);
    const waiting = pool.submit(jobs.noop);
    await reached(cell, 1);
    pool.terminateWorkers();
    assertEquals([asking.cancelled(), waiting.cancelled()], [true, true]);
    assertEquals(pool.statistics().workers, 0);
    await pool.shutdown();
  });
});

describe("workers", () => {
  it("are all gone after 200 rounds of crashes, cancels and aborts", {
    timeout: 120_000,
    sanitize: false,
  }, () =>
    quietly(async () => {
      const before = workerThreads();
      let most = 0;
      const pool = new ThreadPoolExecutor(2, { threadNamePrefix: "leak" });
      // One that loads little, so that a round costs little.
      const light = moduleFunction<(kind: number) => Promise<number>>(
        new URL("./programs/rounds.ts", import.meta.url),
        "round",
      );
      let seed = 1234567;
      const random = (n: number) =>
        ((seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) >>> 12) %
        n;
      const outcomes = { fulfilled: 0, rejected: 0 };
      const running: Promise<unknown>[] = [];
      for (let i = 0; i < 200; i++) {
        const controller = new AbortController();
        const kind = random(6);
        const call = pool.submit(
          light.withOptions({
            signal: controller.signal,
            terminateOnCancel: random(2) === 0,
          }),
          kind,
        );
        running.push(
          call.then(() => outcomes.fulfilled++, () => outcomes.rejected++),
        );
        const act = random(4);
        const delay = random(30);
        if (act === 0) setTimeout(() => controller.abort(), delay);
        if (act === 1) setTimeout(() => call.cancel(), delay);
        // Cancelled without an end, it would wait for ever.
        if (kind === 5) setTimeout(() => controller.abort(), 50);
        if (running.length % 4 === 0) await Promise.all(running);
        most = Math.max(most, workerThreads() ?? 1);
      }
      await Promise.all(running);
      assertEquals(outcomes.fulfilled + outcomes.rejected, 200);
      assert(outcomes.fulfilled > 20 && outcomes.rejected > 50);
      await pool.shutdown();
      assertEquals(pool.statistics().workers, 0);
      // Threads of the runtime's own may have ended, too, where all are counted.
      const left = () =>
        before === null ? null : Math.max(before, workerThreads() ?? 0);
      // Deno's workers end at their next turn.
      for (let i = 0; i < 300 && left() !== before; i++) {
        await new Promise((done) => setTimeout(done, 10));
      }
      assertEquals([left(), most > 0], [before, true]);
    }));
});
