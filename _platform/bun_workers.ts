/** Workers on Bun. */

import { RuntimeError } from "../exceptions.ts";
import { builtin, host } from "./host.ts";
import {
  commonWorkers,
  type HostWorker,
  type HostWorkerEvents,
  type Workers,
  type WorkerThreadsModule,
} from "./workers.ts";

// Taken once: fake timers that a test installs later must not reach in here.
const { setTimeout, clearTimeout } = globalThis;

/** How long, in milliseconds, a program that has been loaded may take to load. */
const WAITING_MS = 200;

/** What Bun's workers have besides. */
interface BunWorkerLike extends Worker {
  ref(): void;
  unref(): void;
}

class BunWorker implements HostWorker {
  readonly #worker: BunWorkerLike;
  #gone = false;

  constructor(url: URL, name: string, events: HostWorkerEvents) {
    this.#worker = new Worker(url, { type: "module", name }) as BunWorkerLike;
    let reason: string | undefined;
    this.#worker.onmessage = ({ data }) => {
      if (!this.#gone) events.message(data);
    };
    const die = (why: string) => {
      if (this.#gone) return;
      this.terminate();
      events.died(why);
    };
    // What it sent before is delivered between the error and the close.
    this.#worker.onerror = (event) => {
      event.preventDefault();
      reason ??= event.message;
    };
    this.#worker.onmessageerror = () => die("a message could not be read");
    this.#worker.addEventListener("close", (event) => {
      const { code } = event as Event & { readonly code?: number };
      die(reason ?? `it ended with code ${code}`);
    });
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

/**
 * Loads a module, but not the main program while that awaits at its top level: Bun
 * would wait for its end, which may wait for this.
 */
async function loadUnlessWaiting(
  url: string,
  load: Workers["load"],
): Promise<Readonly<Record<string, unknown>>> {
  const { main } = host.Bun as unknown as { readonly main: string };
  const loading = load(url);
  if (decodeURIComponent(new URL(url).pathname) !== main) return await loading;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const waiting = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new RuntimeError(
            `Cannot look up what ${url} exports while it awaits at its top ` +
              "level: have it name the function, with " +
              "moduleFunction(import.meta.url, fn), or put that in a module of " +
              "its own",
          ),
        ),
      WAITING_MS,
    );
  });
  try {
    return await Promise.race([loading, waiting]);
  } finally {
    clearTimeout(timer);
  }
}

/** Workers of this Bun process. */
export function bunWorkers(): Workers {
  const threads = builtin<WorkerThreadsModule>("node:worker_threads")!;
  const common = commonWorkers(threads);
  return {
    ...common,
    load: (url) => loadUnlessWaiting(url, common.load),
    stopsRunningCode: true,
    refusal: () => null,
    start: (url, name, events) => new BunWorker(url, name, events),
  };
}
