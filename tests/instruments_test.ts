/** The instrument: what it is told, and what it cannot do. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "./_harness.ts";
import { capturedLog, virtualLoop, withRealLoop } from "./_loops.ts";
import {
  createTask,
  type Instrument,
  InstrumentEvent,
  Lock,
  run,
  setInstrument,
  sleep,
  Task,
} from "../mod.ts";
import { withResolvers } from "../_platform/promises.ts";

/** Runs a main coroutine on a virtual clock with an instrument. */
async function instrumented(
  instrument: Instrument,
  main: () => Promise<unknown>,
): Promise<void> {
  const { loop } = virtualLoop();
  const before = setInstrument(instrument);
  try {
    await loop.runUntilComplete(loop.createTask(main, { name: "main" }));
  } finally {
    setInstrument(before);
    loop.close();
  }
}

/** What an instrument is told of the tasks, in words. */
async function told(main: () => Promise<unknown>): Promise<string[]> {
  const events: string[] = [];
  await instrumented(({ kind, task, parent, awaiting }) => {
    if (task === null) return;
    let text = `${kind} ${task.getName()}`;
    if (parent !== null) text += ` by ${parent.getName()}`;
    if (awaiting !== null) {
      text += awaiting instanceof Task
        ? ` for ${awaiting.getName()}`
        : ` for ${(awaiting as object).constructor.name}`;
    }
    events.push(text);
  }, main);
  return events;
}

describe("instrument", () => {
  it("is told of an async task's life, with what it waits for", async () => {
    assertEquals(
      await told(async () => {
        await createTask(async () => {
          await sleep(0);
          await sleep(1);
        }, { name: "child" });
      }),
      [
        "created main",
        "started main",
        "created child by main",
        "suspended main for child",
        "started child",
        "suspended child",
        "resumed child",
        "suspended child for Future",
        "resumed child",
        "finished child",
        "resumed main",
        "finished main",
      ],
    );
  });

  it("is told of a generator task's life", async () => {
    const lock = new Lock();
    assertEquals(
      await told(async () => {
        await lock.acquire();
        const child = createTask(function* () {
          yield* lock.acquire();
        }, { name: "child" });
        await sleep(0);
        lock.release();
        await child;
      }),
      [
        "created main",
        "started main",
        "created child by main",
        "suspended main",
        "started child",
        "suspended child for Waiter",
        "resumed main",
        "suspended main for child",
        "resumed child",
        "finished child",
        "resumed main",
        "finished main",
      ],
    );
  });

  it("is told of eager tasks inside the step of their maker", async () => {
    assertEquals(
      await told(async () => {
        createTask(async () => {}, { name: "child", eagerStart: true });
        createTask(function* () {}, { name: "other", eagerStart: true });
        await sleep(0);
      }),
      [
        "created main",
        "started main",
        "created child by main",
        "started child",
        "created other by main",
        "started other",
        "finished other",
        "finished child",
        "suspended main",
        "resumed main",
        "finished main",
      ],
    );
  });

  it("is told of failed and cancelled tasks that they have finished", async () => {
    const events = await told(async () => {
      const bad = createTask(async () => {
        throw new Error("bad");
      }, { name: "bad" });
      const stopped = createTask(() => sleep(9), { name: "stopped" });
      await sleep(0);
      stopped.cancel();
      await stopped.cancelAndWait();
      bad.exception();
    });
    assert(events.includes("finished bad"));
    assert(events.includes("finished stopped"));
  });

  it("is told what a task failed with, which is nobody's answer to it", async () => {
    const error = new Error("bad");
    const errors: unknown[] = [];
    const { loop, reports } = virtualLoop();
    setInstrument((event) => {
      if (event.kind === "finished") errors.push(event.error);
    });
    await loop.runUntilComplete(async () => {
      createTask(async () => {
        throw error;
      });
      const stopped = createTask(() => sleep(9));
      await sleep(0);
      stopped.cancel();
      await sleep(0);
    });
    setInstrument(null);
    loop.close();
    assertEquals(errors, [error, undefined, undefined]);
    assertEquals(reports.map(({ exception }) => exception), [error]);
  });

  it("takes an await of a foreign promise for a wait", async () => {
    const events: string[] = [];
    const before = setInstrument(({ kind, task }) => {
      if (task?.getName() === "child") events.push(kind);
    });
    try {
      await withRealLoop(async () => {
        const foreign = withResolvers<void>();
        const child = createTask(async () => {
          await foreign.promise;
        }, { name: "child" });
        await sleep(0.02);
        foreign.resolve();
        await child;
      });
    } finally {
      setInstrument(before);
    }
    assertEquals(events, ["created", "started", "suspended", "finished"]);
  });

  it("is told of callbacks, with how long they took", async () => {
    const { loop, clock } = virtualLoop();
    const events: InstrumentEvent[] = [];
    setInstrument((event) => void events.push(event));
    function busy() {
      clock.advance(0.5);
      loop.stop();
    }
    loop.callLater(2, busy);
    const since = loop.time();
    await loop.runForever();
    setInstrument(null);
    loop.close();
    assertEquals(events.length, 1);
    const { kind, task, handle, duration, time } = events[0]!;
    assertEquals([kind, task, duration], ["handle", null, 0.5]);
    assertEquals(time - since, 2);
    assert(`${handle}`.includes("busy()"));
  });

  it("is given events of one shape", async () => {
    const shapes = new Set<string>();
    await instrumented((event) => {
      assert(event instanceof InstrumentEvent);
      shapes.add(Object.keys(event).join());
    }, async () => {
      await createTask(async () => await sleep(1));
    });
    assertEquals(shapes.size, 1);
  });

  it("is reported once and removed when it throws", async () => {
    let calls = 0;
    let result = 0;
    const error = new Error("no");
    const log = await capturedLog(() =>
      instrumented(() => {
        calls++;
        throw error;
      }, async () => {
        await sleep(1);
        result = 7;
      })
    );
    assertEquals(calls, 1);
    assertEquals(result, 7);
    assertEquals(log, [{
      level: "error",
      text: "The instrument failed and was removed",
      exc: error,
    }]);
  });

  it("is reported once and removed when it is async and fails", async () => {
    const error = new Error("late");
    const log = await capturedLog(() =>
      instrumented(
        (async () => {
          throw error;
        }) as Instrument,
        async () => {
          await sleep(1);
          await sleep(1);
        },
      )
    );
    assertEquals(log.map(({ exc }) => exc), [error]);
  });

  it("is not told of what it does itself", async () => {
    const names: string[] = [];
    await instrumented(({ kind, task }) => {
      if (kind !== "created") return;
      names.push(task!.getName());
      task!.getLoop().createTask(async () => {}, { name: "own" });
    }, async () => {
      await sleep(1);
    });
    assertEquals(names, ["main"]);
  });

  it("refuses what is no function", () => {
    assertThrows(
      () => setInstrument(1 as unknown as Instrument),
      TypeError,
      "a function or null is needed, got number",
    );
  });

  it("can be replaced, and tells which one was set", () => {
    const one = () => {};
    assertEquals(setInstrument(one), null);
    assertEquals(setInstrument(null), one);
  });

  it("is set by run() for as long as it runs", async () => {
    const kinds: string[] = [];
    await run(async () => await sleep(0), {
      instrument: ({ kind, task }) => {
        if (task !== null) kinds.push(kind);
      },
    });
    assertEquals(kinds.slice(0, 2), ["created", "started"]);
    assertEquals(setInstrument(null), null);
  });
});
