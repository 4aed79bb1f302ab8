/** Files, sent piece by piece at the pace of a connection. */

import { openFile } from "../_platform/files.ts";
import type { BaseEventLoop } from "../base_events.ts";
import type { Coro } from "../coroutines.ts";
import type { AbstractEventLoop } from "../events.ts";
import {
  ConnectionError,
  RuntimeError,
  SendfileNotAvailableError,
} from "../exceptions.ts";
import { type Future, wrapFuture } from "../futures.ts";
import type { FileSource, ReadableFile, SendFileOptions } from "./net_types.ts";
import { type BaseProtocol, Protocol } from "../protocols.ts";
import { opened } from "./taking.ts";
import { type BaseTransport, Transport } from "../transports.ts";

/** How many bytes are read at once. */
const PIECE = 64 * 1024;

/** Something to be sent, from its offset on. */
interface Source {
  /** The next bytes, up to so many; null at the end. The caller keeps them. */
  read(max: number): Promise<Uint8Array | null>;
  /** Ends the reading, when so many bytes were sent. */
  close(sent: number): Promise<void>;
}

/** Throws what CPython throws for such arguments. */
export function checkRange(offset: unknown, count: unknown): void {
  if (count !== null && !(Number.isInteger(count) && (count as number) > 0)) {
    const Kind = Number.isInteger(count) ? RangeError : TypeError;
    throw new Kind(`count must be a positive integer (got ${count})`);
  }
  if (!Number.isInteger(offset) || (offset as number) < 0) {
    const Kind = Number.isInteger(offset) ? RangeError : TypeError;
    throw new Kind(`offset must be a non-negative integer (got ${offset})`);
  }
}

/** See `BaseEventLoop.sendFile`. */
export function* sendFile(
  loop: BaseEventLoop,
  transport: BaseTransport,
  file: FileSource,
  offset: number,
  count: number | null,
  options: SendFileOptions,
): Coro<number> {
  checkRange(offset, count);
  if (transport.isClosing()) throw new RuntimeError("Transport is closing");
  if (!(transport instanceof Transport)) {
    throw new RuntimeError(
      `sendfile is not supported for transport ${transport}`,
    );
  }
  if (options.fallback === false) {
    throw new SendfileNotAvailableError(
      "sendfile syscall is not available: no runtime offers it; allow the " +
        "fallback",
    );
  }
  const source = yield* openSource(loop, file, offset);
  const sender = new Sender(loop, transport);
  let sent = 0;
  try {
    while (count === null || sent < count) {
      const room = count === null ? PIECE : Math.min(PIECE, count - sent);
      const piece = yield* wrapFuture(source.read(room), { loop });
      if (piece === null) break;
      yield* sender.drain();
      transport.write(piece);
      sent += piece.length;
    }
    return sent;
  } finally {
    sender.restore();
    yield* wrapFuture(source.close(sent), { loop });
  }
}

/** Stands in for a connection's protocol while a file is sent. */
class Sender extends Protocol {
  readonly #loop: AbstractEventLoop;
  readonly #transport: Transport;
  readonly #protocol: BaseProtocol;
  readonly #wasReading: boolean;
  readonly #wasPaused: boolean;
  #paused: boolean;
  #lost: unknown = undefined;
  #over = false;
  #waiter: Future<void> | null = null;

  constructor(loop: AbstractEventLoop, transport: Transport) {
    super();
    this.#loop = loop;
    this.#transport = transport;
    this.#protocol = transport.getProtocol();
    this.#wasReading = transport.isReading();
    const { _protocolPaused = false } = transport as {
      _protocolPaused?: boolean;
    };
    this.#wasPaused = this.#paused = _protocolPaused;
    transport.pauseReading();
    transport.setProtocol(this);
  }

