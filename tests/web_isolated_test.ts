/** Threads of a page that shares memory with its workers. */

import { assertEquals, assertThrows } from "@std/assert";
import { NotImplementedError, RemoteLoop, ThreadPoolExecutor } from "../mod.ts";
import { describe, it } from "./_harness.ts";
import { remote } from "./_remote.ts";

describe("a page that is cross-origin isolated", () => {
  it("is what this file is about", { on: ["web"] }, () => {
    assertEquals(globalThis.crossOriginIsolated, true);
  });

  it("awaits what a loop in a worker does, but cannot block for it", {
    on: ["web"],
  }, async () => {
    const pool = new ThreadPoolExecutor(1);
    const loop = new RemoteLoop(await pool.submit(remote.loopHere));
    assertEquals(await loop.runCoroutineThreadsafe(remote.double, 4), 8);
    const call = loop.runCoroutineThreadsafe(remote.double, 5);
    assertThrows(
      () => call.result(1),
      NotImplementedError,
      "Cannot block for another thread",
    );
    assertEquals(await call, 10);
    pool.terminateWorkers();
  });
});
