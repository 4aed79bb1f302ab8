/** Running a loop, running it until something is done, closing it. */

import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { describe, it } from "./_harness.ts";
import { hostTurns, virtualLoop, withLoop } from "./_loops.ts";
import {
  _getRunningLoop,
  CancelledError,
  type Coro,
  Future,
  getRunningLoop,
  RuntimeError,
  sleep,
  Task,
} from "../mod.ts";

describe("runForever()", () => {
  it("makes its loop the running one, for host callbacks too", () =>
    withLoop(async ({ loop }) => {
      assertStrictEquals(_getRunningLoop(), null);
      assert(!loop.isRunning());
      const running = loop.runForever();
      assertStrictEquals(_getRunningLoop(), loop);
      await hostTurns();
      assertStrictEquals(getRunningLoop(), loop);
      assert(loop.isRunning());
      loop.stop();
      await running;
      assertStrictEquals(_getRunningLoop(), null);
    }));

  it("behaviour 58: refuses to run twice and goes on running", () =>
    withLoop(async ({ loop }) => {
      const running = loop.runForever();
      await assertRejects(
        () => loop.runForever(),
        RuntimeError,
        "This event loop is already running",
      );
      await assertRejects(
        () => loop.runUntilComplete(sleep(0)),
        RuntimeError,
        "This event loop is already running",
      );
      // CPython 3.13.0 unset the running loop here, which hung the program.
      assertStrictEquals(_getRunningLoop(), loop);
      assert(loop.isRunning());
      loop.stop();
      await running;
    }));

  it("behaviour 58: refuses to run inside another loop", () =>
    withLoop(async ({ loop }) => {
      const other = virtualLoop().loop;
      await loop.runUntilComplete(async () => {
        await assertRejects(
          () => other.runForever(),
          RuntimeError,
          "Cannot run the event loop while another loop is running",
        );
        await assertRejects(
          () => other.runUntilComplete(sleep(0)),
          RuntimeError,
          "Cannot run the event loop while another loop is running",
        );
        assertStrictEquals(getRunningLoop(), loop);
        assert(!other.isRunning());
      });
      // It is none the worse for it.
      await other.runUntilComplete(sleep(1));
      other.close();
    }));

  it("can be run many times, keeping what was queued", () =>
    withLoop(async ({ loop }) => {
      const seen: number[] = [];
      for (let i = 0; i < 20; i++) {
        loop.callSoon(() => {
          seen.push(i);
          loop.stop();
        });
        await loop.runForever();
      }
      assertEquals(seen.length, 20);
    }));
});

