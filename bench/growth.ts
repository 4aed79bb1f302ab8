/**
 * How the cost of one task or waiter develops with their number.
 */
import type { Contestant, Runtime, Spelling } from "./contestants.ts";
import {
  type RowName,
  type Sample,
  type SuiteName,
  SUITES,
} from "./measure.ts";
import { grid, number, SPELLINGS } from "./report.ts";

/** The costs of one row in one spelling. */
export interface Growth {
  /** The runtime. */
  readonly runtime: Runtime;
  /** The spelling. */
  readonly spelling: Spelling;
  /** The row. */
  readonly row: RowName;
  /** Nanoseconds per task, per size. */
  readonly ns: Readonly<Record<string, number>>;
  /** Cost per task at the largest size over that at the smallest. */
  readonly growth: number;
  /** The same over the growth of the control row; for that and without, the same. */
  readonly beyond: number;
  /** Whether that is more than linear work can explain. */
  readonly superlinear: boolean;
}

/**
 * A hundred times as many tasks cost a hundred times as much, plus what a larger
 * heap costs the collector and the caches: two to three times per task, once the
 * tasks outgrow the young generation. Work that grows with the power 1.5 of the
 * number costs ten times per task, quadratic work a hundred times.
 */
export const GROWTH_LIMIT = 10;

/**
 * The same for a row that has a control, which pays for the heap in the same way.
 * On a busy machine one measurement of a linear primitive grew 0.1 to 3.5 times as
 * much as the control; before the run fails, the least of three costs counts. A
 * queue of waiters that was made to search for the one that leaves grew 15 to 280
 * times as much.
 */
export const BEYOND_LIMIT = 4;

/** Measures one row of one contestant; null if that failed. */
export type Measure = (
  who: Contestant,
  row: RowName,
  n: number,
) => Sample | null;

/**
 * Measures the rows of a suite that have to scale, in both spellings.
 * @param suite The suite.
 * @param contestants All who take part in it.
 * @param sizes The numbers of tasks or waiters.
 * @param rounds How often; noise only ever adds, so the least counts. Where there
 * is a control row, this is once, and twice more for what seems to grow too fast.
 * @param measure Measures one.
 * @returns The growth of each row of each of the library's contestants.
 */
export function flatness(
  suite: SuiteName,
  contestants: readonly Contestant[],
  sizes: readonly number[],
  rounds: number,
  measure: Measure,
): Growth[] {
  const { scaling, control } = SUITES[suite];
  const library = contestants.filter(({ name }) =>
    SPELLINGS.includes(name as Spelling)
  );
  const least = new Map<Contestant, Map<RowName, Record<string, number>>>(
    library.map((who) => [who, new Map()]),
  );
  let growths: Growth[] = [];
  for (let round = 0; round < (control === null ? rounds : 3); round++) {
    for (const row of scaling) {
      const again = library.filter((who) =>
        round === 0 || control === null ||
        growths.some((g) =>
          g.superlinear && (g.row === row || row === control) &&
          g.runtime === who.runtime && g.spelling === who.name
        )
      );
      for (const n of sizes) {
        for (const who of again) {
          const sample = measure(who, row, n);
          if (sample === null) continue;
          const ns = Math.min(...sample.wall) * 1e6 / n;
          const costs = least.get(who)!.get(row) ?? {};
          costs[n] = Math.min(ns, costs[n] ?? Infinity);
          least.get(who)!.set(row, costs);
        }
      }
    }
    growths = judge(suite, least, sizes);
  }
  return growths;
}

function judge(
  suite: SuiteName,
  least: Map<Contestant, Map<RowName, Record<string, number>>>,
  sizes: readonly number[],
): Growth[] {
  const { scaling, control } = SUITES[suite];
  const growths: Growth[] = [];
  for (const row of scaling) {
    for (const [{ runtime, name }, rows] of least) {
      const growthOf = (row: RowName) => {
        const ns = rows.get(row);
        return (ns?.[sizes.at(-1)!] ?? NaN) / (ns?.[sizes[0]!] ?? NaN);
      };
      const growth = growthOf(row);
      const alone = control === null || row === control;
      // A control that seems to become cheaper with size is only noise.
      const heap = alone ? 1 : Math.max(1, growthOf(control));
      const beyond = growth / heap;
      growths.push({
        runtime: runtime!,
        spelling: name as Spelling,
        row,
        ns: rows.get(row) ?? {},
        growth,
        beyond,
        superlinear: !(beyond <= (alone ? GROWTH_LIMIT : BEYOND_LIMIT)),
      });
    }
  }
  return growths;
}

/**
 * Says what grows too fast.
 * @param suite The suite.
 * @param growths The figures.
 * @param sizes The numbers of tasks or waiters.
 * @returns One line for each.
 */
export function tooFast(
  suite: SuiteName,
  growths: readonly Growth[],
  sizes: readonly number[],
): string[] {
  const { control } = SUITES[suite];
  const one = control === null ? "task" : "waiter";
  return growths.filter((g) => g.superlinear).map((g) =>
    `${g.runtime} ${g.spelling} ${g.row}: a ${one} costs ` +
    `${g.growth.toFixed(1)} times as much among ${sizes.at(-1)} as among ` +
    `${sizes[0]}` +
    (control === null || g.row === control
      ? ""
      : `, ${g.beyond.toFixed(1)} times what ${control} grows by`)
  );
}

/**
 * Shows how flat the costs are.
 * @param suite The suite.
 * @param growths The figures.
 * @returns The table.
 */
export function showGrowth(
  suite: SuiteName,
  growths: readonly Growth[],
): string {
  const sizes = Object.keys(growths[0]?.ns ?? {});
  const { control } = SUITES[suite];
  const title = control === null
    ? "cost per task, nanoseconds (least of the rounds)"
    : "cost per waiter, nanoseconds, and growth beyond that of bare futures";
  const beyond = control === null ? [] : ["beyond"];
  return `=== ${title} ===\n` + grid(
    ["", ...sizes, "growth", ...beyond],
    growths.map((g) => {
      const cells = [
        `${g.runtime}, ${g.spelling}: ${g.row}`,
        ...sizes.map((size) => number(g.ns[size])),
        g.growth.toFixed(2),
      ];
      if (control !== null) cells.push(g.beyond.toFixed(2));
      if (g.superlinear) cells[cells.length - 1] += " SUPER-LINEAR";
      return cells;
    }),
  );
}
