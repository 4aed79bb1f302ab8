/** Sockets that the loop waits for: readers, writers, and calls. */

import { Socket } from "./socket.ts";
import type { Coro } from "../coroutines.ts";
import type { AbstractEventLoop, Handle, Runnable } from "../events.ts";
import type { Future } from "../futures.ts";

/** Refuses what is no socket of the program's. */
export function checkSocket(sock: unknown): asserts sock is Socket {
  if (sock instanceof Socket) return;
  throw new TypeError(
    `Cannot use it as a socket: a Socket is needed, got ${
      sock === null ? "null" : typeof sock
    }`,
  );
}

/**
 * What waits for one socket.
 *
 * The runtimes push what comes, once; asyncio's readers are called in each iteration
 * as long as there is something to read. So a watch puts itself into the loop's queue
 * again until the socket is not ready any more.
 */
export class SocketWatch implements Runnable {
  readonly #loop: AbstractEventLoop;
  readonly #sock: Socket;
  #reader: Handle | null = null;
  #writer: Handle | null = null;
  #waiters: Future<void>[] = [];
  #scheduled: boolean = false;

  constructor(loop: AbstractEventLoop, sock: Socket) {
    this.#loop = loop;
    this.#sock = sock;
    sock._onChange(() => this.#changed());
  }

  setReader(handle: Handle | null): boolean {
    const old = this.#reader;
    this.#reader = handle;
    old?.cancel();
    this.#schedule();
    return old !== null;
  }

  setWriter(handle: Handle | null): boolean {
    const old = this.#writer;
    this.#writer = handle;
    old?.cancel();
    this.#schedule();
    return old !== null;
  }

  /** Waits until something about the socket may have changed. */
  *wait(): Coro<void> {
    const waiter = this.#loop.createFuture<void>();
    this.#waiters.push(waiter);
    try {
      yield* waiter;
    } finally {
      const at = this.#waiters.indexOf(waiter);
      if (at >= 0) this.#waiters.splice(at, 1);
    }
  }

  #changed(): void {
    if (this.#loop.isClosed()) return;
    const waiters = this.#waiters;
    if (waiters.length > 0) {
      this.#waiters = [];
      for (const waiter of waiters) {
        if (!waiter.done()) waiter.setResult(undefined);
      }
    }
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#loop.isClosed()) return;
    if (this.#reader === null && this.#writer === null) return;
    const box = this.#sock._box;
    if (box === null) return;
    if (this.#reader !== null && !box.readable) box.wantRead();
    const ready = (this.#reader !== null && box.readable) ||
      (this.#writer !== null && box.writable);
    if (!ready) return;
    this.#scheduled = true;
    this.#loop._push(this);
  }

  /** Calls those whose socket is ready. */
  _run(): void {
    this.#scheduled = false;
    try {
      if (this.#sock._box?.readable) this.#reader?._run();
      if (this.#sock._box?.writable) this.#writer?._run();
    } finally {
      this.#schedule();
    }
  }

  toString(): string {
    return `<SocketWatch ${this.#sock}>`;
  }
}
