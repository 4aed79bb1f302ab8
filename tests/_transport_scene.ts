/** What the tests of transports are given, and what they note calls with. */

import { assert, assertEquals } from "@std/assert";
import { it, type Runtime } from "./_harness.ts";
import {
  type AbstractEventLoop,
  type BaseProtocol,
  type BaseTransport,
  BufferedProtocol,
  type ExceptionContext,
  getRunningLoop,
  newEventLoop,
  Protocol,
  run,
  sleep,
  type Transport,
} from "../mod.ts";

/** A connected pair. */
export interface Connected {
  readonly client: Transport;
  readonly server: Transport;
  /** Called once both connections are over: closes listeners, removes files. */
  release?(): void | PromiseLike<void>;
}

/** Connects two protocols. */
export type Open = (
  loop: AbstractEventLoop,
  client: BaseProtocol,
  server: BaseProtocol,
) => Connected | PromiseLike<Connected>;

/** The protocol calls whose errors are fatal for a connection. */
export type Guarded =
  | "data_received"
  | "eof_received"
  | "get_buffer"
  | "buffer_updated";

/** Where a kind differs. */
export interface SuiteOptions {
  /** Whether one direction can end alone; true unless given. */
  halfClose?: boolean;
  /** The default limits; [16 KiB, 64 KiB] unless given. */
  limits?: [low: number, high: number];
  /** What is logged for each write to a lost connection from the fifth on. */
  lostWrites?: string;
  /** What the exception handler is told when a call of a protocol fails. */
  fatal?: (call: Guarded) => string;
  /** What is never buffered in more of, by both ends and the system; 32 MiB. */
  bound?: number;
  /** Tests that are skipped, and why. */
  skip?: Readonly<Record<string, string>>;
  /** Makes the loop; `newEventLoop` unless given. */
  loop?: () => AbstractEventLoop;
  /** The runtimes it runs on; all unless given. */
  on?: readonly Runtime[];
  /** Seconds that a wait inside a test may take; 4 unless given. */
  patience?: number;
}

/** Notes the calls it gets. */
export class Recorder extends Protocol {
  /** "made", "data", "eof", "pause", "resume", "lost"; "data" once for several. */
  readonly calls: string[] = [];
  readonly chunks: Uint8Array[] = [];
  received = 0;
  madeWith: BaseTransport | null = null;
  lostWith: unknown = undefined;
  /** What eofReceived returns. */
  keepOpen: boolean = false;
  onMade: ((transport: Transport) => void) | null = null;
  onData: ((data: Uint8Array) => void) | null = null;
  onEof: (() => void) | null = null;
  onPause: (() => void) | null = null;
  onResume: (() => void) | null = null;
  onLost: ((error: unknown) => void) | null = null;

  override connectionMade(transport: BaseTransport): void {
    this.calls.push("made");
    this.madeWith = transport;
    this.onMade?.(transport as Transport);
  }

  override dataReceived(data: Uint8Array): void {
    this.note(data);
    this.onData?.(data);
  }

  note(data: Uint8Array): void {
    if (this.calls.at(-1) !== "data") this.calls.push("data");
    this.chunks.push(data);
    this.received += data.length;
  }

  override eofReceived(): boolean {
    this.calls.push("eof");
    this.onEof?.();
    return this.keepOpen;
  }

  override pauseWriting(): void {
    this.calls.push("pause");
    this.onPause?.();
  }

  override resumeWriting(): void {
    this.calls.push("resume");
    this.onResume?.();
  }

  override connectionLost(error: unknown): void {
    this.calls.push("lost");
    this.lostWith = error;
    this.onLost?.(error);
  }

  get lost(): boolean {
    return this.calls.includes("lost");
  }

  /** The calls without those of flow control. */
  order(): string[] {
    return this.calls.filter((call) => call !== "pause" && call !== "resume");
  }

  bytes(): Uint8Array {
    return concat(this.chunks);
  }
}

/** The same, with a buffer of its own. */
export class BufferedRecorder extends BufferedProtocol {
  readonly chunks: Uint8Array[] = [];
  readonly buffer: Uint8Array;
  received = 0;
  ended = false;
  lostWith: unknown = undefined;
  onGet: (() => Uint8Array) | null = null;
  onUpdate: (() => void) | null = null;

  constructor(size: number) {
    super();
    this.buffer = new Uint8Array(size);
  }

  override getBuffer(): Uint8Array {
    return this.onGet === null ? this.buffer : this.onGet();
  }

  override bufferUpdated(count: number): void {
    this.chunks.push(this.buffer.slice(0, count));
    this.received += count;
    this.onUpdate?.();
  }

  override eofReceived(): void {
    this.ended = true;
  }

  override connectionLost(error: unknown): void {
    this.lostWith = error;
  }
}

