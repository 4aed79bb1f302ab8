/** The suite of transports: half closes, closing, protocols and their errors. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { describe } from "./_harness.ts";
import {
  assertSame,
  BufferedRecorder,
  concat,
  type Guarded,
  KIB,
  type Kind,
  MIB,
  pattern,
  Recorder,
  type Scene,
  throws,
} from "./_transport_scene.ts";
import { type BaseProtocol, RuntimeError, sleep } from "../mod.ts";

export function halfCloses(kind: Kind): void {
  const { test, halfClose } = kind;
  describe("half closes", () => {
    const half = halfClose ? test : () => {};

    half("writeEof ends one direction; data still comes", async (t) => {
      assert(t.client.canWriteEof());
      t.client.write(pattern(300 * KIB));
      t.client.writeEof();
      t.client.writeEof();
      await t.until("the eof", () => t.down.calls.includes("eof"));
      assertSame(t.down.bytes(), pattern(300 * KIB));
      t.server.write(pattern(200 * KIB, 1));
      await t.until("the answer", () => t.up.received === 200 * KIB);
      assertSame(t.up.bytes(), pattern(200 * KIB, 1));
      assertEquals([t.client.isClosing(), t.server.isClosing()], [
        false,
        false,
      ]);
      t.server.close();
      await t.until("both ends", () => t.up.lost && t.down.lost);
      assertEquals(t.down.order(), ["made", "data", "eof", "lost"]);
      assertEquals(t.up.order(), ["made", "data", "eof", "lost"]);
      assertEquals([t.up.lostWith, t.down.lostWith], [null, null]);
    }, (_, down) => {
      down.keepOpen = true;
    });

    half(
      "what is written in eofReceived arrives before the end",
      async (t) => {
        t.down.onEof = () => t.server.write(pattern(100_000));
        t.client.writeEof();
        await t.until("both ends", () => t.up.lost && t.down.lost);
        assertSame(t.up.bytes(), pattern(100_000));
        assertEquals(t.up.order(), ["made", "data", "eof", "lost"]);
      },
    );

    half("behaviour 72: a write after writeEof is refused", async (t) => {
      t.client.writeEof();
      const error = throws(() => t.client.write(pattern(1)), RuntimeError);
      assertEquals(error.message, "Cannot call write() after write_eof()");
      throws(() => t.client.writeLines([pattern(1)]), RuntimeError);
      await t.until("the eof", () => t.down.calls.includes("eof"));
      assertEquals(t.down.received, 0);
    }, (_, down) => {
      down.keepOpen = true;
    });

    half("writeEof after close does nothing", async (t) => {
      t.client.close();
      t.client.writeEof();
      await t.until("both ends", () => t.up.lost && t.down.lost);
      assertEquals([t.up.lostWith, t.down.lostWith], [null, null]);
    });

    half("both ends may say eof", async (t) => {
      t.client.writeEof();
      t.server.writeEof();
      await t.until(
        "both eofs",
        () => t.up.calls.includes("eof") && t.down.calls.includes("eof"),
      );
      await t.settle();
      assertEquals([t.up.lost, t.down.lost], [false, false]);
      t.client.close();
      t.server.close();
      await t.until("both ends", () => t.up.lost && t.down.lost);
      assertEquals([t.up.lostWith, t.down.lostWith], [null, null]);
    }, (up, down) => {
      up.keepOpen = true;
      down.keepOpen = true;
    });

    if (!halfClose) {
      test("canWriteEof says no", async (t) => {
        await Promise.resolve();
        assert(!t.client.canWriteEof());
      });
    }

    test("eofReceived that returns nothing closes", async (t) => {
      t.client.close();
      await t.until("the end", () => t.down.lost);
      assert(t.server.isClosing());
      assertEquals(t.down.calls, ["made", "eof", "lost"]);
    });
  });
}

export function closing(kind: Kind): void {
  const { test, bound } = kind;
  describe("closing", () => {
    test("close sends what is buffered first", async (t) => {
      const sent = pattern(2 * MIB);
      t.server.pauseReading();
      t.client.write(sent);
      t.client.close();
      assert(t.client.isClosing());
      await t.settle();
      t.server.resumeReading();
      await t.until("both ends", () => t.up.lost && t.down.lost);
      assertSame(t.down.bytes(), sent);
      assertEquals([t.up.lostWith, t.down.lostWith], [null, null]);
    });

    test("abort drops what is buffered", async (t) => {
      t.server.pauseReading();
      t.client.setWriteBufferLimits(2 * bound);
      let written = 0;
      while (t.client.getWriteBufferSize() < 4 * 64 * KIB) {
        assert(written < bound, "all is taken");
        t.client.write(pattern(64 * KIB));
        written += 64 * KIB;
        await sleep(0);
      }
      t.client.abort();
      assertEquals(t.client.getWriteBufferSize(), 0);
      await t.until("the end", () => t.up.lost);
      assertStrictEquals(t.up.lostWith, null);
      t.server.resumeReading();
      await t.until("the other end", () => t.down.lost);
      assert(t.down.received < written);
    });

    test("abort while closing ends the wait for the peer", async (t) => {
      t.server.pauseReading();
      let written = 0;
      while (t.client.getWriteBufferSize() === 0) {
        assert(written < bound, "all is taken");
        t.client.write(pattern(256 * KIB));
        written += 256 * KIB;
        await sleep(0);
      }
      t.client.close();
      await t.settle();
      assert(!t.up.lost);
      t.client.abort();
      await t.until("the end", () => t.up.lost);
      assertStrictEquals(t.up.lostWith, null);
    });

    test("closed twice, aborted after: connectionLost comes once", async (t) => {
      t.client.close();
      t.client.close();
      t.client.abort();
      await t.until("both ends", () => t.up.lost && t.down.lost);
      t.client.abort();
      t.client.close();
      await t.settle();
      assertEquals(t.up.calls, ["made", "lost"]);
    });

    test("both close at once", async (t) => {
      t.client.write(pattern(10));
      t.server.write(pattern(10));
      t.client.close();
      t.server.close();
      await t.until("both ends", () => t.up.lost && t.down.lost);
    });

    test("after the end the transport can still be asked", async (t) => {
      t.client.close();
      await t.until("the end", () => t.up.lost);
      assertEquals([t.client.isClosing(), t.client.isReading()], [
        true,
        false,
      ]);
      assertEquals(t.client.getWriteBufferSize(), 0);
      assertEquals(t.client.getExtraInfo("nothing of the kind", 7), 7);
      assertStrictEquals(t.client.getExtraInfo("nothing of the kind"), null);
      t.client.pauseReading();
      t.client.resumeReading();
      assert(String(t.client) !== "");
    });

    test("a peer that aborts ends the other side", async (t) => {
      t.server.abort();
      await t.until("the end", () => t.up.lost);
      assert(t.client.isClosing());
    });

    test("a peer that has gone stops who goes on writing", async (t) => {
      t.server.abort();
      await t.until("the end", () => {
        if (!t.client.isClosing()) t.client.write(pattern(10_000));
        return t.up.lost;
      });
      assert(t.client.isClosing());
      assertEquals(t.client.getWriteBufferSize(), 0);
    });
  });
}

export function changingProtocols(kind: Kind): void {
  const { test } = kind;
  describe("protocols", () => {
    test("setProtocol: the new one gets the calls", async (t) => {
      assertStrictEquals(t.server.getProtocol(), t.down);
      t.client.write(pattern(5));
      await t.until("the data", () => t.down.received === 5);
      const next = new Recorder();
      t.server.setProtocol(next);
      assertStrictEquals(t.server.getProtocol(), next);
      t.client.write(pattern(6));
      await t.until("the rest", () => next.received === 6);
      t.client.close();
      await t.until("the end", () => next.lost);
      assertEquals(next.calls, ["data", "eof", "lost"]);
      assertEquals(t.down.calls, ["made", "data"]);
    });

    test("setProtocol in dataReceived: what follows goes to the new one", async (t) => {
      const next = new Recorder();
      t.down.onData = () => t.server.setProtocol(next);
      t.client.write(pattern(5));
      await t.until("the data", () => t.down.received === 5);
      t.client.write(pattern(6));
      await t.until("the rest", () => next.received === 6);
      assertEquals(t.down.received, 5);
    });

    test("a BufferedProtocol gets all through its buffer", async (t) => {
      const buffered = new BufferedRecorder(1000);
      t.server.setProtocol(buffered);
      const sent = pattern(150_000);
      t.client.write(sent);
      await t.until("all of it", () => buffered.received >= sent.length);
      assert(buffered.chunks.every((chunk) => chunk.length <= 1000));
      assertSame(concat(buffered.chunks), sent);
      t.client.close();
      await t.until("the end", () => buffered.lostWith === null);
      assert(buffered.ended);
    });

    test("a BufferedProtocol that pauses gets the rest later", async (t) => {
      const buffered = new BufferedRecorder(100);
      buffered.onUpdate = () => t.server.pauseReading();
      t.server.setProtocol(buffered);
      t.client.write(pattern(1000));
      for (let count = 1; buffered.received < 1000; count++) {
        await t.until("a piece", () => buffered.chunks.length === count);
        await sleep(0.002);
        assertEquals(buffered.chunks.length, count);
        t.server.resumeReading();
      }
      assertSame(concat(buffered.chunks), pattern(1000));
    });

    test("from buffered to streamed and back", async (t) => {
      const buffered = new BufferedRecorder(64);
      t.server.setProtocol(buffered);
      t.client.write(pattern(10));
      await t.until("the first", () => buffered.received === 10);
      t.server.setProtocol(t.down);
      t.client.write(pattern(11));
      await t.until("the second", () => t.down.received === 11);
      t.server.setProtocol(buffered);
      t.client.write(pattern(12));
      await t.until("the third", () => buffered.received === 22);
      assertEquals(t.down.received, 11);
    });
  });
}

export function errorsOfProtocols(kind: Kind): void {
  const { test, bound, fatal } = kind;
  describe("errors of protocols", () => {
    const failure = () => new Error("the protocol failed");
    /** A failing call ends the connection with the error, and is reported. */
    const isFatal = async (
      t: Scene,
      call: Guarded,
      protocol: BaseProtocol,
      lostWith: () => unknown,
    ) => {
      await t.until("the end", () => lostWith() !== undefined);
      assertEquals(t.reports.map((r) => r.message), [fatal(call)]);
      const [report] = t.reports.splice(0);
      assertStrictEquals(report!.exception, lostWith());
      assertStrictEquals(report!["transport"], t.server);
      assertStrictEquals(report!["protocol"], protocol);
      assert(t.server.isClosing());
      await t.until("the other end", () => t.up.lost);
    };

    test("dataReceived: fatal", async (t) => {
      const error = failure();
      t.down.onData = () => {
        throw error;
      };
      t.client.write(pattern(1));
      await isFatal(t, "data_received", t.down, () => t.down.lostWith);
      assertStrictEquals(t.down.lostWith, error);
    });

    test("eofReceived: fatal", async (t) => {
      t.down.onEof = () => {
        throw failure();
      };
      t.client.close();
      await isFatal(t, "eof_received", t.down, () => t.down.lostWith);
    });

    test("getBuffer: fatal", async (t) => {
      const buffered = new BufferedRecorder(10);
      buffered.onGet = () => {
        throw failure();
      };
      t.server.setProtocol(buffered);
      t.client.write(pattern(1));
      await isFatal(t, "get_buffer", buffered, () => buffered.lostWith);
    });

    test("getBuffer that gives an empty buffer: fatal", async (t) => {
      const buffered = new BufferedRecorder(0);
      t.server.setProtocol(buffered);
      t.client.write(pattern(1));
      await isFatal(t, "get_buffer", buffered, () => buffered.lostWith);
      assertEquals(
        (buffered.lostWith as Error).message,
        "get_buffer() returned an empty buffer",
      );
    });

    test("bufferUpdated: fatal", async (t) => {
      const buffered = new BufferedRecorder(10);
      buffered.onUpdate = () => {
        throw failure();
      };
      t.server.setProtocol(buffered);
      t.client.write(pattern(1));
      await isFatal(t, "buffer_updated", buffered, () => buffered.lostWith);
    });

    test("pauseWriting and resumeWriting: reported, and it lives on", async (t) => {
      t.up.onPause = () => {
        throw failure();
      };
      t.up.onResume = () => {
        throw failure();
      };
      t.server.pauseReading();
      let written = 0;
      while (!t.up.calls.includes("pause")) {
        assert(written < bound, "it never pauses");
        t.client.write(pattern(64 * KIB));
        written += 64 * KIB;
        await sleep(0);
      }
      t.server.resumeReading();
      await t.until("all of it", () => t.down.received === written);
      await t.until("the resume", () => t.up.calls.includes("resume"));
      assertEquals(t.reports.splice(0).map((r) => r.message), [
        "protocol.pause_writing() failed",
        "protocol.resume_writing() failed",
      ]);
      t.client.write(pattern(1));
      await t.until("one more", () => t.down.received === written + 1);
    });

    test("connectionLost: reported, and the loop lives on", async (t) => {
      t.up.onLost = () => {
        throw failure();
      };
      t.client.close();
      await t.until("both ends", () => t.up.lost && t.down.lost);
      await t.settle();
      assertEquals(t.reports.splice(0).length, 1);
    });
  });
}
