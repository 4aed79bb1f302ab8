/** The suite of transports: order of calls, reading, writing, flow control. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { describe } from "./_harness.ts";
import {
  assertSame,
  concat,
  KIB,
  type Kind,
  pattern,
  throws,
} from "./_transport_scene.ts";
import { logger, sleep } from "../mod.ts";

export function orderOfCalls(kind: Kind): void {
  const { test } = kind;
  describe("order of calls", () => {
    test("made, data, eof, lost: and nothing comes after", async (t) => {
      assertStrictEquals(t.up.madeWith, t.client);
      assertStrictEquals(t.down.madeWith, t.server);
      t.client.write(pattern(100));
      await t.until("the data", () => t.down.received === 100);
      t.client.close();
      await t.until("both ends", () => t.up.lost && t.down.lost);
      await t.settle();
      assertEquals(t.up.calls, ["made", "lost"]);
      assertEquals(t.down.calls, ["made", "data", "eof", "lost"]);
      assertEquals([t.up.lostWith, t.down.lostWith], [null, null]);
    });

    test("what is written in connectionMade arrives", async (t) => {
      await t.until(
        "the greetings",
        () => t.up.received === 3 && t.down.received === 5,
      );
      assertEquals(t.up.calls, ["made", "data"]);
      assertEquals(t.down.calls, ["made", "data"]);
    }, (up, down) => {
      up.onMade = (transport) => transport.write(pattern(5));
      down.onMade = (transport) => transport.write(pattern(3));
    });

    test("an answer written in dataReceived arrives", async (t) => {
      t.down.onData = (data) => t.server.write(data);
      for (let i = 1; i <= 20; i++) {
        t.client.write(pattern(10, i));
        await t.until("the echo", () => t.up.received === 10 * i);
      }
      assertSame(t.up.bytes(), t.down.bytes());
    });

    test("connectionLost is called by the loop, not by close", async (t) => {
      t.client.close();
      assertEquals([t.client.isClosing(), t.up.lost], [true, false]);
      await t.until("the end", () => t.up.lost);
      assertStrictEquals(t.up.lostWith, null);
    });

    test("connectionLost is called by the loop, not by abort", async (t) => {
      t.client.abort();
      assertEquals([t.client.isClosing(), t.up.lost], [true, false]);
      await t.until("the end", () => t.up.lost);
      assertStrictEquals(t.up.lostWith, null);
    });
  });
}

export function reading(kind: Kind): void {
  const { test } = kind;
  describe("reading", () => {
    test("pauseReading stops it, resumeReading goes on", async (t) => {
      assert(t.server.isReading());
      t.server.pauseReading();
      t.server.pauseReading();
      assert(!t.server.isReading());
      t.client.write(pattern(1000));
      await t.settle();
      assertEquals(t.down.received, 0);
      t.server.resumeReading();
      t.server.resumeReading();
      assert(t.server.isReading());
      await t.until("the data", () => t.down.received === 1000);
      assertSame(t.down.bytes(), pattern(1000));
    });

    test("what is on its way when it pauses waits, too", async (t) => {
      t.client.write(pattern(1000));
      t.server.pauseReading();
      await t.settle();
      assertEquals(t.down.received, 0);
      t.server.resumeReading();
      await t.until("the data", () => t.down.received === 1000);
    });

    test("what is on its way when it closes is dropped", async (t) => {
      t.client.write(pattern(1000));
      t.server.close();
      await t.until("the end", () => t.down.lost);
      assertEquals(t.down.calls, ["made", "lost"]);
    });

    test("paused in connectionMade, nothing comes", async (t) => {
      t.client.write(pattern(10));
      await t.settle();
      assertEquals(t.down.calls, ["made"]);
      t.server.resumeReading();
      await t.until("the data", () => t.down.received === 10);
    }, (_, down) => {
      down.onMade = (transport) => transport.pauseReading();
    });

    test("paused in dataReceived, no more comes", async (t) => {
      t.down.onData = () => t.server.pauseReading();
      const sent = pattern(300 * KIB);
      t.client.write(sent);
      for (let chunks = 1; t.down.received < sent.length; chunks++) {
        await t.until("a chunk", () => t.down.chunks.length === chunks);
        await sleep(0.002);
        assertEquals(t.down.chunks.length, chunks);
        t.server.resumeReading();
      }
      assertSame(t.down.bytes(), sent);
    });

    test("the end waits, too, while reading is paused", async (t) => {
      t.server.pauseReading();
      t.client.write(pattern(10));
      t.client.close();
      await t.settle();
      assertEquals(t.down.calls, ["made"]);
      t.server.resumeReading();
      await t.until("the end", () => t.down.lost);
      assertEquals(t.down.calls, ["made", "data", "eof", "lost"]);
    });

    test("closing, it is not reading and receives nothing", async (t) => {
      t.server.close();
      assert(!t.server.isReading());
      t.client.write(pattern(10));
      t.server.pauseReading();
      t.server.resumeReading();
      await t.until("the end", () => t.down.lost);
      assertEquals(t.down.calls, ["made", "lost"]);
    });
  });
}

export function writing(kind: Kind): void {
  const { test, lostWrites } = kind;
  describe("writing", () => {
    test("writes of many sizes arrive whole and in order, both ways", async (t) => {
      const sizes = [1, 2, 3, 0, 7, 1023, 1024, 1025, 4096, 16384, 65535];
      sizes.push(65536, 65537, 1, 100_000, 262_144, 5, 300_000, 0, 1_000_000);
      const pieces = sizes.map((size, i) => pattern(size, i));
      const whole = concat(pieces);
      for (const [i, piece] of pieces.entries()) {
        t.client.write(piece);
        t.server.write(pieces.at(-1 - i)!);
        if (i % 5 === 4) await sleep(0);
      }
      await t.until(
        "all of it",
        () => t.up.received >= whole.length && t.down.received >= whole.length,
      );
      assertSame(t.down.bytes(), whole);
      assertSame(t.up.bytes(), concat(pieces.toReversed()));
    });

    test("thousands of small writes arrive whole and in order", async (t) => {
      const pieces: Uint8Array[] = [];
      for (let i = 0; i < 3000; i++) {
        const piece = pattern(1 + i % 50, i);
        pieces.push(piece);
        t.client.write(piece);
      }
      const whole = concat(pieces);
      await t.until("all of it", () => t.down.received >= whole.length);
      assertSame(t.down.bytes(), whole);
    });

    test("writeLines sends the pieces in order", async (t) => {
      const pieces = [pattern(10, 1), pattern(0), pattern(70_000, 2)];
      t.client.writeLines(pieces);
      t.client.writeLines([]);
      t.client.writeLines(new Set([pattern(3, 3)]));
      const whole = concat([...pieces, pattern(3, 3)]);
      await t.until("all of it", () => t.down.received >= whole.length);
      assertSame(t.down.bytes(), whole);
    });

    test("an empty write does nothing", async (t) => {
      t.client.write(new Uint8Array(0));
      await t.settle();
      assertEquals([t.down.calls, t.client.getWriteBufferSize()], [
        ["made"],
        0,
      ]);
    });

    test("what is no Uint8Array is refused", async (t) => {
      for (const wrong of ["text", null, 5, [1], new ArrayBuffer(2)]) {
        throws(
          () => t.client.write(wrong as unknown as Uint8Array),
          TypeError,
        );
      }
      t.client.write(pattern(1));
      await t.until("the data", () => t.down.received === 1);
    });

    test("behaviour 72: writes to a lost connection warn from the fifth on", async (t) => {
      t.client.close();
      await t.until("the end", () => t.up.lost);
      const logged: string[] = [];
      logger.setHandler(({ message }) => void logged.push(message));
      try {
        for (let i = 0; i < 4; i++) t.client.write(pattern(1));
        assertEquals(logged, []);
        for (let i = 0; i < 3; i++) t.client.write(pattern(1));
        assertEquals(logged, [lostWrites, lostWrites, lostWrites]);
      } finally {
        logger.setHandler(null);
      }
      assertEquals(t.client.getWriteBufferSize(), 0);
    });
  });
}

export function flowControl(kind: Kind): void {
  const { test, bound, limits } = kind;
  describe("flow control", () => {
    test("behaviour 72: the limits, as given and derived", async (t) => {
      await Promise.resolve();
      const { client } = t;
      assertEquals(client.getWriteBufferLimits(), limits);
      client.setWriteBufferLimits(1000);
      assertEquals(client.getWriteBufferLimits(), [250, 1000]);
      client.setWriteBufferLimits(1003);
      assertEquals(client.getWriteBufferLimits(), [250, 1003]);
      client.setWriteBufferLimits(null, 100);
      assertEquals(client.getWriteBufferLimits(), [100, 400]);
      client.setWriteBufferLimits(500, 500);
      assertEquals(client.getWriteBufferLimits(), [500, 500]);
      client.setWriteBufferLimits(0);
      assertEquals(client.getWriteBufferLimits(), [0, 0]);
      for (const [high, low] of [[5, 6], [-1, null], [5, -1], [NaN, 0]]) {
        throws(() => client.setWriteBufferLimits(high, low), RangeError);
      }
      assertEquals(client.getWriteBufferLimits(), [0, 0]);
      client.setWriteBufferLimits();
      assertEquals(client.getWriteBufferLimits(), limits);
    });

    test("above the high mark it pauses, at the low mark it resumes", async (t) => {
      const [low, high] = [2 * KIB, 8 * KIB];
      t.client.setWriteBufferLimits(high, low);
      t.server.pauseReading();
      const sizes: number[] = [];
      t.up.onPause = () => void sizes.push(t.client.getWriteBufferSize());
      t.up.onResume = () => void sizes.push(t.client.getWriteBufferSize());
      let written = 0;
      for (; !t.up.calls.includes("pause"); written += 64 * KIB) {
        assert(written < bound, "it never pauses");
        t.client.write(pattern(64 * KIB, written));
        if (t.client.getWriteBufferSize() > 0) await sleep(0);
      }
      assert(sizes[0]! > high, `paused at ${sizes[0]}`);
      await t.settle();
      assertEquals(t.up.calls, ["made", "pause"]);
      t.server.resumeReading();
      await t.until("all of it", () => t.down.received === written);
      await t.until("the resume", () => t.up.calls.includes("resume"));
      assert(sizes[1]! <= low, `resumed at ${sizes[1]}`);
      assertEquals(t.up.calls, ["made", "pause", "resume"]);
    });

    test("pauses and resumes come in turns, and each write is kept", async (t) => {
      t.client.setWriteBufferLimits(32 * KIB);
      let paused = false;
      t.up.onPause = () => {
        assert(!paused, "paused twice");
        paused = true;
      };
      t.up.onResume = () => {
        assert(paused, "resumed twice");
        paused = false;
      };
      const pieces: Uint8Array[] = [];
      for (let i = 0; i < 100; i++) {
        const piece = pattern(60_000, i);
        pieces.push(piece);
        t.client.write(piece);
        if (paused) await t.until("the resume", () => !paused);
      }
      const whole = concat(pieces);
      await t.until("all of it", () => t.down.received >= whole.length);
      assertSame(t.down.bytes(), whole);
    });

    test("a limit set below what is buffered pauses at once", async (t) => {
      t.server.pauseReading();
      t.client.setWriteBufferLimits(2 * bound);
      let written = 0;
      while (t.client.getWriteBufferSize() < 1000) {
        assert(written < bound, "all is taken");
        t.client.write(pattern(64 * KIB));
        written += 64 * KIB;
        await sleep(0);
      }
      assertEquals(t.up.calls, ["made"]);
      t.client.setWriteBufferLimits(100);
      assertEquals(t.up.calls, ["made", "pause"]);
      t.server.resumeReading();
      await t.until("all of it", () => t.down.received === written);
    });

    test("a peer that does not read bounds what is taken", async (t) => {
      t.server.pauseReading();
      let written = 0;
      const piece = pattern(64 * KIB);
      while (!t.up.calls.includes("pause")) {
        assert(written < bound, "it never pauses");
        t.client.write(piece);
        written += piece.length;
        await sleep(0);
      }
      await t.settle();
      assertEquals(t.down.received, 0);
      assert(t.client.getWriteBufferSize() <= limits[1] + 2 * piece.length);
      t.server.resumeReading();
      await t.until("all of it", () => t.down.received === written);
    });
  });
}
