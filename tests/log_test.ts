// deno-lint-ignore-file no-console -- it is the console that is tested
/** The library's log: levels, handlers, and that nothing is lost. */

import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  Logger,
  logger,
  type LogHandler,
  type LogLevel,
  type LogRecord,
  warn,
} from "../log.ts";
import { describe, it } from "./_harness.ts";

const LEVELS: readonly LogLevel[] = [
  "debug",
  "info",
  "warning",
  "error",
  "critical",
];

/** What `console.error` is called with while `body` runs. */
async function printed(
  body: () => unknown,
  print: (...args: unknown[]) => void = () => {},
): Promise<unknown[][]> {
  const calls: unknown[][] = [];
  const before = console.error;
  console.error = (...args: unknown[]) => {
    calls.push(args);
    print(...args);
  };
  try {
    await body();
  } finally {
    console.error = before;
  }
  return calls;
}

/** A log of its own, with what its handler was given. */
function collecting(): { log: Logger; records: LogRecord[] } {
  const log = new Logger("test");
  const records: LogRecord[] = [];
  log.setHandler((record) => void records.push(record));
  return { log, records };
}

describe("logger", () => {
  it("is asyncio's, at the level of warnings", () => {
    assertEquals([logger.name, logger.getLevel()], ["asyncio", "warning"]);
  });

  it("prints warnings and worse to the error stream, and no less", async () => {
    const log = new Logger("test");
    const calls = await printed(() => {
      for (const level of LEVELS) log[level](level);
    });
    assertEquals(calls, [["warning"], ["error"], ["critical"]]);
  });

  it("prints the error that a message is about", async () => {
    const exc = new Error("why");
    const calls = await printed(() => {
      new Logger("test").error("100% of %d failed", { exc });
    });
    assertEquals(calls.length, 1);
    assertEquals(calls[0]!.slice(0, 2), ["%s", "100% of %d failed"]);
    assertStrictEquals(calls[0]![2], exc);
  });

  it("takes messages from its level on", () => {
    const { log, records } = collecting();
    for (const level of LEVELS) {
      log.setLevel(level);
      records.length = 0;
      for (const each of LEVELS) log.log(each, each);
      const expected = LEVELS.slice(LEVELS.indexOf(level));
      assertEquals(records.map((record) => record.level), expected);
      assertEquals(LEVELS.filter((each) => log.isEnabledFor(each)), expected);
      assertEquals(log.getLevel(), level);
    }
  });

  it("refuses a level that does not exist", () => {
    for (const level of ["loud", "toString", 30]) {
      assertThrows(
        () => new Logger("test").setLevel(level as LogLevel),
        RangeError,
        `received ${level}`,
      );
    }
  });
});

describe("a log's handler", () => {
  it("is given level, message and error, and no key without a value", () => {
    const { log, records } = collecting();
    const exc = new Error("why");
    log.error("with", { exc });
    log.warning("without", { exc: undefined });
    assertEquals(records, [
      { level: "error", message: "with", exc },
      { level: "warning", message: "without" },
    ]);
  });

  it("is replaced by the console when set to null", async () => {
    const { log, records } = collecting();
    log.setHandler(null);
    assertEquals(await printed(() => log.warning("here")), [["here"]]);
    assertEquals(records, []);
  });

  it("is refused if it is no function", () => {
    assertThrows(
      () => new Logger("test").setHandler({} as LogHandler),
      TypeError,
      "must be a function or null: received object",
    );
  });

  it("that throws loses no message and does not break the caller", async () => {
    const log = new Logger("test");
    const failure = new Error("disk full");
    log.setHandler(() => {
      throw failure;
    });
    const calls = await printed(() => {
      log.warning("first");
      log.warning("second");
    });
    assertEquals(calls, [
      ["first"],
      ["%s", "the handler of the log 'test' failed", failure],
      ["second"],
    ]);
  });

  it("that is async and fails loses no message either", async () => {
    const log = new Logger("test");
    const failure = new Error("no network");
    log.setHandler(() => Promise.reject(failure));
    const calls = await printed(async () => {
      log.warning("first");
      await new Promise((done) => setTimeout(done, 0));
    });
    assertEquals(calls, [
      ["first"],
      ["%s", "the handler of the log 'test' failed", failure],
    ]);
  });

  it("that logs is not called for what it logs", async () => {
    const log = new Logger("test");
    let calls = 0;
    log.setHandler(() => {
      calls++;
      log.warning("from within");
    });
    assertEquals(await printed(() => log.warning("from without")), [
      ["from within"],
    ]);
    assertEquals(calls, 1);
  });

  it("may fail along with the console without breaking the caller", async () => {
    const log = new Logger("test");
    const fail = () => {
      throw new Error("closed");
    };
    log.setHandler(fail);
    await printed(() => log.critical("nobody hears"), fail);
  });
});

describe("warn()", () => {
  it("logs a warning with its category", () => {
    const records: LogRecord[] = [];
    logger.setHandler((record) => void records.push(record));
    try {
      warn("a transport was left open", "ResourceWarning");
      warn("look here");
    } finally {
      logger.setHandler(null);
    }
    assertEquals(records, [
      {
        level: "warning",
        message: "a transport was left open",
        category: "ResourceWarning",
      },
      { level: "warning", message: "look here", category: "UserWarning" },
    ]);
  });

  it("prints the category before the message", async () => {
    const calls = await printed(() => warn("too late", "RuntimeWarning"));
    assertEquals(calls, [["RuntimeWarning: too late"]]);
  });
});
