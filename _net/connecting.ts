/** Connections: made to a host, or of a given socket. */

import { showAddress } from "../_platform/addresses.ts";
import type { StreamSocket, TcpTarget } from "../_platform/sockets.ts";
import type { BaseEventLoop } from "../base_events.ts";
import type { Coro } from "../coroutines.ts";
import { ExceptionGroup, OSError, TimeoutError } from "../exceptions.ts";
import type { Future } from "../futures.ts";
import { logger } from "../log.ts";
import { ensureResolved, interleaved } from "./names.ts";
import type {
  AcceptedOptions,
  AddrInfo,
  ConnectionOptions,
  ProtocolFactory,
  SocketAddress,
  TlsTimeouts,
} from "./net_types.ts";
import type { BaseProtocol } from "../protocols.ts";
import { Socket } from "./socket.ts";
import { SSLContext } from "../_tls/context.ts";
import { staggeredRace } from "../staggered.ts";
import { discard, opened } from "./taking.ts";
import type { Transport } from "../transports.ts";

/** The errors of a local address; others are of the connection. */
const BIND_CODES: ReadonlySet<string> = new Set([
  "EADDRINUSE",
  "EADDRNOTAVAIL",
  "EACCES",
]);

/** What every call says that has timeouts of TLS, and no TLS. */
export function checkTimeouts(options: TlsTimeouts, ssl: unknown): void {
  if (ssl) return;
  if ((options.sslHandshakeTimeout ?? null) !== null) {
    throw new RangeError("ssl_handshake_timeout is only meaningful with ssl");
  }
  if ((options.sslShutdownTimeout ?? null) !== null) {
    throw new RangeError("ssl_shutdown_timeout is only meaningful with ssl");
  }
}

/** Throws unless it is a stream socket. */
export function checkStream(sock: Socket): void {
  if (!(sock instanceof Socket)) {
    throw new TypeError(`a Socket was expected, got ${typeof sock}`);
  }
  if (sock.type !== "stream") {
    throw new RangeError(`A Stream Socket was expected, got ${sock}`);
  }
}

/** The context among the settings of TLS, null for the defaults of a client. */
function contextOf(ssl: unknown): SSLContext | null {
  if (ssl === true || ssl instanceof SSLContext) {
    return ssl === true ? null : ssl;
  }
  throw new TypeError(
    `ssl argument must be an SSLContext, true or null, got ${typeof ssl}`,
  );
}

/** See `BaseEventLoop.createConnection`. */
export function* createConnection<P extends BaseProtocol>(
  loop: BaseEventLoop,
  protocolFactory: ProtocolFactory<P>,
  host: string | null,
  port: number | string | null,
  options: ConnectionOptions,
): Coro<[Transport, P]> {
  loop._needSockets("createConnection");
  const ssl = options.ssl || null;
  let serverHostname = options.serverHostname ?? null;
  if (serverHostname !== null && ssl === null) {
    throw new RangeError("server_hostname is only meaningful with ssl");
  }
  if (serverHostname === null && ssl !== null) {
    // An empty name is a choice: nothing is checked then.
    if (!host) {
      throw new RangeError(
        "You must set server_hostname when using ssl without a host",
      );
    }
    serverHostname = host;
  }
  checkTimeouts(options, ssl);
  if (ssl !== null) contextOf(ssl);
  const given = options.sock ?? null;
  let sock: StreamSocket | Socket;
  if (host !== null || port !== null) {
    if (given !== null) {
      throw new RangeError(
        "host/port and sock can not be specified at the same time",
      );
    }
    sock = yield* connectHost(loop, host, port, options);
  } else if (given === null) {
    throw new RangeError(
      "host and port was not specified and no sock specified",
    );
  } else {
    checkStream(given);
    sock = given;
  }
  const made = yield* makeTransport(loop, sock, protocolFactory, {
    ...options,
    ssl,
    serverHostname,
    serverSide: false,
  });
  if (loop.getDebug()) {
    const socket = made[0].getExtraInfo("socket");
    logger.debug(`${socket} connected to ${host}:${port}: ${made[0]}`);
  }
  return made;
}

