/** The test certificates of tests/certs, which make.sh there has made. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

type Name =
  | "ca"
  | "other_ca"
  | "server"
  | "server_locked"
  | "example"
  | "client"
  | "stranger"
  | "expired";

/** Where a file of tests/certs is. */
export function certPath(file: string): string {
  return fileURLToPath(new URL(`certs/${file}`, import.meta.url));
}

/** A certificate's PEM text. */
export function cert(name: Name): string {
  return readFileSync(certPath(`${name}.pem`), "utf8");
}

/** A key's PEM text. */
export function key(name: Name): string {
  return readFileSync(certPath(`${name}.key`), "utf8");
}

/** A certificate and its key, as options of an SSLContext. */
export function identity(name: Name): { cert: string; key: string } {
  return { cert: cert(name), key: key(name) };
}
