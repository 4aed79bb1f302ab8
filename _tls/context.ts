/**
 * The settings of TLS.
 *
 * @module
 */

import { platform } from "../_platform/mod.ts";
import type {
  TlsContext,
  TlsCredentials,
  TlsVersion,
} from "../_platform/tls_types.ts";

/** Which side of a connection a context is for. */
export type SSLSide = "client" | "server";

/**
 * How the other side's certificate is treated: not looked at, checked if there is
 * one, or checked and insisted on. A server always shows one, so that for a client
 * "optional" is "required".
 */
export type VerifyMode = "none" | "optional" | "required";

/** A version of TLS. */
export type { TlsVersion };

/**
 * PEM: the text itself, its bytes, or where the file is: a path or a file URL. A
 * string with "-----BEGIN" in it is taken for the text.
 */
export type PemSource = string | Uint8Array | URL;

/**
 * Chooses the context of a server's connection by the name that the client asks for.
 *
 * @param serverName The name, or null where the client gives none.
 * @param context The context that the connection was made with.
 * @returns Another context, or nothing to stay with that one. What it throws fails
 * the handshake.
 */
export type SniCallback = (
  serverName: string | null,
  context: SSLContext,
) => SSLContext | null | void;

/** What an {@linkcode SSLContext} is made of. */
export interface SSLContextOptions {
  /** Its own certificate; those that link it to an authority follow it. */
  cert?: PemSource;
  /** The certificate's key; unless given it stands beside the certificate. */
  key?: PemSource;
  /** What opens the key. */
  passphrase?: string;
  /** Whose certificates to trust, in place of those that the runtime trusts. */
  ca?: PemSource | readonly PemSource[];
  /** The protocols to agree on by ALPN, the best first. */
  alpnProtocols?: readonly string[];
  /** "required" for a client, "none" for a server unless given. */
  verifyMode?: VerifyMode;
  /** Whether the certificate must be for the host; true for a client unless given. */
  checkHostname?: boolean;
  /** The lowest version to agree on; TLS 1.2 unless given. */
  minimumVersion?: TlsVersion;
  /** The highest version to agree on; TLS 1.3 unless given. */
  maximumVersion?: TlsVersion;
  /** The ciphers to agree on, in OpenSSL's notation. */
  ciphers?: string;
  /** Server: chooses the context by the name that is asked for. */
  sniCallback?: SniCallback;
}

/**
 * The settings of TLS connections: who one is, whom to trust, what to agree on.
 *
 * One context serves any number of connections. Its settings can be changed between
 * two connections; those that stand keep what they began with.
 *
 * @example A server that insists on client certificates
 * ```ts ignore
 * import { SSLContext } from "@x/asyncio";
 *
 * const context = new SSLContext("server", {
 *   cert: "server.pem",
 *   key: "server.key",
 *   ca: "clients.pem",
 *   verifyMode: "required",
 * });
 * ```
 */
export class SSLContext {
  /** Which side it is for. */
  readonly side: SSLSide;
  #cert: string | null = null;
  #key: string | null = null;
  #passphrase: string | null = null;
  #ca: string[] | null = null;
  #ciphers: string | null = null;
  #minimumVersion: TlsVersion | null = null;
  #maximumVersion: TlsVersion | null = null;
  #alpn: readonly string[] = [];
  #verifyMode: VerifyMode;
  #checkHostname: boolean;
  #native: TlsContext | null = null;
  /** Server: chooses the context by the name that is asked for. */
  sniCallback: SniCallback | null;