describe("runUntilComplete()", () => {
  it("returns the result of every kind of awaitable", () =>
    withLoop(async ({ loop }) => {
      function* gen(): Coro<string> {
        yield* sleep(1);
        return "generator";
      }
      const future = loop.createFuture<string>();
      loop.callLater(1, () => future.setResult("future"));
      assertEquals(await loop.runUntilComplete(gen()), "generator");
      assertEquals(await loop.runUntilComplete(gen), "generator");
      assertEquals(await loop.runUntilComplete(sleep(1, "coro")), "coro");
      assertEquals(await loop.runUntilComplete(async () => "async"), "async");
      assertEquals(await loop.runUntilComplete(future), "future");
      assertEquals(
        await loop.runUntilComplete(loop.createTask(gen())),
        "generator",
      );
      assertEquals(
        await loop.runUntilComplete(Promise.resolve("promise")),
        "promise",
      );
    }));

  it("throws the error, and it counts as seen", async () => {
    const { loop, reports } = virtualLoop();
    await assertRejects(
      () =>
        loop.runUntilComplete(async () => {
          throw new RangeError("mine");
        }),
      RangeError,
      "mine",
    );
    const future = loop.createFuture<void>();
    future.cancel("enough");
    const error = await assertRejects(
      () => loop.runUntilComplete(future),
      CancelledError,
    );
    assertEquals(error.message, "enough");
    loop.close();
    assertEquals(reports, []);
  });

  it("runs one iteration for a future that is done already", () =>
    withLoop(async ({ loop }) => {
      const seen: string[] = [];
      const future = loop.createFuture<number>();
      future.setResult(3);
      loop.callSoon(() => {
        seen.push("present");
        loop.callSoon(() => void seen.push("late"));
      });
      assertEquals(await loop.runUntilComplete(future), 3);
      assertEquals(seen, ["present"]);
    }));

  it("behaviour 58: stopped early is a RuntimeError", () =>
    withLoop(async ({ loop }) => {
      const future = loop.createFuture<void>();
      loop.callLater(1, () => loop.stop());
      const error = await assertRejects(
        () => loop.runUntilComplete(future),
        RuntimeError,
      );
      assertEquals(
        error.message,
        "Event loop stopped before Future completed.",
      );
      // Its callback was taken back: the next run does not end by it.
      let later = false;
      future.setResult();
      loop.callLater(1, () => {
        later = true;
        loop.stop();
      });
      await loop.runForever();
      assert(later);
    }));

  it("refuses a future of another loop", () =>
    withLoop(async ({ loop }) => {
      const other = virtualLoop().loop;
      const error = await assertRejects(
        () => loop.runUntilComplete(other.createFuture()),
        RangeError,
      );
      assertStringIncludes(error.message, "belongs to a different loop");
      other.close();
    }));

  it("refuses what cannot be awaited", () =>
    withLoop(async ({ loop }) => {
      for (const bad of [null, undefined, 3, {}]) {
        await assertRejects(
          () => loop.runUntilComplete(bad as never),
          TypeError,
        );
      }
      await loop.runUntilComplete(sleep(0));
    }));
});

describe("close()", () => {
  it("behaviour 58: is refused while the loop runs", () =>
    withLoop(async ({ loop }) => {
      await loop.runUntilComplete(async () => {
        assertThrows(
          () => loop.close(),
          RuntimeError,
          "Cannot close a running event loop",
        );
        await sleep(0);
        assert(!loop.isClosed());
      });
    }));

  it("behaviour 58: twice is nothing", () => {
    const { loop } = virtualLoop();
    assert(!loop.isClosed());
    loop.close();
    loop.close();
    assert(loop.isClosed());
    assert(!loop.isRunning());
  });

  it("behaviour 58: a closed loop refuses work", async () => {
    const { loop } = virtualLoop();
    loop.close();
    const text = "Event loop is closed";
    const calls = [
      () => loop.callSoon(() => {}),
      () => loop.callSoonThreadsafe(() => {}),
      () => loop.callLater(1, () => {}),
      () => loop.callAt(1, () => {}),
      () => loop.createTask(sleep(0)),
      () => new Task(sleep(0), { loop }),
      () => loop.runInExecutor(null, () => {}),
    ];
    for (const call of calls) {
      assertEquals(assertThrows(call, RuntimeError).message, text);
    }
    await assertRejects(() => loop.runForever(), RuntimeError, text);
    await assertRejects(
      () => loop.runUntilComplete(sleep(0)),
      RuntimeError,
      text,
    );
    assertStrictEquals(_getRunningLoop(), null);
  });

  it("drops what was scheduled", async () => {
    const { loop, clock } = virtualLoop();
    loop.callSoon(() => {
      throw new Error("must not run");
    });
    loop.callLater(1, () => {
      throw new Error("must not run");
    });
    loop.close();
    await hostTurns(3);
    assertEquals(clock.waits, 0);
  });

  it("leaves its futures usable, without callbacks", () => {
    const { loop } = virtualLoop();
    const future = new Future<number>({ loop });
    loop.close();
    future.setResult(1);
    assertEquals(future.result(), 1);
    assertThrows(
      () => future.addDoneCallback(() => {}),
      RuntimeError,
      "Event loop is closed",
    );
  });
});
