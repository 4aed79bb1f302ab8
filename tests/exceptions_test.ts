/** The exceptions: classes, texts, codes, and exception groups. */

import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertMatch,
  assertStrictEquals,
} from "@std/assert";
import * as exceptions from "../exceptions.ts";
import {
  BaseExceptionGroup,
  CancelledError,
  ConnectionError,
  ConnectionResetError,
  ExceptionGroup,
  IncompleteReadError,
  isBaseException,
  KeyboardInterrupt,
  LimitOverrunError,
  OSError,
  RuntimeError,
  SystemExit,
  TimeoutError,
  toException,
} from "../exceptions.ts";
import {
  cancellation,
  captureCancelStacks,
  realCancellation,
} from "../_kernel/base_exceptions.ts";
import { describe, it } from "./_harness.ts";

type ErrorClass = abstract new (...args: never) => Error;

/** Every exception class of the module, by its name. */
const CLASSES = new Map<string, ErrorClass>();
for (const [name, value] of Object.entries<unknown>(exceptions)) {
  if (isErrorClass(value)) CLASSES.set(name, value);
}

function isErrorClass(value: unknown): value is ErrorClass {
  return typeof value === "function" && value.prototype instanceof Error;
}

/** What each extends, as in Python; "Error" stands for Exception and above. */
const PARENTS = {
  BaseExceptionGroup: "AggregateError",
  BlockingIOError: "OSError",
  BrokenBarrierError: "RuntimeError",
  BrokenPipeError: "ConnectionError",
  CancelledError: "Error",
  ChildProcessError: "OSError",
  ConnectionAbortedError: "ConnectionError",
  ConnectionError: "OSError",
  ConnectionRefusedError: "ConnectionError",
  ConnectionResetError: "ConnectionError",
  EOFError: "Error",
  ExceptionGroup: "BaseExceptionGroup",
  FileExistsError: "OSError",
  FileNotFoundError: "OSError",
  IncompleteReadError: "EOFError",
  InterruptedError: "OSError",
  InvalidStateError: "Error",
  IsADirectoryError: "OSError",
  KeyboardInterrupt: "Error",
  LimitOverrunError: "Error",
  NotADirectoryError: "OSError",
  NotImplementedError: "RuntimeError",
  OSError: "Error",
  PermissionError: "OSError",
  ProcessLookupError: "OSError",
  RuntimeError: "Error",
  SendfileNotAvailableError: "RuntimeError",
  SystemExit: "Error",
  TimeoutError: "OSError",
};

describe("exceptions", () => {
  it("are the classes that Python has, with its parents", () => {
    const parents = Array.from(CLASSES, ([name, Class]) => {
      const { constructor } = Object.getPrototypeOf(Class.prototype);
      return [name, constructor.name];
    });
    assertEquals(
      Object.fromEntries(parents),
      PARENTS as Record<string, string>,
    );
  });

  it("have their name on the prototype, where no minifier reaches", () => {
    for (const [name, { prototype }] of CLASSES) {
      assertEquals(Object.getOwnPropertyDescriptor(prototype, "name"), {
        value: name,
        configurable: true,
        enumerable: false,
        writable: true,
      });
    }
  });

  it("give their name to a subclass and show no key of their own", () => {
    class Mine extends RuntimeError {}
    assertEquals(`${new Mine("oh")}`, "RuntimeError: oh");
    assertEquals(Object.keys(new Mine("oh")), []);
  });

  it("have a stack that names them", () => {
    const { stack } = new RuntimeError("why");
    assertMatch(stack ?? "", /exceptions_test/);
  });
});

