/** Names and addresses. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "./_harness.ts";
import { OSError } from "../exceptions.ts";
import { platform } from "../_platform/mod.ts";

const { dns } = platform;

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(() => null, (error) => error);
  assert(error instanceof OSError, `${error}`);
  assert(error.message.startsWith("Cannot "), error.message);
  return error.code;
}

describe("a lookup", () => {
  it("finds localhost", async () => {
    const found = await dns.lookup("localhost");
    assert(
      found.some(({ address, family }) =>
        address === "127.0.0.1" && family === 4
      ),
    );
    assertEquals(await dns.lookup("localhost", { family: 4 }), [
      { address: "127.0.0.1", family: 4 },
    ]);
    for (const flag of ["addressConfig", "v4Mapped", "all"]) {
      const some = await dns.lookup("localhost", { [flag]: true });
      assert(some.length > 0);
    }
  });

  it("gives a numeric host as it is", async () => {
    for (const host of ["127.0.0.1", "255.255.255.255", "0.0.0.0"]) {
      assertEquals(await dns.lookup(host), [{ address: host, family: 4 }]);
      assertEquals(await dns.lookup(host, { family: 4 }), [
        { address: host, family: 4 },
      ]);
    }
    for (const host of ["::1", "fe80::1%eth0", "::ffff:127.0.0.1"]) {
      assertEquals(await dns.lookup(host), [{ address: host, family: 6 }]);
    }
  });

  it("refuses a numeric host of the other family", async () => {
    assertEquals(
      await codeOf(dns.lookup("127.0.0.1", { family: 6 })),
      "EAI_ADDRFAMILY",
    );
    assertEquals(
      await codeOf(dns.lookup("::1", { family: 4 })),
      "EAI_ADDRFAMILY",
    );
    assertEquals(
      await dns.lookup("127.0.0.1", { family: 6, v4Mapped: true }),
      [{ address: "::ffff:127.0.0.1", family: 6 }],
    );
  });

  it("of no name is this machine, or every interface of it", async () => {
    for (const none of [null, ""]) {
      assertEquals(await dns.lookup(none), [
        { address: "::1", family: 6 },
        { address: "127.0.0.1", family: 4 },
      ]);
      assertEquals(await dns.lookup(none, { passive: true }), [
        { address: "0.0.0.0", family: 4 },
        { address: "::", family: 6 },
      ]);
      assertEquals(await dns.lookup(none, { family: 4 }), [
        { address: "127.0.0.1", family: 4 },
      ]);
      assertEquals(await dns.lookup(none, { family: 6, passive: true }), [
        { address: "::", family: 6 },
      ]);
    }
  });

  it("of what is no name fails with ENOTFOUND", async () => {
    for (const name of ["no.such.name.invalid", "a name", "a".repeat(300)]) {
      const code = await codeOf(dns.lookup(name));
      // A machine without a network may not even have asked.
      assert(code === "ENOTFOUND" || code === "EAI_AGAIN", code);
    }
  });
});

describe("a reverse lookup", () => {
  it("names the host and the service", async () => {
    const { host, service } = await dns.lookupService("127.0.0.1", 80);
    assertEquals([host, service], ["localhost", "http"]);
    const other = await dns.lookupService("127.0.0.1", 54321);
    assertEquals(other.service, "54321");
  });

  it("refuses a host that is not numeric, and what is no port", async () => {
    assertEquals(await codeOf(dns.lookupService("localhost", 80)), "EINVAL");
    for (const port of [-1, 65536]) {
      await assertRejects(
        () => dns.lookupService("127.0.0.1", port),
        RangeError,
      );
    }
  });
});

describe("isIP()", () => {
  it("tells numeric hosts from names", () => {
    assertEquals(
      ["127.0.0.1", "::1", "fe80::1%lo", "localhost", "", "1.2.3"].map(
        dns.isIP,
      ),
      [4, 6, 6, 0, 0, 0],
    );
  });
});
