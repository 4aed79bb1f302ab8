/**
 * What the tests rely on in @std, so that a stand-in in tests/_std and the real
 * package are seen to agree: this file runs with whichever is in use.
 */
import { describe, it } from "./_harness.ts";
import {
  assert,
  assertAlmostEquals,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertNotStrictEquals,
  assertObjectMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  equal,
  fail,
  unreachable,
} from "@std/assert";
import {
  abortable,
  deadline,
  debounce,
  delay,
  MuxAsyncIterator,
  pooledMap,
} from "@std/async";
import {
  assertSpyCall,
  assertSpyCalls,
  MockError,
  spy,
  stub,
} from "@std/testing/mock";
import { FakeTime } from "@std/testing/time";

/** The body has to fail as an assertion does. */
function fails(body: () => unknown, includes?: string): void {
  assertThrows(body, AssertionError, includes);
}

/** The body has to fail as an assertion does, later. */
async function failsLater(body: () => Promise<unknown>): Promise<void> {
  await assertRejects(body, AssertionError);
}

describe("equal()", () => {
  it("compares primitives by value, with NaN equal and zeros alike", () => {
    assert(equal("a", "a"));
    assert(equal(NaN, NaN));
    assert(equal(0, -0));
    assert(equal(1n, 1n));
    assertFalse(equal(1, "1"));
    assertFalse(equal(null, undefined));
  });
  it("compares arrays and plain objects by their contents", () => {
    assert(equal([1, [2, { a: 3 }]], [1, [2, { a: 3 }]]));
    assertFalse(equal([1, 2], [2, 1]));
    assertFalse(equal([1, 2], [1]));
    assert(equal({ a: 1, b: 2 }, { b: 2, a: 1 }));
    assertFalse(equal({ a: 1 }, { a: 1, b: undefined }));
    assertFalse(equal({ a: undefined }, { b: undefined }));
    const key = Symbol("key");
    assert(equal({ [key]: 1 }, { [key]: 1 }));
    assertFalse(equal({ [key]: 1 }, { [Symbol("key")]: 1 }));
  });
  it("compares sets and maps without order, deep in keys and values", () => {
    assert(equal(new Set([1, { a: 1 }]), new Set([{ a: 1 }, 1])));
    assertFalse(equal(new Set([1, 2]), new Set([1, 3])));
    assert(equal(new Map([[{ a: 1 }, [1]]]), new Map([[{ a: 1 }, [1]]])));
    assertFalse(equal(new Map([["a", 1]]), new Map([["a", 2]])));
    assertFalse(equal(new Set([1]), new Map([[1, 1]])));
  });
  it("compares dates, expressions, URLs and bytes", () => {
    assert(equal(new Date(5), new Date(5)));
    assertFalse(equal(new Date(5), new Date(6)));
    assert(equal(new Date(NaN), new Date(NaN)));
    assert(equal(/a/g, /a/g));
    assertFalse(equal(/a/g, /a/i));
    assertFalse(equal(new URL("http://a.test"), new URL("http://b.test")));
    assert(equal(new Uint8Array([1, 2]), new Uint8Array([1, 2])));
    assertFalse(equal(new Uint8Array([1]), new Uint8Array([1, 0])));
    assertFalse(equal(new Uint8Array([1]).buffer, new Uint8Array([2]).buffer));
  });
  it("tells classes apart", () => {
    class A {
      x = 1;
    }
    class B {
      x = 1;
    }
    assert(equal(new A(), new A()));
    assertFalse(equal(new A(), new B()));
    assertFalse(equal(new A(), { x: 1 }));
  });
  it("ends on circles", () => {
    const make = (value: number) => {
      const circle: { self?: unknown; value: number } = { value };
      circle.self = circle;
      return circle;
    };
    assert(equal(make(1), make(1)));
    assertFalse(equal(make(1), make(2)));
  });
});

