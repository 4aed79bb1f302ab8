/** timeout() and timeoutAt(). */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  BaseExceptionGroup,
  CancelledError,
  createTask,
  currentTask,
  RuntimeError,
  sleep,
  type Timeout,
  timeout,
  timeoutAt,
  TimeoutError,
} from "../mod.ts";
import { it } from "./_harness.ts";
import { both, caught, outcome } from "./_spell.ts";
import { runVirtual } from "./_virtual.ts";

both(
  "behaviour 35: on expiry the CancelledError becomes a TimeoutError, its cause",
  function* ({ fn, loop }) {
    const seen: unknown[] = [];
    const block = timeout(2);
    const error = yield* caught(block.with(fn(function* () {
      try {
        yield sleep(10);
      } catch (error) {
        seen.push(error, currentTask()!.cancelling());
        throw error;
      }
    })));
    assertInstanceOf(error, TimeoutError);
    assertInstanceOf(seen[0], CancelledError);
    assertStrictEquals(error.cause, seen[0]);
    assertEquals([seen[1], currentTask()!.cancelling()], [1, 0]);
    assertEquals([block.expired(), loop.time()], [true, 2]);
    yield sleep(1);
  },
);

both(
  "behaviour 35: a cancel that came on top keeps the CancelledError",
  function* ({ co, fn, loop }) {
    for (const order of ["before", "with", "after"]) {
      const began = loop.time();
      const task = createTask(
        co(function* () {
          yield timeout(2).with(fn(function* () {
            try {
              yield sleep(10);
            } finally {
              yield sleep(1);
            }
          }));
        })(),
      );
      yield sleep(0);
      const at = { before: 1.5, with: 2, after: 2.5 }[order]!;
      loop.callAt(began + at, () => task.cancel("mine"));
      assertInstanceOf(yield* caught(task), CancelledError, order);
      // The request that is not the timeout's own is still to be answered.
      assertEquals(task.cancelling() > 0, true, order);
    }
  },
);

both(
  "behaviour 35: a task that was asked before entry still gets its TimeoutError",
  function* ({ fn }) {
    const me = currentTask()!;
    me.cancel();
    yield* caught(sleep(1));
    assertEquals(me.cancelling(), 1);
    const error = yield* caught(
      timeout(1).with(fn(function* () {
        yield sleep(10);
      })),
    );
    assertInstanceOf(error, TimeoutError);
    assertEquals([me.cancelling(), me.uncancel()], [1, 0]);
  },
);

both(
  "behaviour 35: a body that swallows the expiry ends well, and it is withdrawn",
  function* ({ fn, loop }) {
    const block = timeout(1);
    const value: string = yield block.with(fn(function* () {
      try {
        yield sleep(10);
      } catch {
        yield sleep(1);
      }
      return "kept on";
    }));
    assertEquals([value, block.expired(), loop.time()], ["kept on", true, 2]);
    assertEquals(currentTask()!.cancelling(), 0);
  },
);

both(
  "behaviour 36: another error raised during the expiry passes through",
  function* ({ fn }) {
    const error = yield* caught(
      timeout(1).with(fn(function* () {
        try {
          yield sleep(10);
        } catch (cause) {
          // What Python chains by itself, JavaScript chains where it is told.
          throw new RangeError("cleaning up failed", { cause });
        }
      })),
    );
    assertInstanceOf(error, RangeError);
    assertInstanceOf(error.cause, TimeoutError);
    assertInstanceOf(error.cause.cause, CancelledError);
    assertEquals(currentTask()!.cancelling(), 0);
  },
);

both(
  "behaviour 36: so do the errors of a group, and what has no cause stays as it is",
  function* ({ fn }) {
    const group = yield* caught(
      timeout(1).with(fn(function* () {
        try {
          yield sleep(10);
        } catch (cause) {
          throw new BaseExceptionGroup("several", [
            new RangeError("one", { cause }),
            new RangeError("two", { cause: new TypeError("deep", { cause }) }),
          ]);
        }
      })),
    );
    assertInstanceOf(group, BaseExceptionGroup);
    const [one, two] = group.errors;
    assertInstanceOf(one.cause, TimeoutError);
    assertInstanceOf(two.cause, TypeError);
    assertInstanceOf(two.cause.cause, TimeoutError);
    const plain = yield* caught(
      timeout(1).with(fn(function* () {
        try {
          yield sleep(10);
        } catch {
          throw new RangeError("without a cause");
        }
      })),
    );
    assertStrictEquals((plain as Error).cause, undefined);
  },
);

