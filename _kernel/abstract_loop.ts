/** What every event loop offers. */

import type {
  AnyCoroutine,
  Awaitable,
  Coroutine,
  TaskOptions,
} from "../coroutines.ts";
import type { Future } from "../futures.ts";
import type {
  AcceptedOptions,
  AddrInfo,
  AddrInfoOptions,
  ConnectionOptions,
  DatagramEndpointOptions,
  FileSource,
  HostPort,
  NameInfoFlag,
  ProtocolFactory,
  SendFileOptions,
  ServerOptions,
  SocketAddress,
  UpgradeOptions,
} from "../_net/net_types.ts";
import type { BaseProtocol, SubprocessProtocol } from "../protocols.ts";
import type { PipeSource, PipeTarget } from "../_platform/pipes.ts";
import type {
  SubprocessArgs,
  SubprocessOptions,
} from "../_os/subprocess_types.ts";
import type { Server } from "../_net/server.ts";
import type { Socket } from "../_net/socket.ts";
import type { SSLContext } from "../_tls/context.ts";
import type { Task } from "../tasks.ts";
import type {
  UnixConnectionOptions,
  UnixServerOptions,
} from "../_net/unix_sockets.ts";
import type {
  BaseTransport,
  DatagramTransport,
  ReadTransport,
  SubprocessTransport,
  Transport,
  WriteTransport,
} from "../transports.ts";
import type { StepOwner } from "./state.ts";
import type {
  Callback,
  ExceptionContext,
  ExceptionHandler,
  Executor,
  Handle,
  Runnable,
  TaskFactory,
  TimerHandle,
} from "../events.ts";
import { missing } from "./missing.ts";

/**
 * What every event loop offers. The methods here throw NotImplementedError, as
 * those of a loop without that ability do.
 */
export abstract class AbstractEventLoop {
  /** Runs until {@linkcode AbstractEventLoop.stop} is called. */
  runForever(): Promise<void> {
    throw missing(this, "runForever");
  }
  /** Runs until an awaitable is done, and returns its result. */
  runUntilComplete<T>(_future: Awaitable<T>): Promise<T> {
    throw missing(this, "runUntilComplete");
  }
  /** Ends the run after the current iteration. */
  stop(): void {
    throw missing(this, "stop");
  }
  /** Whether it runs. */
  isRunning(): boolean {
    throw missing(this, "isRunning");
  }
  /** Whether it was closed. */
  isClosed(): boolean {
    throw missing(this, "isClosed");
  }
  /** Drops what is scheduled; the loop cannot be used again. */
  close(): void {
    throw missing(this, "close");
  }
  /** Closes the async generators that are still open. */
  shutdownAsyncgens(): Coroutine<void> {
    throw missing(this, "shutdownAsyncgens");
  }
  /** Ends the default executor and waits for it, up to a timeout in seconds. */
  shutdownDefaultExecutor(_timeout?: number | null): Coroutine<void> {
    throw missing(this, "shutdownDefaultExecutor");
  }

  /** Calls a function in the next iteration. */
  callSoon<A extends unknown[]>(_callback: Callback<A>, ..._args: A): Handle {
    throw missing(this, "callSoon");
  }
  /** Calls a function after a delay in seconds. */
  callLater<A extends unknown[]>(
    _delay: number,
    _callback: Callback<A>,
    ..._args: A
  ): TimerHandle {
    throw missing(this, "callLater");
  }
  /** Calls a function at a time of the loop's clock, in seconds. */
  callAt<A extends unknown[]>(
    _when: number,
    _callback: Callback<A>,
    ..._args: A
  ): TimerHandle {
    throw missing(this, "callAt");
  }
  /** As `callSoon`, also for callers outside the loop: it wakes an idle loop. */
  callSoonThreadsafe<A extends unknown[]>(
    _callback: Callback<A>,
    ..._args: A
  ): Handle {
    throw missing(this, "callSoonThreadsafe");
  }
  /** The loop's clock, in seconds. */
  time(): number {
    throw missing(this, "time");
  }
  /** Makes a future of this loop. */
  createFuture<T>(): Future<T> {
    throw missing(this, "createFuture");
  }
  /** Makes a task of this loop. */
  createTask<T>(_coro: AnyCoroutine<T>, _options?: TaskOptions): Task<T> {
    throw missing(this, "createTask");
  }

  /** Runs a function in an executor, or in the default one. */
  runInExecutor<T>(
    _executor: Executor | null,
    _func: unknown,
    ..._args: unknown[]
  ): Future<T> {
    throw missing(this, "runInExecutor");
  }
  /** Chooses the executor that `runInExecutor(null, …)` uses. */
  setDefaultExecutor(_executor: Executor): void {
    throw missing(this, "setDefaultExecutor");
  }