describe("assertions of values", () => {
  it("assert() and assertFalse() take truthy and falsy values", () => {
    assert(1);
    assertFalse("");
    fails(() => assert(0, "what is wrong"), "what is wrong");
    fails(() => assertFalse("x", "what is wrong"), "what is wrong");
  });
  it("assertEquals() and assertNotEquals() are deep", () => {
    assertEquals({ a: [1] }, { a: [1] });
    assertNotEquals({ a: [1] }, { a: [2] });
    fails(() => assertEquals({ a: [1] }, { a: [2] }, "mine"), "mine");
    fails(() => assertNotEquals([1], [1], "mine"), "mine");
  });
  it("assertStrictEquals() and assertNotStrictEquals() are by identity", () => {
    const one = {};
    assertStrictEquals(one, one);
    assertStrictEquals(NaN, NaN);
    assertNotStrictEquals(one, {});
    fails(() => assertStrictEquals({}, {}, "mine"), "mine");
    fails(() => assertStrictEquals<number>(0, -0));
    fails(() => assertNotStrictEquals(one, one, "mine"), "mine");
  });
  it("assertExists() takes all but null and undefined", () => {
    assertExists(0);
    assertExists("");
    fails(() => assertExists(null));
    fails(() => assertExists(undefined));
  });
  it("assertInstanceOf() takes subclasses", () => {
    assertInstanceOf(new RangeError(), Error);
    fails(() => assertInstanceOf(new Error(), RangeError));
    fails(() => assertInstanceOf("text", Error));
  });
  it("assertMatch() and assertStringIncludes() look into strings", () => {
    assertMatch("abc", /b/);
    assertStringIncludes("abc", "bc");
    fails(() => assertMatch("abc", /d/));
    fails(() => assertStringIncludes("abc", "cb"));
  });
  it("assertArrayIncludes() finds equal elements", () => {
    assertArrayIncludes([1, { a: 2 }, 3], [{ a: 2 }, 1]);
    fails(() => assertArrayIncludes([1, { a: 2 }], [{ a: 3 }]));
  });
  it("the four comparisons know their bounds", () => {
    assertGreater(2, 1);
    assertGreaterOrEqual(2, 2);
    assertLess(1, 2);
    assertLessOrEqual(2, 2);
    fails(() => assertGreater(2, 2));
    fails(() => assertGreaterOrEqual(1, 2));
    fails(() => assertLess(2, 2));
    fails(() => assertLessOrEqual(3, 2));
  });
  it("assertAlmostEquals() has a tolerance", () => {
    assertAlmostEquals(0.1 + 0.2, 0.3);
    assertAlmostEquals(1, 1.05, 0.1);
    assertAlmostEquals(Infinity, Infinity);
    fails(() => assertAlmostEquals(1, 1.1));
    fails(() => assertAlmostEquals(1, 1.2, 0.1));
    fails(() => assertAlmostEquals(NaN, 1));
  });
  it("assertObjectMatch() wants the properties that it names", () => {
    assertObjectMatch({ a: 1, b: { c: 2, d: 3 } }, { b: { c: 2 } });
    fails(() => assertObjectMatch({ a: 1 }, { a: 2 }));
    fails(() => assertObjectMatch({ a: 1 }, { b: 1 }));
    fails(() => assertObjectMatch({ b: { c: 2 } }, { b: { c: 2, d: 3 } }));
  });
  it("fail() and unreachable() always fail", () => {
    fails(() => fail("what is wrong"), "what is wrong");
    fails(() => unreachable());
  });
});

describe("assertions of errors", () => {
  const throwRange = () => {
    throw new RangeError("out of range");
  };
  it("assertThrows() returns what was thrown", () => {
    assertInstanceOf(assertThrows(throwRange), RangeError);
    const error: RangeError = assertThrows(throwRange, RangeError, "of range");
    assertEquals(error.message, "out of range");
    assertStrictEquals(
      assertThrows(() => {
        throw "text";
      }),
      "text",
    );
  });
  it("assertThrows() fails on another class, text or no error", () => {
    fails(() => assertThrows(() => {}), "Expected function to throw");
    fails(() => assertThrows(throwRange, TypeError));
    fails(() => assertThrows(throwRange, RangeError, "in range"));
    fails(() =>
      assertThrows(() => {
        throw "text";
      }, Error)
    );
  });
  it("assertRejects() returns the reason", async () => {
    const reject = () => Promise.reject(new RangeError("out of range"));
    assertInstanceOf(await assertRejects(reject), RangeError);
    const error: Error = await assertRejects(reject, Error, "of range");
    assertEquals(error.message, "out of range");
  });
  it("assertRejects() takes any object that has a then", async () => {
    const thenable: PromiseLike<number> = {
      then: (_resolve, reject) =>
        Promise.resolve(reject!(new Error("no"))) as Promise<never>,
    };
    await assertRejects(() => thenable, Error, "no");
  });
  it("assertRejects() fails on another class, text or no error", async () => {
    const reject = () => Promise.reject(new RangeError("out of range"));
    await failsLater(() => assertRejects(() => Promise.resolve(1)));
    await failsLater(() => assertRejects(reject, TypeError));
    await failsLater(() => assertRejects(reject, RangeError, "in range"));
  });
  it("assertRejects() fails when the function itself throws", async () => {
    await failsLater(() =>
      assertRejects(() => {
        throw new Error("at once");
      }, Error)
    );
  });
});

