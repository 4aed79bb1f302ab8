/** What a transport has been given to write and its pipe has not taken yet. */

import type { WritePipe } from "./_platform/pipes.ts";

/** Up to so many bytes small pieces are joined before they are written. */
const JOIN_MAX = 64 * 1024;

/** Pieces of bytes on their way to a pipe. */
export class OutQueue {
  /** How many bytes wait here. */
  size = 0;
  #pieces: Uint8Array[] = [];

  /** Adds a piece, which must not be empty. */
  push(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.size += piece.length;
  }

  /** Drops all of it. */
  clear(): void {
    this.#pieces = [];
    this.size = 0;
  }

  /** Writes what the pipe takes. */
  flush(pipe: WritePipe): void {
    const pieces = this.#pieces;
    let next = 0;
    while (next < pieces.length) {
      const count = this.#countSmall(next);
      const piece = count > 1 ? join(pieces, next, count) : pieces[next]!;
      const taken = pipe.write(piece);
      this.size -= taken;
      if (taken === piece.length) {
        next += count;
        continue;
      }
      // What is left of a copy takes its pieces' place: it is not made twice.
      next += count - 1;
      pieces[next] = taken === 0 ? piece : piece.subarray(taken);
      break;
    }
    if (next === pieces.length) this.#pieces = [];
    else if (next > 0) this.#pieces = pieces.slice(next);
  }

  /** How many pieces from one on are small enough to be joined. */
  #countSmall(from: number): number {
    const pieces = this.#pieces;
    let size = 0;
    let at = from;
    while (
      at < pieces.length && (size += pieces[at]!.length) <= JOIN_MAX
    ) at++;
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
