/** The REPL: inputs run as tasks of one loop, which goes on between them. */

import { type Evaluator, makeEvaluator } from "../_platform/evaluator.ts";
import { platform } from "../_platform/mod.ts";
import {
  openTerminal,
  type Outcome,
  type Terminal,
} from "../_platform/terminal.ts";
import { type Context, copyContext } from "../contextvars.ts";
import type { AbstractEventLoop } from "../events.ts";
import {
  CancelledError,
  KeyboardInterrupt,
  SystemExit,
} from "../exceptions.ts";
import { isHiddenFrame } from "../format_helpers.ts";
import * as asyncio from "../mod.ts";
import { complete, type Names } from "./completion.ts";
import { Runner } from "../runners.ts";
import type { Task } from "../tasks.ts";

const BANNER = `asyncio REPL
Use "await" directly instead of "asyncio.run()".
Type ".help" for more information, "exit" to leave.`;
const IMPORT = '>>> import * as asyncio from "@x/asyncio"';

/** Words that leave, as an input of their own. */
const EXITS = /^\s*(?:exit|quit)\s*(?:\(\s*\))?\s*;?\s*$/;

/** Where the lines of earlier sessions are. */
function historyFile(): string | null {
  const named = platform.os.env("ASYNCIO_HISTORY");
  if (named !== undefined) return named === "" ? null : named;
  const home = platform.os.env("HOME") ?? platform.os.env("USERPROFILE");
  return home === undefined ? null : `${home}/.asyncio_history`;
}

const NOTHING: Outcome = { kind: "value", value: undefined };

function text(text: string): Outcome {
  return { kind: "text", text };
}

/** The outcome of an input whose task does not fail, but can be cancelled. */
function settled(task: Task<Outcome>): Promise<Outcome> {
  return new Promise((resolve) => {
    task.addDoneCallback(() => {
      resolve(task.cancelled() ? text("\nKeyboardInterrupt") : task.result());
    });
  });
}

/** What is shown of an input that is wrong. */
function syntaxError(problem: string): string {
  const hint = problem.startsWith("Cannot use import statement")
    ? ': use await import("…")'
    : "";
  return `SyntaxError: ${problem}${hint}`;
}

/** Whether Ctrl-C broke a loop that never awaits. */
function isBroken(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === "ERR_SCRIPT_EXECUTION_INTERRUPTED";
}

/** Whether a line of a stack is of what runs the inputs. */
function isOurs(line: string): boolean {
  // What is typed has no file on Deno and Node.
  if (/<anonymous>:\d+:\d+\)?$/.test(line)) return false;
  return isHiddenFrame(line) ||
    /^\s+at .*\((?:<anonymous>|native|unknown)\)$/.test(line);
}

/** Takes what runs the inputs off the stacks of an error and of those in it. */
function withoutUs(error: unknown, seen: Set<unknown> = new Set()): unknown {
  if (!(error instanceof Error) || seen.has(error)) return error;
  seen.add(error);
  try {
    const stack = (error.stack ?? "").split("\n")
      .filter((line) => !isOurs(line)).join("\n");
    // Bun shows the line first, in the form into which it has made it.
    const head = Math.max(stack.indexOf(String(error)), 0);
    error.stack = stack.slice(head);
  } catch {
    // Frozen: shown in full.
  }
  withoutUs(error.cause, seen);
  const { errors } = error as { errors?: unknown };
  for (const inner of Array.isArray(errors) ? errors : []) {
    withoutUs(inner, seen);
  }
  return error;
}

/** Whether an error has others in it, which its stack does not show. */
function isNested(error: Error): boolean {
  return error.cause !== undefined || "errors" in error ||
    "exceptions" in error;
}

/** One session. */
class Session {
  readonly #loop: AbstractEventLoop;
  readonly #evaluator: Evaluator;
  /** Shared by the inputs: what one sets in a ContextVar the next one sees. */
  readonly #context: Context = copyContext();
  readonly terminal: Terminal;
  /** Settles when the last input has its outcome. */
  ended: Promise<unknown> = Promise.resolve();
  exitCode = 0;
  #interrupt: () => void = () => {};

  readonly #names: Names = {
    declared: () => this.#evaluator.declared(),
    valueOf: async (name) => (await this.#evaluator.run(name)).value,
  };

