/**
 * Numbers the lines of its input, as `nl -ba` does, while they come.
 *
 *     ls | deno run examples/nl.ts
 *     ls | bun examples/nl.ts 3 ': '
 *
 * The arguments are the width of the numbers and what follows them.
 */
import {
  BrokenPipeError,
  ConnectionResetError,
  openStdio,
  run,
  type StreamReader,
  type StreamWriter,
} from "../mod.ts";
import { args, isMain } from "./_host.ts";

/** The longest line. */
const LIMIT = 16 * 1024 * 1024;

const encoder = new TextEncoder();

/** Copies lines and numbers them; returns how many there were. */
export async function number(
  reader: StreamReader,
  writer: StreamWriter,
  width = 6,
  separator = "\t",
): Promise<number> {
  let count = 0;
  for await (const line of reader) {
    count++;
    writer.write(
      encoder.encode(`${String(count).padStart(width)}${separator}`),
    );
    writer.write(line);
    // Waits only where whoever reads is slower than whoever writes.
    await writer.drain();
  }
  return count;
}

/** Numbers the lines of the standard input. */
export async function main(width = 6, separator = "\t"): Promise<void> {
  const [reader, writer] = await openStdio({ limit: LIMIT });
  try {
    await using _closed = writer;
    await number(reader, writer, width, separator);
  } catch (error) {
    // As with `| head`: whoever reads has seen enough.
    const gone = error instanceof BrokenPipeError ||
      error instanceof ConnectionResetError;
    if (!gone) throw error;
  }
}

if (isMain(import.meta)) {
  const [width = "6", separator = "\t"] = args;
  await run(() => main(Number(width), separator));
}
