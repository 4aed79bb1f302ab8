/**
 * UDP sockets on node:dgram, everywhere: Deno's own need a flag. Where a runtime
 * only pretends to connect one, strangers' datagrams are dropped here.
 */

import { NotImplementedError } from "../exceptions.ts";
import { checkPort, hostPort, ipAddress, showAddress } from "./addresses.ts";
import type {
  DatagramEvents,
  DatagramOptions,
  DatagramPlace,
  Datagrams,
  DatagramSocket,
} from "./datagrams.ts";
import { plain } from "./buffers.ts";
import { builtin, host as globals } from "./host.ts";
import { checkPortSharing } from "./node_version.ts";
import { askForNet, codeOf, ownError, systemError } from "./socket_errors.ts";
import type { SocketAddress } from "./sockets.ts";

interface RemoteInfo {
  readonly address: string;
  readonly port: number;
}

type Done = (error?: unknown) => void;

interface NodeDatagram {
  on(event: "message", fn: (data: Uint8Array, from: RemoteInfo) => void): void;
  on(event: "error", fn: (error: unknown) => void): void;
  on(event: "close", fn: () => void): void;
  removeAllListeners(event: string): void;
  bind(options: object, done: () => void): void;
  connect(port: number, host: string, done: Done): void;
  address(): RemoteInfo;
  send(data: Uint8Array, done: Done): void;
  send(data: Uint8Array, port: number, host: string, done: Done): void;
  close(): void;
  setBroadcast(on: boolean): void;
  addMembership(group: string, networkInterface?: string): void;
  dropMembership(group: string, networkInterface?: string): void;
  setMulticastInterface(address: string): void;
  setMulticastTTL(hops: number): void;
  setMulticastLoopback(on: boolean): void;
  ref(): void;
  unref(): void;
}

interface DatagramModule {
  createSocket(options: object): NodeDatagram;
}

/** The most datagrams kept for an owner who is yet to come: UDP may drop. */
const EARLY_MAX = 64;
/** The most bytes of a datagram's payload, by IP version. */
const SIZE_MAX = { inet: 65507, inet6: 65527 } as const;

/** A datagram that waits its turn. */
class Outgoing {
  readonly data: Uint8Array;
  readonly to: SocketAddress;

  constructor(data: Uint8Array, to: SocketAddress) {
    this.data = data;
    this.to = to;
  }
}

class Early {
  readonly data: Uint8Array;
  readonly from: SocketAddress;

  constructor(data: Uint8Array, from: SocketAddress) {
    this.data = data;
    this.from = from;
  }
}

/** Does nothing, in the place of an owner or a callback. */
function noop(): void {}

class NodeDatagramSocket implements DatagramSocket {
  readonly family: "inet" | "inet6";
  readonly local: SocketAddress;
  readonly remote: SocketAddress | null;
  buffered: number = 0;
  readonly #socket: NodeDatagram;
  readonly #peer: string;
  #events: DatagramEvents | null = null;
  #early: Early[] | null = [];
  #broadcast: boolean;
  /** How many datagrams the kernel does not have yet. */
  #sending: number = 0;
  /** What waits, from `#next` on: see `send`. */
  #queue: Outgoing[] = [];
  #next: number = 0;
  #open: boolean = true;
  #closed: boolean = false;

