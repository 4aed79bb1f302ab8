// deno-lint-ignore-file no-console
/**
 * `deno task bench`: the library in both spellings beside its rivals, in one
 * run. Each row of each contestant is a process of its own; the contestants
 * take turns in rounds, so that what a busy machine does to one it does to all,
 * and a ratio is taken within its round.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import {
  type Contestant,
  findField,
  type Runtime,
  type Spelling,
} from "./contestants.ts";
import {
  expected,
  type RowInfo,
  type RowName,
  ROWS,
  type Sample,
} from "./measure.ts";
import {
  type Figure,
  type Figures,
  type Growth,
  GROWTH_LIMIT,
  lines,
  median,
  shortfalls,
  show,
  showGrowth,
  SPELLINGS,
  verdicts,
} from "./report.ts";

const HELP = `Measures the library beside its rivals and prints ratios.

  deno task bench [options]

  --json             one JSON document on stdout, and nothing else
  --rounds N         how many rounds; medians are taken over them (5)
  --rows A,B         only these rows: ${Object.keys(ROWS).join(", ")}
  --only A,B         only these contestants: generator, async, floor, effect,
                     effection, asyncio, uvloop
  --runtime NAME     only deno or only bun
  --python PATH      this interpreter; may be repeated, the quickest takes part
                     (by default python3 and its versions on PATH, /usr/bin)
  --quick            a tenth of the work, one round: only shows that all run
  --no-flatness      without the cost per task at 10 000, 100 000, 1 000 000
  --timeout SECONDS  gives up on a row of a contestant after that (60)

The rows, 100 000 of each unless they say otherwise
  spawn      tasks that return at once, each joined
  suspend    tasks that suspend once (sleep(0)), each joined
  pingpong   round trips between two tasks, two futures and two switches each
  sleeps     concurrent sleeps of 0 to 100 ms; processor time is compared, since
             no wall time can be below 100 ms
  cancel     sleeping tasks cancelled and joined; their start is not measured
  switches   sleep(0) of ten tasks in turn; the order of the turns is verified
  callsoon   bare callbacks, cancellable and with a context each
  sleepers   1 000 000 tasks asleep at once, then cancelled and joined, with the
             resident bytes per task while they sleep; at most three rounds

The floor is raw promises and timers of the same runtime: no tasks, no cancel.
Every contestant's results are counted; a wrong count fails the run, and so does
a cost per task that grows faster than the number of tasks. Milliseconds and
ratios never fail it: the report says which bounds hold. A rival that takes more
than 20 times as long as the library in the first round is not run again.`;

const { values: options } = parseArgs({
  options: {
    help: { type: "boolean", short: "h", default: false },
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    rows: { type: "string", default: "" },
    only: { type: "string", default: "" },
    runtime: { type: "string", default: "" },
    python: { type: "string", multiple: true, default: [] },
    quick: { type: "boolean", default: false },
    "no-flatness": { type: "boolean", default: false },
    timeout: { type: "string", default: "60" },
  },
});

if (options.help) {
  console.log(HELP);
  process.exit(0);
}

const ROUNDS = options.quick ? 1 : Number(options.rounds);
const TIMEOUT = Number(options.timeout) * 1000;
const SHRINK = options.quick ? 10 : 1;
/** Rounds of the row of a million, and of the flatness. */
const FEW = Math.min(3, ROUNDS);
const HOPELESS = 20;
const list = (text: string) => text.split(",").filter((part) => part !== "");
const size = (info: RowInfo) => info.n / SHRINK;
const failures: string[] = [];

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/** Runs one row of one contestant; null if it cannot. */
function measure(who: Contestant, row: RowName, n: number): Sample | null {
  const name = `${who.runtime ?? "python"} ${who.name} ${row} ${n}`;
  progress(name);
  const [cmd, ...args] = who.command;
  const r = spawnSync(cmd!, [...args, row, String(n)], {
    cwd: who.cwd,
    encoding: "utf8",
    timeout: TIMEOUT,
    killSignal: "SIGKILL",
  });
  if (r.signal === "SIGKILL") {
    return { wall: [Infinity], cpu: [Infinity], count: [], bytes: null };
  }
  if (r.status !== 0) {
    failures.push(`${name}: exit ${r.status ?? r.signal}\n${r.stderr.trim()}`);
    return null;
  }
  const sample: Sample = JSON.parse(r.stdout);
  const right = expected(row, n);
  const wrong = sample.count.find((count) => count !== right);
  if (wrong !== undefined) {
    failures.push(`${name}: came to ${wrong} instead of ${right}`);
    return null;
  }
  return sample;
}

function figure(row: RowName, sample: Sample): Figure {
  return { ms: median(sample[ROWS[row].metric]), bytes: sample.bytes };
}

