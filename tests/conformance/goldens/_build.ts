/** A short way to write a scenario down. */
import type { Op, Scenario } from "../types.ts";

/** What a scenario may have beside its bodies. */
export type Extra = Omit<Scenario, "name" | "tasks">;

/** A scenario of a main body and others. */
export function scenario(
  name: string,
  main: Op[],
  others: Record<string, Op[]> = {},
  extra: Extra = {},
): Scenario {
  return { name, tasks: { main, ...others }, ...extra };
}

/** `try` that logs what it caught and goes on. */
export function caught(...ops: Op[]): Op {
  return ["try", { do: ops, except: { BaseException: [] } }];
}

/** A body that reports being cancelled and lets it pass. */
export function reporting(...ops: Op[]): Op[] {
  return [["try", { do: ops, except: { CancelledError: [["reraise"]] } }]];
}

/** A body that is cancelled, works on for a while and lets it pass. */
export function slowToDie(delay: number, ...ops: Op[]): Op[] {
  return [["try", {
    do: ops,
    except: { CancelledError: [["sleep", delay], ["reraise"]] },
  }]];
}

/** A body that swallows a cancellation and returns. */
export function stubborn(value: unknown, ...ops: Op[]): Op[] {
  return [["try", {
    do: ops,
    except: { CancelledError: [["return", value]] },
  }]];
}
