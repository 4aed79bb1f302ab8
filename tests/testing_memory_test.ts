/** The network in memory: its wires, its datagrams, and what its sockets are told. */

import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertThrows,
} from "@std/assert";
import {
  ConnectionRefusedError,
  ConnectionResetError,
  createTask,
  DatagramProtocol,
  type DatagramTransport,
  getRunningLoop,
  openConnection,
  openUnixConnection,
  OSError,
  Protocol,
  sleep,
  startServer,
  startUnixServer,
  type StreamReader,
  type StreamWriter,
  TimeoutError,
  type Transport,
} from "../mod.ts";
import { memoryTransportPair, runTest, Sequencer } from "../testing.ts";
import { describe, it } from "./_harness.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

async function ended(writer: StreamWriter) {
  writer.close();
  await writer.waitClosed();
}

/** Answers with all that it has read to the end. */
async function atTheEnd(reader: StreamReader, writer: StreamWriter) {
  writer.write(await reader.read(-1));
  await ended(writer);
}

describe("The wires of runTest()'s network", () => {
  it("have settings of their own between two hosts", async () => {
    await runTest(async ({ network, time }) => {
      network.configure({ latency: 1 });
      network.link("10.0.0.1", "10.0.0.9", { latency: 0.25 });
      const slow = await startServer(atTheEnd, "10.0.0.8", 1);
      const quick = await startServer(atTheEnd, "10.0.0.9", 1);
      const from = { localAddr: ["10.0.0.1", 0] as const };
      const [, first] = await openConnection("10.0.0.9", 1, from);
      assertEquals(time(), 0.5);
      const [, second] = await openConnection("10.0.0.8", 1, from);
      assertEquals(time(), 2.5);
      await ended(first);
      await ended(second);
      await sleep(5);
      for (const server of [slow, quick]) {
        server.close();
        await server.waitClosed();
      }
    });
  });

  it("are cut between two hosts alone, and connecting gives up", async () => {
    await runTest(async ({ network, time }) => {
      const far = await startServer(atTheEnd, "10.0.0.8", 1);
      const near = await startServer(atTheEnd, "10.0.0.9", 1);
      network.partition(["10.0.0.1"], ["10.0.0.8"]);
      const from = { localAddr: ["10.0.0.1", 0] as const };
      const [, writer] = await openConnection("10.0.0.9", 1, from);
      assertEquals(time(), 0);
      await assertRejects(
        async () => await openConnection("10.0.0.8", 1, from),
        TimeoutError,
      );
      await ended(writer);
      for (const server of [far, near]) {
        server.close();
        await server.waitClosed();
      }
    });
  });

  it("carry half of a connection on when the other half has ended", async () => {
    await runTest(async () => {
      const server = await startServer(atTheEnd, "fd00::2", 1);
      const [reader, writer] = await openConnection("fd00::2", 1);
      writer.write(bytes("to the end"));
      writer.writeEof();
      assertEquals(text(await reader.read(-1)), "to the end");
      assertEquals(writer.getExtraInfo<string[]>("sockname")![0], "fd00::1");
      await ended(writer);
      server.close();
      await server.waitClosed();
    });
  });

  it("reset the peer of who closes without having read all", async () => {
    await runTest(async () => {
      let failure: unknown = null;
      class Lost extends Protocol {
        override connectionLost(error: unknown) {
          failure = error;
        }
      }
      const [near, far] = await memoryTransportPair(
        new Lost(),
        new Protocol(),
      ) as [Transport, Transport];
      far.pauseReading();
      near.write(bytes("unread"));
      await sleep(1);
      far.close();
      await sleep(1);
      assertInstanceOf(failure, ConnectionResetError);
    });
  });

  it("give what came while reading was paused, once it goes on", async () => {
    await runTest(async () => {
      const got: string[] = [];
      class Log extends Protocol {
        override dataReceived(data: Uint8Array) {
          got.push(text(data));
        }
      }
      const [near, far] = await memoryTransportPair(
        new Protocol(),
        new Log(),
      ) as [Transport, Transport];
      far.pauseReading();
      near.write(bytes("paused"));
      await sleep(1);
      assertEquals(got, []);
      far.resumeReading();
      await sleep(1);
      assertEquals(got, ["paused"]);
      near.close();
      await sleep(1);
    });
  });

  it("reach Unix servers by their paths, without a file", async () => {
    await runTest(async ({ time }) => {
      const server = await startUnixServer(atTheEnd, "/in/memory.sock");
      const [reader, writer] = await openUnixConnection("/in/memory.sock");
      writer.write(bytes("local"));
      writer.writeEof();
      assertEquals(text(await reader.read(-1)), "local");
      assertEquals(time(), 0);
      await ended(writer);
      server.close();
      await server.waitClosed();
      await assertRejects(
        async () => await openUnixConnection("/in/nobody.sock"),
        OSError,
        "/in/nobody.sock",
      );
    });
  });

  it("find the names of addresses, too", async () => {
    await runTest(async ({ network, loop }) => {
      network.name("db.test", "10.0.0.7");
      const nameOf = (host: string) => loop.getNameInfo([host, 53]);
      assertEquals(await nameOf("10.0.0.7"), ["db.test", "53"]);
      assertEquals(await nameOf("127.0.0.1"), ["localhost", "53"]);
      assertEquals(await nameOf("10.0.0.8"), ["10.0.0.8", "53"]);
    });
  });
});

