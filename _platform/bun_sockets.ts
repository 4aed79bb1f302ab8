/** Stream sockets on Bun's own listen and connect. */

import {
  checkPath,
  checkPort,
  familyOf,
  hostPort,
  ipAddress,
  showPath,
} from "./addresses.ts";
import { connectByNode } from "./bun_connect.ts";
import {
  refinedCode,
  refinedListenCode,
  refinedPathCode,
} from "./bun_connect_errors.ts";
import { type BunSocket, BunStream } from "./bun_stream.ts";
import { host } from "./host.ts";
import { checkSocketFd, removeSocketFile, SocketFile } from "./socket_files.ts";
import { codeOf, systemError } from "./socket_errors.ts";
import type {
  ListenSocket,
  SocketAddress,
  SocketFamily,
  StreamSocket,
  StreamSockets,
  TcpPlace,
  TcpTarget,
  UnixPlace,
  UnixTarget,
} from "./sockets.ts";

interface BunListener {
  readonly hostname: string;
  readonly port: number;
  stop(): void;
  ref(): void;
  unref(): void;
}

interface BunNet {
  listen(options: object): BunListener;
  connect(options: object): Promise<unknown>;
}

/** One set of handlers serves every socket: which one it is stands in `data`. */
const HANDLERS = {
  // A Buffer would have to be wrapped anew, which costs Bun an object more for each.
  binaryType: "uint8array",
  open(socket: BunSocket): void {
    // At once, before the first byte can come.
    socket.pause();
    const owner = socket.data;
    if (owner instanceof BunListen) owner.accepted(socket);
    else (owner as Attempt).opened(socket);
  },
  data(socket: BunSocket, chunk: Uint8Array): void {
    (socket.data as BunStream).onData(chunk);
  },
  end(socket: BunSocket): void {
    (socket.data as BunStream).onEnd();
  },
  drain(socket: BunSocket): void {
    (socket.data as BunStream).onDrain();
  },
  close(socket: BunSocket, error?: unknown): void {
    if (socket.data instanceof BunStream) socket.data.onClose(error);
  },
  error(socket: BunSocket, error: unknown): void {
    if (socket.data instanceof BunStream && codeOf(error) !== "") {
      socket.data.onClose(error);
    } else {
      // A callback's own: never to be taken for the socket's.
      queueMicrotask(() => {
        throw error;
      });
    }
  },
  connectError(socket: BunSocket, error: unknown): void {
    (socket.data as Attempt).failed(error);
  },
};

/** A connection that is being made by Bun, which cannot stop it: it is dropped. */
class Attempt {
  readonly #path: string;
  readonly #resolve: (socket: StreamSocket) => void;
  readonly #reject: (error: unknown) => void;
  #over: boolean = false;

  constructor(
    path: string,
    resolve: (socket: StreamSocket) => void,
    reject: (error: unknown) => void,
  ) {
    this.#path = path;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  opened(socket: BunSocket): void {
    if (this.#over) return socket.terminate();
    this.#over = true;
    this.#resolve(new BunStream(socket, "", this.#path));
  }

  failed(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#reject(error);
  }
}

class BunListen implements ListenSocket {
  readonly family: SocketFamily;
  readonly local: SocketAddress;
  readonly #file: SocketFile | null;
  readonly #listener: BunListener;
  /** What Bun accepted before start(). */
  #early: BunStream[] = [];
  #onConnection: ((socket: StreamSocket) => void) | null = null;
  #closed: boolean = false;

  constructor(
    listen: (data: BunListen) => BunListener,
    path: string | null,
    keep: boolean,
  ) {
    this.#listener = listen(this);
    this.#file = path === null ? null : new SocketFile(path, keep);
    this.local = path ??
      ipAddress(this.#listener.hostname, this.#listener.port);
    this.family = familyOf(this.local);
  }

  accepted(socket: BunSocket): void {
    const path = typeof this.local === "string" ? this.local : "";
    const stream = new BunStream(socket, path, "");
    if (this.#closed) stream.abort();
    else if (this.#onConnection === null) this.#early.push(stream);
    else this.#onConnection(stream);
  }

  /** Bun accepts by itself, and says nothing of running out of descriptors. */
  start(onConnection: (socket: StreamSocket) => void): void {
    this.#onConnection = onConnection;
    if (this.#early.length === 0) return;
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
    const closeNow = () => this.#listener.stop();
    if (this.#file === null) closeNow();
    else this.#file.close(closeNow);
  }

  ref(): void {
    if (!this.#closed) this.#listener.ref();
  }

  unref(): void {
    if (!this.#closed) this.#listener.unref();
  }
}

/** Makes the stream sockets of Bun. */
export function bunSockets(): StreamSockets {
  const bun = host.Bun as unknown as BunNet;

  function start(
    options: object,
    path: string,
    signal?: AbortSignal,
  ): Promise<StreamSocket> {
    return new Promise<StreamSocket>((resolve, reject) => {
      signal?.throwIfAborted();
      const attempt = new Attempt(path, resolve, reject);
      const giveUp = () => attempt.failed(signal!.reason);
      const settled = () => signal?.removeEventListener("abort", giveUp);
      signal?.addEventListener("abort", giveUp);
      bun.connect({
        ...options,
        allowHalfOpen: true,
        socket: HANDLERS,
        data: attempt,
      }).then(settled, (error) => {
        settled();
        attempt.failed(error);
      });
    });
  }

  async function connect(
    to: TcpTarget | UnixTarget,
    signal?: AbortSignal,
  ): Promise<StreamSocket> {
    const unix = "path" in to;
    const place = unix ? showPath(to.path) : hostPort(to.host, to.port);
    const action = `Cannot connect to ${place}`;
    if (unix) checkPath(to.path, action);
    else checkPort(to.port, action);
    try {
      if (unix) return await start({ unix: to.path }, to.path, signal);
      const { host, port, localAddress, localPort } = to;
      const options = {
        port,
        ...localAddress !== undefined && { localAddress },
        ...localPort !== undefined && { localPort },
      };
      const made = connectByNode({ ...options, host }, HANDLERS, signal);
      return await (made ?? start({ ...options, hostname: host }, "", signal));
    } catch (error) {
      signal?.throwIfAborted();
      const code = unix
        ? refinedPathCode(error, to.path)
        : await refinedCode(error, to);
      throw systemError(action, error, code);
    }
  }

  async function listen(at: TcpPlace | UnixPlace): Promise<ListenSocket> {
    const unix = "path" in at;
    const place = unix ? showPath(at.path) : hostPort(at.host, at.port);
    const action = `Cannot listen on ${place}`;
    if (unix) checkPath(at.path, action);
    else checkPort(at.port, action);
    const options = unix ? { unix: at.path } : {
      hostname: at.host,
      port: at.port,
      reusePort: at.reusePort ?? false,
      ipv6Only: at.ipv6Only ?? false,
    };
    try {
      return new BunListen(
        (data) =>
          bun.listen({
            ...options,
            allowHalfOpen: true,
            socket: HANDLERS,
            data,
          }),
        unix ? at.path : null,
        unix && (at.keepPath ?? false),
      );
    } catch (error) {
      const code = refinedListenCode(error, unix ? undefined : at.host);
      throw systemError(action, error, code);
    }
  }

  async function adopt(fd: number): Promise<StreamSocket> {
    const action = `Cannot adopt file descriptor ${fd}`;
    checkSocketFd(fd, action);
    try {
      return await start({ fd }, "");
    } catch (error) {
      throw systemError(action, error);
    }
  }

  return { connect, listen, adopt, removeSocketFile };
}
