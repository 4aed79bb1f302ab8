/** Leaves children behind: `leaving_children.ts HOW`. Prints their process ids. */

import process from "node:process";
import {
  createSubprocessExec,
  createTask,
  PIPE,
  run,
  sleep,
  STDOUT,
} from "../../mod.ts";

const STREAMS: Readonly<Record<string, object>> = {
  plain: {},
  piped: { stdin: PIPE, stdout: PIPE, stderr: PIPE },
  merged: { stdout: PIPE, stderr: STDOUT },
};

async function main(how: string): Promise<void> {
  const quiet = { stdout: PIPE, stderr: PIPE };
  const proc = await createSubprocessExec(
    "sleep",
    "20",
    { ...quiet, ...STREAMS[how] },
  );
  process.stdout.write(`${proc.pid}\n`);
  if (how === "piped") createTask(proc.stdout!.read());
  await sleep(0.02);
}

if (import.meta.main) await run(() => main(process.argv[2]!));
