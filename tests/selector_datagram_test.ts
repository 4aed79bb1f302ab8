/** Datagrams: the transport, and sockets by hand. */

import "../_net/whole.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { describe, it } from "./_harness.ts";
import type { DatagramEvents, DatagramSocket } from "../_platform/datagrams.ts";
import type { SocketAddress } from "../_platform/sockets.ts";
import {
  type BaseSelectorEventLoop,
  BlockingIOError,
  createTask,
  DatagramProtocol,
  DatagramTransport,
  type ExceptionContext,
  getRunningLoop,
  logger,
  OSError,
  run,
  type SelectorEventLoop,
  sleep,
  Socket,
} from "../mod.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);
const HERE: SocketAddress = ["127.0.0.1", 1];
const THERE: SocketAddress = ["127.0.0.1", 2];

/** A datagram socket that the test plays. */
class Scripted implements DatagramSocket {
  readonly family = "inet";
  readonly local: SocketAddress = HERE;
  readonly remote: SocketAddress | null;
  buffered: number = 0;
  readonly calls: string[] = [];
  owner: DatagramEvents | null = null;

  constructor(remote: SocketAddress | null = null) {
    this.remote = remote;
  }

  attach(events: DatagramEvents): void {
    this.owner = events;
  }

  send(data: Uint8Array, to?: SocketAddress): void {
    this.buffered += data.length;
    this.calls.push(`${text(data)} to ${to}`);
  }

  /** All was sent. */
  sent(): void {
    this.buffered = 0;
    this.owner!.onDrain();
  }

  close(): void {
    this.calls.push("close");
  }

  abort(): void {
    this.calls.push("abort");
  }

  setBroadcast(): void {}
  joinGroup(): void {}
  leaveGroup(): void {}
  setMulticastInterface(): void {}
  setMulticastTtl(): void {}
  setMulticastLoopback(): void {}
  ref(): void {}
  unref(): void {}
}

class Notes extends DatagramProtocol {
  readonly calls: string[] = [];
  lostWith: unknown = undefined;
  onDatagram: (() => void) | null = null;

  override connectionMade(): void {
    this.calls.push("made");
  }

  override datagramReceived(data: Uint8Array, from: unknown): void {
    this.calls.push(`${text(data)} from ${from}`);
    this.onDatagram?.();
  }

  override errorReceived(error: unknown): void {
    this.calls.push(`error ${(error as OSError).code}`);
  }

  override pauseWriting(): void {
    this.calls.push("pause");
  }

  override resumeWriting(): void {
    this.calls.push("resume");
  }

  override connectionLost(error: unknown): void {
    this.calls.push("lost");
    this.lostWith = error;
  }
}

type Transport = DatagramTransport & {
  isReading(): boolean;
  pauseReading(): void;
  resumeReading(): void;
  getWriteBufferSize(): number;
  getWriteBufferLimits(): [number, number];
  setWriteBufferLimits(high?: number | null, low?: number | null): void;
};

interface Stage {
  readonly loop: BaseSelectorEventLoop;
  readonly socket: Scripted;
  readonly notes: Notes;
  readonly transport: Transport;
  readonly reports: ExceptionContext[];
}

function played(
  body: (stage: Stage) => Promise<void>,
  remote: SocketAddress | null = null,
  address: SocketAddress | null = null,
): () => Promise<void> {
  return () =>
    run(async () => {
      const loop = getRunningLoop() as BaseSelectorEventLoop;
      const reports: ExceptionContext[] = [];
      loop.setExceptionHandler((_, context) => void reports.push(context));
      const socket = new Scripted(remote);
      const notes = new Notes();
      const waiter = loop.createFuture<void>();
      const transport = loop._makeDatagramTransport(
        socket,
        notes,
        address,
        waiter,
      ) as Transport;
      assertEquals(notes.calls, []);
      await waiter;
      assertEquals(notes.calls.splice(0), ["made"]);
      await body({ loop, socket, notes, transport, reports });
      transport.abort();
      await sleep(0);
    });
}

