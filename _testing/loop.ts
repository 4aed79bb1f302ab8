/**
 * The loop of a virtual test. It knows where things were made, which tasks run code
 * that waits for something foreign, and how often each was suspended.
 */

import "../_net/whole.ts";
import type { Platform } from "../_platform/types.ts";
import type { Instruments } from "../_kernel/driver.ts";
import type { TimerHeap } from "../_kernel/ready.ts";
import {
  type AnyCoroutine,
  type Coro,
  Coroutine,
  type TaskOptions,
} from "../coroutines.ts";
import type { Callback, Executor, TimerHandle } from "../events.ts";
import type { Future } from "../futures.ts";
import type { ProtocolFactory } from "../_net/net_types.ts";
import type { BaseProtocol, SubprocessProtocol } from "../protocols.ts";
import type { Server } from "../_net/server.ts";
import { type StepOwner, stepOwner } from "../_kernel/state.ts";
import type {
  SubprocessArgs,
  SubprocessOptions,
} from "../_os/subprocess_types.ts";
import type { Task } from "../tasks.ts";
import type { ScheduledQueue } from "./order.ts";
import type { Site, Sites } from "./waits.ts";
import type {
  DatagramTransport,
  ReadTransport,
  SubprocessTransport,
  Transport,
  WriteTransport,
} from "../transports.ts";
import { _UnixSelectorEventLoop } from "../unix_events.ts";

/** The descriptors that a child writes to. */
const OUTPUTS = [1, 2];

/** What a test's loop is made of. */
export interface TestLoopOptions {
  readonly platform: Platform;
  readonly queue: ScheduledQueue;
  readonly timers: TimerHeap;
  /** Called when the loop has nothing to do. */
  readonly idle: () => void;
  /** Called when something foreign has ended. */
  readonly rest: () => void;
  /** Whether it is remembered where things are made. */
  readonly sites: boolean;
}

/** What is told of each suspension of one task; see assertCancellable. */
export type SuspensionListener = (task: Task<unknown>) => void;

/** A task as its steps see it. */
type Stepping = Task<unknown>;

/** The loop of a virtual test. */
export class TestLoop extends _UnixSelectorEventLoop {
  /** Where tasks, timers and executors were made. */
  readonly _sites: Sites = new WeakMap();
  readonly _heap: TimerHeap;
  readonly _queue: ScheduledQueue;
  /** Timers that a program has set by itself. */
  readonly _own: Set<TimerHandle> = new Set();
  /** Executors that were used, and whether they were shut down. */
  readonly _executors: Map<Executor, boolean> = new Map();
  readonly _servers: Set<Server> = new Set();
  readonly _processes: Set<SubprocessTransport> = new Set();
  /** Where a task last asked for a connection. */
  readonly #asked: Sites = new WeakMap();
  /** How often tasks were suspended, of those that somebody counts. */
  readonly _counted: Map<Task<unknown>, number> = new Map();
  _onSuspension: SuspensionListener | null = null;
  readonly #rest: () => void;
  readonly #keepSites: boolean;
  /** Tasks whose async code runs, or waits for something foreign. */
  readonly #open: Set<Stepping> = new Set();
  #foreign = 0;

  /** Makes a loop; `runTest` does that. */
  constructor(options: TestLoopOptions) {
    const instruments: Instruments = {
      ready: options.queue,
      timers: options.timers,
      idle: options.idle,
    };
    super({ platform: options.platform, instruments });
    this._heap = options.timers;
    this._queue = options.queue;
    this.#rest = options.rest;
    this.#keepSites = options.sites;
  }

  /** Remembers where something is made: where the caller of this was called. */
  _note(what: object): void {
    if (this.#keepSites) this._sites.set(what, here());
  }

  /** How many foreign things are waited for. */
  get _foreignWaits(): number {
    let count = this.#foreign;
    for (const task of this.#open) {
      if (task.done()) this.#open.delete(task);
      else if (waitsForForeign(task) && !this._queue.hasTask(task)) count++;
    }
    return count;
  }

  override createTask<T>(
    coro: AnyCoroutine<T>,
    options?: TaskOptions,
  ): Task<T> {
    const task = super.createTask(coro, options);
    this._note(task);
    return task;
  }

  override callLater<A extends unknown[]>(
    delay: number,
    callback: Callback<A>,
    ...args: A
  ): TimerHandle {
    return this.#remember(super.callLater(delay, callback, ...args));
  }

  override callAt<A extends unknown[]>(
    when: number,
    callback: Callback<A>,
    ...args: A
  ): TimerHandle {
    return this.#remember(super.callAt(when, callback, ...args));
  }

  #remember(timer: TimerHandle): TimerHandle {
    this._note(timer);
    // Those that are over leave when there are many.
    if (this._own.size >= 1000) {
      for (const old of this._own) if (!old._scheduled) this._own.delete(old);
    }
    this._own.add(timer);
    return timer;
  }

