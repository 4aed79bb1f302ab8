/**
 * What every JavaScript contestant shares: the rows, the clock, and the worker
 * that runs one row and prints one line of JSON. It imports nothing of the
 * library, so that a rival can be run from another folder.
 */
import process from "node:process";

/** The rows of the suite of the tasks, in the order of the tables. */
export type TaskRow =
  | "spawn"
  | "suspend"
  | "pingpong"
  | "sleeps"
  | "cancel"
  | "switches"
  | "callsoon"
  | "sleepers";

/** The rows of the suite of the locks, queues and groups, in their order. */
export type SyncRow =
  | "lock"
  | "limit"
  | "queues"
  | "bounded"
  | "fanout"
  | "group";

/** What shows how a primitive takes to many waiters; no rival has these rows. */
export type WaitersRow =
  | "waiters-future"
  | "waiters-lock"
  | "waiters-semaphore"
  | "waiters-event"
  | "waiters-condition"
  | "waiters-get"
  | "waiters-put"
  | "waiters-barrier";

/** The rows in which the contestants are compared. */
export type ComparedRow = TaskRow | SyncRow;

/** All rows. */
export type RowName = ComparedRow | WaitersRow;

/** How a row is presented and compared. */
export interface RowInfo {
  /** What the row does, for the tables. */
  readonly title: string;
  /** How many tasks, round trips, switches or callbacks it has. */
  readonly n: number;
  /** The measure that is compared. */
  readonly metric: "wall" | "cpu";
}

/**
 * The compared rows. Sleeps of up to 100 ms cannot end before 100 ms have passed, for
 * anyone: what is left of the wall time above that floor is mostly noise, so
 * that row compares the processor time of the process instead.
 */
export const ROWS: Readonly<Record<ComparedRow, RowInfo>> = {
  spawn: { title: "spawn, join", n: 100_000, metric: "wall" },
  suspend: { title: "spawn, suspend, join", n: 100_000, metric: "wall" },
  pingpong: { title: "ping-pong, future pair", n: 100_000, metric: "wall" },
  sleeps: { title: "sleeps of 0-100 ms (cpu)", n: 100_000, metric: "cpu" },
  cancel: { title: "cancel sleeping tasks", n: 100_000, metric: "wall" },
  switches: { title: "sleep(0) switches", n: 100_000, metric: "wall" },
  callsoon: { title: "callSoon", n: 100_000, metric: "wall" },
  sleepers: { title: "1 000 000 sleepers", n: 1_000_000, metric: "wall" },
  lock: { title: "lock hand-over, 100 tasks", n: 100_000, metric: "wall" },
  limit: { title: "map, 100 jobs at a time", n: 100_000, metric: "wall" },
  queues: { title: "ping-pong, two queues", n: 100_000, metric: "wall" },
  bounded: { title: "producer, consumer", n: 100_000, metric: "wall" },
  fanout: { title: "event, 10 000 waiters", n: 100_000, metric: "wall" },
  group: { title: "task group, one suspend", n: 100_000, metric: "wall" },
};

/** The two halves of the benchmark. */
export type SuiteName = "tasks" | "sync";

/** What a suite runs. */
export interface Suite {
  /** What is said of it above its tables; the first suite needs no telling. */
  readonly title: string;
  /** The rows in which all are compared. */
  readonly rows: readonly ComparedRow[];
  /** The rows that must cost as much each among many as among few. */
  readonly scaling: readonly RowName[];
  /** At which numbers. */
  readonly sizes: readonly number[];
  /** The row of `scaling` that the others' growth is divided by, or null. */
  readonly control: RowName | null;
}

/** The suites, in the order in which they run. */
export const SUITES: Readonly<Record<SuiteName, Suite>> = {
  tasks: {
    title: "",
    rows: [
      "spawn",
      "suspend",
      "pingpong",
      "sleeps",
      "cancel",
      "switches",
      "callsoon",
      "sleepers",
    ],
    scaling: ["suspend", "sleepers"],
    sizes: [10_000, 100_000, 1_000_000],
    control: null,
  },
  sync: {
    title: ": locks, queues, groups",
    rows: ["lock", "limit", "queues", "bounded", "fanout", "group"],
    scaling: [
      "waiters-future",
      "waiters-lock",
      "waiters-semaphore",
      "waiters-event",
      "waiters-condition",
      "waiters-get",
      "waiters-put",
      "waiters-barrier",
    ],
    sizes: [1000, 10_000, 100_000],
    control: "waiters-future",
  },
};

/** How many tasks take turns in the row of the switches. */
export const TURNS = 10;

/** How many tasks pass a lock on. */
export const HOLDERS = 100;

/** How many jobs of the map run at once. */
export const LIMIT = 100;

/** How many items the queue between producer and consumer holds. */
export const BOUND = 10;

/** How many tasks wait for the same event. */
export const LISTENERS = 10_000;

