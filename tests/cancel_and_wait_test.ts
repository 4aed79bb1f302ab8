/** Task.cancelAndWait(). */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
} from "@std/assert";
import {
  BaseEventLoop,
  CancelledError,
  type Coroutine,
  createTask,
  currentTask,
  RuntimeError,
  sleep,
  Task,
  timeout,
  TimeoutError,
} from "../mod.ts";
import { both, caught, outcome } from "./_spell.ts";

/** Compiles only for what cancelAndWait is said to return. */
function isItsResult(_made: Coroutine<boolean>): void {}

both("cancelAndWait() returns when the task has ended", function* (t) {
  const log: string[] = [];
  const task = createTask(
    t.co(function* () {
      try {
        yield sleep(9);
      } catch (error) {
        log.push((error as Error).message);
        throw error;
      } finally {
        yield sleep(2);
        log.push("clean");
      }
    })(),
  );
  yield sleep(1);
  const made = task.cancelAndWait("why");
  isItsResult(made);
  // Nothing is asked before it is awaited.
  yield sleep(1);
  assertEquals(task.cancelling(), 0);
  const cancelled: boolean = yield made;
  assertEquals([cancelled, log, t.loop.time()], [true, ["why", "clean"], 4]);
  assertEquals([task.cancelled(), currentTask()!.cancelling()], [true, 0]);
});

both("cancelAndWait() of a task that has not begun", function* (t) {
  let ran = false;
  const task = createTask(
    t.co(function* () {
      ran = true;
    })(),
  );
  assertEquals(yield task.cancelAndWait(), true);
  assertEquals(ran, false);
});

both("cancelAndWait() of a task that is done", function* (t) {
  const fine = createTask(sleep(0, "fine"));
  const cancelled = createTask(sleep(9));
  const bad = createTask(
    t.co(function* () {
      throw new RangeError("bad");
    })(),
  );
  yield sleep(0);
  cancelled.cancel();
  yield sleep(0);
  yield sleep(0);
  assert(fine.done() && cancelled.done() && bad.done());
  assertEquals(yield fine.cancelAndWait(), false);
  assertEquals(yield cancelled.cancelAndWait(), true);
  assertEquals(yield* outcome(bad.cancelAndWait()), "RangeError(bad)");
});

both("cancelAndWait() raises what the task fails with", function* (t) {
  const task = createTask(
    t.co(function* () {
      try {
        yield sleep(9);
      } catch {
        yield sleep(1);
        throw new RangeError("while cleaning up");
      }
    })(),
  );
  yield sleep(0);
  assertEquals(
    yield* outcome(task.cancelAndWait()),
    "RangeError(while cleaning up)",
  );
});

both("cancelAndWait() tells of a task that refused", function* (t) {
  const task = createTask(
    t.co(function* () {
      try {
        yield sleep(9);
      } catch {
        yield sleep(1);
      }
      return "all the same";
    })(),
  );
  yield sleep(0);
  assertEquals(yield task.cancelAndWait(), false);
  assertEquals(task.result(), "all the same");
});

both("an outside cancel of the one who waits is raised", function* (t) {
  const task = createTask(
    t.co(function* () {
      try {
        yield sleep(9);
      } finally {
        yield sleep(5);
      }
    })(),
  );
  yield sleep(0);
  const waiter = createTask(
    t.co(function* () {
      yield task.cancelAndWait();
    })(),
  );
  yield sleep(1);
  waiter.cancel("outside");
  const error = yield* caught(waiter);
  assertInstanceOf(error, CancelledError);
  assertEquals([error.message, waiter.cancelling()], ["outside", 1]);
  // It was asked once, and goes on cleaning up.
  assertEquals([task.done(), task.cancelling()], [false, 1]);
  yield* caught(task);
  assertEquals(t.loop.time(), 5);
});

both(
  "an outside cancel is raised even when the task ends with it",
  function* (t) {
    const task = createTask(sleep(9));
    yield sleep(0);
    const waiter = createTask(
      t.co(function* () {
        yield task.cancelAndWait("own");
      })(),
    );
    // The waiter has begun when the task's end is already on its way.
    t.loop.callSoon(() => t.loop.callSoon(() => void waiter.cancel("outside")));
    assertEquals(yield* outcome(waiter), "CancelledError(outside)");
    assert(task.cancelled());
  },
);

both("a timeout around cancelAndWait()", function* (t) {
  const task = createTask(
    t.co(function* () {
      try {
        yield sleep(9);
      } finally {
        yield sleep(5);
      }
    })(),
  );
  yield sleep(0);
  const error = yield* caught(
    timeout(1).with(t.fn(function* () {
      yield task.cancelAndWait();
    })),
  );
  assertInstanceOf(error, TimeoutError);
  assertEquals([t.loop.time(), currentTask()!.cancelling()], [1, 0]);
  yield* caught(task);
});

both("several may wait for the same task", function* (t) {
  const task = createTask(
    t.co(function* () {
      try {
        yield sleep(9);
      } finally {
        yield sleep(1);
      }
    })(),
  );
  yield sleep(0);
  const waiters = [1, 2].map(() => createTask(task.cancelAndWait()));
  yield sleep(2);
  assertEquals(waiters.map((waiter) => waiter.result()), [true, true]);
  assertEquals(task.cancelling(), 2);
});

both("a task cannot cancel itself and wait", function* ({ co }) {
  const task: Task<unknown> = createTask(
    co(function* () {
      const me = currentTask()!;
      const error = yield* caught(me.cancelAndWait());
      assertEquals(me.cancelling(), 0);
      return error;
    })(),
  );
  const error: unknown = yield task;
  assertInstanceOf(error, RuntimeError);
  assert(error.message.startsWith("Task cannot await on itself: <Task"));
});

both("a task of another loop is refused and left alone", function* () {
  const other = new BaseEventLoop();
  const task = new Task(sleep(1), { loop: other });
  const error = yield* caught(task.cancelAndWait());
  assertInstanceOf(error, RuntimeError);
  assert(error.message.endsWith("it is attached to a different loop"));
  assertEquals(task.cancelling(), 0);
  other.close();
});

both("nothing of a wait that was given up is left behind", function* (t) {
  const task = createTask(
    t.co(function* () {
      try {
        yield sleep(9);
      } finally {
        yield sleep(5);
      }
    })(),
  );
  yield sleep(0);
  const waiter = createTask(task.cancelAndWait());
  yield sleep(0);
  assert(`${task}`.includes("cb=[end of task]"), `${task}`);
  waiter.cancel();
  yield* caught(waiter);
  assertStrictEquals(`${task}`.includes("cb="), false);
  yield* caught(task);
});