describe("a datagram transport", () => {
  it(
    "tells datagrams and errors in the loop, one in each iteration",
    played(async ({ loop, socket, notes }) => {
      const order = notes.calls;
      notes.onDatagram = () => loop.callSoon(() => order.push("callback"));
      socket.owner!.onMessage(bytes("a"), THERE);
      socket.owner!.onMessage(bytes("b"), THERE);
      assertEquals(order, []);
      for (let i = 0; i < 4; i++) await sleep(0);
      assertEquals(order.splice(0), [
        "a from 127.0.0.1,2",
        "callback",
        "b from 127.0.0.1,2",
        "callback",
      ]);
      socket.owner!.onError(OSError.from("ECONNREFUSED", "refused"));
      await sleep(0);
      assertEquals(order, ["error ECONNREFUSED"]);
    }),
  );

  it(
    "sends to where it is told, a copy, empty ones too",
    played(async ({ socket, transport }) => {
      const data = bytes("one");
      transport.sendTo(data, THERE);
      data.fill(0);
      transport.sendTo(new Uint8Array(0), THERE);
      assertEquals(socket.calls, ["one to 127.0.0.1,2", " to 127.0.0.1,2"]);
      assertThrows(() => transport.sendTo(bytes("x")), TypeError);
      assertThrows(() => transport.sendTo(bytes("x"), "host"), TypeError);
      assertThrows(() => transport.sendTo("text" as never, THERE), TypeError);
      await sleep(0);
      assert(transport instanceof DatagramTransport);
    }),
  );

  it(
    "connected, it sends to its peer and nobody else",
    played(
      async ({ socket, transport }) => {
        transport.sendTo(bytes("a"));
        transport.sendTo(bytes("b"), ["127.0.0.1", 2]);
        assertEquals(socket.calls, ["a to undefined", "b to undefined"]);
        assertThrows(
          () => transport.sendTo(bytes("x"), HERE),
          RangeError,
          "Invalid address: must be null or 127.0.0.1,2",
        );
        await sleep(0);
      },
      THERE,
      THERE,
    ),
  );

  it(
    "each datagram counts eight bytes more, and the protocol is paused",
    played(async ({ socket, transport, notes }) => {
      transport.setWriteBufferLimits(30, 0);
      assertEquals(transport.getWriteBufferLimits(), [0, 30]);
      transport.sendTo(bytes("12345"), THERE);
      assertEquals(transport.getWriteBufferSize(), 13);
      transport.sendTo(bytes("12345"), THERE);
      assertEquals([transport.getWriteBufferSize(), notes.calls], [26, []]);
      transport.sendTo(new Uint8Array(0), THERE);
      assertEquals(notes.calls.splice(0), ["pause"]);
      socket.sent();
      await sleep(0);
      assertEquals([transport.getWriteBufferSize(), notes.calls], [
        0,
        ["resume"],
      ]);
      assertThrows(() => transport.setWriteBufferLimits(1, 2), RangeError);
    }),
  );

  it(
    "close waits until all is sent, abort does not",
    played(async ({ socket, transport, notes }) => {
      transport.sendTo(bytes("x"), THERE);
      transport.close();
      assert(transport.isClosing());
      await sleep(0);
      assertEquals(notes.calls, []);
      socket.sent();
      await sleep(0);
      assertEquals([notes.calls, notes.lostWith], [["lost"], null]);
      assertEquals(socket.calls.at(-1), "abort");
      transport.abort();
      socket.owner!.onMessage(bytes("late"), THERE);
      await sleep(0);
      assertEquals(notes.calls, ["lost"]);
    }),
  );

  it(
    "an error of the protocol is reported, and it lives on",
    played(async ({ socket, notes, reports, transport }) => {
      notes.onDatagram = () => {
        throw new Error("notes");
      };
      socket.owner!.onMessage(bytes("a"), THERE);
      await sleep(0);
      assertEquals(reports.map(({ message }) => message), [
        "Exception in callback protocol.datagram_received()",
      ]);
      assert(!transport.isClosing());
    }),
  );

  it(
    "paused, it keeps a bounded number of bytes",
    played(async ({ socket, notes, transport }) => {
      transport.pauseReading();
      assert(!transport.isReading());
      for (let i = 0; i < 10; i++) {
        socket.owner!.onMessage(new Uint8Array(60_000), THERE);
      }
      await sleep(0);
      assertEquals(notes.calls, []);
      transport.resumeReading();
      for (let i = 0; i < 20; i++) await sleep(0);
      assertEquals(notes.calls.length, 4);
    }),
  );

  it(
    "after the end, sending warns from the fifth on",
    played(async ({ transport }) => {
      transport.close();
      await sleep(0);
      const messages: string[] = [];
      logger.setHandler(({ message }) => void messages.push(message));
      try {
        for (let i = 0; i < 6; i++) transport.sendTo(bytes("x"), THERE);
      } finally {
        logger.setHandler(null);
      }
      assertEquals(messages, [
        "socket.send() raised exception.",
        "socket.send() raised exception.",
      ]);
    }),
  );

  it("over UDP: there and back", () =>
    run(async () => {
      const loop = getRunningLoop() as SelectorEventLoop;
      const notes = new Notes();
      using sock = new Socket("inet", "dgram");
      await sock.bind(["127.0.0.1", 0]);
      const [server] = await loop.createDatagramEndpoint(
        () => notes,
        null,
        null,
        { sock },
      );
      const port = Number(server.getExtraInfo<SocketAddress>("sockname")![1]);
      const client = new Notes();
      const [transport] = await loop.createDatagramEndpoint(
        () => client,
        null,
        ["127.0.0.1", port],
      );
      const from = transport.getExtraInfo<SocketAddress>("sockname");
      transport.sendTo(bytes("ping"));
      for (let i = 0; i < 200 && notes.calls.length < 2; i++) {
        await sleep(0.005);
      }
      assertEquals(notes.calls, ["made", `ping from ${from}`]);
      server.sendTo(bytes("pong"), from);
      for (let i = 0; i < 200 && client.calls.length < 2; i++) {
        await sleep(0.005);
      }
      assertEquals(client.calls.at(-1), `pong from 127.0.0.1,${port}`);
      transport.close();
      server.close();
      await sleep(0.01);
      assertEquals([notes.calls.at(-1), client.calls.at(-1)], ["lost", "lost"]);
    }));
});

