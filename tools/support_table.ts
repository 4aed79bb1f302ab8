// deno-lint-ignore-file no-console
/**
 * What works on which runtime, as a table in README.md, by the results of the tests:
 * those of one ability are run on one runtime at a time.
 *
 *     deno run -A tools/support_table.ts [--write] [runtime …]
 *
 * The runtimes are those of `deno task test --only`; all unless named. It takes a few
 * minutes. With `--write` the table replaces the one in README.md, which stands
 * between two comments.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { findDeno } from "./runtimes.ts";

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

/** Reads the line by which the test runner closes. */
export function readOutcome(output: string): Outcome {
  const [, passed, failed, skipped] =
    /^(\d+) passed, (\d+) failed, (\d+) skipped$/m.exec(output) ?? [];
  if (passed === undefined) throw new Error(`no closing line in:\n${output}`);
  return {
    passed: Number(passed),
    failed: Number(failed),
    skipped: Number(skipped),
  };
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
  const args = process.argv.slice(2);
  const named = args.filter((arg) => arg !== "--write");
  const runtimes = named.length > 0 ? named : ["deno", "bun", "node"];
  const deno = findDeno();
  if (deno === undefined) throw new Error("deno was not found");
  const [program, ...first] = deno;
  const cells: Record<string, string[]> = {};
  for (const [ability, files] of Object.entries(ABILITIES)) {
    cells[ability] = runtimes.map((runtime) => {
      const { stdout } = spawnSync(program, [
        ...first,
        ...["run", "-A", "tools/test.ts", "--only", runtime, ...files],
      ], { encoding: "utf8", maxBuffer: 1 << 28 });
      const cell = cellOf(readOutcome(stdout));
      console.error(`${ability} on ${runtime}: ${cell}`);
      return cell;
    });
  }
  const table = tableOf(runtimes, cells);
  if (!args.includes("--write")) return console.log(table);
  writeFileSync("README.md", insert(readFileSync("README.md", "utf8"), table));
  spawnSync(program, [...first, "fmt", "-q", "README.md"]);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
