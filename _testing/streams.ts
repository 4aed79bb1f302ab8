/** Connections in memory: two streams with a wire each way. */

import { familyOf } from "../_platform/addresses.ts";
import { ownError } from "../_platform/socket_errors.ts";
import type {
  SocketAddress,
  SocketFamily,
  StreamEvents,
  StreamSocket,
} from "../_platform/sockets.ts";

/** How many bytes a connection holds in each direction. */
const CAPACITY = 65536;

const OPEN = 0;
const CLOSING = 1;
const CLOSED = 2;

const DATA = 0;
const END = 1;
const RESET = 2;

/** What streams need of their network. */
export interface Wires {
  /** The loop's time. */
  now(): number;
  /** Calls a function at a time; those of one function keep their order. */
  at(when: number, fn: () => void): void;
  /** Seconds that a piece takes from one address to another. */
  transit(from: SocketAddress, to: SocketAddress): number;
  /** Whether nothing gets through at present. */
  cut(from: SocketAddress, to: SocketAddress): boolean;
  /** Calls a function when the wires have changed. */
  whenHealed(fn: () => void): void;
  /** Whether a host is dead: it answers nothing. */
  isDown(address: SocketAddress): boolean;
  /** A stream is closed for good. */
  forget(stream: MemoryStream): void;
}

/** Something on its way. */
interface Piece {
  readonly kind: number;
  readonly data: Uint8Array | null;
  readonly due: number;
}

/** One end of a connection in memory. */
export class MemoryStream implements StreamSocket {
  readonly family: SocketFamily;
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  readonly buffered: number = 0;
  readonly #wires: Wires;
  #peer: MemoryStream | null = null;
  #events: StreamEvents | null = null;
  #state: number = OPEN;
  #paused: boolean = true;
  /** On their way to here, by when they are due. */
  #coming: Piece[] = [];
  #lastDue: number = 0;
  #stalled: boolean = false;
  /** Come, and not read. */
  #inbox: Uint8Array[] = [];
  /** The bytes on their way and come. */
  #load: number = 0;
  #ending: boolean = false;
  #ended: boolean = false;
  #shut: boolean = false;
  #starved: boolean = false;
  #flowing: boolean = false;
  #error: Error | null = null;
  #told: boolean = false;

  constructor(local: SocketAddress, remote: SocketAddress, wires: Wires) {
    this.local = local;
    this.remote = remote;
    this.family = familyOf(local);
    this.#wires = wires;
  }

  /** Makes two of them each other's ends. */
  static join(near: MemoryStream, far: MemoryStream): void {
    near.#peer = far;
    far.#peer = near;
  }

  attach(events: StreamEvents): void {
    this.#events = events;
    if (this.#state !== OPEN) this.#end();
  }

  write(data: Uint8Array): number {
    if (this.#state !== OPEN || this.#shut || data.length === 0) return 0;
    const peer = this.#peer!;
    const count = Math.min(data.length, CAPACITY - peer.#load);
    if (count < data.length) this.#starved = true;
    if (count <= 0) return 0;
    peer.#load += count;
    this.#send(DATA, data.slice(0, count));
    return count;
  }

  #send(kind: number, data: Uint8Array | null): void {
    const peer = this.#peer!;
    const wires = this.#wires;
    const due = Math.max(
      peer.#lastDue,
      wires.now() + wires.transit(this.local, this.remote),
    );
    peer.#lastDue = due;
    peer.#coming.push({ kind, data, due });
    wires.at(due, peer.#arrive);
  }

  /** Takes what is due, unless the wire is cut; then it comes after the cut. */
  readonly #arrive: () => void = () => {
    const wires = this.#wires;
    const coming = this.#coming;
    if (this.#stalled) return;
    if (coming.length > 0 && wires.cut(this.remote, this.local)) {
      this.#stalled = true;
      wires.whenHealed(() => {
        this.#stalled = false;
        this.#arrive();
      });
      return;
    }
    const now = wires.now();
    let count = 0;
    while (count < coming.length && coming[count]!.due <= now) {
      this.#take(coming[count++]!);
    }
    coming.splice(0, count);
    this.#flow();
  };

  #take(piece: Piece): void {
    if (this.#state !== OPEN) {
      // Whoever has forgotten a connection answers with a reset; the dead do not.
      if (piece.kind === DATA && !this.#wires.isDown(this.local)) {
        this.#send(RESET, null);
      }
      return;
    }
    if (piece.kind === RESET) {
      // What came before it was received.
      this.#flow();
      this.#fail("ECONNRESET");
    } else if (piece.kind === END) this.#ending = true;
    else this.#inbox.push(piece.data!);
  }

  #flow(): void {
    if (this.#flowing) return;
    this.#flowing = true;
    const inbox = this.#inbox;
    let count = 0;
    while (count < inbox.length && !this.#paused && this.#state === OPEN) {
      const chunk = inbox[count++]!;
      this.#load -= chunk.length;
      this.#events!.onData(chunk);
    }
    inbox.splice(0, count);
    this.#flowing = false;
    const peer = this.#peer!;
    if (peer.#starved && this.#load < CAPACITY) {
      peer.#starved = false;
      const wires = this.#wires;
      const due = wires.now() + wires.transit(this.local, this.remote);
      wires.at(due, peer.#drained);
    }
    if (
      this.#ending && !this.#ended && inbox.length === 0 && !this.#paused &&
      this.#state === OPEN
    ) {
      this.#ended = true;
      this.#events!.onEof();
    }
  }

  readonly #drained: () => void = () => {
    if (this.#state === OPEN) this.#events?.onDrain();
  };

  readonly #flowLater: () => void = () => this.#flow();

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    if (this.#inbox.length > 0 || this.#ending) {
      this.#wires.at(this.#wires.now(), this.#flowLater);
    }
  }

  shutdownWrite(): void {
    if (this.#shut || this.#state !== OPEN) return;
    this.#shut = true;
    this.#send(END, null);
  }

  close(): void {
    if (this.#state !== OPEN) return;
    this.#state = CLOSING;
    // What nobody will read resets the connection, as a kernel does.
    if (this.#inbox.length > 0) this.#send(RESET, null);
    else if (!this.#shut) this.#send(END, null);
    this.#end();
  }

  abort(): void {
    if (this.#state !== OPEN) return;
    this.#state = CLOSED;
    this.#send(RESET, null);
    this.#end();
  }

  #fail(code: string): void {
    if (this.#state !== OPEN) return;
    this.#state = CLOSED;
    this.#error = ownError("Cannot use the connection", code);
    this.#end();
  }

  /** Its host is gone: its owner hears an error, the peer nothing. */
  vanish(): void {
    this.#fail("ECONNABORTED");
  }

  #end(): void {
    this.#inbox = [];
    this.#load = 0;
    this.#wires.forget(this);
    // A connection may be reset before anybody has it.
    if (this.#told || this.#events === null) return;
    this.#told = true;
    this.#wires.at(this.#wires.now(), () => {
      this.#state = CLOSED;
      this.#events!.onClose(this.#error);
    });
  }

  // A wire in memory has no such settings.
  setNoDelay(): void {}
  setKeepAlive(): void {}
  ref(): void {}
  unref(): void {}
}
