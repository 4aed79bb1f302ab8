// deno-lint-ignore-file no-console
/**
 * The suite `echo` of `deno task bench`: echo servers of the library beside the
 * runtime's own, asyncio's and uvloop's. Every server is a process of its own, and so
 * is the load, which checks each byte that comes back. All servers of a row are started
 * together and take turns in rounds; the processor time of the server's process per
 * request is what is compared, since the load shares the processors with it.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import {
  compare,
  cost,
  figures,
  type Load,
  rate,
  ratios,
  type Turn,
  type Turns,
} from "./echo_report.ts";
import {
  type EchoOptions,
  findLoad,
  findServers,
  label,
  measure,
  Running,
  type Server,
} from "./echo_servers.ts";
import { median } from "./report.ts";

const IDLE = 10_000;
/** The files that a server has open besides its connections, and more. */
const SPARE = 200;
/** Milliseconds of load before those that are measured, which are short turns. */
const WARM = 60;
const TURN = 400;
/** Before a server's first turn its code is still to be compiled. */
const FIRST_WARM = 800;

const LOADS: readonly Load[] = [1, 50].flatMap((connections) =>
  [1, 64].map((kib) => ({
    title: `${connections} x ${kib} KiB`,
    connections,
    size: kib * 1024,
  }))
);

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/** All rounds of one row. */
async function compete(
  row: Load,
  servers: readonly Server[],
  load: readonly string[],
  options: EchoOptions,
  failures: string[],
): Promise<Turns> {
  const turns: Turns = new Map();
  const running = new Map<Server, Running>();
  const [warm, time] = options.quick ? [50, 150] : [WARM, TURN];
  try {
    for (const server of servers) {
      running.set(server, await Running.start(server));
    }
    for (let round = 0; round < options.rounds; round++) {
      for (let i = 0; i < servers.length; i++) {
        // Everyone takes every place of the order in turn.
        const server = servers[(i + round) % servers.length]!;
        progress(`${row.title}, round ${round}: ${label(server)}`);
        const { port, child } = running.get(server)!;
        try {
          const turn = measure<Turn>(load, [
            port,
            row.connections,
            row.size,
            round === 0 && !options.quick ? FIRST_WARM : warm,
            time,
            child.pid,
          ]);
          if (!turns.has(server)) turns.set(server, []);
          turns.get(server)!.push(turn);
        } catch (error) {
          failures.push(`${label(server)}, ${row.title}: ${error}`);
        }
      }
    }
  } finally {
    for (const { child } of running.values()) child.kill("SIGKILL");
  }
  progress("");
  return turns;
}

/** How many files a process may have open at most; 0 where no shell tells. */
function mostFiles(): number {
  const { stdout } = spawnSync("sh", ["-c", "ulimit -Hn"], {
    encoding: "utf8",
  });
  const limit = (stdout ?? "").trim();
  return limit === "unlimited" ? Infinity : Number(limit);
}

/** Ten thousand connections that do nothing, and what each of them costs. */
async function idle(
  servers: readonly Server[],
  load: readonly string[],
  count: number,
  failures: string[],
): Promise<[Server, number][]> {
  const found: [Server, number][] = [];
  for (const server of servers) {
    // The others' buffers are the servers' own.
    if (["buffered", "fresh", "into"].includes(server.kind)) continue;
    progress(`${count} idle connections: ${label(server)}`);
    const { command } = server;
    // The limit of a login shell is often 1024.
    const line = ["sh", "-c", 'ulimit -n "$(ulimit -Hn)"; exec "$@"', "sh"];
    const running = await Running.start({
      ...server,
      command: [...line, ...command],
    });
    try {
      const { alive, bytes } = measure<{ alive: number; bytes: number }>(
        load,
        ["idle", running.port, count, running.child.pid],
      );
      if (alive === count) found.push([server, bytes]);
      else {
        failures.push(
          `${label(server)}: only ${alive} of ${count} idle ` +
            "connections answered",
        );
      }
    } catch (error) {
      failures.push(`${label(server)}, idle: ${error}`);
    } finally {
      running.stop();
    }
  }
  progress("");
  return found;
}

/**
 * Runs the suite and prints what came of it.
 * @param options See {@linkcode EchoOptions}.
 * @returns Whether every server sent back what it was sent.
 */
export async function echo(options: EchoOptions): Promise<boolean> {
  const folder = mkdtempSync(`${tmpdir()}/asyncio-echo-`);
  const failures: string[] = [];
  const { say } = options;
  try {
    const [servers, notes] = findServers(options);
    const load = findLoad(folder, notes);
    for (const note of notes) say(note);
    if (options.quick) say("a short round: no figures to quote");
    const wanted = (name: string) =>
      options.rows.length === 0 || options.rows.includes(name);
    const rows: [Load, Turns][] = [];
    for (const row of LOADS) {
      if (!wanted(`${row.connections}x${row.size / 1024}`)) continue;
      rows.push([row, await compete(row, servers, load, options, failures)]);
    }
    const runtimes = (["deno", "bun"] as const).filter((place) =>
      servers.some((server) => server.place === place)
    );
    const compared = runtimes.flatMap((runtime) =>
      rows.flatMap(([row, turns]) => compare(row, turns, runtime))
    );
    if (rows.length > 0) {
      say(
        "\n=== echo: server microseconds per request, requests per second ===",
      );
      say(figures(rows, servers));
      for (const runtime of runtimes) {
        say(
          `\n=== echo on ${runtime}: times the processor time, median (least) ===`,
        );
        say(ratios(rows.map(([row]) => row), compared, runtime));
      }
    }
    const count = options.quick ? IDLE / 10 : IDLE;
    const files = mostFiles();
    const able = files >= count + SPARE;
    if (wanted("idle") && !able) {
      const note = `idle: skipped, a process may open only ${files} files`;
      notes.push(note);
      say(`\n${note}`);
    }
    const weights = wanted("idle") && able
      ? await idle(servers, load, count, failures)
      : [];
    if (weights.length > 0) {
      say(`\n=== ${count} idle connections, bytes each ===`);
      for (const [server, bytes] of weights) {
        say(label(server).padEnd(28) + bytes.toFixed(0).padStart(8));
      }
    }
    for (const failure of failures) say(`\nFAILED ${failure}`);
    if (options.json) {
      console.log(JSON.stringify(
        {
          notes,
          rounds: options.rounds,
          rows: rows.map(([row, turns]) => ({
            ...row,
            servers: [...turns].map(([{ place, name }, all]) => ({
              place,
              name,
              cost: median(all.map(cost)),
              rate: median(all.map(rate)),
            })),
          })),
          compared,
          idle: weights.map(([{ place, name }, bytes]) => ({
            place,
            name,
            bytes,
          })),
          failures,
        },
        (_, value) => value === Infinity ? null : value,
        2,
      ));
    }
    return failures.length === 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
