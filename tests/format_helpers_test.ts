/** Text forms of stacks, values and callbacks. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import * as constants from "../constants.ts";
import { ExceptionGroup, RuntimeError, TimeoutError } from "../exceptions.ts";
import {
  extractStack,
  formatCallback,
  formatFrames,
  shortRepr,
  type StackFrame,
  stackOfError,
} from "../format_helpers.ts";
import { describe, it } from "./_harness.ts";

/** An error with a stack of our own making. */
function withStack(stack: unknown, message = "m"): Error {
  return Object.defineProperty(new Error(message), "stack", { value: stack });
}

function names(frames: readonly StackFrame[]): string[] {
  return frames.map((frame) => frame.functionName);
}

let calls = 0;

/** Calls `body` from so deep; JavaScriptCore would drop frames of tail calls. */
function deep<T>(depth: number, body: () => T): T {
  try {
    return depth === 0 ? body() : deep(depth - 1, body);
  } finally {
    calls++;
  }
}
describe("constants", () => {
  it("have CPython's values", () => {
    assertEquals({ ...constants }, {
      LOG_THRESHOLD_FOR_CONNLOST_WRITES: 5,
      ACCEPT_RETRY_DELAY: 1,
      DEBUG_STACK_DEPTH: 10,
      SSL_HANDSHAKE_TIMEOUT: 60,
      SSL_SHUTDOWN_TIMEOUT: 30,
      SENDFILE_FALLBACK_READBUFFER_SIZE: 262144,
      FLOW_CONTROL_HIGH_WATER_SSL_READ: 256,
      FLOW_CONTROL_HIGH_WATER_SSL_WRITE: 512,
      THREAD_JOIN_TIMEOUT: 300,
    });
  });
});

describe("extractStack()", () => {
  it("ends with the caller, in a file by its path", () => {
    function caller(): StackFrame[] {
      return [...extractStack()];
    }
    const last = caller().at(-1)!;
    assertEquals(last.functionName, "caller");
    assertMatch(last.file, /^(\/|[A-Z]:|http:).*format_helpers_test\.ts$/);
    assert(last.line > 1 && last.column >= 1);
  });

  it("gives at most DEBUG_STACK_DEPTH frames unless told", () => {
    const frames = deep(40, () => extractStack());
    assertEquals(frames.length, constants.DEBUG_STACK_DEPTH);
    assertEquals(names(frames).slice(0, -1), Array(9).fill("deep"));
  });

  it("takes a limit: the newest, none, or if negative the oldest", () => {
    const error = withStack(
      "Error: m\n    at c (/p/x.ts:3:1)\n    at b (/p/x.ts:2:1)\n" +
        "    at a (/p/x.ts:1:1)",
    );
    assertEquals(names(extractStack(error)), ["a", "b", "c"]);
    assertEquals(names(extractStack(error, 2)), ["b", "c"]);
    assertEquals(names(extractStack(error, 0)), []);
    assertEquals(names(extractStack(error, -2)), ["a", "b"]);
    assertEquals(names(extractStack(error, null)), ["a", "b", "c"]);
    assertEquals(deep(40, () => extractStack(null, 25)).length, 25);
  });

  it("leaves the stacks of other errors as they were", () => {
    const { stackTraceLimit } = Error as unknown as { stackTraceLimit: number };
    extractStack(null, 3);
    extractStack(null, -3);
    assertEquals(
      (Error as unknown as { stackTraceLimit: number }).stackTraceLimit,
      stackTraceLimit,
    );
  });
});

