/** PriorityQueue: its heap, and what it can order. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  createTask,
  gather,
  PriorityQueue,
  type PriorityQueueOptions,
  QueueFull,
  sleep,
} from "../mod.ts";
import { describe, it } from "./_harness.ts";
import { both } from "./_spell.ts";

/** All items, in the order in which they come out. */
function drain<T>(queue: PriorityQueue<T>): T[] {
  const out: T[] = [];
  while (!queue.empty()) out.push(queue.getNowait());
  return out;
}

function queueOf<T>(
  items: readonly T[],
  options?: PriorityQueueOptions<T>,
): PriorityQueue<T> {
  const queue = new PriorityQueue<T>(0, options);
  for (const item of items) queue.putNowait(item);
  return queue;
}

/** Numbers that look random, the same in every run. */
function* numbers(count: number): Generator<number> {
  let seed = 12345;
  for (let i = 0; i < count; i++) {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    yield seed;
  }
}

both("the smallest comes first, whatever the order of put", function* () {
  const queue = new PriorityQueue<number>(3);
  for (const n of [3, 1, 2]) yield queue.put(n);
  assertThrows(() => queue.putNowait(0), QueueFull);
  assertEquals(yield queue.get(), 1);
  yield queue.put(0);
  assertEquals(drain(queue), [0, 2, 3]);
});

both("one who waits gets what is smallest when it runs", function* () {
  const queue = new PriorityQueue<number>();
  const tasks = [createTask(queue.get()), createTask(queue.get())];
  yield sleep(0);
  for (const n of [5, 4, 3]) queue.putNowait(n);
  assertEquals(yield gather(tasks), [3, 4]);
});

describe("PriorityQueue", () => {
  it("sorts many items, with many puts and gets in turn", () => {
    const items = [...numbers(2000)].map((n) => n % 500);
    assertEquals(drain(queueOf(items)), items.toSorted((a, b) => a - b));
    const queue = new PriorityQueue<number>();
    const model: number[] = [];
    for (const n of numbers(3000)) {
      if (n % 3 === 0 && model.length > 0) {
        model.sort((a, b) => a - b);
        assertEquals(queue.getNowait(), model.shift());
      } else {
        queue.putNowait(n % 97);
        model.push(n % 97);
      }
    }
  });

  it("gives equal items in the order of CPython's heap", () => {
    // As heapq gives [(n % 3, n) for n in range(12)] compared by the first only.
    const items = Array.from({ length: 12 }, (_, n) => [n % 3, n] as const);
    const queue = queueOf(items, { compare: (a, b) => a[0] - b[0] });
    assertEquals(
      drain(queue).map(([, n]) => n),
      [0, 6, 3, 9, 4, 10, 1, 7, 2, 5, 8, 11],
    );
  });

  it("orders numbers, bigints and strings", () => {
    assertEquals(drain(queueOf([2, -1, 0.5, Infinity])), [
      -1,
      0.5,
      2,
      Infinity,
    ]);
    assertEquals(drain(queueOf<number | bigint>([2, 1n, 3n, 0])), [
      0,
      1n,
      2,
      3n,
    ]);
    assertEquals(drain(queueOf(["b", "a", "", "ab"])), ["", "a", "ab", "b"]);
  });

  it("orders arrays by the first members that differ", () => {
    const items = [[2, "a"], [1, "b"], [1, "a", 0], [1, "a"], [0]];
    assertEquals(drain(queueOf(items)), [
      [0],
      [1, "a"],
      [1, "a", 0],
      [1, "b"],
      [2, "a"],
    ]);
    const nested = [[1, [2, 1]], [1, [1, 9]], [0, [7]]];
    assertEquals(drain(queueOf(nested)), [[0, [7]], [1, [1, 9]], [1, [2, 1]]]);
  });

  it("takes any item behind a priority, also where two are equal", () => {
    const job = (name: string) => ({ name });
    const items = [
      [2, job("c")],
      [1, job("a")],
      [1, job("b")],
      [1, null],
      [0, () => {}],
    ] as const;
    assertEquals(drain(queueOf(items)).map(([n]) => n), [0, 1, 1, 1, 2]);
  });

  it("orders anything by a compare function", () => {
    const queue = queueOf([{ due: 3 }, { due: 1 }, { due: 2 }], {
      compare: (a, b) => b.due - a.due,
    });
    assertEquals(drain(queue).map(({ due }) => due), [3, 2, 1]);
  });

  it("refuses what has no order, also when it is alone, and names the way out", () => {
    const wrong: [unknown, string][] = [
      [{ due: 1 }, "an Object"],
      [new Date(0), "a Date"],
      [null, "null"],
      [undefined, "undefined"],
      [true, "a boolean"],
      [Symbol("s"), "a symbol"],
      [[], "an array that begins with undefined"],
      [[{}, 1], "an array that begins with an Object"],
      [[[1], 1], "an array that begins with an array"],
    ];
    for (const [item, words] of wrong) {
      const queue = new PriorityQueue<unknown>();
      const error = assertThrows(() => queue.putNowait(item), TypeError);
      assert(error.message.includes(`Cannot order ${words}:`), error.message);
      assert(error.message.includes("compare: (a, b) =>"), error.message);
      assertEquals([queue.qsize(), queue.statistics().unfinished], [0, 0]);
    }
  });

  it("refuses what does not compare with what it has, and keeps that", () => {
    const wrong: [unknown, unknown, string][] = [
      [1, "a", "a string and a number"],
      ["a", 1, "a number and a string"],
      [1, [1], "an array and a number"],
      [[1, 2], ["a", 2], "an array and an array"],
    ];
    for (const [first, second, words] of wrong) {
      const queue = queueOf<unknown>([first]);
      assertThrows(
        () => queue.putNowait(second),
        TypeError,
        `Cannot order ${words}:`,
      );
      assertEquals(drain(queue), [first]);
    }
  });

  it("a compare function that throws changes nothing", () => {
    const items = [...numbers(100)];
    let left = Infinity;
    const queue = queueOf(items, {
      compare: (a: number, b: number) => {
        if (--left < 0) throw new Error("no");
        return a - b;
      },
    });
    // Wherever in the sifting it throws.
    for (let allowed = 0; allowed < 14; allowed++) {
      const before = `${queue.qsize()} ${[...queue._store]}`;
      left = allowed;
      let failed = 0;
      for (const call of [() => queue.putNowait(-1), () => queue.getNowait()]) {
        left = allowed;
        try {
          call();
        } catch (error) {
          assertEquals((error as Error).message, "no");
          failed++;
        }
      }
      left = Infinity;
      if (failed === 2) {
        assertEquals(`${queue.qsize()} ${[...queue._store]}`, before);
      }
      assert(failed > 0 || allowed > 6, `${allowed}`);
    }
    const rest = drain(queue);
    assertEquals(rest, rest.toSorted((a, b) => a - b));
  });

  it("refuses a compare function that gives no number, or is none", () => {
    const queue = queueOf([1], {
      compare: ((a: number, b: number) => a < b) as never,
    });
    assertThrows(
      () => queue.putNowait(2),
      TypeError,
      "returns a number below zero",
    );
    assertThrows(
      () => new PriorityQueue(0, { compare: "due" as never }),
      TypeError,
      "compare must be a function, got string",
    );
  });
});
