/** How values are written as bytes. */

import {
  AGAIN,
  ARRAY,
  BIGINT,
  BOXED,
  BROKEN_TEXT,
  BUFFER,
  DATE,
  ERROR,
  ERRORS,
  FALSE,
  MAP,
  NULL,
  NUMBER,
  OBJECT,
  ODD_ARRAY,
  REGEXP,
  SET,
  TEXT,
  TRUE,
  UNDEFINED,
  VIEW,
} from "./wire_read.ts";

const BOXES: readonly unknown[] = [Number, String, Boolean, BigInt].map(
  (box) => box.prototype,
);

/** Said of a value that cannot be written. */
class Unwritable extends Error {}

class Writer {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(256);
  #view: DataView = new DataView(this.#bytes.buffer);
  #length = 0;
  readonly #seen: Map<object, number> = new Map();

  get written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Makes room; returns where it is. */
  #room(n: number): number {
    const at = this.#length;
    this.#length += n;
    if (this.#length > this.#bytes.length) {
      const more = new Uint8Array(Math.max(this.#length, at * 2));
      more.set(this.#bytes.subarray(0, at));
      this.#bytes = more;
      this.#view = new DataView(more.buffer);
    }
    return at;
  }

  #tag(tag: number): void {
    const at = this.#room(1);
    this.#bytes[at] = tag;
  }

  #count(n: number): void {
    const at = this.#room(4);
    this.#view.setUint32(at, n);
  }

  #number(n: number): void {
    const at = this.#room(8);
    this.#view.setFloat64(at, n);
  }

  #raw(bytes: Uint8Array): void {
    this.#count(bytes.length);
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
  }

  #text(text: string): void {
    if (!/\p{Surrogate}/u.test(text)) {
      this.#tag(TEXT);
      this.#raw(new TextEncoder().encode(text));
      return;
    }
    this.#tag(BROKEN_TEXT);
    this.#count(text.length);
    for (let i = 0; i < text.length; i++) {
      const at = this.#room(2);
      this.#view.setUint16(at, text.charCodeAt(i));
    }
  }

  write(value: unknown): void {
    if (value === undefined) this.#tag(UNDEFINED);
    else if (value === null) this.#tag(NULL);
    else if (value === true) this.#tag(TRUE);
    else if (value === false) this.#tag(FALSE);
    else if (typeof value === "number") {
      this.#tag(NUMBER);
      this.#number(value);
    } else if (typeof value === "bigint") {
      this.#tag(BIGINT);
      this.#text(String(value));
    } else if (typeof value === "string") this.#text(value);
    else if (typeof value === "object") this.#object(value);
    else throw new Unwritable();
  }

  #object(value: object): void {
    const known = this.#seen.get(value);
    if (known !== undefined) {
      this.#tag(AGAIN);
      this.#count(known);
      return;
    }
    this.#seen.set(value, this.#seen.size);
    if (Array.isArray(value)) this.#array(value);
    else if (Object.getPrototypeOf(value) === Object.prototype) {
      this.#tag(OBJECT);
      this.#properties(value);
    } else this.#builtin(value);
  }

  #properties(value: object): void {
    const entries = Object.entries(value);
    this.#count(entries.length);
    for (const [key, item] of entries) {
      this.#text(key);
      this.write(item);
    }
  }

  #array(array: readonly unknown[]): void {
    const keys = Object.keys(array);
    const odd = keys.length !== array.length ||
      keys.some((key, i) => key !== String(i));
    this.#tag(odd ? ODD_ARRAY : ARRAY);
    this.#count(array.length);
    if (odd) this.#properties(array);
    else for (const item of array) this.write(item);
  }

  #builtin(value: object): void {
    if (value instanceof Date) {
      this.#tag(DATE);
      this.#number(value.getTime());
    } else if (value instanceof RegExp) {
      this.#tag(REGEXP);
      this.#text(value.source);
      this.#text(value.flags);
    } else if (value instanceof Map) {
      this.#tag(MAP);
      this.#count(value.size);
      for (const [key, item] of value) {
        this.write(key);
        this.write(item);
      }
    } else if (value instanceof Set) {
      this.#tag(SET);
      this.#count(value.size);
      for (const item of value) this.write(item);
    } else if (value instanceof ArrayBuffer && value.resizable !== true) {
      this.#tag(BUFFER);
      this.#raw(new Uint8Array(value));
    } else if (ArrayBuffer.isView(value)) this.#arrayView(value);
    else if (Object.prototype.toString.call(value) === "[object Error]") {
      this.#error(value as Error);
    } else if (BOXES.includes(Object.getPrototypeOf(value))) {
      this.#tag(BOXED);
      this.write(value.valueOf());
    } else throw new Unwritable();
  }

  #arrayView(view: ArrayBufferView): void {
    this.#tag(VIEW);
    this.#text(Object.prototype.toString.call(view).slice(8, -1));
    const { length } = view as ArrayBufferView & { readonly length?: number };
    this.#count(view.byteOffset);
    this.#count(length ?? view.byteLength);
    this.write(view.buffer);
  }

  #error(error: Error): void {
    if (!Object.hasOwn(ERRORS, error.name)) throw new Unwritable();
    this.#tag(ERROR);
    this.#text(error.name);
    this.write(error.message);
    this.write(error.stack);
    // Most have none, which is something else than one that is undefined.
    this.write(Object.hasOwn(error, "cause"));
    this.write(error.cause);
  }
}

/**
 * Writes a value.
 *
 * @param value What `structuredClone` has made: it has no getters and no classes of
 * the program.
 * @returns The bytes; null where it has what cannot be written.
 */
export function toBytes(value: unknown): Uint8Array<ArrayBuffer> | null {
  const writer = new Writer();
  try {
    writer.write(value);
  } catch (error) {
    // Or it is nested too deeply.
    if (error instanceof Unwritable || error instanceof RangeError) return null;
    throw error;
  }
  return writer.written;
}
