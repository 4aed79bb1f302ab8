/**
 * TLS over any transport.
 *
 * @example A client that speaks HTTP/2, if the server does
 * ```ts
 * import { createDefaultContext, openConnection } from "@x/asyncio";
 *
 * export async function connect(host: string) {
 *   const ssl = createDefaultContext("serverAuth", {
 *     alpnProtocols: ["h2", "http/1.1"],
 *   });
 *   return await openConnection(host, 443, { ssl });
 * }
 * ```
 *
 * @module
 */

import { platform } from "./_platform/mod.ts";
import { AppSide } from "./_tls/app.ts";
import type { SSLContext } from "./_tls/context.ts";
import { SSLCertVerificationError, SSLError } from "./_tls/errors.ts";
import { SSLObject } from "./_tls/object.ts";
import { Incoming, Outgoing } from "./_tls/flow.ts";
import {
  answerHello,
  asciiName,
  checkContext,
  defaultContext,
  positive,
  REFUSAL,
} from "./_tls/setup.ts";
import { SSLProtocolState } from "./_tls/states.ts";
import { _SSLProtocolTransport } from "./_tls/transport.ts";
import { TlsPipe } from "./_tls/pipe.ts";
import type { TlsInfo } from "./_platform/tls_types.ts";
import * as constants from "./constants.ts";
import { snapshotContext } from "./contextvars.ts";
import {
  type AbstractEventLoop,
  Handle,
  isExit,
  type TimerHandle,
} from "./events.ts";
import {
  BrokenPipeError,
  CancelledError,
  ConnectionAbortedError,
  ConnectionResetError,
  OSError,
  TimeoutError,
} from "./exceptions.ts";
import type { Future } from "./futures.ts";
import { logger } from "./log.ts";
import { type BaseProtocol, Protocol } from "./protocols.ts";
import type { BaseTransport, Transport } from "./transports.ts";

export * from "./_tls/context.ts";
export * from "./_tls/errors.ts";
export * from "./_tls/object.ts";
export type { PeerCertificate } from "./_tls/x509.ts";
export * from "./_tls/states.ts";

const { UNWRAPPED, DO_HANDSHAKE, WRAPPED, FLUSHING, SHUTDOWN } =
  SSLProtocolState;
/** A transport that can be closed with an error for its protocol. */
type Forceable = Transport & { _forceClose?(exc: unknown): void };

/**
 * Runs TLS between a transport and an application's protocol: to the transport it is
 * a protocol, and to the protocol it shows a transport.
 *
 * `loop.createConnection`, `loop.createServer` and `loop.startTls` make it. The order
 * of calls to the application's protocol is that of any transport: `connectionMade`
 * when the handshake is done, `dataReceived`, `eofReceived`, `connectionLost`.
 */
export class SSLProtocol extends Protocol {
  readonly #loop: AbstractEventLoop;
  #context: SSLContext;
  readonly #serverSide: boolean;
  readonly #handshakeTimeout: number;
  readonly #shutdownTimeout: number;
  #serverHostname: string | null;
  #waiter: Future<void> | null;
  readonly #app: AppSide;
  #transport: Forceable | null = null;
  #appTransport: _SSLProtocolTransport;
  #sslObject: SSLObject | null = null;
  #verified = false;
  #state: SSLProtocolState = UNWRAPPED;
  #connLost = 0;
  #lost = false;
  /** Why the transport was closed by force, where it cannot pass that on. */
  #reason: unknown = null;
  #handshakeTimer: TimerHandle | null = null;
  #shutdownTimer: TimerHandle | null = null;
  #handshakeStart = 0;

  #pipe: TlsPipe | null = null;
  /** Runs a turn in the loop, in the context of the connection. */
  #handle: Handle | null = null;
  #scheduled = false;
  #busy = false;
  readonly #incoming = new Incoming();
  readonly #outgoing = new Outgoing();
  #buffer: Uint8Array | null = null;

  /** The transport below has received EOF. */
  #eofKnown = false;
  /** Its turn has come, after the data before it. */
  #eofReceived = false;
  /** The other side has said that it sends no more. */
  #peerEnded = false;
  /** This side has said so, too. */
  #finished = false;
  #completed = false;
  /** Whether this side says that it sends no more. */
  #farewell = true;

