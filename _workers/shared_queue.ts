/** A queue between a loop and workers. */

import { LoopServices } from "../_kernel/loop_services.ts";
import type { AnyCoroutine } from "../coroutines.ts";
import { getRunningLoop } from "../events.ts";
import { TimeoutError } from "../exceptions.ts";
import { Get } from "../_sync/queue_calls.ts";
import { type Transfer, unwrap } from "./module_function.ts";
import { PortClient, type RemoteCall } from "./port_client.ts";
import type { PortCalls, Service } from "./port_calls.ts";
import { PortServer } from "./port_server.ts";
import type { Request } from "./port_words.ts";
import { Queue, QueueShutDown } from "../queues.ts";

const PUT = "put";
const GET = "get";
const SIZE = "size";
const JOIN = "join";
const DONE = "done";
const SHUTDOWN = "shutdown";
/** Said by who blocks for an item. */
const BLOCKS = "blocks";

/** `queue.get()` for another thread, to which the item is sent as it is taken. */
class RemoteGet<T> extends Get<T> {
  readonly #shared: SharedQueue<T>;
  readonly #send: (item: T) => void;

  constructor(queue: SharedQueue<T>, send: (item: T) => void) {
    super(queue);
    this.#shared = queue;
    this.#send = send;
  }

  override _complete(): T {
    try {
      return this.#shared._hand(this.#send);
    } catch (error) {
      // The item stays, for the next who waits.
      this._passOn();
      throw error;
    }
  }
}

class QueueService implements Service {
  readonly #loop: LoopServices;
  readonly #queue: SharedQueue<unknown>;

  constructor(loop: LoopServices, queue: SharedQueue<unknown>) {
    this.#loop = loop;
    this.#queue = queue;
  }

  prepare(_request: Request): null {
    return null;
  }

  begin([id, what, payload]: Request, calls: PortCalls): AnyCoroutine<unknown> {
    const queue = this.#queue;
    if (what === PUT) return queue.put(payload);
    if (what === GET) {
      const apart = payload !== BLOCKS;
      return new RemoteGet(queue, (item) => calls.give(id, item, apart));
    }
    if (what === JOIN) return queue.join();
    // deno-lint-ignore require-yield
    return (function* () {
      return queue.qsize();
    })();
  }

  tell([, what, payload]: Request): void {
    // By the loop, behind what was asked for before.
    this.#loop.callSoonThreadsafe(() => {
      if (what === DONE) this.#queue.taskDone();
      else if (what === SHUTDOWN) this.#queue.shutdown(payload === true);
    });
  }

  failed(_request: Request, error: unknown): void {
    this.#loop.callExceptionHandler({
      message: "Exception in a call of a SharedQueue from another thread",
      exception: error,
    });
  }
}

/**
 * A queue that workers can use, too. In the loop's thread it is a {@linkcode Queue};
 * for each worker make a port, send it there, and make a {@linkcode RemoteQueue} of
 * it. Items cross as structured clones.
 *
 * It stays in the loop's thread, so who waits is served first come first served,
 * wherever they wait, and a maximum size holds for all. A worker that ends while it
 * waits takes no item. One that cannot be sent stays first on the queue: the call that
 * would have got it fails, and in the loop's thread it can be taken.
 *
 * @typeParam T The type of its items.
 *
 * @example A worker that takes from one queue and puts on another
 * ```ts
 * import {
 *   moduleFunction,
 *   RemoteQueue,
 *   run,
 *   SharedQueue,
 *   TaskGroup,
 *   toThread,
 *   transfer,
 * } from "@x/asyncio";
 *
 * export function squares(from: MessagePort, to: MessagePort): void {
 *   const results = new RemoteQueue<number>(to);
 *   for (const n of new RemoteQueue<number>(from)) results.putBlocking(n * n);
 * }
 *
 * if (import.meta.main) {
 *   await run(async () => {
 *     const jobs = new SharedQueue<number>(10);
 *     const results = new SharedQueue<number>();
 *     const ports = [jobs.port(), results.port()] as const;
 *     await new TaskGroup().with(async (group) => {
 *       group.createTask(() =>
 *         toThread(
 *           moduleFunction(import.meta.url, squares),
 *           transfer(ports[0], [ports[0]]),
 *           transfer(ports[1], [ports[1]]),
 *         )
 *       );
 *       for (const n of [1, 2, 3]) await jobs.put(n);
 *       jobs.shutdown();
 *     });
 *     console.log(results.qsize()); // 3
 *   });
 * }
 * ```
 */
export class SharedQueue<T> extends Queue<T> {
  /**
   * Makes a port for another thread.
   *
   * @returns The port, to be moved: `transfer(port, [port])`.
   * @throws RuntimeError Outside of a running loop.
   */
  port(): MessagePort {
    const loop = getRunningLoop();
    if (!(loop instanceof LoopServices)) {
      throw new TypeError(
        "Cannot make a port: a loop that extends BaseEventLoop is needed",
      );
    }
    return new PortServer(loop, () => new QueueService(loop, this)).remote;
  }

