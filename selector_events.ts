/**
 * Loops with sockets: their transports, the calls that use a socket by hand, and the
 * watching of sockets.
 *
 * @example A loop of a chosen kind
 * ```ts
 * import { run, SelectorEventLoop, sleep } from "@x/asyncio";
 *
 * await run(() => sleep(0.01), { loopFactory: () => new SelectorEventLoop() });
 * ```
 *
 * @module
 */

import { trace } from "./_debug/origins.ts";
import type { DatagramSocket } from "./_platform/datagrams.ts";
import type { SocketAddress, StreamSocket } from "./_platform/sockets.ts";
import { call, partsHere } from "./_net/late.ts";
import type {
  SocketTransportOptions,
  SslTransportOptions,
} from "./_net/net_types.ts";
import { checkSocket, SocketWatch } from "./_net/socket_watch.ts";
import type { LoopTransport } from "./_net/socket_transport.ts";
import type { Socket } from "./_net/socket.ts";
import { BaseEventLoop } from "./base_events.ts";
import { snapshotContext } from "./contextvars.ts";
import { Coroutine } from "./coroutines.ts";
import { type Callback, Handle } from "./events.ts";
import type { Future } from "./futures.ts";
import type { BaseProtocol } from "./protocols.ts";
import type { SSLContext } from "./sslproto.ts";
import type { DatagramTransport, ExtraInfo, Transport } from "./transports.ts";

/** A loop with sockets. */
export class BaseSelectorEventLoop extends BaseEventLoop {
  /** @internal */
  readonly _transports: Set<LoopTransport> = new Set();
  readonly #watches: WeakMap<Socket, SocketWatch> = new WeakMap();

  /** @internal */
  override _makeSocketTransport(
    sock: StreamSocket | Socket,
    protocol: BaseProtocol,
    waiter: Future<void> | null = null,
    options: SocketTransportOptions = {},
  ): Transport {
    this._checkClosed();
    const { extra, server, context } = options;
    const { _SelectorSocketTransport } = partsHere();
    return new _SelectorSocketTransport(
      this,
      sock,
      protocol,
      waiter,
      extra ?? null,
      server ?? null,
      context ?? snapshotContext(),
    );
  }

  /** @internal */
  override _makeSslTransport(
    rawSock: StreamSocket | Socket,
    protocol: BaseProtocol,
    sslcontext: SSLContext | null,
    waiter: Future<void> | null = null,
    options: SslTransportOptions = {},
  ): Transport {
    const { SSLProtocol } = partsHere();
    const ssl = new SSLProtocol(
      this,
      protocol,
      sslcontext,
      waiter,
      options.serverSide ?? false,
      options.serverHostname ?? null,
      true,
      options.sslHandshakeTimeout ?? null,
      options.sslShutdownTimeout ?? null,
    );
    this._makeSocketTransport(rawSock, ssl, null, options);
    return ssl._getAppTransport();
  }

  /** @internal */
  override _makeDatagramTransport(
    sock: DatagramSocket | Socket,
    protocol: BaseProtocol,
    address: SocketAddress | null = null,
    waiter: Future<void> | null = null,
    extra: ExtraInfo | null = null,
  ): DatagramTransport {
    this._checkClosed();
    const { _SelectorDatagramTransport } = partsHere();
    return new _SelectorDatagramTransport(
      this,
      sock,
      protocol,
      address,
      waiter,
      extra,
    );
  }

  // Sockets by hand

  /**
   * Receives from a connected socket.
   *
   * @param sock The socket.
   * @param n How many bytes at most.
   * @returns What there is; nothing at the end of the stream.
   * @throws {OSError} When the connection is broken.
   */
  override sockRecv(sock: Socket, n: number): Coroutine<Uint8Array> {
    return new Coroutine<Uint8Array>(call("sockRecv"), [this, sock, n]);
  }

  /**
   * Receives from a connected socket into a buffer.
   *
   * @param sock The socket.
   * @param buf Where to.
   * @returns How many bytes came; 0 at the end of the stream.
   * @throws {OSError} When the connection is broken.
   */
  override sockRecvInto(sock: Socket, buf: Uint8Array): Coroutine<number> {
    return new Coroutine<number>(call("sockRecvInto"), [this, sock, buf]);
  }

  /**
   * Receives a datagram.
   *
   * @param sock The socket.
   * @param bufsize How many bytes at most; the rest of a longer one is lost.
   * @returns The datagram, and who sent it.
   * @throws {OSError} When one that was sent before could not be delivered.
   */
  override sockRecvFrom(
    sock: Socket,
    bufsize: number,
  ): Coroutine<[data: Uint8Array, address: SocketAddress]> {
    return new Coroutine<[data: Uint8Array, address: SocketAddress]>(
      call("sockRecvFrom"),
      [this, sock, bufsize],
    );
  }

