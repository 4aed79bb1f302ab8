/**
 * Stream sockets on node:net, for what a runtime's own API cannot do: adopting a
 * file descriptor, connecting from a chosen address and sharing a port on Deno.
 */

import {
  checkPath,
  checkPort,
  familyOf,
  hostPort,
  ipAddress,
  showAddress,
  showPath,
} from "./addresses.ts";
import { plain } from "./buffers.ts";
import { builtin, host } from "./host.ts";
import { checkPortSharing } from "./node_version.ts";
import { checkSocketFd, removeSocketFile, SocketFile } from "./socket_files.ts";
import { askForNet, codeOf, ownError, systemError } from "./socket_errors.ts";
import type {
  ListenSocket,
  SocketAddress,
  SocketFamily,
  StreamEvents,
  StreamSocket,
  StreamSockets,
  TcpPlace,
  TcpTarget,
  UnixPlace,
  UnixTarget,
} from "./sockets.ts";

type Listener = (...args: never[]) => void;

interface Emitter {
  on(event: string, fn: Listener): unknown;
  once(event: string, fn: Listener): unknown;
  off(event: string, fn: Listener): unknown;
}

interface NodeSocket extends Emitter {
  readonly localAddress?: string;
  readonly localPort?: number;
  readonly remoteAddress?: string;
  readonly remotePort?: number;
  readonly writableLength: number;
  readonly writableNeedDrain: boolean;
  readonly writableFinished: boolean;
  write(data: Uint8Array, done: () => void): boolean;
  end(): void;
  pause(): void;
  resume(): void;
  destroy(): void;
  destroySoon(): void;
  resetAndDestroy(): void;
  setNoDelay(on: boolean): void;
  setKeepAlive(on: boolean): void;
  ref(): void;
  unref(): void;
}

interface NodeServer extends Emitter {
  listen(options: object): void;
  address(): { address: string; port: number } | string | null;
  close(): void;
  ref(): void;
  unref(): void;
}

interface NetModule {
  readonly Socket: new (options: object) => NodeSocket;
  createServer(options: object): NodeServer;
  connect(options: object): NodeSocket;
}

// Taken once: fake timers that a test installs later must not reach in here.
const setImmediate = host.setImmediate!;

class NodeStream implements StreamSocket {
  readonly family: SocketFamily;
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  readonly #socket: NodeSocket;
  #events: StreamEvents | null = null;
  #open: boolean = true;
  #paused: boolean = true;
  /** Whether the end is to be told on resume(). */
  #ended: boolean = false;
  /** Whether the stream has closed. */
  #gone: boolean = false;
  #shut: boolean = false;
  #aborted: boolean = false;
  #error: Error | null = null;
  #told: boolean = false;
  readonly #wrote: () => void;

  constructor(
    socket: NodeSocket,
    local: SocketAddress = "",
    remote: SocketAddress = "",
  ) {
    this.#socket = socket;
    const { localAddress, remoteAddress } = socket;
    this.local = localAddress === undefined
      ? local
      : ipAddress(localAddress, socket.localPort!);
    this.remote = remoteAddress === undefined
      ? remote
      : ipAddress(remoteAddress, socket.remotePort!);
    this.family = familyOf(this.local);
    this.#wrote = () => {
      if (this.#open && socket.writableLength === 0) this.#events!.onDrain();
    };
    socket.on("error", (error: unknown) => {
      this.#open = false;
      if (this.#aborted) return;
      this.#error = systemError(
        `Cannot use the connection to ${showAddress(this.remote) || "a peer"}`,
        error,
      );
    });
    socket.on("close", () => {
      this.#gone = true;
      // A stream closes itself once both sides have finished: not yet told then.
      if (!this.#open) this.#tellClose();
    });
  }

  /** Tells the end to the owner, who may be yet to come. */
  #tellClose(): void {
    if (this.#told || this.#events === null) return;
    this.#told = true;
    queueMicrotask(() => this.#events!.onClose(this.#error));
  }

  #tellEof(): void {
    if (!this.#open || !this.#ended || this.#paused) return;
    this.#ended = false;
    this.#events!.onEof();
  }

  get buffered(): number {
    return this.#socket.writableLength;
  }

  attach(events: StreamEvents): void {
    const first = this.#events === null;
    this.#events = events;
    if (!first) return;
    this.#socket.on("data", (chunk: Uint8Array) => {
      if (this.#open) this.#events!.onData(plain(chunk));
    });
    this.#socket.on("end", () => {
      // On Bun it may come though the stream was paused.
      this.#ended = true;
      this.#tellEof();
    });
    // A listener for data starts the flow; the socket is born paused.
    this.#socket.pause();
    if (this.#gone && !this.#open) this.#tellClose();
  }

