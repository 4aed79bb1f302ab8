/** The writing side of a stream. */

import { type Coro, Coroutine } from "../coroutines.ts";
import type { AbstractEventLoop } from "../events.ts";
import { CancelledError, type OSError } from "../exceptions.ts";
import type { Future } from "../futures.ts";
import { inline } from "../_tasks/inline.ts";
import { warn } from "../log.ts";
import { madeAt } from "../_debug/made.ts";
import type { BaseProtocol } from "../protocols.ts";
import { NOT_YET, QuickCall } from "./quick_call.ts";
import { StreamReader } from "./reader.ts";
import { writableOf } from "./web.ts";
import type { Transport, WriteTransport } from "../transports.ts";

/** The code of the error that data has come after this side's goodbye. */
const UNREAD = "APPLICATION_DATA_AFTER_CLOSE_NOTIFY";

/** Options of {@linkcode StreamWriter.startTls}. */
export interface StartTlsOptions {
  /** A client's: the host that the certificate must be for; to be given, or "" for any. */
  serverHostname?: string | null | undefined;
  /** Seconds that the handshake may take; 60 unless given. */
  sslHandshakeTimeout?: number | null | undefined;
  /** Seconds that the shutdown may take; 30 unless given. */
  sslShutdownTimeout?: number | null | undefined;
}

/**
 * What a stream writer asks of its protocol; `FlowControlMixin` has it.
 *
 * @internal
 */
export interface WriterProtocol extends BaseProtocol {
  /** Null where writing may go on; throws once the connection is lost. */
  _drainWaiter(): Future<void> | null;
  /** Takes back a waiter. */
  _drained(waiter: Future<void>): void;
  /** Done once the stream is closed. */
  _getCloseWaiter(stream: StreamWriter): Future<void>;
  /** On the side that accepted the connection. */
  readonly _clientConnectedCb?: unknown;
  /** Goes on with another transport of the same connection. */
  _replaceTransport?(transport: Transport): void;
}

/** The loop's method that upgrades a connection. */
type TlsLoop = AbstractEventLoop & {
  startTls(
    transport: WriteTransport,
    protocol: BaseProtocol,
    sslcontext: unknown,
    options: StartTlsOptions & { serverSide: boolean },
  ): PromiseLike<Transport>;
};

/**
 * Writes to a stream of bytes. `openConnection` and `startServer` make them.
 *
 * Writing does not wait: what cannot be sent at once is buffered. Wait for
 * `drain()` after writing, so that the buffer stays small.
 */
export class StreamWriter implements AsyncDisposable {
  /** @internal */
  _transport: WriteTransport;
  /** @internal */
  readonly _protocol: WriterProtocol;
  /** @internal */
  readonly _reader: StreamReader | null;
  /** @internal */
  readonly _loop: AbstractEventLoop;
  /**
   * Whether somebody was told what ended the connection.
   *
   * @internal
   */
  _told = false;
  #web: WritableStream<Uint8Array> | null = null;
  readonly #held: Held;

