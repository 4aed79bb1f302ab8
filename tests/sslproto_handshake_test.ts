/** TLS handshakes: what the two sides agree on, and how they fail. */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
} from "@std/assert";
import {
  type Cipher,
  ConnectionAbortedError,
  ConnectionResetError,
  getRunningLoop,
  OSError,
  type PeerCertificate,
  type Protocol,
  sleep,
  SSLCertVerificationError,
  SSLError,
  type SSLObject,
  SSLProtocol,
} from "../mod.ts";
import { cert, identity } from "./_certs.ts";
import { describe, it } from "./_harness.ts";
import { withRealLoop } from "./_loops.ts";
import { memoryPair, type MemoryTransport } from "./_memory_transport.ts";
import {
  bytes,
  clientContext,
  Notes,
  serverContext,
  type TlsOptions,
  tlsPair,
} from "./_tls.ts";

/** Connects, says hello both ways, and returns both ends' facts. */
async function hello(
  options: TlsOptions = {},
): Promise<{ client: SSLObject; server: SSLObject; up: Notes; down: Notes }> {
  const [up, down] = [new Notes(), new Notes()];
  const pair = tlsPair(up, down, options);
  await pair.client.ready;
  await pair.server.ready;
  up.transport!.write(bytes("ping"));
  down.transport!.write(bytes("pong"));
  while (up.text !== "pong" || down.text !== "ping") await sleep(0.001);
  const [client, server] = [up, down].map((notes) =>
    notes.transport!.getExtraInfo<SSLObject>("sslObject")!
  );
  up.transport!.close();
  await Promise.all([up.lost, down.lost]);
  assertEquals([up.lostWith, down.lostWith], [null, null]);
  return { client: client!, server: server!, up, down };
}

/** Fails to connect: the errors of both waiters, null where one is fine. */
async function fails(
  options: TlsOptions,
): Promise<
  { client: OSError | null; server: OSError | null; calls: string[] }
> {
  const [up, down] = [new Notes(), new Notes()];
  const pair = tlsPair(up, down, options);
  const errorOf = (ready: PromiseLike<void>) =>
    Promise.resolve(ready).then(() => null, (error) => error as OSError);
  const [client, server] = await Promise.all([
    errorOf(pair.client.ready),
    errorOf(pair.server.ready),
  ]);
  await sleep(0.02);
  for (const error of [client, server]) {
    if (error !== null) assertInstanceOf(error, OSError);
  }
  pair.client.transport.abort();
  pair.server.transport.abort();
  await sleep(0.005);
  return { client, server, calls: [...up.calls] };
}

const test = (name: string, body: () => Promise<void>) =>
  it(name, () => withRealLoop(body, 4000));

