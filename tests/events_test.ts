/** Handles, timer handles, the abstract classes, policies and finding a loop. */

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
import { oneIteration, virtualLoop, withLoop } from "./_loops.ts";
import {
  _getRunningLoop,
  _setRunningLoop,
  type AbstractChildWatcher,
  AbstractEventLoop,
  AbstractEventLoopPolicy,
  AbstractServer,
  BaseDefaultEventLoopPolicy,
  BaseEventLoop,
  Context,
  ContextVar,
  copyContext,
  getChildWatcher,
  getEventLoop,
  getEventLoopPolicy,
  getRunningLoop,
  Handle,
  newEventLoop,
  NotImplementedError,
  PidfdChildWatcher,
  RuntimeError,
  setChildWatcher,
  setEventLoop,
  setEventLoopPolicy,
  sleep,
  TimerHandle,
} from "../mod.ts";

function work() {}
function take(_n: number) {}

describe("Handle", () => {
  it("is what callSoon() returns; cancel() can be repeated", () =>
    withLoop(async ({ loop }) => {
      let ran = false;
      const handle = loop.callSoon(() => void (ran = true));
      assert(handle instanceof Handle);
      assertEquals(handle.cancelled(), false);
      handle.cancel();
      handle.cancel();
      assertEquals(handle.cancelled(), true);
      await oneIteration(loop);
      assert(!ran);
    }));

  it("behaviour 57: cancel() lets go of the callback and its arguments", () =>
    withLoop(({ loop }) => {
      for (
        const handle of [
          loop.callSoon(take, 1),
          loop.callLater(5, take, 1),
        ]
      ) {
        assert(handle._callback === take && handle._args !== null);
        handle.cancel();
        assertStrictEquals(handle._callback, null);
        assertStrictEquals(handle._args, null);
      }
    }));

  it("may be cancelled after it ran", () =>
    withLoop(async ({ loop }) => {
      const handle = loop.callSoon(work);
      await oneIteration(loop);
      assertEquals(handle.cancelled(), false);
      handle.cancel();
      assertEquals(handle.cancelled(), true);
    }));

  it("may cancel itself and throw, and is reported all the same", () =>
    withLoop(async ({ loop, reports }) => {
      const handle = loop.callSoon(() => {
        handle.cancel();
        throw new RangeError("mine");
      });
      await oneIteration(loop);
      assertEquals(reports.length, 1);
      assertStringIncludes(reports[0]!.message, "Exception in callback");
    }));

  it("getContext() is the context that its callback runs in", () =>
    withLoop(async ({ loop }) => {
      const name = new ContextVar<string>("name");
      const context = copyContext();
      context.run(() => name.set("given"));
      const handle = context.run(() =>
        loop.callSoon(() => name.set(name.get() + "+"))
      );
      assert(handle.getContext() instanceof Context);
      assertEquals(handle.getContext().get(name), "given");
      await oneIteration(loop);
      assertEquals(handle.getContext().get(name), "given+");
      assertEquals(context.get(name), "given");
    }));

  it("getContext() of an empty context sees what the callback set", () =>
    withLoop(async ({ loop }) => {
      const name = new ContextVar<string>("name");
      const handle = new Context().run(() =>
        loop.callSoon(() => name.set("set"))
      );
      await oneIteration(loop);
      assertEquals(handle.getContext().get(name), "set");
    }));

  it("can be made by hand with a context", () =>
    withLoop(({ loop }) => {
      const context = new Context();
      const handle = new Handle(work, [], loop, context);
      assertStrictEquals(handle.getContext(), context);
    }));

  it("toString() shows the callback, or that it was cancelled", () =>
    withLoop(({ loop }) => {
      const handle = loop.callSoon(work);
      assertMatch(`${handle}`, /^<Handle .*work\(\)>$/);
      handle.cancel();
      assertEquals(`${handle}`, "<Handle cancelled>");
    }));
});

