/** The ready queue and the timers, alone and in a loop. */

import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { describe, it } from "./_harness.ts";
import { oneIteration, virtualLoop, withLoop } from "./_loops.ts";
import {
  AbstractEventLoop,
  BaseEventLoop,
  sleep,
  TimerHandle,
} from "../mod.ts";
import { ReadyQueue, TimerHeap } from "../_kernel/ready.ts";
import type { Platform } from "../_platform/types.ts";
import { fakePlatform } from "../_platform/fake.ts";

const item = (n: number) => ({ n, _run() {} });

describe("ReadyQueue", () => {
  it("is first in, first out, across its growth and its end", () => {
    const queue = new ReadyQueue();
    let put = 0;
    let taken = 0;
    // The ring's start moves on between the pushes, so that it wraps.
    for (const [push, shift] of [[50, 40], [60, 30], [500, 100], [7, 447]]) {
      for (let i = 0; i < push!; i++) queue.push(item(put++));
      for (let i = 0; i < shift!; i++) {
        assertEquals((queue.shift() as ReturnType<typeof item>).n, taken++);
      }
      assertEquals(queue.length, put - taken);
    }
    assertEquals(queue.length, 0);
    queue.push(item(1));
    queue.clear();
    assertEquals(queue.length, 0);
    queue.push(item(7));
    assertEquals((queue.shift() as ReturnType<typeof item>).n, 7);
  });
});

/** A heap with the loop that its timers report to. */
function heapAndLoop() {
  const heap = new TimerHeap();
  class Loop extends AbstractEventLoop {
    override getDebug(): boolean {
      return false;
    }
    override _timerHandleCancelled(handle: TimerHandle): void {
      heap.noteCancelled(handle);
    }
  }
  const loop = new Loop();
  const add = (when: number) => {
    const timer = new TimerHandle(when, () => {}, [], loop);
    heap.push(timer);
    return timer;
  };
  return { heap, add };
}

describe("TimerHeap", () => {
  it("gives the earliest first, equal ones as they were scheduled", () => {
    const { heap, add } = heapAndLoop();
    const timers: TimerHandle[] = [];
    let seed = 1;
    for (let i = 0; i < 500; i++) {
      seed = seed * 16807 % 2147483647;
      timers.push(add(seed % 20));
    }
    const expected = timers.toSorted((a, b) =>
      a.when() - b.when() || timers.indexOf(a) - timers.indexOf(b)
    );
    for (const timer of expected) {
      assertStrictEquals(heap.peek(), timer);
      assertStrictEquals(heap.pop(), timer);
    }
    assertStrictEquals(heap.peek(), undefined);
    assertEquals(heap.length, 0);
  });

  it("behaviour 57: cancelled timers stay until they come up", () => {
    const { heap, add } = heapAndLoop();
    const [first, second, third] = [add(1), add(2), add(3)];
    second!.cancel();
    assertStrictEquals(heap.peek(), first);
    assertEquals(heap.length, 3);
    heap.pop();
    assertStrictEquals(heap.peek(), third);
    assertEquals(heap.length, 1);
  });

  it("behaviour 57: a sweep needs more than 100, over half of them cancelled", () => {
    const { heap, add } = heapAndLoop();
    add(-1); // the earliest stays, so that none comes up
    const timers = Array.from({ length: 199 }, (_, i) => add(i));
    for (const timer of timers.slice(0, 100)) timer.cancel();
    heap.peek();
    assertEquals(heap.length, 200, "exactly half are cancelled");
    timers[100]!.cancel();
    heap.peek();
    assertEquals(heap.length, 99);
    const left: number[] = [];
    while (heap.peek() !== undefined) left.push(heap.pop().when());
    assertEquals(left, [-1, ...timers.slice(101).map((t) => t.when())]);
  });

  it("behaviour 57: a hundred timers are never swept", () => {
    const { heap, add } = heapAndLoop();
    add(-1);
    const timers = Array.from({ length: 99 }, (_, i) => add(i));
    for (const timer of timers) timer.cancel();
    heap.peek();
    assertEquals(heap.length, 100);
    add(1000);
    heap.peek();
    assertEquals(heap.length, 2);
  });

  it("counts a timer once, and none that has left the heap", () => {
    const { heap, add } = heapAndLoop();
    const gone = add(0);
    heap.pop();
    gone.cancel();
    add(-1);
    const timers = Array.from({ length: 150 }, (_, i) => add(i));
    for (const timer of timers.slice(0, 75)) {
      timer.cancel();
      timer.cancel();
    }
    heap.peek();
    assertEquals(heap.length, 151, "75 of 151 are cancelled");
  });

  it("clear() forgets all", () => {
    const { heap, add } = heapAndLoop();
    const timer = add(1);
    heap.clear();
    assertEquals(heap.length, 0);
    timer.cancel();
    add(2);
    assertEquals(heap.peek()!.when(), 2);
  });
});

