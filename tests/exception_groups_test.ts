/** BaseExceptionGroup and ExceptionGroup, with what CPython 3.13 does as the rule. */

import {
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  BaseExceptionGroup,
  CancelledError,
  ConnectionError,
  ConnectionRefusedError,
  ConnectionResetError,
  ExceptionGroup,
  KeyboardInterrupt,
  OSError,
  SystemExit,
} from "../exceptions.ts";
import { describe, it } from "./_harness.ts";

/** A group's shape: its class and message, then what is in it. */
function shape(group: unknown): unknown {
  return group instanceof BaseExceptionGroup
    ? [`${group.name} ${group.message}`, ...group.exceptions.map(shape)]
    : group instanceof Error
    ? `${group.name}(${group.message})`
    : group;
}

function nested(): ExceptionGroup {
  return new ExceptionGroup("m", [
    new RangeError("1"),
    new ExceptionGroup("n", [new RangeError("2"), new TypeError("3")]),
    new OSError("4"),
  ]);
}

/** Arguments that the types forbid. */
type Loose = new (...args: unknown[]) => BaseExceptionGroup;

describe("ExceptionGroup", () => {
  it("is an AggregateError with a message and its errors", () => {
    const errors = [new RangeError("a"), new TypeError("b")];
    const group = new ExceptionGroup("m", errors);
    assertInstanceOf(group, AggregateError);
    assertEquals(group.message, "m");
    assertEquals([...group.exceptions], errors);
    assertStrictEquals(group.exceptions, group.errors);
  });

  it("shows how many errors there are", () => {
    assertEquals(`${nested()}`, "ExceptionGroup: m (3 sub-exceptions)");
    assertEquals(
      `${new BaseExceptionGroup("m", [new SystemExit()])}`,
      "BaseExceptionGroup: m (1 sub-exception)",
    );
  });

  it("does not follow later changes of the array it was made of", () => {
    const errors: Error[] = [new RangeError("a")];
    const group = new ExceptionGroup("m", errors);
    errors.push(new TypeError("b"));
    assertEquals(group.exceptions.length, 1);
    assertThrows(() => group.errors.push(new TypeError("b")), TypeError);
  });

  it("takes a cause, and has none otherwise", () => {
    const cause = new Error("first");
    const group = new ExceptionGroup("m", [new Error()], { cause });
    assertStrictEquals(group.cause, cause);
    assertFalse("cause" in nested());
  });

  it("holds whatever JavaScript can throw", () => {
    const group = new ExceptionGroup("m", ["text", undefined]);
    assertEquals([...group.exceptions], ["text", undefined]);
    const [text] = group.split((error) => error === "text");
    assertEquals(text?.exceptions, ["text"]);
  });

  it("refuses what is no group of errors, with CPython's texts", () => {
    for (const Group of [BaseExceptionGroup, ExceptionGroup] as Loose[]) {
      assertThrows(
        () => new Group("m", []),
        RangeError,
        "second argument (exceptions) must be a non-empty sequence",
      );
      for (const none of [new Error(), new Set([new Error()]), undefined]) {
        assertThrows(
          () => new Group("m", none),
          TypeError,
          "second argument (exceptions) must be a sequence",
        );
      }
      assertThrows(
        () => new Group(5, [new Error()]),
        TypeError,
        "first argument (message) must be a string, not number",
      );
    }
  });

  it("refuses what `except Exception` does not catch", () => {
    class Mine extends ExceptionGroup {}
    const refused = [
      new KeyboardInterrupt(),
      new SystemExit(),
      new CancelledError(),
      new BaseExceptionGroup("inner", [new CancelledError()]),
    ];
    for (const error of refused) {
      assertThrows(
        () => new ExceptionGroup("m", [new Error(), error]),
        TypeError,
        "Cannot nest BaseExceptions in an ExceptionGroup",
      );
      assertThrows(
        () => new Mine("m", [error]),
        TypeError,
        "Cannot nest BaseExceptions in 'Mine'",
      );
    }
  });
});

describe("BaseExceptionGroup", () => {
  it("of ordinary errors alone is an ExceptionGroup", () => {
    const cause = new Error("first");
    const group = new BaseExceptionGroup("m", [new Error("a")], { cause });
    assertInstanceOf(group, ExceptionGroup);
    assertEquals(group.constructor, ExceptionGroup);
    assertStrictEquals(group.cause, cause);
  });

  it("with an interrupt, an exit or a cancellation stays what it is", () => {
    const group = new BaseExceptionGroup("m", [
      new Error("a"),
      new CancelledError(),
    ]);
    assertFalse(group instanceof ExceptionGroup);
    assertEquals(shape(group), [
      "BaseExceptionGroup m",
      "Error(a)",
      "CancelledError()",
    ]);
  });

  it("extended by a class is of that class, whatever it holds", () => {
    class Mine extends BaseExceptionGroup {}
    assertEquals(new Mine("m", [new Error()]).constructor, Mine);
    assertEquals(new Mine("m", [new SystemExit()]).constructor, Mine);
  });
});