both(
  "behaviour 37: timeout(0) and past ones run the body to its first wait",
  function* ({ fn, loop }) {
    yield sleep(5);
    const make: [string, () => Timeout][] = [
      ["0", () => timeout(0)],
      ["negative", () => timeout(-3)],
      ["past", () => timeoutAt(loop.time() - 2)],
      ["now", () => timeoutAt(loop.time())],
    ];
    for (const [name, block] of make) {
      const log: string[] = [];
      const done = loop.createFuture<void>();
      done.setResult();
      const error = yield* caught(
        block().with(fn(function* () {
          log.push("started");
          yield done;
          log.push("still here");
          yield sleep(0);
          log.push("not here");
        })),
      );
      assertInstanceOf(error, TimeoutError, name);
      assertEquals([log, loop.time()], [["started", "still here"], 5], name);
    }
  },
);

both(
  "behaviour 37: a body that never waits does not expire",
  function* ({ fn }) {
    const block = timeout(0);
    const value = yield block.with(fn(function* () {
      return yield* [];
    }));
    assertEquals([value, block.expired()], [undefined, false]);
    // Its callback is gone.
    yield sleep(0);
    yield sleep(1);
    assertEquals(currentTask()!.cancelling(), 0);
  },
);

both(
  "behaviour 38: an outer expiry is a CancelledError inside, a TimeoutError outside",
  function* ({ fn, loop }) {
    const log: unknown[] = [];
    const inner = timeout(5);
    const outer = timeout(1);
    const error = yield* caught(outer.with(fn(function* () {
      try {
        yield inner.with(fn(function* () {
          yield sleep(10);
        }));
      } catch (error) {
        log.push((error as Error).name);
        throw error;
      }
    })));
    assertInstanceOf(error, TimeoutError);
    assertEquals(log, ["CancelledError"]);
    assertEquals([inner.expired(), outer.expired()], [false, true]);
    assertEquals(String(inner), "<Timeout [finished]>");
    assertEquals([loop.time(), currentTask()!.cancelling()], [1, 0]);
  },
);

both(
  "behaviour 38: an inner expiry is a TimeoutError that the outer does not touch",
  function* ({ fn, loop }) {
    const outer = timeout(5);
    const value: string = yield outer.with(fn(function* () {
      const error = yield* caught(
        timeout(1).with(fn(function* () {
          yield sleep(10);
        })),
      );
      yield sleep(2);
      return (error as Error).name;
    }));
    assertEquals([value, outer.expired(), loop.time()], [
      "TimeoutError",
      false,
      3,
    ]);
  },
);

both(
  "behaviour 38: both expiring in one tick, the outer one wins",
  function* ({ fn }) {
    const log: string[] = [];
    const error = yield* caught(
      timeout(1).with(fn(function* () {
        const error = yield* caught(
          timeout(1).with(fn(function* () {
            yield sleep(10);
          })),
        );
        log.push((error as Error).name);
        throw error;
      })),
    );
    assertInstanceOf(error, TimeoutError);
    assertEquals(log, ["CancelledError"]);
    assertEquals(currentTask()!.cancelling(), 0);
  },
);

both(
  "behaviour 39: texts of the states, and of misuse",
  function* ({ fn, loop }) {
    const block = timeout(10);
    assertEquals(String(block), "<Timeout [created]>");
    assertThrows(
      () => block.reschedule(1),
      RuntimeError,
      "Timeout has not been entered",
    );
    yield block.with(fn(function* (inside: Timeout) {
      assertStrictEquals(inside, block);
      assertEquals(String(block), "<Timeout [active] when=10.000>");
      const again = yield* outcome(block.with(fn(function* () {
        yield sleep(0);
      })));
      assertEquals(again, "RuntimeError(Timeout has already been entered)");
      block.reschedule(null);
      assertEquals([String(block), block.when()], [
        "<Timeout [active] when=null>",
        null,
      ]);
    }));
    assertEquals([String(block), block.expired()], [
      "<Timeout [finished]>",
      false,
    ]);
    assertThrows(
      () => block.reschedule(1),
      RuntimeError,
      "Cannot change state of finished Timeout",
    );
    assertEquals(
      yield* outcome(block.with(fn(function* () {
        yield sleep(0);
      }))),
      "RuntimeError(Timeout has already been entered)",
    );
    const expired = timeout(1);
    yield* caught(expired.with(fn(function* () {
      try {
        yield sleep(10);
      } finally {
        assertEquals(String(expired), "<Timeout [expiring]>");
        assertEquals(expired.expired(), true);
        assertThrows(
          () => expired.reschedule(loop.time() + 5),
          RuntimeError,
          "Cannot change state of expiring Timeout",
        );
      }
    })));
    assertEquals(String(expired), "<Timeout [expired]>");
  },
);