describe("a TLS handshake", () => {
  test("tells both sides what was agreed on", async () => {
    const { client, server, up } = await hello();
    assertEquals(client.version(), "TLSv1.3");
    assertEquals(client.cipher(), server.cipher());
    const [name, version, bits] = client.cipher() as Cipher;
    assert(name.startsWith("TLS_"), name);
    assertEquals(version, "TLSv1.3");
    assert(bits === 128 || bits === 256);
    assertEquals(client.compression(), null);
    assertEquals([client.serverSide, server.serverSide], [false, true]);
    assertEquals(
      [client.serverHostname, server.serverHostname],
      ["localhost", "localhost"],
    );
    assertEquals(server.getPeerCert(), null);
    assertEquals(up.calls, ["made", "data", "eof", "lost"]);
  });

  test("calls connectionMade before the waiter is done, both once", async () => {
    const [up, down] = [new Notes(), new Notes()];
    const order: string[] = [];
    const pair = tlsPair(up, down);
    up.onMade = () => order.push("made");
    pair.client.ready.addDoneCallback(() => order.push("ready"));
    await pair.server.ready;
    await pair.client.ready;
    assertEquals(order, ["made", "ready"]);
    up.transport!.abort();
    await Promise.all([up.lost, down.lost]);
  });

  test("the peer's certificate is read alike on every runtime", async () => {
    const { client } = await hello();
    const peer = client.getPeerCert() as PeerCertificate;
    assertEquals(peer.subject, [
      ["organizationName", "asyncio tests"],
      ["commonName", "localhost"],
    ]);
    assertEquals(peer.issuer, [["commonName", "asyncio test authority"]]);
    assertEquals(peer.subjectAltName, [
      ["DNS", "localhost"],
      ["IP Address", "127.0.0.1"],
      ["IP Address", "0:0:0:0:0:0:0:1"],
    ]);
    assertEquals(peer.version, 3);
    assert(/^[\dA-F]{16,40}$/.test(peer.serialNumber), peer.serialNumber);
    assert(peer.notBefore.getTime() < peer.notAfter.getTime());
    assert(peer.notAfter.getUTCFullYear() > 2100);
    const der = client.getPeerCert(true)!;
    const base64 = cert("server").replace(/-----[^-]+-----|\s/g, "");
    assertEquals(btoa(String.fromCharCode(...der)), base64);
  });

  test("getExtraInfo tells of TLS and of the transport below", async () => {
    const [up, down] = [new Notes(), new Notes()];
    const context = clientContext({});
    const pair = tlsPair(up, down, { client: context });
    const { transport } = pair.client;
    assertEquals(transport.getExtraInfo("peercert"), null);
    assertEquals(transport.getExtraInfo("sslObject", "none yet"), "none yet");
    await pair.client.ready;
    await pair.server.ready;
    assertEquals(transport.getExtraInfo("sslcontext"), context);
    assertEquals(transport.getExtraInfo("peername"), "server");
    assertEquals(transport.getExtraInfo("compression", "x"), null);
    assertEquals(transport.getExtraInfo("no such", 7), 7);
    assert(transport.getExtraInfo<Cipher>("cipher")![0].length > 5);
    assert(transport.getExtraInfo("peercert") !== null);
    transport.abort();
    await Promise.all([up.lost, down.lost]);
  });

  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    test(`agrees on ${version} alone`, async () => {
      const limits = { minimumVersion: version, maximumVersion: version };
      const { client, server } = await hello({
        client: clientContext(limits),
      });
      assertEquals([client.version(), server.version()], [version, version]);
    });
  }

  test("versions that exclude each other: SSLError on both sides", async () => {
    const { client, server } = await fails({
      client: clientContext({ minimumVersion: "TLSv1.3" }),
      server: serverContext({ maximumVersion: "TLSv1.2" }),
    });
    assertInstanceOf(server, SSLError);
    assertEquals(server.code, "UNSUPPORTED_PROTOCOL");
    assertInstanceOf(client, SSLError);
    assertEquals(client.code, "TLSV1_ALERT_PROTOCOL_VERSION");
  });

  test("a cipher chosen by one side is used", async () => {
    const ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384";
    const { client } = await hello({
      client: clientContext({ ciphers, maximumVersion: "TLSv1.2" }),
      server: serverContext({ ciphers }),
    });
    assertEquals(client.cipher(), [ciphers, "TLSv1.2", 256]);
  });

  test("ciphers without a common one: NO_SHARED_CIPHER", async () => {
    const { client, server } = await fails({
      client: clientContext({
        ciphers: "ECDHE-ECDSA-AES256-GCM-SHA384",
        maximumVersion: "TLSv1.2",
      }),
      server: serverContext({ ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" }),
    });
    const codes = [client?.code, server?.code];
    assert(codes.includes("NO_SHARED_CIPHER"), codes.join(" "));
  });
});

describe("the check of a server's certificate", () => {
  const refused = async (options: TlsOptions): Promise<string> => {
    const { client, calls } = await fails(options);
    assertInstanceOf(client, SSLCertVerificationError);
    assertEquals(client.code, "CERTIFICATE_VERIFY_FAILED");
    assertEquals(calls, []);
    return client.verifyMessage;
  };

  test("an unknown authority", async () => {
    await refused({ client: clientContext({ ca: cert("other_ca") }) });
  });

  test("a certificate that is out of date", async () => {
    await refused({ server: serverContext(identity("expired")) });
  });

  test("a certificate for another purpose", async () => {
    await refused({
      server: serverContext(identity("client")),
      hostname: "client.test",
    });
  });

  for (const hostname of ["www.example.test", "10.0.0.1", "host"]) {
    test(`a certificate for another host than ${hostname}`, async () => {
      const message = await refused({ hostname });
      const kind = hostname === "10.0.0.1" ? "IP address" : "Hostname";
      assertEquals(
        message,
        `${kind} mismatch, certificate is not valid for '${hostname}'.`,
      );
    });
  }

  for (
    const hostname of ["127.0.0.1", "::1", "LOCALHOST"]
  ) {
    test(`it is for ${hostname}, too`, async () => {
      await hello({ hostname });
    });
  }

  test("a wildcard stands for one label", async () => {
    const server = serverContext(identity("example"));
    await hello({ server, hostname: "one.wild.test" });
    await refused({ server, hostname: "two.one.wild.test" });
    await refused({ server, hostname: "wild.test" });
  });

  test("without the check of the host any name will do", async () => {
    const client = clientContext({ checkHostname: false });
    await hello({ client, hostname: "www.example.test" });
    await hello({ client, hostname: null });
    await refused({ client, server: serverContext(identity("stranger")) });
  });

  test("verifyMode none: anybody will do, and their certificate says nothing", async () => {
    const { client } = await hello({
      client: clientContext({ verifyMode: "none" }),
      server: serverContext(identity("stranger")),
    });
    assertEquals(client.getPeerCert(), null);
    assert(client.getPeerCert(true)!.length > 100);
  });

  test("a chain with two authorities to trust", async () => {
    await hello({
      client: clientContext({ ca: [cert("other_ca"), cert("ca")] }),
    });
    await hello({
      client: clientContext({ ca: cert("other_ca") + cert("ca") }),
      server: serverContext(identity("stranger")),
    });
  });
});

describe("client certificates", () => {
  const asking = (verifyMode: "optional" | "required") =>
    serverContext({ verifyMode, ca: cert("ca") });
  const named = (name: "client" | "stranger" | "server") =>
    clientContext(identity(name));

  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    const client = (options: object) =>
      clientContext({ ...options, maximumVersion: version });

    test(`${version}: one that is trusted is told of`, async () => {
      for (const mode of ["optional", "required"] as const) {
        const { server } = await hello({
          client: client(identity("client")),
          server: asking(mode),
        });
        const peer = server.getPeerCert() as PeerCertificate;
        assertEquals(peer.subject.at(-1), ["commonName", "a client"]);
      }
    });

    test(`${version}: optional lets go who has none`, async () => {
      const { server } = await hello({
        client: client({}),
        server: asking("optional"),
      });
      assertEquals(server.getPeerCert(), null);
    });

    test(`${version}: required turns away who has none`, async () => {
      const { server, client: error } = await fails({
        client: client({}),
        server: asking("required"),
      });
      assertInstanceOf(server, SSLError);
      assertEquals(server.code, "PEER_DID_NOT_RETURN_A_CERTIFICATE");
      if (version === "TLSv1.2") {
        assertInstanceOf(error, SSLError);
        // The server's library chooses which of the two it says.
        assert(
          error.code === "SSLV3_ALERT_HANDSHAKE_FAILURE" ||
            error.code === "TLSV13_ALERT_CERTIFICATE_REQUIRED",
          error.code,
        );
      }
    });

    for (const mode of ["optional", "required"] as const) {
      test(`${version}: ${mode} turns away a stranger`, async () => {
        const { server } = await fails({
          client: client(identity("stranger")),
          server: asking(mode),
        });
        assertInstanceOf(server, SSLCertVerificationError);
        assertEquals(server.code, "CERTIFICATE_VERIFY_FAILED");
      });
    }
  }

  test("one for another purpose is turned away", async () => {
    const { server } = await fails({
      client: named("server"),
      server: asking("required"),
    });
    assertInstanceOf(server, SSLCertVerificationError);
  });

  test("TLS 1.3: the client is told after its handshake", async () => {
    const [up, down] = [new Notes(), new Notes()];
    const pair = tlsPair(up, down, { server: asking("required") });
    await pair.client.ready;
    const error = await up.lost;
    assertInstanceOf(error, SSLError);
    assertEquals(error.code, "TLSV13_ALERT_CERTIFICATE_REQUIRED");
    await assertRejects(() => Promise.resolve(pair.server.ready), SSLError);
    assertEquals(up.calls, ["made", "lost"]);
    assertEquals(down.calls, []);
  });
});