describe("split()", () => {
  it("by a class keeps the nesting of both parts", () => {
    assertEquals(nested().split(RangeError).map(shape), [
      ["ExceptionGroup m", "RangeError(1)", [
        "ExceptionGroup n",
        "RangeError(2)",
      ]],
      ["ExceptionGroup m", ["ExceptionGroup n", "TypeError(3)"], "OSError(4)"],
    ]);
  });

  it("by several classes takes what is of any of them", () => {
    assertEquals(nested().split([RangeError, TypeError]).map(shape), [
      ["ExceptionGroup m", "RangeError(1)", [
        "ExceptionGroup n",
        "RangeError(2)",
        "TypeError(3)",
      ]],
      ["ExceptionGroup m", "OSError(4)"],
    ]);
    const [none, rest] = nested().split([]);
    assertEquals([none, shape(rest)], [null, shape(nested())]);
  });

  it("asks a function for the groups from without, then for what is in them", () => {
    const asked: unknown[] = [];
    const group = new ExceptionGroup("o", [nested()]);
    group.split((error) => {
      asked.push((error as Error).message);
      return false;
    });
    assertEquals(asked, ["o", "m", "1", "n", "2", "3", "4"]);
  });

  it("by a function that takes a group takes all that is in it", () => {
    const group = nested();
    const inner = group.exceptions[1];
    const [match, rest] = group.split((error) => error === inner);
    assertStrictEquals(match?.exceptions[0], inner);
    assertEquals(shape(rest), [
      "ExceptionGroup m",
      "RangeError(1)",
      "OSError(4)",
    ]);
  });

  it("gives the group itself where it matches as a whole", () => {
    const group = nested();
    assertStrictEquals(group.split(ExceptionGroup)[0], group);
    assertEquals(group.split(ExceptionGroup)[1], null);
    assertStrictEquals(group.subgroup(Error), group);
  });

  it("gives null and a copy where nothing matches", () => {
    const group = nested();
    const [match, rest] = group.split(KeyboardInterrupt);
    assertEquals(match, null);
    assertFalse(rest === group);
    assertEquals(shape(rest), shape(group));
  });

  it("makes an ExceptionGroup of the ordinary part of a BaseExceptionGroup", () => {
    const group = new BaseExceptionGroup("b", [
      new RangeError("1"),
      new KeyboardInterrupt(),
    ]);
    assertEquals(group.split(KeyboardInterrupt).map(shape), [
      ["BaseExceptionGroup b", "KeyboardInterrupt()"],
      ["ExceptionGroup b", "RangeError(1)"],
    ]);
  });

  it("by a class takes its subclasses", () => {
    const group = new ExceptionGroup("m", [
      new ConnectionResetError("a"),
      new ConnectionRefusedError("b"),
      new OSError("c"),
    ]);
    assertEquals(group.split(ConnectionError)[0]?.exceptions.length, 2);
  });

  it("gives the parts the cause and the stack of the whole", () => {
    const cause = new Error("first");
    const group = new ExceptionGroup("m", [
      new RangeError("1"),
      new TypeError("2"),
    ], { cause });
    for (const part of group.split(RangeError)) {
      assertStrictEquals(part?.cause, cause);
      assertEquals(part?.stack, group.stack);
      assertFalse(Object.keys(part ?? {}).includes("cause"));
    }
    assertFalse("cause" in (nested().split(TypeError)[0] ?? {}));
  });

  it("makes the parts by derive()", () => {
    class Mine extends ExceptionGroup {
      readonly code: number;
      constructor(message: string, errors: readonly unknown[], code: number) {
        super(message, errors);
        this.code = code;
      }
      override derive(errors: readonly unknown[]): Mine {
        return new Mine(this.message, errors, this.code);
      }
    }
    const group = new Mine("m", [new RangeError("1"), new TypeError("2")], 7);
    const codes = group.split(RangeError).map((part) => {
      assertInstanceOf(part, Mine);
      return part.code;
    });
    assertEquals(codes, [7, 7]);
  });

  it("refuses a derive() that makes no group", () => {
    class Mine extends ExceptionGroup {
      override derive(): BaseExceptionGroup {
        return new Error("no group") as BaseExceptionGroup;
      }
    }
    assertThrows(
      () => new Mine("m", [new RangeError("1")]).split(RangeError),
      TypeError,
      "derive must return an instance of BaseExceptionGroup",
    );
  });

  it("refuses what is neither class nor function, with CPython's text", () => {
    const refused = [5, null, undefined, [RangeError, 5], [() => true], {}];
    for (const matcher of refused) {
      const split = nested().split.bind(nested()) as (it: unknown) => unknown;
      assertThrows(
        () => split(matcher),
        TypeError,
        "expected an exception type, a tuple of exception types, or a " +
          "callable (other than a class)",
      );
    }
  });

  it("passes on what the function throws", () => {
    assertThrows(
      () =>
        nested().split(() => {
          throw new RangeError("no answer");
        }),
      RangeError,
      "no answer",
    );
  });
});

describe("subgroup()", () => {
  it("gives the matching part, or null", () => {
    assertEquals(shape(nested().subgroup(TypeError)), [
      "ExceptionGroup m",
      ["ExceptionGroup n", "TypeError(3)"],
    ]);
    assertEquals(nested().subgroup(SystemExit), null);
  });
});

describe("derive()", () => {
  it("keeps the message and fits the class to the errors", () => {
    const base = new BaseExceptionGroup("b", [new SystemExit()]);
    assertEquals(shape(base.derive([new RangeError("1")])), [
      "ExceptionGroup b",
      "RangeError(1)",
    ]);
    assertEquals(shape(nested().derive([new KeyboardInterrupt()])), [
      "BaseExceptionGroup m",
      "KeyboardInterrupt()",
    ]);
  });
});
