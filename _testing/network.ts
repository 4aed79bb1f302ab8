/**
 * A network in memory, on the clock of a test's loop: what a loop's own transports and
 * servers run on in a test.
 */

import {
  checkPath,
  hostPort,
  ipAddress,
  showPath,
} from "../_platform/addresses.ts";
import type { Datagrams } from "../_platform/datagrams.ts";
import type { Dns } from "../_platform/dns.ts";
import { ownError } from "../_platform/socket_errors.ts";
import type {
  ListenSocket,
  SocketAddress,
  StreamSocket,
  StreamSockets,
  TcpPlace,
  TcpTarget,
  UnixPlace,
  UnixTarget,
} from "../_platform/sockets.ts";
import { type AbstractEventLoop, TimerHandle } from "../events.ts";
import { NotImplementedError, RuntimeError } from "../exceptions.ts";
import {
  type Link,
  type LinkOptions,
  PERFECT,
  streamTransit,
  toLink,
  transit,
} from "./links.ts";
import {
  hostOf,
  isLoopback,
  isWildcard,
  MemoryListener,
  pair,
  SELF,
} from "./listener.ts";
import { memoryDns } from "./names.ts";
import { PostOffice } from "./post.ts";
import type { Random } from "./seed.ts";
import { MemoryStream } from "./streams.ts";

/** Seconds after which a connection attempt that nobody answers fails, as on Linux. */
const CONNECT_TIMEOUT = 127;
const NO_ARGS: readonly unknown[] = [];

/**
 * A network in memory. All addresses are its own: listen on any, connect to any.
 *
 * Everything random about it comes from the seed of the test, so the same seed loses
 * the same messages. Names other than "localhost" have to be given with
 * {@linkcode FakeNetwork.name}.
 */
export class FakeNetwork {
  /** @internal */
  readonly _sockets: StreamSockets;
  /** @internal */
  readonly _datagrams: Datagrams;
  /** @internal */
  readonly _dns: Dns;
  /** @internal */
  _loop: AbstractEventLoop | null = null;
  /**
   * Promises of the network that something may wait for.
   *
   * @internal
   */
  _pending = 0;
  readonly #random: Random;
  #default: Link = PERFECT;
  readonly #links: Map<string, Link> = new Map();
  readonly #cuts: Set<string> = new Set();
  readonly #dead: Set<string> = new Set();
  readonly #listeners: Map<string, MemoryListener> = new Map();
  readonly #streams: Set<MemoryStream> = new Set();
  readonly #names: Map<string, string[]> = new Map();
  #healing: (() => void)[] = [];
  #nextPort = 40_000;

