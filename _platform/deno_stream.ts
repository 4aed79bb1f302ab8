/** A connected stream on Deno, with its own read and write. */

import { familyOf, ipAddress, showAddress } from "./addresses.ts";
import { systemError } from "./socket_errors.ts";
import type {
  SocketAddress,
  SocketFamily,
  StreamEvents,
  StreamSocket,
} from "./sockets.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** An address, as Deno gives it. */
export interface DenoAddress {
  readonly transport: string;
  readonly hostname?: string;
  readonly port?: number;
  readonly path?: string | null;
}

/** A connection of Deno's. */
export interface DenoConn {
  readonly localAddr: DenoAddress;
  readonly remoteAddr: DenoAddress;
  read(buffer: Uint8Array): Promise<number | null>;
  write(data: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
  ref(): void;
  unref(): void;
  setNoDelay?(on: boolean): void;
  setKeepAlive?(on: boolean): void;
}

/** The first buffer: what each of 10 000 idle connections costs. */
const SMALL = 4096;
/** The buffer after a read filled the one before. */
const LARGE = 65536;
/** After so many reads that fit a small buffer, the large one is given back. */
const PATIENCE = 64;

/** What small chunks are copied into. */
const SLAB = 8192;
/** How many small chunks a connection gets before it has a slab. */
const FEW = 8;

const OPEN = 0;
const CLOSING = 1;
const CLOSED = 2;

/** What stands for an address of Deno's here. */
export function addressOf(address: DenoAddress): SocketAddress {
  return address.hostname === undefined
    ? address.path ?? ""
    : ipAddress(address.hostname, address.port!);
}

/** A stream socket on a connection of Deno's. */
export class DenoStream implements StreamSocket {
  readonly family: SocketFamily;
  buffered: number = 0;
  readonly #conn: DenoConn;
  #events: StreamEvents | null = null;
  #state: number = OPEN;
  #paused: boolean = true;
  /** Whether the read loop runs. */
  #reading: boolean = false;
  #buffer: Bytes | null = null;
  /** How many bytes of the buffer came while paused: -1 stands for the end. */
  #held: number = 0;
  #eof: boolean = false;
  #slack: number = 0;
  /** What small chunks are copied into, and how far it is used. */
  #slab: Bytes | null = null;
  #used: number = 0;
  #smalls: number = 0;
  /** What is being written. */
  #out: Uint8Array | null = null;
  #shut: boolean = false;
  #error: Error | null = null;
  #told: boolean = false;
  readonly #wrote: (count: number) => void;
  readonly #writeFailed: (error: unknown) => void;

  constructor(conn: DenoConn) {
    this.#conn = conn;
    this.family = familyOf(addressOf(conn.localAddr));
    this.#wrote = (count) => this.#onWrote(count);
    this.#writeFailed = (error) => {
      this.#out = null;
      this.buffered = 0;
      this.#fail("write to", error);
    };
  }

