/** What `createServer` returns. */

import type { ListenSocket, StreamSocket } from "../_platform/sockets.ts";
import type { BaseEventLoop } from "../base_events.ts";
import { ACCEPT_RETRY_DELAY } from "../constants.ts";
import { Context, snapshotContext } from "../contextvars.ts";
import { type Coro, Coroutine } from "../coroutines.ts";
import {
  AbstractServer,
  type ExceptionContext,
  isExit,
  type TimerHandle,
} from "../events.ts";
import { CancelledError, OSError, RuntimeError } from "../exceptions.ts";
import type { Future } from "../futures.ts";
import { logger } from "../log.ts";
import { noteClosed, noteOpen } from "../_debug/made.ts";
import type { ProtocolFactory } from "./net_types.ts";
import type { BaseProtocol } from "../protocols.ts";
import { Socket } from "./socket.ts";
import type { SSLContext } from "../_tls/context.ts";
import { discard } from "./taking.ts";
import { sleep } from "../tasks.ts";
import type { Transport } from "../transports.ts";
import { TransportSocket } from "../trsock.ts";

/** The errors of a system that cannot accept just now. */
const EXHAUSTED: ReadonlySet<string> = new Set([
  "EMFILE",
  "ENFILE",
  "ENOBUFS",
  "ENOMEM",
]);

/** A listening socket, and the timer by which it accepts again. */
class Listening {
  readonly listener: ListenSocket;
  readonly sock: Socket;
  retry: TimerHandle | null = null;

  constructor(socket: ListenSocket | Socket, server: Server) {
    const given = socket instanceof Socket;
    this.listener = given ? socket._takeListener(server) : socket;
    this.sock = given ? socket : Socket._view(socket, server);
  }
}

/**
 * A server: its listening sockets, and the connections that they have accepted.
 * `loop.createServer`, `startServer` and their Unix counterparts make it.
 *
 * Closing it ends listening, and the connections live on; at the end of an
 * `await using` block it is closed, and the connections are waited for.
 *
 * @example Connections of one protocol
 * ```ts
 * import { getRunningLoop, Protocol, run, type Transport } from "@x/asyncio";
 *
 * class Echo extends Protocol {
 *   #transport!: Transport;
 *   override connectionMade(transport: Transport) {
 *     this.#transport = transport;
 *   }
 *   override dataReceived(data: Uint8Array) {
 *     this.#transport.write(data);
 *   }
 * }
 *
 * export async function main() {
 *   const loop = getRunningLoop();
 *   const server = await loop.createServer(() => new Echo(), "127.0.0.1", 7007);
 *   await server.serveForever();
 * }
 * ```
 */
export class Server extends AbstractServer {
  readonly #loop: BaseEventLoop;
  /** Null once it is closed. */
  #sockets: readonly Listening[] | null;
  readonly #clients: Set<Transport> = new Set();
  /** Accepted, and not yet in the hands of the task that connects them. */
  readonly #arriving: Set<StreamSocket> = new Set();
  /** Null once it is closed and its last connection has ended. */
  #waiters: Set<Future<void>> | null = new Set();
  readonly #protocolFactory: ProtocolFactory;
  readonly #sslContext: SSLContext | null;
  readonly #sslHandshakeTimeout: number | null;
  readonly #sslShutdownTimeout: number | null;
  #serving = false;
  #servingForever: Future<void> | null = null;
  /** What each connection's context is a copy of. */
  #context: Context | null = null;

  /**
   * Whether the kernel probes idle connections.
   *
   * @internal
   */
  _keepAlive = false;

  /**
   * Makes a server; `loop.createServer` does that.
   *
   * @internal
   * @param loop Its loop.
   * @param sockets The listening sockets.
   * @param protocolFactory Makes the protocol of a connection.
   * @param sslContext The settings of TLS, or null.
   * @param _backlog How many connections wait to be accepted; the sockets know.
   * @param sslHandshakeTimeout Seconds that the TLS handshake may take.
   * @param sslShutdownTimeout Seconds that the TLS shutdown may take.
   */
  constructor(
    loop: BaseEventLoop,
    sockets: readonly (ListenSocket | Socket)[],
    protocolFactory: ProtocolFactory,
    sslContext: SSLContext | null,
    _backlog: number,
    sslHandshakeTimeout: number | null,
    sslShutdownTimeout: number | null = null,
  ) {
    super();
    this.#loop = loop;
    this.#sockets = sockets.map((socket) => new Listening(socket, this));
    this.#protocolFactory = protocolFactory;
    this.#sslContext = sslContext;
    this.#sslHandshakeTimeout = sslHandshakeTimeout;
    this.#sslShutdownTimeout = sslShutdownTimeout;
    noteOpen(this, loop);
  }

