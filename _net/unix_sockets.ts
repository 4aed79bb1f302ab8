/** Connections and servers on Unix sockets. */

import { showPath } from "../_platform/addresses.ts";
import type { StreamSocket } from "../_platform/sockets.ts";
import type { BaseEventLoop } from "../base_events.ts";
import { checkTimeouts, makeTransport } from "./connecting.ts";
import type { Coro } from "../coroutines.ts";
import { logger } from "../log.ts";
import type { ProtocolFactory, TlsTimeouts } from "./net_types.ts";
import type { BaseProtocol } from "../protocols.ts";
import type { Server } from "./server.ts";
import { startServer } from "./serving.ts";
import { Socket } from "./socket.ts";
import { SSLContext } from "../_tls/context.ts";
import { discard, opened } from "./taking.ts";
import type { Transport } from "../transports.ts";

/** How many connections wait to be accepted, unless told. */
const BACKLOG = 100;

/** Options of `createUnixConnection`. */
export type UnixConnectionOptions = TlsTimeouts & {
  /** The settings of TLS, or true for the safe defaults; no TLS unless given. */
  ssl?: SSLContext | boolean | null | undefined;
  /** A connected Unix socket, in place of a path. */
  sock?: Socket | null | undefined;
  /** With `ssl`: the host that the certificate must be for, or "" for any. */
  serverHostname?: string | null | undefined;
};

/** Options of `createUnixServer`. */
export type UnixServerOptions = TlsTimeouts & {
  /** The settings of TLS; no TLS unless given. */
  ssl?: SSLContext | null | undefined;
  /** A bound Unix socket, in place of a path. */
  sock?: Socket | null | undefined;
  /** How many connections wait to be accepted; 100 unless given. */
  backlog?: number | undefined;
  /** Whether to accept at once; until `startServing` connections wait. */
  startServing?: boolean | undefined;
  /**
   * Whether the path is removed when the server is closed, unless somebody else has
   * bound it meanwhile; true unless given. The path of a `sock` that listens already
   * stays in any case.
   */
  cleanupSocket?: boolean | undefined;
};

/** A path as text. */
function pathOf(path: string | URL): string {
  if (typeof path === "string") return path;
  if (path instanceof URL && path.protocol === "file:") {
    return decodeURIComponent(path.pathname);
  }
  throw new TypeError(
    `Cannot use it as a path: a string or a file URL is needed, got ${path}`,
  );
}

function checkUnix(sock: unknown): asserts sock is Socket {
  if (
    sock instanceof Socket && sock.family === "unix" && sock.type === "stream"
  ) return;
  throw new RangeError(`A UNIX Domain Stream Socket was expected, got ${sock}`);
}

/** See `_UnixSelectorEventLoop.createUnixConnection`. */
export function* createUnixConnection<P extends BaseProtocol>(
  loop: BaseEventLoop,
  protocolFactory: ProtocolFactory<P>,
  path: string | URL | null,
  options: UnixConnectionOptions,
): Coro<[Transport, P]> {
  const ssl = options.ssl || null;
  const serverHostname = options.serverHostname ?? null;
  if (ssl !== null && serverHostname === null) {
    throw new RangeError("you have to pass server_hostname when using ssl");
  }
  if (ssl === null && serverHostname !== null) {
    throw new RangeError("server_hostname is only meaningful with ssl");
  }
  checkTimeouts(options, ssl);
  const given = options.sock ?? null;
  let sock: StreamSocket | Socket;
  if (path !== null) {
    if (given !== null) {
      throw new RangeError(
        "path and sock can not be specified at the same time",
      );
    }
    const target = { path: pathOf(path) };
    const { sockets } = loop._platform;
    sock = yield* opened(
      loop,
      (signal) => sockets.connect(target, signal),
      discard,
    );
  } else {
    if (given === null) throw new RangeError("no path and sock were specified");
    checkUnix(given);
    sock = given;
  }
  return yield* makeTransport(loop, sock, protocolFactory, {
    ...options,
    ssl,
    serverHostname,
    serverSide: false,
  });
}

/** See `_UnixSelectorEventLoop.createUnixServer`. */
export function* createUnixServer(
  loop: BaseEventLoop,
  protocolFactory: ProtocolFactory,
  path: string | URL | null,
  options: UnixServerOptions,
): Coro<Server> {
  const ssl = options.ssl ?? null;
  if (ssl !== null && !(ssl instanceof SSLContext)) {
    throw new TypeError("ssl argument must be an SSLContext or null");
  }
  checkTimeouts(options, ssl);
  const { backlog = BACKLOG, cleanupSocket = true } = options;
  const given = options.sock ?? null;
  const platform = loop._platform;
  const keepPath = !cleanupSocket;
  if (path === null) {
    if (given === null) {
      throw new RangeError("path was not specified, and no sock specified");
    }
    checkUnix(given);
    yield* opened(
      loop,
      () => given._listen(platform, backlog, keepPath),
      (late) => late.close(),
    );
    return yield* startServer(loop, [given], protocolFactory, {
      ...options,
      ssl,
      backlog,
    });
  }
  if (given !== null) {
    throw new RangeError("path and sock can not be specified at the same time");
  }
  const place = { path: pathOf(path), backlog, keepPath };
  try {
    platform.sockets.removeSocketFile(place.path);
  } catch (error) {
    // The directory may allow no more than to create a socket.
    logger.error(
      `Unable to check or remove stale UNIX socket ${showPath(place.path)}`,
      { exc: error },
    );
  }
  const listener = yield* opened(
    loop,
    (signal) => platform.sockets.listen(place, signal),
    (late) => late.close(),
  );
  return yield* startServer(loop, [listener], protocolFactory, {
    ...options,
    ssl,
    backlog,
  });
}
