/**
 * The figures: ratios within one round, their medians, the tables, the bounds.
 */
import {
  type ComparedRow,
  type RowInfo,
  ROWS,
  type SuiteName,
  SUITES,
} from "./measure.ts";
import type { Contestant, Rival, Runtime, Spelling } from "./contestants.ts";

/** One contestant's row in one round: milliseconds, infinite after a time-out. */
export interface Figure {
  /** The median of the repetitions, of the measure that the row compares. */
  readonly ms: number;
  /** Resident bytes per task, for the row that weighs them. */
  readonly bytes: number | null;
}

/** Per row and contestant: its figure in each round. */
export type Figures = Map<ComparedRow, Map<Contestant, Figure[]>>;

/** The spellings, in the order of the tables. */
export const SPELLINGS: readonly Spelling[] = ["generator", "async"];

/** The rivals of each suite, in the order of its tables. */
const RIVALS: Readonly<Record<SuiteName, readonly Rival[]>> = {
  tasks: ["asyncio", "uvloop", "effect", "effection", "floor"],
  sync: [
    "asyncio",
    "uvloop",
    "effect",
    "effection",
    "p-limit",
    "p-queue",
    "async-mutex",
    "async-sema",
    "pooledMap",
  ],
};

/**
 * How many times longer each rival must take, at the least. The floor does
 * nothing that a task needs, so it sets no bound. Whoever takes at most twice as
 * long as the fastest lock or limiter does so for each of them.
 */
export const BOUNDS: Readonly<
  Record<
    SuiteName,
    Readonly<Record<Spelling, Readonly<Partial<Record<Rival, number>>>>>
  >
> = {
  tasks: {
    generator: { asyncio: 8, uvloop: 1, effect: 1, effection: 1 },
    async: { asyncio: 3, uvloop: 1, effect: 1, effection: 1 },
  },
  sync: {
    generator: {
      asyncio: 5,
      uvloop: 5,
      effect: 1,
      effection: 1,
      "p-limit": 0.5,
      "p-queue": 0.5,
      "async-mutex": 0.5,
      "async-sema": 0.5,
      pooledMap: 0.5,
    },
    async: { asyncio: 2.5, uvloop: 2.5, effect: 1, effection: 1 },
  },
};

/**
 * The middle of some numbers.
 * @param values The numbers.
 * @returns The median; NaN of none.
 */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[half]!;
  return (sorted[half - 1]! + sorted[half]!) / 2;
}

/** A row of one runtime's table. */
export interface Line {
  /** The row. */
  readonly row: ComparedRow;
  /** How many of what it does were measured. */
  readonly n: number;
  /** Nanoseconds for each of them, per contestant. */
  readonly ns: Readonly<Partial<Record<Spelling | Rival, number>>>;
  /** Resident bytes per task, per contestant, where they were weighed. */
  readonly bytes: Readonly<Partial<Record<Spelling | Rival, number>>>;
  /** How many times longer each rival took than each spelling. */
  readonly ratios: Readonly<
    Record<Spelling, Readonly<Partial<Record<Rival, number>>>>
  >;
}

/**
 * Condenses the figures of one runtime.
 * @param suite The suite.
 * @param figures All figures of it.
 * @param runtime The runtime.
 * @param size The size of a row.
 * @returns A line per row that was run.
 */
export function lines(
  suite: SuiteName,
  figures: Figures,
  runtime: Runtime,
  size: (info: RowInfo) => number,
): Line[] {
  return [...figures].map(([row, all]) => {
    const n = size(ROWS[row]);
    const ns: Partial<Record<Spelling | Rival, number>> = {};
    const bytes: Partial<Record<Spelling | Rival, number>> = {};
    const ratios: Record<Spelling, Partial<Record<Rival, number>>> = {
      generator: {},
      async: {},
    };
    const own = new Map<Spelling | Rival, Figure[]>();
    for (const [{ name, runtime: where }, rounds] of all) {
      if (where !== runtime && where !== null) continue;
      own.set(name, rounds);
      ns[name] = median(rounds.map((f) => f.ms)) * 1e6 / n;
      const weights = rounds.flatMap((f) => f.bytes ?? []);
      if (weights.length > 0) bytes[name] = median(weights);
    }
    for (const spelling of SPELLINGS) {
      const ours = own.get(spelling);
      if (ours === undefined) continue;
      for (const rival of RIVALS[suite]) {
        const theirs = own.get(rival);
        if (theirs === undefined) continue;
        ratios[spelling][rival] = median(
          ours.map((f, round) => theirs[round]!.ms / f.ms),
        );
      }
    }
    return { row, n, ns, bytes, ratios };
  });
}

