/** Tasks: cancellation, order, names, contexts. */
import {
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  CancelledError,
  ContextVar,
  copyContext,
  createTask,
  currentTask,
  KeyboardInterrupt,
  RuntimeError,
  sleep,
  SystemExit,
} from "../mod.ts";
import { _enterTask, _leaveTask, _swapCurrentTask } from "../tasks.ts";
import { it } from "./_harness.ts";
import { both, caught, outcome, spell, SPELLINGS } from "./_spell.ts";
import { finish, runVirtual, virtualLoop } from "./_virtual.ts";

both(
  "behaviour 1: a task cancelled before its first step never enters its body",
  function* ({ co }) {
    const log: string[] = [];
    const work = co(function* () {
      log.push("entered");
      try {
        yield sleep(1);
      } finally {
        log.push("left");
      }
    });
    const task = createTask(work());
    assertEquals(task.cancel("early"), true);
    assertEquals([task.done(), task.cancelled()], [false, false]);
    const error = yield* caught(task);
    assertInstanceOf(error, CancelledError);
    assertEquals(error.args, ["early"]);
    assertEquals(log, []);
    assertEquals([task.cancelled(), task.cancel()], [true, false]);
  },
);

both(
  "behaviour 2: cancel() counts up, uncancel() counts down and not below 0",
  function* ({ co }) {
    const task = createTask(co(function* () {
      yield sleep(1);
    })());
    yield sleep(0);
    const counts = [task.cancelling()];
    for (let i = 0; i < 3; i++) {
      task.cancel();
      counts.push(task.cancelling());
    }
    for (let i = 0; i < 4; i++) counts.push(task.uncancel());
    assertEquals(counts, [0, 1, 2, 3, 2, 1, 0, 0]);
    // It was delivered already: taking it back comes too late.
    assertInstanceOf(yield* caught(task), CancelledError);
  },
);

both(
  "behaviour 2: uncancel() down to 0 takes back a cancel not yet delivered",
  function* ({ loop }) {
    const me = currentTask()!;
    me.cancel();
    assertEquals(me.uncancel(), 0);
    yield sleep(0);
    yield sleep(2);
    assertEquals(loop.time(), 2);
    me.cancel();
    me.cancel("two");
    assertEquals(me.uncancel(), 1);
    const error = yield* caught(sleep(1));
    assertInstanceOf(error, CancelledError);
    assertEquals(error.args, ["two"]);
    assertEquals(me.uncancel(), 0);
  },
);

both(
  "behaviour 3: a cancel in the tick of the result wins, and the value is dropped",
  function* ({ co, loop }) {
    const log: unknown[] = [];
    const future = loop.createFuture<string>();
    const task = createTask(co(function* () {
      log.push(yield future);
    })());
    yield sleep(0);
    loop.callSoon(() => {
      future.setResult("value");
      log.push(task.cancel("late"));
    });
    const error = yield* caught(task);
    assertInstanceOf(error, CancelledError);
    assertEquals(error.args, ["late"]);
    assertEquals(log, [true]);
  },
);

both(
  "behaviour 3: a cancel in the tick of an error wins as well",
  function* ({ co, loop }) {
    const future = loop.createFuture<string>();
    const task = createTask(co(function* () {
      yield future;
    })());
    yield sleep(0);
    future.setException(new Error("dropped"));
    task.cancel();
    assertInstanceOf(yield* caught(task), CancelledError);
  },
);

both(
  "behaviour 4: a task that cancels itself and returns ends cancelled",
  function* ({ co }) {
    const task = createTask(co(function* () {
      currentTask()!.cancel("own wish");
      return yield* [];
    })());
    const error = yield* caught(task);
    assertInstanceOf(error, CancelledError);
    assertEquals(error.args, ["own wish"]);
    assertEquals(task.cancelled(), true);
  },
);

