/** Pipes and child processes of a loop. */

import type {
  PipeSource,
  PipeTarget,
  ReadPipe,
  WritePipe,
} from "../_platform/pipes.ts";
import type { BaseEventLoop } from "../base_events.ts";
import { BaseSubprocessTransport } from "../base_subprocess.ts";
import type { Coro } from "../coroutines.ts";
import { isExit } from "../events.ts";
import { logger } from "../log.ts";
import type { ProtocolFactory } from "../_net/net_types.ts";
import type { BaseProtocol, SubprocessProtocol } from "../protocols.ts";
import {
  checkOptions,
  type Command,
  DEVNULL,
  PIPE,
  type ProgramArgs,
  spawnOptions,
  splitOptions,
  type Stdio,
  STDOUT,
  type SubprocessOptions,
} from "./subprocess_types.ts";
import { begun, opened } from "../_net/taking.ts";
import type {
  ReadTransport,
  SubprocessTransport,
  WriteTransport,
} from "../transports.ts";

/** What can be read: something to be opened, or, in here, a pipe of the platform's. */
type GivenSource = PipeSource | ReadPipe;

/** What can be written: the same. */
type GivenTarget = PipeTarget | WritePipe;

/** Whether something is a pipe of the platform's. */
function isOpen<P extends object>(pipe: object | P): pipe is P {
  return typeof (pipe as { attach?: unknown }).attach === "function";
}

/** Opens what is to be read, unless it is open. */
function* openedSource(
  loop: BaseEventLoop,
  pipe: GivenSource,
): Coro<ReadPipe> {
  if (isOpen<ReadPipe>(Object(pipe))) return pipe as ReadPipe;
  return yield* opened(
    loop,
    (signal) => loop._platform.pipes.openRead(pipe as PipeSource, signal),
    (late) => late.close(),
  );
}

/** Opens what is to be written, unless it is open. */
function* openedTarget(
  loop: BaseEventLoop,
  pipe: GivenTarget,
): Coro<WritePipe> {
  if (isOpen<WritePipe>(Object(pipe))) return pipe as WritePipe;
  return yield* opened(
    loop,
    (signal) => loop._platform.pipes.openWrite(pipe as PipeTarget, signal),
    (late) => late.abort(),
  );
}

/** See `BaseEventLoop.connectReadPipe`. */
export function* connectReadPipe<P extends BaseProtocol>(
  loop: BaseEventLoop,
  protocolFactory: ProtocolFactory<P>,
  pipe: GivenSource,
): Coro<[ReadTransport, P]> {
  const protocol = protocolFactory();
  const input = yield* openedSource(loop, pipe);
  const waiter = loop.createFuture<void>();
  const transport = loop._makeReadPipeTransport(input, protocol, waiter, {
    pipe,
  });
  yield* begun(waiter, transport);
  if (loop.getDebug()) {
    logger.debug(`Read pipe connected: (${transport}, ${protocol})`);
  }
  return [transport, protocol];
}

/** See `BaseEventLoop.connectWritePipe`. */
export function* connectWritePipe<P extends BaseProtocol>(
  loop: BaseEventLoop,
  protocolFactory: ProtocolFactory<P>,
  pipe: GivenTarget,
): Coro<[WriteTransport, P]> {
  const protocol = protocolFactory();
  const output = yield* openedTarget(loop, pipe);
  const waiter = loop.createFuture<void>();
  const transport = loop._makeWritePipeTransport(output, protocol, waiter, {
    pipe,
  });
  yield* begun(waiter, transport);
  if (loop.getDebug()) {
    logger.debug(`Write pipe connected: (${transport}, ${protocol})`);
  }
  return [transport, protocol];
}

/**
 * The transport of a child process that the platform starts.
 *
 * @internal
 */
export class _UnixSubprocessTransport extends BaseSubprocessTransport {
  override _start(
    args: Command,
    _shell: boolean,
    stdin: Stdio,
    stdout: Stdio,
    stderr: Stdio,
    _bufsize: number,
    options: SubprocessOptions,
  ): void {
    const { processes } = this._loop._platform;
    this._proc = processes.spawn(
      spawnOptions(processes, args, stdin, stdout, stderr, options),
    );
  }
}

