/** Look-ups that fail or are watched: what the loop says of them. */

import { assertEquals, assertInstanceOf, assertMatch } from "@std/assert";
import { platform } from "../_platform/mod.ts";
import { ownError } from "../_platform/socket_errors.ts";
import type { Platform } from "../_platform/types.ts";
import { type AddrInfo, GaiError } from "../mod.ts";
import { describe } from "./_harness.ts";
import { capturedLog } from "./_loops.ts";
import { online } from "./_network.ts";
import { type Body, caught } from "./_spell.ts";

/** The runtime's platform, with a resolver that knows no address. */
const nameless = (): Platform => ({
  ...platform,
  dns: {
    isIP: (host) => platform.dns.isIP(host),
    lookup: (host, options) => platform.dns.lookup(host, options),
    lookupService: () =>
      Promise.reject(ownError("Cannot look it up", "ENOTFOUND")),
  },
});

describe("getNameInfo of an address without a name", () => {
  online("gives its number", function* ({ loop }) {
    assertEquals(yield loop.getNameInfo(["127.0.0.9", 80]), [
      "127.0.0.9",
      "80",
    ]);
  }, { platform: nameless });

  online("fails where a name is required", function* ({ loop }) {
    const error = yield* caught(
      loop.getNameInfo(["127.0.0.9", 80], ["NI_NAMEREQD"]),
    );
    assertInstanceOf(error, GaiError);
    assertEquals(error.code, "ENOTFOUND");
  }, { platform: nameless });
});

describe("getAddrInfo in debug mode", () => {
  for (const [level, limit] of [["debug", 60], ["info", 0]] as const) {
    online(`logs how long it took, as ${level}`, function* ({ loop }) {
      loop.setDebug(true);
      loop.slowCallbackDuration = limit;
      const log = capturedLog(() => loop.getAddrInfo("127.0.0.1", 80));
      const entries: Awaited<typeof log> = yield log;
      loop.slowCallbackDuration = 60;
      const [told] = entries.filter(({ text }) =>
        text.includes("address info")
      );
      assertEquals(told!.level, level);
      assertMatch(told!.text, /^Getting address info 127\.0\.0\.1:80 took \d/);
    });
  }
});

describe("Connecting by a resolver of the loop's own", () => {
  /** What comes of connecting where the loop's look-ups give this. */
  function* resolvedTo(
    loop: { getAddrInfo: unknown; createConnection: unknown },
    infos: readonly AddrInfo[],
  ): Body<unknown> {
    loop.getAddrInfo = function* () {
      return infos;
    };
    const connect = loop.createConnection as (
      ...args: unknown[]
    ) => PromiseLike<unknown>;
    return yield* caught(connect.call(loop, () => ({}), "own.test", 1));
  }

  online("that finds nothing fails", function* ({ loop }) {
    const error = yield* resolvedTo(loop as never, []);
    assertEquals(
      (error as Error).message,
      "getaddrinfo() returned empty list",
    );
  });
});