both(
  "reschedule moves the deadline both ways, and away",
  function* ({ fn, loop }) {
    const later = timeout(1);
    yield* caught(later.with(fn(function* () {
      later.reschedule(loop.time() + 3);
      assertEquals(later.when(), 3);
      yield sleep(10);
    })));
    assertEquals(loop.time(), 3);
    const sooner = timeout(50);
    yield* caught(sooner.with(fn(function* () {
      yield sleep(1);
      sooner.reschedule(loop.time());
      yield sleep(10);
    })));
    assertEquals([loop.time(), sooner.expired()], [4, true]);
    const never = timeout(1);
    yield never.with(fn(function* () {
      never.reschedule(null);
      yield sleep(10);
    }));
    assertEquals([loop.time(), never.expired()], [14, false]);
    const none = timeout(null);
    assertEquals(none.when(), null);
    yield none.with(fn(function* () {
      yield sleep(1);
      none.reschedule(loop.time() + 1);
      assertInstanceOf(yield* caught(sleep(10)), CancelledError);
    }));
    assertEquals([loop.time(), none.expired()], [16, true]);
  },
);

both(
  "a value or an error in time comes through, and the timer goes",
  function* ({ fn, loop }) {
    const block = timeout(60);
    const value: string = yield block.with(fn(function* () {
      yield sleep(1);
      return "in time";
    }));
    assertEquals(value, "in time");
    const failed = timeout(60);
    assertEquals(
      yield* outcome(failed.with(fn(function* () {
        yield sleep(1);
        throw new RangeError("own");
      }))),
      "RangeError(own)",
    );
    assertEquals([block.expired(), failed.expired()], [false, false]);
    yield sleep(100);
    assertEquals(loop.time(), 102);
    assertEquals(currentTask()!.cancelling(), 0);
  },
);

it("the body may be a plain function, or one of the other spelling", () =>
  runVirtual(function* ({ loop }) {
    assertEquals(yield* timeout(1).with(() => 7), 7);
    const value = yield* timeout(5).with(async () => {
      await sleep(1);
      await Promise.resolve();
      return "async inside a generator";
    });
    assertEquals(value, "async inside a generator");
    const task = createTask(async () =>
      await timeout(5).with(function* () {
        yield* sleep(1);
        return "generator inside async";
      })
    );
    assertEquals(yield* task, "generator inside async");
    assertEquals(loop.time(), 2);
  }));

it("outside of a task it is refused, and so are wrong arguments", () =>
  runVirtual(async ({ loop }) => {
    for (const wrong of ["1", {}, []]) {
      assertThrows(() => timeout(wrong as never), TypeError, "seconds");
      assertThrows(() => timeoutAt(wrong as never), TypeError, "seconds");
    }
    assertThrows(() => timeoutAt(undefined as never), TypeError, "seconds");
    assertThrows(() => timeout(undefined as never), TypeError, "seconds");
    assertThrows(
      () => timeout(1).with(null as never),
      TypeError,
      "with() needs a function",
    );
    // In a callback there is no task to cancel.
    const errors: unknown[] = [];
    loop.callSoon(() => {
      const iterator = timeout(1).with(() => 1)[Symbol.iterator]();
      try {
        iterator.next();
      } catch (error) {
        errors.push(error);
      }
    });
    await sleep(0);
    assertInstanceOf(errors[0], RuntimeError);
    assert(errors[0].message.includes("Timeout should be used inside a task"));
  }));

it("outside of a loop timeout() is refused", () => {
  assertThrows(() => timeout(1), RuntimeError, "no running event loop");
});