  /** Waits until more can be written. */
  *drain(): Coro<void> {
    if (this.#transport.isClosing()) {
      throw this.#lost ?? new ConnectionError("Connection closed by peer");
    }
    if (!this.#paused) return;
    this.#waiter = this.#loop.createFuture<void>();
    yield* this.#waiter;
  }

  override connectionMade(): void {
    throw new RuntimeError(
      "Invalid state: connection should have been established already.",
    );
  }

  override connectionLost(exc: unknown): void {
    this.#over = true;
    this.#lost = exc ?? undefined;
    const waiter = this.#waiter;
    if (waiter !== null && !waiter.done()) {
      waiter.setException(
        exc ?? new ConnectionError("Connection is closed by peer"),
      );
    }
    this.#protocol.connectionLost(exc);
  }

  override pauseWriting(): void {
    this.#paused = true;
  }

  override resumeWriting(): void {
    this.#paused = false;
    const waiter = this.#waiter;
    this.#waiter = null;
    if (waiter !== null && !waiter.done()) waiter.setResult();
  }

  override dataReceived(): void {
    throw new RuntimeError("Invalid state: reading should be paused");
  }

  override eofReceived(): boolean {
    throw new RuntimeError("Invalid state: reading should be paused");
  }

  /** Gives the connection back, and tells what has changed meanwhile. */
  restore(): void {
    this.#transport.setProtocol(this.#protocol);
    if (this.#wasReading) this.#transport.resumeReading();
    this.#waiter?.cancel();
    if (this.#over || this.#paused === this.#wasPaused) return;
    if (this.#paused) this.#protocol.pauseWriting();
    else this.#protocol.resumeWriting();
  }
}

// What can be sent

/** Opens what is to be sent. */
export function* openSource(
  loop: AbstractEventLoop,
  file: FileSource,
  offset: number,
): Coro<Source> {
  if (typeof file === "string" || file instanceof URL) {
    const open = yield* opened(
      loop,
      () => openFile(file),
      (late) => void late.close(),
    );
    let at = offset;
    return {
      async read(max) {
        const buffer = new Uint8Array(max);
        const count = await open.read(buffer, at);
        at += count;
        return count === 0 ? null : buffer.subarray(0, count);
      },
      close: () => open.close(),
    };
  }
  if (file instanceof Blob) {
    let at = offset;
    return {
      async read(max) {
        const part = file.slice(at, at + max);
        const bytes = new Uint8Array(await part.arrayBuffer());
        at += bytes.length;
        return bytes.length === 0 ? null : bytes;
      },
      close: async () => {},
    };
  }
  if (typeof (file as ReadableFile | null)?.read === "function") {
    return yield* positioned(loop, file as ReadableFile, offset);
  }
  const iterator = iteratorOf(file as AsyncIterable<Uint8Array>);
  if (iterator === null) {
    throw new TypeError(
      "Cannot send the file: a path, an open file, a Blob or an iterable of " +
        `Uint8Arrays is needed, got ${file === null ? "null" : typeof file}`,
    );
  }
  return new Pieces(iterator, offset);
}

function* positioned(
  loop: AbstractEventLoop,
  file: ReadableFile,
  offset: number,
): Coro<Source> {
  const START = 0;
  if (offset > 0) {
    if (file.seek === undefined) {
      throw new TypeError(
        "Cannot send the file from an offset: it has no seek()",
      );
    }
    yield* wrapFuture(
      Promise.resolve(file.seek(offset, START)),
      { loop },
    );
  }
  return {
    async read(max) {
      const buffer = new Uint8Array(max);
      const count = await file.read(buffer);
      return count ? buffer.subarray(0, count) : null;
    },
    async close(sent) {
      // What was read and not sent is to be read again.
      if (sent > 0) await file.seek?.(offset + sent, START);
    },
  };
}

function iteratorOf(
  file: AsyncIterable<Uint8Array> & Partial<Iterable<Uint8Array>>,
): AsyncIterator<Uint8Array> | Iterator<Uint8Array> | null {
  if (typeof file !== "object" || file === null) return null;
  return file[Symbol.asyncIterator]?.() ?? file[Symbol.iterator]?.() ?? null;
}

/** Pieces of any size, cut to what is asked for. */
class Pieces implements Source {
  readonly #iterator: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  #rest: Uint8Array | null = null;
  #skip: number;
  #done = false;

  constructor(
    iterator: AsyncIterator<Uint8Array> | Iterator<Uint8Array>,
    skip: number,
  ) {
    this.#iterator = iterator;
    this.#skip = skip;
  }

  async read(max: number): Promise<Uint8Array | null> {
    while (this.#rest === null) {
      const { done, value } = await this.#iterator.next();
      if (done) {
        this.#done = true;
        return null;
      }
      const piece: Uint8Array = value;
      if (!(piece instanceof Uint8Array)) {
        throw new TypeError(
          `Cannot send the file: its pieces must be Uint8Arrays, got ${piece}`,
        );
      }
      const left = piece.subarray(Math.min(this.#skip, piece.length));
      this.#skip -= piece.length - left.length;
      if (left.length > 0) this.#rest = left;
    }
    const rest = this.#rest;
    this.#rest = rest.length > max ? rest.subarray(max) : null;
    return rest.subarray(0, max);
  }

  async close(): Promise<void> {
    if (this.#done) return;
    // Not waited for: one that still waits for its next piece would not end.
    const ended = async () => await this.#iterator.return?.();
    ended().catch(() => {});
  }
}
