// deno-lint-ignore-file no-console
/**
 * Asks CPython.
 *
 *     deno run -A tools/oracle.ts            compares the goldens' records
 *     deno run -A tools/oracle.ts --record   records them anew
 *     deno run -A tools/oracle.ts FILE...    prints the traces of scenarios
 */
import { type Job, loadOracle } from "../tests/conformance/oracle.ts";
import {
  foundFiles,
  GROUPS,
  loadGoldens,
  traceFile,
  type Traces,
} from "../tests/conformance/goldens/mod.ts";
import { sideBySide } from "../tests/conformance/compare.ts";
import type { Oracle } from "../tests/conformance/oracle.ts";
import type { Scenario } from "../tests/conformance/types.ts";

const oracle = await loadOracle();
const files = Deno.args.filter((arg) => !arg.startsWith("--"));
if (files.length > 0) await print(files);
else if (Deno.args.includes("--record")) await record();
else check();

async function print(files: string[]): Promise<void> {
  for (const file of files) {
    const read = JSON.parse(await Deno.readTextFile(file));
    const scenario = (read.scenario ?? read) as Scenario;
    const { plain, eager } = ask(oracle, [scenario])[0]!;
    console.log(`${scenario.name} (${oracle.version})`);
    console.log(sideBySide(["plain", plain], ["eager", eager]));
  }
}

async function record(): Promise<void> {
  await Deno.mkdir(new URL(".", traceFile("x")), { recursive: true });
  for (const [group, scenarios] of Object.entries(GROUPS)) {
    const traces = ask(oracle, scenarios);
    const entries = scenarios.map(({ name }, i) => [name, traces[i]]);
    const names = new Set(entries.map(([name]) => name));
    if (names.size !== entries.length) {
      throw new Error(`two scenarios of ${group} share a name`);
    }
    await write(traceFile(group), Object.fromEntries(entries));
    console.log(`${group}: ${scenarios.length} recorded`);
  }
  for (const file of foundFiles()) {
    const { scenario } = JSON.parse(await Deno.readTextFile(file));
    await write(file, { scenario, traces: ask(oracle, [scenario])[0] });
  }
  console.log(`by ${oracle.version}`);
}

function check(): void {
  const goldens = loadGoldens();
  const traces = ask(oracle, goldens.map((golden) => golden.scenario));
  const stale = goldens.filter((golden, i) =>
    JSON.stringify(golden.traces) !== JSON.stringify(traces[i])
  );
  for (const { scenario } of stale) console.log(`differs: ${scenario.name}`);
  console.log(
    `${goldens.length} goldens, ${stale.length} differ from ${oracle.version}`,
  );
  if (stale.length > 0) Deno.exit(1);
}

function ask(oracle: Oracle, scenarios: readonly Scenario[]): Traces[] {
  const jobs = scenarios.flatMap((scenario): Job[] => [
    [scenario, "plain"],
    [scenario, "eager"],
  ]);
  const traces = oracle.run(jobs);
  return scenarios.map((_, i) => ({
    plain: traces[2 * i]!,
    eager: traces[2 * i + 1]!,
  }));
}

async function write(file: URL, data: unknown): Promise<void> {
  await Deno.writeTextFile(file, JSON.stringify(data, null, 2) + "\n");
}
