/** StreamReader.fromWeb: readers of Web Streams. */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
} from "@std/assert";
import { sleep, StreamReader, timeout, TimeoutError } from "../mod.ts";
import { describe, it } from "./_harness.ts";
import { decode, encode } from "./_streams.ts";
import { withRealLoop } from "./_loops.ts";

/** A stream of some texts, that counts how often it was asked. */
function source(...pieces: string[]) {
  const seen = { pulls: 0, cancelled: undefined as unknown };
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      const piece = pieces[seen.pulls++];
      if (piece === undefined) controller.close();
      else controller.enqueue(encode(piece));
    },
    cancel(reason) {
      seen.cancelled = reason ?? "cancelled";
    },
  }, { highWaterMark: 0 });
  return { stream, seen };
}

describe("StreamReader.fromWeb", () => {
  it("reads lines and the end", () =>
    withRealLoop(async () => {
      const { stream } = source("one\ntw", "o\n", "rest");
      const reader = StreamReader.fromWeb(stream);
      const lines: string[] = [];
      for await (const line of reader) lines.push(decode(line));
      assertEquals(lines, ["one\n", "two\n", "rest"]);
      assert(reader.atEof());
    }));

  it("there and back again", () =>
    withRealLoop(async () => {
      const { stream } = source("a", "b", "c");
      const back = StreamReader.fromWeb(stream).toWeb();
      assertEquals(await new Response(back).text(), "abc");
    }));

  it("is read no further ahead than the limit allows", () =>
    withRealLoop(async () => {
      const pieces = Array.from({ length: 100 }, () => "x".repeat(10));
      const { stream, seen } = source(...pieces);
      const reader = StreamReader.fromWeb(stream, { limit: 20 });
      await sleep(0.02);
      assertEquals(seen.pulls, 5);
      assertEquals((await reader.readExactly(1000)).length, 1000);
      assertEquals(decode(await reader.read()), "");
    }));

  it("its error is the reader's", () =>
    withRealLoop(async () => {
      const failure = new Error("source");
      const reader = StreamReader.fromWeb(
        new ReadableStream({
          start: (controller) => controller.error(failure),
        }),
      );
      const error = await reader.read(1).then(() => null, (e) => e);
      assertStrictEquals(error, failure);
    }));

  it("what is no Uint8Array is refused, and the stream cancelled", () =>
    withRealLoop(async () => {
      let cancelled: unknown = null;
      const stream = new ReadableStream({
        start: (controller) => controller.enqueue("text"),
        cancel: (reason) => void (cancelled = reason),
      });
      const reader = StreamReader.fromWeb(stream);
      const error = await reader.read(1).then(() => null, (e) => e);
      assertInstanceOf(error, TypeError);
      assertStrictEquals(cancelled, error);
    }));

  it("cancelling its Web Stream cancels the source", () =>
    withRealLoop(async () => {
      const seen = { cancelled: false };
      const stream = new ReadableStream<Uint8Array>({
        cancel: () => void (seen.cancelled = true),
      });
      const reader = StreamReader.fromWeb(stream);
      await reader.toWeb().cancel();
      assert(seen.cancelled);
      assertEquals(decode(await reader.read()), "");
    }));

  it("a read of it can be timed out, and taken up again", () =>
    withRealLoop(async () => {
      let controller: ReadableStreamDefaultController<Uint8Array>;
      const reader = StreamReader.fromWeb(
        new ReadableStream({ start: (c) => void (controller = c) }),
      );
      const error = await timeout(0.01).with(async () => {
        await reader.readLine();
      }).then(() => null, (e) => e);
      assertInstanceOf(error, TimeoutError);
      controller!.enqueue(encode("late\n"));
      assertEquals(decode(await reader.readLine()), "late\n");
    }));
});
