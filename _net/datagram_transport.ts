/** The transport of a datagram socket. */

import type { DatagramEvents, DatagramSocket } from "../_platform/datagrams.ts";
import type { SocketAddress } from "../_platform/sockets.ts";
import { Socket } from "./socket.ts";
import type { LoopTransport, TransportLoop } from "./socket_transport.ts";
import { LOG_THRESHOLD_FOR_CONNLOST_WRITES } from "../constants.ts";
import { type Context, snapshotContext } from "../contextvars.ts";
import { type AbstractEventLoop, isExit } from "../events.ts";
import type { Future } from "../futures.ts";
import { logger, warn } from "../log.ts";
import { madeAt, noteMade } from "../_debug/made.ts";
import type { BaseProtocol, DatagramProtocol } from "../protocols.ts";
import { DatagramTransport, type ExtraInfo } from "../transports.ts";
import { TransportSocket } from "../trsock.ts";
import {
  notBytes,
  pushLast,
  schedule,
  takeTurn,
  tellMade,
  type TurnTaker,
} from "./turns.ts";

/** More bytes than this wait for nobody: they are dropped, as UDP may. */
const UNREAD_MAX = 256 * 1024;
/** What each datagram counts beside its bytes, in the limits of writing. */
const HEADER = 8;
const HIGH_WATER = 64 * 1024;

class Received {
  readonly data: Uint8Array;
  readonly from: SocketAddress;

  constructor(data: Uint8Array, from: SocketAddress) {
    this.data = data;
    this.from = from;
  }
}

/**
 * A socket of datagrams. What the runtime tells waits here until the loop's turn
 * comes, one datagram in each iteration.
 *
 * @internal
 */
