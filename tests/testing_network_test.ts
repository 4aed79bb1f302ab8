/** The network in memory, under the loop's own transports and servers. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { describe, it } from "./_harness.ts";
import {
  ConnectionRefusedError,
  ConnectionResetError,
  createTask,
  DatagramProtocol,
  type DatagramTransport,
  getRunningLoop,
  openConnection,
  OSError,
  Protocol,
  type Server,
  sleep,
  startServer,
  type StreamReader,
  type StreamWriter,
  timeout,
  TimeoutError,
} from "../mod.ts";
import { explore, memoryTransportPair, runTest } from "../testing.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

async function echo(reader: StreamReader, writer: StreamWriter) {
  for await (const line of reader) {
    writer.write(line);
    await writer.drain();
  }
  writer.close();
  await writer.waitClosed();
}

async function end(server: Server, writer?: StreamWriter) {
  if (writer !== undefined) {
    writer.close();
    await writer.waitClosed();
  }
  server.close();
  await server.waitClosed();
}

describe("The network of runTest()", () => {
  it("carries streams between the loop's servers and connections", async () => {
    await runTest(async ({ time }) => {
      const server = await startServer(echo, "127.0.0.1", 80);
      const [reader, writer] = await openConnection("127.0.0.1", 80);
      writer.write(bytes("hello\n"));
      assertEquals(text((await reader.readLine())!), "hello\n");
      assertEquals(time(), 0);
      await end(server, writer);
    });
  });

  it("takes the time of its latency, exactly", async () => {
    await runTest(async ({ network, time }) => {
      network.configure({ latency: 0.25 });
      const server = await startServer(echo, "10.0.0.2", 80);
      const [reader, writer] = await openConnection("10.0.0.2", 80);
      assertEquals(time(), 0.5);
      writer.write(bytes("hello\n"));
      await reader.readLine();
      assertEquals(time(), 1);
      await end(server, writer);
    });
  });

  it("moves a megabyte through buffers of bounded size", async () => {
    await runTest(async ({ network }) => {
      network.configure({ latency: [0.01, 0.05], loss: 0.1 });
      const big = new Uint8Array(1 << 20).map((_, i) => i % 251);
      const server = await startServer(
        async (_, writer) => {
          writer.write(big);
          await writer.drain();
          writer.close();
          await writer.waitClosed();
        },
        "10.0.0.2",
        80,
      );
      const [reader, writer] = await openConnection("10.0.0.2", 80);
      const got = await reader.read(-1);
      assertEquals(got.length, big.length);
      assert(got.every((byte, i) => byte === big[i]));
      await end(server, writer);
    }, { seed: 5 });
  });

  it("finds names that it was given, and no others", async () => {
    await runTest(async ({ network }) => {
      network.name("db.test", "10.0.0.7");
      const server = await startServer(echo, "db.test", 5432);
      const [, writer] = await openConnection("db.test", 5432);
      assertEquals(writer.getExtraInfo("peername"), ["10.0.0.7", 5432]);
      await end(server, writer);
      await assertRejects(
        async () => await openConnection("nobody.test", 1),
        OSError,
      );
      assertThrows(() => network.name("x", "y"), RangeError);
    });
  });

  it("refuses connections where nobody listens", async () => {
    await runTest(async () => {
      await assertRejects(
        async () => await openConnection("10.0.0.2", 1),
        ConnectionRefusedError,
      );
    });
  });

  it("holds streams up while it is partitioned", async () => {
    await runTest(async ({ network, time, loop }) => {
      const server = await startServer(echo, "10.0.0.2", 80);
      const [reader, writer] = await openConnection("10.0.0.2", 80);
      network.partition("10.0.0.2");
      writer.write(bytes("late\n"));
      await assertRejects(
        async () => await timeout(5).with(() => openConnection("10.0.0.2", 80)),
        TimeoutError,
      );
      loop.callLater(5, () => network.heal());
      assertEquals(text((await reader.readLine())!), "late\n");
      assertEquals(time(), 10);
      await end(server, writer);
    });
  });

  it("leaves half-open connections where a host has crashed", async () => {
    await runTest(async ({ network }) => {
      const left: StreamWriter[] = [];
      const server = await startServer(
        async (reader, writer) => {
          left.push(writer);
          await reader.read(-1).then(() => {}, () => {});
          writer.close();
        },
        "10.0.0.2",
        80,
      );
      const [reader, writer] = await openConnection("10.0.0.2", 80);
      const [dead, deaf] = await openConnection("10.0.0.2", 80);
      await sleep(1);
      network.crash("10.0.0.2");
      // Nothing tells: the connection looks as before.
      await assertRejects(
        async () => await timeout(60).with(() => reader.read(1)),
        TimeoutError,
      );
      writer.write(bytes("anybody?"));
      await assertRejects(
        async () => await reader.read(1),
        ConnectionResetError,
      );
      network.crash("10.0.0.2", { silent: true });
      deaf.write(bytes("anybody?"));
      await assertRejects(
        async () => await timeout(60).with(() => dead.read(1)),
        TimeoutError,
      );
      writer.close();
      deaf.transport.abort();
      await writer.waitClosed().then(null, () => {});
      server.close();
      assertEquals(left.length, 2);
      await server.waitClosed();
    });
  });

  it("checks what it is told", async () => {
    await runTest(async ({ network }) => {
      assertThrows(() => network.configure({ latency: -1 }), RangeError);
      assertThrows(() => network.configure({ latency: [2, 1] }), RangeError);
      assertThrows(() => network.configure({ loss: 1.5 }), RangeError);
    });
  });

  it("makes latencies from the seed", async () => {
    const times = (seed: number) =>
      runTest(async ({ network, time }) => {
        network.configure({ latency: [0.1, 1] });
        const server = await startServer(echo, "10.0.0.2", 80);
        const [, writer] = await openConnection("10.0.0.2", 80);
        const took = time();
        await end(server, writer);
        return took;
      }, { seed });
    assertEquals(await times(1), await times(1));
    assert(await times(1) !== await times(2));
  });
});

class Inbox extends DatagramProtocol {
  readonly got: string[] = [];
  override datagramReceived(data: Uint8Array) {
    this.got.push(text(data));
  }
}

describe("Datagrams of runTest()", () => {
  /** What comes of 20 datagrams. */
  const sent = (
    options: Parameters<
      Parameters<Parameters<typeof runTest>[0]>[0]["network"]["configure"]
    >[0],
    seed = 1,
  ) =>
    runTest(async ({ network }) => {
      network.configure(options);
      const loop = getRunningLoop();
      const [far, inbox] = await loop.createDatagramEndpoint(
        () => new Inbox(),
        ["10.0.0.2", 53],
      );
      const [near] = await loop.createDatagramEndpoint(
        () => new DatagramProtocol(),
        null,
        ["10.0.0.2", 53],
      ) as [DatagramTransport, DatagramProtocol];
      for (let i = 0; i < 20; i++) near.sendTo(bytes(String(i)));
      await sleep(5);
      near.close();
      far.close();
      await sleep(0);
      return (inbox as Inbox).got;
    }, { seed });
  const all = Array.from({ length: 20 }, (_, i) => String(i));

  it("come in order where the network is perfect", async () => {
    for (const seed of [1, 2, 3]) assertEquals(await sent({}, seed), all);
    assertEquals(await sent({ latency: 0.1 }), all);
  });

  it("get lost, double and overtake, as the seed wants", async () => {
    const lossy = await sent({ loss: 0.5 });
    assert(lossy.length > 0 && lossy.length < 20);
    assertEquals(lossy, await sent({ loss: 0.5 }));
    const doubled = await sent({ duplicate: 0.5 });
    assert(doubled.length > 20);
    const mixed = await sent({ reorder: 0.5 });
    assertEquals(mixed.toSorted(), all.toSorted());
    assert(mixed.join() !== all.join());
  });
});

