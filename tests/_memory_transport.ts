/**
 * A connected pair of transports in memory, which behave as sockets do: a wire of
 * bounded capacity each way, a write buffer with flow control in front of it, half
 * closes, and an error for who writes to a peer that has gone. All calls of the
 * protocols come from the loop's `callSoon`.
 */

import {
  _FlowControlMixin,
  type AbstractEventLoop,
  type BaseProtocol,
  BrokenPipeError,
  BufferedProtocol,
  LOG_THRESHOLD_FOR_CONNLOST_WRITES,
  logger,
  OSError,
  type Protocol,
  RuntimeError,
} from "../mod.ts";

/** Options of a pair. */
export interface PairOptions {
  /** How many bytes a wire holds; 64 KiB unless given. */
  capacity?: number;
  /** How many bytes are received at once; 256 KiB unless given. */
  maxSize?: number;
}

/** One direction: what is sent and not received yet. */
class Wire {
  readonly #capacity: number;
  #chunks: Uint8Array[] = [];
  size = 0;
  /** No more will come. */
  ended = false;
  /** Nobody will receive any more. */
  broken = false;
  /** Called when bytes or the end have come. */
  onReadable: () => void = () => {};
  /** Called when there is room again. */
  onWritable: () => void = () => {};

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Takes what there is room for, and says how much that was. */
  send(data: Uint8Array): number {
    if (this.broken) throw new BrokenPipeError("Cannot send: the peer is gone");
    const sent = Math.min(data.length, this.#capacity - this.size);
    if (sent > 0) {
      this.#chunks.push(data.slice(0, sent));
      this.size += sent;
      this.onReadable();
    }
    return sent;
  }

  receive(max: number): Uint8Array {
    const all = new Uint8Array(Math.min(max, this.size));
    let at = 0;
    while (at < all.length) {
      const chunk = this.#chunks[0]!;
      const part = chunk.subarray(0, all.length - at);
      all.set(part, at);
      at += part.length;
      if (part.length === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(part.length);
    }
    this.size -= at;
    if (at > 0) this.onWritable();
    return all;
  }

  end(): void {
    this.ended = true;
    this.onReadable();
  }

  break(): void {
    this.broken = true;
    this.#chunks = [];
    this.size = 0;
    this.onWritable();
  }
}

/** One end of a pair. */
export class MemoryTransport extends _FlowControlMixin {
  readonly #in: Wire;
  readonly #out: Wire;
  readonly #maxSize: number;
  #buffer: Uint8Array[] = [];
  #bufferSize = 0;
  #closing = false;
  #eof = false;
  #paused = false;
  #started = false;
  /** The end was seen: nothing is received any more. */
  #seenEnd = false;
  #lost = 0;
  #reading = false;
  #writing = false;

  constructor(
    loop: AbstractEventLoop,
    protocol: BaseProtocol,
    incoming: Wire,
    outgoing: Wire,
    maxSize: number,
    names: [string, string],
  ) {
    super({ sockname: names[0], peername: names[1] }, loop);
    this._protocol = protocol;
    this.#in = incoming;
    this.#out = outgoing;
    this.#maxSize = maxSize;
    incoming.onReadable = () => this.#askRead();
    outgoing.onWritable = () => this.#askWrite();
    loop.callSoon(() => protocol.connectionMade(this));
    loop.callSoon(() => {
      this.#started = true;
      this.#askRead();
    });
  }

  override toString(): string {
    return `<MemoryTransport ${this.getExtraInfo("sockname")}>`;
  }

  override getProtocol(): BaseProtocol {
    return this._protocol!;
  }

  override setProtocol(protocol: BaseProtocol): void {
    this._protocol = protocol;
  }

  override isClosing(): boolean {
    return this.#closing;
  }

  override isReading(): boolean {
    return !this.#closing && !this.#paused;
  }

  override pauseReading(): void {
    if (this.isReading()) this.#paused = true;
  }

  override resumeReading(): void {
    if (this.#closing || !this.#paused) return;
    this.#paused = false;
    this.#askRead();
  }

  #askRead(): void {
    if (this.#reading || !this.#started || !this.isReading()) return;
    if (this.#seenEnd || (this.#in.size === 0 && !this.#in.ended)) return;
    this.#reading = true;
    this._loop.callSoon(() => this.#readReady());
  }

  #readReady(): void {
    this.#reading = false;
    if (!this.isReading() || this.#lost > 0) return;
    const protocol = this._protocol!;
    if (this.#in.size === 0) this.#endOfInput(protocol as Protocol);
    else if (protocol instanceof BufferedProtocol) this.#fill(protocol);
    else {
      const data = this.#in.receive(this.#maxSize);
      this.#guard("data_received", () => {
        (protocol as Protocol).dataReceived(data);
      });
    }
    this.#askRead();
  }

  #fill(protocol: BufferedProtocol): void {
    let buffer = new Uint8Array(0);
    const asked = this.#guard("get_buffer", () => {
      buffer = protocol.getBuffer(-1) as Uint8Array<ArrayBuffer>;
      if (buffer.length === 0) {
        throw new RuntimeError("get_buffer() returned an empty buffer");
      }
    });
    if (!asked) return;
    const data = this.#in.receive(buffer.length);
    buffer.set(data);
    this.#guard("buffer_updated", () => protocol.bufferUpdated(data.length));
  }

  #endOfInput(protocol: Protocol): void {
    this.#seenEnd = true;
    let keepOpen: unknown;
    const asked = this.#guard("eof_received", () => {
      keepOpen = protocol.eofReceived();
    });
    if (asked && !keepOpen) this.close();
  }

  #guard(method: string, call: () => void): boolean {
    try {
      call();
      return true;
    } catch (error) {
      this.#fatal(error, `Fatal error: protocol.${method}() call failed.`);
      return false;
    }
  }

  #fatal(exception: unknown, message: string): void {
    if (!(exception instanceof OSError)) {
      this._loop.callExceptionHandler({
        message,
        exception,
        transport: this,
        protocol: this._protocol,
      });
    }
    this.#forceClose(exception);
  }

  override getWriteBufferSize(): number {
    return this.#bufferSize;
  }

  override canWriteEof(): boolean {
    return true;
  }

  override write(data: Uint8Array): void {
    if (!(data instanceof Uint8Array)) {
      throw new TypeError(
        `data argument must be a bytes-like object, not ${typeof data}`,
      );
    }
    if (this.#eof) {
      throw new RuntimeError("Cannot call write() after write_eof()");
    }
    if (data.length === 0) return;
    if (this.#lost > 0) {
      if (this.#lost >= LOG_THRESHOLD_FOR_CONNLOST_WRITES) {
        logger.warning("socket.send() raised exception.");
      }
      this.#lost++;
      return;
    }
    let rest = data;
    if (this.#bufferSize === 0) {
      try {
        rest = data.subarray(this.#out.send(data));
      } catch (error) {
        this.#fatal(error, "Fatal write error on socket transport");
        return;
      }
      if (rest.length === 0) return;
    }
    this.#buffer.push(rest);
    this.#bufferSize += rest.length;
    this._maybePauseProtocol();
  }

  #askWrite(): void {
    if (this.#writing || this.#bufferSize === 0 || this.#lost > 0) return;
    this.#writing = true;
    this._loop.callSoon(() => this.#writeReady());
  }

  #writeReady(): void {
    this.#writing = false;
    if (this.#lost > 0) return;
    try {
      let next: Uint8Array | undefined;
      while ((next = this.#buffer[0]) !== undefined) {
        const sent = this.#out.send(next);
        this.#bufferSize -= sent;
        if (sent < next.length) {
          this.#buffer[0] = next.subarray(sent);
          break;
        }
        this.#buffer.shift();
      }
    } catch (error) {
      this.#fatal(error, "Fatal write error on socket transport");
      return;
    }
    this._maybeResumeProtocol();
    if (this.#bufferSize > 0) return;
    if (this.#closing) this.#connectionLost(null);
    else if (this.#eof) this.#out.end();
  }

  override writeEof(): void {
    if (this.#closing || this.#eof) return;
    this.#eof = true;
    if (this.#bufferSize === 0) this.#out.end();
  }

  override close(): void {
    if (this.#closing) return;
    this.#closing = true;
    if (this.#bufferSize > 0) return;
    this.#lost++;
    this._loop.callSoon(() => this.#connectionLost(null));
  }

  override abort(): void {
    this.#forceClose(null);
  }

  #forceClose(error: unknown): void {
    if (this.#lost > 0) return;
    this.#buffer = [];
    this.#bufferSize = 0;
    this.#closing = true;
    this.#lost++;
    this._loop.callSoon(() => this.#connectionLost(error));
  }

  #connectionLost(error: unknown): void {
    this.#lost = Math.max(1, this.#lost);
    try {
      this._protocol!.connectionLost(error);
    } finally {
      this.#out.end();
      this.#in.break();
    }
  }
}

/** Connects two protocols. */
export function memoryPair(
  loop: AbstractEventLoop,
  client: BaseProtocol,
  server: BaseProtocol,
  options: PairOptions = {},
): [client: MemoryTransport, server: MemoryTransport] {
  const { capacity = 64 * 1024, maxSize = 256 * 1024 } = options;
  const up = new Wire(capacity);
  const down = new Wire(capacity);
  return [
    new MemoryTransport(loop, client, down, up, maxSize, ["client", "server"]),
    new MemoryTransport(loop, server, up, down, maxSize, ["server", "client"]),
  ];
}
