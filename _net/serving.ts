/** Servers: where they listen. */

import { showAddress } from "../_platform/addresses.ts";
import type { ListenSocket } from "../_platform/sockets.ts";
import type { BaseEventLoop } from "../base_events.ts";
import { checkStream, checkTimeouts, placeOf } from "./connecting.ts";
import { type Coro, Coroutine } from "../coroutines.ts";
import { OSError } from "../exceptions.ts";
import { logger } from "../log.ts";
import { ensureResolved } from "./names.ts";
import type {
  AddrInfo,
  ProtocolFactory,
  ServerOptions,
  SocketAddress,
} from "./net_types.ts";
import { Server } from "./server.ts";
import type { Socket } from "./socket.ts";
import { SSLContext } from "../_tls/context.ts";
import { opened } from "./taking.ts";
import { gather, sleep } from "../tasks.ts";

const BACKLOG = 100;

/** See `BaseEventLoop.createServer`. */
export function* createServer(
  loop: BaseEventLoop,
  protocolFactory: ProtocolFactory,
  host: string | readonly string[] | null,
  port: number | string | null,
  options: ServerOptions,
): Coro<Server> {
  loop._needSockets("createServer");
  const ssl = options.ssl ?? null;
  if (ssl !== null && !(ssl instanceof SSLContext)) {
    throw new TypeError("ssl argument must be an SSLContext or null");
  }
  checkTimeouts(options, ssl);
  const given = options.sock ?? null;
  const backlog = options.backlog ?? BACKLOG;
  let sockets: (ListenSocket | Socket)[];
  let keepAlive = options.keepAlive ?? false;
  if (host !== null || port !== null) {
    if (given !== null) {
      throw new RangeError(
        "host/port and sock can not be specified at the same time",
      );
    }
    const infos = yield* resolveHosts(loop, host, port, options);
    sockets = yield* new Binding(loop, options, backlog).bindAll(infos);
  } else if (given === null) {
    throw new RangeError("Neither host/port nor sock were specified");
  } else {
    checkStream(given);
    keepAlive ||= given.getSockOpt("SO_KEEPALIVE");
    const { _platform } = loop;
    yield* listening(loop, () => given._listen(_platform, backlog));
    sockets = [given];
  }
  return yield* startServer(loop, sockets, protocolFactory, {
    ...options,
    keepAlive,
  });
}

/** Makes the server of sockets that listen; Unix sockets come here, too. */
export function* startServer(
  loop: BaseEventLoop,
  sockets: readonly (ListenSocket | Socket)[],
  protocolFactory: ProtocolFactory,
  options: ServerOptions,
): Coro<Server> {
  const server = new Server(
    loop,
    sockets,
    protocolFactory,
    options.ssl ?? null,
    options.backlog ?? BACKLOG,
    options.sslHandshakeTimeout ?? null,
    options.sslShutdownTimeout ?? null,
  );
  server._keepAlive = options.keepAlive ?? false;
  if (options.startServing ?? true) {
    server._startServing();
    try {
      // Connections that wait already are accepted meanwhile.
      yield* sleep(0);
    } catch (error) {
      server.close();
      throw error;
    }
  }
  if (loop.getDebug()) logger.info(`${server} is serving`);
  return server;
}

function* resolveHosts(
  loop: BaseEventLoop,
  host: string | readonly string[] | null,
  port: number | string | null,
  options: ServerOptions,
): Coro<AddrInfo[]> {
  const { family, flags = ["AI_PASSIVE"] } = options;
  const asked = { family, type: "stream", flags } as const;
  const hosts = host === "" || host === null
    ? [null]
    : typeof host === "string"
    ? [host]
    : host;
  const found = yield* gather(
    hosts.map((one) =>
      new Coroutine<AddrInfo[]>(ensureResolved as never, [
        loop,
        one,
        port,
        asked,
      ])
    ),
  );
  // One that is found under several names is bound once.
  const infos = new Map<string, AddrInfo>();
  for (const info of found.flat()) infos.set(JSON.stringify(info[4]), info);
  return [...infos.values()];
}

/** Waits for a socket that listens. */
function listening(
  loop: BaseEventLoop,
  listen: (signal: AbortSignal) => Promise<ListenSocket>,
): Coro<ListenSocket> {
  return opened(loop, listen, (late) => late.close());
}

/** The sockets of a server that is being made. */
class Binding {
  readonly #loop: BaseEventLoop;
  readonly #options: ServerOptions;
  readonly #backlog: number;
  readonly #sockets: ListenSocket[] = [];
  readonly #skipped: SocketAddress[] = [];

  constructor(loop: BaseEventLoop, options: ServerOptions, backlog: number) {
    this.#loop = loop;
    this.#options = options;
    this.#backlog = backlog;
  }

  *bindAll(infos: readonly AddrInfo[]): Coro<ListenSocket[]> {
    const sockets = this.#sockets;
    try {
      for (const info of infos) yield* this.#bind(info[4]);
    } catch (error) {
      for (const sock of sockets) sock.close();
      throw error;
    }
    if (sockets.length > 0) return sockets;
    throw OSError.from(
      "EADDRNOTAVAIL",
      `could not bind on any address out of ${
        this.#skipped.map(showAddress).join(", ")
      }`,
    );
  }

  *#bind(address: SocketAddress): Coro<void> {
    const sockets = this.#sockets;
    const { host, port } = placeOf(address);
    const chosen = port === 0 ? this.#firstPort() : 0;
    try {
      sockets.push(yield* this.#listen(host, chosen || port));
    } catch (error) {
      if (!(error instanceof OSError)) throw error;
      if (error.code === "EADDRNOTAVAIL" || error.code === "EAFNOSUPPORT") {
        // This machine has no address of that family.
        this.#skipped.push(address);
        if (this.#loop.getDebug()) logger.warning(error.message);
        return;
      }
      if (error.code !== "EADDRINUSE") throw error;
      const covered = sockets.findIndex((sock) => covers(host, sock));
      if (covered >= 0) {
        // A runtime whose "::" is for IPv4, too, has no room for both.
        const [four] = sockets.splice(covered, 1);
        const own = placeOf(four!.local).port;
        four!.close();
        sockets.push(yield* this.#listen(host, own));
      } else if (chosen !== 0) {
        // Somebody has that port on the other address.
        sockets.push(yield* this.#listen(host, 0));
      } else throw error;
    }
  }

  /** The port that the first socket was given. */
  #firstPort(): number {
    const first = this.#sockets[0];
    return first === undefined ? 0 : placeOf(first.local).port;
  }

  #listen(host: string, port: number): Coro<ListenSocket> {
    const { sockets } = this.#loop._platform;
    const place = {
      host,
      port,
      backlog: this.#backlog,
      reusePort: this.#options.reusePort ?? false,
      ipv6Only: host.includes(":"),
    };
    return listening(this.#loop, (signal) => sockets.listen(place, signal));
  }
}

/** Whether "::" may include what a socket listens on. */
function covers(host: string, sock: ListenSocket): boolean {
  return host === "::" && placeOf(sock.local).host === "0.0.0.0";
}
