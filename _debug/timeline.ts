/** A recording of what tasks did, in the format of Chrome's trace viewer. */

import type { Instrument, InstrumentEvent } from "./instruments.ts";
import type { FutureLike } from "../_kernel/step.ts";
import { describe } from "./waits.ts";

/** One event of the trace format: see its documentation for the letters. */
export interface TraceEvent {
  /** What it says on the span. */
  readonly name: string;
  /** `X` a span, `M` a name of a track, `s` and `f` the ends of an arrow. */
  readonly ph: "X" | "M" | "s" | "f";
  /** What kind of span: `task`, `run`, `wait`, `callback`. */
  readonly cat?: string;
  /** When it begins, in microseconds since the recording began. */
  readonly ts?: number;
  /** How long it is, in microseconds. */
  readonly dur?: number;
  /** The process; always 1. */
  readonly pid: number;
  /** The track: 0 for callbacks, else one per task. */
  readonly tid: number;
  /** Joins the ends of an arrow. */
  readonly id?: number;
  /** Where an arrow binds. */
  readonly bp?: "e";
  /** More. */
  readonly args?: Readonly<Record<string, unknown>>;
}

/** A trace as Perfetto and Chrome load it. */
export interface Trace {
  /** The events. */
  readonly traceEvents: readonly TraceEvent[];
  /** How times are shown. */
  readonly displayTimeUnit: "ms";
  /** More. */
  readonly otherData: Readonly<Record<string, unknown>>;
}

/** Options of {@linkcode Timeline}. */
export interface TimelineOptions {
  /** How many spans are kept at most, the first ones; 500 000 unless given. */
  limit?: number | undefined;
}

/** What is known of one task. */
interface Track {
  readonly tid: number;
  readonly parent: number | null;
  readonly created: number;
  name: string;
  finished: number | null;
  /** The step or the wait that has not ended. */
  since: number;
  doing: string;
  running: boolean;
}

/** A span before its times are made the trace's. */
interface Span {
  readonly name: string;
  readonly cat: string;
  readonly tid: number;
  readonly from: number;
  readonly to: number;
}

const PID = 1;

/**
 * Nanoseconds to microseconds. A viewer makes whole nanoseconds of them again and
 * drops what then juts out of the span around it, be it by one: so that multiplying
 * and cutting off gives what was put in.
 */
function micros(nanos: number): number {
  const value = nanos / 1e3;
  return value * 1e3 < nanos ? value * (1 + Number.EPSILON) : value;
}

/**
 * Records what the tasks of a program do: a track per task, with a span for its life,
 * and within it the steps it took and what it waited for in between. Perfetto
 * (https://ui.perfetto.dev) and Chrome open what it writes.
 *
 * @example A recording
 * ```ts
 * import { gather, run, sleep, Timeline } from "@x/asyncio";
 *
 * const timeline = new Timeline();
 * await run(async () => {
 *   await gather([sleep(0.01), sleep(0.02)]);
 * }, { instrument: timeline.instrument });
 * const json = JSON.stringify(timeline); // write this to a file
 * console.log(json.startsWith('{"traceEvents":['));
 * ```
 */
export class Timeline {
  /** What records: give it to `run` or `setInstrument`. */
  readonly instrument: Instrument = (event) => this.#take(event);
  readonly #limit: number;
  readonly #spans: Span[] = [];
  readonly #tracks = new Map<object, Track>();
  #ended: Track[] = [];
  #tids = 0;
  /** The loop's times of the first event and of the last. */
  #start = Infinity;
  #last = 0;
  #dropped = 0;

  /**
   * Makes an empty recording.
   *
   * @param options See {@linkcode TimelineOptions}.
   * @throws RangeError When the limit is no number of at least 0.
   */
  constructor(options?: TimelineOptions) {
    const limit = options?.limit ?? 500_000;
    if (!(limit >= 0)) {
      throw new RangeError(`limit must be a number >= 0, got ${limit}`);
    }
    this.#limit = limit;
  }

