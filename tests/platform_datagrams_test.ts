/** Datagram sockets. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { bytes, failure, pass, pattern, until } from "./_sockets.ts";
import { describe, it, runtime, sharesPorts } from "./_harness.ts";
import { NotImplementedError, OSError } from "../exceptions.ts";
import { platform } from "../_platform/mod.ts";
import type {
  DatagramEvents,
  DatagramOptions,
  DatagramSocket,
} from "../_platform/datagrams.ts";
import type { SocketAddress } from "../_platform/sockets.ts";

const HOST = "127.0.0.1";
const loopback = { host: HOST, port: 0 };

class Ear implements DatagramEvents {
  readonly messages: [data: Uint8Array, from: SocketAddress][] = [];
  readonly errors: OSError[] = [];
  drains = 0;
  closes = 0;

  onMessage(data: Uint8Array, from: SocketAddress): void {
    this.messages.push([data, from]);
  }

  onError(error: Error): void {
    assert(error instanceof OSError);
    this.errors.push(error);
  }

  onDrain(): void {
    this.drains++;
  }

  onClose(): void {
    this.closes++;
  }

  get texts(): string[] {
    return this.messages.map(([data]) => new TextDecoder().decode(data));
  }
}

interface End {
  readonly socket: DatagramSocket;
  readonly ear: Ear;
  readonly place: { host: string; port: number };
}

/** Opens sockets, lets `body` use them, and closes them. */
async function withSockets(
  body: (open: (options?: DatagramOptions) => Promise<End>) => Promise<void>,
): Promise<void> {
  const ends: End[] = [];
  try {
    await body(async (options = { local: loopback }) => {
      const socket = await platform.datagrams.open(options);
      const ear = new Ear();
      socket.attach(ear);
      const [host, port] = socket.local as readonly [string, number];
      const end = { socket, ear, place: { host, port } };
      ends.push(end);
      return end;
    });
  } finally {
    for (const { socket } of ends) socket.abort();
    await until(() => ends.every(({ ear }) => ear.closes === 1));
  }
}

