/**
 * Workers on Deno. They are web Workers: those of `node:worker_threads` take twice as
 * long to start and have nothing more that is of use here: neither stops a worker
 * that spins, nor survives one that runs out of memory.
 */

import { host } from "./host.ts";
import {
  type HostWorker,
  type HostWorkerEvents,
  loadPlainly,
  type Workers,
} from "./workers.ts";

/** A question about reading a file. */
interface ReadQuery {
  readonly name: "read";
  readonly path: URL;
}

interface PermissionHost {
  readonly permissions: {
    querySync(query: ReadQuery): { readonly state: string };
    requestSync(query: ReadQuery): { readonly state: string };
  };
}

/**
 * The method by which Deno's own modules say whether a worker keeps the process
 * alive: the one symbol without a description. Without it an idle worker does, until
 * its executor is shut down.
 */
function findHold(): symbol | undefined {
  const found = Object.getOwnPropertySymbols(Worker.prototype).filter((key) =>
    key.description === undefined
  );
  const [key] = found;
  if (found.length !== 1 || key === undefined) return undefined;
  const method = (Worker.prototype as unknown as Record<symbol, unknown>)[key];
  return typeof method === "function" && method.length === 1 ? key : undefined;
}

class DenoWorker implements HostWorker {
  readonly #worker: Worker;
  readonly #holdKey: symbol | undefined;
  #held = true;
  #gone = false;

  constructor(
    url: URL,
    name: string,
    events: HostWorkerEvents,
    holdKey: symbol | undefined,
  ) {
    this.#holdKey = holdKey;
    this.#worker = new Worker(url, { type: "module", name });
    this.#worker.onmessage = ({ data }) => {
      if (!this.#gone) events.message(data);
    };
    const die = (reason: string) => {
      if (this.#gone) return;
      this.terminate();
      events.died(reason);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      die(event.message);
    };
    this.#worker.onmessageerror = () => die("a message could not be read");
  }

  post(message: unknown, transfer: Transferable[]): void {
    this.#worker.postMessage(message, transfer);
  }

  terminate(): void {
    // First: a worker that spins would keep the process alive for ever.
    this.hold(false);
    this.#gone = true;
    this.#worker.terminate();
  }

  hold(on: boolean): void {
    const key = this.#holdKey;
    // It counts: each call must change something.
    if (key === undefined || on === this.#held || this.#gone) return;
    this.#held = on;
    (this.#worker as unknown as Record<symbol, (on: boolean) => void>)[key]!(
      on,
    );
  }
}

/** Workers of this Deno process. */
export function denoWorkers(): Workers {
  const holdKey = findHold();
  return {
    refusal(url) {
      if (url.protocol !== "file:") return null;
      const { permissions } = host.Deno as unknown as PermissionHost;
      const query: ReadQuery = { name: "read", path: url };
      // Asked here: the error of a worker that may not be loaded is printed, too.
      const state = permissions.querySync(query).state === "prompt"
        ? permissions.requestSync(query).state
        : permissions.querySync(query).state;
      return state === "granted" ? null : "Deno loads the code of a worker " +
        "only with leave to read it: run it with --allow-read, or with " +
        "--allow-read= and the folders of @x/asyncio and of the modules that " +
        "workers call";
    },
    start: (url, name, events) => new DenoWorker(url, name, events, holdKey),
    load: loadPlainly,
  };
}