  /** @internal */
  constructor(random: Random) {
    this.#random = random;
    this._sockets = {
      connect: (to, signal) => this.#counted(this.#connect(to, signal)),
      listen: (at) => this.#listen(at),
      adopt: (fd) =>
        Promise.reject(
          new NotImplementedError(
            `Cannot adopt file descriptor ${fd}: a network in memory has none`,
          ),
        ),
      removeSocketFile: () => false,
    };
    const office = new PostOffice({
      random,
      now: () => this.#now(),
      at: (when, fn) => this.#at(when, fn),
      link: (a, b) => this.#linkOf(a, b),
      isCut: (a, b) => this.#isCut(a, b),
      isDead: (host) => this.#dead.has(host),
      port: () => this.#nextPort++,
    });
    this._datagrams = { open: (options) => office.open(options ?? {}) };
    this._dns = memoryDns(this.#names);
  }

  /**
   * Sets how all wires behave that have no settings of their own.
   *
   * @param options See {@linkcode LinkOptions}.
   * @throws RangeError When a number makes no sense.
   */
  configure(options: LinkOptions): void {
    this.#default = toLink(this.#default, options);
  }

  /**
   * Sets how the wires between two hosts behave, both ways.
   *
   * @param a The address of a host, such as "10.0.0.2".
   * @param b The address of the other.
   * @param options See {@linkcode LinkOptions}.
   */
  link(a: string, b: string, options: LinkOptions): void {
    const link = toLink(this.#linkOf(a, b), options);
    this.#links.set(pair(a, b), link);
  }

  /**
   * Gives a host a name.
   *
   * @param name The name.
   * @param addresses Its addresses.
   */
  name(name: string, ...addresses: string[]): void {
    for (const address of addresses) {
      if (this._dns.isIP(address) === 0) {
        throw new RangeError(
          `Cannot name ${address} "${name}": it is no numeric address`,
        );
      }
    }
    this.#names.set(name.toLowerCase(), addresses);
  }

  /**
   * Cuts the wires between hosts. Streams go on when they are healed; datagrams are
   * lost.
   *
   * @param a The addresses of hosts.
   * @param b The addresses of others; all others unless given.
   */
  partition(
    a: string | readonly string[],
    b?: string | readonly string[],
  ): void {
    for (const one of [a].flat()) {
      if (b === undefined) this.#cuts.add(one);
      else for (const other of [b].flat()) this.#cuts.add(pair(one, other));
    }
  }

  /** Mends all wires, and what was held up goes on. */
  heal(): void {
    this.#cuts.clear();
    const healing = this.#healing;
    this.#healing = [];
    for (const fn of healing) this.#at(this.#now(), fn);
  }

  /**
   * Lets a host die without a word: its own ends of connections fail, and the other
   * ends stay half open, as those of a machine that lost its power.
   *
   * @param host The host's address.
   * @param options `silent`: whether it answers nothing from now on; otherwise it has
   * been started again, and answers what belongs to an old connection with a reset.
   */
  crash(host: string, options: { silent?: boolean } = {}): void {
    if (options.silent === true) this.#dead.add(host);
    for (const stream of [...this.#streams]) {
      if (hostOf(stream.local) === host) stream.vanish();
    }
    for (const [key, listener] of [...this.#listeners]) {
      if (hostOf(listener.local) === host) this.#listeners.delete(key);
    }
  }

  /** @internal */
  get _random(): Random {
    return this.#random;
  }

  /**
   * A connected pair, as `socketpair` gives.
   *
   * @internal
   */
  _pair(
    from: SocketAddress = ["127.0.0.1", this.#nextPort++],
    to: SocketAddress = ["127.0.0.1", this.#nextPort++],
  ): [MemoryStream, MemoryStream] {
    const near = new MemoryStream(from, to, this.#wires);
    const far = new MemoryStream(to, from, this.#wires);
    MemoryStream.join(near, far);
    this.#streams.add(near);
    this.#streams.add(far);
    return [near, far];
  }

  readonly #wires = {
    now: (): number => this.#now(),
    at: (when: number, fn: () => void): void => this.#at(when, fn),
    transit: (from: SocketAddress, to: SocketAddress): number =>
      streamTransit(this.#linkOf(hostOf(from), hostOf(to)), this.#random),
    cut: (from: SocketAddress, to: SocketAddress): boolean =>
      this.#isCut(hostOf(from), hostOf(to)),
    whenHealed: (fn: () => void): void => void this.#healing.push(fn),
    isDown: (address: SocketAddress): boolean =>
      this.#dead.has(hostOf(address)),
    forget: (stream: MemoryStream): void => void this.#streams.delete(stream),
  };

  #now(): number {
    return this.#running().time();
  }

  #running(): AbstractEventLoop {
    if (this._loop === null) {
      throw new RuntimeError("Cannot use the network: its test has ended");
    }
    return this._loop;
  }

  /** Calls a function at a time: a timer of the loop, in nobody's context. */
  #at(when: number, fn: () => void): void {
    const loop = this.#running();
    if (loop.isClosed()) return;
    loop._addTimer(new TimerHandle(when, fn, NO_ARGS, loop, null));
  }

  #linkOf(a: string, b: string): Link {
    return this.#links.get(pair(a, b)) ?? this.#default;
  }

  #isCut(a: string, b: string): boolean {
    return (a !== b && (this.#cuts.has(a) || this.#cuts.has(b))) ||
      this.#cuts.has(pair(a, b));
  }

  /** Waiting for the network is no waiting for the real world. */
  async #counted<T>(promise: Promise<T>): Promise<T> {
    this._pending++;
    try {
      return await promise;
    } finally {
      this._pending--;
    }
  }

  #after(seconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason), {
        once: true,
      });
      this.#at(this.#now() + seconds, resolve);
    });
  }

  async #connect(
    to: TcpTarget | UnixTarget,
    signal?: AbortSignal,
  ): Promise<StreamSocket> {
    signal?.throwIfAborted();
    const unix = "path" in to;
    const name = unix ? to.path : hostPort(to.host, to.port);
    const action = `Cannot connect to ${showPath(name)}`;
    if (unix) checkPath(to.path, action);
    const from = unix ? "" : this.#source(to);
    const here = unix ? "" : hostOf(from);
    const there = unix ? "" : to.host;
    const link = this.#linkOf(here, there);
    const round = unix
      ? 0
      : transit(link, this.#random) + transit(link, this.#random);
    if (this.#isCut(here, there) || this.#dead.has(there)) {
      await this.#after(CONNECT_TIMEOUT, signal);
      throw ownError(action, "ETIMEDOUT");
    }
    await this.#after(round, signal);
    const listener = unix
      ? this.#listeners.get(name)
      : this.#listenerAt(to.host, to.port);
    if (listener === undefined) {
      throw ownError(action, unix ? "ENOENT" : "ECONNREFUSED");
    }
    const remote = unix ? name : ipAddress(to.host, to.port);
    const [near, far] = this._pair(from, remote);
    this.#at(this.#now(), () => listener.accepted(far));
    return near;
  }

  #source(to: TcpTarget): SocketAddress {
    const local = to.localAddress ?? "";
    const host = local !== "" && !isWildcard(local)
      ? local
      : isLoopback(to.host)
      ? to.host
      : to.host.includes(":")
      ? "fd00::1"
      : SELF;
    return ipAddress(host, to.localPort || this.#nextPort++);
  }

  #listenerAt(host: string, port: number): MemoryListener | undefined {
    const wildcard = host.includes(":") ? "::" : "0.0.0.0";
    return this.#listeners.get(hostPort(host, port)) ??
      this.#listeners.get(hostPort(wildcard, port));
  }

  async #listen(at: TcpPlace | UnixPlace): Promise<ListenSocket> {
    const unix = "path" in at;
    const place = unix || at.port !== 0
      ? at
      : { ...at, port: this.#nextPort++ };
    const name = "path" in place
      ? place.path
      : hostPort(place.host, place.port);
    const action = `Cannot listen on ${showPath(name)}`;
    if (unix) checkPath(at.path, action);
    if (this.#listeners.has(name)) throw ownError(action, "EADDRINUSE");
    const local = "path" in place
      ? place.path
      : ipAddress(place.host, place.port);
    const listener = new MemoryListener(
      local,
      () => void this.#listeners.delete(name),
    );
    this.#listeners.set(name, listener);
    return listener;
  }
}
