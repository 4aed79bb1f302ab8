/** Debug mode: looks for a deadlock when a loop has had nothing to do for a while. */

import { platform as host } from "../_platform/mod.ts";
import type { HostTimer } from "../_platform/types.ts";
import { findDeadlock } from "./deadlock.ts";
import type { AbstractEventLoop } from "../events.ts";
import { logger } from "../log.ts";
import type { Task } from "../tasks.ts";

/** Real seconds; a look at many tasks must not be taken too often. */
const PATIENCE = 1;

/** Watches one loop. */
export class IdleWatch {
  readonly #loop: AbstractEventLoop;
  readonly #isIdle: () => boolean;
  readonly #reported = new WeakSet<Task<unknown>>();
  #timer: HostTimer = null;

  /**
   * @param loop The loop.
   * @param isIdle Whether nothing is ready and no timer is set.
   */
  constructor(loop: AbstractEventLoop, isIdle: () => boolean) {
    this.#loop = loop;
    this.#isIdle = isIdle;
  }

  /** The loop has nothing to do. */
  idle(): void {
    if (this.#timer !== null) return;
    // The host's clock: one that a test moves must not be moved by this.
    this.#timer = host.clock.startTimer(PATIENCE, () => {
      this.#timer = null;
      if (this.#isIdle()) this.look();
    });
  }

  /** Reports a deadlock, once. */
  look(): void {
    const found = findDeadlock(this.#loop);
    if (found === null) return;
    const first = found.tasks[0]!.task;
    if (this.#reported.has(first)) return;
    for (const { task } of found.tasks) this.#reported.add(task);
    logger.warning(`${found}`);
  }

  /** The run is over. */
  stop(): void {
    if (this.#timer !== null) host.clock.clearTimer(this.#timer);
    this.#timer = null;
  }
}
