/** staggeredRace(): attempts that start one after another. */
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
  createTask,
  currentTask,
  eagerTaskFactory,
  ExceptionGroup,
  RuntimeError,
  sleep,
  staggeredRace,
  type StaggeredRaceResult,
  SystemExit,
  Task,
} from "../mod.ts";
import { it } from "./_harness.ts";
import { both, caught, inSpelling, type Spelled } from "./_spell.ts";
import { virtualLoop } from "./_virtual.ts";

/** What an attempt does: waits, then returns its index or raises. */
interface Plan {
  readonly seconds?: number;
  readonly fails?: boolean;
}

/** Attempts to a plan, that tell when they start and end. */
function attempts(
  { fn, loop }: Spelled,
  plans: readonly Plan[],
  log: string[] = [],
): (() => Promise<string>)[] {
  return plans.map(({ seconds = 0, fails = false }, i) =>
    fn(function* () {
      log.push(`${i} starts at ${loop.time()}`);
      try {
        if (seconds > 0) yield sleep(seconds);
      } catch (error) {
        log.push(`${i} cancelled at ${loop.time()}`);
        throw error;
      }
      if (fails) throw new RangeError(`${i} failed`);
      return `result ${i}`;
    })
  );
}

/** A race's result with its exceptions as text. */
function shown(
  [result, index, exceptions]: StaggeredRaceResult<unknown>,
): unknown[] {
  return [
    result,
    index,
    exceptions.map((e) => e === null ? null : (e as Error).constructor.name),
  ];
}

both(
  "behaviour 75: without attempts the result is null, null and no exceptions",
  function* () {
    for (const delay of [null, 0, 1]) {
      assertEquals(yield staggeredRace([], delay), [null, null, []]);
    }
  },
);

both(
  "behaviour 75: the first that succeeds wins; those not started have no entry",
  function* (t) {
    const log: string[] = [];
    const race = staggeredRace(attempts(t, [{}, {}, {}], log), null);
    assertEquals(yield race, ["result 0", 0, [null]]);
    assertEquals(log, ["0 starts at 0"]);
  },
);

both(
  "behaviour 75: a failure starts the next attempt, which may win",
  function* (t) {
    const plans = [{ fails: true }, { seconds: 1, fails: true }, {}, {}];
    const log: string[] = [];
    const result = yield staggeredRace(attempts(t, plans, log), 10);
    assertEquals(shown(result), [
      "result 2",
      2,
      ["RangeError", "RangeError", null],
    ]);
    assertEquals(log, ["0 starts at 0", "1 starts at 0", "2 starts at 1"]);
  },
);

both(
  "behaviour 75: where all fail there is no winner and each has its error",
  function* (t) {
    const plans = [{ seconds: 2, fails: true }, { seconds: 2, fails: true }];
    for (const delay of [null, 1]) {
      const result: StaggeredRaceResult<string> = yield staggeredRace(
        attempts(t, plans),
        delay,
      );
      assertEquals(shown(result), [null, null, ["RangeError", "RangeError"]]);
      assertEquals((result[2][1] as Error).message, "1 failed");
    }
    assertEquals(t.loop.time(), 4 + 3);
  },
);

both(
  "behaviour 75: after the delay the next starts beside; losers are cancelled",
  function* (t) {
    const plans = [{ seconds: 10 }, { seconds: 10 }, { seconds: 1 }, {}];
    const log: string[] = [];
    const result = yield staggeredRace(attempts(t, plans, log), 2);
    assertEquals(shown(result), [
      "result 2",
      2,
      ["CancelledError", "CancelledError", null],
    ]);
    assertEquals(log, [
      "0 starts at 0",
      "1 starts at 2",
      "2 starts at 4",
      "0 cancelled at 5",
      "1 cancelled at 5",
    ]);
    assertEquals(allTasks(), new Set([currentTask()!]));
  },
);

both(
  "behaviour 75: losers are awaited, however long they clean up",
  function* ({ fn, loop }) {
    let cleaned = false;
    const result = yield staggeredRace([
      fn(function* () {
        try {
          yield sleep(60);
        } finally {
          yield sleep(3);
          cleaned = true;
        }
        return "never";
      }),
      fn(function* () {
        yield sleep(0);
        return "won";
      }),
    ], 1);
    assertEquals(shown(result), ["won", 1, ["CancelledError", null]]);
    assertEquals([cleaned, loop.time()], [true, 4]);
  },
);

