/** Signal handlers, proved on real child processes of the runtime in use. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { constants } from "node:os";
import process from "node:process";
import { describe, it, type Runtime, runtime } from "./_harness.ts";
import { Child } from "./_child.ts";

const on: Runtime[] = ["deno", "bun", "node"];
const options = { on, timeout: 15_000 };

const start = (...args: string[]) => Child.start("signals.ts", args);
const wait = (ms: number) => new Promise((done) => setTimeout(done, ms));
const send = (child: Child, signal: string) => process.kill(child.pid, signal);

/** What neither runtime minds: the others are handled by one of them, or by none. */
const SAFE = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGTRAP",
  "SIGABRT",
  "SIGBUS",
  "SIGUSR1",
  "SIGUSR2",
  "SIGPIPE",
  "SIGALRM",
  "SIGTERM",
  "SIGCHLD",
  "SIGCONT",
  "SIGTSTP",
  "SIGTTIN",
  "SIGTTOU",
  "SIGURG",
  "SIGXCPU",
  "SIGXFSZ",
  "SIGVTALRM",
  "SIGPROF",
  "SIGWINCH",
  "SIGIO",
  "SIGSYS",
];

/** What a runtime cannot listen to, on Linux. */
const REFUSED: Readonly<Record<string, readonly string[]>> = {
  deno: ["SIGILL", "SIGFPE", "SIGSEGV"],
  bun: ["SIGSTKFLT", "SIGPWR"],
  node: [],
};

describe("signal handlers in a process", () => {
  it(
    "are called for every signal that both runtimes hear",
    options,
    async () => {
      const names = SAFE.filter((name) => name in constants.signals);
      const child = start("listen", ...names);
      assertEquals((await child.line("refused")).trim(), "");
      await child.line("ready");
      for (const name of names) {
        send(child, name);
        await child.line(`got ${name}`);
      }
      child.kill("SIGKILL");
      await child.end;
    },
  );

  it("are refused, not forgotten, for what the runtime cannot hear", {
    ...options,
    skip: process.platform !== "linux",
  }, async () => {
    const names = ["SIGILL", "SIGFPE", "SIGSEGV", "SIGSTKFLT", "SIGPWR"];
    const child = start("listen", ...names, "SIGRTMIN", "SIGKILL", "SIGSTOP");
    assertEquals(
      (await child.line("refused")).trim().split(" "),
      [...REFUSED[runtime]!, "SIGRTMIN", "SIGKILL", "SIGSTOP"],
    );
    await child.line("ready");
    child.kill("SIGKILL");
    await child.end;
  });

  it(
    "give the default action back when they are removed",
    options,
    async () => {
      const child = start("oneTerm");
      await child.line("ready");
      send(child, "SIGTERM");
      assertEquals(await child.line("removed "), "true");
      send(child, "SIGTERM");
      assertEquals((await child.end).signal, "SIGTERM");
    },
  );

  it(
    "give the default action back when the loop is closed",
    options,
    async () => {
      const child = start("closed");
      await child.line("ready");
      send(child, "SIGTERM");
      const end = await child.end;
      assertEquals([end.signal, end.stdout.includes("handled")], [
        "SIGTERM",
        false,
      ]);
    },
  );

  it(
    "are called late for what came while the loop was at rest",
    options,
    async () => {
      const child = start("between");
      await child.line("ready");
      send(child, "SIGUSR1");
      const end = await child.end;
      assertStringIncludes(end.stdout, "meanwhile 0\nthen 1\n");
      assertEquals(end.code, 0);
    },
  );
});

describe("a handler of SIGINT in a process", () => {
  it("takes the runner's place", options, async () => {
    const child = start("replaced");
    await child.line("ready");
    child.kill();
    const end = await child.end;
    assertStringIncludes(
      end.stdout,
      "own handler\nmain goes on\nafter run\n",
    );
    assertEquals([end.code, end.signal, end.stderr], [0, null, ""]);
  });

  it(
    "is all there is to a busy program: two presses do not end it",
    options,
    async () => {
      const child = start("busy");
      await child.line("ready");
      await wait(50);
      child.kill();
      await wait(100);
      child.kill();
      const end = await child.end;
      assertStringIncludes(end.stdout, "heard true\n");
      assertEquals([end.code, end.signal], [0, null]);
    },
  );

  it(
    "that was there before the run keeps the runner out",
    options,
    async () => {
      const child = start("before");
      await child.line("ready");
      child.kill();
      const end = await child.end;
      assertStringIncludes(end.stdout, "own handler\n");
      assertEquals([end.code, end.signal], [0, null]);
    },
  );

  it(
    "that is taken back leaves a Ctrl-C that ends the run",
    options,
    async () => {
      const child = start("takenBack");
      await child.line("ready");
      child.kill();
      const end = await child.end;
      assertStringIncludes(
        end.stdout,
        "cancelled\ncleaned\nthrown KeyboardInterrupt\n",
      );
      assert(!end.stdout.includes("own handler"));
      assertEquals(end.signal, "SIGINT");
    },
  );
});
