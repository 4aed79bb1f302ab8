/** The tools that count: what is supported, and what is documented. */

import { assertEquals, assertThrows } from "@std/assert";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { count } from "../tools/doc_coverage.ts";
import { readReport, type TestCase } from "../tools/reports.ts";
import {
  ABILITIES,
  cellOf,
  cellsOf,
  insert,
  RUNTIMES,
  tableOf,
} from "../tools/support_table.ts";
import { describe, it } from "./_harness.ts";

describe("the support table", () => {
  it("each word picks a test file", () => {
    const folder = fileURLToPath(new URL(".", import.meta.url));
    const files = readdirSync(folder).map((name) => `tests/${name}`);
    const wrong = Object.values(ABILITIES).flat()
      .filter((word) => !files.some((file) => file.includes(word)));
    assertEquals(wrong, []);
  });

  it("reads how the tests of a report ended", () => {
    const xml = `<testsuites><testsuite tests="4">
      <testcase name="a &gt; &quot;b&quot; &#x26; c" file="tests/a_test.ts" />
      <testcase name="d > e" time="0.1"/>
      <testcase name="f">
        <skipped type="skipped" message="true"/>
      </testcase>
      <testcase name="g" line="49"><failure message="m">at x</failure></testcase>
      <testcase name="h" line="49">
      </testcase>
    </testsuite></testsuites>`;
    assertEquals(readReport(xml), [
      { name: 'a > "b" & c', file: "tests/a_test.ts", end: "passed" },
      { name: "d > e", file: undefined, end: "passed" },
      { name: "f", file: undefined, end: "skipped" },
      { name: "g", file: undefined, end: "failed" },
      { name: "h", file: undefined, end: "passed" },
    ]);
  });

  it("says of an ability how its tests ended", () => {
    assertEquals(
      cellOf({ passed: 3, failed: 0, skipped: 1 }),
      "yes, but for 1 of its tests",
    );
    assertEquals(cellOf({ passed: 3, failed: 0, skipped: 0 }), "yes");
    assertEquals(cellOf({ passed: 0, failed: 0, skipped: 4 }), "no");
    assertEquals(cellOf({ passed: 9, failed: 1, skipped: 0 }), "**fails**");
  });

  it("takes in each runtime that has a report, by the names that Bun has", () => {
    const end = "passed";
    const onBun = Object.entries(ABILITIES).map(([name, [word]]) => ({
      ...{ name, file: `tests/${word!.replace("/", "")}.ts`, end } as const,
    }));
    const others = onBun.map(({ name }) => ({ name, file: undefined, end }));
    const reports = new Map<string, TestCase[]>([
      ["deno", others as TestCase[]],
      ["bun", onBun],
      ["node", [...others, { ...onBun[0]!, end: "failed" }] as TestCase[]],
      ["web", others.slice(0, 3) as TestCase[]],
    ]);
    const cells = cellsOf(reports);
    assertEquals(Object.keys(cells), Object.keys(ABILITIES));
    const [first, , , fourth] = Object.values(cells);
    assertEquals(first, ["yes", "yes", "**fails**", "yes"]);
    assertEquals(fourth, ["yes", "yes", "yes", "no"]);
    reports.set("web", []);
    assertThrows(() => cellsOf(reports), Error, ".junit/web.xml has no test");
    reports.set("deno", []);
    assertThrows(() => cellsOf(reports), Error, ".junit/deno.xml has no test");
    reports.set("bun", []);
    assertThrows(() => cellsOf(reports), Error, ".junit/bun.xml has no test");
  });

  it("is in README.md with all abilities, and the columns that it can have", {
    // The compiled tests have no README.md of the sources.
    on: ["deno", "bun"],
  }, () => {
    const readme = readFileSync(
      new URL("../README.md", import.meta.url),
      "utf8",
    );
    const [, table] = /<!-- support[^>]*-->(.*?)<!-- \/support -->/s.exec(
      readme,
    )!;
    const rows = table!.trim().split("\n").map((line) =>
      line.split("|").slice(1, -1).map((cell) => cell.trim())
    );
    const [[, ...columns], , ...rest] = rows as [string[], ...string[][]];
    const known = Object.keys(RUNTIMES);
    assertEquals(columns, known.slice(0, Math.max(3, columns.length)));
    assertEquals(rest.map(([ability]) => ability), Object.keys(ABILITIES));
    const says = /^(yes(, but for \d+ of its tests)?|no)$/;
    const wrong = rest.flatMap(([, ...cells]) => cells)
      .filter((cell) => !says.test(cell));
    assertEquals(wrong, []);
  });

  it("replaces the table between the comments, and nothing else", () => {
    const [begin, end] = [
      "<!-- support: made by tools/support_table.ts -->",
      "<!-- /support -->",
    ];
    const table = tableOf(["a", "b"], { x: ["yes", "no"] });
    assertEquals(table, "|  | a | b |\n| --- | --- | --- |\n| x | yes | no |");
    assertEquals(
      insert(`before\n${begin}\nold\n${end}\nafter`, table),
      `before\n${begin}\n\n${table}\n\n${end}\nafter`,
    );
    const first = insert("before\n\n## Documentation\n", table);
    assertEquals(
      first,
      `before\n\n## Runtimes\n\n${begin}\n\n${table}\n\n${end}\n\n## Documentation\n`,
    );
    assertEquals(insert(first, table), first);
    assertThrows(() => insert("no place", table), Error, "missing");
  });
});

describe("the documentation count", () => {
  const location = { filename: "a.ts", line: 1 };
  const doc = { doc: "Something." };

  it("counts what has no text, once however often it is exported", () => {
    const bare = { name: "f", kind: "function", location };
    const reference = {
      ...{ kind: "reference", location: { filename: "b.ts", line: 9 } },
      def: { target: location },
    };
    const { modules, examples, symbols } = count({
      "file:///a.ts": {
        module_doc: { ...doc, tags: [{ kind: "example" }] },
        symbols: [{ name: "f", declarations: [bare] }],
      },
      "file:///b.ts": {
        symbols: [{ name: "f", declarations: [reference] }],
      },
    });
    assertEquals(modules.missing, ["b.ts"]);
    assertEquals(examples.missing, ["b.ts"]);
    assertEquals([symbols.all, symbols.missing], [1, ["a.ts: f"]]);
  });

  it("leaves out what is internal, private or told of elsewhere", () => {
    const methods = [
      { name: "plain", jsDoc: doc },
      { name: "bare" },
      { name: "inner", jsDoc: { tags: [{ kind: "internal" }] } },
      { name: "hidden", accessibility: "private" },
      { name: "again", isOverride: true },
      { name: "[Symbol.iterator]" },
    ];
    const { members } = count({
      "file:///a.ts": {
        symbols: [{
          name: "C",
          declarations: [
            {
              name: "C",
              kind: "class",
              location,
              jsDoc: doc,
              def: { methods },
            },
          ],
        }],
      },
    });
    assertEquals([members.all, members.missing], [2, ["a.ts: C.bare"]]);
  });
});