/** A ratio that is below its bound. */
export interface Shortfall {
  /** The runtime. */
  readonly runtime: Runtime;
  /** The spelling. */
  readonly spelling: Spelling;
  /** The rival. */
  readonly rival: Rival;
  /** The row. */
  readonly row: ComparedRow;
  /** The ratio. */
  readonly ratio: number;
  /** What it should be. */
  readonly bound: number;
}

/**
 * Finds what is below its bound.
 * @param suite The suite.
 * @param runtime The runtime.
 * @param table Its lines.
 * @returns The shortfalls.
 */
export function shortfalls(
  suite: SuiteName,
  runtime: Runtime,
  table: readonly Line[],
): Shortfall[] {
  const found: Shortfall[] = [];
  for (const spelling of SPELLINGS) {
    for (const rival of RIVALS[suite]) {
      const bound = BOUNDS[suite][spelling][rival];
      if (bound === undefined) continue;
      for (const { row, ratios } of table) {
        const ratio = ratios[spelling][rival];
        if (ratio !== undefined && !(ratio >= bound)) {
          found.push({ runtime, spelling, rival, row, ratio, bound });
        }
      }
    }
  }
  return found;
}

/**
 * Lines up the cells of a table.
 * @param head The names of its columns.
 * @param rows Its rows.
 * @returns The text.
 */
export function grid(
  head: readonly string[],
  rows: readonly string[][],
): string {
  const all = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...all.map((r) => r[i]!.length)));
  return all.map((r) =>
    r.map((cell, i) =>
      i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)
    ).join("  ").trimEnd()
  ).join("\n");
}

/**
 * Shows a number of nanoseconds or bytes.
 * @param value The number, infinite after a time-out, undefined where there is none.
 * @returns The text.
 */
export function number(value: number | undefined): string {
  if (value === undefined) return "-";
  return value === Infinity ? "too long" : value.toFixed(0);
}

function times(ratio: number | undefined, bound: number | undefined): string {
  if (ratio === undefined) return "-";
  if (ratio === Infinity) return "too long";
  const short = bound !== undefined && !(ratio >= bound) ? "*" : "";
  return short + ratio.toFixed(ratio < 10 ? 2 : 0);
}

/**
 * The table of one runtime.
 * @param suite The suite.
 * @param runtime The runtime.
 * @param table Its lines.
 * @returns The text.
 */
export function show(
  suite: SuiteName,
  runtime: Runtime,
  table: readonly Line[],
): string {
  const parts = [`=== ${runtime}${SUITES[suite].title} ===`];
  const rivals = RIVALS[suite];
  const names = [...SPELLINGS, ...rivals];
  parts.push(
    "Nanoseconds each (medians)",
    grid(
      ["", ...names],
      table.map(({ row, ns }) => [
        ROWS[row].title,
        ...names.map((name) => number(ns[name])),
      ]),
    ),
  );
  for (const spelling of SPELLINGS) {
    if (table.every(({ ns }) => ns[spelling] === undefined)) continue;
    parts.push(
      `\nHow many times longer than the ${spelling} spelling (* short of the bound)`,
      grid(
        ["", ...rivals],
        table.map(({ row, ratios }) => [
          ROWS[row].title,
          ...rivals.map((rival) =>
            times(ratios[spelling][rival], BOUNDS[suite][spelling][rival])
          ),
        ]),
      ),
    );
  }
  for (const { row, bytes } of table) {
    if (Object.keys(bytes).length === 0) continue;
    const weights = names.flatMap((name) =>
      bytes[name] === undefined ? [] : `${name} ${number(bytes[name])}`
    );
    parts.push(`\n${ROWS[row].title}, bytes per task: ${weights.join(", ")}`);
  }
  return parts.join("\n");
}

/**
 * Says which bounds hold.
 * @param suite The suite.
 * @param runtime The runtime.
 * @param table Its lines.
 * @returns One line per bound.
 */
export function verdicts(
  suite: SuiteName,
  runtime: Runtime,
  table: readonly Line[],
): string {
  const short = shortfalls(suite, runtime, table);
  return SPELLINGS.flatMap((spelling) =>
    RIVALS[suite].flatMap((rival) => {
      const bound = BOUNDS[suite][spelling][rival];
      if (bound === undefined) return [];
      const measured = table.filter((l) =>
        l.ratios[spelling][rival] !== undefined
      );
      const mine = short.filter((s) =>
        s.spelling === spelling && s.rival === rival
      );
      const verdict = measured.length === 0
        ? "not measured"
        : mine.length === 0
        ? `holds on all ${measured.length} rows`
        : `short on ${
          mine.map((s) => `${s.row} (${s.ratio.toFixed(2)})`).join(", ")
        }`;
      const want = bound === 1
        ? "ahead of"
        : bound < 1
        ? `within ${1 / bound} times of`
        : `${bound} times faster than`;
      return `${runtime}, ${spelling}, ${want} ${rival}: ${verdict}`;
    })
  ).join("\n");
}
