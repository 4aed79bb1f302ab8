/**
 * What asyncio's loops of Windows are built with: pipes, their handles, and a Popen
 * whose streams are such handles.
 *
 * @example A pair of connected handles
 * ```ts
 * import { pipe } from "@x/asyncio/windows_utils";
 *
 * export async function pair() {
 *   const [reader, writer] = await pipe({ duplex: true });
 *   return { reader, writer };
 * }
 * ```
 *
 * @module
 */

import "./_platform/all_io.ts";
import type { Child } from "./_platform/processes.ts";
import { platform as host } from "./_platform/mod.ts";
import type { Platform } from "./_platform/types.ts";
import { type Coro, Coroutine } from "./coroutines.ts";
import { _getRunningLoop, getRunningLoop } from "./events.ts";
import { NotImplementedError } from "./exceptions.ts";
import { Socket } from "./_net/socket.ts";
import {
  checkOptions,
  type Command,
  spawnOptions,
  type Stdio,
  type SubprocessOptions,
} from "./_os/subprocess_types.ts";
import {
  type Closable,
  openListener,
  PipeHandle,
  type PlatformLoop,
} from "./_os/windows_pipes.ts";

export { PIPE, STDOUT } from "./_os/subprocess_types.ts";
export type {
  Command,
  Stdio,
  SubprocessOptions,
} from "./_os/subprocess_types.ts";
export { PipeHandle };
export type { Closable };

/** The size of a pipe's buffer, in bytes. */
export const BUFSIZE: number = 8192;

/** Options of {@linkcode pipe}. */
export interface PipeOptions {
  /** Whether both ends can be read and written; unless true, it goes to the first. */
  duplex?: boolean | undefined;
  /** No effect: all ends are asynchronous. */
  overlapped?: readonly [boolean, boolean] | undefined;
  /** No effect: the runtime chooses the size of its buffers. */
  bufsize?: number | undefined;
}

let pipes = 0;

/**
 * Makes a pipe, both of whose ends are in this process.
 *
 * @param options See {@linkcode PipeOptions}.
 * @returns The two ends. Their sockets work with the loop's `sock…` calls.
 * @throws {RuntimeError} When no loop runs.
 * @throws {NotImplementedError} If the system is not Windows.
 */
export function pipe(
  options?: PipeOptions,
): Coroutine<[PipeHandle<Socket>, PipeHandle<Socket>]> {
  return new Coroutine<[PipeHandle<Socket>, PipeHandle<Socket>]>(
    makePipe as never,
    [options?.duplex ?? false],
  );
}

function* makePipe(
  duplex: boolean,
): Coro<[PipeHandle<Socket>, PipeHandle<Socket>]> {
  const loop = getRunningLoop() as PlatformLoop;
  const { os } = loop._platform;
  if (os.name !== "win32") {
    throw new NotImplementedError(
      `Cannot make a named pipe: only Windows has them, and this is ${os.name}`,
    );
  }
  // Nobody else may guess it, and connect first.
  const address = `\\\\.\\pipe\\asyncio-${os.pid}-${++pipes}-` +
    crypto.randomUUID();
  const listener = yield* openListener(loop, address);
  const near = new Socket("unix");
  try {
    yield* loop.sockConnect(near, address);
    const [far] = yield* loop.sockAccept(listener);
    if (!duplex) far.shutdown("write");
    return [new PipeHandle(far), new PipeHandle(near)];
  } catch (error) {
    near.close();
    throw error;
  } finally {
    listener.close();
  }
}

/** The one signal by which Windows can end a child. */
const SIGTERM = 15;

/** The platform of the running loop, else the runtime's. */
function platformInUse(): Platform {
  return (_getRunningLoop() as PlatformLoop | null)?._platform ?? host;
}

/**
 * A child process whose streams are {@linkcode PipeHandle | handles of pipes}, for the
 * loop's `connectReadPipe` and `connectWritePipe`. `createSubprocessExec` is the
 * comfortable way.
 */
