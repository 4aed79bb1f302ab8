/** The transport of stream sockets, over one that the test plays. */

import "../_net/whole.ts";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { describe, it } from "./_harness.ts";
import { ScriptedStream } from "./_scripted_stream.ts";
import { Recorder } from "./_transport_scene.ts";
import {
  BaseSelectorEventLoop,
  BufferedProtocol,
  ContextVar,
  copyContext,
  createTask,
  currentTask,
  type ExceptionContext,
  getRunningLoop,
  logger,
  OSError,
  Protocol,
  run,
  sleep,
  StreamReader,
  StreamReaderProtocol,
  SystemExit,
  type Transport,
  TransportSocket,
} from "../mod.ts";

const KIB = 1024;

interface Stage {
  readonly loop: BaseSelectorEventLoop;
  readonly stream: ScriptedStream;
  readonly protocol: Recorder;
  readonly transport: Transport;
  readonly reports: ExceptionContext[];
}

/** A transport whose `connectionMade` is yet to come. */
function stage(protocol: Recorder = new Recorder()): Stage {
  const loop = getRunningLoop() as BaseSelectorEventLoop;
  const reports: ExceptionContext[] = [];
  loop.setExceptionHandler((_, context) => void reports.push(context));
  const stream = new ScriptedStream();
  const transport = loop._makeSocketTransport(stream, protocol);
  return { loop, stream, protocol, transport, reports };
}

/** Runs a test on a transport that is connected. */
function connected(
  body: (stage: Stage) => Promise<void> | void,
): () => Promise<void> {
  return () =>
    run(async () => {
      const made = stage();
      await sleep(0);
      made.stream.take();
      await body(made);
      made.transport.abort();
      await sleep(0);
    });
}

const bytes = (size: number, fill = 1) => new Uint8Array(size).fill(fill);

/** What is logged while a function runs. */
async function logged(body: () => Promise<void>): Promise<string[]> {
  const messages: string[] = [];
  logger.setHandler(({ message }) => void messages.push(message));
  try {
    await body();
  } finally {
    logger.setHandler(null);
  }
  return messages;
}

describe("a socket transport's start", () => {
  it("calls connectionMade, reads, and ends the wait, in this order", () =>
    run(async () => {
      const loop = getRunningLoop() as BaseSelectorEventLoop;
      const order: string[] = [];
      const stream = new ScriptedStream();
      const protocol = new Recorder();
      protocol.onMade = () => {
        order.push(`made ${stream.calls.includes("resume")}`);
        loop.callSoon(() => order.push("callback of made"));
      };
      const waiter = loop.createFuture<void>();
      waiter.addDoneCallback(() =>
        order.push(`waiter ${stream.calls.includes("resume")}`)
      );
      loop.callSoon(() => order.push("before"));
      loop._makeSocketTransport(stream, protocol, waiter);
      loop.callSoon(() => order.push("after"));
      assertEquals(order, []);
      await waiter;
      assertEquals(order, [
        "before",
        "made false",
        "after",
        "callback of made",
        "waiter true",
      ]);
      assertEquals(stream.calls, ["setNoDelay true", "resume"]);
    }));

  it("leaves a cancelled waiter alone", () =>
    run(async () => {
      const loop = getRunningLoop() as BaseSelectorEventLoop;
      const waiter = loop.createFuture<void>();
      loop._makeSocketTransport(new ScriptedStream(), new Recorder(), waiter);
      waiter.cancel();
      await sleep(0);
      assert(waiter.cancelled());
    }));

  it("does not read where connectionMade pauses or closes", () =>
    run(async () => {
      for (const act of ["pauseReading", "close"] as const) {
        const protocol = new Recorder();
        protocol.onMade = (transport) => transport[act]();
        const { stream } = stage(protocol);
        await sleep(0);
        await sleep(0);
        assert(!stream.calls.includes("resume"), act);
      }
    }));

  it("reports an error of connectionMade, and goes on", () =>
    run(async () => {
      const protocol = new Recorder();
      protocol.onMade = () => {
        throw new Error("not made");
      };
      const { stream, transport, reports } = stage(protocol);
      await sleep(0);
      assertEquals((reports[0]!.exception as Error).message, "not made");
      assertStrictEquals(reports[0]!["transport"], transport);
      assert(stream.calls.includes("resume"));
    }));

  it("closed before it, connectionMade and connectionLost come in turn", () =>
    run(async () => {
      const { transport, protocol, stream } = stage();
      transport.close();
      await sleep(0);
      await sleep(0);
      assertEquals(protocol.calls, ["made", "lost"]);
      assert(!stream.calls.includes("resume"));
      assertEquals(stream.calls.at(-1), "close");
    }));

  it("tells of the socket", () =>
    run(async () => {
      const { transport } = stage();
      await sleep(0);
      assertEquals(transport.getExtraInfo("peername"), ["127.0.0.1", 2]);
      assertEquals(transport.getExtraInfo("sockname"), ["127.0.0.1", 1]);
      const socket = transport.getExtraInfo("socket");
      assert(socket instanceof TransportSocket);
      assertStrictEquals(transport.getExtraInfo("socket"), socket);
      assertEquals(socket.getPeerName(), ["127.0.0.1", 2]);
      assertStrictEquals(transport.getExtraInfo("pipe"), null);
    }));

  it("what was given as extra comes first", () =>
    run(async () => {
      const loop = getRunningLoop() as BaseSelectorEventLoop;
      await sleep(0);
      const transport = loop._makeSocketTransport(
        new ScriptedStream(),
        new Recorder(),
        null,
        { extra: { peername: "somebody", more: 1 } },
      );
      assertEquals(transport.getExtraInfo("peername"), "somebody");
      assertEquals(transport.getExtraInfo("more"), 1);
    }));
});

