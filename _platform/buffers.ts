/** What the node: modules give in place of plain bytes. */

/** A Buffer as what it also is; its own `slice` does not copy. */
export function plain(data: Uint8Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
