/** One worker of a pool, as the pool sees it: idle, or at a call. */

import type { HostWorker, Workers } from "../_platform/workers.ts";
import type { Packed } from "./error_pack.ts";
import { unpackError, WorkerDiedError } from "./error_unpack.ts";
import { CancelledError, PermissionError } from "../exceptions.ts";
import type { ExecutorFuture } from "./executor_future.ts";
import { logger } from "../log.ts";
import { type ModuleFunction, unwrapAll } from "./module_function.ts";
import { disconnectPort } from "./port_server.ts";
import {
  type AnswerMessage,
  ASKED,
  type BeginMessage,
  type CallMessage,
  CELLS,
  DIED,
  ENDED,
  FAILED,
  RETURNED,
  sharedCells,
  UNFIT,
} from "./worker_state.ts";

/** The program of the workers; compiled, it has the extension of this file. */
function entry(): URL {
  const { url } = import.meta;
  const name = url.endsWith(".js") ? "./worker_entry.js" : "./worker_entry.ts";
  return new URL(name, url);
}

/** What a pool gives its workers and is told by them. */
export interface Pool {
  readonly initializer: ModuleFunction | null;
  readonly initargs: readonly unknown[];
  /** What starts a worker in a bundle for browsers, if the program says so. */
  readonly worker: (() => Worker) | null;
  /** The worker has ended a call, and can have the next. */
  freed(worker: PoolWorker): void;
  /** The worker is gone. */
  lost(worker: PoolWorker): void;
  /** The worker's initializer failed. */
  unfit(worker: PoolWorker, error: unknown): void;
}

let lastId = 0;

/** A number that is not 0 and fits a shared cell. */
function nextId(): number {
  return lastId = lastId % 0x7fffffff + 1;
}

function messageOf(
  fn: ModuleFunction,
  args: readonly unknown[],
  list: Transferable[],
): CallMessage {
  return [
    nextId(),
    fn.module,
    fn.name,
    unwrapAll(args, list),
    fn._context,
  ];
}

export class PoolWorker {
  readonly name: string;
  /** What it runs. */
  call: ExecutorFuture<unknown> | null = null;
  readonly #pool: Pool;
  readonly #cells: Int32Array<SharedArrayBuffer> | null;
  readonly #worker: HostWorker;
  /** The ports that it was sent. */
  #ports: MessagePort[] | null = null;
  #id = 0;
  #gone = false;

  /** Starts the worker; throws PermissionError where that is not allowed. */
  constructor(pool: Pool, name: string, workers: Workers) {
    const refusal = workers.refusal(entry());
    if (refusal !== null) {
      throw new PermissionError(`Cannot start a worker: ${refusal}`);
    }
    this.#pool = pool;
    this.name = name;
    this.#cells = sharedCells(CELLS);
    // Before the worker: what cannot be cloned must leave none behind.
    const list: Transferable[] = [];
    const begin: BeginMessage = {
      cells: this.#cells,
      name,
      initializer: pool.initializer === null
        ? null
        : messageOf(pool.initializer, pool.initargs, list),
    };
    this.#worker = workers.start(entry(), name, {
      message: (data) => this.#heard(data as AnswerMessage),
      died: (reason) => this.#died(reason, undefined),
    }, pool.worker);
    try {
      this.#send(begin, list);
    } catch (error) {
      this.end();
      throw new TypeError(
        "Cannot send the arguments of the initializer " +
          `${pool.initializer!.name}() to a worker: ${
            (error as Error).message
          }`,
        { cause: error },
      );
    }
  }

  /** Has it run a call; returns false where that could not be sent, and has failed. */
  run(call: ExecutorFuture<unknown>): boolean {
    const list: Transferable[] = [];
    const { _fn: fn } = call;
    const message = messageOf(fn, call._args, list);
    try {
      this.#send(message, list);
    } catch (error) {
      call._reject(
        new TypeError(
          `Cannot send the arguments of ${fn.name}() to a worker: ${
            (error as Error).message
          }`,
          { cause: error },
        ),
      );
      return false;
    }
    this.#id = message[0];
    this.call = call;
    call._worker = this;
    call._start();
    this.#worker.hold(true);
    return true;
  }

  #send(message: unknown, list: Transferable[]): void {
    this.#worker.post(message, list);
    for (const sent of list) {
      if (sent instanceof MessagePort) (this.#ports ??= []).push(sent);
    }
  }

  /** Tells the call that it is not wanted, if it cares to ask. */
  ask(): void {
    if (this.#cells === null) this.#worker.post(this.#id, []);
    else Atomics.store(this.#cells, ASKED, this.#id);
  }

  /** Ends the worker, whatever it does; its call is left to the caller. */
  end(): void {
    if (this.#gone) return;
    this.#gone = true;
    // What blocks in it, or asks, gives up: Deno ends a worker only between turns.
    if (this.#cells !== null) Atomics.store(this.#cells, ENDED, 1);
    this.#worker.terminate();
    this.#leavePorts();
  }

  /** Lets the process end while it has nothing to do. */
  rest(): void {
    this.#worker.hold(false);
  }

  #leavePorts(): void {
    for (const port of this.#ports ?? []) disconnectPort(port);
    this.#ports = null;
  }

  #heard([id, kind, value]: AnswerMessage): void {
    if (this.#gone) return;
    if (kind === RETURNED || kind === FAILED) {
      const { call } = this;
      if (call === null || id !== this.#id) return;
      this.call = null;
      if (kind === RETURNED) call._resolve(value);
      else this.#fail(call, value as Packed);
      // A callback of the call may have ended it.
      if (!this.#gone) this.#pool.freed(this);
    } else if (kind === UNFIT) {
      const error = unpackError(value as Packed, this.#origin());
      this.end();
      this.#pool.unfit(this, error);
    } else if (kind === DIED) {
      const byError = value !== null;
      this.#died(
        byError ? "an error that nothing caught" : "it ended itself",
        byError ? unpackError(value as Packed, this.#origin()) : undefined,
      );
    }
  }

  #origin(): string {
    return `worker '${this.name}'`;
  }

  #fail(call: ExecutorFuture<unknown>, packed: Packed): void {
    const error = unpackError(packed, this.#origin());
    if (error instanceof CancelledError) call._cancel(error);
    else call._reject(error);
  }

  #died(reason: string, cause: unknown): void {
    if (this.#gone) return;
    this.end();
    const { call } = this;
    this.call = null;
    const options = cause === undefined ? undefined : { cause };
    if (call !== null) {
      call._reject(
        new WorkerDiedError(
          `${this.#origin()} ended while it ran ${call._fn.name}(): ${reason}`,
          options,
        ),
      );
    } else {
      logger.error(`${this.#origin()} ended between two calls: ${reason}`, {
        exc: cause,
      });
    }
    this.#pool.lost(this);
  }
}
