/** Queue and LifoQueue: who is served when, and that nothing is lost. */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertThrows,
} from "@std/assert";
import {
  CancelledError,
  createTask,
  gather,
  getRunningLoop,
  LifoQueue,
  Queue,
  QueueEmpty,
  QueueFull,
  run,
  sleep,
  type Task,
  TimeoutError,
  waitFor,
} from "../mod.ts";
import { it } from "./_harness.ts";
import { both, caught, type Spelled } from "./_spell.ts";

/** Tasks that each take one item and tell who got what. */
function takers(
  { co }: Spelled,
  queue: Queue<string>,
  names: readonly string[],
  log: string[],
): Task<void>[] {
  const take = co(function* (name: string) {
    const item: string = yield queue.get();
    log.push(`${name} got ${item}`);
  });
  return names.map((name) => createTask(take(name)));
}

/** Tasks that each put their own name. */
function putters(
  { co }: Spelled,
  queue: Queue<string>,
  names: readonly string[],
  log: string[],
): Task<void>[] {
  const put = co(function* (name: string) {
    yield queue.put(name);
    log.push(`${name} put`);
  });
  return names.map((name) => createTask(put(name)));
}

both("items come out in the order in which they went in", function* () {
  const queue = new Queue<number>();
  const out: number[] = [];
  // More than the ring's first sizes, and wrapping around its end.
  let next = 0;
  for (const count of [3, 40, 200, 7]) {
    for (let i = 0; i < count; i++) yield queue.put(next++);
    for (let i = 0; i < count - 2; i++) out.push(yield queue.get());
  }
  while (!queue.empty()) out.push(queue.getNowait());
  assertEquals(out, Array.from({ length: next }, (_, i) => i));
});

both("a LifoQueue gives the newest first", function* () {
  const queue = new LifoQueue<number>(3);
  for (const n of [1, 2, 3]) yield queue.put(n);
  assert(queue.full());
  assertEquals([yield queue.get(), yield queue.get()], [3, 2]);
  yield queue.put(4);
  assertEquals([queue.getNowait(), queue.getNowait()], [4, 1]);
});

both("undefined, null and NaN are items like others", function* () {
  for (const queue of [new Queue<unknown>(), new LifoQueue<unknown>()]) {
    for (const item of [undefined, null, Number.NaN]) {
      yield queue.put(item);
      assertEquals(queue.qsize(), 1);
      assertEquals(yield queue.get(), item);
    }
  }
});

both(
  "get and put that need not wait do not let others run",
  function* ({ co }) {
    const queue = new Queue<number>(2);
    let others = 0;
    const other = createTask(
      co(function* () {
        others++;
        yield sleep(0);
      })(),
    );
    for (let i = 0; i < 10; i++) {
      yield queue.put(i);
      assertEquals(yield queue.get(), i);
    }
    yield new Queue().join();
    assertEquals(others, 0);
    yield other;
  },
);

both("nothing happens before a call is awaited", function* () {
  const queue = new Queue<number>();
  const put = queue.put(1);
  const get = queue.get();
  yield sleep(0);
  assertEquals(queue.qsize(), 0);
  yield put;
  assertEquals(yield get, 1);
});

both("getters are served first come first served", function* (t) {
  const queue = new Queue<string>();
  const log: string[] = [];
  const tasks = takers(t, queue, ["a", "b", "c"], log);
  yield sleep(0);
  assertEquals(queue.statistics().tasksWaitingGet, 3);
  for (const item of ["1", "2", "3"]) queue.putNowait(item);
  assertEquals(log, []);
  yield gather(tasks);
  assertEquals(log, ["a got 1", "b got 2", "c got 3"]);
});

