/** The other thread's end of a loop's port: asks, and waits in either way. */

import { platform } from "../_platform/mod.ts";
import { stopsRunningCode } from "../_platform/thread_facts.ts";
import type { Coro } from "../coroutines.ts";
import type { Packed } from "./error_pack.ts";
import { unpackError } from "./error_unpack.ts";
import {
  CancelledError,
  InvalidStateError,
  NotImplementedError,
  RuntimeError,
  TimeoutError,
} from "../exceptions.ts";
import { wrapFuture } from "../futures.ts";
import { type Inbox, openInbox } from "./port_inbox.ts";
import { servedHere } from "./port_server.ts";
import {
  APART,
  CANCEL,
  CLOSE,
  HELLO,
  type Request,
  VALUE,
} from "./port_words.ts";
import { withResolvers } from "../_platform/promises.ts";
import { checkEnded, workerState } from "./worker_state.ts";

/** How long, in seconds, a worker sleeps before it looks whether it was ended. */
const NAP = 0.05;

type State = "pending" | "cancelled" | "finished";

/**
 * A call that another thread's loop does for this one, and its result.
 *
 * Await it, or block until it is there: a worker has nothing else to do.
 *
 * @typeParam T The type of the result.
 */
export class RemoteCall<T> implements PromiseLike<T> {
  readonly #client: PortClient;
  readonly #id: number;
  #state: State = "pending";
  #value: unknown = undefined;
  #failed = false;
  #promise: PromiseWithResolvers<unknown> | null = null;
  /**
   * Whether its answer comes only to code that does not block.
   *
   * @internal
   */
  _apart = false;

  /** @internal */
  constructor(client: PortClient, id: number) {
    this.#client = client;
    this.#id = id;
  }

  /** Whether it has ended or was cancelled. */
  done(): boolean {
    return this.#state !== "pending";
  }

  /** Whether it was cancelled, here or there. */
  cancelled(): boolean {
    return this.#state === "cancelled";
  }

