/** What workers need of a process, and leave of it. */

import { assertEquals, assertRejects } from "@std/assert";
import { PermissionError, ThreadPoolExecutor } from "../mod.ts";
import { Child } from "./_child.ts";
import { describe, it } from "./_harness.ts";
import { jobs } from "./_jobs.ts";

/** What is said of what is done before the code of threads is there. */
const FIRST_CALLS: Readonly<Record<string, string>> = {
  shutdown: "3,7 0\n",
  leave: "false 3\n",
  drop: "cancelled 0\n",
  terminate: "cancelled\n0\n",
  cancel: "true 1 cancelled\n7\n",
  abort: "cancelled 0\n7\n",
  throw: "the program's\n",
  close: "false\n",
  forget: "3\n",
  several: "435 0,0,0\n",
  order: "0,1,2,3,4,5,6,7,8\n",
  initializer: "7\n",
};

describe("a program's first call in a thread", () => {
  for (const [how, said] of Object.entries(FIRST_CALLS)) {
    it(
      `is dealt with like any other: ${how}`,
      { timeout: 20_000 },
      async () => {
        const child = Child.start("first_call.ts", [how], { allowAll: true });
        const { code, stdout, stderr } = await child.end;
        assertEquals([code, stdout, stderr], [0, said, ""]);
      },
    );
  }
});

describe("workers", () => {
  it("do not keep the process alive: idle ones, nor after a shutdown", {
    timeout: 20_000,
  }, async () => {
    for (const how of ["idle", "shutdown", "terminated", "run"]) {
      const child = Child.start("leaving_workers.ts", [how], {
        allowAll: true,
      });
      const { code, signal, stdout, stderr } = await child.end;
      assertEquals([how, code, signal, stdout, stderr], [
        how,
        0,
        null,
        "3\n",
        "",
      ]);
    }
  });

  it("need leave to read their code on Deno, and say so", {
    on: ["deno"],
    permissions: "none",
  }, async () => {
    const pool = new ThreadPoolExecutor(1);
    await assertRejects(
      async () => await pool.submit(jobs.noop),
      PermissionError,
      "Cannot start a worker: Deno loads the code of a worker only with leave " +
        "to read it: run it with --allow-read",
    );
    assertEquals(pool.statistics().workers, 0);
    await pool.shutdown();
  });
});