  override setDefaultExecutor(executor: Executor): void {
    super.setDefaultExecutor(executor);
    this._note(executor);
  }

  override runInExecutor<T>(
    executor: Executor | null,
    func: unknown,
    ...args: unknown[]
  ): Future<T> {
    const future = super.runInExecutor<T>(executor, func, ...args);
    if (executor !== null) this.#watch(executor);
    return future;
  }

  /** Hears of an executor's end; it alone knows of it. */
  #watch(executor: Executor): void {
    if (this._executors.has(executor)) return;
    this._note(executor);
    this._executors.set(executor, false);
    const { shutdown } = executor;
    executor.shutdown = (options) => {
      this._executors.set(executor, true);
      executor.shutdown = shutdown;
      return shutdown.call(executor, options);
    };
  }

  override createConnection<P extends BaseProtocol>(
    ...args: Parameters<_UnixSelectorEventLoop["createConnection"]>
  ): Coroutine<[transport: Transport, protocol: P]> {
    const asked = super.createConnection(...args);
    return this.#asking(asked) as Coroutine<[Transport, P]>;
  }

  override createDatagramEndpoint<P extends BaseProtocol>(
    ...args: Parameters<_UnixSelectorEventLoop["createDatagramEndpoint"]>
  ): Coroutine<[transport: DatagramTransport, protocol: P]> {
    const asked = super.createDatagramEndpoint(...args);
    return this.#asking(asked) as Coroutine<[DatagramTransport, P]>;
  }

  override createUnixConnection<P extends BaseProtocol>(
    ...args: Parameters<_UnixSelectorEventLoop["createUnixConnection"]>
  ): Coroutine<[transport: Transport, protocol: P]> {
    const asked = super.createUnixConnection(...args);
    return this.#asking(asked) as Coroutine<[Transport, P]>;
  }

  override connectReadPipe<P extends BaseProtocol>(
    ...args: Parameters<_UnixSelectorEventLoop["connectReadPipe"]>
  ): Coroutine<[transport: ReadTransport, protocol: P]> {
    const asked = super.connectReadPipe(...args);
    return this.#asking(asked) as Coroutine<[ReadTransport, P]>;
  }

  override connectWritePipe<P extends BaseProtocol>(
    ...args: Parameters<_UnixSelectorEventLoop["connectWritePipe"]>
  ): Coroutine<[transport: WriteTransport, protocol: P]> {
    const asked = super.connectWritePipe(...args);
    return this.#asking(asked) as Coroutine<[WriteTransport, P]>;
  }

  override createServer(
    ...args: Parameters<_UnixSelectorEventLoop["createServer"]>
  ): Coroutine<Server> {
    return this.#noting(
      super.createServer(...args),
      this._servers,
      (server) => server,
    );
  }

  override createUnixServer(
    ...args: Parameters<_UnixSelectorEventLoop["createUnixServer"]>
  ): Coroutine<Server> {
    return this.#noting(
      super.createUnixServer(...args),
      this._servers,
      (server) => server,
    );
  }

  override subprocessExec<P extends SubprocessProtocol>(
    protocolFactory: ProtocolFactory<P>,
    ...args: SubprocessArgs
  ): Coroutine<[transport: SubprocessTransport, protocol: P]> {
    return this.#noting(
      // A union of tuples, which no call can be checked against.
      super.subprocessExec(protocolFactory, ...args as [string]),
      this._processes,
      ([transport]) => transport,
    );
  }

  override subprocessShell<P extends SubprocessProtocol>(
    protocolFactory: ProtocolFactory<P>,
    cmd: string,
    options?: SubprocessOptions,
  ): Coroutine<[transport: SubprocessTransport, protocol: P]> {
    return this.#noting(
      super.subprocessShell(protocolFactory, cmd, options),
      this._processes,
      ([transport]) => transport,
    );
  }

  /** Whether a child process runs or is still read: only real time moves it on. */
  get _hasProcess(): boolean {
    for (const child of this._processes) {
      if (child.getReturncode() === null) return true;
      // What it wrote before it ended may come after the news of its end.
      for (const fd of OUTPUTS) {
        const pipe = child.getPipeTransport(fd) as ReadTransport | null;
        if (pipe !== null && pipe.isReading()) return true;
      }
    }
    return false;
  }

  #noting<R, T extends object>(
    asked: Coroutine<R>,
    kept: Set<T>,
    which: (result: R) => T,
  ): Coroutine<R> {
    const site = this.#keepSites ? here() : null;
    const note = (result: R) => {
      const made = which(result);
      kept.add(made);
      if (site !== null) this._sites.set(made, site);
    };
    return new Coroutine<R>(noted as never, [asked, note]);
  }

  #asking<T>(asked: Coroutine<T>): Coroutine<T> {
    if (!this.#keepSites) return asked;
    return new Coroutine<T>(
      askedAt as never,
      [asked, this.#asked, here()],
    );
  }

  override _makeSocketTransport(
    ...args: Parameters<_UnixSelectorEventLoop["_makeSocketTransport"]>
  ): Transport {
    const transport = super._makeSocketTransport(...args);
    this.#noteTransport(transport, args[3]?.server ?? null);
    return transport;
  }

  override _makeDatagramTransport(
    ...args: Parameters<_UnixSelectorEventLoop["_makeDatagramTransport"]>
  ): DatagramTransport {
    const transport = super._makeDatagramTransport(...args);
    this.#noteTransport(transport, null);
    return transport;
  }

  override _makeReadPipeTransport(
    ...args: Parameters<_UnixSelectorEventLoop["_makeReadPipeTransport"]>
  ): ReadTransport {
    const transport = super._makeReadPipeTransport(...args);
    this.#noteTransport(transport, null);
    return transport;
  }

  override _makeWritePipeTransport(
    ...args: Parameters<_UnixSelectorEventLoop["_makeWritePipeTransport"]>
  ): WriteTransport {
    const transport = super._makeWritePipeTransport(...args);
    this.#noteTransport(transport, null);
    return transport;
  }

  override _makeDuplexPipeTransport(
    ...args: Parameters<_UnixSelectorEventLoop["_makeDuplexPipeTransport"]>
  ): Transport {
    const transport = super._makeDuplexPipeTransport(...args);
    // It is asked for by no method of the loop.
    this._note(transport);
    return transport;
  }

  #noteTransport(transport: object, server: Server | null): void {
    if (!this.#keepSites) return;
    const task = stepOwner();
    const site = server !== null
      ? this._sites.get(server)
      : task !== null
      ? this.#asked.get(task)
      : undefined;
    this._sites.set(transport, site ?? here());
  }

  override _foreign(promise: PromiseLike<unknown>): void {
    this.#foreign++;
    const settled = () => {
      this.#foreign--;
      this.#rest();
    };
    promise.then(settled, settled);
  }

  override _openStep(owner: StepOwner): void {
    this.#open.add(owner as Stepping);
    super._openStep(owner);
  }

  override _closeStep(owner: StepOwner): void {
    const task = owner as Stepping;
    const held = this.#open.delete(task);
    if (!task.done()) {
      const count = this._counted.size > 0
        ? this._counted.get(task)
        : undefined;
      if (count !== undefined) this._counted.set(task, count + 1);
      if (task._waiting !== null) this._queue.noteHome(task._waiting);
      const point = task._points?._waiting ?? null;
      if (point !== null) this._queue.noteHome(point);
    }
    super._closeStep(owner);
    if (this._onSuspension !== null && !task.done()) this._onSuspension(task);
    if (held) this.#rest();
  }

  /** Its async generators and its default executor, ended. */
  *_shutdown(): Coro<void> {
    yield* this.shutdownAsyncgens();
    yield* this.shutdownDefaultExecutor(1);
  }
}

/** Where the program is. */
function here(): Site {
  return { error: new Error(), task: stepOwner() as Task<unknown> | null };
}

function* askedAt<T>(
  asked: Coroutine<T>,
  sites: Sites,
  site: Site,
): Coro<T> {
  const task = stepOwner();
  if (task !== null) sites.set(task, site);
  return yield* asked;
}

function* noted<R>(asked: Coroutine<R>, note: (result: R) => void): Coro<R> {
  const result = yield* asked;
  note(result);
  return result;
}

/** Whether a task waits, and for nothing of the library. */
function waitsForForeign(task: Stepping): boolean {
  if (task._waiting !== null) return false;
  for (let point = task._points; point !== null; point = point._next) {
    if (point._waiting !== null) return false;
  }
  return true;
}
