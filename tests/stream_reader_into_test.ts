/** StreamReader.readInto: reads into the caller's buffer. */
import { assertEquals, assertInstanceOf } from "@std/assert";
import {
  CancelledError,
  createTask,
  RuntimeError,
  sleep,
  StreamReader,
} from "../mod.ts";
import { describe } from "./_harness.ts";
import { both, caught } from "./_spell.ts";
import { decode, encode, fed, text } from "./_streams.ts";

describe("readInto", () => {
  both("gives what is there, as far as there is room", function* () {
    const reader = fed(100, "hello", " world", null);
    const buffer = new Uint8Array(8);
    assertEquals(yield reader.readInto(buffer), 8);
    assertEquals(decode(buffer), "hello wo");
    assertEquals(yield reader.readInto(buffer), 3);
    assertEquals(decode(buffer), "rldlo wo");
    assertEquals(yield reader.readInto(buffer), 0);
    assertEquals(yield reader.readInto(buffer), 0);
  });

  both("waits where nothing is there", function* ({ loop }) {
    const reader = new StreamReader();
    const buffer = new Uint8Array(8);
    loop.callLater(2, () => reader.feedData(encode("late")));
    assertEquals(yield reader.readInto(buffer.subarray(2)), 4);
    assertEquals(loop.time(), 2);
    assertEquals(decode(buffer.subarray(2, 6)), "late");
    loop.callLater(2, () => reader.feedEof());
    assertEquals(yield reader.readInto(buffer), 0);
  });

  both("refuses what it cannot read into", function* () {
    const reader = fed(100, "hello");
    const none = yield* caught(reader.readInto(new Uint8Array(0)));
    assertInstanceOf(none, RangeError);
    const text = yield* caught(reader.readInto("buffer" as never));
    assertInstanceOf(text, TypeError);
    assertEquals(yield reader.readInto(new Uint8Array(9)), 5);
  });

  both("one that waits keeps others from reading", function* () {
    const reader = new StreamReader();
    const first = createTask(reader.readInto(new Uint8Array(9)));
    yield sleep(0);
    const second = yield* caught(reader.readInto(new Uint8Array(9)));
    assertInstanceOf(second, RuntimeError);
    reader.feedData(encode("x"));
    assertEquals(yield first, 1);
  });

  both("cancelled when bytes have come, it gives them back", function* () {
    const reader = new StreamReader();
    const lent = encode("first");
    const read = createTask(reader.readInto(new Uint8Array(3)));
    yield sleep(0);
    reader._feedLent(lent);
    lent.fill(0);
    reader.feedData(encode(" second"));
    read.cancel();
    assertInstanceOf(yield* caught(read), CancelledError);
    assertEquals(yield* text(reader.read(100)), "first second");
  });

  both("a buffer that was transferred while it waited is missed", function* () {
    const reader = new StreamReader();
    const buffer = new Uint8Array(3);
    const read = createTask(reader.readInto(buffer));
    yield sleep(0);
    structuredClone(buffer, { transfer: [buffer.buffer] });
    reader.feedData(encode("abc"));
    assertInstanceOf(yield* caught(read), RangeError);
    assertEquals(yield* text(reader.read(100)), "abc");
  });
});
