/** A program without a guard: a worker that loads it would start workers, and so on. */

import { moduleFunction, run, toThread } from "../../mod.ts";

export function f(): void {}

await run(() => toThread(moduleFunction(import.meta.url, f)));
