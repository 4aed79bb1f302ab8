/** Two ends of a TLS connection in memory. */

import {
  type AbstractEventLoop,
  type BaseProtocol,
  type BaseTransport,
  type Future,
  getRunningLoop,
  Protocol,
  SSLContext,
  type SSLContextOptions,
  SSLProtocol,
  type Transport,
} from "../mod.ts";
import { cert, identity } from "./_certs.ts";
import { memoryPair, type PairOptions } from "./_memory_transport.ts";

let clientDefault: SSLContext | null = null;
let serverDefault: SSLContext | null = null;

/** A client's context that trusts the test authority. */
export function clientContext(options?: SSLContextOptions): SSLContext {
  if (options === undefined) {
    return clientDefault ??= new SSLContext("client", { ca: cert("ca") });
  }
  return new SSLContext("client", { ca: cert("ca"), ...options });
}

/** A server's context, with a certificate for localhost. */
export function serverContext(options?: SSLContextOptions): SSLContext {
  if (options === undefined) {
    return serverDefault ??= new SSLContext("server", identity("server"));
  }
  return new SSLContext("server", { ...identity("server"), ...options });
}

/** What a connection is made of. */
export interface TlsOptions extends PairOptions {
  client?: SSLContext;
  server?: SSLContext;
  hostname?: string | null;
  handshakeTimeout?: number;
  shutdownTimeout?: number;
  /** How often TLS runs inside TLS; 1 is TLS alone. */
  layers?: number;
}

/** One end: its TLS protocols, the outermost first, and when they are ready. */
export interface End {
  readonly protocols: readonly SSLProtocol[];
  readonly ready: Future<void>;
  readonly transport: Transport;
}

function end(
  loop: AbstractEventLoop,
  app: BaseProtocol,
  server: boolean,
  options: TlsOptions,
): End {
  const protocols: SSLProtocol[] = [];
  let inner = app;
  let ready: Future<void> | null = null;
  for (let i = 0; i < (options.layers ?? 1); i++) {
    const waiter = loop.createFuture<void>() as Future<void>;
    ready ??= waiter;
    // Only the innermost is waited for; the others' errors reach it as a loss.
    waiter.addDoneCallback((done) => void done.exception());
    const protocol = new SSLProtocol(
      loop,
      inner,
      server
        ? options.server ?? serverContext()
        : options.client ?? clientContext(),
      waiter,
      server,
      server
        ? null
        : options.hostname === undefined
        ? "localhost"
        : options.hostname,
      true,
      options.handshakeTimeout ?? null,
      options.shutdownTimeout ?? null,
    );
    protocols.unshift(protocol);
    inner = protocol;
  }
  return {
    protocols,
    ready: ready!,
    transport: protocols.at(-1)!._getAppTransport(),
  };
}

/** Connects two protocols by TLS in memory; the handshake is yet to come. */
export function tlsPair(
  client: BaseProtocol,
  server: BaseProtocol,
  options: TlsOptions = {},
): {
  client: End;
  server: End;
  below: [client: Transport, server: Transport];
} {
  const loop = getRunningLoop();
  const a = end(loop, client, false, options);
  const b = end(loop, server, true, options);
  return {
    client: a,
    server: b,
    below: memoryPair(loop, a.protocols[0]!, b.protocols[0]!, options),
  };
}

/** Notes what it is told. */
export class Notes extends Protocol {
  readonly calls: string[] = [];
  transport: Transport | null = null;
  text = "";
  received = 0;
  lostWith: unknown = undefined;
  onMade: ((transport: Transport) => void) | null = null;
  onData: ((data: Uint8Array) => void) | null = null;
  onEof: (() => boolean | void) | null = null;
  readonly lost: Promise<unknown>;
  #lost!: (error: unknown) => void;

  constructor() {
    super();
    this.lost = new Promise((resolve) => this.#lost = resolve);
  }

  override connectionMade(transport: BaseTransport): void {
    this.calls.push("made");
    this.transport = transport as Transport;
    this.onMade?.(this.transport);
  }

  override dataReceived(data: Uint8Array): void {
    if (this.calls.at(-1) !== "data") this.calls.push("data");
    this.received += data.length;
    if (data.length < 1000) this.text += new TextDecoder().decode(data);
    this.onData?.(data);
  }

  override eofReceived(): boolean | void {
    this.calls.push("eof");
    return this.onEof?.();
  }

  override pauseWriting(): void {
    this.calls.push("pause");
  }

  override resumeWriting(): void {
    this.calls.push("resume");
  }

  override connectionLost(error: unknown): void {
    this.calls.push("lost");
    this.lostWith = error;
    this.#lost(error);
  }
}

export const bytes = (text: string): Uint8Array =>
  new TextEncoder().encode(text);