  write(data: Uint8Array): number {
    const socket = this.#socket;
    if (
      !this.#open || this.#shut || this.#gone || socket.writableNeedDrain ||
      data.length === 0
    ) return 0;
    // Not by "drain": a write below the stream's mark brings none.
    socket.write(data, this.#wrote);
    return data.length;
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#open) return;
    this.#paused = false;
    this.#socket.resume();
    if (this.#ended) queueMicrotask(() => this.#tellEof());
  }

  shutdownWrite(): void {
    if (!this.#open || this.#shut) return;
    this.#shut = true;
    this.#socket.end();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.#gone) this.#tellClose();
    else this.#socket.destroySoon();
  }

  abort(): void {
    const first = this.#open;
    this.#open = false;
    this.#aborted = true;
    if (this.#gone) {
      if (first) this.#tellClose();
    } else setImmediate(() => this.#destroy(first && !this.#shut));
  }

  /**
   * Not in the turn in which it may have been accepted: who connects in this very
   * process would find the reset before it knew of the connection.
   *
   * @param unshut Whether the writing side was not being closed already: Node would
   * fail to reset the connection then, and never close it.
   */
  #destroy(unshut: boolean): void {
    const socket = this.#socket;
    if (this.family === "unix" || !unshut && !socket.writableFinished) {
      socket.destroy();
    } else socket.resetAndDestroy();
  }

  setNoDelay(on: boolean): void {
    if (this.family !== "unix") this.#socket.setNoDelay(on);
  }

  setKeepAlive(on: boolean): void {
    if (this.family !== "unix") this.#socket.setKeepAlive(on);
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }
}

class NodeListen implements ListenSocket {
  readonly family: SocketFamily;
  readonly local: SocketAddress;
  readonly #server: NodeServer;
  readonly #file: SocketFile | null;
  /** What came before start(). */
  #early: NodeStream[] = [];
  #onConnection: ((socket: StreamSocket) => void) | null = null;
  #closed: boolean = false;

  constructor(server: NodeServer, path: string, file: SocketFile | null) {
    this.#server = server;
    this.#file = file;
    const address = server.address();
    this.local = address === null || typeof address === "string"
      ? path
      : ipAddress(address.address, address.port);
    this.family = familyOf(this.local);
    server.on("connection", (socket: NodeSocket) => {
      // At once: an error that nobody listens to would end the program.
      const own = typeof this.local === "string" ? this.local : "";
      const stream = new NodeStream(socket, own);
      if (this.#onConnection === null) this.#early.push(stream);
      else this.#onConnection(stream);
    });
  }

  start(
    onConnection: (socket: StreamSocket) => void,
    onError: (error: Error) => void,
  ): void {
    const first = this.#onConnection === null;
    this.#onConnection = onConnection;
    if (!first) return;
    this.#server.on("error", (error: unknown) => {
      const action = `Cannot accept a connection on ${showAddress(this.local)}`;
      onError(systemError(action, error));
    });
    queueMicrotask(() => {
      const early = this.#early;
      this.#early = [];
      for (const stream of early) onConnection(stream);
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stream of this.#early) stream.abort();
    this.#early = [];
    const closeNow = () => this.#server.close();
    if (this.#file === null) closeNow();
    else this.#file.close(closeNow);
  }

  ref(): void {
    this.#server.ref();
  }

  unref(): void {
    this.#server.unref();
  }
}

/**
 * Makes the stream sockets of node:net.
 *
 * @param deno Deno's global object, whose permissions are asked for; undefined
 * elsewhere.
 */
export function nodeSockets(deno?: object): StreamSockets {
  // Loaded when used: it takes a while on Deno, and few programs need it there.
  const net = () => builtin<NetModule>("node:net")!;

  function connect(
    to: TcpTarget | UnixTarget,
    signal?: AbortSignal,
  ): Promise<StreamSocket> {
    const unix = "path" in to;
    const place = unix ? showPath(to.path) : hostPort(to.host, to.port);
    const action = `Cannot connect to ${place}`;
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      if (unix) checkPath(to.path, action);
      else {
        checkPort(to.port, action);
        askForNet(deno, place, action);
      }
      const socket = net().connect({ ...to, allowHalfOpen: true });
      // Otherwise it reads as soon as it is connected.
      socket.pause();
      const giveUp = () => {
        settled();
        socket.on("error", noop);
        socket.destroy();
        reject(signal!.reason);
      };
      const failed = (error: unknown) => {
        settled();
        reject(systemError(action, error));
      };
      const opened = () => {
        settled();
        resolve(new NodeStream(socket, "", unix ? to.path : ""));
      };
      const settled = () => {
        signal?.removeEventListener("abort", giveUp);
        socket.off("error", failed);
        socket.off("connect", opened);
      };
      signal?.addEventListener("abort", giveUp);
      socket.on("error", failed);
      socket.on("connect", opened);
    });
  }

  function listen(at: TcpPlace | UnixPlace): Promise<ListenSocket> {
    const unix = "path" in at;
    const place = unix ? showPath(at.path) : hostPort(at.host, at.port);
    const action = `Cannot listen on ${place}`;
    return new Promise((resolve, reject) => {
      if (unix) checkPath(at.path, action);
      else {
        checkPort(at.port, action);
        askForNet(deno, place, action);
        if (at.reusePort) checkPortSharing(action);
      }
      const server = net().createServer({
        allowHalfOpen: true,
        pauseOnConnect: true,
      });
      const failed = (error: unknown) => reject(systemError(action, error));
      server.once("error", failed);
      server.once("listening", () => {
        server.off("error", failed);
        resolve(new NodeListen(server, unix ? at.path : "", file));
      });
      server.listen({ ...at });
      // At once: it may be somebody else's by the time that one is told.
      const file = unix ? new SocketFile(at.path, at.keepPath ?? false) : null;
    });
  }

  async function adopt(fd: number): Promise<StreamSocket> {
    const action = `Cannot adopt file descriptor ${fd}`;
    if (!Number.isInteger(fd) || fd < 0) throw ownError(action, "EBADF");
    // Node takes pipes, too.
    if (deno === undefined) checkSocketFd(fd, action);
    let socket: NodeSocket;
    try {
      socket = new (net().Socket)({ fd, allowHalfOpen: true });
    } catch (error) {
      // Deno finds no kind for what is not open at all.
      const unknown = String(error).endsWith("UNKNOWN");
      throw systemError(action, error, unknown ? "EBADF" : codeOf(error));
    }
    return new NodeStream(socket);
  }

  return { connect, listen, adopt, removeSocketFile };
}

function noop(): void {}
