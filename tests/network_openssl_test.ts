/** Connections with OpenSSL: STARTTLS, certificates of both sides, and refusals. */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { spawnSync } from "node:child_process";
import {
  ConnectionError,
  openConnection,
  OSError,
  type PeerCertificate,
  type Server,
  SSLContext,
  SSLError,
  type SSLObject,
  startServer,
  type StreamReader,
  type StreamWriter,
} from "../mod.ts";
import { cert, certPath, identity } from "./_certs.ts";
import { Child } from "./_child.ts";
import { describe } from "./_harness.ts";
import { bytes, online, portOf, text } from "./_network.ts";
import { type Body, caught } from "./_spell.ts";
import { clientContext, serverContext } from "./_tls.ts";

const openssl = {
  skip: spawnSync("openssl", ["version"]).status === 0
    ? false
    : "openssl is not installed",
  timeout: 9000,
};
const VERSIONS = ["tls1_2", "tls1_3"] as const;
const NAMES = { tls1_2: "TLSv1.2", tls1_3: "TLSv1.3" } as const;

/** A client that says lines, and what it has got until the server hung up. */
function client(port: number, lines: readonly string[], ...args: string[]) {
  const said = lines.map((line) => `${line}\\r\\n`).join("");
  return new Child([
    "sh",
    "-c",
    `printf '${said}' | openssl s_client "$@"`,
    "sh",
    "-connect",
    `127.0.0.1:${port}`,
    "-CAfile",
    certPath("ca.pem"),
    "-verify_hostname",
    "localhost",
    "-verify_return_error",
    "-quiet",
    ...args,
  ]);
}

/** A server that sends each line back, its letters in reverse. */
function* reversing(...args: string[]): Body<[child: Child, port: number]> {
  const child = new Child([
    "openssl",
    "s_server",
    "-accept",
    "127.0.0.1:0",
    "-cert",
    certPath("server.pem"),
    "-key",
    certPath("server.key"),
    "-rev",
    ...args,
  ]);
  const at: string = yield child.line("ACCEPT ");
  return [child, Number(at.split(":").at(-1))];
}

/** Has one line reversed. */
function* reversed(port: number, ssl: SSLContext): Body<string> {
  const [reader, writer]: [StreamReader, StreamWriter] = yield openConnection(
    "127.0.0.1",
    port,
    { ssl, serverHostname: "localhost" },
  );
  try {
    writer.write(bytes("abc\n"));
    yield writer.drain();
    return text(yield reader.readLine());
  } finally {
    writer.close();
  }
}

/** A server's greeting: what it knows of its client. */
function* greet(reader: StreamReader, writer: StreamWriter): Body {
  const line = text(yield reader.readLine()).trimEnd();
  const peer = writer.getExtraInfo<PeerCertificate>("peercert");
  const tls = writer.getExtraInfo<SSLObject>("sslObject")!;
  const name = peer?.subject.find(([kind]) => kind === "commonName");
  const known = [line, tls.version(), name?.[1], tls.selectedAlpnProtocol()];
  writer.write(bytes(known.map((one) => one ?? "-").join(" | ")));
  writer.close();
  yield writer.waitClosed();
}

