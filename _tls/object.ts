/**
 * What a TLS connection tells of itself.
 *
 * @module
 */

import type { TlsInfo } from "../_platform/tls_types.ts";
import type { SSLContext } from "./context.ts";
import { type PeerCertificate, readCertificate } from "./x509.ts";

/** The cipher of a connection: its name, the version of TLS and the key's bits. */
export type Cipher = readonly [name: string, version: string, bits: number];

/**
 * A TLS connection's facts, which `transport.getExtraInfo("sslObject")` gives once
 * the handshake is done.
 */
export class SSLObject {
  /** The settings that it was made with. */
  readonly context: SSLContext;
  /** Whether this is the server's side. */
  readonly serverSide: boolean;
  /** The host: what a client wants to reach, or what a server was asked for. */
  readonly serverHostname: string | null;
  readonly #info: TlsInfo;
  readonly #verified: boolean;
  #certificate: PeerCertificate | null = null;

  /**
   * Made by the library alone.
   *
   * @internal
   */
  constructor(
    context: SSLContext,
    serverSide: boolean,
    serverHostname: string | null,
    info: TlsInfo,
    verified: boolean,
  ) {
    this.context = context;
    this.serverSide = serverSide;
    this.serverHostname = serverHostname;
    this.#info = info;
    this.#verified = verified;
  }

  /**
   * The other side's certificate.
   *
   * @param binaryForm Whether to return its bytes, in DER, also those of one that
   * nobody has checked.
   * @returns What it says, or null where there is none or it was not checked.
   */
  getPeerCert(binaryForm?: false): PeerCertificate | null;
  /** The same in DER. */
  getPeerCert(binaryForm: true): Uint8Array | null;
  getPeerCert(binaryForm = false): PeerCertificate | Uint8Array | null {
    const { certificate } = this.#info;
    if (certificate === null || binaryForm) return certificate;
    if (!this.#verified) return null;
    return this.#certificate ??= readCertificate(certificate);
  }

  /** The cipher in use. */
  cipher(): Cipher | null {
    const { cipher, version } = this.#info;
    if (cipher === null || version === null) return null;
    const bits = /128/.test(cipher) ? 128 : /DES/.test(cipher) ? 112 : 256;
    return [cipher, version, bits];
  }

  /** The compression in use: none, always. */
  compression(): null {
    return null;
  }

  /** The version of TLS in use. */
  version(): string | null {
    return this.#info.version;
  }

  /** The protocol agreed on by ALPN. */
  selectedAlpnProtocol(): string | null {
    return this.#info.alpn;
  }
}
