/**
 * TLS as the library asks for it: an engine in memory. Ciphertext is fed in and
 * comes out through callbacks, so it runs over anything that carries bytes.
 */

/** The versions that all runtimes have. */
export type TlsVersion = "TLSv1.2" | "TLSv1.3";

/** What both sides' settings are made of; all texts are PEM. */
export interface TlsCredentials {
  readonly cert: string | null;
  readonly key: string | null;
  readonly passphrase: string | null;
  /** Whom to trust; null for those whom the runtime trusts. */
  readonly ca: readonly string[] | null;
  /** OpenSSL's notation; null for the runtime's choice. */
  readonly ciphers: string | null;
  readonly minVersion: TlsVersion | null;
  readonly maxVersion: TlsVersion | null;
}

/** Credentials that were read and found to fit together. */
export interface TlsContext {
  readonly credentials: TlsCredentials;
  /** The runtime's own object. */
  readonly native: unknown;
}

/** What one connection is made of. */
export interface TlsSettings {
  readonly context: TlsContext;
  readonly server: boolean;
  /** Client: the name or address to reach; null for none. */
  readonly serverName: string | null;
  /** Whether the other side's certificate is asked for and checked. */
  readonly verify: "none" | "optional" | "required";
  /** Client: whether the certificate has to be for `serverName`. */
  readonly checkHostname: boolean;
  /** Client: what is offered. Server: the one that was chosen, or none. */
  readonly alpn: readonly string[];
}

/** What the handshake has agreed on. */
export interface TlsInfo {
  readonly version: string | null;
  readonly cipher: string | null;
  readonly alpn: string | null;
  /** The other side's certificate, in DER. */
  readonly certificate: Uint8Array | null;
}

/**
 * What an engine tells. The calls come in order, from inside the engine's methods
 * or from the runtime's callbacks; none comes after `destroy`.
 */
export interface TlsHandler {
  /** Bytes for the other side. */
  onCiphertext(data: Uint8Array): void;
  /** The handshake is done, and the certificate as good as was asked for. */
  onHandshake(info: TlsInfo): void;
  /** Bytes from the other side. */
  onPlaintext(data: Uint8Array): void;
  /** The other side has said that it sends no more. */
  onEnd(): void;
  /** After `end`: all is encrypted, the closing message as the last. */
  onFinish(): void;
  /** Plaintext was encrypted: `pending` has shrunk. */
  onProgress(): void;
  /** It is over; an SSLError. What there was to send about it came before. */
  onError(error: Error): void;
}

/** One side of one connection. */
export interface TlsEngine {
  /** Takes bytes from the other side. */
  feed(data: Uint8Array): void;
  /** Takes bytes for the other side. */
  write(data: Uint8Array): void;
  /** How many bytes were taken by `write` and not yet encrypted. */
  readonly pending: number;
  /** Tells the other side that no more comes. */
  end(): void;
  /** Forgets the connection; nothing is called any more. */
  destroy(): void;
}

/** TLS of a runtime. */
export interface Tls {
  /** Reads credentials; throws an SSLError if they are not usable. */
  context(credentials: TlsCredentials): TlsContext;
  /** Starts an engine; a client's first message may come out at once. */
  engine(settings: TlsSettings, handler: TlsHandler): TlsEngine;
  /** Reads a text file; throws an OSError. */
  readText(path: string | URL): string;
}
