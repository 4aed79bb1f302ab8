/** The example that makes OpenTelemetry spans of tasks. */

import { assertEquals } from "@std/assert";
import { run, sleep, TaskGroup } from "../mod.ts";
import { traceTasks } from "../examples/opentelemetry.ts";
import { describe, it } from "./_harness.ts";

/** What an exporter would be given of a span. */
interface Span {
  name: string;
  readonly above: string | null;
  readonly events: string[];
  readonly errors: string[];
  status: number;
  ended: number;
}

/** A span as the API hands it out. */
type Handle = ReturnType<Recorder["begin"]>;

/** The part of `@opentelemetry/api` that is used, over spans that are kept. */
class Recorder {
  readonly spans: Span[] = [];

  readonly context = { active: (): Span | null => null };
  readonly trace = {
    getTracer: (name: string) => {
      assertEquals(name, "asyncio");
      return {
        startSpan: (name: string, _: object, context?: Span | null) =>
          this.begin(name, context ?? null),
      };
    },
    setSpan: (_: Span | null, span: Handle): Span | null => span.record,
  };

  begin(name: string, above: Span | null) {
    const record: Span = {
      name,
      above: above === null ? null : above.name,
      events: [],
      errors: [],
      status: 0,
      ended: 0,
    };
    this.spans.push(record);
    return {
      record,
      addEvent: (name: string) => record.events.push(name),
      recordException: (error: Error) => record.errors.push(String(error)),
      setStatus: ({ code }: { code: number }) => record.status = code,
      updateName: (name: string) => record.name = name,
      end: () => void record.ended++,
    };
  }

  find(name: string): Span {
    const found = this.spans.filter((span) => span.name === name);
    assertEquals(found.length, 1, name);
    return found[0]!;
  }
}

describe("the OpenTelemetry example", () => {
  it("has a span for each task, inside that of its maker, ended once", async () => {
    const recorder = new Recorder();
    await run(async () => {
      await new TaskGroup().with((group) => {
        group.createTask(async () => {
          await group.createTask(() => sleep(0.001), { name: "inner" });
        }, { name: "outer" });
        group.createTask(function* () {
          yield* sleep(0.001);
        }, { name: "beside" });
      });
    }, { instrument: traceTasks<Span | null, Handle>(recorder) });
    const [main] = recorder.spans;
    assertEquals(main!.above, null);
    assertEquals(recorder.find("outer").above, main!.name);
    assertEquals(recorder.find("beside").above, main!.name);
    assertEquals(recorder.find("inner").above, "outer");
    for (const { name, ended, status } of recorder.spans) {
      assertEquals([ended, status], [1, 0], name);
    }
    const [waits] = recorder.find("outer").events;
    assertEquals(waits!.startsWith("waits for <Task "), true, waits);
  });

  it("tells of errors, cancellations and new names", async () => {
    const recorder = new Recorder();
    await run(async () => {
      await new TaskGroup().with((group) => {
        const renamed = group.createTask(async () => {
          await sleep(0.001);
          throw new RangeError("no");
        });
        renamed.setName("renamed");
        group.createTask(() => sleep(9), { name: "cancelled" });
      }).then(null, () => {});
    }, { instrument: traceTasks<Span | null, Handle>(recorder) });
    const failed = recorder.find("renamed");
    assertEquals([failed.errors, failed.status], [["RangeError: no"], 2]);
    const cancelled = recorder.find("cancelled");
    assertEquals([cancelled.events.at(-1), cancelled.status], ["cancelled", 0]);
    assertEquals(recorder.spans.every(({ ended }) => ended === 1), true);
  });
});
