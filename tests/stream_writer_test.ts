/** StreamWriter, its protocol and flow control. */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  BaseTransport,
  CancelledError,
  ConnectionResetError,
  createTask,
  FlowControlMixin,
  NotImplementedError,
  RuntimeError,
  sleep,
  SSLError,
  StreamReader,
  StreamReaderProtocol,
  StreamWriter,
  Transport,
  WriteTransport,
} from "../mod.ts";
import { describe, it } from "./_harness.ts";
import { both, caught } from "./_spell.ts";
import {
  connectedStreams,
  decode,
  encode,
  Pausable,
  text,
} from "./_streams.ts";
import { pattern } from "./_transport_suite.ts";
import { runVirtual } from "./_virtual.ts";

type StreamEnd = ReturnType<typeof connectedStreams>[0];

/** What a promise fails with, or null. */
async function caughtBy(awaitable: PromiseLike<unknown>): Promise<unknown> {
  try {
    await awaitable;
    return null;
  } catch (error) {
    return error;
  }
}

describe("drain", () => {
  both("behaviour 71: returns at once unless paused", function* ({ loop }) {
    const [a, b] = connectedStreams(loop);
    yield sleep(0);
    let ran = false;
    loop.callSoon(() => void (ran = true));
    a.writer.write(encode("hello"));
    yield a.writer.drain();
    yield a.writer.drain();
    assert(!ran);
    assertEquals(yield* text(b.reader.readExactly(5)), "hello");
  });

  both("behaviour 71: waits while paused, several together", function* ({
    co,
    loop,
  }) {
    const [a, b] = connectedStreams(loop);
    yield sleep(0);
    b.transport.pauseReading();
    a.writer.write(pattern(300_000));
    const done: number[] = [];
    const drains = [1, 2, 3].map((n) =>
      createTask(
        co(function* () {
          yield a.writer.drain();
          done.push(n);
        })(),
      )
    );
    yield sleep(5);
    assertEquals(done, []);
    drains[1]!.cancel();
    yield sleep(0);
    b.transport.resumeReading();
    assertEquals((yield b.reader.readExactly(300_000)).length, 300_000);
    yield drains[2];
    assertEquals(done, [1, 3]);
    assert(drains[1]!.cancelled());
  });

  both(
    "behaviour 71: after the connection is lost, ConnectionResetError",
    function* ({
      loop,
    }) {
      const [a] = connectedStreams(loop);
      yield sleep(0);
      a.writer.close();
      yield a.writer.waitClosed();
      for (let i = 0; i < 2; i++) {
        const error = (yield* caught(a.writer.drain())) as Error;
        assertInstanceOf(error, ConnectionResetError);
        assertEquals(error.message, "Connection lost");
      }
    },
  );

  both("behaviour 71: the stored exception goes first", function* ({ loop }) {
    const [a] = connectedStreams(loop);
    yield sleep(0);
    const error = new Error("broken");
    a.protocol.connectionLost(error);
    assertStrictEquals(yield* caught(a.writer.drain()), error);
    assertStrictEquals(yield* caught(a.writer.waitClosed()), error);
  });

  both(
    "behaviour 71: those who wait learn of the loss",
    function* ({ co, loop }) {
      for (const error of [null, new Error("broken")]) {
        const [a] = connectedStreams(loop);
        yield sleep(0);
        a.protocol.pauseWriting();
        const drain = createTask(
          co(function* () {
            yield a.writer.drain();
            return "went on";
          })(),
        );
        yield sleep(0);
        a.protocol.connectionLost(error);
        if (error === null) assertEquals(yield drain, "went on");
        else assertStrictEquals(yield* caught(drain), error);
      }
    },
  );

  both("behaviour 71: with the transport closing it yields once", function* ({
    loop,
  }) {
    const [a] = connectedStreams(loop);
    yield sleep(0);
    a.transport.close();
    // The loss is known after one iteration: no endless loop of writes and drains.
    const error = yield* caught(a.writer.drain());
    assertInstanceOf(error, ConnectionResetError);

    class Closing extends Transport {
      override isClosing() {
        return true;
      }
    }
    const protocol = new FlowControlMixin();
    const writer = new StreamWriter(new Closing(), protocol, null, loop);
    const order: string[] = [];
    loop.callSoon(() => void order.push("callback"));
    yield writer.drain();
    order.push("drained");
    assertEquals(order, ["callback", "drained"]);
  });

  both("a loop of writes and drains keeps the buffer small", function* ({
    co,
    loop,
  }) {
    const [a, b] = connectedStreams(loop, { capacity: 10_000 });
    const total = 3_000_000;
    const reading = createTask(
      co(function* () {
        let count = 0;
        while (count < total) {
          count += (yield b.reader.read(7777)).length;
        }
        return count;
      })(),
    );
    let most = 0;
    for (let sent = 0; sent < total; sent += 30_000) {
      a.writer.write(pattern(30_000));
      most = Math.max(most, a.transport.getWriteBufferSize());
      yield a.writer.drain();
    }
    assertEquals(yield reading, total);
    assert(most < 100_000, `${most} bytes were buffered`);
  });

  it("pausing and resuming come in turns", () =>
    runVirtual(async () => {
      const protocol = new FlowControlMixin();
      assertThrows(() => protocol.resumeWriting(), RuntimeError);
      protocol.pauseWriting();
      assertThrows(() => protocol.pauseWriting(), RuntimeError);
      protocol.resumeWriting();
      await Promise.resolve();
    }));
});

