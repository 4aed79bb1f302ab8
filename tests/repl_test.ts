/** The REPL, driven through a terminal. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe, it, runtime } from "./_harness.ts";
import { stateOf } from "./_processes.ts";
import {
  CTRL_C,
  CTRL_D,
  dialogue,
  open,
  options,
  pause,
  withRepl,
} from "./_repl.ts";
import { NUMBER, takesEnums, takesTypes } from "./_repl_inputs.ts";

describe("the REPL", () => {
  it(
    "shows values, and keeps what inputs declare",
    options,
    withRepl((repl) =>
      dialogue(
        repl,
        ["1 + 1", "2"],
        ["let x = 5", ""],
        ["const y = 3; x * y", "15"],
        ["let x = 6", ""],
        ["x", "6"],
        ["_ + 1", "7"],
        ["function twice(n) { return 2 * n }", ""],
        ["class Box { value = twice(x) }", ""],
        ["new Box().value", "12"],
        ["undefined", ""],
        ["{ a: 1 }", "{ a: 1 }"],
        ["Promise.resolve(1) instanceof Promise", "true"],
      )
    ),
  );

  it(
    "takes TypeScript",
    { ...options, skip: options.skip || !takesTypes },
    withRepl((repl) =>
      dialogue(
        repl,
        ["interface Point { x: number; y?: string }", ""],
        ["type Pair<T> = [T, T]", ""],
        ["const point: Point = { x: 1 }", ""],
        ["(point as Point).x satisfies number", "1"],
        ...takesEnums
          ? [
            ["enum Color { Red, Green = 7 }", ""],
            ["Color.Green", "7"],
          ] as const
          : [],
        ["function first<T>(pair: Pair<T>): T { return pair[0] }", ""],
        ["first<number>([4, 5])", "4"],
      )
    ),
  );

  it(
    "awaits at the top level, inside a task of the loop",
    options,
    withRepl((repl) =>
      dialogue(
        repl,
        ["await asyncio.sleep(0.01, 7)", "7"],
        ["const v = await asyncio.sleep(0, 'text')", ""],
        ["v", "'text'"],
        ["asyncio.getRunningLoop().isRunning()", "true"],
        ["asyncio.currentTask() instanceof asyncio.Task", "true"],
        ["await Promise.resolve(3)", "3"],
        [
          "await asyncio.gather([asyncio.sleep(0, 1), asyncio.sleep(0, 2)])",
          "[ 1, 2 ]",
        ],
        ["(await import('node:path')).sep", "'/'"],
      )
    ),
  );

  it(
    "lets tasks go on between inputs, and keeps one context",
    options,
    withRepl(async (repl) => {
      await dialogue(
        repl,
        ["let n = 0", ""],
        [
          "const t = asyncio.createTask(async () => " +
          "{ for (;;) { await asyncio.sleep(0.001); n++ } })",
          "",
        ],
        ["const name = new asyncio.ContextVar('name')", ""],
        ["void name.set('ann')", ""],
      );
      await pause(200);
      await dialogue(
        repl,
        ["n > 5", "true"],
        ["t.done()", "false"],
        ["name.get()", "'ann'"],
        ["t.cancel()", "true"],
      );
    }),
  );

  it(
    "reads on while an input is not complete",
    options,
    withRepl(async (repl) => {
      for (
        const [lines, shown] of [
          [[`function half(n${NUMBER}) {`, "return n / 2", "}"], ""],
          [["half(", "9", ")"], "4.5"],
          [["`a", "b`.length"], "3"],
          [["[", "1, /* one", "*/ 2", "]"], "[ 1, 2 ]"],
          [["await asyncio.sleep(0, // seconds", "8)"], "8"],
          [["1 /* a", "comment */ + 1"], "2"],
          [["{ a: {", "b: 1 }", "}"], "{ a: { b: 1 } }"],
          [["{ a: 1, b: {", "}", "}"], "{ a: 1, b: {} }"],
          [["{", "let z = 1", "void z }"], ""],
        ] as const
      ) {
        for (const line of lines.slice(0, -1)) {
          repl.type(`${line}\r`);
          await repl.see(/\n(?:\.\.\.|\|) $/);
        }
        assertEquals(await repl.ask(lines.at(-1)!), shown, lines.join("\n"));
      }
    }),
  );

  it(
    "says in one line what is wrong with an input, and goes on",
    options,
    withRepl(async (repl) => {
      for (
        const wrong of [
          "let = = 3",
          "1 +* 2",
          "1 2",
          ")",
          "const b = = 3",
          "'abc",
          "let q; let q",
          ...runtime === "bun" ? [] : [
            "return 1",
            "import path from 'node:path'",
          ],
        ]
      ) {
        const shown = await repl.ask(wrong);
        assertMatch(shown, /^SyntaxError: [^\n]+$/, wrong);
      }
      await dialogue(repl, ["1 + 1", "2"]);
    }),
  );

  it(
    "shows an error with the frames of the input alone",
    options,
    withRepl(async (repl) => {
      await dialogue(
        repl,
        ["function fails() { throw new TypeError('boom') }", ""],
      );
      for (const input of ["fails()", "await (async () => fails())()"]) {
        const shown = await repl.ask(input);
        assertMatch(shown, /^Uncaught TypeError: boom\n\s+at fails /, input);
        assert(!/node:|native:|evaluator|repl\.ts|_kernel/.test(shown), shown);
      }
      await dialogue(
        repl,
        ["throw 5", "Uncaught 5"],
        ["throw undefined", "Uncaught undefined"],
      );
      const late = await repl.ask(
        "await asyncio.timeout(0.01).with(() => asyncio.sleep(9))",
      );
      assertMatch(late, /^Uncaught \[?TimeoutError\b/);
      assert(!late.includes(" at "), late);
      const nested = await repl.ask(
        "throw new Error('outer', { cause: new RangeError('inner') })",
      );
      assertMatch(nested, /^Uncaught Error: outer/);
      assertMatch(nested, /RangeError: inner/);
    }),
  );

  it(
    "goes on after an error that nobody catches",
    options,
    withRepl(async (repl) => {
      repl.type("void Promise.reject(new Error('lost'))\r");
      await repl.see("Uncaught Error: lost");
      repl.type("void setTimeout(() => { throw new Error('late') }, 50)\r");
      await repl.see("Uncaught Error: late");
      await repl.prompt();
      await dialogue(repl, ["1 + 1", "2"]);
    }),
  );

  it(
    "leaves by exit, quit and Ctrl-D, the terminal as it was",
    options,
    async () => {
      for (const leave of ["exit\r", "quit()\r", CTRL_D]) {
        await using repl = await open();
        const pid = await repl.pid();
        repl.type(leave);
        assertEquals(await repl.end, { code: 0, isRestored: true }, leave);
        assertEquals(stateOf(pid), null);
      }
    },
  );

  it(
    "ends as a SystemExit says, the tasks that are left first",
    options,
    withRepl(async (repl) => {
      await repl.ask(
        "const t = asyncio.createTask(async () => { " +
          "try { await asyncio.sleep(60) } finally { console.log('clean' + 1) }})",
      );
      repl.type("throw new asyncio.SystemExit(3)\r");
      await repl.see("clean1");
      assertEquals(await repl.end, { code: 3, isRestored: true });
    }),
  );
});

