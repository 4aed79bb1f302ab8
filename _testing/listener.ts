/** Listening sockets in memory, and how addresses are told apart. */

import { hostPort } from "../_platform/addresses.ts";
import type {
  ListenSocket,
  SocketAddress,
  SocketFamily,
  StreamSocket,
} from "../_platform/sockets.ts";
import type { MemoryStream } from "./streams.ts";

/** The address of whoever connects to another host without saying from where. */
export const SELF = "10.0.0.1";

/** A listening socket in memory. */
export class MemoryListener implements ListenSocket {
  readonly family: SocketFamily;
  readonly local: SocketAddress;
  readonly #forget: () => void;
  #waiting: MemoryStream[] = [];
  #onConnection: ((socket: StreamSocket) => void) | null = null;

  constructor(local: SocketAddress, forget: () => void) {
    this.local = local;
    this.family = typeof local === "string"
      ? "unix"
      : local.length === 4
      ? "inet6"
      : "inet";
    this.#forget = forget;
  }

  accepted(stream: MemoryStream): void {
    if (this.#onConnection === null) this.#waiting.push(stream);
    else this.#onConnection(stream);
  }

  start(onConnection: (socket: StreamSocket) => void): void {
    this.#onConnection = onConnection;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const stream of waiting) onConnection(stream);
  }

  close(): void {
    this.#forget();
    for (const stream of this.#waiting) stream.abort();
    this.#waiting = [];
  }

  // Nothing in memory keeps a process alive.
  ref(): void {}
  unref(): void {}
}

/** The host of an address; empty for a path. */
export function hostOf(address: SocketAddress): string {
  return typeof address === "string" ? "" : address[0];
}

/** An address as the key of a map. */
export function keyOf(address: SocketAddress): string {
  return typeof address === "string"
    ? address
    : hostPort(address[0], address[1]);
}

/** Two hosts as the key of a map, in either order. */
export function pair(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

/** Whether a host is this machine to itself. */
export function isLoopback(host: string): boolean {
  return host.startsWith("127.") || host === "::1";
}

/** Whether a host stands for all addresses. */
export function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}
