/** Event. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { Event, isCoroutineFunction, sleep } from "../mod.ts";
import { it } from "./_harness.ts";
import { ended, line, spawner, tickInto } from "./_locks.ts";
import { both, type Spelled } from "./_spell.ts";

/** Makes tasks that wait for an event and note what they saw. */
function waiters(t: Spelled, event: Event, log: unknown[]) {
  return spawner(t, function* (name: string) {
    try {
      log.push(name, yield event.wait(), event.isSet());
    } catch (error) {
      log.push(`${name}x`);
      throw error;
    }
  });
}

both(
  "behaviour 44: set and cleared in one tick, all waiters go on and see it unset",
  function* (t) {
    const event = new Event();
    const log: unknown[] = [];
    const tasks = [..."abc"].map(waiters(t, event, log));
    yield sleep(0);
    tickInto(log, t.loop);
    event.set();
    event.clear();
    log.push(String(event));
    yield ended(...tasks);
    assertEquals(
      line(log),
      "| <Event [unset, waiters:3]> | a true false b true false c true false",
    );
    assertEquals(String(event), "<Event [unset]>");
  },
);

both(
  "behaviour 44: who comes after the clear waits for the next set",
  function* (t) {
    const event = new Event();
    const log: unknown[] = [];
    const wait = waiters(t, event, log);
    const first = wait("a");
    yield sleep(0);
    event.set();
    event.clear();
    const second = wait("b");
    yield first;
    yield sleep(1);
    assertEquals([second.done(), String(event)], [
      false,
      "<Event [unset, waiters:1]>",
    ]);
    event.set();
    yield second;
    assertEquals(line(log), "a true false b true true");
  },
);

both("Event: waiters are woken in the order in which they came", function* (t) {
  const event = new Event();
  const log: unknown[] = [];
  const tasks = [..."abcdef"].map(waiters(t, event, log));
  yield sleep(0);
  assertEquals(event.statistics(), { isSet: false, tasksWaiting: 6 });
  event.set();
  event.set();
  yield ended(...tasks);
  assertEquals(
    log.filter((entry) => typeof entry === "string").join(""),
    "abcdef",
  );
});

both("Event: once set, wait() lets nothing else run", function* ({ loop }) {
  const event = new Event();
  const log: string[] = [];
  event.set();
  loop.callSoon(() => log.push("callback"));
  assertStrictEquals(yield event.wait(), true);
  assertStrictEquals(yield event.wait(), true);
  assertEquals([log, event.isSet()], [[], true]);
});

both("Event: a cancelled waiter leaves, woken or not", function* (t) {
  const event = new Event();
  const log: unknown[] = [];
  const [a, b, c] = [..."abc"].map(waiters(t, event, log));
  yield sleep(0);
  a!.cancel();
  event.set();
  b!.cancel();
  yield ended(a!, b!, c!);
  assertEquals(line(log), "ax bx c true true");
  assertEquals([a!.cancelled(), b!.cancelled()], [true, true]);
  assertEquals(event.statistics(), { isSet: true, tasksWaiting: 0 });
  assert(Object.isFrozen(event.statistics()));
});

both("Event: does nothing until it is awaited", function* () {
  const event = new Event();
  const waiting = event.wait();
  yield sleep(0);
  assertEquals(event.statistics().tasksWaiting, 0);
  event.set();
  yield waiting;
  event.clear();
  assertEquals(event.isSet(), false);
  assertEquals(String(event), "<Event [unset]>");
});

it("Event: wait is a coroutine function", () => {
  assertEquals(isCoroutineFunction(new Event().wait), true);
});
