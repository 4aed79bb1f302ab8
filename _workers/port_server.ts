/** The loop's end of a port: does what another thread asks for. */

import { platform } from "../_platform/mod.ts";
import type { BaseEventLoop } from "../base_events.ts";
import type { AnyCoroutine } from "../coroutines.ts";
import { packError } from "./error_pack.ts";
import { CancelledError } from "../exceptions.ts";
import type { Future } from "../futures.ts";
import { unwrap } from "./module_function.ts";
import { notePort, type PortPeer } from "./port_peers.ts";
import {
  type Answer,
  CANCEL,
  CLOSE,
  CLOSED,
  COUNT,
  ERROR,
  HELLO,
  type Request,
  VALUE,
} from "./port_words.ts";

/** What is behind a port. */
export interface Service {
  /** What must end before the request is begun, in the order of requests; or null. */
  prepare(request: Request): PromiseLike<unknown> | null;
  /** Begins a request that wants an answer. */
  begin(request: Request): AnyCoroutine<unknown>;
  /** Does what wants no answer. */
  tell(request: Request): void;
  /** What wanted no answer failed. */
  failed(request: Request, error: unknown): void;
}

/** Serves one port. */
export class PortServer implements PortPeer {
  /** The end to send away. */
  readonly remote: MessagePort;
  readonly #loop: BaseEventLoop;
  readonly #service: Service;
  readonly #port: MessagePort;
  #cells: Int32Array<SharedArrayBuffer> | null = null;
  /** The requests that want an answer; null for those not begun. */
  readonly #calls = new Map<number, Future<unknown> | null>();
  /** What holds up the requests that come now. */
  #gate: PromiseLike<void> | null = null;
  #closed = false;
  readonly #close = () => this.disconnect();

  constructor(loop: BaseEventLoop, service: Service) {
    loop._checkClosed();
    const { port1, port2 } = new MessageChannel();
    this.#loop = loop;
    this.#service = service;
    this.#port = port1;
    this.remote = port2;
    notePort(port2, this);
    port1.onmessage = ({ data }) => this.#heard(data as Request);
    // Deno tells of this only where the other end is closed in so many words.
    port1.addEventListener("close", this.#close);
    platform.workers.release(port1);
    loop._closers.add(this.#close);
  }

  disconnect(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#loop._closers.delete(this.#close);
    if (this.#cells !== null) {
      Atomics.store(this.#cells, CLOSED, 1);
      this.#ring();
    }
    this.#port.close();
    if (!this.#loop.isClosed()) {
      for (const future of this.#calls.values()) future?.cancel();
    }
    this.#calls.clear();
  }

  /** Wakes those that wait for an answer. */
  #ring(): void {
    if (this.#cells === null) return;
    Atomics.add(this.#cells, COUNT, 1);
    Atomics.notify(this.#cells, COUNT);
  }

  #heard(request: Request): void {
    if (this.#closed) return;
    const [id, what, payload] = request;
    if (what === HELLO) this.#cells = payload as Int32Array<SharedArrayBuffer>;
    else if (what === CLOSE) this.disconnect();
    else if (what === CANCEL) this.#cancel(id);
    else {
      if (id !== 0) this.#calls.set(id, null);
      this.#order(request);
    }
  }

  /** Begins requests in the order in which they came. */
  #order(request: Request): void {
    if (this.#gate === null) {
      const prepared = this.#service.prepare(request);
      if (prepared === null) this.#begin(request);
      else this.#hold(request, prepared);
      return;
    }
    this.#hold(
      request,
      this.#gate.then(() => this.#service.prepare(request)),
    );
  }

  #hold(request: Request, prepared: PromiseLike<unknown>): void {
    const gate = prepared.then(
      () => this.#begin(request),
      (error) => this.#refuse(request, error),
    );
    this.#gate = gate;
    gate.then(() => {
      if (this.#gate === gate) this.#gate = null;
    });
  }

  #begin(request: Request): void {
    const [id] = request;
    if (this.#closed) return;
    try {
      if (id === 0) this.#service.tell(request);
      else if (this.#calls.has(id)) {
        this.#loop.callSoonThreadsafe(() => this.#start(request));
      }
    } catch (error) {
      this.#refuse(request, error);
    }
  }

  #start(request: Request): void {
    const [id] = request;
    if (this.#closed || !this.#calls.has(id)) return;
    let future: Future<unknown>;
    try {
      future = this.#loop.createTask(this.#service.begin(request));
    } catch (error) {
      this.#refuse(request, error);
      // As of runCoroutineThreadsafe: the loop learns of it, too.
      throw error;
    }
    this.#calls.set(id, future);
    future.addDoneCallback((done) => this.#finish(id, done));
  }

  #refuse(request: Request, error: unknown): void {
    if (this.#closed) return;
    const [id] = request;
    if (id === 0) this.#service.failed(request, error);
    else if (this.#calls.delete(id)) this.#answer(id, ERROR, packError(error));
  }

  #finish(id: number, done: Future<unknown>): void {
    let value: unknown;
    let error: unknown;
    let failed = false;
    try {
      value = done.result();
    } catch (thrown) {
      failed = true;
      error = thrown;
    }
    if (!this.#calls.delete(id)) return;
    if (failed) this.#answer(id, ERROR, packError(error));
    else this.#answer(id, VALUE, value);
  }

  #cancel(id: number): void {
    const future = this.#calls.get(id);
    if (future === undefined) return;
    if (future !== null) {
      future.cancel();
      return;
    }
    this.#calls.delete(id);
    this.#answer(id, ERROR, packError(new CancelledError()));
  }

  #answer(id: number, kind: number, value: unknown): void {
    const list: Transferable[] = [];
    const answer: Answer = [id, kind, unwrap(value, list)];
    try {
      this.#port.postMessage(answer, list);
    } catch (error) {
      const refused: Answer = [
        id,
        ERROR,
        packError(
          new TypeError(
            `Cannot send the result to another thread: ${
              (error as Error).message
            }`,
            { cause: error },
          ),
        ),
      ];
      this.#port.postMessage(refused);
    }
    this.#ring();
  }
}
