/** wait: what it takes, when it returns, what it leaves alone. */
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import {
  CancelledError,
  createTask,
  FIRST_COMPLETED,
  FIRST_EXCEPTION,
  sleep,
  wait,
  type WaitOptions,
} from "../mod.ts";
import { type Body, both, caught, outcome } from "./_spell.ts";

/** Sleeps, then returns or throws. */
function* ends(after: number, how: unknown): Body<unknown> {
  yield sleep(after);
  if (how instanceof Error) throw how;
  return how;
}

both(
  "behaviour 29: wait refuses coroutines, nothing, one future, a wrong returnWhen",
  function* ({ co }) {
    const make = co(ends);
    const task = createTask(make(0, 1));
    const coroutines = "Passing coroutines is forbidden, use tasks explicitly.";
    const refused: [unknown, typeof Error, string, WaitOptions?][] = [
      [[make(0, 1)], TypeError, coroutines],
      [[task, make], TypeError, coroutines],
      [[], RangeError, "Set of Tasks/Futures is empty."],
      [new Set(), RangeError, "Set of Tasks/Futures is empty."],
      [task, TypeError, "expect a list of futures, not Task"],
      [make(0, 1), TypeError, "expect a list of futures, not Coroutine"],
      [make, TypeError, "expect a list of futures"],
      [null, TypeError, "expect a list of futures"],
      [[Promise.resolve()], TypeError, "wrapFuture(promise)"],
      [[1], TypeError, "futures"],
      [[task], RangeError, "Invalid return_when value: SOON", {
        returnWhen: "SOON" as never,
      }],
    ];
    for (const [fs, Class, text, options] of refused) {
      const error = yield* caught(wait(fs as never, options));
      assertInstanceOf(error, Class);
      assert(error.message.includes(text), error.message);
    }
    yield task;
  },
);

both(
  "behaviour 29: a timeout of wait cancels nothing",
  function* ({ co, loop }) {
    const make = co(ends);
    const tasks = [1, 3, 5].map((n) => createTask(make(n, n)));
    const { done, pending } = yield wait(tasks, { timeout: 3.5 });
    assertEquals(loop.time(), 3.5);
    assertEquals([...done], tasks.slice(0, 2));
    assertEquals([...pending], tasks.slice(2));
    assertEquals(tasks[2]!.cancelling(), 0);
    assertEquals(yield tasks[2], 5);
    const now = yield wait(tasks, { timeout: 0 });
    assertEquals([now.done.size, now.pending.size, loop.time()], [3, 0, 5]);
  },
);

both(
  "behaviour 29: FIRST_EXCEPTION waits on when a future is cancelled",
  function* ({ co, loop }) {
    const make = co(ends);
    const tasks = [
      createTask(make(9, "x")),
      createTask(make(2, new Error("counts"))),
      createTask(make(5, "z")),
    ];
    yield sleep(0);
    loop.callLater(1, () => tasks[0]!.cancel());
    const { done, pending } = yield wait(tasks, {
      returnWhen: FIRST_EXCEPTION,
    });
    assertEquals(loop.time(), 2);
    assertEquals([...done], tasks.slice(0, 2));
    assertEquals([...pending], tasks.slice(2));
    yield* outcome(tasks[1]);
    // Without an error it is as ALL_COMPLETED.
    yield wait([tasks[2]!], { returnWhen: FIRST_EXCEPTION });
    assertEquals(loop.time(), 5);
  },
);

both(
  "behaviour 29: FIRST_COMPLETED, all kinds of iterables, the same one twice",
  function* ({ co, loop }) {
    const make = co(ends);
    const [a, b] = [createTask(make(1, "a")), createTask(make(2, "b"))];
    for (
      const fs of [[a, b, a], new Set([a, b]), new Map([[a, b], [b, a]]).keys()]
    ) {
      const { done, pending } = yield wait(fs, { returnWhen: FIRST_COMPLETED });
      assertEquals([loop.time(), done.size, pending.size], [1, 1, 1]);
      assertEquals(done.has(a), true);
    }
    yield b;
  },
);

both(
  "wait: cancelled while it waits, it leaves the futures and its callbacks gone",
  function* ({ co, loop }) {
    const future = loop.createFuture<void>();
    const waiting = createTask(
      co(function* () {
        yield wait([future], { timeout: 50 });
      })(),
    );
    yield sleep(1);
    waiting.cancel();
    yield* caught(waiting);
    assertEquals([future.done(), String(future)], [false, "<Future pending>"]);
    // Nor does its timer hold anything up.
    assertEquals(loop.time(), 1);
  },
);

both(
  "wait: cancelled after it was woken, the cancel wins",
  function* ({ co, loop }) {
    const future = loop.createFuture<void>();
    const waiting = createTask(
      co(function* () {
        yield wait([future]);
        return "done";
      })(),
    );
    yield sleep(0);
    future.setResult();
    loop.callSoon(() => waiting.cancel());
    assertInstanceOf(yield* caught(waiting), CancelledError);
  },
);
