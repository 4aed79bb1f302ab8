/** ThreadPoolExecutor: workers, their calls, and how both end. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  BrokenThreadPool,
  CancelledError,
  InvalidStateError,
  moduleFunction,
  moduleFunctions,
  RemoteTraceback,
  run,
  RuntimeError,
  sleep,
  ThreadPoolExecutor,
  transfer,
} from "../mod.ts";
import { describe, it } from "./_harness.ts";
import { count, jobs } from "./_jobs.ts";
import { cells, quietly, reached, release } from "./_threads.ts";

describe("ThreadPoolExecutor", () => {
  it("runs functions by name, sync and async, and gives their results", async () => {
    await using pool = new ThreadPoolExecutor(2);
    assertEquals(await pool.submit(jobs.add, 1, 2), 3);
    assertEquals(await pool.submit(jobs.later, 1), "later");
  });

  it("starts workers when they are needed, uses them again, and no more than allowed", async () => {
    await using pool = new ThreadPoolExecutor(2);
    assertEquals(pool.statistics().workers, 0);
    for (let i = 1; i <= 3; i++) assertEquals(await pool.submit(jobs.count), i);
    assertEquals(pool.statistics().workers, 1);
    const cell = cells();
    const held = [1, 2, 3].map(() => pool.submit(jobs.hold, cell));
    await reached(cell, 2);
    assertEquals(pool.statistics(), {
      maxWorkers: 2,
      workers: 2,
      idle: 0,
      queued: 1,
      isShutdown: false,
    });
    assertEquals(held.map((call) => call.running()), [true, true, false]);
    release(cell);
    assertEquals(await Promise.all(held), ["released", "released", "released"]);
    assertEquals(pool.statistics().idle, 2);
  });

  it("has the modules anew in each worker, apart from those of this thread", async () => {
    await using one = new ThreadPoolExecutor(1);
    await using other = new ThreadPoolExecutor(1);
    assertEquals([count(), count(), count()], [1, 2, 3]);
    assertEquals(await one.submit(jobs.count), 1);
    assertEquals(await one.submit(jobs.count), 2);
    assertEquals(await other.submit(jobs.count), 1);
    assertEquals(count(), 4);
  });

  it("begins calls in the order of submitting", async () => {
    await using pool = new ThreadPoolExecutor(1);
    const order: number[] = [];
    await Promise.all(
      [0, 1, 2, 3, 4].map((n) =>
        pool.submit(jobs.add, n, 0).then((v) => order.push(v))
      ),
    );
    assertEquals(order, [0, 1, 2, 3, 4]);
  });

  it("names its workers by the prefix", async () => {
    await using pool = new ThreadPoolExecutor(1, { threadNamePrefix: "mill" });
    assertEquals(await pool.submit(jobs.name), "mill_0");
  });

  it("calls the initializer once in each worker, first", async () => {
    await using pool = new ThreadPoolExecutor(1, {
      initializer: jobs.initialize,
      initargs: [10],
    });
    assertEquals(await pool.submit(jobs.count), 11);
    assertEquals(await pool.submit(jobs.count), 12);
  });

  it("is broken by an initializer that fails", () =>
    quietly(async (log) => {
      await using pool = new ThreadPoolExecutor(1, {
        initializer: jobs.initializeBadly,
      });
      const calls = [pool.submit(jobs.noop), pool.submit(jobs.noop)];
      for (const call of calls) {
        const error = await assertRejects(
          async () => await call,
          BrokenThreadPool,
          "A thread initializer failed, the thread pool is not usable anymore",
        );
        assert(error.cause instanceof RangeError);
      }
      assertThrows(() => pool.submit(jobs.noop), BrokenThreadPool);
      assertEquals(log, ["critical: Exception in initializer:"]);
      assertEquals(pool.statistics().workers, 0);
    }));

  it("refuses what it cannot be made of", () => {
    assertThrows(
      () => new ThreadPoolExecutor(0),
      RangeError,
      "maxWorkers must be greater than 0",
    );
    assertThrows(() => new ThreadPoolExecutor(1.5), TypeError);
    assertThrows(
      () => new ThreadPoolExecutor(1, { initializer: (() => {}) as never }),
      TypeError,
      "a function does not cross threads",
    );
    assertThrows(
      () => new ThreadPoolExecutor(1, { worker: {} as never }),
      TypeError,
      "worker must be a function that makes one, got object",
    );
  });

  it("refuses calls after shutdown(), which waits for those before", async () => {
    const pool = new ThreadPoolExecutor(1);
    const calls = [pool.submit(jobs.block, 20), pool.submit(jobs.add, 1, 1)];
    const ended = pool.shutdown();
    assertThrows(
      () => pool.submit(jobs.noop),
      RuntimeError,
      "cannot schedule new futures after shutdown",
    );
    await ended;
    assertEquals(calls.map((call) => call.done()), [true, true]);
    assertEquals(pool.statistics().workers, 0);
    await pool.shutdown();
  });

  it("shutdown({ cancelFutures }) cancels calls that wait for their turn", async () => {
    const pool = new ThreadPoolExecutor(1);
    const cell = cells();
    const held = pool.submit(jobs.hold, cell);
    const waiting = pool.submit(jobs.noop);
    await reached(cell, 1);
    const ended = pool.shutdown({ cancelFutures: true });
    assert(waiting.cancelled());
    release(cell);
    await ended;
    assertEquals(await held, "released");
    await assertRejects(async () => await waiting, CancelledError);
  });

  it("shutdown({ wait: false }) settles at once; calls still run", async () => {
    const pool = new ThreadPoolExecutor(1);
    const call = pool.submit(jobs.later, 10);
    await pool.shutdown({ wait: false });
    assert(!call.done());
    assertEquals(await call, "later");
    await pool.shutdown();
  });

  it("map() gives results in the order of the items, up to the shortest", async () => {
    await using pool = new ThreadPoolExecutor(2);
    const sums: number[] = [];
    for await (const sum of pool.map(jobs.add, [1, 2, 3], [10, 20])) {
      sums.push(sum);
    }
    assertEquals(sums, [11, 22]);
  });

  it("map() in a loop can be cancelled, and cancels what has not begun", () =>
    run(async () => {
      await using pool = new ThreadPoolExecutor(1);
      for await (const _ of pool.map(jobs.later, [1, 50, 50, 50])) break;
      assert(pool.statistics().queued === 0);
    }));

  it("map() ends with the first error", async () => {
    await using pool = new ThreadPoolExecutor(1);
    const results = pool.map(jobs.fail, ["range", "type", "os"]);
    await assertRejects(async () => void await results.next(), RangeError);
    assertEquals(await results.next(), { done: true, value: undefined });
  });

  it("moves what transfer() names, both ways", async () => {
    await using pool = new ThreadPoolExecutor(1);
    const bytes = new Uint8Array([1, 2, 3]);
    const sum = await pool.submit(
      jobs.sumOf,
      transfer(bytes, [bytes.buffer]),
    );
    assertEquals([sum, bytes.length], [6, 0]);
    assertEquals((await pool.submit(jobs.bytes, 4)).length, 4);
  });
});

describe("ExecutorFuture", () => {
  it("copies arguments when a worker takes the call: the last changes arrive", async () => {
    const pool = new ThreadPoolExecutor(1);
    const cell = cells();
    const held = pool.submit(jobs.hold, cell);
    const bytes = new Uint8Array([1, 2]);
    const waiting = pool.submit(jobs.sumOf, bytes);
    bytes[0] = 40;
    release(cell);
    assertEquals(await waiting, 42);
    await held;
    await pool.shutdown();
  });

  it("cancel() withdraws a call that waits for its turn", async () => {
    await using pool = new ThreadPoolExecutor(1);
    const cell = cells();
    const held = pool.submit(jobs.hold, cell);
    const waiting = pool.submit(jobs.noop);
    await reached(cell, 1);
    assertEquals(held.cancel(), false);
    assertEquals(waiting.cancel(), true);
    assertEquals(waiting.cancel(), true);
    assertEquals(pool.statistics().queued, 0);
    assertThrows(() => waiting.result(), CancelledError);
    assertThrows(() => held.result(), InvalidStateError, "Result is not set.");
    release(cell);
    assertEquals(await held, "released");
    assertEquals(held.cancel(), false);
    assertEquals([held.result(), held.exception()], ["released", null]);
  });

  it("calls done callbacks, whose errors are logged", () =>
    quietly(async (log) => {
      await using pool = new ThreadPoolExecutor(1);
      const call = pool.submit(jobs.noop);
      const seen: unknown[] = [];
      call.addDoneCallback(() => {
        throw new Error("in a callback");
      });
      call.addDoneCallback((done) => void seen.push(done));
      await call;
      call.addDoneCallback((done) => void seen.push(done));
      assertEquals(seen, [call, call]);
      assertEquals(log.length, 1);
    }));

  it("is awaited in a generator, and cancelled with the task", () =>
    run(function* () {
      const pool = new ThreadPoolExecutor(1);
      const sum = yield* pool.submit(jobs.add, 2, 3);
      assertEquals(sum, 5);
      yield* sleep(0);
      pool.terminateWorkers();
    }));
});

describe("a call that fails", () => {
  const thrown = async (kind: string): Promise<Error> => {
    await using pool = new ThreadPoolExecutor(1, { threadNamePrefix: "w" });
    return await pool.submit(jobs.fail, kind).then(
      () => new Error("nothing was thrown"),
      (error) => error as Error,
    );
  };
  const CASES: readonly [string, string, string][] = [
    ["range", "RangeError", "out of range"],
    ["type", "TypeError", "of a type"],
    ["os", "ConnectionRefusedError", "refused"],
    ["broken", "BrokenBarrierError", "broken"],
    ["exit", "SystemExit", "3"],
    ["group", "ExceptionGroup", "several"],
    ["aggregate", "AggregateError", "all"],
    ["dom", "DOMException", "not now"],
    ["own", "RangeError", "own"],
    ["caused", "Error", "outer"],
  ];
  for (const [kind, name, message] of CASES) {
    it(`raises its error as ${name}: ${kind}`, async () => {
      const error = await thrown(kind);
      assertEquals(
        [error.constructor.name, error.message.split(" (")[0]],
        [name, message],
      );
      assert(error.cause instanceof RemoteTraceback);
      assert(error.cause.message.startsWith("thrown in worker 'w_0':\n"));
      // Bun's DOMException has no stack.
      if (error.constructor.name === "DOMException") return;
      assert(error.cause.message.includes("_jobs.ts"), error.cause.message);
    });
  }

  it("keeps the error's fields, names, causes and inner errors", async () => {
    assertEquals(
      { ...await thrown("os") },
      { code: "ECONNREFUSED", address: "x:1" } as never,
    );
    assertEquals({ ...await thrown("incomplete") }, {
      partial: new Uint8Array([1, 2]),
      expected: 5,
    } as never);
    const own = await thrown("own");
    assertEquals(
      [own.name, { ...own }],
      ["OwnError", { detail: { n: 1 } }] as never,
    );
    const group = await thrown("group") as AggregateError;
    assertEquals(group.errors.map(String), [
      "RangeError: one",
      String(group.errors[1]),
    ]);
    assert(group.errors[1].errors[0] instanceof TypeError);
    const caused = (await thrown("caused")).cause as Error;
    assert(caused.cause instanceof RangeError);
    assertEquals(await thrown("value") as unknown, "a string");
    assert((await thrown("unsendable")).message.includes("cannot be cloned"));
  });

  it("is told of arguments and results that cannot be cloned, at the await", async () => {
    await using pool = new ThreadPoolExecutor(1);
    const call = pool.submit(jobs.add, (() => {}) as never, 1);
    await assertRejects(
      async () => await call,
      TypeError,
      "Cannot send the arguments of add() to a worker",
    );
    await assertRejects(
      async () => await pool.submit(jobs.returnFunction),
      TypeError,
      "Cannot send the result of returnFunction() to another thread",
    );
    // Many in a row leave the worker as it was.
    const many = Array.from(
      { length: 5000 },
      () => pool.submit(jobs.add, Symbol() as never, 1),
    );
    const last = pool.submit(jobs.add, 1, 1);
    for (const one of many) {
      await assertRejects(async () => await one, TypeError);
    }
    assertEquals(await last, 2);
    assertEquals(pool.statistics().workers, 1);
  });

  it("is told of a module, an export, or a function that is not there", async () => {
    await using pool = new ThreadPoolExecutor(1);
    const nowhere = new URL("./_no_such_module.ts", import.meta.url);
    const missing = await pool.submit(moduleFunction(nowhere, "f"))
      .then(() => null, (error) => error as Error);
    assertEquals(
      [missing?.name, missing?.message],
      [
        "FileNotFoundError",
        `Cannot load ${nowhere} in another thread: there is no such module`,
      ],
    );
    const here = new URL("./_jobs.ts", import.meta.url);
    await assertRejects(
      async () => await pool.submit(moduleFunction(here, "nothing")),
      ReferenceError,
      "has no export of this name, but has ",
    );
    await assertRejects(
      async () => await pool.submit(moduleFunction(here, "notFunction")),
      TypeError,
      "exports under this name is no function but number",
    );
    assertEquals(await pool.submit(jobs.add, 1, 1), 2);
  });

  it("is not told that a module is missing that cannot be loaded", async () => {
    await using pool = new ThreadPoolExecutor(1);
    const sources = [
      "export function f( {",
      `import "file:///no/such/module.ts"; export function f() {}`,
    ];
    for (const source of sources) {
      const url = `data:text/javascript,${encodeURIComponent(source)}`;
      const error = await pool.submit(moduleFunction(url, "f"))
        .then(() => null, (error) => error as Error);
      assert(error instanceof Error, String(error));
      assert(error.name !== "FileNotFoundError", String(error));
    }
    assertEquals(await pool.submit(jobs.add, 1, 1), 2);
  });

  it("is told of a result whose then throws", async () => {
    await using pool = new ThreadPoolExecutor(1);
    for (let i = 0; i < 2; i++) {
      await assertRejects(
        async () => await pool.submit(jobs.oddThen),
        RangeError,
        "no then",
      );
    }
    assertEquals(pool.statistics().workers, 1);
  });

  it("is told of a module that throws when loaded", async () => {
    await using pool = new ThreadPoolExecutor(1);
    const bad = moduleFunctions<{ f(): void }>(
      new URL("./programs/throws_on_load.ts", import.meta.url),
    );
    for (let i = 0; i < 2; i++) {
      await assertRejects(
        async () => await pool.submit(bad.f),
        RangeError,
        "thrown on load",
      );
    }
    assertEquals(await pool.submit(jobs.add, 1, 1), 2);
  });

  it("is told of a module that starts workers while it is loaded", async () => {
    await using pool = new ThreadPoolExecutor(1);
    const bad = moduleFunctions<{ f(): void }>(
      new URL("./programs/starts_on_load.ts", import.meta.url),
    );
    await assertRejects(
      async () => await pool.submit(bad.f),
      RuntimeError,
      "Cannot start a worker while a worker loads a module",
    );
  });
});

describe("moduleFunction()", () => {
  it("refuses what names no module or no function", () => {
    assertThrows(
      () => moduleFunction("./heavy.ts", "f"),
      TypeError,
      "absolute",
    );
    assertThrows(() => moduleFunctions("heavy.ts"), TypeError, "absolute");
    assertThrows(() => moduleFunction(import.meta.url, () => {}), TypeError);
    assertThrows(() => moduleFunction(import.meta.url, 3 as never), TypeError);
    assertThrows(
      () => jobs.noop.withOptions({ signal: {} as AbortSignal }),
      TypeError,
    );
  });

  it("shows what it names", () => {
    const url = new URL("./_jobs.ts", import.meta.url).href;
    assertEquals(String(jobs.add), `<ModuleFunction add of ${url}>`);
    assertEquals(jobs.add, jobs.add);
    assertEquals(Reflect.get(jobs, "then"), undefined);
  });
});
