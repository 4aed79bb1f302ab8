/** Programs of tests/programs in child processes, followed line by line. */

import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runtime } from "./_harness.ts";

/** How a child ended. */
export interface ChildEnd {
  code: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

/** How to start a child. */
export interface ChildOptions {
  /** Whether Deno grants it everything; nothing unless true. */
  allowAll?: boolean;
  /** Real milliseconds before it is killed. 10 000 unless told. */
  timeout?: number;
  /** Whether it has an input that {@linkcode Child.write} writes to. */
  input?: boolean;
}

/** The command line that runs a program on the runtime in use. */
export function commandLine(
  program: string,
  args: readonly string[],
  options: ChildOptions = {},
): string[] {
  const file = fileURLToPath(new URL(`programs/${program}`, import.meta.url));
  const line = [process.execPath];
  if (runtime === "deno") line.push("run", "-q", "--no-lock");
  if (runtime === "deno") {
    // Deno's node:child_process grants everything where the line grants nothing.
    line.push(options.allowAll ? "-A" : "--allow-env=ASYNCIO_NOTHING");
  }
  return [...line, file, ...args];
}

/** A child process whose output is awaited line by line. */
export class Child {
  /** Settles when the child has ended and its output was read. */
  readonly end: Promise<ChildEnd>;
  readonly #process: ChildProcess;
  #stdout = "";
  #stderr = "";
  #ended = false;
  readonly #waiting = new Set<() => void>();

  constructor(line: readonly string[], options: ChildOptions = {}) {
    const child = spawn(line[0]!, line.slice(1), {
      stdio: [options.input ? "pipe" : "ignore", "pipe", "pipe"],
    });
    this.#process = child;
    child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      this.#stdout += text;
      this.#tell();
    });
    child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
    });
    const limit = setTimeout(
      () => this.kill("SIGKILL"),
      options.timeout ?? 10_000,
    );
    this.end = new Promise((resolve, reject) => {
      child.on("error", reject);
      child.stdin?.on("error", (error: { code?: string }) => {
        // It has just ended, which is told a little later.
        if (error.code !== "EPIPE") reject(error);
      });
      child.on("close", (code, signal) => {
        clearTimeout(limit);
        this.#ended = true;
        this.#tell();
        resolve({
          code,
          signal,
          stdout: this.#stdout,
          stderr: this.#stderr,
        });
      });
    });
  }

  /** Starts a program of tests/programs. */
  static start(
    program: string,
    args: readonly string[],
    options: ChildOptions = {},
  ): Child {
    return new Child(commandLine(program, args, options), options);
  }

  /** The process id. */
  get pid(): number {
    return this.#process.pid!;
  }

  /** Waits for a line that begins so; returns the rest of it. */
  async line(start: string): Promise<string> {
    for (;;) {
      const whole = this.#stdout.split("\n").slice(0, -1);
      const found = whole.find((line) => line.startsWith(start));
      if (found !== undefined) return found.slice(start.length);
      if (this.#ended) {
        throw new Error(
          `the child ended without "${start}":\n${this.#stdout}${this.#stderr}`,
        );
      }
      await new Promise<void>((done) => this.#waiting.add(done));
    }
  }

  /** The rests of the lines so far that begin so. */
  lines(start: string): string[] {
    return this.#stdout.split("\n").slice(0, -1)
      .filter((line) => line.startsWith(start))
      .map((line) => line.slice(start.length));
  }

  /** Writes to its input. */
  write(text: string): void {
    this.#process.stdin!.write(text);
  }

  /** Whether it has ended. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Reads its output no more: it writes to a closed pipe. */
  closeOutput(): void {
    this.#process.stdout!.destroy();
  }

  /** Ends its input. */
  endInput(): void {
    this.#process.stdin!.end();
  }

  /** Sends SIGINT, or another signal. */
  kill(signal: "SIGINT" | "SIGTERM" | "SIGKILL" = "SIGINT"): void {
    // Not ChildProcess.kill: on Deno it works once, and then reports the signal as
    // the way the child ended, whatever the child did.
    if (this.#ended) return;
    try {
      process.kill(this.pid, signal);
    } catch (error) {
      // It has just ended, which is told a little later.
      if ((error as { code?: string }).code !== "ESRCH") throw error;
    }
  }

  #tell(): void {
    for (const done of this.#waiting) done();
    this.#waiting.clear();
  }
}