both(
  "behaviour 4: a task that cancels itself and fails ends with its error",
  function* ({ co }) {
    const task = createTask(co(function* () {
      currentTask()!.cancel();
      yield* [];
      throw new RangeError("its own");
    })());
    assertEquals(yield* outcome(task), "RangeError(its own)");
    assertEquals(task.cancelled(), false);
  },
);

both(
  "behaviour 5: cancelling a parent cancels its child and waits for its end",
  function* ({ co, loop }) {
    const log: unknown[] = [];
    const child = createTask(co(function* () {
      try {
        yield sleep(100);
      } finally {
        log.push(`child cleans up at ${loop.time()}`);
        yield sleep(5);
      }
    })());
    const parent = createTask(co(function* () {
      try {
        yield child;
      } finally {
        log.push(`parent ends at ${loop.time()}`);
      }
    })());
    yield sleep(1);
    parent.cancel("down");
    yield sleep(1);
    assertEquals([parent.done(), child.done(), child.cancelling()], [
      false,
      false,
      1,
    ]);
    const error = yield* caught(parent);
    assertInstanceOf(error, CancelledError);
    assertEquals(error.args, ["down"]);
    assertEquals(log, ["child cleans up at 1", "parent ends at 6"]);
  },
);

both(
  "behaviour 5: a child that swallows the cancel keeps its parent from it too",
  function* ({ co }) {
    const child = createTask(co(function* () {
      try {
        yield sleep(100);
      } catch {
        yield sleep(1);
      }
      return "kept on";
    })());
    const parent = createTask(co(function* () {
      const value: string = yield child;
      yield sleep(0);
      return `${value}, ${currentTask()!.cancelling()} asked`;
    })());
    yield sleep(0);
    yield sleep(0);
    parent.cancel();
    assertEquals(yield* outcome(parent), "kept on, 1 asked");
  },
);

both(
  "behaviour 6: the message reaches the task and whoever awaits it",
  function* ({ co }) {
    const seen: unknown[] = [];
    const task = createTask(co(function* () {
      try {
        yield sleep(1);
      } catch (error) {
        seen.push((error as CancelledError).args);
        throw error;
      }
    })());
    const parent = createTask(co(function* () {
      yield task;
    })());
    yield sleep(0);
    task.cancel("closing time");
    const error = yield* caught(parent);
    assertInstanceOf(error, CancelledError);
    assertEquals([seen, error.args, error.message], [
      [["closing time"]],
      ["closing time"],
      "closing time",
    ]);
  },
);

both(
  "behaviour 6: asked again, result() makes a fresh error without the message",
  function* ({ co }) {
    const work = co(function* () {
      yield sleep(1);
    });
    for (const wait of [0, 1]) {
      const task = createTask(work());
      if (wait > 0) yield sleep(0);
      task.cancel("once");
      const first = yield* caught(task);
      const again = [1, 2].map(() =>
        assertThrows(() => task.result(), CancelledError)
      );
      assertEquals((first as CancelledError).args, ["once"]);
      assertEquals(again.map((error) => error.args), [[], []]);
      assertEquals(new Set([first, ...again]).size, 3);
    }
  },
);

both(
  "behaviour 7: a coroutine that throws CancelledError by itself is cancelled",
  function* ({ co }) {
    const thrown = new CancelledError("my decision");
    const task = createTask(co(function* () {
      yield sleep(0);
      throw thrown;
    })());
    assertStrictEquals(yield* caught(task), thrown);
    assertEquals([task.cancelled(), task.cancelling()], [true, 0]);
    assertThrows(() => task.exception(), CancelledError);
  },
);

