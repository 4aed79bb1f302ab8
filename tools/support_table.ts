// deno-lint-ignore-file no-console
/**
 * What works on which runtime, as a table in README.md, by the results of the tests:
 * of the reports that the last `deno task test` has left in .junit/.
 *
 *     deno run -A tools/support_table.ts [--write]
 *
 * With `--write` the table replaces the one in README.md, which stands between two
 * comments. A runtime has a column if its report is there.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { readReport, type TestCase } from "./reports.ts";
import { findDeno } from "./runtimes.ts";

/** The columns: what a runtime is called, and its report. */
export const RUNTIMES: Readonly<Record<string, string>> = {
  Deno: "deno",
  Bun: "bun",
  Node: "node",
  "Web (Chromium)": "web",
};

/** Whose report has all tests: those of what it cannot do are skipped. */
const FULL: readonly string[] = ["deno", "bun", "node"];
/** What every report has tests of. */
const EVERYWHERE: readonly string[] = [
  "Tasks, groups, timeouts",
  "Locks, queues",
  "Context variables",
];

/** Each ability, and the test files that show it. */
export const ABILITIES: Readonly<Record<string, readonly string[]>> = {
  "Tasks, groups, timeouts": ["tasks_order", "taskgroups_order", "timeouts_"],
  "Locks, queues": ["locks_lock", "queues_order"],
  "Context variables": ["contextvars_tasks"],
  "Streams over TCP": ["network_echo", "/streams_test"],
  "Unix sockets": ["platform_sockets_unix"],
  "Datagrams": ["network_datagrams"],
  "TLS, STARTTLS": ["network_tls", "sslproto_handshake"],
  "Sockets by hand": ["selector_sockets"],
  "Child processes": ["/subprocess_test"],
  "Pipes, standard streams": ["pipes_test"],
  "Signals": ["signals_process"],
  "Ctrl-C": ["sigint"],
  "Threads": ["threads_test", "/executor_test"],
  "Calls from threads": ["loop_port"],
  "`testing`": ["testing_run", "testing_network"],
  "Call graphs, debug mode": ["graph_test", "/debug_test"],
  "`ps`, `pstree`": ["inspect_test"],
  "REPL": ["repl_test"],
};

const BEGIN = "<!-- support: made by tools/support_table.ts -->";
const END = "<!-- /support -->";

/** How the tests of one ability went on one runtime. */
export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * Counts the tests of one ability.
 * @param cases All tests of a runtime.
 * @param names Those of the ability.
 * @returns How they went.
 */
export function outcomeOf(
  cases: readonly TestCase[],
  names: ReadonlySet<string>,
): Outcome {
  const own = cases.filter(({ name }) => names.has(name));
  const count = (end: TestCase["end"]) =>
    own.filter((test) => test.end === end).length;
  return {
    passed: count("passed"),
    failed: count("failed"),
    skipped: count("skipped"),
  };
}

/**
 * The names of each ability's tests: Bun alone tells which file a test is in, and
 * all runtimes give it the same name.
 * @param cases The tests of Bun's report.
 * @throws {Error} When it has none for an ability: it is not that of all tests.
 */
export function namesOf(cases: readonly TestCase[]): Map<string, Set<string>> {
  const names = new Map<string, Set<string>>();
  for (const [ability, words] of Object.entries(ABILITIES)) {
    const own = cases.filter(({ file }) =>
      words.some((word) => `/${file}`.includes(word))
    );
    if (own.length === 0) throw partial("bun", ability);
    names.set(ability, new Set(own.map(({ name }) => name)));
  }
  return names;
}

function partial(report: string, ability: string): Error {
  return new Error(
    `.junit/${report}.xml has no test of ${ability}: run deno task test first`,
  );
}

/**
 * The cells of all abilities.
 * @param reports The tests of each runtime that has a report.
 * @returns A cell for each of them, per ability.
 * @throws {Error} When a report is not that of all tests.
 */
export function cellsOf(
  reports: ReadonlyMap<string, readonly TestCase[]>,
): Record<string, string[]> {
  const cells: Record<string, string[]> = {};
  for (const [ability, names] of namesOf(reports.get("bun") ?? [])) {
    cells[ability] = [...reports].map(([runtime, cases]) => {
      const outcome = outcomeOf(cases, names);
      const { passed, failed, skipped } = outcome;
      const wanted = FULL.includes(runtime) || EVERYWHERE.includes(ability);
      if (passed + failed + skipped === 0 && wanted) {
        throw partial(runtime, ability);
      }
      return cellOf(outcome);
    });
  }
  return cells;
}

/** What a cell says. */
export function cellOf({ passed, failed, skipped }: Outcome): string {
  if (failed > 0) return "**fails**";
  if (passed === 0) return "no";
  // What a runtime cannot do is skipped there; so is what needs another program.
  return skipped === 0 ? "yes" : `yes, but for ${skipped} of its tests`;
}

/** The table, as Markdown. */
export function tableOf(
  runtimes: readonly string[],
  cells: Readonly<Record<string, readonly string[]>>,
): string {
  const row = (first: string, rest: readonly string[]) =>
    `| ${[first, ...rest].join(" | ")} |`;
  return [
    row("", runtimes),
    row("---", runtimes.map(() => "---")),
    ...Object.entries(cells).map(([ability, rest]) => row(ability, rest)),
  ].join("\n");
}

/** Puts a table into a document, in place of the one that is there, or as a section. */
export function insert(text: string, table: string): string {
  const from = text.indexOf(BEGIN);
  const to = text.indexOf(END);
  const next = text.indexOf("## Documentation\n");
  if (from < 0 && next >= 0) {
    const section = `## Runtimes\n\n${BEGIN}\n\n${table}\n\n${END}\n\n`;
    return text.slice(0, next) + section + text.slice(next);
  }
  if (from < 0 || to < from) {
    throw new Error(`no place for the table: ${BEGIN} and ${END} are missing`);
  }
  return `${text.slice(0, from)}${BEGIN}\n\n${table}\n\n${text.slice(to)}`;
}

function main(): void {
  const reports = new Map<string, TestCase[]>();
  for (const report of Object.values(RUNTIMES)) {
    const path = `.junit/${report}.xml`;
    if (!existsSync(path)) {
      if (!FULL.includes(report)) continue;
      throw new Error(`${path} is not there: run deno task test first`);
    }
    reports.set(report, readReport(readFileSync(path, "utf8")));
  }
  const columns = Object.entries(RUNTIMES)
    .filter(([, report]) => reports.has(report)).map(([column]) => column);
  const table = tableOf(columns, cellsOf(reports));
  if (!process.argv.includes("--write")) return console.log(table);
  writeFileSync("README.md", insert(readFileSync("README.md", "utf8"), table));
  const [program, ...first] = findDeno() ?? ["deno"];
  spawnSync(program, [...first, "fmt", "-q", "README.md"]);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
