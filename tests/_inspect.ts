/** What the tests of `ps` and `pstree` share. */

import { assertEquals, assertMatch } from "@std/assert";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Child, type ChildEnd, commandLine } from "./_child.ts";
import { type Runtime, runtime, type TestOptions } from "./_harness.ts";
import { findBun, findDeno } from "../tools/runtimes.ts";

/** Where they are tried. */
export const on: Runtime[] = ["deno", "bun", "node"];
/** How their tests run. */
export const options: TestOptions = { on, timeout: 30_000 };
const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));

/** The command by each runtime that is there. */
export const askers: Readonly<Record<string, readonly string[] | null>> = {
  deno: lineOf(findDeno(), "run", "-A", "-q", "--no-lock"),
  bun: lineOf(findBun()),
  // The package is compiled for it, so that only its own tests can run it.
  ...runtime === "node" && { node: lineOf([process.execPath]) },
};

function lineOf(
  program: readonly string[] | undefined,
  ...flags: string[]
): string[] | null {
  return program === undefined ? null : [...program, ...flags, MAIN];
}

/** Where the sockets of this test are: nobody else's are in its way. */
export class Place {
  readonly base: string = mkdtempSync(join(tmpdir(), "i-"));
  readonly folder: string = join(this.base, `asyncio-${process.getuid?.()}`);
  readonly #children: Child[] = [];

  /** Starts a program of tests/programs/inspected.ts. */
  start(name: string, how = "on", env: readonly string[] = []): Child {
    const line = commandLine("inspected.ts", [name, how], { allowAll: true });
    return this.run([...env, ...line]);
  }

  /** Starts a program in an environment in which this is the place. */
  run(line: readonly string[]): Child {
    const child = new Child(
      ["env", `XDG_RUNTIME_DIR=${this.base}`, "NO_COLOR=1", ...line],
      { timeout: 40_000 },
    );
    this.#children.push(child);
    return child;
  }

  /** What a command says. */
  async ask(
    command: string,
    pid: number | string,
    asker: string = runtime,
  ): Promise<ChildEnd & { seconds: number }> {
    const began = performance.now();
    const end = await this.run([...askers[asker]!, command, `${pid}`]).end;
    return { ...end, seconds: (performance.now() - began) / 1000 };
  }

  /** The sockets. */
  names(): string[] {
    return existsSync(this.folder) ? readdirSync(this.folder) : [];
  }

  /** Ends what runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) child.kill("SIGKILL");
    await Promise.all(this.#children.map((child) => child.end));
    rmSync(this.base, { recursive: true });
  }
}

/** The program's number, once it is ready. */
export async function ready(child: Child): Promise<number> {
  await child.line("ready");
  return child.pid;
}

/** Asserts that a command failed with one line. */
export function assertRefused(end: ChildEnd, line: RegExp, code = 1): void {
  assertEquals([end.code, end.stdout], [code, ""], end.stderr);
  assertMatch(end.stderr, /^[^\n]+\n$/);
  assertMatch(end.stderr, line);
}

/** A process that has nothing to do with this library. */
export function stranger(
  line: readonly string[],
): { pid: number; end(): Promise<unknown> } {
  const child = spawn(line[0]!, line.slice(1), { stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  return {
    pid: child.pid!,
    end() {
      child.kill("SIGKILL");
      return ended;
    },
  };
}

/** The number of a process that has ended. */
export async function endedPid(place: Place): Promise<number> {
  const child = place.run(["true"]);
  await child.end;
  return child.pid;
}

/** Waits some milliseconds. */
export const pause = (ms: number): Promise<unknown> =>
  new Promise((done) => setTimeout(done, ms));
