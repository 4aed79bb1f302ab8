/**
 * TLS by `node:tls`, which Deno, Bun and Node have: a TLSSocket over a stream that
 * exists in memory alone. The runtimes' own TLS cannot be used over a connection of
 * ours, and Deno's has no STARTTLS on the server and shows no certificate.
 */

import { OSError } from "../_kernel/os_errors.ts";
import { SSLError } from "../_tls/errors.ts";
import { plain } from "./buffers.ts";
import { builtin, held, host } from "./host.ts";
import { hostnameError, tlsError, verifyError } from "./tls_errors.ts";
import type {
  Tls,
  TlsContext,
  TlsCredentials,
  TlsEngine,
  TlsHandler,
  TlsInfo,
  TlsSettings,
} from "./tls_types.ts";

// Taken once: fake timers that a test installs later must not reach in here.
const setImmediate = held("setImmediate");

type Done = (error?: Error | null) => void;

/** `stream.Duplex`, as far as it is used. */
interface Duplex {
  push(chunk: Uint8Array): boolean;
}

interface StreamModule {
  Duplex: new (options: { allowHalfOpen: boolean }) => Duplex;
}

/** A `tls.TLSSocket`, as far as it is used. */
interface TLSSocket {
  readonly writableLength: number;
  readonly alpnProtocol: string | false | null;
  readonly ssl?: { verifyError?(): unknown } | null;
  on(event: string, listener: (value: unknown) => void): void;
  write(data: Uint8Array, done: () => void): boolean;
  end(): void;
  destroy(): void;
  getProtocol(): string | null;
  getCipher(): { readonly name: string } | null | undefined;
  getPeerCertificate(): { readonly raw?: Uint8Array } | null;
}

interface TlsModule {
  createSecureContext(options: object): object;
  connect(options: object): TLSSocket;
  checkServerIdentity(host: string, certificate: object): Error | undefined;
  TLSSocket: new (stream: Duplex, options: object) => TLSSocket;
}

interface CryptoModule {
  createPrivateKey(options: { key: string; passphrase?: string }): object;
  X509Certificate: new (
    pem: string,
  ) => { checkPrivateKey(key: object): boolean };
}

interface FsModule {
  readFileSync(path: string | URL, encoding: "utf8"): string;
}

/** Makes the carrier that an engine's TLSSocket runs over. */
type MakeCarrier = (
  out: (data: Uint8Array) => void,
  ended: () => void,
) => Duplex;

let makeCarrier: MakeCarrier | null = null;

const carrier: MakeCarrier = (out, ended) => {
  makeCarrier ??= defineCarrier();
  return makeCarrier(out, ended);
};

function defineCarrier(): MakeCarrier {
  const { Duplex } = builtin<StreamModule>("node:stream")!;
  const { nextTick } = builtin<{ nextTick(fn: Done): void }>("node:process")!;
  /**
   * It overrides `write` and `end` themselves, and not the hooks behind them: Deno
   * writes the alert that says why it gives up after it has destroyed the stream, and
   * a Duplex drops what comes then.
   */
  class Carrier extends Duplex {
    readonly #out: (data: Uint8Array) => void;
    readonly #ended: () => void;

    constructor(out: (data: Uint8Array) => void, ended: () => void) {
      super({ allowHalfOpen: true });
      this.#out = out;
      this.#ended = ended;
    }

    _read(): void {}

    write(chunk: Uint8Array, encoding?: unknown, done?: Done): boolean {
      this.#out(plain(chunk));
      const callback = typeof encoding === "function" ? encoding as Done : done;
      if (callback !== undefined) nextTick(callback);
      return true;
    }

    /**
     * The transport below is closed by whoever owns it. Bun calls this, too, when
     * it has answered the other side's goodbye by itself: no "finish" comes then.
     */
    end(...args: unknown[]): this {
      this.#ended();
      const callback = args.at(-1);
      if (typeof callback === "function") nextTick(callback as Done);
      return this;
    }
  }
  return (out, ended) => new Carrier(out, ended);
}

const HANDSHAKE = "Cannot complete the TLS handshake";
const TRAFFIC = "Cannot go on with the TLS connection";

class NodeEngine implements TlsEngine {
  readonly #settings: TlsSettings;
  readonly #handler: TlsHandler;
  readonly #carrier: Duplex;
  readonly #socket: TLSSocket;
  readonly #progress: () => void;
  /** What came before the runtime was ready for it. */
  #early: Uint8Array[] | null = null;
  /**
   * Node takes what it has written for written two turns later, and does not say why
   * it refuses a client's certificate while it waits for that.
   */
  readonly #isSlow: boolean;
  #secure = false;
  #ended = false;
  #finished = false;
  #failed = false;
  #dead = false;

