/** Random scenarios: several tasks that share futures and cancel each other. */
import {
  AW_WEIGHTS,
  DELAYS,
  DUEL_CHANCE,
  ERRORS,
  FLOW_WEIGHTS,
  KIT_CHANCE,
  MAX_TASKS,
  RAISING,
  SYNC_WEIGHTS,
  WHEN,
} from "./chances.ts";
import { Kit } from "./generate_sync.ts";
import { Random } from "./random.ts";
import type {
  Aw,
  ErrorSpec,
  Op,
  Phase,
  Scenario,
  SyncOp,
  TryParts,
} from "./types.ts";

/** Writes one scenario. */
export class Writer {
  readonly r: Random;
  /** What tasks share beside futures; many scenarios have none. */
  readonly kit: Kit | undefined;
  readonly futures: readonly string[] = ["f0", "f1", "f2"];
  readonly tasks: string[] = ["main"];
  readonly others: string[] = [];
  /**
   * Where in the order of tasks the body being written stands. A body awaits
   * only what stands behind it: a circle of tasks awaiting each other recurses
   * without end when one is cancelled, in CPython as anywhere.
   */
  readonly ranks: Map<string, number> = new Map([["main", 0]]);
  rank = 0;
  readonly timeouts: string[] = [];
  readonly handles: string[] = [];
  readonly callbacks: string[] = [];
  readonly contexts: string[] = [];
  readonly bodies: Record<string, Op[]> = {};
  #count = 0;

  constructor(seed: number) {
    this.r = new Random(seed);
    this.kit = this.r.chance(KIT_CHANCE) ? new Kit(this) : undefined;
  }

  fresh(prefix: string): string {
    return `${prefix}${this.#count++}`;
  }

  delay(): number {
    return this.r.pick(DELAYS);
  }

  /** A future, a task or what came of gather and shield. */
  target(): string {
    const pool = this.r.weighted({ futures: 5, tasks: 6, others: 2 });
    if (pool === "tasks") {
      // Mostly the late ones: they are what others wait for.
      return this.r.chance(0.5) ? this.tasks.at(-1)! : this.r.pick(this.tasks);
    }
    if (pool === "others" && this.others.length > 0) {
      return this.r.pick(this.others);
    }
    return this.r.pick(this.futures);
  }

  /** Something that the body being written may await. */
  awaited(): string {
    const behind = [...this.tasks, ...this.others]
      .filter((name) => this.ranks.get(name)! > this.rank);
    const upcoming = `t${this.tasks.length + this.r.below(2)}`;
    const pool = this.r.weighted({ futures: 3, behind: 7, upcoming: 1 });
    if (this.rank === Infinity || pool === "futures") {
      return this.r.pick(this.futures);
    }
    if (pool === "behind" && behind.length > 0) return this.r.pick(behind);
    return pool === "upcoming" ? upcoming : this.r.pick(this.futures);
  }

  ops(depth: number, most = 4): Op[] {
    const n = 1 + this.r.below(most);
    return Array.from(
      { length: n },
      () =>
        this.kit && this.r.chance(0.08) ? this.kit.race() : [this.op(depth)],
    )
      .flat();
  }

  syncOps(depth: number): SyncOp[] {
    const n = 1 + this.r.below(2);
    return Array.from({ length: n }, () => this.sync(depth));
  }

  op(depth: number): Op {
    if (this.kit && this.r.chance(0.35)) return this.kit.op(depth);
    if (this.r.chance(0.45)) {
      const op = this.sync(depth);
      // Left alone, most bodies would end at the second resolve of a future.
      return RAISING.has(op[0]) && this.r.chance(0.75)
        ? ["try", { do: [op], except: { Exception: [] } }]
        : op;
    }
    const { r } = this;
    const kind = r.weighted(FLOW_WEIGHTS);
    const leaf = depth <= 0;
    switch (kind) {
      case "yield":
        return ["yield"];
      case "await":
        return ["await", this.aw(depth)];
      case "try":
        return leaf ? ["yield"] : ["try", this.tryParts(depth - 1)];
      case "timeout": {
        if (leaf) return ["yield"];
        const name = this.fresh("k");
        this.timeouts.push(name);
        const seconds = r.chance(0.1) ? null : this.delay();
        const how = r.chance(0.15) ? "timeoutAt" : "timeout";
        return [how, name, seconds, this.ops(depth - 1, 3)];
      }
      case "call":
        return leaf ? ["yield"] : ["call", this.ops(depth - 1, 3)];
      case "wait": {
        const aws = [this.awaited(), this.awaited()];
        return ["wait", aws, {
          ...(r.chance(0.4) ? { timeout: this.delay() } : {}),
          ...(r.chance(0.8) ? { when: r.pick(WHEN) } : {}),
        }];
      }
      case "asCompleted": {
        const aws = [this.aw(depth - 1), this.aw(depth - 1), this.awaited()];
        return ["asCompleted", aws, {
          ...(r.chance(0.4) ? { timeout: this.delay() } : {}),
          ...(r.chance(0.5) ? { style: "async" } : {}),
          ...(r.chance(0.2) ? { limit: 1 } : {}),
          ...(r.chance(0.3) && !leaf ? { do: this.ops(depth - 1, 1) } : {}),
        }];
      }
      case "return":
        return ["return", r.below(10)];
      default:
        return ["sleep", this.delay()];
    }
  }