export class _SelectorDatagramTransport extends DatagramTransport
  implements DatagramEvents, TurnTaker, LoopTransport {
  /** The loop. */
  readonly _loop: AbstractEventLoop;
  readonly #sock: DatagramSocket;
  readonly #socket: Socket | null;
  readonly #address: SocketAddress | null;
  #protocol: BaseProtocol | null;
  _context: Context | null;
  #made: BaseProtocol | null;
  #waiter: Future<void> | null;

  _scheduled: boolean = false;
  #paused: boolean = false;
  #received: Received[] = [];
  #next: number = 0;
  #unread: number = 0;
  #errors: Error[] = [];

  /** What the datagrams on their way count beside their bytes. */
  #headers: number = 0;
  #writingPaused: boolean = false;
  #highWater: number = HIGH_WATER;
  #lowWater: number = HIGH_WATER / 4;

  #closing: boolean = false;
  #connLost: number = 0;
  #over: boolean = false;

  /** Makes the transport; `connectionMade` is called in the next iteration. */
  constructor(
    loop: TransportLoop,
    sock: DatagramSocket | Socket,
    protocol: BaseProtocol,
    address: SocketAddress | null = null,
    waiter: Future<void> | null = null,
    extra: ExtraInfo | null = null,
  ) {
    super(extra);
    this._loop = loop;
    const given = sock instanceof Socket;
    this.#sock = given ? sock._takeDatagram(this) : sock;
    this.#socket = given ? sock : null;
    this.#address = address;
    this.#protocol = protocol;
    this.#made = protocol;
    this.#waiter = waiter;
    this._context = snapshotContext();
    loop._transports.add(this);
    noteMade(this, loop);
    schedule(this);
  }

  /** Shows its state. */
  override toString(): string {
    const parts: string[] = [this.constructor.name];
    if (this.#over) parts.push("closed");
    else if (this.#closing) parts.push("closing");
    if (!this.#over) {
      parts.push(this.isReading() ? "read=polling" : "read=idle");
      const bufsize = this.getWriteBufferSize();
      const write = bufsize > 0 ? "polling" : "idle";
      parts.push(`write=<${write}, bufsize=${bufsize}>`);
    }
    return `<${parts.join(" ")}>`;
  }

  override getExtraInfo<T = unknown>(
    name: string,
    defaultValue: T | null = null,
  ): T | null {
    const extra = this._extra;
    if (!Object.hasOwn(extra, name)) {
      if (name === "socket") {
        extra[name] = new TransportSocket(
          this.#socket ?? Socket._view(this.#sock, this),
        );
      } else if (name === "sockname") extra[name] = this.#sock.local;
      else if (name === "peername") extra[name] = this.#sock.remote;
    }
    return super.getExtraInfo(name, defaultValue);
  }

  override setProtocol(protocol: BaseProtocol): void {
    this.#protocol = protocol;
  }

  override getProtocol(): BaseProtocol {
    return this.#protocol!;
  }

  override isClosing(): boolean {
    return this.#closing;
  }

  // The runtime's calls, from anywhere

  onMessage(data: Uint8Array, from: SocketAddress): void {
    const size = data.length + HEADER;
    if (this.#closing || this.#unread + size > UNREAD_MAX) return;
    this.#unread += size;
    this.#received.push(new Received(data, from));
    if (!this.#paused) schedule(this);
  }

  onError(error: Error): void {
    this.#errors.push(error);
    schedule(this);
  }

  onDrain(): void {
    this.#headers = 0;
    if (this.#writingPaused || this.#closing) schedule(this);
  }

  onClose(error: Error | null): void {
    if (!this.#over) this.#forceClose(error);
  }

  // The loop's turn

  /** @internal */
  _run(): void {
    takeTurn(this);
  }

  _turn(): void {
    if (this.#made !== null) this.#begin();
    else this.#advance();
  }

  #begin(): void {
    const protocol = this.#made!;
    this.#made = null;
    tellMade(this._loop, protocol, this);
    this.#sock.attach(this);
    const waiter = this.#waiter;
    this.#waiter = null;
    if (waiter !== null && !waiter.cancelled()) waiter.setResult(undefined);
  }

  #advance(): void {
    if (this.#connLost > 0) return;
    const protocol = this.#protocol as DatagramProtocol;
    const error = this.#errors.shift();
    if (error !== undefined) {
      this.#call("error_received", () => protocol.errorReceived(error));
    } else if (this.isReading() && this.#next < this.#received.length) {
      const { data, from } = this.#take();
      this.#call(
        "datagram_received",
        () => protocol.datagramReceived(data, from),
      );
    }
    this.#resumeProtocol();
    if (this.#closing && this.#connLost === 0 && this.#flushed()) {
      this.#connLost++;
      this.#connectionLost(null);
      return;
    }
    if (
      this.#errors.length > 0 ||
      (this.isReading() && this.#next < this.#received.length)
    ) schedule(this);
  }

  #take(): Received {
    const received = this.#received;
    const first = received[this.#next++]!;
    this.#unread -= first.data.length + HEADER;
    if (this.#next === received.length) {
      this.#received = [];
      this.#next = 0;
    }
    return first;
  }

  /** Calls the protocol; its errors are reported, and the endpoint lives on. */
  #call(what: string, fn: () => void): void {
    try {
      fn();
    } catch (exception) {
      if (isExit(exception)) throw exception;
      this._loop.callExceptionHandler({
        message: `Exception in callback protocol.${what}()`,
        exception,
        transport: this,
        protocol: this.#protocol,
      });
    }
  }

  // Reading

  /** Whether datagrams are received: not paused, not closing. */
  isReading(): boolean {
    return !this.#closing && !this.#paused;
  }

  /** Receives nothing for a while; what is too much meanwhile is dropped. */
  pauseReading(): void {
    if (this.isReading()) this.#paused = true;
  }

  /** Receives again. */
  resumeReading(): void {
    if (this.#closing || !this.#paused) return;
    this.#paused = false;
    if (this.#received.length > 0) schedule(this);
  }

  // Writing

  override sendTo(data: Uint8Array, addr: unknown = null): void {
    if (!(data instanceof Uint8Array)) throw notBytes(data);
    const to = this.#target(addr);
    if (this.#connLost > 0) {
      if (this.#connLost >= LOG_THRESHOLD_FOR_CONNLOST_WRITES) {
        logger.warning("socket.send() raised exception.");
      }
      this.#connLost++;
      return;
    }
    this.#headers += HEADER;
    // What is on its way must not change, and the caller may change his.
    this.#sock.send(data.slice(), to);
    this.#pauseProtocol();
  }

  #target(addr: unknown): SocketAddress | undefined {
    const own = this.#address ?? this.#sock.remote;
    if (own !== null) {
      if (addr !== null && !sameAddress(addr, own)) {
        throw new RangeError(`Invalid address: must be null or ${own}`);
      }
      return this.#sock.remote === null ? own : undefined;
    }
    if (
      !Array.isArray(addr) || typeof addr[0] !== "string" ||
      typeof addr[1] !== "number"
    ) {
      throw new TypeError(
        `Cannot send to ${addr}: an address is needed, as [host, port]`,
      );
    }
    return addr as unknown as SocketAddress;
  }

  /** How many bytes are buffered for writing. */
  getWriteBufferSize(): number {
    return this.#over ? 0 : this.#sock.buffered + this.#headers;
  }

  /** The limits, as `[low, high]`. */
  getWriteBufferLimits(): [low: number, high: number] {
    return [this.#lowWater, this.#highWater];
  }

  /**
   * Sets when the protocol is told to pause writing, and when to go on.
   *
   * @param high Above so many buffered bytes `pauseWriting` is called.
   * @param low At so many or fewer `resumeWriting` is called.
   * @throws RangeError Unless high >= low >= 0.
   */
  setWriteBufferLimits(high?: number | null, low?: number | null): void {
    const top = high ?? (low == null ? HIGH_WATER : 4 * low);
    const bottom = low ?? Math.floor(top / 4);
    if (!(top >= bottom && bottom >= 0)) {
      throw new RangeError(
        `high (${top}) must be >= low (${bottom}) must be >= 0`,
      );
    }
    this.#highWater = top;
    this.#lowWater = bottom;
    this.#pauseProtocol();
  }

  #pauseProtocol(): void {
    if (this.#writingPaused) return;
    if (this.getWriteBufferSize() <= this.#highWater) return;
    this.#writingPaused = true;
    this.#flowCall("pause_writing", () => this.#protocol!.pauseWriting());
  }

  #resumeProtocol(): void {
    if (!this.#writingPaused) return;
    if (this.getWriteBufferSize() > this.#lowWater) return;
    this.#writingPaused = false;
    this.#flowCall("resume_writing", () => this.#protocol!.resumeWriting());
  }

  #flowCall(what: string, fn: () => void): void {
    try {
      fn();
    } catch (exception) {
      if (isExit(exception)) throw exception;
      this._loop.callExceptionHandler({
        message: `protocol.${what}() failed`,
        exception,
        transport: this,
        protocol: this.#protocol,
      });
    }
  }

  // The end

  #flushed(): boolean {
    return this.#sock.buffered === 0 && this.#headers === 0;
  }

  override close(): void {
    if (this.#closing) return;
    this.#closing = true;
    if (!this.#flushed()) return;
    this.#connLost++;
    this.#pushLost(null);
  }

  override abort(): void {
    this.#forceClose(null);
  }

  #forceClose(error: unknown): void {
    if (this.#connLost > 0) return;
    this.#closing = true;
    this.#connLost++;
    this.#pushLost(error);
  }

  #pushLost(error: unknown): void {
    pushLast(this, this.#connectionLost.bind(this), error);
  }

  #connectionLost(error: unknown): void {
    try {
      this.#protocol!.connectionLost(error);
    } finally {
      this.#finish();
    }
  }

  #finish(): void {
    this.#over = true;
    (this._loop as TransportLoop)._transports.delete(this);
    this.#sock.abort();
    this.#protocol = null;
    this.#received = [];
    this.#errors = [];
  }

  /** @internal */
  _loopClosed(): void {
    if (this._loop.getDebug() && !this.#closing) {
      warn(`unclosed transport ${this}${madeAt(this)}`, "ResourceWarning");
    }
    this.#closing = true;
    this.#connLost++;
    this.#finish();
  }
}

/** Whether somebody means the address that the socket is bound to send to. */
function sameAddress(addr: unknown, own: SocketAddress): boolean {
  return Array.isArray(addr) && addr[0] === own[0] && addr[1] === own[1];
}
