/** The plots of the benchmarks: what they show is what the tables beside them say. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { draw, plotsOf } from "../bench/plot.ts";
import { readCell, readTables, type Table } from "../bench/tables.ts";
import { describe, it, type TestOptions } from "./_harness.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string) => readFileSync(`${root}/${path}`, "utf8");
const page = read("docs/performance.md");

/** The figures of a plot, read from its text alone. */
function figuresOf(svg: string): Map<string, string> {
  const figures = new Map<string, string>();
  const bars = svg.matchAll(
    /<g class="bar" data-row="([^"]*)" data-column="([^"]*)">(.*?)<\/g>/gs,
  );
  for (const [, row, column, inner] of bars) {
    const figure = /class="figure"[^>]*>([^<]*)</.exec(inner!)![1]!;
    figures.set(`${row}, ${column}`, figure);
  }
  return figures;
}

/** The figures of a table, in the way in which {@linkcode figuresOf} has them. */
function figuresIn(table: Table, columns: readonly number[]) {
  return new Map(
    table.rows.flatMap(({ name, cells }) =>
      columns.filter((i) => cells[i] !== "-").map((i) => [
        `${name}, ${table.columns[i]}`,
        cells[i]!.split(" (")[0]!,
      ])
    ),
  );
}

/** Where the bars of a plot end, by what they measure, and where the axis says so. */
function endsOf(svg: string): { value: number; x: number; width: number }[] {
  const bars = svg.matchAll(
    /<rect class="\w+" x="(\d+)" y="\d+" width="(\d+)"[^>]*>\n<text[^>]*>([^<]*)</g,
  );
  return [...bars].map(([, x, width, figure]) => {
    const { value } = readCell(figure!);
    const right = Number(x) + Number(width);
    return {
      value: value!,
      x: value! >= 1 ? right : Number(x),
      width: +width!,
    };
  });
}

const EXAMPLE = `
=== deno ===
Nanoseconds each (medians)
               generator  async  floor
spawn & join         609   1237    159

How many times longer than the generator spelling (* short of the bound)
               asyncio  effect  slow one  floor
spawn & join        10    0.10  too long   0.26
<none>           *4.50       -      1.00   0.50
`;

describe("the plots of a benchmark", () => {
  const [plot, ...others] = plotsOf(EXAMPLE);
  const svg = draw(plot!);

  it("are made of each table of ratios", () => {
    assertEquals(others, []);
    assertEquals(plot!.name, "tasks-deno-generator");
  });
  it("show each figure that was taken, as the table says it", () => {
    assertEquals([...figuresOf(svg)], [
      ["spawn &amp; join, asyncio", "10"],
      ["spawn &amp; join, effect", "0.10"],
      ["spawn &amp; join, slow one", "too long"],
      ["spawn &amp; join, floor", "0.26"],
      ["&lt;none>, asyncio", "*4.50"],
      ["&lt;none>, slow one", "1.00"],
      ["&lt;none>, floor", "0.50"],
    ]);
  });
  it("have bars on a logarithmic axis that begin at 1", () => {
    const one = Number(/class="one" x1="(\d+)"/.exec(svg)![1]);
    const ends = endsOf(svg);
    assertEquals(ends.length, 6);
    const ten = ends.find(({ value }) => value === 10)!.x - one;
    for (const { value, x, width } of ends) {
      assert(Math.abs(x - one - ten * Math.log10(value)) <= 1, `${value}`);
      assertEquals(width, Math.max(1, Math.abs(x - one)), `${value}`);
    }
    const ticks = [
      ...svg.matchAll(/<line[^>]*x1="(\d+)".*?>([\d.]+)<\/text>/g),
    ];
    assert(ticks.length > 2);
    for (const [, x, name] of ticks) {
      const off = Number(x) - one - ten * Math.log10(Number(name));
      assert(Math.abs(off) <= 1, name);
    }
  });
  it("say who is ahead, and of the floor nothing", () => {
    assertEquals(
      [...svg.matchAll(/<rect class="(\w+)" x/g)].map(([, c]) => c),
      [
        "ahead",
        "behind",
        "neither",
        "ahead",
        "ahead",
        "neither",
      ],
    );
  });
  it("have a title, a description and colours for a dark page", () => {
    assertStringIncludes(svg, 'role="img" aria-labelledby="title desc"');
    assertStringIncludes(svg, '<title id="title">Tasks on Deno');
    assertStringIncludes(svg, '<desc id="desc">');
    assertStringIncludes(svg, "@media (prefers-color-scheme: dark)");
  });
});

describe("the tables of a benchmark", () => {
  it("end with their text, and have no more than their own rows", () => {
    const tables = readTables(`${EXAMPLE}\nA word  and another\n  a  b\n`);
    assertEquals(tables.map(({ rows }) => rows.length), [1, 2]);
  });
  it("have cells with a figure, a star, brackets, or nothing", () => {
    assertEquals(readCell("*1.19 (1.18)"), { value: 1.19, short: true });
    assertEquals(readCell("12"), { value: 12, short: false });
    for (const cell of ["-", "too long"]) {
      assertEquals(readCell(cell), { value: null, short: false });
    }
  });
});

describe("docs/performance.md", () => {
  // The compiled tests have another copy of docs/ beside them.
  const here: TestOptions = { on: ["deno", "bun"] };
  const plots = plotsOf(page);

  it("shows a plot of each of its tables of ratios", here, () => {
    const shown = [...page.matchAll(/!\[[^\]]+\]\(plots\/([\w-]+)\.svg\)/g)]
      .map(([, name]) => name!);
    assertEquals(shown, plots.map(({ name }) => name));
    const files = readdirSync(`${root}/docs/plots`);
    assertEquals(files.sort(), shown.map((name) => `${name}.svg`).sort());
  });
  it("shows plots of the figures of its tables", here, () => {
    for (const { name, table, columns } of plots) {
      const figures = figuresOf(read(`docs/plots/${name}.svg`));
      assertEquals(figures, figuresIn(table, columns), name);
      assert(figures.size > 7, name);
    }
  });
  it("shows plots as bench/plot.ts draws them", here, () => {
    for (const plot of plots) {
      assertEquals(read(`docs/plots/${plot.name}.svg`), draw(plot), plot.name);
    }
  });
});