describe("ALPN", () => {
  const agree = async (ours: string[], theirs: string[]) => {
    const { client, server } = await hello({
      client: clientContext({ alpnProtocols: ours }),
      server: serverContext({ alpnProtocols: theirs }),
    });
    assertEquals(
      client.selectedAlpnProtocol(),
      server.selectedAlpnProtocol(),
    );
    return client.selectedAlpnProtocol();
  };

  test("the server's order decides", async () => {
    assertEquals(
      await agree(["h2", "http/1.1"], ["http/1.1", "h2"]),
      "http/1.1",
    );
    assertEquals(await agree(["a", "b"], ["b"]), "b");
  });

  test("none in common is no error, as in CPython", async () => {
    assertEquals(await agree(["a"], ["b"]), null);
    assertEquals(await agree([], ["b"]), null);
    assertEquals(await agree(["a"], []), null);
  });
});

describe("SNI", () => {
  test("the callback chooses the certificate by the name", async () => {
    const asked: (string | null)[] = [];
    const example = serverContext(identity("example"));
    const server = serverContext({
      sniCallback: (name) => {
        asked.push(name);
        return name?.endsWith(".test") ? example : null;
      },
    });
    const first = await hello({ server, hostname: "www.example.test" });
    assertEquals(first.server.serverHostname, "www.example.test");
    assertEquals(first.server.context, example);
    await hello({ server });
    await hello({ server, hostname: "127.0.0.1" });
    assertEquals(asked, ["www.example.test", "localhost", null]);
  });

  test("what the callback throws fails the handshake on both sides", async () => {
    const cause = new Error("nobody of that name");
    const { client, server } = await fails({
      server: serverContext({
        sniCallback: () => {
          throw cause;
        },
      }),
    });
    assertEquals(server?.code, "CALLBACK_FAILED");
    assertEquals(server?.cause, cause);
    assertInstanceOf(client, SSLError);
    assertEquals(client.code, "SSLV3_ALERT_HANDSHAKE_FAILURE");
  });
});