export function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((sum, c) => sum + c.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** Bytes that tell a lost, doubled or swapped piece. */
export function pattern(length: number, seed = 0): Uint8Array {
  const data = new Uint8Array(length);
  let x = (seed * 2654435761 + 1) >>> 0;
  for (let i = 0; i < length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    data[i] = x >>> 24;
  }
  return data;
}

/** Without a difference of megabytes in the message. */
export function assertSame(actual: Uint8Array, expected: Uint8Array): void {
  assertEquals(actual.length, expected.length, "other length");
  const at = actual.findIndex((byte, i) => byte !== expected[i]);
  assert(at < 0, `other byte at ${at}`);
}

/** What a test is given. */
export interface Scene extends Connected {
  readonly loop: AbstractEventLoop;
  readonly up: Recorder;
  readonly down: Recorder;
  readonly reports: ExceptionContext[];
  /** Waits until something is so. */
  until(what: string, check: () => boolean): Promise<void>;
  /** Lets what is on its way arrive. */
  settle(): Promise<void>;
}

export const KIB = 1024;
export const MIB: number = KIB * KIB;

/** A test of a kind of transport. */
export type Test = (
  title: string,
  body: (scene: Scene) => Promise<void>,
  prepare?: (up: Recorder, down: Recorder) => void,
) => void;

/** A kind of transport, with the defaults filled in. */
export interface Kind extends
  Required<
    Pick<
      SuiteOptions,
      "halfClose" | "limits" | "lostWrites" | "fatal" | "bound"
    >
  > {
  readonly test: Test;
}

/** Fills in the defaults of a kind. */
export function kindOf(open: Open, options: SuiteOptions): Kind {
  const {
    halfClose = true,
    limits = [16 * KIB, 64 * KIB],
    lostWrites = "socket.send() raised exception.",
    fatal = (call) => `Fatal error: protocol.${call}() call failed.`,
    bound = 32 * MIB,
    skip = {},
    patience = 4,
  } = options;

  /** Registers a test that is given a connection. */
  const test: Test = (
    title: string,
    body: (scene: Scene) => Promise<void>,
    prepare: (up: Recorder, down: Recorder) => void = () => {},
  ) => {
    it(title, {
      ...title in skip && { skip: skip[title]! },
      ...options.on !== undefined && { on: options.on },
      timeout: (patience * 2 + 2) * 1000,
    }, () =>
      run(() => scene(body, prepare), {
        loopFactory: options.loop ?? newEventLoop,
      }));
  };

  async function scene(
    body: (scene: Scene) => Promise<void>,
    prepare: (up: Recorder, down: Recorder) => void,
  ): Promise<void> {
    const loop = getRunningLoop();
    const up = new Recorder();
    const down = new Recorder();
    const reports: ExceptionContext[] = [];
    loop.setExceptionHandler((_, context) => void reports.push(context));
    prepare(up, down);
    const until = async (what: string, check: () => boolean) => {
      const end = performance.now() + patience * 1000;
      while (!check()) {
        if (performance.now() > end) {
          throw new Error(
            `waited in vain for ${what}: client ${up.calls.join(" ")} ` +
              `(${up.received} bytes), server ${down.calls.join(" ")} ` +
              `(${down.received} bytes)`,
          );
        }
        await sleep(0.002);
      }
    };
    const connected = await open(loop, up, down);
    const { client, server } = connected;
    await until(
      "both connectionMade",
      () => up.madeWith !== null && down.madeWith !== null,
    );
    try {
      await body({
        ...connected,
        loop,
        up,
        down,
        reports,
        until,
        settle: async () => {
          for (let i = 0; i < 10; i++) await sleep(0.003);
        },
      });
      assertEquals(
        reports.map((r) => `${r.message}: ${r.exception}`),
        [],
        "the loop reported",
      );
      for (const recorder of [up, down]) {
        const { calls } = recorder;
        if (calls.length === 0) continue;
        assert(
          calls.filter((call) => call === "lost").length <= 1,
          "lost twice",
        );
        assert(calls.filter((call) => call === "eof").length <= 1, "eof twice");
        const end = calls.indexOf("lost");
        assert(end < 0 || end === calls.length - 1, calls.join(" "));
      }
    } finally {
      client.abort();
      server.abort();
      await sleep(0.005);
      await connected.release?.();
      await sleep(0);
    }
  }

  return { test, halfClose, limits, lostWrites, fatal, bound };
}

/** As assertThrows, without a promise of a message. */
export function throws<E extends Error>(
  body: () => unknown,
  // deno-lint-ignore no-explicit-any
  Class: new (...args: any[]) => E,
): E {
  try {
    body();
  } catch (error) {
    assert(error instanceof Class, `thrown was ${error}`);
    return error;
  }
  throw new Error(`${Class.name} was expected, and nothing was thrown`);
}
