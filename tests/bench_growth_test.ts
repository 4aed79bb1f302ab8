/** What the benchmarks take for work that grows faster than the number of tasks. */

import { assertEquals } from "@std/assert";
import type { Contestant } from "../bench/contestants.ts";
import { flatness, type Measure, tooFast } from "../bench/growth.ts";
import { type RowName, SUITES } from "../bench/measure.ts";
import { describe, it } from "./_harness.ts";

const SIZES = [1000, 10_000, 100_000];
const CONTESTANTS = (["generator", "async"] as const).map((name) =>
  ({ name, runtime: "deno" }) as Contestant
);

/** Rows whose whole cost is that power of the number, the others linear. */
function costs(
  powers: Readonly<Partial<Record<RowName, number>>>,
  noise = (_row: RowName, _n: number) => 1,
): Measure {
  return (_who, row, n) =>
    ({ wall: [1e-4 * n ** (powers[row] ?? 1) * noise(row, n)] }) as ReturnType<
      Measure
    >;
}

/** The rows of which the run would fail. */
function failing(suite: "tasks" | "sync", measure: Measure): string[] {
  const growths = flatness(suite, CONTESTANTS, SIZES, 1, measure);
  const said = tooFast(suite, growths, SIZES);
  const rows = growths.filter((g) => g.superlinear);
  assertEquals(said.length, rows.length);
  return rows.map(({ row, spelling }) => `${row} ${spelling}`);
}

describe("a benchmark of growth", () => {
  for (const suite of ["tasks", "sync"] as const) {
    const { scaling, control } = SUITES[suite];

    it(`takes linear work for what it is: ${suite}`, () => {
      assertEquals(failing(suite, costs({})), []);
      // What a larger heap costs, everybody pays.
      const heap = (_: RowName, n: number) => n === SIZES.at(-1) ? 2.5 : 1;
      assertEquals(failing(suite, costs({}, heap)), []);
    });

    it(`fails on each row that is quadratic, and on no other: ${suite}`, () => {
      for (const row of scaling) {
        // A control that grows hides nothing but itself.
        if (row === control) continue;
        assertEquals(failing(suite, costs({ [row]: 2 })), [
          `${row} generator`,
          `${row} async`,
        ]);
        assertEquals(failing(suite, costs({ [row]: 1.6 })).length, 2, row);
      }
    });
  }

  it("has a row for each primitive and each way of waiting", () => {
    assertEquals([...SUITES.sync.scaling].sort(), [
      "waiters-barrier",
      "waiters-condition",
      "waiters-event",
      "waiters-future",
      "waiters-get",
      "waiters-lock",
      "waiters-put",
      "waiters-semaphore",
    ]);
  });

  it("takes a row that was not measured for one that failed", () => {
    const [row] = SUITES.tasks.scaling;
    const measure: Measure = (who, at, n) =>
      at === row && n === SIZES[0] ? null : costs({})(who, at, n);
    assertEquals(failing("tasks", measure).length, 2);
  });
});
