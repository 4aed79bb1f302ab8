/**
 * A worker that ends the program when the main thread ignores Ctrl-C. It needs no
 * permission, but about 10 ms to start, most of which the main thread waits.
 */

// Indexes of the shared cells, also written out in the worker's source.
const STATE = 0;
const SEEN = 1;
const ACKNOWLEDGED = 2;
// Values of STATE.
const BOOTING = 0;
const FORWARDING = 2;
const STOPPED = 3;

/** How long the main thread waits for the worker to let go of SIGINT. */
const STOP_MS = 250;

/**
 * The worker's program. It counts SIGINTs (two within 10 ms are one) and passes
 * them on once it is told to. Two that the main thread has not acknowledged, nor
 * does within a further 50 ms, end the program: by then no other listener is left
 * in the process, so the signal has its default action. If one is left after all,
 * nothing but SIGKILL helps.
 */
const SOURCE = `
onmessage = ({ data: cells }) => {
  onmessage = () => {
    Deno.removeSignalListener("SIGINT", on);
    Atomics.store(cells, 0, 3);
    Atomics.notify(cells, 0);
  };
  let last = -Infinity;
  const end = () => {
    Deno.removeSignalListener("SIGINT", on);
    Deno.kill(Deno.pid, "SIGINT");
    setTimeout(() => Deno.kill(Deno.pid, "SIGKILL"), 500);
  };
  const on = () => {
    const now = performance.now();
    const twin = now - last < 10;
    last = now;
    if (Atomics.load(cells, 0) === 2) postMessage("press");
    if (twin) return;
    const seen = Atomics.add(cells, 1, 1) + 1;
    const known = Atomics.load(cells, 2);
    if (seen - known < 2) return;
    setTimeout(() => {
      if (Atomics.load(cells, 2) === known) end();
    }, 50);
  };
  Deno.addSignalListener("SIGINT", on);
  Atomics.store(cells, 0, 1);
  Atomics.notify(cells, 0);
  postMessage("ready");
};`;

// Taken once: fake timers that a test installs later must not reach in here.
const { performance } = globalThis;

/** What the guard tells its owner. */
export interface GuardEvents {
  /** The worker listens; it passes signals on once `forward` is called. */
  ready(): void;
  /** A SIGINT came. */
  press(): void;
  /** The worker could not be had, or is gone. */
  fail(): void;
}

/** The main thread's side of the watcher worker. */
export class GuardWorker {
  readonly #cells: Int32Array<SharedArrayBuffer>;
  readonly #worker: Worker;

  /** Starts the worker; throws where there are none. */
  constructor(events: GuardEvents) {
    this.#cells = new Int32Array(new SharedArrayBuffer(12));
    this.#worker = new Worker(
      `data:text/javascript,${encodeURIComponent(SOURCE)}`,
      { type: "module", name: "asyncio Ctrl-C watcher" },
    );
    this.#worker.onmessage = ({ data }) =>
      data === "ready" ? events.ready() : events.press();
    this.#worker.onerror = (event) => {
      event.preventDefault();
      events.fail();
    };
    this.#worker.postMessage(this.#cells);
  }

  /** Blocks until the worker listens; returns whether it does. */
  waitReady(ms: number): boolean {
    Atomics.wait(this.#cells, STATE, BOOTING, ms);
    return Atomics.load(this.#cells, STATE) !== BOOTING;
  }

  /** Has the worker pass signals on: the main thread listens no more. */
  forward(): void {
    Atomics.store(this.#cells, STATE, FORWARDING);
  }

  /** Tells the worker that the main thread has seen all signals so far. */
  acknowledge(): void {
    const seen = Atomics.load(this.#cells, SEEN);
    Atomics.store(this.#cells, ACKNOWLEDGED, seen);
  }

  /**
   * Ends the worker, which must take its listener back first: a terminated worker
   * would keep SIGINT from having its default action ever again.
   */
  dispose(): void {
    this.#worker.postMessage("stop");
    const until = performance.now() + STOP_MS;
    for (;;) {
      const state = Atomics.load(this.#cells, STATE);
      const left = until - performance.now();
      if (state === STOPPED || left <= 0) break;
      Atomics.wait(this.#cells, STATE, state, left);
    }
    this.#worker.terminate();
  }
}