describe("async functions", () => {
  it("delay() waits and can be aborted", async () => {
    const start = performance.now();
    await delay(10);
    assertGreaterOrEqual(performance.now() - start, 8);
    const reason = new Error("enough");
    const controller = new AbortController();
    const waiting = delay(10_000, { signal: controller.signal });
    controller.abort(reason);
    assertStrictEquals(await assertRejects(() => waiting), reason);
    await assertRejects(() => delay(1, { signal: AbortSignal.abort() }));
  });
  it("abortable() leaves a promise that never settles", async () => {
    const controller = new AbortController();
    const waiting = abortable(new Promise(() => {}), controller.signal);
    controller.abort();
    await assertRejects(() => waiting, DOMException);
    assertEquals(
      await abortable(Promise.resolve(1), new AbortController().signal),
      1,
    );
  });
  it("abortable() leaves an iteration that never goes on", async () => {
    const controller = new AbortController();
    async function* source() {
      yield 1;
      await new Promise(() => {});
    }
    const seen: number[] = [];
    await assertRejects(async () => {
      for await (const n of abortable(source(), controller.signal)) {
        seen.push(n);
        controller.abort();
      }
    }, DOMException);
    assertEquals(seen, [1]);
  });
  it("deadline() passes a result on and gives up in time", async () => {
    assertEquals(await deadline(Promise.resolve(1), 1000), 1);
    const error = await assertRejects(
      () => deadline(new Promise(() => {}), 5),
      DOMException,
    );
    assertEquals(error.name, "TimeoutError");
  });
  it("pooledMap() keeps the order and its limit", async () => {
    let running = 0;
    let most = 0;
    const results: number[] = [];
    const mapped = pooledMap(2, [1, 2, 3, 4], async (n) => {
      most = Math.max(most, ++running);
      await delay(5 - n);
      running--;
      return n * 2;
    });
    for await (const n of mapped) results.push(n);
    assertEquals(results, [2, 4, 6, 8]);
    assertEquals(most, 2);
  });
  it("pooledMap() throws an AggregateError", async () => {
    await assertRejects(async () => {
      const mapped = pooledMap(
        2,
        [1, 2, 3],
        (n) => n === 2 ? Promise.reject(new Error("2")) : Promise.resolve(n),
      );
      for await (const _ of mapped);
    }, AggregateError);
  });
  it("debounce() calls once after a pause", () => {
    using time = new FakeTime();
    const calls: number[] = [];
    const debounced = debounce((n: number) => void calls.push(n), 100);
    debounced(1);
    time.tick(60);
    debounced(2);
    time.tick(60);
    assertEquals(calls, []);
    assert(debounced.pending);
    time.tick(40);
    assertEquals(calls, [2]);
    debounced(3);
    debounced.flush();
    debounced(4);
    debounced.clear();
    time.tick(200);
    assertEquals(calls, [2, 3]);
  });
  it("MuxAsyncIterator yields from all of its iterables", async () => {
    async function* count(...numbers: number[]) {
      for (const n of numbers) yield await Promise.resolve(n);
    }
    const mux = new MuxAsyncIterator<number>();
    mux.add(count(1, 2, 3));
    mux.add(count(4, 5));
    const seen = new Set<number>();
    for await (const n of mux) seen.add(n);
    assertEquals(seen, new Set([1, 2, 3, 4, 5]));
  });
});

