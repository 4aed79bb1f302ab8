/** The servers of the echo suite, its load, and how they are started. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const BUN = "1.4.5";

/** What a server is written with. */
export type EchoKind =
  | "native"
  | "fresh"
  | "net"
  | "protocol"
  | "buffered"
  | "generator"
  | "async"
  | "into"
  | "streams";

/** The kinds of the library. */
export type Ours = Extract<
  EchoKind,
  "protocol" | "buffered" | "generator" | "async" | "into"
>;
export const OUR_KINDS: readonly Ours[] = [
  "protocol",
  "buffered",
  "generator",
  "async",
  "into",
];

/** A server of the benchmark. */
export interface Server {
  /** Its column: `native`, or `asyncio streams`. */
  readonly name: string;
  readonly kind: EchoKind;
  /** A runtime of the library, or an event loop of Python. */
  readonly place: Place;
  readonly command: readonly string[];
}

export type Place = "deno" | "bun" | "asyncio" | "uvloop";

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
  /** Is told the tables and notes, which are for people. */
  readonly say: (text: string) => void;
}

function works(command: readonly string[]): boolean {
  const [cmd, ...args] = command;
  return spawnSync(cmd!, args, { timeout: 120_000 }).status === 0;
}

function version(python: string): string {
  const { stdout } = spawnSync(python, ["--version"], { encoding: "utf8" });
  return `${python}, ${stdout.trim()}`;
}

/** The first of some interpreters that can run a line. */
function findPython(
  asked: readonly string[],
  line: string,
): string | undefined {
  const all = asked.length > 0 ? asked : ["python3", "/usr/bin/python3"];
  return all.find((python) => works([python, "-c", line]));
}

export function findServers(options: EchoOptions): [Server[], notes: string[]] {
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
    if (python === undefined) {
      notes.push(`${place}: absent`);
      continue;
    }
    notes.push(`${place}: ${version(python)}`);
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
export function findLoad(folder: string, notes: string[]): string[] {
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
export function label({ kind, name, place }: Server): string {
  return kind === name ? `${place} ${name}` : name;
}

/** A server that runs. */
export class Running {
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
export function measure<T>(
  command: readonly string[],
  args: readonly unknown[],
): T {
  const [cmd, ...rest] = command;
  const r = spawnSync(cmd!, [...rest, ...args.map(String)], {
    encoding: "utf8",
    timeout: 120_000,
  });
  if (r.status !== 0) throw new Error(r.stderr.trim() || `exit ${r.status}`);
  return JSON.parse(r.stdout);
}