  /**
   * Makes it; the handshake starts when it is given a transport.
   *
   * @param loop The loop.
   * @param appProtocol The application's protocol.
   * @param sslcontext The settings; for a client null stands for the safe defaults.
   * @param waiter Is done when the handshake is, or fails with it; may be null.
   * @param serverSide Which side this is.
   * @param serverHostname The host that the certificate must be for.
   * @param callConnectionMade Whether the protocol is told of the connection; not
   * when it knows it already, as with STARTTLS.
   * @param sslHandshakeTimeout Seconds that the handshake may take; 60 unless given.
   * @param sslShutdownTimeout Seconds that closing may take; 30 unless given.
   * @throws RangeError If a timeout is not positive, or a host name is needed.
   * @throws SSLError If the context is for the other side or not usable.
   */
  constructor(
    loop: AbstractEventLoop,
    appProtocol: BaseProtocol,
    sslcontext: SSLContext | null,
    waiter: Future<void> | null,
    serverSide = false,
    serverHostname: string | null = null,
    callConnectionMade = true,
    sslHandshakeTimeout: number | null = null,
    sslShutdownTimeout: number | null = null,
  ) {
    super();
    this.#handshakeTimeout = positive(
      sslHandshakeTimeout ?? constants.SSL_HANDSHAKE_TIMEOUT,
      "ssl_handshake_timeout",
    );
    this.#shutdownTimeout = positive(
      sslShutdownTimeout ?? constants.SSL_SHUTDOWN_TIMEOUT,
      "ssl_shutdown_timeout",
    );
    this.#loop = loop;
    this.#serverSide = serverSide;
    this.#serverHostname = serverSide || !serverHostname
      ? null
      : asciiName(serverHostname);
    this.#context = sslcontext ?? defaultContext(serverSide, serverHostname);
    checkContext(this.#context, serverSide, this.#serverHostname);
    this.#waiter = waiter;
    this.#app = new AppSide(appProtocol, !callConnectionMade);
    this.#appTransport = new _SSLProtocolTransport(loop, this);
  }

  /** How many bytes a transport reads at once for it. */
  get maxSize(): number {
    return 256 * 1024;
  }

  // What the transport below calls

  /**
   * Starts the handshake.
   *
   * @param transport The transport below.
   */
  override connectionMade(transport: BaseTransport): void {
    if (this.#lost) return;
    this.#transport = transport as Forceable;
    this.#handle = new Handle(
      this.#scheduledTurn.bind(this),
      [],
      this.#loop,
      snapshotContext(),
    );
    if (this.#loop.getDebug()) {
      logger.debug(`${this} starts SSL handshake`);
      this.#handshakeStart = this.#loop.time();
    }
    this.#state = DO_HANDSHAKE;
    this.#handshakeTimer = this.#loop.callLater(
      this.#handshakeTimeout,
      this.#checkHandshakeTimeout.bind(this),
    );
    if (this.#serverSide) this.#readHello();
    else {
      this.#startEngine(this.#context, this.#context.alpnProtocols);
    }
    this.#turn();
  }

  /**
   * Takes ciphertext. What comes before the transport is kept: with STARTTLS it is
   * what the protocol before had received and not used.
   *
   * @param data The ciphertext.
   */
  override dataReceived(data: Uint8Array): void {
    if (this.#lost) return;
    const pipe = this.#pipe;
    const reading = this.#state === DO_HANDSHAKE || this.#state === SHUTDOWN ||
      !this.#incoming.appPaused;
    if (pipe === null || !reading || this.#incoming.size > 0) {
      this.#incoming.hold(data);
      if (pipe === null && this.#state === DO_HANDSHAKE) this.#readHello();
    } else pipe.feed(data);
    this.#turn();
  }

  /**
   * Lends a buffer to read into, for a transport that works so.
   *
   * @param n How much room is wanted.
   * @returns The buffer.
   */
  getBuffer(n: number): Uint8Array {
    const size = n <= 0 || n > this.maxSize ? this.maxSize : n;
    if (this.#buffer === null || this.#buffer.length < size) {
      this.#buffer = new Uint8Array(size);
    }
    return this.#buffer;
  }

  /**
   * Takes ciphertext that was put into the buffer.
   *
   * @param nbytes How much.
   */
  bufferUpdated(nbytes: number): void {
    this.dataReceived(this.#buffer!.slice(0, nbytes));
  }

  /**
   * The transport below receives no more.
   *
   * @returns True: the transport is closed when TLS is done with it.
   */
  override eofReceived(): boolean {
    if (this.#loop.getDebug()) logger.debug(`${this} received EOF`);
    this.#eofKnown = true;
    // What the engine has to say about the last data, an error perhaps, it says later
    // than it was fed.
    platform.clock.immediate(() => {
      if (this.#lost) return;
      this.#eofReceived = true;
      this.#wake();
    });
    return true;
  }

  /**
   * The connection is over.
   *
   * @param exc Why, or null.
   */
  override connectionLost(exc: unknown): void {
    const handshaking = this.#state === DO_HANDSHAKE;
    // What TLS has failed by comes before what the transport makes of it.
    const reason = this.#reason ?? this.#pipe?.failure ??
      (handshaking ? asReset(exc) : exc);
    this.#lost = true;
    this.#connLost++;
    this.#outgoing.clear();
    this.#incoming.clear();
    this.#pipe?.destroy();
    this.#pipe = null;
    this.#appTransport._markClosed();
    // An end that an error made is no end of the data: the error is told instead.
    if (this.#eofKnown && !handshaking && reason === null) {
      this.#callEofReceived();
    }
    // Also in a handshake by STARTTLS, of which CPython says nothing: who waits for
    // the connection to close would wait for ever.
    this.#app.lost(this.#loop, reason);
    this.#state = UNWRAPPED;
    this.#transport = null;
    // CPython lets a handshake that was closed half-way pass for a good one.
    this.#wakeWaiter(
      reason ?? new ConnectionAbortedError(
        "Cannot complete the TLS handshake: the connection was closed",
      ),
    );
    this.#cancelTimers();
  }

  /** The transport's buffer is full: plaintext waits here. */
  override pauseWriting(): void {
    this.#outgoing.stalled = true;
  }

  /** The transport's buffer has room again. */
  override resumeWriting(): void {
    this.#outgoing.stalled = false;
    if (this.#busy) this.#controlWriting();
    else this.#processOutgoing();
  }

  // The turn: what the engine has said is acted upon, in order

  /** Sees to it that a turn comes, if none is on. */
  #wake(): void {
    if (this.#scheduled || this.#busy || this.#loop.isClosed()) return;
    this.#scheduled = true;
    this.#loop._push(this.#handle!);
  }

  #scheduledTurn(): void {
    this.#scheduled = false;
    this.#turn();
  }

  #turn(): void {
    // Whoever is called from inside a turn is followed by the rest of it.
    if (this.#busy || this.#lost) return;
    this.#busy = true;
    try {
      this.#drain();
      if (this.#eofReceived && !this.#lost) this.#handleEof();
      if (this.#state === FLUSHING && !this.#mustWait()) {
        this.#enterShutdown();
        this.#drain();
      }
      this.#processOutgoing();
      this.#controlReading();
      this.#maybeComplete();
    } catch (error) {
      if (isExit(error)) throw error;
      this.#fatalError(error, "Fatal error on SSL protocol");
    } finally {
      this.#busy = false;
    }
  }

  /** Whether received data has to wait for the application. */
  #mustWait(): boolean {
    return this.#incoming.appPaused && !this.#appTransport._isClosed;
  }

  #drain(): void {
    for (;;) {
      const pipe = this.#pipe;
      if (pipe === null) return;
      const event = pipe.peek();
      const waits = this.#mustWait() && this.#state !== DO_HANDSHAKE;
      if (event === undefined) {
        if (this.#incoming.size === 0 || waits) return;
        this.#incoming.moveTo(pipe);
        continue;
      }
      if (waits && event.kind !== "finish") return;
      if (event.kind === "data") {
        const { data } = event;
        pipe.drop();
        const taken = this.#handleData(data);
        if (taken < data.length) pipe.putBack(data.subarray(taken));
        continue;
      }
      pipe.drop();
      switch (event.kind) {
        case "handshake":
          this.#handshakeDone(event.info);
          break;
        case "end":
          this.#peerEnded = true;
          // TLS inside has its own goodbye to say first, and closes this then.
          if (!this.#callEofReceived()) this._startShutdown();
          break;
        case "finish":
          this.#finished = true;
          break;
        case "error":
          this.#handleError(event.error);
      }
    }
  }

  /** Hands data over; returns how much of it was taken. */
  #handleData(data: Uint8Array): number {
    if (this.#state === SHUTDOWN) {
      this.#handleError(
        new SSLError(
          "Cannot close the TLS connection in order: application data after " +
            "close notify",
          { code: "APPLICATION_DATA_AFTER_CLOSE_NOTIFY" },
        ),
      );
      return data.length;
    }
    return this.#app.data(data);
  }

  #handleError(error: Error): void {
    this.#processOutgoing(true);
    if (this.#state === DO_HANDSHAKE) this.#handshakeFailed(error);
    else this.#fatalError(error, "Fatal error on SSL protocol");
  }

  #handleEof(): void {
    // The error is about to be told, and says more.
    if (this.#pipe !== null && this.#pipe.failure !== null) return;
    if (this.#state === DO_HANDSHAKE) {
      this.#handshakeFailed(
        new ConnectionResetError(
          "Cannot complete the TLS handshake: the other side has closed the " +
            "connection",
        ),
      );
    } else if (this.#state === WRAPPED) {
      this.#state = FLUSHING;
    }
  }

  // Handshake

  #startEngine(context: SSLContext, alpn: readonly string[]): void {
    const { verifyMode, checkHostname } = context;
    this.#verified = verifyMode !== "none";
    this.#pipe = new TlsPipe(
      {
        context: context._native(),
        server: this.#serverSide,
        serverName: this.#serverHostname,
        verify: verifyMode,
        checkHostname,
        alpn,
      },
      this.#wake.bind(this),
    );
    this.#incoming.moveTo(this.#pipe);
  }

  /** A server's engine is made once it is known whom the client asks for. */
  #readHello(): void {
    try {
      const answer = answerHello(this.#incoming.whole(), this.#context);
      if (answer === null) return;
      this.#context = answer.context;
      this.#serverHostname = answer.serverName;
      this.#startEngine(answer.context, answer.alpn);
    } catch (error) {
      this.#transport!.write(REFUSAL);
      this.#handshakeFailed(error);
    }
  }

  #handshakeDone(info: TlsInfo): void {
    this.#handshakeTimer?.cancel();
    this.#handshakeTimer = null;
    this.#state = WRAPPED;
    this.#sslObject = new SSLObject(
      this.#context,
      this.#serverSide,
      this.#serverHostname,
      info,
      this.#verified,
    );
    if (this.#loop.getDebug()) {
      const ms = (this.#loop.time() - this.#handshakeStart) * 1e3;
      logger.debug(`${this}: SSL handshake took ${ms.toFixed(1)} ms`);
    }
    this.#app.made(this.#appTransport);
    this.#wakeWaiter(null);
    if (this.#state === WRAPPED) this.#doWrite();
  }

  #handshakeFailed(error: unknown): void {
    this.#handshakeTimer?.cancel();
    this.#handshakeTimer = null;
    this.#state = UNWRAPPED;
    this.#fatalError(
      error,
      error instanceof SSLCertVerificationError
        ? "SSL handshake failed on verifying the certificate"
        : "SSL handshake failed",
    );
    this.#wakeWaiter(error);
  }

  #checkHandshakeTimeout(): void {
    if (this.#state !== DO_HANDSHAKE) return;
    this.#fatalError(
      new ConnectionAbortedError(
        "SSL handshake is taking longer than " +
          `${this.#handshakeTimeout} seconds: aborting the connection`,
      ),
      "Fatal error on transport",
    );
  }

  #wakeWaiter(error: unknown): void {
    const waiter = this.#waiter;
    this.#waiter = null;
    if (waiter === null || waiter.done()) return;
    if (error === null) waiter.setResult();
    else waiter.setException(error);
  }

  // Shutdown

  /** @internal */
  _startShutdown(): void {
    this.#appTransport._markClosed();
    if (this.#state === DO_HANDSHAKE) this._abort(null);
    if (this.#state === WRAPPED) {
      this.#state = FLUSHING;
      this.#startShutdownTimer();
    }
    this.#turn();
  }

  #startShutdownTimer(): void {
    this.#shutdownTimer ??= this.#loop.callLater(
      this.#shutdownTimeout,
      this.#checkShutdownTimeout.bind(this),
    );
  }

  #checkShutdownTimeout(): void {
    if (this.#state !== FLUSHING && this.#state !== SHUTDOWN) return;
    this.#forceClose(new TimeoutError("SSL shutdown timed out"));
  }

  #enterShutdown(): void {
    const pipe = this.#pipe;
    if (pipe === null) return;
    this.#state = SHUTDOWN;
    this.#startShutdownTimer();
    if (this.#eofReceived) this.#callEofReceived();
    this.#outgoing.moveTo(pipe);
    // Who has hung up without a goodbye is not given one: it would be an error.
    this.#farewell = this.#peerEnded || !this.#eofReceived;
    if (this.#farewell) pipe.end();
  }

  #maybeComplete(): void {
    if (this.#state !== SHUTDOWN || this.#completed) return;
    if (this.#farewell) {
      if (!this.#finished || !(this.#peerEnded || this.#eofReceived)) return;
    } else if (this.#pipe !== null && this.#pipe.pending > 0) return;
    this.#completed = true;
    this.#shutdownTimer?.cancel();
    this.#shutdownTimer = null;
    this.#processOutgoing(true);
    this.#callEofReceived();
    const transport = this.#transport;
    if (transport !== null) this.#loop.callSoon(() => transport.close());
  }

  /** Returns whether the application closes the connection itself. */
  #callEofReceived(): boolean {
    try {
      const keepOpen = this.#app.eof();
      if (this.#app.protocol instanceof SSLProtocol) return Boolean(keepOpen);
      if (keepOpen) {
        logger.warning(
          "returning true from eof_received() has no effect when using ssl",
        );
      }
    } catch (error) {
      if (isExit(error)) throw error;
      this.#fatalError(error, "Error calling eof_received()");
    }
    return false;
  }

  /** @internal */
  _abort(exc: unknown): void {
    this.#state = UNWRAPPED;
    this.#forceClose(exc);
  }

  #forceClose(exc: unknown): void {
    this.#appTransport._markClosed();
    this.#pipe?.destroy();
    this.#pipe = null;
    const transport = this.#transport;
    if (transport === null) return;
    this.#reason ??= exc;
    if (transport._forceClose === undefined) transport.abort();
    else transport._forceClose(exc);
  }

  #fatalError(error: unknown, message: string): void {
    this.#forceClose(error);
    if (error instanceof OSError) {
      if (this.#loop.getDebug()) {
        logger.debug(`${this}: ${message}`, { exc: error });
      }
    } else if (!(error instanceof CancelledError)) {
      this.#report(error, message);
    }
  }

  /** Tells of it in the words of the application: CPython names what is below. */
  #report(exception: unknown, message: string): void {
    this.#loop.callExceptionHandler({
      message,
      exception,
      transport: this.#appTransport,
      protocol: this.#app.protocol,
    });
  }

  #cancelTimers(): void {
    this.#shutdownTimer?.cancel();
    this.#shutdownTimer = null;
    this.#handshakeTimer?.cancel();
    this.#handshakeTimer = null;
  }

  // What the application's transport calls

  /** @internal */
  _setAppProtocol(protocol: BaseProtocol): void {
    this.#app.protocol = protocol;
  }

  /** @internal */
  _getAppProtocol(): BaseProtocol {
    return this.#app.protocol;
  }

  /**
   * The transport for the application.
   *
   * @internal
   */
  _getAppTransport(): Transport {
    return this.#appTransport;
  }

  /** @internal */
  _getExtraInfo<T>(name: string, defaultValue: T | null): T | null {
    let value: unknown;
    const tls = this.#sslObject;
    switch (name) {
      case "sslcontext":
        return this.#context as T;
      case "sslObject":
        value = tls;
        break;
      case "peercert":
        value = tls?.getPeerCert();
        break;
      case "cipher":
        value = tls?.cipher();
        break;
      case "compression":
        value = tls?.compression();
        break;
      default:
        return this.#transport === null
          ? defaultValue
          : this.#transport.getExtraInfo(name, defaultValue);
    }
    return tls === null ? defaultValue : value as T;
  }

  // Writing

  /** @internal */
  _writeAppData(pieces: readonly Uint8Array[]): void {
    const open = this.#state === WRAPPED || this.#state === DO_HANDSHAKE;
    if (!open || this.#finished) {
      if (open && this.#connLost === 0) {
        logger.warning(
          "Cannot send over TLS after the other side's goodbye: this runtime " +
            "has answered it already",
        );
      }
      if (this.#connLost >= constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES) {
        logger.warning("SSL connection is closed");
      }
      this.#connLost++;
      return;
    }
    this.#outgoing.push(pieces);
    if (this.#state === WRAPPED) this.#doWrite();
  }

  #doWrite(): void {
    const pipe = this.#pipe;
    // Also while the transport below has paused: Bun answers the other side's goodbye
    // by itself, and what is not encrypted by then is lost.
    if (pipe !== null) this.#outgoing.moveTo(pipe);
    // Within a turn its end sends everything at once.
    if (!this.#busy) this.#processOutgoing();
    else this.#controlWriting();
  }

  #processOutgoing(always = false): void {
    const transport = this.#transport;
    if (transport !== null && (always || !this.#outgoing.stalled)) {
      const data = this.#pipe?.takeOutgoing() ?? null;
      if (data !== null) transport.write(data);
    }
    this.#controlWriting();
  }

  #controlWriting(): void {
    if (!this.#app.begun || this.#lost) return;
    const verdict = this.#outgoing.verdict(this.#pipe);
    if (verdict === null) return;
    const pause = verdict === "pause";
    this.#outgoing.appPaused = pause;
    try {
      if (pause) this.#app.protocol.pauseWriting();
      else this.#app.protocol.resumeWriting();
    } catch (error) {
      if (isExit(error)) throw error;
      this.#report(error, `protocol.${verdict}_writing() failed`);
    }
  }

  /** @internal */
  _setWriteBufferLimits(high: number | null, low: number | null): void {
    this.#outgoing.setLimits(high, low);
    if (this.#pipe !== null) this.#controlWriting();
  }

  /** @internal */
  _writeLimits(): [low: number, high: number] {
    return this.#outgoing.limits();
  }

  /** @internal */
  _getWriteBufferSize(): number {
    return this.#outgoing.size(this.#pipe);
  }

  /**
   * Whether what is written has no way out any more.
   *
   * @internal
   */
  get _writingOver(): boolean {
    return this.#finished || this.#state === FLUSHING ||
      this.#state === SHUTDOWN || this.#transport?.isClosing() === true;
  }

  /** @internal */
  get _appWritingPaused(): boolean {
    return this.#outgoing.appPaused;
  }

  // Reading

  /** @internal */
  _pauseReading(): void {
    this.#incoming.appPaused = true;
  }

  /** @internal */
  _resumeReading(): void {
    if (!this.#incoming.appPaused) return;
    this.#incoming.appPaused = false;
    if (this.#handle !== null) this.#wake();
  }

  /** @internal */
  get _appReadingPaused(): boolean {
    return this.#incoming.appPaused;
  }

  #controlReading(): void {
    if (this.#transport === null) return;
    this.#incoming.control(this.#pipe, this.#transport);
  }

  /** @internal */
  _setReadBufferLimits(high: number | null, low: number | null): void {
    this.#incoming.setLimits(high, low);
    if (this.#pipe !== null) this.#controlReading();
  }

  /** @internal */
  _readLimits(): [low: number, high: number] {
    return this.#incoming.limits();
  }

  /** @internal */
  _getReadBufferSize(): number {
    return this.#incoming.total(this.#pipe);
  }

  /** Where the connection stands, for the log. */
  override toString(): string {
    return `<SSLProtocol ${this.#serverSide ? "server" : "client"} ` +
      `${this.#state.name}>`;
  }
}

/**
 * Who hangs up in a handshake may be found out by a read or by a write: chance must
 * not choose the error.
 */
function asReset(error: unknown): unknown {
  return error instanceof BrokenPipeError
    ? new ConnectionResetError(
      "Cannot complete the TLS handshake: the other side has closed the " +
        "connection",
      { cause: error },
    )
    : error;
}