  /**
   * The recording so far, which `JSON.stringify` asks for. What has not ended, ends
   * at the last event.
   *
   * @returns The trace.
   */
  toJSON(): Trace {
    const open = [...this.#tracks.values()];
    const events: TraceEvent[] = [
      named("process_name", 0, "asyncio"),
      named("thread_name", 0, "callbacks"),
    ];
    for (const track of [...this.#ended, ...open]) {
      events.push(
        named("thread_name", track.tid, track.name),
        ...this.#life(track),
      );
    }
    // The span of a life comes before what it holds, though it ended later.
    for (const span of this.#spans) events.push(this.#event(span));
    for (const track of open) {
      events.push(this.#event(partOf(track, this.#last)));
    }
    return {
      traceEvents: events,
      displayTimeUnit: "ms",
      otherData: { dropped: this.#dropped },
    };
  }

  #take(event: InstrumentEvent): void {
    const { kind, time } = event;
    const to = time + event.duration;
    // A callback is told of when it has run, after what it did.
    this.#start = Math.min(this.#start, time);
    this.#last = Math.max(this.#last, to);
    if (kind === "handle") {
      const name = `${event.handle}`;
      this.#keep({ name, cat: "callback", tid: 0, from: time, to });
      return;
    }
    const task = event.task!;
    let track = this.#tracks.get(task);
    if (track === undefined) {
      if (kind === "finished" || this.#full()) return;
      track = {
        tid: ++this.#tids,
        parent: event.parent === null
          ? null
          : this.#tracks.get(event.parent)?.tid ?? null,
        created: time,
        name: task.getName(),
        finished: null,
        since: time,
        doing: "ready",
        running: false,
      };
      this.#tracks.set(task, track);
      if (kind === "created") return;
    }
    // Told of a step twice: one of several awaits of the task ended in it.
    const running = kind === "started" || kind === "resumed";
    if (running && track.running) return;
    this.#keep(partOf(track, time));
    track.since = time;
    track.running = running;
    track.doing = running ? "run" : waitName(event);
    if (kind !== "finished") return;
    track.name = task.getName();
    track.finished = time;
    this.#tracks.delete(task);
    this.#ended.push(track);
  }

  #full(): boolean {
    if (this.#spans.length + this.#tids < this.#limit) return false;
    this.#dropped++;
    return true;
  }

  #keep(span: Span): void {
    if (!this.#full()) this.#spans.push(span);
  }

  #event({ name, cat, tid, from, to }: Span): TraceEvent {
    // The ends are rounded, and not the length: spans that touch stay so.
    const begin = this.#nanos(from);
    const ts = micros(begin);
    const dur = micros(Math.max(this.#nanos(to) - begin, 0));
    return { name, ph: "X", cat, ts, dur, pid: PID, tid };
  }

  #nanos(seconds: number): number {
    return Math.round((seconds - this.#start) * 1e9);
  }

  #life(track: Track): TraceEvent[] {
    const { tid, parent, created, name } = track;
    const to = track.finished ?? this.#last;
    const life = this.#event({ name, cat: "task", tid, from: created, to });
    if (parent === null) return [life];
    const ts = life.ts!;
    const arrow = { name: "makes", cat: "task", pid: PID, id: tid, ts };
    return [
      life,
      { ...arrow, ph: "s", tid: parent },
      { ...arrow, ph: "f", bp: "e", tid },
    ];
  }
}

/** The step or the wait that a task is in, up to a time. */
function partOf(track: Track, to: number): Span {
  const cat = track.running ? "run" : "wait";
  return { name: track.doing, cat, tid: track.tid, from: track.since, to };
}

function named(what: string, tid: number, name: string): TraceEvent {
  return { name: what, ph: "M", pid: PID, tid, args: { name } };
}

function waitName({ awaiting }: InstrumentEvent): string {
  return awaiting === null
    ? "wait"
    : `wait for ${describe(awaiting as FutureLike).text}`;
}
