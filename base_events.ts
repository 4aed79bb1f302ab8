/**
 * The loop that all others extend: callbacks, timers, futures, tasks, executors, and
 * what can be said of connections, servers and names without knowing the platform.
 *
 * @example A loop without the runner
 * ```ts
 * import { newEventLoop } from "@x/asyncio";
 *
 * const loop = newEventLoop();
 * loop.callLater(0.01, () => loop.stop());
 * await loop.runForever();
 * loop.close();
 * ```
 *
 * @module
 */

import type { DatagramSocket } from "./_platform/datagrams.ts";
import type {
  PipeSource,
  PipeTarget,
  ReadPipe,
  WritePipe,
} from "./_platform/pipes.ts";
import type { SocketAddress, StreamSocket } from "./_platform/sockets.ts";
import { type Coro, Coroutine } from "./coroutines.ts";
import { NotImplementedError } from "./exceptions.ts";
import type { Future } from "./futures.ts";
import { LoopServices } from "./_kernel/whole_loop.ts";
import { call, needParts, partsHere } from "./_net/late.ts";
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
  SocketTransportOptions,
  SslTransportOptions,
  UpgradeOptions,
} from "./_net/net_types.ts";
import type { BaseProtocol, SubprocessProtocol } from "./protocols.ts";
import type { Server } from "./_net/server.ts";
import type { Socket } from "./_net/socket.ts";
import type { SSLContext } from "./_tls/context.ts";
import type { SubprocessStart } from "./_os/subprocesses.ts";
import type { ProgramArgs, SubprocessOptions } from "./_os/subprocess_types.ts";
import type {
  BaseTransport,
  DatagramTransport,
  ExtraInfo,
  ReadTransport,
  SubprocessTransport,
  Transport,
  WriteTransport,
} from "./transports.ts";

export type { LoopOptions } from "./_kernel/loop_core.ts";
export { registerDefaultExecutor } from "./_kernel/executors.ts";
export { GaiError } from "./_net/gai_error.ts";
export type {
  AcceptedOptions,
  AddrInfo,
  AddrInfoFlag,
  AddrInfoOptions,
  ConnectionOptions,
  DatagramEndpointOptions,
  FileSource,
  HostPort,
  NameInfoFlag,
  ProtocolFactory,
  ReadableFile,
  SendFileOptions,
  ServerOptions,
  SocketAddress,
  SocketFamily,
  SocketKind,
  TlsTimeouts,
  UpgradeOptions,
} from "./_net/net_types.ts";
export { Server } from "./_net/server.ts";

/** The longest that a loop sleeps in one go, in seconds: a day. */
export const MAXIMUM_SELECT_TIMEOUT: number = 24 * 3600;

/**
 * An event loop that has no sockets or pipes of its own: the platform's loops
 * extend it.
 */
export class BaseEventLoop extends LoopServices {
  // Names

  /**
   * Looks a host up.
   *
   * @param host A name or a numeric host; null for this machine, or, with
   * AI_PASSIVE, for all its interfaces.
   * @param port A port, or the name of a well-known service; null for 0.
   * @param options See {@linkcode AddrInfoOptions}.
   * @returns The ways to reach it, as `[family, type, proto, canonName, address]`.
   * @throws GaiError If there is none.
   *
   * @example
   * ```ts
   * import { getRunningLoop, run } from "@x/asyncio";
   *
   * await run(async () => {
   *   const loop = getRunningLoop();
   *   const found = await loop.getAddrInfo("127.0.0.1", 80, { type: "stream" });
   *   console.log(found); // [["inet", "stream", 6, "", ["127.0.0.1", 80]]]
   * });
   * ```
   */
  override getAddrInfo(
    host: string | null,
    port: number | string | null,
    options?: AddrInfoOptions,
  ): Coroutine<AddrInfo[]> {
    return new Coroutine<AddrInfo[]>(call("getAddrInfo"), [
      this,
      host,
      port,
      options ?? {},
    ]);
  }

