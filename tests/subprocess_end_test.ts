/** Child processes: how they end, who is told, and in which order. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import process from "node:process";
import { platform } from "../_platform/mod.ts";
import type { Child as PlatformChild } from "../_platform/processes.ts";
import {
  type AbstractEventLoop,
  type BaseEventLoop,
  BaseSubprocessTransport,
  type BaseTransport,
  CancelledError,
  createSubprocessExec,
  createSubprocessShell,
  createTask,
  DEVNULL,
  getRunningLoop,
  NotImplementedError,
  PIPE,
  ProcessLookupError,
  run,
  sleep,
  SubprocessProtocol,
  type SubprocessTransport,
  TimeoutError,
  waitFor,
} from "../mod.ts";
import { Child } from "./_child.ts";
import { describe, it, runtime } from "./_harness.ts";
import {
  bytes,
  children,
  ended,
  inLoop,
  stateOf,
  text,
  thrown,
} from "./_processes.ts";

describe("the end of a child", () => {
  it(
    "an exit code is the returncode",
    inLoop(async () => {
      for (const code of [0, 1, 127, 255]) {
        const proc = await createSubprocessShell(`exit ${code}`);
        assertEquals([await proc.wait(), proc.returncode], [code, code]);
      }
    }),
  );

  it(
    "behaviour 74: a signal is its negative number",
    inLoop(async () => {
      const ways: readonly [
        (kill: string | number) => string | number,
        number,
      ][] = [[() => "SIGTERM", -15], [() => 9, -9], [() => "SIGUSR1", -10]];
      for (const [signal, code] of ways) {
        const proc = await createSubprocessExec("sleep", "30");
        proc.sendSignal(signal(0));
        assertEquals([await proc.wait(), proc.returncode], [code, code]);
      }
      const killed = await createSubprocessExec("sleep", "30");
      killed.kill();
      assertEquals(await killed.wait(), -9);
      const asked = await createSubprocessExec("sleep", "30");
      asked.terminate();
      assertEquals(await asked.wait(), -15);
    }),
  );

  it(
    "a realtime signal is its negative number, too",
    {
      // Node has no name for it, and then calls it an exit with code 0.
      on: ["deno", "bun"],
      skip: process.platform !== "linux",
      // Deno goes on counting a child whose end it has no name for.
      sanitize: false,
    },
    inLoop(async () => {
      const proc = await createSubprocessShell("kill -35 $$");
      assertEquals(await proc.wait(), -35);
      assertStrictEquals(stateOf(proc.pid), null);
    }),
  );

  it(
    "a realtime signal is sent, or said not to be",
    { on: ["deno", "bun", "node"], skip: process.platform !== "linux" },
    inLoop(async () => {
      for (const [signal, code] of [["SIGRTMIN", -34], [64, -64]] as const) {
        await using proc = await createSubprocessExec("sleep", "30");
        if (runtime === "deno") {
          const error = await thrown(() => proc.sendSignal(signal));
          assert(error instanceof NotImplementedError, String(error));
        } else {
          proc.sendSignal(signal);
          const end = await proc.wait();
          if (runtime !== "node") assertEquals(end, code);
        }
      }
    }),
  );

  it(
    "signal 0 only asks",
    inLoop(async () => {
      const proc = await createSubprocessExec("sleep", "30");
      proc.sendSignal(0);
      proc.kill();
      assertEquals(await proc.wait(), -9);
    }),
  );

  it(
    "behaviour 74: kill after exit is a ProcessLookupError",
    inLoop(async () => {
      const proc = await createSubprocessExec("true");
      await proc.wait();
      for (
        const call of [
          () => proc.kill(),
          () => proc.terminate(),
          () => proc.sendSignal("SIGINT"),
          () => proc.sendSignal(0),
        ]
      ) assert(await thrown(call) instanceof ProcessLookupError);
    }),
  );

  it(
    "no such signal is a RangeError",
    inLoop(async () => {
      await using proc = await createSubprocessExec("sleep", "30");
      for (const signal of ["SIGNOPE", "term", -1, 1.5, 500]) {
        assert(
          await thrown(() => proc.sendSignal(signal)) instanceof RangeError,
        );
      }
    }),
  );

  it(
    "a child that ignores SIGTERM ends by SIGKILL",
    inLoop(async () => {
      await using proc = await createSubprocessShell(
        "trap '' TERM; echo ready; while :; do sleep 0.02; done",
        { stdout: PIPE },
      );
      await proc.stdout!.readLine();
      proc.terminate();
      const error = await thrown(() => waitFor(proc.wait(), 0.08));
      assert(error instanceof TimeoutError);
      assertStrictEquals(proc.returncode, null);
      proc.kill();
      assertEquals(await proc.wait(), -9);
    }),
  );

  it(
    "many may wait, one of them cancelled",
    inLoop(async () => {
      const proc = await createSubprocessExec("sleep", "30");
      const tasks = [1, 2, 3].map(() => createTask(proc.wait()));
      await sleep(0);
      tasks[1]!.cancel();
      await ended(tasks[1]!);
      proc.kill();
      assertEquals([await tasks[0]!, await tasks[2]!], [-9, -9]);
      assertEquals(await proc.wait(), -9);
    }),
  );

  it(
    "behaviour 74: wait resolves at exit, communicate when a grandchild lets go",
    inLoop(async () => {
      const proc = await createSubprocessShell(
        "(sleep 0.15; echo later) & echo now",
        { stdout: PIPE },
      );
      const start = performance.now();
      assertEquals(await proc.wait(), 0);
      const waited = performance.now() - start;
      const [out] = await proc.communicate();
      assertEquals(text(out), "now\nlater\n");
      assert(waited < 140, `wait() took ${waited} ms`);
      assert(performance.now() - start > 100);
    }),
  );

  it(
    "leaves no zombie",
    inLoop(async () => {
      const proc = await createSubprocessExec("true");
      await proc.wait();
      assertStrictEquals(stateOf(proc.pid), null);
    }),
  );
});

describe("await using", () => {
  it(
    "kills what runs and waits for it",
    inLoop(async () => {
      let pid: number;
      {
        await using proc = await createSubprocessExec("sleep", "30", {
          stdin: PIPE,
          stdout: PIPE,
        });
        pid = proc.pid;
        assert(stateOf(pid) !== null);
      }
      assertStrictEquals(stateOf(pid), null);
    }),
  );

  it(
    "leaves what has ended alone",
    inLoop(async () => {
      await using proc = await createSubprocessExec("true", { stdout: PIPE });
      await proc.communicate();
      assertEquals(proc.returncode, 0);
    }),
  );
});

describe("a child that a loop leaves behind", () => {
  for (const how of ["plain", "piped", "merged"]) {
    it(`does not keep the program alive, and goes on: ${how}`, {
      on: ["deno", "bun", "node"],
      timeout: 15_000,
    }, async () => {
      const program = Child.start("leaving_children.ts", [how], {
        allowAll: true,
      });
      const start = performance.now();
      const pid = Number(await program.line(""));
      const { code, signal, stderr } = await program.end;
      const took = performance.now() - start;
      const state = stateOf(pid);
      process.kill(pid, "SIGKILL");
      assertEquals([code, signal, stderr, state], [0, null, "", "S"]);
      assert(took < 8_000, `it took ${took} ms`);
    });
  }
});

describe("cancellation", () => {
  it("of the start leaves nothing behind", async () => {
    const before = children().length;
    await run(async () => {
      for (let steps = 0; steps < 8; steps++) {
        const task = createTask(createSubprocessExec("sleep", "30", {
          stdin: PIPE,
          stdout: PIPE,
        }));
        for (let i = 0; i < steps; i++) await sleep(0);
        if (!task.cancel()) {
          const proc = await task;
          proc.kill();
          await proc.wait();
          continue;
        }
        assert(await thrown(() => task) instanceof CancelledError);
      }
    });
    assertEquals(children().length, before);
  });

  it(
    "of communicate leaves a child without input to its end",
    inLoop(async () => {
      await using proc = await createSubprocessExec("cat", {
        stdin: PIPE,
        stdout: PIPE,
      });
      const task = createTask(proc.communicate(new Uint8Array(10)));
      await sleep(0.01);
      // cat ends once its input is closed: what matters is that nothing hangs.
      task.cancel();
      await ended(task);
      await proc.wait();
    }),
  );

  it(
    "of communicate leaves the child running, and the next one to its end",
    inLoop(async () => {
      await using proc = await createSubprocessShell(
        "echo one; sleep 0.4; echo two",
        { stdout: PIPE },
      );
      const task = createTask(proc.communicate());
      await sleep(0.1);
      task.cancel();
      await ended(task);
      assert(task.cancelled());
      await sleep(0.05);
      assertStrictEquals(proc.returncode, null);
      assert(stateOf(proc.pid) !== null);
      const [out] = await proc.communicate();
      assert(text(out)!.endsWith("two\n"), text(out)!);
      assertEquals(proc.returncode, 0);
    }),
  );
});

/** Notes what it is told. */
class Notes extends SubprocessProtocol {
  readonly calls: string[] = [];
  transport: SubprocessTransport | null = null;
  readonly over: { done: boolean } = { done: false };

