/**
 * CPython's answer: the interpreter in `oracle/` on the asyncio of the CPython
 * that Pyodide carries. Deno alone, since only Deno takes an `npm:` import
 * with nothing installed.
 */
import { normalise } from "./normalise.ts";
import type { Mode, Scenario, Trace } from "./types.ts";

// A variable, so that no type checker and no other runtime resolves it.
const PACKAGE = "npm:pyodide@314.0.7";
const FILES = [
  "vloop",
  "world",
  "aws",
  "ops",
  "flow",
  "lock_ops",
  "queue_ops",
  "group_ops",
  "drive",
];

interface Pyodide {
  FS: {
    mkdirTree(path: string): void;
    writeFile(path: string, text: string): void;
  };
  runPython(code: string): unknown;
  globals: { get(name: string): (text: string) => string };
}

/** One program and the mode to run it in. */
export type Job = readonly [scenario: Scenario, mode: Mode];

/** A loaded CPython. */
export interface Oracle {
  /** What it says it is. */
  readonly version: string;
  /** The traces of `jobs`, in order. */
  run(jobs: readonly Job[]): Trace[];
}

/**
 * Loads CPython.
 *
 * @throws {Error} where the package cannot be had.
 */
export async function loadOracle(): Promise<Oracle> {
  const { loadPyodide } = await import(PACKAGE) as {
    loadPyodide(): Promise<Pyodide>;
  };
  const python = await loadPyodide();
  python.FS.mkdirTree("/oracle");
  for (const file of FILES) {
    const text = await Deno.readTextFile(
      new URL(`./oracle/${file}.py`, import.meta.url),
    );
    python.FS.writeFile(`/oracle/${file}.py`, text);
  }
  // Pyodide keeps a loop of its own marked as running on this thread.
  python.runPython(`
import asyncio, sys
sys.path.insert(0, "/oracle")
from drive import run_batch
def run_free(text):
    host = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        return run_batch(text)
    finally:
        asyncio._set_running_loop(host)
`);
  const version = String(python.runPython("sys.version.split()[0]"));
  const call = python.globals.get("run_free");
  return {
    version: `CPython ${version}`,
    run(jobs) {
      const text = JSON.stringify(
        jobs.map(([scenario, mode]) => [scenario, mode === "eager"]),
      );
      return (JSON.parse(call(text)) as Trace[]).map(normalise);
    },
  };
}
