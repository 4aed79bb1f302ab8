/** What the tests of child processes share. */

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { run, type Task } from "../mod.ts";

/** Text as bytes. */
export function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** Bytes as text; null stays. */
export function text(data: Uint8Array | null): string | null {
  return data === null ? null : new TextDecoder().decode(data);
}

/** Runs a test's body in a loop. */
export function inLoop(body: () => Promise<void>): () => Promise<void> {
  return () => run(body);
}

/** What is thrown, by something awaited or called. */
export async function thrown(
  // deno-lint-ignore no-explicit-any
  body: () => any,
): Promise<Error & Record<string, unknown>> {
  try {
    await body();
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error("nothing was thrown");
}

/** The state of a process in /proc: "Z" for a zombie, null where it is gone. */
export function stateOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
  } catch {
    return null;
  }
}

/** Our children, and what they are at. */
export function children(): string[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).filter(
    (name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, "latin1");
        const parent = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1];
        return parent === String(process.pid);
      } catch {
        return false;
      }
    },
  );
}

/** How many descriptors we have open. */
export function descriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

/** How many bytes a process has written so far. */
export function written(pid: number): number {
  const io = readFileSync(`/proc/${pid}/io`, "latin1");
  return Number(/wchar: (\d+)/.exec(io)![1]);
}

/** Whether a program is there. */
export function has(program: string): boolean {
  return spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
}

/** Whether we may change the user. */
export const isRoot: boolean = process.getuid?.() === 0;

/** A task's outcome that nobody else looks at. */
export async function ended(task: Task<unknown>): Promise<void> {
  try {
    await task;
  } catch {
    // That it has ended is what counts.
  }
}
