/**
 * Stream sockets in memory, for tests on a virtual clock: those of one platform
 * reach each other and nobody else, and a connection holds a bounded number of
 * bytes, as a kernel's buffers do.
 */

import { NotImplementedError } from "../exceptions.ts";
import {
  checkPath,
  familyOf,
  hostPort,
  ipAddress,
  showPath,
} from "./addresses.ts";
import { ownError } from "./socket_errors.ts";
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

/** How many bytes a connection holds in each direction. */
export const FAKE_CAPACITY = 65536;

const OPEN = 0;
const CLOSING = 1;
const CLOSED = 2;

type Later = (fn: () => void) => void;

class FakeStream implements StreamSocket {
  readonly family: SocketFamily;
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  readonly buffered: number = 0;
  readonly #later: Later;
  /** The other end; null once either is gone for the other. */
  peer: FakeStream | null = null;
  #events: StreamEvents | null = null;
  #state: number = OPEN;
  #paused: boolean = true;
  #planned: boolean = false;
  /** What the peer wrote. */
  #inbox: Uint8Array[] = [];
  #size: number = 0;
  #ending: boolean = false;
  #ended: boolean = false;
  #shut: boolean = false;
  #starved: boolean = false;
  #error: Error | null = null;
  #told: boolean = false;

  constructor(local: SocketAddress, remote: SocketAddress, later: Later) {
    this.local = local;
    this.remote = remote;
    this.family = familyOf(local);
    this.#later = later;
  }

  attach(events: StreamEvents): void {
    this.#events = events;
    if (this.#state !== OPEN) this.#end();
  }

  write(data: Uint8Array): number {
    if (this.#state !== OPEN || this.#shut || data.length === 0) return 0;
    const { peer } = this;
    if (peer === null || peer.#state !== OPEN) {
      this.fail("EPIPE");
      return 0;
    }
    const count = Math.min(data.length, FAKE_CAPACITY - peer.#size);
    if (count < data.length) this.#starved = true;
    if (count === 0) return 0;
    peer.#inbox.push(data.slice(0, count));
    peer.#size += count;
    peer.#plan();
    return count;
  }

  #plan(): void {
    if (this.#planned || this.#paused || this.#state !== OPEN) return;
    this.#planned = true;
    this.#later(() => {
      this.#planned = false;
      this.#flow();
    });
  }

  #flow(): void {
    const inbox = this.#inbox;
    let index = 0;
    while (index < inbox.length && !this.#paused && this.#state === OPEN) {
      const chunk = inbox[index++]!;
      this.#size -= chunk.length;
      this.#events!.onData(chunk);
    }
    inbox.splice(0, index);
    const { peer } = this;
    if (peer !== null && peer.#starved && this.#size < FAKE_CAPACITY) {
      peer.#starved = false;
      peer.#later(() => {
        if (peer.#state === OPEN) peer.#events?.onDrain();
      });
    }
    if (
      this.#ending && !this.#ended && inbox.length === 0 && !this.#paused &&
      this.#state === OPEN
    ) {
      this.#ended = true;
      this.#events!.onEof();
    }
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    if (this.#size > 0 || this.#ending) this.#plan();
  }

  shutdownWrite(): void {
    if (this.#shut || this.#state !== OPEN) return;
    this.#shut = true;
    this.peer?.finish();
  }

  /** The peer will write no more. */
  finish(): void {
    this.#ending = true;
    this.#plan();
  }

  close(): void {
    if (this.#state !== OPEN) return;
    this.#state = CLOSING;
    const { peer } = this;
    // What nobody will read resets the connection, as the kernel does.
    if (this.#size > 0) peer?.fail("ECONNRESET");
    else if (!this.#shut) peer?.finish();
    this.#end();
  }

  abort(): void {
    if (this.#state !== OPEN) return;
    this.#state = CLOSED;
    this.peer?.fail("ECONNRESET");
    this.#end();
  }

  /** Ends the connection with an error. */
  fail(code: string): void {
    if (this.#state !== OPEN) return;
    this.#state = CLOSED;
    this.#error = ownError("Cannot use the connection", code);
    this.#end();
  }

  #end(): void {
    this.#inbox = [];
    this.#size = 0;
    // A connection may be reset before anybody has it.
    if (this.#told || this.#events === null) return;
    this.#told = true;
    this.#later(() => {
      this.#state = CLOSED;
      this.#events!.onClose(this.#error);
    });
  }

  setNoDelay(): void {}
  setKeepAlive(): void {}
  ref(): void {}
  unref(): void {}
}

class FakeListen implements ListenSocket {
  readonly family: SocketFamily;
  readonly local: SocketAddress;
  readonly #forget: () => void;
  #waiting: FakeStream[] = [];
  #onConnection: ((socket: StreamSocket) => void) | null = null;

  constructor(local: SocketAddress, forget: () => void) {
    this.local = local;
    this.family = familyOf(local);
    this.#forget = forget;
  }

  accepted(stream: FakeStream): void {
    if (this.#onConnection === null) this.#waiting.push(stream);
    else this.#onConnection(stream);
  }

  start(onConnection: (socket: StreamSocket) => void): void {
    this.#onConnection = onConnection;
    const waiting = this.#waiting;
    this.#waiting = [];
    queueMicrotask(() => {
      for (const stream of waiting) onConnection(stream);
    });
  }

  close(): void {
    this.#forget();
    for (const stream of this.#waiting) stream.abort();
    this.#waiting = [];
  }

  ref(): void {}
  unref(): void {}
}

/**
 * Makes stream sockets in memory.
 *
 * @param later Calls a function in a macrotask, as sockets call theirs.
 */
export function fakeSockets(later: Later): StreamSockets {
  const listening = new Map<string, FakeListen>();
  let nextPort = 40_000;

  const key = (at: TcpPlace | UnixPlace | TcpTarget | UnixTarget) =>
    "path" in at ? at.path : hostPort(at.host, at.port);

  async function connect(
    to: TcpTarget | UnixTarget,
    signal?: AbortSignal,
  ): Promise<StreamSocket> {
    signal?.throwIfAborted();
    const unix = "path" in to;
    const action = `Cannot connect to ${showPath(key(to))}`;
    if (unix) checkPath(to.path, action);
    await new Promise<void>(later);
    signal?.throwIfAborted();
    const listener = listening.get(key(to));
    if (listener === undefined) {
      throw ownError(action, unix ? "ENOENT" : "ECONNREFUSED");
    }
    const from = unix
      ? ""
      : ipAddress(to.localAddress ?? to.host, to.localPort ?? nextPort++);
    const near = new FakeStream(from, listener.local, later);
    const far = new FakeStream(listener.local, from, later);
    near.peer = far;
    far.peer = near;
    later(() => listener.accepted(far));
    return near;
  }

  async function listen(at: TcpPlace | UnixPlace): Promise<ListenSocket> {
    const unix = "path" in at;
    const place = unix || at.port !== 0 ? at : { ...at, port: nextPort++ };
    const name = key(place);
    const action = `Cannot listen on ${showPath(name)}`;
    if (unix) checkPath(at.path, action);
    if (listening.has(name)) throw ownError(action, "EADDRINUSE");
    const local = "path" in place
      ? place.path
      : ipAddress(place.host, place.port);
    const listener = new FakeListen(local, () => listening.delete(name));
    listening.set(name, listener);
    return listener;
  }

  async function adopt(fd: number): Promise<StreamSocket> {
    throw new NotImplementedError(
      `Cannot adopt file descriptor ${fd}: the fake platform has none`,
    );
  }

  return { connect, listen, adopt, removeSocketFile: () => false };
}
