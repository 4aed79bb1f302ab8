/** What is read of certificates, made by hand of what real ones have seldom. */

import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { readCertificate } from "../_tls/x509.ts";
import { SSLError } from "../mod.ts";
import { describe, it } from "./_harness.ts";

const ascii = (text: string) => [...new TextEncoder().encode(text)];

/** A value of DER: its tag, its length, and what it holds. */
function der(tag: number, ...parts: number[][]): number[] {
  const body = parts.flat();
  const { length } = body;
  const size = length < 0x80
    ? [length]
    : length < 0x100
    ? [0x81, length]
    : [0x82, length >> 8, length & 0xff];
  return [tag, ...size, ...body];
}

const COMMON_NAME = [0x55, 4, 3];
const SUBJECT_ALT_NAME = [0x55, 0x1d, 0x11];

const sequence = (...parts: number[][]) => der(0x30, ...parts);
const oid = (numbers: number[]) => der(6, numbers);

/** A name with one part. */
const named = (value: number[], type = COMMON_NAME) =>
  sequence(der(0x31, sequence(oid(type), value)));

/** A certificate for a name, with alternative ones. */
function certificate(
  subject: number[],
  names: number[][] | null = null,
  from = "490101000000Z",
): Uint8Array {
  const extensions = names === null ? [] : [
    der(
      0xa3,
      sequence(
        sequence(oid(SUBJECT_ALT_NAME), der(4, sequence(...names))),
      ),
    ),
  ];
  return new Uint8Array(sequence(
    sequence(
      der(0xa0, der(2, [2])),
      der(2, [0x7f, 1]),
      sequence(oid([0x2a])),
      named(der(0x0c, ascii("authority"))),
      sequence(der(0x17, ascii(from)), der(0x18, ascii("20510203040506Z"))),
      subject,
      sequence(),
      ...extensions,
    ),
  ));
}

describe("a certificate", () => {
  it("has each kind of alternative name", () => {
    const { subjectAltName } = readCertificate(
      certificate(named(der(0x13, ascii("x"))), [
        der(0x81, ascii("a@b.test")),
        der(0x82, ascii("b.test")),
        der(0xa4, named(der(0x0c, ascii("folder")))),
        der(0x86, ascii("https://b.test/")),
        der(0x87, [10, 0, 0, 1]),
        der(0x87, [0xfd, ...Array(14).fill(0), 1]),
        der(0x88, [0x2a, 0x86, 0x48]),
        der(0xa0, oid([0x2a])),
      ]),
    );
    assertEquals(subjectAltName, [
      ["email", "a@b.test"],
      ["DNS", "b.test"],
      ["DirName", "commonName=folder"],
      ["URI", "https://b.test/"],
      ["IP Address", "10.0.0.1"],
      ["IP Address", "FD00:0:0:0:0:0:0:1"],
      ["Registered ID", "1.2.840"],
      ["othername", "<unsupported>"],
    ]);
  });

  it("has names in the character sets of old ones", () => {
    const subjectOf = (value: number[]) =>
      readCertificate(certificate(named(value))).subject;
    const utf16 = [0, 0x41, 0x20, 0xac];
    assertEquals(subjectOf(der(0x1e, utf16)), [["commonName", "A€"]]);
    assertEquals(subjectOf(der(0x14, [0x41, 0xe9])), [["commonName", "Aé"]]);
    assertEquals(subjectOf(der(0x0c, ascii("é"))), [["commonName", "é"]]);
  });

  it("has attributes without a name by their numbers", () => {
    const { subject } = readCertificate(
      certificate(named(der(0x0c, ascii("x")), [0x2a, 3, 4])),
    );
    assertEquals(subject, [["1.2.3.4", "x"]]);
  });

  it("says from when to when it is good, in either form of a time", () => {
    const read = readCertificate(certificate(named(der(0x13, ascii("x")))));
    assertEquals(read.notBefore.toISOString(), "2049-01-01T00:00:00.000Z");
    assertEquals(read.notAfter.toISOString(), "2051-02-03T04:05:06.000Z");
    assertEquals([read.version, read.serialNumber], [3, "7F01"]);
  });

  it("that is cut off or is none is refused", () => {
    const whole = certificate(named(der(0x13, ascii("x"))));
    for (const length of [0, 1, 5, 40, whole.length - 1]) {
      const error = assertThrows(() =>
        readCertificate(whole.subarray(0, length))
      );
      assertInstanceOf(error, SSLError, `${length}`);
    }
    assertThrows(
      () => readCertificate(new Uint8Array([0x30, 0x85, 1, 1, 1, 1, 1])),
      SSLError,
      "malformed",
    );
    const dated = certificate(named(der(0x13, ascii("x"))), null, "tomorrow");
    assertThrows(() => readCertificate(dated), SSLError, "malformed");
  });
});