describe("TimerHandle", () => {
  it("when() is the loop's time in seconds", () =>
    withLoop(({ loop, clock }) => {
      clock.advance(10);
      const later = loop.callLater(2.5, work);
      assert(later instanceof TimerHandle && later instanceof Handle);
      assertEquals(later.when(), 12.5);
      assertEquals(loop.callAt(11, work).when(), 11);
      assertEquals(loop.callLater(-3, work).when(), 7);
    }));

  it("compare() orders by time, then by when they were scheduled", () =>
    withLoop(({ loop }) => {
      const b = loop.callAt(2, work);
      const a = loop.callAt(1, work);
      const b2 = loop.callAt(2, work);
      const never = loop.callAt(Infinity, work);
      const never2 = loop.callAt(Infinity, work);
      assert(a.compare(b) < 0);
      assert(b.compare(a) > 0);
      assert(b.compare(b2) < 0);
      assert(b2.compare(b) > 0);
      assertEquals(b.compare(b), 0);
      assert(never.compare(never2) < 0);
      const sorted = [never2, b2, never, b, a].sort((x, y) => x.compare(y));
      assertEquals(sorted.map((t) => t === b2 ? "b2" : t.when()), [
        1,
        2,
        "b2",
        Infinity,
        Infinity,
      ]);
    }));

  it("toString() shows the time and the callback", () =>
    withLoop(({ loop }) => {
      const timer = loop.callAt(1.5, work);
      assertMatch(`${timer}`, /^<TimerHandle when=1\.5 .*work\(\)>$/);
      timer.cancel();
      assertEquals(`${timer}`, "<TimerHandle cancelled when=1.5>");
    }));

  it("cancel() twice counts once, and tells its loop", () => {
    const told: TimerHandle[] = [];
    class Loop extends BaseEventLoop {
      override _timerHandleCancelled(handle: TimerHandle): void {
        told.push(handle);
        super._timerHandleCancelled(handle);
      }
    }
    const loop = new Loop({ platform: virtualLoop().platform });
    const timer = loop.callLater(1, work);
    timer.cancel();
    timer.cancel();
    assertEquals(told.length, 1);
    assertStrictEquals(told[0], timer);
    loop.close();
  });
});

describe("callLater() and callAt()", () => {
  it("refuse what is no number", () =>
    withLoop(({ loop }) => {
      for (const bad of [null, undefined, "1", {}]) {
        assertThrows(() => loop.callLater(bad as never, work), TypeError);
        assertThrows(() => loop.callAt(bad as never, work), TypeError);
      }
      for (const delay of [NaN]) {
        assertThrows(() => loop.callLater(delay, work), RangeError, "NaN");
        assertThrows(() => loop.callAt(delay, work), RangeError, "NaN");
      }
    }));

  it("pass the arguments on", () =>
    withLoop(async ({ loop }) => {
      const seen: unknown[] = [];
      loop.callLater(1, (...args) => void seen.push(args), "a", 2);
      loop.callAt(2, (...args) => void seen.push(args), "b", 3, null);
      await loop.runUntilComplete(sleep(3));
      assertEquals(seen, [["a", 2], ["b", 3, null]]);
    }));
});

/** The methods of a class, without the constructor and internal ones. */
function methodsOf(abstract: { prototype: object }): string[] {
  return Object.getOwnPropertyNames(abstract.prototype).filter((name) =>
    name !== "constructor" && !name.startsWith("_")
  );
}

describe("abstract classes", () => {
  class Loop extends AbstractEventLoop {}
  class Server extends AbstractServer {}
  class Policy extends AbstractEventLoopPolicy {}
  for (
    const [object, base] of [
      [new Loop(), AbstractEventLoop],
      [new Server(), AbstractServer],
      [new Policy(), AbstractEventLoopPolicy],
    ] as const
  ) {
    it(`${base.name}: what is not there says so`, () => {
      const methods = methodsOf(base);
      assert(methods.length >= 5);
      for (const name of methods) {
        const call =
          (object as unknown as Record<string, () => unknown>)[name]!;
        const error = assertThrows(
          () => call.call(object),
          NotImplementedError,
        );
        assertStringIncludes(error.message, name);
        assertStringIncludes(error.message, object.constructor.name);
      }
    });
  }

  it("AbstractServer closes itself when it is disposed of", async () => {
    const seen: string[] = [];
    class Real extends AbstractServer {
      override close(): void {
        seen.push("close");
      }
      override waitClosed(): Promise<void> {
        seen.push("wait");
        return Promise.resolve();
      }
    }
    await new Real()[Symbol.asyncDispose]();
    assertEquals(seen, ["close", "wait"]);
  });

  it("NotImplementedError is a RuntimeError", () => {
    assert(new NotImplementedError("x") instanceof RuntimeError);
  });
});

