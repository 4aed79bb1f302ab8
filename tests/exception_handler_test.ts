/** The exception handler and debug mode: nothing is lost, nothing kills the loop. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { describe, it } from "./_harness.ts";
import { capturedLog, oneIteration, virtualLoop, withLoop } from "./_loops.ts";
import { runVirtual } from "./_virtual.ts";
import {
  BaseEventLoop,
  ContextVar,
  type ExceptionContext,
  KeyboardInterrupt,
  Protocol,
  sleep,
  SystemExit,
} from "../mod.ts";
import { memoryTransportPair } from "../testing.ts";
import { fakePlatform } from "../_platform/fake.ts";

function throwing(error: unknown): () => never {
  return () => {
    throw error;
  };
}

describe("exception handler", () => {
  it("behaviour 59: is told of a callback that throws, and the loop goes on", () =>
    withLoop(async ({ loop, reports }) => {
      const seen: string[] = [];
      const error = new RangeError("mine");
      function broken() {
        throw error;
      }
      const handle = loop.callSoon(broken);
      loop.callSoon(() => void seen.push("next"));
      loop.callLater(1, throwing(error));
      loop.callLater(2, () => loop.stop());
      await loop.runForever();
      assertEquals(seen, ["next"]);
      assertEquals(reports.length, 2);
      assertEquals(
        Object.keys(reports[0]!).sort(),
        ["exception", "handle", "message"],
      );
      assertMatch(reports[0]!.message, /^Exception in callback .*broken/);
      assertStrictEquals(reports[0]!.exception, error);
      assertStrictEquals(reports[0]!.handle, handle);
    }));

  for (const odd of [undefined, null, "text", 0, { a: 1 }]) {
    it(`is told of a callback that throws what is no Error: ${odd}`, () =>
      withLoop(async ({ loop, reports }) => {
        loop.callSoon(throwing(odd));
        await oneIteration(loop);
        assertEquals(reports.length, 1);
        assertStrictEquals(reports[0]!.exception, odd);
      }));
  }

  it("is told of a done callback that throws", () =>
    withLoop(async ({ loop, reports }) => {
      const future = loop.createFuture<number>();
      future.addDoneCallback(throwing(new RangeError("mine")));
      future.setResult(1);
      await oneIteration(loop);
      assertEquals(reports.length, 1);
      assertStringIncludes(reports[0]!.message, "Exception in callback");
    }));

  it("is told of a callback that returns a promise that is rejected", () =>
    withLoop(async ({ loop, reports }) => {
      const error = new RangeError("later");
      function start() {
        return Promise.resolve().then(throwing(error));
      }
      loop.callSoon(start);
      await loop.runUntilComplete(sleep(1));
      assertEquals(reports.length, 1);
      assertMatch(reports[0]!.message, /^Exception in callback .*start/);
      assertStrictEquals(reports[0]!.exception, error);
      loop.callSoon(() => Promise.resolve(1));
      await loop.runUntilComplete(sleep(1));
      assertEquals(reports.length, 1);
    }));

  it("behaviour 59: is told of a connection's error with its transport and protocol", () =>
    runVirtual(async ({ loop, reports }) => {
      const error = new RangeError("mine");
      class Broken extends Protocol {
        override dataReceived(): void {
          throw error;
        }
      }
      const [near, far] = [new Protocol(), new Broken()];
      const [transport, other] = await memoryTransportPair(near, far);
      transport.write(new Uint8Array([1]));
      await sleep(1);
      const [report, ...others] = reports.splice(0);
      assertEquals(others, []);
      assertEquals(Object.keys(report!).sort(), [
        "exception",
        "message",
        "protocol",
        "transport",
      ]);
      assertStrictEquals(report!.exception, error);
      assertStrictEquals(report!["protocol"], far);
      assertStrictEquals(report!["transport"], other);
      transport.close();
      await sleep(1);
      assertEquals([transport.isClosing(), loop.time()], [true, 2]);
    }));

  it("behaviour 59: carries sourceTraceback in debug mode", () =>
    withLoop(async ({ loop, reports }) => {
      loop.setDebug(true);
      loop.callSoon(throwing(new RangeError("mine")));
      await oneIteration(loop);
      const frames = reports[0]!.sourceTraceback;
      assert(Array.isArray(frames) && frames.length > 0);
      assert(
        frames.some((f) => f.file.includes("exception_handler_test")),
        "names where the callback was scheduled",
      );
    }));

  it("is told of lost errors with the future", async () => {
    const { loop, reports } = virtualLoop();
    const future = loop.createFuture<void>();
    const error = new RangeError("mine");
    future.setException(error);
    const task = loop.createTask(async () => {
      throw error;
    });
    await loop.runUntilComplete(sleep(1));
    assertEquals(reports, []);
    loop.close();
    assertEquals(reports.map((r) => r.message), [
      "Future exception was never retrieved",
      "Task exception was never retrieved",
    ]);
    assertStrictEquals(reports[0]!.future, future as never);
    assertStrictEquals(reports[1]!.future, task as never);
    assert(reports.every((r) => r.exception === error));
  });

  it("can be set, asked for and taken back", () =>
    withLoop(async ({ loop }) => {
      const own = (_: unknown, _context: ExceptionContext) => {};
      loop.setExceptionHandler(own);
      assertStrictEquals(loop.getExceptionHandler(), own);
      loop.setExceptionHandler(null);
      assertStrictEquals(loop.getExceptionHandler(), null);
      for (const bad of [1, "f", {}]) {
        assertThrows(
          () => loop.setExceptionHandler(bad as never),
          TypeError,
          "A callable object or null is expected",
        );
      }
      const log = await capturedLog(async () => {
        loop.callSoon(throwing(new RangeError("mine")));
        await oneIteration(loop);
      });
      assertEquals(log.length, 1);
      assertEquals(log[0]!.level, "error");
      assert(log[0]!.exc instanceof RangeError);
    }));

  it("is called with the loop and the context", () =>
    withLoop(({ loop }) => {
      const seen: unknown[] = [];
      loop.setExceptionHandler((...args) => void seen.push(...args));
      const context = { message: "m", extra: 5 };
      loop.callExceptionHandler(context);
      assertStrictEquals(seen[0], loop);
      assertStrictEquals(seen[1], context);
    }));

  it("behaviour 59: one that fails is logged, and the loop goes on", () =>
    withLoop(async ({ loop }) => {
      const second = new RangeError("in the handler");
      loop.setExceptionHandler(throwing(second));
      let after = false;
      const log = await capturedLog(async () => {
        loop.callSoon(throwing(new RangeError("in the callback")));
        loop.callSoon(() => void (after = true));
        await oneIteration(loop);
      });
      assert(after);
      assertEquals(log.length, 1);
      assertStringIncludes(
        log[0]!.text,
        "Unhandled error in exception handler",
      );
      // What the handler was told of must not be lost with it.
      assertStringIncludes(log[0]!.text, "in the callback");
      assertStrictEquals(log[0]!.exc, second);
    }));

  it("behaviour 59: a default handler that fails is logged too", () =>
    withLoop(async ({ loop }) => {
      class Odd extends BaseEventLoop {
        override defaultExceptionHandler(): void {
          throw new RangeError("default");
        }
      }
      const odd = new Odd({ platform: fakePlatform() });
      const plain = await capturedLog(() =>
        odd.callExceptionHandler({ message: "m" })
      );
      assertEquals(plain.map((e) => e.text), [
        "Exception in default exception handler",
      ]);
      odd.setExceptionHandler(throwing(new RangeError("custom")));
      const both = await capturedLog(() =>
        odd.callExceptionHandler({ message: "m" })
      );
      assertEquals(both.length, 1);
      assertStringIncludes(
        both[0]!.text,
        "Exception in default exception handler",
      );
      odd.close();
      await loop.runUntilComplete(sleep(0));
    }));

  it("behaviour 59: runs in the context of the callback that failed", () =>
    withLoop(async ({ loop }) => {
      const name = new ContextVar<string>("name", { default: "none" });
      const seen: string[] = [];
      loop.setExceptionHandler(() => void seen.push(name.get()));
      loop.callSoon(() => {
        name.set("callback");
        throw new RangeError();
      });
      await oneIteration(loop);
      assertEquals(seen, ["callback"]);
    }));

  it("behaviour 59: runs in the context of the task that failed", async () => {
    const { loop } = virtualLoop();
    const name = new ContextVar<string>("name", { default: "none" });
    const seen: string[] = [];
    loop.setExceptionHandler(() => void seen.push(name.get()));
    await loop.runUntilComplete(async () => {
      loop.createTask(async () => {
        name.set("task");
        throw new RangeError();
      });
      await sleep(1);
    });
    loop.close();
    assertEquals(seen, ["task"]);
  });
});

describe("defaultExceptionHandler()", () => {
  it("logs the message, the other keys in order, and the error", () =>
    withLoop(async ({ loop }) => {
      const exception = new RangeError("mine");
      const log = await capturedLog(() =>
        loop.defaultExceptionHandler({
          message: "it failed",
          exception,
          zebra: 1,
          apple: "a",
        })
      );
      assertEquals(log.length, 1);
      assertEquals(log[0]!.level, "error");
      const lines = log[0]!.text.split("\n");
      assertEquals(lines[0], "it failed");
      assertMatch(lines[1]!, /^apple: /);
      assertMatch(lines[2]!, /^zebra: 1/);
      assertStrictEquals(log[0]!.exc, exception);
    }));

  it("behaviour 59: in debug mode shows where the running handle was made", () =>
    withLoop(async ({ loop }) => {
      loop.setDebug(true);
      loop.setExceptionHandler(null);
      const log = await capturedLog(async () => {
        loop.callSoon(() => loop.callExceptionHandler({ message: "m" }));
        await oneIteration(loop);
      });
      assertStringIncludes(log[0]!.text, "handleTraceback");
      assertStringIncludes(log[0]!.text, "exception_handler_test");
    }));

  it("has a message where none was given", () =>
    withLoop(async ({ loop }) => {
      const log = await capturedLog(() =>
        loop.defaultExceptionHandler({} as ExceptionContext)
      );
      assertEquals(log[0]!.text, "Unhandled exception in event loop");
    }));
});

for (const Exit of [KeyboardInterrupt, SystemExit]) {
  const exit = () => Exit === SystemExit ? new SystemExit(3) : new Exit();

  describe(`behaviour 59: ${Exit.name}`, () => {
    it("leaves the run from a callback; what is queued runs in the next", () =>
      withLoop(async ({ loop, reports }) => {
        const seen: string[] = [];
        const error = exit();
        loop.callSoon(() => void seen.push("before"));
        loop.callSoon(throwing(error));
        loop.callSoon(() => void seen.push("after"));
        const thrown = await assertRejects(() => loop.runForever());
        assertStrictEquals(thrown, error);
        assertEquals(seen, ["before"]);
        assert(!loop.isRunning());
        await oneIteration(loop);
        assertEquals(seen, ["before", "after"]);
        assertEquals(reports, []);
      }));

    it("leaves the run from a timer and from a done callback", () =>
      withLoop(async ({ loop }) => {
        const error = exit();
        loop.callLater(1, throwing(error));
        assertStrictEquals(await assertRejects(() => loop.runForever()), error);
        const future = loop.createFuture<void>();
        future.addDoneCallback(throwing(error));
        future.setResult();
        assertStrictEquals(await assertRejects(() => loop.runForever()), error);
      }));

    it("leaves the run from the exception handler", () =>
      withLoop(async ({ loop }) => {
        const error = exit();
        loop.setExceptionHandler(throwing(error));
        loop.callSoon(throwing(new RangeError("mine")));
        assertStrictEquals(await assertRejects(() => loop.runForever()), error);
        loop.setExceptionHandler(null);
        await loop.runUntilComplete(sleep(1));
      }));

    it("leaves the run from a promise that a callback returned", () =>
      withLoop(async ({ loop, reports }) => {
        const error = exit();
        loop.callSoon(() => Promise.reject(error));
        assertStrictEquals(await assertRejects(() => loop.runForever()), error);
        assertEquals(reports, []);
      }));

    for (const spelling of ["generator", "async"]) {
      it(`behaviour 8: leaves the run from a task and stays in it: ${spelling}`, () =>
        withLoop(async ({ loop }) => {
          const error = exit();
          const seen: string[] = [];
          const task = loop.createTask<void>(
            spelling === "async"
              ? async () => {
                await sleep(1);
                loop.callSoon(() => void seen.push("queued"));
                throw error;
              }
              : function* () {
                yield* sleep(1);
                loop.callSoon(() => void seen.push("queued"));
                throw error;
              },
          );
          const thrown = await assertRejects(() => loop.runUntilComplete(task));
          assertStrictEquals(thrown, error);
          assert(task.done());
          assertStrictEquals(task.exception(), error);
          assertEquals(seen, []);
          await oneIteration(loop);
          assertEquals(seen, ["queued"]);
        }));
    }
  });
}