  constructor(loop: AbstractEventLoop, evaluator: Evaluator) {
    this.#loop = loop;
    this.#evaluator = evaluator;
    this.terminal = openTerminal({
      prompt: ">>> ",
      historyFile: historyFile(),
      read: (code) => this.#read(code),
      describe: (error) => this.#describe(error),
      interrupt: () => this.#interrupt(),
      complete: (line) => complete(line, this.#names),
    });
  }

  #read(code: string): Promise<Outcome> | null {
    if (EXITS.test(code)) return Promise.resolve(this.#leave(0));
    const compiled = this.#compile(code);
    switch (compiled.kind) {
      case "incomplete":
        return null;
      case "wrong":
        return Promise.resolve(text(syntaxError(compiled.problem)));
      case "ready":
        return this.ended = this.#run(compiled.script);
    }
  }

  #compile(code: string) {
    const asIs = this.#evaluator.compile(code);
    // What begins with a brace is meant as an object, where it can be one.
    if (!/^\s*\{/.test(code) || /;\s*$/.test(code)) return asIs;
    const asValue = this.#evaluator.compile(`(${code.trimEnd()}\n)`);
    if (asValue.kind === "ready" || asIs.kind !== "wrong") {
      return asValue.kind === "ready" ? asValue : asIs;
    }
    const begun = this.#evaluator.compile(`(${code}`);
    return begun.kind === "incomplete" ? begun : asIs;
  }

  #leave(code: number): Outcome {
    this.exitCode = code;
    this.terminal.close();
    return NOTHING;
  }

  /** Leaves as an error says that means to end the program. */
  leaveBy(error: SystemExit): Outcome {
    const { code } = error as { code?: unknown };
    return this.#leave(typeof code === "number" ? code : code ? 1 : 0);
  }

  async #run(script: string): Promise<Outcome> {
    const task = this.#loop.createTask(
      async () => await this.#evaluate(script),
      { context: this.#context },
    );
    let abandon: (outcome: Outcome) => void;
    const abandoned = new Promise<Outcome>((resolve) => abandon = resolve);
    let presses = 0;
    this.#interrupt = () => {
      // A promise that is not of this library cannot be told: it is left behind.
      const hears = task._points !== null || task._waiting !== null;
      task.cancel();
      if (++presses > 1 || !hears) abandon(text("\nKeyboardInterrupt"));
    };
    const watch = platform.signals.watchInterrupts(() => this.#interrupt());
    try {
      return await Promise.race([settled(task), abandoned]);
    } finally {
      watch?.dispose();
      this.#interrupt = () => {};
    }
  }

  #describe(error: unknown): string {
    if (error instanceof KeyboardInterrupt) return "KeyboardInterrupt";
    const shown = withoutUs(error);
    if (!(shown instanceof Error) || isNested(shown)) {
      return `Uncaught ${this.terminal.inspect(shown)}`;
    }
    const stack = shown.stack ?? "";
    if (!(shown instanceof SyntaxError) || /\n\s+at /.test(stack)) {
      return `Uncaught ${stack === "" ? String(shown) : stack}`;
    }
    // Found when the script was compiled.
    return syntaxError(shown.message);
  }

  async #evaluate(script: string): Promise<Outcome> {
    try {
      const { value } = await this.#evaluator.run(script);
      return { kind: "value", value };
    } catch (error) {
      if (error instanceof CancelledError || isBroken(error)) {
        return text("\nKeyboardInterrupt");
      }
      if (error instanceof SystemExit) return this.leaveBy(error);
      return text(this.#describe(error));
    }
  }
}

/** How long tasks have to end when the session does, in seconds. */
const LAST_SECONDS = 1;

/** An input that was left behind may never end. */
function patience(): Promise<void> {
  return new Promise((resolve) =>
    void platform.clock.startTimer(LAST_SECONDS, resolve)
  );
}

/** Runs the loop until it is stopped, or a task wants the program to end. */
async function keepRunning(
  loop: AbstractEventLoop,
  session: Session,
): Promise<void> {
  for (;;) {
    try {
      return await loop.runForever();
    } catch (error) {
      if (error instanceof SystemExit) return void session.leaveBy(error);
      // A task's KeyboardInterrupt ends the program, but not a REPL.
      session.terminal.report(error);
    }
  }
}

/**
 * Runs a REPL on the terminal, or on standard input.
 *
 * @returns The exit code.
 */
export async function runRepl(): Promise<number> {
  const evaluator = makeEvaluator();
  const runner = new Runner();
  const loop = runner.getLoop();
  Object.defineProperty(globalThis, "asyncio", {
    configurable: true,
    writable: true,
    value: asyncio,
  });
  // deno-lint-ignore no-console
  console.log([BANNER, evaluator.note, IMPORT].filter(Boolean).join("\n"));
  const session = new Session(loop, evaluator);
  const running = keepRunning(loop, session);
  const stop = session.terminal.closed.then(() => session.ended);
  await Promise.race([stop, running]);
  session.terminal.close();
  // Not where it has stopped: the next run would stop at once.
  if (loop.isRunning()) loop.stop();
  await running;
  await Promise.race([runner.close(), patience()]);
  evaluator.close();
  return session.exitCode;
}
