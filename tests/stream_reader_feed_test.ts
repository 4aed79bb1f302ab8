/** StreamReader: feeding, pausing, ends, errors, lines by iteration. */
import {
  assert,
  assertEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  type BaseTransport,
  createTask,
  getRunningLoop,
  ReadTransport,
  RuntimeError,
  sleep,
  StreamReader,
} from "../mod.ts";
import { describe, it } from "./_harness.ts";
import { both, caught } from "./_spell.ts";
import { decode, encode, fed, Pausable, text } from "./_streams.ts";
import { runVirtual } from "./_virtual.ts";

describe("feeding", () => {
  it("behaviour 70: above twice the limit it pauses, at the limit it resumes", () =>
    runVirtual(async () => {
      const transport = new Pausable();
      const reader = new StreamReader(5);
      reader.setTransport(transport);
      reader.feedData(encode("0123456789"));
      assertEquals(transport.calls, []);
      reader.feedData(encode("0"));
      assertEquals(transport.calls, ["pause"]);
      reader.feedData(encode("12"));
      assertEquals(transport.calls, ["pause"]);
      await reader.read(7);
      assertEquals(transport.calls, ["pause"]);
      await reader.read(1);
      assertEquals(transport.calls, ["pause", "resume"]);
      reader.feedData(encode("x".repeat(10)));
      assertEquals(transport.calls, ["pause", "resume", "pause"]);
    }));

  it("behaviour 70: every kind of read resumes", () =>
    runVirtual(async () => {
      const reads: ((reader: StreamReader) => PromiseLike<unknown>)[] = [
        (r) => r.read(20),
        (r) => r.readExactly(20),
        (r) => r.readUntil(encode("x\n")),
        (r) => r.read(),
        (r) => r.readLine().then(() => {}, () => {}),
      ];
      for (const read of reads) {
        const transport = new Pausable();
        const reader = new StreamReader(20);
        reader.setTransport(transport);
        reader.feedData(encode("x".repeat(19) + "\n" + "y".repeat(25)));
        const reading = createTask(async () => void await read(reader));
        await sleep(0);
        if (transport.calls.length === 1) await reader.read(20);
        assertEquals(transport.calls, ["pause", "resume"], String(read));
        reader.feedEof();
        await reading;
      }
    }));

  it("behaviour 70: one part larger than all that may be buffered comes", () =>
    runVirtual(async ({ loop }) => {
      const reader = new StreamReader(5);
      let sent = 0;
      let paused = false;
      const send = () => {
        if (paused || sent === 1000) return;
        reader.feedData(encode("x".repeat(10)));
        sent += 10;
        loop.callSoon(send);
      };
      class Source extends ReadTransport {
        override pauseReading() {
          paused = true;
        }
        override resumeReading() {
          paused = false;
          loop.callSoon(send);
        }
      }
      reader.setTransport(new Source());
      loop.callSoon(send);
      assertEquals((await reader.readExactly(1000)).length, 1000);
    }));

  it("behaviour 70: atEof is the end and an empty buffer", () =>
    runVirtual(async () => {
      const reader = fed(100, "a");
      assertEquals(reader.atEof(), false);
      reader.feedEof();
      assertEquals(reader.atEof(), false);
      await reader.read(1);
      assertEquals(reader.atEof(), true);
      assertThrows(
        () => reader.feedData(encode("b")),
        RuntimeError,
        "feed_data after feed_eof",
      );
    }));

  both("behaviour 70: async iteration gives the lines", function* ({ loop }) {
    const reader = fed(100, "one\ntw");
    loop.callLater(1, () => reader.feedData(encode("o\n\nlast")));
    loop.callLater(2, () => reader.feedEof());
    const lines: string[] = [];
    for (;;) {
      const next: IteratorResult<Uint8Array> = yield reader.next();
      if (next.done) break;
      lines.push(decode(next.value));
    }
    assertEquals(lines, ["one\n", "two\n", "\n", "last"]);
  });

  it("behaviour 70: for await ends at the end, and break leaves the rest", () =>
    runVirtual(async () => {
      const reader = fed(100, "one\ntwo\nthree", null);
      const lines: string[] = [];
      for await (const line of reader) {
        lines.push(decode(line));
        break;
      }
      for await (const line of reader) lines.push(decode(line));
      assertEquals(lines, ["one\n", "two\n", "three"]);
    }));

  it("a transport that cannot be paused is not asked again", () =>
    runVirtual(async () => {
      const reader = new StreamReader(5);
      let asked = 0;
      class Deaf extends ReadTransport {
        override pauseReading() {
          asked++;
          super.pauseReading();
        }
      }
      reader.setTransport(new Deaf());
      for (let i = 0; i < 5; i++) reader.feedData(encode("0123456789"));
      assertEquals(asked, 1);
      assertEquals((await reader.read(100)).length, 50);
    }));

  it("a limit must be above 0, a transport is set once", () =>
    runVirtual(async () => {
      for (const limit of [0, -1, NaN]) {
        assertThrows(
          () => new StreamReader(limit),
          RangeError,
          "Limit cannot be <= 0",
        );
      }
      const reader = new StreamReader();
      reader.setTransport(new Pausable());
      assertThrows(
        () => reader.setTransport(new Pausable() as BaseTransport),
        RuntimeError,
        "Transport already set",
      );
      assertStrictEquals(new StreamReader()._loop, getRunningLoop());
      await Promise.resolve();
    }));

  both("no data wakes nobody", function* ({ co }) {
    const reader = new StreamReader();
    const task = createTask(co(() => text(reader.read(1)))());
    yield sleep(0);
    reader.feedData(new Uint8Array(0));
    yield sleep(1);
    assert(!task.done());
    reader.feedEof();
    assertEquals(yield task, "");
  });

  both(
    "an exception ends the wait, and every read after it",
    function* ({ co }) {
      const reader = fed(100, "abc");
      const task = createTask(co(() => text(reader.readExactly(5)))());
      yield sleep(0);
      assertStrictEquals(reader.exception(), null);
      const error = new Error("lost");
      reader.setException(error);
      assertStrictEquals(reader.exception(), error);
      assertStrictEquals(yield* caught(task), error);
      for (
        const read of [
          reader.read(1),
          reader.read(),
          reader.readExactly(1),
          reader.readLine(),
          reader.readUntil(),
          reader.next(),
        ]
      ) assertStrictEquals(yield* caught(read), error);
    },
  );

  both(
    "data that came before the exception is still given",
    function* ({ co }) {
      const reader = new StreamReader();
      const task = createTask(co(() => text(reader.read(5)))());
      const line = new StreamReader();
      const stuck = createTask(co(() => text(line.readLine()))());
      yield sleep(0);
      for (const each of [reader, line]) {
        each.feedData(encode("abc"));
        each.setException(new Error("lost"));
      }
      assertEquals(yield task, "abc");
      // No newline will come any more: it must not wait for ever.
      assertEquals(((yield* caught(stuck)) as Error).message, "lost");
    },
  );

  it("toString shows the state", () =>
    runVirtual(async ({ loop }) => {
      const reader = new StreamReader();
      assertEquals(String(reader), "<StreamReader>");
      const small = fed(5, "0123456789a", null);
      assertEquals(String(small), "<StreamReader 11 bytes eof limit=5>");
      const waiting = createTask(reader.read(1));
      await sleep(0);
      assert(String(reader).includes("waiter=<Future pending"));
      waiting.cancel();
      await sleep(0);
      reader.setException(new Error("x"));
      assertEquals(String(reader), "<StreamReader exception=Error: x>");
      loop.setDebug(true);
      assert(new StreamReader()._sourceTraceback !== null);
    }));
});
