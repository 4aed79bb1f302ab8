/**
 * Reads the reports that `deno task test` leaves in .junit/, one for each runtime.
 *
 * @module
 */

/** A test of a report. */
export interface TestCase {
  readonly name: string;
  /** The file that it is in, which only Bun tells. */
  readonly file: string | undefined;
  readonly end: "passed" | "failed" | "skipped";
}

const CASE =
  /<testcase\b((?:[^>"]|"[^"]*")*?)(?:\/>|>((?:(?!<testcase\b).)*?)<\/testcase>)/gs;

const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
};

function plain(text: string): string {
  return text.replace(
    /&(?:#(x?)([\da-f]+)|(\w+));/gi,
    (all, hex, code, name) =>
      code === undefined
        ? ENTITIES[name] ?? all
        : String.fromCodePoint(parseInt(code, hex === "" ? 10 : 16)),
  );
}

function attribute(text: string, name: string): string | undefined {
  const found = new RegExp(`\\s${name}="([^"]*)"`).exec(text)?.[1];
  return found === undefined ? undefined : plain(found);
}

/**
 * Reads a report.
 * @param xml Its text, in the format of JUnit.
 * @returns The tests in it.
 */
export function readReport(xml: string): TestCase[] {
  return [...xml.matchAll(CASE)].map(([, attributes, body = ""]) => ({
    name: attribute(attributes!, "name") ?? "",
    file: attribute(attributes!, "file"),
    end: /<(?:failure|error)\b/.test(body)
      ? "failed"
      : /<skipped\b/.test(body)
      ? "skipped"
      : "passed",
  }));
}
