/** The datagrams of a network in memory: where they go, and what becomes of them. */

import { hostPort, ipAddress } from "../_platform/addresses.ts";
import type {
  DatagramOptions,
  DatagramSocket,
} from "../_platform/datagrams.ts";
import { ownError } from "../_platform/socket_errors.ts";
import type { SocketAddress } from "../_platform/sockets.ts";
import { MemoryDatagrams } from "./datagrams.ts";
import { type Link, transit } from "./links.ts";
import { hostOf, isLoopback, isWildcard, keyOf, SELF } from "./listener.ts";
import type { Random } from "./seed.ts";

/** What it needs of its network. */
export interface PostNetwork {
  readonly random: Random;
  /** The loop's time. */
  now(): number;
  /** Calls a function at a time; those of one function keep their order. */
  at(when: number, fn: () => void): void;
  /** How the wire between two hosts behaves. */
  link(a: string, b: string): Link;
  /** Whether nothing gets from one host to another. */
  isCut(a: string, b: string): boolean;
  /** Whether a host answers nothing. */
  isDead(host: string): boolean;
  /** A port that is free. */
  port(): number;
}

interface Lane {
  readonly waiting: (() => void)[];
  readonly next: () => void;
}

/** Delivers the datagrams of one network. */
export class PostOffice {
  readonly #network: PostNetwork;
  readonly #boxes: Map<string, MemoryDatagrams> = new Map();
  /** Messages on their way, by route. */
  readonly #lanes: Map<string, Lane> = new Map();

  constructor(network: PostNetwork) {
    this.#network = network;
  }

  /** Opens a socket. */
  async open(options: DatagramOptions): Promise<DatagramSocket> {
    const { local, remote } = options;
    const six = options.family === "inet6" ||
      (local ?? remote)?.host.includes(":") === true;
    const host = local?.host ??
      (remote === undefined
        ? (six ? "::" : "0.0.0.0")
        : isLoopback(remote.host)
        ? remote.host
        : six
        ? "fd00::1"
        : SELF);
    const address = ipAddress(host, local?.port || this.#network.port());
    const key = keyOf(address);
    if (this.#boxes.has(key)) {
      throw ownError(`Cannot listen on ${key}`, "EADDRINUSE");
    }
    const target = remote === undefined
      ? null
      : ipAddress(remote.host, remote.port);
    const box = new MemoryDatagrams(address, target, {
      now: () => this.#network.now(),
      at: (when, fn) => this.#network.at(when, fn),
      deliver: (from, to, data) => this.#deliver(from, to, data),
      forget: (socket) => void this.#boxes.delete(keyOf(socket.local)),
    });
    this.#boxes.set(key, box);
    return box;
  }

  #deliver(from: MemoryDatagrams, to: SocketAddress, data: Uint8Array): void {
    const network = this.#network;
    const there = hostOf(to);
    const source = isWildcard(hostOf(from.local))
      ? ipAddress(isLoopback(there) ? there : SELF, Number(from.local[1]))
      : from.local;
    const here = hostOf(source);
    const link = network.link(here, there);
    const { random } = network;
    const copies = random.chance(link.duplicate) ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      if (random.chance(link.loss)) continue;
      let time = transit(link, random);
      // Late enough that those sent a little after it come before it.
      if (random.chance(link.reorder)) {
        time += 0.001 + random.next() * (link.to + 0.01);
      }
      const arrive = () => {
        if (network.isCut(here, there) || network.isDead(there)) return;
        const boxes = this.#boxesAt(to);
        if (boxes.length === 0) from.refused();
        for (const box of boxes) box.receive(data, source);
      };
      const ordered = link.from === link.to && link.reorder === 0;
      network.at(
        network.now() + time,
        ordered
          ? this.#inOrder(`${keyOf(source)} ${keyOf(to)}`, arrive)
          : arrive,
      );
    }
  }

  /** Timers of one function keep their order, also where they are due at once. */
  #inOrder(route: string, arrive: () => void): () => void {
    let lane = this.#lanes.get(route);
    if (lane === undefined) {
      const waiting: (() => void)[] = [];
      lane = { waiting, next: () => waiting.shift()?.() };
      this.#lanes.set(route, lane);
    }
    lane.waiting.push(arrive);
    return lane.next;
  }

  #boxesAt(to: SocketAddress): MemoryDatagrams[] {
    const host = hostOf(to);
    const exact = this.#boxes.get(keyOf(to)) ??
      this.#boxes.get(
        hostPort(host.includes(":") ? "::" : "0.0.0.0", Number(to[1])),
      );
    if (exact !== undefined) return [exact];
    return [...this.#boxes.values()].filter((box) =>
      box.groups.has(host) && box.local[1] === to[1]
    );
  }
}