both("putters are served first come first served", function* (t) {
  const queue = new Queue<string>(1);
  const log: string[] = [];
  const tasks = putters(t, queue, ["a", "b", "c"], log);
  const out: string[] = [];
  for (let i = 0; i < 3; i++) {
    yield sleep(0);
    yield sleep(0);
    out.push(queue.getNowait());
  }
  yield gather(tasks);
  assertEquals(out, ["a", "b", "c"]);
  assertEquals(log, ["a put", "b put", "c put"]);
});

both(
  "who comes while an item lies there takes it, and the woken one waits on",
  function* (t) {
    // As in CPython: no hand-over, so that a queue never holds an item back.
    const queue = new Queue<string>();
    const log: string[] = [];
    const [a, b] = takers(t, queue, ["a", "b"], log);
    yield sleep(0);
    queue.putNowait("1");
    assertEquals(queue.getNowait(), "1");
    yield sleep(0);
    yield sleep(0);
    assertEquals(log, []);
    // It has lost its place: it queues behind the other one now.
    queue.putNowait("2");
    queue.putNowait("3");
    yield gather([a!, b!]);
    assertEquals(log, ["b got 2", "a got 3"]);
  },
);

both(
  "behaviour 47: cancelling a woken getter passes the item to the next",
  function* (t) {
    const queue = new Queue<string>();
    const log: string[] = [];
    const [a, b] = takers(t, queue, ["a", "b"], log);
    yield sleep(0);
    queue.putNowait("x");
    a!.cancel("too late");
    const error = yield* caught(a!);
    assertInstanceOf(error, CancelledError);
    assertEquals(error.message, "too late");
    yield b!;
    assertEquals(log, ["b got x"]);
    assertEquals([queue.qsize(), queue.statistics().tasksWaitingGet], [0, 0]);
  },
);

both(
  "behaviour 47: cancelling a woken putter passes the room to the next",
  function* (t) {
    const queue = new Queue<string>(1);
    queue.putNowait("first");
    const log: string[] = [];
    const [a, b] = putters(t, queue, ["a", "b"], log);
    yield sleep(0);
    assertEquals(queue.getNowait(), "first");
    a!.cancel();
    assertInstanceOf(yield* caught(a!), CancelledError);
    yield b!;
    assertEquals([log, queue.getNowait()], [["b put"], "b"]);
  },
);

both(
  "behaviour 47: with nobody next the item stays",
  function* (t) {
    const queue = new Queue<string>();
    const [a] = takers(t, queue, ["a"], []);
    yield sleep(0);
    queue.putNowait("x");
    a!.cancel();
    yield* caught(a!);
    assertEquals(queue.getNowait(), "x");
  },
);

both(
  "behaviour 47: nothing is lost when a get times out as the item comes",
  function* ({ loop }) {
    for (const first of ["the item", "the timeout"]) {
      const queue = new Queue<string>();
      const at = loop.time() + 1;
      if (first === "the item") loop.callAt(at, () => queue.putNowait("x"));
      const error = yield* caught(waitFor(queue.get(), 1));
      if (first === "the timeout") queue.putNowait("x");
      assertInstanceOf(error, TimeoutError, first);
      assertEquals(queue.getNowait(), "x", first);
      assertEquals(queue.statistics().tasksWaitingGet, 0);
    }
  },
);

both("cancelling one who waits leaves the others their order", function* (t) {
  const queue = new Queue<string>();
  const log: string[] = [];
  const names = ["a", "b", "c", "d", "e"];
  const tasks = takers(t, queue, names, log);
  yield sleep(0);
  for (const i of [0, 2, 4]) tasks[i]!.cancel();
  yield sleep(0);
  assertEquals(queue.statistics().tasksWaitingGet, 2);
  for (const item of ["1", "2", "3"]) queue.putNowait(item);
  yield gather(tasks, { returnExceptions: true });
  assertEquals([log, queue.qsize()], [["b got 1", "d got 2"], 1]);

  const full = new Queue<string>(1);
  full.putNowait("0");
  log.length = 0;
  const putting = putters(t, full, names, log);
  yield sleep(0);
  for (const i of [0, 2, 4]) putting[i]!.cancel();
  yield sleep(0);
  assertEquals(full.statistics().tasksWaitingPut, 2);
  const out: string[] = [];
  for (let i = 0; i < 3; i++) out.push(yield full.get());
  yield gather(putting, { returnExceptions: true });
  assertEquals([log, out], [["b put", "d put"], ["0", "b", "d"]]);
});

