/** The two buffers of a TLS connection, and the water marks of each. */

import { joined } from "./setup.ts";
import { addFlowcontrolDefaults } from "./states.ts";
import type { TlsPipe } from "./pipe.ts";
import * as constants from "../constants.ts";
import type { ReadTransport } from "../transports.ts";

/** So much in the engine counts as buffered. */
const MUCH = constants.FLOW_CONTROL_HIGH_WATER_SSL_WRITE * 1024;

/** The water marks of a buffer. */
class Marks {
  readonly #usual: number;
  #high!: number;
  #low!: number;

  /** @param usual The high mark in KiB, unless one is set. */
  constructor(usual: number) {
    this.#usual = usual;
    this.setLimits(null, null);
  }

  setLimits(high: number | null, low: number | null): void {
    [this.#high, this.#low] = addFlowcontrolDefaults(high, low, this.#usual);
  }

  limits(): [low: number, high: number] {
    return [this.#low, this.#high];
  }

  /** With both marks at zero nothing is no reason to pause. */
  isHigh(size: number): boolean {
    return size >= this.#high && size > this.#low;
  }

  isLow(size: number): boolean {
    return size <= this.#low;
  }
}

/** What the application has written and the transport below has not been given. */
export class Outgoing extends Marks {
  #backlog: Uint8Array[] = [];
  #size = 0;
  /** Whether the transport below has asked to pause. */
  stalled = false;
  /** Whether the application was asked to pause. */
  appPaused = false;

  constructor() {
    super(constants.FLOW_CONTROL_HIGH_WATER_SSL_WRITE);
  }

  push(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      if (piece.length === 0) continue;
      this.#backlog.push(piece);
      this.#size += piece.length;
    }
  }

  /** Hands all over to the engine. */
  moveTo(pipe: TlsPipe): void {
    if (this.#size === 0) return;
    const backlog = this.#backlog;
    this.clear();
    for (const data of backlog) pipe.write(data);
  }

  clear(): void {
    this.#backlog = [];
    this.#size = 0;
  }

  size(pipe: TlsPipe | null): number {
    if (pipe === null) return this.#size;
    // What the engine is at work on is on its way, unless that is a whole lot.
    const { pending } = pipe;
    return this.#size + pipe.outgoingSize + (pending >= MUCH ? pending : 0);
  }

  /** Whether the application has to be told to pause, or to go on, or neither. */
  verdict(pipe: TlsPipe | null): "pause" | "resume" | null {
    const size = this.size(pipe);
    if (this.appPaused) return this.isLow(size) ? "resume" : null;
    return this.isHigh(size) ? "pause" : null;
  }
}

/** What the transport below has given and the application has not been given. */
export class Incoming extends Marks {
  #held: Uint8Array[] = [];
  /** How many bytes of ciphertext are held. */
  size = 0;
  /** Whether the transport below was asked to pause. */
  #transportPaused = false;
  /** Whether the application has asked to pause. */
  appPaused = false;

  constructor() {
    super(constants.FLOW_CONTROL_HIGH_WATER_SSL_READ);
  }

  hold(data: Uint8Array): void {
    this.#held.push(data);
    this.size += data.length;
  }

  /** All that is held, as one piece, which stays there. */
  whole(): Uint8Array {
    const data = joined(this.#held, this.size);
    if (this.#held.length > 1) this.#held = [data];
    return data;
  }

  /** Hands all over to the engine. */
  moveTo(pipe: TlsPipe): void {
    if (this.size === 0) return;
    const data = this.whole();
    this.clear();
    pipe.feed(data);
  }

  clear(): void {
    this.#held = [];
    this.size = 0;
  }

  /** How much waits, encrypted or not. */
  total(pipe: TlsPipe | null): number {
    return this.size + (pipe?.incomingSize ?? 0);
  }

  /** Pauses or resumes the transport below. */
  control(pipe: TlsPipe | null, transport: ReadTransport): void {
    const size = this.total(pipe);
    if (this.isHigh(size) && !this.#transportPaused) {
      this.#transportPaused = true;
      transport.pauseReading();
    } else if (this.isLow(size) && this.#transportPaused) {
      this.#transportPaused = false;
      transport.resumeReading();
    }
  }
}
