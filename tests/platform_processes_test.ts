/** Child processes and pipes of the platform, without a loop. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { FileNotFoundError } from "../mod.ts";
import "../_platform/all_io.ts";
import { platform } from "../_platform/mod.ts";
import type { Child, SpawnOptions } from "../_platform/processes.ts";
import { NodeChild, spawnNode } from "../_platform/node_processes.ts";
import type { ReadPipe, WritePipe } from "../_platform/pipes.ts";
import { describe, it } from "./_harness.ts";
import { isRoot, text, thrown, written } from "./_processes.ts";
import { Ear, pass, until } from "./_sockets.ts";

const { processes, pipes } = platform;

const quiet = { stdin: "null", stdout: "null", stderr: "null" } as const;

const exitOf = (child: Child): Promise<number> =>
  new Promise((resolve) => child.onExit(resolve));

function hear(pipe: ReadPipe | WritePipe, borrows = false): Ear {
  const ear = new Ear(borrows);
  pipe.attach(ear);
  return ear;
}

/** Both ways to start a child where a runtime has two. */
const kinds: Readonly<Record<string, (options: SpawnOptions) => Child>> = {
  "the runtime's own": (options) => processes.spawn(options),
  "node:child_process": (options) => new NodeChild(spawnNode(options), options),
};

for (const [kind, spawn] of Object.entries(kinds)) {
  const only = kind === "node:child_process" ? { on: ["deno"] as const } : {};
  describe(`child processes by ${kind}`, () => {
    it("tells the exit code, or the signal", only, async () => {
      const ends: readonly [string, number][] = [
        ["exit 0", 0],
        ["exit 42", 42],
        ["kill -9 $$", -9],
        ["kill -s USR2 $$", -processes.signalNumber("SIGUSR2")!],
      ];
      for (const [script, code] of ends) {
        const child = spawn({ ...quiet, file: "sh", args: ["-c", script] });
        assert(child.pid > 0);
        assertEquals(await exitOf(child), code, script);
      }
    });

    it("gives pipes that start paused", only, async () => {
      const child = spawn({
        file: "sh",
        args: ["-c", "cat; echo end >&2"],
        stdin: "pipe",
        stdout: "pipe",
        stderr: "pipe",
      });
      const out = hear(child.stdout!);
      const err = hear(child.stderr!);
      const input = hear(child.stdin!);
      assertEquals(child.stdin!.write(new TextEncoder().encode("hi")), 2);
      await until(() => child.stdin!.buffered === 0, "the write");
      await pass(20);
      assertEquals([out.log, err.log], [[], []]);
      child.stdout!.resume();
      child.stderr!.resume();
      await until(() => out.size === 2, "the echo");
      child.stdin!.close();
      await until(() => out.eof && err.eof && input.closed, "the ends");
      assertEquals([out.text(), err.text()], ["hi", "end\n"]);
      assertEquals(await exitOf(child), 0);
      child.stdout!.close();
      child.stderr!.close();
      await until(() => out.closed && err.closed, "onClose");
      assertEquals(
        [out.error, err.error, input.error],
        [null, null, null],
      );
    });

    it(
      "a paused output holds the child back, untouched or not",
      only,
      async () => {
        for (const touched of [false, true]) {
          const child = spawn({
            ...quiet,
            file: "yes",
            args: [],
            stdout: "pipe",
          });
          const out = hear(child.stdout!);
          if (touched) {
            child.stdout!.resume();
            await until(() => out.size > 0, "data");
            child.stdout!.pause();
          }
          await pass(60);
          const before = written(child.pid);
          await pass(60);
          assert(written(child.pid) - before < 1e6);
          assert(written(child.pid) - out.size < 3e6);
          child.kill(9);
          assertEquals(await exitOf(child), -9);
          child.stdout!.close();
          await until(() => out.closed, "onClose");
        }
      },
    );

    it("a borrowed chunk is the same bytes", only, async () => {
      const child = spawn({
        ...quiet,
        file: "seq",
        args: ["60000"],
        stdout: "pipe",
      });
      const out = hear(child.stdout!, true);
      child.stdout!.resume();
      await until(() => out.eof, "the end");
      const lines = out.text().split("\n");
      assertEquals([lines.length, lines[59_999]], [60_001, "60000"]);
      child.stdout!.close();
      await until(() => out.closed, "onClose");
      await exitOf(child);
    });

    it("no such program throws at once", only, async () => {
      for (const file of ["/no/such", "no-such-program"]) {
        const error = await thrown(() => spawn({ ...quiet, file, args: [] }));
        assert(error instanceof FileNotFoundError, String(error));
        assertEquals(error["filename"], file);
      }
    });

    it("stderr as stdout, for every kind of stdout", only, async () => {
      const script = "echo a; echo b >&2";
      for (const stdout of ["null", "pipe"] as const) {
        const child = spawn({
          stdin: "null",
          stdout,
          stderr: "stdout",
          file: "sh",
          args: ["-c", script],
        });
        assertStrictEquals(child.stderr, null);
        const ear = child.stdout === null ? null : hear(child.stdout);
        child.stdout?.resume();
        if (ear !== null) {
          await until(() => ear.eof, "the end");
          assertEquals(ear.text(), "a\nb\n");
          child.stdout!.close();
        }
        assertEquals(await exitOf(child), 0);
      }
    });
  });
}