/** Notes what a datagram socket is told. */
class Post extends DatagramProtocol {
  readonly got: string[] = [];
  readonly errors: unknown[] = [];
  override datagramReceived(data: Uint8Array, from: unknown) {
    this.got.push(`${text(data)} from ${(from as [string])[0]}`);
  }
  override errorReceived(error: unknown) {
    this.errors.push(error);
  }
}

type Place = readonly [string, number];

/** Opens a datagram socket. */
async function post(
  local: Place | null,
  remote: Place | null = null,
): Promise<[DatagramTransport, Post]> {
  return await getRunningLoop().createDatagramEndpoint(
    () => new Post(),
    local,
    remote,
  ) as [DatagramTransport, Post];
}

describe("The datagrams of runTest()'s network", () => {
  it("come to whoever listens on all addresses, from a real one", async () => {
    await runTest(async () => {
      const [all, inbox] = await post(["0.0.0.0", 53]);
      const [near, answers] = await post(["0.0.0.0", 0]);
      near.sendTo(bytes("there"), ["10.0.0.2", 53]);
      near.sendTo(bytes("here"), ["127.0.0.1", 53]);
      await sleep(1);
      assertEquals(inbox.got.map((line) => line.split(" ")[0]), [
        "there",
        "here",
      ]);
      assertEquals(inbox.got[1], "here from 127.0.0.1");
      assertEquals(inbox.got.some((line) => line.includes("0.0.0.0")), false);
      assertEquals([answers.got, answers.errors], [[], []]);
      near.close();
      all.close();
      await sleep(0);
    });
  });

  it("of a connected socket come from its peer alone, also by IPv6", async () => {
    await runTest(async () => {
      const [server, requests] = await post(["fd00::2", 53]);
      const [client, answers] = await post(null, ["fd00::2", 53]);
      client.sendTo(bytes("ask"));
      await sleep(1);
      assertEquals(requests.got, ["ask from fd00::1"]);
      const own = client.getExtraInfo<Place>("sockname")!;
      const [stranger] = await post(["fd00::3", 53]);
      stranger.sendTo(bytes("spoof"), own);
      server.sendTo(bytes("answer"), own);
      await sleep(1);
      assertEquals(answers.got, ["answer from fd00::2"]);
      for (const transport of [server, client, stranger]) transport.close();
      await sleep(0);
    });
  });

  it("to nobody are refused, which only a connected socket learns", async () => {
    await runTest(async () => {
      const [connected, told] = await post(null, ["127.0.0.1", 9]);
      const [free, untold] = await post(["127.0.0.1", 0]);
      connected.sendTo(bytes("x"));
      free.sendTo(bytes("x"), ["127.0.0.1", 9]);
      await sleep(1);
      assertEquals(
        told.errors.map((error) => error instanceof ConnectionRefusedError),
        [true],
      );
      assertEquals(untold.errors, []);
      connected.close();
      free.close();
      await sleep(0);
    });
  });

  it("cannot be sent from an address that is taken", async () => {
    await runTest(async () => {
      const [first] = await post(["127.0.0.1", 53]);
      const error = await post(["127.0.0.1", 53]).then(() => null, (e) => e);
      assertEquals((error as OSError).code, "EADDRINUSE");
      first.close();
      await sleep(0);
    });
  });
});

describe("Seeds", () => {
  it("that are neither number nor text, or too large, are refused", async () => {
    await assertRejects(
      () => runTest(async () => {}, { seed: true as unknown as string }),
      TypeError,
      "Cannot use boolean as a seed",
    );
    await assertRejects(
      () => runTest(async () => {}, { seed: "1:zzzzzzzz" }),
      RangeError,
      "too large",
    );
  });
});

describe("A Sequencer", () => {
  it("is broken by a block that fails, for those that wait and come", async () => {
    await runTest(async () => {
      const turns = new Sequencer();
      const second = createTask(turns.with(1, () => "second"), { name: "b" });
      await sleep(0);
      assertEquals(`${turns}`, "<Sequencer position=0 waiting=1>");
      await assertRejects(
        async () =>
          await turns.with(0, () => {
            throw new RangeError("first");
          }),
        RangeError,
        "first",
      );
      await assertRejects(async () => await second, Error, "is broken");
      assertEquals(`${turns}`, "<Sequencer broken waiting=0>");
      await assertRejects(
        async () => await turns.with(2, () => {}),
        Error,
        "is broken",
      );
    });
  });

  it("takes whole numbers from 0 alone", () => {
    const turns = new Sequencer();
    for (const position of [-1, 0.5, NaN]) {
      assertThrows(() => turns.with(position, () => {}), RangeError);
    }
  });
});