export class Popen {
  /** The command, or the program and its arguments. */
  readonly args: Command;
  /** The process id. */
  readonly pid: number;
  /** The exit code, or the negative number of a signal; null while it runs. */
  returncode: number | null = null;
  readonly #child: Child;
  readonly #stdin: PipeHandle | null;
  readonly #stdout: PipeHandle | null;
  readonly #stderr: PipeHandle | null;
  readonly #waiting: Set<() => void> = new Set();
  readonly #platform: Platform;

  /**
   * Starts the child.
   *
   * @param args The program and its arguments, or a command for the shell.
   * @param stdin What it reads: {@linkcode PIPE}, a file descriptor, or ours.
   * @param stdout Where it writes.
   * @param stderr Where it writes errors; {@linkcode STDOUT} for the same place.
   * @param kwds See {@linkcode SubprocessOptions}.
   * @throws {OSError} If it cannot be started.
   * @throws {RangeError} If text or buffers are asked for: pipes carry bytes.
   */
  constructor(
    args: Command,
    stdin: Stdio = null,
    stdout: Stdio = null,
    stderr: Stdio = null,
    kwds: SubprocessOptions = {},
  ) {
    checkOptions(kwds, typeof args === "string");
    const { processes } = this.#platform = platformInUse();
    this.args = args;
    const child = processes.spawn(
      spawnOptions(processes, args, stdin, stdout, stderr, kwds),
    );
    this.#child = child;
    this.pid = child.pid;
    this.#stdin = child.stdin === null ? null : new PipeHandle(child.stdin);
    this.#stdout = child.stdout === null ? null : new PipeHandle(child.stdout);
    this.#stderr = child.stderr === null ? null : new PipeHandle(child.stderr);
    child.onExit((returncode) => {
      this.returncode = returncode;
      for (const told of this.#waiting) told();
      this.#waiting.clear();
    });
  }

  /** What the child reads; null unless it is a pipe. */
  get stdin(): PipeHandle | null {
    return this.#stdin;
  }

  /** What the child writes; null unless it is a pipe. */
  get stdout(): PipeHandle | null {
    return this.#stdout;
  }

  /** The errors that the child writes; null unless it is a pipe. */
  get stderr(): PipeHandle | null {
    return this.#stderr;
  }

  /**
   * How it ended.
   *
   * @returns The return code; null while it runs.
   */
  poll(): number | null {
    return this.returncode;
  }

  /**
   * Says who is told when it has ended: at once if it has.
   *
   * @param told Is called in no particular context.
   * @returns What makes it not be told.
   */
  onExit(told: () => void): () => void {
    if (this.returncode === null) this.#waiting.add(told);
    else queueMicrotask(told);
    return () => void this.#waiting.delete(told);
  }

  /**
   * Sends a signal; nothing happens once the child has ended.
   *
   * @param signal The signal: "SIGTERM", or its number.
   * @throws {RangeError} If Windows cannot send it: it knows SIGTERM alone, which ends
   * the child at once.
   */
  sendSignal(signal: string | number): void {
    if (this.returncode !== null) return;
    const { os, signals } = this.#platform;
    const number = typeof signal === "number"
      ? signal
      : signals.numbers.numberOf(signal);
    const possible = os.name !== "win32" || number === SIGTERM;
    if (number === undefined || !possible) {
      throw new RangeError(`Unsupported signal: ${signal}`);
    }
    this.#child.kill(number);
  }

  /** Ends the child by SIGTERM. */
  terminate(): void {
    this.sendSignal("SIGTERM");
  }

  /** Ends the child: on Windows the same as {@linkcode Popen.terminate}. */
  kill(): void {
    const windows = this.#platform.os.name === "win32";
    this.sendSignal(windows ? "SIGTERM" : "SIGKILL");
  }

  /**
   * Waits until it has ended.
   *
   * @returns The exit code, or the negative number of a signal.
   */
  wait(): Coroutine<number> {
    return new Coroutine<number>(waitFor as never, [this]);
  }
}

function* waitFor(child: Popen): Coro<number> {
  if (child.returncode === null) {
    const loop = getRunningLoop();
    const ended = loop.createFuture<void>();
    const forget = child.onExit(() => {
      if (loop.isClosed()) return;
      loop.callSoonThreadsafe(() => {
        if (!ended.done()) ended.setResult();
      });
    });
    try {
      yield* ended;
    } finally {
      forget();
    }
  }
  return child.returncode!;
}
