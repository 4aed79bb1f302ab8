/** openConnection and startServer, in both spellings, and their Unix counterparts. */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  ConnectionRefusedError,
  coroutine,
  currentTask,
  isCoroutineFunction,
  NotImplementedError,
  openConnection,
  openUnixConnection,
  sleep,
  startServer,
  startUnixServer,
  type StreamReader,
  type StreamWriter,
} from "../mod.ts";
import { describe, it } from "./_harness.ts";
import { both, caught } from "./_spell.ts";
import { connectInMemory, decode, encode, text } from "./_streams.ts";
import { finish, runVirtual, virtualLoop } from "./_virtual.ts";

describe("streams", () => {
  both("a server echoes lines to its clients", function* ({ fn, loop }) {
    connectInMemory(loop);
    const handler = fn(function* (reader: StreamReader, writer: StreamWriter) {
      assert(currentTask() !== null);
      for (;;) {
        const line: Uint8Array = yield reader.readLine();
        if (line.length === 0) break;
        writer.write(line);
        yield writer.drain();
      }
      writer.close();
    });
    const server = yield startServer(handler, "host", 1);
    for (let i = 0; i < 3; i++) {
      const [reader, writer] = yield openConnection("host", 1);
      for (const line of ["one\n", "two\n"]) {
        writer.write(encode(line));
        assertEquals(yield* text(reader.readLine()), line);
      }
      writer.writeEof();
      assertEquals(yield* text(reader.read()), "");
      writer.close();
      yield writer.waitClosed();
    }
    server.close();
    assertInstanceOf(
      yield* caught(openConnection("host", 1)),
      ConnectionRefusedError,
    );
  });

  both("options are the loop's, but for the limit", function* ({ loop }) {
    const calls = connectInMemory(loop);
    const limits: string[] = [];
    const note = (reader: StreamReader, writer: StreamWriter) => {
      limits.push(String(reader));
      writer.close();
    };
    yield startServer(note, "host", 1, { limit: 11, backlog: 5 });
    yield startUnixServer(note, "/path", { limit: 12, ssl: null });
    const [a, w] = yield openConnection("host", 1, {
      limit: 13,
      family: "inet",
    });
    const [b, x] = yield openUnixConnection("/path", { limit: 14, ssl: null });
    assert(String(a).includes("limit=13") && String(b).includes("limit=14"));
    assert(limits[0]!.includes("limit=11") && limits[1]!.includes("limit=12"));
    assertEquals(calls, [
      { method: "createServer", options: { backlog: 5 } },
      { method: "createUnixServer", options: { ssl: null } },
      { method: "createConnection", options: { family: "inet" } },
      { method: "createUnixConnection", options: { ssl: null } },
    ]);
    w.close();
    x.close();
  });

  it("a loop without the method says so; a wrong callback is refused", async () => {
    const v = virtualLoop();
    await v.loop.runUntilComplete(async () => {
      const calls: [string, () => PromiseLike<unknown>][] = [
        ["createConnection", () => openConnection("h", 1)],
        ["createUnixConnection", () => openUnixConnection("p")],
        ["createServer", () => startServer(() => {}, "h", 1)],
        ["createUnixServer", () => startUnixServer(() => {}, "p")],
      ];
      for (const [name, call] of calls) {
        const error = await call().then(() => null, (e) => e) as Error;
        assertInstanceOf(error, NotImplementedError);
        assert(error.message.includes(`${name}()`), error.message);
      }
      assertThrows(() => startServer(null as never, "h", 1), TypeError);
      assertThrows(() => startUnixServer("f" as never, "h"), TypeError);
      assert(isCoroutineFunction(openConnection));
    });
    await finish(v);
  });
});

