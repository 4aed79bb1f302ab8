/** The application's protocol above TLS, and what it has been told. */

import { AppProtocolState } from "./states.ts";
import type { AbstractEventLoop } from "../events.ts";
import { RuntimeError } from "../exceptions.ts";
import {
  type BaseProtocol,
  BufferedProtocol,
  type Protocol,
} from "../protocols.ts";
import type { BaseTransport } from "../transports.ts";

const { STATE_INIT, STATE_CON_MADE, STATE_EOF, STATE_CON_LOST } =
  AppProtocolState;

/** Calls an application's protocol, each call when its time has come. */
export class AppSide {
  /** The protocol. */
  protocol: BaseProtocol;
  #state: AppProtocolState;

  constructor(protocol: BaseProtocol, knowsConnection: boolean) {
    this.protocol = protocol;
    this.#state = knowsConnection ? STATE_CON_MADE : STATE_INIT;
  }

  /** Whether it knows of the connection, or did. */
  get begun(): boolean {
    return this.#state !== STATE_INIT;
  }

  made(transport: BaseTransport): void {
    if (this.#state !== STATE_INIT) return;
    this.#state = STATE_CON_MADE;
    this.protocol.connectionMade(transport);
  }

  /** Hands data over; returns how much of it was taken. */
  data(data: Uint8Array): number {
    const { protocol } = this;
    if (!(protocol instanceof BufferedProtocol)) {
      (protocol as Protocol).dataReceived(data);
      return data.length;
    }
    const buffer = protocol.getBuffer(data.length);
    if (buffer.length === 0) {
      throw new RuntimeError("get_buffer() returned an empty buffer");
    }
    const count = Math.min(buffer.length, data.length);
    buffer.set(count === data.length ? data : data.subarray(0, count));
    protocol.bufferUpdated(count);
    return count;
  }

  /** Tells that no more data comes; returns what the protocol says to it. */
  eof(): boolean | void | null {
    if (this.#state !== STATE_CON_MADE) return false;
    this.#state = STATE_EOF;
    return (this.protocol as Protocol).eofReceived();
  }

  /** Tells that it is over, in the loop's next iteration. */
  lost(loop: AbstractEventLoop, error: unknown): void {
    if (this.#state !== STATE_CON_MADE && this.#state !== STATE_EOF) return;
    this.#state = STATE_CON_LOST;
    const { protocol } = this;
    loop.callSoon((error) => protocol.connectionLost(error), error);
  }
}
