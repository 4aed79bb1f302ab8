/** Connections with programs that people use: curl, Redis, socat. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  DatagramProtocol,
  type DatagramTransport,
  gather,
  getRunningLoop,
  openUnixConnection,
  run,
  sleep,
  startServer,
  startUnixServer,
  type StreamReader,
  type StreamWriter,
} from "../mod.ts";
import { pages, serveHttp } from "../examples/http_server.ts";
import { MiniRedis, RedisClient, ReplyError } from "../examples/resp.ts";
import { Child, type ChildEnd } from "./_child.ts";
import { describe, it } from "./_harness.ts";
import { bytes, portOf, text } from "./_network.ts";

/** Options of a test that needs a program. */
function needs(program: string, ...args: string[]) {
  const { status } = spawnSync(program, args);
  return {
    skip: status === 0 ? false : `${program} is not installed`,
    timeout: 9000,
  };
}

const curl = needs("curl", "--version");
const redis = needs("redis-server", "--version");
const socat = needs("socat", "-V");

/** Runs a program to its end inside a loop; its output must be what is expected. */
async function output(child: Child): Promise<string> {
  const end: ChildEnd = await child.end;
  assertEquals(end.stderr, "");
  assertEquals(end.code, 0);
  return end.stdout;
}

describe("curl and the HTTP example", () => {
  const served = (body: (url: string) => Promise<void>) => () =>
    run(async () => {
      await using server = await startServer(serveHttp(pages), "127.0.0.1", 0);
      await body(`http://127.0.0.1:${portOf(server)}`);
    });
  const ask = (...args: string[]) =>
    output(new Child(["curl", "-sS", ...args]));

  it(
    "gets a page, and several over one connection",
    curl,
    served(async (url) => {
      assertEquals(await ask(`${url}/`), "hello\n");
      const connects = await ask(
        "-w",
        "%{num_connects} ",
        `${url}/`,
        `${url}/`,
        `${url}/nowhere`,
      );
      assertEquals(
        connects,
        "hello\n1 hello\n0 nothing at /nowhere\n0 ",
      );
    }),
  );

  it(
    "posts a body with a length and one in chunks",
    curl,
    served(async (url) => {
      assertEquals(await ask("--data", "a=b", `${url}/echo`), "a=b");
      const big = "x".repeat(300_000);
      const folder = mkdtempSync(join(tmpdir(), "asyncio-curl-"));
      try {
        const file = join(folder, "body");
        const { writeFileSync } = await import("node:fs");
        writeFileSync(file, big);
        for (const header of ["Expect:", "Transfer-Encoding: chunked"]) {
          const back = await ask(
            "-H",
            header,
            "--data-binary",
            `@${file}`,
            `${url}/echo`,
          );
          assertEquals(back.length, big.length);
          assert(back === big);
        }
      } finally {
        rmSync(folder, { recursive: true });
      }
    }),
  );

  it(
    "asks with HEAD, with HTTP/1.0 and with nonsense",
    curl,
    served(async (url) => {
      const head = await ask("-I", `${url}/`);
      assert(head.startsWith("HTTP/1.1 200 OK\r\n"), head);
      assertEquals(await ask("--http1.0", `${url}/`), "hello\n");
      const status = ["-o", "/dev/null", "-w", "%{http_code}"];
      assertEquals(await ask(...status, "-X", "DELETE", `${url}/echo`), "405");
      assertEquals(
        await ask(...status, "-H", "Content-Length: many", "-X", "POST", url),
        "400",
      );
      const long = `X-Long: ${"y".repeat(80_000)}`;
      assertEquals(await ask(...status, "-H", long, url), "431");
    }),
  );
});

describe("redis and the RESP example", () => {
  it("redis-server answers the client, tasks sharing it", redis, async () => {
    const folder = mkdtempSync(join(tmpdir(), "asyncio-redis-"));
    const socket = join(folder, "s");
    const child = new Child([
      "redis-server",
      ...["--port", "0", "--unixsocket", socket, "--dir", folder],
      ...["--save", "", "--appendonly", "no"],
    ]);
    try {
      await run(async () => {
        const bridge = await redisBridge(socket);
        await using _bridge = bridge;
        await using client = await RedisClient.connect(
          "127.0.0.1",
          portOf(bridge),
        );
        assertEquals(await client.send("PING"), "PONG");
        assertEquals(await client.send("SET", "k", "\r\nv\0"), "OK");
        assertEquals(
          text(await client.send("GET", "k") as Uint8Array),
          "\r\nv\0",
        );
        assertEquals(await client.send("GET", "none"), null);
        await assertRejects(
          async () => await client.send("INCR", "k"),
          ReplyError,
          "not an integer",
        );
        // Many tasks on one connection; some are cancelled while they wait.
        const all = await gather(
          Array.from({ length: 500 }, () => async () => {
            return await client.send("INCR", "count");
          }),
        );
        assertEquals(
          (all as number[]).toSorted((a, b) => a - b),
          Array.from({ length: 500 }, (_, i) => i + 1),
        );
        const big = "z".repeat(1_000_000);
        await client.send("SET", "big", big);
        assertEquals(await client.send("STRLEN", "big"), big.length);
      });
    } finally {
      child.kill("SIGKILL");
      await child.end;
      rmSync(folder, { recursive: true });
    }
  });

  it("redis-cli talks to the server", redis, () =>
    run(async () => {
      await using server = await startServer(
        new MiniRedis().serve,
        "127.0.0.1",
        0,
      );
      const port = String(portOf(server));
      const cli = (...args: string[]) =>
        output(new Child(["redis-cli", "-p", port, ...args]));
      assertEquals(await cli("ping"), "PONG\n");
      assertEquals(await cli("set", "greeting", "hello world"), "OK\n");
      assertEquals(await cli("get", "greeting"), "hello world\n");
      assertEquals(await cli("incr", "n"), "1\n");
      assertEquals(await cli("-r", "3", "incr", "n"), "2\n3\n4\n");
      assertEquals(await cli("get", "nothing"), "\n");
      const wrong = await new Child(["redis-cli", "-p", port, "get"]).end;
      assert(wrong.stdout.includes("wrong number of arguments"), wrong.stdout);
    }));

  /** Passes TCP connections on to a Unix socket, once that is there. */
  async function redisBridge(path: string) {
    for (let tries = 0;; tries++) {
      try {
        const [, writer] = await openUnixConnection(path);
        writer.close();
        await writer.waitClosed();
        break;
      } catch (error) {
        if (tries === 100) throw error;
        await sleep(0.05);
      }
    }
    return await startServer(
      async (reader: StreamReader, writer: StreamWriter) => {
        const [above, below] = await openUnixConnection(path);
        try {
          await gather([
            () => pump(reader, below),
            () => pump(above, writer),
          ]);
        } finally {
          below.close();
          writer.close();
        }
      },
      "127.0.0.1",
      0,
    );
  }
});

