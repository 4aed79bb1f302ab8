/** TLS, and connections that end badly, over the network of runTest(). */

import { assertEquals } from "@std/assert";
import {
  type BaseTransport,
  getRunningLoop,
  openConnection,
  Protocol,
  run,
  sleep,
  startServer,
  type Transport,
} from "../mod.ts";
import { runTest } from "../testing.ts";
import { describe, it } from "./_harness.ts";
import { bytes, text } from "./_network.ts";
import { clientContext, serverContext } from "./_tls.ts";

/** A server that closes right after its answer, and what its client has read. */
async function answeredAndClosed(): Promise<string> {
  await using server = await startServer(
    async (reader, writer) => {
      writer.write(await reader.readLine());
      await writer.drain();
      writer.close();
      await writer.waitClosed();
    },
    "127.0.0.1",
    0,
    { ssl: serverContext() },
  );
  const [reader, writer] = await openConnection("127.0.0.1", server.port, {
    ssl: clientContext(),
    serverHostname: "localhost",
  });
  writer.write(bytes("hello\n"));
  const answer = await reader.read();
  writer.close();
  await writer.waitClosed();
  return text(answer);
}

describe("TLS over the network of runTest()", () => {
  for (const [where, runner] of Object.entries({ runTest, run })) {
    it(`an answer before the close is read, as by ${where}()`, async () => {
      assertEquals(await runner(answeredAndClosed), "hello\n");
    });
  }

  it("no time passes while TLS is at work", () =>
    runTest(async ({ time }) => {
      const before = time();
      await answeredAndClosed();
      assertEquals(time() - before, 0);
    }));
});

describe("a reset in the network of runTest()", () => {
  it("comes after the data before it", () =>
    runTest(async () => {
      const loop = getRunningLoop();
      const seen: string[] = [];
      class Noted extends Protocol {
        override connectionMade(transport: BaseTransport): void {
          (transport as Transport).write(bytes("not read"));
        }

        override dataReceived(data: Uint8Array): void {
          seen.push(text(data));
        }

        override connectionLost(exc: unknown): void {
          seen.push((exc as { code?: string } | null)?.code ?? "in order");
        }
      }
      // Closing a socket with unread data resets the connection.
      class Rude extends Protocol {
        override connectionMade(transport: BaseTransport): void {
          const rude = transport as Transport;
          rude.pauseReading();
          loop.callLater(0.5, () => {
            rude.write(bytes("last words"));
            rude.abort();
          });
        }
      }
      const server = await loop.createServer(() => new Rude(), "127.0.0.1", 0);
      await loop.createConnection(
        () => new Noted(),
        "127.0.0.1",
        server.port,
      );
      await sleep(1);
      server.close();
      assertEquals(seen, ["last words", "ECONNRESET"]);
    }));
});
