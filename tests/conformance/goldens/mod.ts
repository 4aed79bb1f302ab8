/** All goldens: scenarios and the traces that CPython gave for them. */
import { readdirSync, readFileSync } from "node:fs";
import type { Mode, Scenario, Trace } from "../types.ts";
import barriers from "./barriers.ts";
import cancellation from "./cancellation.ts";
import conditions from "./conditions.ts";
import contexts from "./contexts.ts";
import eager from "./eager.ts";
import events from "./events.ts";
import futures from "./futures.ts";
import gather from "./gather.ts";
import locks from "./locks.ts";
import loop from "./loop.ts";
import queues from "./queues.ts";
import runners from "./runners.ts";
import semaphores from "./semaphores.ts";
import shield from "./shield.ts";
import staggered from "./staggered.ts";
import taskgroups from "./taskgroups.ts";
import tasks from "./tasks.ts";
import timeouts from "./timeouts.ts";
import wait from "./wait.ts";

/** The hand-written scenarios by group. */
export const GROUPS: Record<string, Scenario[]> = {
  barriers,
  cancellation,
  conditions,
  contexts,
  eager,
  events,
  futures,
  gather,
  locks,
  loop,
  queues,
  runners,
  semaphores,
  shield,
  staggered,
  taskgroups,
  tasks,
  timeouts,
  wait,
};

/** CPython's traces of a scenario. */
export type Traces = Record<Mode, Trace>;

/** A scenario with what is expected of it. */
export interface Golden {
  /** The group it belongs to. */
  readonly group: string;
  /** The program. */
  readonly scenario: Scenario;
  /** What CPython said; undefined where it was never asked. */
  readonly traces: Traces | undefined;
}

/** Where a group's traces are recorded. */
export function traceFile(group: string): URL {
  return new URL(`./traces/${group}.json`, import.meta.url);
}

/** Where the fuzzer puts what it found. */
export const FOUND: URL = new URL("./found/", import.meta.url);

/** Reads every golden. */
export function loadGoldens(): Golden[] {
  const out: Golden[] = [];
  for (const [group, scenarios] of Object.entries(GROUPS)) {
    const recorded = readJson(traceFile(group)) as
      | Record<string, Traces>
      | undefined;
    for (const scenario of scenarios) {
      out.push({ group, scenario, traces: recorded?.[scenario.name] });
    }
  }
  for (const file of foundFiles()) {
    const { scenario, traces } = readJson(file) as Omit<Golden, "group">;
    out.push({ group: "found", scenario, traces });
  }
  return out;
}

/** The files of the goldens that the fuzzer found. */
export function foundFiles(): URL[] {
  try {
    return readdirSync(FOUND).filter((name) => name.endsWith(".json")).sort()
      .map((name) => new URL(name, FOUND));
  } catch {
    return [];
  }
}

function readJson(file: URL): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
}
