/** Datagram sockets in memory, whose messages may be lost, doubled or overtaken. */

import { checkPort } from "../_platform/addresses.ts";
import type { DatagramEvents, DatagramSocket } from "../_platform/datagrams.ts";
import { ownError } from "../_platform/socket_errors.ts";
import type { SocketAddress } from "../_platform/sockets.ts";

/** What datagram sockets need of their network. */
export interface Post {
  now(): number;
  at(when: number, fn: () => void): void;
  /** Sends a message; false where nobody listens there. */
  deliver(from: MemoryDatagrams, to: SocketAddress, data: Uint8Array): void;
  forget(socket: MemoryDatagrams): void;
}

interface Message {
  readonly data: Uint8Array;
  readonly from: SocketAddress;
}

/** A datagram socket in memory. */
export class MemoryDatagrams implements DatagramSocket {
  readonly family: "inet" | "inet6";
  readonly local: SocketAddress;
  readonly remote: SocketAddress | null;
  /** What was sent in this turn of the loop. */
  buffered: number = 0;
  /** The groups that it listens to. */
  readonly groups: Set<string> = new Set();
  readonly #post: Post;
  #events: DatagramEvents | null = null;
  #early: Message[] = [];
  #open: boolean = true;
  #draining: boolean = false;

  constructor(
    local: SocketAddress,
    remote: SocketAddress | null,
    post: Post,
  ) {
    this.local = local;
    this.remote = remote;
    this.family = local.length === 4 ? "inet6" : "inet";
    this.#post = post;
  }

  attach(events: DatagramEvents): void {
    this.#events = events;
    const early = this.#early;
    this.#early = [];
    for (const { data, from } of early) events.onMessage(data, from);
  }

  send(data: Uint8Array, to?: SocketAddress): void {
    if (!this.#open) return;
    const target = this.remote ?? to;
    if (target === undefined || typeof target === "string") {
      throw new TypeError("Cannot send a datagram: there is no address for it");
    }
    checkPort(target[1], `Cannot send to ${target[0]}`);
    this.#post.deliver(this, target, data.slice());
    this.buffered += data.length;
    if (this.#draining) return;
    this.#draining = true;
    this.#post.at(this.#post.now(), this.#drain);
  }

  readonly #drain: () => void = () => {
    this.#draining = false;
    this.buffered = 0;
    if (this.#open) this.#events?.onDrain();
  };

  /** A message has come. */
  receive(data: Uint8Array, from: SocketAddress): void {
    if (!this.#open) return;
    const { remote } = this;
    if (remote !== null && (remote[0] !== from[0] || remote[1] !== from[1])) {
      return;
    }
    if (this.#events === null) this.#early.push({ data, from });
    else this.#events.onMessage(data, from);
  }

  /** Nobody listens where a message went; only a connected socket is told. */
  refused(): void {
    if (!this.#open || this.remote === null) return;
    this.#events?.onError(
      ownError("Cannot send the datagram", "ECONNREFUSED"),
    );
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#post.forget(this);
    this.#post.at(this.#post.now(), () => this.#events?.onClose(null));
  }

  abort(): void {
    this.close();
  }

  joinGroup(group: string): void {
    this.groups.add(group);
  }

  leaveGroup(group: string): void {
    this.groups.delete(group);
  }

  // A network in memory has one interface, and no hops.
  setBroadcast(): void {}
  setMulticastInterface(): void {}
  setMulticastTtl(): void {}
  setMulticastLoopback(): void {}
  ref(): void {}
  unref(): void {}
}