/** Copies one direction of a connection, and its end. */
async function pump(from: StreamReader, to: StreamWriter): Promise<void> {
  for (;;) {
    const data = await from.read(65536);
    if (data.length === 0) break;
    to.write(data);
    await to.drain();
  }
  if (to.canWriteEof()) to.writeEof();
  else to.close();
}

describe("socat", () => {
  const folder = () => mkdtempSync(join(tmpdir(), "asyncio-socat-"));

  it("speaks to a Unix server and half-closes", socat, async () => {
    const place = folder();
    try {
      await run(async () => {
        const path = join(place, "s");
        await using _server = await startUnixServer(
          async (reader: StreamReader, writer: StreamWriter) => {
            const all = await reader.read();
            writer.write(bytes(`${all.length}:${text(all)}`));
            writer.close();
            await writer.waitClosed();
          },
          path,
        );
        const said = await output(
          new Child([
            "sh",
            "-c",
            `printf 'over unix' | socat -t 5 - UNIX-CONNECT:${path}`,
          ]),
        );
        assertEquals(said, "9:over unix");
      });
    } finally {
      rmSync(place, { recursive: true });
    }
  });

  it(
    "serves on a Unix socket to a client that half-closes",
    socat,
    async () => {
      const place = folder();
      const path = join(place, "s");
      const child = new Child(["socat", `UNIX-LISTEN:${path}`, "SYSTEM:rev"]);
      try {
        await run(async () => {
          let streams: [StreamReader, StreamWriter] | null = null;
          for (let tries = 0; streams === null; tries++) {
            try {
              streams = await openUnixConnection(path);
            } catch (error) {
              if (tries === 100) throw error;
              await sleep(0.02);
            }
          }
          const [reader, writer] = streams;
          writer.write(bytes("abc\ndef\n"));
          writer.writeEof();
          assertEquals(text(await reader.read()), "cba\nfed\n");
          writer.close();
          await writer.waitClosed();
        });
      } finally {
        child.kill("SIGKILL");
        await child.end;
        rmSync(place, { recursive: true });
      }
    },
  );

  it("half-closes over TCP, either side first", socat, () =>
    run(async () => {
      await using server = await startServer(
        async (reader: StreamReader, writer: StreamWriter) => {
          writer.write(bytes("banner\n"));
          writer.writeEof();
          const rest = await reader.read();
          // Nothing can be said any more; what came must still have come.
          heard.push(text(rest));
          writer.close();
        },
        "127.0.0.1",
        0,
      );
      const heard: string[] = [];
      const child = new Child([
        "sh",
        "-c",
        `(sleep 0.2; printf late) | socat -t 5 - TCP:127.0.0.1:${
          portOf(server)
        }`,
      ]);
      assertEquals(await output(child), "banner\n");
      for (let i = 0; i < 50 && heard.length === 0; i++) await sleep(0.02);
      assertEquals(heard, ["late"]);
    }));

  it("sends and gets datagrams", socat, () =>
    run(async () => {
      const loop = getRunningLoop();
      class Upper extends DatagramProtocol {
        transport!: DatagramTransport;
        override connectionMade(transport: DatagramTransport): void {
          this.transport = transport;
        }
        override datagramReceived(data: Uint8Array, address: unknown): void {
          this.transport.sendTo(bytes(text(data).toUpperCase()), address);
        }
      }
      const [transport] = await loop.createDatagramEndpoint(
        () => new Upper(),
        ["127.0.0.1", 0],
      );
      const [, port] = transport.getExtraInfo("sockname") as [string, number];
      const child = new Child([
        "sh",
        "-c",
        `printf hello | socat -t 1 - UDP:127.0.0.1:${port}`,
      ]);
      assertEquals(await output(child), "HELLO");
      transport.close();
    }));
});
