/** The buffer of a StreamReader: what is copied, and how its cost grows. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { createTask, StreamReader } from "../mod.ts";
import { describe, it } from "./_harness.ts";
import { decode, encode } from "./_streams.ts";
import { pattern } from "./_transport_suite.ts";
import { runVirtual } from "./_virtual.ts";

describe("buffering", () => {
  it("a chunk that is read whole is handed out as it is", () =>
    runVirtual(async () => {
      const reader = new StreamReader();
      const chunk = pattern(1000);
      for (const read of [1000, 5000]) {
        reader.feedData(chunk);
        assertStrictEquals(await reader.read(read), chunk);
      }
      reader.feedData(chunk);
      assertStrictEquals(await reader.readExactly(1000), chunk);
      const line = encode("a line\n");
      reader.feedData(line);
      assertStrictEquals(await reader.readLine(), line);
    }));

  it("what is handed out shares nothing with what is still buffered", () =>
    runVirtual(async () => {
      const reader = new StreamReader();
      reader.feedData(encode("one\ntwo\nthree\n"));
      for (const expected of ["one\n", "two\n", "three\n"]) {
        const line = await reader.readLine();
        assertEquals(decode(line), expected);
        new Uint8Array(line.buffer).fill(33);
      }
      for (let i = 0; i < 100; i++) reader.feedData(encode("ab"));
      const first = await reader.read(3);
      new Uint8Array(first.buffer).fill(33);
      assertEquals(
        decode(await reader.read(300)),
        "ba".repeat(99).slice(0, 197),
      );
    }));

  it("short chunks are put together", () =>
    runVirtual(async () => {
      const reader = new StreamReader();
      const all = pattern(50_000);
      for (let at = 0; at < all.length; at++) {
        reader.feedData(all.subarray(at, at + 1));
      }
      const first = await reader.readExactly(20_001);
      assertEquals(first, all.slice(0, 20_001));
      assertEquals(await reader.read(50_000), all.slice(20_001));
    }));

  it("short chunks are not kept one by one, and have a buffer of their own", () =>
    runVirtual(async () => {
      const reader = new StreamReader();
      const [one, two] = [encode("one"), encode("two")];
      reader.feedData(one);
      reader.feedData(two);
      assert(await reader.read(3) !== one);
      reader.feedData(one);
      const rest = await reader.read(10);
      assertEquals(decode(rest), "twoone");
      assertEquals([rest.byteOffset, rest.buffer.byteLength], [0, 6]);
    }));

  it("random feeds and reads give what a plain buffer would", () =>
    runVirtual(async () => {
      let seed = 7;
      const random = (below: number) => {
        seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
        return (seed >>> 8) % below;
      };
      for (let round = 0; round < 200; round++) {
        const reader = new StreamReader(1 << 20);
        let model: number[] = [];
        for (let op = 0; op < 60; op++) {
          const kind = random(6);
          if (kind < 3 || model.length === 0) {
            const size = random(3) === 0 ? random(3000) : random(12);
            const chunk = Uint8Array.from({ length: size }, () => random(4));
            model.push(...chunk);
            reader.feedData(chunk);
            continue;
          }
          let got: Uint8Array;
          let count: number;
          if (kind === 3) {
            count = 1 + random(model.length);
            got = await reader.readExactly(count);
          } else if (kind === 4) {
            const n = 1 + random(2 * model.length);
            count = Math.min(n, model.length);
            got = await reader.read(n);
          } else {
            const separators = Array.from(
              { length: 1 + random(3) },
              () => Uint8Array.from({ length: 1 + random(4) }, () => random(4)),
            );
            count = firstEnd(model, separators);
            if (count < 0) continue;
            got = await reader.readUntil(separators);
          }
          assertEquals([...got], model.slice(0, count));
          model = model.slice(count);
        }
      }
    }));

  it("readExactly of 100 MB is linear, also in chunks of a few bytes", {
    timeout: 20_000,
  }, () =>
    runVirtual(async () => {
      const measure = async (total: number, size: number) => {
        const reader = new StreamReader(2 ** 30);
        const chunk = new Uint8Array(size);
        const began = performance.now();
        for (let at = 0; at < total; at += size) reader.feedData(chunk);
        const got = await reader.readExactly(total);
        assertEquals(got.length, total);
        return performance.now() - began;
      };
      await measure(1 << 20, 1 << 16);
      const large = await measure(100 * 2 ** 20, 1 << 16);
      assert(large < 3000, `100 MB took ${large} ms`);
      await measure(1 << 18, 16);
      const few = await measure(1 << 19, 16);
      const many = await measure(1 << 22, 16);
      // Eight times the data: quadratic would be 64 times the time.
      assert(many < 30 * few + 50, `${few} ms, then ${many} ms`);
    }));

  it("readUntil looks at each byte about once, however it comes", {
    timeout: 20_000,
  }, () =>
    runVirtual(async ({ loop }) => {
      const measure = async (count: number) => {
        const reader = new StreamReader(2 ** 30);
        const chunk = new Uint8Array(1500).fill(120);
        const line = createTask(reader.readLine());
        const began = performance.now();
        let fed = 0;
        const feed = () => {
          if (fed++ === count) reader.feedData(encode("\n"));
          else {
            reader.feedData(chunk);
            loop.callSoon(feed);
          }
        };
        loop.callSoon(feed);
        assertEquals((await line).length, count * 1500 + 1);
        return performance.now() - began;
      };
      await measure(200);
      const few = await measure(1000);
      const many = await measure(8000);
      assert(many < 30 * few + 50, `${few} ms, then ${many} ms`);
    }));

  it("many short lines of one large chunk are read in linear time", {
    timeout: 20_000,
  }, () =>
    runVirtual(async () => {
      const measure = async (lines: number) => {
        const reader = new StreamReader(2 ** 30);
        reader.feedData(encode("abcdefg\n".repeat(lines)));
        const began = performance.now();
        for (let i = 0; i < lines; i++) await reader.readLine();
        return performance.now() - began;
      };
      await measure(5000);
      const few = await measure(5000);
      const many = await measure(40_000);
      assert(many < 30 * few + 50, `${few} ms, then ${many} ms`);
    }));
});

/** Where the first of some separators ends, or -1. */
function firstEnd(
  data: readonly number[],
  separators: readonly Uint8Array[],
): number {
  for (let end = 1; end <= data.length; end++) {
    for (const separator of separators) {
      const start = end - separator.length;
      if (start >= 0 && separator.every((b, i) => data[start + i] === b)) {
        return end;
      }
    }
  }
  return -1;
}
