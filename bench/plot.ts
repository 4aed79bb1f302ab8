// deno-lint-ignore-file no-console
/**
 * Draws the tables of ratios that the benchmarks print as SVG: a bar for each figure
 * on a logarithmic axis, from 1, where both sides took the same.
 *
 *     deno task bench --svg FOLDER
 *     deno run -A bench/plot.ts PAGE FOLDER
 *
 * The second draws the tables that a page quotes.
 *
 * @module
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { readCell, readTables, type Table } from "./tables.ts";

/** What is drawn of a table. */
export interface Plot {
  /** The name of its file, without the ending. */
  readonly name: string;
  /** What it shows, in a few words. */
  readonly title: string;
  /** What the axis measures. */
  readonly axis: string;
  /** On which side of 1 the library is ahead; null where nobody is. */
  readonly ahead: "above" | "below" | null;
  /** The columns that are drawn, as their places in the table. */
  readonly columns: readonly number[];
  /** The table. */
  readonly table: Table;
}

const WIDTH = 760;
/** Where the names of the columns end, and the bars may begin. */
const NAMES = 300;
const LEFT = 352;
const RIGHT = 700;
const LINE = 14;
const BETWEEN = 8;
const TOP = 90;

/** Ticks are drawn where there is room for their names. */
const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
const TICK_ROOM = 30;

const STYLE = `
  .page { fill: #ffffff }
  text { fill: #1f2328; font: 12px system-ui, sans-serif }
  .head { font-size: 15px; font-weight: 600 }
  .row { font-weight: 600 }
  .soft { fill: #57606a }
  line { stroke: #d0d7de }
  .one { stroke: #1f2328; stroke-width: 1.5 }
  .ahead { fill: #1a7f64 }
  .behind { fill: #bc4c00 }
  .neither { fill: #6e7781 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 }
    text { fill: #e6edf3 }
    .soft { fill: #9da7b1 }
    line { stroke: #3d444d }
    .one { stroke: #e6edf3 }
    .ahead { fill: #3fb68b }
    .behind { fill: #f0883e }
    .neither { fill: #8b949e }
  }
`;

/** Which table makes which plot; the first pattern that fits a title counts. */
const KINDS: readonly [title: RegExp, caption: RegExp, plot: MakePlot][] = [
  [/^(deno|bun)$/, /^How many/, (table) => beside("tasks", "tasks", table)],
  [/^(deno|bun): /, /^How many/, (table) => {
    return beside("sync", "locks, queues and groups", table);
  }],
  [/^cost per task/, /^$/, (table) => growth("tasks", "task", table)],
  [/^cost per waiter/, /^$/, (table) => growth("sync", "waiter", table)],
  [/^echo on /, /^$/, (table) => {
    const runtime = table.title.split(/[ :]/)[2]!;
    return {
      name: `echo-${runtime}`,
      title: `Echo servers on ${capital(runtime)} beside others`,
      axis: "times the processor time per request; below 1 it is less",
      ahead: "below",
      columns: without(table, "at most"),
      table,
    };
  }],
];

type MakePlot = (table: Table) => Plot;

const capital = (word: string) => word[0]!.toUpperCase() + word.slice(1);

function without(table: Table, ...names: string[]): number[] {
  return table.columns.flatMap((name, i) => names.includes(name) ? [] : [i]);
}

function beside(suite: string, what: string, table: Table): Plot {
  const runtime = table.title.split(":")[0]!;
  const spelling = /the (\w+) spelling/.exec(table.caption)![1]!;
  return {
    name: `${suite}-${runtime}-${spelling}`,
    title: `${capital(what)} on ${capital(runtime)}: others beside the ` +
      `${spelling} spelling`,
    axis: `how many times longer it takes than the ${spelling} spelling`,
    ahead: "above",
    columns: without(table),
    table,
  };
}

function growth(suite: string, one: string, table: Table): Plot {
  const sizes = table.columns.filter((name) => /^\d+$/.test(name));
  return {
    name: `${suite}-growth`,
    title: `What a ${one} costs, by how many there are`,
    axis: `its cost among ${sizes.at(-1)}, as times that among ${sizes[0]}`,
    ahead: null,
    columns: without(table, ...sizes),
    table,
  };
}

/**
 * Finds what can be drawn.
 * @param text What a benchmark printed, or a page that quotes it.
 * @returns A plot for each of its tables of ratios.
 */
export function plotsOf(text: string): Plot[] {
  return readTables(text).flatMap((table) => {
    const kind = KINDS.find(([title, caption]) =>
      title.test(table.title) && caption.test(table.caption)
    );
    return kind === undefined ? [] : [kind[2](table)];
  });
}

const escaped = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(
    '"',
    "&quot;",
  );

function text(x: number, y: number, kind: string, content: string): string {
  const [name, anchor = "start"] = kind.split(" ");
  return `<text x="${x}" y="${y}" class="${name}" text-anchor="${anchor}">` +
    `${escaped(content)}</text>`;
}

