/**
 * Stream sockets on Deno's own listen and connect: a third of node:net's cost.
 * Deno cannot reset a connection, so that abort() ends it like close(), only at
 * once. What its own API lacks goes through node:net.
 */

import {
  checkPath,
  checkPort,
  familyOf,
  hostPort,
  showAddress,
  showPath,
} from "./addresses.ts";
import {
  addressOf,
  type DenoAddress,
  type DenoConn,
  DenoStream,
} from "./deno_stream.ts";
import { host } from "./host.ts";
import { nodeSockets } from "./node_sockets.ts";
import { removeSocketFile, SocketFile } from "./socket_files.ts";
import { codeOf, ownError, systemError } from "./socket_errors.ts";
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

interface DenoListener {
  readonly addr: DenoAddress;
  accept(): Promise<DenoConn>;
  close(): void;
  ref(): void;
  unref(): void;
}

interface DenoNet {
  listen(options: object): DenoListener;
  connect(options: object): Promise<DenoConn>;
  readonly listenDatagram?: unknown;
}

/** Milliseconds after which a connection that nobody wants is not waited for. */
const GRACE = 100;
// Taken once: a test that installs fake timers must not keep them.
const { setTimeout, clearTimeout } = globalThis;

/**
 * Accepts of closed listeners that have yet to end: Deno keeps the port until then,
 * some turns after close(), so listening waits for them.
 */
const ending = new Set<Promise<void>>();

class DenoListen implements ListenSocket {
  readonly family: SocketFamily;
  readonly local: SocketAddress;
  readonly #listener: DenoListener;
  readonly #file: SocketFile | null;
  #onConnection: ((socket: StreamSocket) => void) | null = null;
  #onError: ((error: Error) => void) | null = null;
  #accepting: boolean = false;
  #accepts: Promise<void> | null = null;
  #closed: boolean = false;

  constructor(listener: DenoListener, file: SocketFile | null) {
    this.#listener = listener;
    this.#file = file;
    this.local = addressOf(listener.addr);
    this.family = familyOf(this.local);
  }

