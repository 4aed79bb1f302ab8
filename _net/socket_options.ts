/** The options of sockets that the runtimes let a program set. */

import type { DatagramSocket } from "../_platform/datagrams.ts";
import { ownError } from "../_platform/socket_errors.ts";
import type { StreamSocket } from "../_platform/sockets.ts";

/**
 * The options of a socket, by the system's names; a name tells its level, too. The
 * runtimes have no others.
 */
export interface SocketOptions {
  /** Streams: whether the kernel probes an idle peer. */
  SO_KEEPALIVE: boolean;
  /** Streams over TCP: whether small writes go out at once. */
  TCP_NODELAY: boolean;
  /** Before bind: whether the address of a socket that is closing can be had. */
  SO_REUSEADDR: boolean;
  /** Before bind: whether other sockets may share the port. */
  SO_REUSEPORT: boolean;
  /** Before bind: whether IPv6's "::" leaves IPv4 to others. */
  IPV6_V6ONLY: boolean;
  /** Datagrams: whether sending to a broadcast address is allowed. */
  SO_BROADCAST: boolean;
  /** Datagrams: the address of the interface that multicasts leave by. */
  IP_MULTICAST_IF: string;
  /** Datagrams: how many hops multicasts go. */
  IP_MULTICAST_TTL: number;
  /** Datagrams: whether one's own multicasts come back. */
  IP_MULTICAST_LOOP: boolean;
}

/** The name of an option. */
export type SocketOption = keyof SocketOptions;

/** The options that are written down, and what each is until then. */
export const OPTION_DEFAULTS: Readonly<SocketOptions> = {
  SO_KEEPALIVE: false,
  TCP_NODELAY: false,
  SO_REUSEADDR: false,
  SO_REUSEPORT: false,
  IPV6_V6ONLY: false,
  SO_BROADCAST: false,
  IP_MULTICAST_IF: "",
  IP_MULTICAST_TTL: 1,
  IP_MULTICAST_LOOP: true,
};

/** The options of streams; those of a listening socket go to what it accepts. */
export const INHERITED: ReadonlySet<SocketOption> = new Set([
  "SO_KEEPALIVE",
  "TCP_NODELAY",
]);
const ON_DATAGRAMS: ReadonlySet<SocketOption> = new Set([
  "SO_BROADCAST",
  "IP_MULTICAST_IF",
  "IP_MULTICAST_TTL",
  "IP_MULTICAST_LOOP",
]);

/** Refuses what is no option of such a socket. */
export function checkOption(type: string, option: string): void {
  const other = type === "stream" ? ON_DATAGRAMS : INHERITED;
  if (
    Object.hasOwn(OPTION_DEFAULTS, option) && !other.has(option as SocketOption)
  ) return;
  throw ownError(
    `Cannot use the option ${option} of a ${type} socket`,
    "ENOPROTOOPT",
    "the runtime does not offer it",
  );
}

/** Refuses what can only be chosen before the address is taken. */
export function tooLate(option: SocketOption): Error {
  return ownError(
    `Cannot set the option ${option}`,
    "EINVAL",
    "the socket is in use already",
  );
}

/** Sets an option of a connected stream; false where that is too late. */
export function setStreamOption<K extends SocketOption>(
  stream: StreamSocket,
  option: K,
  value: SocketOptions[K],
): boolean {
  if (option === "SO_KEEPALIVE") stream.setKeepAlive(Boolean(value));
  else if (option === "TCP_NODELAY") stream.setNoDelay(Boolean(value));
  else return false;
  return true;
}

/** Sets an option of an open datagram socket; false where that is too late. */
export function setDatagramOption<K extends SocketOption>(
  socket: DatagramSocket,
  option: K,
  value: SocketOptions[K],
): boolean {
  switch (option) {
    case "SO_BROADCAST":
      socket.setBroadcast(Boolean(value));
      return true;
    case "IP_MULTICAST_IF":
      socket.setMulticastInterface(String(value));
      return true;
    case "IP_MULTICAST_TTL":
      socket.setMulticastTtl(Number(value));
      return true;
    case "IP_MULTICAST_LOOP":
      socket.setMulticastLoopback(Boolean(value));
      return true;
    default:
      return false;
  }
}