  /**
   * Makes a context.
   *
   * @param side Which side of the connections it is for.
   * @param options See {@linkcode SSLContextOptions}.
   * @throws SSLError If a certificate or key is not usable.
   * @throws OSError If a file cannot be read.
   */
  constructor(side: SSLSide, options: SSLContextOptions = {}) {
    if (side !== "client" && side !== "server") {
      throw new RangeError(
        `Cannot make an SSLContext as 'side' must be "client" or "server": received ${side}`,
      );
    }
    this.side = side;
    const isClient = side === "client";
    this.#verifyMode = isClient ? "required" : "none";
    this.#checkHostname = isClient;
    this.sniCallback = options.sniCallback ?? null;
    this.#minimumVersion = version(options.minimumVersion, "minimumVersion");
    this.#maximumVersion = version(options.maximumVersion, "maximumVersion");
    if (options.checkHostname !== undefined) {
      this.checkHostname = options.checkHostname;
    } else if (options.verifyMode === "none") this.#checkHostname = false;
    if (options.verifyMode !== undefined) this.verifyMode = options.verifyMode;
    if (options.ca !== undefined) this.loadVerifyLocations(options.ca);
    if (options.alpnProtocols !== undefined) {
      this.setAlpnProtocols(options.alpnProtocols);
    }
    if (options.ciphers !== undefined) this.setCiphers(options.ciphers);
    if (options.cert !== undefined) {
      this.loadCertChain(options.cert, options.key, options.passphrase);
    } else if (options.key !== undefined) {
      throw new TypeError(
        "Cannot make an SSLContext with a key alone: 'cert' is missing",
      );
    }
  }

  /** How the other side's certificate is treated. */
  get verifyMode(): VerifyMode {
    return this.#verifyMode;
  }

  set verifyMode(mode: VerifyMode) {
    if (mode !== "none" && mode !== "optional" && mode !== "required") {
      throw new RangeError(
        `Cannot set 'verifyMode' as it must be "none", "optional" or "required": received ${mode}`,
      );
    }
    if (mode === "none" && this.#checkHostname) {
      throw new RangeError(
        "Cannot set 'verifyMode' to \"none\" while 'checkHostname' is on",
      );
    }
    this.#verifyMode = mode;
  }

  /** Whether the certificate must be for the host. */
  get checkHostname(): boolean {
    return this.#checkHostname;
  }

  set checkHostname(on: boolean) {
    // A name in a certificate that nobody vouches for says nothing.
    if (on && this.#verifyMode === "none") this.#verifyMode = "required";
    this.#checkHostname = on;
  }

  /** The lowest version to agree on. */
  get minimumVersion(): TlsVersion {
    return this.#minimumVersion ?? "TLSv1.2";
  }

  set minimumVersion(value: TlsVersion) {
    this.#minimumVersion = version(value, "minimumVersion");
    this.#native = null;
  }

  /** The highest version to agree on. */
  get maximumVersion(): TlsVersion {
    return this.#maximumVersion ?? "TLSv1.3";
  }

  set maximumVersion(value: TlsVersion) {
    this.#maximumVersion = version(value, "maximumVersion");
    this.#native = null;
  }

  /** The protocols to agree on by ALPN, the best first. */
  get alpnProtocols(): readonly string[] {
    return this.#alpn;
  }

  /** Whether it has a certificate to show. */
  get hasCertificate(): boolean {
    return this.#cert !== null;
  }

  /**
   * Sets its own certificate.
   *
   * @param cert The certificate; those that link it to an authority follow it.
   * @param key Its key; unless given it stands beside the certificate.
   * @param passphrase What opens the key.
   * @throws SSLError If they are not usable, or do not belong together.
   * @throws OSError If a file cannot be read.
   */
  loadCertChain(cert: PemSource, key?: PemSource, passphrase?: string): void {
    const before = this.#credentials();
    const text = pem(cert);
    // Not every runtime looks behind what else stands in a text.
    this.#cert = certificates(text).join("");
    this.#key = privateKey(key === undefined ? text : pem(key));
    this.#passphrase = passphrase ?? null;
    this.#native = null;
    try {
      this._native();
    } catch (error) {
      this.#cert = before.cert;
      this.#key = before.key;
      this.#passphrase = before.passphrase;
      throw error;
    }
  }

  /**
   * Adds certificates of authorities to trust. The first time they replace those
   * that the runtime trusts.
   *
   * @param ca The certificates.
   * @throws SSLError If they are not usable.
   * @throws OSError If a file cannot be read.
   */
  loadVerifyLocations(ca: PemSource | readonly PemSource[]): void {
    const sources = Array.isArray(ca) ? ca as PemSource[] : [ca as PemSource];
    const before = this.#ca;
    this.#ca = [...before ?? [], ...sources.map(pem).flatMap(certificates)];
    this.#native = null;
    try {
      this._native();
    } catch (error) {
      this.#ca = before;
      throw error;
    }
  }

  /**
   * Sets the protocols to agree on by ALPN. Where the two sides have none in common,
   * the connection has none, as in Python.
   *
   * @param protocols Their names, the best first.
   * @throws RangeError If a name is empty or longer than 255 bytes.
   */
  setAlpnProtocols(protocols: readonly string[]): void {
    for (const protocol of protocols) {
      const { length } = new TextEncoder().encode(protocol);
      if (length === 0 || length > 255) {
        throw new RangeError(
          `Cannot offer '${protocol}' by ALPN as a name must have 1 to 255 bytes: it has ${length}`,
        );
      }
    }
    this.#alpn = [...protocols];
  }

  /**
   * Sets the ciphers to agree on.
   *
   * @param ciphers Their names, with colons between; OpenSSL's notation.
   * @throws SSLError If there is none among them that the runtime has.
   */
  setCiphers(ciphers: string): void {
    const before = this.#ciphers;
    this.#ciphers = ciphers;
    this.#native = null;
    try {
      this._native();
    } catch (error) {
      this.#ciphers = before;
      throw error;
    }
  }

  #credentials(): TlsCredentials {
    return {
      cert: this.#cert,
      key: this.#key,
      passphrase: this.#passphrase,
      ca: this.#ca,
      ciphers: this.#ciphers,
      minVersion: this.#minimumVersion,
      maxVersion: this.#maximumVersion,
    };
  }

