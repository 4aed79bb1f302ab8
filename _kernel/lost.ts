/**
 * Errors of futures that nobody has looked at yet. They are reported when the
 * future is collected, or when its loop is closed, whichever comes first: a short
 * program may well end before its garbage is collected.
 */

import type { AbstractEventLoop, ExceptionContext } from "../events.ts";
import type { Future } from "../futures.ts";
import type { Origin } from "../_debug/origins.ts";

/** What is kept of a failed future; it must not keep the future alive. */
export class LostError {
  readonly exception: unknown;
  readonly #loop: AbstractEventLoop;
  readonly #future: WeakRef<Future<unknown>>;
  readonly #kind: string;
  readonly #origin: Origin | null;
  #live = true;

  constructor(future: Future<unknown>, exception: unknown) {
    this.exception = exception;
    this.#loop = future._loop;
    this.#future = new WeakRef(future);
    this.#kind = future.constructor.name;
    this.#origin = future._origin;
  }

  /** Somebody looked: nothing is to be reported. */
  forget(): void {
    if (!this.#live) return;
    this.#live = false;
    pending.get(this.#loop)?.delete(this);
    // The holder is its own token, so that the registry lets go of it now.
    registry.unregister(this);
  }

  /** Tells the loop's exception handler, once. */
  report(): void {
    if (!this.#live) return;
    this.forget();
    const context: ExceptionContext = {
      message: `${this.#kind} exception was never retrieved`,
      exception: this.exception,
      future: this.#future.deref() ?? this.#stand(),
    };
    const origin = this.#origin;
    if (origin !== null) context.sourceTraceback = origin.frames;
    this.#loop.callExceptionHandler(context);
  }

  /** A done future with the same outcome, in place of the collected one. */
  #stand(): Future<unknown> {
    const future = this.#loop.createFuture<unknown>();
    future.setException(this.exception);
    future._seen();
    return future;
  }
}

const registry = new FinalizationRegistry<LostError>((held) => held.report());

const pending = new WeakMap<AbstractEventLoop, Set<LostError>>();

/** Notes that a future failed. */
export function lost(future: Future<unknown>, error: unknown): LostError {
  const held = new LostError(future, error);
  registry.register(future, held, held);
  let all = pending.get(future._loop);
  if (all === undefined) pending.set(future._loop, all = new Set());
  all.add(held);
  return held;
}

/** Reports what nobody looked at, for a loop that is being closed. */
export function reportLost(loop: AbstractEventLoop): void {
  const all = pending.get(loop);
  if (all === undefined) return;
  for (const held of [...all]) held.report();
}
