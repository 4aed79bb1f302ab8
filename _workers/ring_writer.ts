/** How answers are written into shared memory; see ring_reader.ts. */

import { NotImplementedError } from "../exceptions.ts";
import type { Outbox } from "./port_outbox.ts";
import {
  type Answer,
  APART,
  READ,
  tellMore,
  tellOver,
  WANTED,
  WRITTEN,
} from "./port_words.ts";
import { HEAD_BYTES, type Ring, RING_BYTES } from "./ring_reader.ts";
import { toBytes } from "./wire_write.ts";

const NOT_FOR_WHO_BLOCKS =
  "Cannot block for this item: it has something, such " +
  "as a port or a stream, that a browser gives only to code that does not; it " +
  "stays on the queue, where an await gets it";

/** Writes answers. */
export class RingOutbox implements Outbox {
  readonly #port: MessagePort;
  readonly #cells: Int32Array<SharedArrayBuffer>;
  readonly #ring: Uint8Array<SharedArrayBuffer>;
  /** What is to be written: the rest of the first, and the others. */
  readonly #waiting: Uint8Array[] = [];

  constructor(port: MessagePort, { cells, ring }: Ring) {
    this.#port = port;
    this.#cells = cells;
    this.#ring = ring;
  }

  send([id, kind, value]: Answer, list: Transferable[], apart: boolean): void {
    // Nothing is moved before it is known which way the rest goes.
    const bytes = list.every((moved) => moved instanceof ArrayBuffer)
      ? toBytes([id, kind, structuredClone(value)])
      : null;
    if (bytes !== null) {
      if (list.length > 0) structuredClone(null, { transfer: list });
      this.#write(bytes);
    } else if (apart) {
      this.#port.postMessage([id, kind, value], list);
      this.#write(toBytes([id, APART, null])!);
    } else throw new NotImplementedError(NOT_FOR_WHO_BLOCKS);
  }

  #write(bytes: Uint8Array): void {
    const head = new Uint8Array(HEAD_BYTES);
    new DataView(head.buffer).setUint32(0, bytes.length);
    this.#waiting.push(head, bytes);
    this.room();
  }

  room(): void {
    const waiting = this.#waiting;
    let done = 0;
    while (done < waiting.length) {
      const rest = this.#put(waiting[done]!);
      if (rest === null) done++;
      else {
        waiting[done] = rest;
        Atomics.store(this.#cells, WANTED, 1);
        // It may have been read before that could be seen.
        if (this.#free() === 0) break;
      }
    }
    waiting.splice(0, done);
    tellMore(this.#cells);
  }

  #free(): number {
    const written = Atomics.load(this.#cells, WRITTEN);
    return RING_BYTES - (written - Atomics.load(this.#cells, READ) >>> 0);
  }

  /** Writes what there is room for; returns the rest, or null. */
  #put(bytes: Uint8Array): Uint8Array | null {
    const written = Atomics.load(this.#cells, WRITTEN);
    const n = Math.min(this.#free(), bytes.length);
    const at = written & RING_BYTES - 1;
    const first = Math.min(n, RING_BYTES - at);
    this.#ring.set(bytes.subarray(0, first), at);
    this.#ring.set(bytes.subarray(first, n), 0);
    Atomics.store(this.#cells, WRITTEN, written + n | 0);
    return n === bytes.length ? null : bytes.subarray(n);
  }

  over(): void {
    tellOver(this.#cells);
  }
}
