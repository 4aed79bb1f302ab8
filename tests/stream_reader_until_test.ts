/** StreamReader: separators, lines and the limit. */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
} from "@std/assert";
import {
  createTask,
  type IncompleteReadError,
  LimitOverrunError,
  sleep,
  StreamReader,
} from "../mod.ts";
import { describe } from "./_harness.ts";
import { both, caught } from "./_spell.ts";
import { buffered, decode, encode, fed, text } from "./_streams.ts";

describe("readUntil", () => {
  both("gives all up to a newline, and with it", function* ({ loop }) {
    const reader = fed(100, "one\ntw");
    assertEquals(yield* text(reader.readUntil()), "one\n");
    loop.callSoon(() => reader.feedData(encode("o\n\n")));
    assertEquals(yield* text(reader.readUntil()), "two\n");
    assertEquals(yield* text(reader.readUntil()), "\n");
  });

  both("finds a separator across any borders of chunks", function* () {
    const whole = "AB--BOUND-BOUNDARYtail";
    for (let a = 1; a < whole.length; a++) {
      for (let b = a; b < whole.length; b += 3) {
        const reader = new StreamReader(100);
        for (
          const piece of [whole.slice(0, a), whole.slice(a, b), whole.slice(b)]
        ) {
          reader.feedData(encode(piece));
          yield sleep(0);
        }
        assertEquals(
          yield* text(reader.readUntil(encode("BOUNDARY"))),
          "AB--BOUND-BOUNDARY",
        );
        assertEquals(yield* text(reader.read(100)), "tail");
      }
    }
  });

  both("a separator that comes byte by byte is found", function* ({ loop }) {
    const reader = new StreamReader(100);
    [..."xx\r\r\n\r\ny"].forEach((char, i) =>
      loop.callLater(i, () => reader.feedData(encode(char)))
    );
    assertEquals(
      yield* text(reader.readUntil(encode("\r\n\r\n"))),
      "xx\r\r\n\r\n",
    );
    yield sleep(1);
  });

  both(
    "behaviour 67: found past the limit, consumed is where it starts",
    function* () {
      const reader = fed(5, "123456\nrest");
      const error = (yield* caught(reader.readUntil())) as LimitOverrunError;
      assertInstanceOf(error, LimitOverrunError);
      assertEquals(
        [error.message, error.consumed],
        ["Separator is found, but chunk is longer than limit", 6],
      );
      assertEquals(yield* text(reader.readExactly(6)), "123456");
      assertEquals(yield* text(reader.readUntil()), "\n");
      assertEquals(yield* text(reader.read(10)), "rest");
    },
  );

  both(
    "behaviour 67: exactly the limit, separator not counted, is fine",
    function* () {
      assertEquals(yield* text(fed(5, "12345\n").readUntil()), "12345\n");
      const long = fed(5, "12345SEP");
      assertEquals(yield* text(long.readUntil(encode("SEP"))), "12345SEP");
    },
  );

  both(
    "behaviour 67: not found over the limit, consumed is what is safe",
    function* () {
      const reader = fed(5, "123456SE");
      const error = (yield* caught(
        reader.readUntil(encode("SEP")),
      )) as LimitOverrunError;
      assertEquals(
        [error.message, error.consumed],
        ["Separator is not found, and chunk exceed the limit", 6],
      );
      assertEquals(yield* buffered(reader), "123456SE");
      yield reader.readExactly(error.consumed);
      reader.feedData(encode("P"));
      assertEquals(yield* text(reader.readUntil(encode("SEP"))), "SEP");
    },
  );

  both("behaviour 67: readLine drops the line that is too long", function* () {
    const reader = fed(5, "123456\nnext\n");
    const error = (yield* caught(reader.readLine())) as Error;
    assertInstanceOf(error, RangeError);
    assertEquals(
      error.message,
      "Separator is found, but chunk is longer than limit",
    );
    assertInstanceOf(error.cause, LimitOverrunError);
    assertEquals(yield* text(reader.readLine()), "next\n");
  });

  both(
    "behaviour 67: readLine drops all where the end is not there",
    function* ({
      loop,
    }) {
      const reader = fed(5, "12345");
      loop.callLater(1, () => reader.feedData(encode("67")));
      const error = (yield* caught(reader.readLine())) as Error;
      assertInstanceOf(error, RangeError);
      assertEquals(
        error.message,
        "Separator is not found, and chunk exceed the limit",
      );
      reader.feedData(encode("ok\n"));
      assertEquals(yield* text(reader.readLine()), "ok\n");
    },
  );

  both("behaviour 68: the earliest end of several wins", function* () {
    const seps = (...all: string[]) => all.map(encode);
    const cases: [string, string[], string][] = [
      ["a\r\nb", ["\n", "\r\n"], "a\r\n"],
      ["a\r\nb", ["\r\n", "\n"], "a\r\n"],
      ["a\nb\r\n", ["\r\n", "\n"], "a\n"],
      ["abcdef", ["abcde", "cd"], "abcd"],
      ["abcdef", ["cd", "bcdef"], "abcd"],
      ["abcdef", ["d", "bcd"], "abcd"],
      ["xAByABC", ["ABC", "yA"], "xAByA"],
      ["one;two", [";"], "one;"],
    ];
    for (const [data, separators, expected] of cases) {
      const reader = fed(100, data);
      assertEquals(
        yield* text(reader.readUntil(seps(...separators))),
        expected,
        `${data} by ${separators}`,
      );
      assertEquals(yield* buffered(reader), data.slice(expected.length));
    }
    // Of two that end at the same place the shorter is the one that matched.
    const error = (yield* caught(
      fed(3, "abcdef").readUntil(seps("bcdef", "ef")),
    )) as LimitOverrunError;
    assertEquals(error.consumed, 4);
  });

  both(
    "behaviour 68: the longest decides what is safe to consume",
    function* () {
      const reader = fed(5, "1234567890");
      const error = (yield* caught(
        reader.readUntil([encode("\n"), encode("LONG")]),
      )) as LimitOverrunError;
      assertEquals(error.consumed, 7);
    },
  );

  both("empty, missing and wrong separators are refused", function* () {
    const reader = fed(100, "a\n");
    const cases: [unknown, unknown, string][] = [
      [encode(""), RangeError, "Separator should be at least one-byte string"],
      [
        [encode("a"), encode("")],
        RangeError,
        "Separator should be at least one-byte string",
      ],
      [[], RangeError, "Separator should contain at least one element"],
      ["\n", TypeError, "Cannot read"],
      [["\n"], TypeError, "Cannot read"],
      [null, TypeError, "Cannot read"],
    ];
    for (const [separator, Class, message] of cases) {
      const error = (yield* caught(
        reader.readUntil(separator as Uint8Array),
      )) as Error;
      assertStrictEquals(error.constructor, Class);
      assert(error.message.startsWith(message), error.message);
    }
    assertEquals(yield* text(reader.readUntil()), "a\n");
  });

  both("the end with a separator in the last chunk", function* () {
    const reader = fed(100, "a\nb", null);
    assertEquals(yield* text(reader.readUntil()), "a\n");
    assertEquals(
      decode(
        ((yield* caught(reader.readUntil())) as IncompleteReadError).partial,
      ),
      "b",
    );
    assert(reader.atEof());
  });

  both(
    "what another takes meanwhile does not hide a separator",
    function* ({ co }) {
      const reader = fed(100, "0123456789");
      const line = createTask(co(() => text(reader.readLine()))());
      yield sleep(0);
      assertEquals(yield* text(reader.read(8)), "01234567");
      reader.feedData(encode("a\nbcdefghijk"));
      assertEquals(yield line, "89a\n");
    },
  );
});
