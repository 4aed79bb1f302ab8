/** Completing names, and members of what names stand for. */

/** What may be completed, and the words that begin so. */
export type Completion = [hits: string[], word: string];

/** Where names that are not the global object's come from. */
export interface Names {
  /** The names that inputs have declared. */
  declared(): Promise<readonly string[]>;
  /** What one of them stands for. */
  valueOf(name: string): Promise<unknown>;
}

const WORD = /(?<path>(?:[A-Za-z_$][\w$]*\.)*)(?<start>[\w$]*)$/;
const NAME = /^[A-Za-z_$][\w$]*$/;

/** The names of an object's members, its own first. */
function membersOf(value: unknown): string[] {
  const names = new Set<string>();
  if (value === null || value === undefined) return [];
  for (
    let at: object | null = Object(value);
    at !== null;
    at = Object.getPrototypeOf(at)
  ) {
    // Of everything, these are only in the way.
    if (at === Object.prototype && names.size > 0) break;
    for (const name of Object.getOwnPropertyNames(at)) {
      if (NAME.test(name)) names.add(name);
    }
  }
  return [...names];
}

/** A member's value, if no code has to run for it. */
function memberOf(value: unknown, name: string): unknown {
  if (value === null || value === undefined) return undefined;
  for (
    let at: object | null = Object(value);
    at !== null;
    at = Object.getPrototypeOf(at)
  ) {
    const found = Object.getOwnPropertyDescriptor(at, name);
    if (found !== undefined) return found.value;
  }
  return undefined;
}

async function find(path: readonly string[], names: Names): Promise<unknown> {
  const [first, ...rest] = path;
  const declared = await names.declared();
  const start: unknown = declared.includes(first!)
    ? await names.valueOf(first!)
    // Some of these are made when they are first asked for.
    : (globalThis as unknown as Record<string, unknown>)[first!];
  return rest.reduce(memberOf, start);
}

/**
 * Completes the name at the end of a line.
 *
 * @param line The line up to the cursor.
 * @param names What inputs have declared.
 * @returns The words that it may become, and the word that it is.
 */
export async function complete(
  line: string,
  names: Names,
): Promise<Completion> {
  const { path = "", start = "" } = WORD.exec(line)?.groups ?? {};
  const word = path + start;
  const known = path === ""
    ? [...await names.declared(), ...membersOf(globalThis)]
    : membersOf(await find(path.slice(0, -1).split("."), names));
  const hits = new Set(known.filter((name) => name.startsWith(start)));
  return [[...hits].sort().map((name) => path + name), word];
}
