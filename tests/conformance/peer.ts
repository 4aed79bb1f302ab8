/**
 * Answers jobs: one JSON line in, one JSON line out. Runs on Deno and on Bun;
 * with `--oracle`, on Deno, it answers for CPython.
 */
import { createInterface } from "node:readline";
import type { Mode, Scenario, Spelling, Trace } from "./types.ts";

/** One run asked for; the oracle has one spelling. */
export interface Job {
  /** The program. */
  readonly scenario: Scenario;
  /** The task factory in force. */
  readonly mode: Mode;
  /** The library's spelling. */
  readonly spelling: Spelling;
}

type Answer = (job: Job) => Promise<Trace>;

async function fromLibrary(): Promise<Answer> {
  const { runScenario } = await import("./drive.ts");
  return ({ scenario, mode, spelling }) =>
    runScenario(scenario, mode, spelling);
}

async function fromOracle(): Promise<Answer> {
  const { loadOracle } = await import("./oracle.ts");
  const oracle = await loadOracle();
  return ({ scenario, mode }) =>
    Promise.resolve(oracle.run([[scenario, mode]])[0]!);
}

async function main(): Promise<void> {
  const { argv, stdin, stdout } = await import("node:process");
  const answer =
    await (argv.includes("--oracle") ? fromOracle() : fromLibrary());
  for await (const line of createInterface({ input: stdin })) {
    let reply: Trace;
    try {
      reply = await answer(JSON.parse(line) as Job);
    } catch (error) {
      reply = [`the harness failed: ${(error as Error).stack}`];
    }
    stdout.write(JSON.stringify(reply) + "\n");
  }
}

if (import.meta.main) await main();
