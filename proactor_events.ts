/**
 * The loop whose calls complete, rather than tell that one may try: what every runtime
 * of JavaScript does underneath. Here it is the same loop, without the watching of
 * sockets that a proactor has no notion of.
 *
 * @example Is this loop one?
 * ```ts
 * import { BaseProactorEventLoop, getRunningLoop, run } from "@x/asyncio";
 *
 * await run(async () => {
 *   console.log(getRunningLoop() instanceof BaseProactorEventLoop);
 * });
 * ```
 *
 * @module
 */

import { NotImplementedError } from "./exceptions.ts";
import { BaseSelectorEventLoop } from "./selector_events.ts";
import type { Callback } from "./events.ts";
import type { LoopOptions } from "./base_events.ts";
import type { Socket } from "./_net/socket.ts";

function cannot(self: object, method: string): NotImplementedError {
  return new NotImplementedError(
    `Cannot call ${method}(): ${self.constructor.name} does not watch sockets`,
  );
}

/** A loop of sockets, pipes and child processes whose calls complete. */
export class BaseProactorEventLoop extends BaseSelectorEventLoop {
  /**
   * Makes a loop that is not running yet. The proactor is the runtime itself.
   *
   * @param options `platform`: what it runs on; for tests.
   */
  constructor(options?: LoopOptions) {
    super(options);
  }

  /**
   * Not there: a proactor does not tell when a socket may be read.
   *
   * @throws NotImplementedError Always.
   */
  override addReader<A extends unknown[]>(
    _sock: Socket,
    _callback: Callback<A>,
    ..._args: A
  ): void {
    throw cannot(this, "addReader");
  }

  /**
   * Not there: a proactor does not tell when a socket may be read.
   *
   * @throws NotImplementedError Always.
   */
  override removeReader(_sock: Socket): boolean {
    throw cannot(this, "removeReader");
  }

  /**
   * Not there: a proactor does not tell when a socket may be written.
   *
   * @throws NotImplementedError Always.
   */
  override addWriter<A extends unknown[]>(
    _sock: Socket,
    _callback: Callback<A>,
    ..._args: A
  ): void {
    throw cannot(this, "addWriter");
  }

  /**
   * Not there: a proactor does not tell when a socket may be written.
   *
   * @throws NotImplementedError Always.
   */
  override removeWriter(_sock: Socket): boolean {
    throw cannot(this, "removeWriter");
  }
}
