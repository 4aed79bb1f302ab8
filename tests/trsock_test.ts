/** Sockets, and views of those that others own. */

import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { describe, it } from "./_harness.ts";
import { abstractName } from "./_sockets.ts";
import {
  getRunningLoop,
  NotImplementedError,
  OSError,
  Protocol,
  run,
  type SelectorEventLoop,
  sleep,
  Socket,
  TransportSocket,
} from "../mod.ts";

const codeOf = (error: unknown) => (error as OSError).code;
const settle = () => new Promise((resolve) => setTimeout(resolve, 10));

describe("Socket", () => {
  it("is of a family and a type", () => {
    const sock = new Socket();
    assertEquals([sock.family, sock.type, sock.proto, sock.fileno()], [
      "inet",
      "stream",
      0,
      -1,
    ]);
    assertEquals(sock.getSockName(), ["0.0.0.0", 0]);
    assertEquals(new Socket("inet6").getSockName(), ["::", 0, 0, 0]);
    assertEquals(new Socket("unix").getSockName(), "");
    assertEquals(codeOf(assertThrows(() => sock.getPeerName())), "ENOTCONN");
    assertEquals(String(sock), "<Socket family=inet type=stream>");
    sock.close();
    sock.close();
    assertEquals(String(sock), "<Socket closed family=inet type=stream>");
  });

  it("of other kinds is refused", () => {
    for (
      const [family, type] of [["unix", "dgram"], ["ipx", "stream"], [
        "inet",
        "raw",
      ]]
    ) {
      const error = assertThrows(() =>
        new Socket(family as never, type as never)
      );
      assertEquals(codeOf(error), "EPROTONOSUPPORT");
    }
  });

  it("bound twice, to another family, or closed: refused", async () => {
    const sock = new Socket();
    const bind = async (address: never) =>
      codeOf(await assertRejects(() => sock.bind(address)));
    assertEquals(await bind("/a/path" as never), "EINVAL");
    await sock.bind(["127.0.0.1", 0]);
    assertEquals(await bind(["127.0.0.1", 0] as never), "EINVAL");
    sock.close();
    assertEquals(await bind(["127.0.0.1", 0] as never), "EBADF");
    assertEquals(codeOf(await assertRejects(() => sock.listen())), "EBADF");
  });

  it("listens, and has its port then", async () => {
    using sock = new Socket();
    await sock.bind(["127.0.0.1", 0]);
    await sock.listen();
    await sock.listen();
    const [host, port] = sock.getSockName();
    assertEquals(host, "127.0.0.1");
    assert(Number(port) > 0);
    using second = new Socket();
    await second.bind(["127.0.0.1", Number(port)]);
    assertEquals(
      codeOf(await assertRejects(() => second.listen())),
      "EADDRINUSE",
    );
  });

  it("is closed at the end of an await using block", async () => {
    let kept: Socket;
    {
      await using sock = new Socket();
      const disposable: AsyncDisposable = sock;
      assertStrictEquals(disposable, sock);
      await sock.bind(["127.0.0.1", 0]);
      await sock.listen();
      kept = sock;
    }
    assertEquals(codeOf(await assertRejects(() => kept.listen())), "EBADF");
  });

  it("accepts no more than its backlog while nobody asks", () =>
    run(async () => {
      const loop = getRunningLoop() as SelectorEventLoop;
      using listener = new Socket("unix");
      await listener.bind(abstractName());
      await listener.listen(2);
      assertEquals(
        assertThrows(() => listener.accept()) instanceof OSError,
        true,
      );
      const clients = Array.from({ length: 4 }, () => new Socket("unix"));
      for (const client of clients) {
        await loop.sockConnect(client, listener.getSockName());
      }
      await sleep(0.02);
      const peers = [listener.accept()[0], listener.accept()[0]];
      assertEquals(
        codeOf(assertThrows(() => listener.accept())),
        "EAGAIN",
      );
      for (const sock of [...clients, ...peers]) sock.close();
      await settle();
    }));

  it("options: kept, checked, too late, unknown", async () => {
    using sock = new Socket("inet6");
    assertEquals(sock.getSockOpt("IPV6_V6ONLY"), false);
    sock.setSockOpt("IPV6_V6ONLY", true);
    sock.setSockOpt("SO_KEEPALIVE", true);
    assertEquals(sock.getSockOpt("IPV6_V6ONLY"), true);
    await sock.bind(["::1", 0]);
    await sock.listen();
    sock.setSockOpt("SO_KEEPALIVE", false);
    assertEquals(
      codeOf(assertThrows(() => sock.setSockOpt("SO_REUSEPORT", true))),
      "EINVAL",
    );
    for (const option of ["SO_RCVBUF", "SO_BROADCAST", "toString"]) {
      const error = assertThrows(() => sock.getSockOpt(option as never));
      assertEquals(codeOf(error), "ENOPROTOOPT");
    }
    using datagrams = new Socket("inet", "dgram");
    datagrams.setSockOpt("SO_BROADCAST", true);
    await datagrams.bind(["127.0.0.1", 0]);
    datagrams.setSockOpt("IP_MULTICAST_TTL", 3);
    assertEquals(datagrams.getSockOpt("IP_MULTICAST_TTL"), 3);
  });

  it("connected twice: refused", () =>
    run(async () => {
      const loop = getRunningLoop() as SelectorEventLoop;
      using listener = new Socket();
      await listener.bind(["127.0.0.1", 0]);
      await listener.listen();
      using client = new Socket();
      await loop.sockConnect(client, listener.getSockName());
      const again = async () =>
        await loop.sockConnect(client, listener.getSockName());
      assertEquals(codeOf(await assertRejects(again)), "EISCONN");
      const [peer] = await loop.sockAccept(listener);
      peer.close();
      client.close();
      await settle();
    }));
});

describe("TransportSocket", () => {
  it("shows a transport's socket, and sets what does no harm", () =>
    run(async () => {
      const loop = getRunningLoop() as SelectorEventLoop;
      const server = await loop.createServer(
        () => new Protocol(),
        "127.0.0.1",
        0,
      );
      const [listening] = server.sockets;
      assert(listening instanceof TransportSocket);
      const address = listening.getSockName();
      const [transport] = await loop.createConnection(
        () => new Protocol(),
        "127.0.0.1",
        Number(address[1]),
      );
      const view = transport.getExtraInfo<TransportSocket>("socket")!;
      assertEquals(
        [view.family, view.type, view.proto, view.fileno()],
        ["inet", "stream", 0, -1],
      );
      assertEquals(view.getPeerName(), address);
      assertEquals(view.getSockName(), view.getsockbyname());
      assertEquals(view.getTimeout(), 0);
      view.setTimeout(0);
      view.setBlocking(false);
      assertThrows(() => view.setTimeout(1), RangeError);
      assertThrows(() => view.setTimeout(null), RangeError);
      assertThrows(() => view.setBlocking(true), RangeError);
      assertThrows(() => view.dup(), NotImplementedError);
      assertEquals(view.getInheritable(), false);
      view.setSockOpt("TCP_NODELAY", false);
      view.setSockOpt("SO_KEEPALIVE", true);
      assertEquals(view.getSockOpt("SO_KEEPALIVE"), true);
      assert(String(view).startsWith("<asyncio.TransportSocket family=inet"));
      view.shutdown("write");
      transport.close();
      server.close();
      await server.waitClosed();
      assertEquals(view.getPeerName(), address);
    }));
});
