/** Workers in browsers, and wherever else there is a `Worker` of the web. */

import { NotImplementedError } from "../exceptions.ts";
import type { HostWorker, HostWorkerEvents, Workers } from "./workers.ts";

/** What is said where the host does not say why a worker is gone. */
const NOT_LOADED = "its code could not be loaded. Bundlers that understand " +
  "new Worker(new URL(…, import.meta.url)) bring it along; with others give " +
  "ThreadPoolExecutor a `worker` of your own";

/** Why there are no threads, or null. */
function lack(): string | null {
  return typeof globalThis.Worker === "function"
    ? null
    : "Cannot run functions in threads: this runtime " +
      `(${
        globalThis.navigator?.userAgent ?? "without a name"
      }) has no Worker; ` +
      "do it on Deno, Bun or Node, or in a browser";
}

/** A program that imports another, which may come from elsewhere. */
let importing: string | undefined;

/** Begins the program of a pool's workers. */
function begin(url: URL): Worker {
  const { url: here } = import.meta;
  if (here.endsWith(".ts")) return new Worker(url, { type: "module" });
  // Browsers take the first module of a worker only from the page's own server.
  if (
    globalThis.location !== undefined &&
    new URL(here).origin !== location.origin && /^https?:/.test(here)
  ) {
    importing ??= URL.createObjectURL(
      new Blob([`import ${JSON.stringify(url.href)};`], {
        type: "text/javascript",
      }),
    );
    return new Worker(importing, { type: "module" });
  }
  // Written out: bundlers look for these very words.
  return new Worker(
    new URL("../_workers/worker_entry.js", import.meta.url),
    { type: "module" },
  );
}

class WebWorker implements HostWorker {
  readonly #worker: Worker;
  #gone = false;

  constructor(worker: Worker, events: HostWorkerEvents) {
    this.#worker = worker;
    worker.onmessage = ({ data }) => {
      if (!this.#gone) events.message(data);
    };
    const die = (reason: string) => {
      if (this.#gone) return;
      this.terminate();
      events.died(reason);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      // One that could not be loaded is an event without a message.
      die(event.message || NOT_LOADED);
    };
    worker.onmessageerror = () => die("a message could not be read");
  }

  post(message: unknown, transfer: Transferable[]): void {
    this.#worker.postMessage(message, transfer);
  }

  terminate(): void {
    this.#gone = true;
    this.#worker.terminate();
  }

  // Nothing ends a page that waits, and nothing keeps one.
  hold(): void {}
}

/** Workers of this page, or of this worker of it. */
export function webWorkers(): Workers {
  return {
    refusal: () => null,
    start(url, _name, events, own) {
      const reason = lack();
      if (reason !== null) throw new NotImplementedError(reason);
      return new WebWorker(own === null ? begin(url) : own(), events);
    },
    load: (url) => import(/* @vite-ignore */ /* webpackIgnore: true */ url),
  };
}
