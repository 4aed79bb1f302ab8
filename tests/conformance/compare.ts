/** Two traces against each other. */
import type { Trace } from "./types.ts";

const WIDTH = 70;

/** Two named traces in columns, marking the first line that differs. */
export function sideBySide(
  left: readonly [title: string, trace: Trace],
  right: readonly [title: string, trace: Trace],
): string {
  const rows = [`${pad(left[0])}   ${right[0]}`];
  let differs = false;
  for (let i = 0; i < Math.max(left[1].length, right[1].length); i++) {
    const [a, b] = [left[1][i] ?? "", right[1][i] ?? ""];
    const mark = a === b ? " " : differs ? "|" : ">";
    differs ||= a !== b;
    rows.push(`${pad(a)} ${mark} ${b}`);
  }
  return rows.join("\n");
}

/** Whether two traces are equal, line by line. */
export function sameTrace(left: Trace, right: Trace): boolean {
  return left.length === right.length &&
    left.every((line, i) => line === right[i]);
}

function pad(text: string): string {
  return text.slice(0, WIDTH).padEnd(WIDTH);
}