describe("a socket transport's calls", () => {
  it(
    "come in the loop, after what was scheduled before",
    connected(
      async ({ loop, stream, protocol }) => {
        const order: string[] = [];
        protocol.onData = () => {
          order.push("data");
          assertStrictEquals(getRunningLoop(), loop);
          assertStrictEquals(currentTask(), null);
        };
        loop.callSoon(() => order.push("before"));
        stream.owner!.onData(bytes(1));
        loop.callSoon(() => order.push("after"));
        assertEquals(order, []);
        await sleep(0);
        assertEquals(order, ["before", "data", "after"]);
      },
    ),
  );

  it(
    "one chunk in each iteration",
    connected(
      async ({ loop, stream, protocol }) => {
        const order: string[] = [];
        protocol.onData = (data) => {
          order.push(`data ${data.length}`);
          loop.callSoon(() => order.push("callback"));
        };
        stream.owner!.onData(bytes(1));
        stream.owner!.onData(bytes(2));
        stream.owner!.onData(bytes(3));
        for (let i = 0; i < 5; i++) await sleep(0);
        assertEquals(order, [
          "data 1",
          "callback",
          "data 2",
          "callback",
          "data 3",
          "callback",
        ]);
      },
    ),
  );

  it("wait while the loop does not run", async () => {
    const loop = new BaseSelectorEventLoop();
    const stream = new ScriptedStream();
    const protocol = new Recorder();
    loop._makeSocketTransport(stream, protocol);
    await loop.runUntilComplete(() => Promise.resolve());
    stream.owner!.onData(bytes(5));
    stream.owner!.onEof();
    await new Promise((resolve) => setTimeout(resolve, 5));
    assertEquals(protocol.calls, ["made"]);
    await loop.runUntilComplete(sleep(0.001));
    assertEquals(protocol.calls, ["made", "data", "eof", "lost"]);
    loop.close();
  });

  it("are made in one context, copied when the transport was", () =>
    run(async () => {
      const name = new ContextVar<string>("name");
      name.set("outer");
      const seen: unknown[] = [];
      const protocol = new Recorder();
      protocol.onMade = () => {
        seen.push(name.get());
        name.set("inner");
      };
      protocol.onData = () => seen.push(name.get());
      protocol.onLost = () => seen.push(name.get());
      const { stream, transport } = stage(protocol);
      name.set("changed");
      await sleep(0);
      stream.owner!.onData(bytes(1));
      await sleep(0);
      transport.close();
      await sleep(0);
      assertEquals(seen, ["outer", "inner", "inner"]);
      assertEquals(name.get(), "changed");
    }));

  it("are made in the context that was given", () =>
    run(async () => {
      const name = new ContextVar<string>("name");
      const context = copyContext();
      context.run(() => name.set("given"));
      const seen: unknown[] = [];
      const protocol = new Recorder();
      protocol.onMade = () => seen.push(name.get());
      protocol.onData = () => seen.push(name.get());
      const loop = getRunningLoop() as BaseSelectorEventLoop;
      const stream = new ScriptedStream();
      loop._makeSocketTransport(stream, protocol, null, { context });
      await sleep(0);
      stream.owner!.onData(bytes(1));
      await sleep(0);
      assertEquals(seen, ["given", "given"]);
    }));

  it("SystemExit leaves the loop", async () => {
    let exit: unknown;
    try {
      await run(async () => {
        const { stream, protocol } = stage();
        await sleep(0);
        protocol.onData = () => {
          throw new SystemExit(3);
        };
        stream.owner!.onData(bytes(1));
        await sleep(1);
      });
    } catch (error) {
      exit = error;
    }
    assert(exit instanceof SystemExit);
  });
});

