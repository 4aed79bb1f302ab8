/**
 * Transports: what carries a protocol's bytes. These classes say what a transport
 * offers; the loops bring those that do it.
 *
 * @example Who is at the other end
 * ```ts
 * import type { Transport } from "@x/asyncio";
 *
 * export function peer(transport: Transport): string {
 *   const [host, port] = transport.getExtraInfo("peername") as [string, number];
 *   return `${host}:${port}`;
 * }
 * ```
 *
 * @module
 */

import { type AbstractEventLoop, isExit } from "./events.ts";
import { NotImplementedError } from "./exceptions.ts";
import type { BaseProtocol } from "./protocols.ts";

/** What a transport tells of itself, by name. */
export type ExtraInfo = Record<string, unknown>;

/** The error for a method that a class was expected to bring along. */
function missing(self: object, method: string): NotImplementedError {
  return new NotImplementedError(
    `Cannot call ${method}(): ${self.constructor.name} does not have it`,
  );
}

/** What every transport offers. */
export class BaseTransport {
  /** @internal */
  readonly _extra: ExtraInfo;

  /**
   * Makes a transport.
   *
   * @param extra What {@linkcode BaseTransport.getExtraInfo} tells.
   */
  constructor(extra: ExtraInfo | null = null) {
    this._extra = extra ?? {};
  }

  /**
   * Tells something about the connection: "peername", "sockname", "socket",
   * "sslcontext", "pipe" and the like.
   *
   * @param name What is asked for.
   * @param defaultValue What is returned where it is not known; null unless given.
   * @returns The value; its type is the caller's to say.
   */
  getExtraInfo<T = unknown>(
    name: string,
    defaultValue: T | null = null,
  ): T | null {
    return Object.hasOwn(this._extra, name)
      ? this._extra[name] as T
      : defaultValue;
  }

  /** Whether it is closing or closed. */
  isClosing(): boolean {
    throw missing(this, "isClosing");
  }

  /**
   * Closes it. What is buffered is sent first, nothing more is received, and the
   * protocol's `connectionLost(null)` is called at the end.
   */
  close(): void {
    throw missing(this, "close");
  }

  /**
   * Hands the connection over to another protocol.
   *
   * @param _protocol The protocol that is called from now on.
   */
  setProtocol(_protocol: BaseProtocol): void {
    throw missing(this, "setProtocol");
  }

  /** The protocol that is called. */
  getProtocol(): BaseProtocol {
    throw missing(this, "getProtocol");
  }
}

/** A transport that can be read from. */
export class ReadTransport extends BaseTransport {
  /** A {@linkcode Transport} is one too, though it extends another class. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return ordinaryHasInstance.call(this, value) ||
      (this === ReadTransport && ordinaryHasInstance.call(Transport, value));
  }

  /** Whether data is being received: not paused, not closing. */
  isReading(): boolean {
    throw missing(this, "isReading");
  }

  /** Stops receiving, until {@linkcode ReadTransport.resumeReading} is called. */
  pauseReading(): void {
    throw missing(this, "pauseReading");
  }

  /** Receives again. */
  resumeReading(): void {
    throw missing(this, "resumeReading");
  }
}

const ordinaryHasInstance = Function.prototype[Symbol.hasInstance];

/** A transport that can be written to. */
export class WriteTransport extends BaseTransport {
  /**
   * Sets when the protocol is told to pause writing, and when to go on.
   *
   * @param _high Above so many buffered bytes `pauseWriting` is called; 64 KiB, or
   * four times `low`, unless given.
   * @param _low At so many or fewer `resumeWriting` is called; a quarter of `high`
   * unless given.
   * @throws RangeError Unless high >= low >= 0.
   */
  setWriteBufferLimits(_high?: number | null, _low?: number | null): void {
    throw missing(this, "setWriteBufferLimits");
  }

  /** How many bytes are buffered for writing. */
  getWriteBufferSize(): number {
    throw missing(this, "getWriteBufferSize");
  }

  /** The limits, as `[low, high]`. */
  getWriteBufferLimits(): [low: number, high: number] {
    throw missing(this, "getWriteBufferLimits");
  }

  /**
   * Sends bytes, as soon as that is possible. What cannot be sent at once is kept
   * as it is given: do not change it afterwards.
   *
   * @param _data The bytes.
   */
  write(_data: Uint8Array): void {
    throw missing(this, "write");
  }

  /**
   * Sends several pieces.
   *
   * @param listOfData The pieces, in order.
   */
  writeLines(listOfData: Iterable<Uint8Array>): void {
    const pieces = [...listOfData];
    let size = 0;
    for (const piece of pieces) size += piece.length;
    const all = new Uint8Array(size);
    let at = 0;
    for (const piece of pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    this.write(all);
  }

  /**
   * Ends the sending direction once what is buffered is sent. Data can still be
   * received.
   */
  writeEof(): void {
    throw missing(this, "writeEof");
  }

  /** Whether {@linkcode WriteTransport.writeEof} works here. */
  canWriteEof(): boolean {
    throw missing(this, "canWriteEof");
  }

  /** Closes it at once; what is buffered is lost. */
  abort(): void {
    throw missing(this, "abort");
  }
}

/** A transport for both directions. */
export class Transport extends WriteTransport implements ReadTransport {
  /** Whether data is being received: not paused, not closing. */
  isReading(): boolean {
    throw missing(this, "isReading");
  }