/** See `BaseEventLoop.connectAcceptedSocket`. */
export function* connectAcceptedSocket<P extends BaseProtocol>(
  loop: BaseEventLoop,
  protocolFactory: ProtocolFactory<P>,
  sock: Socket,
  options: AcceptedOptions,
): Coro<[Transport, P]> {
  loop._needSockets("connectAcceptedSocket");
  checkStream(sock);
  checkTimeouts(options, options.ssl);
  const made = yield* makeTransport(loop, sock, protocolFactory, {
    ...options,
    serverHostname: "",
    serverSide: true,
  });
  if (loop.getDebug()) {
    logger.debug(`${made[0].getExtraInfo("socket")} handled: ${made[0]}`);
  }
  return made;
}

interface TransportSettings extends TlsTimeouts {
  readonly ssl?: SSLContext | boolean | null | undefined;
  readonly serverHostname: string | null;
  readonly serverSide: boolean;
}

/**
 * Makes the transport of a connection and waits until its protocol knows it; Unix
 * connections are made so, too.
 */
export function* makeTransport<P extends BaseProtocol>(
  loop: BaseEventLoop,
  sock: StreamSocket | Socket,
  protocolFactory: ProtocolFactory<P>,
  settings: TransportSettings,
): Coro<[Transport, P]> {
  let protocol: P;
  let waiter: Future<void>;
  let transport: Transport;
  try {
    protocol = protocolFactory();
    waiter = loop.createFuture<void>();
    transport = settings.ssl
      ? loop._makeSslTransport(
        sock,
        protocol,
        contextOf(settings.ssl),
        waiter,
        {
          serverSide: settings.serverSide,
          serverHostname: settings.serverHostname,
          sslHandshakeTimeout: settings.sslHandshakeTimeout,
          sslShutdownTimeout: settings.sslShutdownTimeout,
        },
      )
      : loop._makeSocketTransport(sock, protocol, waiter);
  } catch (error) {
    if (sock instanceof Socket) sock.close();
    else discard(sock);
    throw error;
  }
  try {
    yield* waiter;
  } catch (error) {
    transport.close();
    throw error;
  }
  return [transport, protocol];
}

// Connecting to a host

function* connectHost(
  loop: BaseEventLoop,
  host: string | null,
  port: number | string | null,
  options: ConnectionOptions,
): Coro<StreamSocket> {
  const { family, proto, flags } = options;
  const asked = { family, type: "stream", proto, flags } as const;
  let infos = yield* ensureResolved(loop, host, port, asked);
  let locals: readonly AddrInfo[] | null = null;
  const localAddr = options.localAddr ?? null;
  if (localAddr !== null) {
    locals = yield* ensureResolved(loop, localAddr[0], localAddr[1], asked);
  }
  const delay = options.happyEyeballsDelay ?? null;
  const interleave = options.interleave ?? (delay === null ? 0 : 1);
  if (interleave) infos = interleaved(infos, interleave);
  const attempts = new Attempts(loop, infos, locals);
  const sock = delay === null
    ? yield* attempts.inTurn()
    : yield* attempts.race(delay);
  if (sock !== null) return sock;
  throw attempts.failure(options.allErrors ?? false);
}

/** The attempts to connect to the addresses of one host. */
class Attempts {
  readonly #loop: BaseEventLoop;
  readonly #infos: readonly AddrInfo[];
  readonly #locals: readonly AddrInfo[] | null;
  /** What each attempt has failed by, in the order of their starts. */
  readonly #errors: OSError[][] = [];
  readonly #made: StreamSocket[] = [];

  constructor(
    loop: BaseEventLoop,
    infos: readonly AddrInfo[],
    locals: readonly AddrInfo[] | null,
  ) {
    this.#loop = loop;
    this.#infos = infos;
    this.#locals = locals;
  }