describe("a socket transport's reading", () => {
  it(
    "stops the stream when too much is unread, and goes on",
    connected(
      async ({ stream, protocol }) => {
        for (let i = 0; i < 4; i++) stream.owner!.onData(bytes(64 * KIB));
        assertEquals(stream.take(), ["pause"]);
        for (let i = 0; i < 3; i++) await sleep(0);
        assertEquals([protocol.received, stream.take()], [192 * KIB, []]);
        await sleep(0);
        assertEquals([protocol.received, stream.take()], [
          256 * KIB,
          ["resume"],
        ]);
      },
    ),
  );

  it(
    "what is unread while paused stays, and comes before the rest",
    connected(
      async ({ stream, protocol, transport }) => {
        stream.owner!.onData(bytes(1));
        transport.pauseReading();
        assertEquals(stream.take(), ["pause"]);
        await sleep(0);
        assertEquals(protocol.received, 0);
        transport.resumeReading();
        assertEquals(stream.take(), ["resume"]);
        await sleep(0);
        assertEquals(protocol.received, 1);
      },
    ),
  );

  it(
    "a failure comes after what was read",
    connected(
      async ({ stream, protocol }) => {
        const reset = OSError.from("ECONNRESET", "reset");
        stream.owner!.onData(bytes(1));
        stream.owner!.onData(bytes(1));
        stream.owner!.onClose(reset);
        for (let i = 0; i < 5; i++) await sleep(0);
        assertEquals(protocol.calls, ["made", "data", "lost"]);
        assertEquals(protocol.received, 2);
        assertStrictEquals(protocol.lostWith, reset);
      },
    ),
  );

  it(
    "a failure is told at once while reading is paused",
    connected(
      async ({ stream, protocol, transport }) => {
        transport.pauseReading();
        stream.owner!.onClose(OSError.from("EPIPE", "broken"));
        await sleep(0);
        await sleep(0);
        assertEquals(protocol.calls, ["made", "lost"]);
        assertEquals((protocol.lostWith as OSError).code, "EPIPE");
      },
    ),
  );

  it("a buffered protocol borrows: the stream is asked once all is taken", () =>
    run(async () => {
      const loop = getRunningLoop() as BaseSelectorEventLoop;
      const stream = new ScriptedStream(true);
      const got: number[] = [];
      const buffer = new Uint8Array(20 * KIB);
      class Buffered extends BufferedProtocol {
        override getBuffer() {
          return buffer;
        }
        override bufferUpdated(count: number) {
          got.push(count, buffer[0]!);
        }
      }
      const transport = loop._makeSocketTransport(stream, new Buffered());
      await sleep(0);
      stream.take();
      assert(stream.owner!.borrows);
      assert(stream.owner!.asks);
      stream.lend(bytes(32 * KIB, 2));
      assertEquals(stream.take(), []);
      for (let i = 0; i < 3; i++) await sleep(0);
      assertEquals(got, [20 * KIB, 2, 12 * KIB, 2]);
      assertEquals(stream.take(), ["next"]);
      // A protocol that keeps its chunks takes over with one that is borrowed.
      const large = bytes(32 * KIB, 3);
      stream.lend(large);
      const next = new Recorder();
      transport.setProtocol(next);
      for (let i = 0; i < 2; i++) await sleep(0);
      assertEquals(stream.take(), ["next"]);
      large.fill(9);
      assertEquals(next.bytes()[0], 3);
      assert(!stream.owner!.borrows);
    }));

  it("a stream that waits is asked after the answer is written", () =>
    run(async () => {
      const loop = getRunningLoop() as BaseSelectorEventLoop;
      const stream = new ScriptedStream(true);
      let answer: "now" | "later" | "held" = "now";
      class Answers extends Protocol {
        override dataReceived(data: Uint8Array) {
          if (answer === "later") loop.callSoon(() => transport.write(data));
          else transport.write(data);
          if (answer === "held") stream.buffered = 1;
        }
      }
      const transport = loop._makeSocketTransport(stream, new Answers());
      await sleep(0);
      for (answer of ["later", "now", "held"] as const) {
        stream.take();
        stream.lend(bytes(10, 1));
        assertEquals(stream.take(), []);
        for (let i = 0; i < 3; i++) await sleep(0);
        assertEquals(stream.take(), ["write 10", "next"], answer);
      }
      stream.buffered = 0;
      transport.abort();
    }));

  it("a stream is not read ahead between two reads into a buffer", () =>
    run(async () => {
      const loop = getRunningLoop() as BaseSelectorEventLoop;
      const stream = new ScriptedStream(true);
      const reader = new StreamReader();
      const transport = loop._makeSocketTransport(
        stream,
        new StreamReaderProtocol(reader),
      );
      await sleep(0);
      assert(!stream.owner!.borrows);
      const buffer = new Uint8Array(4);
      const first = createTask(reader.readInto(buffer));
      await sleep(0);
      assert(stream.owner!.borrows);
      stream.take();
      stream.lend(bytes(6, 1));
      assertEquals(await first, 4);
      assertEquals(buffer, bytes(4, 1));
      for (let i = 0; i < 3; i++) await sleep(0);
      assertEquals(stream.take(), []);
      // What had no room is there still, though the chunk is overwritten.
      assertEquals(await reader.readInto(buffer), 2);
      assertEquals(stream.take(), []);
      const second = createTask(reader.readInto(buffer));
      await sleep(0);
      assertEquals(stream.take(), ["next"]);
      // Its reader was cancelled: what is lent is kept for the next read.
      stream.lend(bytes(3, 2));
      second.cancel();
      await sleep(0);
      assertEquals(await reader.read(10), bytes(3, 2));
      // A read of another kind reads ahead again.
      const third = createTask(reader.read(10));
      await sleep(0);
      assertEquals(stream.take(), ["next"]);
      assert(!stream.owner!.borrows);
      stream.lend(bytes(3, 3));
      assertEquals(await third, bytes(3, 3));
      for (let i = 0; i < 2; i++) await sleep(0);
      assertEquals(stream.take(), ["next"]);
      transport.abort();
    }));
});

