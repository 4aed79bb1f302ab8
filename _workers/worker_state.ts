/** What a worker of a pool knows of itself; in any other thread, that it is none. */

import { CancelledError } from "../_kernel/base_exceptions.ts";

/** A call: its number, module, export, arguments, and values of context variables. */
export type CallMessage = readonly [
  id: number,
  module: string,
  name: string,
  args: readonly unknown[],
  context: Readonly<Record<string, unknown>> | null,
];

/** The first message: what the worker shares with its pool, and what it begins with. */
export interface BeginMessage {
  readonly cells: Int32Array<SharedArrayBuffer> | null;
  readonly name: string;
  readonly initializer: CallMessage | null;
}

/** What a worker says of a call, of its initializer, or of itself. */
export type AnswerMessage = readonly [
  id: number,
  kind: number,
  value: unknown,
];

/** The call returned a value. */
export const RETURNED = 0;
/** The call threw; the value is the packed error. */
export const FAILED = 1;
/** The initializer threw. */
export const UNFIT = 2;
/** The worker ends: by an error that nothing caught, or null. */
export const DIED = 3;

// Cells that a worker shares with its pool.

/** The number of the call that is not wanted any more. */
export const ASKED = 0;
/** Set once the worker was ended: whatever blocks in it gives up. */
export const ENDED = 1;
/** How many cells there are. */
export const CELLS = 2;

/** Cells for threads to share; null in a page that may share no memory. */
export function sharedCells(n: number): Int32Array<SharedArrayBuffer> | null {
  return typeof SharedArrayBuffer === "function"
    ? new Int32Array(
      new SharedArrayBuffer(n * Int32Array.BYTES_PER_ELEMENT),
    )
    : null;
}

class WorkerState {
  /** Shared with the pool; null where there is none, or no shared memory. */
  cells: Int32Array<SharedArrayBuffer> | null = null;
  /** The number of the call that is not wanted, as it is told without cells. */
  asked = 0;
  /** The name that the pool gave it; null in a thread that is no worker of a pool. */
  name: string | null = null;
  /** The number of the call that it runs; 0 for none. */
  call = 0;
  /** How many modules it is loading. */
  loading = 0;
}

/** The state of this thread. */
export const workerState: WorkerState = new WorkerState();

/** Whether the call that runs here is not wanted any more. */
function unwanted(): boolean {
  const { cells, call } = workerState;
  if (cells === null) return call !== 0 && workerState.asked === call;
  return Atomics.load(cells, ENDED) !== 0 ||
    call !== 0 && Atomics.load(cells, ASKED) === call;
}

/** Gives up where the worker was ended, for what blocks in it. */
export function checkEnded(): void {
  const { cells } = workerState;
  if (cells !== null && Atomics.load(cells, ENDED) !== 0) {
    throw new CancelledError("the worker was ended");
  }
}

/**
 * Ends a worker's call that nobody waits for any more: call it now and then in long
 * computations. A call is not wanted once the await for it was cancelled, its signal
 * aborted, or its executor told to end its workers. An addition to asyncio.
 *
 * In any other thread it does nothing, so that the same function can run there. In a
 * page that is not cross-origin isolated it knows only of what was cancelled before
 * the function last awaited something that takes time.
 *
 * @throws CancelledError Where the call is not wanted.
 *
 * @example
 * ```ts
 * import { checkCancelled } from "@x/asyncio";
 *
 * // In the module of a worker.
 * export function count(to: number): number {
 *   let n = 0;
 *   while (n < to) {
 *     if (++n % 10_000 === 0) checkCancelled();
 *   }
 *   return n;
 * }
 * console.log(count(20_000));
 * ```
 */
export function checkCancelled(): void {
  if (unwanted()) throw new CancelledError();
}

/**
 * The name of the pool's worker that runs this, such as "asyncio_0".
 *
 * @returns The name; null in a thread that is no worker of a pool.
 */
export function workerName(): string | null {
  return workerState.name;
}
