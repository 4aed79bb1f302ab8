/** STARTTLS, and flow control through TLS in both directions. */

import { assert, assertEquals } from "@std/assert";
import {
  type AbstractEventLoop,
  type BaseProtocol,
  type Future,
  getRunningLoop,
  Protocol,
  sleep,
  SSLProtocol,
  type Transport,
} from "../mod.ts";
import { describe, it } from "./_harness.ts";
import { withRealLoop } from "./_loops.ts";
import { memoryPair } from "./_memory_transport.ts";
import { pattern } from "./_transport_suite.ts";
import { bytes, clientContext, Notes, serverContext, tlsPair } from "./_tls.ts";

const test = (name: string, body: () => Promise<void>) =>
  it(name, () => withRealLoop(body, 4000));

/** What loop.startTls does. */
async function startTls(
  loop: AbstractEventLoop,
  transport: Transport,
  protocol: BaseProtocol,
  server: boolean,
  leftover: Uint8Array | null = null,
): Promise<Transport> {
  const waiter = loop.createFuture<void>() as Future<void>;
  const tls = new SSLProtocol(
    loop,
    protocol,
    server ? serverContext() : clientContext(),
    waiter,
    server,
    server ? null : "localhost",
    false,
  );
  transport.pauseReading();
  transport.setProtocol(tls);
  loop.callSoon(() => tls.connectionMade(transport));
  loop.callSoon(() => transport.resumeReading());
  if (leftover !== null) tls.dataReceived(leftover);
  await waiter;
  return tls._getAppTransport();
}

describe("STARTTLS", () => {
  test("upgrades both sides of a connection in use", async () => {
    const loop = getRunningLoop();
    const [up, down] = [new Notes(), new Notes()];
    const [client, server] = memoryPair(loop, up, down);
    await sleep(0.005);
    client.write(bytes("STARTTLS\r\n"));
    while (down.text !== "STARTTLS\r\n") await sleep(0.001);
    server.write(bytes("220 go ahead\r\n"));
    const serverSide = startTls(loop, server, down, true);
    while (up.text !== "220 go ahead\r\n") await sleep(0.001);
    const [a, b] = await Promise.all([
      startTls(loop, client, up, false),
      serverSide,
    ]);
    a.write(bytes("secret"));
    b.write(bytes("answer"));
    while (!up.text.endsWith("answer") || !down.text.endsWith("secret")) {
      await sleep(0.001);
    }
    a.close();
    assertEquals(await Promise.all([up.lost, down.lost]), [null, null]);
    assertEquals(up.calls, ["made", "data", "eof", "lost"]);
    assertEquals(down.calls, ["made", "data", "eof", "lost"]);
  });

  test("bytes that came along with the last plain ones are not lost", async () => {
    const loop = getRunningLoop();
    const down = new Notes();
    const up = new Notes();
    let rest: Uint8Array | null = null;
    const line = bytes("STARTTLS\r\n");
    /** Reads one line; what follows it belongs to TLS. */
    class Plain extends Protocol {
      override dataReceived(data: Uint8Array): void {
        assertEquals(data.subarray(0, line.length), line);
        assert(data.length > line.length, "the hello came along");
        rest = data.slice(line.length);
      }
    }
    const [client, server] = memoryPair(loop, new Protocol(), new Plain());
    await sleep(0.005);
    // An impatient client does not wait for the answer.
    client.write(line);
    const clientSide = startTls(loop, client, up, false);
    // Both pieces are on the wire before the server reads.
    server.pauseReading();
    await sleep(0.01);
    server.resumeReading();
    while (rest === null) await sleep(0.001);
    const b = await startTls(loop, server, down, true, rest);
    const a = await clientSide;
    a.write(bytes("to you"));
    b.write(bytes("and you"));
    while (up.text !== "and you" || down.text !== "to you") await sleep(0.001);
    a.abort();
    await Promise.all([up.lost, down.lost]);
  });
});

describe("flow control through TLS", () => {
  for (const layers of [1, 2]) {
    const kind = layers === 1 ? "TLS" : "TLS inside TLS";

    test(`${kind}: a reader that pauses stops the writer, bounded`, async () => {
      const [up, down] = [new Notes(), new Notes()];
      const pair = tlsPair(up, down, { layers });
      await pair.client.ready;
      await pair.server.ready;
      const chunks: Uint8Array[] = [];
      down.onData = (data) => void chunks.push(data);
      const server = pair.server.transport;
      server.pauseReading();
      assertEquals(server.isReading(), false);
      let sent = 0;
      const client = pair.client.transport;
      for (let i = 0; !up.calls.includes("pause") || i < 3; i++) {
        assert(sent < 16 << 20, "it never pauses");
        const piece = pattern(64 * 1024, i);
        client.write(piece);
        sent += piece.length;
        await sleep(0.002);
      }
      const stalled = client.getWriteBufferSize();
      await sleep(0.02);
      assertEquals(down.received, 0);
      assertEquals(up.calls, ["made", "pause"]);
      assert(stalled > 128 * 1024 && stalled < 800 * 1024, `${stalled}`);
      assert(sent < 3 << 20, `${sent} were taken`);
      server.resumeReading();
      while (down.received < sent) await sleep(0.002);
      while (!up.calls.includes("resume")) await sleep(0.002);
      const all = new Uint8Array(sent);
      let at = 0;
      for (const chunk of chunks) {
        all.set(chunk, at);
        at += chunk.length;
      }
      for (let i = 0; i * 64 * 1024 < sent; i++) {
        const piece = all.subarray(i * 64 * 1024, (i + 1) * 64 * 1024);
        const expected = pattern(64 * 1024, i);
        assert(expected.every((byte, k) => byte === piece[k]), `piece ${i}`);
      }
      client.close();
      await Promise.all([up.lost, down.lost]);
    });
  }

  test("a protocol that pauses in dataReceived gets nothing more", async () => {
    const [up, down] = [new Notes(), new Notes()];
    const pair = tlsPair(up, down);
    await pair.client.ready;
    await pair.server.ready;
    const server = pair.server.transport;
    let calls = 0;
    down.onData = () => {
      calls++;
      server.pauseReading();
    };
    pair.client.transport.write(new Uint8Array(1_000_000));
    let seen = 0;
    while (down.received < 1_000_000) {
      await sleep(0.003);
      assert(calls <= seen + 1, "called while paused");
      seen = calls;
      server.resumeReading();
    }
    pair.client.transport.close();
    server.resumeReading();
    down.onData = null;
    await Promise.all([up.lost, down.lost]);
  });

  test("limits set to zero pause with the first byte that waits", async () => {
    const [up, down] = [new Notes(), new Notes()];
    const pair = tlsPair(up, down, { capacity: 1000 });
    await pair.client.ready;
    await pair.server.ready;
    pair.client.transport.setWriteBufferLimits(0);
    assertEquals(up.calls, ["made"]);
    pair.below[1].pauseReading();
    for (let i = 0; i < 10; i++) {
      pair.client.transport.write(new Uint8Array(60_000));
      await sleep(0.002);
    }
    assertEquals(up.calls, ["made", "pause"]);
    pair.below[1].resumeReading();
    while (down.received < 600_000 || up.calls.at(-1) !== "resume") {
      await sleep(0.002);
    }
    pair.client.transport.abort();
    await Promise.all([up.lost, down.lost]);
  });
});