/** What a child is started with, and for whom. */
export interface SubprocessStart {
  readonly protocol: SubprocessProtocol;
  readonly args: Command;
  readonly shell: boolean;
  readonly stdin: Stdio;
  readonly stdout: Stdio;
  readonly stderr: Stdio;
  readonly options: SubprocessOptions;
}

/** See `BaseEventLoop._makeSubprocessTransport`. */
export function* makeSubprocessTransport(
  loop: BaseEventLoop,
  start: SubprocessStart,
): Coro<SubprocessTransport> {
  const { protocol, args, shell, stdin, stdout, stderr, options } = start;
  const waiter = loop.createFuture<void>();
  const transport = new _UnixSubprocessTransport(
    loop,
    protocol,
    args,
    shell,
    stdin,
    stdout,
    stderr,
    0,
    waiter,
    null,
    options,
  );
  transport._proc!.onExit((returncode) => {
    if (loop.isClosed()) return;
    loop.callSoonThreadsafe(() => transport._processExited(returncode));
  });
  try {
    yield* waiter;
  } catch (error) {
    if (isExit(error)) throw error;
    transport.close();
    yield* transport._wait();
    throw error;
  }
  return transport;
}

/** See `BaseEventLoop.subprocessShell`. */
export function subprocessShell<P extends SubprocessProtocol>(
  loop: BaseEventLoop,
  protocolFactory: ProtocolFactory<P>,
  cmd: string,
  options: SubprocessOptions,
): Coro<[SubprocessTransport, P]> {
  return start(loop, protocolFactory, cmd, options);
}

/** See `BaseEventLoop.subprocessExec`. */
export function subprocessExec<P extends SubprocessProtocol>(
  loop: BaseEventLoop,
  protocolFactory: ProtocolFactory<P>,
  program: string | URL,
  rest: ProgramArgs,
): Coro<[SubprocessTransport, P]> {
  const [args, options] = splitOptions<SubprocessOptions>(rest);
  return start(loop, protocolFactory, [program, ...args], options);
}

function* start<P extends SubprocessProtocol>(
  loop: BaseEventLoop,
  protocolFactory: ProtocolFactory<P>,
  args: Command,
  options: SubprocessOptions,
): Coro<[SubprocessTransport, P]> {
  const shell = typeof args === "string";
  if (!shell && !Array.isArray(args)) {
    throw new RangeError("cmd must be a string");
  }
  checkOptions(options, shell);
  const { stdin = PIPE, stdout = PIPE, stderr = PIPE } = options;
  const protocol = protocolFactory();
  // Without what it is called with: that may be secret, and long.
  const what = shell
    ? `run shell command ${args}`
    : `execute program ${args[0]}`;
  const debug = loop.getDebug();
  if (debug) logger.debug(what + streamsOf(stdin, stdout, stderr));
  const transport = yield* loop._makeSubprocessTransport({
    protocol,
    args,
    shell,
    stdin,
    stdout,
    stderr,
    options,
  });
  if (debug) logger.info(`${what}: ${transport}`);
  return [transport, protocol];
}

/** The standard streams of a child, for the log. */
function streamsOf(stdin: Stdio, stdout: Stdio, stderr: Stdio): string {
  const show = (stream: Stdio) =>
    stream === PIPE
      ? "<pipe>"
      : stream === DEVNULL
      ? "<devnull>"
      : String(typeof stream === "number" ? stream : stream?.fd);
  let shown = stdin === null ? "" : ` stdin=${show(stdin)}`;
  if (stdout !== null && stderr === STDOUT) {
    return `${shown} stdout=stderr=${show(stdout)}`;
  }
  if (stdout !== null) shown += ` stdout=${show(stdout)}`;
  if (stderr !== null) shown += ` stderr=${show(stderr)}`;
  return shown;
}
