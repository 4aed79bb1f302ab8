/** shielded(body): a block that a cancellation of its task does not reach. */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertNotStrictEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  CancelledError,
  ContextVar,
  type Coroutine,
  createTask,
  currentTask,
  eagerTaskFactory,
  moveOnAfter,
  run,
  shielded,
  sleep,
  type Task,
  TaskGroup,
  timeout,
  TimeoutError,
} from "../mod.ts";
import { it } from "./_harness.ts";
import { both, caught, outcome } from "./_spell.ts";

both(
  "without a cancellation the block's outcome is that of the whole",
  function* ({ fn, loop }) {
    const made = shielded(fn(function* () {
      yield sleep(1);
      return "done";
    }));
    const typed: Coroutine<string> = made;
    assertEquals(yield typed, "done");
    const error = yield* caught(shielded(fn(function* () {
      yield sleep(1);
      throw new RangeError("bad");
    })));
    assertInstanceOf(error, RangeError);
    assertEquals(yield shielded(() => 5), 5);
    assertEquals(loop.time(), 2);
  },
);

both("a cancellation waits for the end of the block", function* (t) {
  const log: string[] = [];
  const task = createTask(
    t.co(function* () {
      try {
        yield shielded(t.fn(function* () {
          yield sleep(1);
          yield sleep(1);
          log.push(`over at ${t.loop.time()}`);
          return "lost";
        }));
        log.push("never reached");
      } catch (error) {
        log.push(`${(error as Error).message} ${currentTask()!.cancelling()}`);
        throw error;
      }
    })(),
  );
  yield sleep(0.5);
  task.cancel("first");
  yield sleep(0.5);
  task.cancel("second");
  assertEquals(task.cancelling(), 2);
  assertEquals(yield* outcome(task), "CancelledError(first)");
  assertEquals(log, ["over at 2", "first 2"]);
});

both("one that was asked for before the block waits as well", function* (t) {
  const log: string[] = [];
  const task: Task<void> = createTask(
    t.co(function* () {
      currentTask()!.cancel("early");
      yield shielded(t.fn(function* () {
        yield sleep(1);
        log.push("ran");
      }));
      log.push("never reached");
    })(),
  );
  assertEquals(yield* outcome(task), "CancelledError(early)");
  assertEquals(log, ["ran"]);
});

both(
  "an error of the block wins, and the cancellation comes next",
  function* (t) {
    const log: unknown[] = [];
    const task = createTask(
      t.co(function* () {
        const error = yield* caught(shielded(t.fn(function* () {
          yield sleep(1);
          throw new RangeError("bad");
        })));
        log.push(String(error), currentTask()!.cancelling());
        log.push(yield* outcome(sleep(1)));
        log.push(yield* outcome(sleep(0, "on")));
      })(),
    );
    yield sleep(0);
    yield sleep(0);
    task.cancel("why");
    yield task;
    assertEquals(log, ["RangeError: bad", 1, "CancelledError(why)", "on"]);
  },
);

both("a request that was withdrawn is not delivered", function* (t) {
  const task = createTask(
    t.co(function* () {
      return yield shielded(t.fn(function* () {
        yield sleep(1);
        return "kept";
      }));
    })(),
  );
  yield sleep(0.5);
  task.cancel();
  yield sleep(0);
  assertEquals(task.uncancel(), 0);
  assertEquals(yield task, "kept");
});

both("a timeout around it is late and right", function* (t) {
  const block = timeout(1);
  const error = yield* caught(block.with(t.fn(function* () {
    yield shielded(t.fn(function* () {
      yield sleep(3);
    }));
  })));
  assertInstanceOf(error, TimeoutError);
  assertEquals([t.loop.time(), block.expired()], [3, true]);
  assertEquals(currentTask()!.cancelling(), 0);
  yield sleep(1);
});

