/** A short run of bench/soak.ts; the long one is started by hand. */

import { assert, assertEquals } from "@std/assert";
import { soak } from "../bench/soak.ts";
import { it } from "./_harness.ts";

it(
  "Network: 20 000 requests among half-closes, resets, slow readers and cancels lose no byte and leave nothing open",
  {
    timeout: 60_000,
  },
  async () => {
    const report = await soak({ requests: 20_000, connections: 50, seed: 3 });
    assertEquals(report.wrong, []);
    assertEquals(report.requests, 20_000);
    // The dice have tried everything.
    for (
      const what of [
        "halfCloses",
        "resets",
        "serverResets",
        "slow",
        "cancels",
        "drainCancels",
        "requestCancels",
        "lateConnects",
      ] as const
    ) assert(report[what] > 0, `no ${what}`);
  },
);