  /** Looks a host up. */
  getAddrInfo(
    _host: string | null,
    _port: number | string | null,
    _options?: AddrInfoOptions,
  ): Coroutine<AddrInfo[]> {
    throw missing(this, "getAddrInfo");
  }
  /** Finds the names of an address. */
  getNameInfo(
    _sockaddr: SocketAddress,
    _flags?: readonly NameInfoFlag[],
  ): Coroutine<[host: string, service: string]> {
    throw missing(this, "getNameInfo");
  }
  /** Connects to a TCP server. */
  createConnection<P extends BaseProtocol>(
    _protocolFactory: ProtocolFactory<P>,
    _host?: string | null,
    _port?: number | string | null,
    _options?: ConnectionOptions,
  ): Coroutine<[transport: Transport, protocol: P]> {
    throw missing(this, "createConnection");
  }
  /** Starts a TCP server. */
  createServer(
    _protocolFactory: ProtocolFactory,
    _host?: string | readonly string[] | null,
    _port?: number | string | null,
    _options?: ServerOptions,
  ): Coroutine<Server> {
    throw missing(this, "createServer");
  }
  /** Makes a transport of a connection that was accepted by hand. */
  connectAcceptedSocket<P extends BaseProtocol>(
    _protocolFactory: ProtocolFactory<P>,
    _sock: Socket,
    _options?: AcceptedOptions,
  ): Coroutine<[transport: Transport, protocol: P]> {
    throw missing(this, "connectAcceptedSocket");
  }
  /** Opens a UDP socket. */
  createDatagramEndpoint<P extends BaseProtocol>(
    _protocolFactory: ProtocolFactory<P>,
    _localAddr?: HostPort | null,
    _remoteAddr?: HostPort | null,
    _options?: DatagramEndpointOptions,
  ): Coroutine<[transport: DatagramTransport, protocol: P]> {
    throw missing(this, "createDatagramEndpoint");
  }
  /** Upgrades a connection to TLS. */
  startTls(
    _transport: BaseTransport,
    _protocol: BaseProtocol,
    _sslcontext: SSLContext,
    _options?: UpgradeOptions,
  ): Coroutine<Transport> {
    throw missing(this, "startTls");
  }
  /** Sends a file. */
  sendFile(
    _transport: BaseTransport,
    _file: FileSource,
    _offset?: number,
    _count?: number | null,
    _options?: SendFileOptions,
  ): Coroutine<number> {
    throw missing(this, "sendFile");
  }
  /** Connects a protocol to a pipe that is read. */
  connectReadPipe<P extends BaseProtocol>(
    _protocolFactory: ProtocolFactory<P>,
    _pipe: PipeSource,
  ): Coroutine<[transport: ReadTransport, protocol: P]> {
    throw missing(this, "connectReadPipe");
  }
  /** Connects a protocol to a pipe that is written. */
  connectWritePipe<P extends BaseProtocol>(
    _protocolFactory: ProtocolFactory<P>,
    _pipe: PipeTarget,
  ): Coroutine<[transport: WriteTransport, protocol: P]> {
    throw missing(this, "connectWritePipe");
  }
  /** Starts a shell that runs a command. */
  subprocessShell<P extends SubprocessProtocol>(
    _protocolFactory: ProtocolFactory<P>,
    _cmd: string,
    _options?: SubprocessOptions,
  ): Coroutine<[transport: SubprocessTransport, protocol: P]> {
    throw missing(this, "subprocessShell");
  }
  /** Starts a program. */
  subprocessExec<P extends SubprocessProtocol>(
    _protocolFactory: ProtocolFactory<P>,
    ..._args: SubprocessArgs
  ): Coroutine<[transport: SubprocessTransport, protocol: P]> {
    throw missing(this, "subprocessExec");
  }

  /** Connects to a Unix socket. */
  createUnixConnection<P extends BaseProtocol>(
    _protocolFactory: ProtocolFactory<P>,
    _path?: string | URL | null,
    _options?: UnixConnectionOptions,
  ): Coroutine<[transport: Transport, protocol: P]> {
    throw missing(this, "createUnixConnection");
  }
  /** Starts a server on a Unix socket. */
  createUnixServer(
    _protocolFactory: ProtocolFactory,
    _path?: string | URL | null,
    _options?: UnixServerOptions,
  ): Coroutine<Server> {
    throw missing(this, "createUnixServer");
  }