  tryParts(depth: number): TryParts {
    const { r } = this;
    const parts: TryParts = { do: this.ops(depth, 3) };
    if (r.chance(0.75)) {
      const kind = r.weighted({
        CancelledError: 6,
        TimeoutError: 2,
        Exception: 4,
        BaseException: 2,
      });
      const ops = r.chance(0.6) ? this.ops(depth, 2) : [];
      if (r.chance(0.4)) ops.push(["reraise"]);
      parts.except = { [kind]: ops };
    }
    if (r.chance(0.15)) parts.else = this.ops(depth, 1);
    if (!parts.except || r.chance(0.25)) parts.finally = this.ops(depth, 2);
    return parts;
  }

  aw(depth: number): Aw {
    const { r } = this;
    if (this.kit && r.chance(0.2)) return this.kit.aw(depth);
    const kind = depth <= 0 ? "name" : r.weighted(AW_WEIGHTS);
    switch (kind) {
      case "body": {
        const names = Object.keys(this.bodies);
        return names.length > 0 ? ["body", r.pick(names)] : this.awaited();
      }
      case "do":
        return ["do", ...this.ops(depth - 1, 3)];
      case "sleep":
        return ["sleep", this.delay(), r.below(10)];
      case "gather": {
        const n = r.below(4);
        const aws = Array.from({ length: n }, () => this.aw(depth - 1));
        if (n > 0 && r.chance(0.15)) aws.push(this.awaited());
        return ["gather", aws, r.chance(0.4) ? { exceptions: true } : {}];
      }
      case "shield":
        return ["shield", this.aw(depth - 1)];
      case "waitFor":
        return [
          "waitFor",
          this.aw(depth - 1),
          r.chance(0.1) ? null : this.delay(),
        ];
      default:
        return this.awaited();
    }
  }

