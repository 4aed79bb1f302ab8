/** moveOnAfter() and moveOnAt(). */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertThrows,
} from "@std/assert";
import {
  CancelledError,
  type Coroutine,
  createTask,
  currentTask,
  MoveOn,
  moveOnAfter,
  moveOnAt,
  RuntimeError,
  sleep,
  TaskGroup,
  timeout,
  TimeoutError,
} from "../mod.ts";
import { it } from "./_harness.ts";
import { both, caught, outcome } from "./_spell.ts";

both("moveOnAfter() ends the block and goes on", function* ({ fn, loop }) {
  const log: string[] = [];
  const block = moveOnAfter(2);
  assertInstanceOf(block, MoveOn);
  assertEquals(block.expired(), false);
  const value: unknown = yield block.with(fn(function* (given: MoveOn) {
    assertEquals(given === block, true);
    try {
      yield sleep(9);
    } finally {
      log.push("cleaned up");
    }
    return "never";
  }));
  assertEquals([value, block.expired(), loop.time()], [undefined, true, 2]);
  assertEquals([log, currentTask()!.cancelling()], [["cleaned up"], 0]);
  yield sleep(1);
});

both(
  "moveOnAfter() gives what a body in time returns",
  function* ({ fn, loop }) {
    const block = moveOnAfter(2);
    const made = block.with(fn(function* () {
      yield sleep(1);
      return "in time";
    }));
    const typed: Coroutine<string | undefined> = made;
    assertEquals(yield typed, "in time");
    assertEquals([block.expired(), loop.time()], [false, 1]);
    yield sleep(5);
    assertEquals(currentTask()!.cancelling(), 0);
  },
);

both("a body that swallows the expiry keeps its result", function* ({ fn }) {
  const block = moveOnAfter(1);
  const value: unknown = yield block.with(fn(function* () {
    try {
      yield sleep(9);
    } catch {
      yield sleep(1);
    }
    return "kept on";
  }));
  assertEquals([value, block.expired()], ["kept on", true]);
  assertEquals(currentTask()!.cancelling(), 0);
});

both("an error of the body is raised, expired or not", function* ({ fn }) {
  for (const delay of [9, 0.5]) {
    const block = moveOnAfter(1);
    const error = yield* caught(block.with(fn(function* () {
      try {
        yield sleep(delay);
      } catch {
        // It is over, in time or not.
      }
      throw new RangeError("body");
    })));
    assertInstanceOf(error, RangeError);
    assertEquals(block.expired(), delay === 9);
    assertEquals(currentTask()!.cancelling(), 0);
  }
});

both("a cancel by somebody else is raised", function* ({ co, fn }) {
  for (const at of [0.5, 1, 1.5]) {
    const task = createTask(
      co(function* () {
        yield moveOnAfter(1).with(fn(function* () {
          try {
            yield sleep(9);
          } finally {
            yield sleep(1);
          }
        }));
      })(),
    );
    yield sleep(at);
    task.cancel("mine");
    assertInstanceOf(yield* caught(task), CancelledError, `${at}`);
    assert(task.cancelling() > 0);
  }
});

both("a TimeoutError of the body is not taken for its own", function* ({ fn }) {
  const block = moveOnAfter(5);
  const error = yield* caught(block.with(fn(function* () {
    yield timeout(1).with(fn(function* () {
      yield sleep(9);
    }));
  })));
  assertInstanceOf(error, TimeoutError);
  assertEquals(block.expired(), false);
});

both("blocks within blocks: the outer one ends both", function* ({ fn, loop }) {
  const outer = moveOnAfter(1);
  const inner = moveOnAfter(5);
  yield outer.with(fn(function* () {
    yield inner.with(fn(function* () {
      yield sleep(9);
    }));
    throw new Error("never reached");
  }));
  assertEquals([outer.expired(), inner.expired()], [true, false]);
  assertEquals(loop.time(), 1);
});

both("a task group in it is cancelled as a whole", function* ({ co, fn }) {
  const log: string[] = [];
  const block = moveOnAfter(1);
  yield block.with(fn(function* () {
    yield new TaskGroup().with(fn(function* (group: TaskGroup) {
      group.createTask(
        co(function* () {
          try {
            yield sleep(9);
          } finally {
            log.push("child");
          }
        })(),
      );
    }));
  }));
  assertEquals([log, block.expired()], [["child"], true]);
  assertEquals(currentTask()!.cancelling(), 0);
});

both("reschedule() moves the time, null is never", function* ({ fn, loop }) {
  const block = moveOnAfter(null);
  assertEquals(block.when(), null);
  yield block.with(fn(function* () {
    yield sleep(3);
    block.reschedule(loop.time() + 1);
    assertEquals(block.when(), 4);
    yield sleep(9);
  }));
  assertEquals([loop.time(), block.expired()], [4, true]);
});

both(
  "moveOnAt() takes the loop's time; one in the past ends at once",
  function* ({ fn, loop }) {
    const block = moveOnAt(loop.time() + 1);
    yield block.with(fn(function* () {
      yield sleep(9);
    }));
    assertEquals(loop.time(), 1);
    const past = moveOnAt(0);
    let reached = false;
    yield past.with(fn(function* () {
      yield sleep(0);
      yield sleep(1);
      reached = true;
    }));
    assertEquals([loop.time(), past.expired(), reached], [1, true, false]);
  },
);

both("a block is entered once, and in a task", function* ({ fn }) {
  const block = moveOnAfter(1);
  assert(`${block}`.startsWith("<MoveOn [created]>"), `${block}`);
  yield block.with(fn(function* () {
    assert(`${block}`.startsWith("<MoveOn [active] when="), `${block}`);
    assertEquals(
      yield* outcome(block.with(() => 1)),
      "RuntimeError(Timeout has already been entered)",
    );
  }));
  assertThrows(() => block.reschedule(1), RuntimeError);
});

it("bad input is a TypeError", () => {
  const block = moveOnAt(1);
  for (const body of [undefined, 5, Promise.resolve()]) {
    assertThrows(
      () => (block.with as (body: unknown) => unknown).call(block, body),
      TypeError,
      `with() needs a function as its body, got ${typeof body}`,
    );
  }
  assertThrows(() => moveOnAt("1" as never), TypeError, "a number of seconds");
  assertThrows(() => moveOnAfter("1" as never), TypeError, "a number of");
  assertThrows(() => moveOnAfter(1), RuntimeError, "no running event loop");
});
