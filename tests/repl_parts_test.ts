// deno-lint-ignore-file no-console
/** The parts of the REPL without a terminal: completion, and what runs the inputs. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { type Evaluator, makeEvaluator } from "../_platform/evaluator.ts";
import { complete } from "../_repl/completion.ts";
import { main } from "../main.ts";
import { describe, it } from "./_harness.ts";
import { NUMBER, on, takesEnums } from "./_repl_inputs.ts";

/** What inputs have declared, as a table. */
const declared = (values: Record<string, unknown>) => ({
  declared: () => Promise.resolve(Object.keys(values)),
  valueOf: (name: string) => Promise.resolve(values[name]),
});

describe("completion in the REPL", () => {
  it("finds names that inputs declared, and global ones", async () => {
    const names = declared({ parcel: 1, parts: 2, other: 3 });
    const [found, word] = await complete("1 + par", names);
    assertEquals(word, "par");
    for (const name of ["parcel", "parseFloat", "parseInt", "parts"]) {
      assert(found.includes(name), name);
    }
    assert(found.every((name) => name.startsWith("par")));
    assertEquals((await complete("structuredCl", names))[0], [
      "structuredClone",
    ]);
  });

  it("finds members, inherited ones too, by their whole paths", async () => {
    class Box {
      own = { deep: { deepest: 1 } };
      method() {}
    }
    const names = declared({ box: new Box() });
    assertEquals(await complete("f(box.", names), [
      ["box.constructor", "box.method", "box.own"],
      "box.",
    ]);
    assertEquals((await complete("box.own.deep.d", names))[0], [
      "box.own.deep.deepest",
    ]);
    assertEquals((await complete("Math.sq", names))[0], ["Math.sqrt"]);
  });

  it("finds nothing in what is not there, and runs no getter", async () => {
    let ran = 0;
    const names = declared({
      empty: null,
      trap: {
        get value() {
          ran++;
          return { secret: 1 };
        },
      },
    });
    for (const line of ["empty.", "nobody.a", "trap.value.", "empty.a.b"]) {
      assertEquals((await complete(line, names))[0], [], line);
    }
    assertEquals(
      (await complete("trap.", names))[0].includes("trap.value"),
      true,
    );
    assertEquals(ran, 0);
  });
});

/** Runs a test's body with an evaluator, which is closed afterwards. */
function withEvaluator(body: (evaluator: Evaluator) => Promise<void>) {
  return async () => {
    const evaluator = makeEvaluator();
    try {
      await body(evaluator);
    } finally {
      evaluator.close();
    }
  };
}

/** The value of an input. */
async function valueOf(evaluator: Evaluator, code: string): Promise<unknown> {
  const compiled = evaluator.compile(code);
  assertEquals(compiled.kind, "ready", code);
  return (await evaluator.run((compiled as { script: string }).script)).value;
}

describe("the evaluator of the REPL", () => {
  it(
    "gives the values of inputs, which see what those before declared",
    { on },
    withEvaluator(async (evaluator) => {
      const value = (code: string) => valueOf(evaluator, code);
      assertEquals(await value("1 + 1"), 2);
      assertEquals(await value("let evaluated = 5"), undefined);
      assertEquals(
        await value(`const more${NUMBER} = 2; evaluated * more`),
        10,
      );
      assertEquals(
        await value(`function twiceOf(n${NUMBER}) { return 2 * n }`),
        undefined,
      );
      assertEquals(
        await value("await Promise.resolve(twiceOf(evaluated))"),
        10,
      );
      assertEquals(
        await value("const [firstOf, secondOf] = [1, 2]"),
        undefined,
      );
      assertEquals(await value("firstOf + secondOf"), 3);
      assertEquals(
        await value('(await import("node:path")).posix.join("a", "b")'),
        "a/b",
      );
      const names = await evaluator.declared();
      const known = (name: string) =>
        names.includes(name) || name in globalThis;
      assert(known("evaluated") && known("twiceOf"));
    }),
  );

  it(
    "makes enums of inputs",
    { on, skip: !takesEnums },
    withEvaluator(async (evaluator) => {
      const value = (code: string) => valueOf(evaluator, code);
      assertEquals(await value("enum Hue { Red, Green = 7 }"), undefined);
      assertEquals(await value("Hue.Green"), 7);
      assertEquals(
        (await evaluator.declared()).includes("Hue") || "Hue" in globalThis,
        true,
      );
    }),
  );

  it(
    "imports wherever an input does, and takes nothing else for it",
    { on },
    withEvaluator(async (evaluator) => {
      for (
        const [code, result] of [
          ["typeof (await import('node:path')).join", "function"],
          ["typeof (await import // path\n  ('node:path')).join", "function"],
          ["`${typeof (await import('node:path')).join}`", "function"],
          ["(async () => (await import('node:path')).sep)()", "/"],
          [
            "'import(1)' + `import(2)` + /import(3)/.source",
            "import(1)import(2)import(3)",
          ],
          ["({ import(x) { return x } }).import(4) // import(5)", 4],
          ["new (class { import(x) { return x } })().import(6)", 6],
          ["const importedFrom = { $import: (x) => x }", undefined],
          ["importedFrom.$import(7) /* import(8) */", 7],
          ["await import('node:nothing').catch(() => 'none')", "none"],
        ] as const
      ) assertEquals(await valueOf(evaluator, code), result, code);
    }),
  );

  it(
    "says of an input whether more would help, or what is wrong with it",
    { on },
    withEvaluator(async (evaluator) => {
      for (
        const code of [
          "f(",
          "`a",
          "if (true) {",
          "/* a",
          "[1,",
          "`${a",
          "f(1 /* a",
          "x = {\n a: [",
          "class A {\n b() {\n",
        ]
      ) assertEquals(evaluator.compile(code).kind, "incomplete", code);
      for (const code of ["1 +* 2", "let let = 1", ")", "'a"]) {
        const compiled = evaluator.compile(code);
        assertEquals(compiled.kind, "wrong", code);
        assert((compiled as { problem: string }).problem.length > 3, code);
      }
      await Promise.resolve();
    }),
  );

  it(
    "hands on what an input throws, and goes on",
    { on },
    withEvaluator(async (evaluator) => {
      const error = await assertRejects(
        () => valueOf(evaluator, 'throw new RangeError("thrown")'),
      );
      assertMatch(`${error}`, /RangeError: thrown/);
      const late = await assertRejects(
        () => valueOf(evaluator, 'await Promise.reject(new Error("late"))'),
      );
      assertMatch(`${late}`, /late/);
      assertEquals(await valueOf(evaluator, "'still' + ' here'"), "still here");
    }),
  );
});

describe("the command line", () => {
  it("refuses what it does not know with 2, and says what it is", async () => {
    const said: string[] = [];
    const { error } = console;
    console.error = (...args: unknown[]) => void said.push(String(args.at(-1)));
    try {
      assertEquals(await main(["what"]), 2);
      assertEquals(await main(["ps"]), 2);
      assertEquals(await main(["ps", "1", "2"]), 2);
      assertEquals(await main(["pstree", "everything"]), 2);
    } finally {
      console.error = error;
    }
    const expected = [
      /unknown command 'what' \(choose from ps, pstree\)/,
      /the argument pid is required/,
      /unknown arguments: 2/,
      /'everything' is no process number/,
    ];
    assertEquals(said.length, expected.length);
    said.forEach((text, i) => assertMatch(text, expected[i]!));
  });
});
