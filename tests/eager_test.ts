/**
 * Eager tasks: they start inside `createTask`.
 *
 * An async function cannot be stopped or finished synchronously, so the eager part
 * of an async-spelled task ends at its first `await` and even without one it is
 * done only a microtask later. Where that matters the test is for generators.
 */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  allTasks,
  CancelledError,
  ContextVar,
  copyContext,
  createEagerTaskFactory,
  createTask,
  currentTask,
  eagerTaskFactory,
  gather,
  KeyboardInterrupt,
  RuntimeError,
  sleep,
  SystemExit,
  Task,
} from "../mod.ts";
import { it } from "./_harness.ts";
import { both, caught, inSpelling, outcome } from "./_spell.ts";
import { finish, runVirtual, virtualLoop } from "./_virtual.ts";

const eager = { eagerStart: true };

it("behaviour 15: an eager task that never waits comes back done", () =>
  runVirtual(function* () {
    const task = createTask(
      function* () {
        return 7;
      },
      { ...eager, name: "quick" },
    );
    assertEquals([task.done(), task.result(), task.getCoro()], [true, 7, null]);
    assertEquals(allTasks().has(task), false);
    assertEquals(yield* task, 7);
  }));

inSpelling(
  "generator",
  "behaviour 15: an eager task that fails or cancels itself comes back done",
  function* () {
    const failed = createTask(function* () {
      throw new RangeError("at once");
    }, eager);
    assertEquals(failed.done(), true);
    assertEquals(yield* outcome(failed), "RangeError(at once)");
    const cancelled = createTask(function* () {
      throw new CancelledError("at once");
    }, eager);
    assertEquals([cancelled.done(), cancelled.cancelled()], [true, true]);
    const own = createTask(function* () {
      currentTask()!.cancel("own wish");
      return 5;
    }, eager);
    assertEquals([own.done(), own.cancelled()], [true, true]);
    for (const task of [failed, cancelled, own]) {
      assertEquals([task.getCoro(), allTasks().has(task)], [null, false]);
    }
    const error = yield* caught(own);
    assertEquals((error as CancelledError).args, ["own wish"]);
  },
);

both(
  "behaviour 15: an eager task that waits is registered and goes on later",
  function* ({ co, loop }) {
    const log: string[] = [];
    const work = co(function* () {
      log.push("start");
      yield sleep(1);
      log.push("end");
      return "value";
    })();
    const task = createTask(work, eager);
    log.push("created");
    assertEquals(task.done(), false);
    assertEquals(allTasks().has(task), true);
    assertStrictEquals(task.getCoro(), work);
    const value: string = yield task;
    assertEquals([value, loop.time()], ["value", 1]);
    assertEquals(log, ["start", "created", "end"]);
    assertEquals(allTasks().has(task), false);
    assertStrictEquals(task.getCoro(), work);
  },
);

// What a careless driver does: the step of the async function that the eager
// task opened must not let later handles overtake it.
it("behaviour 15: an async eager task without a wait is done by the next handle", () =>
  runVirtual(async ({ loop }) => {
    const seen: unknown[] = [];
    const task = createTask(async () => {
      await Promise.resolve();
      return 7;
    }, eager);
    loop.callSoon(() => seen.push(task.done() ? task.result() : "not yet"));
    assertEquals(task.done(), false);
    await sleep(0);
    assertEquals(seen, [7]);
    assertEquals(allTasks().has(task), false);
  }));

both(
  "behaviour 16: the current task is the new one inside, the creator afterwards",
  function* ({ co }) {
    const me = currentTask()!;
    const seen: unknown[] = [];
    const inner = co(function* () {
      seen.push(currentTask());
      yield sleep(0);
      seen.push(currentTask());
    });
    const outer = co(function* () {
      seen.push(currentTask());
      const task = createTask(inner(), { ...eager, name: "inner" });
      seen.push(currentTask());
      yield task;
    });
    const task = createTask(outer(), { ...eager, name: "outer" });
    assertStrictEquals(currentTask(), me);
    yield task;
    const names = seen.map((task) => (task as Task<void>).getName());
    assertEquals(names, ["outer", "inner", "outer", "inner"]);
  },
);

both(
  "behaviour 16: the name, the context and the registration stand already inside",
  function* ({ co }) {
    const user = new ContextVar<string>("user");
    user.set("creator");
    const seen: unknown[] = [];
    const work = co(function* () {
      const me = currentTask()!;
      seen.push(me.getName(), user.get(), allTasks().has(me));
      seen.push(me.getCoro() !== null);
      user.set("inside");
      yield sleep(0);
      seen.push(user.get());
    });
    const task = createTask(work(), { ...eager, name: "mine" });
    assertEquals(user.get(), "creator");
    yield task;
    assertEquals(seen, ["mine", "creator", true, true, "inside"]);
    const context = copyContext();
    yield createTask(work(), { ...eager, context });
    assertEquals(context.get(user), "inside");
  },
);

