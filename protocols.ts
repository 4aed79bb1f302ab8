/**
 * Protocols: what is told of a connection's events. Extend one and override what
 * matters; what is not overridden does nothing.
 *
 * The calls come in this order: `connectionMade` once, then any number of
 * `dataReceived` (or of `getBuffer` and `bufferUpdated`), `eofReceived` at most once,
 * and `connectionLost` once, as the last of all. `pauseWriting` and `resumeWriting`
 * come in turns.
 *
 * @example Counting what comes
 * ```ts
 * import { Protocol } from "@x/asyncio";
 *
 * export class Counter extends Protocol {
 *   bytes = 0;
 *
 *   override dataReceived(data: Uint8Array): void {
 *     this.bytes += data.length;
 *   }
 *   override connectionLost(error: unknown): void {
 *     console.log(this.bytes, error);
 *   }
 * }
 * ```
 *
 * @module
 */

import { RuntimeError } from "./exceptions.ts";
import type { BaseTransport } from "./transports.ts";

/** What every protocol has. */
export class BaseProtocol {
  /**
   * The connection is there.
   *
   * @param _transport What to write to.
   */
  connectionMade(_transport: BaseTransport): void {}

  /**
   * The connection is over.
   *
   * @param _exc Why, or null where it ended as it should: by EOF, `close` or `abort`.
   */
  connectionLost(_exc: unknown): void {}

  /** The transport's buffer has grown above its high-water mark. */
  pauseWriting(): void {}

  /** The transport's buffer has shrunk to its low-water mark. */
  resumeWriting(): void {}

  /**
   * Gives up what was received and not yet used, to whoever upgrades the connection
   * to TLS: it may be the start of the handshake.
   *
   * @internal
   */
  _takeBuffered(): Uint8Array | null {
    return null;
  }

  /**
   * Whether it knows that no more will be received, which whoever upgrades the
   * connection is not told again.
   *
   * @internal
   */
  _hasEnded(): boolean {
    return false;
  }
}

/**
 * A protocol of a stream of bytes.
 *
 * @example Counting bytes
 * ```ts
 * import { Protocol } from "@x/asyncio";
 *
 * class Counter extends Protocol {
 *   total = 0;
 *   override dataReceived(data: Uint8Array) {
 *     this.total += data.length;
 *   }
 * }
 * const counter = new Counter();
 * counter.dataReceived(new Uint8Array(3));
 * console.log(counter.total);
 * ```
 */
export class Protocol extends BaseProtocol {
  /**
   * Bytes have come.
   *
   * @param _data The bytes; they belong to the protocol from now on.
   */
  dataReceived(_data: Uint8Array): void {}

  /**
   * The other side sends no more.
   *
   * @returns Whether the transport is kept open, to send more; else it closes itself.
   */
  eofReceived(): boolean | void | null {}
}

/** A protocol of a stream of bytes that brings the buffer they are read into. */
export class BufferedProtocol extends BaseProtocol {
  /**
   * Asks for a buffer.
   *
   * @param _sizehint How large it should be; -1 for any size.
   * @returns The buffer, which must not be empty.
   */
  getBuffer(_sizehint: number): Uint8Array {
    return new Uint8Array(0);
  }

  /**
   * Bytes were put into the buffer.
   *
   * @param _nbytes How many, from its start on.
   */
  bufferUpdated(_nbytes: number): void {}

  /**
   * The other side sends no more.
   *
   * @returns Whether the transport is kept open, to send more; else it closes itself.
   */
  eofReceived(): boolean | void | null {}
}

/** A protocol of datagrams. */
export class DatagramProtocol extends BaseProtocol {
  /**
   * A datagram has come.
   *
   * @param _data The datagram.
   * @param _addr Who sent it.
   */
  datagramReceived(_data: Uint8Array, _addr: unknown): void {}

  /**
   * A datagram could not be sent or received; the endpoint lives on.
   *
   * @param _exc The OSError.
   */
  errorReceived(_exc: unknown): void {}
}

/** A protocol of a child process. */
export class SubprocessProtocol extends BaseProtocol {
  /**
   * The child has written something.
   *
   * @param _fd 1 for its output, 2 for its errors.
   * @param _data The bytes.
   */
  pipeDataReceived(_fd: number, _data: Uint8Array): void {}

  /**
   * A pipe to the child is closed.
   *
   * @param _fd 0, 1 or 2.
   * @param _exc Why, or null where it was closed as it should.
   */
  pipeConnectionLost(_fd: number, _exc: unknown): void {}

  /** The child has ended. */
  processExited(): void {}
}

/**
 * Hands bytes to a buffered protocol, in as many pieces as its buffers need.
 *
 * @internal
 */
export function _feedDataToBufferedProto(
  proto: BufferedProtocol,
  data: Uint8Array,
): void {
  let at = 0;
  while (at < data.length) {
    const left = data.length - at;
    const buffer = proto.getBuffer(left);
    const room = buffer.length;
    if (room === 0) {
      throw new RuntimeError("get_buffer() returned an empty buffer");
    }
    if (room >= left) {
      buffer.set(at === 0 ? data : data.subarray(at));
      proto.bufferUpdated(left);
      return;
    }
    buffer.set(data.subarray(at, at + room));
    proto.bufferUpdated(room);
    at += room;
  }
}
