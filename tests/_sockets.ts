/** What tests of stream sockets share: an owner that remembers, and pairs. */

import { assert } from "@std/assert";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OSError } from "../exceptions.ts";
import { platform } from "../_platform/mod.ts";
import type {
  ListenSocket,
  StreamEvents,
  StreamSocket,
  StreamSockets,
  TcpPlace,
  UnixPlace,
} from "../_platform/sockets.ts";

/** Waits for a condition, looking at every turn of the host's loop. */
export async function until(
  condition: () => boolean,
  what: string = String(condition),
): Promise<void> {
  const end = performance.now() + 4000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`never came: ${what}`);
    await new Promise<void>((resolve) => platform.clock.immediate(resolve));
  }
}

/** Real milliseconds, for what must not happen meanwhile. */
export function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** An owner that remembers what it was told. */
export class Ear implements StreamEvents {
  readonly borrows: boolean;
  readonly chunks: Uint8Array[] = [];
  /** What was told, in order: "data", "eof", "close". */
  readonly log: string[] = [];
  size: number = 0;
  drains: number = 0;
  closes: number = 0;
  error: Error | null = null;
  /** Called with each chunk. */
  hook: ((chunk: Uint8Array) => void) | null = null;

  constructor(borrows: boolean = false) {
    this.borrows = borrows;
  }

  get eof(): boolean {
    return this.log.includes("eof");
  }

  get closed(): boolean {
    return this.closes > 0;
  }

  onData(chunk: Uint8Array): void {
    this.size += chunk.length;
    this.chunks.push(this.borrows ? chunk.slice() : chunk);
    if (this.log.at(-1) !== "data") this.log.push("data");
    this.hook?.(chunk);
  }

  onEof(): void {
    this.log.push("eof");
  }

  onDrain(): void {
    this.drains++;
  }

  onClose(error: Error | null): void {
    this.closes++;
    this.error = error;
    this.log.push("close");
  }

  /** All that came, as text. */
  text(): string {
    const decoder = new TextDecoder();
    return this.chunks.map((chunk) => decoder.decode(chunk, { stream: true }))
      .join("") + decoder.decode();
  }
}

/** A socket and its owner. */
export interface End {
  readonly socket: StreamSocket;
  readonly ear: Ear;
}

/** Gives a socket an owner. */
export function own(socket: StreamSocket, borrows?: boolean): End {
  const ear = new Ear(borrows);
  socket.attach(ear);
  return { socket, ear };
}

/** A connection, both of whose ends are here. */
export interface Pair {
  readonly listener: ListenSocket;
  readonly near: End;
  readonly far: End;
}

/** Where a listener can be connected to. */
export function placeOf(
  listener: ListenSocket,
): { host: string; port: number } | { path: string } {
  const { local } = listener;
  return typeof local === "string"
    ? { path: local }
    : { host: local[0], port: local[1] };
}

/** Connects two sockets, lets `body` use them, and closes what is left. */
export async function withPair(
  sockets: StreamSockets,
  place: TcpPlace | UnixPlace,
  body: (pair: Pair) => Promise<void>,
  borrows?: boolean,
): Promise<void> {
  const listener = await sockets.listen(place);
  let far: End | undefined;
  let near: End | undefined;
  try {
    listener.start((socket) => far = own(socket, borrows), (error) => {
      throw error;
    });
    near = own(await sockets.connect(placeOf(listener)), borrows);
    await until(() => far !== undefined, "a connection");
    await body({ listener, near, far: far! });
  } finally {
    listener.close();
    for (const end of [near, far]) {
      end?.socket.abort();
      if (end) await until(() => end.ear.closed, "onClose");
    }
  }
}

/** Writes bytes, in as many parts as it takes. */
export async function writeAll(end: End, data: Uint8Array): Promise<void> {
  let at = 0;
  while (at < data.length) {
    const { drains } = end.ear;
    const count = end.socket.write(data.subarray(at));
    at += count;
    if (count === 0) {
      await until(
        () => end.ear.drains > drains || end.ear.closed,
        "onDrain",
      );
      if (end.ear.closed) throw end.ear.error ?? new Error("closed");
    }
  }
  await until(() => end.socket.buffered === 0, "buffered 0");
}

/** Bytes that show what is missing or doubled. */
export function pattern(size: number): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(size);
  for (let i = 0; i < size; i++) data[i] = (i * 31 + (i >> 8) * 7) & 255;
  return data;
}

/** Text as bytes. */
export function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

let serial = 0;

/** An abstract name of one's own. */
export function abstractName(): string {
  return `\0asyncio-test-${platform.os.pid}-${serial++}`;
}

/** Lets `body` use a folder that is gone afterwards. */
export async function withFolder(
  body: (path: (name: string) => string) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sock-"));
  try {
    await body((name) => join(folder, name));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a promise fails with. */
export async function failure(promise: Promise<unknown>): Promise<OSError> {
  const error = await promise.then(() => null, (error) => error);
  assert(error instanceof OSError, `not an OSError: ${error}`);
  return error;
}