/** The seconds of a sleep that is only ever left by a cancel. */
export const LONG = 3600;

/**
 * The number that a row must come to when all of its work was done.
 * @param row The row.
 * @param n Its size.
 * @returns The sum of the results, or the count of what happened.
 */
export function expected(row: RowName, n: number): number {
  switch (row) {
    case "spawn":
    case "suspend":
    case "sleeps":
    case "limit":
    case "bounded":
    case "group":
      return n * (n - 1) / 2;
    case "pingpong":
    case "queues":
      return n * (n + 1) / 2;
    // Every cancel is seen twice: by the task and by whoever joins it.
    case "cancel":
    case "sleepers":
      return 2 * n;
    case "switches":
    case "callsoon":
    case "lock":
    case "fanout":
      return n;
    // Every second one is cancelled and counts twice.
    default:
      return 1.5 * n;
  }
}

/** What one worker prints. */
export interface Sample {
  /** The milliseconds of each repetition. */
  readonly wall: number[];
  /** The milliseconds of processor time, user and system, of each. */
  readonly cpu: number[];
  /** What each repetition came to; compare with {@linkcode expected}. */
  readonly count: number[];
  /** Resident bytes per task while all of them sleep, of the first one. */
  readonly bytes: number | null;
}

function collect(): void {
  (globalThis as { gc?: () => void }).gc?.();
}

function resident(): number {
  collect();
  return process.memoryUsage().rss;
}

/** The clock that a row starts and stops around its own work. */
export class Watch {
  /** Milliseconds between start and stop. */
  wall = 0;
  /** Milliseconds of processor time in between. */
  cpu = 0;
  /** Resident bytes that were added since the watch was made. */
  bytes: number | null = null;
  /** What was resident before; null where nothing is weighed. */
  readonly #before: number | null;
  #wall = 0;
  #cpu: ReturnType<typeof process.cpuUsage> | undefined;

  /**
   * @param weighing Whether the row is to weigh what it keeps alive.
   */
  constructor(weighing: boolean) {
    this.#before = weighing ? resident() : null;
  }

  /** Starts, or goes on. */
  start(): void {
    this.#cpu = process.cpuUsage();
    this.#wall = performance.now();
  }

  /** Stops. */
  stop(): void {
    this.wall += performance.now() - this.#wall;
    const { user, system } = process.cpuUsage(this.#cpu);
    this.cpu += (user + system) / 1000;
  }

  /** Weighs what is alive now, with the clock stopped. */
  weigh(): void {
    if (this.#before === null) return;
    this.stop();
    this.bytes = resident() - this.#before;
    this.start();
  }
}

/** One row of one contestant: does the work and returns the count. */
export type Row = (n: number, watch: Watch) => Promise<number>;

/** All rows of one contestant in the suite of the tasks. */
export type Rows = Readonly<Record<TaskRow, Row>>;

/** All rows of one contestant in the suite of the locks, queues and groups. */
export type SyncRows = Readonly<Record<SyncRow, Row>>;

/** The milliseconds after which a row is not repeated in the same process. */
const ENOUGH = 800;
const REPETITIONS = 5;

/**
 * Runs the row that the arguments of the process name (`row`, `n`) and prints
 * the sample. A small run comes first, so that the compilers have seen the
 * code; a fast row is then repeated, since one pass of it is shorter than a
 * hiccup of the machine. Nothing is collected by force in between: V8 then gives
 * up its young generation, and the next pass would mostly measure its growth.
 * @param rows The contestant.
 * @param args The arguments.
 */
export async function work(
  rows: Readonly<Partial<Record<RowName, Row>>>,
  args: string[],
): Promise<void> {
  const row = rows[args[0] as RowName];
  const n = Number(args[1]);
  if (row === undefined || !(n > 0)) {
    throw new TypeError(`Cannot measure row '${args[0]}' of size '${args[1]}'`);
  }
  // The costs at all sizes are to be those of code that is equally warm.
  const small = args[0]!.startsWith("waiters-") ? 10_000 : Math.min(10_000, n);
  await row(small, new Watch(false));
  const sample: Sample = { wall: [], cpu: [], count: [], bytes: null };
  let bytes: number | null = null;
  let spent = 0;
  while (sample.wall.length < REPETITIONS && spent < ENOUGH) {
    const first = sample.wall.length === 0;
    const watch = new Watch(first && args[0] === "sleepers");
    sample.count.push(await row(n, watch));
    sample.wall.push(watch.wall);
    sample.cpu.push(watch.cpu);
    if (watch.bytes !== null) bytes = watch.bytes / n;
    spent += watch.wall;
  }
  // A rival may leave timers behind: nothing of it is measured any more.
  process.stdout.write(
    JSON.stringify({ ...sample, bytes }) + "\n",
    () => process.exit(0),
  );
}