describe("CancelledError", () => {
  it("without a message has no args and an empty message", () => {
    const error = new CancelledError();
    assertEquals([error.args, error.message], [[], ""]);
    assertFalse(Object.hasOwn(error, "message"));
    assertFalse(Object.hasOwn(error, "cause"));
    assertEquals(`${error}`, "CancelledError");
  });

  it("keeps the message as it was given, and its text", () => {
    const given = { toString: () => "stop it" };
    const error = new CancelledError(given);
    assertStrictEquals(error.args[0], given);
    assertEquals(error.message, "stop it");
    assertEquals(new CancelledError(null).args, [null]);
    assertEquals(new CancelledError("").args, [""]);
  });

  it("takes a cause", () => {
    const cause = new Error("first");
    assertStrictEquals(new CancelledError("m", { cause }).cause, cause);
    assertStrictEquals(new CancelledError(undefined, { cause }).cause, cause);
  });

  it("is a real Error", () => {
    const error: unknown = structuredClone(new CancelledError("why"));
    assertInstanceOf(error, Error);
    assertEquals(error.message, "why");
  });

  it("is cheap inside the loop and looks like any other", () => {
    captureCancelStacks(false);
    const error = cancellation(undefined);
    assertInstanceOf(error, CancelledError);
    assertInstanceOf(error, Error);
    assertEquals(error.args, []);
    assertEquals(error.message, "");
    assertEquals(error.name, "CancelledError");
    assertEquals(error.stack, "CancelledError");
    assertEquals(String(error), "CancelledError");
    error.stack = "mine";
    assertEquals(error.stack, "mine");
    assertEquals(cancellation(undefined).stack, "CancelledError");
  });

  it("is a real Error once it leaves the loop, has a message or is debugged", () => {
    captureCancelStacks(false);
    const real = (error: unknown) => structuredClone(error) instanceof Error;
    const cheap = cancellation(undefined);
    assertFalse(real(cheap));
    const left = realCancellation(cheap);
    assertInstanceOf(left, CancelledError);
    assert(real(left));
    assertStrictEquals(realCancellation(left), left);
    const other = new RangeError();
    assertStrictEquals(realCancellation(other), other);
    assert(real(cancellation("why")));
    try {
      captureCancelStacks(true);
      assert(real(cancellation(undefined)));
    } finally {
      captureCancelStacks(false);
    }
  });

  it("has frames only while they are asked for", () => {
    const frames = () => /:\d+:\d+/.test(new CancelledError("x").stack ?? "");
    try {
      captureCancelStacks(true);
      assert(frames());
      captureCancelStacks(false);
      assertFalse(frames());
    } finally {
      captureCancelStacks(false);
    }
  });

  it("leaves the stacks of other errors alone", () => {
    new CancelledError("x");
    assertMatch(new Error("after").stack ?? "", /exceptions_test/);
    const broken = {
      toString() {
        throw new RangeError("no text");
      },
    };
    // A message that has no text must not spoil the cancellation.
    assertEquals(new CancelledError(broken).args, [broken]);
    assertMatch(new Error("after").stack ?? "", /exceptions_test/);
  });
});

describe("SystemExit", () => {
  it("has null, a number or a text as code", () => {
    assertEquals(new SystemExit().code, null);
    assertEquals(new SystemExit().message, "");
    assertEquals(new SystemExit(3).code, 3);
    assertEquals(new SystemExit(3).message, "3");
    assertEquals(new SystemExit("bad luck").code, "bad luck");
  });
});

describe("isBaseException()", () => {
  it("is true of what Python's `except Exception` lets pass", () => {
    const passing = [
      new CancelledError(),
      new KeyboardInterrupt(),
      new SystemExit(),
      new BaseExceptionGroup("m", [new CancelledError()]),
    ];
    assertEquals(passing.map(isBaseException), [true, true, true, true]);
  });

  it("is false of every other error and value", () => {
    const others = [
      new Error(),
      new TimeoutError(),
      new ExceptionGroup("m", [new Error()]),
      new BaseExceptionGroup("m", [new Error()]),
      undefined,
      "CancelledError",
    ];
    assertEquals(others.map(isBaseException), Array(6).fill(false));
  });
});

