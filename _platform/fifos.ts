/** Opening FIFOs by their paths, where that may take until the other end is open. */

import { builtin } from "./host.ts";
import { codeOf } from "./socket_errors.ts";

interface Files {
  readonly constants: {
    readonly O_RDONLY: number;
    readonly O_WRONLY: number;
    readonly O_NONBLOCK: number;
  };
  statSync(path: string): { isFIFO(): boolean };
  openSync(path: string, flags: number): number;
  readSync(fd: number, buffer: Uint8Array): number;
  closeSync(fd: number): void;
}

const files = (): Files => builtin<Files>("node:fs")!;

// Taken once: fake timers that a test installs later must not reach in here.
const { setTimeout, clearTimeout } = globalThis;

/** The first and the longest pause between two looks, in milliseconds. */
const PAUSE_MS = 1;
const MAX_PAUSE_MS = 25;

/** Whether a path is a FIFO; what cannot be looked at is none. */
export function isFifo(path: string): boolean {
  try {
    return files().statSync(path).isFIFO();
  } catch {
    return false;
  }
}

/** A FIFO that was opened, and what was read from it to find that out. */
export interface OpenFifo {
  readonly fd: number;
  readonly first: Uint8Array | null;
}

/**
 * Opens a FIFO once its other end is open, without a thread that waits for it: a
 * runtime with a thread for each core would soon have none left.
 *
 * @param path Its path.
 * @param writes Whether it is to be written.
 * @param signal Gives up.
 */
export async function openFifo(
  path: string,
  writes: boolean,
  signal: AbortSignal | undefined,
): Promise<OpenFifo> {
  let pause = PAUSE_MS;
  const wait = async () => {
    await passed(pause, signal);
    pause = Math.min(pause * 2, MAX_PAUSE_MS);
  };
  if (writes) {
    for (;; await wait()) {
      const fd = tryToWrite(path);
      if (fd >= 0) return { fd, first: null };
    }
  }
  const { constants } = files();
  const fd = files().openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    for (;; await wait()) {
      const first = tryToRead(fd);
      if (first !== undefined) return { fd, first };
    }
  } catch (error) {
    files().closeSync(fd);
    throw error;
  }
}

/** Waits for so many milliseconds, at most until the signal is aborted. */
function passed(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => signal?.removeEventListener("abort", aborted);
    const timer = setTimeout(() => {
      stop();
      resolve();
    }, ms);
    const aborted = () => {
      clearTimeout(timer);
      stop();
      reject(signal!.reason);
    };
    if (signal?.aborted) aborted();
    else signal?.addEventListener("abort", aborted);
  });
}

/** A descriptor, or -1 while nobody reads. */
function tryToWrite(path: string): number {
  const { constants } = files();
  try {
    return files().openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === "ENXIO") return -1;
    throw error;
  }
}

/** Bytes, null where a writer has written none yet, undefined without a writer. */
function tryToRead(fd: number): Uint8Array | null | undefined {
  const buffer = new Uint8Array(4096);
  try {
    const count = files().readSync(fd, buffer);
    return count === 0 ? undefined : buffer.subarray(0, count);
  } catch (error) {
    if (codeOf(error) === "EAGAIN") return null;
    throw error;
  }
}

/**
 * Has the other end of a FIFO open meanwhile, so that opening this one does not wait
 * even if who had it is gone again.
 *
 * @param path Its path.
 * @param writes Whether this end is to be written.
 * @param body What opens it.
 */
export async function withOther<T>(
  path: string,
  writes: boolean,
  body: () => Promise<T>,
): Promise<T> {
  const { constants } = files();
  const flags = writes ? constants.O_RDONLY : constants.O_WRONLY;
  const fd = files().openSync(path, flags | constants.O_NONBLOCK);
  try {
    return await body();
  } finally {
    files().closeSync(fd);
  }
}

/**
 * Ends the wait of a thread that opens a FIFO, by opening the other end for a
 * moment.
 */
export function endWait(path: string, writes: boolean): void {
  const { constants } = files();
  const flags = writes ? constants.O_RDONLY : constants.O_WRONLY;
  try {
    files().closeSync(files().openSync(path, flags | constants.O_NONBLOCK));
  } catch {
    // Nobody waits any more, or the other end is not ours to open.
  }
}
