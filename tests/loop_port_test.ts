/** Calls from workers into a loop, and queues between them. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type AbstractEventLoop,
  createTask,
  eagerTaskFactory,
  gather,
  getRunningLoop,
  loopPort,
  newEventLoop,
  RemoteLoop,
  RemoteQueue,
  run,
  RuntimeError,
  SharedQueue,
  sleep,
  ThreadPoolExecutor,
  toThread,
  transfer,
} from "../mod.ts";
import { describe, it, runtime } from "./_harness.ts";
import { ends, forever, notes, remote } from "./_remote.ts";
import { cells } from "./_threads.ts";

type Cells = ReturnType<typeof cells>;

const moved = (port: MessagePort) => transfer(port, [port]);

/** A worker asks a loop, awaiting or blocking, that is closed before it could answer. */
async function closedMeanwhile(
  ask: typeof remote.askNow,
  close: (loop: AbstractEventLoop, cell: Cells) => void | Promise<void>,
): Promise<void> {
  const pool = new ThreadPoolExecutor(1);
  await pool.submit(remote.plain);
  // In browsers, what blocks could not be told.
  for (const blocks of runtime === "web" ? [false] : [false, true]) {
    const loop = newEventLoop();
    const cell = cells();
    const port = moved(loopPort(loop));
    const call = pool.submit(ask, port, cell, blocks);
    await close(loop, cell);
    assertEquals(await call, "RuntimeError: Event loop is closed");
  }
  await pool.shutdown();
}

