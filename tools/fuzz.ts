// deno-lint-ignore-file no-console
/**
 * Random scenarios on CPython and on the library, in both spellings, plain
 * and all-eager, on Deno and on Bun.
 *
 *     deno task fuzz --seed 1 --count 5000
 *
 * What differs is shrunk, shown side by side, and written to
 * tests/conformance/goldens/found/, where the tests read it from then on.
 */
import { parseArgs } from "node:util";
import { sideBySide } from "../tests/conformance/compare.ts";
import { judge } from "../tests/conformance/differences.ts";
import { generate } from "../tests/conformance/generate.ts";
import { FOUND } from "../tests/conformance/goldens/mod.ts";
import type { Job } from "../tests/conformance/peer.ts";
import {
  bunPeer,
  denoPeer,
  oraclePeer,
  Peer,
  UNASKED,
} from "../tests/conformance/peers.ts";
import { shrink } from "../tests/conformance/shrink.ts";
import type {
  Mode,
  Scenario,
  Spelling,
  Trace,
} from "../tests/conformance/types.ts";

const MODES: readonly Mode[] = ["plain", "eager"];
const SPELLINGS: readonly Spelling[] = ["async", "generator"];
const BATCH = 100;
const SHRINK_MS = 60_000;

const { values } = parseArgs({
  args: Deno.args,
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "1000" },
    /** Differences after which it ends. */
    most: { type: "string", default: "5" },
    "no-bun": { type: "boolean", default: false },
  },
});
const seed = Number(values.seed);
const count = Number(values.count);
const most = Number(values.most);

const oracle = new Peer("CPython", oraclePeer);
const peers = [new Peer("Deno", denoPeer)];
const bun = values["no-bun"] ? undefined : await bunPeer();
if (bun) peers.push(new Peer("Bun", bun));
else console.log("Bun: not run");

interface Mismatch {
  readonly job: Job;
  readonly peer: Peer;
  readonly expected: Trace;
  readonly actual: Trace;
}

const skipped = new Map<string, number>();
let runs = 0;
let lines = 0;
const seen: Mismatch[] = [];

/** What differs among the scenarios, at most one thing per scenario. */
async function compare(
  scenarios: readonly Scenario[],
  where = { peers, modes: MODES, spellings: SPELLINGS },
): Promise<(Mismatch | undefined)[]> {
  const cases = scenarios.flatMap((scenario) =>
    where.modes.map((mode) => ({ scenario, mode }))
  );
  const jobs: Job[] = cases.flatMap((one) =>
    where.spellings.map((spelling) => ({ ...one, spelling }))
  );
  const [expected, ...actual] = await Promise.all([
    oracle.run(cases.map((one) => ({ ...one, spelling: "async" }))),
    ...where.peers.map((peer) => peer.run(jobs)),
  ]);
  lines += expected.reduce((sum, trace) => sum + trace.length, 0);
  const found = new Map<Scenario, Mismatch>();
  where.peers.forEach((peer, p) =>
    jobs.forEach((job, i) => {
      runs++;
      const wanted = expected[Math.floor(i / where.spellings.length)]!;
      const got = actual[p]![i]!;
      const verdict = judge(job, wanted, got);
      if (verdict.same) {
        for (const name of verdict.skipped) {
          skipped.set(name, (skipped.get(name) ?? 0) + 1);
        }
      } else if (got !== UNASKED && !found.has(job.scenario)) {
        found.set(job.scenario, { job, peer, expected: wanted, actual: got });
      }
    })
  );
  return scenarios.map((scenario) => found.get(scenario));
}

/** The smallest scenario that differs where this one did. */
async function smallest(mismatch: Mismatch): Promise<Mismatch> {
  const where = {
    peers: [mismatch.peer],
    modes: [mismatch.job.mode],
    spellings: [mismatch.job.spelling],
  };
  let last = mismatch;
  const deadline = performance.now() + SHRINK_MS;
  await shrink(mismatch.job.scenario, async (candidates) => {
    // Where it hangs, every candidate may take seconds.
    if (performance.now() > deadline) return candidates.map(() => false);
    const found = await compare(candidates, where);
    last = found.find((one) => one !== undefined) ?? last;
    return found.map((one) => one !== undefined);
  });
  return last;
}

/** Writes it down as a golden, with CPython's traces. */
async function keep({ job }: Mismatch): Promise<string> {
  const [plain, eager] = await oracle.run(
    MODES.map((mode) => ({ ...job, mode })),
  );
  await Deno.mkdir(FOUND, { recursive: true });
  const file = new URL(`${job.scenario.name.replace(" ", "_")}.json`, FOUND);
  const scenario = { ...job.scenario, name: `found: ${job.scenario.name}` };
  const golden = { scenario, traces: { plain, eager } };
  await Deno.writeTextFile(file, JSON.stringify(golden, null, 2) + "\n");
  return file.pathname;
}

const started = performance.now();
try {
  for (let at = 0; at < count && seen.length < most; at += BATCH) {
    const n = Math.min(BATCH, count - at);
    const scenarios = Array.from(
      { length: n },
      (_, i) => generate(seed * 1_000_000 + at + i),
    );
    for (const mismatch of await compare(scenarios)) {
      if (!mismatch || seen.length >= most) continue;
      seen.push(mismatch);
      const small = await smallest(mismatch);
      const { scenario, mode, spelling } = small.job;
      console.log(
        `\n${scenario.name}: ${mode}, ${spelling}, ${small.peer.name}`,
      );
      console.log(JSON.stringify({ ...scenario, name: undefined }));
      console.log(
        sideBySide(["CPython", small.expected], ["library", small.actual]),
      );
      console.log(`written to ${await keep(small)}`);
    }
  }
} finally {
  await Promise.all([oracle, ...peers].map((peer) => peer.close()));
}
for (const [name, times] of skipped) {
  console.log(`skipped as "${name}": ${times}`);
}
const took = ((performance.now() - started) / 1000).toFixed(0);
console.log(
  `seed ${seed}: ${runs} runs, ${lines} lines from CPython, ` +
    `${seen.length} scenarios differ, ${took} s`,
);
if (seen.length > 0) Deno.exit(1);
