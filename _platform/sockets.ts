/**
 * Stream sockets as the library sees them: TCP and Unix, pushed rather than
 * read, the same on every runtime.
 *
 * Callbacks come from the host, in no particular async context; they must not
 * throw. Errors are OSErrors with the runtime's own error as `cause`.
 */

/** A numeric host and a port; in IPv6 also flow and scope; in Unix a path. */
export type SocketAddress =
  | readonly [host: string, port: number]
  | readonly [host: string, port: number, flow: number, scope: number]
  | string;

/** The address families. */
export type SocketFamily = "inet" | "inet6" | "unix";

/** What a stream socket tells its owner. */
export interface StreamEvents {
  /**
   * Whether `onData` uses a chunk up before it returns, or before it calls `next`
   * where the owner asks. A borrowed chunk is overwritten by the next read, which
   * saves Deno a new buffer for each: half the cost of large chunks. Otherwise
   * every chunk is the receiver's to keep; small ones of one connection may be
   * parts of one ArrayBuffer.
   */
  readonly borrows: boolean;
  /** Whether the owner calls `next` where a stream waits for it. */
  readonly asks?: boolean;
  /** Bytes arrived; never while the socket is paused. */
  onData(chunk: Uint8Array): void;
  /** The peer finished writing. Writing to it may go on. */
  onEof(): void;
  /** `write` may take bytes again, or `buffered` has become 0. May be spurious. */
  onDrain(): void;
  /**
   * The socket is gone. Comes exactly once and last: after close() and abort()
   * with null, and after a failure with the error; never from inside a call.
   */
  onClose(error: Error | null): void;
}

/** A connected stream. It is born paused. */
export interface StreamSocket {
  readonly family: SocketFamily;
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  /** The bytes taken by `write` that the kernel does not have yet. */
  readonly buffered: number;
  /** Sets the owner, or replaces it. Comes before all else. */
  attach(events: StreamEvents): void;
  /**
   * Writes what can be written now.
   *
   * What was taken may stay a reference: the bytes must not change before
   * `buffered` is 0. Errors come through `onClose`.
   *
   * @param data The bytes; more than can be taken is fine.
   * @returns How many were taken; 0 means to wait for `onDrain`.
   */
  write(data: Uint8Array): number;
  /** Stops reading, so that the peer's writes stall in the end. */
  pause(): void;
  /** Reads again; what came meanwhile is told first, not from inside the call. */
  resume(): void;
  /**
   * Reads on, for owners that ask: so a read comes after the write that answers the
   * one before, when there is most likely something to be read. Only streams that
   * have it overwrite what is borrowed.
   */
  next?(): void;
  /** Whether it waits for that, after a chunk. */
  readonly waits?: boolean;
  /** Tells the peer, after what was taken, that there will be no more. */
  shutdownWrite(): void;
  /** Sends what was taken, then closes. Nothing is read any more. */
  close(): void;
  /** Closes at once, with a reset where the runtime can. */
  abort(): void;
  /** Whether small writes go out at once. No effect on Unix sockets. */
  setNoDelay(on: boolean): void;
  /** Whether the kernel probes an idle peer. No effect on Unix sockets. */
  setKeepAlive(on: boolean): void;
  /** Lets the socket keep the process alive, as it does from the start. */
  ref(): void;
  /** Lets the process end in spite of the socket. */
  unref(): void;
}

/** A socket that listens. It keeps the process alive until closed or unref'd. */
export interface ListenSocket {
  readonly family: SocketFamily;
  readonly local: SocketAddress;
  /**
   * Accepts from now on. After `onError` (out of file descriptors, where the
   * runtime tells) nothing is accepted until it is called again.
   *
   * @param onConnection Gets each connection, paused.
   * @param onError Gets what went wrong.
   */
  start(
    onConnection: (socket: StreamSocket) => void,
    onError: (error: Error) => void,
  ): void;
  /** Refuses new connections from now on; accepted ones live on. */
  close(): void;
  /** Lets the socket keep the process alive, as it does from the start. */
  ref(): void;
  /** Lets the process end in spite of the socket. */
  unref(): void;
}

/** Where to connect to over TCP. */
export interface TcpTarget {
  readonly host: string;
  readonly port: number;
  /** The numeric address to connect from. */
  readonly localAddress?: string | undefined;
  /** The port to connect from; the system chooses one unless given. */
  readonly localPort?: number | undefined;
}

/** A Unix socket's path; "\0name" is abstract. */
export interface UnixTarget {
  readonly path: string;
}

/** Where to listen for TCP. */
export interface TcpPlace {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** How many connections wait to be accepted; a hint. */
  readonly backlog?: number | undefined;
  /** Whether other sockets may share the port, the kernel spreading the load. */
  readonly reusePort?: boolean | undefined;
  /** Whether "::" leaves IPv4 to others; ignored by Deno. */
  readonly ipv6Only?: boolean | undefined;
}

/** Where to listen for Unix connections. */
export interface UnixPlace {
  readonly path: string;
  /** How many connections wait to be accepted; a hint. */
  readonly backlog?: number | undefined;
  /** Whether close() leaves the path. It never removes somebody else's socket. */
  readonly keepPath?: boolean | undefined;
}

/** Stream sockets of one runtime. */
export interface StreamSockets {
  /**
   * Connects.
   *
   * @param to Where.
   * @param signal Gives the attempt up; the promise then rejects with its reason.
   * @returns The connected socket.
   * @throws {OSError} When the connection fails.
   */
  connect(
    to: TcpTarget | UnixTarget,
    signal?: AbortSignal,
  ): Promise<StreamSocket>;
  /**
   * Binds and listens.
   *
   * @param at Where.
   * @param signal Gives it up, where the address is not taken yet.
   * @returns The listening socket; nothing is accepted until it is started.
   * @throws {OSError} When the address cannot be had.
   */
  listen(
    at: TcpPlace | UnixPlace,
    signal?: AbortSignal,
  ): Promise<ListenSocket>;
  /**
   * Makes a socket of a connected one's file descriptor, and owns it then.
   *
   * @param fd The descriptor of a stream socket.
   * @returns The socket.
   * @throws {OSError} When it is no such descriptor.
   * @throws {NotImplementedError} When the runtime cannot.
   */
  adopt(fd: number): Promise<StreamSocket>;
  /**
   * Removes a Unix socket's path, where it is one; nothing else is touched.
   *
   * @param path The path of a socket that may be left from an earlier process.
   * @returns Whether a socket was removed.
   * @throws {OSError} When it cannot be removed.
   */
  removeSocketFile(path: string): boolean;
}
