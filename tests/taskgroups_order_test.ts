/**
 * Task groups: who is cancelled when, and what the block ends with. The logs are
 * those of the same programs in CPython.
 */
import { assertEquals, assertInstanceOf } from "@std/assert";
import {
  BaseExceptionGroup,
  createTask,
  currentTask,
  ExceptionGroup,
  getRunningLoop,
  sleep,
  type Task,
  TaskGroup,
} from "../mod.ts";
import { show, shown, worker } from "./_groups.ts";
import { both, caught } from "./_spell.ts";

both("a group is left when its last task has ended", function* (t) {
  const log: string[] = [];
  const work = worker(t, log);
  yield new TaskGroup().with(t.fn(function* (group: TaskGroup) {
    for (const [i, delay] of [0, 2, 1, 0].entries()) {
      const task = group.createTask(work(`${i}`, delay), { name: `t${i}` });
      task.addDoneCallback((task) => void log.push(`cb ${task.getName()}`));
    }
    log.push("body");
  }));
  log.push("left");
  assertEquals(log, [
    ...["body", "0 start", "1 start", "2 start", "3 start", "0 end", "3 end"],
    ...["cb t0", "cb t3", "2 end", "cb t2", "1 end", "cb t1", "left"],
  ]);
});

both("a group without tasks is left at once", function* ({ fn }) {
  const log: string[] = [];
  getRunningLoop().callSoon(() => log.push("callback"));
  const value: number = yield new TaskGroup().with(fn(function* () {
    return 7;
  }));
  log.push("left");
  assertEquals([value, log[0]], [7, "left"]);
});

both("a plain function is a body too", function* ({ co }) {
  const task: Task<number> = yield new TaskGroup().with((group) =>
    group.createTask(
      co(function* () {
        yield sleep(1);
        return 5;
      })(),
    )
  ) as never;
  // A promise never holds a task: awaited, it gives the task's result.
  assertEquals(typeof task === "number" ? task : task.result(), 5);
});

both(
  "behaviour 49: the first error cancels siblings and body once, and is taken back",
  function* (t) {
    const log: string[] = [];
    const work = worker(t, log);
    const main = t.co(function* () {
      try {
        yield new TaskGroup().with(t.fn(function* (group: TaskGroup) {
          group.createTask(work("a", 1, new RangeError("a")));
          group.createTask(work("b", 5, null, 1));
          group.createTask(work("c", 1, new RangeError("c")));
          try {
            yield sleep(9);
          } catch (error) {
            log.push(`body ${currentTask()!.cancelling()}`);
            throw error;
          }
        }));
      } finally {
        log.push(`after ${currentTask()!.cancelling()}`);
      }
    });
    log.push(yield* shown(createTask(main())));
    assertEquals(log, [
      ...["a start", "b start", "c start", "b cancelled 1", "body 1"],
      ...["b clean", "after 0"],
      "unhandled errors in a TaskGroup[RangeError(a), RangeError(c)]",
    ]);
    assertEquals(t.loop.time(), 2);
  },
);

both("behaviour 49: the body's own error joins the group", function* (t) {
  const log: string[] = [];
  const work = worker(t, log);
  const error = yield* caught(
    new TaskGroup().with(t.fn(function* (group: TaskGroup) {
      group.createTask(work("a", 5, null, 1));
      yield sleep(0);
      throw new SyntaxError("body");
    })),
  );
  assertInstanceOf(error, ExceptionGroup);
  log.push(show(error));
  assertEquals(log, [
    ...["a start", "a cancelled 1", "a clean"],
    "unhandled errors in a TaskGroup[SyntaxError(body)]",
  ]);
  assertEquals(currentTask()!.cancelling(), 0);
});

both("behaviour 49: children's errors come before the body's", function* (t) {
  const error = yield* caught(
    new TaskGroup().with(t.fn(function* (group: TaskGroup) {
      group.createTask(
        t.co(function* () {
          throw new RangeError("child");
        })(),
      );
      try {
        yield sleep(1);
      } catch {
        throw new SyntaxError("body");
      }
    })),
  );
  assertEquals(
    show(error),
    "unhandled errors in a TaskGroup[RangeError(child), SyntaxError(body)]",
  );
});

both(
  "behaviour 49: a body that goes on is not cancelled a second time",
  function* (t) {
    const log: string[] = [];
    const bad = t.co(function* (delay: number) {
      yield sleep(delay);
      throw new RangeError(`${delay}`);
    });
    const error = yield* caught(
      new TaskGroup().with(t.fn(function* (group: TaskGroup) {
        group.createTask(bad(1));
        group.createTask(
          t.co(function* () {
            try {
              yield sleep(9);
            } catch {
              throw new RangeError("while cleaning up");
            }
          })(),
        );
        try {
          yield sleep(9);
        } catch {
          yield sleep(1);
          log.push("went on");
        }
      })),
    );
    assertEquals(log, ["went on"]);
    assertEquals((error as BaseExceptionGroup).errors.length, 2);
    assertEquals(currentTask()!.cancelling(), 0);
  },
);

