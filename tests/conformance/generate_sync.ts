/**
 * Random use of locks, queues, task groups and their kin: a few of them, each
 * shared by all tasks, so that they contend.
 */
import type { Writer } from "./generate.ts";
import type { Aw, Op, SyncOp } from "./types.ts";

/** Kinds of primitives, by weight. */
const KINDS: Readonly<Record<string, number>> = {
  lock: 5,
  semaphore: 4,
  bounded: 2,
  condition: 5,
  event: 3,
  barrier: 4,
  queue: 5,
  priorityQueue: 2,
  lifoQueue: 2,
};
const QUEUES: ReadonlySet<string> = new Set([
  "queue",
  "priorityQueue",
  "lifoQueue",
]);
/** Those that are acquired and released. */
const HELD: ReadonlySet<string> = new Set(["lock", "semaphore", "bounded"]);
const MOST_ROUNDS = 3;

interface Primitive {
  readonly kind: string;
  readonly name: string;
}

/** The primitives of one scenario, and what is done with them. */
export class Kit {
  readonly #w: Writer;
  readonly #all: Primitive[] = [];
  readonly #groups: string[] = [];
  /** The groups whose blocks are being written. */
  readonly #open: string[] = [];
  /** How often a queue is put to rather than taken from. */
  readonly #puts: number;
  /** The only one that is used, where there is one. */
  #focus: Primitive | undefined;
  #items = 0;

  constructor(w: Writer) {
    this.#w = w;
    this.#puts = w.r.pick([0.25, 0.45, 0.7]);
    for (let i = 1 + w.r.below(3); i > 0; i--) {
      const kind = w.r.weighted(KINDS);
      this.#all.push({ kind, name: `${kind}${i}` });
    }
  }

  /** Makes the primitives. */
  makers(): SyncOp[] {
    return this.#all.map((one) => this.#make(one));
  }