  constructor(settings: TlsSettings, handler: TlsHandler) {
    this.#settings = settings;
    this.#handler = handler;
    this.#isSlow = settings.server && settings.verify !== "none" &&
      host.Bun === undefined && host.Deno === undefined;
    this.#progress = () => {
      if (!this.#dead) handler.onProgress();
    };
    this.#carrier = carrier((data) => {
      if (!this.#dead) handler.onCiphertext(data);
    }, () => this.#finish());
    const socket = settings.server ? this.#accept() : this.#connect();
    this.#socket = socket;
    // The client's "secure" comes before the runtime has looked at the certificate.
    socket.on(settings.server ? "secure" : "secureConnect", () => this.#done());
    socket.on("data", (data) => {
      if (!this.#dead) handler.onPlaintext(plain(data as Uint8Array));
    });
    socket.on("end", () => this.#end());
    socket.on("finish", () => this.#finish());
    socket.on("close", () => this.#closed());
    socket.on("error", (error) => this.#fail(error));
    // A server's TLSSocket on its own tells of some errors here alone.
    socket.on("_tlsError", (error) => this.#fail(error));
  }

  #connect(): TLSSocket {
    const { context, serverName, verify, alpn } = this.#settings;
    const { connect } = builtin<TlsModule>("node:tls")!;
    return connect({
      socket: this.#carrier,
      secureContext: context.native,
      allowHalfOpen: true,
      rejectUnauthorized: verify !== "none",
      // An address cannot be asked for by SNI.
      servername: serverName === null || isAddress(serverName)
        ? ""
        : serverName,
      // Done in one place for all runtimes, see #check.
      checkServerIdentity: () => undefined,
      ...alpn.length > 0 && { ALPNProtocols: [...alpn] },
    });
  }

  #accept(): TLSSocket {
    const { context, verify, alpn } = this.#settings;
    const { TLSSocket } = builtin<TlsModule>("node:tls")!;
    const { nextTick } = builtin<{ nextTick(fn: () => void): void }>(
      "node:process",
    )!;
    // Deno starts a server in the next tick; an error in what it was fed before
    // is thrown where nobody can catch it.
    this.#early = [];
    const socket = new TLSSocket(this.#carrier, {
      isServer: true,
      secureContext: context.native,
      allowHalfOpen: true,
      requestCert: verify !== "none",
      rejectUnauthorized: verify === "required",
      ...alpn.length > 0 && { ALPNProtocols: [...alpn] },
    });
    nextTick(() => this.#release());
    return socket;
  }

  feed(data: Uint8Array): void {
    if (this.#early !== null) this.#early.push(data);
    else if (this.#isSlow && !this.#secure) {
      this.#early = [data];
      const soon = setImmediate();
      soon(() => soon(() => this.#release()));
    } else if (!this.#dead) this.#carrier.push(data);
  }

  #release(): void {
    const early = this.#early!;
    this.#early = null;
    for (const data of early) {
      if (!this.#dead) this.#carrier.push(data);
    }
  }

  write(data: Uint8Array): void {
    if (!this.#dead) this.#socket.write(data, this.#progress);
  }

  get pending(): number {
    return this.#dead ? 0 : this.#socket.writableLength;
  }

  end(): void {
    if (!this.#dead) this.#socket.end();
  }

  destroy(): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#socket.destroy();
  }

  #done(): void {
    if (this.#dead || this.#failed || this.#secure) return;
    let info: TlsInfo;
    try {
      this.#check();
      info = this.#info();
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#secure = true;
    this.#handler.onHandshake(info);
  }

  /** Whether the other side is who it has to be; in doubt it is not. */
  #check(): void {
    const { server, verify, checkHostname, serverName, context } =
      this.#settings;
    const { ciphers } = context.credentials;
    if (ciphers !== null) this.#checkCipher(ciphers);
    if (verify === "none") return;
    const certificate = this.#socket.getPeerCertificate();
    if (certificate?.raw === undefined) {
      if (server && verify === "optional") return;
      throw new SSLError(`${HANDSHAKE}: peer did not return a certificate`, {
        code: "PEER_DID_NOT_RETURN_A_CERTIFICATE",
      });
    }
    // Deno checks a client's certificate and leaves it at that: whoever uses the
    // server's side of a TLSSocket has to ask for the outcome.
    const { ssl } = this.#socket;
    if (typeof ssl?.verifyError !== "function") {
      throw verifyError("CERT_UNTRUSTED");
    }
    const problem = ssl.verifyError();
    if (problem !== null && problem !== undefined && problem !== "") {
      const { code } = problem as { code?: string };
      throw verifyError(String(code ?? problem), problem);
    }
    if (!server && checkHostname) {
      const { checkServerIdentity } = builtin<TlsModule>("node:tls")!;
      const name = serverName ?? "";
      const wrong = checkServerIdentity(name, certificate);
      if (wrong !== undefined) throw hostnameError(name, wrong);
    }
  }

  /** Deno's library takes no list of ciphers: then the outcome is looked at. */
  #checkCipher(list: string): void {
    const names = list.split(/[:, ]/).filter((name) => name !== "");
    // A word such as "HIGH" or "!aNULL" stands for ciphers that only OpenSSL knows.
    if (!names.every((name) => /^[A-Z\d]+([-_][A-Z\d]+)+$/.test(name))) return;
    const modern = names.filter((name) => name.startsWith("TLS_"));
    const allowed = this.#socket.getProtocol() === "TLSv1.3"
      ? modern
      : names.filter((name) => !name.startsWith("TLS_"));
    const used = this.#socket.getCipher()?.name ?? "";
    if (allowed.length === 0 || allowed.includes(used)) return;
    throw new SSLError(`${HANDSHAKE}: no shared cipher`, {
      code: "NO_SHARED_CIPHER",
    });
  }

  #info(): TlsInfo {
    const socket = this.#socket;
    const { raw } = socket.getPeerCertificate() ?? {};
    return {
      version: socket.getProtocol(),
      cipher: socket.getCipher()?.name ?? null,
      alpn: socket.alpnProtocol || null,
      certificate: raw === undefined ? null : new Uint8Array(raw),
    };
  }

  #end(): void {
    // A stream ends, too, when it never became secure.
    if (this.#dead || this.#failed || this.#ended || !this.#secure) return;
    this.#ended = true;
    this.#handler.onEnd();
  }

  #finish(): void {
    if (this.#dead || this.#failed || this.#finished) return;
    this.#finished = true;
    this.#handler.onFinish();
  }

  #closed(): void {
    if (this.#dead || this.#failed) return;
    if (!this.#secure) {
      this.#fail(
        new SSLError(`${HANDSHAKE}: the runtime has closed it`, {
          code: "UNEXPECTED_EOF_WHILE_READING",
        }),
      );
      return;
    }
    this.#end();
    this.#finish();
  }

  #fail(cause: unknown): void {
    // What Deno sends about it comes later, so it is not dead yet.
    if (this.#dead || this.#failed) return;
    this.#failed = true;
    const error = tlsError(cause, this.#secure ? TRAFFIC : HANDSHAKE);
    this.#handler.onError(error);
  }
}

function isAddress(name: string): boolean {
  return builtin<{ isIP(name: string): number }>("node:net")!.isIP(name) !== 0;
}

/** Reads what Deno would only complain about in the handshake, if at all. */
function checkCredentials(credentials: TlsCredentials): void {
  const { cert, key, passphrase, ca } = credentials;
  const { createPrivateKey, X509Certificate } = builtin<CryptoModule>(
    "node:crypto",
  )!;
  const read = (pem: string, what: string) => {
    if (!pem.includes("-----BEGIN")) {
      throw new SSLError(`Cannot read ${what}: there is no PEM text in it`, {
        code: "NO_START_LINE",
      });
    }
    try {
      return new X509Certificate(pem);
    } catch (cause) {
      throw new SSLError(`Cannot read ${what}: it is no certificate`, {
        code: "BAD_CERTIFICATE",
        cause,
      });
    }
  };
  for (const pem of ca ?? []) read(pem, "the certificates to trust");
  if (cert === null || key === null) return;
  const own = read(cert, "the certificate");
  if (!key.includes("-----BEGIN")) {
    throw new SSLError("Cannot read the key: there is no PEM text in it", {
      code: "NO_START_LINE",
    });
  }
  const locked = /ENCRYPTED/.test(key);
  if (locked && passphrase === null) {
    throw new SSLError("Cannot read the key: it needs a passphrase", {
      code: "BAD_PASSWORD_READ",
    });
  }
  let secret: object;
  try {
    secret = createPrivateKey({
      key,
      ...passphrase !== null && { passphrase },
    });
  } catch (cause) {
    throw new SSLError(
      locked
        ? "Cannot read the key: it does not open with this passphrase"
        : "Cannot read the key: it is no private key",
      { code: locked ? "BAD_DECRYPT" : "UNSUPPORTED", cause },
    );
  }
  if (!own.checkPrivateKey(secret)) {
    throw new SSLError(
      "Cannot use the certificate: the key belongs to another one",
      { code: "KEY_VALUES_MISMATCH" },
    );
  }
}

function makeContext(credentials: TlsCredentials): TlsContext {
  checkCredentials(credentials);
  const { createSecureContext } = builtin<TlsModule>("node:tls")!;
  const { cert, key, passphrase, ca, ciphers, minVersion, maxVersion } =
    credentials;
  try {
    const native = createSecureContext({
      ...cert !== null && { cert },
      ...key !== null && { key },
      ...passphrase !== null && { passphrase },
      ...ca !== null && { ca: [...ca] },
      ...ciphers !== null && { ciphers },
      ...minVersion !== null && { minVersion },
      ...maxVersion !== null && { maxVersion },
    });
    return { credentials, native };
  } catch (cause) {
    throw tlsError(cause, "Cannot make the TLS context");
  }
}

function readText(path: string | URL): string {
  try {
    return builtin<FsModule>("node:fs")!.readFileSync(path, "utf8");
  } catch (cause) {
    const { code, name } = cause as { code?: string; name?: string };
    throw OSError.from(
      // What Deno's permissions refuse has no code.
      code ?? (name === "NotCapable" ? "EACCES" : "EIO"),
      `Cannot read ${path}: ${(cause as Error).message}`,
      { filename: String(path), cause },
    );
  }
}

/** TLS by `node:tls`; its modules are loaded when they are first used. */
export function nodeTls(): Tls {
  return {
    context: makeContext,
    engine: (settings, handler) => new NodeEngine(settings, handler),
    readText,
  };
}
