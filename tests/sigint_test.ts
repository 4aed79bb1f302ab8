/** Ctrl-C, proved on real child processes of the runtime that runs this file. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import process from "node:process";
import { describe, it, type Runtime, runtime } from "./_harness.ts";
import { Child, type ChildOptions, commandLine } from "./_child.ts";

const on: Runtime[] = ["deno", "bun", "node"];
const options = { on, timeout: 15_000 };
/** Of a loop that never comes back to the host: Node hears nothing meanwhile. */
const spins = { ...options, on: on.slice(0, 2) };
const PROGRAM = "sigint.ts";

function start(name: string, how?: ChildOptions): Child {
  return Child.start(PROGRAM, [name], how);
}

const wait = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** Milliseconds until the child has ended. */
async function timeToEnd(child: Child): Promise<number> {
  const began = performance.now();
  await child.end;
  return performance.now() - began;
}

// Deno guards a busy loop by other means where it may call into libc.
const grants: ChildOptions[] = runtime === "deno"
  ? [{ allowAll: false }, { allowAll: true }]
  : [{}];

describe("SIGINT", () => {
  for (const grant of grants) {
    const suffix = grant.allowAll ? " (all permissions)" : "";

    for (const spelling of ["cleanup", "generator", "settled"]) {
      it(
        `runs finally, then ends by the signal: ${spelling}${suffix}`,
        options,
        async () => {
          const child = start(spelling, grant);
          await child.line("ready");
          child.kill();
          const end = await child.end;
          assertStringIncludes(end.stdout, "cleaning\ncleaned\n");
          assertEquals([end.signal, end.code], ["SIGINT", null]);
          assertEquals(end.stderr.split("\n")[0], "KeyboardInterrupt");
        },
      );
    }

    it(
      `ends a loop that spins from the first step${suffix}`,
      spins,
      async () => {
        const child = start("spin", grant);
        await child.line("ready");
        child.kill();
        await wait(100);
        child.kill();
        assert(await timeToEnd(child) < 3000);
        assertEquals((await child.end).signal, "SIGINT");
      },
    );

    it(`ends a loop that spins later on${suffix}`, spins, async () => {
      const child = start("spinLater", grant);
      await child.line("ready");
      child.kill();
      await wait(100);
      child.kill();
      assert(await timeToEnd(child) < 3000);
      assertEquals((await child.end).signal, "SIGINT");
    });

    it(`ends a loop that spins in a second run${suffix}`, spins, async () => {
      const child = start("spinInSecondRun", grant);
      await child.line("ready");
      child.kill();
      await wait(100);
      child.kill();
      assert(await timeToEnd(child) < 3000);
      assertEquals((await child.end).signal, "SIGINT");
    });

    it(
      `is left to a host listener that stood before${suffix}`,
      options,
      async () => {
        const child = start("hostListener", grant);
        await child.line("ready");
        child.kill();
        const end = await child.end;
        assertStringIncludes(end.stdout, "host heard it\nmain went on\n");
        assertEquals([end.code, end.signal], [0, null]);
      },
    );

    it(
      `has its default action again after the run${suffix}`,
      options,
      async () => {
        const child = start("restored", grant);
        await child.line("ready");
        child.kill();
        const end = await child.end;
        assertEquals(end.signal, "SIGINT");
        assertEquals(end.stderr, "");
      },
    );
  }

  it("is 130 to the shell", options, async () => {
    const line = commandLine(PROGRAM, ["cleanup"]).map((word) => `'${word}'`);
    const child = new Child(["sh", "-c", `${line.join(" ")}; echo "code $?"`]);
    const pid = Number(await child.line("ready "));
    process.kill(pid, "SIGINT");
    assertStringIncludes((await child.end).stdout, "cleaned\ncode 130\n");
  });

  it(
    "behaviour 63: a main that swallows the cancellation returns its value",
    options,
    async () => {
      const child = start("swallow");
      await child.line("ready");
      child.kill();
      const end = await child.end;
      assertStringIncludes(end.stdout, "result 42\n");
      assertEquals([end.code, end.signal], [0, null]);
    },
  );

  it(
    "behaviour 63: the second ends at once while the first is being ignored",
    options,
    async () => {
      const child = start("ignore");
      await child.line("ready");
      child.kill();
      await child.line("ignored");
      await wait(50);
      child.kill();
      assert(await timeToEnd(child) < 3000);
      const end = await child.end;
      assertEquals(end.signal, "SIGINT");
      assertStringIncludes(end.stderr, "KeyboardInterrupt\n");
      assertStringIncludes(end.stderr, "task did not end");
    },
  );

  it("counts as second even right behind the first", options, async () => {
    const child = start("ignore");
    await child.line("ready");
    child.kill();
    await child.line("ignored");
    child.kill();
    assert(await timeToEnd(child) < 3000);
    assertEquals((await child.end).signal, "SIGINT");
  });

  it(
    "ends a main that waits for a foreign promise, the second time",
    options,
    async () => {
      const child = start("foreignPromise");
      await child.line("ready");
      child.kill();
      await wait(100);
      child.kill();
      assert(await timeToEnd(child) < 3000);
      assertEquals((await child.end).signal, "SIGINT");
    },
  );

  it(
    "sent twice at once, as wrappers do, still lets finally run",
    options,
    async () => {
      const child = start("settled");
      await child.line("ready");
      child.kill();
      child.kill();
      const end = await child.end;
      assertStringIncludes(end.stdout, "cleaning\ncleaned\n");
      assertEquals(end.signal, "SIGINT");
    },
  );

  it(
    "is handled although the host listens to another signal",
    options,
    async () => {
      const child = start("otherListener");
      await child.line("ready");
      child.kill();
      const end = await child.end;
      assertStringIncludes(end.stdout, "cleaned\n");
      assertEquals(end.signal, "SIGINT");
    },
  );

  it("ends a program that did not await run()", options, async () => {
    const child = start("notAwaited");
    await child.line("ready");
    child.kill();
    const end = await child.end;
    assertStringIncludes(end.stdout, "cleaned\n");
    assertEquals(end.signal, "SIGINT");
  });

  it(
    "lets a program go on that catches KeyboardInterrupt",
    options,
    async () => {
      const child = start("caught");
      await child.line("ready");
      child.kill();
      const end = await child.end;
      assertStringIncludes(end.stdout, "caught\nwent on\n");
      assertEquals([end.code, end.signal, end.stderr], [0, null, ""]);
    },
  );

  it(
    "has its default action again after an interrupt was caught",
    options,
    async () => {
      const child = start("restoredAfterInterrupt");
      await child.line("ready");
      child.kill();
      await child.line("caught");
      child.kill();
      const end = await child.end;
      assertEquals([end.signal, end.stderr], ["SIGINT", ""]);
    },
  );

  it("leaves the report of another error to the runtime", options, async () => {
    const child = start("otherError");
    await child.line("ready");
    child.kill();
    const end = await child.end;
    assertEquals([end.code, end.signal], [1, null]);
    assertStringIncludes(end.stderr, "another error");
  });
});
