/** What runTest() makes of the real world: threads, processes, and many timers. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  getRunningLoop,
  openUnixConnection,
  sleep,
  startUnixServer,
  SubprocessProtocol,
  type SubprocessTransport,
} from "../mod.ts";
import { LeakError, runTest } from "../testing.ts";
import { describe, it } from "./_harness.ts";

const text = (data: Uint8Array) => new TextDecoder().decode(data);

/** What a test has left open. */
async function leaks(
  body: Parameters<typeof runTest>[0],
): Promise<readonly string[]> {
  const error = await runTest(body).then(() => null, (error) => error);
  assert(error instanceof LeakError, `${error}`);
  return error.message.split("\n").slice(1).map((line) => line.trim());
}

describe("In runTest()", () => {
  it("a shell's child is real, and takes no virtual time", async () => {
    await runTest(async ({ loop, time }) => {
      const [exited, read, gone] = [1, 2, 3]
        .map(() => loop.createFuture<void>());
      let output = "";
      class Log extends SubprocessProtocol {
        override pipeDataReceived(_fd: number, data: Uint8Array): void {
          output += text(data);
        }
        override pipeConnectionLost(fd: number): void {
          if (fd === 1) read!.setResult();
        }
        override processExited(): void {
          exited!.setResult();
        }
        override connectionLost(): void {
          gone!.setResult();
        }
      }
      const [transport] = await loop.subprocessShell(
        () => new Log(),
        "echo real; exit 3",
      ) as [SubprocessTransport, Log];
      await exited;
      await read;
      transport.close();
      await gone;
      assertEquals([output, transport.getReturncode()], ["real\n", 3]);
      assertEquals(time(), 0);
    });
  });

  it("a default executor that the test sets runs its calls", async () => {
    await runTest(async ({ loop }) => {
      const calls: unknown[] = [];
      loop.setDefaultExecutor({
        submit(fn, ...args) {
          calls.push(args);
          return Promise.resolve(fn(...args));
        },
        shutdown() {
          calls.push("shutdown");
          return Promise.resolve();
        },
      });
      const sum = await loop.runInExecutor<number>(
        null,
        (a: number, b: number) => a + b,
        2,
        3,
      );
      assertEquals(sum, 5);
      assertEquals(calls, [[2, 3]]);
      await loop.shutdownDefaultExecutor();
      assertEquals(calls, [[2, 3], "shutdown"]);
    });
  });

  it("a connection to a Unix server that is left open is named", async () => {
    const left = await leaks(async () => {
      const server = await startUnixServer(() => {}, "/in/memory.sock");
      await openUnixConnection("/in/memory.sock");
      await sleep(0);
      server.close();
      server.abortClients();
    });
    assertEquals(left.length > 0, true);
    for (const line of left) {
      assertStringIncludes(line, "testing_real_test.ts:");
    }
  });

  it("thousands of timers that are over are no leak, one that is not is", async () => {
    const left = await leaks(async () => {
      const loop = getRunningLoop();
      let fired = 0;
      for (let i = 0; i < 2500; i++) loop.callLater(i / 1000, () => fired++);
      await sleep(2.4995);
      assertEquals(fired, 2500);
      loop.callLater(9, function late() {});
      await sleep(1);
    });
    assertEquals(left.length, 1);
    assertStringIncludes(left[0]!, "late");
  });
});