describe("memoryTransportPair()", () => {
  it("connects two protocols", async () => {
    class Log extends Protocol {
      readonly seen: string[] = [];
      override connectionMade() {
        this.seen.push("made");
      }
      override dataReceived(data: Uint8Array) {
        this.seen.push(text(data));
      }
      override eofReceived() {
        this.seen.push("eof");
        return false;
      }
      override connectionLost() {
        this.seen.push("lost");
      }
    }
    await runTest(async () => {
      const [one, two] = [new Log(), new Log()];
      const [near] = await memoryTransportPair(one, two);
      near.write(bytes("hello"));
      near.close();
      await sleep(1);
      assertEquals(one.seen, ["made", "lost"]);
      assertEquals(two.seen, ["made", "hello", "eof", "lost"]);
    });
  });
});

describe("explore() on a network", () => {
  it("finds an order of arrivals that a program does not expect", async () => {
    const error = await explore(async ({ network }) => {
      network.configure({ latency: [0.01, 0.02] });
      const order: string[] = [];
      const server = await startServer(
        async (reader, writer) => {
          order.push(text(await reader.readExactly(1)));
          writer.close();
          await writer.waitClosed();
        },
        "10.0.0.2",
        80,
      );
      const client = (name: string) => async () => {
        const [, writer] = await openConnection("10.0.0.2", 80);
        writer.write(bytes(name));
        await writer.drain();
        writer.close();
        await writer.waitClosed();
      };
      const tasks = [createTask(client("a")), createTask(client("b"))];
      for (const task of tasks) await task;
      await sleep(1);
      server.close();
      await server.waitClosed();
      if (order.join("") === "ba") throw new Error("b was first");
    }, { runs: 200 }).then(() => null, (e) => e);
    assertEquals(error?.cause?.message, "b was first");
  });
});