both("a coroutine that is closed while it waits leaves the line", function* () {
  const queue = new Queue<string>();
  const steps = queue.get()[Symbol.iterator]();
  steps.next();
  assertEquals(queue.statistics().tasksWaitingGet, 1);
  steps.return?.();
  assertEquals(queue.statistics().tasksWaitingGet, 0);
  const woken = queue.get()[Symbol.iterator]();
  const next = queue.get()[Symbol.iterator]();
  woken.next();
  next.next();
  queue.putNowait("x");
  // It was given the turn: the one behind it has that now.
  woken.return?.();
  assertEquals(next.next(), { done: true, value: "x" });
});

both("a busy producer does not starve the consumers", function* ({ co }) {
  const queue = new Queue<number>(2);
  const counts = [0, 0, 0];
  const consumers = counts.map((_, i) =>
    createTask(
      co(function* () {
        for (;;) {
          yield queue.get();
          counts[i]!++;
        }
      })(),
    )
  );
  for (let i = 0; i < 300; i++) yield queue.put(i);
  for (const count of counts) assert(count > 50, `${counts}`);
  for (const task of consumers) task.cancel();
  yield gather(consumers, { returnExceptions: true });
});

both("bounded producers and consumers move every item once", function* (t) {
  for (const Kind of [Queue, LifoQueue]) {
    const queue = new Kind<number>(3);
    const got: number[] = [];
    let most = 0;
    const produce = t.co(function* (from: number) {
      for (let i = 0; i < 50; i++) {
        yield queue.put(from + i);
        most = Math.max(most, queue.qsize());
        if (i % 7 === 0) yield sleep(0);
      }
    });
    const consume = t.co(function* () {
      for (;;) {
        got.push(yield queue.get());
        queue.taskDone();
        if (got.length % 5 === 0) yield sleep(0.01);
      }
    });
    const consumers = [1, 2, 3].map(() => createTask(consume()));
    yield gather([0, 100, 200].map(produce));
    yield queue.join();
    for (const task of consumers) task.cancel();
    yield gather(consumers, { returnExceptions: true });
    const all = [0, 100, 200].flatMap((from) =>
      Array.from({ length: 50 }, (_, i) => from + i)
    );
    assertEquals(got.toSorted((a, b) => a - b), all);
    assertEquals(most, 3);
  }
});

both("putNowait and getNowait wake who waits", function* (t) {
  const queue = new Queue<string>(1);
  assertThrows(() => queue.getNowait(), QueueEmpty);
  queue.putNowait("x");
  assertThrows(() => queue.putNowait("y"), QueueFull);
  const log: string[] = [];
  const [task] = putters(t, queue, ["z"], log);
  yield sleep(0);
  assertEquals([queue.getNowait(), log], ["x", []]);
  // There is room, and the one who was woken has yet to take it.
  assertEquals([queue.full(), queue.empty()], [false, true]);
  yield task!;
  assertEquals(queue.getNowait(), "z");
});

both("join waits until all work is reported", function* ({ co }) {
  const queue = new Queue<number>();
  const log: string[] = [];
  const join = co(function* (name: string) {
    yield queue.join();
    log.push(name);
  });
  // Nothing was ever put: it does not wait.
  yield join("empty");
  for (let i = 0; i < 3; i++) queue.putNowait(i);
  const tasks = [createTask(join("a")), createTask(join("b"))];
  yield sleep(0);
  for (let i = 0; i < 3; i++) queue.getNowait();
  assertEquals(queue.statistics(), {
    size: 0,
    maxsize: 0,
    unfinished: 3,
    isShutdown: false,
    tasksWaitingGet: 0,
    tasksWaitingPut: 0,
    tasksWaitingJoin: 2,
  });
  queue.taskDone();
  queue.taskDone();
  yield sleep(0);
  assertEquals(log, ["empty"]);
  queue.taskDone();
  // New work does not hold back those whom the last report has woken.
  queue.putNowait(4);
  yield gather(tasks);
  assertEquals(log, ["empty", "a", "b"]);
});

