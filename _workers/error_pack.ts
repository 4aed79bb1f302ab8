/** Errors on their way out of a thread: plain records that can be cloned. */

/** Nesting of causes and groups beyond which errors are left out. */
const DEEPEST = 16;

/** An error as it travels, or another value that was thrown. */
export type Packed =
  | { readonly value: unknown }
  | {
    /** The names of its class and of those above it, nearest first. */
    readonly names: readonly string[];
    readonly message: string;
    readonly stack: string;
    readonly fields: Readonly<Record<string, unknown>>;
    readonly cause?: Packed;
    readonly errors?: readonly Packed[];
  };

const LEFT_OUT: ReadonlySet<string> = new Set([
  "name",
  "message",
  "stack",
  "cause",
  "errors",
  // What JavaScriptCore adds.
  "line",
  "column",
  "sourceURL",
  "originalLine",
  "originalColumn",
]);

/** A copy of what can be copied; undefined for what cannot. */
function cloned(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return undefined;
  }
}

/** A text of something that may have none. */
function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return typeof value;
  }
}

function namesOf(error: Error): string[] {
  const names = [textOf(error.name)];
  for (
    let proto = Object.getPrototypeOf(error);
    proto !== null && proto !== Object.prototype;
    proto = Object.getPrototypeOf(proto)
  ) {
    // The library's classes have their names on the prototype: a minifier renames
    // the class. DOMException has a getter there, which throws.
    const name = Object.getOwnPropertyDescriptor(proto, "name")?.value ??
      proto.constructor?.name;
    if (typeof name === "string" && name !== "") names.push(name);
  }
  return names;
}

/** Makes an error, or whatever was thrown, ready to travel. */
export function packError(error: unknown, depth = 0): Packed {
  // Not by instanceof: it may have been made in another realm.
  const isError = error instanceof Error ||
    Object.prototype.toString.call(error) === "[object Error]";
  if (!isError) {
    const value = cloned(error);
    if (value !== undefined || error === undefined) return { value };
    return packError(
      new Error(`something that cannot be cloned was thrown: ${textOf(error)}`),
    );
  }
  const source = error as Error & { readonly errors?: unknown };
  const fields: Record<string, unknown> = {};
  for (const key of Object.keys(source)) {
    if (LEFT_OUT.has(key) || key.startsWith("_")) continue;
    const value = cloned((source as unknown as Record<string, unknown>)[key]);
    if (value !== undefined) fields[key] = value;
  }
  return {
    names: namesOf(source),
    message: textOf(source.message),
    stack: textOf(source.stack || source),
    fields,
    ...source.cause !== undefined && depth < DEEPEST &&
      { cause: packError(source.cause, depth + 1) },
    ...Array.isArray(source.errors) && depth < DEEPEST &&
      { errors: source.errors.map((inner) => packError(inner, depth + 1)) },
  };
}
