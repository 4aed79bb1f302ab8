/**
 * Runs after fake timers were put in the place of the real ones, and before anything
 * has looked at those.
 */

import { run, sleep } from "../../mod.ts";

const globals = globalThis as unknown as Record<string, unknown>;
for (
  const name of ["setTimeout", "clearTimeout", "setInterval", "setImmediate"]
) {
  globals[name] = () => 0;
}
await run(async () => {
  await sleep(0.01);
  // Something foreign: the loop has to ask for a macrotask, more than once.
  for (let i = 0; i < 3; i++) await fetch("data:,");
});
// deno-lint-ignore no-console
console.log("slept");
