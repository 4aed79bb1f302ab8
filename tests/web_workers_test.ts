/** Threads of browsers: what they need, and what they do without shared memory. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { webWorkers } from "../_platform/web_workers.ts";
import {
  CancelledError,
  getRunningLoop,
  loopPort,
  moduleFunctions,
  newEventLoop,
  NotImplementedError,
  run,
  SharedQueue,
  sleep,
  ThreadPoolExecutor,
  toThread,
  transfer,
  WorkerDiedError,
} from "../mod.ts";
import { serveModules } from "../worker.ts";
import { describe, it, type Runtime } from "./_harness.ts";
import { jobs, travelling } from "./_jobs.ts";
import { forever, remote } from "./_remote.ts";

const on: Runtime[] = ["web"];
const moved = (port: MessagePort) => transfer(port, [port]);
const own = moduleFunctions<typeof import("./_jobs.ts")>("app:jobs");
const ownWorker = () =>
  new Worker(new URL("./_own_worker.ts", import.meta.url), { type: "module" });

/** Runs a body where there is no Worker. */
async function withoutWorker(body: () => Promise<void>): Promise<void> {
  const { Worker } = globalThis;
  Reflect.deleteProperty(globalThis, "Worker");
  try {
    await body();
  } finally {
    Object.assign(globalThis, { Worker });
  }
}

describe("threads of a runtime without Worker", () => {
  it("are refused, with the runtime's name", () =>
    withoutWorker(async () => {
      const events = { message() {}, died() {} };
      const { message } = await assertRejects(
        async () =>
          await webWorkers().start(new URL("x:y"), "", events, null) as never,
        NotImplementedError,
      );
      const said =
        /^Cannot run functions in threads: this runtime \(.+\) has no/;
      assert(said.test(message), message);
    }));

  it(
    "fail the call that would be in one",
    { on },
    () =>
      withoutWorker(() =>
        run(async () => {
          await assertRejects(
            async () => await toThread(jobs.noop),
            NotImplementedError,
            "has no Worker",
          );
          const pool = new ThreadPoolExecutor(1);
          await assertRejects(
            async () => await pool.submit(jobs.noop),
            NotImplementedError,
            "has no Worker",
          );
          await pool.shutdown();
        })
      ),
  );
});

describe("a worker of a browser", () => {
  it("that cannot be loaded fails its call", { on }, async () => {
    const worker = () => new Worker("/no/such/worker.js", { type: "module" });
    await using pool = new ThreadPoolExecutor(1, {
      worker,
      threadNamePrefix: "w",
    });
    const calls = [pool.submit(jobs.noop), pool.submit(jobs.noop)];
    for (const call of calls) {
      await assertRejects(
        async () => await call,
        WorkerDiedError,
        "ended while it ran noop(): its code could not be loaded.",
      );
    }
    assertEquals(pool.statistics().workers, 0);
  });

  it("may be the program's own, with modules that it brings", {
    on,
  }, () =>
    run(async () => {
      const pool = new ThreadPoolExecutor(1, { worker: ownWorker });
      getRunningLoop().setDefaultExecutor(pool);
      travelling.set("there");
      assertEquals(await toThread(own.add, 1, 2), 3);
      assertEquals(await toThread(own.values), ["there", "none"]);
      await assertRejects(
        async () => await toThread(own.fail, "range"),
        RangeError,
        "out of range",
      );
      // And such as it loads.
      assertEquals(await toThread(jobs.add, 2, 2), 4);
    }));
});

describe("serveModules()", () => {
  it("refuses a module that has no URL, and leaves a main thread alone", () => {
    serveModules({ "app:jobs": {} });
    assertThrows(
      () => serveModules({ "./jobs.ts": {} }),
      TypeError,
      "Cannot serve the module './jobs.ts': an absolute URL is needed",
    );
  });
});

describe("threads of a page without shared memory", () => {
  it("are what this file is about", { on }, () => {
    assertEquals(globalThis.crossOriginIsolated, false);
  });

  it(
    "run functions, with values of context variables",
    { on },
    () =>
      run(async () => {
        assertEquals(await toThread(jobs.name), "asyncio_0");
        travelling.set("set");
        assertEquals(await toThread(jobs.valuesAfterAwait), "set set changed");
        const bytes = new Uint8Array(4).fill(2);
        assertEquals(
          await toThread(jobs.sumOf, transfer(bytes, [bytes.buffer])),
          8,
        );
        assertEquals(bytes.length, 0);
      }),
  );

  it(
    "end with an await that is cancelled, though they spin",
    { on },
    () =>
      run(async () => {
        const pool = new ThreadPoolExecutor(1, { threadNamePrefix: "w" });
        getRunningLoop().setDefaultExecutor(pool);
        const ending = jobs.spinPlainly.withOptions({
          terminateOnCancel: true,
        });
        const task = getRunningLoop().createTask(toThread(ending));
        await sleep(0.2);
        task.cancel();
        await assertRejects(async () => await task, CancelledError);
        assertEquals(await toThread(jobs.name), "w_1");
      }),
  );

  it(
    "know between awaits that they are not wanted",
    { on },
    () =>
      run(async () => {
        const pool = new ThreadPoolExecutor(1);
        getRunningLoop().setDefaultExecutor(pool);
        const task = getRunningLoop().createTask(toThread(jobs.askNowAndThen));
        await sleep(0.1);
        task.cancel();
        await assertRejects(async () => await task, CancelledError);
        while (pool.statistics().idle === 0) await sleep(0.001);
        // The one that asked, and ended by it.
        assertEquals(await toThread(jobs.count), 101);
      }),
  );

  it("call into the loop and await that", { on }, () =>
    run(async () => {
      const port = moved(loopPort());
      assertEquals(await toThread(remote.awaitingOnly, port), [
        2,
        6,
        "ConnectionRefusedError: refused",
        "TypeError: Cannot send the result to another thread",
      ]);
    }));

  it(
    "cannot block for the loop, and are told so",
    { on },
    () =>
      run(async () => {
        const said = "NotImplementedError: Cannot block for another thread: ";
        const told = String(
          await toThread(remote.tryToBlock, moved(loopPort())),
        );
        assert(told.startsWith(said), told);
        const queue = new SharedQueue<number>();
        queue.putNowait(1);
        const refused = String(
          await toThread(remote.tryToGet, moved(queue.port())),
        );
        assert(refused.startsWith(said), refused);
        assertEquals(queue.qsize(), 1);
      }),
  );

  it(
    "take from a queue and put on it, awaiting",
    { on },
    () =>
      run(async () => {
        const queue = new SharedQueue<number>(2);
        const sum = getRunningLoop().createTask(
          toThread(remote.sumAllAsync, moved(queue.port())),
        );
        for (let n = 1; n <= 50; n++) await queue.put(n);
        queue.shutdown();
        assertEquals(await sum, 1275);
        const other = new SharedQueue<number>(2);
        const putting = getRunningLoop().createTask(
          toThread(remote.produceAsync, moved(other.port()), 0, 20),
        );
        for (let n = 0; n < 20; n++) {
          assertEquals(await other.get(), n);
          other.taskDone();
        }
        await putting;
      }),
  );

  it("are told that the loop is closed", { on }, async () => {
    forever.length = 0;
    const pool = new ThreadPoolExecutor(1);
    const loop = newEventLoop();
    const call = pool.submit(remote.outliveAwaiting, moved(loopPort(loop)));
    await loop.runUntilComplete((async () => {
      while (forever.length === 0) await sleep(0.001);
    })());
    loop.close();
    assertEquals(await call, "RuntimeError: Event loop is closed");
    await pool.shutdown();
  });
});
