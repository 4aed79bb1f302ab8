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
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { grid, median } from "./report.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const BUN = "1.4.5";
const IDLE = 10_000;
/** Milliseconds of load before those that are measured, which are short turns. */
const WARM = 60;
const TURN = 400;
/** Before a server's first turn its code is still to be compiled. */
const FIRST_WARM = 800;

/** What a server is written with. */
export type EchoKind =
  | "native"
  | "fresh"
  | "net"
  | "protocol"
  | "buffered"
  | "generator"
  | "async"
  | "streams";

/** A server of the benchmark. */
interface Server {
  /** Its column: `native`, or `asyncio streams`. */
  readonly name: string;
  readonly kind: EchoKind;
  /** A runtime of the library, or an event loop of Python. */
  readonly place: Place;
  readonly command: readonly string[];
}

type Place = "deno" | "bun" | "asyncio" | "uvloop";

/** A row: how many connections send messages of what size. */
interface Load {
  readonly title: string;
  readonly connections: number;
  readonly size: number;
}

const LOADS: readonly Load[] = [1, 50].flatMap((connections) =>
  [1, 64].map((kib) => ({
    title: `${connections} x ${kib} KiB`,
    connections,
    size: kib * 1024,
  }))
);

/** What one turn of one server came to. */
interface Turn {
  readonly requests: number;
  readonly seconds: number;
  readonly cpu: number;
}

/** Microseconds of processor time per request. */
const cost = (turn: Turn): number => turn.cpu / turn.requests * 1e6;
const rate = (turn: Turn): number => turn.requests / turn.seconds;

/** The kinds of the library, and what is asked of each. */
const OURS = {
  protocol: { native: 1.15, rivals: ["asyncio protocol"] },
  buffered: { native: 1.15, rivals: ["asyncio buffered"] },
  generator: { native: 1.4, rivals: ["asyncio streams", "uvloop streams"] },
  async: { native: 1.4, rivals: ["asyncio streams", "uvloop streams"] },
} as const;

type Ours = keyof typeof OURS;
const OUR_KINDS = Object.keys(OURS) as Ours[];

/** All of a row, per server and round. */
type Turns = Map<Server, Turn[]>;

/** Options of {@linkcode echo}. */
export interface EchoOptions {
  /** How many rounds. */
  readonly rounds: number;
  /** One short round. */
  readonly quick: boolean;
  /** Only these runtimes; all unless some are named. */
  readonly runtimes: readonly string[];
  /** Only these kinds. */
  readonly only: readonly string[];
  /** Only these rows: `1x1`, `50x64` and so on, and `idle`. */
  readonly rows: readonly string[];
  /** These interpreters, instead of those that are found. */
  readonly pythons: readonly string[];
  /** Prints one JSON document only. */
  readonly json: boolean;
}

