/**
 * Child processes with streams.
 *
 * @example Output of a program
 * ```ts
 * import { createSubprocessExec, PIPE, run } from "@x/asyncio";
 *
 * export async function main() {
 *   await using proc = await createSubprocessExec("date", { stdout: PIPE });
 *   const [stdout] = await proc.communicate();
 *   console.log(new TextDecoder().decode(stdout!), proc.returncode);
 * }
 * ```
 *
 * @module
 */

import {
  type Coro,
  Coroutine,
  markCoroutineFunctions,
  nameCoroutines,
} from "./coroutines.ts";
import { type AbstractEventLoop, getRunningLoop } from "./events.ts";
import { BrokenPipeError, ConnectionResetError } from "./exceptions.ts";
import type { Future } from "./futures.ts";
import { logger } from "./log.ts";
import type { SubprocessProtocol } from "./protocols.ts";
import { FlowControlMixin } from "./_streams/protocol.ts";
import { DEFAULT_LIMIT, StreamReader } from "./_streams/reader.ts";
import { StreamWriter } from "./_streams/writer.ts";
import {
  DEVNULL,
  PIPE,
  type ProgramArgs,
  splitOptions,
  type Stdio,
  STDOUT,
  type SubprocessArgs,
  type SubprocessOptions,
} from "./_os/subprocess_types.ts";
import { gather } from "./tasks.ts";
import type {
  BaseTransport,
  SubprocessTransport,
  WriteTransport,
} from "./transports.ts";

export {
  DEVNULL,
  PIPE,
  type ProgramArgs,
  splitOptions,
  type Stdio,
  STDOUT,
  type SubprocessArgs,
  type SubprocessOptions,
};

/** Options of {@linkcode createSubprocessExec} and {@linkcode createSubprocessShell}. */
export interface ProcessOptions extends SubprocessOptions {
  /** The buffer limit of the stream readers in bytes; 64 KiB unless given. */
  limit?: number | undefined;
}

/** A program, what it is called with, and perhaps options at the end. */
export type ProcessArgs =
  | readonly string[]
  | readonly [...args: string[], options: ProcessOptions];

/** A transport of a child that can be waited for. */
interface WaitedTransport extends SubprocessTransport {
  _wait(): Coro<number>;
}

/** Feeds the streams of a child process. */
export class SubprocessStreamProtocol extends FlowControlMixin
  implements SubprocessProtocol {
  /** What writes to the child; null without such a pipe. */
  stdin: StreamWriter | null = null;
  /** What reads its output; null without such a pipe. */
  stdout: StreamReader | null = null;
  /** What reads its errors; null without such a pipe. */
  stderr: StreamReader | null = null;
  readonly #limit: number;
  #transport: SubprocessTransport | null = null;
  #processExited = false;
  /** The pipes that are read and still open. */
  readonly #open: Set<number> = new Set();
  readonly #stdinClosed: Future<void>;

  /**
   * Makes a protocol.
   *
   * @param limit The buffer limit of the readers in bytes.
   * @param loop Its loop.
   */
  constructor(limit: number, loop: AbstractEventLoop) {
    super(loop);
    this.#limit = limit;
    this.#stdinClosed = loop.createFuture<void>();
  }

  /** Shows the streams. */
  override toString(): string {
    const info = [this.constructor.name];
    if (this.stdin !== null) info.push(`stdin=${this.stdin}`);
    if (this.stdout !== null) info.push(`stdout=${this.stdout}`);
    if (this.stderr !== null) info.push(`stderr=${this.stderr}`);
    return `<${info.join(" ")}>`;
  }

  /** Makes the streams of the pipes. */
  override connectionMade(transport: BaseTransport): void {
    const child = transport as SubprocessTransport;
    this.#transport = child;
    this.stdout = this.#reader(child, 1);
    this.stderr = this.#reader(child, 2);
    const input = child.getPipeTransport(0);
    if (input !== null) {
      this.stdin = new StreamWriter(
        input as WriteTransport,
        this,
        null,
        this._loop,
      );
    }
  }

  #reader(child: SubprocessTransport, fd: number): StreamReader | null {
    const transport = child.getPipeTransport(fd);
    if (transport === null) return null;
    const reader = new StreamReader(this.#limit, this._loop);
    reader.setTransport(transport);
    this.#open.add(fd);
    return reader;
  }

  #readerOf(fd: number): StreamReader | null {
    return fd === 1 ? this.stdout : fd === 2 ? this.stderr : null;
  }

  /** Feeds a reader. */
  pipeDataReceived(fd: number, data: Uint8Array): void {
    this.#readerOf(fd)?.feedData(data);
  }

  /** Ends a reader, or wakes those who wait for the writer. */
  pipeConnectionLost(fd: number, exc: unknown): void {
    if (fd === 0) {
      this.stdin?.close();
      this.connectionLost(exc);
      if (exc === null) this.#stdinClosed.setResult(undefined);
      else {
        this.#stdinClosed.setException(exc);
        // Nobody has to wait for it.
        this.#stdinClosed._seen();
      }
      return;
    }
    const reader = this.#readerOf(fd);
    if (reader !== null) {
      if (exc === null) reader.feedEof();
      else reader.setException(exc);
    }
    this.#open.delete(fd);
    this.#maybeClose();
  }

  /** Closes the transport once the pipes are closed, too. */
  processExited(): void {
    this.#processExited = true;
    this.#maybeClose();
  }

  #maybeClose(): void {
    if (this.#open.size > 0 || !this.#processExited) return;
    this.#transport?.close();
    this.#transport = null;
  }

  /** @internal */
  override _getCloseWaiter(stream: StreamWriter): Future<void> {
    return stream === this.stdin
      ? this.#stdinClosed
      : super._getCloseWaiter(stream);
  }
}