describe("policies", () => {
  it("the default one keeps the loop that was set", () => {
    const policy = new BaseDefaultEventLoopPolicy();
    assertThrows(
      () => policy.getEventLoop(),
      RuntimeError,
      "There is no current event loop",
    );
    const loop = policy.newEventLoop();
    assert(loop instanceof AbstractEventLoop);
    policy.setEventLoop(loop);
    assertStrictEquals(policy.getEventLoop(), loop);
    policy.setEventLoop(null);
    assertThrows(() => policy.getEventLoop(), RuntimeError);
    for (const bad of [3, {}, "loop"]) {
      assertThrows(
        () => policy.setEventLoop(bad as never),
        TypeError,
        "loop must be an instance of AbstractEventLoop or null",
      );
    }
    loop.close();
  });

  it("setEventLoopPolicy() chooses, null goes back to the default", () => {
    const calls: string[] = [];
    const { loop } = virtualLoop();
    const watcher = new PidfdChildWatcher();
    class Own extends AbstractEventLoopPolicy {
      override getEventLoop(): AbstractEventLoop {
        calls.push("get");
        return loop;
      }
      override setEventLoop(): void {
        calls.push("set");
      }
      override newEventLoop(): AbstractEventLoop {
        calls.push("new");
        return loop;
      }
      override getChildWatcher(): AbstractChildWatcher {
        calls.push("watcher");
        return watcher;
      }
      override setChildWatcher(): void {
        calls.push("set watcher");
      }
    }
    const own = new Own();
    setEventLoopPolicy(own);
    try {
      assertStrictEquals(getEventLoopPolicy(), own);
      assertStrictEquals(getEventLoop(), loop);
      assertStrictEquals(newEventLoop(), loop);
      setEventLoop(loop);
      assertStrictEquals(getChildWatcher(), watcher);
      setChildWatcher(watcher);
    } finally {
      setEventLoopPolicy(null);
    }
    assertEquals(calls, ["get", "new", "set", "watcher", "set watcher"]);
    assert(getEventLoopPolicy() instanceof BaseDefaultEventLoopPolicy);
    assertStrictEquals(getEventLoopPolicy(), getEventLoopPolicy());
    assertThrows(
      () => setEventLoopPolicy({} as never),
      TypeError,
      "policy must be an instance of AbstractEventLoopPolicy or null",
    );
    loop.close();
  });

  it("a policy without child watchers says so", () => {
    setEventLoopPolicy(new BaseDefaultEventLoopPolicy());
    try {
      assertThrows(() => getChildWatcher(), NotImplementedError);
      assertThrows(() => setChildWatcher(null), NotImplementedError);
    } finally {
      setEventLoopPolicy(null);
    }
  });
});

describe("finding a loop", () => {
  it("getRunningLoop() needs a running loop", () =>
    withLoop(async ({ loop }) => {
      const error = assertThrows(() => getRunningLoop(), RuntimeError);
      assertEquals(error.message, "no running event loop");
      await loop.runUntilComplete(async () => {
        assertStrictEquals(getRunningLoop(), loop);
        await sleep(0);
        assertStrictEquals(getRunningLoop(), loop);
      });
      assertThrows(() => getRunningLoop(), RuntimeError);
    }));

  it("getEventLoop() prefers the running loop to the one that was set", () =>
    withLoop(async ({ loop }) => {
      assertThrows(
        () => getEventLoop(),
        RuntimeError,
        "There is no current event loop",
      );
      const other = virtualLoop().loop;
      setEventLoop(other);
      try {
        assertStrictEquals(getEventLoop(), other);
        await loop.runUntilComplete(async () => {
          assertStrictEquals(getEventLoop(), loop);
          await Promise.resolve();
          assertStrictEquals(getEventLoop(), loop);
        });
        assertStrictEquals(getEventLoop(), other);
      } finally {
        setEventLoop(null);
        other.close();
      }
    }));

  it("newEventLoop() makes a new loop each time and sets none", () => {
    const a = newEventLoop();
    const b = newEventLoop();
    assert(a instanceof AbstractEventLoop);
    assert(a !== b);
    assertStrictEquals(_getRunningLoop(), null);
    assertThrows(() => getEventLoop(), RuntimeError);
    a.close();
    b.close();
  });

  it("_setRunningLoop() is for implementers of loops", () => {
    const { loop } = virtualLoop();
    _setRunningLoop(loop);
    try {
      assertStrictEquals(getRunningLoop(), loop);
    } finally {
      _setRunningLoop(null);
    }
    assertStrictEquals(_getRunningLoop(), null);
    loop.close();
  });

  it("a loop that has nothing but callSoon runs futures and tasks", async () => {
    /** A foreign loop: a queue in host microtasks. */
    class Small extends AbstractEventLoop {
      override callSoon(
        callback: (...args: never[]) => unknown,
        ...args: unknown[]
      ): Handle {
        const handle = new Handle(callback as () => unknown, args, this);
        setTimeout(() => handle._run(), 0);
        return handle;
      }
      override getDebug(): boolean {
        return false;
      }
      override isRunning(): boolean {
        return true;
      }
    }
    const { Future, Task } = await import("../mod.ts");
    const loop = new Small();
    const future = new Future<number>({ loop });
    const task = new Task(
      function* () {
        return (yield* future) + 1;
      },
      { loop },
    );
    setTimeout(() => future.setResult(41), 1);
    await new Promise<void>((done) => task.addDoneCallback(() => done()));
    assertEquals(task.result(), 42);
    await assertRejects(
      async () => await loop.runForever(),
      NotImplementedError,
    );
  });
});
