/**
 * What every JavaScript contestant shares: the rows, the clock, and the worker
 * that runs one row and prints one line of JSON. It imports nothing of the
 * library, so that a rival can be run from another folder.
 */
import process from "node:process";

/** The names of the rows, in the order of the tables. */
export type RowName =
  | "spawn"
  | "suspend"
  | "pingpong"
  | "sleeps"
  | "cancel"
  | "switches"
  | "callsoon"
  | "sleepers";

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
 * The rows. Sleeps of up to 100 ms cannot end before 100 ms have passed, for
 * anyone: what is left of the wall time above that floor is mostly noise, so
 * that row compares the processor time of the process instead.
 */
export const ROWS: Readonly<Record<RowName, RowInfo>> = {
  spawn: { title: "spawn, join", n: 100_000, metric: "wall" },
  suspend: { title: "spawn, suspend, join", n: 100_000, metric: "wall" },
  pingpong: { title: "ping-pong, future pair", n: 100_000, metric: "wall" },
  sleeps: { title: "sleeps of 0-100 ms (cpu)", n: 100_000, metric: "cpu" },
  cancel: { title: "cancel sleeping tasks", n: 100_000, metric: "wall" },
  switches: { title: "sleep(0) switches", n: 100_000, metric: "wall" },
  callsoon: { title: "callSoon", n: 100_000, metric: "wall" },
  sleepers: { title: "1 000 000 sleepers", n: 1_000_000, metric: "wall" },
};

/** How many tasks take turns in the row of the switches. */
export const TURNS = 10;

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
      return n * (n - 1) / 2;
    case "pingpong":
      return n * (n + 1) / 2;
    // Every cancel is seen twice: by the task and by whoever joins it.
    case "cancel":
    case "sleepers":
      return 2 * n;
    case "switches":
    case "callsoon":
      return n;
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

/** All rows of one contestant. */
export type Rows = Readonly<Record<RowName, Row>>;

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
export async function work(rows: Rows, args: string[]): Promise<void> {
  const row = rows[args[0] as RowName];
  const n = Number(args[1]);
  if (row === undefined || !(n > 0)) {
    throw new TypeError(`Cannot measure row '${args[0]}' of size '${args[1]}'`);
  }
  await row(Math.min(10_000, n), new Watch(false));
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
