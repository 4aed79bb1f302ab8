/** Task groups used wrongly, and what they tell of themselves. */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertThrows,
} from "@std/assert";
import {
  BaseEventLoop,
  createTask,
  currentTask,
  RuntimeError,
  sleep,
  type Task,
  TaskGroup,
} from "../mod.ts";
import { it } from "./_harness.ts";
import { type Body, both, caught, type Spelled } from "./_spell.ts";

/** Expects the group to refuse a coroutine, closed and never run. */
function* refused(t: Spelled, group: TaskGroup, text: string): Body {
  let ran = false;
  const run = function* () {
    ran = true;
  };
  const coro = t.co(run)();
  const gen = t.fn(run);
  assertThrows(() => group.createTask(coro), RuntimeError, text);
  assertThrows(() => group.createTask(gen), RuntimeError, text);
  if (t.spelling === "generator") {
    const started = gen();
    assertThrows(() => group.createTask(started), RuntimeError, text);
    assertEquals(started.next(), { done: true, value: undefined });
  }
  const error = yield* caught(coro);
  assertEquals(
    (error as Error).message,
    "cannot reuse already closed coroutine run",
  );
  assertEquals(ran, false);
}

both("behaviour 53: createTask before entry is refused", function* (t) {
  yield* refused(
    t,
    new TaskGroup(),
    "TaskGroup <TaskGroup> has not been entered",
  );
});

both("behaviour 53: createTask after the end is refused", function* (t) {
  const group = new TaskGroup();
  yield group.with(() => {});
  yield* refused(t, group, "TaskGroup <TaskGroup entered> is finished");
});

both("behaviour 53: createTask during shutdown is refused", function* (t) {
  const errors: unknown[] = [];
  const error = yield* caught(
    new TaskGroup().with(t.fn(function* (group: TaskGroup) {
      group.createTask(
        t.co(function* () {
          throw new RangeError("child");
        })(),
      );
      group.createTask(
        t.co(function* () {
          try {
            yield sleep(9);
          } finally {
            yield sleep(1);
          }
        })(),
      );
      try {
        yield sleep(9);
      } finally {
        errors.push(currentTask()!.cancelling());
        yield* refused(
          t,
          group,
          "TaskGroup <TaskGroup tasks=1 errors=1 cancelling> is shutting down",
        );
      }
    })),
  );
  assertEquals([String(error).includes("unhandled"), errors], [true, [1]]);
});

both("what is no coroutine is a TypeError, and no member", function* (t) {
  const error = yield* caught(
    new TaskGroup().with(t.fn(function* (group: TaskGroup) {
      const never = group.createTask as unknown as (coro: unknown) => unknown;
      for (const bad of [Promise.resolve(1), 5, null, undefined]) {
        assertThrows(
          () => never.call(group, bad),
          TypeError,
          "a coroutine was expected",
        );
      }
      assertEquals(group.statistics().tasks, 0);
      throw new RangeError("the body saw it");
    })),
  );
  assert(String((error as AggregateError).errors[0]).includes("body saw"));
});

both("entering twice is refused, at once and afterwards", function* ({ fn }) {
  const group = new TaskGroup();
  const text = "has already been entered";
  yield group.with(fn(function* () {
    const error = yield* caught(group.with(() => {}));
    assertInstanceOf(error, RuntimeError);
    assertEquals(error.message, `TaskGroup <TaskGroup entered> ${text}`);
    assertEquals(group.statistics().state, "entered");
  }));
  const error = yield* caught(group.with(() => {}));
  assertInstanceOf(error, RuntimeError);
  assert(error.message.endsWith(text));
});

it("with() without a body names the fix", () => {
  const group = new TaskGroup();
  const enter = group.with as unknown as (body?: unknown) => unknown;
  for (const body of [undefined, null, 5, {}, Promise.resolve()]) {
    assertThrows(
      () => enter.call(group, body),
      TypeError,
      "Cannot enter the task group: with() needs a function as its body, as " +
        "in group.with(async (group) => …), got " +
        (body === null ? "null" : typeof body),
    );
  }
});

it("a limit must be a whole number of at least 1", () => {
  for (const limit of [0, -1, 1.5, NaN, -Infinity]) {
    assertThrows(
      () => new TaskGroup({ limit }),
      RangeError,
      `Cannot make a task group: limit must be a whole number >= 1, got ${limit}`,
    );
  }
  assertThrows(
    () => new TaskGroup({ limit: "3" as never }),
    TypeError,
    "limit must be a number or null, got string",
  );
  for (const limit of [null, undefined, Infinity]) {
    assertEquals(new TaskGroup({ limit }).statistics().limit, null);
  }
});

it("outside any task there is no parent", async () => {
  const loop = new BaseEventLoop();
  let error: unknown;
  loop.callSoon(() => {
    const group = new TaskGroup();
    try {
      group._enter();
    } catch (thrown) {
      error = thrown;
    }
    loop.stop();
  });
  await loop.runForever();
  loop.close();
  assertInstanceOf(error, RuntimeError);
  assertEquals(
    error.message,
    "TaskGroup <TaskGroup> cannot determine the parent task",
  );
});

both("statistics() and toString() follow a group's life", function* (t) {
  const seen: unknown[] = [];
  const group = new TaskGroup({ limit: 1 });
  const note = () =>
    seen.push([`${group}`, ...Object.values(group.statistics())]);
  note();
  const main = t.co(function* () {
    yield group.with(t.fn(function* () {
      note();
      group.createTask(sleep(1));
      group.createTask(sleep(1));
      note();
    }));
  });
  const task: Task<void> = createTask(main());
  yield sleep(0.5);
  note();
  task.cancel();
  yield sleep(0);
  note();
  yield* caught(task);
  note();
  assertEquals(seen, [
    ["<TaskGroup>", "created", 0, 0, 1, 0],
    ["<TaskGroup entered>", "entered", 0, 0, 1, 0],
    ["<TaskGroup tasks=2 entered>", "entered", 2, 1, 1, 0],
    ["<TaskGroup tasks=2 entered>", "exiting", 2, 1, 1, 0],
    ["<TaskGroup tasks=2 cancelling>", "aborting", 2, 0, 1, 0],
    ["<TaskGroup cancelling>", "finished", 0, 0, 1, 0],
  ]);
  assert(Object.isFrozen(group.statistics()));
});

it("a block whose generator is closed has its tasks cancelled", async () => {
  const loop = new BaseEventLoop();
  const reports: string[] = [];
  loop.setExceptionHandler((_, context) => void reports.push(context.message));
  await loop.runUntilComplete(function* () {
    const made: Task<void>[] = [];
    const block = new TaskGroup().with(function* (group) {
      made.push(
        group.createTask(sleep(60)),
        group.createTask(function* () {
          try {
            yield* sleep(60);
          } catch {
            throw new RangeError("too late");
          }
        }),
      );
      yield* sleep(60);
    });
    const iter = block[Symbol.iterator]();
    iter.next();
    yield* sleep(0);
    iter.return!();
    yield* sleep(0);
    yield* sleep(0);
    yield* sleep(0);
    assert(made[0]!.cancelled());
    assert(made[1]!.done());
  });
  loop.close();
  assertEquals(reports.length, 1);
  assert(reports[0]!.includes("has errored out but its parent task"));
});
