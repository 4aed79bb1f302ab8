/** Debug mode: callbacks and steps that take long. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, it } from "./_harness.ts";
import { capturedLog, virtualLoop } from "./_loops.ts";
import { SlowWatch } from "../_debug/slow.ts";
import {
  BaseEventLoop,
  createTask,
  getRunningLoop,
  run,
  sleep,
} from "../mod.ts";

const LINES = readFileSync(fileURLToPath(import.meta.url), "utf8").split("\n");

/** "file:line" of the line of this file that ends in a mark. */
function placeOf(mark: string): string {
  const at = LINES.findIndex((line) => line.endsWith(`// ${mark}`));
  assert(at >= 0, mark);
  return `debug_slow_test.ts:${at + 1}`;
}

describe("debug mode, slow", () => {
  it("tells of a slow step with the line at which the generator stopped", async () => {
    const { loop, clock } = virtualLoop();
    loop.setDebug(true);
    const log = await capturedLog(() =>
      loop.runUntilComplete(loop.createTask(function* () {
        clock.advance(0.3);
        yield* sleep(1); // after the slow step
      }, { name: "slow" }))
    );
    assertEquals(log.length, 1);
    assertMatch(log[0]!.text, /^Executing <Task .*'slow'/);
    assertMatch(log[0]!.text, / took 0\.300 seconds$/);
    assertStringIncludes(
      log[0]!.text,
      `debug_slow_test.ts:${placeOf("after the slow step").split(":")[1]})`,
    );
    loop.close();
  });

  it("tells of a slow step with the line at which the async function awaits", async () => {
    const { loop, clock } = virtualLoop();
    loop.setDebug(true);
    const log = await capturedLog(() =>
      loop.runUntilComplete(loop.createTask(async () => {
        await sleep(0);
        clock.advance(0.3);
        await sleep(1); // after the slow part
      }, { name: "slow" }))
    );
    assertEquals(log.length, 1);
    assertStringIncludes(log[0]!.text, `(now at`);
    assertStringIncludes(log[0]!.text, placeOf("after the slow part"));
    loop.close();
  });

  it("tells of a slow callback with where it was scheduled", async () => {
    const { loop, clock } = virtualLoop();
    loop.setDebug(true);
    const log = await capturedLog(async () => {
      const slow = () => {
        clock.advance(0.3);
        loop.stop();
      };
      loop.callSoon(slow); // scheduled
      await loop.runForever();
    });
    assertEquals(log.length, 1);
    assertStringIncludes(log[0]!.text, placeOf("scheduled"));
    loop.close();
  });

  it("tells of a slow step that ends in an await of something foreign", async () => {
    const log = await capturedLog(() =>
      run(async () => {
        const slow = async () => {
          const since = performance.now();
          while (performance.now() - since < 120);
          await new Promise((resolve) => setTimeout(resolve, 50));
        };
        await createTask(slow, { name: "slow" }); // foreign
      }, { debug: true })
    );
    const found = log.filter(({ text }) => text.includes("'slow'"));
    assertEquals(found.length, 1, JSON.stringify(log));
    assertMatch(
      found[0]!.text,
      /^Executing <Task .*>, to the runtime's next turn, took \d\.\d+ seconds$/,
    );
    assertStringIncludes(found[0]!.text, placeOf("foreign"));
  });

  it("does not take a long wait for something foreign for a slow step", async () => {
    const log = await capturedLog(() =>
      run(async () => {
        (getRunningLoop() as BaseEventLoop).slowCallbackDuration = 0.6;
        await createTask(async () => {
          await sleep(0);
          await new Promise((resolve) => setTimeout(resolve, 700));
        });
        await new Promise((resolve) => setTimeout(resolve, 700));
      }, { debug: true })
    );
    assertEquals(log, []);
  });

  it("times a crowd of short callbacks together, and names all of a slow lot", async () => {
    let now = 0;
    let looks = 0;
    const loop = new BaseEventLoop();
    const watch = new SlowWatch(loop, () => {
      looks++;
      return now;
    });
    const runs = (name: number, seconds: number, open = false) => {
      const what = { _run() {}, toString: () => `<${name}>` };
      const began = watch.begin();
      now += seconds;
      watch.ran(what, began, open);
    };
    const log = await capturedLog(() => {
      for (let i = 0; i < 64; i++) runs(i, i === 10 ? 0.5 : 0.001);
      assertEquals(looks, 66);
      looks = 0;
      for (let i = 0; i < 400; i++) runs(i, 0.0001);
      assertEquals(looks, 100);
      for (let i = 0; i < 3; i++) runs(i, i === 1 ? 0.5 : 0.0001);
      watch.pause();
      runs(7, 0.0001);
      runs(8, 0.5, true);
      watch.ended();
      watch.newSlice();
      runs(9, 0.5);
      runs(10, 0.0001);
      now += 5; // the runtime's turn
      watch.pause();
      runs(11, 0.0001);
      watch.stop();
    });
    assertEquals(log.map(({ text }) => text), [
      "Executing <10> took 0.500 seconds",
      "Executing one of <0>, <1>, <2> took 0.500 seconds",
      "Executing one of <7>, <8> took 0.500 seconds",
      "Executing <9> took 0.500 seconds",
    ]);
    loop.close();
  });
});