describe("a socket transport whose stream fails while it is paused", () => {
  it(
    "gives its protocol first what had come",
    connected(
      async ({ stream, transport, protocol }) => {
        stream.owner!.onData(bytes(3));
        transport.pauseReading();
        stream.owner!.onClose(new OSError("gone"));
        await sleep(0);
        await sleep(0);
        assertEquals(protocol.calls, ["made"]);
        transport.resumeReading();
        await sleep(0);
        await sleep(0);
        assertEquals(protocol.calls, ["made", "data", "lost"]);
        assertEquals(protocol.bytes().length, 3);
      },
    ),
  );

  it(
    "gives up what had come where something is written",
    connected(
      async ({ stream, transport, protocol }) => {
        stream.owner!.onData(bytes(3));
        transport.pauseReading();
        stream.owner!.onClose(new OSError("gone"));
        await sleep(0);
        stream.room = 0;
        transport.write(bytes(1));
        await sleep(0);
        await sleep(0);
        assertEquals(protocol.calls, ["made", "lost"]);
      },
    ),
  );
});

describe("a socket transport's writing", () => {
  it(
    "writes at once, and keeps what is not taken",
    connected(
      ({ stream, transport }) => {
        stream.room = 150;
        transport.write(bytes(100));
        transport.write(bytes(100));
        transport.write(bytes(30));
        assertEquals(stream.take(), ["write 100", "write 50"]);
        assertEquals(transport.getWriteBufferSize(), 80);
      },
    ),
  );

  it(
    "joins small pieces, and leaves large ones as they are",
    connected(
      ({ stream, transport }) => {
        stream.room = 0;
        for (let i = 0; i < 10; i++) transport.write(bytes(100, i));
        transport.write(bytes(100 * KIB, 77));
        transport.write(bytes(1));
        stream.take();
        stream.room = 750;
        stream.owner!.onDrain();
        assertEquals(stream.take(), ["write 750"]);
        stream.room = Infinity;
        stream.owner!.onDrain();
        assertEquals(stream.take(), ["write 250", "write 102400", "write 1"]);
        const all = stream.written.flatMap((piece) => [...piece]);
        assertEquals(all.length, 1000 + 100 * KIB + 1);
        for (let i = 0; i < 1000; i++) {
          assertEquals(all[i], Math.floor(i / 100));
        }
        assertEquals(transport.getWriteBufferSize(), 0);
      },
    ),
  );

  it(
    "bytes on their way count as buffered",
    connected(
      async ({ stream, transport, protocol }) => {
        stream.buffered = 100 * KIB;
        transport.write(bytes(1));
        assertEquals(transport.getWriteBufferSize(), 100 * KIB);
        assertEquals(protocol.calls, ["made", "pause"]);
        stream.buffered = 16 * KIB;
        stream.owner!.onDrain();
        assertEquals(protocol.calls, ["made", "pause"]);
        await sleep(0);
        assertEquals(protocol.calls, ["made", "pause", "resume"]);
      },
    ),
  );

  it(
    "writing through does not wake the loop",
    connected(
      ({ loop, stream, transport }) => {
        let pushed = 0;
        const push = loop._push.bind(loop);
        Object.assign(loop, {
          _push(runnable: never) {
            pushed++;
            push(runnable);
          },
        });
        stream.room = 1;
        transport.write(bytes(10));
        stream.room = Infinity;
        stream.owner!.onDrain();
        assertEquals(stream.take(), ["write 1", "write 9"]);
        assertEquals(pushed, 0);
      },
    ),
  );

  it(
    "writeEof waits for what is buffered",
    connected(
      ({ stream, transport }) => {
        stream.room = 1;
        transport.write(bytes(10));
        transport.writeEof();
        assertEquals(stream.take(), ["write 1"]);
        stream.room = Infinity;
        stream.owner!.onDrain();
        assertEquals(stream.take(), ["write 9", "shutdownWrite"]);
      },
    ),
  );

  it(
    "writeLines writes once",
    connected(({ stream, transport }) => {
      transport.writeLines([bytes(1), bytes(0), bytes(2)]);
      assertEquals(stream.take(), ["write 3"]);
    }),
  );
});