describe("the callback of a server", () => {
  /** What a callback is called in, by how it is written. */
  const kinds: [string, (log: Log) => (r: StreamReader) => unknown][] = [
    ["async", (log) => async () => {
      log("in");
      await sleep(1);
      log("out");
    }],
    ["generator", (log) =>
      function* () {
        log("in");
        yield* sleep(1);
        log("out");
      }],
    ["coroutine()", (log) =>
      coroutine(async () => {
        log("in");
        await sleep(1);
        log("out");
      })],
    ["returns a promise", (log) => () =>
      (async () => {
        log("in");
        await sleep(1);
        log("out");
      })()],
    ["returns a coroutine", (log) => {
      const co = coroutine(async () => {
        log("in");
        await sleep(1);
        log("out");
      });
      return () => co();
    }],
    ["plain", (log) => () => {
      log("in");
      log("out");
    }],
  ];
  type Log = (what: string) => void;

  for (const [name, make] of kinds) {
    it(`${name}: it runs, and as a task where it waits`, () =>
      runVirtual(async ({ loop }) => {
        connectInMemory(loop);
        const seen: [string, unknown][] = [];
        const callback = make((what) => {
          seen.push([what, currentTask()]);
        });
        await startServer(callback, "host", 1);
        const main = currentTask();
        const [, writer] = await openConnection("host", 1);
        await sleep(2);
        assertEquals(seen.map(([what]) => what), ["in", "out"]);
        assertStrictEquals(seen[0]![1], seen[1]![1]);
        assert(seen[0]![1] !== main);
        if (name !== "plain") assert(seen[0]![1] !== null);
        writer.close();
        await sleep(0);
      }));
  }

  both("its error is reported, and the connection closed", function* ({
    fn,
    loop,
    reports,
  }) {
    connectInMemory(loop);
    const failure = new Error("handler");
    yield startServer(
      fn(function* () {
        yield sleep(1);
        throw failure;
      }),
      "host",
      1,
    );
    const [reader, writer] = yield openConnection("host", 1);
    assertEquals(yield* text(reader.read()), "");
    const [report] = reports.splice(0);
    assertEquals(report!.message, "Unhandled exception in client_connected_cb");
    assertStrictEquals(report!.exception, failure);
    assertInstanceOf(report!["transport"], Object);
    writer.close();
  });

  both("cancelled, it closes the connection", function* ({ fn, loop }) {
    connectInMemory(loop);
    yield startServer(
      fn(function* () {
        currentTask()!.cancel();
        yield sleep(1);
      }),
      "host",
      1,
    );
    const [reader, writer] = yield openConnection("host", 1);
    assertEquals(yield* text(reader.read()), "");
    writer.close();
  });

  it("plain, its error is one of connectionMade", () =>
    runVirtual(async ({ loop, messages }) => {
      connectInMemory(loop);
      await startServer(
        () => {
          throw new Error("plain");
        },
        "host",
        1,
      );
      const [, writer] = await openConnection("host", 1);
      await sleep(0);
      const [message, ...rest] = messages();
      assert(message!.startsWith("Exception in callback"), message);
      assertEquals(rest, []);
      writer.close();
    }));
});