  /**
   * Makes a writer.
   *
   * @param transport What it writes to.
   * @param protocol The protocol of that; it knows when writing may go on.
   * @param reader The reader of the same connection, or null.
   * @param loop Its loop.
   */
  constructor(
    transport: WriteTransport,
    protocol: WriterProtocol,
    reader: StreamReader | null,
    loop: AbstractEventLoop,
  ) {
    if (reader !== null && !(reader instanceof StreamReader)) {
      throw new TypeError(
        "Cannot make a stream writer: its reader must be a StreamReader or null",
      );
    }
    this._transport = transport;
    this._protocol = protocol;
    this._reader = reader;
    this._loop = loop;
    if (reader !== null) reader._writer = this;
    this.#held = { transport, loop };
    forgotten.register(this, this.#held, this);
  }

  /** What it writes to. */
  get transport(): WriteTransport {
    return this._transport;
  }

  /**
   * Writes bytes. What cannot be sent at once is kept as it is given: do not change
   * it afterwards.
   *
   * @param data The bytes.
   */
  write(data: Uint8Array): void {
    this._transport.write(data);
  }

  /**
   * Writes several pieces.
   *
   * @param data The pieces, in order.
   */
  writeLines(data: Iterable<Uint8Array>): void {
    this._transport.writeLines(data);
  }

  /** Ends the sending direction once what is buffered is sent. */
  writeEof(): void {
    this._transport.writeEof();
  }

  /** Whether {@linkcode StreamWriter.writeEof} works here. */
  canWriteEof(): boolean {
    return this._transport.canWriteEof();
  }

  /** Closes the connection once what is buffered is sent. */
  close(): void {
    this._transport.close();
  }

  /** Whether it is closing or closed. */
  isClosing(): boolean {
    return this._transport.isClosing();
  }

  /**
   * Waits until the connection is closed, after {@linkcode StreamWriter.close}.
   *
   * @throws What ended the connection, if it was an error.
   */
  waitClosed(): Coroutine<void> {
    return new Coroutine<void>(waitClosed as never, [this]);
  }

  /**
   * Tells something about the connection: "peername", "sockname", "sslcontext" and
   * the like.
   *
   * @param name What is asked for.
   * @param defaultValue What is returned where it is not known; null unless given.
   * @returns The value; its type is the caller's to say.
   */
  getExtraInfo<T = unknown>(
    name: string,
    defaultValue: T | null = null,
  ): T | null {
    return this._transport.getExtraInfo(name, defaultValue);
  }

  /**
   * Waits until little enough is buffered to write on; most often not at all.
   *
   * @throws What ended the connection; a ConnectionResetError where it was closed.
   *
   * @example
   * ```ts
   * import type { StreamWriter } from "@x/asyncio";
   *
   * export async function send(writer: StreamWriter, pieces: Uint8Array[]) {
   *   for (const piece of pieces) {
   *     writer.write(piece);
   *     await writer.drain();
   *   }
   * }
   * ```
   */
  drain(): Coroutine<void> {
    return new Drain(this);
  }

  /**
   * Upgrades the connection to TLS.
   *
   * @param sslcontext The certificates and settings, as an SSLContext.
   * @param options See {@linkcode StartTlsOptions}.
   */
  startTls(sslcontext: unknown, options?: StartTlsOptions): Coroutine<void> {
    return new Coroutine<void>(
      startTls as never,
      [this, sslcontext, options ?? {}],
    );
  }

  /** @internal */
  _setTransport(transport: Transport): void {
    this._transport = transport;
    this.#held.transport = transport;
  }

  /**
   * Closes the connection and waits for that: `await using`.
   *
   * @throws What ended the connection, if it was an error that no read, drain or
   * wait has thrown: what a block has failed by is not thrown twice.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    try {
      await new Coroutine<void>(closed as never, [this]);
    } catch (error) {
      if (error instanceof CancelledError) throw error;
      if (this._told || this._reader?._told === true) return;
      // Who leaves has read what it wanted: over TLS more of it is an error.
      if ((error as Partial<OSError> | null)?.code !== UNREAD) throw error;
    }
  }

  /**
   * This stream as a Web Stream, for the rest of a program. Closing it ends the
   * sending direction; the connection ends with the reading side, or at once where
   * that has ended or cannot go on alone. Aborting it aborts the connection.
   *
   * @returns The Web Stream, the same each time.
   */
  toWeb(): WritableStream<Uint8Array> {
    return this.#web ??= writableOf(this);
  }

  /** Shows the transport and the reader. */
  toString(): string {
    const info = ["StreamWriter", `transport=${this._transport}`];
    if (this._reader !== null) info.push(`reader=${this._reader}`);
    return `<${info.join(" ")}>`;
  }
}

/** What is left of a writer that nobody holds any more. */
interface Held {
  transport: WriteTransport;
  readonly loop: AbstractEventLoop;
}

/** A connection that nobody can use any more, and nobody closed. */
const forgotten = new FinalizationRegistry<Held>(({ transport, loop }) => {
  if (transport.isClosing()) {
    // Over TLS the other side may have begun it; this side may still have to.
    if (!loop.isClosed()) transport.close();
    return;
  }
  if (loop.isClosed()) {
    warn(
      "loop is closed: a StreamWriter of it was never closed",
      "ResourceWarning",
    );
    return;
  }
  transport.close();
  warn(
    `unclosed <StreamWriter transport=${transport}>${madeAt(transport)}`,
    "ResourceWarning",
  );
});

/** Shown as the name of drains. */
const drain = (): void => {};

class Drain extends QuickCall<void> {
  readonly #writer: StreamWriter;
  /** Whether the loop has run since the transport was found to be closing. */
  #yielded = false;
  /** What is to be waited for. */
  #next: Future<void> | null = null;
  #ended = false;

  constructor(writer: StreamWriter) {
    super(drain);
    this.#writer = writer;
  }

  override _attempt(): void | typeof NOT_YET {
    if (this.#ended) return;
    const writer = this.#writer;
    if (!this.#yielded) {
      const failed = writer._reader?._exception;
      if (failed != null) {
        writer._told = true;
        throw failed;
      }
      // Lets connectionLost come: a loop of writes and drains would never see it.
      if (writer._transport.isClosing()) return NOT_YET;
    }
    try {
      this.#next = writer._protocol._drainWaiter();
    } catch (error) {
      writer._told = true;
      throw error;
    }
    if (this.#next !== null) return NOT_YET;
  }

  override _wait(): Future<void> | undefined {
    const next = this.#next;
    if (next === null) {
      this.#yielded = true;
      return undefined;
    }
    this.#ended = true;
    return next;
  }

  override _waited(waiter: Future<void>): void {
    this.#writer._protocol._drained(waiter);
  }

  override _gaveUp(error: unknown): void {
    if (!(error instanceof CancelledError)) this.#writer._told = true;
  }
}

function* closed(writer: StreamWriter): Coro<void> {
  yield* writer._protocol._getCloseWaiter(writer);
}

function* waitClosed(writer: StreamWriter): Coro<void> {
  try {
    yield* writer._protocol._getCloseWaiter(writer);
  } catch (error) {
    if (!(error instanceof CancelledError)) writer._told = true;
    throw error;
  }
}

function* startTls(
  writer: StreamWriter,
  sslcontext: unknown,
  options: StartTlsOptions,
): Coro<void> {
  const protocol = writer._protocol;
  const serverSide = (protocol._clientConnectedCb ?? null) !== null;
  yield* writer.drain();
  const loop = writer._loop as TlsLoop;
  const transport = yield* inline(
    () =>
      loop.startTls(writer._transport, protocol, sslcontext, {
        ...options,
        serverSide,
      }),
    [],
  );
  writer._setTransport(transport);
  protocol._replaceTransport?.(transport);
}
