/**
 * The transport of a child process, apart from how it is started.
 *
 * @example A transport of one's own for children
 * ```ts
 * import { BaseSubprocessTransport } from "@x/asyncio/base_subprocess";
 *
 * console.log(BaseSubprocessTransport.prototype.getPid.name); // "getPid"
 * ```
 *
 * @module
 */

import type { PipeSource, PipeTarget } from "./_platform/pipes.ts";
import type { Child } from "./_platform/processes.ts";
import type { BaseEventLoop } from "./base_events.ts";
import type { Coro } from "./coroutines.ts";
import { isExit } from "./events.ts";
import {
  NotImplementedError,
  OSError,
  ProcessLookupError,
} from "./exceptions.ts";
import type { Future } from "./futures.ts";
import { logger, warn } from "./log.ts";
import { madeAt, noteClosed, noteOpen } from "./_debug/made.ts";
import {
  BaseProtocol,
  type Protocol,
  type SubprocessProtocol,
} from "./protocols.ts";
import {
  type Command,
  PIPE,
  type Stdio,
  type SubprocessOptions,
} from "./_os/subprocess_types.ts";
import {
  type BaseTransport,
  type ExtraInfo,
  SubprocessTransport,
} from "./transports.ts";

/** The platform's own pipe: loops take one, too, though users have none to give. */
function given<T>(pipe: object): T {
  return pipe as T;
}

/** A call of the protocol that waits until the pipes are connected. */
type Call = () => void;

/** A transport that its loop closes, if it is the library's own. */
interface LoopsOwn {
  _loopClosed?(told: boolean): void;
}

/** What is left of a transport that nobody holds any more. */
interface Held {
  closed: boolean;
  /** Whether it was told that it is not closed. */
  told: boolean;
  text: string;
}

const forgotten = new FinalizationRegistry<Held>((held) => {
  if (!held.closed && !held.told) {
    warn(`unclosed transport ${held.text}`, "ResourceWarning");
  }
});

/** A transport of a child process; the platform's loops say how one is started. */
export class BaseSubprocessTransport extends SubprocessTransport {
  /** @internal */
  _proc: Child | null = null;
  /** @internal */
  _protocol: SubprocessProtocol | null;
  /** @internal */
  readonly _loop: BaseEventLoop;
  #pid: number | null = null;
  #returncode: number | null = null;
  #exitWaiters: Set<Future<number>> | null = null;
  /** Null once the pipes are connected. */
  #pendingCalls: Call[] | null = [];
  /** Whether what was called before that has been told. */
  #direct = false;
  readonly #pipes: Map<number, WriteSubprocessPipeProto | null> = new Map();
  #finished = false;
  readonly #held: Held = { closed: false, told: false, text: "" };
  /** A child that outlives its loop goes on, and the program may end. */
  readonly #leave = (): void => this._proc?.unref();

