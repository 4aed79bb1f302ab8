/** TaskGroup.cancel(): the logs are those of the same programs in CPython 3.15. */
import { assertEquals, assertInstanceOf } from "@std/assert";
import {
  BaseExceptionGroup,
  CancelledError,
  createTask,
  currentTask,
  RuntimeError,
  sleep,
  TaskGroup,
  timeout,
  TimeoutError,
} from "../mod.ts";
import { worker } from "./_groups.ts";
import { both, caught, outcome } from "./_spell.ts";

both(
  "behaviour 54: cancel() ends body and children, and nothing escapes",
  function* (t) {
    const log: string[] = [];
    const work = worker(t, log);
    const group = new TaskGroup();
    const value: unknown = yield group.with(t.fn(function* () {
      group.createTask(work("a", 5, null, 1));
      yield sleep(1);
      group.cancel();
      group.cancel();
      log.push(`requested ${currentTask()!.cancelling()}`);
      try {
        yield sleep(3);
      } finally {
        log.push("body ended");
      }
      return "never";
    }));
    log.push(`left ${currentTask()!.cancelling()}`);
    group.cancel();
    yield sleep(0);
    assertEquals(value, undefined);
    assertEquals(log, [
      ...["a start", "requested 1", "a cancelled 1", "body ended", "a clean"],
      "left 0",
    ]);
  },
);

both(
  "behaviour 54: cancel() before entry takes effect on entry",
  function* (t) {
    const log: string[] = [];
    const group = new TaskGroup();
    group.cancel();
    yield group.with(t.fn(function* () {
      log.push(`in ${currentTask()!.cancelling()}`);
      const coro = t.co(function* () {
        log.push("never");
      })();
      try {
        group.createTask(coro);
      } catch (error) {
        assertInstanceOf(error, RuntimeError);
        log.push(error.message);
      }
      yield sleep(0);
      log.push("never");
    }));
    assertEquals(log, [
      "in 1",
      "TaskGroup <TaskGroup cancelling> is shutting down",
    ]);
    assertEquals(currentTask()!.cancelling(), 0);
  },
);

both(
  "behaviour 54: a body that ends without waiting keeps its result",
  function* ({ fn }) {
    const group = new TaskGroup();
    const value: unknown = yield group.with(fn(function* () {
      group.cancel();
      return 8;
    }));
    assertEquals(value, 8);
    yield sleep(0);
    assertEquals(currentTask()!.cancelling(), 0);
  },
);

both("behaviour 54: a child may cancel its group", function* (t) {
  const log: string[] = [];
  const work = worker(t, log);
  yield new TaskGroup().with(t.fn(function* (group: TaskGroup) {
    group.createTask(
      t.co(function* () {
        yield sleep(1);
        group.cancel();
        log.push("c goes on");
        yield sleep(1);
        log.push("never");
      })(),
    );
    group.createTask(work("d", 5));
  }));
  assertEquals(log, ["d start", "c goes on", "d cancelled 1"]);
  assertEquals(currentTask()!.cancelling(), 0);
});

both(
  "behaviour 54: an eager child may cancel it before it is a member",
  function* ({ fn }) {
    yield new TaskGroup().with(fn(function* (group: TaskGroup) {
      const task = group.createTask(function* () {
        group.cancel();
        yield* sleep(5);
      }, { eagerStart: true });
      assertEquals(task.cancelling(), 1);
    }));
  },
);

both("behaviour 54: errors after cancel() are raised", function* (t) {
  const error = yield* caught(
    new TaskGroup().with(t.fn(function* (group: TaskGroup) {
      group.createTask(
        t.co(function* () {
          try {
            yield sleep(9);
          } catch {
            throw new RangeError("c");
          }
        })(),
      );
      yield sleep(1);
      group.cancel();
      yield sleep(1);
    })),
  );
  assertInstanceOf(error, BaseExceptionGroup);
  assertEquals(error.errors.map(String), ["RangeError: c"]);
});

both("behaviour 54: an outside cancel wins over cancel()", function* (t) {
  const log: string[] = [];
  const work = worker(t, log);
  const task = createTask(
    t.co(function* () {
      try {
        yield new TaskGroup().with(t.fn(function* (group: TaskGroup) {
          group.createTask(work("a", 9, null, 2));
          yield sleep(1);
          group.cancel();
        }));
      } finally {
        log.push(`left ${currentTask()!.cancelling()}`);
      }
    })(),
  );
  yield sleep(2);
  task.cancel("outside");
  log.push(yield* outcome(task));
  assertEquals(log, [
    ...["a start", "a cancelled 1", "a clean", "left 1"],
    "CancelledError(outside)",
  ]);
});

both("behaviour 54: so does a timeout around the group", function* (t) {
  const log: string[] = [];
  const work = worker(t, log);
  const error = yield* caught(
    timeout(2).with(t.fn(function* () {
      yield new TaskGroup().with(t.fn(function* (group: TaskGroup) {
        group.createTask(work("a", 9, null, 2));
        yield sleep(1);
        group.cancel();
      }));
      log.push("never");
    })),
  );
  assertInstanceOf(error, TimeoutError);
  assertEquals(log, ["a start", "a cancelled 1", "a clean"]);
  assertEquals(currentTask()!.cancelling(), 0);
});

both(
  "behaviour 54: an outside cancel before cancel() wins as well",
  function* (t) {
    const task = createTask(
      t.co(function* () {
        yield new TaskGroup().with(t.fn(function* (group: TaskGroup) {
          try {
            yield sleep(9);
          } finally {
            group.cancel();
          }
        }));
      })(),
    );
    yield sleep(1);
    task.cancel("first");
    const error = yield* caught(task);
    assertInstanceOf(error, CancelledError);
    assertEquals(error.message, "first");
  },
);