it("behaviour 16: in a callback there is no current task before and after", () =>
  runVirtual(function* ({ loop }) {
    const seen: unknown[] = [];
    loop.callSoon(() => {
      seen.push(currentTask());
      const task = createTask(
        function* () {
          seen.push(currentTask()!.getName());
        },
        { ...eager, name: "eager" },
      );
      seen.push(currentTask(), task.done());
    });
    yield* sleep(0);
    assertEquals(seen, [null, "eager", null, true]);
  }));

// TaskGroup, which tripped over this, has its own tests.
it("behaviour 17: the done callback of a finished eager task is not called inline", () =>
  runVirtual(function* () {
    const log: string[] = [];
    const task = createTask(function* () {
      throw new Error("known");
    }, eager);
    task.addDoneCallback(() => log.push("callback"));
    log.push("added");
    yield* sleep(0);
    assertEquals(log, ["added", "callback"]);
    assertInstanceOf(task.exception(), Error);
  }));

both(
  "behaviour 18: eagerStart passes through createTask",
  function* ({ co, loop }) {
    const log: string[] = [];
    const work = co(function* (name: string) {
      log.push(name);
      yield sleep(0);
    });
    const tasks = [
      createTask(work("plain")),
      createTask(work("false"), { eagerStart: false }),
      createTask(work("true"), { eagerStart: true }),
    ];
    assertEquals(log, ["true"]);
    loop.setTaskFactory(eagerTaskFactory);
    tasks.push(
      createTask(work("factory, false"), { eagerStart: false }),
      createTask(work("factory, true"), { eagerStart: true }),
      createTask(work("factory")),
    );
    loop.setTaskFactory(null);
    assertEquals(log, ["true", "factory, true", "factory"]);
    yield gather(tasks);
    assertEquals(log.slice(3), ["plain", "false", "factory, false"]);
  },
);

both(
  "behaviour 18: a factory of a task class of one's own is eager unless told",
  function* ({ co, loop }) {
    class Mine<T> extends Task<T> {}
    const log: string[] = [];
    loop.setTaskFactory(createEagerTaskFactory(Mine));
    const task = createTask(
      co(function* () {
        log.push("ran");
        yield sleep(0);
      })(),
    );
    loop.setTaskFactory(null);
    assertInstanceOf(task, Mine);
    assertEquals(log, ["ran"]);
    yield task;
    assertThrows(
      () => createEagerTaskFactory(null as unknown as typeof Mine),
      TypeError,
      "task class",
    );
  },
);

it("behaviour 18: while the loop does not run, an eager task waits for it", async () => {
  const v = virtualLoop();
  const log: string[] = [];
  const task = v.loop.createTask(function* () {
    log.push("ran");
    return 1;
  }, eager);
  assertEquals([log.length, task.done()], [0, false]);
  assertEquals(allTasks(v.loop).has(task), true);
  assertEquals(await v.loop.runUntilComplete(task), 1);
  assertEquals(log, ["ran"]);
  await finish(v);
});

it("an exit raised in the eager part leaves createTask and is kept", () =>
  runVirtual(function* ({ loop }) {
    for (const Exit of [SystemExit, KeyboardInterrupt]) {
      const exit = new Exit();
      const made: Task<unknown>[] = [];
      loop.setTaskFactory((loop, coro, options) => {
        class Kept<T> extends Task<T> {
          override getName(): string {
            made.push(this as unknown as Task<unknown>);
            return super.getName();
          }
        }
        return new Kept(coro, { ...options, loop, eagerStart: true });
      });
      const error = assertThrows(() =>
        createTask(function* () {
          currentTask()!.getName();
          throw exit;
        })
      );
      loop.setTaskFactory(null);
      assertStrictEquals(error, exit);
      assertStrictEquals(made[0]!.exception(), exit);
      assert(currentTask() !== null);
      yield* sleep(0);
    }
  }));

it("gather of eager tasks that are all done is done at once", () =>
  runVirtual(function* ({ loop }) {
    loop.setTaskFactory(eagerTaskFactory);
    const quick = (n: number) =>
      function* () {
        return n;
      };
    const all = gather([quick(1), quick(2)]);
    assertEquals(all.done(), true);
    assertEquals(all.result(), [1, 2]);
    const half = gather([quick(1), sleep(1, 2)]);
    assertEquals(half.done(), false);
    assertEquals(yield* half, [1, 2]);
  }));

it("an eager task in a context that is entered already is a RuntimeError", () =>
  runVirtual(function* () {
    const error = assertThrows(
      () =>
        createTask(
          function* () {},
          { ...eager, context: currentTask()!.getContext() },
        ),
      RuntimeError,
    );
    assertEquals(error.message.startsWith("cannot enter context"), true);
    yield* sleep(0);
  }));

both(
  "an eager task is cancelled where it waits, as any other",
  function* ({ co, loop }) {
    const log: string[] = [];
    const task = createTask(
      co(function* () {
        try {
          yield sleep(10);
        } finally {
          log.push(`left at ${loop.time()}`);
        }
      })(),
      eager,
    );
    yield sleep(1);
    task.cancel("enough");
    const error = yield* caught(task);
    assertEquals((error as CancelledError).args, ["enough"]);
    assertEquals(log, ["left at 1"]);
  },
);
