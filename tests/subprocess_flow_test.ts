/** Child processes: flow control both ways, closed pipes, and nothing left over. */

import { assert, assertEquals } from "@std/assert";
import process from "node:process";
import {
  BrokenPipeError,
  ConnectionResetError,
  createSubprocessExec,
  createSubprocessShell,
  gather,
  PIPE,
  run,
  sleep,
} from "../mod.ts";
import { oneChild } from "../bench/processes.ts";
import { describe, it } from "./_harness.ts";
import {
  bytes,
  children,
  descriptors,
  inLoop,
  text,
  thrown,
  written,
} from "./_processes.ts";

const MB = 1e6;

describe("flow control", () => {
  it(
    "a child that nobody reads is held back",
    inLoop(async () => {
      await using proc = await createSubprocessExec("yes", { stdout: PIPE });
      // A busy machine may start it late: until it writes no more.
      let before = 0;
      for (let i = 0; i < 60; i++) {
        await sleep(0.05);
        const now = written(proc.pid);
        if (now === before && now > 0) break;
        before = now;
        assert(now < 3 * MB, `it has written ${now} bytes`);
      }
      assert(before > 0 && before === written(proc.pid), "it goes on");
      for (let i = 0; i < 40; i++) await proc.stdout!.readExactly(100_000);
      assert(written(proc.pid) - before > 2 * MB);
    }),
  );

  it(
    "100 MB to a slow reader: memory stays flat",
    {
      timeout: 15_000,
    },
    inLoop(async () => {
      const proc = await createSubprocessExec(
        "head",
        "-c",
        "100000000",
        "/dev/zero",
        { stdout: PIPE },
      );
      let size = 0;
      let peak = 0;
      let part: Uint8Array;
      const start = process.memoryUsage().rss;
      while ((part = await proc.stdout!.read(MB)).length > 0) {
        size += part.length;
        if (size % 7 === 0) await sleep(0);
        peak = Math.max(peak, process.memoryUsage().rss - start);
      }
      assertEquals([size, await proc.wait()], [100 * MB, 0]);
      assert(peak < 90 * MB, `it grew by ${peak}`);
    }),
  );

  it(
    "a child that does not read holds drain back",
    inLoop(async () => {
      await using proc = await createSubprocessExec("sleep", "30", {
        stdin: PIPE,
      });
      const stdin = proc.stdin!;
      let written = 0;
      const fill = async () => {
        for (;;) {
          stdin.write(new Uint8Array(100_000));
          written += 100_000;
          await stdin.drain();
        }
      };
      const [outcome] = await gather([
        async () => {
          proc.stdin;
          await sleep(0.2);
          const most = written;
          assert(most < 2 * MB, `it took ${most} bytes`);
          proc.kill();
        },
        async () => {
          const error = await thrown(fill);
          assert(
            error instanceof BrokenPipeError ||
              error instanceof ConnectionResetError,
            String(error),
          );
        },
      ]);
      assertEquals(outcome, undefined);
      assertEquals(await proc.wait(), -9);
    }),
  );
});

describe("closed pipes", () => {
  it(
    "a child that closes its input early breaks the pipe",
    inLoop(async () => {
      const proc = await createSubprocessShell(
        "exec 0<&-; echo go; sleep 0.2",
        {
          stdin: PIPE,
          stdout: PIPE,
        },
      );
      const stdin = proc.stdin!;
      await proc.stdout!.readLine();
      const error = await thrown(async () => {
        for (let i = 0; i < 50; i++) {
          stdin.write(new Uint8Array(200_000));
          await stdin.drain();
          await sleep(0.002);
        }
      });
      assert(
        error instanceof BrokenPipeError ||
          error instanceof ConnectionResetError,
        String(error),
      );
      const late = await thrown(() => stdin.waitClosed());
      assert(late instanceof BrokenPipeError, String(late));
      assertEquals(await proc.wait(), 0);
    }),
  );

  it(
    "who closes the output early ends the child that writes",
    inLoop(async () => {
      const proc = await createSubprocessExec("yes", {
        stdout: PIPE,
        stderr: PIPE,
      });
      await proc.stdout!.readLine();
      proc.stdout!._transport!.close();
      const code = await proc.wait();
      assert(code === -13 || code === 1, `${code}`);
      await proc.communicate();
    }),
  );

  it(
    "stdin.waitClosed after an ordinary end",
    inLoop(async () => {
      const proc = await createSubprocessExec("cat", {
        stdin: PIPE,
        stdout: PIPE,
      });
      proc.stdin!.write(bytes("x"));
      proc.stdin!.close();
      await proc.stdin!.waitClosed();
      assertEquals(text(await proc.stdout!.read()), "x");
      assertEquals(await proc.wait(), 0);
    }),
  );
});

describe("soak", () => {
  it("spawns with random cancels, kills and closed pipes leave nothing", {
    timeout: 20_000,
  }, async () => {
    let x = 7;
    const roll = (sides: number) => {
      x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
      return Math.floor(x / 2 ** 32 * sides);
    };
    await run(() => oneChild(roll));
    const before = [descriptors(), children().length];
    await run(async () => {
      for (let i = 0; i < 20; i++) {
        await gather([1, 2, 3, 4].map(() => () => oneChild(roll)));
      }
    });
    // Deno's watcher for Ctrl-C goes a moment after its loop.
    await new Promise((resolve) => setTimeout(resolve, 200));
    const after = [descriptors(), children().length];
    assertEquals(after[1], before[1]);
    assert(after[0]! <= before[0]! + 2, `${before} ${after}`);
  });
});
