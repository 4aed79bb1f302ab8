/**
 * The library's log: what it has to say about programs that do something wrong.
 *
 * @example The log as lines of JSON
 * ```ts
 * import { logger } from "@x/asyncio/log";
 *
 * logger.setHandler(({ level, message }) => {
 *   console.error(JSON.stringify({ level, message }));
 * });
 * logger.warning("as a program would hear of it");
 * logger.setHandler(null);
 * ```
 *
 * @module
 */

/** How grave a message is. */
export type LogLevel = "debug" | "info" | "warning" | "error" | "critical";

const WEIGHT: Readonly<Record<LogLevel, number>> = {
  debug: 10,
  info: 20,
  warning: 30,
  error: 40,
  critical: 50,
};

/** What a {@linkcode warn | warning} is about. */
export type WarningCategory =
  | "DeprecationWarning"
  | "ResourceWarning"
  | "RuntimeWarning"
  | "UserWarning";

/** A message on its way to the handler. */
export interface LogRecord {
  /** How grave it is. */
  readonly level: LogLevel;
  /** What it says. */
  readonly message: string;
  /** The error that it is about, if there is one. */
  readonly exc?: unknown;
  /** What it is about, if it came from {@linkcode warn}. */
  readonly category?: WarningCategory;
}

/** Takes the messages. */
export type LogHandler = (record: LogRecord) => void;

/** What may be said along with a message. */
export interface LogOptions {
  /** The error that the message is about. */
  exc?: unknown;
  /** What kind of warning it is. */
  category?: WarningCategory;
}

/** Writes to the console's error stream. */
function toConsole({ message, exc, category }: LogRecord): void {
  const text = category === undefined ? message : `${category}: ${message}`;
  try {
    // The format keeps a "%d" of the message from taking the error's place.
    // deno-lint-ignore no-console
    if (exc !== undefined) console.error("%s", text, exc);
    // deno-lint-ignore no-console
    else console.error(text);
  } catch {
    // A closed error stream, or a console that somebody replaced: there is no
    // other place left to say so, and whoever logs must not fail for it.
  }
}

/**
 * A log with levels.
 *
 * Warnings and worse go to the console's error stream until another handler is set;
 * what is less grave is dropped until the level is lowered. Logging never throws:
 * what a failing handler did not take goes to the console, with the handler's own
 * error the first time.
 *
 * @example Sending it elsewhere
 * ```ts
 * import { logger } from "@x/asyncio";
 *
 * const kept: string[] = [];
 * logger.setHandler(({ level, message }) => void kept.push(`${level}: ${message}`));
 * logger.warning("look here");
 * logger.setHandler(null);
 * console.log(kept);
 * ```
 */
export class Logger {
  /** The name of the log. */
  readonly name: string;
  #level: LogLevel = "warning";
  #handler: LogHandler = toConsole;
  #busy = false;
  #failed = false;

  /**
   * Makes a log of its own; the library's is {@linkcode logger}.
   *
   * @param name The name of the log.
   */
  constructor(name: string) {
    this.name = name;
  }

  /**
   * The level from which on messages are taken.
   *
   * @returns The level; "warning" unless set.
   */
  getLevel(): LogLevel {
    return this.#level;
  }

  /**
   * Sets the level from which on messages are taken.
   *
   * @param level The level.
   * @throws {RangeError} If there is no such level.
   */
  setLevel(level: LogLevel): void {
    if (!Object.hasOwn(WEIGHT, level)) {
      throw new RangeError(
        `Cannot set the log level as it must be one of ${
          Object.keys(WEIGHT).join(", ")
        }: received ${level}`,
      );
    }
    this.#level = level;
  }

  /**
   * Whether messages of a level are taken: ask before making a costly one.
   *
   * @param level The level.
   * @returns Whether they are.
   */
  isEnabledFor(level: LogLevel): boolean {
    return WEIGHT[level] >= WEIGHT[this.#level];
  }

  /**
   * Sets what takes the messages.
   *
   * @param handler A function, or null for the console's error stream.
   * @throws {TypeError} If it is neither.
   */
  setHandler(handler: LogHandler | null): void {
    if (handler !== null && typeof handler !== "function") {
      throw new TypeError(
        `Cannot set the log handler as it must be a function or null: received ${typeof handler}`,
      );
    }
    this.#handler = handler ?? toConsole;
    this.#failed = false;
  }

  /**
   * Logs a message. It never throws.
   *
   * @param level How grave it is.
   * @param message What it says.
   * @param options `exc`: the error that it is about.
   */
  log(level: LogLevel, message: string, options?: LogOptions): void {
    if (!this.isEnabledFor(level)) return;
    const record: LogRecord = {
      level,
      message,
      ...options?.exc !== undefined && { exc: options.exc },
      ...options?.category !== undefined && { category: options.category },
    };
    // A handler that logs would be called by what it says about being called.
    if (this.#busy) return toConsole(record);
    const handler = this.#handler;
    this.#busy = true;
    try {
      const result: unknown = handler(record);
      // An async function is a handler, too, and nobody else looks at its promise.
      if (result instanceof Promise) {
        result.catch((error) => this.#fallBack(handler, record, error));
      }
    } catch (error) {
      this.#fallBack(handler, record, error);
    } finally {
      this.#busy = false;
    }
  }

  /** Neither the message nor the handler's own error may be lost. */
  #fallBack(handler: LogHandler, record: LogRecord, error: unknown): void {
    toConsole(record);
    if (this.#failed && handler === this.#handler) return;
    this.#failed = true;
    toConsole({
      level: "error",
      message: `the handler of the log '${this.name}' failed`,
      exc: error,
    });
  }

  /**
   * Logs something of use only when looking for a mistake.
   *
   * @param message What it says.
   * @param options `exc`: the error that it is about.
   */
  debug(message: string, options?: LogOptions): void {
    this.log("debug", message, options);
  }

  /**
   * Logs something worth knowing.
   *
   * @param message What it says.
   * @param options `exc`: the error that it is about.
   */
  info(message: string, options?: LogOptions): void {
    this.log("info", message, options);
  }

  /**
   * Logs something that is probably a mistake.
   *
   * @param message What it says.
   * @param options `exc`: the error that it is about.
   */
  warning(message: string, options?: LogOptions): void {
    this.log("warning", message, options);
  }

  /**
   * Logs something that went wrong.
   *
   * @param message What it says.
   * @param options `exc`: the error that it is about.
   */
  error(message: string, options?: LogOptions): void {
    this.log("error", message, options);
  }

  /**
   * Logs something after which the program can hardly go on.
   *
   * @param message What it says.
   * @param options `exc`: the error that it is about.
   */
  critical(message: string, options?: LogOptions): void {
    this.log("critical", message, options);
  }
}

/** The library's log. */
export const logger: Logger = new Logger("asyncio");

/**
 * Says that a program does something which works now and is a mistake all the same:
 * a resource left open, a name that will go. It goes to the {@linkcode logger}, at
 * the level "warning".
 *
 * @param message What is wrong.
 * @param category What it is about; "UserWarning" unless given.
 */
export function warn(
  message: string,
  category: WarningCategory = "UserWarning",
): void {
  logger.warning(message, { category });
}
