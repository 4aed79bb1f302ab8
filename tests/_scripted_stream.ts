/** A stream socket that a test plays by hand. */

import type {
  SocketAddress,
  StreamEvents,
  StreamSocket,
} from "../_platform/sockets.ts";

/** Notes what is asked of it, and tells what the test says. */
export class ScriptedStream implements StreamSocket {
  readonly family = "inet";
  readonly local: SocketAddress = ["127.0.0.1", 1];
  readonly remote: SocketAddress = ["127.0.0.1", 2];
  buffered: number = 0;
  /** How many more bytes it takes. */
  room: number = Infinity;
  readonly calls: string[] = [];
  readonly written: Uint8Array[] = [];
  owner: StreamEvents | null = null;
  /** Whether it waits to be asked for what comes next. */
  waits: boolean = false;
  /** Set where it lends what it reads. */
  declare next?: () => void;
  #lent: Uint8Array | null = null;

  constructor(lends = false) {
    if (!lends) return;
    this.next = () => {
      this.calls.push("next");
      this.waits = false;
      if (this.owner!.borrows) this.#lent?.fill(99);
      this.#lent = null;
    };
  }

  attach(events: StreamEvents): void {
    this.owner = events;
  }

  write(data: Uint8Array): number {
    const count = Math.min(data.length, this.room);
    this.room -= count;
    this.calls.push(`write ${count}`);
    if (count > 0) this.written.push(data.slice(0, count));
    return count;
  }

  pause(): void {
    this.calls.push("pause");
  }

  resume(): void {
    this.calls.push("resume");
  }

  shutdownWrite(): void {
    this.calls.push("shutdownWrite");
  }

  close(): void {
    this.calls.push("close");
  }

  abort(): void {
    this.calls.push("abort");
  }

  setNoDelay(on: boolean): void {
    this.calls.push(`setNoDelay ${on}`);
  }

  setKeepAlive(on: boolean): void {
    this.calls.push(`setKeepAlive ${on}`);
  }

  /** Tells a chunk that is overwritten as soon as the next one is asked for. */
  lend(chunk: Uint8Array): void {
    this.waits = true;
    this.#lent = chunk;
    this.owner!.onData(chunk);
  }

  ref(): void {}
  unref(): void {}

  /** The calls since it was asked last. */
  take(): string[] {
    return this.calls.splice(0);
  }
}
