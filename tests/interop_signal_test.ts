/** AbortSignal, both ways round. */
import {
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
} from "@std/assert";
import {
  CancelledError,
  createTask,
  currentTask,
  signalled,
  sleep,
  type Task,
} from "../mod.ts";
import { it } from "./_harness.ts";
import { both, caught } from "./_spell.ts";
import { runVirtual } from "./_virtual.ts";

/** What `fetch` does with a signal: it rejects with the reason. */
function fetchLike(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

/** An AbortController whose signal counts its listeners. */
function counted(): AbortController & { listeners(): number } {
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = new Set<unknown>();
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (type: string, fn: never, options: never) => {
    listeners.add(fn);
    add(type, fn, options);
  };
  signal.removeEventListener = (type: string, fn: never) => {
    listeners.delete(fn);
    remove(type, fn);
  };
  signal.addEventListener("abort", () => listeners.clear());
  listeners.clear();
  return Object.assign(controller, { listeners: () => listeners.size });
}

both(
  "task.signal is one object, aborted by cancel() with the CancelledError",
  function* ({ co }) {
    const task = createTask(
      co(function* () {
        yield sleep(10);
      })(),
    );
    const { signal } = task;
    assertStrictEquals(task.signal, signal);
    yield sleep(0);
    assertEquals(signal.aborted, false);
    task.cancel("closing");
    assertEquals(signal.aborted, true);
    assertInstanceOf(signal.reason, CancelledError);
    assertEquals(signal.reason.args, ["closing"]);
    yield* caught(task);
    assertStrictEquals(task.signal, signal);
  },
);

both(
  "task.signal asked for after the cancel is aborted with its message too",
  function* ({ co }) {
    const seen: AbortSignal[] = [];
    const work = co(function* () {
      try {
        yield sleep(10);
      } finally {
        seen.push(currentTask()!.signal);
      }
    });
    const task = createTask(work());
    yield sleep(0);
    task.cancel("closing");
    yield* caught(task);
    assertEquals(seen[0]!.aborted, true);
    assertInstanceOf(seen[0]!.reason, CancelledError);
    assertEquals(seen[0]!.reason.args, ["closing"]);
  },
);

both(
  "task.signal is a new one when uncancel() has taken back every request",
  function* () {
    const me = currentTask()!;
    const first = me.signal;
    me.cancel("one");
    me.cancel("two");
    assertEquals([first.aborted, first.reason.args], [true, ["one"]]);
    me.uncancel();
    assertStrictEquals(me.signal, first);
    me.uncancel();
    const second = me.signal;
    assertEquals([second === first, second.aborted], [false, false]);
    yield sleep(0);
    me.cancel("three");
    assertEquals(second.reason.args, ["three"]);
    me.uncancel();
  },
);

it("a foreign promise that heeds task.signal is left at once", () =>
  runVirtual(async ({ loop }) => {
    const log: string[] = [];
    const make: (() => Task<void>)[] = [
      () =>
        createTask(async () => {
          try {
            await fetchLike(currentTask()!.signal);
          } finally {
            log.push("left");
          }
        }),
      () =>
        createTask(async () => {
          const helper = async () => await fetchLike(currentTask()!.signal);
          await helper();
        }),
    ];
    for (const task of make.map((make) => make())) {
      await sleep(0);
      task.cancel("stop");
      const error = await task.then(() => null, (error) => error);
      assertInstanceOf(error, CancelledError);
      assertEquals([error.args, task.cancelled()], [["stop"], true]);
    }
    assertEquals([log, loop.time()], [["left"], 0]);
  }));

both(
  "createTask(coro, { signal }): the abort cancels, its reason is the message",
  function* ({ co, loop }) {
    const reasons: [unknown, string][] = [
      ["enough", "enough"],
      [new RangeError("too far"), "too far"],
      [42, "42"],
    ];
    for (const [reason, message] of reasons) {
      const controller = counted();
      const began = loop.time();
      const task = createTask(
        co(function* () {
          yield sleep(10);
        })(),
        { signal: controller.signal },
      );
      yield sleep(1);
      assertEquals(controller.listeners(), 1);
      controller.abort(reason);
      const error = yield* caught(task);
      assertInstanceOf(error, CancelledError);
      assertEquals([error.message, task.cancelled()], [message, true]);
      assertEquals([task.cancelling(), loop.time() - began], [1, 1]);
    }
  },
);

both(
  "createTask(coro, { signal }): aborted before, the body is never entered",
  function* ({ co }) {
    const log: string[] = [];
    const task = createTask(
      co(function* () {
        log.push("entered");
        yield sleep(0);
      })(),
      { signal: AbortSignal.abort("long ago") },
    );
    const error = yield* caught(task);
    assertInstanceOf(error, CancelledError);
    assertEquals([error.args, log], [["long ago"], []]);
    const eager = createTask(
      co(function* () {
        yield sleep(1);
        log.push("not here");
      })(),
      { signal: AbortSignal.abort("long ago"), eagerStart: true },
    );
    assertInstanceOf(yield* caught(eager), CancelledError);
    assertEquals(log, []);
  },
);

both(
  "createTask(coro, { signal }): a task that has ended listens no more",
  function* ({ co }) {
    const controller = counted();
    const work = co(function* (error?: Error) {
      yield sleep(1);
      if (error) throw error;
      return "value";
    });
    const options = { signal: controller.signal };
    const task = createTask(work(), options);
    const failed = createTask(work(new RangeError("bad")), options);
    const cancelled = createTask(work(), options);
    yield sleep(0);
    cancelled.cancel();
    for (const each of [failed, cancelled]) yield* caught(each);
    assertEquals([yield task, controller.listeners()], ["value", 0]);
    controller.abort();
    assertEquals([task.result(), task.cancelling()], ["value", 0]);
  },
);

both(
  "signalled(): the abort cancels what is waited for, its reason is the cause",
  function* ({ co, loop }) {
    const inner = createTask(
      co(function* () {
        yield sleep(10);
      })(),
    );
    const controller = counted();
    const reason = new RangeError("the user left");
    loop.callLater(1, () => controller.abort(reason));
    const error = yield* caught(signalled(inner, controller.signal));
    assertInstanceOf(error, CancelledError);
    assertStrictEquals(error.cause, reason);
    assertEquals(error.message, "the user left");
    assertEquals([inner.cancelled(), loop.time()], [true, 1]);
    assertEquals(currentTask()!.cancelling(), 0);
  },
);

both(
  "signalled(): in time the value comes through and nobody listens any more",
  function* ({ co, loop }) {
    const controller = counted();
    const work = co(function* (error?: Error) {
      yield sleep(1);
      if (error) throw error;
      return "value";
    });
    const { signal } = controller;
    assertEquals(yield signalled(work(), signal), "value");
    assertEquals(
      yield signalled(Promise.resolve("promise"), signal),
      "promise",
    );
    const error = yield* caught(signalled(work(new RangeError("bad")), signal));
    assertInstanceOf(error, RangeError);
    assertEquals([controller.listeners(), loop.time()], [0, 2]);
  },
);

both(
  "signalled(): aborted before, and an outer cancel that has nothing to do with it",
  function* ({ co }) {
    const log: string[] = [];
    const work = co(function* () {
      log.push("entered");
      yield sleep(10);
    });
    const before = yield* caught(signalled(work(), AbortSignal.abort("gone")));
    assertInstanceOf(before, CancelledError);
    assertEquals([before.cause, log], ["gone", []]);
    const controller = counted();
    const task = createTask(
      co(function* () {
        yield signalled(work(), controller.signal);
      })(),
    );
    yield sleep(1);
    task.cancel("outer");
    const error = yield* caught(task);
    assertInstanceOf(error, CancelledError);
    assertEquals([error.args, error.cause], [["outer"], undefined]);
    assertEquals([controller.listeners(), log], [0, ["entered"]]);
  },
);
