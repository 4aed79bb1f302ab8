/** Tasks: cancellation, and exits. */
import {
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  CancelledError,
  createTask,
  currentTask,
  KeyboardInterrupt,
  sleep,
  SystemExit,
} from "../mod.ts";
import { it } from "./_harness.ts";
import { both, caught, outcome, spell, SPELLINGS } from "./_spell.ts";
import { finish, virtualLoop } from "./_virtual.ts";

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
    const task = createTask(
      co(function* () {
        yield sleep(1);
      })(),
    );
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
    const task = createTask(
      co(function* () {
        log.push(yield future);
      })(),
    );
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
    const task = createTask(
      co(function* () {
        yield future;
      })(),
    );
    yield sleep(0);
    future.setException(new Error("dropped"));
    task.cancel();
    assertInstanceOf(yield* caught(task), CancelledError);
  },
);

both(
  "behaviour 4: a task that cancels itself and returns ends cancelled",
  function* ({ co }) {
    const task = createTask(
      co(function* () {
        currentTask()!.cancel("own wish");
        return yield* [];
      })(),
    );
    const error = yield* caught(task);
    assertInstanceOf(error, CancelledError);
    assertEquals(error.args, ["own wish"]);
    assertEquals(task.cancelled(), true);
  },
);

both(
  "behaviour 4: a task that cancels itself and fails ends with its error",
  function* ({ co }) {
    const task = createTask(
      co(function* () {
        currentTask()!.cancel();
        yield* [];
        throw new RangeError("its own");
      })(),
    );
    assertEquals(yield* outcome(task), "RangeError(its own)");
    assertEquals(task.cancelled(), false);
  },
);

both(
  "behaviour 5: cancelling a parent cancels its child and waits for its end",
  function* ({ co, loop }) {
    const log: unknown[] = [];
    const child = createTask(
      co(function* () {
        try {
          yield sleep(100);
        } finally {
          log.push(`child cleans up at ${loop.time()}`);
          yield sleep(5);
        }
      })(),
    );
    const parent = createTask(
      co(function* () {
        try {
          yield child;
        } finally {
          log.push(`parent ends at ${loop.time()}`);
        }
      })(),
    );
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
    const child = createTask(
      co(function* () {
        try {
          yield sleep(100);
        } catch {
          yield sleep(1);
        }
        return "kept on";
      })(),
    );
    const parent = createTask(
      co(function* () {
        const value: string = yield child;
        yield sleep(0);
        return `${value}, ${currentTask()!.cancelling()} asked`;
      })(),
    );
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
    const task = createTask(
      co(function* () {
        try {
          yield sleep(1);
        } catch (error) {
          seen.push((error as CancelledError).args);
          throw error;
        }
      })(),
    );
    const parent = createTask(
      co(function* () {
        yield task;
      })(),
    );
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
    const task = createTask(
      co(function* () {
        yield sleep(0);
        throw thrown;
      })(),
    );
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
