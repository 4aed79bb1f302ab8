/** Signals that a test sends, and a record of how the program would have ended. */

import { signalNumbers } from "./signal_numbers.ts";
import type { Ending, InterruptWatch, Signals } from "./signals.ts";

/** Signals under a test's control. */
export interface FakeSignals extends Signals {
  /** Sends a signal; returns whether somebody listened. */
  send(name: string): boolean;
  /** The signals with their default action that `raiseDefault` sent. */
  readonly raised: string[];
  /** What an error that nothing caught would do. */
  endingOf(error: unknown): Ending | undefined;
  /** The signals that `add` refuses. */
  readonly unheard: Set<string>;
  /** Whether `watchInterrupts` may watch, as in a main thread. */
  mainThread: boolean;
}

/** Makes signals that nothing but `send` sends. */
export function fakeSignals(os: string): FakeSignals {
  const handlers = new Map<string, (() => void)[]>();
  const raised: string[] = [];
  let ending: ((error: unknown) => Ending | undefined) | undefined;
  const fake: FakeSignals = {
    mainThread: true,
    unheard: new Set(),
    raised,
    numbers: signalNumbers(os),
    add(name, handler) {
      if (fake.unheard.has(name)) throw new TypeError(`deaf to ${name}`);
      handlers.set(name, [...handlers.get(name) ?? [], handler]);
    },
    remove(name, handler) {
      const rest = (handlers.get(name) ?? []).filter((h) => h !== handler);
      handlers.set(name, rest);
    },
    isHandled: (name) => (handlers.get(name)?.length ?? 0) > 0,
    watchInterrupts(handler): InterruptWatch | null {
      if (!fake.mainThread || fake.isHandled("SIGINT")) return null;
      fake.add("SIGINT", handler);
      return { dispose: () => fake.remove("SIGINT", handler) };
    },
    endOnUncaught: (answer) => void (ending = answer),
    endingOf: (error) => ending?.(error),
    raiseDefault: (name) => void raised.push(name),
    send(name) {
      const listeners = handlers.get(name) ?? [];
      for (const listener of listeners) listener();
      return listeners.length > 0;
    },
  };
  return fake;
}
