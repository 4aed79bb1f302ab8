/**
 * Brings the errors of three TLS libraries (OpenSSL on Node, BoringSSL on Bun,
 * rustls on Deno) to one set: OpenSSL's names of the reasons.
 */

import { SSLCertVerificationError, SSLError } from "../_tls/errors.ts";

/** The fatal alerts of RFC 8446, under OpenSSL's names, by their own names. */
const ALERTS: ReadonlyMap<string, string> = new Map(
  [
    "SSLV3_ALERT_UNEXPECTED_MESSAGE",
    "SSLV3_ALERT_BAD_RECORD_MAC",
    "TLSV1_ALERT_RECORD_OVERFLOW",
    "SSLV3_ALERT_HANDSHAKE_FAILURE",
    "SSLV3_ALERT_NO_CERTIFICATE",
    "SSLV3_ALERT_BAD_CERTIFICATE",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
    "SSLV3_ALERT_CERTIFICATE_REVOKED",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
    "SSLV3_ALERT_ILLEGAL_PARAMETER",
    "TLSV1_ALERT_UNKNOWN_CA",
    "TLSV1_ALERT_ACCESS_DENIED",
    "TLSV1_ALERT_DECODE_ERROR",
    "TLSV1_ALERT_DECRYPT_ERROR",
    "TLSV1_ALERT_PROTOCOL_VERSION",
    "TLSV1_ALERT_INSUFFICIENT_SECURITY",
    "TLSV1_ALERT_INTERNAL_ERROR",
    "TLSV1_ALERT_INAPPROPRIATE_FALLBACK",
    "TLSV1_ALERT_USER_CANCELLED",
    "TLSV13_ALERT_MISSING_EXTENSION",
    "TLSV1_ALERT_UNSUPPORTED_EXTENSION",
    "TLSV1_ALERT_UNRECOGNIZED_NAME",
    "TLSV1_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE",
    "TLSV1_ALERT_UNKNOWN_PSK_IDENTITY",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    "TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
  ].map((name) => [name.slice(name.indexOf("ALERT_") + 6), name] as const),
);

/** What rustls says, and OpenSSL's reason for the same. */
const RUSTLS: readonly (readonly [RegExp, string])[] = [
  [/corrupt message/, "WRONG_VERSION_NUMBER"],
  [/cannot decrypt/, "DECRYPTION_FAILED_OR_BAD_RECORD_MAC"],
  [/sent no certificates/, "PEER_DID_NOT_RETURN_A_CERTIFICATE"],
  [/NoCipherSuitesInCommon/, "NO_SHARED_CIPHER"],
  [/incompatible: .*(Tls1\dNot|TlsVersion)/, "UNSUPPORTED_PROTOCOL"],
  [/known protocol/, "NO_APPLICATION_PROTOCOL"],
  [/inappropriate (handshake )?message/i, "UNEXPECTED_MESSAGE"],
  [/BadSignature/, "BAD_SIGNATURE"],
];

/** What runtimes call a certificate that is not to be trusted. */
const VERIFY: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "certificate has expired",
  CERT_NOT_YET_VALID: "certificate is not yet valid",
  CERT_REJECTED: "certificate rejected",
  CERT_REVOKED: "certificate revoked",
  CERT_SIGNATURE_FAILURE: "certificate signature failure",
  CERT_UNTRUSTED: "certificate not trusted",
  DEPTH_ZERO_SELF_SIGNED_CERT: "self-signed certificate",
  INVALID_CA: "invalid CA certificate",
  INVALID_PURPOSE: "unsuitable certificate purpose",
  SELF_SIGNED_CERT_IN_CHAIN: "self-signed certificate in certificate chain",
  UNABLE_TO_GET_ISSUER_CERT: "unable to get issuer certificate",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "unable to get local issuer certificate",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "unable to verify the first certificate",
};

/** Whether a runtime's code says that a certificate is not to be trusted. */
function isVerifyCode(code: string): boolean {
  return Object.hasOwn(VERIFY, code) ||
    /^(CERT|UNABLE_TO|ERR_TLS_CERT)_/.test(code);
}

/** The error for a certificate that failed the check. */
export function verifyError(
  code: string,
  cause?: unknown,
): SSLCertVerificationError {
  const verifyMessage = VERIFY[code] ?? code.toLowerCase().replaceAll("_", " ");
  return new SSLCertVerificationError(
    `certificate verify failed: ${verifyMessage}`,
    { verifyMessage, ...cause !== undefined && { cause } },
  );
}

/** The error for a certificate of another host. */
export function hostnameError(
  host: string,
  cause?: unknown,
): SSLCertVerificationError {
  const kind = /^[\d.]+$|:/.test(host) ? "IP address" : "Hostname";
  const verifyMessage =
    `${kind} mismatch, certificate is not valid for '${host}'.`;
  return new SSLCertVerificationError(
    `certificate verify failed: ${verifyMessage}`,
    { verifyMessage, ...cause !== undefined && { cause } },
  );
}

/** OpenSSL's reason for what a runtime's error says. */
function reasonOf(code: string, text: string): string {
  // rustls' alerts come under the code of another one, hence the text first.
  const alert = /fatal alert: (\w+)/.exec(text)?.[1];
  if (alert !== undefined) {
    const words = alert.replace(/([a-z])([A-Z])/g, "$1_$2").toUpperCase();
    return ALERTS.get(words) ?? `ALERT_${words}`;
  }
  for (const [pattern, reason] of RUSTLS) {
    if (pattern.test(text)) return reason;
  }
  const reason = code.replace(/^ERR_(SSL|OSSL)_/, "");
  // The last of them is OpenSSL's from version 3.5 on.
  const own = /^(?:SSLV3|TLSV1|TLSV13|SSL\/TLS)_ALERT_(\w+)$/.exec(reason)?.[1];
  return (own !== undefined && ALERTS.get(own)) || reason;
}

/** The library's error for a runtime's. */
export function tlsError(cause: unknown, doing: string): SSLError {
  if (cause instanceof SSLError) return cause;
  const { code, message } = cause as { code?: unknown; message?: unknown };
  const name = typeof code === "string" ? code : "";
  if (isVerifyCode(name)) return verifyError(name, cause);
  const text = typeof message === "string" ? message : String(cause);
  const reason = reasonOf(name, text) || "INTERNAL_ERROR";
  return new SSLError(
    `${doing}: ${reason.toLowerCase().replaceAll("_", " ")}`,
    { code: reason, cause },
  );
}
