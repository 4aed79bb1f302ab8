/** What a socket is, apart from reading and writing. */

import { showAddress } from "../_platform/addresses.ts";
import type { DatagramPlace, DatagramSocket } from "../_platform/datagrams.ts";
import { platform as host } from "../_platform/mod.ts";
import { ownError } from "../_platform/socket_errors.ts";
import type {
  ListenSocket,
  SocketAddress,
  SocketFamily,
  StreamSocket,
} from "../_platform/sockets.ts";
import type { Platform } from "../_platform/types.ts";
import {
  AcceptBox,
  DatagramBox,
  type SocketBox,
  StreamBox,
} from "./socket_box.ts";
import {
  connectStream,
  listenStream,
  openDatagram,
  Plan,
} from "./socket_open.ts";
import {
  checkOption,
  INHERITED,
  setDatagramOption,
  setStreamOption,
  type SocketOption,
  type SocketOptions,
  tooLate,
} from "./socket_options.ts";
import { RuntimeError } from "../exceptions.ts";

/** What a socket carries: a stream of bytes, or datagrams. */
export type SocketType = "stream" | "dgram";

/** What a runtime has for a socket. */
export type HostSocket = StreamSocket | ListenSocket | DatagramSocket;

/** How many connections wait to be accepted, unless told. */
const BACKLOG = 128;

/** What a socket is, apart from reading and writing. */
export class SocketCore implements Disposable, AsyncDisposable {
  /** Whether it is of IPv4, IPv6 or Unix. */
  readonly family: SocketFamily;
  /** What it carries. */
  readonly type: SocketType;
  /** The protocol; always 0, the one that belongs to family and type. */
  readonly proto: number = 0;
  readonly #plan: Plan;
  #host: HostSocket | null = null;
  /** What reads it, unless it has an owner that does. */
  #box: SocketBox | null = null;
  /** The transport or server that uses it. */
  #owner: object | null = null;
  /** Is told when it may have become readable or writable. */
  #changed: (() => void) | null = null;
  /** Whether it is being connected, or made to listen. */
  #busy: boolean = false;
  #closed: boolean = false;

  /**
   * Makes an unconnected socket.
   *
   * @param family "inet", "inet6" or "unix".
   * @param type "stream" or "dgram".
   * @throws {OSError} If there is no such socket: the runtimes have no datagrams on
   * Unix paths.
   */
  constructor(family: SocketFamily = "inet", type: SocketType = "stream") {
    const known = ["inet", "inet6", "unix"].includes(family) &&
      ["stream", "dgram"].includes(type);
    if (!known || (family === "unix" && type === "dgram")) {
      throw ownError(
        `Cannot make a ${type} socket of the family ${family}`,
        "EPROTONOSUPPORT",
        "the runtime does not offer it",
      );
    }
    this.family = family;
    this.type = type;
    this.#plan = new Plan(family);
  }

  // Addresses

  /**
   * Chooses the local address. A datagram socket has it then; that of a stream is
   * taken by {@linkcode Socket.listen}, or when it connects.
   *
   * @param address `[host, port]`, or a path; "\0name" is an abstract one.
   * @throws {OSError} When it is bound already, or the address cannot be had.
   */
  async bind(address: SocketAddress): Promise<void> {
    const action = `Cannot bind ${showAddress(address)}`;
    this._check(action);
    if (this.#plan.local !== null || this.#host !== null) {
      throw ownError(action, "EINVAL", "the socket is bound already");
    }
    this.#checkFamily(address, action);
    this.#plan.local = address;
    if (this.type === "stream") return;
    try {
      await this._openDatagram();
    } catch (error) {
      this.#plan.local = null;
      throw error;
    }
  }

