/** What was written and not taken by a stream yet. */

import type { StreamSocket } from "../_platform/sockets.ts";

/** Up to so many bytes small pieces are joined before they are written. */
const JOIN_MAX = 64 * 1024;

/**
 * Pieces that wait for a stream. Large ones are never copied; small ones are joined,
 * as a write costs more than the copy.
 */
export class WriteQueue {
  #pieces: Uint8Array[] = [];
  /** How many bytes wait. */
  size: number = 0;

  push(data: Uint8Array): void {
    this.#pieces.push(data);
    this.size += data.length;
  }

  clear(): void {
    this.#pieces = [];
    this.size = 0;
  }

  /** Writes what the stream takes. */
  flush(stream: Pick<StreamSocket, "write">): void {
    const pieces = this.#pieces;
    let next = 0;
    while (next < pieces.length) {
      const small = this.#countSmall(next);
      const piece = small > 1 ? join(pieces, next, small) : pieces[next]!;
      const count = stream.write(piece);
      this.size -= count;
      next += small;
      if (count === piece.length) continue;
      // What is left of a copy takes its pieces' place: it is not made twice.
      pieces[--next] = count === 0 ? piece : piece.subarray(count);
      break;
    }
    if (next === pieces.length) this.#pieces = [];
    else if (next > 0) this.#pieces = pieces.slice(next);
  }

  /** How many pieces from one on are small enough to be joined; at least one. */
  #countSmall(from: number): number {
    const pieces = this.#pieces;
    let size = 0;
    let at = from;
    while (at < pieces.length && (size += pieces[at]!.length) <= JOIN_MAX) at++;
    return Math.max(1, at - from);
  }
}

/** Some of the pieces, as one. */
function join(
  pieces: readonly Uint8Array[],
  from: number,
  count: number,
): Uint8Array {
  let size = 0;
  for (let i = from; i < from + count; i++) size += pieces[i]!.length;
  const all = new Uint8Array(size);
  let at = 0;
  for (let i = from; i < from + count; i++) {
    all.set(pieces[i]!, at);
    at += pieces[i]!.length;
  }
  return all;
}
