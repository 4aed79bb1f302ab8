/** The other ends of `peer.ts`: processes that answer jobs in their order. */
import { BUN_VERSION } from "../../tools/runtimes.ts";
import type { Job } from "./peer.ts";
import type { Trace } from "./types.ts";

const PEER = new URL("./peer.ts", import.meta.url).pathname;
// What no scenario needs: they run on virtual time.
const PATIENCE_MS = 10_000;
// A process has to start first, CPython's on a busy machine in many seconds.
const START_MS = 60_000;
// After so many in one batch the rest is not even asked.
const MOST_HANGS = 2;
/** The trace of a job whose process stopped answering. */
export const HUNG: Trace = ["hung"];
/** The trace of a job whose process ended. */
export const DIED: Trace = ["the process ended"];

/** The trace of a job that was not run after several hangs. */
export const UNASKED: Trace = ["not asked: too many hangs before"];

/** How a peer is started. */
export type Command = readonly [program: string, ...args: string[]];

/** The command of a peer on this Deno. */
export const denoPeer: Command = [
  Deno.execPath(),
  "run",
  "-A",
  "--no-check",
  PEER,
];
/** The command of the peer that is CPython. */
export const oraclePeer: Command = [...denoPeer, "--oracle"];

/** The command of a peer on Bun, or undefined where there is none. */
export async function bunPeer(): Promise<Command | undefined> {
  const ask = ["-y", "-p", `bun@${BUN_VERSION}`, "-c", "command -v bun"];
  for (
    const [program, args] of [
      ["sh", ["-c", "command -v bun"]],
      ["npx", ask],
    ] as const
  ) {
    try {
      const { stdout, success } = await new Deno.Command(program, {
        args: [...args],
        stderr: "null",
      }).output();
      const path = new TextDecoder().decode(stdout).trim();
      if (success && path !== "") return [path, "run", PEER];
    } catch {
      // Not here; the next way of finding it.
    }
  }
  return undefined;
}

/** A process that answers jobs. */
export class Peer {
  /** What it is called. */
  readonly name: string;
  readonly #command: Command;
  #child: Deno.ChildProcess | undefined;
  #answered = false;
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #lines: AsyncIterator<string> | undefined;

  constructor(name: string, command: Command) {
    this.name = name;
    this.#command = command;
  }

  /** The traces of `jobs`, in order; a hang costs its process, no more. */
  async run(jobs: readonly Job[]): Promise<Trace[]> {
    const out: Trace[] = [];
    let hangs = 0;
    while (out.length < jobs.length) {
      this.#start();
      const rest = jobs.slice(out.length);
      const written = this.#write(rest);
      for (let i = 0; i < rest.length; i++) {
        const trace = await this.#next();
        out.push(trace);
        if (trace === HUNG || trace === DIED) {
          await this.close();
          hangs++;
          break;
        }
      }
      await written;
      if (hangs === MOST_HANGS) {
        while (out.length < jobs.length) out.push(UNASKED);
      }
    }
    return out;
  }

  /** Ends the process. */
  async close(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    try {
      child.kill("SIGKILL");
    } catch {
      // It ended by itself.
    }
    await this.#lines?.return?.();
    await this.#writer?.abort().catch(() => {});
    await child.status;
  }

  #start(): void {
    if (this.#child) return;
    const [program, ...args] = this.#command;
    const child = new Deno.Command(program, {
      args,
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#child = child;
    this.#answered = false;
    this.#writer = child.stdin.getWriter();
    this.#lines = lines(child.stdout);
  }

  async #write(jobs: readonly Job[]): Promise<void> {
    const text = jobs.map((job) => JSON.stringify(job) + "\n").join("");
    try {
      await this.#writer!.write(new TextEncoder().encode(text));
    } catch {
      // It was ended; who reads its answers sees that.
    }
  }

  async #next(): Promise<Trace> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<undefined>((resolve) => {
      const patience = this.#answered ? PATIENCE_MS : START_MS;
      timer = setTimeout(() => resolve(undefined), patience);
    });
    const got = await Promise.race([this.#lines!.next(), late]);
    clearTimeout(timer);
    this.#answered = true;
    if (got === undefined) return HUNG;
    return got.done ? DIED : JSON.parse(got.value) as Trace;
  }
}

async function* lines(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const part of stream) {
    const split = (rest + decoder.decode(part, { stream: true })).split("\n");
    rest = split.pop()!;
    yield* split;
  }
}
