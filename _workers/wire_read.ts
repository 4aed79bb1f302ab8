/**
 * Values as bytes, and how they are read. A thread of a browser that blocks is given
 * no messages, so what it waits for is written into shared memory. All that structured
 * clones consist of can be written, but for the host's own objects: ports, streams,
 * blobs and the like.
 */

// What a value begins with.

export const UNDEFINED = 0;
export const NULL = 1;
export const TRUE = 2;
export const FALSE = 3;
export const NUMBER = 4;
export const BIGINT = 5;
export const TEXT = 6;
/** A text that UTF-8 cannot have: a half of a pair stands alone in it. */
export const BROKEN_TEXT = 7;
/** An object that was written before, by its number. */
export const AGAIN = 8;
export const OBJECT = 9;
export const ARRAY = 10;
/** An array with holes, or with properties besides. */
export const ODD_ARRAY = 11;
export const DATE = 12;
export const REGEXP = 13;
export const MAP = 14;
export const SET = 15;
export const ERROR = 16;
export const BUFFER = 17;
export const VIEW = 18;
/** A number, a text, a boolean or a bigint as an object. */
export const BOXED = 19;

/** The errors that structured clones know. */
export const ERRORS: Readonly<Record<string, ErrorConstructor>> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};

type AnyView = new (
  buffer: ArrayBuffer,
  offset: number,
  length: number,
) => ArrayBufferView;

class Reader {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  #at = 0;
  readonly #seen: object[] = [];

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  #count(): number {
    this.#at += 4;
    return this.#view.getUint32(this.#at - 4);
  }

  #number(): number {
    this.#at += 8;
    return this.#view.getFloat64(this.#at - 8);
  }

  #raw(): Uint8Array<ArrayBuffer> {
    const length = this.#count();
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  #brokenText(): string {
    let text = "";
    for (let left = this.#count(); left > 0; left--) {
      text += String.fromCharCode(this.#view.getUint16(this.#at));
      this.#at += 2;
    }
    return text;
  }

  #keep<T extends object>(value: T): T {
    this.#seen.push(value);
    return value;
  }

  /** Reads the next value. */
  read(): unknown {
    const tag = this.#bytes[this.#at++]!;
    switch (tag) {
      case UNDEFINED:
        return undefined;
      case NULL:
        return null;
      case TRUE:
        return true;
      case FALSE:
        return false;
      case NUMBER:
        return this.#number();
      case BIGINT:
        return BigInt(this.read() as string);
      case TEXT:
        return new TextDecoder("utf-8", { ignoreBOM: true }).decode(
          this.#raw(),
        );
      case BROKEN_TEXT:
        return this.#brokenText();
      case AGAIN:
        return this.#seen[this.#count()];
      default:
        return this.#object(tag);
    }
  }

  #object(tag: number): object {
    switch (tag) {
      case OBJECT:
        return this.#properties(this.#keep({}));
      case ARRAY:
        return this.#array();
      case ODD_ARRAY:
        return this.#properties(this.#keep(new Array(this.#count())));
      case DATE:
        return this.#keep(new Date(this.#number()));
      case REGEXP:
        return this.#keep(
          new RegExp(this.read() as string, this.read() as string),
        );
      case MAP:
        return this.#map();
      case SET:
        return this.#set();
      case ERROR:
        return this.#error();
      case BUFFER:
        return this.#keep(this.#raw().slice().buffer);
      case VIEW:
        return this.#arrayView();
      default:
        return this.#keep(Object(this.read()) as object);
    }
  }

  #properties<T extends object>(target: T): T {
    for (let left = this.#count(); left > 0; left--) {
      const key = this.read() as string;
      // Not by setting it, which means something else for "__proto__".
      Object.defineProperty(target, key, {
        value: this.read(),
        writable: true,
        enumerable: true,
        configurable: true,
      });
    }
    return target;
  }

  #array(): unknown[] {
    const array: unknown[] = this.#keep([]);
    for (let left = this.#count(); left > 0; left--) array.push(this.read());
    return array;
  }

  #map(): Map<unknown, unknown> {
    const map = this.#keep(new Map<unknown, unknown>());
    for (let left = this.#count(); left > 0; left--) {
      const key = this.read();
      map.set(key, this.read());
    }
    return map;
  }

  #set(): Set<unknown> {
    const set = this.#keep(new Set<unknown>());
    for (let left = this.#count(); left > 0; left--) set.add(this.read());
    return set;
  }

  #error(): Error {
    const Class = ERRORS[this.read() as string]!;
    const error = this.#keep(new Class(this.read() as string));
    const define = (key: string, value: unknown) =>
      Object.defineProperty(error, key, {
        value,
        writable: true,
        enumerable: false,
        configurable: true,
      });
    define("stack", this.read());
    const caused = this.read() === true;
    const cause = this.read();
    if (caused) define("cause", cause);
    return error;
  }

  #arrayView(): ArrayBufferView {
    // Its number comes before that of its buffer.
    const at = this.#seen.push({}) - 1;
    const name = this.read() as string;
    const offset = this.#count();
    const length = this.#count();
    const View = (globalThis as unknown as Record<string, AnyView>)[name]!;
    return this.#seen[at] = new View(
      this.read() as ArrayBuffer,
      offset,
      length,
    );
  }
}

/**
 * Reads a value.
 *
 * @param bytes What `toBytes` has made.
 * @returns A value like the one that was written.
 */
export function fromBytes(bytes: Uint8Array<ArrayBuffer>): unknown {
  return new Reader(bytes).read();
}
