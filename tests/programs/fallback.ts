/**
 * Prints the trace of tests/_order.ts with the adapter's fast paths taken away
 * before the library loads, so that it falls back on public interfaces.
 */

import process from "node:process";

const deno = (globalThis as { Deno?: Record<symbol, unknown> }).Deno;
if (deno !== undefined && process.argv[2] === "public") {
  const { internal } = deno as unknown as { internal: symbol };
  const core = (deno[internal] as { core: object }).core;
  Object.defineProperty(deno, internal, {
    value: {
      core: { ...core, getAsyncContext: undefined, createTimer: undefined },
    },
  });
}
const { ORDER, trace } = await import("../_order.ts");
const { platform } = await import("../../_platform/mod.ts");
const { findContextOps } = await import("../../_platform/deno.ts");
const lines = await trace(platform);
// deno-lint-ignore no-console
console.log(JSON.stringify({
  fast: findContextOps(deno) !== undefined,
  right: JSON.stringify(lines) === JSON.stringify(ORDER),
  lines,
}));
