/** How transports take their turns in the loop. */

import { state } from "../_kernel/state.ts";
import type { Context } from "../contextvars.ts";
import {
  type AbstractEventLoop,
  Handle,
  isExit,
  type Runnable,
} from "../events.ts";
import type { BaseProtocol } from "../protocols.ts";

/**
 * A transport that stands in the loop's queue itself, at most once: what the runtime
 * tells it waits there for its turn, so that receiving allocates nothing.
 */
export interface TurnTaker extends Runnable {
  readonly _loop: AbstractEventLoop;
  /** Whether it stands in the queue. */
  _scheduled: boolean;
  /** What its protocol is called in; null stands for an empty one nobody asked for. */
  _context: Context | null;
  /** What it does when its turn has come. */
  _turn(): void;
}

/** Asks for a turn. */
export function schedule(taker: TurnTaker): void {
  if (taker._scheduled || taker._loop.isClosed()) return;
  taker._scheduled = true;
  taker._loop._push(taker);
}

/** The turn has come: the protocol is called as a callback of the loop is. */
export function takeTurn(taker: TurnTaker): void {
  taker._scheduled = false;
  state.sync = true;
  state.task = null;
  state.context = taker._context;
  try {
    taker._turn();
  } finally {
    state.sync = false;
    // Made meanwhile if the protocol was the first to look at it.
    taker._context = state.context;
    state.context = null;
  }
}

/** Queues the last call, on its own: what is queued already comes first. */
export function pushLast(
  taker: TurnTaker,
  callback: (error: unknown) => void,
  error: unknown,
): void {
  if (taker._loop.isClosed()) return;
  taker._loop._push(
    new Handle(
      callback as (...args: unknown[]) => unknown,
      [error],
      taker._loop,
      taker._context,
    ),
  );
}

/** Tells the protocol that it is connected; an error of it is reported. */
export function tellMade(
  loop: AbstractEventLoop,
  protocol: BaseProtocol,
  transport: Parameters<BaseProtocol["connectionMade"]>[0],
): void {
  try {
    protocol.connectionMade(transport);
  } catch (error) {
    if (isExit(error)) throw error;
    loop.callExceptionHandler({
      message: "Exception in callback protocol.connection_made()",
      exception: error,
      transport,
      protocol,
    });
  }
}

/** The error for what is no bytes. */
export function notBytes(data: unknown): TypeError {
  const type = data === null ? "null" : typeof data;
  return new TypeError(`data argument must be a Uint8Array, not ${type}`);
}
