/** Async generators that are closed with their loop. */

import type { Coro } from "../coroutines.ts";
import type { AbstractEventLoop } from "../events.ts";
import { state, stepOwner } from "../_kernel/state.ts";
import { logger } from "../log.ts";
import { allEnded } from "./all_ended.ts";
import type { Task } from "./task.ts";

/** A loop that keeps track of async generators. */
interface AsyncgenHooks extends AbstractEventLoop {
  _asyncgens?: Set<AsyncGenerator<unknown, unknown, unknown>>;
  _asyncgensClosed?: boolean;
  _endAsyncgens?: (() => Coro<void>) | null;
}

/**
 * Makes an async generator function whose generators are closed when the loop shuts
 * down, if they are still open then: their `finally` blocks run.
 *
 * @param fn The async generator function.
 * @returns A function that makes tracked generators.
 *
 * @example
 * ```ts
 * import { asyncgen, run, sleep } from "@x/asyncio";
 *
 * const ticks = asyncgen(async function* () {
 *   try {
 *     for (let i = 0;; i++) {
 *       await sleep(0.01);
 *       yield i;
 *     }
 *   } finally {
 *     console.log("closed");
 *   }
 * });
 * await run(async () => {
 *   const it = ticks();
 *   console.log((await it.next()).value); // left open: run() closes it
 * });
 * ```
 */
export function asyncgen<
  A extends unknown[],
  G extends AsyncGenerator<unknown, unknown, unknown>,
>(fn: (...args: A) => G): (...args: A) => G {
  return (...args: A) => {
    const gen = fn(...args);
    track(gen);
    return gen;
  };
}

/** Has the loop that runs a generator's first step keep track of it, as CPython does. */
function track(gen: AsyncGenerator<unknown, unknown, unknown>): void {
  const next = gen.next.bind(gen);
  const close = gen.return.bind(gen);
  const fail = gen.throw.bind(gen);
  let tracked: Set<AsyncGenerator<unknown, unknown, unknown>> | undefined;
  let started = false;
  const untrack = () => void tracked?.delete(gen);
  const follow = (result: Promise<IteratorResult<unknown, unknown>>) =>
    result.then((r) => {
      if (r.done === true) untrack();
      return r;
    }, (error) => {
      untrack();
      throw error;
    });
  gen.next = (...value: [] | [unknown]) => {
    if (!started) {
      started = true;
      const loop = state.loop as AsyncgenHooks | null;
      tracked = loop?._asyncgens;
      tracked?.add(gen);
      if (loop?._endAsyncgens === null) {
        loop._endAsyncgens = () => endAsyncgens(loop);
      }
      if (loop?._asyncgensClosed === true) {
        logger.warning(
          `asynchronous generator ${gen} was scheduled after ` +
            "loop.shutdown_asyncgens() call: nobody will close it",
        );
      }
    }
    return follow(next(...value));
  };
  gen.return = (value) => follow(close(value));
  gen.throw = (error) => follow(fail(error));
}

/** The body of `shutdownAsyncgens`. */
function* endAsyncgens(loop: AsyncgenHooks): Coro<void> {
  const open = [...loop._asyncgens!];
  if (open.length === 0) return;
  loop._asyncgens!.clear();
  const closing = open.map((gen) =>
    loop.createTask(async () => void await gen.return(undefined))
  );
  yield* allEnded(loop, closing, stepOwner() as Task<unknown> | null);
  closing.forEach((task, i) => {
    if (task.cancelled() || !task._failed) return;
    loop.callExceptionHandler({
      message: "an error occurred during closing of asynchronous generator " +
        String(open[i]),
      exception: task.exception(),
      asyncgen: open[i],
    });
  });
}