both(
  "behaviour 49: the error reaches the body in the iteration of CPython",
  function* (t) {
    const log: string[] = [];
    const error = yield* caught(
      new TaskGroup().with(t.fn(function* (group: TaskGroup) {
        group.createTask(
          t.co(function* () {
            yield sleep(0);
            throw new RangeError("x");
          })(),
        );
        yield sleep(0);
        yield sleep(0);
        for (const name of ["b1", "b2", "b3"]) {
          log.push(name);
          yield sleep(0);
        }
      })),
    );
    assertInstanceOf(error, BaseExceptionGroup);
    assertEquals(log, ["b1"]);
  },
);

both("behaviour 49: groups within groups", function* (t) {
  const log: string[] = [];
  const work = worker(t, log);
  const main = t.co(function* () {
    yield new TaskGroup().with(t.fn(function* (outer: TaskGroup) {
      outer.createTask(
        t.co(function* () {
          yield new TaskGroup().with(t.fn(function* (inner: TaskGroup) {
            inner.createTask(work("i1", 1, new RangeError("i1")));
            inner.createTask(work("i2", 5));
          }));
        })(),
      );
      outer.createTask(work("o", 5));
    }));
  });
  log.push(yield* shown(createTask(main())));
  assertEquals(log, [
    ...["o start", "i1 start", "i2 start", "i2 cancelled 1", "o cancelled 1"],
    "unhandled errors in a TaskGroup[unhandled errors in a TaskGroup[" +
    "RangeError(i1)]]",
  ]);
});

both(
  "behaviour 50: with an outer cancel the group wins and the cancel comes again",
  function* (t) {
    const log: string[] = [];
    const task = createTask(
      t.co(function* () {
        try {
          yield new TaskGroup().with(t.fn(function* (group: TaskGroup) {
            group.createTask(
              t.co(function* () {
                try {
                  yield sleep(9);
                } catch {
                  throw new RangeError("bad");
                }
              })(),
            );
            yield sleep(9);
          }));
        } catch (error) {
          log.push(`${show(error)} ${currentTask()!.cancelling()}`);
        }
        log.push(yield* shown(sleep(0)));
        log.push(`${currentTask()!.cancelling()}`);
      })(),
    );
    yield sleep(1);
    task.cancel("out");
    yield task;
    assertEquals(log, [
      "unhandled errors in a TaskGroup[RangeError(bad)] 1",
      "CancelledError()",
      "1",
    ]);
  },
);

both(
  "behaviour 50: repeated cancels are waited out and the first is raised",
  function* (t) {
    const log: string[] = [];
    const work = worker(t, log);
    const task = createTask(
      t.co(function* () {
        try {
          yield new TaskGroup().with(t.fn(function* (group: TaskGroup) {
            group.createTask(work("a", 9, null, 3));
          }));
        } catch (error) {
          log.push(`${show(error)} ${currentTask()!.cancelling()}`);
          throw error;
        }
      })(),
    );
    yield sleep(1);
    task.cancel("one");
    yield sleep(1);
    task.cancel("two");
    log.push(yield* shown(task));
    assertEquals(log, [
      ...["a start", "a cancelled 1", "a clean", "CancelledError(one) 2"],
      "CancelledError(one)",
    ]);
  },
);

both("behaviour 51: a child cancelled alone is silent", function* (t) {
  const log: string[] = [];
  const work = worker(t, log);
  const made: Task<string>[] = [];
  yield new TaskGroup().with(t.fn(function* (group: TaskGroup) {
    made.push(group.createTask(work("a", 3)), group.createTask(work("b", 2)));
    yield sleep(1);
    made[0]!.cancel();
  }));
  assertEquals(log, ["a start", "b start", "a cancelled 1", "b end"]);
  assertEquals([made[0]!.cancelled(), made[1]!.result()], [true, "b"]);
});

both(
  "behaviour 51: a child that cancels its parent makes the group raise that",
  function* (t) {
    const log: string[] = [];
    const work = worker(t, log);
    const main = t.co(function* () {
      const parent = currentTask()!;
      yield new TaskGroup().with(t.fn(function* (group: TaskGroup) {
        group.createTask(
          t.co(function* () {
            parent.cancel("by child");
            yield work("c", 1);
          })(),
        );
        group.createTask(work("d", 3));
        yield sleep(5);
      }));
    });
    log.push(yield* shown(createTask(main())));
    assertEquals(log, [
      ...["c start", "d start", "c cancelled 1", "d cancelled 1"],
      "CancelledError(by child)",
    ]);
  },
);
