/** Names and addresses. */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { type AddrInfo, GaiError, type HostPort, OSError } from "../mod.ts";
import { interleaved } from "../_net/names.ts";
import { describe, it } from "./_harness.ts";
import { online } from "./_network.ts";
import { caught } from "./_spell.ts";

describe("getAddrInfo", () => {
  online("gives one entry for each kind of socket", function* ({ loop }) {
    const infos: AddrInfo[] = yield loop.getAddrInfo("127.0.0.1", 80);
    assertEquals(infos, [
      ["inet", "stream", 6, "", ["127.0.0.1", 80]],
      ["inet", "dgram", 17, "", ["127.0.0.1", 80]],
      ["inet", "raw", 0, "", ["127.0.0.1", 80]],
    ]);
  });

  online("gives the kind that is asked for", function* ({ loop }) {
    const kinds = [];
    for (
      const options of [
        { type: "stream" },
        { type: "dgram" },
        { proto: 17 },
        { type: "raw", proto: 1 },
      ] as const
    ) {
      const infos: AddrInfo[] = yield loop.getAddrInfo("::1", 7, options);
      kinds.push(infos.map((info) => info.slice(0, 3)));
      assertEquals(infos[0]![4], ["::1", 7, 0, 0]);
    }
    assertEquals(kinds, [
      [["inet6", "stream", 6]],
      [["inet6", "dgram", 17]],
      [["inet6", "dgram", 17]],
      [["inet6", "raw", 1]],
    ]);
  });

  online("looks names up", function* ({ loop }) {
    const infos: AddrInfo[] = yield loop.getAddrInfo("localhost", 80, {
      type: "stream",
      family: "inet",
    });
    assertEquals(infos, [["inet", "stream", 6, "", ["127.0.0.1", 80]]]);
  });

  online("knows what no host stands for", function* ({ loop }) {
    const hosts = [];
    for (const flags of [[], ["AI_PASSIVE"]] as const) {
      const infos: AddrInfo[] = yield loop.getAddrInfo(null, 80, {
        type: "stream",
        flags,
      });
      hosts.push(infos.map((info) => info[4][0]));
    }
    assertEquals(hosts, [["::1", "127.0.0.1"], ["0.0.0.0", "::"]]);
  });

  online("knows ports as texts, and well-known services", function* (net) {
    const ports = [];
    for (const port of ["8080", "https", "", null]) {
      const [info]: AddrInfo[] = yield net.loop.getAddrInfo("127.0.0.1", port);
      ports.push(info![4][1]);
    }
    assertEquals(ports, [8080, 443, 0, 0]);
  });

  online("names the host with AI_CANONNAME", function* ({ loop }) {
    const infos: AddrInfo[] = yield loop.getAddrInfo("127.0.0.1", 80, {
      flags: ["AI_CANONNAME"],
    });
    assertEquals(infos.map((info) => info[3]), ["127.0.0.1", "", ""]);
  });

  const failures: readonly [
    string,
    string | null,
    string | number | null,
    object,
    string,
  ][] = [
    ["a name with AI_NUMERICHOST", "localhost", 80, {
      flags: ["AI_NUMERICHOST"],
    }, "ENOTFOUND"],
    ["a service with AI_NUMERICSERV", "127.0.0.1", "http", {
      flags: ["AI_NUMERICSERV"],
    }, "EAI_SERVICE"],
    ["an unknown service", "127.0.0.1", "no-such", {}, "EAI_SERVICE"],
    ["neither host nor port", null, null, {}, "ENOTFOUND"],
    [
      "a family without names",
      "localhost",
      1,
      { family: "unix" },
      "EAI_FAMILY",
    ],
    ["an address of another family", "::1", 1, {
      family: "inet",
    }, "EAI_ADDRFAMILY"],
    ["a protocol that does not fit", "::1", 1, {
      type: "stream",
      proto: 17,
    }, "EAI_SOCKTYPE"],
  ];
  for (const [what, host, port, options, code] of failures) {
    online(`refuses ${what}: ${code}`, function* ({ loop }) {
      const error = yield* caught(loop.getAddrInfo(host, port, options));
      assertInstanceOf(error, GaiError);
      assertInstanceOf(error, OSError);
      assertEquals([error.name, error.code], ["GaiError", code]);
    });
  }

  online("refuses ports that are none", function* ({ loop }) {
    for (const port of [-1, 65536, 1.5, NaN, "70000"]) {
      const error = yield* caught(loop.getAddrInfo("127.0.0.1", port));
      assertInstanceOf(error, RangeError);
    }
  });
});

describe("getNameInfo", () => {
  online("names an address and its service", function* ({ loop }) {
    const address = ["127.0.0.1", 80] as const;
    assertEquals(yield loop.getNameInfo(address), ["localhost", "http"]);
  });

  online("gives numbers when asked for", function* ({ loop }) {
    const address = ["127.0.0.1", 80] as const;
    assertEquals(yield loop.getNameInfo(address, ["NI_NUMERICHOST"]), [
      "127.0.0.1",
      "http",
    ]);
    assertEquals(yield loop.getNameInfo(address, ["NI_NUMERICSERV"]), [
      "localhost",
      "80",
    ]);
    assertEquals(
      yield loop.getNameInfo(["::1", 80, 0, 0], [
        "NI_NUMERICHOST",
        "NI_NUMERICSERV",
      ]),
      ["::1", "80"],
    );
  });

  online("refuses a host that is not numeric", function* ({ loop }) {
    const error = yield* caught(loop.getNameInfo(["localhost", 80]));
    assertInstanceOf(error, GaiError);
    assertEquals(error.code, "ENOTFOUND");
  });

  online("refuses what is no address", function* ({ loop }) {
    for (const address of ["127.0.0.1", null as unknown as HostPort]) {
      const error = yield* caught(loop.getNameInfo(address as string));
      assertInstanceOf(error, TypeError);
    }
  });
});

describe("interleaving", () => {
  const info = (name: string): AddrInfo => [
    name.startsWith("6") ? "inet6" : "inet",
    "stream",
    6,
    "",
    [name, 1],
  ];
  const cases: readonly [string, number, string][] = [
    ["6a 6b 6c 4a 4b", 1, "6a 4a 6b 4b 6c"],
    ["6a 6b 6c 4a 4b", 2, "6a 6b 4a 6c 4b"],
    ["6a 6b 6c 4a 4b", 9, "6a 6b 6c 4a 4b"],
    ["4a 4b 6a", 1, "4a 6a 4b"],
    ["4a", 1, "4a"],
    ["", 1, ""],
  ];
  for (const [given, count, expected] of cases) {
    it(`"${given}" by ${count} is "${expected}"`, () => {
      const names = given.split(" ").filter((name) => name !== "");
      const result = interleaved(names.map(info), count);
      assertEquals(result.map((one) => one[4][0]).join(" "), expected);
      assert(true);
    });
  }
});