describe("stackOfError()", () => {
  it("reads V8's stacks", () => {
    const frames = stackOfError(withStack([
      "TypeError: m",
      "    at new Foo (file:///p/my%20app/x.ts:5:41)",
      "    at file:///p/x.ts:4:41",
      "    at Array.map (<anonymous>)",
      "    at Object.go [as run] (https://host.test/lib@1/y.js:4:31)",
      "    at async Promise.all (index 0)",
      "    at async main (file:///p/(app)/page.ts:6:42)",
      "    at /p/(app)/page.ts:7:1",
      "    at eval (eval at <anonymous> (file:///p/x.ts:8:13), <anonymous>:1:48)",
      "    at run (ext:core/01_core.js:1:2)",
      "    at node:internal/process/task_queues:95:5",
    ].join("\n")));
    assertEquals(frames, [
      {
        functionName: "(anonymous)",
        file: "/p/(app)/page.ts",
        line: 7,
        column: 1,
      },
      { functionName: "main", file: "/p/(app)/page.ts", line: 6, column: 42 },
      {
        functionName: "Object.go [as run]",
        file: "https://host.test/lib@1/y.js",
        line: 4,
        column: 31,
      },
      { functionName: "(anonymous)", file: "/p/x.ts", line: 4, column: 41 },
      { functionName: "new Foo", file: "/p/my app/x.ts", line: 5, column: 41 },
    ]);
  });

  it("reads Bun's stacks", () => {
    const frames = stackOfError(withStack([
      "Error: m",
      "    at <anonymous> (/p/x.ts:4:41)",
      "    at map (native:1:11)",
      "    at async m (/p/x.ts:6:56)",
      "    at eval (unknown)",
      "    at processTicksAndRejections (native:7:39)",
    ].join("\n")));
    assertEquals(names(frames), ["m", "(anonymous)"]);
  });

  it("reads JavaScriptCore's stacks", () => {
    const frames = stackOfError(withStack([
      "inner@https://host.test/a@1/x.js:3:9",
      "async outer@file:///p/x.js:4:1",
      "@file:///p/x.js:5:1",
      "[native code]",
    ].join("\n")));
    assertEquals(names(frames), ["(anonymous)", "outer", "inner"]);
    assertEquals(frames[2]!.file, "https://host.test/a@1/x.js");
  });

  it("takes no line of the message for a frame", () => {
    const message = "failed:\n    at fake (/p/fake.ts:1:1)\nthe end";
    const stack = `Error: ${message}\n    at real (/p/x.ts:2:2)`;
    assertEquals(names(stackOfError(withStack(stack, message))), ["real"]);
    const short = "a@/p/x.js:1:1\nb@/p/x.js:2:2";
    assertEquals(names(stackOfError(withStack(short, "a"))), ["b", "a"]);
  });

  it("skips this library's frames and not those of programs below it", {
    // A browser gets the library from the root of its server: nothing is below.
    on: ["deno", "bun", "node"],
  }, () => {
    const at = (path: string) =>
      `    at f (${new URL(path, import.meta.url).href}:1:1)`;
    const stack = ["Error: m", at("../tasks.ts"), at("../_platform/deno.ts")]
      .concat(at("./mine.ts"), at("../../other.ts")).join("\n");
    const files = stackOfError(withStack(stack)).map((frame) => frame.file);
    assertEquals(files.map((file) => file.replace(/^.*\//, "")), [
      "other.ts",
      "mine.ts",
    ]);
  });

  it("is empty for what has no stack", () => {
    assertEquals(stackOfError("text"), []);
    assertEquals(stackOfError(undefined), []);
    assertEquals(stackOfError(withStack(undefined)), []);
    assertEquals(stackOfError(withStack([])), []);
  });
});

describe("formatFrames()", () => {
  it("writes frames as Python does", () => {
    const frame = { functionName: "f", file: "/p/x.ts", line: 3, column: 1 };
    assertEquals(
      formatFrames([frame, { ...frame, line: 4 }]),
      '  File "/p/x.ts", line 3, in f\n  File "/p/x.ts", line 4, in f',
    );
    assertEquals(formatFrames([]), "");
  });
});

describe("shortRepr()", () => {
  it("quotes strings as Python does", () => {
    assertEquals(shortRepr("plain"), "'plain'");
    assertEquals(shortRepr("it's"), `"it's"`);
    assertEquals(shortRepr(`it's "it"`), `'it\\'s "it"'`);
    assertEquals(shortRepr("a\\b\n\t\x1b[2J"), "'a\\\\b\\n\\t\\x1b[2J'");
  });

  it("writes simple values as they are written in a program", () => {
    const values = [1, -0, NaN, 10n, true, null, undefined, Symbol("s")];
    assertEquals(values.map(shortRepr), [
      "1",
      "-0",
      "NaN",
      "10n",
      "true",
      "null",
      "undefined",
      "Symbol(s)",
    ]);
  });

  it("writes an error as its class with the message", () => {
    class Mine extends RuntimeError {}
    const named = new Error("n");
    named.name = "Named";
    assertEquals(shortRepr(new RangeError("no")), "RangeError('no')");
    assertEquals(shortRepr(new TimeoutError()), "TimeoutError()");
    assertEquals(shortRepr(new Mine("no")), "Mine('no')");
    assertEquals(shortRepr(named), "Named('n')");
    assertEquals(
      shortRepr(new ExceptionGroup("m", [new RangeError("no")])),
      "ExceptionGroup('m', [RangeError('no')])",
    );
  });

  it("writes arrays and plain objects one level deep", () => {
    assertEquals(shortRepr([1, "a", [2], { b: 3 }]), "[1, 'a', [...], {...}]");
    assertEquals(shortRepr({ a: [1], b: { c: 1 } }), "{a: [...], b: {...}}");
    assertEquals(shortRepr([1, 2, 3, 4, 5, 6, 7]), "[1, 2, 3, 4, 5, 6, ...]");
    assertEquals(shortRepr([]), "[]");
    assertEquals(shortRepr(Object.create(null)), "{}");
  });

  it("writes functions and other objects by name", () => {
    class Point {}
    class Shown {
      toString(): string {
        return "<Shown>";
      }
    }
    function greet(): void {}
    assertEquals(shortRepr(greet), "<function greet>");
    assertEquals(shortRepr((() => () => {})()), "<function (anonymous)>");
    assertEquals(shortRepr(new Point()), "<Point object>");
    assertEquals(shortRepr(new Map()), "<Map object>");
    assertEquals(shortRepr(new Shown()), "<Shown>");
    assertEquals(shortRepr(new Uint8Array(9)), "<Uint8Array of 9 bytes>");
  });

  it("is bounded, whatever it is given", () => {
    const long = "x".repeat(1_000_000);
    const values: unknown[] = [
      long,
      new Error(long),
      Array(1_000_000).fill(long),
      { [long]: long },
      new Float64Array(1_000_000),
      "'\x00".repeat(1000),
      { toString: () => long, __proto__: class {}.prototype },
    ];
    for (const value of values) assert(shortRepr(value).length <= 200);
    assertMatch(shortRepr(long), /^'x{40,}\.\.\.x{40,}'$/);
  });

  it("ends on an object that holds itself", () => {
    const loop: unknown[] = [];
    loop.push(loop);
    assertEquals(shortRepr(loop), "[[...]]");
    assertEquals(
      shortRepr(new AggregateError([new AggregateError([])])),
      "AggregateError([AggregateError([...])])",
    );
  });

  it("runs no getter and never throws", () => {
    let ran = false;
    const getter = {
      get value() {
        ran = true;
        return 1;
      },
    };
    assertEquals(shortRepr(getter), "{value: <getter>}");
    assertEquals(ran, false);
    class Broken {
      toString(): string {
        throw new Error("no text");
      }
    }
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    assertEquals(shortRepr(new Broken()), "<unprintable object>");
    assertEquals(shortRepr(proxy), "<unprintable object>");
  });
});

describe("formatCallback()", () => {
  function greet(_name: string, _count: number): void {}

  it("shows the arguments in debug mode only, since they may be secrets", () => {
    assertEquals(formatCallback(greet, ["ann", 2]), "greet()");
    assertEquals(
      formatCallback(greet, ["ann", 2], { debug: true }),
      "greet('ann', 2)",
    );
    assertEquals(formatCallback(greet, [], { debug: true }), "greet()");
  });

  it("shows a bound function as what it calls", () => {
    const bound = greet.bind(null, "ann").bind(null);
    assertEquals(formatCallback(bound, []), "greet()");
  });

  it("has a name for what has none", () => {
    assertEquals(formatCallback((() => () => {})(), []), "(anonymous)()");
  });
});
