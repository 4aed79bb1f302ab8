/** What is typed into the REPL: history, completion, and input from elsewhere. */

import { assertEquals, assertMatch } from "@std/assert";
import { spawnSync } from "node:child_process";
import {
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "./_harness.ts";
import {
  CTRL_BACKSLASH,
  CTRL_C,
  CTRL_D,
  dialogue,
  LINE,
  open,
  options,
  pause,
  TAB,
  UP,
  withRepl,
} from "./_repl.ts";
import { NUMBER, on, takesTypes } from "./_repl_inputs.ts";

describe("the REPL's lines", () => {
  it(
    "are kept for the next session, readable by nobody else",
    options,
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "repl-"));
      try {
        const history = join(folder, "history");
        await using first = await open(history);
        await dialogue(first, ["20 + 1", "21"], ["20 + 2", "22"]);
        first.type("exit\r");
        await first.end;
        assertEquals(readFileSync(history, "utf8"), "20 + 1\n20 + 2\nexit\n");
        assertEquals(statSync(history).mode & 0o777, 0o600);
        await using second = await open(history);
        second.type(`${UP}${UP}`);
        await second.see("20 + 2");
        assertEquals(await second.ask(""), "22");
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );

  it("are kept where the program is killed", options, async () => {
    const folder = mkdtempSync(join(tmpdir(), "repl-"));
    try {
      const history = join(folder, "history");
      writeFileSync(history, "1\n");
      await using repl = await open(history);
      await dialogue(repl, ["20 + 1", "21"]);
      process.kill(await repl.pid(), "SIGKILL");
      await repl.end;
      assertEquals(readFileSync(history, "utf8"), "1\n20 + 1\n");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it(
    "complete names and members",
    options,
    withRepl(async (repl) => {
      repl.type(`asyncio.runCoroutineT${TAB}`);
      await repl.see("asyncio.runCoroutineThreadsafe");
      assertEquals(await repl.ask(".name.length"), "22");
      await repl.ask("const someLongName = { innerMember: 4 }");
      repl.type(`someLo${TAB}`);
      await repl.see("someLongName");
      repl.type(`.inner${TAB}`);
      await repl.see(".innerMember");
      assertEquals(await repl.ask(""), "4");
      for (const keys of ["asyncio.Queue", TAB, TAB]) {
        repl.type(keys);
        await pause(100);
      }
      await repl.see("asyncio.QueueShutDown");
      repl.type(CTRL_C);
      await repl.prompt();
    }),
  );
});

describe("the REPL's input", () => {
  it(
    "is taken a line at a time where several come at once",
    options,
    withRepl(async (repl) => {
      repl.type("await asyncio.sleep(0.2, 1)\r2 + 2\rlet a = 1\ra + 5\r");
      assertEquals(
        await repl.see(/\n6\n>>> $/),
        "await asyncio.sleep(0.2, 1)\n1\n>>> 2 + 2\n4\n>>> let a = 1\n" +
          ">>> a + 5\n6\n>>> ",
      );
    }),
  );
});

describe("the REPL's dot commands", () => {
  it(
    "take several lines at once, and tell of themselves",
    options,
    withRepl(async (repl) => {
      repl.type(".editor\r");
      await repl.see("Ctrl+D");
      for (const keys of [`const u${NUMBER} = 4\r`, "u * 2\r", CTRL_D]) {
        await pause(100);
        repl.type(keys);
      }
      assertMatch(await repl.prompt(), /\n8$/);
      assertMatch(await repl.ask(".help"), /\.editor/);
    }),
  );
});

describe("the REPL on Node", () => {
  it(
    "says where it takes no types",
    { ...options, on: ["node"], skip: options.skip || takesTypes },
    withRepl((repl) => {
      assertMatch(repl.text, /\nInputs are JavaScript: [^\n]*\n>>> import/);
      return Promise.resolve();
    }),
  );

  it(
    "ends a loop that cannot be broken at Ctrl-\\",
    { ...options, on: ["node"] },
    withRepl(async (repl) => {
      repl.type("await asyncio.sleep(0.2); for (;;);\r");
      await pause(700);
      repl.type(CTRL_C);
      await pause(300);
      repl.type(CTRL_BACKSLASH);
      assertEquals(await repl.end, { code: 131, isRestored: true });
    }),
  );
});

describe("the REPL without a terminal", () => {
  it("says in one line what Deno has to grant", {
    on: ["deno"],
    timeout: 10_000,
  }, () => {
    const [program, ...args] = LINE;
    const { status, stdout, stderr } = spawnSync(
      program!,
      args.map((arg) => arg === "-A" ? "--allow-env=ASYNCIO_NOTHING" : arg),
      { encoding: "utf8", timeout: 8000 },
    );
    assertEquals([status, stdout], [1, ""]);
    assertMatch(stderr, /^[^\n]*--allow-env --allow-sys=inspector[^\n]*\n$/);
  });

  it("runs the lines of standard input, and ends with them", {
    on,
    timeout: 20_000,
  }, () => {
    const [program, ...args] = LINE;
    const { status, stdout } = spawnSync(program!, args, {
      input: `const x${NUMBER} = 4\nawait asyncio.sleep(0.05, x + 1)\n` +
        "function f() {\nreturn x\n}\nf() * 10",
      env: { ...process.env, NO_COLOR: "1" },
      encoding: "utf8",
      timeout: 15_000,
    });
    assertEquals(status, 0);
    assertMatch(stdout, /\b5\n[^]*\b40\n/);
  });
});
