/**
 * The loops of Windows. The one with a proactor, which `newEventLoop` makes there, has
 * pipes and child processes; the one with a selector has sockets alone.
 *
 * Neither has Unix sockets or signal handlers: Windows has neither.
 *
 * @example Whether a program runs on one of these loops
 * ```ts
 * import { getRunningLoop, run } from "@x/asyncio";
 * import { ProactorEventLoop } from "@x/asyncio/windows_events";
 *
 * await run(async () => {
 *   console.log(getRunningLoop() instanceof ProactorEventLoop);
 * });
 * ```
 *
 * @module
 */

import type { PipeSource, PipeTarget } from "./_platform/pipes.ts";
import type { LoopOptions } from "./base_events.ts";
import { Coroutine } from "./coroutines.ts";
import { BaseDefaultEventLoopPolicy, type Callback } from "./events.ts";
import { NotImplementedError } from "./exceptions.ts";
import { IocpProactor } from "./_os/iocp.ts";
import type { ProtocolFactory } from "./_net/net_types.ts";
import { BaseProactorEventLoop } from "./proactor_events.ts";
import type { BaseProtocol, SubprocessProtocol } from "./protocols.ts";
import { BaseSelectorEventLoop } from "./selector_events.ts";
import type { Signal } from "./_os/signal_handlers.ts";
import type {
  SubprocessArgs,
  SubprocessOptions,
} from "./_os/subprocess_types.ts";
import type {
  ReadTransport,
  SubprocessTransport,
  Transport,
  WriteTransport,
} from "./transports.ts";
import type {
  UnixConnectionOptions,
  UnixServerOptions,
} from "./_net/unix_sockets.ts";
import type { PipeHandle, PipeServer } from "./_os/windows_pipes.ts";
import {
  connectNamed,
  createPipeConnection,
  givenOf,
  isSocket,
  startServingPipe,
} from "./_os/windows_serving.ts";

export { PipeServer } from "./_os/windows_pipes.ts";
export {
  CONNECT_PIPE_INIT_DELAY,
  CONNECT_PIPE_MAX_DELAY,
  type Connection,
  INFINITE,
  IocpProactor,
  type Waitable,
} from "./_os/iocp.ts";

/** Nothing, as Windows writes it. */
export const NULL: number = 0;
/** The number of Windows' error for a connection that was refused. */
export const ERROR_CONNECTION_REFUSED: number = 1225;
/** The number of Windows' error for a connection that was aborted. */
export const ERROR_CONNECTION_ABORTED: number = 1236;

/** The error for what Windows has not. */
function lacking(what: string, why: string): NotImplementedError {
  return new NotImplementedError(`Cannot ${what}: ${why}`);
}

function noSignals(loop: BaseSelectorEventLoop, sig: Signal): Error {
  const names = loop._platform.signals.numbers.names().join(", ");
  return lacking(
    `handle ${sig}`,
    `event loops have no signal handlers on Windows, whose signals are ${names}`,
  );
}

function noUnixSockets(): Error {
  return lacking(
    "use a Unix socket",
    "event loops have none on Windows; named pipes are there, or TCP on " +
      "127.0.0.1",
  );
}

function noPipes(what: string): Error {
  return lacking(
    what,
    "the SelectorEventLoop of Windows has sockets alone; the " +
      "ProactorEventLoop can",
  );
}

function checkSystem(loop: BaseSelectorEventLoop): void {
  const { name } = loop._platform.os;
  if (name === "win32") return;
  throw lacking(
    `make a ${loop.constructor.name}`,
    `it is a loop of Windows, and this is ${name}`,
  );
}

/** The loop of Windows with sockets alone. */
export class _WindowsSelectorEventLoop extends BaseSelectorEventLoop {
  /**
   * Makes a loop that is not running yet.
   *
   * @param options `platform`: what it runs on; for tests.
   * @throws {NotImplementedError} If the system is not Windows.
   */
  constructor(options?: LoopOptions) {
    super(options);
    checkSystem(this);
  }

  /** Not there: Windows has no such signals. Throws NotImplementedError. */
  override addSignalHandler<A extends unknown[]>(
    sig: Signal,
    _callback: Callback<A>,
    ..._args: A
  ): void {
    throw noSignals(this, sig);
  }

  /** Not there: Windows has no such signals. Throws NotImplementedError. */
  override removeSignalHandler(sig: Signal): boolean {
    throw noSignals(this, sig);
  }

