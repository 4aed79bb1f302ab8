/** Faults at the edges of the kernel: each must stay where it happened. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  asyncgen,
  BaseEventLoop,
  createTask,
  type ExceptionContext,
  gather,
  isCoroutineFunction,
  run,
  RuntimeError,
  sleep,
  SystemExit,
  Task,
  wait,
  waitFor,
} from "../mod.ts";
import { describe, it } from "./_harness.ts";

const hostMs = (ms: number) => new Promise((r) => setTimeout(r, ms));

describe("kernel", () => {
  for (
    const [what, bad] of [
      ["an object without a text", Object.create(null)],
      ["an object whose toString throws", {
        toString() {
          throw new Error("no text");
        },
      }],
    ]
  ) {
    it(`yielding ${what} fails the task alone`, async () => {
      const text = await run(async () => {
        const task = createTask((function* () {
          yield bad as never;
        })());
        return await task.then(() => "", (error) => (error as Error).name);
      });
      assertEquals(text, "RuntimeError");
    });

    it(`cancelling with ${what} as the message cancels`, async () => {
      await run(async () => {
        const fresh = createTask(sleep(1));
        fresh.cancel(bad);
        const waiting = createTask(async () => await sleep(1));
        await sleep(0);
        waiting.cancel(bad);
        await wait([fresh, waiting]);
        assertEquals([fresh.cancelled(), waiting.cancelled()], [true, true]);
      });
    });
  }

  it("a task that a foreign promise resumes between two runs goes on in the next", async () => {
    const loop = new BaseEventLoop();
    const task = loop.createTask(async () => {
      await hostMs(10);
      await sleep(0.01);
      return "fine";
    });
    await loop.runUntilComplete(sleep(0));
    await hostMs(30);
    assertEquals(await loop.runUntilComplete(task), "fine");
    loop.close();
  });

  it("an exit between two runs ends the next run", async () => {
    const loop = new BaseEventLoop();
    const task = loop.createTask(async () => {
      await hostMs(10);
      throw new SystemExit(3);
    });
    await loop.runUntilComplete(sleep(0));
    await hostMs(30);
    await assertRejects(() => loop.runUntilComplete(sleep(1)), SystemExit);
    assertEquals(await loop.runUntilComplete(sleep(0, "after")), "after");
    assert(task.exception() instanceof SystemExit);
    loop.close();
  });

  it("code that a foreign promise resumes between two runs finds its loop", async () => {
    const loop = new BaseEventLoop();
    const task = loop.createTask(async () => {
      await hostMs(10);
      return await gather([sleep(0, 1), sleep(0, 2)]);
    });
    await loop.runUntilComplete(sleep(0));
    await hostMs(30);
    assertEquals(await loop.runUntilComplete(task), [1, 2]);
    loop.close();
  });

  it("a task that cannot be made leaves no listener on its signal", () => {
    const loop = new BaseEventLoop();
    loop.close();
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    assertThrows(() => new Task(sleep(1), { loop, signal }), RuntimeError);
    assertEquals(listeners, 0);
  });

  it("wait() leaves nothing on a future that stays pending", () =>
    run(async () => {
      const future = (createTask(sleep(0))).getLoop().createFuture<void>();
      for (let i = 0; i < 10; i++) {
        await createTask(async () => {
          await wait([future], { timeout: 0 });
        });
      }
      assertEquals(future._awaitedBy?.size ?? 0, 0);
      assertEquals(future._allWaiters().length, 0);
    }));

  it("an exit out of the handler for an async callback's error ends the run", async () => {
    const loop = new BaseEventLoop();
    loop.setExceptionHandler(() => {
      throw new SystemExit(3);
    });
    loop.callSoon(() => Promise.reject(new Error("boom")));
    await assertRejects(() => loop.runUntilComplete(sleep(1)), SystemExit);
    loop.setExceptionHandler(null);
    loop.close();
  });

  it("an async exception handler that fails is reported", async () => {
    const loop = new BaseEventLoop();
    const reports: ExceptionContext[] = [];
    loop.defaultExceptionHandler = (context) => void reports.push(context);
    // deno-lint-ignore require-await
    loop.setExceptionHandler(async () => {
      throw new Error("in handler");
    });
    loop.callSoon(() => {
      throw new Error("boom");
    });
    await loop.runUntilComplete(sleep(0.01));
    assertEquals(
      reports.map((r) => [r.message, String(r.exception)]),
      [["Unhandled error in exception handler", "Error: in handler"]],
    );
    loop.close();
  });

  it("an async generator that throw() ended is no longer kept", async () => {
    const loop = new BaseEventLoop();
    const make = asyncgen(async function* () {
      yield await Promise.resolve(1);
    });
    await loop.runUntilComplete(async () => {
      const gen = make();
      await gen.next();
      assertEquals(loop._asyncgens.size, 1);
      await assertRejects(() => gen.throw(new Error("out")), Error, "out");
      assertEquals(loop._asyncgens.size, 0);
    });
    loop.close();
  });

  it("the library's own coroutine functions are known as such", () => {
    assertEquals([sleep, wait, waitFor].map(isCoroutineFunction), [
      true,
      true,
      true,
    ]);
  });

  it("gather() hands on a thrown class as it is", () =>
    run(async () => {
      const thrower = async () => {
        await sleep(0);
        throw TypeError;
      };
      const error = await gather([thrower]).then(null, (e: unknown) => e);
      assertEquals(error, TypeError);
    }));
});