both("with a delay of 0 all start, one iteration apart", function* (t) {
  const log: string[] = [];
  const plans = [{ seconds: 3 }, { seconds: 2 }, { seconds: 1 }];
  const result = yield staggeredRace(attempts(t, plans, log), 0);
  assertEquals(shown(result), [
    "result 2",
    2,
    ["CancelledError", "CancelledError", null],
  ]);
  assertEquals(log.slice(0, 3), [
    "0 starts at 0",
    "1 starts at 0",
    "2 starts at 0",
  ]);
});

both("a winner that returns null or undefined is told by index", function* (t) {
  const nothing = t.fn(function* () {
    return null;
  });
  assertEquals(yield staggeredRace([nothing], null), [null, 0, [null]]);
});

both(
  "cancelling the race cancels the attempts, waits for them, and raises",
  function* (t) {
    const log: string[] = [];
    const plans = [{ seconds: 60 }, { seconds: 60 }, {}];
    const race = createTask(staggeredRace(attempts(t, plans, log), 1));
    t.loop.callLater(1.5, () => race.cancel("enough"));
    const error = yield* caught(race);
    assertInstanceOf(error, CancelledError);
    assertEquals(error.message, "enough");
    assertEquals(log, [
      "0 starts at 0",
      "1 starts at 1",
      "0 cancelled at 1.5",
      "1 cancelled at 1.5",
    ]);
    assertEquals(allTasks(), new Set([currentTask()!]));
  },
);

both(
  "a race that is cancelled twice still leaves nothing running",
  function* ({ fn, loop }) {
    const log: string[] = [];
    const stubborn = fn(function* () {
      for (const seconds of [60, 5]) {
        try {
          yield sleep(seconds);
        } catch (error) {
          log.push(`${(error as Error).message} at ${loop.time()}`);
        }
      }
      throw new RangeError("gave up");
    });
    const race = createTask(staggeredRace([stubborn], null));
    for (const at of [1, 2]) loop.callLater(at, () => race.cancel(`c${at}`));
    const error = yield* caught(race);
    assertInstanceOf(error, CancelledError);
    assertEquals([error.message, log], ["c2", ["c1 at 1", "c2 at 2"]]);
    assertEquals(allTasks().size, 1);
  },
);

both("a race cancelled before or as its first attempt starts", function* (t) {
  for (const turns of [0, 1, 2]) {
    const log: string[] = [];
    const race = createTask(
      staggeredRace(attempts(t, [{ seconds: 60 }, {}], log), 30),
    );
    for (let i = 0; i < turns; i++) yield sleep(0);
    race.cancel();
    assertInstanceOf(yield* caught(race), CancelledError);
    assertEquals(
      log,
      turns === 0 ? [] : ["0 starts at 0", "0 cancelled at 0"],
    );
    assertEquals(allTasks(), new Set([currentTask()!]));
  }
});

both(
  "a loser that catches its cancel and returns is reported as a mistake",
  function* ({ fn }) {
    const error = yield* caught(staggeredRace([
      fn(function* () {
        try {
          yield sleep(60);
        } catch { /* the mistake */ }
        return "also";
      }),
      fn(function* () {
        yield sleep(0);
        return "won";
      }),
    ], 1));
    assertInstanceOf(error, ExceptionGroup);
    assert(error.message.startsWith("staggered race failed"), error.message);
    assertInstanceOf(error.errors[0], RuntimeError);
    assert(error.errors[0].message.includes("two winners"));
    assertEquals(allTasks().size, 1);
  },
);

both(
  "an attempt that is no coroutine function counts as failed",
  function* (t) {
    const result: StaggeredRaceResult<string> = yield staggeredRace(
      [5 as never, (() => "plain") as never, ...attempts(t, [{}])],
      null,
    );
    assertEquals(shown(result), ["result 0", 2, [
      "TypeError",
      "TypeError",
      null,
    ]]);
  },
);

