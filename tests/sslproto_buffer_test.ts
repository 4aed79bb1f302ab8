/** TLS over transports that lend a buffer, its limits for reading, and its log. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  BufferedProtocol,
  type Future,
  getRunningLoop,
  sleep,
  SSLProtocol,
  type Transport,
} from "../mod.ts";
import { describe, it } from "./_harness.ts";
import { capturedLog, withRealLoop } from "./_loops.ts";
import { memoryPair } from "./_memory_transport.ts";
import { bytes, clientContext, Notes, serverContext, tlsPair } from "./_tls.ts";

const test = (name: string, body: () => Promise<void>) =>
  it(name, () => withRealLoop(body, 4000));

/** Hands what it is lent and given on to a TLS protocol. */
class Lending extends BufferedProtocol {
  readonly lent: number[] = [];
  readonly #tls: SSLProtocol;

  constructor(tls: SSLProtocol) {
    super();
    this.#tls = tls;
  }

  override connectionMade(transport: Transport): void {
    this.#tls.connectionMade(transport);
  }

  override getBuffer(sizehint: number): Uint8Array {
    const buffer = this.#tls.getBuffer(sizehint);
    this.lent.push(buffer.length);
    return buffer;
  }

  override bufferUpdated(nbytes: number): void {
    this.#tls.bufferUpdated(nbytes);
  }

  override eofReceived(): boolean | void {
    return this.#tls.eofReceived();
  }

  override connectionLost(error: unknown): void {
    this.#tls.connectionLost(error);
  }
}

describe("an SSLProtocol", () => {
  test("reads into a buffer of its own, and keeps nothing of it", async () => {
    const [up, down] = [new Notes(), new Notes()];
    const loop = getRunningLoop();
    const ready = loop.createFuture<void>() as Future<void>;
    const tls = new SSLProtocol(
      loop,
      up,
      clientContext(),
      ready,
      false,
      "localhost",
    );
    const peer = new SSLProtocol(loop, down, serverContext(), null, true);
    const lending = new Lending(tls);
    memoryPair(loop, lending, new Lending(peer));
    await ready;
    while (down.transport === null) await sleep(0.001);
    for (const word of ["one ", "two ", "three"]) {
      down.transport.write(bytes(word));
      await sleep(0.005);
    }
    assertEquals(up.text, "one two three");
    assert(lending.lent.length > 3);
    assertEquals(new Set(lending.lent), new Set([tls.maxSize]));
    assertEquals(tls.getBuffer(100).length, tls.maxSize);
    up.transport!.close();
    await up.lost;
    await down.lost;
  });

  test("lends as much room as is asked for, up to its most", async () => {
    const { client, server } = tlsPair(new Notes(), new Notes());
    const [tls] = client.protocols;
    assertEquals(tls!.getBuffer(100).length, 100);
    assertEquals(tls!.getBuffer(1 << 30).length, tls!.maxSize);
    await client.ready;
    await server.ready;
    client.transport.abort();
    server.transport.abort();
    await sleep(0.01);
  });

  test("has limits for reading that can be set, and holds as much", async () => {
    const [up, down] = [new Notes(), new Notes()];
    const { client, server } = tlsPair(up, down);
    await client.ready;
    const transport = client.transport as Transport & {
      setReadBufferLimits(high?: number | null, low?: number | null): void;
      getReadBufferLimits(): [low: number, high: number];
      getReadBufferSize(): number;
    };
    transport.setReadBufferLimits(10_000, 1000);
    assertEquals(transport.getReadBufferLimits(), [1000, 10_000]);
    assertEquals(transport.getReadBufferSize(), 0);
    transport.pauseReading();
    server.transport.write(new Uint8Array(100_000));
    await sleep(0.05);
    assert(transport.getReadBufferSize() > 0);
    assertEquals(up.received, 0);
    transport.resumeReading();
    while (up.received < 100_000) await sleep(0.001);
    assertEquals(transport.getReadBufferSize(), 0);
    client.transport.close();
    await up.lost;
    await down.lost;
  });

  test("logs its handshake in debug mode, and how long it took", async () => {
    getRunningLoop().setDebug(true);
    const entries = await capturedLog(async () => {
      const [up, down] = [new Notes(), new Notes()];
      const { client, server } = tlsPair(up, down);
      await client.ready;
      await server.ready;
      client.transport.close();
      await up.lost;
      await down.lost;
    });
    const said = entries.filter(({ level }) => level === "debug")
      .map(({ text }) => text);
    for (const side of ["client", "server"]) {
      const own = said.filter((text) => text.includes(`SSLProtocol ${side}`));
      assertMatch(own[0]!, /starts SSL handshake$/);
      assertMatch(own[1]!, /SSL handshake took \d+\.\d ms$/);
    }
  });
});