function works(command: readonly string[]): boolean {
  const [cmd, ...args] = command;
  return spawnSync(cmd!, args, { timeout: 120_000 }).status === 0;
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/** The first of some interpreters that can run a line. */
function findPython(
  asked: readonly string[],
  line: string,
): string | undefined {
  const all = asked.length > 0 ? asked : ["python3", "/usr/bin/python3"];
  return all.find((python) => works([python, "-c", line]));
}

function findServers(options: EchoOptions): [Server[], notes: string[]] {
  const found: Server[] = [];
  const notes: string[] = [];
  const wanted = (place: string) =>
    options.runtimes.length === 0 || options.runtimes.includes(place);
  const runtimes: [Place, readonly string[]][] = [];
  if (wanted("deno")) {
    runtimes.push(["deno", [Deno.execPath(), "run", "-A", "-q"]]);
    notes.push(`deno: ${Deno.version.deno}`);
  }
  if (wanted("bun")) {
    const bun = [["bun"], ["npx", "-y", `bun@${BUN}`]].find((line) =>
      works([...line, "--version"])
    );
    if (bun !== undefined) runtimes.push(["bun", bun]);
    notes.push(`bun: ${bun?.join(" ") ?? "absent"}`);
  }
  for (const [place, command] of runtimes) {
    for (const kind of ["native", "fresh", "net", ...OUR_KINDS] as const) {
      // Every chunk of Bun's is a new one.
      if (kind === "fresh" && place === "bun") continue;
      const line = [...command, `${HERE}echo_server.ts`, kind];
      found.push({ name: kind, kind, place, command: line });
    }
  }
  for (const place of ["asyncio", "uvloop"] as const) {
    const python = findPython(options.pythons, `import ${place}`);
    notes.push(`${place}: ${python ?? "absent"}`);
    if (python === undefined) continue;
    for (const kind of ["protocol", "buffered", "streams"] as const) {
      // Overtakes nobody: uvloop's is not asked for.
      if (place === "uvloop" && kind === "buffered") continue;
      const file = `${HERE}rivals/asyncio_echo.py`;
      const command = [python, file, place, kind];
      found.push({ name: `${place} ${kind}`, kind, place, command });
    }
  }
  const { only } = options;
  const chosen = found.filter(({ kind, name }) =>
    only.length === 0 || only.includes(kind) || only.includes(name)
  );
  return [chosen, notes];
}

/** The command of the load: compiled where there is a compiler. */
function findLoad(folder: string, notes: string[]): string[] {
  const program = `${folder}/echo_load`;
  for (const cc of ["cc", "gcc", "clang"]) {
    if (works([cc, "-O2", "-o", program, `${HERE}echo_load.c`])) {
      notes.push(`load: C, by ${cc}`);
      return [program];
    }
  }
  const python = findPython([], "import select; select.epoll");
  if (python === undefined) {
    throw new Error("Cannot make load: neither a C compiler nor a python3");
  }
  notes.push("load: Python, which is slower than the servers: compare CPU");
  return [python, `${HERE}rivals/echo_load.py`];
}

/** What a server is called among those of all runtimes. */
function label({ kind, name, place }: Server): string {
  return kind === name ? `${place} ${name}` : name;
}

/** A server that runs. */
class Running {
  readonly child: ChildProcess;
  readonly port: number;

  private constructor(child: ChildProcess, port: number) {
    this.child = child;
    this.port = port;
  }

  static async start(server: Server): Promise<Running> {
    const [cmd, ...args] = server.command;
    const child = spawn(cmd!, args, { stdio: ["pipe", "pipe", "inherit"] });
    const port = await new Promise<number>((resolve) => {
      // Left open: a loop that ended would close it, and the server's writes fail.
      child.stdout.on("data", (text) => resolve(Number(String(text))));
      child.on("exit", () => resolve(0));
    });
    if (port > 0) return new Running(child, port);
    throw new Error(`Cannot start the server ${label(server)}`);
  }

  stop(): void {
    this.child.kill("SIGKILL");
  }
}

/** Runs the load and returns what it printed. */
function measure<T>(command: readonly string[], args: readonly unknown[]): T {
  const [cmd, ...rest] = command;
  const r = spawnSync(cmd!, [...rest, ...args.map(String)], {
    encoding: "utf8",
    timeout: 120_000,
  });
  if (r.status !== 0) throw new Error(r.stderr.trim() || `exit ${r.status}`);
  return JSON.parse(r.stdout);
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

/** The middle of the ratios of two servers within each round. */
function ratio(turns: Turns, a: Server, b: Server): number {
  const [ours, theirs] = [turns.get(a) ?? [], turns.get(b) ?? []];
  return median(
    ours.slice(0, theirs.length).map((t, i) => cost(t) / cost(theirs[i]!)),
  );
}

/** The ratio of the least that two servers took: what other work cannot disturb. */
function leastRatio(turns: Turns, a: Server, b: Server): number {
  const least = (server: Server) =>
    Math.min(...(turns.get(server) ?? []).map(cost));
  return least(a) / least(b);
}

/** A ratio of a row. */
interface Compared {
  readonly runtime: Place;
  readonly row: string;
  readonly kind: Ours;
  readonly rival: string;
  /** The median of those within the rounds. */
  readonly ratio: number;
  /** That of the least figures of all rounds. */
  readonly least: number;
  readonly bound: number;
  readonly holds: boolean;
}

function compare(
  row: Load,
  turns: Turns,
  runtime: Place,
): Compared[] {
  const all = [...turns.keys()];
  const find = (place: Place, name: string) =>
    all.find((server) => server.place === place && server.name === name);
  return OUR_KINDS.flatMap((kind) => {
    const ours = find(runtime, kind);
    if (ours === undefined) return [];
    const { native, rivals } = OURS[kind];
    const against: [string, Server | undefined, number][] = [
      ["native", find(runtime, "native"), native],
      ["fresh", find(runtime, "fresh"), Infinity],
      ["net", find(runtime, "net"), Infinity],
      ...rivals.map((name): [string, Server | undefined, number] => [
        name,
        all.find((server) => server.name === name),
        1,
      ]),
    ];
    return against.flatMap(([rival, server, bound]) => {
      if (server === undefined) return [];
      const value = ratio(turns, ours, server);
      const holds = value <= bound;
      return [{
        runtime,
        row: row.title,
        kind,
        rival,
        ratio: value,
        least: leastRatio(turns, ours, server),
        bound,
        holds,
      }];
    });
  });
}

/** The absolute figures: processor time per request, and requests per second. */
function figures(rows: readonly [Load, Turns][], servers: readonly Server[]) {
  const head = ["", ...rows.flatMap(([{ title }]) => [title, "req/s"])];
  return grid(
    head,
    servers.map((server) => [
      label(server),
      ...rows.flatMap(([, turns]) => {
        const all = turns.get(server) ?? [];
        return all.length === 0 ? ["-", "-"] : [
          median(all.map(cost)).toFixed(1),
          median(all.map(rate)).toFixed(0),
        ];
      }),
    ]),
  );
}

function ratios(
  rows: readonly Load[],
  compared: readonly Compared[],
  runtime: Place,
): string {
  const own = compared.filter((c) => c.runtime === runtime);
  const pairs = OUR_KINDS.flatMap((kind) =>
    [...new Set(own.filter((c) => c.kind === kind).map((c) => c.rival))].map((
      rival,
    ) => [kind, rival] as const)
  );
  return grid(
    ["", ...rows.map(({ title }) => title), "at most"],
    pairs.map(([kind, rival]) => {
      const of = own.filter((c) => c.kind === kind && c.rival === rival);
      return [
        `${kind} / ${rival}`,
        ...rows.map(({ title }) => {
          const c = of.find((c) => c.row === title);
          return c === undefined
            ? "-"
            : `${c.holds ? "" : "*"}${c.ratio.toFixed(2)} (${
              c.least.toFixed(2)
            })`;
        }),
        of[0]!.bound === Infinity ? "-" : String(of[0]!.bound),
      ];
    }),
  );
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
    if (server.kind === "buffered" || server.kind === "fresh") continue;
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
  const say = options.json ? () => {} : console.log;
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
    const weights = wanted("idle")
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