describe("OSError", () => {
  it("has a message, a code and what else is known", () => {
    const cause = new Error("native");
    const error = new OSError("Cannot bind", {
      code: "EADDRINUSE",
      errno: 98,
      syscall: "bind",
      address: "127.0.0.1:80",
      filename: "/run/x.sock",
      cause,
    });
    assertEquals(`${error}`, "OSError: Cannot bind");
    assertEquals({ ...error }, {
      code: "EADDRINUSE",
      errno: 98,
      syscall: "bind",
      address: "127.0.0.1:80",
      filename: "/run/x.sock",
    });
    assertStrictEquals(error.cause, cause);
  });

  it("shows nothing that is not known", () => {
    assertEquals(Object.keys(new OSError("x")), ["code"]);
    assertEquals(new OSError("x").code, "");
    assertEquals(new OSError("x").errno, undefined);
    assertFalse(Object.hasOwn(new OSError("x", { code: "EIO" }), "cause"));
  });

  it("of a subclass has the code of the subclass unless told", () => {
    class Mine extends ConnectionResetError {}
    assertEquals(new TimeoutError().code, "ETIMEDOUT");
    assertEquals(new Mine("Connection lost").code, "ECONNRESET");
    assertEquals(new ConnectionError().code, "");
    const told = new exceptions.PermissionError("no", { code: "EPERM" });
    assertEquals(told.code, "EPERM");
  });

  it("from() chooses the class that CPython chooses for the code", () => {
    // Read off CPython: type(OSError(number, "")) for every number of errno.
    const classes = {
      EPERM: "PermissionError",
      ENOENT: "FileNotFoundError",
      ESRCH: "ProcessLookupError",
      EINTR: "InterruptedError",
      ECHILD: "ChildProcessError",
      EAGAIN: "BlockingIOError",
      EWOULDBLOCK: "BlockingIOError",
      EACCES: "PermissionError",
      EEXIST: "FileExistsError",
      ENOTDIR: "NotADirectoryError",
      EISDIR: "IsADirectoryError",
      EPIPE: "BrokenPipeError",
      ECONNABORTED: "ConnectionAbortedError",
      ECONNRESET: "ConnectionResetError",
      ESHUTDOWN: "BrokenPipeError",
      ETIMEDOUT: "TimeoutError",
      ECONNREFUSED: "ConnectionRefusedError",
      EALREADY: "BlockingIOError",
      EINPROGRESS: "BlockingIOError",
      EADDRINUSE: "OSError",
      ECANCELED: "OSError",
      EHOSTUNREACH: "OSError",
    };
    for (const [code, name] of Object.entries(classes)) {
      const error = OSError.from(code, "Cannot do it");
      assertEquals([error.name, error.code], [name, code]);
    }
  });

  it("from() keeps the message and the options", () => {
    const cause = new Error("native");
    const error = OSError.from("ENOENT", "Cannot open", {
      cause,
      filename: "/nowhere",
    });
    assertEquals(error.message, "Cannot open");
    assertEquals(error.filename, "/nowhere");
    assertStrictEquals(error.cause, cause);
  });
});

describe("stream errors", () => {
  it("IncompleteReadError has CPython's texts", () => {
    const partial = new Uint8Array([1, 2, 3]);
    const error = new IncompleteReadError(partial, 10);
    assertEquals(
      error.message,
      "3 bytes read on a total of 10 expected bytes",
    );
    assertStrictEquals(error.partial, partial);
    assertEquals(error.expected, 10);
    assertEquals(
      new IncompleteReadError(partial, null).message,
      "3 bytes read on a total of undefined expected bytes",
    );
    assertEquals(new IncompleteReadError(partial, null).expected, null);
  });

  it("LimitOverrunError tells what can be consumed", () => {
    const error = new LimitOverrunError("Separator is not found", 7);
    assertEquals([error.message, error.consumed], [
      "Separator is not found",
      7,
    ]);
  });
});

describe("toException()", () => {
  it("makes an error of an error class", () => {
    assertInstanceOf(toException(TimeoutError), TimeoutError);
    assertInstanceOf(toException(RangeError), RangeError);
    assertStrictEquals(Object.getPrototypeOf(toException(Error)).name, "Error");
    const old = function () {};
    old.prototype = new Error("made the old way");
    assertInstanceOf(toException(old), Error);
  });

  it("leaves everything else as it is", () => {
    const error = new Error("x");
    const plain = () => new Error("not called");
    for (const value of [error, "text", null, undefined, plain, Map]) {
      assertStrictEquals(toException(value), value);
    }
  });
});
