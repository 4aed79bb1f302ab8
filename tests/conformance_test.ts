/**
 * The goldens on this runtime, in both spellings, plain and all-eager; and,
 * where CPython can be had, the goldens' records against CPython itself.
 */
import { assertEquals } from "@std/assert";
import { describe, it, runtime } from "./_harness.ts";
import { sideBySide } from "./conformance/compare.ts";
import { judge } from "./conformance/differences.ts";
import { runScenario } from "./conformance/drive.ts";
import { type Golden, loadGoldens } from "./conformance/goldens/mod.ts";
import { live } from "./conformance/live.ts";
import type { Mode, Spelling } from "./conformance/types.ts";

const MODES: readonly Mode[] = ["plain", "eager"];
const SPELLINGS: readonly Spelling[] = ["async", "generator"];
const goldens = loadGoldens();

/** What differs from the record, in words. */
async function check({ scenario, traces }: Golden): Promise<string[]> {
  if (traces === undefined) return ["CPython was never asked about it"];
  const out: string[] = [];
  for (const mode of MODES) {
    for (const spelling of SPELLINGS) {
      const actual = await runScenario(scenario, mode, spelling);
      const expected = traces[mode];
      if (judge({ scenario, mode, spelling }, expected, actual).same) continue;
      const columns = sideBySide(["CPython", expected], ["library", actual]);
      out.push(`${mode}, ${spelling}\n${columns}`);
    }
  }
  return out;
}

for (const group of new Set(goldens.map((golden) => golden.group))) {
  describe(`conformance ${group}`, () => {
    for (const golden of goldens.filter((one) => one.group === group)) {
      it(golden.scenario.name, async () => {
        const differs = await check(golden);
        // Not an assertion on the text: that would print it in one line.
        if (differs.length > 0) throw new Error(`\n${differs.join("\n\n")}`);
      });
    }
  });
}

const { oracle, reason } = runtime === "deno"
  ? await live()
  : { oracle: undefined, reason: "only Deno takes npm: with no install" };

describe("conformance live", () => {
  it(
    oracle
      ? `${oracle.version} gives the traces recorded`
      : `CPython gives the traces recorded (not run: ${reason})`,
    { skip: oracle ? false : reason, timeout: 60_000 },
    () => {
      const jobs = goldens.flatMap(({ scenario }) =>
        MODES.map((mode) => [scenario, mode] as const)
      );
      const recorded = goldens.flatMap(({ traces }) =>
        MODES.map((mode) => traces?.[mode])
      );
      assertEquals(oracle!.run(jobs), recorded);
    },
  );
});