  sync(depth: number): SyncOp {
    const { r } = this;
    if (this.kit && r.chance(0.3)) return this.kit.sync();
    const kind = r.weighted(SYNC_WEIGHTS);
    switch (kind) {
      case "spawn":
        return this.spawn(depth);
      case "cancel": {
        const name = r.chance(0.12) && this.handles.length > 0
          ? r.pick(this.handles)
          : r.chance(0.2)
          ? "@self"
          : this.target();
        return r.chance(0.6)
          ? ["cancel", name, `m${r.below(9)}`]
          : ["cancel", name];
      }
      case "resolve":
        return ["resolve", r.pick(this.futures), r.below(100)];
      case "fail":
        return ["fail", r.pick(this.futures), r.pick(ERRORS)];
      case "future": {
        // Replacing one that others wait for is part of the mischief.
        return ["future", r.pick(this.futures)];
      }
      case "set": {
        const name = this.fresh("g");
        const aw: Aw = r.chance(0.6)
          ? ["gather", [this.aw(depth - 1), this.aw(depth - 1)], {
            exceptions: r.chance(0.4),
          }]
          : ["shield", this.aw(depth - 1)];
        this.others.push(name);
        // Just behind its maker, and before what it is made of.
        this.ranks.set(name, this.rank + 0.5);
        return ["set", name, aw];
      }
      case "soon": {
        const name = this.fresh("h");
        this.handles.push(name);
        return ["soon", name, this.syncOps(depth - 1), this.context()];
      }
      case "later": {
        const name = this.fresh("h");
        this.handles.push(name);
        const ops = this.syncOps(depth - 1);
        return ["later", name, this.delay(), ops, this.context()];
      }
      case "onDone": {
        const name = r.chance(0.2) && this.callbacks.length > 0
          ? r.pick(this.callbacks)
          : this.fresh("c");
        this.callbacks.push(name);
        return [
          "onDone",
          this.target(),
          name,
          depth <= 0 ? [] : this.syncOps(depth - 2),
          this.context(),
        ];
      }
      case "offDone":
        return this.callbacks.length === 0
          ? ["log", "no callback yet"]
          : ["offDone", this.target(), r.pick(this.callbacks)];
      case "query":
      case "result":
      case "exception":
        return [kind, this.target()];
      case "cancelling":
      case "uncancel":
        return [kind, r.chance(0.6) ? "@self" : r.pick(this.tasks)];
      case "reschedule":
        return this.timeouts.length === 0 ? ["time"] : [
          "reschedule",
          r.pick(this.timeouts),
          r.chance(0.1) ? null : this.delay(),
        ];
      case "ctxSet":
        return ["ctxSet", r.pick(["v", "w"]), r.below(100)];
      case "ctxGet":
        return ["ctxGet", r.pick(["v", "w"])];
      case "ctxCopy": {
        const name = this.fresh("x");
        this.contexts.push(name);
        return ["ctxCopy", name];
      }
      case "all":
        return ["all"];
      case "raise":
        return r.chance(0.04)
          ? [
            "raise",
            r.pick<ErrorSpec>(["KeyboardInterrupt", ["SystemExit", 2]]),
          ]
          : r.chance(0.04)
          ? ["stop"]
          : ["raise", r.pick(ERRORS)];
      default:
        return ["log", String(this.#count++)];
    }
  }

  context(chance = 0.2): { ctx?: string } {
    return this.contexts.length > 0 && this.r.chance(chance)
      ? { ctx: this.r.pick(this.contexts) }
      : {};
  }

  spawn(depth: number, write?: () => Op[]): SyncOp {
    const { r } = this;
    if (this.tasks.length > MAX_TASKS || depth < 0) return ["all"];
    const name = `t${this.tasks.length}`;
    this.ranks.set(name, this.tasks.length);
    this.tasks.push(name);
    const names = Object.keys(this.bodies);
    const body = !write && names.length > 0 && r.chance(0.3)
      ? r.pick(names)
      : this.ranked(
        this.ranks.get(name)!,
        write ?? (() => this.ops(Math.max(depth - 1, 0))),
      );
    // No shared context where the start may be eager: CPython cannot enter the
    // context a second time and is left with the wrong current task.
    const options = {
      ...(r.chance(0.2)
        ? { eager: r.chance(0.8) }
        : r.chance(0.1)
        ? { eager: false, ...this.context(1) }
        : {}),
    };
    const group = this.kit?.group();
    return group === undefined
      ? ["spawn", name, body, options]
      : ["child", group, name, body, options];
  }

  ranked<T>(rank: number, write: () => T): T {
    const before = this.rank;
    this.rank = rank;
    try {
      return write();
    } finally {
      this.rank = before;
    }
  }
}

/** The scenario of a seed. */
export function generate(seed: number): Scenario {
  const w = new Writer(seed);
  // Later bodies use earlier ones only, so none can call itself; any task may
  // use them, so they await nothing but futures.
  for (const name of ["b2", "b1", "b0"].slice(w.r.below(3))) {
    w.bodies[name] = w.ranked(Infinity, () => w.ops(2, 3));
  }
  const main: Op[] = w.futures.map((name) => ["future", name]);
  if (w.kit) main.push(...w.kit.makers());
  if (w.kit && w.r.chance(DUEL_CHANCE)) main.push(...w.kit.duel());
  else {
    for (let i = 2 + w.r.below(3); i > 0; i--) main.push(w.spawn(3));
    main.push(...w.ops(3, 8));
  }
  const scenario: Scenario = {
    name: `seed ${seed}`,
    tasks: { main, ...w.bodies },
  };
  if (w.r.chance(0.08)) scenario.drive = drive(w);
  return scenario;
}

function drive(w: Writer): Phase[] {
  const between: Phase[] = Array.from(
    { length: 1 + w.r.below(3) },
    () =>
      w.r.pick<Phase>([
        ["stop"],
        ["resolve", w.r.pick(w.futures), 1],
        ["cancel", w.r.pick(w.tasks), "outside"],
        ["later", w.fresh("h"), w.delay(), [["stop"]]],
        ["soon", w.fresh("h"), [["stop"], ["log", "s"]]],
        ["run", w.target()],
        ["forever"],
      ]),
  );
  return [["run", "main"], ...between, ["settle"]];
}