describe("StreamWriter", () => {
  both("hands all on to its transport", function* ({ loop }) {
    const calls: unknown[] = [];
    class Noting extends WriteTransport {
      override write(data: Uint8Array) {
        calls.push(["write", decode(data)]);
      }
      override writeEof() {
        calls.push("writeEof");
      }
      override canWriteEof() {
        return true;
      }
      override close() {
        calls.push("close");
      }
      override isClosing() {
        return calls.includes("close");
      }
    }
    const transport = new Noting({ peername: "them" });
    const writer = new StreamWriter(
      transport,
      new FlowControlMixin(),
      null,
      loop,
    );
    assertStrictEquals(writer.transport, transport);
    writer.write(encode("a"));
    writer.writeLines([encode("b"), encode("c")]);
    writer.writeEof();
    assertEquals([writer.canWriteEof(), writer.isClosing()], [true, false]);
    assertEquals(writer.getExtraInfo("peername"), "them");
    assertEquals(writer.getExtraInfo("other", 5), 5);
    writer.close();
    assertEquals(writer.isClosing(), true);
    assertEquals(calls, [
      ["write", "a"],
      ["write", "bc"],
      "writeEof",
      "close",
    ]);
    assertInstanceOf(yield* caught(writer.waitClosed()), NotImplementedError);
    assertThrows(
      () =>
        new StreamWriter(
          transport,
          new FlowControlMixin(),
          {} as StreamReader,
          loop,
        ),
      TypeError,
    );
  });

  both("writeEof ends one direction", function* ({ loop }) {
    const [a, b] = connectedStreams(loop);
    yield sleep(0);
    a.writer.write(encode("question"));
    a.writer.writeEof();
    assertEquals(yield* text(b.reader.read()), "question");
    b.writer.write(encode("answer"));
    b.writer.close();
    assertEquals(yield* text(a.reader.read()), "answer");
    a.writer.close();
    yield a.writer.waitClosed();
    yield b.writer.waitClosed();
  });

  both(
    "waitClosed: one that is cancelled does not spoil it for others",
    function* ({
      co,
      loop,
    }) {
      const [a] = connectedStreams(loop);
      yield sleep(0);
      const waits = [1, 2, 3].map(() =>
        createTask(
          co(function* () {
            yield a.writer.waitClosed();
            return "closed";
          })(),
        )
      );
      yield sleep(0);
      waits[0]!.cancel();
      assertInstanceOf(yield* caught(waits[0]), CancelledError);
      a.writer.close();
      assertEquals(yield waits[1], "closed");
      assertEquals(yield waits[2], "closed");
      yield a.writer.waitClosed();
    },
  );

  it("is disposed of by closing, and waiting for that", () =>
    runVirtual(async ({ loop }) => {
      const [a, b] = connectedStreams(loop);
      await sleep(0);
      {
        await using writer = a.writer;
        writer.write(pattern(200_000));
        createTask(b.reader.read());
      }
      assert(a.writer.isClosing());
      assertEquals(a.transport.getWriteBufferSize(), 0);
      await b.writer[Symbol.asyncDispose]();
    }));

  it("disposal throws what ended the connection, but not twice", () =>
    runVirtual(async ({ loop }) => {
      const blocks: Record<string, (a: StreamEnd) => PromiseLike<unknown>> = {
        nothing: () => sleep(0),
        read: ({ reader }) => reader.read(),
        "read and caught": ({ reader }) => caughtBy(reader.read()),
        readLine: ({ reader }) => reader.readLine(),
        drain: ({ writer }) => writer.drain(),
        waitClosed: ({ writer }) => writer.waitClosed(),
      };
      const told: string[] = [];
      for (const [name, block] of Object.entries(blocks)) {
        for (const waiting of [false, true]) {
          const [a] = connectedStreams(loop);
          await sleep(0);
          const broken = new Error("broken");
          const breakIt = () => a.protocol.connectionLost(broken);
          if (waiting) loop.callLater(1, breakIt);
          else breakIt();
          // A drain waits where writing is paused.
          if (waiting) a.protocol.pauseWriting();
          const error = await caughtBy((async () => {
            await using _closed = a.writer;
            await block(a);
            await sleep(2);
          })());
          if (error === null) told.push(name);
          else assertStrictEquals(error, broken, `${name} ${waiting}`);
        }
      }
      assertEquals(told, ["read and caught", "read and caught"]);
    }));

  it("disposal does not mind what came after the goodbye over TLS", () =>
    runVirtual(async ({ loop }) => {
      const [a] = connectedStreams(loop);
      await sleep(0);
      {
        await using _closed = a.writer;
        a.protocol.connectionLost(
          new SSLError("late data", {
            code: "APPLICATION_DATA_AFTER_CLOSE_NOTIFY",
          }),
        );
      }
    }));

  it("an error that nobody waits for is not reported", () =>
    runVirtual(async ({ loop }) => {
      const [a] = connectedStreams(loop);
      await sleep(0);
      a.protocol.connectionLost(new Error("broken"));
    }));

  it("shows its transport and reader", () =>
    runVirtual(async ({ loop }) => {
      const [a] = connectedStreams(loop);
      await sleep(0);
      assertEquals(
        String(a.writer),
        "<StreamWriter transport=<MemoryTransport client> reader=<StreamReader " +
          "transport=<MemoryTransport client>>>",
      );
    }));
});