/** All rounds of one row. */
function compete(
  row: RowName,
  contestants: readonly Contestant[],
): Map<Contestant, Figure[]> {
  const figures = new Map<Contestant, Figure[]>();
  const out = new Set<Contestant>();
  const rounds = row === "sleepers" ? FEW : ROUNDS;
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < contestants.length; i++) {
      // Everyone takes every place of the order in turn.
      const who = contestants[(i + round) % contestants.length]!;
      const before = figures.get(who);
      if (out.has(who)) {
        if (before !== undefined) before.push(before[0]!);
        continue;
      }
      const sample = measure(who, row, size(ROWS[row]));
      if (sample === null) {
        out.add(who);
        figures.delete(who);
      } else if (before === undefined) figures.set(who, [figure(row, sample)]);
      else before.push(figure(row, sample));
    }
    if (round === 0) { for (const who of hopeless(figures)) out.add(who); }
  }
  return figures;
}

/** Rivals so far behind every spelling that another round tells nothing. */
function hopeless(figures: Map<Contestant, Figure[]>): Contestant[] {
  const library = [...figures].filter(([who]) => isLibrary(who))
    .map(([, rounds]) => rounds[0]!.ms);
  const slowest = Math.max(...library);
  return [...figures].filter(([who, rounds]) =>
    !isLibrary(who) && rounds[0]!.ms > HOPELESS * slowest &&
    library.length > 0
  ).map(([who]) => who);
}

function isLibrary(who: Contestant): boolean {
  return SPELLINGS.includes(who.name as Spelling);
}

/** The cost per task at sizes a hundred times apart. */
function flatness(contestants: readonly Contestant[]): Growth[] {
  const sizes = [10_000, 100_000, 1_000_000].map((n) => n / SHRINK);
  const growths: Growth[] = [];
  for (const row of ["suspend", "sleepers"] as const) {
    const least = new Map<Contestant, Record<string, number>>();
    for (let round = 0; round < FEW; round++) {
      for (const n of sizes) {
        for (const who of contestants.filter(isLibrary)) {
          const sample = measure(who, row, n);
          if (sample === null) continue;
          const ns = Math.min(...sample.wall) * 1e6 / n;
          const costs = least.get(who) ?? {};
          costs[n] = Math.min(ns, costs[n] ?? Infinity);
          least.set(who, costs);
        }
      }
    }
    for (const [{ runtime, name }, ns] of least) {
      const growth = (ns[sizes.at(-1)!] ?? NaN) / (ns[sizes[0]!] ?? NaN);
      const superlinear = !(growth <= GROWTH_LIMIT);
      const spelling = name as Spelling;
      if (superlinear) {
        failures.push(
          `${runtime} ${spelling} ${row}: a task costs ${growth.toFixed(1)} ` +
            `times as much among ${sizes.at(-1)} as among ${sizes[0]}`,
        );
      }
      growths.push({
        runtime: runtime!,
        spelling,
        row,
        ns,
        growth,
        superlinear,
      });
    }
  }
  return growths;
}

const folder = mkdtempSync(`${tmpdir()}/asyncio-bench-`);
try {
  const field = findField({
    runtimes: list(options.runtime),
    pythons: options.python,
    folder,
  });
  const say = options.json ? () => {} : console.log;
  for (const note of field.notes) say(note);
  if (options.quick) say("a tenth of the work, one round: no figures to quote");
  const only = list(options.only);
  const contestants = field.contestants.filter(({ name }) =>
    only.length === 0 || only.includes(name)
  );
  const rows = (Object.keys(ROWS) as RowName[]).filter((row) =>
    options.rows === "" || list(options.rows).includes(row)
  );
  const figures: Figures = new Map();
  for (const row of rows) figures.set(row, compete(row, contestants));
  const runtimes = (["deno", "bun"] as Runtime[]).filter((runtime) =>
    contestants.some((who) => who.runtime === runtime)
  );
  const tables = runtimes.map((runtime) => ({
    runtime,
    lines: lines(figures, runtime, size),
  }));
  const growths = options["no-flatness"] ? [] : flatness(contestants);
  progress("");
  for (const { runtime, lines } of tables) say(`\n${show(runtime, lines)}`);
  if (growths.length > 0) say(`\n${showGrowth(growths)}`);
  say("\n=== bounds ===");
  for (const { runtime, lines } of tables) say(verdicts(runtime, lines));
  for (const failure of failures) say(`\nFAILED ${failure}`);
  if (options.json) {
    const short = tables.flatMap((t) => shortfalls(t.runtime, t.lines));
    console.log(JSON.stringify(
      {
        notes: field.notes,
        rounds: ROUNDS,
        tables,
        flatness: growths,
        shortfalls: short,
        failures,
      },
      // What took too long to measure has no number in JSON.
      (_, value) => value === Infinity ? null : value,
      2,
    ));
  }
  process.exitCode = failures.length > 0 ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
