/** Letting others look at the tasks of this program while it runs. */

import {
  type InspectChannel,
  openChannel,
} from "../_platform/inspect_channel.ts";
import { platform } from "../_platform/mod.ts";
import type { AbstractEventLoop } from "../events.ts";
import { captureTasks, type TaskInfo } from "./inspector_capture.ts";
import { treeText } from "./inspector_tree.ts";
import { logger } from "../log.ts";

/** The form of {@linkcode Told}; another one is not understood. */
export const FORMAT = 1;

/** What an observed program answers, as JSON. */
export interface Told {
  /** See {@linkcode FORMAT}. */
  readonly format: number;
  /** Whether it is the program's main thread. */
  readonly isMainThread: boolean;
  /** Its tasks. */
  readonly tasks: readonly TaskInfo[];
}

/** The folders in which the sockets' own folder may be, the best first. */
export function folders(): string[] {
  const bases = ["XDG_RUNTIME_DIR", "TMPDIR"]
    .map((name) => platform.os.env(name)?.replace(/\/+$/, ""))
    .filter((base) => base?.startsWith("/"));
  return [...new Set([...bases as string[], "/tmp"])];
}

/** A loop that can be looked at. */
export class Inspector {
  readonly #loop: AbstractEventLoop;
  #channel: InspectChannel | null = null;
  #listens = false;

  /**
   * Opens the way in. Where that fails it is logged, and the program goes on.
   *
   * @param loop The loop.
   */
  constructor(loop: AbstractEventLoop) {
    this.#loop = loop;
    try {
      this.#channel = openChannel(
        folders(),
        platform.os.pid,
        () => this.#tell(),
        (error) => this.#failed(error),
      );
    } catch (error) {
      this.#failed(error);
    }
    if (platform.os.isMainThread) this.#listen();
  }

  /** Closes it. */
  close(): void {
    this.#channel?.close();
    this.#channel = null;
    if (this.#listens) platform.signals.remove("SIGQUIT", this.#onQuit);
    this.#listens = false;
  }

  #failed(error: unknown): void {
    this.#channel = null;
    const text = error instanceof Error ? error.message : String(error);
    logger.warning(`The program cannot be inspected: ${text}`);
  }

  async #tell(): Promise<string> {
    const told: Told = {
      format: FORMAT,
      isMainThread: platform.os.isMainThread,
      tasks: await captureTasks(this.#loop),
    };
    return JSON.stringify(told);
  }

  #listen(): void {
    // A program that has a use for the signal keeps it.
    if (platform.signals.isHandled("SIGQUIT")) return;
    try {
      platform.signals.add("SIGQUIT", this.#onQuit);
      this.#listens = true;
    } catch {
      // A system without it.
    }
  }

  readonly #onQuit = () => void this.#print();

  async #print(): Promise<void> {
    const threadId = platform.os.pid;
    const awaitedBy = await captureTasks(this.#loop);
    const text = treeText([{ threadId, awaitedBy }]);
    try {
      // deno-lint-ignore no-console
      console.error("%s", text === "" ? "No tasks" : text);
    } catch {
      // A closed error stream.
    }
  }
}
