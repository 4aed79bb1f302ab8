// deno-lint-ignore-file no-console
/**
 * Tasks as OpenTelemetry spans: one span per task, inside the span of the task that
 * made it, with an event for each wait. In a program pass it the real API:
 *
 *     import { context, trace } from "npm:@opentelemetry/api";
 *     await run(main, { instrument: traceTasks({ context, trace }) });
 *
 * Run by itself it prints the spans instead.
 */
import { type Instrument, run, sleep, type Task, TaskGroup } from "../mod.ts";

/** What is used of a span; the real ones have more. */
interface Span {
  addEvent(name: string): unknown;
  recordException(error: Error): void;
  setStatus(status: { code: number; message?: string }): unknown;
  updateName(name: string): unknown;
  end(): void;
}

/** What is used of a tracer; `C` is the API's own context type. */
interface Tracer<C, S extends Span> {
  startSpan(
    name: string,
    options?: { attributes?: Record<string, string> },
    context?: C,
  ): S;
}

/** What is used of the module `@opentelemetry/api`. */
interface Api<C, S extends Span> {
  context: { active(): C };
  trace: {
    getTracer(name: string): Tracer<C, S>;
    setSpan(context: C, span: S): C;
  };
}

/** OpenTelemetry's SpanStatusCode.ERROR. */
const ERROR = 2;

/** An instrument that makes a span of each task. */
export function traceTasks<C, S extends Span>(api: Api<C, S>): Instrument {
  const tracer = api.trace.getTracer("asyncio");
  const spans = new Map<Task<unknown>, S>();

  function begin(task: Task<unknown>, parent: Task<unknown> | null): void {
    const above = parent === null ? undefined : spans.get(parent);
    const active = api.context.active();
    const context = above === undefined
      ? active
      : api.trace.setSpan(active, above);
    spans.set(task, tracer.startSpan(task.getName(), {}, context));
  }

  function end(task: Task<unknown>, span: S, error: unknown): void {
    spans.delete(task);
    // It may have been renamed since.
    span.updateName(task.getName());
    if (task.cancelled()) span.addEvent("cancelled");
    if (error !== undefined) {
      if (error instanceof Error) span.recordException(error);
      span.setStatus({ code: ERROR, message: String(error) });
    }
    span.end();
  }

  return ({ kind, task, parent, awaiting, error }) => {
    if (task === null) return;
    if (kind === "created") begin(task, parent);
    const span = spans.get(task);
    if (span === undefined) return;
    if (kind === "finished") end(task, span, error);
    else if (kind === "suspended") {
      span.addEvent(awaiting === null ? "waits" : `waits for ${awaiting}`);
    }
  };
}

/** Prints spans when they end, in place of an exporter. */
function printing(): Api<string, Span & { path: string }> {
  const make = (name: string, above: string) => {
    const since = performance.now();
    const path = above === "" ? name : `${above} > ${name}`;
    return {
      path,
      addEvent: () => {},
      recordException: () => {},
      setStatus: ({ message }: { message?: string }) =>
        console.log(`${path} failed: ${message}`),
      updateName: () => {},
      end: () =>
        console.log(`${path}: ${Math.round(performance.now() - since)} ms`),
    };
  };
  return {
    context: { active: () => "" },
    trace: {
      getTracer: () => ({
        startSpan: (name, _options, context) => make(name, context ?? ""),
      }),
      setSpan: (_context, span) => span.path,
    },
  };
}

// Not where a program imports it.
if ((import.meta as { main?: boolean }).main === true) {
  await run(async () => {
    await new TaskGroup().with(async (group) => {
      group.createTask(() => sleep(0.02), { name: "fetch" });
      group.createTask(() => sleep(0.01), { name: "parse" });
    });
  }, { instrument: traceTasks(printing()) });
}
