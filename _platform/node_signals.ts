/**
 * Signals on Node. Nothing of it runs while JavaScript is busy, neither a worker nor
 * a handler in C: a program that never comes back to the host hears no Ctrl-C.
 */

import { builtin } from "./host.ts";
import {
  endBy,
  isHandled,
  isWrapped,
  ownProcess,
  raiseDefault,
} from "./process_signals.ts";
import { signalNumbers } from "./signal_numbers.ts";
import {
  type Ending,
  type InterruptWatch,
  PressFilter,
  type Signals,
} from "./signals.ts";

let ending: ((error: unknown) => Ending | undefined) | undefined;

/** Who listens for these, handles them. A rejection comes here, too. */
function onException(error: unknown): void {
  if (ownProcess().listenerCount("uncaughtException") > 0) return;
  const end = ending?.(error);
  if (end !== undefined) endBy(end);
}

function isMainThread(): boolean {
  return builtin<{ isMainThread: boolean }>("node:worker_threads")!
    .isMainThread;
}

function watchInterrupts(handler: () => void): InterruptWatch | null {
  if (!isMainThread() || isHandled("SIGINT")) return null;
  const filter = new PressFilter(handler, isWrapped);
  const press = () => filter.press();
  ownProcess().on("SIGINT", press);
  return {
    dispose() {
      filter.dispose();
      ownProcess().off("SIGINT", press);
    },
  };
}

function add(name: string, handler: () => void): void {
  const { signals } = builtin<
    { constants: { signals: Record<string, number> } }
  >("node:os")!.constants;
  // A listener of another name is taken for one of an event, and never called.
  if (!Object.hasOwn(signals, name)) {
    throw new TypeError(`Node does not listen to ${name}`);
  }
  ownProcess().on(name, handler);
}

/** Signals of this Node process. */
export function nodeSignals(os: string): Signals {
  return {
    // Not before somebody asks: the table is a module that takes long to load.
    get numbers() {
      return signalNumbers(os);
    },
    add,
    remove: (name, handler) => ownProcess().off(name, handler),
    isHandled,
    watchInterrupts,
    endOnUncaught(answer) {
      if (!isMainThread()) return;
      if (ending === undefined) {
        ownProcess().on("uncaughtExceptionMonitor", onException);
      }
      ending = answer;
    },
    raiseDefault,
  };
}
