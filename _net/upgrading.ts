/** Connections that are upgraded to TLS. */

import type { BaseEventLoop } from "../base_events.ts";
import type { Coro } from "../coroutines.ts";
import { ConnectionResetError } from "../exceptions.ts";
import type { UpgradeOptions } from "./net_types.ts";
import type { BaseProtocol } from "../protocols.ts";
import { SSLContext } from "../_tls/context.ts";
import { SSLProtocol } from "../sslproto.ts";
import type { BaseTransport, Transport } from "../transports.ts";

/** See `BaseEventLoop.startTls`. */
export function* startTls(
  loop: BaseEventLoop,
  transport: BaseTransport,
  protocol: BaseProtocol,
  sslcontext: SSLContext,
  options: UpgradeOptions,
): Coro<Transport> {
  if (!(sslcontext instanceof SSLContext)) {
    throw new TypeError(
      `sslcontext is expected to be an instance of SSLContext, got ${sslcontext}`,
    );
  }
  const below = transport as Transport & { _startTlsCompatible?: boolean };
  if (below._startTlsCompatible !== true) {
    throw new TypeError(
      `transport ${transport} is not supported by start_tls()`,
    );
  }
  if (below.isClosing()) {
    throw new ConnectionResetError(
      "Cannot start TLS: the connection is closing, or closed",
    );
  }
  const waiter = loop.createFuture<void>();
  const tls = new SSLProtocol(
    loop,
    protocol,
    sslcontext,
    waiter,
    options.serverSide ?? false,
    options.serverHostname ?? null,
    false,
    options.sslHandshakeTimeout ?? null,
    options.sslShutdownTimeout ?? null,
  );
  // Nothing may come before TLS knows its transport, but for what came too early.
  below.pauseReading();
  const before = below.getProtocol();
  const early = before._takeBuffered();
  const ended = before._hasEnded();
  below.setProtocol(tls);
  if (early !== null) tls.dataReceived(early);
  const made = loop.callSoon(() => {
    tls.connectionMade(below);
    if (ended) tls.eofReceived();
  });
  const resume = loop.callSoon(() => below.resumeReading());
  try {
    yield* waiter;
  } catch (error) {
    below.close();
    made.cancel();
    resume.cancel();
    throw error;
  }
  return tls._getAppTransport();
}
