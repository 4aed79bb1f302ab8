/** Workers on Bun. */

import { host } from "./host.ts";
import {
  type HostWorker,
  type HostWorkerEvents,
  loadUnlessWaiting,
  type Workers,
} from "./workers.ts";

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

/** Workers of this Bun process. */
export function bunWorkers(): Workers {
  const { main } = host.Bun as unknown as { readonly main: string };
  return {
    load: (url) => loadUnlessWaiting(url, main),
    refusal: () => null,
    start: (url, name, events) => new BunWorker(url, name, events),
  };
}
