/** The timeline: a trace that Chrome and Perfetto open. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "./_harness.ts";
import { virtualLoop } from "./_loops.ts";
import {
  setInstrument,
  sleep,
  TaskGroup,
  Timeline,
  type Trace,
  type TraceEvent,
} from "../mod.ts";

/** Records a main coroutine on a virtual clock, and loads what is written. */
async function recorded(
  main: () => Promise<unknown>,
  timeline = new Timeline(),
): Promise<Trace> {
  const { loop } = virtualLoop();
  setInstrument(timeline.instrument);
  try {
    await loop.runUntilComplete(loop.createTask(main, { name: "main" }));
  } finally {
    setInstrument(null);
    loop.close();
  }
  return JSON.parse(JSON.stringify(timeline)) as Trace;
}

/** A TaskGroup with two workers, one of which makes a task of its own. */
async function program(): Promise<void> {
  await new TaskGroup().with(async (group) => {
    group.createTask(async () => {
      await sleep(1);
      await sleep(2);
    }, { name: "a" });
    group.createTask(function* () {
      yield* sleep(0.5);
      group.createTask(() => sleep(1), { name: "inner" });
      yield* sleep(4);
    }, { name: "b" });
  });
}

const spans = ({ traceEvents }: Trace) =>
  traceEvents.filter(({ ph }) => ph === "X");

const end = (span: TraceEvent) => span.ts! + span.dur!;

/** What a viewer makes of a span: whole nanoseconds, cut off. */
interface Slice {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
  readonly depth: number;
}

/**
 * Loads a trace as Perfetto does: the spans of a track in the order of their
 * beginnings, one in another as they lie. One that juts out of the span around it,
 * which Perfetto drops, is an error.
 */
function load({ traceEvents }: Trace): Map<number, Slice[]> {
  const tracks = new Map<number, Slice[]>();
  const open = new Map<number, Slice[]>();
  const nanos = (micros: number) => Math.trunc(micros * 1000);
  const complete = traceEvents.filter(({ ph }) => ph === "X");
  for (const { tid } of complete) {
    tracks.set(tid, []);
    open.set(tid, []);
  }
  const inOrder = complete.toSorted((a, b) => nanos(a.ts!) - nanos(b.ts!));
  for (const { name, tid, ts, dur } of inOrder) {
    const begin = nanos(ts!);
    const end = begin + nanos(dur!);
    assert(begin >= 0, `${name} begins at ${begin}`);
    const stack = open.get(tid)!;
    while (stack.length > 0 && stack.at(-1)!.end <= begin) {
      // Of no length itself: it lies at the end of the one around it.
      if (stack.at(-1)!.end === begin && begin === end && stack.length === 1) {
        break;
      }
      stack.pop();
    }
    const around = stack.at(-1);
    assert(
      around === undefined || end <= around.end,
      `${name} ends at ${end}, ${around?.name} around it at ${around?.end}`,
    );
    const slice = { name, begin, end, depth: stack.length };
    stack.push(slice);
    tracks.get(tid)!.push(slice);
  }
  return tracks;
}

/** The finest difference that the rounding may make, in microseconds. */
const ROUNDING = 0.002;

function life(trace: Trace, name: string): TraceEvent {
  const found = spans(trace).filter((s) => s.cat === "task" && s.name === name);
  assertEquals(found.length, 1, name);
  return found[0]!;
}