describe("datagrams by hand", () => {
  it("sockSendTo, sockRecvFrom and sockRecvFromInto", () =>
    run(async () => {
      const loop = getRunningLoop() as SelectorEventLoop;
      using one = new Socket("inet", "dgram");
      using two = new Socket("inet", "dgram");
      await one.bind(["127.0.0.1", 0]);
      await two.bind(["127.0.0.1", 0]);
      const waiting = createTask(loop.sockRecvFrom(two, 100));
      await sleep(0.005);
      assertEquals(
        await loop.sockSendTo(one, bytes("hello"), two.getSockName()),
        5,
      );
      const [data, from] = await waiting;
      assertEquals([text(data), from], ["hello", one.getSockName()]);
      await loop.sockSendTo(two, bytes("a long answer"), from);
      assertEquals(text((await loop.sockRecvFrom(one, 6))[0]), "a long");
      await loop.sockSendTo(two, bytes("again"), from);
      const buffer = new Uint8Array(8);
      const [count, sender] = await loop.sockRecvFromInto(one, buffer);
      assertEquals(
        [text(buffer.subarray(0, count)), sender],
        ["again", two.getSockName()],
      );
      assertThrows(() => one.recvFrom(1), BlockingIOError);
      await assertRejects(
        async () => await loop.sockRecvFromInto(one, buffer, 9),
        RangeError,
      );
    }));

  it("connected by sockConnect, it needs no address", () =>
    run(async () => {
      const loop = getRunningLoop() as SelectorEventLoop;
      using server = new Socket("inet", "dgram");
      await server.bind(["127.0.0.1", 0]);
      using client = new Socket("inet", "dgram");
      await loop.sockConnect(client, server.getSockName());
      assertEquals(client.getPeerName(), server.getSockName());
      await loop.sockSendAll(client, bytes("hi"));
      const [data, from] = await loop.sockRecvFrom(server, 10);
      assertEquals([text(data), from], ["hi", client.getSockName()]);
    }));

  it("one that is too large is refused", () =>
    run(async () => {
      const loop = getRunningLoop() as SelectorEventLoop;
      using sock = new Socket("inet", "dgram");
      await sock.bind(["127.0.0.1", 0]);
      const error = await assertRejects(async () =>
        await loop.sockSendTo(sock, new Uint8Array(70_000), sock.getSockName())
      );
      assertEquals((error as OSError).code, "EMSGSIZE");
      await loop.sockSendTo(sock, bytes("fits"), sock.getSockName());
      assertEquals(text((await loop.sockRecvFrom(sock, 10))[0]), "fits");
    }));
});