  /** Shows its sockets. */
  override toString(): string {
    return `<${this.constructor.name} sockets=(${this.sockets.join(", ")})>`;
  }

  /** The loop it belongs to. */
  override getLoop(): BaseEventLoop {
    return this.#loop;
  }

  /** Whether it accepts connections. */
  override isServing(): boolean {
    return this.#serving;
  }

  /** The sockets that it listens on; none once it is closed. */
  get sockets(): readonly TransportSocket[] {
    return this.#sockets?.map(({ sock }) => new TransportSocket(sock)) ?? [];
  }

  /**
   * The port that it listens on; of several sockets, the first one's.
   *
   * @throws RuntimeError If it is closed, or listens on a path.
   *
   * @example
   * ```ts
   * import { openConnection, run, startServer } from "@x/asyncio";
   *
   * export const main = () =>
   *   run(async () => {
   *     await using server = await startServer(() => {}, "127.0.0.1", 0);
   *     const [, writer] = await openConnection("127.0.0.1", server.port);
   *     writer.close();
   *   });
   * ```
   */
  get port(): number {
    const sockets = this.#sockets;
    if (sockets === null) throw new RuntimeError(`server ${this} is closed`);
    for (const { listener } of sockets) {
      if (typeof listener.local !== "string") return listener.local[1];
    }
    throw new RuntimeError(`server ${this} listens on no port`);
  }

  // Serving

  /**
   * Starts accepting; does nothing where it does already.
   *
   * @throws RuntimeError If it is closed.
   */
  override startServing(): Coroutine<void> {
    return new Coroutine<void>(startServing as never, [this]);
  }

  /** @internal */
  _startServing(): void {
    const sockets = this.#sockets;
    if (sockets === null) throw new RuntimeError(`server ${this} is closed`);
    if (this.#serving) return;
    this.#serving = true;
    this.#context = snapshotContext();
    for (const one of sockets) this.#accept(one);
  }

  #accept(one: Listening): void {
    one.retry = null;
    one.listener.start(
      (stream) => this.#accepted(stream),
      (error) => this.#acceptFailed(one, error),
    );
  }