describe("Web Streams", () => {
  it("a pair pipes: readable and writable are made when asked for", () =>
    runVirtual(async ({ loop }) => {
      connectInMemory(loop);
      await startServer(
        async (reader, writer) => {
          const upper = new TransformStream<Uint8Array, Uint8Array>({
            transform(chunk, controller) {
              controller.enqueue(encode(decode(chunk).toUpperCase()));
            },
          });
          await reader.toWeb().pipeThrough(upper).pipeTo(writer.toWeb());
        },
        "host",
        1,
      );
      const pair = await openConnection("host", 1);
      assertEquals([pair.length, [...pair].length], [2, 2]);
      assertStrictEquals(pair.readable, pair.readable);
      assertStrictEquals(pair.readable, pair[0].toWeb());
      assertStrictEquals(pair.writable, pair[1].toWeb());
      assert(
        !(pair.map((x) => x) as object as Record<string, unknown>)["readable"],
      );
      const body = new Response("hello ".repeat(50_000)).body!;
      const back = await new Response(body.pipeThrough(pair)).text();
      assertEquals(back, "HELLO ".repeat(50_000));
      await pair[1].waitClosed();
    }));

  it("closing the writable ends one direction, the readable the connection", () =>
    runVirtual(async ({ loop }) => {
      connectInMemory(loop);
      const got: string[] = [];
      let theirs: StreamWriter | null = null;
      await startServer(
        async (reader, writer) => {
          theirs = writer;
          got.push(decode(await reader.read()));
          writer.write(encode("answer"));
          writer.close();
        },
        "host",
        1,
      );
      const { readable, writable } = await openConnection("host", 1);
      const sink = writable.getWriter();
      await sink.write(encode("question"));
      await sink.close();
      assertEquals(await new Response(readable).text(), "answer");
      assertEquals(got, ["question"]);
      await theirs!.waitClosed();
    }));

  it("closing the writable closes all where nothing is left to read", () =>
    runVirtual(async ({ loop }) => {
      connectInMemory(loop);
      await startServer((_, writer) => writer.close(), "host", 1);
      const [reader, writer] = await openConnection("host", 1);
      await reader.read();
      await writer.toWeb().close();
      assert(writer.isClosing());
    }));

  it("cancelling the readable after the writable was closed ends all", () =>
    runVirtual(async ({ loop }) => {
      connectInMemory(loop);
      await startServer(async (reader) => void await reader.read(), "host", 1);
      for (const order of ["cancel last", "close last"]) {
        const [reader, writer] = await openConnection("host", 1);
        if (order === "cancel last") {
          await writer.toWeb().close();
          assert(!writer.isClosing());
          await reader.toWeb().cancel();
        } else {
          await reader.toWeb().cancel();
          assert(!writer.isClosing());
          await writer.toWeb().close();
        }
        assert(writer.isClosing());
        await writer.waitClosed();
      }
    }));

  it("aborting the writable aborts the connection", () =>
    runVirtual(async ({ loop }) => {
      connectInMemory(loop);
      await startServer(async (reader) => void await reader.read(), "host", 1);
      const { 1: writer, writable } = await openConnection("host", 1);
      await writable.abort(new Error("enough"));
      assert(writer.isClosing());
    }));

  it("a write waits where drain would, and errors come through", () =>
    runVirtual(async ({ loop }) => {
      connectInMemory(loop);
      let theirs: StreamReader | null = null;
      await startServer((reader) => void (theirs = reader), "host", 1);
      const { 1: writer, writable, readable } = await openConnection("host", 1);
      const sink = writable.getWriter();
      let written = false;
      const writing = sink.write(new Uint8Array(900_000)).then(() => {
        written = true;
      });
      await sleep(5);
      assert(!written);
      await theirs!.readExactly(900_000);
      await writing;
      const wrong = await sink.write("text" as never).then(
        () => null,
        (e) => e,
      );
      assertInstanceOf(wrong, TypeError);
      const source = readable.getReader();
      const pending = source.read().then(() => null, (e) => e);
      await sleep(0);
      const broken = new Error("broken");
      theirs!._transport!.close();
      (writer._protocol as { connectionLost(e: unknown): void })
        .connectionLost(broken);
      assertStrictEquals(await pending, broken);
    }));

  it("a cancelled readable leaves what had come to the reader", () =>
    runVirtual(async ({ loop }) => {
      connectInMemory(loop);
      await startServer(
        async (_, writer) => {
          await sleep(1);
          writer.write(encode("late"));
        },
        "host",
        1,
      );
      const [reader, writer] = await openConnection("host", 1);
      const source = reader.toWeb().getReader();
      const pending = source.read();
      await sleep(0);
      await source.cancel();
      assertEquals((await pending).done, true);
      assertEquals(decode(await reader.read(10)), "late");
      writer.close();
    }));
});
