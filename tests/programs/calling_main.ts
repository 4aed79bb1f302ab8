/** A worker calls back into the program, which awaits at its top level meanwhile. */

import process from "node:process";
import {
  loopPort,
  moduleFunction,
  moduleFunctions,
  RemoteLoop,
  run,
  toThread,
  transfer,
} from "../../mod.ts";

export async function answer(): Promise<string> {
  return "answered";
}

const named = moduleFunction(import.meta.url, answer);
const unnamed = moduleFunctions<{ other(): Promise<string> }>(import.meta.url);

export async function other(): Promise<string> {
  return "answered";
}

export function work(port: MessagePort, how: string): string {
  using loop = new RemoteLoop(port);
  const fn = how === "named" ? named : unnamed.other;
  return loop.runCoroutineThreadsafe(fn).result(5);
}

if (import.meta.main) {
  await run(async () => {
    const port = loopPort();
    const working = moduleFunction(import.meta.url, work);
    const call = toThread(
      working,
      transfer(port, [port]),
      process.argv[2]!,
    );
    process.stdout.write(
      await call.then((text) => text, (error) => (error as Error).name),
    );
  });
}
