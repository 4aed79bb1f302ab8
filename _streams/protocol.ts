/** The protocols below a stream reader and its writer. */

import { type Coro, isCoroutine, isCoroutineFunction } from "../coroutines.ts";
import { type AbstractEventLoop, getEventLoop } from "../events.ts";
import {
  ConnectionResetError,
  NotImplementedError,
  RuntimeError,
} from "../exceptions.ts";
import type { StackFrame } from "../format_helpers.ts";
import type { Future } from "../futures.ts";
import { inline } from "../_tasks/inline.ts";
import { logger } from "../log.ts";
import { Protocol } from "../protocols.ts";
import type { StreamReader } from "./reader.ts";
import { StreamWriter, type WriterProtocol } from "./writer.ts";
import type { Task } from "../tasks.ts";
import type { BaseTransport, Transport } from "../transports.ts";

/** Is called for each connection of a stream server, in any spelling. */
export type ClientConnected = (
  reader: StreamReader,
  writer: StreamWriter,
) => unknown;

/** The flow control of a stream writer: `drain()` waits while writing is paused. */
export class FlowControlMixin extends Protocol implements WriterProtocol {
  /** @internal */
  readonly _loop: AbstractEventLoop;
  /** @internal */
  _paused = false;
  /** @internal */
  _connectionLost = false;
  /** Made when somebody waits: most writers never do. */
  #waiters: Set<Future<void>> | null = null;

  /**
   * Makes a protocol.
   *
   * @param loop Its loop; the running one unless given.
   */
  constructor(loop?: AbstractEventLoop | null) {
    super();
    this._loop = loop ?? getEventLoop();
  }

  /** From now on `drain()` waits. */
  override pauseWriting(): void {
    if (this._paused) {
      throw new RuntimeError("Cannot pause writing: it is paused already");
    }
    this._paused = true;
    if (this._loop.getDebug()) logger.debug(`${this} pauses writing`);
  }

  /** Wakes those who wait in `drain()`. */
  override resumeWriting(): void {
    if (!this._paused) {
      throw new RuntimeError("Cannot resume writing: it is not paused");
    }
    this._paused = false;
    if (this._loop.getDebug()) logger.debug(`${this} resumes writing`);
    this.#wake(null);
  }

  /**
   * Wakes those who wait in `drain()`, with the error if there is one.
   *
   * @param exc The error, or null.
   */
  override connectionLost(exc: unknown): void {
    this._connectionLost = true;
    if (this._paused) this.#wake(exc);
  }

  #wake(exc: unknown): void {
    if (this.#waiters === null) return;
    for (const waiter of this.#waiters) {
      if (waiter.done()) continue;
      if (exc === null) waiter.setResult(undefined);
      else waiter.setException(exc);
    }
  }

  /** @internal */
  _drainWaiter(): Future<void> | null {
    if (this._connectionLost) throw new ConnectionResetError("Connection lost");
    if (!this._paused) return null;
    const waiter = this._loop.createFuture<void>();
    (this.#waiters ??= new Set()).add(waiter);
    return waiter;
  }

  /** @internal */
  _drained(waiter: Future<void>): void {
    this.#waiters!.delete(waiter);
  }

  /** @internal */
  _getCloseWaiter(_stream: StreamWriter): Future<void> {
    throw new NotImplementedError(
      `Cannot wait until the stream is closed: ${this.constructor.name} does ` +
        "not say when that is",
    );
  }

  /** Shows the class. */
  override toString(): string {
    return `<${this.constructor.name}>`;
  }
}

/** Feeds a stream reader, and calls back for the connections of a server. */
export class StreamReaderProtocol extends FlowControlMixin {
  /** @internal */
  readonly _clientConnectedCb: ClientConnected | null;
  /** @internal */
  _transport: BaseTransport | null = null;
  /** @internal */
  _overSsl = false;
  /** @internal */
  _task: Task<unknown> | null = null;
  /** @internal */
  readonly _sourceTraceback: readonly StackFrame[] | null;
  /**
   * Weak once connected: a transport holds its protocol, and a connection that
   * nobody can read or write any more is to be collected, and closed.
   */
  #weakReader: WeakRef<StreamReader> | null;
  #strongReader: StreamReader | null;
  /** Whether the connection is over, and how it ended. */
  #over = false;
  #outcome: unknown = null;
  #closeWaiters: Set<Future<void>> | null = null;

  /**
   * Makes a protocol.
   *
   * @param streamReader The reader to feed.
   * @param clientConnectedCb Called with the reader and a new writer once connected.
   * @param loop Its loop; the running one unless given.
   */
  constructor(
    streamReader: StreamReader | null,
    clientConnectedCb: ClientConnected | null = null,
    loop?: AbstractEventLoop | null,
  ) {
    super(loop);
    this.#strongReader = clientConnectedCb === null ? null : streamReader;
    this.#weakReader = streamReader === null ? null : new WeakRef(streamReader);
    this._sourceTraceback = streamReader?._sourceTraceback ?? null;
    this._clientConnectedCb = clientConnectedCb;
  }

