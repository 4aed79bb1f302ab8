/**
 * Child processes on Deno.Command, which asks for no more than the right to run the
 * program. node:child_process, which wants to read the environment, too, does what
 * Command cannot: descriptors above 2, and another name for the program.
 */

import { NotImplementedError, ProcessLookupError } from "../exceptions.ts";
import { host } from "./host.ts";
import { NodeChild, spawnNode } from "./node_processes.ts";
import { StreamSink, streamSource } from "./pipe_streams.ts";
import type { ReadPipe, WritePipe } from "./pipes.ts";
import {
  accountId,
  commandOf,
  returnCode,
  signalName,
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
import { errnoOf, systemError } from "./socket_errors.ts";

interface DenoChild {
  readonly pid: number;
  readonly stdin: WritableStream<Uint8Array>;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  readonly status: Promise<{ code: number; signal: string | null }>;
  kill(signal: string | number): void;
  ref(): void;
  unref(): void;
}

interface DenoCommands {
  readonly Command: new (file: string, options: object) => {
    spawn(): DenoChild;
  };
}

/** A folder that cannot be. */
const NOWHERE = "/dev/null/nowhere";

/** What Deno calls a standard stream of a child. */
function streamOf(stream: ChildStream): string | number {
  return stream === "pipe" ? "piped" : stream;
}

/** What cannot be known is told as a watcher of children tells it. */
const UNKNOWN = 255;

/** The end by a signal that Deno has no name for, of which it makes an error. */
function unnamed(error: unknown): number {
  const signal = /^Invalid signal: (\d+)$/.exec((error as Error).message)?.[1];
  return signal === undefined ? UNKNOWN : -Number(signal);
}

class DenoProcess implements Child {
  readonly pid: number;
  readonly stdin: WritePipe | null;
  readonly stdout: ReadPipe | null;
  readonly stderr: ReadPipe | null;
  readonly #child: DenoChild;
  readonly #file: string;

  constructor(child: DenoChild, options: SpawnOptions, stderr: ChildStream) {
    const { file } = options;
    this.#child = child;
    this.#file = file;
    this.pid = child.pid;
    this.stdin = options.stdin === "pipe"
      ? new PushedPipe(new StreamSink(child.stdin), `the input of ${file}`)
      : null;
    this.stdout = options.stdout === "pipe"
      ? new PulledPipe(streamSource(child.stdout), `the output of ${file}`)
      : null;
    this.stderr = stderr === "pipe"
      ? new PulledPipe(streamSource(child.stderr), `the errors of ${file}`)
      : null;
  }

  onExit(told: (returncode: number) => void): void {
    this.#child.status.then(
      ({ code, signal }) => told(returnCode(code, signal)),
      (error) => told(unnamed(error)),
    );
  }

  kill(signal: number): void {
    const action = `Cannot send the signal ${signal} to ${this.#file}`;
    try {
      if (signal === 0) this.#ask();
      else this.#child.kill(signalName(signal) ?? signal);
    } catch (error) {
      // Deno's way to say that it has ended.
      if (error instanceof TypeError && /terminated/.test(error.message)) {
        throw new ProcessLookupError(`${action}: it has ended`, {
          cause: error,
          errno: errnoOf("ESRCH"),
        });
      }
      if (signalName(signal) === undefined) {
        throw new NotImplementedError(
          `${action}: Deno has none of that number`,
          {
            cause: error,
          },
        );
      }
      throw systemError(action, error);
    }
  }

  #ask(): void {
    const { kill } = host.process as unknown as {
      kill(pid: number, signal: number): void;
    };
    kill(this.pid, 0);
  }

  ref(): void {
    this.#child.ref();
  }

  unref(): void {
    this.#child.unref();
  }
}

/** Makes the child processes of Deno. */
export function denoProcesses(): Processes {
  const { Command } = host.Deno as unknown as DenoCommands;

  /**
   * Asks for a program that a shell is to become. Deno looks at the right to run it,
   * and for a name in PATH, before it finds that there is no such folder.
   *
   * @throws {OSError} When it may not be run, or its name is in no folder of PATH.
   */
  function askFor(options: SpawnOptions): void {
    const { env } = options;
    try {
      new Command(options.file, {
        cwd: NOWHERE,
        ...(env !== undefined && { env, clearEnv: true }),
      }).spawn().kill("SIGKILL");
    } catch (error) {
      if (!String((error as Error).message).includes(NOWHERE)) {
        throw spawnError(options, error);
      }
    }
  }

  function spawn(options: SpawnOptions): Child {
    if (options.passFds?.length || options.argv0 !== undefined) {
      return new NodeChild(spawnNode(options), options);
    }
    const { file, args } = commandOf(options);
    if (file !== options.file) askFor(options);
    const stderr = stderrOf(options);
    const { cwd, env, uid, gid } = options;
    let child: DenoChild;
    try {
      child = new Command(file, {
        args,
        stdin: streamOf(options.stdin),
        stdout: streamOf(options.stdout),
        stderr: streamOf(stderr),
        ...(cwd !== undefined && { cwd }),
        ...(env !== undefined && { env, clearEnv: true }),
        ...(uid !== undefined && { uid }),
        ...(gid !== undefined && { gid }),
        ...(options.newSession && { detached: true }),
      }).spawn();
    } catch (error) {
      throw spawnError(options, error);
    }
    return new DenoProcess(child, options, stderr);
  }

  return { spawn, signalNumber, accountId };
}
