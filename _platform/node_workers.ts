/** Workers on Node: those of `node:worker_threads`. */

import { builtin, host } from "./host.ts";
import {
  type HostWorker,
  type HostWorkerEvents,
  loadPlainly,
  loadUnlessWaiting,
  type Workers,
} from "./workers.ts";

interface NodeThread {
  on(event: string, listener: (value: unknown) => void): void;
  postMessage(message: unknown, transfer: Transferable[]): void;
  terminate(): unknown;
  ref(): void;
  unref(): void;
}

interface NodeThreads {
  readonly isMainThread: boolean;
  readonly Worker: new (url: URL, options: { name: string }) => NodeThread;
}

class NodeWorker implements HostWorker {
  readonly #worker: NodeThread;
  #gone = false;

  constructor(worker: NodeThread, events: HostWorkerEvents) {
    this.#worker = worker;
    let reason: string | undefined;
    const die = (why: string) => {
      if (this.#gone) return;
      this.terminate();
      events.died(why);
    };
    worker.on("message", (data) => {
      if (!this.#gone) events.message(data);
    });
    worker.on("messageerror", () => die("a message could not be read"));
    // What it sent before is delivered between the error and the exit.
    worker.on("error", (error) => {
      reason ??= error instanceof Error ? error.message : String(error);
    });
    worker.on("exit", (code) => die(reason ?? `it ended with code ${code}`));
  }

  post(message: unknown, transfer: Transferable[]): void {
    this.#worker.postMessage(message, transfer);
  }

  terminate(): void {
    this.#gone = true;
    this.#worker.terminate();
  }

  hold(on: boolean): void {
    if (on) this.#worker.ref();
    else this.#worker.unref();
  }
}

/** The path of the main program, without the links that lead to it. */
function mainPath(): string {
  const { argv } = host.process as unknown as { argv: readonly string[] };
  const files = builtin<{ realpathSync(path: string): string }>("node:fs")!;
  try {
    return files.realpathSync(argv[1] ?? "");
  } catch {
    // A program that came by the command line, or without its extension.
    return argv[1] ?? "";
  }
}

/** Workers of this Node process. */
export function nodeWorkers(): Workers {
  const threads = builtin<NodeThreads>("node:worker_threads")!;
  return {
    load: (url) =>
      threads.isMainThread
        ? loadUnlessWaiting(url, mainPath())
        : loadPlainly(url),
    refusal: () => null,
    start: (url, name, events) =>
      new NodeWorker(new threads.Worker(url, { name }), events),
  };
}