  /** Calls a function whenever a socket can be read. */
  addReader<A extends unknown[]>(
    _sock: Socket,
    _callback: Callback<A>,
    ..._args: A
  ): void {
    throw missing(this, "addReader");
  }
  /** Calls no function any more when a socket can be read. */
  removeReader(_sock: Socket): boolean {
    throw missing(this, "removeReader");
  }
  /** Calls a function whenever a socket can be written to. */
  addWriter<A extends unknown[]>(
    _sock: Socket,
    _callback: Callback<A>,
    ..._args: A
  ): void {
    throw missing(this, "addWriter");
  }
  /** Calls no function any more when a socket can be written to. */
  removeWriter(_sock: Socket): boolean {
    throw missing(this, "removeWriter");
  }
  /** Calls a function at each signal of one kind. */
  addSignalHandler<A extends unknown[]>(
    _sig: string | number,
    _callback: Callback<A>,
    ..._args: A
  ): void {
    throw missing(this, "addSignalHandler");
  }
  /** Calls no function any more at a signal, which has its default action again. */
  removeSignalHandler(_sig: string | number): boolean {
    throw missing(this, "removeSignalHandler");
  }
  /** Receives from a socket. */
  sockRecv(_sock: Socket, _nbytes: number): Coroutine<Uint8Array> {
    throw missing(this, "sockRecv");
  }
  /** Receives from a socket into a buffer. */
  sockRecvInto(_sock: Socket, _buf: Uint8Array): Coroutine<number> {
    throw missing(this, "sockRecvInto");
  }
  /** Receives a datagram. */
  sockRecvFrom(
    _sock: Socket,
    _bufsize: number,
  ): Coroutine<[data: Uint8Array, address: SocketAddress]> {
    throw missing(this, "sockRecvFrom");
  }
  /** Receives a datagram into a buffer. */
  sockRecvFromInto(
    _sock: Socket,
    _buf: Uint8Array,
    _nbytes?: number,
  ): Coroutine<[count: number, address: SocketAddress]> {
    throw missing(this, "sockRecvFromInto");
  }
  /** Sends bytes by a socket, all of them. */
  sockSendAll(_sock: Socket, _data: Uint8Array): Coroutine<void> {
    throw missing(this, "sockSendAll");
  }
  /** Sends a datagram. */
  sockSendTo(
    _sock: Socket,
    _data: Uint8Array,
    _address: SocketAddress,
  ): Coroutine<number> {
    throw missing(this, "sockSendTo");
  }
  /** Connects a socket. */
  sockConnect(_sock: Socket, _address: SocketAddress): Coroutine<void> {
    throw missing(this, "sockConnect");
  }
  /** Accepts a connection of a listening socket. */
  sockAccept(
    _sock: Socket,
  ): Coroutine<[socket: Socket, address: SocketAddress]> {
    throw missing(this, "sockAccept");
  }
  /** Sends a file by a socket. */
  sockSendFile(
    _sock: Socket,
    _file: FileSource,
    _offset?: number,
    _count?: number | null,
    _options?: SendFileOptions,
  ): Coroutine<number> {
    throw missing(this, "sockSendFile");
  }

  /** Chooses what makes the loop's tasks; null for the Task class. */
  setTaskFactory(_factory: TaskFactory | null): void {
    throw missing(this, "setTaskFactory");
  }
  /** What makes the loop's tasks, or null for the Task class. */
  getTaskFactory(): TaskFactory | null {
    throw missing(this, "getTaskFactory");
  }
  /** The handler that was set, or null. */
  getExceptionHandler(): ExceptionHandler | null {
    throw missing(this, "getExceptionHandler");
  }
  /** Chooses who is told of errors that nobody can catch; null for the default. */
  setExceptionHandler(_handler: ExceptionHandler | null): void {
    throw missing(this, "setExceptionHandler");
  }
  /** Logs an error that nobody can catch. */
  defaultExceptionHandler(_context: ExceptionContext): void {
    throw missing(this, "defaultExceptionHandler");
  }
  /** Tells the handler of an error that nobody can catch. */
  callExceptionHandler(_context: ExceptionContext): void {
    throw missing(this, "callExceptionHandler");
  }
  /** Whether debug mode is on. */
  getDebug(): boolean {
    throw missing(this, "getDebug");
  }
  /** Turns debug mode on or off. */
  setDebug(_enabled: boolean): void {
    throw missing(this, "setDebug");
  }

  // What futures and tasks need of a loop beyond asyncio's interface. A loop
  // that has nothing but callSoon gets by with these.

  /**
   * Queues something to be run in the next iteration.
   *
   * @internal
   */
  _push(runnable: Runnable): void {
    this.callSoon(() => runnable._run());
  }
  /**
   * Async code of a task is about to run in microtasks.
   *
   * @internal
   */
  _openStep(_owner: StepOwner): void {}
  /**
   * A task waits for something of this library, or has ended.
   *
   * @internal
   */
  _closeStep(_owner: StepOwner): void {}

  /**
   * A future of this loop waits for a promise that is none of the library's; loops of
   * tests hold their clock until it has settled.
   *
   * @internal
   */
  _foreign(_promise: PromiseLike<unknown>): void {}
  /**
   * Ends the run with an error.
   *
   * @internal
   */
  _fatal(error: unknown): void {
    throw error;
  }
  /**
   * Puts a timer into the heap.
   *
   * @internal
   */
  _addTimer(timer: TimerHandle): void {
    this.callAt(timer._when, () => timer._run());
  }
  /**
   * Hears of a timer that was cancelled.
   *
   * @internal
   */
  _timerHandleCancelled(_handle: TimerHandle): void {}
}