/** One end speaks TLS; the other is a protocol of the test's own. */
function against(
  other: Protocol,
  side: "client" | "server",
  timeout: number | null = null,
): { app: Notes; ready: PromiseLike<void>; tls: SSLProtocol } {
  const loop = getRunningLoop();
  const app = new Notes();
  const waiter = loop.createFuture<void>();
  const server = side === "server";
  const tls = new SSLProtocol(
    loop,
    app,
    server ? serverContext() : clientContext(),
    waiter as never,
    server,
    server ? null : "localhost",
    true,
    timeout,
  );
  if (server) memoryPair(loop, other, tls);
  else memoryPair(loop, tls, other);
  return { app, ready: waiter, tls };
}

describe("a peer that does not do its part", () => {
  class Saying extends Notes {
    constructor(text: string, then?: (transport: MemoryTransport) => void) {
      super();
      this.onMade = (transport) => {
        if (text !== "") transport.write(bytes(text));
        then?.(transport as MemoryTransport);
      };
    }
  }

  const PLAIN: readonly ["client" | "server", string, string][] = [
    ["client", "220 smtp.example.test ESMTP\r\n", "WRONG_VERSION_NUMBER"],
    ["server", "EHLO example.test\r\n", "WRONG_VERSION_NUMBER"],
    ["server", "GET / HTTP/1.0\r\n\r\n", "HTTP_REQUEST"],
  ];
  for (const [side, text, code] of PLAIN) {
    test(`plain text to a ${side}: SSLError ${code}`, async () => {
      const { app, ready } = against(new Saying(text), side);
      const error = await assertRejects(() => Promise.resolve(ready), SSLError);
      assertEquals(error.code, code);
      await sleep(0.01);
      assertEquals(app.calls, []);
    });
  }

  for (const side of ["client", "server"] as const) {
    test(`EOF in the handshake of a ${side}: ConnectionResetError`, async () => {
      const { app, ready } = against(
        new Saying("", (transport) => transport.writeEof()),
        side,
      );
      const error = await assertRejects(
        () => Promise.resolve(ready),
        ConnectionResetError,
      );
      assertEquals(error.code, "ECONNRESET");
      await sleep(0.01);
      assertEquals(app.calls, []);
    });

    test(`silence to a ${side}: ConnectionAbortedError after the timeout`, async () => {
      const silent = new Notes();
      const { app, ready } = against(silent, side, 0.03);
      const error = await assertRejects(
        () => Promise.resolve(ready),
        ConnectionAbortedError,
      );
      assertEquals(
        error.message,
        "SSL handshake is taking longer than 0.03 seconds: aborting the connection",
      );
      await silent.lost;
      assertEquals(app.calls, []);
    });

    test(`abort in the handshake of a ${side} fails it`, async () => {
      const peer = new Notes();
      const { app, ready, tls } = against(peer, side);
      await sleep(0.005);
      tls._getAppTransport().abort();
      await assertRejects(() => Promise.resolve(ready), ConnectionAbortedError);
      await peer.lost;
      assertEquals(app.calls, []);
    });
  }

  test("a first message in single bytes", async () => {
    const server = new Notes();
    const loop = getRunningLoop();
    const waiter = loop.createFuture<void>();
    const tls = new SSLProtocol(
      loop,
      server,
      serverContext(),
      waiter as never,
      true,
    );
    const plain = tls.dataReceived.bind(tls);
    tls.dataReceived = (data) => {
      for (const byte of data) plain(Uint8Array.of(byte));
    };
    const client = new Notes();
    const ready = loop.createFuture<void>();
    memoryPair(
      loop,
      new SSLProtocol(
        loop,
        client,
        clientContext(),
        ready as never,
        false,
        "localhost",
      ),
      tls,
    );
    await ready;
    await waiter;
    client.transport!.write(bytes("in pieces"));
    while (server.text !== "in pieces") await sleep(0.001);
    client.transport!.abort();
    await Promise.all([client.lost, server.lost]);
  });

  test("a damaged record ends the connection on both sides", async () => {
    const [up, down] = [new Notes(), new Notes()];
    const pair = tlsPair(up, down);
    await pair.client.ready;
    await pair.server.ready;
    await sleep(0.01);
    pair.below[0].write(Uint8Array.of(23, 3, 3, 0, 30, ...new Uint8Array(30)));
    const server = await down.lost;
    assertInstanceOf(server, SSLError);
    assertEquals(server.code, "DECRYPTION_FAILED_OR_BAD_RECORD_MAC");
    const client = await up.lost;
    assertInstanceOf(client, SSLError);
    assertEquals(client.code, "SSLV3_ALERT_BAD_RECORD_MAC");
  });
});
