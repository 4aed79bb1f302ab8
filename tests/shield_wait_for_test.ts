/** shield and waitFor. */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  CancelledError,
  createTask,
  currentTask,
  type Future,
  shield,
  sleep,
  TimeoutError,
  wait,
  waitFor,
} from "../mod.ts";
import { it } from "./_harness.ts";
import { type Body, both, caught, outcome } from "./_spell.ts";
import { finish, runVirtual, virtualLoop } from "./_virtual.ts";

/** Sleeps, then returns or throws. */
function* ends(after: number, how: unknown): Body<unknown> {
  yield sleep(after);
  if (how instanceof Error) throw how;
  return how;
}

/** Swallows a cancel, and returns some time later. */
function* swallows(seconds: number): Body<string> {
  try {
    yield sleep(100);
  } catch {
    yield sleep(seconds);
  }
  return "kept on";
}

both(
  "behaviour 31: cancelling shield's future leaves the inner one running",
  function* ({ co, loop }) {
    const inner = createTask(co(ends)(3, "safe"));
    const outer = createTask(
      co(function* () {
        yield shield(inner);
      })(),
    );
    yield sleep(1);
    outer.cancel("not inside");
    const error = yield* caught(outer);
    assertEquals((error as CancelledError).args, ["not inside"]);
    assertEquals([loop.time(), inner.done(), inner.cancelling()], [
      1,
      false,
      0,
    ]);
    assertEquals([yield inner, loop.time()], ["safe", 3]);
  },
);

both(
  "behaviour 31: cancelling the inner one cancels shield's future",
  function* ({ co }) {
    const inner = createTask(co(ends)(3, "x"));
    const outer = shield(inner);
    yield sleep(0);
    inner.cancel("the reason stays inside");
    const error = yield* caught(outer);
    assertInstanceOf(error, CancelledError);
    assertEquals([error.args, outer.cancelled()], [[], true]);
  },
);

both(
  "behaviour 31: results and errors come through; what is done is returned as it is",
  function* ({ co, loop }) {
    const make = co(ends);
    assertEquals(yield shield(make(1, "value")), "value");
    assertEquals(
      yield* outcome(shield(make(1, new RangeError("bad")))),
      "RangeError(bad)",
    );
    const done = loop.createFuture<number>();
    done.setResult(1);
    assertStrictEquals(shield(done), done as Future<unknown>);
    for (const wrong of [1, null, {}]) {
      assertThrows(() => shield(wrong as never), TypeError);
    }
  },
);

both(
  "behaviour 31: an error after the outer was cancelled is reported once per inner",
  function* ({ co, reports }) {
    const inner = createTask(co(ends)(1, new RangeError("nobody waits")));
    const outers = [shield(inner), shield(inner), shield(inner)];
    yield sleep(0);
    outers[0]!.cancel();
    outers[1]!.cancel();
    assertEquals(yield* outcome(outers[2]), "RangeError(nobody waits)");
    const taken = reports.splice(0);
    assertEquals(taken.map((context) => context.message), [
      "RangeError exception in shielded future",
    ]);
    assertEquals(Object.keys(taken[0]!).sort(), [
      "exception",
      "future",
      "message",
    ]);
    assertStrictEquals(taken[0]!.future as unknown, inner);
    assertStrictEquals(taken[0]!.exception, inner.exception());
  },
);

it("behaviour 31: an outer cancelled in the tick of the error leaves it unseen", async () => {
  // Not reported by shield then, but as any error that nobody looked at.
  for (const cancelFirst of [false, true]) {
    const v = virtualLoop();
    await v.loop.runUntilComplete(function* () {
      const inner = v.loop.createFuture<void>();
      const outer = shield(inner);
      if (cancelFirst) outer.cancel();
      inner.setException(new Error("unseen"));
      if (!cancelFirst) outer.cancel();
      yield* sleep(1);
    });
    assertEquals(v.messages(), []);
    await finish(v);
    assertEquals(v.messages(), ["Future exception was never retrieved"]);
  }
});

both(
  "behaviour 32: with no time left waitFor returns what is done",
  function* ({ loop }) {
    const done = loop.createFuture<string>();
    done.setResult("there");
    assertEquals(yield waitFor(done, 0), "there");
    assertEquals(yield waitFor(done, -1), "there");
    const failed = loop.createFuture<string>();
    failed.setException(new RangeError("bad"));
    assertEquals(yield* outcome(waitFor(failed, 0)), "RangeError(bad)");
    const cancelled = loop.createFuture<string>();
    cancelled.cancel();
    assertInstanceOf(yield* caught(waitFor(cancelled, 0)), CancelledError);
  },
);

both(
  "behaviour 32: with no time left waitFor cancels and never starts a coroutine",
  function* ({ co, loop }) {
    const log: string[] = [];
    const work = co(function* () {
      log.push("started");
      yield sleep(1);
    });
    for (const make of [work, () => work, () => createTask(work())]) {
      const error = yield* caught(waitFor(make(), 0));
      assertInstanceOf(error, TimeoutError);
      assertInstanceOf(error.cause, CancelledError);
    }
    assertEquals([log, loop.time()], [[], 0]);
    const running = createTask(co(ends)(9, "x"));
    yield sleep(1);
    assertInstanceOf(yield* caught(waitFor(running, -5)), TimeoutError);
    assertEquals([running.cancelled(), loop.time()], [true, 1]);
  },
);