describe("timers", () => {
  it("behaviour 56: equal deadlines run in the order of the calls", () =>
    withLoop(async ({ loop }) => {
      const seen: number[] = [];
      for (let i = 0; i < 20; i++) loop.callAt(1, (n) => void seen.push(n), i);
      await loop.runUntilComplete(sleep(2));
      assertEquals(seen, Array.from({ length: 20 }, (_, i) => i));
    }));

  it("behaviour 56: a timer is ready within the clock's resolution", async () => {
    const fake = fakePlatform();
    const platform: Platform = {
      ...fake,
      clock: { ...fake.clock, resolution: 0.5 },
    };
    const loop = new BaseEventLoop({ platform });
    const seen: string[] = [];
    loop.callAt(0.49, () => void seen.push("within"));
    loop.callAt(0.5, () => void seen.push("at the end"));
    await oneIteration(loop);
    assertEquals(seen, ["within"]);
    loop.close();
  });

  it("come after what was ready, and before what that makes ready", () =>
    withLoop(async ({ loop, clock }) => {
      const seen: string[] = [];
      loop.callLater(1, () => void seen.push("timer 1"));
      loop.callLater(2, () => void seen.push("timer 2"));
      clock.advance(3);
      loop.callSoon(() => {
        seen.push("ready");
        loop.callSoon(() => void seen.push("next"));
      });
      await oneIteration(loop);
      assertEquals(seen, ["ready", "timer 1", "timer 2"]);
      await oneIteration(loop);
      assertEquals(seen.at(-1), "next");
    }));

  it("that are due join one by one as they are scheduled", () =>
    withLoop(async ({ loop }) => {
      const seen: string[] = [];
      loop.callSoon(() => {
        loop.callLater(0, () => void seen.push("timer"));
        loop.callSoon(() => void seen.push("soon"));
      });
      await loop.runUntilComplete(sleep(1));
      assertEquals(seen, ["soon", "timer"]);
    }));

  it("behaviour 56: negative delays count as past", () =>
    withLoop(async ({ loop, clock }) => {
      const seen: string[] = [];
      loop.callLater(0, () => void seen.push("now"));
      loop.callLater(-5, () => void seen.push("past"));
      loop.callAt(-Infinity, () => void seen.push("never was"));
      await loop.runUntilComplete(sleep(-1));
      await oneIteration(loop);
      assertEquals(seen, ["never was", "past", "now"]);
      assertEquals(clock.now(), 0);
    }));

  it("behaviour 56: sleep(NaN) is a RangeError", () =>
    withLoop(async ({ loop }) => {
      const error = await assertRejects(
        () => loop.runUntilComplete(sleep(NaN)),
        RangeError,
      );
      assertEquals(error.message, "Invalid delay: NaN (not a number)");
    }));

  it("beyond what the host can wait for are waited for in parts", () =>
    withLoop(async ({ loop, clock }) => {
      const month = 31 * 24 * 3600; // 2^31 ms are 24.8 days
      const seen: number[] = [];
      loop.callLater(month, () => void seen.push(clock.now()));
      await loop.runUntilComplete(sleep(month + 1));
      assertEquals(seen, [month]);
      assert(clock.waits >= 31, "a day is waited for at most");
    }));

  it("of infinite delay never fire and keep nothing from ending", () =>
    withLoop(async ({ loop, clock }) => {
      let fired = false;
      loop.callLater(Infinity, () => void (fired = true));
      await loop.runUntilComplete(sleep(5));
      assertEquals(clock.now(), 5);
      assert(!fired);
    }));

  it("that fire early in the host are waited for again", async () => {
    const fake = fakePlatform();
    let early = 0;
    const platform: Platform = {
      ...fake,
      clock: {
        ...fake.clock,
        startTimer(delay, fn) {
          if (delay < 0.1) return fake.clock.startTimer(delay, fn);
          early++;
          return fake.clock.startTimer(delay / 2, fn);
        },
      },
    };
    const loop = new BaseEventLoop({ platform });
    const seen: number[] = [];
    loop.callLater(10, () => void seen.push(loop.time()));
    loop.callLater(10.5, () => loop.stop());
    await loop.runForever();
    assertEquals(seen, [10]);
    assert(early > 5);
    loop.close();
  });

  it("behaviour 57: a cancelled one is not waited for", () =>
    withLoop(async ({ loop, clock }) => {
      const timers = [1, 2, 3].map((s) => loop.callLater(s, () => {}));
      for (const timer of timers) timer.cancel();
      let ran = false;
      loop.callLater(5, () => {
        ran = true;
        loop.stop();
      });
      await loop.runForever();
      assert(ran);
      assertEquals(clock.waits, 1);
    }));

  it("cancelled by another of the same iteration does not run", () =>
    withLoop(async ({ loop }) => {
      const seen: string[] = [];
      loop.callAt(1, () => second.cancel());
      const second = loop.callAt(1, () => void seen.push("second"));
      loop.callAt(1, () => void seen.push("third"));
      await loop.runUntilComplete(sleep(2));
      assertEquals(seen, ["third"]);
    }));

  for (const waiting of [false, true]) {
    const state = waiting ? "waits for a later one" : "is idle";
    it(`scheduled by a host callback while the loop ${state} fire in time`, async () => {
      const loop = new BaseEventLoop();
      if (waiting) loop.callLater(100, () => {});
      const seen: string[] = [];
      const fire = (name: string) => {
        seen.push(name);
        if (seen.length === 2) loop.stop();
      };
      const running = loop.runForever();
      const began = performance.now();
      setTimeout(() => {
        loop.callLater(0.02, fire, "later");
        loop.callAt(loop.time() + 0.01, fire, "at");
      }, 5);
      const giveUp = setTimeout(() => loop.stop(), 1000);
      await running;
      clearTimeout(giveUp);
      loop.close();
      assertEquals(seen, ["at", "later"]);
      const took = performance.now() - began;
      assert(took < 900, `took ${took} ms`);
    });
  }

  it("never fire before their time on the real clock", async () => {
    const loop = new BaseEventLoop();
    for (const delay of [0.0012, 0.0025, 0.0031, 0.0101]) {
      const due = loop.time() + delay;
      await loop.runUntilComplete(sleep(delay));
      assert(loop.time() >= due - 1e-6, `${delay} s`);
    }
    loop.close();
  });

  it("stay for the next run of the loop", () =>
    withLoop(async ({ loop }) => {
      const seen: string[] = [];
      loop.callLater(5, () => void seen.push("kept"));
      await loop.runUntilComplete(sleep(1));
      await loop.runUntilComplete(sleep(3));
      assertEquals(seen, []);
      await loop.runUntilComplete(sleep(3));
      assertEquals(seen, ["kept"]);
    }));

  it("the virtual loop of these tests starts at 0", () => {
    const { loop } = virtualLoop();
    assertEquals(loop.time(), 0);
    loop.close();
  });
});
