/** What is settled before a TLS handshake begins. */

import { SSLContext } from "./context.ts";
import { SSLError } from "./errors.ts";
import { readClientHello } from "./hello.ts";

/** Returns a timeout; throws unless it is positive. */
export function positive(seconds: number, what: string): number {
  if (!(seconds > 0)) {
    throw new RangeError(`${what} should be a positive number, got ${seconds}`);
  }
  return seconds;
}

/** A client's host name as it goes over the wire. */
export function asciiName(name: string): string {
  // deno-lint-ignore no-control-regex
  if (/^[\x00-\x7f]*$/.test(name)) return name;
  try {
    return new URL(`http://${name}/`).hostname;
  } catch (cause) {
    throw new RangeError(`Cannot use '${name}' as a host name`, { cause });
  }
}

/** The context of whoever gave none. */
export function defaultContext(
  serverSide: boolean,
  serverHostname: string | null,
): SSLContext {
  if (serverSide) {
    throw new RangeError("Server side SSL needs a valid SSLContext");
  }
  return new SSLContext(
    "client",
    serverHostname ? {} : { checkHostname: false },
  );
}

/** Throws unless a context fits the side that it is used for. */
export function checkContext(
  context: SSLContext,
  serverSide: boolean,
  serverHostname: string | null,
): void {
  if (!(context instanceof SSLContext)) {
    throw new TypeError(
      `sslcontext is expected to be an instance of SSLContext, got ${context}`,
    );
  }
  const side = serverSide ? "server" : "client";
  if (context.side !== side) {
    throw new SSLError(
      `Cannot make a ${side}'s TLS connection with a ${context.side}'s ` +
        "SSLContext",
      { code: "UNSUPPORTED_PROTOCOL" },
    );
  }
  if (context.checkHostname && !serverSide && serverHostname === null) {
    throw new RangeError("check_hostname requires server_hostname");
  }
}

/** Several pieces as one. */
export function joined(
  pieces: readonly Uint8Array[],
  size: number,
): Uint8Array {
  if (pieces.length === 1) return pieces[0]!;
  const all = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** How a server answers a client. */
export interface Answer {
  readonly context: SSLContext;
  /** The protocol that both speak; none or one. */
  readonly alpn: readonly string[];
  /** Whom the client has asked for. */
  readonly serverName: string | null;
}

/** The alert by which a server turns a client away: handshake failure. */
export const REFUSAL: Uint8Array = Uint8Array.of(21, 3, 1, 0, 2, 2, 40);

/**
 * Chooses a server's answer by the client's first message; null while that is not
 * complete. What it throws ends the handshake.
 */
export function answerHello(
  bytes: Uint8Array,
  own: SSLContext,
): Answer | null {
  const hello = readClientHello(bytes);
  if (hello === null) return null;
  const { serverName } = hello;
  let context: SSLContext;
  try {
    context = own.sniCallback?.(serverName, own) ?? own;
    checkContext(context, true, null);
  } catch (cause) {
    throw new SSLError(
      "Cannot complete the TLS handshake: the SNI callback failed",
      { code: "CALLBACK_FAILED", cause },
    );
  }
  if (!context.hasCertificate) {
    throw new SSLError(
      "Cannot complete the TLS handshake: the server's SSLContext has no " +
        "certificate",
      { code: "NO_SHARED_CIPHER" },
    );
  }
  // Python's choice: the server's order, and none in common is no error.
  const protocol = context.alpnProtocols.find((name) =>
    hello.alpn.includes(name)
  );
  return {
    context,
    alpn: protocol === undefined ? [] : [protocol],
    serverName,
  };
}
