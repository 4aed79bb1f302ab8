/**
 * Sockets that nobody but the program's own calls reads: what the runtime pushes
 * waits here, bounded, until it is asked for.
 */

import type { DatagramEvents, DatagramSocket } from "../_platform/datagrams.ts";
import { ownError } from "../_platform/socket_errors.ts";
import type {
  ListenSocket,
  SocketAddress,
  StreamEvents,
  StreamSocket,
} from "../_platform/sockets.ts";

import { PrimedStream } from "./primed_stream.ts";

/** From so many waiting bytes on, a stream is not read. */
const STREAM_MAX = 64 * 1024;
/** More waiting bytes make datagrams be dropped, as in a kernel's buffer. */
const DATAGRAM_MAX = 208 * 1024;

const NOTHING: Uint8Array<ArrayBuffer> = new Uint8Array(0);

/** What a loop asks of a socket that it waits for. */
export interface SocketBox {
  /** Is called when it may have become readable or writable. */
  changed: (() => void) | null;
  /** Whether a read would not have to wait. */
  readonly readable: boolean;
  /** Whether a write would not have to wait. */
  readonly writable: boolean;
  /** Asks the runtime for what there is to read. */
  wantRead(): void;
  /** Closes it. */
  close(): void;
}

/** A connected stream. */
export class StreamBox implements StreamEvents, SocketBox {
  readonly borrows: boolean = false;
  readonly stream: StreamSocket;
  changed: (() => void) | null = null;
  #chunks: Uint8Array[] = [];
  #size: number = 0;
  #reading: boolean = false;
  #ended: boolean = false;
  #closed: boolean = false;
  #error: Error | null = null;
  /** Whether the last write found no room. */
  #full: boolean = false;

  constructor(stream: StreamSocket) {
    this.stream = stream;
    stream.attach(this);
  }

  get readable(): boolean {
    return this.#size > 0 || this.#ended || this.#closed;
  }

  get writable(): boolean {
    return this.#closed || (!this.#full && this.stream.buffered === 0);
  }