describe("a datagram socket", () => {
  it("sends and receives, whole and with the sender's address", () =>
    withSockets(async (open) => {
      const a = await open();
      const b = await open();
      a.socket.send(bytes("hello"), b.socket.local);
      a.socket.send(bytes(""), b.socket.local);
      a.socket.send(bytes("world"), b.socket.local);
      await until(() => b.ear.messages.length === 3);
      assertEquals(b.ear.texts, ["hello", "", "world"]);
      assertEquals(b.ear.messages[0]![1], a.socket.local);
      b.socket.send(bytes("back"), b.ear.messages[0]![1]);
      await until(() => a.ear.messages.length === 1);
      assertEquals(a.socket.remote, null);
      assertEquals(a.socket.family, "inet");
      assertEquals(a.socket.buffered, 0);
      assert(a.ear.drains > 0);
    }));

  it("works over IPv6", () =>
    withSockets(async (open) => {
      const a = await open({ local: { host: "::1", port: 0 } });
      const b = await open({ remote: a.place });
      assertEquals(a.socket.family, "inet6");
      b.socket.send(bytes("six"));
      await until(() => a.ear.messages.length === 1);
      const [, from] = a.ear.messages[0]!;
      assertEquals(from, b.socket.local);
      assertEquals(from.length, 4);
      a.socket.send(bytes("back"), from);
      await until(() => b.ear.messages.length === 1);
    }));

  it("takes the largest datagram, and one byte more is EMSGSIZE", () =>
    withSockets(async (open) => {
      const a = await open();
      const b = await open();
      const data = pattern(65507);
      a.socket.send(data, b.socket.local);
      await until(() => b.ear.messages.length === 1);
      assertEquals(b.ear.messages[0]![0].length, 65507);
      assertEquals(b.ear.messages[0]![0][65506], data[65506]);
      for (const size of [65508, 100_000]) {
        a.socket.send(new Uint8Array(size), b.socket.local);
        await until(() => a.ear.errors.length === 1);
        const [error] = a.ear.errors.splice(0);
        assertEquals([error!.code, error!.errno], ["EMSGSIZE", 90]);
        assertEquals(
          error!.message,
          `Cannot send ${size} bytes to ${HOST}:${b.place.port}: ` +
            "message too long",
        );
      }
      // The socket lives on.
      a.socket.send(bytes("small"), b.socket.local);
      await until(() => b.ear.messages.length === 2);
    }));

  it("that is connected hears its peer alone", () =>
    withSockets(async (open) => {
      const peer = await open();
      const stranger = await open();
      const one = await open({ local: loopback, remote: peer.place });
      assertEquals(one.socket.remote, peer.socket.local);
      one.socket.send(bytes("to the peer"));
      await until(() => peer.ear.messages.length === 1);
      stranger.socket.send(bytes("who?"), one.socket.local);
      await pass(20);
      peer.socket.send(bytes("the peer"), one.socket.local);
      await until(() => one.ear.messages.length === 1);
      assertEquals(one.ear.texts, ["the peer"]);
      assertEquals(one.ear.messages[0]![1], peer.socket.local);
    }));

  it("that is connected is bound to loopback when its peer is there", () =>
    withSockets(async (open) => {
      const peer = await open();
      const one = await open({ remote: peer.place });
      assertEquals(one.place.host, HOST);
    }));

  it("hears that nobody listens, where the runtime tells", {
    on: ["bun", "node"],
  }, () =>
    withSockets(async (open) => {
      const peer = await open();
      const one = await open({ remote: peer.place });
      peer.socket.close();
      await until(() => peer.ear.closes === 1);
      one.socket.send(bytes("anybody?"));
      await until(() => one.ear.errors.length > 0);
      assertEquals(one.ear.errors[0]!.name, "ConnectionRefusedError");
    }));

  it("may broadcast only when allowed to", () =>
    withSockets(async (open) => {
      const all = await open({ local: { host: "0.0.0.0", port: 0 } });
      const to: SocketAddress = ["127.255.255.255", all.place.port];
      const one = await open();
      one.socket.send(bytes("no"), to);
      await until(() => one.ear.errors.length === 1);
      assertEquals(one.ear.errors[0]!.name, "PermissionError");
      assertEquals(one.ear.errors[0]!.code, "EACCES");
      one.socket.setBroadcast(true);
      one.socket.send(bytes("yes"), to);
      await until(() => all.ear.messages.length === 1);
      const other = await open({ local: loopback, broadcast: true });
      other.socket.send(bytes("me, too"), to);
      await until(() => all.ear.messages.length === 2);
      assertEquals(all.ear.texts, ["yes", "me, too"]);
    }));

  it("joins and leaves a multicast group", () =>
    withSockets(async (open) => {
      const member = await open({
        local: { host: "0.0.0.0", port: 0 },
        reuseAddress: true,
      });
      const to: SocketAddress = ["239.77.66.55", member.place.port];
      const { socket } = member;
      socket.joinGroup("239.77.66.55", HOST);
      const sender = await open();
      sender.socket.setMulticastInterface(HOST);
      sender.socket.setMulticastLoopback(true);
      sender.socket.setMulticastTtl(1);
      sender.socket.send(bytes("all of you"), to);
      await until(() => member.ear.messages.length === 1);
      socket.leaveGroup("239.77.66.55", HOST);
      const error = assertThrows(() => socket.joinGroup("1.2.3.4"), OSError);
      assertEquals(error.code, "EINVAL");
      assertEquals(
        error.message,
        "Cannot join the group 1.2.3.4: invalid argument",
      );
    }));

  it("keeps what comes before it has an owner", async () => {
    const late = await platform.datagrams.open({ local: loopback });
    await withSockets(async (open) => {
      const one = await open();
      one.socket.send(bytes("early"), late.local);
      await pass(20);
      const ear = new Ear();
      late.attach(ear);
      assertEquals(ear.texts, []);
      await until(() => ear.messages.length === 1);
      late.close();
      late.close();
      late.abort();
      late.send(bytes("no"), one.socket.local);
      late.setBroadcast(true);
      late.ref();
      late.unref();
      assertEquals(ear.closes, 0);
      await until(() => ear.closes === 1);
      await pass(5);
      assertEquals(ear.closes, 1);
    });
  });

  it("sends what it was given before close()", () =>
    withSockets(async (open) => {
      const a = await open();
      const b = await open();
      for (let i = 0; i < 20; i++) a.socket.send(bytes(`${i}`), b.socket.local);
      a.socket.close();
      await until(() => b.ear.messages.length === 20);
      await until(() => a.ear.closes === 1);
    }));

  it("says which address it cannot have", () =>
    withSockets(async (open) => {
      const one = await open();
      const used = await failure(platform.datagrams.open({ local: one.place }));
      assertEquals([used.code, used.errno], ["EADDRINUSE", 98]);
      assertEquals(
        used.message,
        `Cannot bind ${HOST}:${one.place.port}: address already in use`,
      );
      const foreign = await failure(
        platform.datagrams.open({ local: { host: "192.0.2.99", port: 0 } }),
      );
      assertEquals(foreign.code, "EADDRNOTAVAIL");
      for (const port of [-1, 65536, 0.5]) {
        await assertRejects(
          () => platform.datagrams.open({ local: { host: HOST, port } }),
          RangeError,
        );
        await assertRejects(
          () => platform.datagrams.open({ remote: { host: HOST, port } }),
          RangeError,
        );
        assertThrows(
          () => one.socket.send(bytes("x"), [HOST, port]),
          RangeError,
        );
      }
      assertEquals(one.socket.buffered, 0);
      one.socket.send(bytes("x"), [HOST, 0]);
      await until(() => one.ear.errors.length === 1);
      assertEquals(one.ear.errors[0]!.code, "EINVAL");
    }));

  it("shares a port, where the runtime can", () =>
    withSockets(async (open) => {
      if (runtime === "deno" || !sharesPorts) {
        await assertRejects(
          () => open({ local: loopback, reusePort: true }),
          NotImplementedError,
          runtime === "deno" ? "Deno" : "Node",
        );
        return;
      }
      const one = await open({ local: loopback, reusePort: true });
      await open({ local: one.place, reusePort: true });
    }));

  it("binds by family when there is no address", () =>
    withSockets(async (open) => {
      assertEquals((await open({})).place.host, "0.0.0.0");
      assertEquals((await open({ family: "inet6" })).place.host, "::");
    }));
});