describe("a socket transport's end", () => {
  it(
    "close flushes, and connectionLost comes after",
    connected(
      async ({ stream, transport, protocol }) => {
        stream.room = 0;
        transport.write(bytes(10));
        transport.close();
        await sleep(0);
        assertEquals(protocol.calls, ["made"]);
        stream.room = Infinity;
        stream.buffered = 10;
        stream.owner!.onDrain();
        await sleep(0);
        assertEquals(protocol.calls, ["made"]);
        stream.buffered = 0;
        stream.owner!.onDrain();
        await sleep(0);
        assertEquals(protocol.calls, ["made", "lost"]);
        assertEquals(stream.calls.at(-1), "close");
      },
    ),
  );

  it(
    "connectionLost comes after what was scheduled before close",
    connected(
      async ({ loop, stream, transport, protocol }) => {
        const order: string[] = [];
        protocol.onLost = () => order.push("lost");
        stream.owner!.onDrain();
        stream.owner!.onData(bytes(1));
        loop.callSoon(() => order.push("before"));
        transport.close();
        loop.callSoon(() => order.push("after"));
        await sleep(0);
        assertEquals(order, ["before", "lost", "after"]);
        assertEquals(protocol.received, 0);
      },
    ),
  );

  it(
    "abort drops what is buffered, and resets what is on its way",
    connected(
      async ({ stream, transport, protocol }) => {
        stream.room = 0;
        transport.write(bytes(10));
        stream.buffered = 5;
        transport.abort();
        assertEquals(transport.getWriteBufferSize(), 0);
        await sleep(0);
        assertEquals(protocol.calls, ["made", "lost"]);
        assertEquals(stream.calls.at(-1), "abort");
      },
    ),
  );

  it(
    "nothing the runtime tells afterwards is heard",
    connected(
      async ({ stream, transport, protocol }) => {
        transport.close();
        await sleep(0);
        const owner = stream.owner!;
        owner.onData(bytes(1));
        owner.onEof();
        owner.onDrain();
        owner.onClose(null);
        for (let i = 0; i < 3; i++) await sleep(0);
        assertEquals(protocol.calls, ["made", "lost"]);
      },
    ),
  );

  it("an OSError of the connection is logged in debug mode alone", () =>
    run(async () => {
      for (const debug of [false, true]) {
        const { loop, stream, reports } = stage();
        loop.setDebug(debug);
        logger.setLevel("debug");
        try {
          await sleep(0);
          const messages = await logged(async () => {
            stream.owner!.onClose(OSError.from("ECONNRESET", "reset"));
            await sleep(0);
          });
          assertEquals(
            messages.filter((text) => text.includes("Fatal read error")).length,
            debug ? 1 : 0,
          );
        } finally {
          logger.setLevel("warning");
          loop.setDebug(false);
        }
        assertEquals(reports, []);
      }
    }));

  it("a closed loop closes what is left, and says so in debug mode", async () => {
    for (const debug of [false, true]) {
      const loop = new BaseSelectorEventLoop();
      loop.setDebug(debug);
      const stream = new ScriptedStream();
      const protocol = new Recorder();
      const transport = loop._makeSocketTransport(stream, protocol);
      const messages = await logged(async () => {
        await loop.runUntilComplete(() => Promise.resolve());
        loop.close();
      });
      assertEquals(stream.calls.at(-1), "close");
      assertEquals(protocol.calls, ["made"]);
      assert(transport.isClosing());
      assertEquals(
        messages.map((text) => text.replace(/ <.*>.*/, "")),
        debug ? ["unclosed transport"] : [],
      );
      const owner = stream.owner!;
      owner.onData(bytes(1));
      owner.onEof();
      owner.onDrain();
      owner.onClose(null);
      transport.close();
      transport.abort();
      transport.write(bytes(1));
      assertEquals(loop._transports.size, 0);
    }
  });

  it(
    "shows its state",
    connected(async ({ stream, transport }) => {
      assertEquals(
        String(transport),
        "<_SelectorSocketTransport read=polling write=<idle, bufsize=0>>",
      );
      stream.room = 0;
      transport.write(bytes(5));
      transport.pauseReading();
      assertEquals(
        String(transport),
        "<_SelectorSocketTransport read=idle write=<polling, bufsize=5>>",
      );
      transport.abort();
      await sleep(0);
      assertEquals(String(transport), "<_SelectorSocketTransport closed>");
    }),
  );

  it("a server is told of its beginning and its end", () =>
    run(async () => {
      const loop = getRunningLoop() as BaseSelectorEventLoop;
      const told: string[] = [];
      const server = {
        _attach: () => told.push("attach"),
        _detach: () => told.push("detach"),
      };
      const transport = loop._makeSocketTransport(
        new ScriptedStream(),
        new Protocol(),
        null,
        { server: server as never },
      );
      assertEquals(told, ["attach"]);
      await sleep(0);
      transport.close();
      assertEquals(told, ["attach"]);
      await sleep(0);
      assertEquals(told, ["attach", "detach"]);
    }));
});
