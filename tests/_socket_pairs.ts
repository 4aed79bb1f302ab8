/** Connected transports over real sockets, for tests. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import "../_net/whole.ts";
import type { ListenSocket, StreamSocket } from "../_platform/sockets.ts";
import {
  type AbstractEventLoop,
  type BaseProtocol,
  type BaseSelectorEventLoop,
  type Future,
  type SSLContext,
  SSLProtocol,
  type Transport,
} from "../mod.ts";
import { clientContext, serverContext } from "./_tls.ts";
import type { Connected } from "./_transport_suite.ts";

/** Two connected sockets without owners, and what listened for them. */
export interface Ends {
  readonly near: StreamSocket;
  readonly far: StreamSocket;
}

/** Connects two sockets of the loop's platform over TCP or by a Unix path. */
export async function connectedSockets(
  loop: BaseSelectorEventLoop,
  family: "inet" | "inet6" | "unix" = "inet",
): Promise<Ends> {
  const { sockets } = loop._platform;
  const folder = family === "unix"
    ? mkdtempSync(join(tmpdir(), "sock-"))
    : null;
  const host = family === "inet" ? "127.0.0.1" : "::1";
  const listener: ListenSocket = await sockets.listen(
    folder === null ? { host, port: 0 } : { path: join(folder, "s") },
  );
  try {
    const accepted = new Promise<StreamSocket>((resolve, reject) =>
      listener.start(resolve, reject)
    );
    const { local } = listener;
    const near = await sockets.connect(
      typeof local === "string"
        ? { path: local }
        : { host: local[0], port: local[1] },
    );
    return { near, far: await accepted };
  } finally {
    listener.close();
    if (folder !== null) rmSync(folder, { recursive: true, force: true });
  }
}

/** Connects two protocols over TCP or by a Unix path. */
export async function socketPair(
  loop: AbstractEventLoop,
  client: BaseProtocol,
  server: BaseProtocol,
  family: "inet" | "inet6" | "unix" = "inet",
): Promise<Connected> {
  const own = loop as BaseSelectorEventLoop;
  const { near, far } = await connectedSockets(own, family);
  return {
    client: own._makeSocketTransport(near, client),
    server: own._makeSocketTransport(far, server),
  };
}

/** Connects two protocols by the loop's own TLS transports. */
async function tlsPair(
  loop: AbstractEventLoop,
  client: BaseProtocol,
  server: BaseProtocol,
): Promise<Connected> {
  const own = loop as BaseSelectorEventLoop;
  const { near, far } = await connectedSockets(own);
  const done = [loop.createFuture<void>(), loop.createFuture<void>()] as const;
  const pair = {
    client: own._makeSslTransport(near, client, clientContext(), done[0], {
      serverHostname: "localhost",
    }),
    server: own._makeSslTransport(far, server, serverContext(), done[1], {
      serverSide: true,
    }),
  };
  await done[0];
  await done[1];
  return pair;
}

/** TLS over a protocol's socket, as often as asked. */
function layered(
  loop: AbstractEventLoop,
  app: BaseProtocol,
  server: boolean,
  layers: number,
): { outer: BaseProtocol; transport: Transport; ready: Future<void> } {
  const context: SSLContext = server ? serverContext() : clientContext();
  const host = server ? null : "localhost";
  let outer = app;
  let innermost: SSLProtocol | null = null;
  let ready: Future<void> | null = null;
  for (let i = 0; i < layers; i++) {
    const waiter = loop.createFuture<void>();
    waiter.addDoneCallback((done) => void done.exception());
    const ssl = new SSLProtocol(loop, outer, context, waiter, server, host);
    innermost ??= ssl;
    ready ??= waiter;
    outer = ssl;
  }
  return { outer, transport: innermost!._getAppTransport(), ready: ready! };
}

/** Connects two protocols by TLS over TCP, or by TLS inside TLS over TCP. */
export async function tlsSocketPair(
  loop: AbstractEventLoop,
  client: BaseProtocol,
  server: BaseProtocol,
  layers: number,
): Promise<Connected> {
  if (layers === 1) return await tlsPair(loop, client, server);
  const a = layered(loop, client, false, layers);
  const b = layered(loop, server, true, layers);
  await socketPair(loop, a.outer, b.outer);
  await a.ready;
  await b.ready;
  return { client: a.transport, server: b.transport };
}
