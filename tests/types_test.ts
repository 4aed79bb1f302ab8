/**
 * What the types infer. `deno check` and `tsc` do the checking: a wrong type is a
 * compile-time error in this file. The bodies run as well, so that what is inferred
 * is what is there.
 */

import { assert, assertEquals } from "@std/assert";
import { describe, it } from "./_harness.ts";
import { withLoop, withRealLoop } from "./_loops.ts";
import {
  asCompleted,
  asyncgen,
  type BaseEventLoop,
  type CompletedFuture,
  type Coro,
  type Coroutine,
  coroutine,
  createTask,
  ensureFuture,
  Event,
  Future,
  gather,
  getRunningLoop,
  type Handle,
  Lock,
  Queue,
  run,
  runCoroutineThreadsafe,
  Runner,
  shield,
  signalled,
  sleep,
  type Task,
  timeout,
  type TimerHandle,
  wait,
  waitFor,
  wrapFuture,
} from "../mod.ts";

/** True only where both types are the same, to the letter. */
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends
  (<T>() => T extends B ? 1 : 2) ? true : false;

/** Compiles only where the value's type is exactly the one named. */
function isExactly<Expected>() {
  return <Actual>(
    _value: Actual,
    ..._same: Equal<Actual, Expected> extends true ? []
      : ["the type is another", Actual]
  ): void => {};
}

// The helper itself: each of these must be refused.
isExactly<number>()(1 as number);
// @ts-expect-error a number is no string
isExactly<string>()(1 as number);
// @ts-expect-error wider is not the same
isExactly<number | string>()(1 as number);
// @ts-expect-error nor is narrower
isExactly<1>()(1 as number);
// deno-lint-ignore no-explicit-any
const anything = 1 as any;
// @ts-expect-error any is not everything
isExactly<number>()(anything);
// @ts-expect-error nor does it stand for unknown
isExactly<unknown>()(anything);

const asyncNumber = async (): Promise<number> => await Promise.resolve(1);
async function asyncString(): Promise<string> {
  await sleep(0);
  return "s";
}
function* genBoolean(): Coro<boolean> {
  yield* sleep(0);
  return true;
}
const wrappedNumber = coroutine(async (n: number) => {
  await sleep(0);
  return n;
});
const wrappedString = coroutine(function* (s: string): Coro<string> {
  yield* sleep(0);
  return s;
});

