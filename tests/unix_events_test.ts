/** The loop of Unix systems: what newEventLoop makes, and Unix sockets. */

import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { existsSync, lstatSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { describe, it } from "./_harness.ts";
import { abstractName, withFolder } from "./_sockets.ts";
import { clientContext, serverContext } from "./_tls.ts";
import {
  createTask,
  DefaultEventLoopPolicy,
  EventLoop,
  gather,
  getRunningLoop,
  newEventLoop,
  type OSError,
  Protocol,
  run,
  SelectorEventLoop,
  sleep,
  Socket,
  type Transport,
} from "../mod.ts";

class Echo extends Protocol {
  #transport: Transport | null = null;

  override connectionMade(transport: unknown): void {
    this.#transport = transport as Transport;
  }

  override dataReceived(data: Uint8Array): void {
    this.#transport!.write(data);
  }
}

class Client extends Protocol {
  text = "";
  lost = false;

  override dataReceived(data: Uint8Array): void {
    this.text += new TextDecoder().decode(data);
  }

  override connectionLost(): void {
    this.lost = true;
  }
}

type UnixLoop = InstanceType<typeof SelectorEventLoop>;

const bytes = (text: string) => new TextEncoder().encode(text);
const codeOf = (error: unknown) => (error as OSError).code;

async function until(check: () => boolean): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (check()) return;
    await sleep(0.004);
  }
  throw new Error(`in vain: ${check}`);
}

/** Sends something to a server at a path, and gets it back. */
async function echo(loop: UnixLoop, path: string | URL): Promise<void> {
  const [transport, client] = await loop.createUnixConnection(
    () => new Client(),
    path,
  );
  transport.write(bytes("hello"));
  await until(() => client.text === "hello");
  transport.close();
  await until(() => client.lost);
}

function withLoop(
  body: (loop: UnixLoop, path: (name: string) => string) => Promise<void>,
): () => Promise<void> {
  return () =>
    withFolder((path) => run(() => body(getRunningLoop() as UnixLoop, path)));
}

describe("the loop of Unix", () => {
  it("is what newEventLoop and the policy make", () => {
    assertStrictEquals(EventLoop, SelectorEventLoop);
    for (
      const loop of [
        newEventLoop(),
        new DefaultEventLoopPolicy().newEventLoop(),
      ]
    ) {
      assert(loop instanceof SelectorEventLoop);
      assertEquals(
        String(loop),
        "<_UnixSelectorEventLoop running=false closed=false debug=false>",
      );
      loop.close();
    }
  });
});

