/** Takes out of a trace what means nothing from one language to another. */
import type { Trace } from "./types.ts";

/** Replaces every balanced `<...>`, a repr, by `<>`. */
function withoutReprs(line: string): string {
  let depth = 0;
  let out = "";
  for (let i = 0; i < line.length; i++) {
    const c = line[i];
    if (c === "<" && /[A-Za-z_(]/.test(line[i + 1] ?? "")) {
      if (depth++ === 0) out += "<";
      continue;
    }
    if (c === ">" && depth > 0) {
      if (--depth === 0) out += ">";
      continue;
    }
    if (depth === 0) out += c;
  }
  return depth === 0 ? out : line;
}

/** One line in the form that is recorded and compared. */
export function normaliseLine(line: string): string {
  return withoutReprs(line)
    // The global counter of default names starts nowhere in particular.
    .replace(/\bTask-\d+/g, "Task-N")
    // Names a function and a source line.
    .replace(/Exception in callback [^"]*/, "Exception in callback *");
}

/** A trace in the form that is recorded and compared. */
export function normalise(trace: Trace): Trace {
  return trace.map(normaliseLine);
}
