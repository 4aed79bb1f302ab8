/** Answers as bytes in shared memory, by which browsers have threads that block. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { NotImplementedError } from "../mod.ts";
import { makeRing, RingReader } from "../_workers/ring_reader.ts";
import { RingOutbox } from "../_workers/ring_writer.ts";
import { type Answer, APART, VALUE } from "../_workers/port_words.ts";
import { fromBytes } from "../_workers/wire_read.ts";
import { toBytes } from "../_workers/wire_write.ts";
import { describe, it } from "./_harness.ts";

function roundTrip(value: unknown): unknown {
  const bytes = toBytes(structuredClone(value));
  assert(bytes !== null, "it was not written");
  return fromBytes(bytes);
}

/** A ring, what writes it and what reads it, in one thread. */
function ends(): {
  readonly outbox: RingOutbox;
  readonly reader: RingReader;
  readonly near: MessagePort;
  readonly far: MessagePort;
} {
  const { port1: near, port2: far } = new MessageChannel();
  const ring = makeRing()!;
  return {
    outbox: new RingOutbox(near, ring),
    reader: new RingReader(far, ring),
    near,
    far,
  };
}

const sparse: unknown[] = [1, , 3];
(sparse as unknown as Record<string, unknown>)["extra"] = "x";
const bytes = new Uint8Array([9, 1, 2, 3, 9]);

