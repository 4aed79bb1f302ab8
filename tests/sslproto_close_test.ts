/** How a TLS connection ends. */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  ConnectionResetError,
  NotImplementedError,
  OSError,
  sleep,
  SSLError,
  TimeoutError,
} from "../mod.ts";
import { describe, it, runtime } from "./_harness.ts";
import { capturedLog, withRealLoop } from "./_loops.ts";
import { bytes, Notes, type TlsOptions, tlsPair } from "./_tls.ts";

async function connected(options: TlsOptions = {}) {
  const [up, down] = [new Notes(), new Notes()];
  const pair = tlsPair(up, down, options);
  await pair.client.ready;
  await pair.server.ready;
  return {
    up,
    down,
    client: pair.client.transport,
    server: pair.server.transport,
    below: pair.below,
    protocols: [...pair.client.protocols, ...pair.server.protocols],
    both: Promise.all([up.lost, down.lost]),
  };
}

const test = (name: string, body: () => Promise<void>) =>
  it(name, () => withRealLoop(body, 4000));

describe("the end of a TLS connection", () => {
  for (const layers of [1, 2]) {
    const kind = layers === 1 ? "TLS" : "TLS inside TLS";

    test(`${kind}: close sends what is buffered, then says goodbye`, async () => {
      const t = await connected({ layers });
      const size = 3_000_000;
      t.client.write(new Uint8Array(size));
      t.client.write(bytes("bye"));
      t.client.close();
      assertEquals(t.client.isClosing(), true);
      assertEquals(await t.both, [null, null]);
      assertEquals(t.down.received, size + 3);
      assertEquals(t.down.calls.filter((call) => call !== "data"), [
        "made",
        "eof",
        "lost",
      ]);
      assertEquals(t.up.calls.filter((c) => c !== "pause" && c !== "resume"), [
        "made",
        "eof",
        "lost",
      ]);
    });

    test(`${kind}: both close at once`, async () => {
      const t = await connected({ layers });
      t.client.close();
      t.server.close();
      assertEquals(await t.both, [null, null]);
    });

    test(`${kind}: abort tells the other side nothing but the end`, async () => {
      const t = await connected({ layers });
      t.client.write(new Uint8Array(100_000));
      t.client.abort();
      t.client.abort();
      t.client.close();
      await t.both;
      assertEquals(t.up.calls.at(-1), "lost");
      assertEquals(t.up.lostWith, null);
      assertEquals(t.down.calls.at(-1), "lost");
    });

    test(`${kind}: EOF below without a goodbye is an EOF above`, async () => {
      const t = await connected({ layers });
      t.client.write(bytes("last words"));
      await sleep(0.01);
      t.below[0].close();
      assertEquals(await t.both, [null, null]);
      assertEquals(t.down.calls, ["made", "data", "eof", "lost"]);
    });

    test(`${kind}: a connection lost below is lost above, with the error`, async () => {
      const t = await connected({ layers });
      const error = new ConnectionResetError("gone");
      t.protocols[0]!.connectionLost(error);
      await t.up.lost;
      t.below[0].abort();
      assertStrictEquals(t.up.lostWith, error);
      assertEquals(t.up.calls, ["made", "lost"]);
      await t.down.lost;
    });
  }

  test("writes after close are dropped", async () => {
    const t = await connected();
    t.client.write(bytes("before"));
    t.client.close();
    t.client.write(bytes("after"));
    await t.both;
    assertEquals(t.down.text, "before");
  });

  test("writes to a lost connection are told of from the fifth on", async () => {
    const t = await connected();
    t.client.abort();
    await t.both;
    const log = await capturedLog(() => {
      for (let i = 0; i < 7; i++) t.client.write(bytes("x"));
    });
    assertEquals(
      log.map(({ text }) => text),
      Array(3).fill("SSL connection is closed"),
    );
  });

  test("the sending direction cannot end alone, as in CPython", async () => {
    const t = await connected();
    assertEquals(t.client.canWriteEof(), false);
    assertThrows(() => t.client.writeEof(), NotImplementedError);
    t.client.close();
    await t.both;
  });

  test("true from eofReceived keeps nothing open, and says so", async () => {
    const t = await connected();
    t.down.onEof = () => true;
    const log = await capturedLog(async () => {
      t.client.close();
      await t.both;
    });
    assertEquals(log.map(({ text }) => text), [
      "returning true from eof_received() has no effect when using ssl",
    ]);
  });

  test("what is written in eofReceived is sent, or the log says that it is not", async () => {
    const t = await connected();
    t.down.onEof = () => t.server.write(bytes("late"));
    const log = await capturedLog(async () => {
      t.client.close();
      await t.both;
    });
    const texts = log.map(({ text }) => text);
    if (runtime === "bun") {
      assertEquals(texts.length, 1);
      assert(texts[0]!.includes("after the other side's goodbye"), texts[0]);
    } else {
      assertEquals(texts, []);
      assertInstanceOf(t.up.lostWith, SSLError);
      assertEquals(t.up.lostWith.code, "APPLICATION_DATA_AFTER_CLOSE_NOTIFY");
    }
  });

  test("data after one's own goodbye: SSLError, as in CPython", async () => {
    const t = await connected();
    t.server.write(bytes("late"));
    t.client.close();
    const [client, server] = await t.both;
    assertInstanceOf(client, SSLError);
    assertEquals(client.code, "APPLICATION_DATA_AFTER_CLOSE_NOTIFY");
    // It may have noticed that nobody takes its goodbye.
    assert(server === null || server instanceof OSError);
  });

  test("what waits for a paused reader comes before the end", async () => {
    const t = await connected();
    t.server.pauseReading();
    t.client.write(new Uint8Array(100_000));
    t.client.write(bytes("end"));
    t.client.close();
    await sleep(0.05);
    assertEquals(t.down.calls, ["made"]);
    t.server.resumeReading();
    assertEquals(await t.both, [null, null]);
    assertEquals(t.down.received, 100_003);
    assertEquals(t.down.calls, ["made", "data", "eof", "lost"]);
  });

  test("a peer that does not say goodbye: TimeoutError", async () => {
    const t = await connected({ shutdownTimeout: 0.03 });
    // It neither reads nor answers.
    t.below[1].pauseReading();
    t.client.close();
    const error = await t.up.lost;
    assertInstanceOf(error, TimeoutError);
    assertEquals(error.message, "SSL shutdown timed out");
    t.below[1].abort();
    await t.down.lost;
  });

  test("no timer is left behind", async () => {
    const t = await connected({ handshakeTimeout: 50, shutdownTimeout: 50 });
    t.client.close();
    await t.both;
    assert(t.down.calls.includes("lost"));
  });

  test("an error of the protocol ends the connection with it", async () => {
    const t = await connected();
    const loop = (t.client as unknown as {
      _loop: { setExceptionHandler(f: unknown): void };
    })._loop;
    const reports: { message: string }[] = [];
    loop.setExceptionHandler((_: unknown, context: { message: string }) =>
      void reports.push(context)
    );
    const error = new Error("on purpose");
    t.down.onData = () => {
      throw error;
    };
    t.client.write(bytes("x"));
    await t.both;
    assertStrictEquals(t.down.lostWith, error);
    assertEquals(reports.map((r) => r.message), [
      "Fatal error on SSL protocol",
    ]);
  });
});