  override connectionMade(transport: BaseTransport): void {
    this.transport = transport as SubprocessTransport;
    this.calls.push("made");
  }

  override pipeDataReceived(fd: number, data: Uint8Array): void {
    this.calls.push(`data ${fd} ${text(data)!.trim()}`);
  }

  override pipeConnectionLost(fd: number, exc: unknown): void {
    this.calls.push(`pipe ${fd} ${exc}`);
  }

  override processExited(): void {
    this.calls.push("exited");
  }

  override connectionLost(exc: unknown): void {
    this.calls.push(`lost ${exc}`);
    this.over.done = true;
  }
}

async function until(check: () => boolean): Promise<void> {
  const end = performance.now() + 3000;
  while (!check()) {
    assert(performance.now() < end, "waited in vain");
    await sleep(0.002);
  }
}

describe("the protocol of a child", () => {
  const loop = () => getRunningLoop() as AbstractEventLoop;

  it(
    "behaviour 74: connectionLost comes after the pipes and the exit",
    inLoop(async () => {
      const [transport, notes] = await loop().subprocessShell(
        () => new Notes(),
        "echo out; echo err >&2; exit 4",
      );
      assertEquals(notes.calls[0], "made");
      assertStrictEquals(notes.transport, transport);
      assert(transport.getPid() > 0);
      await until(() => notes.over.done);
      assertEquals(notes.calls.at(-1), "lost null");
      for (
        const call of [
          "data 1 out",
          "data 2 err",
          "pipe 0 null",
          "pipe 1 null",
          "pipe 2 null",
          "exited",
        ]
      ) {
        assertEquals(notes.calls.filter((one) => one === call).length, 1, call);
      }
      assert(
        notes.calls.indexOf("data 1 out") < notes.calls.indexOf("pipe 1 null"),
      );
      assertEquals(transport.getReturncode(), 4);
      transport.close();
    }),
  );

  it(
    "with a grandchild, exit comes first, then the pipe, then the end",
    inLoop(async () => {
      const [transport, notes] = await loop().subprocessExec(
        () => new Notes(),
        "sh",
        "-c",
        "sleep 0.1 &",
        { stdin: DEVNULL, stderr: DEVNULL },
      );
      await until(() => notes.over.done);
      assertEquals(notes.calls, ["made", "exited", "pipe 1 null", "lost null"]);
      transport.close();
    }),
  );

  it(
    "a child that ended before its pipes were connected is told to the end",
    inLoop(async () => {
      const notes = new Notes();
      const pipe = await platform.pipes.openWrite(new WritableStream());
      let unwatched = 0;
      const child: PlatformChild = {
        pid: 4242,
        stdin: pipe,
        stdout: null,
        stderr: null,
        onExit() {},
        kill() {},
        ref() {},
        unref: () => void unwatched++,
      };
      class Ended extends BaseSubprocessTransport {
        override _start(): void {
          this._proc = child;
        }
      }
      const transport = new Ended(
        loop() as BaseEventLoop,
        notes,
        ["none"],
        false,
        PIPE,
        DEVNULL,
        DEVNULL,
        0,
      );
      transport._processExited(3);
      await until(() => notes.over.done);
      assertEquals(notes.calls, ["made", "exited", "pipe 0 null", "lost null"]);
      assertEquals(unwatched, 0);
      transport.close();
    }),
  );

  it(
    "the pipes are transports of their own",
    inLoop(async () => {
      const [transport, notes] = await loop().subprocessExec(
        () => new Notes(),
        "cat",
        { stderr: DEVNULL },
      );
      const stdin = transport.getPipeTransport(0)!;
      assertStrictEquals(transport.getPipeTransport(2), null);
      assertStrictEquals(transport.getPipeTransport(7), null);
      assert(!stdin.isClosing());
      (stdin as unknown as { write(data: Uint8Array): void }).write(
        bytes("hi"),
      );
      await until(() => notes.calls.includes("data 1 hi"));
      assert(String(transport).includes("running"), String(transport));
      stdin.close();
      await until(() => notes.over.done);
      assert(String(transport).includes("returncode=0"), String(transport));
      transport.close();
      assert(transport.isClosing());
    }),
  );

  it(
    "close kills the child, and is told to the end",
    inLoop(async () => {
      const [transport, notes] = await loop().subprocessExec(
        () => new Notes(),
        "sleep",
        "30",
      );
      transport.close();
      transport.close();
      await until(() => notes.over.done);
      assertEquals(transport.getReturncode(), -9);
      assertEquals(notes.calls.at(-1), "lost null");
      assert(
        await thrown(() => transport.kill()) instanceof ProcessLookupError,
      );
    }),
  );

  it(
    "setProtocol changes who is told",
    inLoop(async () => {
      const [transport, first] = await loop().subprocessExec(
        () => new Notes(),
        "cat",
        { stderr: DEVNULL },
      );
      const second = new Notes();
      transport.setProtocol(second);
      assertStrictEquals(transport.getProtocol(), second);
      transport.kill();
      await until(() => second.over.done);
      assertEquals(first.calls, ["made"]);
      transport.close();
    }),
  );
});
