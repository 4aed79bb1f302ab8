/** What the two ends of a port between a loop and another thread say to each other. */

/**
 * A request: its number, what is asked for, and with what. The number is 0 where no
 * answer is wanted.
 */
export type Request = readonly [id: number, what: string, payload: unknown];

/** Said once, first: the payload is a {@linkcode Hello}. */
export const HELLO = "hello";
/** The request of this number is not wanted any more. */
export const CANCEL = "cancel";
/** The other end is closed. */
export const CLOSE = "close";
/** There is room in the ring again. */
export const ROOM = "room";

/** How answers get to who asks. */
export interface Hello {
  /** What tells of answers; null where threads can share no memory. */
  readonly cells: Int32Array<SharedArrayBuffer> | null;
  /** What they are written into; null where they are messages of the port. */
  readonly ring: Uint8Array<SharedArrayBuffer> | null;
}

/** An answer: the number of the request, how it ended, and its value. */
export type Answer = readonly [id: number, kind: number, value: unknown];

/** It returned the value. */
export const VALUE = 0;
/** It failed; the value is the packed error. */
export const ERROR = 1;
/** It ended, and the answer is a message of the port, though there is a ring. */
export const APART = 2;
/** There will be no more answers, where no cell says so, or not yet. */
export const OVER = 3;

/** The cell that counts answers; those who wait for one wait for it to change. */
export const COUNT = 0;
/** The cell that is 1 once there will be no more. */
export const CLOSED = 1;
/** The cell that counts the bytes that were written into the ring. */
export const WRITTEN = 2;
/** The cell that counts the bytes that were read from it. */
export const READ = 3;
/** The cell that is 1 while there is more to write than there is room for. */
export const WANTED = 4;
/** How many cells there are. */
export const PORT_CELLS = 5;

/** Wakes those that wait for an answer. */
export function tellMore(cells: Int32Array<SharedArrayBuffer>): void {
  Atomics.add(cells, COUNT, 1);
  Atomics.notify(cells, COUNT);
}

/** Says that there will be no more answers. */
export function tellOver(cells: Int32Array<SharedArrayBuffer>): void {
  Atomics.store(cells, CLOSED, 1);
  tellMore(cells);
}
