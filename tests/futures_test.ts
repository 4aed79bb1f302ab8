/** Futures: results, callbacks, texts. */
import {
  assertEquals,
  assertInstanceOf,
  assertNotStrictEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  CancelledError,
  ContextVar,
  copyContext,
  createTask,
  ensureFuture,
  Future,
  gather,
  getRunningLoop,
  InvalidStateError,
  isFuture,
  RuntimeError,
  sleep,
  timeout,
  wrapFuture,
} from "../mod.ts";
import { it } from "./_harness.ts";
import { both, caught, outcome } from "./_spell.ts";
import { runVirtual, virtualLoop } from "./_virtual.ts";

/** A future that failed and whose error counts as seen. */
function failed(error: unknown): Future<never> {
  const future = getRunningLoop().createFuture<never>();
  future.setException(error);
  future.exception();
  return future;
}

both(
  "behaviour 19: a done callback never runs inline, not even on a done future",
  function* ({ loop }) {
    const log: unknown[] = [];
    const future = loop.createFuture<number>();
    future.addDoneCallback((f) => log.push(["before", f === future]));
    future.setResult(1);
    future.addDoneCallback((f) => log.push(["after", f === future]));
    log.push("set");
    yield sleep(0);
    assertEquals(log, ["set", ["before", true], ["after", true]]);
  },
);

both(
  "behaviour 19: removeDoneCallback takes away all equal ones and counts them",
  function* ({ loop }) {
    const log: string[] = [];
    const a = () => log.push("a");
    const b = () => log.push("b");
    const future = loop.createFuture<void>();
    for (const fn of [a, b, a, a]) future.addDoneCallback(fn);
    assertEquals(future.removeDoneCallback(a), 3);
    assertEquals(future.removeDoneCallback(a), 0);
    future.setResult();
    // They are on their way: too late to take one back.
    assertEquals(future.removeDoneCallback(b), 0);
    yield sleep(0);
    assertEquals(log, ["b"]);
  },
);

both(
  "behaviour 19: removing callbacks leaves the tasks that wait in their order",
  function* ({ co, loop }) {
    const log: string[] = [];
    const future = loop.createFuture<void>();
    const waiter = co(function* (name: string) {
      yield future;
      log.push(name);
    });
    const gone = () => log.push("gone");
    future.addDoneCallback(gone);
    const tasks = [createTask(waiter("first"))];
    yield sleep(0);
    future.addDoneCallback(gone);
    tasks.push(createTask(waiter("second")));
    yield sleep(0);
    assertEquals(future.removeDoneCallback(gone), 2);
    future.setResult();
    yield gather(tasks);
    assertEquals(log, ["first", "second"]);
  },
);

both(
  "behaviour 19: a done callback runs in the context of its adding",
  function* ({ loop }) {
    const user = new ContextVar<string>("user");
    const seen: unknown[] = [];
    const future = loop.createFuture<void>();
    user.set("adding");
    future.addDoneCallback(() => seen.push(user.get()));
    const context = copyContext();
    context.run(() => user.set("given"));
    future.addDoneCallback(() => seen.push(user.get()), { context });
    user.set("setting");
    future.setResult();
    yield sleep(0);
    assertEquals(seen, ["adding", "given"]);
  },
);

// StopIteration, which Python must keep out of futures, ends no generator when it
// is thrown in JavaScript: there is no such class, and any error may be set.
both(
  "behaviour 20: an exception class is made an error of",
  function* ({ loop }) {
    const future = loop.createFuture<void>();
    future.setException(RangeError);
    const error = future.exception();
    assertInstanceOf(error, RangeError);
    assertStrictEquals(yield* caught(future), error);
    const second = loop.createFuture<void>();
    second.setException(new TypeError("as it is"));
    assertEquals(yield* outcome(second), "TypeError(as it is)");
  },
);

both(
  "behaviour 20: what ends a generator by itself does not end one through a future",
  function* ({ loop }) {
    // The nearest thing to StopIteration: an error shaped as an iterator's end.
    const odd = Object.assign(new Error("odd"), { done: true, value: 1 });
    const future = loop.createFuture<void>();
    future.setException(odd);
    assertStrictEquals(yield* caught(future), odd);
  },
);

