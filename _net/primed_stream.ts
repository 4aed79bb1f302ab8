/** Streams of which something has been read already. */

import type {
  SocketAddress,
  SocketFamily,
  StreamEvents,
  StreamSocket,
} from "../_platform/sockets.ts";

/** What came of a stream before it was handed over. */
export interface Early {
  readonly chunks: readonly Uint8Array[];
  readonly ended: boolean;
  readonly closed: boolean;
  readonly error: Error | null;
}

/** A stream that tells first what came early. */
export class PrimedStream implements StreamSocket, StreamEvents {
  readonly #stream: StreamSocket;
  #events: StreamEvents | null = null;
  #chunks: readonly Uint8Array[];
  #next: number = 0;
  #ended: boolean;
  #over: boolean;
  #error: Error | null;
  #told: boolean = false;
  #paused: boolean = true;
  #telling: boolean = false;
  #open: boolean = true;

  constructor(stream: StreamSocket, early: Early) {
    this.#stream = stream;
    this.#chunks = early.chunks;
    this.#ended = early.ended;
    this.#over = early.closed;
    this.#error = early.error;
    stream.attach(this);
  }

  get family(): SocketFamily {
    return this.#stream.family;
  }

  get local(): SocketAddress {
    return this.#stream.local;
  }

  get remote(): SocketAddress {
    return this.#stream.remote;
  }

  get buffered(): number {
    return this.#stream.buffered;
  }

  get borrows(): boolean {
    return this.#events?.borrows ?? false;
  }

  get asks(): boolean {
    return this.#events?.asks === true;
  }

  attach(events: StreamEvents): void {
    this.#events = events;
  }

  onData(chunk: Uint8Array): void {
    this.#events!.onData(chunk);
  }

  onEof(): void {
    this.#events!.onEof();
  }

  onDrain(): void {
    this.#events?.onDrain();
  }

  onClose(error: Error | null): void {
    this.#over = true;
    this.#error = this.#open ? error : null;
    // A failure is told after what came before it.
    if (!this.#open || this.#done) this.#end();
  }

  get #done(): boolean {
    return this.#next >= this.#chunks.length && !this.#ended;
  }

  #end(): void {
    if (this.#told) return;
    this.#told = true;
    queueMicrotask(() => this.#events?.onClose(this.#error));
  }

  pause(): void {
    this.#paused = true;
    if (this.#done) this.#stream.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#done && !this.#over) return this.#stream.resume();
    if (this.#telling) return;
    this.#telling = true;
    // Never from inside resume().
    queueMicrotask(() => this.#tell());
  }

  get waits(): boolean {
    return this.#stream.waits === true;
  }

  next(): void {
    this.#stream.next?.();
  }

  #tell(): void {
    this.#telling = false;
    const events = this.#events!;
    while (
      this.#next < this.#chunks.length && !this.#paused && this.#open
    ) events.onData(this.#chunks[this.#next++]!);
    if (this.#next < this.#chunks.length || this.#paused || !this.#open) return;
    this.#chunks = [];
    this.#next = 0;
    if (this.#ended) {
      this.#ended = false;
      events.onEof();
    } else if (!this.#over) this.#stream.resume();
    if (this.#over) this.#end();
  }

  write(data: Uint8Array): number {
    return this.#stream.write(data);
  }

  shutdownWrite(): void {
    this.#stream.shutdownWrite();
  }

  close(): void {
    this.#open = false;
    this.#stream.close();
    if (this.#over) this.#end();
  }

  abort(): void {
    this.#open = false;
    this.#stream.abort();
    if (this.#over) this.#end();
  }

  setNoDelay(on: boolean): void {
    this.#stream.setNoDelay(on);
  }

  setKeepAlive(on: boolean): void {
    this.#stream.setKeepAlive(on);
  }

  ref(): void {
    this.#stream.ref();
  }

  unref(): void {
    this.#stream.unref();
  }
}