  /**
   * Takes an item and hands it on. What is not taken by whom it is handed to stays.
   *
   * @internal
   */
  _hand(to: (item: T) => void): T {
    // Which item a subclass takes that has an order of its own, only taking tells.
    if (this.empty() || this._get !== SharedQueue.prototype._get) {
      const item = this.getNowait();
      to(item);
      return item;
    }
    const [first] = this._store;
    to(first as T);
    return this.getNowait();
  }
}

/**
 * A {@linkcode SharedQueue} of another thread. Its methods wait without blocking, or
 * block: a worker has nothing else to do.
 *
 * `for (const item of queue)` and `for await` take items until the queue is shut
 * down; the former blocks.
 *
 * @typeParam T The type of its items.
 */
export class RemoteQueue<T> implements Disposable {
  readonly #client: PortClient;

  /**
   * Takes hold of the queue.
   *
   * @param port What its `port()` has made in its thread.
   * @throws RuntimeError In the thread of the queue itself.
   */
  constructor(port: MessagePort) {
    this.#client = new PortClient(port, "RemoteQueue");
  }

  /**
   * Puts an item on the queue.
   *
   * @param item The item; it may be marked by `transfer`.
   * @returns A call that ends once there was room.
   */
  put(item: T | Transfer<T>): RemoteCall<void> {
    const list: Transferable[] = [];
    const value = unwrap(item, list);
    return this.#client.call(PUT, value, list);
  }

  /** Takes an item: a call that ends once there is one. */
  get(): RemoteCall<T> {
    return this.#client.call(GET, null, []);
  }

  /**
   * Puts an item on the queue; blocks while that is full.
   *
   * @param item The item; it may be marked by `transfer`.
   * @param timeout Seconds to wait at most; null for no limit.
   * @throws TimeoutError If there was no room in time; the item was not put.
   * @throws QueueShutDown If the queue was shut down.
   * @throws NotImplementedError Where a browser does not let it block; see
   * {@linkcode RemoteCall.result}.
   */
  putBlocking(item: T | Transfer<T>, timeout: number | null = null): void {
    this.#client.checkBlocks();
    this.#block(this.put(item), timeout);
  }

  /**
   * Takes an item; blocks while there is none.
   *
   * @param timeout Seconds to wait at most; null for no limit.
   * @returns The item.
   * @throws TimeoutError If there was none in time.
   * @throws QueueShutDown If the queue was shut down.
   * @throws NotImplementedError Where a browser does not let it block, or not for
   * this item, which stays on the queue; see {@linkcode RemoteCall.result}.
   */
  getBlocking(timeout: number | null = null): T {
    this.#client.checkBlocks();
    return this.#block(this.#client.call<T>(GET, BLOCKS, []), timeout);
  }

  #block<R>(call: RemoteCall<R>, timeout: number | null): R {
    try {
      return call.result(timeout);
    } catch (error) {
      if (!(error instanceof TimeoutError) || call.done()) throw error;
      // It may be served just now: what was taken must not be lost.
      this.#client.withdraw(call);
      this.#client.block(call, null);
      if (call.cancelled()) throw error;
      return call.result();
    }
  }

  /** How many items it has; blocks until the loop has answered. */
  qsize(): number {
    return this.#client.call<number>(SIZE, null, []).result();
  }

  /** Says that an item that was taken has been dealt with. */
  taskDone(): void {
    this.#client.tell(DONE, null, []);
  }

  /** A call that ends once all items have been dealt with. */
  join(): RemoteCall<void> {
    return this.#client.call(JOIN, null, []);
  }

  /**
   * Shuts the queue down, for all.
   *
   * @param immediate Whether the items that are on it are dropped.
   */
  shutdown(immediate = false): void {
    this.#client.tell(SHUTDOWN, immediate, []);
  }

  /** Takes items until the queue is shut down; blocks while there is none. */
  *[Symbol.iterator](): Generator<T, void, undefined> {
    try {
      for (;;) yield this.getBlocking();
    } catch (error) {
      if (!(error instanceof QueueShutDown)) throw error;
    }
  }

  /** Takes items until the queue is shut down. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      let item: T;
      try {
        item = await this.get();
      } catch (error) {
        if (error instanceof QueueShutDown) return;
        throw error;
      }
      yield item;
    }
  }

  /** Lets go of the queue; what waits there for this thread is cancelled. */
  close(): void {
    this.#client.close();
  }

  /** Lets go of the queue: `using queue = new RemoteQueue(port)`. */
  [Symbol.dispose](): void {
    this.close();
  }
}
