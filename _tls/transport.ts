/** The transport that an application's protocol sees above TLS. */

import type { AbstractEventLoop } from "../events.ts";
import { NotImplementedError } from "../exceptions.ts";
import { warn } from "../log.ts";
import { madeAt, noteMade } from "../_debug/made.ts";
import type { BaseProtocol } from "../protocols.ts";
import type { SSLProtocol } from "../sslproto.ts";
import { Transport } from "../transports.ts";

/** Debug mode: says so when a transport is collected that nobody has closed. */
const forgotten = new FinalizationRegistry<{ closed: boolean; where: string }>(
  ({ closed, where }) => {
    if (!closed) warn(`unclosed TLS transport${where}`, "ResourceWarning");
  },
);

/**
 * A TLS connection: what is written to it is encrypted on its way to the transport
 * below.
 *
 * @internal
 */
export class _SSLProtocolTransport extends Transport {
  /** TLS may run inside it once more. */
  readonly _startTlsCompatible = true;
  readonly _loop: AbstractEventLoop;
  readonly #ssl: SSLProtocol;
  readonly #state = { closed: false, where: "" };

  constructor(loop: AbstractEventLoop, ssl: SSLProtocol) {
    super();
    this._loop = loop;
    this.#ssl = ssl;
    if (!loop.getDebug()) return;
    noteMade(this, loop);
    this.#state.where = madeAt(this);
    forgotten.register(this, this.#state);
  }

  /** Marks it as closed without closing anything. */
  _markClosed(): void {
    this.#state.closed = true;
  }

  /** Whether its protocol was asked to stop writing. */
  get _protocolPaused(): boolean {
    return this.#ssl._appWritingPaused;
  }

  override getExtraInfo<T = unknown>(
    name: string,
    defaultValue: T | null = null,
  ): T | null {
    return this.#ssl._getExtraInfo(name, defaultValue);
  }

  override setProtocol(protocol: BaseProtocol): void {
    this.#ssl._setAppProtocol(protocol);
  }

  override getProtocol(): BaseProtocol {
    return this.#ssl._getAppProtocol();
  }

  /** Whether this side has closed it, or it is over. */
  get _isClosed(): boolean {
    return this.#state.closed;
  }

  // Also once the other side has hung up: who writes and drains in a loop would
  // never give way to the news of it.
  override isClosing(): boolean {
    return this.#state.closed || this.#ssl._writingOver;
  }

  override close(): void {
    if (this.#state.closed) return;
    this.#state.closed = true;
    this.#ssl._startShutdown();
  }

  override abort(): void {
    this._forceClose(null);
  }

  /** Closes it at once, with the error that its protocol is to be told. */
  _forceClose(exc: unknown): void {
    this.#state.closed = true;
    this.#ssl._abort(exc);
  }

  override isReading(): boolean {
    return !this.#state.closed && !this.#ssl._appReadingPaused;
  }

  override pauseReading(): void {
    this.#ssl._pauseReading();
  }

  override resumeReading(): void {
    this.#ssl._resumeReading();
  }

  override setWriteBufferLimits(
    high?: number | null,
    low?: number | null,
  ): void {
    this.#ssl._setWriteBufferLimits(high ?? null, low ?? null);
  }

  override getWriteBufferLimits(): [low: number, high: number] {
    return this.#ssl._writeLimits();
  }

  override getWriteBufferSize(): number {
    return this.#ssl._getWriteBufferSize();
  }

  /** Sets when the transport below is asked to stop receiving, and to go on. */
  setReadBufferLimits(high?: number | null, low?: number | null): void {
    this.#ssl._setReadBufferLimits(high ?? null, low ?? null);
  }

  /** Those limits, as `[low, high]`. */
  getReadBufferLimits(): [low: number, high: number] {
    return this.#ssl._readLimits();
  }

  /** How many received bytes the protocol has not been given. */
  getReadBufferSize(): number {
    return this.#ssl._getReadBufferSize();
  }

  override write(data: Uint8Array): void {
    if (!(data instanceof Uint8Array)) {
      throw new TypeError(
        `data: expecting a Uint8Array, got ${
          data === null ? "null" : typeof data
        }`,
      );
    }
    if (data.length > 0) this.#ssl._writeAppData([data]);
  }

  override writeLines(listOfData: Iterable<Uint8Array>): void {
    this.#ssl._writeAppData([...listOfData]);
  }

  override writeEof(): void {
    throw new NotImplementedError(
      "Cannot end the sending direction of TLS alone: close() ends both",
    );
  }

  override canWriteEof(): boolean {
    return false;
  }
}