for (const spelling of SPELLINGS) {
  for (const Exit of [KeyboardInterrupt, SystemExit]) {
    it(
      `behaviour 8: ${Exit.name} is kept on the task and leaves the loop, the ` +
        `queue stays for the next run (${spelling})`,
      async () => {
        const v = virtualLoop();
        const log: string[] = [];
        const exit = new Exit();
        const task = v.loop.createTask(spell(spelling, function* () {
          yield sleep(0);
          v.loop.callSoon(() => log.push("queued"));
          throw exit;
        }));
        let thrown: unknown;
        try {
          await v.loop.runForever();
        } catch (error) {
          thrown = error;
        }
        assertStrictEquals(thrown, exit);
        assertEquals([v.loop.isRunning(), log], [false, []]);
        assertStrictEquals(task.exception(), exit);
        v.loop.callSoon(() => v.loop.stop());
        await v.loop.runForever();
        assertEquals(log, ["queued"]);
        await finish(v);
        assertEquals(v.messages(), []);
      },
    );
  }
}

both(
  "behaviour 9: a task cannot await itself",
  function* ({ co }) {
    const error = yield* caught(createTask(co(function* () {
      yield currentTask();
    })()));
    assertInstanceOf(error, RuntimeError);
    assertStringIncludes(error.message, "Task cannot await on itself: <Task");
  },
);

both(
  "behaviour 9: a task cannot await a future of another loop",
  function* ({ co }) {
    const other = virtualLoop().loop;
    const error = yield* caught(createTask(co(function* () {
      yield other.createFuture();
    })()));
    other.close();
    assertInstanceOf(error, RuntimeError);
    assertStringIncludes(error.message, "attached to a different loop");
  },
);

// Only a generator can yield: `await 42` is legal in an async function.
it("behaviour 9: a generator cannot yield what is no future", () =>
  runVirtual(function* ({ loop }) {
    const mistakes: [unknown, string][] = [
      [42, "Task got bad yield: 42"],
      [loop.createFuture(), "yield was used instead of yield*"],
      [sleep(1)[Symbol.iterator](), "yield was used instead of yield*"],
      [Promise.resolve(), "yield* wrapFuture(promise)"],
    ];
    for (const [mistake, text] of mistakes) {
      const seen: unknown[] = [];
      const task = createTask(function* () {
        try {
          yield mistake as undefined;
        } catch (error) {
          seen.push(error);
        }
        yield* sleep(0);
        return "goes on";
      });
      // It is delivered into the task, which may go on.
      assertEquals(yield* task, "goes on");
      assertInstanceOf(seen[0], RuntimeError);
      assertStringIncludes(seen[0].message, text);
    }
  }));

both(
  "behaviour 10: nobody sets a task's result, and its name is a string",
  function* ({ co }) {
    const work = co(function* () {
      yield sleep(0);
    });
    const task = createTask(work());
    assertThrows(
      () => task.setResult(),
      RuntimeError,
      "Task does not support set_result operation",
    );
    assertThrows(
      () => task.setException(new Error()),
      RuntimeError,
      "Task does not support set_exception operation",
    );
    const next = createTask(work());
    const number = (name: string) => Number(/^Task-(\d+)$/.exec(name)![1]);
    assertEquals(number(next.getName()), number(task.getName()) + 1);
    const named = createTask(work(), { name: 42 as unknown as string });
    assertStrictEquals(named.getName(), "42");
    // A name that was given uses up no number.
    const last = createTask(work());
    assertEquals(number(last.getName()), number(next.getName()) + 1);
    named.setName({ toString: () => "renamed" });
    assertStrictEquals(named.getName(), "renamed");
    for (const each of [task, next, named, last]) yield each;
  },
);

both(
  "behaviour 11: awaiting what is done does not yield to the loop",
  function* ({ co, loop }) {
    const future = loop.createFuture<number>();
    future.setResult(1);
    const failed = loop.createFuture<number>();
    failed.setException(new Error("known"));
    const task = createTask(co(function* () {
      return yield* [];
    })());
    yield task;
    const quick = co(function* () {
      yield future;
    });
    const log: string[] = [];
    loop.callSoon(() => log.push("next iteration"));
    yield future;
    yield task;
    yield quick();
    yield* outcome(failed);
    log.push("still the same step");
    yield sleep(0);
    assertEquals(log, ["still the same step", "next iteration"]);
  },
);

