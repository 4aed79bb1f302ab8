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
import { echo } from "./echo.ts";
import { flatness, showGrowth, tooFast } from "./growth.ts";
import {
  type ComparedRow,
  expected,
  type RowInfo,
  type RowName,
  ROWS,
  type Sample,
  type SuiteName,
  SUITES,
} from "./measure.ts";
import { writePlots } from "./plot.ts";
import {
  type Figure,
  type Figures,
  lines,
  median,
  shortfalls,
  show,
  SPELLINGS,
  verdicts,
} from "./report.ts";

const HELP = `Measures the library beside its rivals and prints ratios.

  deno task bench [options]

  --suite NAME       only tasks, only sync or only echo; the first two by default
  --json             one JSON document on stdout, and nothing else
  --svg FOLDER       draws the tables of ratios there, too
  --rounds N         how many rounds; medians are taken over them (5)
  --rows A,B         only these rows, of those below
  --only A,B         only these contestants: generator, async, floor, effect,
                     effection, asyncio, uvloop; in the suite sync also p-limit,
                     p-queue, async-mutex, async-sema, pooledMap
  --runtime NAME     only deno or only bun
  --python PATH      this interpreter; may be repeated, the quickest takes part
                     (by default python3 and its versions on PATH, /usr/bin)
  --quick            a tenth of the work, one round: only shows that all run
  --no-flatness      without the cost per task at 10 000, 100 000, 1 000 000 and
                     per waiter on each primitive at 1000, 10 000, 100 000
  --timeout SECONDS  gives up on a row of a contestant after that (60)

The rows of tasks, 100 000 of each unless they say otherwise
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

The rows of sync, 100 000 of each
  lock       a lock goes round between 100 tasks, held over one suspension
  limit      a map whose jobs suspend once, 100 at a time: by a semaphore, or by
             what else a rival limits with
  queues     round trips between two tasks over two queues
  bounded    items from one task to another through a queue of 10
  fanout     wake-ups of 10 000 tasks that wait for the same event, then the next
  group      children of one group that suspend once, joined by the group

The suite echo has servers and a load in processes of their own, and compares
the servers' processor time per request. Its rows are 1x1, 1x64, 50x1, 50x64,
which are connections and KiB, and idle: 10 000 connections, bytes for each. Its
contestants are native, fresh, net, protocol, buffered, generator, async, into,
and as 'asyncio protocol' or 'uvloop streams' those of Python.

The floor is raw promises and timers of the same runtime: no tasks, no cancel.
Every contestant's results are counted; a wrong count fails the run, and so does
a cost per task or waiter that grows faster than their number. Milliseconds and
ratios never fail it: the report says which bounds hold. A rival that takes more
than 20 times as long as the library in the first round is not run again.`;

const { values: options } = parseArgs({
  options: {
    help: { type: "boolean", short: "h", default: false },
    suite: { type: "string", default: "" },
    json: { type: "boolean", default: false },
    svg: { type: "string", default: "" },
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

/** What was said, of which the plots are drawn. */
const said: string[] = [];
function say(text: string): void {
  said.push(text);
  if (!options.json) console.log(text);
}
function plot(): void {
  if (options.svg === "") return;
  for (const path of writePlots(said.join("\n"), options.svg)) say(path);
}

const named = options.suite;
if (named === "echo") {
  const names = (text: string) => text.split(",").filter((part) => part !== "");
  const right = await echo({
    rounds: options.quick ? 1 : Number(options.rounds),
    quick: options.quick,
    runtimes: names(options.runtime),
    only: names(options.only),
    rows: names(options.rows),
    pythons: options.python,
    json: options.json,
    say,
  });
  plot();
  process.exit(right ? 0 : 1);
}
if (named !== "" && !Object.hasOwn(SUITES, named)) {
  console.error(`There is no suite '${named}', only tasks, sync and echo`);
  process.exit(2);
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

function figure(row: ComparedRow, sample: Sample): Figure {
  return { ms: median(sample[ROWS[row].metric]), bytes: sample.bytes };
}

/** All rounds of one row. */
function compete(
  row: ComparedRow,
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

/** Runs a suite, says what came of it, and returns that. */
function runSuite(
  suite: SuiteName,
  all: readonly Contestant[],
) {
  const contestants = all.filter((who) => who.suite === suite);
  const figures: Figures = new Map();
  for (const row of rowsOf(suite)) {
    const able = contestants.filter(({ rows }) => rows.includes(row));
    figures.set(row, compete(row, able));
  }
  const runtimes = (["deno", "bun"] as Runtime[]).filter((runtime) =>
    contestants.some((who) => who.runtime === runtime)
  );
  const tables = (figures.size > 0 ? runtimes : []).map((runtime) => ({
    suite,
    runtime,
    lines: lines(suite, figures, runtime, size),
  }));
  // A tenth, but nothing so small that the clock is most of it.
  const sizes = SUITES[suite].sizes.map((n) => Math.max(1000, n / SHRINK));
  const growths = options["no-flatness"]
    ? []
    : flatness(suite, contestants, [...new Set(sizes)], FEW, measure);
  failures.push(...tooFast(suite, growths, sizes));
  progress("");
  for (const { runtime, lines } of tables) {
    say(`\n${show(suite, runtime, lines)}`);
  }
  if (growths.length > 0) say(`\n${showGrowth(suite, growths)}`);
  if (figures.size > 0) say("\n=== bounds ===");
  for (const { runtime, lines } of tables) say(verdicts(suite, runtime, lines));
  return {
    tables,
    growths,
    short: tables.flatMap((t) => shortfalls(suite, t.runtime, t.lines)),
  };
}

/** The rows of a suite that are asked for. */
function rowsOf(suite: SuiteName): ComparedRow[] {
  return SUITES[suite].rows.filter((row) =>
    options.rows === "" || list(options.rows).includes(row)
  );
}

const folder = mkdtempSync(`${tmpdir()}/asyncio-bench-`);
try {
  const suites = (Object.keys(SUITES) as SuiteName[]).filter((suite) =>
    named === "" ? rowsOf(suite).length > 0 : suite === named
  );
  const field = findField({
    suites,
    runtimes: list(options.runtime),
    pythons: options.python,
    folder,
  });
  for (const note of field.notes) say(note);
  if (options.quick) say("a tenth of the work, one round: no figures to quote");
  const only = list(options.only);
  const contestants = field.contestants.filter(({ name }) =>
    only.length === 0 || only.includes(name)
  );
  const results = suites.map((suite) => runSuite(suite, contestants));
  plot();
  for (const failure of failures) say(`\nFAILED ${failure}`);
  if (options.json) {
    console.log(JSON.stringify(
      {
        notes: field.notes,
        rounds: ROUNDS,
        tables: results.flatMap(({ tables }) => tables),
        flatness: results.flatMap(({ growths }) => growths),
        shortfalls: results.flatMap(({ short }) => short),
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
