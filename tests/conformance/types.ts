/**
 * The scenario language. A scenario is plain data: named bodies, each a list
 * of operations, and a drive, what is done with the loop from outside. Two
 * interpreters read it: `oracle/` in Python and the `*.ts` beside this file.
 *
 * Every operation is total: one that names an object which does not exist, or
 * is of the wrong kind, says so in the trace and does nothing. So any subset
 * of a scenario is a scenario, which is what lets the shrinker cut freely.
 */

/** An error's class, alone or followed by its arguments. */
export type ErrorSpec = string | [kind: string, ...args: unknown[]];

/** An awaitable: the name of an object, or how to make one. */
export type Aw =
  | string
  | ["body", name: string]
  | ["do", ...ops: Op[]]
  | ["sleep", delay: number, result?: unknown]
  | ["gather", aws: Aw[], options?: { exceptions?: boolean }]
  | ["shield", aw: Aw]
  | ["waitFor", aw: Aw, timeout: number | null]
  | ["raw", value: unknown]
  | ["acquire" | "waitOn" | "reset" | "abort", name: string]
  | ["waitUntil", name: string, cell: string, least: number, ops?: SyncOp[]]
  | ["put", name: string, item: unknown]
  | ["get" | "join", name: string]
  | ["staggered", bodies: (string | Op[])[], delay: number | null];

/** A context in which a callback or a task runs, by name. */
export interface ContextOption {
  /** The name of a context. */
  ctx?: string;
}

/** How `spawn` makes its task. */
export interface SpawnOptions extends ContextOption {
  /** The task's name; null leaves the default, absent means the variable's. */
  name?: string | null;
  /** Eager or not; absent leaves it to the loop's task factory. */
  eager?: boolean;
}

/** The parts of a `try`; error classes are tried in order. */
export interface TryParts {
  /** What is tried. */
  do?: Op[];
  /** What follows by error class. */
  except?: Record<string, Op[]>;
  /** What follows when nothing was raised. */
  else?: Op[];
  /** What follows always. */
  finally?: Op[];
}

/** The options of `wait`. */
export interface WaitOptions {
  /** Seconds; null for none. */
  timeout?: number | null;
  /** When to return. */
  when?: string;
}

/** How `asCompleted` iterates. */
export interface CompletedOptions {
  /** Seconds; null for none. */
  timeout?: number | null;
  /** Plain iteration unless told. */
  style?: "sync" | "async";
  /** Items after which it stops. */
  limit?: number;
  /** What is done after each item. */
  do?: Op[];
}

/** Operations on locks and their kin. */
export type LockOp =
  | ["lock" | "event", name: string]
  | ["condition", name: string, lock?: string]
  | ["semaphore" | "bounded", name: string, value?: number]
  | ["barrier", name: string, parties: number]
  | ["release" | "setEvent" | "clearEvent" | "notifyAll", name: string]
  | ["notify", name: string, count?: number]
  | ["status", name: string]
  | ["bump", cell: string, by?: number];

/** Operations on queues. */
export type QueueOp =
  | ["queue" | "priorityQueue" | "lifoQueue", name: string, maxsize?: number]
  | ["putNowait", name: string, item: unknown]
  | ["getNowait" | "taskDone", name: string]
  | ["shutdown", name: string, immediate?: boolean];

/** Operations on task groups. */
export type GroupOp =
  | ["group", name: string]
  | [
    "child",
    group: string,
    name: string,
    body: string | Op[],
    options?: SpawnOptions,
  ];

/** An operation that needs no await. */
export type SyncOp =
  | ["log", text: string]
  | ["raise", error: ErrorSpec]
  | ["stop" | "close" | "time" | "current" | "all"]
  | ["future", name: string]
  | ["set" | "ensure", name: string, aw: Aw]
  | ["resolve", name: string, value?: unknown]
  | ["fail", name: string, error: ErrorSpec]
  | ["cancel", name: string, message?: string]
  | ["query" | "result" | "exception" | "handle", name: string]
  | ["cancelling" | "uncancel" | "name" | "coro", name: string]
  | [
    "onDone",
    name: string,
    callback: string,
    ops?: SyncOp[],
    options?: ContextOption,
  ]
  | ["offDone", name: string, callback: string]
  | ["spawn", name: string, body: string | Op[], options?: SpawnOptions]
  | ["rename", name: string, value: unknown]
  | [
    "soon" | "soonThreadsafe",
    name: string,
    ops?: SyncOp[],
    options?: ContextOption,
  ]
  | [
    "later" | "at",
    name: string,
    seconds: number,
    ops?: SyncOp[],
    options?: ContextOption,
  ]
  | ["callHandler", message: string, error?: ErrorSpec]
  | ["makeTimeout" | "makeTimeoutAt", name: string, seconds: number | null]
  | ["reschedule", name: string, delay: number | null]
  | ["when" | "expired", name: string]
  | ["ctxSet", variable: "v" | "w", value: unknown, token?: string]
  | ["ctxGet", variable: "v" | "w"]
  | ["ctxReset", variable: "v" | "w", token: string]
  | ["ctxCopy", name: string]
  | ["ctxOf", name: string, task: string]
  | ["ctxRun", name: string, ops: SyncOp[]]
  | LockOp
  | QueueOp
  | GroupOp;

/** An operation that awaits or nests. */
export type FlowOp =
  | ["await", aw: Aw]
  | ["sleep", delay: number | "nan"]
  | ["yield"]
  | ["call", ops: Op[]]
  | ["return", value?: unknown]
  | ["try", parts: TryParts]
  | ["reraise"]
  | ["raiseFrom", error: ErrorSpec, cause: ErrorSpec]
  | ["timeout" | "timeoutAt", name: string, seconds: number | null, ops: Op[]]
  | ["nestedRun", name?: string]
  | ["enter", name: string, ops: Op[]]
  | ["with" | "taskGroup", name: string, ops: Op[]]
  | ["wait", aws: Aw[], options?: WaitOptions]
  | ["asCompleted", aws: Aw[], options?: CompletedOptions];

/** Any operation. */
export type Op = SyncOp | FlowOp;

/** What is done with the loop from outside; bare sync operations too. */
export type Phase =
  | ["run", name: string]
  | ["runner", ...bodies: string[]]
  | ["forever" | "settle"]
  | SyncOp;

/** A whole program. */
export interface Scenario {
  /** What it shows. */
  name: string;
  /** The bodies by name. */
  tasks: Record<string, Op[]>;
  /** What to do with the loop; run `main`, then settle, unless told. */
  drive?: Phase[];
  /** What the exception handler does after it wrote its line. */
  handler?: SyncOp[];
}

/** The task factory in force: none, or the eager one. */
export type Mode = "plain" | "eager";
/** How bodies are written on the library's side. */
export type Spelling = "async" | "generator";
/** The lines a run wrote. */
export type Trace = readonly string[];
