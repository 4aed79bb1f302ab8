/** Calls into a loop from another thread. */

import { LoopServices } from "../_kernel/loop_services.ts";
import { type AbstractEventLoop, getRunningLoop } from "../events.ts";
import type { Named } from "./loop_service.ts";
import {
  type AnyFunction,
  type CallArguments,
  type CallResult,
  ModuleFunction,
  unwrapAll,
} from "./module_function.ts";
import { PortClient, type RemoteCall } from "./port_client.ts";
import { PortServer } from "./port_server.ts";

const SOON = "soon";
const RUN = "run";

/**
 * Makes a port through which another thread can call into a loop. Send it there, and
 * make a {@linkcode RemoteLoop} of it: one port for each thread.
 *
 * It does not keep the process alive. It ends with the loop, with the worker of a
 * ThreadPoolExecutor that it was sent to, or when the other end is closed; what the
 * other thread has running then is cancelled.
 *
 * @param loop The loop; the running one unless given.
 * @returns The port, to be moved: `transfer(port, [port])`.
 * @throws RuntimeError If the loop is closed.
 *
 * @example
 * ```ts
 * import {
 *   loopPort,
 *   moduleFunction,
 *   RemoteLoop,
 *   run,
 *   sleep,
 *   toThread,
 *   transfer,
 * } from "@x/asyncio";
 *
 * // Called by the loop.
 * export async function lookUp(key: string): Promise<string> {
 *   await sleep(0.001);
 *   return `the value of ${key}`;
 * }
 *
 * // Called in a worker; it blocks there until the loop has the answer.
 * export function work(port: MessagePort): string {
 *   using loop = new RemoteLoop(port);
 *   return loop.runCoroutineThreadsafe(looking, "a").result(5);
 * }
 *
 * const looking = moduleFunction(import.meta.url, lookUp);
 * const working = moduleFunction(import.meta.url, work);
 *
 * if (import.meta.main) {
 *   await run(async () => {
 *     const port = loopPort();
 *     console.log(await toThread(working, transfer(port, [port])));
 *   });
 * }
 * ```
 */
export function loopPort(loop?: AbstractEventLoop): MessagePort {
  const served = loop ?? getRunningLoop();
  if (!(served instanceof LoopServices)) {
    throw new TypeError(
      "Cannot make a port: a loop that extends BaseEventLoop is needed",
    );
  }
  return new PortServer(served, (parts) => new parts.LoopService(served))
    .remote;
}

/** What a coroutine function returns in the end, in either spelling. */
export type CoroutineResult<F extends AnyFunction> = ReturnType<F> extends
  Generator<unknown, infer T, unknown> ? T : CallResult<F>;

/**
 * A loop that runs in another thread. What it is to call is named by module and
 * export ({@linkcode moduleFunction}), and looked up over there, where the module is
 * the one that the program has.
 *
 * Bun cannot look up what the main program exports while that awaits at its top
 * level, as it does in `await run(main)`, unless the program itself has named the
 * function by `moduleFunction(import.meta.url, fn)`.
 */
export class RemoteLoop implements Disposable {
  readonly #client: PortClient;

  /**
   * Takes hold of the loop.
   *
   * @param port What {@linkcode loopPort} has made in its thread.
   * @throws RuntimeError In the thread of the loop itself.
   */
  constructor(port: MessagePort) {
    this.#client = new PortClient(port, "RemoteLoop");
  }

  /**
   * Has the loop call a function, soon. Calls are begun in the order of asking. If the
   * function cannot be found, the loop's exception handler is told.
   *
   * @param fn The function, no coroutine function.
   * @param args What it is called with.
   * @throws TypeError If the arguments cannot be cloned.
   * @throws RuntimeError If the loop was closed.
   */
  callSoonThreadsafe<F extends AnyFunction>(
    fn: ModuleFunction<F>,
    ...args: CallArguments<F>
  ): void {
    const list: Transferable[] = [];
    this.#client.tell(SOON, name(fn, args as readonly unknown[], list), list);
  }

  /**
   * Has the loop run a coroutine.
   *
   * @param fn The coroutine function.
   * @param args What it is called with.
   * @returns The call: await it, block for its result, or cancel it. What cannot be
   * cloned or found fails it.
   * @throws RuntimeError If the loop was closed.
   */
  runCoroutineThreadsafe<F extends AnyFunction>(
    fn: ModuleFunction<F>,
    ...args: CallArguments<F>
  ): RemoteCall<CoroutineResult<F>> {
    const list: Transferable[] = [];
    return this.#client.call(
      RUN,
      name(fn, args as readonly unknown[], list),
      list,
    );
  }

  /** Lets go of the loop; what runs there for this thread is cancelled. */
  close(): void {
    this.#client.close();
  }

  /** Lets go of the loop: `using loop = new RemoteLoop(port)`. */
  [Symbol.dispose](): void {
    this.close();
  }
}

function name<F extends AnyFunction>(
  fn: ModuleFunction<F>,
  args: readonly unknown[],
  list: Transferable[],
): Named {
  if (!(fn instanceof ModuleFunction)) {
    throw new TypeError(
      "Cannot call into the loop: a function does not cross threads; name it by " +
        "its module and export, moduleFunction(import.meta.url, fn)",
    );
  }
  return [fn.module, fn.name, unwrapAll(args, list)];
}