/** A child process. {@linkcode createSubprocessExec} makes them. */
export class Process implements AsyncDisposable {
  /** What writes to the child; null without such a pipe. */
  readonly stdin: StreamWriter | null;
  /** What reads its output; null without such a pipe. */
  readonly stdout: StreamReader | null;
  /** What reads its errors; null without such a pipe. */
  readonly stderr: StreamReader | null;
  /** The number of the process. */
  readonly pid: number;
  readonly #transport: WaitedTransport;
  readonly #loop: AbstractEventLoop;

  /**
   * Makes the object for a child that was started.
   *
   * @param transport Its transport.
   * @param protocol The protocol of that.
   * @param loop Its loop.
   */
  constructor(
    transport: SubprocessTransport,
    protocol: SubprocessStreamProtocol,
    loop: AbstractEventLoop,
  ) {
    this.#transport = transport as WaitedTransport;
    this.#loop = loop;
    this.stdin = protocol.stdin;
    this.stdout = protocol.stdout;
    this.stderr = protocol.stderr;
    this.pid = transport.getPid();
  }

  /** Shows the number of the process. */
  toString(): string {
    return `<${this.constructor.name} ${this.pid}>`;
  }

  /**
   * How the child ended: its exit code, or the negative number of the signal that
   * ended it; null while it runs.
   */
  get returncode(): number | null {
    return this.#transport.getReturncode();
  }