describe("loopPort()", () => {
  it("callSoonThreadsafe() calls functions of this thread, in order", () =>
    run(async () => {
      notes.length = 0;
      await toThread(remote.noteMany, moved(loopPort()), 100);
      assertEquals(notes, Array.from({ length: 100 }, (_, i) => i));
    }));

  it("callSoonThreadsafe() reports what cannot be found, refuses what cannot be cloned", () =>
    run(async () => {
      notes.length = 0;
      const reports: string[] = [];
      getRunningLoop().setExceptionHandler((_, { message, exception }) =>
        void reports.push(`${message}: ${(exception as Error).name}`)
      );
      const refused = await toThread(remote.noteBadly, moved(loopPort()));
      assert(
        String(refused).startsWith(
          "TypeError: Cannot send the arguments to another thread: ",
        ),
      );
      assertEquals(notes, ["after"]);
      assertEquals(reports, [
        "Exception in callback nothing(), called from another thread: " +
        "ReferenceError",
      ]);
    }));

  it("behaviour 65: runCoroutineThreadsafe() has a result to block for", () =>
    run(async () => {
      const results = await toThread(remote.blocking, moved(loopPort()));
      const [unsendable, argument] = results.splice(-2);
      assertEquals(results, [
        42,
        42,
        true,
        6,
        "ConnectionRefusedError: refused",
        "TypeError: A coroutine object is required",
      ]);
      assert(
        String(unsendable).startsWith("TypeError: Cannot send the result"),
        String(unsendable),
      );
      assert(
        String(argument).startsWith("TypeError: Cannot send the arguments"),
        String(argument),
      );
    }));

  it("the result can be awaited as well", () =>
    run(async () => {
      assertEquals(await toThread(remote.awaiting, moved(loopPort())), [
        2,
        4,
        6,
        "ConnectionRefusedError: refused",
        12,
        11,
      ]);
    }));

  it("result(timeout) gives up and leaves the call alone; cancel() cancels the task", () =>
    run(async () => {
      forever.length = 0;
      assertEquals(await toThread(remote.impatient, moved(loopPort())), [
        "TimeoutError: ",
        false,
        true,
        false,
        true,
        "CancelledError: ",
      ]);
      assertEquals(forever, ["begun", "ended"]);
    }));

  it("ends with its loop: whoever waits is told", async () => {
    const pool = new ThreadPoolExecutor(1);
    const loop = newEventLoop();
    const port = loopPort(loop);
    const cell = cells();
    const call = pool.submit(remote.outlive, moved(port), cell);
    await loop.runUntilComplete((async () => {
      while (Atomics.load(cell, 0) === 0) await sleep(0.001);
      await sleep(0.01);
    })());
    loop.close();
    assertEquals(await call, [
      "RuntimeError: Event loop is closed",
      "RuntimeError: Event loop is closed",
    ]);
    assertThrows(() => loopPort(loop), RuntimeError, "Event loop is closed");
    await pool.shutdown();
  });

  it("ends with its loop, though the worker asks only later", () =>
    closedMeanwhile(remote.askLate, async (loop, cell) => {
      await new Promise((done) => setTimeout(done, 20));
      loop.close();
      Atomics.store(cell, 0, 1);
      Atomics.notify(cell, 0);
    }));

  it("ends with its loop, which has not heard yet what it was asked", () =>
    closedMeanwhile(remote.askNow, (loop, cell) => {
      const until = performance.now() + 5000;
      while (Atomics.load(cell, 0) === 0 && performance.now() < until);
      loop.close();
    }));

  it("ends with the worker: what it had running is cancelled", () =>
    run(async () => {
      forever.length = 0;
      const pool = new ThreadPoolExecutor(1);
      const call = pool.submit(remote.abandon, moved(loopPort()));
      while (forever.length === 0) await sleep(0.001);
      pool.terminateWorkers();
      while (forever.length < 2) await sleep(0.001);
      assert(call.cancelled());
    }));

  it("ends with a worker that has not taken what was sent to it", () =>
    run(async () => {
      forever.length = 0;
      const pool = new ThreadPoolExecutor(1);
      const call = pool.submit(remote.leaveMuch, moved(loopPort()), cells());
      while (forever.length === 0) await sleep(0.001);
      await sleep(0.01);
      pool.terminateWorkers();
      while (forever.length < 2) await sleep(0.001);
      assert(call.cancelled());
    }));

  it("the result may be large, and block for it piece by piece", () =>
    run(async () => {
      const results = await toThread(remote.blockForMuch, moved(loopPort()));
      const [length, apart] = results;
      assertEquals(length, 500_000);
      // A browser gives a port only to code that does not block.
      if (runtime !== "web") assertEquals(apart, true);
      else assert(String(apart).includes("Cannot block for this result"));
      assertEquals(await toThread(remote.awaitPort, moved(loopPort())), true);
      for (const port of ends.splice(0)) port.close();
    }));

  it("refuses to be used in its own thread, when closed, and what is no port", () =>
    run(async () => {
      const port = loopPort();
      assertThrows(
        () => new RemoteLoop(port),
        RuntimeError,
        "Cannot make a RemoteLoop in the thread of the loop",
      );
      assertEquals(
        await toThread(remote.useClosed, moved(port)),
        "RuntimeError: the port is closed",
      );
      assertEquals(
        await toThread(remote.notPort),
        "TypeError: Cannot make a RemoteLoop: a MessagePort is needed, got object",
      );
      assertThrows(() => loopPort({} as never), TypeError);
    }));
});

