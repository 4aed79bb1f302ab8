/**
 * Watching a running program: the instrument, timelines, and the search for
 * deadlocks. An addition to asyncio.
 *
 * @example A timeline for Perfetto
 * ```ts
 * import { run, sleep, Timeline } from "@x/asyncio";
 *
 * const timeline = new Timeline();
 * await run(() => sleep(0.01), { instrument: timeline.instrument });
 * console.log(JSON.stringify(timeline).length > 0);
 * ```
 *
 * @module
 */

export {
  type BlockedTask,
  Deadlock,
  type DeadlockOptions,
  findDeadlock,
} from "./_debug/deadlock.ts";
export {
  type Instrument,
  InstrumentEvent,
  type InstrumentKind,
} from "./_debug/instruments.ts";
export { setInstrument } from "./_debug/install.ts";
export {
  Timeline,
  type TimelineOptions,
  type Trace,
  type TraceEvent,
} from "./_debug/timeline.ts";