both("join that is cancelled leaves the other joiners waiting", function* (t) {
  const queue = new Queue<number>();
  queue.putNowait(1);
  const join = t.co(function* () {
    yield queue.join();
  });
  const [a, b] = [createTask(join()), createTask(join())];
  yield sleep(0);
  a.cancel();
  assertInstanceOf(yield* caught(a), CancelledError);
  assertEquals(queue.statistics().tasksWaitingJoin, 1);
  queue.taskDone();
  b.cancel();
  assertInstanceOf(yield* caught(b), CancelledError);
});

both("its text and its statistics show how it stands", function* (t) {
  const queue = new Queue<string>(2);
  assertEquals(`${queue}`, "<Queue maxsize=2>");
  queue.putNowait("a");
  queue.putNowait("b");
  const tasks = putters(t, queue, ["c", "d"], []);
  yield sleep(0);
  assertEquals(
    `${queue}`,
    "<Queue maxsize=2 _queue=['a', 'b'] _putters[2] tasks=2>",
  );
  assert(Object.isFrozen(queue.statistics()));
  assertEquals(queue.statistics().tasksWaitingPut, 2);
  for (let i = 0; i < 4; i++) yield queue.get();
  const getting = takers(t, queue, ["e"], []);
  yield sleep(0);
  assertEquals(`${queue}`, "<Queue maxsize=2 _getters[1] tasks=4>");
  queue.shutdown();
  assertEquals(`${queue}`, "<Queue maxsize=2 tasks=4 shutdown>");
  yield gather([...tasks, ...getting], { returnExceptions: true });
  const wrapped = new Queue<number>();
  for (let i = 0; i < 24; i++) {
    wrapped.putNowait(i);
    if (i < 20) wrapped.getNowait();
  }
  assert(`${wrapped}`.includes("_queue=[20, 21, 22, 23]"), `${wrapped}`);
  const long = new LifoQueue<number>();
  for (let i = 0; i < 30; i++) long.putNowait(i);
  assert(`${long}`.includes("18, 19, ...] tasks=30"), `${long}`);
});

both("a subclass may keep its items in another way", function* () {
  class Unique extends Queue<string> {
    readonly #items = new Set<string>();
    override qsize(): number {
      return this.#items.size;
    }
    protected override _put(item: string): void {
      this.#items.add(item);
    }
    protected override _get(): string {
      const [first] = this.#items;
      this.#items.delete(first!);
      return first!;
    }
  }
  const queue = new Unique(2);
  for (const item of ["a", "a", "b"]) yield queue.put(item);
  assert(queue.full());
  assertEquals([yield queue.get(), yield queue.get()], ["a", "b"]);
  assert(queue.empty());
});

it("a put that need not wait keeps the rest of the loop back", async () => {
  // The task was resumed by a promise of the host: from the put on it is known to
  // run, so that callbacks come after all that it does until it waits.
  const log: string[] = [];
  await run(async () => {
    const queue = new Queue<number>();
    await new Promise<void>((done) => setTimeout(done, 1));
    await queue.put(1);
    getRunningLoop().callSoon(() => log.push("callback"));
    for (let i = 0; i < 10; i++) await null;
    log.push("task");
    assertEquals(await queue.get(), 1);
    for (let i = 0; i < 10; i++) await null;
    log.push("task");
    await sleep(0);
  });
  assertEquals(log, ["task", "task", "callback"]);
});
