/** StreamReader: read and readExactly, and how reads wait. */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
} from "@std/assert";
import {
  CancelledError,
  createTask,
  gather,
  IncompleteReadError,
  RuntimeError,
  sleep,
  StreamReader,
  type Task,
  TimeoutError,
  waitFor,
} from "../mod.ts";
import { describe, it } from "./_harness.ts";
import { type Body, both, caught } from "./_spell.ts";
import { decode, encode, fed, text } from "./_streams.ts";
import { runVirtual } from "./_virtual.ts";

describe("read", () => {
  both("gives what is there, up to n", function* () {
    const reader = fed(100, "hello", " world");
    assertEquals(yield* text(reader.read(3)), "hel");
    assertEquals(yield* text(reader.read(100)), "lo world");
    reader.feedData(encode("x"));
    assertEquals(yield* text(reader.read(1)), "x");
  });

  both("waits where nothing is there", function* ({ loop }) {
    const reader = new StreamReader();
    loop.callLater(2, () => reader.feedData(encode("late")));
    assertEquals(yield* text(reader.read(10)), "late");
    assertEquals(loop.time(), 2);
  });

  both("gives nothing at the end, again and again", function* () {
    const reader = fed(100, "a", null);
    assertEquals(yield* text(reader.read(10)), "a");
    assertEquals(yield* text(reader.read(10)), "");
    assertEquals(yield* text(reader.read(10)), "");
    assertEquals(yield* text(reader.read()), "");
  });

  both("with n = 0 gives nothing at once", function* () {
    const reader = new StreamReader();
    assertEquals(yield* text(reader.read(0)), "");
    reader.setException(new Error("over"));
    assertEquals(((yield* caught(reader.read(0))) as Error).message, "over");
  });

  both("one that is refused gives back what it had taken", function* () {
    const reader = fed(100, "hello");
    const exactly: Task<Uint8Array> = createTask(reader.readExactly(10));
    yield sleep(0);
    assertInstanceOf(yield* caught(reader.read()), RuntimeError);
    reader.feedData(encode("world"));
    assertEquals(decode(yield exactly), "helloworld");
  });

  both("without n it reads to the end", function* ({ loop }) {
    const reader = fed(4, "first ");
    loop.callLater(1, () => reader.feedData(encode("second ")));
    loop.callLater(2, () => reader.feedData(encode("third")));
    loop.callLater(3, () => reader.feedEof());
    assertEquals(yield* text(reader.read()), "first second third");
    assert(reader.atEof());
  });

  both("a cancelled read to the end leaves all that had come", function* ({
    loop,
  }) {
    const reader = fed(100, "one ");
    loop.callLater(1, () => reader.feedData(encode("two ")));
    const error = yield* caught(waitFor(reader.read(), 2));
    assertInstanceOf(error, TimeoutError);
    reader.feedData(encode("three"));
    reader.feedEof();
    assertEquals(yield* text(reader.read()), "one two three");
  });

  both("what is no whole number is refused", function* () {
    const reader = fed(100, "abc");
    for (const n of [1.5, NaN, Infinity, "2" as unknown as number]) {
      assertInstanceOf(yield* caught(reader.read(n)), TypeError);
      assertInstanceOf(yield* caught(reader.readExactly(n)), TypeError);
    }
    assertEquals(yield* text(reader.read(5)), "abc");
  });

  both("with data there it does not suspend", function* ({ loop }) {
    const reader = fed(100, "one\ntwo\nthree");
    let ran = false;
    loop.callSoon(() => void (ran = true));
    yield reader.read(1);
    yield reader.readLine();
    yield reader.readExactly(2);
    yield reader.readUntil(encode("\n"));
    assert(!ran);
    yield sleep(0);
    assert(ran);
  });

  it("with data there, the code after it runs before the next callback", () =>
    runVirtual(async ({ loop }) => {
      const reader = fed(100, "abc");
      const order: string[] = [];
      // What waited for a promise of somebody else has no step of the loop open.
      await new Promise((resolve) => setTimeout(resolve));
      await reader.read(1);
      loop.callSoon(() => void order.push("callback"));
      for (let i = 0; i < 20; i++) await Promise.resolve();
      order.push("reader");
      await sleep(0);
      assertEquals(order, ["reader", "callback"]);
    }, { realTimers: true }));

  it("a read is a coroutine: lazy, and run once", () =>
    runVirtual(async () => {
      const reader = fed(100, "abc");
      const read = reader.read(2);
      assertEquals(read.name, "read");
      assertEquals(decode(await reader.read(1)), "a");
      assertEquals(decode(await read), "bc");
      const again = await read.then(() => null, (error) => error);
      assertInstanceOf(again, RuntimeError);
      const closed = reader.read(1);
      closed.close();
      assertInstanceOf(
        await closed.then(() => null, (error) => error),
        RuntimeError,
      );
    }));

  it("reads can be gathered, made tasks and chained", () =>
    runVirtual(async () => {
      const reader = fed(100, "abcdef");
      const [a, b] = await gather([reader.read(1), reader.readExactly(2)]);
      assertEquals([decode(a), decode(b)], ["a", "bc"]);
      assertEquals(decode(await createTask(reader.read(1))), "d");
      assertEquals(
        await reader.read(1).then((d) => d.length).then((n) => n),
        1,
      );
      const failed = reader.readExactly(-1).then(
        () => "no",
        (error) => (error as Error).constructor,
      );
      assertStrictEquals(await failed, RangeError);
      // Where there is no task, it becomes one.
      const outside = new Promise<string>((resolve) =>
        setTimeout(() => void reader.read(5).then((d) => resolve(decode(d))))
      );
      assertEquals(await outside, "f");
    }, { realTimers: true }));
});

