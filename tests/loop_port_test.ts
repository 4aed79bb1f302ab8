/** Calls from workers into a loop, and queues between them. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  createTask,
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
import { Child } from "./_child.ts";
import { describe, it, runtime } from "./_harness.ts";
import { forever, notes, remote } from "./_remote.ts";
import { cells } from "./_threads.ts";

const moved = (port: MessagePort) => transfer(port, [port]);

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

describe("a main program that awaits at its top level", () => {
  const ask = async (how: string) => {
    const child = Child.start("calling_main.ts", [how], { allowAll: true });
    const { stdout, stderr } = await child.end;
    return [stdout, stderr];
  };

  it("is called from a worker by the functions that it has named", {
    timeout: 12_000,
  }, async () => {
    assertEquals(await ask("named"), ["answered", ""]);
  });

  it(
    "cannot be asked for others but on Deno, which is an error and no deadlock",
    {
      timeout: 12_000,
    },
    async () => {
      assertEquals(await ask("unnamed"), [
        runtime === "deno" ? "answered" : "RuntimeError",
        "",
      ]);
    },
  );
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
