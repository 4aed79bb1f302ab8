/**
 * What one run of a scenario on the library knows: its loop, its named
 * objects, its trace. The twin of `oracle/world.py`.
 */
import "../../_net/whole.ts";
import * as aio from "../../mod.ts";
import { fakePlatform } from "../../_platform/fake.ts";
import { buildError, showError } from "./errors.ts";
import type { Core, Scope } from "./spell.ts";
import type {
  ErrorSpec,
  Mode,
  Op,
  Scenario,
  Spelling,
  SyncOp,
} from "./types.ts";

const STEP_LIMIT = 1000;

/** What runs operations; handed in, as it needs all that stands here. */
export interface Interpreter {
  /** Runs a body in the current task. */
  body(s: Scope, label: string, ops: Op[]): Core;
  /** Runs operations that need no await. */
  sync(s: Scope, ops: readonly SyncOp[]): void;
}

/** The kinds of object a scenario can name. */
export type Kind =
  | "future"
  | "task"
  | "coro"
  | "handle"
  | "callback"
  | "timeout"
  | "token"
  | "ctx"
  | "lock"
  | "event"
  | "cond"
  | "sem"
  | "barrier"
  | "queue"
  | "group";

/** What each kind is on the library's side. */
export interface Kinds {
  /** A future that is no task. */
  future: aio.Future<unknown>;
  /** A task. */
  task: aio.Task<unknown>;
  /** A coroutine not yet awaited. */
  coro: aio.Coroutine<unknown>;
  /** What callSoon and its kin returned. */
  handle: aio.Handle;
  /** A done callback. */
  callback: (...futures: unknown[]) => void;
  /** A timeout. */
  timeout: aio.Timeout;
  /** What ContextVar.set returned. */
  token: aio.Token<unknown>;
  /** A context. */
  ctx: aio.Context;
  /** A lock. */
  lock: aio.Lock;
  /** An event. */
  event: aio.Event;
  /** A condition. */
  cond: aio.Condition;
  /** A semaphore, bounded or not. */
  sem: aio.Semaphore;
  /** A barrier. */
  barrier: aio.Barrier;
  /** A queue of any order. */
  queue: aio.Queue<unknown>;
  /** A task group. */
  group: aio.TaskGroup;
}

// Reported when an object is collected, at a moment no two runtimes share.
const COLLECTED = /was never retrieved$|was destroyed but it is pending/;

/** One run of one scenario. */
export class World {
  readonly trace: string[] = [];
  readonly names: Map<string, { kind: Kind; value: unknown }> = new Map();
  readonly starts: Map<string, number> = new Map();
  /** Counters that conditions look at. */
  readonly cells: Map<string, number> = new Map();
  readonly vars: Record<string, aio.ContextVar<unknown>> = {
    v: new aio.ContextVar<unknown>("v", { default: "default" }),
    w: new aio.ContextVar<unknown>("w"),
  };
  readonly loop: aio.BaseEventLoop;
  watchdogFired = false;
  dead = false;
  /** Coroutines made so far; their form takes turns. */
  made = 0;
  #steps = 0;
  readonly #labels: Map<unknown, string> = new Map();

  readonly scenario: Scenario;
  readonly mode: Mode;
  readonly spelling: Spelling;
  readonly interpret: Interpreter;

  constructor(
    scenario: Scenario,
    mode: Mode,
    spelling: Spelling,
    interpret: Interpreter,
  ) {
    this.scenario = scenario;
    this.mode = mode;
    this.spelling = spelling;
    this.interpret = interpret;
    this.loop = new aio.BaseEventLoop({ platform: fakePlatform() });
    if (mode === "eager") this.loop.setTaskFactory(aio.eagerTaskFactory);
    this.loop.setExceptionHandler((_, context) => this.#unhandled(context));
  }

  say(...words: string[]): void {
    if (this.dead) return;
    const who = aio.currentTask(this.loop)?.getName() ?? "-";
    this.trace.push([seconds(this.loop.time()), who, ...words].join(" "));
  }

  show(value: unknown): string {
    if (value instanceof Error) {
      return showError(value, (one) => this.show(one));
    }
    if (Array.isArray(value)) {
      return `[${value.map((one) => this.show(one)).join(", ")}]`;
    }
    if (value === undefined || value === null) return "null";
    if (typeof value === "object" || typeof value === "function") {
      return this.label(value);
    }
    return JSON.stringify(value);
  }

  label(value: unknown): string {
    if (value instanceof aio.Task) return value.getName();
    return this.#labels.get(value) ?? "?";
  }

  put<K extends Kind>(name: string, kind: K, value: Kinds[K]): void {
    this.names.set(name, { kind, value });
    if (!this.#labels.has(value)) this.#labels.set(value, name);
  }

  /** The object, or undefined after saying why it will not do. */
  get<K extends Kind>(name: string, ...kinds: K[]): Kinds[K] | undefined {
    if (name === "@self") {
      const task = aio.currentTask(this.loop);
      if (task !== null) return task as Kinds[K];
    }
    const found = this.names.get(name);
    if (found === undefined) {
      this.say("missing", name);
    } else if (!kinds.includes(found.kind as K)) {
      this.say("unfit", name);
    } else {
      return found.value as Kinds[K];
    }
    return undefined;
  }

  step(): void {
    this.#steps++;
    if (this.#steps === STEP_LIMIT) this.say("limit");
    if (this.#steps >= STEP_LIMIT) {
      this.loop.stop();
      throw buildError(["Boom", "step limit"]);
    }
  }

  state(found: aio.Future<unknown>, peek = false): string {
    if (!found.done()) return "pending";
    if (found.cancelled()) return "cancelled";
    if (peek) return "done";
    return this.show(found.exception() ?? found.result());
  }

  error(spec: ErrorSpec): Error {
    return buildError(spec);
  }

  #unhandled(context: aio.ExceptionContext): void {
    // A message may begin with an error's class, in JavaScript's name.
    const message = String(context.message ?? "")
      .replace(/^RangeError\b/, "ValueError");
    if (this.dead || COLLECTED.test(message)) return;
    this.say(
      "handler",
      Object.keys(context).sort().join(","),
      JSON.stringify(message),
      this.show(context.exception),
    );
    this.interpret.sync(
      { w: this, spelling: this.spelling },
      this.scenario.handler ?? [],
    );
  }
}

function seconds(time: number): string {
  return time.toFixed(6).replace(/\.?0+$/, "");
}
