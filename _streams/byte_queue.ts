/**
 * Received bytes, as the chunks they came in.
 *
 * A chunk that is taken whole is handed out as it is; only what crosses the borders
 * of chunks is copied, and that once. One growing array would be copied each time
 * something is taken from its front.
 */

/** Shorter chunks are put together, or each byte of a slow peer would cost an object. */
const SMALL = 1024;
/** How many bytes short chunks are gathered into. */
const GATHERED = 4096;
/** How many bytes are looked at one by one before the runtime's search is asked. */
const NEAR = 64;
/** From so many used slots on, the list of chunks is tidied. */
const TIDY = 64;

/** Stands for no bytes. Never handed out: a caller could compare or mark it. */
const NOTHING = new Uint8Array(0);

export class ByteQueue {
  /** How many bytes it holds. */
  size = 0;
  /** How many bytes have left it: positions found before have moved by that. */
  taken = 0;
  /** The only chunk, while no other is there and nothing of it is taken. */
  #only: Uint8Array | null = null;
  #chunks: Uint8Array[] = [];
  /** The slot of the first chunk. */
  #head = 0;
  /** How much of the first chunk is taken. */
  #offset = 0;
  /** What the last chunk is the used part of, if short chunks are gathered there. */
  #gathering: Uint8Array | null = null;

  /** Adds a chunk, which belongs to the queue from then on. */
  push(chunk: Uint8Array): void {
    const { length } = chunk;
    if (length === 0) return;
    if (this.size === 0) {
      this.#only = plain(chunk);
      this.size = length;
      return;
    }
    this.#settle();
    if (length < SMALL) {
      this.#gather(chunk);
    } else {
      this.#gathering = null;
      this.#chunks.push(plain(chunk));
    }
    this.size += length;
  }