  /** Comes from the host: the loop goes on with it. */
  #accepted(stream: StreamSocket): void {
    const loop = this.#loop;
    if (!this.#serving || loop.isClosed()) {
      discard(stream);
      return;
    }
    if (loop.getDebug()) {
      logger.debug(`${this} got a new connection from ${stream.remote}`);
    }
    if (this._keepAlive) stream.setKeepAlive(true);
    const context = this.#context?.copy() ?? new Context();
    this.#arriving.add(stream);
    loop.createTask(
      new Coroutine<void>(connectClient as never, [this, stream, context]),
      { context },
    );
  }

  #acceptFailed(one: Listening, error: Error): void {
    const loop = this.#loop;
    if (!this.#serving || loop.isClosed()) return;
    const exhausted = error instanceof OSError && EXHAUSTED.has(error.code);
    loop.callExceptionHandler({
      message: exhausted
        ? "socket.accept() out of system resource"
        : "socket.accept() failed",
      exception: error,
      socket: new TransportSocket(one.sock),
    });
    one.retry = loop.callLater(ACCEPT_RETRY_DELAY, () => this.#accept(one));
  }

  /**
   * Makes the transport of a connection; its errors concern nobody else.
   *
   * @internal
   */
  *_connectClient(stream: StreamSocket, context: Context): Coro<void> {
    const loop = this.#loop;
    // Closed between the connection and this step: so is the stream.
    if (!this.#arriving.delete(stream)) return;
    let protocol: BaseProtocol | null = null;
    let transport: Transport | null = null;
    try {
      protocol = this.#protocolFactory();
      const waiter = loop.createFuture<void>();
      const options = { server: this, context };
      transport = this.#sslContext === null
        ? loop._makeSocketTransport(stream, protocol, waiter, options)
        : loop._makeSslTransport(stream, protocol, this.#sslContext, waiter, {
          ...options,
          serverSide: true,
          sslHandshakeTimeout: this.#sslHandshakeTimeout,
          sslShutdownTimeout: this.#sslShutdownTimeout,
        });
      yield* waiter;
    } catch (error) {
      if (transport === null) discard(stream);
      else transport.close();
      if (isExit(error)) throw error;
      if (loop.getDebug()) {
        reportConnection(loop, error, protocol, transport);
      }
    }
  }

  /**
   * Accepts until it is closed, or whoever waits here is cancelled, which closes it
   * and its connections. Then waits for the connections to end, and throws the
   * CancelledError.
   *
   * @throws RuntimeError If somebody waits here already, or it is closed.
   */
  override serveForever(): Coroutine<void> {
    return new Coroutine<void>(serveForever as never, [this]);
  }

  /** @internal */
  *_serveForever(): Coro<void> {
    if (this.#servingForever !== null) {
      throw new RuntimeError(
        `server ${this} is already being awaited on serve_forever()`,
      );
    }
    if (this.#sockets === null) {
      throw new RuntimeError(`server ${this} is closed`);
    }
    this._startServing();
    this.#servingForever = this.#loop.createFuture<void>();
    try {
      yield* this.#servingForever;
    } catch (error) {
      if (!(error instanceof CancelledError)) throw error;
      // Where close() has ended the serving, its clients stay.
      const open = this.#sockets !== null;
      try {
        this.close();
        if (open) this.closeClients();
        yield* this.waitClosed();
      } catch (second) {
        if (isExit(second)) throw second;
      }
      throw error;
    } finally {
      this.#servingForever = null;
    }
  }

  // Closing

  /** Stops listening; connections that are open stay open. */
  override close(): void {
    const sockets = this.#sockets;
    if (sockets === null) return;
    this.#sockets = null;
    noteClosed(this, this.#loop);
    this.#serving = false;
    closeAll(sockets);
    this.#discardArriving();
    const forever = this.#servingForever;
    if (forever !== null && !forever.done()) {
      this.#servingForever = null;
      forever.cancel();
    }
    this.#maybeClosed();
  }

  /**
   * Lets go of its sockets, which would keep the process.
   *
   * @internal
   */
  _loopClosed(): void {
    const sockets = this.#sockets ?? [];
    this.#sockets = null;
    this.#serving = false;
    closeAll(sockets);
    this.#discardArriving();
  }

  /** A task that is cancelled before its first step never gets its stream. */
  #discardArriving(): void {
    for (const stream of this.#arriving) discard(stream);
    this.#arriving.clear();
  }

  /** Closes the connections that are open; what is buffered is sent first. */
  override closeClients(): void {
    for (const transport of [...this.#clients]) transport.close();
  }

  /** Closes the open connections at once, without sending what is buffered. */
  override abortClients(): void {
    for (const transport of [...this.#clients]) transport.abort();
  }

  /** Waits until it is closed and its last connection has ended. */
  override waitClosed(): Coroutine<void> {
    return new Coroutine<void>(waitClosed as never, [this]);
  }

  /** @internal */
  *_waitClosed(): Coro<void> {
    const waiters = this.#waiters;
    if (waiters === null) return;
    const waiter = this.#loop.createFuture<void>();
    waiters.add(waiter);
    try {
      yield* waiter;
    } finally {
      waiters.delete(waiter);
    }
  }

  #maybeClosed(): void {
    const waiters = this.#waiters;
    if (waiters === null || this.#sockets !== null) return;
    if (this.#clients.size > 0) return;
    this.#waiters = null;
    for (const waiter of waiters) {
      if (!waiter.done()) waiter.setResult();
    }
  }

  /**
   * A transport of it is open.
   *
   * @internal
   */
  _attach(transport: Transport): void {
    this.#clients.add(transport);
  }

  /**
   * A transport of it has closed.
   *
   * @internal
   */
  _detach(transport: Transport): void {
    this.#clients.delete(transport);
    this.#maybeClosed();
  }
}

function closeAll(sockets: readonly Listening[]): void {
  for (const { listener, retry } of sockets) {
    retry?.cancel();
    listener.close();
  }
}

function reportConnection(
  loop: BaseEventLoop,
  exception: unknown,
  protocol: BaseProtocol | null,
  transport: Transport | null,
): void {
  const context: ExceptionContext = {
    message: "Error on transport creation for incoming connection",
    exception,
  };
  if (protocol !== null) context["protocol"] = protocol;
  if (transport !== null) context["transport"] = transport;
  loop.callExceptionHandler(context);
}

// Named functions, so that coroutines and tasks show what they are.

function* startServing(server: Server): Coro<void> {
  server._startServing();
  // Connections that wait already are accepted meanwhile.
  yield* sleep(0);
}

function* serveForever(server: Server): Coro<void> {
  yield* server._serveForever();
}

function* waitClosed(server: Server): Coro<void> {
  yield* server._waitClosed();
}

function* connectClient(
  server: Server,
  stream: StreamSocket,
  context: Context,
): Coro<void> {
  yield* server._connectClient(stream, context);
}