describe("signals and accounts", () => {
  it("signals have the system's numbers", () => {
    assertEquals(
      ["SIGINT", "SIGKILL", "SIGTERM"].map(processes.signalNumber),
      [2, 9, 15],
    );
    for (const name of ["SIGNOPE", "toString", "TERM", ""]) {
      assertStrictEquals(processes.signalNumber(name), undefined);
    }
  });

  it("accounts are found by name", { skip: !isRoot }, () => {
    assertEquals(processes.accountId("user", "root"), 0);
    assertEquals(processes.accountId("group", "root"), 0);
    assertStrictEquals(processes.accountId("user", "no such"), undefined);
  });
});

describe("pipes", () => {
  it("close is told once, and nothing after it", async () => {
    const pipe = await pipes.openRead(new Blob(["abc"]).stream());
    const ear = hear(pipe);
    pipe.resume();
    pipe.close();
    pipe.close();
    await until(() => ear.closed, "onClose");
    await pass(10);
    assertEquals([ear.log, ear.closes], [["close"], 1]);
  });

  it("a failed write is told once, with the error", async () => {
    const pipe = await pipes.openWrite(
      new WritableStream({
        write() {
          throw new Error("refused");
        },
      }),
    );
    const ear = hear(pipe);
    assertEquals(pipe.write(new Uint8Array(3)), 3);
    await until(() => ear.closed, "onClose");
    assert(ear.error!.message.includes("refused"));
    assertEquals([pipe.write(new Uint8Array(3)), pipe.buffered], [0, 0]);
    pipe.close();
    pipe.abort();
    await pass(5);
    assertEquals(ear.closes, 1);
  });

  it("a large write is taken in parts and shown as buffered", async () => {
    let release: (() => void) | undefined;
    const sizes: number[] = [];
    const pipe = await pipes.openWrite(
      new WritableStream<Uint8Array>({
        write(chunk) {
          sizes.push(chunk.length);
          return new Promise((resolve) => release = resolve);
        },
      }),
    );
    const ear = hear(pipe);
    const data = new Uint8Array(1_000_000);
    const taken = pipe.write(data);
    assert(taken > 0 && taken < data.length);
    assertEquals([pipe.buffered, pipe.write(data)], [taken, 0]);
    await until(() => release !== undefined, "the write");
    release!();
    await until(() => ear.drains > 0, "onDrain");
    assertEquals([pipe.buffered, sizes], [0, [taken]]);
    pipe.close();
    await until(() => ear.closed, "onClose");
    assertStrictEquals(ear.error, null);
  });

  it("reads text of a file", async () => {
    const pipe = await pipes.openRead("/proc/self/cmdline");
    const ear = hear(pipe);
    pipe.resume();
    await until(() => ear.eof, "the end");
    assert(text(ear.chunks[0]!)!.length > 0);
    pipe.close();
    await until(() => ear.closed, "onClose");
  });
});
