/** Child processes on Bun.spawn. */

import { BunPipeSink, type BunSink } from "./bun_pipes.ts";
import { host } from "./host.ts";
import { streamSource } from "./pipe_streams.ts";
import type { ReadPipe, WritePipe } from "./pipes.ts";
import {
  accountId,
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
import { systemError } from "./socket_errors.ts";

interface BunChild {
  readonly pid: number;
  readonly stdin: BunSink;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  readonly exited: Promise<number>;
  readonly exitCode: number | null;
  readonly signalCode: string | null;
  kill(signal: number): void;
  ref(): void;
  unref(): void;
}

interface BunSpawner {
  spawn(command: readonly string[], options: object): BunChild;
}

/** What Bun calls a standard stream of a child. */
function streamOf(stream: ChildStream): string | number {
  return stream === "null" ? "ignore" : stream;
}

/** The first of the signals without names. */
const REALTIME = 32;

class BunProcess implements Child {
  readonly pid: number;
  readonly stdin: WritePipe | null;
  readonly stdout: ReadPipe | null;
  readonly stderr: ReadPipe | null;
  readonly #child: BunChild;
  readonly #file: string;

  constructor(child: BunChild, options: SpawnOptions, stderr: ChildStream) {
    const { file } = options;
    this.#child = child;
    this.#file = file;
    this.pid = child.pid;
    this.stdin = options.stdin === "pipe"
      ? new PushedPipe(new BunPipeSink(child.stdin), `the input of ${file}`)
      : null;
    this.stdout = options.stdout === "pipe"
      ? new PulledPipe(
        streamSource(child.stdout),
        `the output of ${file}`,
        true,
      )
      : null;
    this.stderr = stderr === "pipe"
      ? new PulledPipe(
        streamSource(child.stderr),
        `the errors of ${file}`,
        true,
      )
      : null;
  }

  onExit(told: (returncode: number) => void): void {
    this.#child.exited.then((code) => {
      const { exitCode, signalCode } = this.#child;
      told(returnCode(exitCode ?? code, signalCode));
    });
  }

  kill(signal: number): void {
    try {
      if (signal < REALTIME) this.#child.kill(signal);
      else this.#killRealtime(signal);
    } catch (error) {
      throw systemError(
        `Cannot send the signal ${signal} to ${this.#file}`,
        error,
      );
    }
  }

  /** Bun's own method refuses them; an id is not used again before its end is known. */
  #killRealtime(signal: number): void {
    const { exitCode, signalCode, pid } = this.#child;
    if (exitCode !== null || signalCode !== null) return;
    const { kill } = host.process as unknown as {
      kill(pid: number, signal: number): void;
    };
    kill(pid, signal);
  }

  ref(): void {
    this.#child.ref();
  }

  unref(): void {
    this.#child.unref();
  }
}

/** Makes the child processes of Bun. */
export function bunProcesses(): Processes {
  const bun = host.Bun as unknown as BunSpawner;

  function spawn(options: SpawnOptions): Child {
    const { file, args } = commandOf(options);
    const stderr = stderrOf(options);
    const { argv0, cwd, env, uid, gid } = options;
    const stdio: (string | number)[] = [
      streamOf(options.stdin),
      streamOf(options.stdout),
      streamOf(stderr),
    ];
    for (const fd of options.passFds ?? []) stdio[fd] = fd;
    for (let fd = 3; fd < stdio.length; fd++) stdio[fd] ??= "ignore";
    let child: BunChild;
    try {
      child = bun.spawn([file, ...args], {
        stdio,
        ...(argv0 !== undefined && { argv0 }),
        ...(cwd !== undefined && { cwd }),
        ...(env !== undefined && { env }),
        ...(uid !== undefined && { uid }),
        ...(gid !== undefined && { gid }),
        ...(options.newSession && { detached: true }),
      });
    } catch (error) {
      throw spawnError(options, error);
    }
    return new BunProcess(child, options, stderr);
  }

  return { spawn, signalNumber, accountId };
}
