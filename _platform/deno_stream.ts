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

/** After so many large buffers a process is taken to need many more. */
const MANY = 64;
/** About as much as the engine lets die before it collects buffers. */
const SPARE = 24 * 1024 * 1024;

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
  /** Whether a read is under way. */
  #reading: boolean = false;
  /** Whether the owner has a chunk, and has not asked for the next. */
  #lent: boolean = false;
  #buffer: Bytes | null = null;
  /** The last part of it that was asked for: many chunks are of one size. */
  #part: Bytes | null = null;
  /** How large the next buffer will be. */
  #size: number = SMALL;
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
  readonly #read: (count: number | null) => void;
  readonly #readFailed: (error: unknown) => void;
  readonly #wrote: (count: number) => void;
  readonly #writeFailed: (error: unknown) => void;

  constructor(conn: DenoConn) {
    this.#conn = conn;
    this.family = familyOf(addressOf(conn.localAddr));
    this.#read = (count) => this.#onRead(count ?? -1);
    this.#readFailed = (error) => {
      this.#reading = false;
      this.#fail("read from", error);
    };
    this.#wrote = (count) => this.#onWrote(count);
    this.#writeFailed = (error) => {
      this.#out = null;
      this.buffered = 0;
      this.#fail("write to", error);
    };
  }

  get waits(): boolean {
    return this.#lent;
  }

  get local(): SocketAddress {
    return addressOf(this.#conn.localAddr);
  }

  get remote(): SocketAddress {
    return addressOf(this.#conn.remoteAddr);
  }

  attach(events: StreamEvents): void {
    this.#events = events;
    this.#lent = false;
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
    this.#readOn();
  }

  next(): void {
    if (!this.#lent) return;
    this.#lent = false;
    this.#readOn();
  }

  /**
   * Reads, unless something speaks against it. A read that is under way when the
   * socket is paused cannot be taken back: what it brings is held.
   */
  #readOn(): void {
    if (
      this.#reading || this.#lent || this.#paused || this.#eof ||
      this.#state !== OPEN
    ) return;
    this.#reading = true;
    // Never from inside resume().
    if (this.#held !== 0) return queueMicrotask(() => this.#tellHeld());
    this.#conn.read(this.#buffer ??= newBuffer(this.#size))
      .then(this.#read, this.#readFailed);
  }

  #tellHeld(): void {
    const count = this.#held;
    if (this.#paused || this.#state !== OPEN) return this.#stopped();
    this.#held = 0;
    this.#onRead(count);
  }

  #onRead(count: number): void {
    if (this.#state === OPEN) {
      if (this.#paused) this.#held = count;
      else this.#deliver(count);
    }
    this.#stopped();
    this.#readOn();
  }

  /** No read is under way any more. */
  #stopped(): void {
    this.#reading = false;
    if (this.#state === CLOSED) this.#settle();
  }

  #deliver(count: number): void {
    const events = this.#events!;
    if (count < 0) {
      this.#eof = true;
      this.#buffer = this.#part = null;
      return events.onEof();
    }
    const buffer = this.#buffer!;
    const { length } = buffer;
    let chunk: Bytes;
    if (count * 2 > length) {
      chunk = count === length ? buffer : buffer.subarray(0, count);
      this.#slack = 0;
      // More may be waiting than a small buffer can take.
      if (count === length) this.#size = LARGE;
      if (length < this.#size || !events.borrows) {
        this.#buffer = this.#part = null;
      }
    } else {
      // A copy of little costs less than a new buffer, and keeps less alive.
      chunk = events.borrows ? this.#head(count) : this.#copy(count);
      if (length === LARGE) this.#judge(count);
    }
    // After less than there was room for, the system is not asked before more came.
    this.#lent = events.asks === true && (count === length || events.borrows);
    events.onData(chunk);
  }

  /** The first bytes of the buffer. */
  #head(count: number): Bytes {
    const part = this.#part;
    if (part !== null && part.length === count) return part;
    return this.#part = this.#buffer!.subarray(0, count);
  }

  /**
   * An ArrayBuffer for each small chunk would cost a fifth of an echo, so that
   * those of one connection, never of two, share slabs once they are many.
   */
  #copy(count: number): Bytes {
    const chunk = this.#head(count);
    // What slice() makes is filled with zeros before it is copied to.
    if (count > SLAB / 4 || ++this.#smalls <= FEW) return new Uint8Array(chunk);
    let slab = this.#slab;
    // A slab that its user transferred elsewhere has no length any more.
    if (slab === null || this.#used + count > slab.length) {
      slab = this.#slab = new Uint8Array(SLAB);
      this.#used = 0;
    }
    const at = this.#used;
    slab.set(chunk, at);
    this.#used = at + count;
    return new Uint8Array(slab.buffer, at, count);
  }

  /** Goes back to a small buffer after many reads that would fit one. */
  #judge(count: number): void {
    if (count > SMALL) this.#slack = 0;
    else if (++this.#slack === PATIENCE) {
      this.#size = SMALL;
      this.#buffer = this.#part = null;
      this.#slack = 0;
    }
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
    this.#buffer = this.#part = this.#slab = null;
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

let largeMade = 0;

function newBuffer(size: number): Bytes {
  if (size === LARGE && ++largeMade === MANY) keepFreed();
  return new Uint8Array(size);
}

/**
 * Lets the C library keep what is freed. What it keeps at most follows the largest
 * block that was freed, which is small at first: what the collector frees goes back
 * to the system, and each of its pages costs a fault when it is needed anew. So a
 * large block, of which no page is ever touched, is taken and freed once.
 */
function keepFreed(): void {
  new ArrayBuffer(SPARE).transfer(0);
}

function ignore(): void {}
