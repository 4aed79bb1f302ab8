/**
 * Brings what a TLS engine says into the loop. An engine calls back when it likes,
 * in the middle of a call to it or from a microtask; here it waits, in order, until
 * the loop asks for it.
 */

import { platform } from "../_platform/mod.ts";
import type {
  TlsEngine,
  TlsHandler,
  TlsInfo,
  TlsSettings,
} from "../_platform/tls_types.ts";

/** What an engine has said, one thing at a time. */
export type TlsEvent =
  | { readonly kind: "data"; readonly data: Uint8Array }
  | { readonly kind: "handshake"; readonly info: TlsInfo }
  | { readonly kind: "end" }
  | { readonly kind: "finish" }
  | { readonly kind: "error"; readonly error: Error };

const END: TlsEvent = { kind: "end" };
const FINISH: TlsEvent = { kind: "finish" };

/**
 * How often engines were given something. Some take a few macrotasks to answer, which
 * a clock that jumps to the next deadline has to let them have.
 */
export const engineWork: { count: number } = { count: 0 };

/** An engine and what it has said so far. */
export class TlsPipe implements TlsHandler {
  readonly #engine: TlsEngine;
  readonly #wake: () => void;
  #events: TlsEvent[] = [];
  #next = 0;
  #outgoing: Uint8Array[] = [];
  /** The error that is about to be said. */
  failure: Error | null = null;
  /** How many bytes for the other side wait here. */
  outgoingSize = 0;
  /** How many decrypted bytes wait here. */
  incomingSize = 0;

  constructor(settings: TlsSettings, wake: () => void) {
    this.#wake = wake;
    engineWork.count++;
    this.#engine = platform.tls.engine(settings, this);
  }

  onCiphertext(data: Uint8Array): void {
    this.#outgoing.push(data);
    this.outgoingSize += data.length;
    this.#wake();
  }

  onHandshake(info: TlsInfo): void {
    this.#say({ kind: "handshake", info });
  }

  onPlaintext(data: Uint8Array): void {
    this.incomingSize += data.length;
    this.#say({ kind: "data", data });
  }

  onEnd(): void {
    this.#say(END);
  }

  onFinish(): void {
    this.#say(FINISH);
  }

  onProgress(): void {
    this.#wake();
  }

  onError(error: Error): void {
    this.failure = error;
    // The alert that tells the other side comes after the error.
    platform.clock.immediate(() => this.#say({ kind: "error", error }));
  }

  #say(event: TlsEvent): void {
    this.#events.push(event);
    this.#wake();
  }

  /** What comes next, or undefined; it stays there. */
  peek(): TlsEvent | undefined {
    return this.#events[this.#next];
  }

  /** Strikes off what `peek` has shown. */
  drop(): void {
    const event = this.#events[this.#next++]!;
    if (event.kind === "data") this.incomingSize -= event.data.length;
    if (this.#next === this.#events.length) {
      this.#events = [];
      this.#next = 0;
    }
  }

  /** Puts the rest of dropped data back, to come next. */
  putBack(data: Uint8Array): void {
    const event: TlsEvent = { kind: "data", data };
    this.incomingSize += data.length;
    if (this.#next > 0) this.#events[--this.#next] = event;
    else this.#events.unshift(event);
  }

  /** Takes what is for the other side: one piece, or null. */
  takeOutgoing(): Uint8Array | null {
    const pieces = this.#outgoing;
    if (pieces.length === 0) return null;
    const size = this.outgoingSize;
    this.#outgoing = [];
    this.outgoingSize = 0;
    if (pieces.length === 1) return pieces[0]!;
    // One write to the transport costs more than the copy.
    const all = new Uint8Array(size);
    let at = 0;
    for (const piece of pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }

  feed(data: Uint8Array): void {
    engineWork.count++;
    this.#engine.feed(data);
  }

  write(data: Uint8Array): void {
    engineWork.count++;
    this.#engine.write(data);
  }

  end(): void {
    engineWork.count++;
    this.#engine.end();
  }

  destroy(): void {
    this.#engine.destroy();
    this.#events = [];
    this.#next = 0;
    this.#outgoing = [];
    this.outgoingSize = 0;
    this.incomingSize = 0;
  }

  /** How many bytes the engine has yet to encrypt. */
  get pending(): number {
    return this.#engine.pending;
  }
}
