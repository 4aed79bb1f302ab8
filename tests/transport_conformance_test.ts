/** What all transports promise, of those over sockets. */

import { runtime } from "./_harness.ts";
import { socketPair, tlsSocketPair } from "./_socket_pairs.ts";
import { type SuiteOptions, transportSuite } from "./_transport_suite.ts";

const KIB = 1024;

const TLS: SuiteOptions = {
  halfClose: false,
  limits: [128 * KIB, 512 * KIB],
  lostWrites: "SSL connection is closed",
  fatal: (call) =>
    call === "eof_received"
      ? "Error calling eof_received()"
      : "Fatal error on SSL protocol",
  skip: {
    "made, data, eof, lost: and nothing comes after":
      "in CPython, too, who closes TLS is told of the peer's answer as an eof",
    "above the high mark it pauses, at the low mark it resumes":
      "the peer's TLS takes 256 KiB after it was paused: see sslproto_flow_test",
  },
};

const SOCKET: SuiteOptions = {
  skip: runtime === "deno"
    ? {
      "above the high mark it pauses, at the low mark it resumes":
        "a write of Deno's is under way for a moment, which pauses, too",
    }
    : {},
};

transportSuite("TCP", (loop, a, b) => socketPair(loop, a, b), SOCKET);
transportSuite(
  "TCP over IPv6",
  (loop, a, b) => socketPair(loop, a, b, "inet6"),
  SOCKET,
);
transportSuite("Unix", (loop, a, b) => socketPair(loop, a, b, "unix"), SOCKET);
transportSuite(
  "TLS over TCP",
  (loop, a, b) => tlsSocketPair(loop, a, b, 1),
  TLS,
);
transportSuite(
  "TLS inside TLS over TCP",
  (loop, a, b) => tlsSocketPair(loop, a, b, 2),
  TLS,
);