  /**
   * Finds the names of an address.
   *
   * @param sockaddr A numeric host and a port.
   * @param flags How; see {@linkcode NameInfoFlag}.
   * @returns The host's name and the service's; numbers where there are none.
   * @throws GaiError If the host is not numeric, or NI_NAMEREQD finds no name.
   */
  override getNameInfo(
    sockaddr: SocketAddress,
    flags?: readonly NameInfoFlag[],
  ): Coroutine<[host: string, service: string]> {
    return new Coroutine<[host: string, service: string]>(
      call("getNameInfo"),
      [this, sockaddr, flags ?? []],
    );
  }

  // Connections

  /**
   * Connects to a TCP server.
   *
   * @param protocolFactory Makes the protocol.
   * @param host A name or a numeric host.
   * @param port Its port.
   * @param options See {@linkcode ConnectionOptions}.
   * @returns The transport and the protocol, once `connectionMade` was called.
   * @throws OSError If no address can be connected to: the only error, or one that
   * lists all. With `allErrors`, an ExceptionGroup of them.
   */
  override createConnection<P extends BaseProtocol>(
    protocolFactory: ProtocolFactory<P>,
    host?: string | null,
    port?: number | string | null,
    options?: ConnectionOptions,
  ): Coroutine<[transport: Transport, protocol: P]> {
    return new Coroutine<[transport: Transport, protocol: P]>(
      call("createConnection"),
      [this, protocolFactory, host ?? null, port ?? null, options ?? {}],
    );
  }

  /**
   * Starts a TCP server.
   *
   * @param protocolFactory Makes a protocol for each connection. It, the protocol and
   * all that they start run in a copy of the current context, one per connection.
   * @param host Where to listen: a host, several, or null for all interfaces.
   * @param port The port; 0 for any, the same for all hosts where that is possible.
   * @param options See {@linkcode ServerOptions}.
   * @returns The server.
   * @throws OSError If it cannot listen there.
   */
  override createServer(
    protocolFactory: ProtocolFactory,
    host?: string | readonly string[] | null,
    port?: number | string | null,
    options?: ServerOptions,
  ): Coroutine<Server> {
    return new Coroutine<Server>(
      call("createServer"),
      [this, protocolFactory, host ?? null, port ?? null, options ?? {}],
    );
  }

  /**
   * Makes a transport of a connection that was accepted outside the loop's servers.
   *
   * @param protocolFactory Makes the protocol.
   * @param sock The connected socket.
   * @param options See {@linkcode AcceptedOptions}.
   * @returns The transport and the protocol.
   */
  override connectAcceptedSocket<P extends BaseProtocol>(
    protocolFactory: ProtocolFactory<P>,
    sock: Socket,
    options?: AcceptedOptions,
  ): Coroutine<[transport: Transport, protocol: P]> {
    return new Coroutine<[transport: Transport, protocol: P]>(
      call("connectAcceptedSocket"),
      [this, protocolFactory, sock, options ?? {}],
    );
  }

  /**
   * Opens a UDP socket.
   *
   * @param protocolFactory Makes the protocol.
   * @param localAddr The host and port to receive at; any unless given.
   * @param remoteAddr The host and port to exchange datagrams with; all unless given.
   * @param options See {@linkcode DatagramEndpointOptions}.
   * @returns The transport and the protocol.
   * @throws OSError If an address cannot be had.
   */
  override createDatagramEndpoint<P extends BaseProtocol>(
    protocolFactory: ProtocolFactory<P>,
    localAddr?: HostPort | null,
    remoteAddr?: HostPort | null,
    options?: DatagramEndpointOptions,
  ): Coroutine<[transport: DatagramTransport, protocol: P]> {
    return new Coroutine<[transport: DatagramTransport, protocol: P]>(
      call("createDatagramEndpoint"),
      [
        this,
        protocolFactory,
        localAddr ?? null,
        remoteAddr ?? null,
        options ?? {},
      ],
    );
  }