  /** Stops receiving, until {@linkcode Transport.resumeReading} is called. */
  pauseReading(): void {
    throw missing(this, "pauseReading");
  }

  /** Receives again. */
  resumeReading(): void {
    throw missing(this, "resumeReading");
  }
}

/** A transport of datagrams. */
export class DatagramTransport extends BaseTransport {
  /**
   * Sends a datagram, as soon as that is possible. An empty one is sent, too.
   *
   * @param _data The datagram.
   * @param _addr Where to; the address given at the creation unless given.
   */
  sendTo(_data: Uint8Array, _addr?: unknown): void {
    throw missing(this, "sendTo");
  }

  /** Closes it at once; what is buffered is lost. */
  abort(): void {
    throw missing(this, "abort");
  }
}

/** A transport of a child process. */
export class SubprocessTransport extends BaseTransport {
  /** The number of the process. */
  getPid(): number {
    throw missing(this, "getPid");
  }

  /** How the process ended: its exit code, or null while it runs. */
  getReturncode(): number | null {
    throw missing(this, "getReturncode");
  }

  /**
   * The transport of one of its pipes.
   *
   * @param _fd 0, 1 or 2.
   * @returns The transport, or null where there is no such pipe.
   */
  getPipeTransport(_fd: number): BaseTransport | null {
    throw missing(this, "getPipeTransport");
  }

  /**
   * Sends a signal to the process.
   *
   * @param _signal Its name or number.
   */
  sendSignal(_signal: string | number): void {
    throw missing(this, "sendSignal");
  }

  /** Asks the process to end, by SIGTERM. */
  terminate(): void {
    throw missing(this, "terminate");
  }

  /** Ends the process, by SIGKILL. */
  kill(): void {
    throw missing(this, "kill");
  }
}

/** The default of the high-water mark, in bytes. */
const HIGH_WATER = 64 * 1024;

/**
 * What transports with a write buffer share: they call `_maybePauseProtocol` when it
 * has grown and `_maybeResumeProtocol` when it has shrunk.
 *
 * @internal
 */
export class _FlowControlMixin extends Transport {
  /** The loop; null once the connection is lost and forgotten. */
  readonly _loop: AbstractEventLoop;
  /** The protocol, which the subclass sets. */
  _protocol: BaseProtocol | null = null;
  /** Whether the protocol was told to pause. */
  _protocolPaused = false;
  /** Above so many bytes the protocol is told to pause. */
  _highWater: number = HIGH_WATER;
  /** At so many bytes it is told to go on. */
  _lowWater: number = HIGH_WATER / 4;

  /** Makes a transport of a loop. */
  constructor(extra: ExtraInfo | null, loop: AbstractEventLoop) {
    super(extra);
    this._loop = loop;
  }

  /** To be called when the write buffer has grown. */
  _maybePauseProtocol(): void {
    if (this._protocolPaused) return;
    if (this.getWriteBufferSize() <= this._highWater) return;
    this._protocolPaused = true;
    try {
      this._protocol!.pauseWriting();
    } catch (error) {
      this.#report(error, "protocol.pause_writing() failed");
    }
  }

  /** To be called when the write buffer has shrunk. */
  _maybeResumeProtocol(): void {
    if (!this._protocolPaused) return;
    if (this.getWriteBufferSize() > this._lowWater) return;
    this._protocolPaused = false;
    try {
      this._protocol!.resumeWriting();
    } catch (error) {
      this.#report(error, "protocol.resume_writing() failed");
    }
  }

  #report(exception: unknown, message: string): void {
    if (isExit(exception)) throw exception;
    this._loop.callExceptionHandler({
      message,
      exception,
      transport: this,
      protocol: this._protocol,
    });
  }

  override getWriteBufferLimits(): [low: number, high: number] {
    return [this._lowWater, this._highWater];
  }

  /** Sets the limits without looking at what is buffered now. */
  _setWriteBufferLimits(high?: number | null, low?: number | null): void {
    const top = high ?? (low == null ? HIGH_WATER : 4 * low);
    const bottom = low ?? Math.floor(top / 4);
    if (!(top >= bottom && bottom >= 0)) {
      throw new RangeError(
        `high (${top}) must be >= low (${bottom}) must be >= 0`,
      );
    }
    this._highWater = top;
    this._lowWater = bottom;
  }

  override setWriteBufferLimits(
    high?: number | null,
    low?: number | null,
  ): void {
    this._setWriteBufferLimits(high, low);
    this._maybePauseProtocol();
  }
}