  get local(): SocketAddress {
    return addressOf(this.#conn.localAddr);
  }

  get remote(): SocketAddress {
    return addressOf(this.#conn.remoteAddr);
  }

  attach(events: StreamEvents): void {
    this.#events = events;
  }

  write(data: Uint8Array): number {
    const { length } = data;
    if (
      this.#out !== null || this.#state !== OPEN || this.#shut || length === 0
    ) return 0;
    this.#out = data;
    this.buffered = length;
    this.#conn.write(data).then(this.#wrote, this.#writeFailed);
    return length;
  }

  #onWrote(count: number): void {
    const out = this.#out!;
    if (count < out.length) {
      if (this.#state === CLOSED) {
        this.#out = null;
        return this.#settle();
      }
      this.#out = out.subarray(count);
      this.buffered -= count;
      this.#conn.write(this.#out).then(this.#wrote, this.#writeFailed);
      return;
    }
    this.#out = null;
    this.buffered = 0;
    if (this.#state !== OPEN) {
      if (this.#state === CLOSING) this.#end();
      else this.#settle();
      return;
    }
    if (this.#shut) this.#sendEof();
    this.#events!.onDrain();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    if (!this.#reading && !this.#eof && this.#state === OPEN) this.#read();
  }

  /**
   * Reads until paused or closed. A read that is under way when the socket is
   * paused cannot be taken back: what it brings is held.
   */
  async #read(): Promise<void> {
    const conn = this.#conn;
    this.#reading = true;
    if (this.#held !== 0) {
      // Never from inside resume().
      await undefined;
      if (!this.#paused && this.#state === OPEN) {
        const count = this.#held;
        this.#held = 0;
        this.#deliver(count);
      }
    }
    while (!this.#paused && this.#state === OPEN && !this.#eof) {
      let count: number;
      try {
        count = await conn.read(this.#buffer ??= new Uint8Array(SMALL)) ?? -1;
      } catch (error) {
        this.#reading = false;
        return this.#fail("read from", error);
      }
      if (this.#state !== OPEN) break;
      if (this.#paused) this.#held = count;
      else this.#deliver(count);
    }
    this.#reading = false;
    if (this.#state === CLOSED) this.#settle();
  }

  #deliver(count: number): void {
    const events = this.#events!;
    if (count < 0) {
      this.#eof = true;
      this.#buffer = null;
      return events.onEof();
    }
    const buffer = this.#buffer!;
    const { length } = buffer;
    let chunk: Bytes;
    if (count * 2 > length) {
      chunk = count === length ? buffer : buffer.subarray(0, count);
      this.#slack = 0;
      if (count === length && length === SMALL) {
        // More may be waiting than a small buffer can take.
        this.#buffer = new Uint8Array(LARGE);
      } else if (!events.borrows) this.#buffer = new Uint8Array(length);
    } else {
      chunk = buffer.subarray(0, count);
      // A copy of little costs less than a new buffer, and keeps less alive.
      if (!events.borrows) chunk = this.#copy(chunk);
      if (length === LARGE) this.#judge(count);
    }
    events.onData(chunk);
  }

  /**
   * An ArrayBuffer for each small chunk would cost a fifth of an echo, so that
   * those of one connection, never of two, share slabs once they are many.
   */
  #copy(chunk: Bytes): Bytes {
    const { length } = chunk;
    if (length > SLAB / 4 || ++this.#smalls <= FEW) return chunk.slice();
    let slab = this.#slab;
    // A slab that its user transferred elsewhere has no length any more.
    if (slab === null || this.#used + length > slab.length) {
      slab = this.#slab = new Uint8Array(SLAB);
      this.#used = 0;
    }
    const copy = slab.subarray(this.#used, this.#used += length);
    copy.set(chunk);
    return copy;
  }

  /** Goes back to a small buffer after many reads that would fit one. */
  #judge(count: number): void {
    if (count > SMALL) this.#slack = 0;
    else if (++this.#slack === PATIENCE) this.#buffer = new Uint8Array(SMALL);
  }

  shutdownWrite(): void {
    if (this.#shut || this.#state !== OPEN) return;
    this.#shut = true;
    if (this.#out === null) this.#sendEof();
  }

  #sendEof(): void {
    // It fails when the connection is gone, which reading and writing tell.
    this.#conn.closeWrite().catch(ignore);
  }

  close(): void {
    if (this.#state !== OPEN) return;
    this.#state = CLOSING;
    if (this.#out === null) this.#end();
  }

  abort(): void {
    if (this.#state !== CLOSED) this.#end();
  }

  /** Closes now; the pending read and write, if any, are rejected by that. */
  #end(): void {
    this.#state = CLOSED;
    this.buffered = 0;
    try {
      this.#conn.close();
    } catch {
      // Deno closed it itself, after an error.
    }
    this.#settle();
  }

  #fail(what: string, error: unknown): void {
    if (this.#state !== CLOSED) {
      this.#error = systemError(
        `Cannot ${what} ${showAddress(this.remote) || "the peer"}`,
        error,
      );
      return this.#end();
    }
    this.#settle();
  }

  /** Tells the end, once neither reading nor writing is under way. */
  #settle(): void {
    if (this.#told || this.#reading || this.#out !== null) return;
    this.#told = true;
    this.#buffer = this.#slab = null;
    queueMicrotask(() => this.#events!.onClose(this.#error));
  }

  setNoDelay(on: boolean): void {
    if (this.#state !== CLOSED) this.#conn.setNoDelay?.(on);
  }

  setKeepAlive(on: boolean): void {
    if (this.#state !== CLOSED) this.#conn.setKeepAlive?.(on);
  }

  ref(): void {
    if (this.#state !== CLOSED) this.#conn.ref();
  }

  unref(): void {
    if (this.#state !== CLOSED) this.#conn.unref();
  }
}

function ignore(): void {}
