/** A connected stream on Bun; the handlers of its socket call it. */

import { familyOf, ipAddress, showAddress } from "./addresses.ts";
import { ownError, systemError } from "./socket_errors.ts";
import type {
  SocketAddress,
  SocketFamily,
  StreamEvents,
  StreamSocket,
} from "./sockets.ts";

/** A socket of Bun's. */
export interface BunSocket {
  /** Whose it is. */
  data: unknown;
  readonly localAddress?: string;
  readonly localPort?: number;
  readonly remoteAddress?: string;
  readonly remotePort?: number;
  write(data: Uint8Array): number;
  pause(): void;
  resume(): void;
  shutdown(): void;
  close(): void;
  terminate(): void;
  setNoDelay(on: boolean): void;
  setKeepAlive(on: boolean, delay: number): void;
  ref(): void;
  unref(): void;
}

const OPEN = 0;
const CLOSING = 1;
const CLOSED = 2;

/** A stream socket on a socket of Bun's. */
export class BunStream implements StreamSocket {
  readonly family: SocketFamily;
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  /** Bun tells what the kernel took; the rest is not taken. */
  readonly buffered: number = 0;
  readonly #socket: BunSocket;
  #events: StreamEvents | null = null;
  #state: number = OPEN;
  #paused: boolean = true;
  #shut: boolean = false;
  /** Whether the peer has finished, told or not. */
  #ended: boolean = false;
  #eofTold: boolean = false;
  /** What came while paused: a reset brings what the kernel still had. */
  #held: Uint8Array[] | null = null;
  #telling: boolean = false;
  /** Whether Bun has closed the socket. */
  #gone: boolean = false;
  #error: Error | null = null;
  #told: boolean = false;

  constructor(socket: BunSocket, local: string, remote: string) {
    this.#socket = socket;
    socket.data = this;
    // Read now: a closed socket does not have them any more.
    const { localAddress, remoteAddress } = socket;
    this.local = localAddress === undefined
      ? local
      : ipAddress(localAddress, socket.localPort!);
    this.remote = remoteAddress === undefined
      ? remote
      : ipAddress(remoteAddress, socket.remotePort!);
    this.family = familyOf(this.local);
  }

  attach(events: StreamEvents): void {
    this.#events = events;
    // A connection may be reset before anybody has it.
    if (this.#gone) this.#settle();
  }

  write(data: Uint8Array): number {
    if (this.#state !== OPEN || this.#shut || data.length === 0) return 0;
    const count = this.#gone ? -1 : this.#socket.write(data);
    if (count >= 0) return count;
    // A paused socket is told nothing else of a peer that is gone, and what is held
    // cannot hold back the news that writing failed.
    this.#held = null;
    this.#error ??= ownError(this.#action(), "EPIPE");
    this.#settle();
    return 0;
  }

  pause(): void {
    this.#paused = true;
    if (!this.#gone) this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    if (!this.#gone) this.#socket.resume();
    if (this.#held === null && (!this.#ended || this.#eofTold)) return;
    if (this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => this.#tellHeld());
  }

  /** Tells what came while paused; never from inside resume(). */
  #tellHeld(): void {
    this.#telling = false;
    const held = this.#held;
    if (held !== null) {
      let index = 0;
      while (
        index < held.length && !this.#paused && this.#state === OPEN
      ) this.#events!.onData(held[index++]!);
      this.#held = index < held.length ? held.slice(index) : null;
    }
    this.#tellEof();
    if (this.#gone) this.#settle();
  }

  #tellEof(): void {
    if (
      !this.#ended || this.#eofTold || this.#paused || this.#held !== null ||
      this.#state !== OPEN
    ) return;
    this.#eofTold = true;
    this.#events!.onEof();
  }

  #action(): string {
    return `Cannot use the connection to ${
      showAddress(this.remote) || "a peer"
    }`;
  }

  /** Bytes came. */
  onData(chunk: Uint8Array): void {
    if (this.#state !== OPEN) return;
    if (this.#paused || this.#held !== null) {
      (this.#held ??= []).push(chunk);
    } else this.#events!.onData(chunk);
  }

  /** The peer finished. */
  onEnd(): void {
    this.#ended = true;
    this.#tellEof();
  }

  /** There may be room. */
  onDrain(): void {
    if (this.#state === OPEN && !this.#shut) this.#events?.onDrain();
  }

  /** Bun closed the socket. */
  onClose(error: unknown): void {
    if (this.#gone) return;
    this.#gone = true;
    if (this.#state === OPEN) {
      if (error === undefined || error === null) {
        // Both sides have finished, for which Bun leaves "end" out.
        this.#ended = true;
        this.#tellEof();
        // Who waits for room is told by the next write that there is none.
        return this.onDrain();
      }
      this.#error = systemError(this.#action(), error);
    }
    this.#settle();
  }

  shutdownWrite(): void {
    if (this.#shut || this.#state !== OPEN) return;
    this.#shut = true;
    if (!this.#gone) this.#socket.shutdown();
  }

  close(): void {
    if (this.#state !== OPEN) return;
    this.#state = CLOSING;
    this.#held = null;
    // Not end(), which resets the connection when something is unread.
    if (!this.#gone) this.#socket.close();
    this.#settle();
  }

  abort(): void {
    if (this.#state !== OPEN) return;
    this.#state = CLOSED;
    this.#held = null;
    this.#error = null;
    if (!this.#gone) this.#socket.terminate();
    this.#settle();
  }

  /** Tells the end, once it is sure and what was held has been told. */
  #settle(): void {
    if (this.#told || this.#held !== null || this.#events === null) return;
    if (this.#state === OPEN && this.#error === null) return;
    this.#told = true;
    this.#state = CLOSED;
    if (!this.#gone) this.#socket.close();
    queueMicrotask(() => this.#events!.onClose(this.#error));
  }

  setNoDelay(on: boolean): void {
    if (!this.#gone && this.family !== "unix") this.#socket.setNoDelay(on);
  }

  setKeepAlive(on: boolean): void {
    if (!this.#gone && this.family !== "unix") {
      this.#socket.setKeepAlive(on, 0);
    }
  }

  ref(): void {
    if (!this.#gone) this.#socket.ref();
  }

  unref(): void {
    if (!this.#gone) this.#socket.unref();
  }
}