  /**
   * Starts the child and connects its pipes.
   *
   * @param loop The loop.
   * @param protocol What is told of the child.
   * @param args The command for the shell, or the program and its arguments.
   * @param shell Whether it is a command for the shell.
   * @param stdin What it reads.
   * @param stdout Where it writes.
   * @param stderr Where it writes errors.
   * @param bufsize Always 0.
   * @param waiter Is done once the pipes are connected.
   * @param extra What `getExtraInfo` tells.
   * @param options See {@linkcode SubprocessOptions}.
   */
  constructor(
    loop: BaseEventLoop,
    protocol: SubprocessProtocol,
    args: Command,
    shell: boolean,
    stdin: Stdio,
    stdout: Stdio,
    stderr: Stdio,
    bufsize: number,
    waiter: Future<void> | null = null,
    extra: ExtraInfo | null = null,
    options: SubprocessOptions = {},
  ) {
    super(extra);
    this._loop = loop;
    this._protocol = protocol;
    if (stdin === PIPE) this.#pipes.set(0, null);
    if (stdout === PIPE) this.#pipes.set(1, null);
    if (stderr === PIPE) this.#pipes.set(2, null);
    try {
      this._start(args, shell, stdin, stdout, stderr, bufsize, options);
    } catch (error) {
      this.close();
      throw error;
    }
    const proc = this._proc!;
    this.#pid = proc.pid;
    this._extra["subprocess"] = proc;
    loop._closers.add(this.#leave);
    if (loop.getDebug()) noteOpen(this, loop);
    this.#held.text = `<${this.constructor.name} pid=${proc.pid}>${
      madeAt(this)
    }`;
    if (loop.getDebug()) {
      forgotten.register(this, this.#held);
      const program = typeof args === "string" ? args : args[0];
      logger.debug(`process ${program} created: pid ${proc.pid}`);
    }
    if (this.#pipes.size > 0) {
      loop.createTask(this.#connectPipes(proc, waiter));
    } else this.#begin(waiter);
  }

  /** Nothing has to be connected, and no task is needed for that. */
  #begin(waiter: Future<void> | null): void {
    this.#pendingCalls = null;
    const protocol = this._protocol!;
    this._loop.callSoon(() => {
      try {
        protocol.connectionMade(this);
      } finally {
        if (waiter !== null && !waiter.done()) waiter.setResult(undefined);
      }
    });
  }

  /** Shows the state of the child and its pipes. */
  override toString(): string {
    const info = [this.constructor.name];
    if (this.#held.closed) info.push("closed");
    if (this.#pid !== null) info.push(`pid=${this.#pid}`);
    if (this.#returncode !== null) info.push(`returncode=${this.#returncode}`);
    else info.push(this.#pid === null ? "not started" : "running");
    for (const [fd, proto] of this.#pipes) {
      const name = ["stdin", "stdout", "stderr"][fd]!;
      if (proto !== null) info.push(`${name}=${proto.pipe}`);
    }
    return `<${info.join(" ")}>`;
  }

  /**
   * Starts the child: sets `_proc`.
   *
   * @internal
   */
  _start(
    _args: Command,
    _shell: boolean,
    _stdin: Stdio,
    _stdout: Stdio,
    _stderr: Stdio,
    _bufsize: number,
    _options: SubprocessOptions,
  ): void {
    throw new NotImplementedError(
      `Cannot start a child process: ${this.constructor.name} does not say how`,
    );
  }

  /** Hands the child over to another protocol. */
  override setProtocol(protocol: BaseProtocol): void {
    this._protocol = protocol as SubprocessProtocol;
  }

  /** The protocol that is told of the child. */
  override getProtocol(): BaseProtocol {
    return this._protocol!;
  }

  /** Whether it was closed. */
  override isClosing(): boolean {
    return this.#held.closed;
  }

  /** Closes the pipes, and kills the child if it still runs. */
  override close(): void {
    if (this.#held.closed) return;
    this.#held.closed = true;
    noteClosed(this, this._loop);
    for (const proto of this.#pipes.values()) proto?.pipe?.close();
    const proc = this._proc;
    if (proc === null || this.#returncode !== null) return;
    if (this._loop.getDebug()) {
      logger.warning(`Close running child process: kill ${this}`);
    }
    try {
      proc.kill(this.#signal("SIGKILL"));
    } catch (error) {
      // It has just ended, or it runs as another user.
      if (!(error instanceof OSError)) throw error;
    }
  }

  /**
   * The child goes on by itself.
   *
   * @internal
   */
  _loopClosed(): void {
    this.#held.told = true;
    // Its pipes are part of it: one warning tells of them all.
    for (const proto of this.#pipes.values()) {
      (proto?.pipe as LoopsOwn | null | undefined)?._loopClosed?.(true);
    }
  }

  /** The number of the process. */
  override getPid(): number {
    return this.#pid!;
  }

  /**
   * How the child ended: its exit code, or the negative number of the signal that
   * ended it; null while it runs.
   */
  override getReturncode(): number | null {
    return this.#returncode;
  }

  /**
   * The transport of one of its pipes.
   *
   * @param fd 0, 1 or 2.
   * @returns The transport, or null where there is no such pipe.
   */
  override getPipeTransport(fd: number): BaseTransport | null {
    return this.#pipes.get(fd)?.pipe ?? null;
  }

  /** The number of a signal. */
  #signal(signal: string | number): number {
    if (typeof signal === "string") {
      const { numbers } = this._loop._platform.signals;
      const number = numbers.numberOf(signal);
      if (number !== undefined) return number;
    } else if (Number.isInteger(signal) && signal >= 0 && signal <= 64) {
      return signal;
    }
    throw new RangeError(
      `Cannot send the signal ${signal}: the system has none of that name`,
    );
  }

  /**
   * Sends a signal to the child.
   *
   * @param signal Its name or number.
   * @throws ProcessLookupError When the child has ended.
   * @throws RangeError When there is no such signal.
   */
  override sendSignal(signal: string | number): void {
    const number = this.#signal(signal);
    if (this._proc === null || this.#returncode !== null) {
      throw new ProcessLookupError(
        `Cannot send the signal ${signal} to the process ${this.#pid}: it has ` +
          "ended",
      );
    }
    this._proc.kill(number);
  }

  /** Asks the child to end, by SIGTERM. */
  override terminate(): void {
    this.sendSignal("SIGTERM");
  }

  /** Ends the child, by SIGKILL. */
  override kill(): void {
    this.sendSignal("SIGKILL");
  }

  *#connectPipes(proc: Child, waiter: Future<void> | null): Coro<void> {
    const { stdin, stdout, stderr } = proc;
    const loop = this._loop;
    try {
      if (stdin !== null) {
        const [, proto] = yield* loop.connectWritePipe(
          () => new WriteSubprocessPipeProto(this, 0),
          given<PipeTarget>(stdin),
        );
        this.#connected(0, proto);
      }
      if (stdout !== null) {
        const [, proto] = yield* loop.connectReadPipe(
          () => new ReadSubprocessPipeProto(this, 1),
          given<PipeSource>(stdout),
        );
        this.#connected(1, proto);
      }
      if (stderr !== null) {
        const [, proto] = yield* loop.connectReadPipe(
          () => new ReadSubprocessPipeProto(this, 2),
          given<PipeSource>(stderr),
        );
        this.#connected(2, proto);
      }
      const protocol = this._protocol!;
      loop.callSoon(() => protocol.connectionMade(this));
      const calls = this.#pendingCalls!;
      this.#pendingCalls = null;
      for (const call of calls) loop.callSoon(call);
      loop.callSoon(() => void (this.#direct = true));
      // It may have ended before they were connected.
      this.#tryFinish();
    } catch (error) {
      if (isExit(error)) throw error;
      stdin?.abort();
      stdout?.close();
      stderr?.close();
      if (waiter !== null && !waiter.cancelled()) waiter.setException(error);
      return;
    }
    if (waiter !== null && !waiter.cancelled()) waiter.setResult(undefined);
  }

  #connected(fd: number, proto: WriteSubprocessPipeProto): void {
    this.#pipes.set(fd, proto);
    // It was closed while this pipe was being connected.
    if (this.#held.closed) proto.pipe?.close();
  }

  #call(call: Call): void {
    if (this.#pendingCalls !== null) this.#pendingCalls.push(call);
    else this._loop.callSoon(call);
  }

  /** @internal */
  _pipeConnectionLost(fd: number, exc: unknown): void {
    const protocol = this._protocol!;
    this.#call(() => protocol.pipeConnectionLost(fd, exc));
    this.#tryFinish();
  }

  /** @internal */
  _pipeDataReceived(fd: number, data: Uint8Array): void {
    const protocol = this._protocol!;
    if (!this.#direct) {
      this.#call(() => protocol.pipeDataReceived(fd, data));
      return;
    }
    // The loop has called the pipe's transport: a turn of its own for each chunk
    // would double the cost.
    try {
      protocol.pipeDataReceived(fd, data);
    } catch (error) {
      if (isExit(error)) throw error;
      this._loop.callExceptionHandler({
        message: "Exception in callback protocol.pipe_data_received()",
        exception: error,
        transport: this,
        protocol,
      });
    }
  }

  /** @internal */
  _processExited(returncode: number): void {
    if (this._loop.getDebug()) {
      logger.info(`${this} exited with return code ${returncode}`);
    }
    this.#returncode = returncode;
    this._loop._closers.delete(this.#leave);
    const protocol = this._protocol!;
    this.#call(() => protocol.processExited());
    const waiters = this.#exitWaiters;
    this.#exitWaiters = null;
    if (waiters !== null) {
      for (const waiter of waiters) {
        if (!waiter.done()) waiter.setResult(returncode);
      }
    }
    this.#tryFinish();
  }

  /**
   * Waits until the child has ended.
   *
   * @internal
   */
  *_wait(): Coro<number> {
    if (this.#returncode !== null) return this.#returncode;
    const waiter = this._loop.createFuture<number>();
    const waiters = this.#exitWaiters ??= new Set();
    waiters.add(waiter);
    try {
      return yield* waiter;
    } finally {
      waiters.delete(waiter);
    }
  }

  /** The end comes once the child has ended and all pipes are closed. */
  #tryFinish(): void {
    if (this.#returncode === null || this.#finished) return;
    let open = 0;
    for (const [fd, proto] of this.#pipes) {
      if (fd > 0 && proto?.disconnected !== true) return;
      if (proto?.disconnected !== true) open++;
    }
    if (open > 0) {
      // No runtime tells that nobody reads its input any more: it is closed here.
      this.#pipes.get(0)?.pipe?.close();
      return;
    }
    this.#finished = true;
    noteClosed(this, this._loop);
    this.#call(() => this.#connectionLost());
  }

  #connectionLost(): void {
    try {
      this._protocol!.connectionLost(null);
    } finally {
      this._proc = null;
      this._protocol = null;
    }
  }
}

/** The protocol of a pipe that the child reads. */
export class WriteSubprocessPipeProto extends BaseProtocol {
  /** The transport of the child; null once the pipe is closed. */
  proc: BaseSubprocessTransport | null;
  /** Which pipe it is: 0, 1 or 2. */
  readonly fd: number;
  /** The transport of the pipe. */
  pipe: BaseTransport | null = null;
  /** Whether the pipe is closed. */
  disconnected = false;

  /**
   * Makes the protocol.
   *
   * @param proc The transport of the child.
   * @param fd Which pipe it is: 0, 1 or 2.
   */
  constructor(proc: BaseSubprocessTransport, fd: number) {
    super();
    this.proc = proc;
    this.fd = fd;
  }

  /** Keeps the transport. */
  override connectionMade(transport: BaseTransport): void {
    this.pipe = transport;
  }

  /** Shows which pipe it is. */
  override toString(): string {
    return `<${this.constructor.name} fd=${this.fd} pipe=${this.pipe}>`;
  }

  /** Tells the transport of the child. */
  override connectionLost(exc: unknown): void {
    this.disconnected = true;
    const { proc } = this;
    this.proc = null;
    proc?._pipeConnectionLost(this.fd, exc);
  }

  /** Tells the protocol of the child. */
  override pauseWriting(): void {
    this.proc?._protocol?.pauseWriting();
  }

  /** Tells the protocol of the child. */
  override resumeWriting(): void {
    this.proc?._protocol?.resumeWriting();
  }
}

/** The protocol of a pipe that the child writes. */
export class ReadSubprocessPipeProto extends WriteSubprocessPipeProto
  implements Protocol {
  /** The pipe is closed then. */
  eofReceived(): void {}

  /**
   * Tells the transport of the child.
   *
   * @param data The bytes.
   */
  dataReceived(data: Uint8Array): void {
    this.proc?._pipeDataReceived(this.fd, data);
  }
}