describe("FakeTime", () => {
  it("replaces the clock and the timers until it is restored", () => {
    const before = { Date, setTimeout, clearTimeout, setInterval };
    {
      using time = new FakeTime(9000);
      assertEquals(time.start, 9000);
      assertEquals([Date.now(), new Date().getTime()], [9000, 9000]);
      assertInstanceOf(new Date(), before.Date);
      time.tick(500);
      assertEquals(Date.now(), 9500);
      assertEquals(new Date("1970-01-01T00:00:01Z").getTime(), 1000);
    }
    assertStrictEquals(Date, before.Date);
    assertStrictEquals(setTimeout, before.setTimeout);
    assertStrictEquals(setInterval, before.setInterval);
  });
  it("runs timers in the order of their due times", () => {
    using time = new FakeTime();
    const calls: [string, number][] = [];
    const call = (name: string) =>
      void calls.push([name, Date.now() - time.start]);
    setTimeout(call, 30, "late");
    setTimeout(call, 10, "early");
    setTimeout(call, 10, "second");
    const cleared = setTimeout(call, 20, "cleared");
    const interval = setInterval(call, 12, "again");
    clearTimeout(cleared);
    time.tick(9);
    assertEquals(calls, []);
    time.tick(21);
    assertEquals(calls, [
      ["early", 10],
      ["second", 10],
      ["again", 12],
      ["again", 24],
      ["late", 30],
    ]);
    clearInterval(interval);
    time.tick(100);
    assertEquals(calls.length, 5);
  });
  it("next() and runAll() jump to the timers", () => {
    using time = new FakeTime(0);
    const calls: number[] = [];
    for (const ms of [30, 10, 20]) setTimeout(() => calls.push(ms), ms);
    assert(time.next());
    assertEquals([calls, time.now], [[10], 10]);
    time.runAll();
    assertEquals([calls, time.now], [[10, 20, 30], 30]);
    assertFalse(time.next());
  });
  it("tickAsync() and runMicrotasks() let promises go on", async () => {
    using time = new FakeTime();
    const order: string[] = [];
    setTimeout(() => order.push("timer"), 10);
    Promise.resolve().then(() => order.push("microtask"));
    await time.runMicrotasks();
    assertEquals(order, ["microtask"]);
    Promise.resolve().then(() => order.push("another"));
    await time.tickAsync(10);
    assertEquals(order, ["microtask", "another", "timer"]);
  });
  it("nextAsync() and runAllAsync() go on to timers that promises set", async () => {
    using time = new FakeTime(0);
    const order: number[] = [];
    const chain = async () => {
      for (const n of [1, 2, 3]) {
        await delay(100);
        order.push(n);
      }
    };
    const done = chain();
    await time.nextAsync();
    await time.runMicrotasks();
    assertEquals(order, [1]);
    await time.runAllAsync();
    await done;
    assertEquals([order, time.now], [[1, 2, 3], 300]);
  });
  it("delay() and restoreFor() use real time", async () => {
    using time = new FakeTime(0);
    await time.delay(5);
    assertEquals(Date.now(), 0);
    assertGreater(await FakeTime.restoreFor(() => Date.now()), 1e12);
    assertEquals(Date.now(), 0);
  });
  it("cannot be nested, restored twice or turned back", () => {
    const time = new FakeTime(1000);
    try {
      assertThrows(() => new FakeTime(), Error);
      assertThrows(() => time.now = 999, Error);
    } finally {
      time.restore();
    }
    assertThrows(() => time.restore(), Error);
  });
});

describe("spies", () => {
  it("spy() records the calls of a function", () => {
    const add = spy((a: number, b: number) => a + b);
    assertEquals(add(1, 2), 3);
    assertEquals(add.calls, [{ args: [1, 2], returned: 3 }]);
    assertSpyCalls(add, 1);
    assertSpyCall(add, 0, { args: [1, 2], returned: 3 });
    const nothing = spy();
    assertSpyCalls(nothing, 0);
  });
  it("spy() records errors and passes them on", () => {
    const failing = spy(() => {
      throw new RangeError("out of range");
    });
    assertThrows(failing, RangeError);
    assertSpyCall(failing, 0, {
      error: { Class: RangeError, msgIncludes: "range" },
    });
  });
  it("spy() watches a method until it is restored", () => {
    const counter = {
      n: 1,
      add(by: number) {
        return this.n += by;
      },
    };
    const original = counter.add;
    const add = spy(counter, "add");
    assertEquals(counter.add(2), 3);
    assertSpyCall(add, 0, { self: counter, args: [2], returned: 3 });
    assertThrows(() => spy(counter, "add"), MockError);
    add.restore();
    assertStrictEquals(counter.add, original);
    assertThrows(() => add.restore(), MockError);
  });
  it("stub() does something else until it is restored", () => {
    const dice = { roll: () => 6 };
    {
      using roll = stub(dice, "roll", () => 1);
      assertEquals(dice.roll(), 1);
      assertSpyCalls(roll, 1);
    }
    assertEquals(dice.roll(), 6);
  });
  it("the assertions fail on other calls", () => {
    const add = spy((a: number, b: number) => a + b);
    add(1, 2);
    fails(() => assertSpyCalls(add, 2));
    fails(() => assertSpyCall(add, 1));
    fails(() => assertSpyCall(add, 0, { args: [2, 1] }));
    fails(() => assertSpyCall(add, 0, { returned: 4 }));
  });
});
