/** Does what another thread asks a loop for. */

import type { LoopServices } from "../_kernel/loop_services.ts";
import type { AnyCoroutine } from "../coroutines.ts";
import { packError } from "./error_pack.ts";
import { CancelledError, NotImplementedError } from "../exceptions.ts";
import type { Future } from "../futures.ts";
import { unwrap } from "./module_function.ts";
import { MessageOutbox, type Outbox } from "./port_outbox.ts";
import { ringOf } from "./ring_reader.ts";
import { RingOutbox } from "./ring_writer.ts";
import {
  CANCEL,
  ERROR,
  HELLO,
  type Hello,
  type Request,
  ROOM,
  VALUE,
} from "./port_words.ts";

/** What is behind a port. */
export interface Service {
  /** What must end before the request is begun, in the order of requests; or null. */
  prepare(request: Request): PromiseLike<unknown> | null;
  /** Begins a request that wants an answer, which it may give by itself. */
  begin(request: Request, calls: PortCalls): AnyCoroutine<unknown>;
  /** Does what wants no answer. */
  tell(request: Request): void;
  /** What wanted no answer failed. */
  failed(request: Request, error: unknown): void;
}

/** What another thread asks for through one port, and how far each of it is. */
export class PortCalls {
  readonly #loop: LoopServices;
  readonly #service: Service;
  readonly #port: MessagePort;
  #outbox: Outbox | null = null;
  /** The requests that want an answer; null for those not begun. */
  readonly #calls = new Map<number, Future<unknown> | null>();
  /** What holds up the requests that come now. */
  #gate: PromiseLike<void> | null = null;
  #closed = false;

  constructor(loop: LoopServices, service: Service, port: MessagePort) {
    this.#loop = loop;
    this.#service = service;
    this.#port = port;
  }

  /** The other thread is gone, or the loop. */
  end(): void {
    this.#closed = true;
    this.#outbox?.over();
    if (!this.#loop.isClosed()) {
      for (const future of this.#calls.values()) future?.cancel();
    }
    this.#calls.clear();
  }

  /** Does what a message asks for. */
  heard(request: Request): void {
    if (this.#closed) return;
    const [id, what, payload] = request;
    if (what === HELLO) this.#open(payload as Hello);
    else if (what === ROOM) this.#outbox!.room();
    else if (what === CANCEL) this.#cancel(id);
    else {
      if (id !== 0) this.#calls.set(id, null);
      this.#order(request);
    }
  }

  #open(hello: Hello): void {
    const ring = ringOf(hello);
    this.#outbox = ring === null
      ? new MessageOutbox(this.#port, hello.cells)
      : new RingOutbox(this.#port, ring);
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
      future = this.#loop.createTask(this.#service.begin(request, this));
    } catch (error) {
      this.#refuse(request, error);
      // As of runCoroutineThreadsafe: the loop learns of it, too.
      throw error;
    }
    // It may have been answered: an eager task is done by now.
    if (this.#calls.has(id)) this.#calls.set(id, future);
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

  /**
   * Answers a request while it is being done, so that it can be left undone where
   * that is not possible.
   *
   * @param apart See {@linkcode Outbox.send}.
   * @throws TypeError Where the value cannot be sent.
   * @throws CancelledError Where nobody waits for it any more.
   */
  give(id: number, value: unknown, apart: boolean): void {
    if (this.#closed || !this.#calls.has(id)) throw new CancelledError();
    this.#send(id, VALUE, value, apart);
    this.#calls.delete(id);
  }

  #answer(id: number, kind: number, value: unknown): void {
    try {
      this.#send(id, kind, value, true);
    } catch (error) {
      this.#send(id, ERROR, packError(error), true);
    }
  }

  #send(id: number, kind: number, value: unknown, apart: boolean): void {
    const list: Transferable[] = [];
    try {
      // Whoever asks has greeted before.
      this.#outbox!.send([id, kind, unwrap(value, list)], list, apart);
    } catch (error) {
      if (error instanceof NotImplementedError) throw error;
      throw new TypeError(
        `Cannot send the result to another thread: ${(error as Error).message}`,
        { cause: error },
      );
    }
  }
}
