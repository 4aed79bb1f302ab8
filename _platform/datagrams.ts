/** UDP sockets as the library sees them, the same on every runtime. */

import type { SocketAddress } from "./sockets.ts";

/** What a datagram socket tells its owner. */
export interface DatagramEvents {
  /** A datagram came; the bytes are the receiver's to keep. */
  onMessage(data: Uint8Array, from: SocketAddress): void;
  /** Something went wrong with one datagram; the socket lives on. */
  onError(error: Error): void;
  /** `buffered` has become 0. */
  onDrain(): void;
  /** The socket is closed. Exactly once, last, never from inside a call. */
  onClose(error: Error | null): void;
}

/** A datagram socket. */
export interface DatagramSocket {
  readonly family: "inet" | "inet6";
  readonly local: SocketAddress;
  /** Where it is connected to. */
  readonly remote: SocketAddress | null;
  /** The bytes that are on their way to the kernel. */
  readonly buffered: number;
  /** Sets the owner, or replaces it. What came before is told then. */
  attach(events: DatagramEvents): void;
  /**
   * Sends one datagram; a failure comes through `onError`. The bytes must not
   * change before `buffered` is 0.
   *
   * @param data The bytes; none is a datagram, too.
   * @param to Where to; not for a connected socket.
   * @throws {RangeError} When the port is none.
   */
  send(data: Uint8Array, to?: SocketAddress): void;
  /** Closes once all is sent. */
  close(): void;
  /** Closes at once. */
  abort(): void;
  /** Whether sending to a broadcast address is allowed. */
  setBroadcast(on: boolean): void;
  /** Joins a multicast group, on the interface with that address. */
  joinGroup(group: string, networkInterface?: string): void;
  /** Leaves a multicast group. */
  leaveGroup(group: string, networkInterface?: string): void;
  /** The interface that multicast datagrams leave by. */
  setMulticastInterface(address: string): void;
  /** How many hops multicast datagrams go. */
  setMulticastTtl(hops: number): void;
  /** Whether one's own multicast datagrams come back. */
  setMulticastLoopback(on: boolean): void;
  /** Lets the socket keep the process alive, as it does from the start. */
  ref(): void;
  /** Lets the process end in spite of the socket. */
  unref(): void;
}

/** A numeric host and a port. */
export interface DatagramPlace {
  readonly host: string;
  readonly port: number;
}

/** How to open a datagram socket. */
export interface DatagramOptions {
  /** Needed where neither address tells it; "inet" then. */
  readonly family?: "inet" | "inet6" | undefined;
  readonly local?: DatagramPlace | undefined;
  readonly remote?: DatagramPlace | undefined;
  readonly reuseAddress?: boolean | undefined;
  readonly reusePort?: boolean | undefined;
  readonly ipv6Only?: boolean | undefined;
  readonly broadcast?: boolean | undefined;
  /** Whether it lets the process end from the start, as `unref` does later. */
  readonly unref?: boolean | undefined;
}

/** Datagram sockets of one runtime. */
export interface Datagrams {
  /**
   * Opens a socket, binds it and connects it, as far as asked.
   *
   * @param options See {@linkcode DatagramOptions}.
   * @returns The socket.
   * @throws {OSError} When an address cannot be had.
   * @throws {NotImplementedError} When a port is to be shared on Deno.
   */
  open(options?: DatagramOptions): Promise<DatagramSocket>;
}