both(
  "attempts are taken from the iterable when their turn comes",
  function* (t) {
    const taken: number[] = [];
    function* lazily() {
      for (const [i, fn] of attempts(t, [{ fails: true }, {}, {}]).entries()) {
        taken.push(i);
        yield fn;
      }
    }
    const result = yield staggeredRace(lazily(), null);
    assertEquals(shown(result), ["result 1", 1, ["RangeError", null]]);
    assertEquals(taken, [0, 1]);
  },
);

both("an iterable that throws fails the race", function* (t) {
  const failure = new Error("no more");
  function* broken() {
    yield attempts(t, [{ fails: true }])[0]!;
    throw failure;
  }
  const error = yield* caught(staggeredRace(broken(), null));
  assertInstanceOf(error, ExceptionGroup);
  assertStrictEquals(error.errors[0], failure);
});

both("the context's current task is the attempt's own", function* ({ fn }) {
  const outer = currentTask();
  const [inner] = yield staggeredRace([
    fn(function* () {
      // Boxed: returned as it is, a task would be awaited.
      return [currentTask()];
    }),
  ], null);
  assertInstanceOf(inner[0], Task);
  assert(inner[0] !== outer);
});

both("the winner is not cancelled, nor is its signal aborted", function* (t) {
  const signals: AbortSignal[] = [];
  const race = t.fn(function* () {
    signals.push(currentTask()!.signal);
    yield sleep(1 + signals.length % 2);
    return currentTask()!.cancelling();
  });
  const result = yield staggeredRace([race, race], 0);
  assertEquals(shown(result), [0, 1, ["CancelledError", null]]);
  assertEquals(signals.map(({ aborted }) => aborted), [true, false]);
});

inSpelling("generator", "eager tasks race alike", function* (t) {
  t.loop.setTaskFactory(eagerTaskFactory);
  const log: string[] = [];
  const plans = [{ fails: true }, { seconds: 5 }, { seconds: 1 }];
  const race = createTask(staggeredRace(attempts(t, plans, log), 1));
  // Not inside the call: an attempt must be known before it can win or fail.
  assertEquals(log, []);
  const result = yield race;
  assertEquals(shown(result), [
    "result 2",
    2,
    ["RangeError", "CancelledError", null],
  ]);
  assertEquals(log, [
    "0 starts at 0",
    "1 starts at 0",
    "2 starts at 1",
    "1 cancelled at 2",
  ]);
});

both("a loop may be given", function* (t) {
  assertEquals(
    yield staggeredRace(attempts(t, [{}]), null, { loop: t.loop }),
    ["result 0", 0, [null]],
  );
});

it("SystemExit of an attempt ends the run", async () => {
  const { loop } = virtualLoop();
  const error = await loop.runUntilComplete(
    staggeredRace([async () => {
      throw new SystemExit(3);
    }], null),
  ).catch((error) => error);
  assertInstanceOf(error, SystemExit);
  // What is left ends when the loop goes on.
  const left = [...allTasks(loop)];
  for (const task of left) task.cancel();
  const ended = await loop.runUntilComplete(
    (async () => await Promise.allSettled(left))(),
  );
  assertEquals(ended.map(({ status }) => status), ended.map(() => "rejected"));
  loop.close();
});

it("what is no iterable of coroutine functions is refused", () => {
  const wrong = [null, undefined, 5, {}, async () => 1, sleep(1)];
  for (const value of wrong) {
    assertThrows(
      () => staggeredRace(value as never, null),
      TypeError,
      "an iterable of coroutine functions is needed",
    );
  }
});

it("a delay that is no number is refused", () => {
  for (const delay of ["1", undefined, {}]) {
    assertThrows(
      () => staggeredRace([], delay as never),
      TypeError,
      "a number of seconds or null is needed as the delay, got " + typeof delay,
    );
  }
});

both("an attempt that is no function is a failed one", function* () {
  const wrong = [5, sleep(1), Promise.resolve()];
  const [winner, index, exceptions]: StaggeredRaceResult<unknown> =
    yield staggeredRace(wrong as never, null);
  assertEquals([winner, index], [null, null]);
  assertEquals(
    exceptions.map((error) => (error as Error).message.split(", got ")),
    ["5", "<coroutine sleep>", "<Promise object>"].map((got) => [
      "Cannot make an attempt: a coroutine function is needed, as in () => ask()",
      got,
    ]),
  );
});