  /** Not there: Windows has no Unix sockets. Throws NotImplementedError. */
  override createUnixConnection<P extends BaseProtocol>(
    _protocolFactory: ProtocolFactory<P>,
    _path?: string | URL | null,
    _options?: UnixConnectionOptions,
  ): Coroutine<[transport: Transport, protocol: P]> {
    throw noUnixSockets();
  }

  /** Not there: Windows has no Unix sockets. Throws NotImplementedError. */
  override createUnixServer(
    _protocolFactory: ProtocolFactory,
    _path?: string | URL | null,
    _options?: UnixServerOptions,
  ): Coroutine<never> {
    throw noUnixSockets();
  }

  /** Not there: a selector has no pipes. Throws NotImplementedError. */
  override connectReadPipe<P extends BaseProtocol>(
    _protocolFactory: ProtocolFactory<P>,
    _pipe: PipeSource,
  ): Coroutine<[transport: ReadTransport, protocol: P]> {
    throw noPipes("read a pipe");
  }

  /** Not there: a selector has no pipes. Throws NotImplementedError. */
  override connectWritePipe<P extends BaseProtocol>(
    _protocolFactory: ProtocolFactory<P>,
    _pipe: PipeTarget,
  ): Coroutine<[transport: WriteTransport, protocol: P]> {
    throw noPipes("write to a pipe");
  }

  /** Not there: a selector has no pipes. Throws NotImplementedError. */
  override subprocessShell<P extends SubprocessProtocol>(
    _protocolFactory: ProtocolFactory<P>,
    _cmd: string,
    _options?: SubprocessOptions,
  ): Coroutine<[transport: SubprocessTransport, protocol: P]> {
    throw noPipes("start a child process");
  }

  /** Not there: a selector has no pipes. Throws NotImplementedError. */
  override subprocessExec<P extends SubprocessProtocol>(
    _protocolFactory: ProtocolFactory<P>,
    ..._args: SubprocessArgs
  ): Coroutine<[transport: SubprocessTransport, protocol: P]> {
    throw noPipes("start a child process");
  }
}

/** The loop of Windows with sockets, pipes and child processes. */
export class ProactorEventLoop extends BaseProactorEventLoop {
  /** @internal */
  readonly _proactor: IocpProactor;

  /**
   * Makes a loop that is not running yet.
   *
   * @param proactor What starts operations; a new one unless given.
   * @param options `platform`: what it runs on; for tests.
   * @throws {NotImplementedError} If the system is not Windows.
   */
  constructor(proactor: IocpProactor | null = null, options?: LoopOptions) {
    super(options);
    checkSystem(this);
    this._proactor = proactor ?? new IocpProactor();
    this._proactor.setLoop(this);
  }

  /**
   * Runs until {@linkcode ProactorEventLoop.stop} is called.
   *
   * @returns A promise that settles when the loop has stopped.
   * @throws {RuntimeError} When it is closed, or a loop runs already.
   */
  override runForever(): Promise<void> {
    return super.runForever();
  }

  /** As that of every loop; what the proactor has under way is cancelled. */
  override close(): void {
    if (!this.isRunning() && !this.isClosed()) this._proactor.close();
    super.close();
  }

  /**
   * Connects to a named pipe.
   *
   * @param protocolFactory Makes the protocol.
   * @param address The pipe's name: "\\\\.\\pipe\\name".
   * @returns The transport and the protocol.
   * @throws {OSError} If there is no such pipe.
   */
  createPipeConnection<P extends BaseProtocol>(
    protocolFactory: ProtocolFactory<P>,
    address: string,
  ): Coroutine<[transport: Transport, protocol: P]> {
    return new Coroutine<[transport: Transport, protocol: P]>(
      createPipeConnection as never,
      [this, protocolFactory, address],
    );
  }

  /**
   * Starts a server of a named pipe.
   *
   * @param protocolFactory Makes a protocol for each client.
   * @param address The pipe's name: "\\\\.\\pipe\\name".
   * @returns The one server, in an array.
   * @throws {OSError} If the name is taken.
   *
   * @example A server, closed again
   * ```ts
   * import { ProactorEventLoop, Protocol } from "@x/asyncio";
   *
   * export async function serve(loop: ProactorEventLoop) {
   *   const [server] = await loop.startServingPipe(
   *     () => new Protocol(),
   *     "\\\\.\\pipe\\service",
   *   );
   *   server.close();
   * }
   * ```
   */
  startServingPipe(
    protocolFactory: ProtocolFactory,
    address: string,
  ): Coroutine<[server: PipeServer]> {
    return new Coroutine<[server: PipeServer]>(
      startServingPipe as never,
      [this, protocolFactory, address],
    );
  }