describe("startTls", () => {
  both(
    "drains, upgrades and goes on with the new transport",
    function* ({ loop }) {
      const [a] = connectedStreams(loop);
      yield sleep(0);
      const upgraded = new class extends Transport {
        override isClosing() {
          return loop.isClosed();
        }
      }({ sslcontext: "context" });
      const calls: unknown[] = [];
      Object.assign(loop, {
        startTls: (...args: unknown[]) => {
          calls.push(args);
          return sleep(1, upgraded);
        },
      });
      const before = a.writer.transport;
      yield a.writer.startTls("context", { serverHostname: "name" });
      assertEquals(calls, [[before, a.protocol, "context", {
        serverHostname: "name",
        serverSide: false,
      }]]);
      assertStrictEquals(a.writer.transport, upgraded);
      assertEquals(a.protocol.eofReceived(), false);
      a.transport.abort();
    },
  );

  it("the reader pauses the new transport from then on", () =>
    runVirtual(async () => {
      const reader = new StreamReader(5);
      const protocol = new StreamReaderProtocol(reader);
      const [plain, tls] = [new Pausable(), new Pausable()];
      protocol.connectionMade(plain);
      reader.feedData(encode("01234567890"));
      protocol._replaceTransport(tls as unknown as Transport);
      assertEquals([plain.calls, tls.calls], [["pause"], ["pause"]]);
      await reader.read(8);
      assertEquals([plain.calls, tls.calls], [["pause"], ["pause", "resume"]]);
      assertEquals(decode(protocol._takeBuffered()!), "890");
      assertStrictEquals(protocol._takeBuffered(), null);
      protocol.connectionLost(null);
    }));

  both("on the accepting side it is the server's", function* ({ loop }) {
    const reader = new StreamReader();
    let serverSide: unknown;
    Object.assign(loop, {
      startTls: (...args: { serverSide: boolean }[]) => {
        serverSide = args[3]!.serverSide;
        return sleep(0, new BaseTransport());
      },
    });
    class Open extends Transport {
      override isClosing() {
        return loop.isClosed();
      }
    }
    let writer: StreamWriter | null = null;
    new StreamReaderProtocol(reader, (_, w) => void (writer = w))
      .connectionMade(new Open());
    yield writer!.startTls("context");
    assertEquals(serverSide, true);
  });
});
