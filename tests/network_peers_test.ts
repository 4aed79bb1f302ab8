/** Connections with other programs: Python's asyncio and OpenSSL. */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { spawnSync } from "node:child_process";
import {
  openConnection,
  type Server,
  sleep,
  startServer,
  type StreamReader,
  type StreamWriter,
  TimeoutError,
  type Transport,
  waitFor,
  wrapFuture,
} from "../mod.ts";
import { certPath } from "./_certs.ts";
import { Child } from "./_child.ts";
import { describe } from "./_harness.ts";
import { bytes, Echo, Notes, online, portOf, text } from "./_network.ts";
import { descriptors } from "./_processes.ts";
import { caught } from "./_spell.ts";
import { clientContext, serverContext } from "./_tls.ts";

/** Why a program cannot be used, or false where it can. */
function missing(program: string, args: string[], needs: string) {
  const { status } = spawnSync(program, args);
  return status === 0 ? false : `${needs} is not installed`;
}

const python = {
  skip: missing(
    "python3",
    ["-c", "import asyncio; asyncio.StreamWriter.start_tls"],
    "python3 (3.11)",
  ),
  timeout: 9000,
};
const openssl = {
  skip: missing("openssl", ["version"], "openssl"),
  timeout: 9000,
};

/** A Python program, whose coroutine `main` gets the arguments. */
const asyncio = (main: string, ...args: string[]) =>
  new Child([
    "python3",
    "-uc",
    `import asyncio, ssl, sys\n${main}\nasyncio.run(main(*sys.argv[1:]))`,
    ...args,
  ]);

describe("A peer that never answers", () => {
  // Its queue of connections is full: the kernel drops what else comes.
  const silent = `
import socket
async def main():
    server = socket.create_server(("127.0.0.1", 0), backlog=0)
    kept = []
    for _ in range(4):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(server.getsockname())
        kept.append(client)
    print("port", server.getsockname()[1])
    await asyncio.sleep(9)
`;
  online("is given up, and leaves no descriptor", function* ({ loop }) {
    const peer = asyncio(silent);
    const port = Number(yield wrapFuture(peer.line("port "), { loop }));
    const before = descriptors();
    const error = yield* caught(
      waitFor(openConnection("127.0.0.1", port), 0.2),
    );
    assertInstanceOf(error, TimeoutError);
    for (let i = 0; i < 100 && descriptors() > before; i++) yield sleep(0.01);
    assert(descriptors() <= before, `${descriptors()}, before ${before}`);
    peer.kill("SIGKILL");
    yield wrapFuture(peer.end, { loop });
  }, python);
});

describe("Python's asyncio as server", () => {
  const server = `
async def serve(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write(b"end")
    writer.close()
    await writer.wait_closed()

async def main(*files):
    context = None
    if files:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*files)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    print("port", server.sockets[0].getsockname()[1])
    await asyncio.sleep(8)
`;

  online("echoes to a protocol", function* ({ loop }) {
    const child = asyncio(server);
    try {
      const port = Number(yield child.line("port "));
      const [transport, notes]: [Transport, Notes] = yield loop
        .createConnection(() => new Notes(loop), "127.0.0.1", port);
      transport.write(bytes("from here"));
      yield notes.has("from here");
      transport.writeEof();
      yield notes.has("from hereend");
      yield notes.lost();
      assertEquals(notes.log, ["made", "data", "eof", "lost"]);
    } finally {
      child.kill("SIGKILL");
    }
    yield child.end;
  }, python);

  online("echoes over TLS", function* () {
    const child = asyncio(
      server,
      certPath("server.pem"),
      certPath("server.key"),
    );
    try {
      const port = Number(yield child.line("port "));
      const [reader, writer]: [StreamReader, StreamWriter] =
        yield openConnection("127.0.0.1", port, {
          ssl: clientContext(),
          serverHostname: "localhost",
        });
      writer.write(bytes("secret\n"));
      assertEquals(text(yield reader.readLine()), "secret\n");
      writer.close();
      yield writer.waitClosed();
    } finally {
      child.kill("SIGKILL");
    }
    yield child.end;
  }, python);

  online("upgrades by STARTTLS", function* () {
    const child = asyncio(
      `
async def serve(reader, writer):
    await reader.readline()
    writer.write(b"go ahead\\n")
    await writer.drain()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*sys.argv[1:])
    await writer.start_tls(context)
    writer.write(await reader.readline())
    await writer.drain()
    writer.close()

async def main(*files):
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print("port", server.sockets[0].getsockname()[1])
    await asyncio.sleep(8)
`,
      certPath("server.pem"),
      certPath("server.key"),
    );
    try {
      const port = Number(yield child.line("port "));
      const [reader, writer]: [StreamReader, StreamWriter] =
        yield openConnection("127.0.0.1", port);
      writer.write(bytes("STARTTLS\n"));
      assertEquals(text(yield reader.readLine()), "go ahead\n");
      yield writer.startTls(clientContext(), { serverHostname: "localhost" });
      writer.write(bytes("upgraded\n"));
      assertEquals(text(yield reader.readLine()), "upgraded\n");
      writer.close();
      yield writer.waitClosed();
    } finally {
      child.kill("SIGKILL");
    }
    yield child.end;
  }, python);
});