describe("SharedQueue", () => {
  it("gives items to workers that block, and await, until its shutdown", () =>
    run(async () => {
      for (const blocks of [true, false]) {
        const queue = new SharedQueue<number>(2);
        const workers = [1, 2].map(() => {
          const port = moved(queue.port());
          return createTask(
            blocks
              ? toThread(remote.sumAll, port)
              : toThread(remote.sumAllAsync, port),
          );
        });
        for (let n = 1; n <= 100; n++) await queue.put(n);
        queue.shutdown();
        const [a, b] = await gather(workers) as [number, number];
        assertEquals(a + b, 5050);
      }
    }));

  it("takes items from workers, held back by its maximum size", () =>
    run(async () => {
      const queue = new SharedQueue<number>(3);
      const tasks = [
        createTask(toThread(remote.produce, moved(queue.port()), 0, 50)),
        createTask(
          toThread(remote.produceAsync, moved(queue.port()), 50, 100),
        ),
      ];
      const got: number[] = [];
      for (let i = 0; i < 100; i++) {
        assert(queue.qsize() <= 3);
        got.push(await queue.get());
        queue.taskDone();
      }
      await gather(tasks);
      assertEquals(
        got.toSorted((a, b) => a - b),
        Array.from({ length: 100 }, (_, i) => i),
      );
      // Each producer's in its order.
      const first = got.filter((n) => n < 50);
      assertEquals(first, first.toSorted((a, b) => a - b));
    }));

  it("raises TimeoutError in a worker that waits too long", () =>
    run(async () => {
      const queue = new SharedQueue<string>(1);
      assertEquals(await toThread(remote.getLate, moved(queue.port())), [
        "TimeoutError: ",
        "TimeoutError: ",
        "TimeoutError: ",
        1,
        "item",
        0,
      ]);
    }));

  it("loses no item to a worker that gives up just then", () =>
    run(async () => {
      const queue = new SharedQueue<number>();
      const task = createTask(
        toThread(remote.nibble, moved(queue.port()), 300),
      );
      let put = 0;
      while (!task.done()) {
        queue.putNowait(put++);
        await sleep(0.0003);
      }
      const got = await task;
      while (!queue.empty()) got.push(queue.getNowait());
      assertEquals(got, Array.from({ length: put }, (_, i) => i));
    }));

  it("loses no item to a worker that was ended", () =>
    run(async () => {
      const queue = new SharedQueue<string>();
      const pool = new ThreadPoolExecutor(1);
      const cell = cells();
      pool.submit(remote.takeForever, moved(queue.port()), cell);
      while (queue.statistics().tasksWaitingGet === 0) await sleep(0.001);
      pool.terminateWorkers();
      while (queue.statistics().tasksWaitingGet > 0) await sleep(0.001);
      queue.putNowait("kept");
      assertEquals(await queue.get(), "kept");
    }));

  it("loses no item that cannot be sent, and tells all who ask for it", () =>
    run(async () => {
      getRunningLoop().setDefaultExecutor(new ThreadPoolExecutor(2));
      const queue = new SharedQueue<unknown>();
      const tasks = [true, false].map((blocks) =>
        createTask(toThread(remote.takeOne, moved(queue.port()), blocks))
      );
      while (queue.statistics().tasksWaitingGet < 2) await sleep(0.001);
      const item = () => {};
      queue.putNowait(item);
      queue.putNowait("next");
      for (const said of await gather(tasks)) {
        assert(
          String(said).startsWith("TypeError: Cannot send the result"),
          String(said),
        );
      }
      assertEquals(queue.qsize(), 2);
      assert(queue.getNowait() === item);
      const port = moved(queue.port());
      assertEquals(await toThread(remote.takeOne, port, true), "next");
    }));

  it("loses no item that a browser does not give to who blocks", () =>
    run(async () => {
      const queue = new SharedQueue<unknown>();
      const { port1, port2 } = new MessageChannel();
      queue.putNowait(moved(port1));
      if (runtime === "web") {
        const told = await toThread(
          remote.takeOne,
          moved(queue.port()),
          true,
        );
        assert(String(told).includes("Cannot block for this item"));
        assertEquals(queue.qsize(), 1);
      }
      const blocks = runtime !== "web";
      const port = moved(queue.port());
      assertEquals(await toThread(remote.takeOne, port, blocks), "a port");
      port2.close();
    }));

  it("gives each item to one, where tasks begin at once", () =>
    run(async () => {
      getRunningLoop().setTaskFactory(eagerTaskFactory);
      const queue = new SharedQueue<number>();
      for (let n = 1; n <= 100; n++) queue.putNowait(n);
      queue.shutdown();
      const port = moved(queue.port());
      assertEquals(await toThread(remote.sumAll, port), 5050);
    }));

  it("is taken from in the way that a subclass has", () =>
    run(async () => {
      class Tens extends SharedQueue<number> {
        protected override _get(): number {
          return super._get() * 10;
        }
      }
      const queue = new Tens();
      queue.putNowait(1);
      const port = moved(queue.port());
      assertEquals(await toThread(remote.takeOne, port, true), 10);
    }));

  it("is shut down by a worker, for all", () =>
    run(async () => {
      const queue = new SharedQueue<string>();
      const ended = await toThread(remote.shutDown, moved(queue.port()));
      assertEquals(ended, ["QueueShutDown: ", "QueueShutDown: "]);
      assertThrows(() => queue.putNowait("x"));
      const other = queue.port();
      assertThrows(() => new RemoteQueue(other), RuntimeError);
    }));

  it("needs a running loop for a port", () => {
    assertThrows(() => new SharedQueue().port(), RuntimeError);
  });
});
