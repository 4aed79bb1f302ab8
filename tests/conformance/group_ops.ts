/**
 * Operations on task groups, and the staggered race. The twin of
 * `oracle/group_ops.py`.
 */
import * as aio from "../../mod.ts";
import { type Builder, spelled } from "./aws.ts";
import type { FlowRun } from "./flow.ts";
import { enter } from "./lock_ops.ts";
import { type SyncRun, taskOptions } from "./ops.ts";
import { spell } from "./spell.ts";
import type { Op, SpawnOptions } from "./types.ts";

/** Operations that need no await. */
export const sync: Record<string, SyncRun> = {
  group: (s, name: string) => s.w.put(name, "group", new aio.TaskGroup()),
  child: (
    s,
    group: string,
    name: string,
    body: string | Op[],
    options: SpawnOptions = {},
  ) => {
    const found = s.w.get(group, "group");
    const use = { task: true, eager: options.eager };
    const coro = found && spelled(s, name, body, use);
    if (coro === undefined) return;
    const made = found!.createTask(coro, taskOptions(s.w, name, options));
    s.w.put(name, "task", made);
  },
};

/** Operations that await or nest. */
export const flow: Record<string, FlowRun> = {
  *taskGroup(s, name: string, ops: Op[]) {
    s.w.put(name, "group", new aio.TaskGroup());
    return yield* enter(s, name, ops);
  },
};

/** Awaitables. */
export const awaitables: Record<string, Builder> = {
  staggered: (s, _use, bodies: (string | Op[])[], delay: number | null) =>
    aio.staggeredRace(
      bodies.map((body, index) =>
        spell(s.spelling, function* () {
          const coro = spelled(s, `s${index}`, body, {});
          return coro === undefined ? null : yield coro;
        }) as () => Promise<unknown>
      ),
      delay,
    ) as aio.Coroutine<unknown>,
};
