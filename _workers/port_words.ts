/** What the two ends of a port between a loop and another thread say to each other. */

/**
 * A request: its number, what is asked for, and with what. The number is 0 where no
 * answer is wanted.
 */
export type Request = readonly [id: number, what: string, payload: unknown];

/** Said once, first: the payload is the cells that tell of answers. */
export const HELLO = "hello";
/** The request of this number is not wanted any more. */
export const CANCEL = "cancel";
/** The other end is closed. */
export const CLOSE = "close";

/** An answer: the number of the request, how it ended, and its value. */
export type Answer = readonly [id: number, kind: number, value: unknown];

/** It returned the value. */
export const VALUE = 0;
/** It failed; the value is the packed error. */
export const ERROR = 1;

/** The cell that counts answers; those who wait for one wait for it to change. */
export const COUNT = 0;
/** The cell that is 1 once there will be no more. */
export const CLOSED = 1;
/** How many cells there are. */
export const PORT_CELLS = 2;
