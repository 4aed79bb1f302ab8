/** What all transports promise, of TLS and of TLS inside TLS. */

import type { BaseProtocol } from "../mod.ts";
import { tlsPair } from "./_tls.ts";
import {
  type Connected,
  type SuiteOptions,
  transportSuite,
} from "./_transport_suite.ts";

const KIB = 1024;

const OPTIONS: SuiteOptions = {
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

const open = (layers: number) =>
async (
  _loop: unknown,
  client: BaseProtocol,
  server: BaseProtocol,
): Promise<Connected> => {
  const pair = tlsPair(client, server, { layers });
  await pair.client.ready;
  await pair.server.ready;
  return { client: pair.client.transport, server: pair.server.transport };
};

transportSuite("TLS in memory", open(1), OPTIONS);
transportSuite("TLS inside TLS in memory", open(2), OPTIONS);
