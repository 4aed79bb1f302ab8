/** The lines that a user types: node:repl, which Deno and Bun have, too. */

import { NotImplementedError } from "../exceptions.ts";
import { type AsyncHooksModule, builtin, host } from "./host.ts";

/** What became of an input. */
export type Outcome =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "text"; readonly text: string };

/** What a terminal asks of its owner. */
export interface TerminalOptions {
  /** What stands before an input. */
  readonly prompt: string;
  /** Keeps the lines from one session to the next; null for none. */
  readonly historyFile: string | null;
  /**
   * Takes an input; null where it is not complete. The next one comes when this one
   * has its outcome.
   */
  read(code: string): Promise<Outcome> | null;
  /** Says what an error is that nothing caught; the session goes on. */
  describe(error: unknown): string;
  /** Ctrl-C while something runs. */
  interrupt(): void;
  /** What the word at the end of a line may become, and that word. */
  complete(line: string): Promise<[hits: string[], word: string]>;
}

/** An open terminal. */
export interface Terminal {
  /** Settles when the user has left it. */
  readonly closed: Promise<void>;
  /** Shows what went wrong between the inputs. */
  report(error: unknown): void;
  /** Shows a value as the REPL would. */
  inspect(value: unknown): string;
  /** Leaves it. */
  close(): void;
}

interface ReplServer {
  line: string;
  cursor: number;
  last: unknown;
  history?: string[];
  readonly terminal: boolean;
  writer(value: unknown): string;
  on(event: "exit" | "SIGINT", listener: () => void): void;
  removeAllListeners(event: "SIGINT"): void;
  clearBufferedCommand(): void;
  displayPrompt(): void;
  close(): void;
}

interface ReplModule {
  Recoverable: new (error: SyntaxError) => SyntaxError;
  start(options: {
    input: Pipe;
    output: Output;
    terminal: boolean;
    prompt: string;
    useGlobal: true;
    ignoreUndefined: true;
    completer(
      line: string,
      done: (error: Error | null, result: [string[], string]) => void,
    ): void;
    eval(
      code: string,
      context: unknown,
      file: string,
      done: (error: Error | null, value?: unknown) => void,
    ): void;
  }): ReplServer;
}

interface Files {
  readFileSync(path: string, encoding: "utf8"): string;
  writeFileSync(path: string, text: string, options: { mode: number }): void;
}

interface Input {
  readonly isTTY?: boolean;
  setEncoding(encoding: "utf8"): void;
  setRawMode?(on: boolean): void;
  on(event: "data", listener: (text: string) => void): void;
  on(event: "end", listener: () => void): void;
}

interface Output {
  readonly isTTY?: boolean;
  write(text: string): void;
}

interface ProcessPart {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly domain?: { exit(): void } | null;
  on(
    event: "uncaughtException" | "unhandledRejection",
    listener: (error: unknown) => void,
  ): void;
}

interface Pipe {
  isTTY?: boolean;
  setRawMode?(on: boolean): void;
  write(text: string): void;
  end(): void;
}

/** How many lines are kept. */
const HISTORY_LENGTH = 1000;

const ownProcess = (): ProcessPart => host.process as unknown as ProcessPart;

// Taken once: fake timers that a test installs later must not reach in here.
const { setTimeout } = globalThis;

/**
 * Hands what is typed on, a line at a time: while an input runs the next one waits.
 * node:repl would take it for more of the first.
 */
class Gate {
  readonly pipe: Pipe;
  #held = "";
  #ended = false;
  #isInLine = false;
  #waiting = false;
  #isBusy = false;