  /**
   * The runtime's own context, made when it is first used.
   *
   * @internal
   */
  _native(): TlsContext {
    return this.#native ??= platform.tls.context(this.#credentials());
  }
}

function version(
  value: TlsVersion | undefined,
  what: string,
): TlsVersion | null {
  if (value === undefined) return null;
  if (value !== "TLSv1.2" && value !== "TLSv1.3") {
    throw new RangeError(
      `Cannot set '${what}' as it must be "TLSv1.2" or "TLSv1.3": received ${value}`,
    );
  }
  return value;
}

function pem(source: PemSource): string {
  if (source instanceof Uint8Array) return new TextDecoder().decode(source);
  if (typeof source === "string" && source.includes("-----BEGIN")) {
    return source;
  }
  return platform.tls.readText(source);
}

/** The certificates of a text with several; the runtimes differ on what they take. */
function certificates(text: string): string[] {
  const found = text.match(
    /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g,
  );
  return found === null ? [text] : found.map((one) => `${one}\n`);
}

function privateKey(text: string): string {
  const found = /-----BEGIN ([A-Z ]*PRIVATE KEY)-----[^]*?-----END \1-----/
    .exec(text);
  return found === null ? text : `${found[0]}\n`;
}

/** What the contexts of {@linkcode createDefaultContext} are for. */
export type SSLPurpose = "serverAuth" | "clientAuth";

/**
 * Makes a context with safe settings.
 *
 * @param purpose Whose certificates are checked: "serverAuth" for a client's context,
 * which checks the server's certificate and host name, and "clientAuth" for a server's,
 * which asks for none unless told.
 * @param options See {@linkcode SSLContextOptions}.
 * @returns The context.
 *
 * @example Trusting one authority
 * ```ts
 * import { createDefaultContext } from "@x/asyncio";
 *
 * const context = createDefaultContext("serverAuth", { alpnProtocols: ["h2"] });
 * console.log(context.verifyMode, context.checkHostname);
 * ```
 */
export function createDefaultContext(
  purpose: SSLPurpose = "serverAuth",
  options: SSLContextOptions = {},
): SSLContext {
  return new SSLContext(
    purpose === "clientAuth" ? "server" : "client",
    options,
  );
}
