/** How sockets get what the runtime has for them. */

import type { DatagramPlace, DatagramSocket } from "../_platform/datagrams.ts";
import { ownError } from "../_platform/socket_errors.ts";
import type {
  ListenSocket,
  SocketAddress,
  SocketFamily,
  StreamSocket,
} from "../_platform/sockets.ts";
import type { Platform } from "../_platform/types.ts";
import {
  OPTION_DEFAULTS,
  setDatagramOption,
  setStreamOption,
  type SocketOption,
  type SocketOptions,
} from "./socket_options.ts";

/** What was chosen for a socket before it was opened. */
export class Plan {
  readonly family: SocketFamily;
  local: SocketAddress | null = null;
  #options: Map<SocketOption, unknown> | null = null;

  constructor(family: SocketFamily) {
    this.family = family;
  }

  get<K extends SocketOption>(option: K): SocketOptions[K] {
    const value = this.#options?.get(option) as SocketOptions[K] | undefined;
    return value ?? OPTION_DEFAULTS[option];
  }

  set<K extends SocketOption>(option: K, value: SocketOptions[K]): void {
    (this.#options ??= new Map()).set(option, value);
  }

  [Symbol.iterator](): Iterator<[SocketOption, unknown]> {
    return (this.#options ?? new Map<SocketOption, unknown>()).entries();
  }
}

/** An address of IPv4 or IPv6 as the runtimes take it. */
export function placeOf(address: SocketAddress): DatagramPlace {
  return { host: String(address[0]), port: Number(address[1]) };
}

/** Binds and listens. */
export async function listenStream(
  platform: Platform,
  plan: Plan,
  backlog: number,
  keepPath: boolean,
): Promise<ListenSocket> {
  const { local, family } = plan;
  if (family === "unix") {
    if (local === null) {
      throw ownError("Cannot listen", "EINVAL", "the socket is not bound");
    }
    const path = String(local);
    return await platform.sockets.listen({ path, backlog, keepPath });
  }
  const { host, port } = placeOf(
    local ?? [family === "inet" ? "0.0.0.0" : "::", 0],
  );
  return await platform.sockets.listen({
    host,
    port,
    backlog,
    reusePort: plan.get("SO_REUSEPORT"),
    ipv6Only: plan.get("IPV6_V6ONLY"),
  });
}

/** Connects. */
export async function connectStream(
  platform: Platform,
  plan: Plan,
  address: SocketAddress,
  signal?: AbortSignal,
): Promise<StreamSocket> {
  const { local } = plan;
  const stream = await platform.sockets.connect(
    typeof address === "string" ? { path: address } : {
      ...placeOf(address),
      ...local !== null && {
        localAddress: String(local[0]),
        localPort: Number(local[1]),
      },
    },
    signal,
  );
  for (const [option, value] of plan) {
    setStreamOption(stream, option, value as never);
  }
  return stream;
}

/** Opens a datagram socket. */
export async function openDatagram(
  platform: Platform,
  plan: Plan,
  remote: DatagramPlace | undefined,
): Promise<DatagramSocket> {
  const { local } = plan;
  const socket = await platform.datagrams.open({
    family: plan.family as "inet" | "inet6",
    ...local !== null && { local: placeOf(local) },
    ...remote !== undefined && { remote },
    reuseAddress: plan.get("SO_REUSEADDR"),
    reusePort: plan.get("SO_REUSEPORT"),
    ipv6Only: plan.get("IPV6_V6ONLY"),
    broadcast: plan.get("SO_BROADCAST"),
    // As every socket that no transport has: the loop that runs keeps the process.
    unref: true,
  });
  for (const [option, value] of plan) {
    if (option.startsWith("IP_")) {
      setDatagramOption(socket, option, value as never);
    }
  }
  return socket;
}
