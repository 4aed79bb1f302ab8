/** Reads back the tables that the benchmarks print: what is drawn is what was said. */

/** A table of figures, as it was printed. */
export interface Table {
  /** What stands between `===` above it. */
  readonly title: string;
  /** The line right above it; empty where there is none but the title. */
  readonly caption: string;
  /** The names of its columns, without that of the rows. */
  readonly columns: readonly string[];
  /** Its rows, each with a cell for every column. */
  readonly rows: readonly Row[];
}

/** A row of a table. */
export interface Row {
  readonly name: string;
  readonly cells: readonly string[];
}

const TITLE = /^=== (.*) ===$/;
/** A name or a cell has no more than one space between its words. */
const GAP = / {2,}/;

/**
 * Finds the tables of a text, which may be a page that quotes them.
 * @param text The text.
 * @returns The tables that have a head, in their order.
 */
export function readTables(text: string): Table[] {
  const tables: Table[] = [];
  let title = "";
  let caption = "";
  let head: string[] = [];
  let rows: Row[] = [];
  for (const line of text.split("\n")) {
    const cells = line.trimEnd().split(GAP);
    if (head.length > 0 && cells.length === head.length && cells[0] !== "") {
      rows.push({ name: cells[0]!, cells: cells.slice(1) });
      continue;
    }
    head = [];
    const found = TITLE.exec(line)?.[1];
    if (found !== undefined) [title, caption] = [found, ""];
    else if (cells.length > 1 && cells[0] === "" && title !== "") {
      head = cells;
      rows = [];
      tables.push({ title, caption, columns: cells.slice(1), rows });
    } else if (line.startsWith("```")) title = "";
    else caption = line;
  }
  return tables.filter(({ rows }) => rows.length > 0);
}

/** What a cell says. */
export interface Cell {
  /** The figure; null where none was taken, or it took too long. */
  readonly value: number | null;
  /** Whether it is past its bound. */
  readonly short: boolean;
}

/**
 * Reads a cell of a table of ratios: `3.74`, `*4.50`, `*1.19 (1.18)`, `-`.
 * @param cell Its text.
 * @returns What it says; what is in brackets is left out.
 */
export function readCell(cell: string): Cell {
  const [, star, digits] = /^(\*?)(\d+(?:\.\d+)?)(?: |$)/.exec(cell) ?? [];
  if (digits === undefined) return { value: null, short: false };
  return { value: Number(digits), short: star === "*" };
}
