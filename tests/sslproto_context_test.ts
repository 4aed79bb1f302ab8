/** SSLContext: what it is made of, and what it refuses. */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertThrows,
} from "@std/assert";
import {
  addFlowcontrolDefaults,
  createDefaultContext,
  FileNotFoundError,
  getRunningLoop,
  OSError,
  Protocol,
  SSLContext,
  SSLError,
  SSLProtocol,
} from "../mod.ts";
import { pathToFileURL } from "node:url";
import { cert, certPath, identity, key } from "./_certs.ts";
import { describe, it } from "./_harness.ts";
import { withRealLoop } from "./_loops.ts";
import { clientContext, Notes, serverContext, tlsPair } from "./_tls.ts";

describe("SSLContext", () => {
  it("a client's checks certificate and host, a server's does not", () => {
    const client = createDefaultContext();
    assertEquals(
      [client.side, client.verifyMode, client.checkHostname],
      ["client", "required", true],
    );
    const server = createDefaultContext("clientAuth");
    assertEquals(
      [server.side, server.verifyMode, server.checkHostname],
      ["server", "none", false],
    );
    assertEquals(
      [client.minimumVersion, client.maximumVersion],
      ["TLSv1.2", "TLSv1.3"],
    );
  });

  it("takes PEM as text, as bytes, as a path and as a URL", () => {
    const sources = [
      cert("server"),
      new TextEncoder().encode(cert("server")),
      certPath("server.pem"),
      pathToFileURL(certPath("server.pem")),
    ];
    for (const source of sources) {
      const context = new SSLContext("server", {
        cert: source,
        key: certPath("server.key"),
      });
      assert(context.hasCertificate);
    }
  });

  it("finds the key beside the certificate", () => {
    const both = key("server") + cert("server");
    assert(new SSLContext("server", { cert: both }).hasCertificate);
  });

  it("a file that is not there: FileNotFoundError", () => {
    const error = assertThrows(
      () => new SSLContext("client", { ca: certPath("nobody.pem") }),
      FileNotFoundError,
    );
    assertEquals(error.code, "ENOENT");
    assertEquals(error.filename, certPath("nobody.pem"));
  });

  const BAD: readonly [string, () => unknown, string][] = [
    [
      "a key of another certificate",
      () =>
        new SSLContext("server", { cert: cert("server"), key: key("client") }),
      "KEY_VALUES_MISMATCH",
    ],
    [
      "no PEM for a certificate",
      () =>
        new SSLContext("server", {
          cert: certPath("make.sh"),
          key: key("server"),
        }),
      "NO_START_LINE",
    ],
    [
      "a damaged certificate",
      () =>
        new SSLContext("server", {
          cert:
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
          key: key("server"),
        }),
      "BAD_CERTIFICATE",
    ],
    [
      "a damaged authority",
      () =>
        new SSLContext("client", {
          ca: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        }),
      "BAD_CERTIFICATE",
    ],
    [
      "a key that does not open with the passphrase",
      () =>
        new SSLContext("server", {
          cert: cert("server"),
          key: key("server_locked"),
          passphrase: "wrong",
        }),
      "BAD_DECRYPT",
    ],
    [
      "a locked key without a passphrase",
      () =>
        new SSLContext("server", {
          cert: cert("server"),
          key: key("server_locked"),
        }),
      "BAD_PASSWORD_READ",
    ],
    [
      "ciphers that nobody knows",
      () => new SSLContext("client", { ciphers: "NOPE" }),
      "NO_CIPHER_MATCH",
    ],
  ];
  for (const [what, make, code] of BAD) {
    it(`${what}: SSLError ${code}`, () => {
      const error = assertThrows(make, SSLError);
      assertEquals(error.code, code);
      assertInstanceOf(error, OSError);
    });
  }

  it("what it refuses leaves it as it was", () => {
    const context = serverContext({});
    assertThrows(
      () => context.loadCertChain(cert("server"), key("client")),
      SSLError,
    );
    assertThrows(() => context.loadVerifyLocations("-----BEGIN x"), SSLError);
    assertThrows(() => context.setCiphers("NOPE"), SSLError);
    assert(context._native() !== null);
  });

  it("refuses settings that make no sense", () => {
    const context = new SSLContext("client");
    assertThrows(() => context.verifyMode = "none", RangeError);
    assertThrows(() => context.verifyMode = "some" as "none", RangeError);
    assertThrows(() => context.setAlpnProtocols([""]), RangeError);
    assertThrows(() => context.setAlpnProtocols(["x".repeat(256)]), RangeError);
    assertThrows(() => new SSLContext("both" as "client"), RangeError);
    assertThrows(
      () => new SSLContext("client", { minimumVersion: "SSLv3" as "TLSv1.2" }),
      RangeError,
    );
    assertThrows(
      () => new SSLContext("client", { key: key("client") }),
      TypeError,
    );
  });

  it("asking for the host's name asks for a certificate, too", () => {
    const context = new SSLContext("client", { verifyMode: "none" });
    assertEquals(context.checkHostname, false);
    context.checkHostname = true;
    assertEquals(context.verifyMode, "required");
  });

  it("a locked key opens with its passphrase, and serves", () =>
    withRealLoop(async () => {
      const [up, down] = [new Notes(), new Notes()];
      const pair = tlsPair(up, down, {
        server: new SSLContext("server", {
          cert: cert("server"),
          key: key("server_locked"),
          passphrase: "secret",
        }),
      });
      await pair.client.ready;
      await pair.server.ready;
      up.transport!.close();
      await Promise.all([up.lost, down.lost]);
    }));

  it("a server without a certificate turns clients away", () =>
    withRealLoop(async () => {
      const [up, down] = [new Notes(), new Notes()];
      const pair = tlsPair(up, down, { server: new SSLContext("server") });
      const codes = await Promise.all(
        [pair.client.ready, pair.server.ready].map((ready) =>
          Promise.resolve(ready).then(() => "", (error: SSLError) => error.code)
        ),
      );
      assertEquals(codes, [
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "NO_SHARED_CIPHER",
      ]);
    }));
});