describe("a task of the REPL", () => {
  it(
    "ends it by a SystemExit",
    options,
    withRepl(async (repl) => {
      repl.type(
        "asyncio.createTask(() => { throw new asyncio.SystemExit(4) })\r",
      );
      assertEquals(await repl.end, { code: 4, isRestored: true });
    }),
  );

  it(
    "does not end it by a KeyboardInterrupt",
    options,
    withRepl(async (repl) => {
      repl.type(
        "const t = asyncio.createTask(" +
          "() => { throw new asyncio.KeyboardInterrupt() })\r",
      );
      await repl.see("\nKeyboardInterrupt\n");
      await repl.prompt();
      await dialogue(
        repl,
        ["t.done()", "true"],
        ["await asyncio.sleep(0.01, 5)", "5"],
      );
    }),
  );
});

describe("Ctrl-C in the REPL", () => {
  it(
    "cancels what runs, whose finally runs, and nothing else",
    options,
    withRepl(async (repl) => {
      await repl.ask("const t = asyncio.createTask(asyncio.sleep(60))");
      repl.type(
        "try { await asyncio.sleep(60) } finally { console.log('clean' + 1) }\r",
      );
      await pause(300);
      repl.type(CTRL_C);
      await repl.see("clean1");
      assertMatch(await repl.prompt(), /KeyboardInterrupt/);
      await dialogue(repl, ["t.done()", "false"], ["1 + 1", "2"]);
    }),
  );

  it(
    "leaves behind what hears of no cancellation",
    options,
    withRepl(async (repl) => {
      repl.type("await new Promise(() => {})\r");
      await pause(300);
      repl.type(CTRL_C);
      assertMatch(await repl.prompt(), /KeyboardInterrupt/);
      await dialogue(repl, ["1 + 1", "2"]);
      repl.type("exit\r");
      assertEquals((await repl.end).code, 0);
    }),
  );

  it(
    "drops the line that is typed, and the lines before it",
    options,
    withRepl(async (repl) => {
      repl.type("never(");
      await repl.see("never(");
      repl.type(CTRL_C);
      assertMatch(await repl.prompt(), /KeyboardInterrupt/);
      await dialogue(repl, ["1 + 1", "2"]);
      repl.type("function f() {\r");
      await repl.see(/\n(?:\.\.\.|\|) $/);
      repl.type(CTRL_C);
      assertMatch(await repl.prompt(), /KeyboardInterrupt/);
      await dialogue(repl, ["2 + 2", "4"]);
    }),
  );

  it(
    "ends a loop that cannot be broken, and the program, at the second",
    { ...options, on: ["deno", "bun"] },
    withRepl(async (repl) => {
      // Bun and Node break only what comes before the first await; Deno nothing.
      repl.type("await asyncio.sleep(0.2); for (;;);\r");
      await pause(700);
      repl.type(CTRL_C);
      await pause(500);
      repl.type(CTRL_C);
      assertEquals(await repl.end, { code: 130, isRestored: true });
    }),
  );

  it(
    "breaks a loop that never awaits",
    { ...options, on: ["bun", "node"] },
    withRepl(async (repl) => {
      repl.type("for (;;);\r");
      await pause(500);
      repl.type(CTRL_C);
      assertMatch(await repl.prompt(), /KeyboardInterrupt/);
      await dialogue(repl, ["1 + 1", "2"]);
    }),
  );
});