  /**
   * Cancels it: here at once, and over there the task that does it.
   *
   * @returns False if it had ended.
   */
  cancel(): boolean {
    if (this.#state !== "pending") return false;
    this.#client.cancel(this.#id, true);
    this._fail(new CancelledError());
    return true;
  }

  /**
   * Blocks this thread until it has ended. In browsers only workers can block, of pages
   * that are cross-origin isolated, and not for ports, streams and the like.
   *
   * @param timeout Seconds to wait at most; null for no limit. With 0 it only looks.
   * @returns The result.
   * @throws What was thrown over there; CancelledError if it was cancelled;
   * TimeoutError if the time is over, which leaves the call alone; RuntimeError if
   * the loop was closed; NotImplementedError where a browser does not let it block.
   */
  result(timeout: number | null = null): T {
    if (
      timeout !== null && (typeof timeout !== "number" || timeout !== timeout)
    ) {
      throw new TypeError(
        `Cannot wait for the result: a number of seconds is needed, got ${timeout}`,
      );
    }
    if (!this.#client.block(this, timeout)) throw new TimeoutError();
    if (this.#failed) throw this.#value;
    return this.#value as T;
  }

  /**
   * What was thrown, of a call that has ended.
   *
   * @returns The error, or null where there is none.
   * @throws InvalidStateError If it has not ended.
   */
  exception(): unknown {
    if (this.#state === "pending") {
      throw new InvalidStateError("Exception is not set.");
    }
    return this.#failed ? this.#value : null;
  }

  /**
   * Waits for it without blocking.
   *
   * @param onFulfilled Called with the result.
   * @param onRejected Called with the error.
   * @returns A promise of what these return.
   */
  then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    if (this.#promise === null) {
      this.#promise = withResolvers();
      if (this.#state === "pending") this.#client.watch(this.#promise.promise);
      else this.#settle();
    }
    return (this.#promise.promise as Promise<T>).then(
      onFulfilled,
      onRejected,
    );
  }

  /** Waits for it in a generator, on a loop of this thread. */
  *[Symbol.iterator](): Coro<T> {
    const future = wrapFuture(this);
    try {
      return yield* future;
    } finally {
      if (future.cancelled()) this.cancel();
    }
  }

  /** @internal */
  _succeed(value: unknown): void {
    this.#end("finished", value, false);
  }

  /** @internal */
  _fail(error: unknown): void {
    this.#end(
      error instanceof CancelledError ? "cancelled" : "finished",
      error,
      true,
    );
  }

  #end(state: State, value: unknown, failed: boolean): void {
    this.#state = state;
    this.#value = value;
    this.#failed = failed;
    if (this.#promise !== null) this.#settle();
  }

  #settle(): void {
    if (this.#failed) this.#promise!.reject(this.#value);
    else this.#promise!.resolve(this.#value);
  }
}

/** Asks the loop at the other end of a port. */
export class PortClient {
  readonly #port: MessagePort;
  readonly #inbox: Inbox;
  readonly #calls = new Map<number, RemoteCall<unknown>>();
  #lastId = 0;
  /** How many calls somebody awaits. */
  #awaited = 0;
  #watching = false;
  #closed = false;

  constructor(port: MessagePort, what: string) {
    if (!(port instanceof MessagePort)) {
      throw new TypeError(
        `Cannot make a ${what}: a MessagePort is needed, got ${
          port === null ? "null" : typeof port
        }`,
      );
    }
    if (servedHere(port)) {
      throw new RuntimeError(
        `Cannot make a ${what} in the thread of the loop: send the port to ` +
          "another, with transfer(port, [port])",
      );
    }
    this.#port = port;
    this.#inbox = openInbox(port);
    this.#send([0, HELLO, this.#inbox.hello], []);
  }

  #send(request: Request, list: Transferable[]): void {
    this.#port.postMessage(request, list);
  }

  /** Refuses where the other end is gone; errors there could tell nobody. */
  #checkOpen(): void {
    if (this.#closed) throw new RuntimeError("the port is closed");
    if (this.#inbox.isOver()) throw new RuntimeError("Event loop is closed");
  }

  /** Asks for something and wants no answer. */
  tell(what: string, payload: unknown, list: Transferable[]): void {
    this.#checkOpen();
    try {
      this.#send([0, what, payload], list);
    } catch (error) {
      throw uncloneable(error);
    }
  }

  /** Asks for something; what cannot be sent fails the call. */
  call<T>(
    what: string,
    payload: unknown,
    list: Transferable[],
  ): RemoteCall<T> {
    this.#checkOpen();
    const id = ++this.#lastId;
    const call = new RemoteCall<T>(this, id);
    try {
      this.#send([id, what, payload], list);
      this.#calls.set(id, call);
    } catch (error) {
      call._fail(uncloneable(error));
    }
    return call;
  }

  /** Takes a call back; unless it is forgotten its answer says what came of it. */
  cancel(id: number, forget: boolean): void {
    if (!this.#calls.has(id)) return;
    if (forget) this.#calls.delete(id);
    if (!this.#closed) this.#send([id, CANCEL, null], []);
  }

  /** Takes back a call that took too long; it may have ended just before. */
  withdraw(call: RemoteCall<unknown>): void {
    for (const [id, known] of this.#calls) {
      if (known === call) this.cancel(id, false);
    }
  }

  /** Takes the answers that have come. */
  #drain(): void {
    if (this.#closed) return;
    for (;;) {
      // Asked first: the last answer may come in between, and then the end.
      const over = this.#inbox.isOver();
      const answer = this.#inbox.take();
      if (answer === undefined) {
        if (over) this.#failAll("Event loop is closed");
        if (over === this.#inbox.isOver()) return;
        continue;
      }
      const [id, kind, value] = answer;
      const call = this.#calls.get(id);
      if (call === undefined) continue;
      if (kind === APART) {
        call._apart = true;
        continue;
      }
      this.#calls.delete(id);
      if (kind === VALUE) call._succeed(value);
      else call._fail(unpackError(value as Packed, "the thread of the loop"));
    }
  }

  #failAll(text: string): void {
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const call of calls) call._fail(new RuntimeError(text));
  }

  /** Refuses where this thread cannot block. */
  checkBlocks(): void {
    if (this.#inbox.block !== null) return;
    throw new NotImplementedError(
      "Cannot block for another thread: browsers allow it only in workers, and " +
        "only of pages that are cross-origin isolated; await the call",
    );
  }

  /** Blocks until a call has ended; returns false if the time is over before. */
  block(call: RemoteCall<unknown>, timeout: number | null): boolean {
    const { clock } = platform;
    const end = timeout === null ? Infinity : clock.now() + timeout;
    const nap = stopsRunningCode || workerState.cells === null ? Infinity : NAP;
    for (;;) {
      // Read before looking: an answer that comes in between changes it.
      const seen = this.#inbox.count();
      if (!call.done()) this.#drain();
      if (call.done()) return true;
      checkEnded();
      const left = end - clock.now();
      if (left <= 0) return false;
      this.checkBlocks();
      if (call._apart) {
        throw new NotImplementedError(
          "Cannot block for this result: it has something, such as a port or a " +
            "stream, that a browser gives only to code that does not; await it",
        );
      }
      this.#inbox.block!(seen, Math.min(left, nap) * 1000);
    }
  }

  /** Takes answers as they come, until a promise is settled. */
  watch(promise: Promise<unknown>): void {
    this.#awaited++;
    const settled = () => void this.#awaited--;
    promise.then(settled, settled);
    if (!this.#watching) void this.#watch();
  }

  async #watch(): Promise<void> {
    this.#watching = true;
    while (this.#awaited > 0) {
      const seen = this.#inbox.count();
      this.#drain();
      await this.#inbox.change(seen);
    }
    this.#watching = false;
  }

  close(): void {
    if (this.#closed) return;
    this.#drain();
    this.#send([0, CLOSE, null], []);
    this.#closed = true;
    this.#failAll("the port is closed");
    this.#port.close();
    // Whoever watches looks once more.
    this.#inbox.wake();
  }
}

function uncloneable(error: unknown): TypeError {
  return new TypeError(
    `Cannot send the arguments to another thread: ${(error as Error).message}`,
    { cause: error },
  );
}