  /**
   * Upgrades a connection to TLS. What the protocol before has received and not used
   * is taken for the start of the handshake.
   *
   * @param transport The transport; TLS may run inside TLS.
   * @param protocol The protocol that goes on above TLS.
   * @param sslcontext The settings.
   * @param options See {@linkcode UpgradeOptions}.
   * @returns The transport that the protocol has to use from now on.
   * @throws OSError If the handshake fails; the connection is closed then.
   */
  override startTls(
    transport: BaseTransport,
    protocol: BaseProtocol,
    sslcontext: SSLContext,
    options?: UpgradeOptions,
  ): Coroutine<Transport> {
    return new Coroutine<Transport>(
      call("startTls"),
      [this, transport, protocol, sslcontext, options ?? {}],
    );
  }

  /**
   * Sends a file. No runtime lets the system do it, so it is read and written piece
   * by piece, at the pace of the connection.
   *
   * @param transport The transport of a connection.
   * @param file The file; see {@linkcode FileSource}.
   * @param offset How many bytes of it are left out at its start.
   * @param count How many bytes are sent; up to its end unless given.
   * @param options See {@linkcode SendFileOptions}.
   * @returns How many bytes were sent.
   * @throws SendfileNotAvailableError If `fallback` is false.
   */
  override sendFile(
    transport: BaseTransport,
    file: FileSource,
    offset?: number,
    count?: number | null,
    options?: SendFileOptions,
  ): Coroutine<number> {
    return new Coroutine<number>(
      call("sendFile"),
      [this, transport, file, offset ?? 0, count ?? null, options ?? {}],
    );
  }

  /**
   * Sends a file by a socket that the program uses by hand; see
   * {@linkcode BaseEventLoop.sendFile}.
   *
   * @param sock The connected socket.
   * @param file The file; see {@linkcode FileSource}.
   * @param offset How many bytes of it are left out at its start.
   * @param count How many bytes are sent; up to its end unless given.
   * @param options See {@linkcode SendFileOptions}.
   * @returns How many bytes were sent.
   * @throws SendfileNotAvailableError If `fallback` is false.
   */
  override sockSendFile(
    sock: Socket,
    file: FileSource,
    offset?: number,
    count?: number | null,
    options?: SendFileOptions,
  ): Coroutine<number> {
    return new Coroutine<number>(
      call("sockSendFile"),
      [this, sock, file, offset ?? 0, count ?? null, options ?? {}],
    );
  }

  // Pipes and child processes

  /**
   * Connects a protocol to a pipe that is read.
   *
   * @param protocolFactory Makes the protocol.
   * @param pipe A file descriptor (0 is the standard input), the path of a file or
   * FIFO, an open file of the runtime's, or a Web Stream. It is closed with the
   * transport.
   * @returns The transport and the protocol, once `connectionMade` was called.
   * @throws OSError If it cannot be opened.
   */
  override connectReadPipe<P extends BaseProtocol>(
    protocolFactory: ProtocolFactory<P>,
    pipe: PipeSource,
  ): Coroutine<[transport: ReadTransport, protocol: P]> {
    return new Coroutine<[transport: ReadTransport, protocol: P]>(
      call("connectReadPipe"),
      [this, protocolFactory, pipe],
    );
  }

  /**
   * Connects a protocol to a pipe that is written.
   *
   * @param protocolFactory Makes the protocol.
   * @param pipe A file descriptor (1 is the standard output), the path of a file or
   * FIFO, an open file of the runtime's, or a Web Stream. It is closed with the
   * transport.
   * @returns The transport and the protocol, once `connectionMade` was called.
   * @throws OSError If it cannot be opened.
   */
  override connectWritePipe<P extends BaseProtocol>(
    protocolFactory: ProtocolFactory<P>,
    pipe: PipeTarget,
  ): Coroutine<[transport: WriteTransport, protocol: P]> {
    return new Coroutine<[transport: WriteTransport, protocol: P]>(
      call("connectWritePipe"),
      [this, protocolFactory, pipe],
    );
  }

  /**
   * Starts a shell that runs a command.
   *
   * @param protocolFactory Makes the protocol that is told of the child.
   * @param cmd The command. What is put into it has to be quoted.
   * @param options See {@linkcode SubprocessOptions}; streams are pipes unless given.
   * @returns The transport and the protocol, once the pipes are connected.
   * @throws OSError If it cannot be started.
   */
  override subprocessShell<P extends SubprocessProtocol>(
    protocolFactory: ProtocolFactory<P>,
    cmd: string,
    options?: SubprocessOptions,
  ): Coroutine<[transport: SubprocessTransport, protocol: P]> {
    return new Coroutine<[transport: SubprocessTransport, protocol: P]>(
      call("subprocessShell"),
      [this, protocolFactory, cmd, options ?? {}],
    );
  }

