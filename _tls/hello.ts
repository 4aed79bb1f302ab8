/**
 * Reads a client's first message: the name it asks for and the protocols it offers
 * decide which certificate a server shows. Bun tells a server on a stream neither.
 */

import { SSLError } from "./errors.ts";

/** What a client asks for in its first message. */
export interface ClientHello {
  /** The host that it wants to reach, or null where it does not say. */
  readonly serverName: string | null;
  /** The protocols that it offers by ALPN, the best first. */
  readonly alpn: readonly string[];
}

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const ALPN = 16;

/** No client has that much to say in its first message. */
const LIMIT = 128 * 1024;

/** The error for a peer that does not speak TLS. */
function plainPeer(bytes: Uint8Array): SSLError {
  const start = String.fromCharCode(...bytes.subarray(0, 5));
  return /^(GET|POST|HEAD|PUT) /.test(start)
    ? new SSLError("Cannot complete the TLS handshake: http request", {
      code: "HTTP_REQUEST",
    })
    : new SSLError("Cannot complete the TLS handshake: wrong version number", {
      code: "WRONG_VERSION_NUMBER",
    });
}

function malformed(): never {
  throw new SSLError("Cannot complete the TLS handshake: bad client hello", {
    code: "LENGTH_MISMATCH",
  });
}

/** Walks over bytes and their length-prefixed parts. */
class Cursor {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  number(size: number): number {
    let value = 0;
    for (let i = 0; i < size; i++) {
      value = value * 256 + (this.#bytes[this.#at++] ?? malformed());
    }
    return value;
  }

  take(size: number): Uint8Array {
    if (size > this.left) malformed();
    this.#at += size;
    return this.#bytes.subarray(this.#at - size, this.#at);
  }

  /** A part that stands behind its length. */
  part(lengthSize: number): Uint8Array {
    return this.take(this.number(lengthSize));
  }
}

/** The handshake bytes of complete and incomplete records. */
function messageBytes(bytes: Uint8Array): Uint8Array {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (let at = 0; at + 5 <= bytes.length;) {
    if (bytes[at] !== HANDSHAKE || bytes[at + 1] !== 3) {
      throw plainPeer(bytes.subarray(at));
    }
    const length = bytes[at + 3]! * 256 + bytes[at + 4]!;
    const piece = bytes.subarray(at + 5, at + 5 + length);
    pieces.push(piece);
    size += piece.length;
    at += 5 + length;
  }
  if (pieces.length === 1) return pieces[0]!;
  const all = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/**
 * Reads the first message of a client.
 *
 * @param bytes All that has come so far.
 * @returns What it asks for, or null while it is not complete.
 * @throws SSLError If it is no TLS, or malformed.
 */
export function readClientHello(bytes: Uint8Array): ClientHello | null {
  if (bytes.length < 5) return null;
  if (bytes.length > LIMIT) malformed();
  const message = messageBytes(bytes);
  if (message.length < 4) return null;
  if (message[0] !== CLIENT_HELLO) malformed();
  const length = message[1]! * 65536 + message[2]! * 256 + message[3]!;
  if (length > LIMIT) malformed();
  if (message.length < 4 + length) return null;
  const hello = new Cursor(message.subarray(4, 4 + length));
  hello.take(2 + 32); // the version and the random number
  hello.part(1); // the session
  hello.part(2); // the ciphers
  hello.part(1); // the compressions
  let serverName: string | null = null;
  let alpn: string[] = [];
  if (hello.left > 0) {
    const extensions = new Cursor(hello.part(2));
    while (extensions.left > 0) {
      const kind = extensions.number(2);
      const body = extensions.part(2);
      if (kind === SERVER_NAME) serverName = readServerName(body);
      else if (kind === ALPN) alpn = readProtocols(body);
    }
  }
  return { serverName, alpn };
}

function readServerName(body: Uint8Array): string | null {
  const names = new Cursor(new Cursor(body).part(2));
  while (names.left > 0) {
    const kind = names.number(1);
    const name = names.part(2);
    if (kind === 0) return new TextDecoder().decode(name);
  }
  return null;
}

function readProtocols(body: Uint8Array): string[] {
  const list = new Cursor(new Cursor(body).part(2));
  const protocols: string[] = [];
  while (list.left > 0) {
    protocols.push(new TextDecoder().decode(list.part(1)));
  }
  return protocols;
}