both(
  "behaviour 11: sleep(0) yields for exactly one iteration",
  function* ({ loop }) {
    let iteration = 0;
    const count = () => {
      iteration++;
      if (iteration < 10) loop.callSoon(count);
    };
    count();
    for (const expected of [2, 3, 4]) {
      yield sleep(0);
      assertEquals(iteration, expected);
    }
    yield sleep(-1);
    assertEquals(iteration, 5);
    assertEquals(loop.time(), 0);
  },
);

both(
  "behaviour 12: a task woken, a done callback and callSoon run in that order",
  function* ({ co, loop }) {
    const log: string[] = [];
    const future = loop.createFuture<void>();
    const task = createTask(co(function* () {
      yield future;
      log.push("task");
    })());
    yield sleep(0);
    future.addDoneCallback(() => log.push("done callback"));
    loop.callSoon(() => {
      log.push("set");
      future.setResult();
      loop.callSoon(() => log.push("callSoon"));
    });
    yield task;
    yield sleep(0);
    assertEquals(log, ["set", "task", "done callback", "callSoon"]);
  },
);

both(
  "behaviour 13: the context is copied when the task is made",
  function* ({ co }) {
    const user = new ContextVar<string>("user");
    const seen: string[] = [];
    user.set("at creation");
    const task = createTask(co(function* () {
      seen.push(user.get());
      user.set("inside");
      yield sleep(0);
      seen.push(user.get());
    })());
    user.set("before the first step");
    yield task;
    assertEquals(seen, ["at creation", "inside"]);
    assertEquals(user.get(), "before the first step");
    assertEquals(task.getContext().get(user), "inside");
  },
);

both(
  "behaviour 13: a context that is given is shared with its owner",
  function* ({ co }) {
    const user = new ContextVar<string>("user");
    const context = copyContext();
    const write = co(function* () {
      yield sleep(0);
      user.set("written by the task");
    });
    const task = createTask(write(), { context });
    assertStrictEquals(task.getContext(), context);
    yield task;
    assertEquals(context.get(user), "written by the task");
    assertEquals(user.get("unset"), "unset");
    const read = co(function* () {
      yield sleep(0);
      return user.get();
    });
    const value: string = yield createTask(read(), { context });
    assertEquals(value, "written by the task");
  },
);

both(
  "behaviour 14: a task cannot be entered inside another, nor a wrong one left",
  function* ({ co, loop }) {
    const me = currentTask()!;
    const other = createTask(co(function* () {
      yield sleep(1);
    })());
    // After a native await too, where the current task is known otherwise.
    for (const pause of [false, true]) {
      if (pause) yield Promise.resolve();
      assertThrows(
        () => _enterTask(loop, other),
        RuntimeError,
        "Cannot enter into task",
      );
      assertThrows(() => _leaveTask(loop, other), RuntimeError);
      assertStrictEquals(currentTask(), me);
    }
    assertStrictEquals(_swapCurrentTask(loop, other), me);
    assertStrictEquals(currentTask(), other);
    assertStrictEquals(_swapCurrentTask(loop, me), other);
    assertStrictEquals(currentTask(), me);
  },
);

it("behaviour 14: a task is entered and left by hand in a callback", () =>
  runVirtual(function* ({ loop }) {
    const other = createTask(sleep(1));
    const seen: unknown[] = [];
    loop.callSoon(() => {
      seen.push(currentTask());
      _enterTask(loop, other);
      seen.push(currentTask());
      _leaveTask(loop, other);
      seen.push(currentTask());
    });
    yield* sleep(0);
    assertEquals(seen.length, 3);
    assertEquals([seen[0], seen[2]], [null, null]);
    assertStrictEquals(seen[1], other);
  }));
