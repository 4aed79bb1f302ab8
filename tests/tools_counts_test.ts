/** The tools that count: what is supported, and what is documented. */

import { assertEquals, assertThrows } from "@std/assert";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { count } from "../tools/doc_coverage.ts";
import {
  ABILITIES,
  cellOf,
  insert,
  readOutcome,
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

  it("reads how tests ended, and says it", () => {
    const outcome = readOutcome("noise\n\n3 passed, 0 failed, 1 skipped\n");
    assertEquals(outcome, { passed: 3, failed: 0, skipped: 1 });
    assertEquals(cellOf(outcome), "yes, but for 1 of its tests");
    assertEquals(cellOf({ passed: 3, failed: 0, skipped: 0 }), "yes");
    assertEquals(cellOf({ passed: 0, failed: 0, skipped: 4 }), "no");
    assertEquals(cellOf({ passed: 9, failed: 1, skipped: 0 }), "**fails**");
    assertThrows(() => readOutcome("nothing"), Error, "no closing line");
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
