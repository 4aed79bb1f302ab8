/** What the coverage counts, and how it reads what the runtimes tell. */

import { assert, assertEquals } from "@std/assert";
import { together } from "../tools/coverage.ts";
import {
  hasCode,
  NodeLines,
  type NodeProfile,
  readLcov,
  readMap,
  saying,
} from "../tools/coverage_lines.ts";
import { describe, it } from "./_harness.ts";

const SOURCE = `/** A page. */
import {
  nothing,
} from "./there.ts";
export * from "./elsewhere.ts";

// Says why.
export function twice(n: number): number {
  if (n < 0) throw new Error("below");
  return (
    2 * n
  );
}
export { twice as double };
`;

describe("the coverage", () => {
  it("counts lines that say something, and no imports", () => {
    assertEquals([...saying(SOURCE)], [8, 9, 10, 11, 14]);
  });

  it("reads a report of lcov, in which a line that ran once has run", () => {
    const text = "SF:a.ts\nDA:1,0\nDA:2,3\nLF:2\nend_of_record\n" +
      "SF:b.ts\nDA:7,0\nend_of_record\nSF:a.ts\nDA:1,1\nDA:2,0\n";
    const report = readLcov(text);
    assertEquals([...report.get("a.ts")!], [[1, true], [2, true]]);
    assertEquals([...report.get("b.ts")!], [[7, false]]);
  });

  // Two lines of script: `ab;cd` of lines 1 and 3, and `ef` of line 2.
  const map = {
    lineLengths: [5, 2],
    data: { sources: ["../a.ts"], mappings: "AAAA,GAEA;AADA" },
  };
  const profile = (ranges: [number, number, number][]): NodeProfile => ({
    result: [{
      url: "file:///out/a.js",
      functions: [{
        ranges: ranges.map(([startOffset, endOffset, count]) => ({
          startOffset,
          endOffset,
          count,
        })),
      }],
    }],
    "source-map-cache": { "file:///out/a.js": map },
  });

  it("reads a source map", () => {
    assertEquals(readMap(map), [
      { offset: 0, source: 0, line: 1 },
      { offset: 3, source: 0, line: 3 },
      { offset: 6, source: 0, line: 2 },
    ]);
  });

  it("takes together what the processes of Node ran, inner ranges last", () => {
    const lines = new NodeLines();
    lines.add(profile([[0, 8, 1], [3, 5, 0], [6, 8, 0]]));
    const linesOf = () => [...lines.report().get("file:///a.ts")!];
    assertEquals(linesOf(), [[1, true], [3, false], [2, false]]);
    lines.add(profile([[0, 8, 1], [0, 3, 0], [6, 8, 0]]));
    assertEquals(linesOf(), [[1, true], [3, true], [2, false]]);
  });

  it("misses what ran nowhere, of the lines that the first report knows", () => {
    const wanted = new Set([1, 2, 3, 4]);
    const node = new Map([[1, true], [2, false], [3, false], [9, false]]);
    const deno = new Map([[2, true], [4, false]]);
    const told = together("a.ts", wanted, [node, deno]);
    assertEquals(told, { path: "a.ts", count: 3, missed: [3] });
    const unknown = together("a.ts", wanted, [new Map(), deno]);
    assertEquals(unknown, { path: "a.ts", count: 2, missed: [4] });
    const unloaded = together("a.ts", wanted, [new Map(), new Map()]);
    assertEquals(unloaded, { path: "a.ts", count: 4, missed: [1, 2, 3, 4] });
  });

  it("knows a source of types alone, of which nothing runs", () => {
    assert(hasCode(SOURCE));
    assert(hasCode('import "./a.ts";\n\nfill();\n'));
    const types = `import type { A } from "./a.ts";
export type B = A | "const";
/** const c */
export interface C {
  function: B;
}
`;
    assertEquals(hasCode(types), false);
  });
});
