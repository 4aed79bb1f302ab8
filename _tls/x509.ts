/**
 * Reads a certificate. The runtimes have readers, but each writes names and
 * addresses in its own way.
 */

import { SSLError } from "./errors.ts";

/** What a certificate says. */
export interface PeerCertificate {
  /** Whom it is about, as pairs such as `["commonName", "localhost"]`. */
  readonly subject: readonly (readonly [name: string, value: string])[];
  /** Who has issued it. */
  readonly issuer: readonly (readonly [name: string, value: string])[];
  /** The version of its format: 3. */
  readonly version: number;
  /** Its number with the issuer, in hexadecimal digits. */
  readonly serialNumber: string;
  /** From when on it is good. */
  readonly notBefore: Date;
  /** How long it is good. */
  readonly notAfter: Date;
  /** For whom it is good, as pairs such as `["DNS", "localhost"]`. */
  readonly subjectAltName: readonly (readonly [kind: string, value: string])[];
}

const ATTRIBUTES: Readonly<Record<string, string>> = {
  "2.5.4.3": "commonName",
  "2.5.4.4": "surname",
  "2.5.4.5": "serialNumber",
  "2.5.4.6": "countryName",
  "2.5.4.7": "localityName",
  "2.5.4.8": "stateOrProvinceName",
  "2.5.4.9": "streetAddress",
  "2.5.4.10": "organizationName",
  "2.5.4.11": "organizationalUnitName",
  "2.5.4.12": "title",
  "2.5.4.42": "givenName",
  "1.2.840.113549.1.9.1": "emailAddress",
  "0.9.2342.19200300.100.1.1": "userId",
  "0.9.2342.19200300.100.1.25": "domainComponent",
};

const SUBJECT_ALT_NAME = "2.5.29.17";

/** One value of the encoding: a tag and what it holds. */
interface Item {
  readonly tag: number;
  readonly body: Uint8Array;
}

function broken(): never {
  throw new SSLError("Cannot read the certificate: it is malformed", {
    code: "BAD_CERTIFICATE",
  });
}

/** The items that stand in some bytes, one after the other. */
function items(bytes: Uint8Array): Item[] {
  const found: Item[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at++]!;
    let length = bytes[at++] ?? broken();
    if (length > 0x80) {
      let digits = length & 0x7f;
      if (digits > 4) broken();
      for (length = 0; digits > 0; digits--) {
        length = length * 256 + (bytes[at++] ?? broken());
      }
    }
    if (at + length > bytes.length) broken();
    found.push({ tag, body: bytes.subarray(at, at + length) });
    at += length;
  }
  return found;
}

function oid(body: Uint8Array): string {
  const numbers: number[] = [];
  let value = 0;
  for (const byte of body) {
    value = value * 128 + (byte & 0x7f);
    if (byte & 0x80) continue;
    if (numbers.length === 0) {
      const first = Math.min(Math.floor(value / 40), 2);
      numbers.push(first, value - first * 40);
    } else numbers.push(value);
    value = 0;
  }
  return numbers.join(".");
}

function text({ tag, body }: Item): string {
  switch (tag) {
    case 0x1e: // BMPString
      return new TextDecoder("utf-16be").decode(body);
    case 0x14: // T61String, which in practice is Latin-1
      return String.fromCharCode(...body);
    default:
      return new TextDecoder().decode(body);
  }
}

function name(item: Item | undefined): [string, string][] {
  const pairs: [string, string][] = [];
  for (const set of items((item ?? broken()).body)) {
    for (const pair of items(set.body)) {
      const [type, value] = items(pair.body);
      const id = oid((type ?? broken()).body);
      pairs.push([ATTRIBUTES[id] ?? id, text(value ?? broken())]);
    }
  }
  return pairs;
}

function time(item: Item | undefined): Date {
  const { tag, body } = item ?? broken();
  let digits = new TextDecoder().decode(body);
  // UTCTime has two digits for the year, from 1950 to 2049.
  if (tag === 0x17) digits = (digits < "50" ? "20" : "19") + digits;
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(digits);
  if (match === null) broken();
  const [, year, month, day, hour, minute, second] = match.map(Number);
  return new Date(
    Date.UTC(year!, month! - 1, day!, hour!, minute!, second!),
  );
}

function address(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups: string[] = [];
  for (let i = 0; i + 1 < bytes.length; i += 2) {
    groups.push((bytes[i]! * 256 + bytes[i + 1]!).toString(16).toUpperCase());
  }
  return groups.join(":");
}

function altNames(extension: Uint8Array): [string, string][] {
  const names: [string, string][] = [];
  const [list] = items(extension);
  for (const item of items((list ?? broken()).body)) {
    switch (item.tag & 0x1f) {
      case 1:
        names.push(["email", text(item)]);
        break;
      case 2:
        names.push(["DNS", text(item)]);
        break;
      case 4:
        names.push([
          "DirName",
          name(items(item.body)[0]).map(([k, v]) => `${k}=${v}`).join(", "),
        ]);
        break;
      case 6:
        names.push(["URI", text(item)]);
        break;
      case 7:
        names.push(["IP Address", address(item.body)]);
        break;
      case 8:
        names.push(["Registered ID", oid(item.body)]);
        break;
      default:
        names.push(["othername", "<unsupported>"]);
    }
  }
  return names;
}

/**
 * Reads a certificate.
 *
 * @param der The certificate, in DER.
 * @returns What it says.
 * @throws SSLError If it is malformed.
 */
export function readCertificate(der: Uint8Array): PeerCertificate {
  const [certificate] = items(der);
  const [signed] = items((certificate ?? broken()).body);
  const fields = items((signed ?? broken()).body);
  let version = 1;
  if (fields[0]?.tag === 0xa0) {
    version = (items(fields.shift()!.body)[0]?.body[0] ?? broken()) + 1;
  }
  const [serial, , issuer, validity, subject] = fields;
  const [notBefore, notAfter] = items((validity ?? broken()).body);
  let subjectAltName: [string, string][] = [];
  const extensions = fields.find(({ tag }) => tag === 0xa3);
  if (extensions !== undefined) {
    for (
      const extension of items(items(extensions.body)[0]?.body ?? broken())
    ) {
      const parts = items(extension.body);
      if (oid((parts[0] ?? broken()).body) !== SUBJECT_ALT_NAME) continue;
      subjectAltName = altNames((parts.at(-1) ?? broken()).body);
    }
  }
  return {
    subject: name(subject),
    issuer: name(issuer),
    version,
    serialNumber: hex((serial ?? broken()).body),
    notBefore: time(notBefore),
    notAfter: time(notAfter),
    subjectAltName,
  };
}

function hex(bytes: Uint8Array): string {
  // A leading zero byte only says that the number is not negative.
  const digits = bytes.length > 1 && bytes[0] === 0 ? bytes.subarray(1) : bytes;
  return Array.from(digits, (byte) => byte.toString(16).padStart(2, "0"))
    .join("").toUpperCase();
}