  onData(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size >= STREAM_MAX) {
      this.#reading = false;
      this.stream.pause();
    }
    this.changed?.();
  }

  onEof(): void {
    this.#ended = true;
    this.changed?.();
  }

  onDrain(): void {
    this.#full = false;
    this.changed?.();
  }

  onClose(error: Error | null): void {
    this.#closed = true;
    this.#error = error;
    this.changed?.();
  }

  wantRead(): void {
    if (this.#reading || this.#ended || this.#closed) return;
    if (this.#size >= STREAM_MAX) return;
    this.#reading = true;
    this.stream.resume();
  }

  /** Takes up to so many bytes: none at the end, null where it would wait. */
  recv(count: number): Uint8Array | null {
    const first = this.#chunks[0];
    if (first === undefined) {
      if (this.#error !== null) throw this.#error;
      if (this.#ended || this.#closed) return NOTHING;
      this.wantRead();
      return null;
    }
    if (first.length > count) {
      this.#chunks[0] = first.subarray(count);
      this.#size -= count;
      return first.slice(0, count);
    }
    this.#chunks.shift();
    this.#size -= first.length;
    return first;
  }

  /** Fills a buffer: 0 at the end, -1 where it would wait. */
  recvInto(buffer: Uint8Array): number {
    let at = 0;
    while (at < buffer.length) {
      if (at > 0 && this.#chunks.length === 0) break;
      const chunk = this.recv(buffer.length - at);
      if (chunk === null) return -1;
      if (chunk.length === 0) break;
      buffer.set(chunk, at);
      at += chunk.length;
    }
    return at;
  }

  /**
   * Writes what can be written, which may stay a reference until the stream's
   * `buffered` is 0: how many bytes, or -1 where it would wait.
   */
  send(data: Uint8Array): number {
    if (this.#closed) {
      throw this.#error ?? ownError("Cannot send", "EPIPE");
    }
    if (data.length === 0) return 0;
    const count = this.stream.write(data);
    if (count > 0) return count;
    this.#full = true;
    return -1;
  }

  /** Throws what broke the stream, if something did. */
  checkError(): void {
    if (this.#error !== null) throw this.#error;
  }

  /** Hands the stream over, with what has come. */
  take(): StreamSocket {
    const { stream } = this;
    stream.pause();
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#size = 0;
    const ended = this.#ended;
    const closed = this.#closed;
    if (chunks.length === 0 && !ended && !closed) return stream;
    return new PrimedStream(stream, {
      chunks,
      ended,
      closed,
      error: this.#error,
    });
  }

  close(): void {
    this.#chunks = [];
    this.#size = 0;
    this.stream.close();
  }
}

/** Ends a connection that nobody will have; its end, too, needs a listener. */
function discard(stream: StreamSocket): void {
  new StreamBox(stream).stream.abort();
}

/** A listening socket. */
export class AcceptBox implements SocketBox {
  readonly listener: ListenSocket;
  changed: (() => void) | null = null;
  readonly #max: number;
  #accepted: StreamSocket[] = [];
  #error: Error | null = null;
  #started: boolean = false;

  constructor(listener: ListenSocket, backlog: number) {
    this.listener = listener;
    this.#max = Math.max(1, backlog);
  }

  get readable(): boolean {
    return this.#accepted.length > 0 || this.#error !== null;
  }

  get writable(): boolean {
    return false;
  }

  wantRead(): void {
    if (this.#started) return;
    this.#started = true;
    this.listener.start(
      (stream) => {
        // The runtimes cannot stop accepting; a kernel would drop them, too.
        if (this.#accepted.length < this.#max) this.#accepted.push(stream);
        else discard(stream);
        this.changed?.();
      },
      (error) => {
        this.#error = error;
        this.#started = false;
        this.changed?.();
      },
    );
  }

  /** Takes a connection; null where it would wait. */
  accept(): StreamSocket | null {
    const stream = this.#accepted.shift();
    if (stream !== undefined) return stream;
    const error = this.#error;
    this.#error = null;
    if (error !== null) throw error;
    this.wantRead();
    return null;
  }

  /** Hands the listening socket over, with the connections that have come. */
  take(): ListenSocket {
    const { listener } = this;
    const accepted = this.#accepted;
    this.#accepted = [];
    if (accepted.length === 0) return listener;
    return {
      family: listener.family,
      local: listener.local,
      start(onConnection, onError) {
        queueMicrotask(() => accepted.splice(0).forEach(onConnection));
        listener.start(onConnection, onError);
      },
      close() {
        accepted.splice(0).forEach(discard);
        listener.close();
      },
      ref: () => listener.ref(),
      unref: () => listener.unref(),
    };
  }

  close(): void {
    this.listener.close();
    for (const stream of this.#accepted) discard(stream);
    this.#accepted = [];
  }
}

/** A datagram and who sent it. */
export interface Message {
  readonly data: Uint8Array;
  readonly from: SocketAddress;
}

/** An open datagram socket. */
export class DatagramBox implements DatagramEvents, SocketBox {
  readonly socket: DatagramSocket;
  changed: (() => void) | null = null;
  #messages: Message[] = [];
  /** Until then the runtime keeps what comes, for whoever will own the socket. */
  #attached: boolean = false;
  #sending: boolean = false;
  #size: number = 0;
  #error: Error | null = null;
  #closed: boolean = false;

  constructor(socket: DatagramSocket) {
    this.socket = socket;
  }

  get readable(): boolean {
    return this.#messages.length > 0 || this.#error !== null || this.#closed;
  }

  get writable(): boolean {
    return this.#closed || this.#error !== null ||
      this.socket.buffered < DATAGRAM_MAX;
  }

  /** Whether something is on its way to the kernel. */
  get busy(): boolean {
    return !this.#closed && this.#error === null && this.#sending;
  }

  onMessage(data: Uint8Array, from: SocketAddress): void {
    if (this.#size + data.length > DATAGRAM_MAX) return;
    this.#size += data.length;
    this.#messages.push({ data, from });
    this.changed?.();
  }

  onError(error: Error): void {
    this.#error ??= error;
    this.changed?.();
  }

  onDrain(): void {
    this.#sending = false;
    this.changed?.();
  }

  onClose(error: Error | null): void {
    this.#closed = true;
    this.#error ??= error;
    this.changed?.();
  }

  wantRead(): void {
    if (this.#attached) return;
    this.#attached = true;
    this.socket.attach(this);
  }

  /** Throws the error that the last datagrams have met, once. */
  checkError(): void {
    const error = this.#error;
    this.#error = null;
    if (error !== null) throw error;
  }

  /** Takes a datagram; null where it would wait. */
  recvFrom(): Message | null {
    const message = this.#messages.shift();
    if (message !== undefined) {
      this.#size -= message.data.length;
      return message;
    }
    this.checkError();
    this.wantRead();
    return this.#closed ? { data: NOTHING, from: "" } : null;
  }

  /** Whether the datagram was taken; else it would wait. */
  sendTo(data: Uint8Array, to?: SocketAddress): boolean {
    this.wantRead();
    if (!this.writable) return false;
    this.#sending = true;
    // The program may change its bytes at once.
    this.socket.send(data.slice(), to);
    return true;
  }

  /** Hands the socket over; what has come is lost, as datagrams may be. */
  take(): DatagramSocket {
    this.#messages = [];
    this.#size = 0;
    return this.socket;
  }

  close(): void {
    this.wantRead();
    this.#messages = [];
    this.socket.close();
  }
}