  /** Puts the only chunk among the others. */
  #settle(): void {
    const only = this.#only;
    if (only === null) return;
    this.#only = null;
    this.#gathering = null;
    this.#chunks.push(only);
  }

  #gather(chunk: Uint8Array): void {
    const chunks = this.#chunks;
    const at = chunks.length - 1;
    const last = chunks[at]!;
    const gathering = this.#gathering;
    if (gathering !== null && last.length + chunk.length <= GATHERED) {
      gathering.set(chunk, last.length);
      chunks[at] = gathering.subarray(0, last.length + chunk.length);
      return;
    }
    const room = new Uint8Array(GATHERED);
    this.#gathering = room;
    // Two short ones: the one that came before moves in, too.
    if (last.length < SMALL && gathering === null) {
      room.set(last);
      room.set(chunk, last.length);
      chunks[at] = room.subarray(0, last.length + chunk.length);
    } else {
      room.set(chunk);
      chunks.push(room.subarray(0, chunk.length));
    }
  }

  /** Takes so many bytes: at least one, at most all. */
  take(count: number): Uint8Array {
    const only = this.#only;
    if (only !== null && count === only.length) {
      this.#only = null;
      this.size = 0;
      this.taken += count;
      return only;
    }
    this.#settle();
    const head = this.#chunks[this.#head]!;
    const start = this.#offset;
    const left = head.length - start;
    if (count < left) {
      this.#offset += count;
      this.size -= count;
      this.taken += count;
      return head.slice(start, start + count);
    }
    if (count > left) return this.#join(count);
    const gathered = this.#gathering !== null &&
      this.#head === this.#chunks.length - 1;
    this.size -= count;
    this.taken += count;
    this.#drop();
    // A part is copied, the last one too: who looks at its `buffer` must not find
    // a larger one on some days.
    return start === 0 && !gathered ? head : head.slice(start);
  }

  /**
   * Takes what ends with a byte, if the first chunk has it and no more than `limit`
   * bytes come before; null where it must be looked for.
   */
  takeThrough(byte: number, limit: number): Uint8Array | null {
    if (this.size === 0) return null;
    this.#settle();
    const head = this.#chunks[this.#head]!;
    const start = this.#offset;
    // Most lines are short, and a call of indexOf costs as much as a few dozen steps.
    const near = Math.min(head.length, start + NEAR);
    let at = start;
    while (at < near && head[at] !== byte) at++;
    if (at === near) at = head.indexOf(byte, near);
    return at < 0 || at - start > limit ? null : this.take(at + 1 - start);
  }

  /** Takes everything. */
  takeAll(): Uint8Array {
    return this.size === 0 ? new Uint8Array(0) : this.take(this.size);
  }

  /** Takes as much as a buffer has room for, at most all: how many bytes. */
  takeInto(buffer: Uint8Array): number {
    this.#settle();
    const count = Math.min(buffer.length, this.size);
    this.#fill(buffer, count);
    return count;
  }

  #join(count: number): Uint8Array {
    const all = new Uint8Array(count);
    this.#fill(all, count);
    return all;
  }

  #fill(all: Uint8Array, count: number): void {
    let at = 0;
    this.size -= count;
    this.taken += count;
    while (at < count) {
      const head = this.#chunks[this.#head]!;
      const start = this.#offset;
      const left = head.length - start;
      const wanted = count - at;
      if (wanted < left) {
        all.set(head.subarray(start, start + wanted), at);
        this.#offset += wanted;
        break;
      }
      all.set(start === 0 ? head : head.subarray(start), at);
      at += left;
      this.#drop();
    }
  }

  /** Forgets so many bytes, at most all. */
  skip(count: number): void {
    this.#settle();
    this.size -= count;
    this.taken += count;
    while (count > 0) {
      const left = this.#chunks[this.#head]!.length - this.#offset;
      if (count < left) {
        this.#offset += count;
        return;
      }
      count -= left;
      this.#drop();
    }
  }

  clear(): void {
    this.taken += this.size;
    this.size = 0;
    this.#only = null;
    this.#chunks.length = 0;
    this.#head = 0;
    this.#offset = 0;
    this.#gathering = null;
  }

  /** Moves everything over from another queue, in front of what is here. */
  putBack(other: ByteQueue): void {
    const chunks = other.#rest().concat(this.#rest());
    this.#chunks = chunks;
    this.#head = 0;
    this.#offset = 0;
    // Slots have moved: what is gathered is closed.
    this.#gathering = null;
    this.size += other.size;
    this.taken -= other.size;
    other.#chunks = [];
    other.clear();
  }

  /** The chunks, without what is taken of them. */
  #rest(): Uint8Array[] {
    this.#settle();
    const rest = this.#chunks.slice(this.#head);
    if (this.#offset > 0) rest[0] = rest[0]!.slice(this.#offset);
    return rest;
  }

  /** Moves everything over to the end of another queue. */
  moveTo(other: ByteQueue): void {
    this.#settle();
    while (this.size > 0) {
      const left = this.#chunks[this.#head]!.length - this.#offset;
      other.push(this.take(left));
    }
  }

  /** The position of the first byte sequence like `wanted` from `from` on, or -1. */
  find(wanted: Uint8Array, from: number): number {
    const { length } = wanted;
    const end = this.size - length;
    if (from > end) return -1;
    this.#settle();
    const first = wanted[0]!;
    const chunks = this.#chunks;
    // Positions here count what is taken of the first chunk, too.
    const offset = this.#offset;
    let [slot, start] = this.#locate(from + offset);
    let at = from + offset - start;
    while (slot < chunks.length) {
      const chunk = chunks[slot]!;
      at = chunk.indexOf(first, at);
      while (at >= 0) {
        const found = start + at - offset;
        if (found > end) return -1;
        if (length === 1 || this.#matches(wanted, slot, at)) return found;
        at++;
        // A run of first bytes: a call for each would cost more than to look.
        if (chunk[at] !== first) at = chunk.indexOf(first, at);
      }
      start += chunk.length;
      slot++;
      at = 0;
    }
    return -1;
  }

  /** Whether the bytes from a position on are those of `wanted`. */
  hasAt(wanted: Uint8Array, from: number): boolean {
    if (from + wanted.length > this.size) return false;
    this.#settle();
    const [slot, start] = this.#locate(from + this.#offset);
    return this.#matches(wanted, slot, from + this.#offset - start);
  }

  #matches(wanted: Uint8Array, slot: number, at: number): boolean {
    let chunk = this.#chunks[slot]!;
    for (let i = 0; i < wanted.length; i++, at++) {
      while (at >= chunk.length) {
        at -= chunk.length;
        chunk = this.#chunks[++slot] ?? NOTHING;
        if (chunk === NOTHING) return false;
      }
      if (chunk[at] !== wanted[i]) return false;
    }
    return true;
  }

  /**
   * The slot that holds a position, and where that slot begins. Counted from the
   * end: a search goes on where the last one ended.
   */
  #locate(position: number): [slot: number, start: number] {
    const chunks = this.#chunks;
    let slot = chunks.length - 1;
    if (slot === this.#head) return [slot, 0];
    let start = this.size + this.#offset - chunks[slot]!.length;
    if (position < start && position < chunks[this.#head]!.length) {
      return [this.#head, 0];
    }
    while (position < start) start -= chunks[--slot]!.length;
    return [slot, start];
  }

  /** Drops the first chunk. */
  #drop(): void {
    const chunks = this.#chunks;
    this.#offset = 0;
    chunks[this.#head++] = NOTHING;
    if (this.#head === chunks.length) {
      chunks.length = 0;
      this.#head = 0;
      this.#gathering = null;
    } else if (this.#head >= TIDY && this.#head * 2 >= chunks.length) {
      chunks.splice(0, this.#head);
      this.#head = 0;
    }
  }
}

/** A Node Buffer's `slice` would not copy: only Uint8Arrays proper are kept. */
function plain(chunk: Uint8Array): Uint8Array {
  return chunk.constructor === Uint8Array
    ? chunk
    : new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