  #checkFamily(address: SocketAddress, action: string): void {
    const unix = typeof address === "string";
    if (unix === (this.family === "unix")) return;
    throw ownError(action, "EINVAL", "the address is of another family");
  }

  /**
   * Takes the local address and lets others connect to it.
   *
   * @param backlog How many connections may wait to be accepted; a hint.
   * @throws {OSError} When the address cannot be had.
   */
  async listen(backlog: number = BACKLOG): Promise<void> {
    await this._listen(host, backlog);
  }

  /**
   * As {@linkcode Socket.listen}, on a platform; gives what listens already.
   *
   * @internal
   */
  async _listen(
    platform: Platform,
    backlog: number = BACKLOG,
    keepPath: boolean = true,
  ): Promise<ListenSocket> {
    this._check("Cannot listen");
    if (this.#box instanceof AcceptBox) return this.#box.listener;
    if (this.type === "dgram") {
      throw ownError("Cannot listen", "EOPNOTSUPP", "it is not for streams");
    }
    const listener = await this.#occupy(
      "Cannot listen",
      () => listenStream(platform, this.#plan, backlog, keepPath),
    );
    this.#read(new AcceptBox(listener, backlog));
    return listener;
  }

  /**
   * Connects; the loop's `sockConnect` calls it.
   *
   * @internal
   */
  async _connect(
    platform: Platform,
    address: SocketAddress,
    signal?: AbortSignal,
  ): Promise<void> {
    const action = `Cannot connect to ${showAddress(address)}`;
    this._check(action);
    this.#checkFamily(address, action);
    if (this.type === "dgram") {
      const [name, port] = address as [string, number];
      await this._openDatagram(platform, { host: name, port });
      return;
    }
    const stream = await this.#occupy(
      action,
      () => connectStream(platform, this.#plan, address, signal),
    );
    this.#read(new StreamBox(stream));
  }

  /** Gets what the runtime has, once. */
  async #occupy<S extends StreamSocket | ListenSocket | DatagramSocket>(
    action: string,
    open: () => Promise<S>,
  ): Promise<S> {
    if (this.#host !== null) {
      const code = "remote" in this.#host ? "EISCONN" : "EINVAL";
      throw ownError(action, code, "the socket is in use already");
    }
    if (this.#busy) {
      throw ownError(action, "EALREADY", "another call is still at it");
    }
    this.#busy = true;
    let opened: S;
    try {
      opened = await open();
    } finally {
      this.#busy = false;
    }
    if (this.#closed) {
      closeUnused(opened);
      this._check(action);
    }
    this.#host = opened;
    return opened;
  }

  /**
   * Opens a datagram socket, or gives the open one.
   *
   * @internal
   */
  async _openDatagram(
    platform: Platform = host,
    remote?: DatagramPlace,
  ): Promise<DatagramSocket> {
    this._check("Cannot open the socket");
    const old = this.#box as DatagramBox | null;
    if (old !== null) {
      if (remote === undefined) return old.socket;
      // A runtime's socket is connected when it is made: a new one takes its place.
      this.#plan.local = old.socket.local;
      this.#host = null;
      old.socket.abort();
    }
    const socket = await this.#occupy(
      "Cannot open the socket",
      () => openDatagram(platform, this.#plan, remote),
    );
    this.#read(new DatagramBox(socket));
    return socket;
  }

  /** The address of this side. */
  getSockName(): SocketAddress {
    const { local } = this.#host ?? this.#plan;
    if (local !== null) return local;
    if (this.family === "unix") return "";
    return this.family === "inet" ? ["0.0.0.0", 0] : ["::", 0, 0, 0];
  }

  /**
   * The address of the other side.
   *
   * @throws {OSError} When it is not connected.
   */
  getPeerName(): SocketAddress {
    const remote = this.#host !== null && "remote" in this.#host
      ? this.#host.remote
      : null;
    if (remote === null) {
      throw ownError("Cannot tell the peer's address", "ENOTCONN");
    }
    return remote;
  }

  /** Always -1: the runtimes do not tell it. */
  fileno(): number {
    return -1;
  }

  // Options

  /**
   * Sets an option.
   *
   * @param option Its name; see {@linkcode SocketOptions}.
   * @param value Its value.
   * @throws {OSError} When the runtime does not offer it, or it comes too late.
   */
  setSockOpt<K extends SocketOption>(option: K, value: SocketOptions[K]): void {
    checkOption(this.type, option);
    const { type } = this;
    const own = this.#host;
    if (own !== null && !this.#closed) {
      const done = type === "dgram"
        ? setDatagramOption(own as DatagramSocket, option, value)
        : "write" in own
        ? setStreamOption(own, option, value)
        : INHERITED.has(option);
      if (!done) throw tooLate(option);
    }
    this.#plan.set(option, value);
  }

  /**
   * Tells an option, as this socket has set it.
   *
   * @param option Its name; see {@linkcode SocketOptions}.
   * @returns Its value.
   * @throws {OSError} When the runtime does not offer it.
   */
  getSockOpt<K extends SocketOption>(option: K): SocketOptions[K] {
    checkOption(this.type, option);
    return this.#plan.get(option);
  }

  /**
   * Ends the sending direction, or both. To stop receiving alone has no meaning to
   * the runtimes.
   *
   * @param how "write" or "both".
   * @throws {OSError} When it is not connected.
   */
  shutdown(how: "read" | "write" | "both"): void {
    const own = this.#host;
    if (own === null || !("shutdownWrite" in own) || this.#closed) {
      throw ownError("Cannot shut the socket down", "ENOTCONN");
    }
    if (how !== "read") own.shutdownWrite();
  }

  /**
   * Closes it. One that a transport or a server owns is theirs to close: nothing
   * happens then.
   */
  close(): void {
    if (this.#closed || this.#owner !== null) return;
    this.#closed = true;
    const box = this.#box;
    this.#box = null;
    box?.close();
    this.#changed?.();
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes it, as `await using` does. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  /** Shows it. */
  toString(): string {
    return `<Socket ${this._info()}>`;
  }

  // What the loops need

  /** @internal */
  _info(): string {
    const parts = [`family=${this.family}`, `type=${this.type}`];
    if (this.#closed) parts.unshift("closed");
    const local = this.getSockName();
    if (this.#host !== null) parts.push(`laddr=${showAddress(local)}`);
    const own = this.#host;
    if (own !== null && "remote" in own && own.remote !== null) {
      parts.push(`raddr=${showAddress(own.remote)}`);
    }
    return parts.join(" ");
  }

  /**
   * What reads it, or null while it has nothing to be read.
   *
   * @internal
   */
  get _box(): SocketBox | null {
    return this.#box;
  }

  /**
   * Chooses who is told when it may have become readable or writable.
   *
   * @internal
   */
  _onChange(fn: () => void): void {
    this.#changed = fn;
    if (this.#box !== null) this.#box.changed = fn;
  }

  #read(box: SocketBox): void {
    this.#release();
    box.changed = this.#changed;
    this.#box = box;
    this.#changed?.();
  }

  /** @internal */
  _streamBox(what: string): StreamBox {
    this._check(`Cannot ${what}`);
    if (this.#box instanceof StreamBox) return this.#box;
    throw ownError(`Cannot ${what}`, "ENOTCONN");
  }

  /** @internal */
  _datagramBox(what: string): DatagramBox {
    this._check(`Cannot ${what}`);
    if (this.#box instanceof DatagramBox) return this.#box;
    throw this.type === "stream"
      ? ownError(`Cannot ${what}`, "EOPNOTSUPP", "it is not for datagrams")
      : ownError(`Cannot ${what}`, "EINVAL", "the socket is not bound");
  }

  /** @internal */
  _acceptBox(): AcceptBox {
    this._check("Cannot accept");
    if (this.#box instanceof AcceptBox) return this.#box;
    throw ownError("Cannot accept", "EINVAL", "the socket does not listen");
  }

  /**
   * Gives a connected stream to a transport.
   *
   * @internal
   */
  _takeStream(owner: object): StreamSocket {
    const stream = this._streamBox("make a transport").take();
    this.#give(owner);
    return stream;
  }

  /**
   * Gives a listening socket to a server, which starts and closes it.
   *
   * @internal
   */
  _takeListener(owner: object): ListenSocket {
    const listener = this._acceptBox().take();
    this.#give(owner);
    return listener;
  }

  /**
   * Gives an open datagram socket to a transport.
   *
   * @internal
   */
  _takeDatagram(owner: object): DatagramSocket {
    const socket = this._datagramBox("make a transport").take();
    this.#give(owner);
    return socket;
  }

  /**
   * Has what a runtime opened, and what reads it, or else who owns it.
   *
   * @internal
   */
  _hold(own: HostSocket, box: SocketBox | null, owner: object | null): void {
    this.#host = own;
    this.#box = box;
    this.#owner = owner;
    if (owner === null) this.#release();
  }

  /** A socket alone is no reason for a process to go on; a loop that runs is. */
  #release(): void {
    this.#host!.unref();
  }

  /**
   * Gives an accepted connection this socket's options.
   *
   * @internal
   */
  _inherit(stream: StreamSocket): StreamSocket {
    for (const [option, value] of this.#plan) {
      setStreamOption(stream, option, value as never);
    }
    return stream;
  }

  #give(owner: object): void {
    this.#box = null;
    this.#owner = owner;
    this.#host!.ref();
    // Who waits for it is told that it is gone.
    this.#changed?.();
  }

  /**
   * Refuses a socket that is closed, or that somebody else reads.
   *
   * @internal
   */
  _check(action: string): void {
    if (this.#closed) throw ownError(action, "EBADF", "the socket is closed");
    if (this.#owner !== null) {
      throw new RuntimeError(
        `${action}: the socket is used by ${this.#owner}`,
      );
    }
  }
}

/** Closes what came too late for its socket. */
function closeUnused(opened: HostSocket): void {
  if ("send" in opened) new DatagramBox(opened).close();
  else if ("write" in opened) new StreamBox(opened).close();
  else opened.close();
}