  start(
    onConnection: (socket: StreamSocket) => void,
    onError: (error: Error) => void,
  ): void {
    this.#onConnection = onConnection;
    this.#onError = onError;
    // Deno allows one pending accept.
    if (!this.#accepting && !this.#closed) this.#accepts = this.#accept();
  }

  async #accept(): Promise<void> {
    this.#accepting = true;
    while (!this.#closed) {
      let conn: DenoConn;
      try {
        conn = await this.#listener.accept();
      } catch (error) {
        if (this.#closed) return;
        // The peer gave up before its turn came.
        if (codeOf(error) === "ECONNABORTED") continue;
        this.#accepting = false;
        return this.#onError!(
          systemError(
            `Cannot accept a connection on ${showAddress(this.local)}`,
            error,
          ),
        );
      }
      if (this.#closed) return conn.close();
      this.#onConnection!(new DenoStream(conn));
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const accepts = this.#accepting ? this.#accepts : null;
    const closeNow = () => this.#listener.close();
    let ended: Promise<void> | null = accepts;
    if (this.#file === null) closeNow();
    else ended = this.#file.close(closeNow, accepts) ?? accepts;
    if (ended === null) return;
    ending.add(ended);
    ended.finally(() => ending.delete(ended));
  }

  ref(): void {
    if (!this.#closed) this.#listener.ref();
  }

  unref(): void {
    if (!this.#closed) this.#listener.unref();
  }
}

/** Makes the stream sockets of Deno. */
export function denoSockets(): StreamSockets {
  const deno = host.Deno as unknown as DenoNet;
  const node = nodeSockets(deno);
  const windows = host.Deno!.build.os === "windows";

  async function connect(
    to: TcpTarget | UnixTarget,
    signal?: AbortSignal,
  ): Promise<StreamSocket> {
    signal?.throwIfAborted();
    const unix = "path" in to;
    // Deno's own API has no named pipes.
    if (unix && windows) return node.connect(to, signal);
    if (!unix && (to.localAddress !== undefined || to.localPort)) {
      // Deno.connect pays no heed to a local address.
      return node.connect(to, signal).catch((error) => {
        throw localError(to, error);
      });
    }
    const action = `Cannot connect to ${
      unix ? showPath(to.path) : hostPort(to.host, to.port)
    }`;
    if (unix) checkPath(to.path, action);
    else {
      checkPort(to.port, action);
      // Nobody's, so that the kernel refuses it; Deno takes it for a mistake.
      if (to.port === 0) throw ownError(action, "ECONNREFUSED");
    }
    const options = unix
      ? { transport: "unix", path: to.path }
      : { hostname: to.host, port: to.port };
    let conn: DenoConn;
    try {
      conn = await cancellable(options, signal);
    } catch (error) {
      signal?.throwIfAborted();
      throw systemError(action, error);
    }
    if (signal?.aborted) {
      conn.close();
      throw signal.reason;
    }
    return new DenoStream(conn);
  }

  /**
   * Connects, and gives up at once when it is told to.
   *
   * Deno loses the descriptor of a connection that is being made in the very moment
   * in which its signal aborts, so that it is open for ever. Those that take a moment
   * only are therefore let come, and closed then.
   */
  function cancellable(
    options: object,
    signal?: AbortSignal,
  ): Promise<DenoConn> {
    if (signal === undefined) return deno.connect(options);
    const later = new AbortController();
    return new Promise<DenoConn>((resolve, reject) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const giveUp = () => {
        reject(signal.reason);
        timer = setTimeout(() => later.abort(), GRACE);
      };
      const ended = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", giveUp);
      };
      signal.addEventListener("abort", giveUp);
      deno.connect({ ...options, signal: later.signal }).then((conn) => {
        ended();
        if (signal.aborted) conn.close();
        else resolve(conn);
      }, (error) => {
        ended();
        reject(error);
      });
    });
  }

  /** What is wrong with the local address, which node:net does not tell. */
  function localError(to: TcpTarget, error: unknown): unknown {
    if (codeOf(error) !== "EINVAL") return error;
    const { localAddress = "0.0.0.0", localPort = 0 } = to;
    try {
      deno.listen({ hostname: localAddress, port: localPort }).close();
      return error;
    } catch (cause) {
      const place = hostPort(localAddress, localPort);
      return systemError(`Cannot connect from ${place}`, cause);
    }
  }

  async function listen(
    at: TcpPlace | UnixPlace,
    signal?: AbortSignal,
  ): Promise<ListenSocket> {
    if (ending.size > 0) {
      await Promise.allSettled(ending);
      // Or it would hold the address for a moment, though nobody wants it.
      signal?.throwIfAborted();
    }
    if ("path" in at) {
      if (windows) return node.listen(at);
      const action = `Cannot listen on ${showPath(at.path)}`;
      checkPath(at.path, action);
      return listening(
        { transport: "unix", path: at.path },
        action,
        () => new SocketFile(at.path, at.keepPath ?? false),
      );
    }
    const action = `Cannot listen on ${hostPort(at.host, at.port)}`;
    checkPort(at.port, action);
    // Without the flag that brings listenDatagram, too, Deno ends the process
    // when it is asked to share a port; node:net may.
    if (at.reusePort && deno.listenDatagram === undefined) {
      return node.listen(at);
    }
    return listening(
      {
        hostname: at.host,
        port: at.port,
        ...at.backlog !== undefined && { tcpBacklog: at.backlog },
        ...at.reusePort && { reusePort: true },
      },
      action,
      () => null,
    );
  }

  function listening(
    options: object,
    action: string,
    file: () => SocketFile | null,
  ): ListenSocket {
    let listener: DenoListener;
    try {
      listener = deno.listen(options);
    } catch (error) {
      throw systemError(action, error);
    }
    return new DenoListen(listener, file());
  }

  return { connect, listen, adopt: node.adopt, removeSocketFile };
}