  /**
   * Starts a program.
   *
   * @param protocolFactory Makes the protocol that is told of the child.
   * @param program A path, or a name that is looked for in PATH.
   * @param args What it is called with, and perhaps options at the end: see
   * {@linkcode SubprocessOptions}; streams are pipes unless given.
   * @returns The transport and the protocol, once the pipes are connected.
   * @throws OSError If it cannot be started.
   */
  override subprocessExec<P extends SubprocessProtocol>(
    protocolFactory: ProtocolFactory<P>,
    program: string | URL,
    ...args: ProgramArgs
  ): Coroutine<[transport: SubprocessTransport, protocol: P]> {
    return new Coroutine<[transport: SubprocessTransport, protocol: P]>(
      call("subprocessExec"),
      [this, protocolFactory, program, args],
    );
  }

  /** @internal */
  _makeReadPipeTransport(
    pipe: ReadPipe,
    protocol: BaseProtocol,
    waiter: Future<void> | null = null,
    extra: ExtraInfo | null = null,
  ): ReadTransport {
    const pipes = { input: pipe, output: null };
    const { _PipeTransport } = partsHere();
    return new _PipeTransport(this, pipes, protocol, waiter, extra);
  }

  /** @internal */
  _makeWritePipeTransport(
    pipe: WritePipe,
    protocol: BaseProtocol,
    waiter: Future<void> | null = null,
    extra: ExtraInfo | null = null,
  ): WriteTransport {
    const pipes = { input: null, output: pipe };
    const { _PipeTransport } = partsHere();
    return new _PipeTransport(this, pipes, protocol, waiter, extra);
  }

  /** @internal */
  _makeDuplexPipeTransport(
    input: ReadPipe,
    output: WritePipe,
    protocol: BaseProtocol,
    waiter: Future<void> | null = null,
    extra: ExtraInfo | null = null,
  ): Transport {
    const pipes = { input, output };
    const { _PipeTransport } = partsHere();
    return new _PipeTransport(this, pipes, protocol, waiter, extra);
  }

  /** @internal */
  *_makeSubprocessTransport(start: SubprocessStart): Coro<SubprocessTransport> {
    const { makeSubprocessTransport } = yield* needParts(this);
    return yield* makeSubprocessTransport(this, start);
  }

  // What a loop with sockets brings

  /** @internal */
  _needSockets(method: string): void {
    const { prototype } = BaseEventLoop;
    if (this._makeSocketTransport !== prototype._makeSocketTransport) return;
    throw new NotImplementedError(
      `Cannot call ${method}(): ${this.constructor.name} does not have it, as ` +
        "it has no sockets",
    );
  }

  /** @internal */
  _makeSocketTransport(
    _sock: StreamSocket | Socket,
    _protocol: BaseProtocol,
    _waiter: Future<void> | null,
    _options?: SocketTransportOptions,
  ): Transport {
    throw noSockets(this);
  }

  /** @internal */
  _makeSslTransport(
    _rawSock: StreamSocket | Socket,
    _protocol: BaseProtocol,
    _sslcontext: SSLContext | null,
    _waiter: Future<void> | null,
    _options?: SslTransportOptions,
  ): Transport {
    throw noSockets(this);
  }

  /** @internal */
  _makeDatagramTransport(
    _sock: DatagramSocket | Socket,
    _protocol: BaseProtocol,
    _address: SocketAddress | null,
    _waiter: Future<void> | null,
    _extra?: ExtraInfo | null,
  ): DatagramTransport {
    throw noSockets(this);
  }
}

/** The error of a loop without sockets, such as this one. */
function noSockets(loop: object): NotImplementedError {
  return new NotImplementedError(
    `Cannot make a transport: ${loop.constructor.name} has no sockets`,
  );
}