describe("Timeline", () => {
  it("nests the spans of a TaskGroup run right", async () => {
    const trace = await recorded(program);
    const every = spans(trace);
    let tracksOfTasks = 0;
    for (const tid of new Set(every.map((span) => span.tid))) {
      const all = every.filter((span) => span.tid === tid);
      if (tid === 0) continue;
      tracksOfTasks++;
      const [whole, ...parts] = all;
      assertEquals(whole!.cat, "task");
      // Steps and waits take turns, without a gap, from the first to the last.
      parts.sort((a, b) => a.ts! - b.ts!);
      let at = whole!.ts!;
      for (const part of parts) {
        assert(Math.abs(part.ts! - at) < ROUNDING, `${part.name} at ${at}`);
        at = end(part);
      }
      assert(Math.abs(at - end(whole!)) < ROUNDING);
    }
    assertEquals(tracksOfTasks, 4);
    const main = life(trace, "main");
    for (const name of ["a", "b", "inner"]) {
      const child = life(trace, name);
      assert(child.ts! >= main.ts! - ROUNDING);
      assert(end(child) <= end(main) + ROUNDING);
    }
  });

  it("is loaded with the spans of a task in the one of its life", async () => {
    const { loop } = virtualLoop();
    const timeline = new Timeline();
    setInstrument(timeline.instrument);
    let seed = 7;
    // Times that are no whole number of anything.
    const time = () => (seed = seed * 48271 % 0x7fffffff) / 0x7fffffff / 7;
    try {
      await loop.runUntilComplete(async () => {
        await new TaskGroup().with(async (group) => {
          for (let i = 0; i < 20; i++) {
            group.createTask(async () => {
              for (let j = 0; j < 20; j++) await sleep(time());
            });
            await sleep(time());
          }
        });
      });
    } finally {
      setInstrument(null);
      loop.close();
    }
    const tracks = load(JSON.parse(JSON.stringify(timeline)) as Trace);
    tracks.delete(0);
    assertEquals(tracks.size, 21);
    for (const [life, ...parts] of tracks.values()) {
      assertEquals(life!.depth, 0);
      assert(parts.length > 40);
      for (const part of parts) assertEquals(part.depth, 1, part.name);
    }
  });

  it("begins with a callback that makes a task, told of afterwards", async () => {
    const { loop, clock } = virtualLoop();
    const timeline = new Timeline();
    setInstrument(timeline.instrument);
    loop.callSoon(() => {
      clock.advance(0.25);
      loop.createTask(() => sleep(1), { name: "made" })
        .addDoneCallback(() => loop.stop());
      clock.advance(0.25);
    });
    await loop.runForever();
    setInstrument(null);
    loop.close();
    const tracks = load(JSON.parse(JSON.stringify(timeline)) as Trace);
    const [callback] = tracks.get(0)!;
    assertEquals([callback!.begin, callback!.end], [0, 500_000_000]);
    assertEquals(tracks.get(1)![0]!.begin, 250_000_000);
  });

  it("gives the true times, in microseconds", async () => {
    const trace = await recorded(program);
    assertEquals(life(trace, "a").dur, 3e6);
    assertEquals(life(trace, "b").dur, 4.5e6);
    assertEquals(life(trace, "inner").ts, life(trace, "b").ts! + 0.5e6);
    assertEquals(life(trace, "main").dur, 4.5e6);
  });

  it("says what was waited for", async () => {
    const trace = await recorded(program);
    const { tid } = life(trace, "main");
    const waits = spans(trace).filter((s) => s.tid === tid && s.cat === "wait");
    assertEquals(waits.map(({ name }) => name), [
      "ready",
      "wait for Task 'a', Task 'b'",
    ]);
  });

  it("names the tracks, and joins a task to its maker", async () => {
    const trace = await recorded(program);
    const named = trace.traceEvents.filter(({ ph }) => ph === "M");
    assertEquals(named[0]!.name, "process_name");
    assertEquals(
      named.slice(1).map(({ args }) => args!["name"]).toSorted(),
      ["a", "b", "callbacks", "inner", "main"],
    );
    const b = life(trace, "b").tid;
    const inner = life(trace, "inner").tid;
    const ends = trace.traceEvents.filter(({ id }) => id === inner);
    assertEquals(ends.map(({ ph, tid }) => [ph, tid]), [["s", b], [
      "f",
      inner,
    ]]);
  });

  it("has what the format asks of every event", async () => {
    const trace = await recorded(program);
    for (const event of trace.traceEvents) {
      assertEquals(typeof event.name, "string");
      assertEquals(event.pid, 1);
      assert(Number.isInteger(event.tid));
      if (event.ph === "M") continue;
      assert(event.ts! >= 0);
      if (event.ph === "X") assert(event.dur! >= 0);
    }
  });

  it("ends what has not ended at the last event", async () => {
    const timeline = new Timeline();
    let open: Trace | null = null;
    await recorded(async () => {
      await sleep(2);
      await sleep(0);
      open = timeline.toJSON();
    }, timeline);
    assertEquals(life(open!, "main").dur, 2e6);
  });

  it("keeps no more than it was told, and says how much it dropped", async () => {
    const timeline = new Timeline({ limit: 20 });
    const trace = await recorded(async () => {
      for (let i = 0; i < 100; i++) await sleep(0.01);
    }, timeline);
    assert(spans(trace).length <= 22);
    assert(trace.otherData["dropped"] as number > 100);
    assertThrows(() => new Timeline({ limit: NaN }), RangeError);
  });
});