describe("OpenSSL's client", () => {
  for (const version of VERSIONS) {
    online(`upgrades by STARTTLS, ${version}`, function* ({ fn }) {
      const heard: string[] = [];
      const smtp = fn(function* (reader: StreamReader, writer: StreamWriter) {
        const say = (line: string) => writer.write(bytes(`${line}\r\n`));
        say("220 localhost at your service");
        for (;;) {
          const line = text(yield reader.readLine()).trimEnd();
          heard.push(line);
          if (line.startsWith("EHLO")) say("250-localhost\r\n250 STARTTLS");
          else if (line === "STARTTLS") {
            say("220 go ahead");
            yield writer.startTls(serverContext());
            const tls = writer.getExtraInfo<SSLObject>("sslObject");
            heard.push(String(tls?.version()));
          } else break;
        }
        say("221 goodbye");
        writer.close();
        yield writer.waitClosed();
      });
      const server: Server = yield startServer(smtp, "127.0.0.1", 0);
      const { stdout, stderr } = yield client(
        portOf(server),
        ["EHLO again", "QUIT"],
        "-starttls",
        "smtp",
        "-name",
        "me",
        `-${version}`,
      ).end;
      assert(stdout.endsWith("221 goodbye\r\n"), `${stdout}\n${stderr}`);
      assertEquals(heard, [
        "EHLO me",
        "STARTTLS",
        NAMES[version],
        "EHLO again",
        "QUIT",
      ]);
      server.close();
      yield server.waitClosed();
    }, openssl);

    online(`has to show a certificate, ${version}`, function* ({ fn, loop }) {
      const server: Server = yield startServer(fn(greet), "127.0.0.1", 0, {
        ssl: serverContext({ ca: cert("ca"), verifyMode: "required" }),
      });
      const port = portOf(server);
      const shown = (name: string) => [
        "-cert",
        certPath(`${name}.pem`),
        "-key",
        certPath(`${name}.key`),
      ];
      const known = yield client(
        port,
        ["hi"],
        `-${version}`,
        ...shown("client"),
      )
        .end;
      assertEquals(known.stdout, `hi | ${NAMES[version]} | a client | -`);
      // Neither is served, and the server goes on.
      for (const args of [[], shown("stranger")]) {
        const { stdout } = yield client(port, ["hi"], `-${version}`, ...args)
          .end;
        assertEquals(stdout, "");
      }
      const again = yield client(
        port,
        ["hi"],
        `-${version}`,
        ...shown("client"),
      )
        .end;
      assertEquals(again.stdout, known.stdout);
      server.close();
      yield server.waitClosed();
      assertEquals(loop._transports.size, 0);
    }, openssl);
  }

  online("chooses by ALPN and SNI", function* ({ fn }) {
    const other = new SSLContext("server", {
      ...identity("example"),
      alpnProtocols: ["http/1.1"],
    });
    const server: Server = yield startServer(fn(greet), "127.0.0.1", 0, {
      ssl: serverContext({
        alpnProtocols: ["h2", "http/1.1"],
        sniCallback: (name) => name === "localhost" ? null : other,
      }),
    });
    const port = portOf(server);
    const alpn = ["-alpn", "http/1.1,h2"];
    const own = yield client(port, ["a"], "-servername", "localhost", ...alpn)
      .end;
    assertEquals(own.stdout, "a | TLSv1.3 | - | h2");
    const wrong = yield client(port, ["b"], "-servername", "x.test", ...alpn)
      .end;
    assert(wrong.stderr.includes("ostname mismatch"), wrong.stderr);
    assertEquals(wrong.stdout, "");
    server.close();
    yield server.waitClosed();
  }, openssl);

  online("of another version is refused, and harms nobody", function* (net) {
    const server: Server = yield startServer(net.fn(greet), "127.0.0.1", 0, {
      ssl: serverContext({ minimumVersion: "TLSv1.3" }),
    });
    const port = portOf(server);
    const old = yield client(port, ["hi"], "-tls1_2").end;
    assertEquals(old.stdout, "");
    assert(old.code !== 0);
    const { stdout } = yield client(port, ["hi"]).end;
    assertEquals(stdout, "hi | TLSv1.3 | - | -");
    server.close();
    yield server.waitClosed();
  }, openssl);
});

describe("OpenSSL's server", () => {
  for (const version of VERSIONS) {
    const strict = [
      `-${version}`,
      "-CAfile",
      certPath("ca.pem"),
      "-Verify",
      "1",
      "-verify_return_error",
    ];

    online(`sees a client's certificate, ${version}`, function* ({ fn }) {
      const ask = fn(reversed);
      const [child, port] = yield* reversing(...strict);
      try {
        const good = clientContext(identity("client"));
        assertEquals(yield ask(port, good), "cba\n");
        // With TLS 1.3 the refusal comes when the handshake is over here.
        const none = yield* caught(ask(port, clientContext()));
        assertInstanceOf(none, OSError);
        assert(
          none instanceof SSLError || none instanceof ConnectionError,
          String(none),
        );
        assertEquals(yield ask(port, good), "cba\n");
      } finally {
        child.kill("SIGKILL");
      }
      yield child.end;
    }, openssl);

    online(`has to speak a version of ours, ${version}`, function* ({ fn }) {
      const ask = fn(reversed);
      const [child, port] = yield* reversing(`-${version}`);
      try {
        const wanted = version === "tls1_2"
          ? clientContext({ minimumVersion: "TLSv1.3" })
          : clientContext({ maximumVersion: "TLSv1.2" });
        const error = yield* caught(ask(port, wanted));
        assertInstanceOf(error, SSLError);
        assertEquals(yield ask(port, clientContext()), "cba\n");
      } finally {
        child.kill("SIGKILL");
      }
      yield child.end;
    }, openssl);
  }

  online("that is killed is a lost connection", function* () {
    const [child, port] = yield* reversing();
    const [reader, writer]: [StreamReader, StreamWriter] = yield openConnection(
      "127.0.0.1",
      port,
      { ssl: clientContext(), serverHostname: "localhost" },
    );
    writer.write(bytes("abc\n"));
    assertEquals(text(yield reader.readLine()), "cba\n");
    child.kill("SIGKILL");
    yield child.end;
    assertEquals((yield reader.read()).length, 0);
    writer.close();
    yield writer.waitClosed();
  }, openssl);
});