describe("Unix sockets", () => {
  it(
    "a server at a path, which is gone with it",
    withLoop(async (loop, path) => {
      const server = await loop.createUnixServer(() => new Echo(), path("s"));
      assertEquals(server.sockets[0]!.getSockName(), path("s"));
      await echo(loop, path("s"));
      server.close();
      await server.waitClosed();
      await until(() => !existsSync(path("s")));
    }),
  );

  it(
    "a start that is cancelled leaves the path free at once",
    withLoop(async (loop, path) => {
      const start = () => loop.createUnixServer(() => new Echo(), path("s"));
      for (let turns = 0; turns < 6; turns++) {
        const before = await start();
        await echo(loop, path("s"));
        before.close();
        const task = createTask(start());
        for (let i = 0; i < turns; i++) await sleep(0);
        if (task.cancel()) await gather([task], { returnExceptions: true });
        else (await task).close();
        const after = await start();
        await echo(loop, path("s"));
        after.close();
        await after.waitClosed();
      }
    }),
  );

  it(
    "a server at a file URL with a space in it",
    withLoop(async (loop, path) => {
      const url = pathToFileURL(path("a b"));
      const server = await loop.createUnixServer(() => new Echo(), url);
      assert(lstatSync(path("a b")).isSocket());
      await echo(loop, url);
      server.close();
      await server.waitClosed();
    }),
  );

  for (const startServing of [false, true]) {
    const accepting = startServing ? "accepting" : "not accepting";
    it(
      `${accepting}, with cleanupSocket false: the path stays, for the next server`,
      withLoop(async (loop, path) => {
        const server = await loop.createUnixServer(
          () => new Echo(),
          path("s"),
          { cleanupSocket: false, startServing },
        );
        server.close();
        await server.waitClosed();
        await sleep(0.02);
        assert(lstatSync(path("s")).isSocket());
        const next = await loop.createUnixServer(() => new Echo(), path("s"));
        await echo(loop, path("s"));
        next.close();
        await next.waitClosed();
        await until(() => !existsSync(path("s")));
      }),
    );

    it(
      `${accepting}, closing leaves the path of a server that came later`,
      withLoop(async (loop, path) => {
        const first = await loop.createUnixServer(() => new Echo(), path("s"), {
          startServing,
        });
        const second = await loop.createUnixServer(() => new Echo(), path("s"));
        first.close();
        await first.waitClosed();
        await sleep(0.02);
        await echo(loop, path("s"));
        second.close();
        await second.waitClosed();
        await until(() => !existsSync(path("s")));
      }),
    );
  }

  it(
    "a file that is no socket is left alone: the address is in use",
    withLoop(async (loop, path) => {
      writeFileSync(path("s"), "text");
      const error = await assertRejects(async () =>
        await loop.createUnixServer(() => new Echo(), path("s"))
      );
      assertEquals(codeOf(error), "EADDRINUSE");
      assert(lstatSync(path("s")).isFile());
    }),
  );

  it(
    "an abstract name",
    withLoop(async (loop) => {
      const name = abstractName();
      const server = await loop.createUnixServer(() => new Echo(), name);
      await echo(loop, name);
      server.close();
      await server.waitClosed();
    }),
  );

  it(
    "a socket of one's own, listening or bound",
    withLoop(async (loop, path) => {
      for (const listens of [false, true]) {
        const sock = new Socket("unix");
        const name = path(`listens ${listens}`);
        await sock.bind(name);
        if (listens) await sock.listen();
        const server = await loop.createUnixServer(() => new Echo(), null, {
          sock,
        });
        using client = new Socket("unix");
        await loop.sockConnect(client, name);
        const [transport, protocol] = await loop.createUnixConnection(
          () => new Client(),
          null,
          { sock: client },
        );
        transport.write(bytes("by hand"));
        await until(() => protocol.text === "by hand");
        transport.close();
        server.close();
        await server.waitClosed();
        if (!listens) await until(() => !existsSync(name));
      }
    }),
  );

  it(
    "TLS over a Unix socket",
    withLoop(async (loop, path) => {
      const server = await loop.createUnixServer(() => new Echo(), path("s"), {
        ssl: serverContext(),
      });
      const [transport, client] = await loop.createUnixConnection(
        () => new Client(),
        path("s"),
        { ssl: clientContext(), serverHostname: "localhost" },
      );
      transport.write(bytes("secret"));
      await until(() => client.text === "secret");
      transport.close();
      await until(() => client.lost);
      server.close();
      await server.waitClosed();
    }),
  );

  it(
    "started later, connections wait until then",
    withLoop(async (loop, path) => {
      const server = await loop.createUnixServer(() => new Echo(), path("s"), {
        startServing: false,
      });
      assert(!server.isServing());
      const [transport, client] = await loop.createUnixConnection(
        () => new Client(),
        path("s"),
      );
      transport.write(bytes("waits"));
      await sleep(0.02);
      assertEquals(client.text, "");
      await server.startServing();
      await until(() => client.text === "waits");
      transport.close();
      server.close();
      await server.waitClosed();
    }),
  );

  it(
    "nobody there, nobody listening, a path too long: the code says it",
    withLoop(async (loop, path) => {
      const connect = async (where: string) =>
        codeOf(
          await assertRejects(async () =>
            await loop.createUnixConnection(() => new Client(), where)
          ),
        );
      assertEquals(await connect(path("none")), "ENOENT");
      const server = await loop.createUnixServer(() => new Echo(), path("s"), {
        cleanupSocket: false,
        startServing: false,
      });
      server.close();
      await server.waitClosed();
      assertEquals(await connect(path("s")), "ECONNREFUSED");
      const long = path("x".repeat(200));
      assertEquals(await connect(long), "ENAMETOOLONG");
      const listening = await assertRejects(async () =>
        await loop.createUnixServer(() => new Echo(), long)
      );
      assertEquals(codeOf(listening), "ENAMETOOLONG");
    }),
  );

  it(
    "arguments that contradict each other are refused",
    withLoop(async (loop, path) => {
      using sock = new Socket("unix");
      using other = new Socket("inet");
      const connect = loop.createUnixConnection.bind(loop, () => new Client());
      const serve = loop.createUnixServer.bind(loop, () => new Echo());
      const ssl = clientContext();
      const wrong: [() => PromiseLike<unknown>, string][] = [
        [() => connect(), "no path and sock were specified"],
        [
          () => connect(path("s"), { sock }),
          "path and sock can not be specified at the same time",
        ],
        [
          () => connect(null, { sock: other }),
          "A UNIX Domain Stream Socket was expected",
        ],
        [
          () => connect(path("s"), { ssl }),
          "you have to pass server_hostname when using ssl",
        ],
        [
          () => connect(path("s"), { serverHostname: "x" }),
          "server_hostname is only meaningful with ssl",
        ],
        [
          () => connect(path("s"), { sslHandshakeTimeout: 1 }),
          "ssl_handshake_timeout is only meaningful with ssl",
        ],
        [() => serve(), "path was not specified, and no sock specified"],
        [
          () => serve(path("s"), { sock }),
          "path and sock can not be specified at the same time",
        ],
        [
          () => serve(null, { sock: other }),
          "A UNIX Domain Stream Socket was expected",
        ],
        [
          () => serve(path("s"), { sslShutdownTimeout: 1 }),
          "ssl_shutdown_timeout is only meaningful with ssl",
        ],
        [
          () => serve(path("s"), { ssl: true as never }),
          "ssl argument must be an SSLContext or null",
        ],
      ];
      for (const [call, message] of wrong) {
        await assertRejects(async () => await call(), Error, message);
      }
    }),
  );
});