describe("readExactly", () => {
  both("gives n bytes, however they come", function* ({ loop }) {
    const reader = fed(3, "ab");
    loop.callLater(1, () => reader.feedData(encode("cd")));
    loop.callLater(2, () => reader.feedData(encode("efg")));
    assertEquals(yield* text(reader.readExactly(6)), "abcdef");
    assertEquals(yield* text(reader.readExactly(1)), "g");
  });

  both("behaviour 69: at the end it fails with what was left", function* () {
    const reader = fed(100, "abc", null);
    const error = (yield* caught(reader.readExactly(5))) as IncompleteReadError;
    assertInstanceOf(error, IncompleteReadError);
    assertEquals([decode(error.partial), error.expected], ["abc", 5]);
    assertEquals(
      error.message,
      "3 bytes read on a total of 5 expected bytes",
    );
    assert(reader.atEof());
    assertEquals(yield* text(reader.read()), "");
  });

  both(
    "behaviour 69: readUntil expects null, readLine gives the rest",
    function* () {
      const error = (yield* caught(
        fed(100, "abc", null).readUntil(),
      )) as IncompleteReadError;
      assertEquals([decode(error.partial), error.expected], ["abc", null]);
      assertEquals(
        error.message,
        "3 bytes read on a total of undefined expected bytes",
      );
      const lines = fed(100, "abc", null);
      assertEquals(yield* text(lines.readLine()), "abc");
      assertEquals(yield* text(lines.readLine()), "");
    },
  );

  both(
    "behaviour 69: 0 gives nothing, a negative number is refused",
    function* () {
      const reader = new StreamReader();
      assertEquals(yield* text(reader.readExactly(0)), "");
      const error = (yield* caught(reader.readExactly(-1))) as Error;
      assertInstanceOf(error, RangeError);
      assertEquals(error.message, "readexactly size can not be less than zero");
      reader.setException(new Error("over"));
      assertInstanceOf(yield* caught(reader.readExactly(-1)), RangeError);
      assertEquals(
        ((yield* caught(reader.readExactly(0))) as Error).message,
        "over",
      );
    },
  );

  both(
    "behaviour 69: two readers at once are a RuntimeError",
    function* ({ co }) {
      const reader = new StreamReader();
      const first: Task<Uint8Array> = createTask(
        co(() => text(reader.read(5)) as Body<never>)(),
      );
      yield sleep(0);
      const names: [string, () => unknown][] = [
        ["read", () => reader.read(1)],
        ["read", () => reader.read()],
        ["readexactly", () => reader.readExactly(1)],
        ["readuntil", () => reader.readUntil()],
        ["readuntil", () => reader.readLine()],
        ["readuntil", () => reader.next()],
      ];
      for (const [name, read] of names) {
        const error = (yield* caught(read())) as Error;
        assertInstanceOf(error, RuntimeError);
        assertEquals(
          error.message,
          `${name}() called while another coroutine is already waiting for ` +
            "incoming data",
        );
      }
      reader.feedData(encode("12"));
      assertEquals(yield first, "12");
    },
  );

  both(
    "a cancelled reader leaves the place free, and the data",
    function* ({ co }) {
      const reader = fed(100, "ab");
      const task = createTask(
        co(function* () {
          yield reader.readExactly(5);
        })(),
      );
      yield sleep(0);
      task.cancel();
      assertInstanceOf(yield* caught(task), CancelledError);
      reader.feedData(encode("cde"));
      assertEquals(yield* text(reader.readExactly(5)), "abcde");
    },
  );

  both("woken and cancelled at once, the data stays", function* ({ co }) {
    const reader = new StreamReader();
    const task = createTask(
      co(function* () {
        yield reader.read(5);
      })(),
    );
    yield sleep(0);
    reader.feedData(encode("ab"));
    task.cancel();
    assertInstanceOf(yield* caught(task), CancelledError);
    assertEquals(yield* text(reader.read(5)), "ab");
  });
});