  /**
   * Waits until the child has ended. Its pipes may still be open then, held by a
   * child of its own. A child that writes more than its pipe holds does not end
   * while nobody reads: see {@linkcode Process.communicate}.
   *
   * @returns Its {@linkcode Process.returncode}.
   */
  wait(): Coroutine<number> {
    return new Coroutine<number>(wait as never, [this.#transport]);
  }

  /**
   * Sends a signal to the child.
   *
   * @param signal Its name or number.
   * @throws ProcessLookupError When the child has ended.
   * @throws RangeError When there is no such signal.
   */
  sendSignal(signal: string | number): void {
    this.#transport.sendSignal(signal);
  }

  /** Asks the child to end, by SIGTERM. */
  terminate(): void {
    this.#transport.terminate();
  }

  /** Ends the child, by SIGKILL. */
  kill(): void {
    this.#transport.kill();
  }

  /**
   * Writes to the child, closes its input, reads all that it writes, and waits until
   * it has ended. That the child reads no more is no error.
   *
   * @param input What to write; nothing unless given.
   * @returns Its output and its errors; null for what is no pipe.
   *
   * @example
   * ```ts
   * import { createSubprocessExec, PIPE } from "@x/asyncio";
   *
   * export async function sorted(lines: string): Promise<string> {
   *   const proc = await createSubprocessExec("sort", {
   *     stdin: PIPE,
   *     stdout: PIPE,
   *   });
   *   const [out] = await proc.communicate(new TextEncoder().encode(lines));
   *   return new TextDecoder().decode(out!);
   * }
   * ```
   */
  communicate(
    input?: Uint8Array | null,
  ): Coroutine<[stdout: Uint8Array | null, stderr: Uint8Array | null]> {
    return new Coroutine<[Uint8Array | null, Uint8Array | null]>(
      communicate as never,
      [this, this.#loop, this.#transport, input ?? null],
    );
  }

  /** Closes the pipes, kills the child if it still runs, and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#transport.close();
    await this.wait();
  }
}

function* wait(transport: WaitedTransport): Coro<number> {
  return yield* transport._wait();
}

function* feed(
  proc: Process,
  loop: AbstractEventLoop,
  input: Uint8Array | null,
): Coro<void> {
  const stdin = proc.stdin!;
  const debug = loop.getDebug();
  try {
    if (input !== null) {
      stdin.write(input);
      if (debug) {
        logger.debug(`${proc} communicate: feed stdin (${input.length} bytes)`);
      }
    }
    yield* stdin.drain();
  } catch (error) {
    const gone = error instanceof BrokenPipeError ||
      error instanceof ConnectionResetError;
    if (!gone) throw error;
    if (debug) logger.debug(`${proc} communicate: stdin got ${error}`);
  }
  if (debug) logger.debug(`${proc} communicate: close stdin`);
  stdin.close();
}

function* readAll(
  proc: Process,
  loop: AbstractEventLoop,
  transport: SubprocessTransport,
  fd: 1 | 2,
): Coro<Uint8Array> {
  const name = fd === 1 ? "stdout" : "stderr";
  const debug = loop.getDebug();
  if (debug) logger.debug(`${proc} communicate: read ${name}`);
  const output = yield* proc[name]!.read();
  if (debug) logger.debug(`${proc} communicate: close ${name}`);
  transport.getPipeTransport(fd)?.close();
  return output;
}

function* nothing(): Coro<null> {
  return null;
}

function* communicate(
  proc: Process,
  loop: AbstractEventLoop,
  transport: WaitedTransport,
  input: Uint8Array | null,
): Coro<[Uint8Array | null, Uint8Array | null]> {
  const { stdin, stdout, stderr } = proc;
  const [, out, errors] = yield* gather([
    stdin === null ? nothing() : feed(proc, loop, input),
    stdout === null ? nothing() : readAll(proc, loop, transport, 1),
    stderr === null ? nothing() : readAll(proc, loop, transport, 2),
  ]);
  yield* transport._wait();
  return [out as Uint8Array | null, errors as Uint8Array | null];
}

/** The options of the loop's method: streams are our own unless given. */
function loopOptions(options: ProcessOptions): SubprocessOptions {
  return {
    ...options,
    // The loop's method does not know it.
    limit: undefined,
    stdin: options.stdin ?? null,
    stdout: options.stdout ?? null,
    stderr: options.stderr ?? null,
  } as SubprocessOptions;
}

function* createShell(cmd: string, options: ProcessOptions): Coro<Process> {
  const loop = getRunningLoop();
  const limit = options.limit ?? DEFAULT_LIMIT;
  const [transport, protocol] = yield* loop.subprocessShell(
    () => new SubprocessStreamProtocol(limit, loop),
    cmd,
    loopOptions(options),
  );
  return new Process(transport, protocol, loop);
}

function* createExec(
  program: string | URL,
  rest: ProcessArgs,
): Coro<Process> {
  const loop = getRunningLoop();
  const [args, options] = splitOptions<ProcessOptions>(rest);
  const limit = (options as ProcessOptions).limit ?? DEFAULT_LIMIT;
  const [transport, protocol] = yield* loop.subprocessExec(
    () => new SubprocessStreamProtocol(limit, loop),
    program,
    ...args,
    loopOptions(options),
  );
  return new Process(transport, protocol, loop);
}

/**
 * Starts a shell that runs a command.
 *
 * @param cmd The command. What is put into it has to be quoted.
 * @param options See {@linkcode ProcessOptions}; streams are our own unless given.
 * @returns The process.
 * @throws OSError If it cannot be started.
 */
export function createSubprocessShell(
  cmd: string,
  options?: ProcessOptions,
): Coroutine<Process> {
  return new Coroutine<Process>(createShell as never, [cmd, options ?? {}]);
}

/**
 * Starts a program.
 *
 * @param program A path, or a name that is looked for in PATH.
 * @param args What it is called with, and perhaps options at the end: see
 * {@linkcode ProcessOptions}; streams are our own unless given.
 * @returns The process.
 * @throws OSError If it cannot be started: a FileNotFoundError where there is no such
 * program or folder, a PermissionError where it may not be run.
 *
 * @example
 * ```ts
 * import { createSubprocessExec, DEVNULL } from "@x/asyncio";
 *
 * export async function exists(path: string): Promise<boolean> {
 *   const proc = await createSubprocessExec("test", "-e", path, {
 *     stdin: DEVNULL,
 *   });
 *   return await proc.wait() === 0;
 * }
 * ```
 */
export function createSubprocessExec(
  program: string | URL,
  ...args: ProcessArgs
): Coroutine<Process> {
  return new Coroutine<Process>(createExec as never, [program, args]);
}

markCoroutineFunctions(createSubprocessExec, createSubprocessShell);

nameCoroutines({
  createSubprocessExec: createExec,
  createSubprocessShell: createShell,
});