  /**
   * As that of every loop; takes the handle of a pipe, too.
   *
   * @param protocolFactory Makes the protocol.
   * @param pipe What is read.
   * @returns The transport and the protocol, once `connectionMade` was called.
   */
  override connectReadPipe<P extends BaseProtocol>(
    protocolFactory: ProtocolFactory<P>,
    pipe: PipeSource | PipeHandle,
  ): Coroutine<[transport: ReadTransport, protocol: P]> {
    const given = givenOf(pipe);
    return isSocket(given)
      ? connectNamed(this, protocolFactory, given)
      : super.connectReadPipe(protocolFactory, given as PipeSource);
  }

  /**
   * As that of every loop; takes the handle of a pipe, too.
   *
   * @param protocolFactory Makes the protocol.
   * @param pipe What is written.
   * @returns The transport and the protocol, once `connectionMade` was called.
   */
  override connectWritePipe<P extends BaseProtocol>(
    protocolFactory: ProtocolFactory<P>,
    pipe: PipeTarget | PipeHandle,
  ): Coroutine<[transport: WriteTransport, protocol: P]> {
    const given = givenOf(pipe);
    return isSocket(given)
      ? connectNamed(this, protocolFactory, given)
      : super.connectWritePipe(protocolFactory, given as PipeTarget);
  }

  /** Not there: Windows has no such signals. Throws NotImplementedError. */
  override addSignalHandler<A extends unknown[]>(
    sig: Signal,
    _callback: Callback<A>,
    ..._args: A
  ): void {
    throw noSignals(this, sig);
  }

  /** Not there: Windows has no such signals. Throws NotImplementedError. */
  override removeSignalHandler(sig: Signal): boolean {
    throw noSignals(this, sig);
  }

  /** Not there: Windows has no Unix sockets. Throws NotImplementedError. */
  override createUnixConnection<P extends BaseProtocol>(
    _protocolFactory: ProtocolFactory<P>,
    _path?: string | URL | null,
    _options?: UnixConnectionOptions,
  ): Coroutine<[transport: Transport, protocol: P]> {
    throw noUnixSockets();
  }

  /** Not there: Windows has no Unix sockets. Throws NotImplementedError. */
  override createUnixServer(
    _protocolFactory: ProtocolFactory,
    _path?: string | URL | null,
    _options?: UnixServerOptions,
  ): Coroutine<never> {
    throw noUnixSockets();
  }
}

/** The policy whose loops have sockets alone. */
export class WindowsSelectorEventLoopPolicy extends BaseDefaultEventLoopPolicy {
  readonly #options: LoopOptions | undefined;

  /**
   * Makes a policy.
   *
   * @param options What its loops are made with; for tests.
   */
  constructor(options?: LoopOptions) {
    super();
    this.#options = options;
  }

  /**
   * Makes a loop with sockets alone.
   *
   * @throws {NotImplementedError} If the system is not Windows.
   */
  override newEventLoop(): _WindowsSelectorEventLoop {
    return new _WindowsSelectorEventLoop(this.#options);
  }
}

/** The policy whose loops have sockets, pipes and child processes. */
export class WindowsProactorEventLoopPolicy extends BaseDefaultEventLoopPolicy {
  readonly #options: LoopOptions | undefined;

  /**
   * Makes a policy.
   *
   * @param options What its loops are made with; for tests.
   */
  constructor(options?: LoopOptions) {
    super();
    this.#options = options;
  }

  /**
   * Makes a {@linkcode ProactorEventLoop}.
   *
   * @throws {NotImplementedError} If the system is not Windows.
   */
  override newEventLoop(): ProactorEventLoop {
    return new ProactorEventLoop(null, this.#options);
  }
}

/** The loop of Windows with sockets alone. */
export const SelectorEventLoop: typeof _WindowsSelectorEventLoop =
  _WindowsSelectorEventLoop;
/** The loop of Windows with sockets alone. */
export type SelectorEventLoop = _WindowsSelectorEventLoop;

/** The best loop of Windows, which `newEventLoop` makes there. */
export const EventLoop: typeof ProactorEventLoop = ProactorEventLoop;
/** The best loop of Windows, which `newEventLoop` makes there. */
export type EventLoop = ProactorEventLoop;

/** The policy in use on Windows unless another is set. */
export const DefaultEventLoopPolicy: typeof WindowsProactorEventLoopPolicy =
  WindowsProactorEventLoopPolicy;
/** The policy in use on Windows unless another is set. */
export type DefaultEventLoopPolicy = WindowsProactorEventLoopPolicy;
