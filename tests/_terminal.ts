/** Programs on a terminal of their own: Python's pty makes it, a test types. */

import { assert } from "@std/assert";
import { spawn, spawnSync } from "node:child_process";
import process from "node:process";
import type { Writable } from "node:stream";
import { stripVTControlCharacters } from "node:util";

/** Why there is no terminal to be had; false where there is one. */
export const noTerminal: string | false = spawnSync(
    "python3",
    ["-c", "import pty, termios"],
  ).status === 0
  ? false
  : "python3 with its pty module is not there";

/**
 * Passes its input to the terminal and what comes to its output; at its input's end,
 * or after a minute, the program is killed. It exits as the program did, 128 and more
 * for a signal, and says first on standard error which process that is, and at last
 * whether the terminal is as it was.
 */
const KEEPER = `
import fcntl, os, pty, select, signal, struct, sys, termios
signal.alarm(60)
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    os.execvp(sys.argv[1], sys.argv[1:])
before = termios.tcgetattr(fd)[:4]
print("pid", pid, file=sys.stderr, flush=True)
sources = [0, fd]
while True:
    ready, _, _ = select.select(sources, [], [])
    if 0 in ready:
        data = os.read(0, 4096)
        if not data:
            sources.remove(0)
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        while data:
            data = data[os.write(fd, data):]
    if fd in ready:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        os.write(1, data)
after = termios.tcgetattr(fd)[:4]
print("same" if after == before else "changed", file=sys.stderr, flush=True)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.exit(code if code >= 0 else 128 - code)
`;

/** How a program on a terminal ended. */
export interface TerminalEnd {
  /** The exit code; 128 and more for a signal. */
  readonly code: number;
  /** Whether it left the terminal as it was. */
  readonly isRestored: boolean;
}

/** How long something may take to be seen, in milliseconds. */
const PATIENCE_MS = 8000;

/** A program on a terminal. */
export class TestTerminal {
  /** Settles when the program has ended. */
  readonly end: Promise<TerminalEnd>;
  readonly #input: Writable;
  #raw = "";
  #told = "";
  /** Where what was seen ends. */
  #place = 0;
  #isOver = false;
  readonly #waiting = new Set<() => void>();
  readonly #prompt: RegExp;

  /**
   * Starts it.
   *
   * @param line The command line.
   * @param env What its environment has beside this one's.
   * @param prompt What the program asks for input with.
   */
  constructor(
    line: readonly string[],
    env: Readonly<Record<string, string>> = {},
    prompt = ">>> ",
  ) {
    this.#prompt = new RegExp(`(?:^|\\n)${prompt}$`);
    const child = spawn("python3", ["-c", KEEPER, ...line], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...processEnv(), TERM: "xterm", NO_COLOR: "1", ...env },
    });
    this.#input = child.stdin;
    // What is typed into a program that has ended goes nowhere.
    child.stdin.on("error", () => {});
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#raw += text;
      this.#tell();
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#told += text;
      this.#tell();
    });
    this.end = new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => {
        this.#isOver = true;
        this.#tell();
        const isRestored = this.#told.endsWith("same\n");
        resolve({ code: code ?? -1, isRestored });
      });
    });
  }

  /** All that was shown so far, without the codes that move the cursor. */
  get text(): string {
    return stripVTControlCharacters(this.#raw).replaceAll("\r", "");
  }

  /** The process that runs the program. */
  async pid(): Promise<number> {
    await this.#until(() => this.#told.includes("\n"), "the process");
    return Number(/^pid (\d+)/.exec(this.#told)![1]);
  }

  /** Types keys. */
  type(keys: string): void {
    this.#input.write(keys);
  }

  /** Waits until something is shown that was not seen yet; returns all up to it. */
  async see(what: string | RegExp): Promise<string> {
    let found = "";
    await this.#until(() => {
      const rest = this.text.slice(this.#place);
      const at = typeof what === "string" ? rest.indexOf(what) : -1;
      const match = typeof what === "string" ? null : what.exec(rest);
      if (at < 0 && match === null) return false;
      const length = match === null
        ? at + (what as string).length
        : match.index + match[0].length;
      found = rest.slice(0, length);
      this.#place += length;
      return true;
    }, String(what));
    return found;
  }

  /** Waits until the program asks for input; returns what it has shown before. */
  async prompt(): Promise<string> {
    return (await this.see(this.#prompt)).replace(this.#prompt, "");
  }

  /** Types an input and returns what is shown until the next one is asked for. */
  async ask(input: string): Promise<string> {
    this.type(`${input}\r`);
    const shown = await this.prompt();
    // The first line is what was typed.
    const end = shown.indexOf("\n");
    return end < 0 ? "" : shown.slice(end + 1);
  }

  /** Kills it, if it has not ended. */
  async close(): Promise<void> {
    this.#input.end();
    await this.end;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #until(test: () => boolean, what: string): Promise<void> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#tell();
    }, PATIENCE_MS);
    try {
      while (!test()) {
        const why = isLate ? "in time" : "before the program ended";
        assert(
          !isLate && !this.#isOver,
          `${what} was not seen ${why}:\n${this.text}\n${this.#told}`,
        );
        await new Promise<void>((done) => this.#waiting.add(done));
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #tell(): void {
    for (const done of this.#waiting) done();
    this.#waiting.clear();
  }
}

/** The environment, without what would make a runtime talk in another way. */
function processEnv(): Record<string, string | undefined> {
  const { FORCE_COLOR: _, NODE_NO_READLINE: __, ...env } = process.env;
  return env;
}
