/** The search finds planted bugs soon, and nothing in the programs without them. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "./_harness.ts";
import { explore, ExploreError, runTest } from "../testing.ts";
import { RACES } from "./races/mod.ts";

describe("explore()", () => {
  for (const { name, planted, corrected } of RACES) {
    it(`finds the ${name} in under 2 s, and its seed replays it`, async () => {
      // First come, first served hides it.
      await runTest(planted);
      for (let seed = 0; seed < 10; seed++) {
        const began = performance.now();
        const error = await explore(planted, { seed })
          .then(() => null, (e) => e);
        assert(performance.now() - began < 2000);
        assert(error instanceof ExploreError, String(error));
        const again = await runTest(planted, { seed: error.seed })
          .then(() => null, (e) => e);
        assertEquals(again?.name, (error.cause as Error).name);
      }
    });

    it(
      `finds nothing in 10 000 runs without the ${name}`,
      { timeout: 60_000 },
      async () => {
        const { runs } = await explore(corrected, { runs: 10_000 });
        assertEquals(runs, 10_000);
      },
    );
  }
});
