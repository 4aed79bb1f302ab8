/** Datagram endpoints. */

import type {
  DatagramOptions,
  DatagramSocket,
} from "../_platform/datagrams.ts";
import { showAddress } from "../_platform/addresses.ts";
import type { BaseEventLoop } from "../base_events.ts";
import { placeOf } from "./connecting.ts";
import type { Coro } from "../coroutines.ts";
import { NotImplementedError, OSError } from "../exceptions.ts";
import type { Future } from "../futures.ts";
import { logger } from "../log.ts";
import { ensureResolved } from "./names.ts";
import type {
  DatagramEndpointOptions,
  HostPort,
  ProtocolFactory,
  SocketAddress,
} from "./net_types.ts";
import type { BaseProtocol } from "../protocols.ts";
import { Socket } from "./socket.ts";
import { opened } from "./taking.ts";
import type { DatagramTransport } from "../transports.ts";

/** A family, and the addresses of it to bind and to send to. */
interface Pairing {
  readonly family: "inet" | "inet6";
  local: SocketAddress | null;
  remote: SocketAddress | null;
}

/** See `BaseEventLoop.createDatagramEndpoint`. */
export function* createDatagramEndpoint<P extends BaseProtocol>(
  loop: BaseEventLoop,
  protocolFactory: ProtocolFactory<P>,
  localAddr: HostPort | null,
  remoteAddr: HostPort | null,
  options: DatagramEndpointOptions,
): Coro<[DatagramTransport, P]> {
  loop._needSockets("createDatagramEndpoint");
  const given = options.sock ?? null;
  let sock: DatagramSocket | Socket;
  let address: SocketAddress | null = null;
  if (given !== null) {
    checkGiven(given, localAddr, remoteAddr, options);
    sock = given;
  } else {
    const pairings = yield* pair(loop, localAddr, remoteAddr, options);
    [sock, address] = yield* openFirst(loop, pairings, options);
  }
  let protocol: P;
  let waiter: Future<void>;
  let transport: DatagramTransport;
  try {
    protocol = protocolFactory();
    waiter = loop.createFuture<void>();
    transport = loop._makeDatagramTransport(sock, protocol, address, waiter);
  } catch (error) {
    if (sock instanceof Socket) sock.close();
    else sock.abort();
    throw error;
  }
  if (loop.getDebug()) {
    logger.info(
      `Datagram endpoint localAddr=${localAddr} remoteAddr=${remoteAddr} ` +
        `created: (${transport}, ${protocol})`,
    );
  }
  try {
    yield* waiter;
  } catch (error) {
    transport.close();
    throw error;
  }
  return [transport, protocol];
}

function checkGiven(
  sock: Socket,
  localAddr: HostPort | null,
  remoteAddr: HostPort | null,
  options: DatagramEndpointOptions,
): void {
  if (!(sock instanceof Socket) || sock.type === "stream") {
    throw new RangeError(`A datagram socket was expected, got ${sock}`);
  }
  const { family, proto, flags, reusePort, allowBroadcast } = options;
  const modifiers = {
    localAddr,
    remoteAddr,
    family,
    proto,
    flags: flags?.length ? flags : null,
    reusePort,
    allowBroadcast,
  };
  const problems = Object.entries(modifiers).filter(([, value]) => value);
  if (problems.length === 0) return;
  const shown = problems.map(([name, value]) => `${name}=${value}`).join(", ");
  throw new RangeError(
    "socket modifier keyword arguments can not be used when sock is " +
      `specified. (${shown})`,
  );
}

/** Brings local and remote addresses of one family together. */
function* pair(
  loop: BaseEventLoop,
  localAddr: HostPort | null,
  remoteAddr: HostPort | null,
  options: DatagramEndpointOptions,
): Coro<Pairing[]> {
  const { family = null, proto, flags } = options;
  if (family === "unix") {
    throw new NotImplementedError(
      "Cannot open a Unix datagram socket: no runtime has them",
    );
  }
  if (localAddr === null && remoteAddr === null) {
    if (family === null) throw new RangeError("unexpected address family");
    return [{ family, local: null, remote: null }];
  }
  const pairings = new Map<string, Pairing>();
  for (const side of ["local", "remote"] as const) {
    const address = side === "local" ? localAddr : remoteAddr;
    if (address === null) continue;
    if (!Array.isArray(address) || address.length !== 2) {
      throw new TypeError("2-tuple is expected");
    }
    const [host, port] = address as HostPort;
    const asked = { family, type: "dgram", proto, flags } as const;
    for (const info of yield* ensureResolved(loop, host, port, asked)) {
      const kind = info[0] as "inet" | "inet6";
      let pairing = pairings.get(kind);
      if (pairing === undefined) {
        pairing = { family: kind, local: null, remote: null };
        pairings.set(kind, pairing);
      }
      // The last one counts, as in CPython.
      pairing[side] = info[4];
    }
  }
  const whole = [...pairings.values()].filter(({ local, remote }) =>
    (localAddr === null || local !== null) &&
    (remoteAddr === null || remote !== null)
  );
  if (whole.length === 0) {
    throw new RangeError("can not get address information");
  }
  return whole;
}

/** Opens the first that can be opened. */
function* openFirst(
  loop: BaseEventLoop,
  pairings: readonly Pairing[],
  options: DatagramEndpointOptions,
): Coro<[DatagramSocket, SocketAddress | null]> {
  const { datagrams } = loop._platform;
  const broadcast = options.allowBroadcast ?? false;
  let first: OSError | null = null;
  for (const { family, local, remote } of pairings) {
    const asked: DatagramOptions = {
      family,
      local: local === null ? undefined : placeOf(local),
      // Answers to a broadcast come from others than it was sent to.
      remote: remote === null || broadcast ? undefined : placeOf(remote),
      reusePort: options.reusePort ?? false,
      broadcast,
    };
    try {
      const sock = yield* opened(
        loop,
        () => datagrams.open(asked),
        (late) => late.abort(),
      );
      return [sock, remote];
    } catch (error) {
      if (!(error instanceof OSError)) throw error;
      first ??= error;
    }
  }
  throw first ??
    new OSError(
      `Cannot open a datagram socket: ${
        pairings.map((one) => showAddress(one.local ?? one.remote ?? "")).join()
      }`,
    );
}