  /**
   * Receives a datagram into a buffer.
   *
   * @param sock The socket.
   * @param buf Where to.
   * @param nbytes How many bytes at most; the buffer's size unless given.
   * @returns How many bytes came, and who sent them.
   * @throws {OSError} When one that was sent before could not be delivered.
   */
  override sockRecvFromInto(
    sock: Socket,
    buf: Uint8Array,
    nbytes: number = 0,
  ): Coroutine<[count: number, address: SocketAddress]> {
    return new Coroutine<[count: number, address: SocketAddress]>(
      call("sockRecvFromInto"),
      [this, sock, buf, nbytes],
    );
  }

  /**
   * Sends bytes, all of them. After an error it is not known how many were sent.
   *
   * @param sock The socket.
   * @param data The bytes, which must not change meanwhile.
   * @throws {OSError} When the connection is broken.
   */
  override sockSendAll(sock: Socket, data: Uint8Array): Coroutine<void> {
    return new Coroutine<void>(call("sockSendAll"), [this, sock, data]);
  }

  /**
   * Sends a datagram.
   *
   * @param sock The socket.
   * @param data The bytes.
   * @param address Where to.
   * @returns How many bytes were sent.
   * @throws {OSError} When it cannot be sent.
   */
  override sockSendTo(
    sock: Socket,
    data: Uint8Array,
    address: SocketAddress,
  ): Coroutine<number> {
    return new Coroutine<number>(
      call("sockSendTo"),
      [this, sock, data, address],
    );
  }

  /**
   * Connects a socket.
   *
   * @param sock The socket.
   * @param address `[host, port]`, where the host may be a name; or a path.
   * @throws {OSError} When it cannot be connected.
   */
  override sockConnect(sock: Socket, address: SocketAddress): Coroutine<void> {
    return new Coroutine<void>(call("sockConnect"), [this, sock, address]);
  }

  /**
   * Accepts a connection of a listening socket.
   *
   * @param sock The socket.
   * @returns The connection's socket, and the address of its peer.
   * @throws {OSError} When the system cannot accept.
   */
  override sockAccept(
    sock: Socket,
  ): Coroutine<[socket: Socket, address: SocketAddress]> {
    return new Coroutine<[socket: Socket, address: SocketAddress]>(
      call("sockAccept"),
      [this, sock],
    );
  }

  // Watching sockets

  /** @internal */
  _watch(sock: Socket): SocketWatch {
    let watch = this.#watches.get(sock);
    if (watch === undefined) {
      watch = new SocketWatch(this, sock);
      this.#watches.set(sock, watch);
    }
    return watch;
  }

  #watched(sock: Socket): SocketWatch {
    checkSocket(sock);
    sock._check("Cannot watch the socket");
    return this._watch(sock);
  }

  #handle(callback: Callback, args: readonly unknown[]): Handle {
    const handle = new Handle(callback, args, this);
    trace(handle, this, callback);
    return handle;
  }

  /**
   * Calls a function in each iteration in which a socket can be read: there is data,
   * a connection to accept, an end or an error. A reader set before is replaced.
   *
   * @param sock The socket; file descriptors have no meaning here.
   * @param callback The function.
   * @param args What it is called with.
   * @throws RuntimeError When a transport or a server uses the socket.
   */
  override addReader<A extends unknown[]>(
    sock: Socket,
    callback: Callback<A>,
    ...args: A
  ): void {
    this._checkClosed();
    const watch = this.#watched(sock);
    watch.setReader(this.#handle(callback as Callback, args));
  }

  /**
   * Calls no function any more when a socket can be read.
   *
   * @param sock The socket.
   * @returns Whether there was one.
   */
  override removeReader(sock: Socket): boolean {
    if (this.isClosed()) return false;
    checkSocket(sock);
    return this.#watches.get(sock)?.setReader(null) ?? false;
  }

  /**
   * Calls a function in each iteration in which a socket can be written to. A writer
   * set before is replaced.
   *
   * @param sock The socket; file descriptors have no meaning here.
   * @param callback The function.
   * @param args What it is called with.
   * @throws RuntimeError When a transport or a server uses the socket.
   */
  override addWriter<A extends unknown[]>(
    sock: Socket,
    callback: Callback<A>,
    ...args: A
  ): void {
    this._checkClosed();
    const watch = this.#watched(sock);
    watch.setWriter(this.#handle(callback as Callback, args));
  }

  /**
   * Calls no function any more when a socket can be written to.
   *
   * @param sock The socket.
   * @returns Whether there was one.
   */
  override removeWriter(sock: Socket): boolean {
    if (this.isClosed()) return false;
    checkSocket(sock);
    return this.#watches.get(sock)?.setWriter(null) ?? false;
  }

  /**
   * Drops what is scheduled, and closes the sockets of the transports that are left:
   * their protocols hear no more.
   *
   * @throws RuntimeError While it runs.
   */
  override close(): void {
    if (this.isClosed()) return;
    super.close();
    for (const transport of [...this._transports]) transport._loopClosed();
  }
}