  constructor(stdin: Input) {
    const { PassThrough } = builtin<{ PassThrough: new () => Pipe }>(
      "node:stream",
    )!;
    this.pipe = new PassThrough();
    if (stdin.isTTY) {
      this.pipe.isTTY = true;
      this.pipe.setRawMode = (on) => stdin.setRawMode?.(on);
    }
    stdin.setEncoding("utf8");
    stdin.on("data", (text) => {
      this.#held += text;
      this.#isInLine = !/[\r\n]$/.test(text);
      this.#pass();
    });
    stdin.on("end", () => {
      // The last line of a file may lack its end.
      if (this.#isInLine && !stdin.isTTY) this.#held += "\n";
      this.#ended = true;
      this.#pass();
    });
  }

  /** Whether an input runs. */
  set isBusy(isBusy: boolean) {
    this.#isBusy = isBusy;
    this.#pass();
  }

  #pass(): void {
    if (this.#isBusy || this.#waiting) return;
    const end = /\r\n|[\r\n]/.exec(this.#held);
    const length = end === null ? this.#held.length : end.index + end[0].length;
    if (length > 0) {
      this.pipe.write(this.#held.slice(0, length));
      this.#held = this.#held.slice(length);
    } else if (this.#ended) {
      this.#ended = false;
      this.pipe.end();
    }
    if (end === null && !this.#ended) return;
    // Whether the line is an input that runs is known when it was taken.
    this.#waiting = true;
    setTimeout(() => {
      this.#waiting = false;
      this.#pass();
    }, 0);
  }
}

/**
 * Keeps out of the place of its own that Node's REPL gives to what it evaluates: a
 * domain, or a context since Node 25. It would print the errors that nobody catches.
 */
function outsider(): <T>(fn: () => T) => T {
  const { AsyncLocalStorage } = builtin<AsyncHooksModule>("node:async_hooks")!;
  const outside = AsyncLocalStorage.snapshot?.();
  return (fn) => {
    ownProcess().domain?.exit();
    return outside === undefined ? fn() : outside(fn);
  };
}

function readHistory(path: string): string[] {
  try {
    const text = builtin<Files>("node:fs")!.readFileSync(path, "utf8");
    return text.split("\n").filter((line) => line !== "").reverse();
  } catch {
    return [];
  }
}

function writeHistory(path: string, newestFirst: readonly string[]): void {
  // An input of several lines is kept as one, with the last of them first.
  const lines = newestFirst.flatMap((entry) => entry.split(/[\r\n]/))
    .slice(0, HISTORY_LENGTH).reverse();
  const text = lines.map((line) => `${line}\n`).join("");
  try {
    builtin<Files>("node:fs")!.writeFileSync(path, text, { mode: 0o600 });
  } catch {
    // A home that cannot be written to costs the history and nothing else. By now
    // the terminal is closed: a message would land on the shell's next line.
  }
}

/**
 * Opens the terminal of this process; without one it reads standard input.
 *
 * @param options See {@linkcode TerminalOptions}.
 * @returns The terminal.
 * @throws {NotImplementedError} Where the runtime has no node:repl.
 */
export function openTerminal(options: TerminalOptions): Terminal {
  const repl = builtin<ReplModule>("node:repl");
  if (typeof repl?.start !== "function") {
    throw new NotImplementedError("Cannot run a REPL: there is no node:repl");
  }
  const { stdin, stdout } = ownProcess();
  // While something runs Ctrl-C is a signal, which reaches a busy program, too.
  const setRaw = (on: boolean) => {
    if (server.terminal) stdin.setRawMode?.(on);
  };
  const gate = new Gate(stdin);
  let isRunning = false;
  let isClosed = false;
  const tell = (error: unknown) => {
    if (server.terminal) stdout.write("\n");
    stdout.write(`${options.describe(error)}\n`);
    if (!isRunning && !isClosed) server.displayPrompt();
  };
  // Before the REPL is there, which refuses listeners that come later.
  ownProcess().on("uncaughtException", tell);
  ownProcess().on("unhandledRejection", tell);
  const outside = outsider();
  const server = repl.start({
    input: gate.pipe,
    output: stdout,
    terminal: stdin.isTTY === true && stdout.isTTY === true,
    prompt: options.prompt,
    useGlobal: true,
    ignoreUndefined: true,
    completer(line, done) {
      options.complete(line).then(
        (result) => done(null, result),
        () => done(null, [[], line]),
      );
    },
    eval(code, _context, _file, done) {
      const outcome = outside(() => options.read(code));
      if (outcome === null) {
        done(new repl.Recoverable(new SyntaxError("Unexpected end of input")));
        return;
      }
      // Now: the input may end the program.
      keepHistory();
      isRunning = true;
      gate.isBusy = true;
      setRaw(false);
      outcome.then((result) => {
        isRunning = false;
        if (isClosed) return;
        setRaw(true);
        if (result.kind === "value" && result.value !== undefined) {
          done(null, result.value);
        } else {
          if (result.kind === "text") stdout.write(`${result.text}\n`);
          // What has no value leaves `_` as it is.
          const { last } = server;
          done(null, undefined);
          server.last = last;
        }
        gate.isBusy = false;
      });
    },
  });
  server.removeAllListeners("SIGINT");
  server.on("SIGINT", () => {
    if (isRunning) return options.interrupt();
    stdout.write("\nKeyboardInterrupt\n");
    server.clearBufferedCommand();
    server.line = "";
    server.cursor = 0;
    server.displayPrompt();
  });
  const historyFile = server.terminal ? options.historyFile : null;
  if (historyFile !== null) server.history?.push(...readHistory(historyFile));
  const keepHistory = () => {
    if (historyFile !== null) writeHistory(historyFile, server.history ?? []);
  };
  const closed = new Promise<void>((resolve) => {
    server.on("exit", () => {
      isClosed = true;
      setRaw(false);
      keepHistory();
      resolve();
    });
  });
  return {
    closed,
    report: tell,
    inspect: (value) => server.writer(value),
    close: () => server.close(),
  };
}
