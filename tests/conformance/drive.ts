/**
 * Runs scenarios from outside the loop and hands back their traces. The twin
 * of `oracle/drive.py`.
 */
import * as aio from "../../mod.ts";
import { AWAITABLES, spelled } from "./aws.ts";
import { normalise } from "./normalise.ts";
import { FLOW, runBody } from "./flow.ts";
import * as groups from "./group_ops.ts";
import * as locks from "./lock_ops.ts";
import { runOne, runSync, SYNC } from "./ops.ts";
import * as queues from "./queue_ops.ts";
import type { Scope } from "./spell.ts";
import { World } from "./world.ts";
import type { Mode, Phase, Scenario, Spelling, Trace } from "./types.ts";

// Far beyond every deadline a scenario sets: reaching it means that nothing
// else is left to happen.
const HORIZON = 1000;
const ROUNDS = 20;
const DRIVE: Phase[] = [["run", "main"], ["settle"]];

Object.assign(SYNC, locks.sync, queues.sync, groups.sync);
Object.assign(AWAITABLES, locks.awaitables, queues.awaitables);
Object.assign(AWAITABLES, groups.awaitables);
Object.assign(FLOW, locks.flow, groups.flow);

/** Runs the loop with a timer behind it that ends a run going nowhere. */
async function watched<T>(
  w: World,
  what: () => PromiseLike<T>,
  quiet = false,
): Promise<T> {
  w.watchdogFired = false;
  const dog = w.loop.isClosed() ? undefined : w.loop.callLater(HORIZON, () => {
    w.watchdogFired = true;
    if (!quiet) w.say("stalled");
    w.loop.stop();
  });
  try {
    return await what();
  } finally {
    dog?.cancel();
  }
}

const PHASES: Record<string, (s: Scope, ...args: string[]) => Promise<void>> = {
  async run(s, name) {
    const { w } = s;
    const made = name! in w.scenario.tasks
      ? spelled(s, name!, name!, { task: true })
      : w.get(name!, "future", "task", "coro");
    if (made === undefined) return;
    const value = await watched(w, () => w.loop.runUntilComplete(made));
    w.say("ran", name!, w.show(value));
  },
  async forever({ w }) {
    await watched(w, () => w.loop.runForever());
    w.say("ran forever");
  },
  /** Runs until nothing is left, however often the run is broken off. */
  async settle({ w }) {
    for (let round = 0; round < ROUNDS; round++) {
      try {
        await watched(w, () => w.loop.runForever(), true);
      } catch (error) {
        w.say("settle broke off", w.show(error));
      }
      if (w.watchdogFired) return;
      w.say("settle again");
    }
  },
  /** Runs each body under one Runner, on the scenario's own loop. */
  async runner(s, ...names) {
    const { w } = s;
    const made = new aio.Runner({ loopFactory: () => w.loop });
    try {
      for (const name of names) {
        await watched(w, async () => {
          const coro = spelled(s, name, name, { task: true });
          const value = await made.run(coro as aio.Coroutine<unknown>);
          w.say("ran", name, w.show(value));
        });
      }
    } finally {
      await made.close();
    }
  },
};

/** Runs one program on the library. */
export async function runScenario(
  scenario: Scenario,
  mode: Mode,
  spelling: Spelling,
): Promise<Trace> {
  const w = new World(scenario, mode, spelling, {
    body: runBody,
    sync: runSync,
  });
  const s: Scope = { w, spelling };
  try {
    for (const phase of scenario.drive ?? DRIVE) {
      const [name, ...args] = phase as [string, ...string[]];
      try {
        const run = PHASES[name];
        if (run) await run(s, ...args);
        else runOne(s, phase as [string, ...unknown[]]);
      } catch (error) {
        w.say("drive", name, w.show(error));
      }
    }
    report(w);
  } finally {
    w.dead = true;
    if (!w.loop.isRunning()) w.loop.close();
  }
  return normalise(w.trace);
}

function report(w: World): void {
  const pending = [...aio.allTasks(w.loop)].map((task) => task.getName());
  w.say("left", pending.sort().join(","));
  const seen = new Set<unknown>();
  for (const [name, { kind, value }] of [...w.names]) {
    if ((kind !== "future" && kind !== "task") || seen.has(value)) continue;
    seen.add(value);
    const count = value instanceof aio.Task ? value.cancelling() : 0;
    const more = count > 0 ? [`cancelling=${count}`] : [];
    w.say("end", name, w.state(value as aio.Future<unknown>), ...more);
  }
}