  /** @internal */
  get _streamReader(): StreamReader | null {
    return this.#weakReader?.deref() ?? null;
  }

  /** Gives the reader its transport; on a server, calls the callback. */
  override connectionMade(transport: BaseTransport): void {
    this._transport = transport;
    const reader = this._streamReader;
    reader?.setTransport(transport);
    this._overSsl = transport.getExtraInfo("sslcontext") !== null;
    this.#strongReader = null;
    const connected = this._clientConnectedCb;
    if (connected === null || reader === null) return;
    const writer = new StreamWriter(
      transport as Transport,
      this,
      reader,
      this._loop,
    );
    const task = clientTask(this._loop, connected, reader, writer);
    if (task === null) return;
    this._task = task;
    task.addDoneCallback(() => {
      if (task.cancelled()) {
        transport.close();
        return;
      }
      const exception = task.exception();
      if (exception === null) return;
      this._loop.callExceptionHandler({
        message: "Unhandled exception in client_connected_cb",
        exception,
        transport,
      });
      transport.close();
    });
  }

  /** Ends the reader, and wakes those who wait in `waitClosed()` or `drain()`. */
  override connectionLost(exc: unknown): void {
    const reader = this._streamReader;
    if (reader !== null) {
      if (exc === null) reader.feedEof();
      else reader.setException(exc);
    }
    if (!this.#over) {
      this.#over = true;
      this.#outcome = exc;
      const waiters = this.#closeWaiters;
      this.#closeWaiters = null;
      if (waiters !== null) {
        for (const waiter of waiters) this.#settle(waiter);
      }
    }
    super.connectionLost(exc);
    this.#weakReader = null;
    this._task = null;
    this._transport = null;
  }

  /** Feeds the reader. */
  override dataReceived(data: Uint8Array): void {
    this._streamReader?.feedData(data);
  }

  /** @internal */
  get _pulls(): boolean {
    return this._streamReader?._pulls === true;
  }

  /** @internal */
  _takeLent(lent: Uint8Array): void {
    // A subclass has its own idea of what to do with data.
    if (this.dataReceived !== StreamReaderProtocol.prototype.dataReceived) {
      this.dataReceived(lent.slice());
    } else this._streamReader?._feedLent(lent);
  }

  /**
   * Ends the reader.
   *
   * @returns True, to keep the connection open for writing; false over TLS, which
   * cannot end in one direction alone.
   */
  override eofReceived(): boolean {
    const reader = this._streamReader;
    reader?.feedEof();
    return !this._overSsl && reader?._lastHalf !== true;
  }

  /** @internal */
  override _takeBuffered(): Uint8Array | null {
    const buffer = this._streamReader?._buffer;
    return buffer === undefined || buffer.size === 0 ? null : buffer.takeAll();
  }

  /** @internal */
  override _hasEnded(): boolean {
    return this._streamReader?._eof === true;
  }

  /** @internal */
  _replaceTransport(transport: Transport): void {
    this._transport = transport;
    this._overSsl = transport.getExtraInfo("sslcontext") !== null;
    this._streamReader?._replaceTransport(transport);
  }

  /**
   * Each caller waits for a future of its own: cancelling one must not spoil it for
   * the others.
   *
   * @internal
   */
  override _getCloseWaiter(_stream: StreamWriter): Future<void> {
    const waiter = this._loop.createFuture<void>();
    if (this.#over) {
      this.#settle(waiter);
      return waiter;
    }
    const waiters = this.#closeWaiters ??= new Set();
    waiters.add(waiter);
    waiter.addDoneCallback((done) => void waiters.delete(done));
    return waiter;
  }

  #settle(waiter: Future<void>): void {
    if (waiter.done()) return;
    if (this.#outcome === null) waiter.setResult(undefined);
    else waiter.setException(this.#outcome);
  }
}

/** The task of a server's callback, or null where that needed none. */
function clientTask(
  loop: AbstractEventLoop,
  connected: ClientConnected,
  reader: StreamReader,
  writer: StreamWriter,
): Task<unknown> | null {
  if (isCoroutineFunction(connected)) {
    return loop.createTask(() => connected(reader, writer) as Coro<unknown>);
  }
  // A plain function is called at once. If it returns a promise, that is code which
  // runs already, and which must find itself in a task: so the call is made by one.
  let coro: unknown = null;
  let thrown: { error: unknown } | null = null;
  const call = () => {
    let result: unknown;
    try {
      result = connected(reader, writer);
    } catch (error) {
      thrown = { error };
      return undefined;
    }
    if (!isCoroutine(result)) return result;
    coro = result;
    return undefined;
  };
  function* client(): Coro<unknown> {
    return yield* inline(call, []);
  }
  const task = loop.createTask<unknown>(client, { eagerStart: true });
  if (thrown !== null) throw (thrown as { error: unknown }).error;
  if (coro !== null) return loop.createTask(coro as Coro<unknown>);
  return task.done() ? null : task;
}