/** Where a ratio lies on the axis; all of the values and 1 are on it. */
function axisOf(values: readonly number[]): (value: number) => number {
  const low = Math.log(Math.min(1, ...values));
  const high = Math.log(Math.max(1, ...values));
  const scale = (RIGHT - LEFT) / (high - low || 1);
  return (value) => Math.round(LEFT + (Math.log(value) - low) * scale);
}

/** The ticks whose names have room, 1 before all others. */
function ticksOf(at: (value: number) => number): number[] {
  const drawn: number[] = [];
  for (const tick of [1, ...TICKS]) {
    const x = at(tick);
    const near = drawn.some((other) => Math.abs(at(other) - x) < TICK_ROOM);
    if (!near && x >= LEFT && x <= RIGHT) drawn.push(tick);
  }
  return drawn;
}

/** A figure of a plot. */
interface Bar {
  readonly column: string;
  /** As the table says it, without what is in brackets. */
  readonly figure: string;
  readonly value: number | null;
  readonly short: boolean;
}

/** Who is ahead by a figure; the floor does nothing that a task needs. */
function sideOf({ column, value }: Bar, ahead: Plot["ahead"]): string {
  if (ahead === null || column === "floor") return "neither";
  return value! >= 1 === (ahead === "above") ? "ahead" : "behind";
}

function drawBar(
  row: string,
  bar: Bar,
  y: number,
  at: (value: number) => number,
  ahead: Plot["ahead"],
): string[] {
  const { column, figure, value } = bar;
  const one = at(1);
  const end = value === null ? one : at(value);
  const rect = value === null ? [] : [
    `<rect class="${sideOf(bar, ahead)}" x="${Math.min(one, end)}" y="${y}" ` +
    `width="${Math.max(1, Math.abs(end - one))}" height="${LINE - 3}"/>`,
  ];
  return [
    `<g class="bar" data-row="${escaped(row)}" data-column="${
      escaped(column)
    }">`,
    text(NAMES, y + 10, "soft end", column),
    ...rect,
    end >= one
      ? text(end + 5, y + 10, "figure", figure)
      : text(end - 5, y + 10, "figure end", figure),
    "</g>",
  ];
}

/**
 * Draws a plot.
 * @param plot The plot.
 * @returns The text of an SVG file.
 */
export function draw(plot: Plot): string {
  const { table, columns, ahead } = plot;
  const rows = table.rows.map(({ name, cells }) => ({
    name,
    bars: columns.map((i): Bar => ({
      column: table.columns[i]!,
      figure: cells[i]!.split(" (")[0]!,
      ...readCell(cells[i]!),
    })).filter(({ figure }) => figure !== "-"),
  })).filter(({ bars }) => bars.length > 0);
  const all = rows.flatMap(({ bars }) => bars);
  const at = axisOf(all.flatMap(({ value }) => value ?? []));
  const parts: string[] = [];
  let y = TOP;
  for (const { name, bars } of rows) {
    parts.push(text(12, y + 10, "row", name));
    for (const bar of bars) {
      parts.push(...drawBar(name, bar, y, at, ahead));
      y += LINE;
    }
    y += BETWEEN;
  }
  const ticks = ticksOf(at).map((tick) => {
    const kind = tick === 1 ? ' class="one"' : "";
    const x = at(tick);
    return `<g class="tick"><line${kind} x1="${x}" y1="${TOP - 6}" ` +
      `x2="${x}" y2="${y}"/>${
        text(x, y + 16, "soft middle", String(tick))
      }</g>`;
  });
  const axis = plot.axis +
    (all.some(({ short }) => short) ? "; * short of the bound" : "");
  const colours = ahead === null
    ? ""
    : " Green: the library is ahead; orange: it is behind.";
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" role="img" ` +
    `aria-labelledby="title desc" width="${WIDTH}" height="${y + 28}" ` +
    `viewBox="0 0 ${WIDTH} ${y + 28}">`,
    `<title id="title">${escaped(plot.title)}</title>`,
    `<desc id="desc">Bars on a logarithmic axis from 1: ${escaped(axis)}.` +
    `${colours}</desc>`,
    `<style>${STYLE}</style>`,
    `<rect class="page" width="100%" height="100%"/>`,
    text(12, 26, "head", plot.title),
    text(12, 46, "soft", axis),
    ...(colours === "" ? [] : [text(12, 64, "soft", colours.trim())]),
    ...ticks,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

/**
 * Draws all that can be drawn of a text.
 * @param said What a benchmark printed, or a page that quotes it.
 * @param folder Where the files go.
 * @returns Their names.
 */
export function writePlots(said: string, folder: string): string[] {
  mkdirSync(folder, { recursive: true });
  return plotsOf(said).map((plot) => {
    const path = `${folder}/${plot.name}.svg`;
    writeFileSync(path, draw(plot));
    return path;
  });
}

if (import.meta.main) {
  const [page, folder] = process.argv.slice(2);
  if (page === undefined || folder === undefined) {
    console.error("Takes a page and a folder: bench/plot.ts PAGE FOLDER");
    process.exit(2);
  }
  for (const path of writePlots(readFileSync(page, "utf8"), folder)) {
    console.log(path);
  }
}
