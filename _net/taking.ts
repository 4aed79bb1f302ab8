/** Waiting for what a platform opens, without losing it. */

import type { StreamEvents, StreamSocket } from "../_platform/sockets.ts";
import type { Coro } from "../coroutines.ts";
import type { AbstractEventLoop } from "../events.ts";
import { type Future, wrapFuture } from "../futures.ts";
import type { BaseTransport } from "../transports.ts";

/** The owner of a stream that nobody will have. */
const NOBODY: StreamEvents = {
  borrows: true,
  onData() {},
  onEof() {},
  onDrain() {},
  onClose() {},
};

/** Ends a connection that nobody will have. */
export function discard(stream: StreamSocket): void {
  stream.attach(NOBODY);
  stream.abort();
}

/**
 * Waits for something that is being opened. Whoever is cancelled meanwhile leaves
 * nothing open: what came already, or comes later, is dropped.
 */
export function* opened<T>(
  loop: AbstractEventLoop,
  open: (signal: AbortSignal) => Promise<T>,
  drop: (value: T) => void,
): Coro<T> {
  const aborter = new AbortController();
  let given: { readonly value: T } | null = null;
  let unwanted = false;
  const opening = open(aborter.signal);
  opening.then((value) => {
    if (unwanted) drop(value);
    else given = { value };
  }, () => {});
  try {
    return yield* wrapFuture(opening, { loop });
  } catch (error) {
    unwanted = true;
    aborter.abort();
    const late = given as { readonly value: T } | null;
    if (late !== null) drop(late.value);
    throw error;
  }
}

/** Waits until `connectionMade` was called; who is cancelled closes the pipe. */
export function* begun<T extends BaseTransport>(
  waiter: Future<void>,
  transport: T,
): Coro<T> {
  try {
    yield* waiter;
  } catch (error) {
    transport.close();
    throw error;
  }
  return transport;
}
