/**
 * Which lines of the sources ran, from what the runtimes write of it.
 *
 * @module
 */

/** Lines of one source, by number from 1, and whether each of them ran. */
export type Lines = Map<number, boolean>;

/** Per source, as the path or URL that the report names. */
export type Report = Map<string, Lines>;

/** Notes a line: one that has run once has run. */
function note(lines: Lines, line: number, ran: boolean): void {
  lines.set(line, ran || lines.get(line) === true);
}

/**
 * Reads a report in the format of lcov, which Deno and Bun write.
 * @param text The report.
 * @returns The lines of each file.
 */
export function readLcov(text: string): Report {
  const report: Report = new Map();
  let lines: Lines = new Map();
  for (const record of text.split("\n")) {
    const [, key, value] = /^(SF|DA):(.*)$/.exec(record) ?? [];
    if (key === "SF") {
      lines = report.get(value!) ?? new Map();
      report.set(value!, lines);
    } else if (key === "DA") {
      const [line, count] = value!.split(",").map(Number);
      note(lines, line!, count! > 0);
    }
  }
  return report;
}

/** What V8 counts of a script, in part. */
export interface ScriptCoverage {
  readonly url: string;
  readonly functions: readonly {
    readonly ranges: readonly {
      readonly startOffset: number;
      readonly endOffset: number;
      readonly count: number;
    }[];
  }[];
}

/** What Node writes beside that of a script that has a source map. */
export interface CachedMap {
  readonly lineLengths: readonly number[];
  readonly data: {
    readonly sources: readonly string[];
    readonly mappings: string;
  };
}

/** A file that Node writes when it ends, with `NODE_V8_COVERAGE`. */
export interface NodeProfile {
  readonly result: readonly ScriptCoverage[];
  readonly "source-map-cache"?: Readonly<Record<string, CachedMap>>;
}

/**
 * Marks what ran of a script. An inner range says better than the one around it,
 * and comes after it.
 */
function paint(script: ScriptCoverage, length: number): Uint8Array {
  const ran = new Uint8Array(length);
  for (const { ranges } of script.functions) {
    for (const { startOffset, endOffset, count } of ranges) {
      ran.fill(count > 0 ? 1 : 0, startOffset, endOffset);
    }
  }
  return ran;
}

const DIGITS =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** The numbers of a segment of a source map. */
function readSegment(text: string): number[] {
  const numbers: number[] = [];
  let [value, shift] = [0, 0];
  for (const char of text) {
    const digit = DIGITS.indexOf(char);
    value += (digit & 31) << shift;
    shift += 5;
    if (digit & 32) continue;
    numbers.push(value & 1 ? -(value >>> 1) : value >>> 1);
    [value, shift] = [0, 0];
  }
  return numbers;
}

/** A place in a script that stands for one in a source. */
export interface Mapped {
  /** Where in the script, in characters. */
  readonly offset: number;
  readonly source: number;
  /** The line of the source, from 1. */
  readonly line: number;
}

/**
 * Reads a source map.
 * @param map The map, and how long the lines of its script are.
 * @returns What it maps, in the script's order.
 */
export function readMap({ lineLengths, data }: CachedMap): Mapped[] {
  const found: Mapped[] = [];
  let [start, source, line] = [0, 0, 0];
  data.mappings.split(";").forEach((segments, at) => {
    let column = 0;
    for (const segment of segments === "" ? [] : segments.split(",")) {
      const [columns, sources, lines] = readSegment(segment);
      column += columns!;
      if (sources === undefined) continue;
      source += sources;
      line += lines!;
      found.push({ offset: start + column, source, line: line + 1 });
    }
    start += (lineLengths[at] ?? 0) + 1;
  });
  return found;
}

/** The lines of sources, as the processes of Node that ran their scripts tell. */
export class NodeLines {
  readonly #scripts = new Map<string, { map: CachedMap; ran: Uint8Array }>();

  /**
   * Adds what one process has run.
   * @param profile What it wrote.
   */
  add(profile: NodeProfile): void {
    const maps = profile["source-map-cache"] ?? {};
    for (const script of profile.result) {
      const map = maps[script.url] ?? this.#scripts.get(script.url)?.map;
      if (map === undefined || map.data === null) continue;
      const length = map.lineLengths.reduce((sum, n) => sum + n + 1, 0);
      const ran = paint(script, length);
      const before = this.#scripts.get(script.url)?.ran;
      if (before === undefined) this.#scripts.set(script.url, { map, ran });
      else for (let i = 0; i < length; i++) before[i]! |= ran[i]!;
    }
  }

  /** A line ran if all of it did, but for the lines that were compiled to nothing. */
  report(): Report {
    const report: Report = new Map();
    for (const [url, { map, ran }] of this.#scripts) {
      const missed = new Set<string>();
      for (const { offset, source, line } of readMap(map)) {
        const path = new URL(map.data.sources[source]!, url).href;
        const lines = report.get(path) ?? new Map<number, boolean>();
        report.set(path, lines);
        const key = `${path}:${line}`;
        if (ran[offset] === 0) missed.add(key);
        lines.set(line, !missed.has(key));
      }
    }
    return report;
  }
}

/** Imports and what is exported of other modules, which run wherever the file does. */
const PASSED_ON =
  /^(?:import|export)\b(?:[^;"]*\bfrom)?\s*"[^"]*"(?: with \{[^}]*\})?;/gm;
const NOTHING = /^\s*(?:\/\/.*|\/?\*.*|[\s()[\]{};,]*)$/;

/**
 * The lines of a source that say something: no comment, no import, not only brackets.
 * @param text The source.
 * @returns Their numbers, from 1.
 */
export function saying(text: string): Set<number> {
  const code = text.replace(
    PASSED_ON,
    (found) => found.replace(/[^\n]/g, ""),
  );
  const lines = new Set<number>();
  code.split("\n").forEach((line, i) => {
    if (!NOTHING.test(line)) lines.add(i + 1);
  });
  return lines;
}

/**
 * Whether a source is more than types and what it passes on.
 * @param text The source.
 * @returns Whether something of it runs.
 */
export function hasCode(text: string): boolean {
  return /^(?:export )?(?:abstract |async |default )*(?:function|class|const|let)\b/m
    .test(text) || /^[a-z]\w*[.(]/m.test(text);
}
