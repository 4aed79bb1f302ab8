/** Tasks: what they may await, names, the order of steps, contexts. */
import {
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  ContextVar,
  copyContext,
  createTask,
  currentTask,
  RuntimeError,
  sleep,
} from "../mod.ts";
import { _enterTask, _leaveTask, _swapCurrentTask } from "../tasks.ts";
import { it } from "./_harness.ts";
import { both, caught, outcome } from "./_spell.ts";
import { runVirtual, virtualLoop } from "./_virtual.ts";

both(
  "behaviour 9: a task cannot await itself",
  function* ({ co }) {
    const error = yield* caught(createTask(
      co(function* () {
        yield currentTask();
      })(),
    ));
    assertInstanceOf(error, RuntimeError);
    assertStringIncludes(error.message, "Task cannot await on itself: <Task");
  },
);

both(
  "behaviour 9: a task cannot await a future of another loop",
  function* ({ co }) {
    const other = virtualLoop().loop;
    const error = yield* caught(createTask(
      co(function* () {
        yield other.createFuture();
      })(),
    ));
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
    const task = createTask(
      co(function* () {
        return yield* [];
      })(),
    );
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
    const task = createTask(
      co(function* () {
        yield future;
        log.push("task");
      })(),
    );
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
    const task = createTask(
      co(function* () {
        seen.push(user.get());
        user.set("inside");
        yield sleep(0);
        seen.push(user.get());
      })(),
    );
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
  "behaviour 13: getContext() is the context that the task writes to",
  function* ({ co }) {
    const user = new ContextVar<string>("user");
    const work = co(function* () {
      // Asked for before anything was set, when there was nothing to copy.
      const context = currentTask()!.getContext();
      user.set("first step");
      assertEquals(context.get(user), "first step");
      yield sleep(0);
      user.set("second step");
      assertEquals(context.get(user), "second step");
      assertStrictEquals(currentTask()!.getContext(), context);
    });
    yield createTask(work());
  },
);

both(
  "behaviour 14: a task cannot be entered inside another, nor a wrong one left",
  function* ({ co, loop }) {
    const me = currentTask()!;
    const other = createTask(
      co(function* () {
        yield sleep(1);
      })(),
    );
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
    other.cancel();
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
    yield* other;
  }));