describe("Python's asyncio as client", () => {
  const client = `
async def main(port, *rest):
    options = {}
    if rest:
        context = ssl.create_default_context(cafile=rest[0])
        options = dict(ssl=context, server_hostname="localhost")
    reader, writer = await asyncio.open_connection("127.0.0.1", port, **options)
    writer.write(b"hello " * 50000)
    await writer.drain()
    data = await reader.readexactly(300000)
    print("same", data == b"hello " * 50000)
    writer.close()
    await writer.wait_closed()
`;
  for (const tls of [false, true]) {
    online(`is echoed to${tls ? " over TLS" : ""}`, function* ({ loop }) {
      const echoes: Echo[] = [];
      const server: Server = yield loop.createServer(
        () => {
          echoes.push(new Echo(loop));
          return echoes.at(-1)!;
        },
        "127.0.0.1",
        0,
        tls ? { ssl: serverContext() } : {},
      );
      const child = asyncio(
        client,
        String(portOf(server)),
        ...tls ? [certPath("ca.pem")] : [],
      );
      const { code, stdout, stderr } = yield child.end;
      assertEquals([stdout, stderr, code], ["same True\n", "", 0]);
      yield echoes[0]!.lost();
      server.close();
      yield server.waitClosed();
      assertEquals(echoes[0]!.size, 300_000);
    }, python);
  }

  online("upgrades by STARTTLS", function* ({ fn }) {
    const server: Server = yield startServer(
      fn(function* (reader: StreamReader, writer: StreamWriter) {
        yield reader.readLine();
        writer.write(bytes("go ahead\n"));
        yield writer.drain();
        yield writer.startTls(serverContext());
        writer.write(yield reader.readLine());
        yield writer.drain();
        writer.close();
        yield writer.waitClosed();
      }),
      "127.0.0.1",
      0,
    );
    const child = asyncio(
      `
async def main(port, ca):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"STARTTLS\\n")
    await reader.readline()
    context = ssl.create_default_context(cafile=ca)
    await writer.start_tls(context, server_hostname="localhost")
    writer.write(b"upgraded\\n")
    print((await reader.readline()).decode(), end="")
    writer.close()
`,
      String(portOf(server)),
      certPath("ca.pem"),
    );
    const { stdout, stderr } = yield child.end;
    assertEquals([stdout, stderr], ["upgraded\n", ""]);
    server.close();
    yield server.waitClosed();
  }, python);
});

describe("OpenSSL", () => {
  for (const version of ["tls1_2", "tls1_3"]) {
    online(`as server, ${version}`, function* () {
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
        `-${version}`,
      ]);
      try {
        const at: string = yield child.line("ACCEPT ");
        const port = Number(at.split(":").at(-1));
        const [reader, writer]: [StreamReader, StreamWriter] =
          yield openConnection("127.0.0.1", port, {
            ssl: clientContext(),
            serverHostname: "localhost",
          });
        writer.write(bytes("abc\n"));
        yield writer.drain();
        assertEquals(text(yield reader.readLine()), "cba\n");
        writer.close();
        yield writer.waitClosed();
      } finally {
        child.kill("SIGKILL");
      }
      yield child.end;
    }, openssl);

    online(`as client, ${version}`, function* ({ loop }) {
      const server: Server = yield loop.createServer(
        () => {
          const notes = new Notes(loop);
          notes.onMade = (transport) => {
            transport.write(bytes("hello, OpenSSL\n"));
            transport.close();
          };
          return notes;
        },
        "127.0.0.1",
        0,
        { ssl: serverContext() },
      );
      const child = new Child([
        "openssl",
        "s_client",
        "-connect",
        `127.0.0.1:${portOf(server)}`,
        "-CAfile",
        certPath("ca.pem"),
        "-verify_hostname",
        "localhost",
        "-verify_return_error",
        "-quiet",
        `-${version}`,
      ]);
      const { stdout, stderr } = yield child.end;
      assertEquals(stdout, "hello, OpenSSL\n");
      assert(stderr.includes("verify return:1"), stderr);
      yield sleep(0);
      server.close();
      yield server.waitClosed();
    }, openssl);
  }
});