both(
  "behaviour 33: waitFor waits until the inner one has been cancelled",
  function* ({ co, loop }) {
    const slow = co(function* () {
      try {
        yield sleep(100);
      } finally {
        yield sleep(5);
      }
    });
    for (const awaitable of [slow(), createTask(slow())]) {
      const began = loop.time();
      const error = yield* caught(waitFor(awaitable, 1));
      assertInstanceOf(error, TimeoutError);
      assertInstanceOf(error.cause, CancelledError);
      assertEquals(loop.time() - began, 6);
      assertEquals(currentTask()!.cancelling(), 0);
    }
  },
);

both(
  "behaviour 33: an inner one that swallows the cancel gives its value",
  function* ({ co, loop }) {
    const make = co(swallows);
    assertEquals(yield waitFor(make(2), 1), "kept on");
    assertEquals(loop.time(), 3);
    const task = createTask(make(2));
    yield sleep(0);
    assertEquals(yield waitFor(task, 0), "kept on");
    assertEquals(loop.time(), 5);
    assertEquals(currentTask()!.cancelling(), 0);
  },
);

both(
  "behaviour 34: an outer cancel in the tick of the expiry wins",
  function* ({ co, loop }) {
    const work = co(function* () {
      yield waitFor(sleep(10), 1);
    });
    // The expiry first, then the cancel: the message came too late.
    const after = createTask(work());
    yield sleep(0);
    loop.callLater(1, () => after.cancel("outer"));
    const late = yield* caught(after);
    assertInstanceOf(late, CancelledError);
    assertEquals([late.args, after.cancelled(), loop.time()], [[], true, 1]);
    // The cancel first.
    const when = loop.time() + 1;
    loop.callAt(when, () => before.cancel("outer"));
    const before = createTask(work());
    const early = yield* caught(before);
    assertInstanceOf(early, CancelledError);
    assertEquals([early.args, before.cancelled()], [["outer"], true]);
  },
);

both(
  "behaviour 34: in time, waitFor runs a coroutine inside the current task",
  function* ({ co, loop }) {
    const me = currentTask();
    const seen: unknown[] = [];
    const work = co(function* (value: string) {
      seen.push(currentTask());
      yield sleep(1);
      return value;
    });
    assertEquals(yield waitFor(work("in time"), 5), "in time");
    assertEquals(yield waitFor(work("no limit"), null), "no limit");
    assertEquals(yield waitFor(() => work("function"), 5), "function");
    for (const task of seen) assertStrictEquals(task, me);
    // Its timer is gone.
    yield sleep(1);
    assertEquals(loop.time(), 4);
  },
);

both(
  "waitFor: cancelled while it waits, it cancels the inner one and no more",
  function* ({ co }) {
    const inner = createTask(co(ends)(9, "x"));
    const outer = createTask(
      co(function* () {
        yield waitFor(inner, 5);
      })(),
    );
    yield sleep(1);
    outer.cancel("down");
    const error = yield* caught(outer);
    assertEquals((error as CancelledError).args, ["down"]);
    assertEquals(inner.cancelled(), true);
  },
);

both(
  "waitFor: a cancel in the tick of the result wins, one iteration later it is late",
  function* ({ co, loop }) {
    const results: string[] = [];
    for (const late of [false, true]) {
      const future = loop.createFuture<string>();
      const outer = createTask(
        co(function* () {
          return yield waitFor(future, 5);
        })(),
      );
      yield sleep(0);
      future.setResult("value");
      if (late) loop.callSoon(() => outer.cancel());
      else outer.cancel("in time");
      yield wait([outer]);
      results.push(yield* outcome(outer));
    }
    assertEquals(results, ["CancelledError(in time)", "value"]);
  },
);

both(
  "waitFor and shield: wrong arguments",
  function* () {
    for (const wrong of [1, null, {}, "text"]) {
      for (const timeout of [0, 1]) {
        const error = yield* caught(waitFor(wrong as never, timeout));
        assertInstanceOf(error, TypeError);
        assert(error.message.includes("required"), error.message);
      }
    }
    for (const wrong of ["1", {}, undefined]) {
      const error = yield* caught(waitFor(sleep(0), wrong as never));
      assertInstanceOf(error, TypeError);
    }
    const error = yield* caught(waitFor(sleep(0), NaN));
    assertInstanceOf(error, RangeError);
    assert(error.message.includes("NaN"), error.message);
    yield sleep(0);
    assertEquals(currentTask()!.cancelling(), 0);
  },
);

it("shield: nobody needs to wait for it, and it keeps the inner task running", () =>
  runVirtual(async ({ loop }) => {
    const log: string[] = [];
    shield(async () => {
      await sleep(1);
      log.push(`ran until ${loop.time()}`);
    });
    await sleep(2);
    assertEquals(log, ["ran until 1"]);
  }));
