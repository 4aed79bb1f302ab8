/**
 * The library's log: what it has to say about programs that do something wrong.
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

/** A message on its way to the handler. */
export interface LogRecord {
  /** How grave it is. */
  readonly level: LogLevel;
  /** What it says. */
  readonly message: string;
  /** The error that it is about, if there is one. */
  readonly exc?: unknown;
}

/** Takes the messages. */
export type LogHandler = (record: LogRecord) => void;

/** What may be said along with a message. */
export interface LogOptions {
  /** The error that the message is about. */
  exc?: unknown;
}

/** Writes to the console's error stream. */
function toConsole(record: LogRecord): void {
  // deno-lint-ignore no-console
  const write = console.error;
  if (record.exc === undefined) write(record.message);
  else write(record.message, record.exc);
}

/**
 * A log with levels. Warnings and worse go to the console's error stream until
 * another handler is set; what is less grave is dropped until the level is lowered.
 *
 * @example Sending it elsewhere
 * ```ts
 * import { logger } from "@x/asyncio/log";
 *
 * const kept: string[] = [];
 * logger.setHandler(({ level, message }) => kept.push(`${level}: ${message}`));
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

  /** @param name The name of the log. */
  constructor(name: string) {
    this.name = name;
  }

  /** The level from which on messages are taken. */
  getLevel(): LogLevel {
    return this.#level;
  }

  /** Sets the level from which on messages are taken. */
  setLevel(level: LogLevel): void {
    if (!(level in WEIGHT)) {
      throw new RangeError(
        `Cannot set the log level: it is one of ${
          Object.keys(WEIGHT).join(", ")
        }; received ${level}`,
      );
    }
    this.#level = level;
  }

  /** Whether messages of a level are taken. */
  isEnabledFor(level: LogLevel): boolean {
    return WEIGHT[level] >= WEIGHT[this.#level];
  }

  /** Sets what takes the messages; null for the console. */
  setHandler(handler: LogHandler | null): void {
    if (handler !== null && typeof handler !== "function") {
      throw new TypeError(
        `Cannot set the log handler: a function or null is needed, got ${typeof handler}`,
      );
    }
    this.#handler = handler ?? toConsole;
  }

  /** Logs a message. It never throws. */
  log(level: LogLevel, message: string, options?: LogOptions): void {
    if (!this.isEnabledFor(level)) return;
    const record: LogRecord = options?.exc === undefined
      ? { level, message }
      : { level, message, exc: options.exc };
    try {
      this.#handler(record);
    } catch (error) {
      // Neither the message nor the handler's own error may be lost.
      toConsole(record);
      toConsole({
        level: "error",
        message: `the handler of the log '${this.name}' failed`,
        exc: error,
      });
    }
  }

  /** Logs something of use only when looking for a mistake. */
  debug(message: string, options?: LogOptions): void {
    this.log("debug", message, options);
  }

  /** Logs something worth knowing. */
  info(message: string, options?: LogOptions): void {
    this.log("info", message, options);
  }

  /** Logs something that is probably a mistake. */
  warning(message: string, options?: LogOptions): void {
    this.log("warning", message, options);
  }

  /** Logs something that went wrong. */
  error(message: string, options?: LogOptions): void {
    this.log("error", message, options);
  }

  /** Logs something after which the program can hardly go on. */
  critical(message: string, options?: LogOptions): void {
    this.log("critical", message, options);
  }
}

/** The library's log. */
export const logger: Logger = new Logger("asyncio");