  /** Each address when the one before has failed. */
  *inTurn(): Coro<StreamSocket | null> {
    for (const info of this.#infos) {
      try {
        return yield* this.#attempt(info);
      } catch (error) {
        if (!(error instanceof OSError)) throw error;
      }
    }
    return null;
  }

  /** Each address when the one before has failed, or takes too long. */
  *race(delay: number): Coro<StreamSocket | null> {
    const attempts = this.#infos.map((info) => () => this.#attempt(info));
    let winner: StreamSocket | null;
    let errors: readonly unknown[];
    try {
      [winner, , errors] = yield* staggeredRace(attempts, delay, {
        loop: this.#loop,
      });
    } catch (error) {
      // Who is cancelled after somebody has won is not given the winner.
      for (const sock of this.#made) discard(sock);
      throw error;
    }
    if (winner !== null) return winner;
    const mistake = errors.find((error) => !(error instanceof OSError));
    if (mistake !== undefined) throw mistake;
    return null;
  }

  *#attempt(info: AddrInfo): Coro<StreamSocket> {
    const errors: OSError[] = [];
    this.#errors.push(errors);
    try {
      const sock = this.#locals === null
        ? yield* this.#connect(info[4])
        : yield* this.#connectFrom(info, this.#locals, errors);
      this.#made.push(sock);
      return sock;
    } catch (error) {
      if (error instanceof OSError) errors.push(error);
      throw error;
    }
  }

  #connect(
    address: SocketAddress,
    from?: SocketAddress,
  ): Coro<StreamSocket> {
    const target: TcpTarget = {
      ...placeOf(address),
      localAddress: from?.[0],
      localPort: from === undefined ? undefined : placeOf(from).port,
    };
    const { sockets } = this.#loop._platform;
    return opened(
      this.#loop,
      (signal) => sockets.connect(target, signal),
      discard,
    );
  }

  *#connectFrom(
    info: AddrInfo,
    locals: readonly AddrInfo[],
    errors: OSError[],
  ): Coro<StreamSocket> {
    const [family, , , , address] = info;
    for (const local of locals) {
      if (local[0] !== family) continue;
      try {
        return yield* this.#connect(address, local[4]);
      } catch (error) {
        // The runtimes bind and connect in one, and tell by the code what failed.
        if (!(error instanceof OSError) || !BIND_CODES.has(error.code)) {
          throw error;
        }
        errors.push(bindError(local[4], error));
      }
    }
    throw errors.pop() ??
      new OSError(`no matching local address with family=${family} found`, {
        code: "EAFNOSUPPORT",
      });
  }

  /** What to throw when all have failed. */
  failure(allErrors: boolean): Error {
    const errors = this.#errors.flat();
    const all = () => new ExceptionGroup("create_connection failed", errors);
    const first = errors[0];
    if (first === undefined) {
      return new TimeoutError("create_connection failed");
    }
    if (allErrors) return all();
    if (errors.every((error) => error.message === first.message)) return first;
    const text = errors.map((error) => error.message).join(", ");
    // Of one code where all agree: who looks for a refusal finds it.
    const { code } = first;
    return OSError.from(
      errors.every((error) => error.code === code) ? code : "",
      `Multiple exceptions: ${text}`,
      { cause: all() },
    );
  }
}

/** The error of a local address that cannot be had. */
function bindError(address: SocketAddress, cause: OSError): OSError {
  return OSError.from(
    cause.code,
    `error while attempting to bind on address ${showAddress(address)}: ` +
      cause.message.toLowerCase(),
    { cause, errno: cause.errno },
  );
}

/** The host and port of an address, as the platforms take them. */
export function placeOf(
  address: SocketAddress,
): { readonly host: string; readonly port: number } {
  const [host, port, , scope = 0] = address as readonly [
    string,
    number,
    number?,
    number?,
  ];
  return {
    host: scope === 0 || host.includes("%") ? host : `${host}%${scope}`,
    port,
  };
}
