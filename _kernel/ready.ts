/** The two queues of a loop: what is ready, and what is due later. */

import type { Runnable, TimerHandle } from "../events.ts";

/**
 * The ready queue: a ring that grows. `Array.prototype.shift` is quadratic on V8 for
 * long arrays.
 */
export class ReadyQueue {
  #ring: (Runnable | null)[] = new Array(64).fill(null);
  #mask = 63;
  #head = 0;
  #size = 0;

  get length(): number {
    return this.#size;
  }

  push(item: Runnable): void {
    if (this.#size > this.#mask) this.#grow();
    this.#ring[(this.#head + this.#size++) & this.#mask] = item;
  }

  /** Takes the oldest; there must be one. */
  shift(): Runnable {
    const head = this.#head;
    const item = this.#ring[head]!;
    this.#ring[head] = null;
    this.#head = (head + 1) & this.#mask;
    this.#size--;
    return item;
  }

  clear(): void {
    this.#ring = new Array(64).fill(null);
    this.#mask = 63;
    this.#head = 0;
    this.#size = 0;
  }

  #grow(): void {
    const old = this.#ring;
    const { length } = old;
    const ring: (Runnable | null)[] = new Array(length * 2).fill(null);
    for (let i = 0; i < length; i++) {
      ring[i] = old[(this.#head + i) & this.#mask]!;
    }
    this.#ring = ring;
    this.#head = 0;
    this.#mask = length * 2 - 1;
  }
}

/** Below this many timers no sweep for cancelled ones is worth it. */
const SWEEP_MINIMUM = 100;

/**
 * The timers, earliest first. Cancelled ones stay until they come up, or until they
 * are more than half of many.
 */
export class TimerHeap {
  #heap: TimerHandle[] = [];
  #cancelled = 0;

  get length(): number {
    return this.#heap.length;
  }

  push(timer: TimerHandle): void {
    timer._scheduled = true;
    const heap = this.#heap;
    let at = heap.length;
    heap.push(timer);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up]!;
      if (!before(timer, parent)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = timer;
  }

  /** The earliest that was not cancelled, or undefined. */
  peek(): TimerHandle | undefined {
    if (
      this.#cancelled > SWEEP_MINIMUM / 2 &&
      this.#heap.length > SWEEP_MINIMUM &&
      this.#cancelled * 2 > this.#heap.length
    ) this.#sweep();
    let first: TimerHandle | undefined;
    while ((first = this.#heap[0]) !== undefined && first._cancelled) {
      this.#cancelled--;
      this.pop();
    }
    return first;
  }

  /** Takes the earliest; there must be one. */
  pop(): TimerHandle {
    const heap = this.#heap;
    const top = heap[0]!;
    const last = heap.pop()!;
    top._scheduled = false;
    if (heap.length > 0) this.#sink(last, 0);
    return top;
  }

  /** Hears that one of its timers was cancelled. */
  noteCancelled(timer: TimerHandle): void {
    if (timer._scheduled) this.#cancelled++;
  }

  clear(): void {
    for (const timer of this.#heap) timer._scheduled = false;
    this.#heap = [];
    this.#cancelled = 0;
  }

  #sink(timer: TimerHandle, from: number): void {
    const heap = this.#heap;
    const { length } = heap;
    const half = length >> 1;
    let at = from;
    while (at < half) {
      let down = 2 * at + 1;
      let child = heap[down]!;
      if (down + 1 < length && before(heap[down + 1]!, child)) {
        child = heap[++down]!;
      }
      if (!before(child, timer)) break;
      heap[at] = child;
      at = down;
    }
    heap[at] = timer;
  }

  #sweep(): void {
    const kept: TimerHandle[] = [];
    for (const timer of this.#heap) {
      if (timer._cancelled) timer._scheduled = false;
      else kept.push(timer);
    }
    this.#heap = kept;
    this.#cancelled = 0;
    for (let at = (kept.length >> 1) - 1; at >= 0; at--) {
      this.#sink(kept[at]!, at);
    }
  }
}

function before(a: TimerHandle, b: TimerHandle): boolean {
  return a._when < b._when || (a._when === b._when && a._seq < b._seq);
}