both(
  "behaviour 21: a cancelled future raises a fresh CancelledError each time",
  function* ({ loop }) {
    const future = loop.createFuture<void>();
    assertEquals(future.cancel("away"), true);
    assertEquals([future.cancelled(), future.done()], [true, true]);
    const errors = [
      assertThrows(() => future.result(), CancelledError),
      assertThrows(() => future.exception(), CancelledError),
      (yield* caught(future)) as CancelledError,
    ];
    assertEquals(errors.map((error) => error.args), [
      ["away"],
      ["away"],
      ["away"],
    ]);
    assertEquals(new Set(errors).size, 3);
    assertEquals(future.cancel(), false);
  },
);

both(
  "behaviour 21: asked too early or set twice, a future is an InvalidStateError",
  function* ({ loop }) {
    const future = loop.createFuture<number>();
    assertThrows(
      () => future.result(),
      InvalidStateError,
      "Result is not set.",
    );
    assertThrows(
      () => future.exception(),
      InvalidStateError,
      "Exception is not set.",
    );
    future.setResult(1);
    for (const done of [future, failed(new Error("x"))] as Future<number>[]) {
      assertThrows(() => done.setResult(2), InvalidStateError, "invalid state");
      assertThrows(
        () => done.setException(new Error("late")),
        InvalidStateError,
        "invalid state",
      );
      assertEquals(done.cancel(), false);
    }
    assertEquals(future.result(), 1);
    const cancelled = loop.createFuture<number>();
    cancelled.cancel();
    assertThrows(() => cancelled.setResult(1), InvalidStateError);
    yield sleep(0);
  },
);

it("a future's callback has to be a function", () =>
  runVirtual(function* ({ loop }) {
    const future = loop.createFuture<void>();
    assertThrows(
      () => future.addDoneCallback(null as unknown as () => void),
      TypeError,
      "function",
    );
    yield* sleep(0);
  }));

it("a future needs a loop: outside of one it must be given", async () => {
  const error = assertThrows(() => new Future<void>(), RuntimeError);
  assertEquals(error.message.includes("loop"), true);
  const { loop } = virtualLoop();
  const future = new Future<number>({ loop });
  assertStrictEquals(future.getLoop(), loop);
  loop.callSoon(() => future.setResult(3));
  assertEquals(await loop.runUntilComplete(future), 3);
  loop.close();
});

it("a callback that fails does not keep the others from running", () =>
  runVirtual(function* ({ loop, reports }) {
    const log: string[] = [];
    const error = new Error("in a callback");
    const future = loop.createFuture<void>();
    future.addDoneCallback(() => {
      throw error;
    });
    future.addDoneCallback(() => log.push("the next one"));
    future.setResult();
    yield* sleep(0);
    assertEquals(log, ["the next one"]);
    const [report] = reports.splice(0);
    assertStrictEquals(report?.exception, error);
    assertEquals(report?.message.startsWith("Exception in callback"), true);
  }));

both(
  "fairness: tasks that wait for one future wake in the order of their waiting",
  function* ({ co, loop }) {
    const log: number[] = [];
    const future = loop.createFuture<void>();
    const wait = co(function* (n: number) {
      yield future;
      log.push(n);
    });
    const tasks = [0, 1, 2].map((n) => createTask(wait(n)));
    yield sleep(0);
    future.addDoneCallback(() => log.push(3));
    tasks.push(...[4, 5].map((n) => createTask(wait(n))));
    yield sleep(0);
    future.setResult();
    yield gather(tasks);
    assertEquals(log, [0, 1, 2, 3, 4, 5]);
  },
);

both(
  "cancelling one of two tasks that wait for a future cancels it for the other",
  function* ({ co, loop }) {
    const future = loop.createFuture<void>();
    const wait = co(function* () {
      yield future;
    });
    const [a, b] = [createTask(wait()), createTask(wait())];
    yield sleep(0);
    a.cancel("shared");
    assertEquals(future.cancelled(), true);
    for (const task of [a, b]) {
      const error = yield* caught(task);
      assertEquals((error as CancelledError).args, ["shared"]);
      assertEquals(task.cancelled(), true);
    }
  },
);

both("text: a future shows its state and its outcome", function* ({ loop }) {
  const pending = loop.createFuture<unknown>();
  assertEquals(String(pending), "<Future pending>");
  const done = loop.createFuture<unknown>();
  done.setResult(7);
  assertEquals(String(done), "<Future finished result=7>");
  const long = loop.createFuture<unknown>();
  long.setResult("s".repeat(1000));
  assertEquals(String(long).length < 200, true);
  const cancelled = loop.createFuture<unknown>();
  cancelled.cancel("why");
  assertEquals(String(cancelled), "<Future cancelled>");
  const error = String(failed(new RangeError("bad")));
  assertEquals(error.startsWith("<Future finished exception="), true);
  assertEquals(/RangeError.*bad/.test(error), true);
  yield sleep(0);
});