const SAMPLES: Readonly<Record<string, unknown>> = {
  "nothing and booleans": [undefined, null, true, false],
  "numbers": [0, -0, 1.5, -1e300, NaN, Infinity, 2 ** 53],
  "bigints": [0n, -(2n ** 200n)],
  "texts": ["", "plain", "ünï", "😀", "\ufeffmark", "\ud800 alone", "\0"],
  "objects": { a: { b: [{ c: 1 }] }, "": 2, "1": 3 },
  "arrays with holes and properties": sparse,
  "dates": [new Date(5), new Date(NaN)],
  "patterns": [/a(b)/giu, /\//],
  "maps and sets": new Map<unknown, unknown>([[{ k: 1 }, new Set([1, "x"])]]),
  "buffers": new Uint8Array([1, 2]).buffer,
  "views": [
    new Uint8Array(bytes.buffer, 1, 3),
    new Float64Array([1, 2]),
    new BigInt64Array([3n]),
    new DataView(bytes.buffer, 2, 2),
  ],
  "boxes": [Object(1), Object("x"), Object(false), Object(4n)],
};

describe("values as bytes", () => {
  for (const [what, value] of Object.entries(SAMPLES)) {
    it(`are those that a structured clone has: ${what}`, () => {
      assertEquals(roundTrip(value), structuredClone(value));
    });
  }

  it("keep what is the same object, and circles", () => {
    const shared = { n: 1 };
    const circle: Record<string, unknown> = { one: shared, two: shared };
    circle["self"] = circle;
    const copy = roundTrip(circle) as typeof circle;
    assert(copy["self"] === copy && copy["one"] === copy["two"]);
    const view = new Uint8Array(4);
    const [a, b, c] = roundTrip([view, view.buffer, view]) as [
      Uint8Array,
      ArrayBuffer,
      Uint8Array,
    ];
    assert(a.buffer === b && a === c);
  });

  it("keep errors with their class, stack and cause", () => {
    const error = new RangeError("outer", { cause: new TypeError("inner") });
    const copy = roundTrip(error) as RangeError;
    assert(copy instanceof RangeError);
    assertEquals([copy.message, copy.stack], ["outer", error.stack]);
    // Bun 1.4 clones no causes.
    const { cause } = structuredClone(error);
    assertEquals(Boolean(copy.cause), Boolean(cause));
    assert(!Object.hasOwn(roundTrip(new Error("x")) as Error, "cause"));
  });

  it('have a property named "__proto__" as one', () => {
    const value = JSON.parse('{"__proto__": {"polluted": true}}');
    const copy = roundTrip(value) as object;
    assertEquals(Object.keys(copy), ["__proto__"]);
    assert(Object.getPrototypeOf(copy) === Object.prototype);
  });

  it("are not made of what is the host's", () => {
    const { port1, port2 } = new MessageChannel();
    const deep: unknown[] = [];
    let at = deep;
    for (let i = 0; i < 100_000; i++) at.push(at = []);
    for (const value of [port1, new Blob(["x"]), deep, () => {}, Symbol()]) {
      assertEquals(toBytes([value]), null);
    }
    port1.close();
    port2.close();
  });
});

describe("a ring of answers", () => {
  it("gives them in their order, around its end many times", () => {
    const { outbox, reader, near, far } = ends();
    const text = "x".repeat(1000);
    for (let i = 1; i <= 500; i++) {
      outbox.send([i, VALUE, { i, text }], [], true);
      if (i % 3 === 0) {
        for (const id of [i - 2, i - 1, i]) {
          assertEquals(reader.take(), [id, VALUE, { i: id, text }]);
        }
        assertEquals(reader.take(), undefined);
      }
    }
    near.close();
    far.close();
  });

  it("takes what is larger than it, piece by piece", () => {
    const { outbox, reader, near, far } = ends();
    const large = new Uint8Array(300_000).map((_, i) => i);
    outbox.send([1, VALUE, large], [], true);
    outbox.send([2, VALUE, "after"], [], true);
    const got: Answer[] = [];
    let rounds = 0;
    while (got.length < 2) {
      const answer = reader.take();
      if (answer !== undefined) got.push(answer);
      else outbox.room();
      assert(++rounds < 20);
    }
    assertEquals(got, [[1, VALUE, large], [2, VALUE, "after"]]);
    near.close();
    far.close();
  });

  it("has what cannot be written sent as a message, and says so", async () => {
    const { outbox, reader, near, far } = ends();
    const { port1, port2 } = new MessageChannel();
    const message = new Promise<unknown>((resolve) =>
      far.onmessage = ({ data }) => resolve(data)
    );
    outbox.send([1, VALUE, { port1 }], [port1], true);
    assertEquals(reader.take(), [1, APART, null]);
    const [id, kind, value] = await message as Answer;
    assertEquals([id, kind], [1, VALUE]);
    const { port1: arrived } = value as { port1: MessagePort };
    assert(arrived instanceof MessagePort);
    for (const port of [arrived, port2, near, far]) port.close();
  });

  it("moves buffers, and refuses what cannot be cloned", () => {
    const { outbox, reader, near, far } = ends();
    const { buffer } = new Uint8Array(8);
    outbox.send([1, VALUE, buffer], [buffer], true);
    assertEquals([buffer.byteLength, reader.take()], [
      0,
      [1, VALUE, new ArrayBuffer(8)],
    ]);
    let name = "";
    try {
      outbox.send([2, VALUE, () => {}], [], true);
    } catch (error) {
      ({ name } = error as Error);
    }
    assertEquals([name, reader.take()], ["DataCloneError", undefined]);
    near.close();
    far.close();
  });

  it("has nothing that who blocks cannot get, where that is asked of it", () => {
    const { outbox, reader, near, far } = ends();
    const { port1, port2 } = new MessageChannel();
    const { buffer } = new Uint8Array(8);
    const refused: readonly [unknown, Transferable[]][] = [
      [port1, [port1]],
      [[buffer, new Blob(["x"])], [buffer]],
    ];
    for (const [value, list] of refused) {
      assertThrows(
        () => outbox.send([1, VALUE, value], list, false),
        NotImplementedError,
        "Cannot block for this item",
      );
    }
    // Nothing was moved, nor anything said of it.
    outbox.send([2, VALUE, [buffer]], [buffer], false);
    assertEquals(reader.take(), [2, VALUE, [new ArrayBuffer(8)]]);
    assertEquals([reader.take(), buffer.byteLength], [undefined, 0]);
    for (const port of [port1, port2, near, far]) port.close();
  });
});
