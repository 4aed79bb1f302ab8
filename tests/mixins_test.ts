/** The binding of primitives to loops. */

import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  _LoopBoundMixin,
  Barrier,
  CapacityLimiter,
  Condition,
  createTask,
  Event,
  getRunningLoop,
  Lock,
  RuntimeError,
  Semaphore,
  sleep,
} from "../mod.ts";
import { describe, it } from "./_harness.ts";
import { outcome, spell, SPELLINGS } from "./_spell.ts";
import { runVirtual } from "./_virtual.ts";

/** Each primitive, with what has to wait and what has not, and its text then. */
const PRIMITIVES: Readonly<
  Record<string, () => { free(): unknown; wait(): unknown; text: string }>
> = {
  Lock: () => {
    const lock = new Lock();
    return {
      free: () => lock.with(() => {}),
      wait: () => lock.with(() => lock.acquire()),
      text: "<Lock [locked]>",
    };
  },
  Semaphore: () => {
    const semaphore = new Semaphore(1);
    return {
      free: () => semaphore.with(() => {}),
      wait: () => semaphore.with(() => semaphore.acquire()),
      text: "<Semaphore [locked]>",
    };
  },
  Event: () => {
    const event = new Event();
    return {
      free: () => (event.set(), event.wait()),
      wait: () => (event.clear(), event.wait()),
      text: "<Event [unset]>",
    };
  },
  Condition: () => {
    const condition = new Condition();
    return {
      free: () => condition.with(() => condition.notifyAll()),
      wait: () => condition.with(() => condition.wait()),
      text: "<Condition [locked]>",
    };
  },
  Barrier: () => {
    const barrier = new Barrier(2);
    return {
      free: () => barrier.reset(),
      wait: () => barrier.wait(),
      text: "<Condition [locked]>",
    };
  },
  CapacityLimiter: () => {
    const limiter = new CapacityLimiter(1);
    return {
      free: () => limiter.with(() => {}),
      wait: () => limiter.with(() => limiter.acquireOnBehalfOf("another")),
      text: "<CapacityLimiter [1/1]>",
    };
  },
};

describe("_LoopBoundMixin", () => {
  for (const [name, make] of Object.entries(PRIMITIVES)) {
    for (const spelling of SPELLINGS) {
      it(`behaviour 40: ${name} binds where it is first waited for, not before (${spelling})`, async () => {
        const { free, wait, text } = make();
        const inLoop = (body: () => unknown) =>
          runVirtual(spell(spelling, function* () {
            return yield* outcome(body());
          }));
        // Used in two loops without contention: bound to neither.
        await inLoop(free);
        await inLoop(free);
        await runVirtual(
          spell(spelling, function* () {
            createTask(function* () {
              yield* wait() as ReturnType<typeof sleep>;
            });
            yield sleep(0);
            // Who waits stays, so that the primitive is seen as it was in use.
          }),
          { leaks: false },
        );
        assertEquals(
          await inLoop(wait),
          `RuntimeError(${text} is bound to a different event loop)`,
        );
        // What need not wait goes through all the same.
        await inLoop(free);
      });
    }
  }

  it("behaviour 40: gives the running loop, the same each time", () =>
    runVirtual(async () => {
      const mixin = new _LoopBoundMixin();
      assertStrictEquals(mixin._loop, null);
      assertStrictEquals(mixin._getLoop(), getRunningLoop());
      assertStrictEquals(mixin._getLoop(), getRunningLoop());
      assertStrictEquals(mixin._loop, getRunningLoop());
    }));

  it("is a RuntimeError outside any loop, and binds to none", async () => {
    const mixin = new _LoopBoundMixin();
    assertThrows(() => mixin._getLoop(), RuntimeError, "no running event loop");
    await runVirtual(async () => {
      assertStrictEquals(mixin._getLoop(), getRunningLoop());
    });
  });
});
