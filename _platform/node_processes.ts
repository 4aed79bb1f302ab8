/** Child processes on node:child_process. */

import { builtin, host } from "./host.ts";
import { NodeSink, NodeSource, type NodeStream } from "./node_pipes.ts";
import type { ReadPipe, WritePipe } from "./pipes.ts";
import {
  accountId,
  checkProgram,
  commandOf,
  returnCode,
  signalNumber,
  spawnError,
  stderrOf,
} from "./process_files.ts";
import type {
  Child,
  ChildStream,
  Processes,
  SpawnOptions,
} from "./processes.ts";
import { PulledPipe } from "./pulled_pipe.ts";
import { PushedPipe } from "./pushed_pipe.ts";
import { ownError, systemError } from "./socket_errors.ts";

interface NodeProcess {
  readonly pid?: number;
  readonly stdin: NodeStream;
  readonly stdout: NodeStream;
  readonly stderr: NodeStream;
  kill(signal: number): boolean;
  on(event: "error", listener: (error: unknown) => void): void;
  on(
    event: "exit",
    listener: (code: number | null, signal: string | null) => void,
  ): void;
  ref(): void;
  unref(): void;
}

interface ChildProcessModule {
  spawn(file: string, args: readonly string[], options: object): NodeProcess;
}

const ownProcess = () =>
  host.process as unknown as { kill(pid: number, signal: number): void };

/** What Node calls a standard stream of a child. */
function streamOf(stream: ChildStream): string | number {
  return stream === "null" ? "ignore" : stream;
}

/** Starts a child. */
export function spawnNode(options: SpawnOptions): NodeProcess {
  // The error of a program that is not there would come too late.
  checkProgram(options);
  const { file, args } = commandOf(options);
  const { argv0, cwd, env, uid, gid } = options;
  const stdio: (string | number)[] = [
    streamOf(options.stdin),
    streamOf(options.stdout),
    streamOf(stderrOf(options)),
  ];
  for (const fd of options.passFds ?? []) stdio[fd] = fd;
  for (let fd = 3; fd < stdio.length; fd++) stdio[fd] ??= "ignore";
  let child: NodeProcess;
  try {
    child = builtin<ChildProcessModule>("node:child_process")!.spawn(
      file,
      args,
      {
        stdio,
        ...(argv0 !== undefined && { argv0 }),
        ...(cwd !== undefined && { cwd }),
        ...(env !== undefined && { env }),
        ...(uid !== undefined && { uid }),
        ...(gid !== undefined && { gid }),
        ...(options.newSession && { detached: true }),
      },
    );
  } catch (error) {
    throw spawnError(options, error);
  }
  child.on("error", ignore);
  if (child.pid !== undefined) return child;
  // Its own error comes later, when nobody waits for it any more.
  const cause = new Error("the runtime did not start it");
  throw spawnError(options, Object.assign(cause, { code: "EIO" }));
}

/** A child process of Node's. */
export class NodeChild implements Child {
  readonly pid: number;
  readonly stdin: WritePipe | null;
  readonly stdout: ReadPipe | null;
  readonly stderr: ReadPipe | null;
  readonly #child: NodeProcess;
  readonly #file: string;
  readonly #exited: Promise<number>;
  #hasEnded = false;

  constructor(child: NodeProcess, options: SpawnOptions) {
    const { file } = options;
    this.#child = child;
    // From now on: the event comes once.
    this.#exited = new Promise((resolve) => {
      child.on("exit", (code, signal) => {
        this.#hasEnded = true;
        resolve(returnCode(code, signal));
      });
    });
    this.#file = file;
    this.pid = child.pid!;
    this.stdin = options.stdin === "pipe"
      ? new PushedPipe(new NodeSink(child.stdin), `the input of ${file}`)
      : null;
    this.stdout = options.stdout === "pipe"
      ? new PulledPipe(new NodeSource(child.stdout), `the output of ${file}`)
      : null;
    this.stderr = stderrOf(options) === "pipe"
      ? new PulledPipe(new NodeSource(child.stderr), `the errors of ${file}`)
      : null;
  }

  onExit(told: (returncode: number) => void): void {
    this.#exited.then(told);
  }

  kill(signal: number): void {
    const action = `Cannot send the signal ${signal} to ${this.#file}`;
    if (this.#hasEnded) throw ownError(action, "ESRCH", "it has ended");
    try {
      // Its own way knows no realtime signals, and says nothing where it fails; on
      // Deno it alone needs no more than the right to run the program.
      if (host.Deno !== undefined) this.#child.kill(signal);
      else ownProcess().kill(this.pid, signal);
    } catch (error) {
      throw systemError(action, error);
    }
  }

  ref(): void {
    this.#child.ref();
  }

  unref(): void {
    this.#child.unref();
  }
}

/** Makes the child processes of Node. */
export function nodeProcesses(): Processes {
  return {
    spawn: (options) => new NodeChild(spawnNode(options), options),
    signalNumber,
    accountId,
  };
}

function ignore(): void {}
