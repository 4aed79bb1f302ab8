/**
 * The errors of TLS.
 *
 * @module
 */

import { named } from "../_kernel/base_exceptions.ts";
import { OSError, type OSErrorOptions } from "../_kernel/os_errors.ts";

/**
 * TLS refused something: the other side broke the rules, or the two did not agree.
 *
 * `code` is OpenSSL's name of the reason, such as "WRONG_VERSION_NUMBER" or
 * "NO_SHARED_CIPHER", whichever library the runtime uses; its own error is the
 * `cause`.
 */
export class SSLError extends OSError {
  /**
   * Makes the error.
   *
   * @param message What was being done, then what happened.
   * @param options `code`: OpenSSL's name of the reason.
   */
  constructor(message?: string, options?: OSErrorOptions) {
    super(message, { ...options, code: options?.code ?? "SSL" });
  }

  /** OpenSSL's name of the reason; the same as `code`. */
  get reason(): string {
    return this.code;
  }
}

/** Options of an {@linkcode SSLCertVerificationError}. */
export interface SSLCertVerificationErrorOptions extends ErrorOptions {
  /** What is wrong with the certificate, in words. */
  verifyMessage?: string | undefined;
}

/**
 * The other side's certificate is not to be trusted: nobody known issued it, it is
 * out of date, or it is for another host. Its `code` is always
 * "CERTIFICATE_VERIFY_FAILED".
 */
export class SSLCertVerificationError extends SSLError {
  /** What is wrong with the certificate, in words. */
  readonly verifyMessage: string;

  /**
   * Makes the error.
   *
   * @param message What was being done, then what happened.
   * @param options `verifyMessage`: what is wrong with the certificate.
   */
  constructor(message?: string, options?: SSLCertVerificationErrorOptions) {
    super(message, { ...options, code: "CERTIFICATE_VERIFY_FAILED" });
    this.verifyMessage = options?.verifyMessage ?? "";
  }
}

named({ SSLCertVerificationError, SSLError });