both("timeouts and groups inside work as anywhere", function* (t) {
  const log: unknown[] = [];
  const task = createTask(
    t.co(function* () {
      yield shielded(t.fn(function* () {
        const block = moveOnAfter(1);
        yield block.with(t.fn(function* () {
          yield sleep(9);
        }));
        log.push(block.expired(), t.loop.time());
        const error = yield* caught(
          new TaskGroup().with(t.fn(function* (group: TaskGroup) {
            group.createTask(
              t.co(function* () {
                throw new RangeError("child");
              })(),
            );
            yield sleep(9);
          })),
        );
        log.push((error as AggregateError).errors.length);
        assertEquals(currentTask()!.cancelling(), 0);
      }));
    })(),
  );
  yield sleep(0.5);
  task.cancel();
  assertInstanceOf(yield* caught(task), CancelledError);
  assertEquals(log, [true, 1, 1]);
});

both("inside, the current task is another, in the same context", function* (t) {
  const variable = new ContextVar<string>("v", { default: "none" });
  const outer = currentTask()!;
  variable.set("before");
  yield shielded(t.fn(function* () {
    const inner = currentTask()!;
    assertNotStrictEquals(inner, outer);
    assertStrictEquals(inner.getContext(), outer.getContext());
    assertEquals(variable.get(), "before");
    yield sleep(0);
    variable.set("inside");
    outer.cancel();
    assertEquals([inner.signal.aborted, outer.signal.aborted], [false, true]);
    outer.uncancel();
  }));
  assertEquals(variable.get(), "inside");
  assertStrictEquals(currentTask(), outer);
});

both("in a task whose context nobody has looked at", function* (t) {
  const variable = new ContextVar<string>("v", { default: "none" });
  const task = createTask(
    t.co(function* () {
      yield shielded(t.fn(function* () {
        yield sleep(0);
        variable.set("inside");
      }));
      return variable.get();
    })(),
  );
  assertEquals(yield task, "inside");
  assertEquals(variable.get(), "none");
});

both("cancelling the block's own task reaches it", function* (t) {
  const made: Task<unknown>[] = [];
  const task = createTask(
    t.co(function* () {
      yield shielded(t.fn(function* () {
        made.push(currentTask()!);
        yield sleep(9);
      }));
    })(),
  );
  yield sleep(1);
  made[0]!.cancel("inner");
  assertEquals(yield* outcome(task), "CancelledError(inner)");
  assertEquals([task.cancelling(), t.loop.time()], [0, 1]);
});

both("blocks within blocks", function* (t) {
  const log: string[] = [];
  const task = createTask(
    t.co(function* () {
      yield shielded(t.fn(function* () {
        yield shielded(t.fn(function* () {
          yield sleep(1);
          log.push("inner");
        }));
        log.push("outer");
      }));
    })(),
  );
  yield sleep(0.5);
  task.cancel("x");
  assertEquals(yield* outcome(task), "CancelledError(x)");
  assertEquals(log, ["inner", "outer"]);
});

both(
  "many cancellations cost one wait each, and nothing is left over",
  function* (t) {
    const made: Task<unknown>[] = [];
    const task = createTask(
      t.co(function* () {
        yield shielded(t.fn(function* () {
          made.push(currentTask()!);
          yield sleep(1);
        }));
      })(),
    );
    yield sleep(0);
    yield sleep(0);
    for (let i = 0; i < 100; i++) {
      task.cancel(i);
      yield sleep(0);
    }
    assert(`${made[0]}`.includes("cb=[end of task]"), `${made[0]}`);
    assertEquals(yield* outcome(task), "CancelledError(0)");
    assertEquals(task.cancelling(), 100);
  },
);

it("bad input names the fix", () =>
  run(async () => {
    for (const body of [undefined, null, 5, sleep(0), Promise.resolve()]) {
      assertThrows(
        () => (shielded as (body: unknown) => unknown)(body),
        TypeError,
        "Cannot shield the block: a function is needed as its body, got " +
          `${body === null ? "null" : typeof body}; to protect a task or ` +
          "another awaitable use shield()",
      );
    }
    await sleep(0);
  }));

both("a loop with eager tasks shields too, in the same context", function* (t) {
  t.loop.setTaskFactory(eagerTaskFactory);
  const name = new ContextVar("name", { default: "before" });
  const task = createTask(
    t.co(function* () {
      const result: string = yield shielded(t.fn(function* () {
        name.set("in the block");
        yield sleep(1);
        return "done";
      }));
      return `${result}, ${name.get()}`;
    })(),
  );
  assertEquals(yield task, "done, in the block");
});