  constructor(
    socket: NodeDatagram,
    family: "inet" | "inet6",
    options: DatagramOptions,
  ) {
    this.#socket = socket;
    this.family = family;
    const { address, port } = socket.address();
    this.local = ipAddress(address, port);
    const { remote } = options;
    this.remote = remote === undefined
      ? null
      : ipAddress(remote.host, remote.port);
    this.#peer = remote === undefined ? "" : canonical(remote.host);
    this.#broadcast = options.broadcast ?? false;
    socket.removeAllListeners("error");
    socket.on(
      "message",
      (data, from) => this.#onMessage(plain(data), from),
    );
    socket.on("error", (error) => {
      const whom = showAddress(this.remote ?? this.local);
      this.#report(systemError(`Cannot use the socket of ${whom}`, error));
    });
    socket.on("close", () => {
      queueMicrotask(() => this.#events?.onClose(null));
    });
  }

  #onMessage(data: Uint8Array, from: RemoteInfo): void {
    if (!this.#open) return;
    const { remote } = this;
    if (
      remote !== null &&
      (from.port !== remote[1] || canonical(from.address) !== this.#peer)
    ) return;
    const address = ipAddress(from.address, from.port);
    if (this.#early === null) this.#events!.onMessage(data, address);
    else if (this.#early.length < EARLY_MAX) {
      this.#early.push(new Early(data, address));
    }
  }

  #report(error: Error): void {
    if (this.#open) this.#events?.onError(error);
  }

  attach(events: DatagramEvents): void {
    this.#events = events;
    const early = this.#early;
    if (early === null) return;
    queueMicrotask(() => {
      this.#early = null;
      for (const { data, from } of early) {
        if (this.#open) this.#events!.onMessage(data, from);
      }
    });
  }

  send(data: Uint8Array, to?: SocketAddress): void {
    if (!this.#open) return;
    if (this.remote === null) checkPort(Number(to![1]), "Cannot send");
    const outgoing = new Outgoing(data, this.remote ?? to!);
    this.buffered += data.length;
    this.#sending++;
    // Deno sends what it is given at the same time in any order.
    if (globals.Deno !== undefined && this.#sending > 1) {
      this.#queue.push(outgoing);
    } else this.#send(outgoing);
  }

  #send(outgoing: Outgoing): void {
    const { data, to } = outgoing;
    const done = (error?: unknown) => this.#sent(outgoing, error);
    try {
      if (this.remote !== null) this.#socket.send(data, done);
      else this.#socket.send(data, Number(to[1]), String(to[0]), done);
    } catch (error) {
      queueMicrotask(() => done(error));
    }
  }

  #sent({ data, to }: Outgoing, error: unknown): void {
    if (this.#closed) return;
    this.#sending--;
    this.buffered -= data.length;
    if (error) this.#report(this.#sendError(error, to, data.length));
    if (this.#next < this.#queue.length) {
      return this.#send(this.#queue[this.#next++]!);
    }
    this.#queue = [];
    this.#next = 0;
    if (this.#sending > 0) return;
    if (this.#open) this.#events?.onDrain();
    else this.#end();
  }

  #sendError(error: unknown, to: SocketAddress, length: number): Error {
    const action = `Cannot send ${length} bytes to ${showAddress(to)}`;
    let code = codeOf(error);
    if (length > SIZE_MAX[this.family]) code = "EMSGSIZE";
    const host = String(to[0]);
    if (host.includes(":") !== (this.family === "inet6")) code = "EAFNOSUPPORT";
    if (code === "") {
      // Deno says "unknown" when it, or the kernel, does not allow it.
      try {
        askForNet(globals.Deno, showAddress(to), action);
      } catch (refused) {
        return refused as Error;
      }
      if (!this.#broadcast && host.endsWith(".255")) code = "EACCES";
      else code = "EINVAL";
    }
    return systemError(action, error, code);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.#sending === 0) this.#end();
  }

  abort(): void {
    this.#open = false;
    this.#end();
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.buffered = 0;
    this.#socket.close();
  }

  /** Does something with the open socket, and names it when it fails. */
  #set(what: string, fn: (socket: NodeDatagram) => void): void {
    try {
      if (!this.#closed) fn(this.#socket);
    } catch (error) {
      throw systemError(`Cannot ${what}`, error);
    }
  }

  setBroadcast(on: boolean): void {
    this.#set("allow broadcasts", (socket) => socket.setBroadcast(on));
    this.#broadcast = on;
  }

  joinGroup(group: string, networkInterface?: string): void {
    this.#set(
      `join the group ${group}`,
      (socket) => socket.addMembership(group, networkInterface),
    );
  }

  leaveGroup(group: string, networkInterface?: string): void {
    this.#set(
      `leave the group ${group}`,
      (socket) => socket.dropMembership(group, networkInterface),
    );
  }

  setMulticastInterface(address: string): void {
    this.#set(
      `send multicasts by ${address}`,
      (socket) => socket.setMulticastInterface(address),
    );
  }

  setMulticastTtl(hops: number): void {
    this.#set(
      `let multicasts go ${hops} hops`,
      (socket) => socket.setMulticastTTL(hops),
    );
  }

  setMulticastLoopback(on: boolean): void {
    this.#set(
      "choose whether multicasts come back",
      (socket) => socket.setMulticastLoopback(on),
    );
  }

  ref(): void {
    if (!this.#closed) this.#socket.ref();
  }

  unref(): void {
    if (!this.#closed) this.#socket.unref();
  }
}

/** A numeric host as one spelling, to be compared. */
function canonical(host: string): string {
  if (!host.includes(":")) return host;
  const scope = host.indexOf("%");
  return new URL(`http://[${scope < 0 ? host : host.slice(0, scope)}]`)
    .hostname;
}

function familyFor(options: DatagramOptions): "inet" | "inet6" {
  const place = options.local ?? options.remote;
  if (place === undefined) return options.family ?? "inet";
  return place.host.includes(":") ? "inet6" : "inet";
}

/** Refuses an address of the other family, which each runtime calls otherwise. */
function checkFamily(
  host: string,
  family: "inet" | "inet6",
  action: string,
): void {
  if (host.includes(":") !== (family === "inet6")) {
    throw ownError(action, "EAFNOSUPPORT");
  }
}

/** Where to bind to talk to this machine alone; undefined for other hosts. */
function loopbackFor(host: string): DatagramPlace | undefined {
  if (host.startsWith("127.")) return { host: "127.0.0.1", port: 0 };
  return host === "::1" ? { host, port: 0 } : undefined;
}

/** Makes the datagram sockets. */
export function nodeDatagrams(): Datagrams {
  async function open(options: DatagramOptions = {}): Promise<DatagramSocket> {
    const family = familyFor(options);
    const { remote } = options;
    let { local } = options;
    if (globals.Deno !== undefined) {
      if (options.reusePort) {
        throw new NotImplementedError(
          "Cannot share a port among datagram sockets: Deno has no way to",
        );
      }
      // A connected socket there is not: it would listen on every interface.
      if (local === undefined && remote !== undefined) {
        local = loopbackFor(remote.host);
      }
    }
    if (options.reusePort) checkPortSharing("Cannot share a port");
    // Loaded when used: a program without datagrams does not pay for it.
    const dgram = builtin<DatagramModule>("node:dgram")!;
    const socket = dgram.createSocket({
      type: family === "inet" ? "udp4" : "udp6",
      reuseAddr: options.reuseAddress ?? false,
      reusePort: options.reusePort ?? false,
      ipv6Only: options.ipv6Only ?? false,
    });
    // Deno pays no heed to it while it waits for a datagram.
    if (options.unref) socket.unref();
    try {
      const host = local?.host ?? (family === "inet" ? "0.0.0.0" : "::");
      const port = local?.port ?? 0;
      if (local !== undefined || remote === undefined) {
        const place = hostPort(host, port);
        checkPort(port, `Cannot bind ${place}`);
        checkFamily(host, family, `Cannot bind ${place}`);
        await step(socket, `Cannot bind ${place}`, place, (done) => {
          socket.bind({ address: host, port }, done);
        });
      }
      if (remote !== undefined) {
        const place = hostPort(remote.host, remote.port);
        checkPort(remote.port, `Cannot connect to ${place}`);
        checkFamily(remote.host, family, `Cannot connect to ${place}`);
        await step(socket, `Cannot connect to ${place}`, place, (done) => {
          socket.connect(remote.port, remote.host, done);
        });
      }
      const opened = new NodeDatagramSocket(socket, family, options);
      if (options.broadcast) opened.setBroadcast(true);
      return opened;
    } catch (error) {
      socket.removeAllListeners("error");
      socket.on("error", noop);
      socket.close();
      throw error;
    }
  }

  function step(
    socket: NodeDatagram,
    action: string,
    place: string,
    begin: (done: Done) => void,
  ): Promise<void> {
    // node:dgram on Deno would throw where nobody can catch it.
    askForNet(globals.Deno, place, action);
    return new Promise<void>((resolve, reject) => {
      const failed = (error: unknown) => reject(systemError(action, error));
      socket.removeAllListeners("error");
      socket.on("error", failed);
      begin((error) => error ? failed(error) : resolve());
    });
  }

  return { open };
}
