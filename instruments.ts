/**
 * Watching a running program: the instrument, timelines, and the search for
 * deadlocks. An addition to asyncio.
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
  setInstrument,
} from "./_debug/instruments.ts";
export {
  Timeline,
  type TimelineOptions,
  type Trace,
  type TraceEvent,
} from "./_debug/timeline.ts";