both(
  "text: a future shows its callbacks and who waits, without going in circles",
  function* ({ co, loop }) {
    const future = loop.createFuture<void>();
    const task = createTask(
      co(function* wait() {
        yield future;
      })(),
      { name: "waiter" },
    );
    yield sleep(0);
    const texts = [String(future), String(task)];
    for (const text of texts) assertEquals(text.length < 300, true);
    assertEquals(texts[0]!.startsWith("<Future pending cb=["), true);
    const named = function tell(): void {};
    for (let i = 0; i < 3; i++) future.addDoneCallback(named);
    const text = String(future);
    assertEquals(text.includes("<2 more>"), true);
    assertEquals(/tell\(\).*\]>$/.test(text), true);
    future.setResult();
    yield task;
    assertEquals(String(future).includes("cb="), false);
  },
);

both(
  "text: a task shows its name, its coroutine and what it waits for, in order",
  function* ({ co, loop, spelling }) {
    const future = loop.createFuture<void>();
    const make = co(function* work() {
      yield future;
      return "value";
    });
    const task = createTask(make(), { name: "it's" });
    assertEquals(
      /^<Task pending name=.*it.*s.* coro=<.*work/.test(`${task}`),
      true,
    );
    yield sleep(0);
    const text = String(task);
    if (spelling === "generator") {
      assertEquals(
        /coro=<.*work.*> wait_for=<Future pending/.test(text),
        true,
        text,
      );
    }
    task.cancel();
    assertEquals(String(task).startsWith("<Task cancelling name="), true);
    yield* caught(task);
    assertEquals(String(task).startsWith("<Task cancelled name="), true);
    assertEquals(String(task).includes("wait_for"), false);
    const done = createTask(
      co(function* () {
        yield sleep(0);
        return 7;
      })(),
    );
    yield done;
    assertEquals(
      /^<Task finished name='Task-\d+' .*result=7>$/.test(`${done}`),
      true,
    );
  },
);

it(
  "text: gather's future, timeouts and console output are shown the same way",
  {
    // The consoles of browsers do not ask objects for their text.
    on: ["deno", "bun", "node"],
  },
  () =>
    runVirtual(function* ({ loop }) {
      const all = gather([sleep(0, 1)]);
      assertEquals(/^<_?GatheringFuture pending/.test(String(all)), true);
      yield* all;
      assertEquals(String(timeout(3)), "<Timeout [created]>");
      const future = loop.createFuture<void>() as Future<void> & {
        [key: symbol]: () => string;
      };
      const inspect = future[Symbol.for("nodejs.util.inspect.custom")]!;
      assertEquals(inspect.call(future), "<Future pending>");
    }),
);

it("isFuture tells futures and tasks from all else", () =>
  runVirtual(function* ({ loop }) {
    const task = createTask(sleep(0));
    assertEquals([loop.createFuture(), task].map(isFuture), [true, true]);
    const others = [Promise.resolve(), sleep(0), {}, null, undefined, 1, {
      then() {},
    }];
    assertEquals(others.some(isFuture), false);
    yield* task;
  }));

it("wrapFuture and ensureFuture return a future as it is, of the right loop only", () =>
  runVirtual(function* ({ loop }) {
    const future = loop.createFuture<void>();
    assertStrictEquals(wrapFuture(future), future);
    assertStrictEquals(ensureFuture(future), future);
    const other = virtualLoop().loop;
    assertThrows(
      () => ensureFuture(future, { loop: other }),
      RangeError,
      "The future belongs to a different loop than the one specified as the " +
        "loop argument",
    );
    other.close();
    const task = ensureFuture(sleep(0, "made"));
    assertNotStrictEquals(task as Future<unknown>, future);
    assertEquals(yield* task, "made");
    for (const wrong of [1, null, undefined, {}, "text"]) {
      assertThrows(() => ensureFuture(wrong as never), TypeError);
      assertThrows(() => wrapFuture(wrong as never), TypeError);
    }
    yield* sleep(0);
  }));
