/** What tests of the loops' network methods share. */

import {
  allTasks,
  type BaseTransport,
  type ExceptionContext,
  type Future,
  gather,
  Protocol,
  type Transport,
} from "../mod.ts";
import { BaseSelectorEventLoop } from "../selector_events.ts";
import type { Platform } from "../_platform/types.ts";
import { it, type TestOptions } from "./_harness.ts";
import { endIfHung } from "./_loops.ts";
import { type Body, spell, type Spelling, SPELLINGS } from "./_spell.ts";

/** What a body of {@linkcode online} is given. */
export interface Online {
  /** The loop that runs it. */
  readonly loop: BaseSelectorEventLoop;
  /** What the loop's exception handler was told and the test has not taken. */
  readonly reports: ExceptionContext[];
  /** How the body is written. */
  readonly spelling: Spelling;
  /** A bare async or generator function in this spelling. */
  fn<A extends unknown[], T>(
    body: (...args: A) => Body<T>,
  ): (...args: A) => PromiseLike<T>;
}

/** Options of {@linkcode online}. */
export interface OnlineOptions extends TestOptions {
  /** The platform of the loop; the runtime's unless given. */
  platform?: () => Platform;
}

/** Real milliseconds that a body may take. */
const PATIENCE = 4000;

/** Registers a test once per spelling, on a loop with real sockets. */
export function online(
  name: string,
  body: (net: Online) => Body,
  options: OnlineOptions = {},
): void {
  for (const spelling of SPELLINGS) {
    it(
      `${name} (${spelling})`,
      options,
      () => runOnline(body, spelling, options),
    );
  }
}

async function runOnline(
  body: (net: Online) => Body,
  spelling: Spelling,
  options: OnlineOptions,
): Promise<void> {
  const loop = new BaseSelectorEventLoop(
    options.platform ? { platform: options.platform() } : {},
  );
  const reports: ExceptionContext[] = [];
  loop.setExceptionHandler((_, context) => void reports.push(context));
  const net: Online = {
    loop,
    reports,
    spelling,
    fn: (fn) => spell(spelling, fn),
  };
  const giveUp = endIfHung(loop, options.timeout ?? PATIENCE);
  try {
    await loop.runUntilComplete(spell(spelling, () => body(net)));
  } finally {
    clearTimeout(giveUp);
    await finish(loop);
  }
  const [report] = reports;
  if (report !== undefined) {
    throw new Error(`the loop reported: ${report.message}`, {
      cause: report.exception,
    });
  }
}

/** Ends what still runs on a loop, closes it and lets the host close its sockets. */
async function finish(loop: BaseSelectorEventLoop): Promise<void> {
  const left = [...allTasks(loop)];
  for (const task of left) task.cancel();
  const giveUp = endIfHung(loop, PATIENCE);
  try {
    if (left.length > 0) {
      await loop.runUntilComplete(gather(left, { returnExceptions: true }));
    }
  } finally {
    clearTimeout(giveUp);
    loop.close();
    for (let i = 0; i < 4; i++) {
      await new Promise<void>((done) => setTimeout(done, 1));
    }
  }
}

export const bytes = (text: string): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode(text);

export const text = (data: Uint8Array): string =>
  new TextDecoder().decode(data);

/** Notes what it is told, and can be waited for. */
export class Notes extends Protocol {
  readonly log: string[] = [];
  transport!: Transport;
  received = "";
  size = 0;
  error: unknown = undefined;
  onMade: ((transport: Transport) => void) | null = null;
  onData: ((data: Uint8Array) => void) | null = null;
  keepOpen = false;
  readonly #loop: BaseSelectorEventLoop;
  readonly #waiting: [test: () => boolean, done: Future<void>][] = [];

  constructor(loop: BaseSelectorEventLoop) {
    super();
    this.#loop = loop;
  }

  /** A future that is done once a condition holds, looked at after each call. */
  when(test: () => boolean): Future<void> {
    const done = this.#loop.createFuture<void>();
    this.#waiting.push([test, done]);
    this.#look();
    return done;
  }

  /** Done once so much was received. */
  has(received: string): Future<void> {
    return this.when(() => this.received.includes(received));
  }

  /** Done once the connection is lost. */
  lost(): Future<void> {
    return this.when(() => this.log.includes("lost"));
  }

  #look(): void {
    for (const [test, done] of this.#waiting) {
      if (!done.done() && test()) done.setResult();
    }
  }

  override connectionMade(transport: BaseTransport): void {
    this.log.push("made");
    this.transport = transport as Transport;
    this.onMade?.(this.transport);
    this.#look();
  }

  override dataReceived(data: Uint8Array): void {
    if (this.log.at(-1) !== "data") this.log.push("data");
    this.size += data.length;
    if (this.received.length < 10_000) this.received += text(data);
    this.onData?.(data);
    this.#look();
  }

  override eofReceived(): boolean {
    this.log.push("eof");
    this.#look();
    return this.keepOpen;
  }

  override connectionLost(error: unknown): void {
    this.log.push("lost");
    this.error = error;
    this.#look();
  }
}

/** Sends back what it receives. */
export class Echo extends Notes {
  override dataReceived(data: Uint8Array): void {
    super.dataReceived(data);
    this.transport.write(data);
  }
}

/** The port of a server's first socket. */
export function portOf(
  server: { readonly sockets: readonly { getSockName(): unknown }[] },
): number {
  return (server.sockets[0]!.getSockName() as [string, number])[1];
}
