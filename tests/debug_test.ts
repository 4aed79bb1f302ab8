/** Debug mode. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describe, it } from "./_harness.ts";
import {
  capturedLog,
  hostTurns,
  oneIteration,
  virtualLoop,
  withLoop,
} from "./_loops.ts";
import { BaseEventLoop, sleep } from "../mod.ts";
import { fakePlatform } from "../_platform/fake.ts";

/** A loop whose callbacks can make the virtual time pass. */
function debugLoop() {
  const v = virtualLoop();
  v.loop.setDebug(true);
  const busy = (seconds: number) => v.clock.advance(seconds);
  return { ...v, busy };
}

describe("debug mode", () => {
  it("can be turned on and off, and asked for", () =>
    withLoop(({ loop }) => {
      assertEquals(loop.getDebug(), false);
      loop.setDebug(true);
      assertEquals(loop.getDebug(), true);
      loop.setDebug(false);
      assertEquals(loop.getDebug(), false);
    }));

  it("is read from the environment", () => {
    const debug = (env: Record<string, string>) => {
      const loop = new BaseEventLoop({ platform: fakePlatform({ env }) });
      try {
        return loop.getDebug();
      } finally {
        loop.close();
      }
    };
    assertEquals(debug({ ASYNCIO_DEBUG: "1" }), true);
    assertEquals(debug({ PYTHONASYNCIODEBUG: "1" }), true);
    assertEquals(debug({ PYTHONASYNCIODEBUG: "" }), false);
    assertEquals(debug({ ASYNCIO_DEBUG: "", PYTHONASYNCIODEBUG: "1" }), false);
    assertEquals(debug({}), false);
  });

  it("behaviour 60: reports a callback that took long", async () => {
    const { loop, busy } = debugLoop();
    assertEquals(loop.slowCallbackDuration, 0.1);
    function slow() {
      busy(0.25);
    }
    const log = await capturedLog(async () => {
      loop.callSoon(slow);
      loop.callSoon(() => busy(0.09));
      await oneIteration(loop);
    });
    assertEquals(log.length, 1);
    assertEquals(log[0]!.level, "warning");
    assertMatch(
      log[0]!.text,
      /^Executing <Handle .*slow.*> took 0\.250 seconds$/,
    );
    loop.close();
  });

  it("behaviour 60: the duration itself counts, and can be chosen", async () => {
    const { loop, busy } = debugLoop();
    loop.slowCallbackDuration = 0.5;
    const log = await capturedLog(async () => {
      loop.callSoon(() => busy(0.5));
      await oneIteration(loop);
      loop.callSoon(() => busy(0.49));
      await oneIteration(loop);
      loop.setDebug(false);
      loop.callSoon(() => busy(5));
      await oneIteration(loop);
    });
    assertEquals(log.length, 1);
    assertStringIncludes(log[0]!.text, "took 0.500 seconds");
    loop.close();
  });

  it("behaviour 60: reports a slow step of a generator task by the task", async () => {
    const { loop, busy } = debugLoop();
    const log = await capturedLog(() =>
      loop.runUntilComplete(loop.createTask(function* () {
        yield* sleep(0);
        busy(0.3);
      }, { name: "worker" }))
    );
    assertEquals(log.length, 1);
    assertMatch(
      log[0]!.text,
      /^Executing <Task .*worker.* took 0\.300 seconds$/,
    );
    loop.close();
  });

  it("behaviour 60: reports a slow first step of an async task", async () => {
    const { loop, busy } = debugLoop();
    const log = await capturedLog(() =>
      // deno-lint-ignore require-await
      loop.runUntilComplete(loop.createTask(async () => {
        busy(0.3);
      }, { name: "worker" }))
    );
    assertEquals(log.length, 1);
    assertStringIncludes(log[0]!.text, "worker");
    loop.close();
  });

  it("behaviour 60: reports a slow step of an async task after an await", async () => {
    const { loop, busy } = debugLoop();
    const log = await capturedLog(() =>
      loop.runUntilComplete(loop.createTask(async () => {
        await sleep(0);
        busy(0.3);
        await sleep(0);
      }, { name: "worker" }))
    );
    assertEquals(log.length, 1);
    assertStringIncludes(log[0]!.text, "worker");
    assertStringIncludes(log[0]!.text, "took 0.300 seconds");
    loop.close();
  });

  it("does not count what a sleeping task waits", async () => {
    const { loop } = debugLoop();
    const log = await capturedLog(() => loop.runUntilComplete(sleep(60)));
    assertEquals(log, []);
    loop.close();
  });

  it("shows where a handle was made", async () => {
    const { loop } = debugLoop();
    const handle = loop.callSoon(() => {});
    assertStringIncludes(`${handle}`, "debug_test");
    await oneIteration(loop);
    await hostTurns();
    loop.close();
  });
});
