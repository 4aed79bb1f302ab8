/** What queues keep their items in: a ring, a stack, and a binary heap. */

/** Keeps items and gives them back one by one, in an order of its own. */
export interface Store<T> extends Iterable<T> {
  /** How many it has. */
  readonly size: number;
  /** Takes one in. */
  push(item: T): void;
  /** Gives one back; there must be one. */
  take(): T;
}

const SMALLEST = 16;
/** A ring larger than this is given back to the host when it is empty. */
const KEPT = 4096;

/** First in, first out. */
export class Ring<T> implements Store<T> {
  size = 0;
  #ring: (T | undefined)[] = [];
  #mask = -1;
  #head = 0;

  push(item: T): void {
    if (this.size > this.#mask) this.#grow();
    this.#ring[(this.#head + this.size++) & this.#mask] = item;
  }

  take(): T {
    const head = this.#head;
    const item = this.#ring[head] as T;
    this.#ring[head] = undefined;
    this.#head = (head + 1) & this.#mask;
    if (--this.size === 0 && this.#mask >= KEPT) {
      this.#ring = [];
      this.#mask = -1;
      this.#head = 0;
    }
    return item;
  }

  *[Symbol.iterator](): Generator<T> {
    for (let i = 0; i < this.size; i++) {
      yield this.#ring[(this.#head + i) & this.#mask] as T;
    }
  }

  #grow(): void {
    const old = this.#ring;
    const { length } = old;
    const ring: (T | undefined)[] = new Array(Math.max(SMALLEST, length * 2))
      .fill(undefined);
    for (let i = 0; i < length; i++) {
      ring[i] = old[(this.#head + i) & this.#mask];
    }
    this.#ring = ring;
    this.#head = 0;
    this.#mask = ring.length - 1;
  }
}

/** Last in, first out. */
export class Stack<T> implements Store<T> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  take(): T {
    return this.#items.pop()!;
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#items.values();
  }
}

/** Below zero where the first of two comes before the second. */
export type Compare<T> = (a: T, b: T) => number;

/**
 * Smallest first. Which of two equal items comes first follows from the sifting,
 * which makes the same comparisons as CPython's `heapq`, so that programs that
 * depend on it by accident do not change.
 *
 * A comparison that throws leaves the heap as it was.
 */
export class Heap<T> implements Store<T> {
  readonly #heap: T[] = [];
  readonly #compare: Compare<T> | null;

  constructor(compare: Compare<T> | null) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#heap.length;
  }

  push(item: T): void {
    const heap = this.#heap;
    // One that is alone is compared with nothing, and would be found out later.
    if (this.#compare === null) checkOrder(item);
    let to = heap.length;
    while (to > 0) {
      const up = (to - 1) >> 1;
      if (!this.#before(item, heap[up]!)) break;
      to = up;
    }
    heap.push(item);
    for (let at = heap.length - 1; at !== to;) {
      const up = (at - 1) >> 1;
      heap[at] = heap[up]!;
      at = up;
    }
    heap[to] = item;
  }

  take(): T {
    const heap = this.#heap;
    const last = heap.pop()!;
    const { length } = heap;
    if (length === 0) return last;
    const top = heap[0]!;
    let at = 0;
    try {
      // Down to a leaf by the smaller children, and up again from there: the last
      // item is a large one nearly always, so this compares less than asking on
      // the way down whether it belongs here.
      for (let down = 1; down < length; down = 2 * at + 1) {
        const right = down + 1;
        if (right < length && !this.#before(heap[down]!, heap[right]!)) {
          down = right;
        }
        heap[at] = heap[down]!;
        at = down;
      }
      while (at > 0) {
        const up = (at - 1) >> 1;
        if (!this.#before(last, heap[up]!)) break;
        heap[at] = heap[up]!;
        at = up;
      }
    } catch (error) {
      // The gap has moved along one path from the top: back the same way.
      while (at > 0) {
        const up = (at - 1) >> 1;
        heap[at] = heap[up]!;
        at = up;
      }
      heap[0] = top;
      heap.push(last);
      throw error;
    }
    heap[at] = last;
    return top;
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#heap.values();
  }

  #before(a: T, b: T): boolean {
    const compare = this.#compare;
    if (compare === null) {
      return typeof a === "number" && typeof b === "number"
        ? a < b
        : order(a, b) < 0;
    }
    const result = compare(a, b);
    if (typeof result !== "number") {
      throw new TypeError(
        "Cannot order the items: the compare function of a PriorityQueue " +
          "returns a number below zero where the first comes first, as for " +
          `Array.sort; got ${kind(result)}`,
      );
    }
    return result < 0;
  }
}

const FIX = "give the PriorityQueue a compare function, as in " +
  "new PriorityQueue(0, { compare: (a, b) => a.due - b.due })";

/** Refuses what has no order of its own. */
function checkOrder(item: unknown): void {
  if (hasOrder(item)) return;
  if (!Array.isArray(item)) {
    throw new TypeError(`Cannot order ${kind(item)}: ${FIX}`);
  }
  // The item behind a priority may be anything.
  if (!hasOrder(item[0])) {
    throw new TypeError(
      `Cannot order an array that begins with ${kind(item[0])}: ${FIX}`,
    );
  }
}

function hasOrder(value: unknown): boolean {
  return typeof value === "number" || typeof value === "string" ||
    typeof value === "bigint";
}

/** The order of two items that no function was given for. */
function order(a: unknown, b: unknown): number {
  const sign = Array.isArray(a) && Array.isArray(b)
    ? orderOfArrays(a, b)
    : orderOfValues(a, b);
  if (sign === null) {
    throw new TypeError(`Cannot order ${kind(a)} and ${kind(b)}: ${FIX}`);
  }
  return sign;
}

/** Null where two values do not compare. */
function orderOfValues(a: unknown, b: unknown): number | null {
  const comparable = typeof a === "string"
    ? typeof b === "string"
    : hasOrder(a) && hasOrder(b) && typeof b !== "string";
  if (!comparable) return null;
  if ((a as number) < (b as number)) return -1;
  return (a as number) > (b as number) ? 1 : 0;
}

/**
 * By the first members that differ, as tuples in Python. There, two items that do
 * not compare are an error once their priorities are equal, by chance and late;
 * here they are equal then.
 */
function orderOfArrays(
  a: readonly unknown[],
  b: readonly unknown[],
): number | null {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const x = a[i];
    const y = b[i];
    const sign = i > 0 && Array.isArray(x) && Array.isArray(y)
      ? orderOfArrays(x, y)
      : orderOfValues(x, y);
    if (sign === null) return i === 0 ? null : 0;
    if (sign !== 0) return sign;
  }
  return a.length - b.length;
}

/** A value's type in words. */
function kind(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object") {
    const name = value.constructor?.name ?? "object";
    return `${/^[AEIOU]/i.test(name) ? "an" : "a"} ${name}`;
  }
  return `a ${typeof value}`;
}