describe("inferred types", () => {
  it("coroutine()", () => {
    isExactly<(n: number) => Coroutine<number>>()(wrappedNumber);
    isExactly<(s: string) => Coroutine<string>>()(wrappedString);
    // @ts-expect-error the argument must be a number
    void (() => wrappedNumber("1"));
    // @ts-expect-error a plain function is no coroutine function
    void (() => coroutine((n: number) => n));
  });

  it("gather() of every accepted form", () =>
    withLoop(async ({ loop }) => {
      await loop.runUntilComplete(async () => {
        const future = loop.createFuture<number>();
        future.setResult(2);
        const all = gather([
          wrappedNumber(1),
          genBoolean(),
          asyncString,
          genBoolean,
          future,
          createTask(asyncString),
          Promise.resolve(3),
        ]);
        isExactly<
          Future<[number, boolean, string, boolean, number, string, number]>
        >()(all);
        const result = await all;
        isExactly<
          [number, boolean, string, boolean, number, string, number]
        >()(result);
        assertEquals(result, [1, true, "s", true, 2, "s", 3]);
      });
    }));

  it("gather() one by one", () =>
    withLoop(async ({ loop }) => {
      await loop.runUntilComplete(async () => {
        isExactly<[number]>()(await gather([wrappedNumber(1)]));
        isExactly<[boolean]>()(await gather([genBoolean()]));
        isExactly<[boolean]>()(await gather([genBoolean]));
        isExactly<[string]>()(await gather([asyncString]));
        isExactly<[number]>()(await gather([asyncNumber()]));
        isExactly<[number, string]>()(
          await gather([sleep(0, 1), sleep(0, "s")]),
        );
        isExactly<[void]>()(await gather([sleep(0)]));
        isExactly<[]>()(await gather([]));
        const same = [wrappedNumber(1), wrappedNumber(2)];
        isExactly<number[]>()(await gather(same));
        const mixed = [wrappedNumber(1), asyncString];
        isExactly<(number | string)[]>()(await gather(mixed));
        // @ts-expect-error a list is needed, not several arguments
        void (() => gather(wrappedNumber(1), wrappedNumber(2)));
        // @ts-expect-error a number cannot be awaited
        void (() => gather([1]));
      });
    }));

  it("gather() in generators", () =>
    withLoop(async ({ loop }) => {
      const result = await loop.runUntilComplete(function* () {
        const pair = yield* gather([genBoolean(), asyncString]);
        isExactly<[boolean, string]>()(pair);
        return pair;
      });
      isExactly<[boolean, string]>()(result);
      assertEquals(result, [true, "s"]);
    }));

  it("gather() with returnExceptions", () =>
    withLoop(async ({ loop }) => {
      await loop.runUntilComplete(async () => {
        const result = await gather([wrappedNumber(1), asyncString], {
          returnExceptions: true,
        });
        isExactly<[number | Error, string | Error]>()(result);
        const plain = await gather([wrappedNumber(1), asyncString], {
          returnExceptions: false,
        });
        isExactly<[number, string]>()(plain);
        const unknown: boolean = result.length > 1;
        const either = await gather([wrappedNumber(1)], {
          returnExceptions: unknown,
        });
        // Nobody knows, so errors may stand among the results.
        isExactly<[number | Error]>()(either);
      });
    }));

  it("createTask()", () =>
    withLoop(async ({ loop }) => {
      await loop.runUntilComplete(async () => {
        isExactly<Task<number>>()(createTask(wrappedNumber(1)));
        isExactly<Task<boolean>>()(createTask(genBoolean()));
        isExactly<Task<boolean>>()(createTask(genBoolean));
        isExactly<Task<string>>()(createTask(asyncString));
        isExactly<Task<void>>()(createTask(sleep(0)));
        isExactly<Task<number>>()(loop.createTask(wrappedNumber(1)));
        isExactly<Task<string>>()(loop.createTask(asyncString));
        isExactly<Task<boolean>>()(loop.createTask(genBoolean));
        isExactly<number>()(await createTask(asyncNumber));
        isExactly<Task<number>>()(
          createTask(asyncNumber, { eagerStart: true, name: null }),
        );
      });
    }));

  it("createTask() refuses a promise at compile time", () => {
    // @ts-expect-error it runs already
    void (() => createTask(asyncNumber()));
    // @ts-expect-error it runs already
    void ((loop: BaseEventLoop) => loop.createTask(asyncNumber()));
    // @ts-expect-error nothing to await
    void (() => createTask(3));
    // @ts-expect-error an option of another name
    void (() => createTask(asyncNumber, { nme: "x" }));
  });

  it("ensureFuture(), shield(), waitFor(), signalled(), wrapFuture()", () =>
    withLoop(async ({ loop }) => {
      await loop.runUntilComplete(async () => {
        const { signal } = new AbortController();
        isExactly<Task<number>>()(ensureFuture(wrappedNumber(1)));
        isExactly<Future<boolean>>()(ensureFuture(genBoolean));
        isExactly<Future<number>>()(ensureFuture(asyncNumber()));
        isExactly<Task<string>>()(ensureFuture(createTask(asyncString)));
        isExactly<Future<string>>()(shield(asyncString));
        isExactly<Future<boolean>>()(shield(genBoolean()));
        isExactly<Future<number>>()(shield(createTask(asyncNumber)));
        isExactly<Coroutine<string>>()(waitFor(asyncString, 1));
        isExactly<string>()(await waitFor(asyncString, 1));
        isExactly<boolean>()(await waitFor(genBoolean(), null));
        isExactly<number>()(await waitFor(asyncNumber(), 1));
        isExactly<number>()(await signalled(wrappedNumber(1), signal));
        isExactly<Future<number>>()(wrapFuture(asyncNumber()));
        // @ts-expect-error the timeout is a number or null
        void (() => waitFor(asyncString, "1"));
        // @ts-expect-error the timeout must be given
        void (() => waitFor(asyncString));
      });
    }));

  it("wait()", () =>
    withLoop(async ({ loop }) => {
      await loop.runUntilComplete(async () => {
        const tasks = [createTask(asyncNumber), createTask(asyncNumber)];
        const { done, pending } = await wait(tasks);
        isExactly<Set<Task<number>>>()(done);
        isExactly<Set<Task<number>>>()(pending);
        assert(done.size === 2 && pending.size === 0);
        for (const task of done) isExactly<number>()(task.result());
        const future = loop.createFuture<string>();
        future.setResult("s");
        const mixed = await wait(new Set([future, createTask(asyncString)]));
        for (const one of mixed.done) isExactly<string>()(one.result());
        // @ts-expect-error coroutines must be made tasks first
        void (() => wait([wrappedNumber(1)]));
        // @ts-expect-error nor are promises futures
        void (() => wait([asyncNumber()]));
        // @ts-expect-error not one of the three
        void (() => wait(tasks, { returnWhen: "SOME_COMPLETED" }));
      });
    }));

  it("asCompleted()", () =>
    withLoop(async ({ loop }) => {
      await loop.runUntilComplete(async () => {
        for (const next of asCompleted([wrappedNumber(1), asyncNumber])) {
          isExactly<Coroutine<number>>()(next);
          isExactly<number>()(await next);
        }
        for await (const one of asCompleted([createTask(asyncString)])) {
          isExactly<CompletedFuture<string>>()(one);
          isExactly<string>()(one.result());
        }
        // @ts-expect-error a list is needed
        void (() => asCompleted(3));
      });
    }));

  it("sleep()", () =>
    withLoop(async ({ loop }) => {
      await loop.runUntilComplete(async () => {
        isExactly<Coroutine<void>>()(sleep(0));
        isExactly<Coroutine<string>>()(sleep(0, "s"));
        isExactly<string>()(await sleep(0, "s"));
        isExactly<Coroutine<number | null>>()(
          sleep(0, null as number | null),
        );
        // @ts-expect-error seconds are a number
        void (() => sleep("1"));
      });
    }));

  it("timeout().with()", () =>
    withLoop(async ({ loop }) => {
      await loop.runUntilComplete(async () => {
        isExactly<Coroutine<number>>()(timeout(1).with(asyncNumber));
        isExactly<string>()(await timeout(1).with(asyncString));
        isExactly<boolean>()(await timeout(null).with(() => genBoolean()));
        isExactly<boolean>()(await timeout(null).with(genBoolean));
        isExactly<number>()(await timeout(1).with(() => 3));
        isExactly<number>()(await timeout(1).with(() => wrappedNumber(3)));
        await timeout(1).with(async (t) => {
          isExactly<number | null>()(t.when());
          await sleep(0);
        });
        // @ts-expect-error a body is a function
        void (() => timeout(1).with(asyncNumber()));
        // @ts-expect-error null stands for never, undefined for nothing
        void (() => timeout());
      });
    }));

  it("run() and Runner.run()", async () => {
    isExactly<Promise<number>>()(run(wrappedNumber(1)));
    await new Promise((done) => setTimeout(done, 5));
    isExactly<string>()(await run(asyncString));
    isExactly<boolean>()(await run(genBoolean));
    isExactly<boolean>()(await run(genBoolean()));
    isExactly<number>()(await run(async () => 3, { debug: false }));
    const runner = new Runner();
    isExactly<number>()(await runner.run(wrappedNumber(1)));
    isExactly<boolean>()(await runner.run(genBoolean));
    isExactly<string>()(await runner.run(asyncString));
    await runner.close();
    // @ts-expect-error nothing to await
    void (() => run(3));
  });

  it("runUntilComplete() and runCoroutineThreadsafe()", () =>
    withLoop(async ({ loop }) => {
      isExactly<number>()(await loop.runUntilComplete(wrappedNumber(1)));
      isExactly<boolean>()(await loop.runUntilComplete(genBoolean));
      isExactly<boolean>()(await loop.runUntilComplete(genBoolean()));
      isExactly<string>()(await loop.runUntilComplete(asyncString));
      isExactly<number>()(await loop.runUntilComplete(asyncNumber()));
      const future = loop.createFuture<Date>();
      future.setResult(new Date(0));
      isExactly<Date>()(await loop.runUntilComplete(future));
      void (() => {
        isExactly<Promise<number> & { cancel(): boolean }>()(
          runCoroutineThreadsafe(wrappedNumber(1), loop),
        );
        isExactly<Promise<boolean> & { cancel(): boolean }>()(
          runCoroutineThreadsafe(genBoolean(), loop),
        );
        isExactly<Promise<string> & { cancel(): boolean }>()(
          runCoroutineThreadsafe(asyncString, loop),
        );
        // @ts-expect-error a promise runs already
        runCoroutineThreadsafe(asyncNumber(), loop);
      });
    }));

  it("callSoon() and its like check the arguments", () =>
    withLoop(({ loop }) => {
      const take = (_n: number, _s: string) => {};
      isExactly<Handle>()(loop.callSoon(take, 1, "s"));
      isExactly<TimerHandle>()(loop.callLater(1, take, 1, "s"));
      isExactly<TimerHandle>()(loop.callAt(1, take, 1, "s"));
      isExactly<Handle>()(loop.callSoonThreadsafe(take, 1, "s"));
      loop.callSoon((...all: number[]) => all, 1, 2, 3);
      loop.callSoon((_n?: number) => {});
      void (() => {
        // @ts-expect-error an argument of another type
        loop.callSoon(take, "1", "s");
        // @ts-expect-error one is missing
        loop.callSoon(take, 1);
        // @ts-expect-error one too many
        loop.callSoon(take, 1, "s", 2);
        // @ts-expect-error an argument of another type
        loop.callLater(1, take, 1, 2);
        // @ts-expect-error an argument of another type
        loop.callAt(1, take, 1, 2);
        // @ts-expect-error an argument of another type
        loop.callSoonThreadsafe(take, 1, 2);
        // @ts-expect-error seconds come first
        loop.callLater(take, 1, "s");
        // @ts-expect-error not a function
        loop.callSoon("f");
      });
    }));

  it("asyncgen() keeps what the generators give, take and return", () => {
    const count = asyncgen(async function* (to: number) {
      for (let i = 0; i < to; i++) yield i;
    });
    const ask = asyncgen(
      async function* (): AsyncGenerator<number, string, boolean> {
        return (yield 1) ? "yes" : "no";
      },
    );
    isExactly<(to: number) => AsyncGenerator<number, void, unknown>>()(count);
    isExactly<() => AsyncGenerator<number, string, boolean>>()(ask);
    void (async () => {
      for await (const i of count(3)) isExactly<number>()(i);
      // @ts-expect-error what it takes is a boolean
      await ask().next(3);
    });
  });

  it("futures", () =>
    withLoop(async ({ loop }) => {
      const future = loop.createFuture<number>();
      isExactly<Future<number>>()(future);
      isExactly<Future<string>>()(new Future<string>({ loop }));
      isExactly<number>()(await loop.runUntilComplete(sleep(0, 1)));
      future.addDoneCallback((f) => isExactly<number>()(f.result()));
      void (() => {
        // @ts-expect-error the result is a number
        future.setResult("s");
        // @ts-expect-error a callback takes a future
        future.addDoneCallback((_n: number) => {});
      });
      future.setResult(1);
      await loop.runUntilComplete(async () => {
        isExactly<number>()(await future);
        await createTask(function* (): Coro<void> {
          isExactly<number>()(yield* future);
          isExactly<number>()(yield* wrappedNumber(1));
          isExactly<string>()(yield* sleep(0, "s"));
        });
      });
    }));

  it("refuse what is always true, or was meant to be awaited", () => {
    const [lock, event, queue] = [new Lock(), new Event(), new Queue<number>()];
    const ok = () => {};
    void function* (): Coro<void> {
      // @ts-expect-error a coroutine is always true
      if (lock.acquire()) ok();
      // @ts-expect-error so is what waits
      if (event.wait()) ok();
      // @ts-expect-error so is what gets an item
      if (queue.get()) ok();
      // @ts-expect-error so is one of a program's own
      if (wrappedNumber(1)) ok();
      // @ts-expect-error and so is a task
      if (createTask(asyncNumber)) ok();
      // @ts-expect-error so is a block
      if (timeout(1).with(ok)) ok();
      // @ts-expect-error and a method that is not called
      if (event.isSet) ok();
      // @ts-expect-error a lock's as well
      if (lock.locked) ok();
      // @ts-expect-error an event is no boolean
      void (event satisfies boolean);
      // @ts-expect-error an item has to be awaited
      void (queue.get() satisfies number);
      // @ts-expect-error so has a guard
      using _early = lock.guard();
      // @ts-expect-error a lock is let go by what acquired it
      using _lock = lock;
      using _guard = yield* lock.guard();
      // @ts-expect-error a queue is iterated with for await
      for (const _item of queue) ok();
      // @ts-expect-error a block needs its body
      yield* lock.with();
      // @ts-expect-error which is a function, not what it returns
      yield* lock.with(wrappedNumber(1));
      yield* lock.with(() => wrappedNumber(1));
    };
  });

  it("tasks", () =>
    withRealLoop(async () => {
      const task = createTask(asyncNumber, { name: "n" });
      isExactly<string>()(task.getName());
      isExactly<AbortSignal>()(task.signal);
      isExactly<boolean>()(task.cancelled());
      isExactly<number>()(task.uncancel());
      isExactly<number>()(await task);
      isExactly<Future<number>>()(getRunningLoop().createFuture<number>());
    }));
});
