/**
 * Answers in shared memory: a ring of bytes that the loop's thread writes and another
 * reads. A browser has no other way to tell something to a thread that blocks.
 */

import {
  type Answer,
  type Hello,
  PORT_CELLS,
  READ,
  type Request,
  ROOM,
  WANTED,
  WRITTEN,
} from "./port_words.ts";
import { fromBytes } from "./wire_read.ts";
import { sharedCells } from "./worker_state.ts";

/** A power of two: the counts of bytes begin anew after 2 ** 32. */
export const RING_BYTES = 65_536;
/** What comes before each answer: how many bytes it has. */
export const HEAD_BYTES = 4;

/** What both threads share. */
export interface Ring {
  readonly cells: Int32Array<SharedArrayBuffer>;
  readonly ring: Uint8Array<SharedArrayBuffer>;
}

/** Makes a ring; null where threads can share no memory. */
export function makeRing(): Ring | null {
  const cells = sharedCells(PORT_CELLS);
  if (cells === null) return null;
  return { cells, ring: new Uint8Array(new SharedArrayBuffer(RING_BYTES)) };
}

/** The ring that a greeting brings, or null. */
export function ringOf({ cells, ring }: Hello): Ring | null {
  return cells === null || ring === null ? null : { cells, ring };
}

/** Reads answers. */
export class RingReader {
  readonly #port: MessagePort;
  readonly #cells: Int32Array<SharedArrayBuffer>;
  readonly #ring: Uint8Array<SharedArrayBuffer>;
  readonly #head: Uint8Array<ArrayBuffer> = new Uint8Array(HEAD_BYTES);
  #headFilled = 0;
  #body: Uint8Array<ArrayBuffer> | null = null;
  #bodyFilled = 0;

  constructor(port: MessagePort, { cells, ring }: Ring) {
    this.#port = port;
    this.#cells = cells;
    this.#ring = ring;
  }

  /** The next answer, if all of it has come. */
  take(): Answer | undefined {
    if (this.#body === null) {
      this.#headFilled += this.#get(this.#head, this.#headFilled);
      if (this.#headFilled < HEAD_BYTES) return undefined;
      const length = new DataView(this.#head.buffer).getUint32(0);
      this.#body = new Uint8Array(length);
      this.#headFilled = this.#bodyFilled = 0;
    }
    this.#bodyFilled += this.#get(this.#body, this.#bodyFilled);
    if (this.#bodyFilled < this.#body.length) return undefined;
    const body = this.#body;
    this.#body = null;
    return fromBytes(body) as Answer;
  }

  /** Takes what has come, up to what fits; returns how much that was. */
  #get(into: Uint8Array<ArrayBuffer>, from: number): number {
    const read = Atomics.load(this.#cells, READ);
    const written = Atomics.load(this.#cells, WRITTEN);
    const n = Math.min(written - read >>> 0, into.length - from);
    const at = read & RING_BYTES - 1;
    const first = Math.min(n, RING_BYTES - at);
    into.set(this.#ring.subarray(at, at + first), from);
    into.set(this.#ring.subarray(0, n - first), from + first);
    Atomics.store(this.#cells, READ, read + n | 0);
    if (n > 0 && Atomics.exchange(this.#cells, WANTED, 0) === 1) {
      this.#port.postMessage([0, ROOM, null] satisfies Request);
    }
    return n;
  }
}