  /** A group to put a task into, or undefined for none. */
  group(): string | undefined {
    const { r } = this.#w;
    if (this.#open.length > 0 && r.chance(0.75)) return this.#open.at(-1);
    return this.#groups.length > 0 && r.chance(0.15)
      ? r.pick(this.#groups)
      : undefined;
  }

  /** An operation that may wait. */
  op(depth: number): Op {
    const w = this.#w;
    if (depth <= 0) return ["await", this.aw(depth)];
    if (w.r.chance(0.22)) return this.#groupBlock(depth);
    if (w.r.chance(0.04)) {
      const n = 1 + w.r.below(3);
      const bodies = Array.from({ length: n }, () => w.ops(depth - 1, 3));
      const delay = w.r.chance(0.2) ? null : w.delay();
      return ["await", ["staggered", bodies, delay]];
    }
    const op = this.#blocking(depth);
    if (w.r.chance(0.6)) return op;
    const name = w.fresh("k");
    w.timeouts.push(name);
    const limited: Op = ["timeout", name, w.delay(), [op]];
    return w.r.chance(0.4)
      ? limited
      : ["try", { do: [limited], except: { TimeoutError: w.ops(0, 2) } }];
  }

  /** An operation that waits for nothing. */
  sync(): SyncOp {
    const one = this.#pick();
    const kind = this.#w.r.weighted({ wake: 10, other: 3, make: 0.4 });
    if (kind === "make") return this.#make(one);
    return kind === "wake" ? this.#wake(one) : this.#other(one);
  }

  /** Something to await, without a limit or within one. */
  aw(depth: number): Aw {
    const aw = this.#plain();
    return this.#w.r.chance(depth > 0 ? 0.4 : 0.3)
      ? ["waitFor", aw, this.#w.delay()]
      : aw;
  }

  /** A wake-up and a cancellation in one step, in either order. */
  race(): Op[] {
    const w = this.#w;
    const wakes = Array.from(
      { length: 1 + w.r.below(2) },
      () => this.#wake(this.#pick()),
    );
    const cancel: SyncOp = ["cancel", w.r.pick(w.tasks), `m${w.r.below(9)}`];
    const both = w.r.chance(0.7) ? [...wakes, cancel] : [cancel, ...wakes];
    if (w.r.chance(0.4)) {
      const name = w.fresh("h");
      w.handles.push(name);
      return [["later", name, w.delay(), both]];
    }
    return [["try", { do: both, except: { Exception: [cancel] } }]];
  }

  /**
   * Tasks that do little else than to wait for the same things, while they are
   * woken and cancelled in the same steps.
   */
  duel(): Op[] {
    const w = this.#w;
    const { r } = w;
    const out: Op[] = [];
    if (r.chance(0.6)) this.#focus = this.#pick();
    for (let i = 2 + r.below(4); i > 0; i--) out.push(this.#duellist());
    for (let i = 2 + r.below(5); i > 0; i--) {
      const acts = [...this.race(), ...(r.chance(0.3) ? this.race() : [])];
      const one = this.#pick();
      if (r.chance(0.4) && (one.kind === "condition" || HELD.has(one.kind))) {
        const delay = r.pick([0, 0.5, 1]);
        out.push(["with", one.name, [...acts, ["sleep", delay], ...acts]]);
      } else {out.push(
          r.chance(0.5) ? ["yield"] : ["sleep", w.delay()],
          ...acts,
        );}
    }
    return out;
  }

  #duellist(): SyncOp {
    const w = this.#w;
    const { r } = w;
    const op = (): Op => r.chance(0.8) ? this.#blocking(1) : this.op(1);
    return w.spawn(1, () => {
      const ops = [op(), ...(r.chance(0.6) ? [op()] : [])];
      if (r.chance(0.5)) return ops;
      const after = r.chance(0.5) ? op() : ["yield"] as Op;
      const except = { CancelledError: [after, ...this.#maybe(["reraise"])] };
      return [["try", { do: ops, except }]];
    });
  }

  #maybe(op: Op): Op[] {
    return this.#w.r.chance(0.6) ? [op] : [];
  }

  #pick(): Primitive {
    return this.#focus ?? this.#w.r.pick(this.#all);
  }

  #make({ kind, name }: Primitive): SyncOp {
    const { r } = this.#w;
    switch (kind) {
      case "semaphore":
      case "bounded":
        return [kind, name, r.below(3)];
      case "barrier":
        return [kind, name, 1 + r.below(3)];
      case "queue":
      case "priorityQueue":
      case "lifoQueue":
        return [kind, name, r.pick([0, 1, 1, 2])];
      case "condition": {
        const lock = this.#all.find((one) => one.kind === "lock");
        // Made before it, the lock is shared; otherwise this is reported.
        return lock && r.chance(0.4) ? [kind, name, lock.name] : [kind, name];
      }
      default:
        return [kind as "lock" | "event", name];
    }
  }

  #item(kind: string): unknown {
    return kind === "priorityQueue" ? this.#w.r.below(9) : this.#items++;
  }

  #blocking(depth: number): Op {
    const w = this.#w;
    const one = this.#pick();
    const { kind, name } = one;
    const inside = (): Op[] => w.ops(depth - 1, 3);
    if (HELD.has(kind)) {
      if (w.r.chance(0.7)) return ["with", name, inside()];
      return ["call", [
        ["await", this.aw(depth)],
        ["try", { do: inside(), finally: [["release", name]] }],
      ]];
    }
    if (kind === "condition") {
      const ops: Op[] = w.r.chance(0.6)
        ? [["await", this.#plain(one)]]
        : [["bump", "n", w.r.pick([1, 1, 2, -1])], this.#wake(one)];
      return ["with", name, w.r.chance(0.5) ? [...ops, ...inside()] : ops];
    }
    if (kind === "barrier" && w.r.chance(0.3)) return ["with", name, inside()];
    if (QUEUES.has(kind) && w.r.chance(0.25)) {
      const job: Op[] = [["await", ["get", name]], ...w.ops(depth - 2, 2), [
        "taskDone",
        name,
      ]];
      const rounds = 1 + w.r.below(MOST_ROUNDS);
      return ["call", Array.from({ length: rounds }, () => job).flat()];
    }
    return ["await", this.#plain(one)];
  }

  #plain(one: Primitive = this.#pick()): Aw {
    const { r } = this.#w;
    const { kind, name } = one;
    switch (kind) {
      case "condition":
        return r.chance(0.3)
          ? ["waitUntil", name, "n", 1 + r.below(3)]
          : r.chance(0.85)
          ? ["waitOn", name]
          : ["acquire", name];
      case "event":
        return ["waitOn", name];
      case "barrier":
        return r.chance(0.85)
          ? ["waitOn", name]
          : [r.chance(0.6) ? "reset" : "abort", name];
      case "queue":
      case "priorityQueue":
      case "lifoQueue":
        return r.chance(this.#puts)
          ? ["put", name, this.#item(kind)]
          : r.chance(0.75)
          ? ["get", name]
          : ["join", name];
      default:
        return ["acquire", name];
    }
  }

  /** What lets another go on. */
  #wake({ kind, name }: Primitive): SyncOp {
    const { r } = this.#w;
    switch (kind) {
      case "condition":
        return r.chance(0.3)
          ? ["notifyAll", name]
          : r.chance(0.7)
          ? ["notify", name]
          : r.chance(0.5)
          ? ["notify", name, r.below(4)]
          : ["release", name];
      case "event":
        return [r.chance(0.75) ? "setEvent" : "clearEvent", name];
      case "barrier":
        return ["status", name];
      case "queue":
      case "priorityQueue":
      case "lifoQueue": {
        const how = r.weighted({
          put: 10 * (1 - this.#puts),
          get: 9 * this.#puts,
          done: 2,
          shutdown: 1.2,
        });
        if (how === "put") return ["putNowait", name, this.#item(kind)];
        if (how === "get") return ["getNowait", name];
        if (how === "done") return ["taskDone", name];
        return r.chance(0.4) ? ["shutdown", name, true] : ["shutdown", name];
      }
      default:
        return ["release", name];
    }
  }

  #other({ kind, name }: Primitive): SyncOp {
    return kind === "condition" && this.#w.r.chance(0.5)
      ? ["bump", "n", 1]
      : ["status", name];
  }

  #groupBlock(depth: number): Op {
    const w = this.#w;
    const again = this.#groups.length > 0 && w.r.chance(0.05);
    const name = again ? w.r.pick(this.#groups) : w.fresh("g");
    this.#groups.push(name);
    this.#open.push(name);
    const ops: Op[] = [];
    for (let i = w.r.below(4); i > 0; i--) ops.push(w.spawn(depth));
    if (w.r.chance(0.2)) {
      const failing: Op[] = [["sleep", w.delay()], ["raise", ["Boom", name]]];
      const late: Op = ["child", name, w.fresh("u"), [["yield"]]];
      ops.push(w.spawn(depth, () => failing));
      ops.push(w.spawn(depth, () => [["try", {
        do: [["sleep", w.delay()], ["sleep", 1]],
        except: { CancelledError: [...this.#maybe(["yield"]), late] },
      }]]));
    }
    if (w.r.chance(0.7)) ops.push(...w.ops(depth - 1, 3));
    this.#open.pop();
    const block: Op = [again ? "with" : "taskGroup", name, ops];
    return w.r.chance(0.6)
      ? ["try", { do: [block], except: { Exception: w.ops(0, 1) } }]
      : block;
  }
}