describe("SSLProtocol refuses", () => {
  const make = (...rest: unknown[]) => () =>
    withRealLoop(async () => {
      const Make = SSLProtocol as unknown as new (...args: unknown[]) => object;
      new Make(getRunningLoop(), new Protocol(), ...rest);
    });
  const refuses = async (
    Class: new () => Error,
    text: string,
    ...rest: unknown[]
  ) => {
    const error = await make(...rest)().then(() => null, (error) => error);
    assertInstanceOf(error, Class);
    assert(error.message.includes(text), error.message);
  };
  const AnyRangeError = RangeError as unknown as new () => Error;

  it("timeouts that are not positive", async () => {
    const context = clientContext();
    const text = "ssl_handshake_timeout should be a positive number, got 0";
    await refuses(AnyRangeError, text, context, null, false, "h", true, 0);
    await refuses(
      AnyRangeError,
      "ssl_shutdown_timeout should be a positive number, got -1",
      context,
      null,
      false,
      "h",
      true,
      null,
      -1,
    );
  });

  it("a server without a context", async () => {
    await refuses(
      AnyRangeError,
      "Server side SSL needs a valid SSLContext",
      null,
      null,
      true,
    );
  });

  it("a client that checks the host and has none", async () => {
    await refuses(
      AnyRangeError,
      "check_hostname requires server_hostname",
      clientContext(),
      null,
    );
  });

  it("a context for the other side, or of another class", async () => {
    const AnySSLError = SSLError as unknown as new () => Error;
    await refuses(AnySSLError, "client's", clientContext(), null, true);
    await refuses(AnySSLError, "server's", serverContext(), null, false, "h");
    await refuses(
      TypeError as unknown as new () => Error,
      "sslcontext is expected",
      identity("server"),
      null,
      true,
    );
  });
});

describe("addFlowcontrolDefaults()", () => {
  it("fills in what is not given", () => {
    assertEquals(addFlowcontrolDefaults(null, null, 512), [524288, 131072]);
    assertEquals(addFlowcontrolDefaults(100, null, 512), [100, 25]);
    assertEquals(addFlowcontrolDefaults(null, 100, 512), [400, 100]);
    assertEquals(addFlowcontrolDefaults(0, null, 512), [0, 0]);
    assertThrows(() => addFlowcontrolDefaults(1, 2, 512), RangeError);
  });
});
