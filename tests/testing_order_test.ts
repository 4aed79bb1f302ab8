/** Schedules: what a seed may change, and what it may not. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { describe, it } from "./_harness.ts";
import {
  createTask,
  Event,
  gather,
  Lock,
  Queue,
  Semaphore,
  sleep,
} from "../mod.ts";
import { explore, runTest, type TestScope } from "../testing.ts";

const SEEDS = Array.from({ length: 60 }, (_, i) => i);

/** What a body gives under many seeds, without repeats. */
async function outcomes(
  body: (test: TestScope) => Promise<string>,
): Promise<Set<string>> {
  const all = new Set<string>();
  for (const seed of SEEDS) all.add(await runTest(body, { seed }));
  return all;
}

/** Three tasks that take turns in several ways, with names for the trace. */
async function program(): Promise<void> {
  const queue = new Queue<number>(1);
  const lock = new Lock();
  const worker = (name: string, wait: number) =>
    createTask(async () => {
      for (let i = 0; i < 2; i++) {
        await sleep(wait);
        await lock.with(() => sleep(0.5));
        await queue.put(i);
      }
    }, { name });
  const tasks = [worker("a", 1), worker("b", 1), worker("c", 0.5)];
  for (let i = 0; i < 6; i++) await queue.get();
  for (const task of tasks) await task;
}

async function traceOf(seed: number | string): Promise<string[]> {
  const trace: string[] = [];
  await runTest(program, { seed, trace });
  return trace;
}

/** The steps of the tasks under seed 7, as recorded on one runtime. */
const RECORDED =
  "test c a b c b c a test b b c a test a test c b c test b b a test a test";

describe("A seed", () => {
  it("gives the trace that was recorded, on every runtime", async () => {
    const steps = (await traceOf(7))
      .filter((line) => line.startsWith("task "))
      .map((line) => line.slice("task ".length));
    assertEquals(steps.join(" "), RECORDED);
  });

  it("gives the same trace each time, and others give others", async () => {
    assertEquals(await traceOf(3), await traceOf(3));
    assertNotEquals(await traceOf(3), await traceOf(4));
  });

  it("shuffles tasks that become ready together", async () => {
    const all = await outcomes(async () => {
      const order: string[] = [];
      await gather(["a", "b", "c"].map((name) => async () => {
        await sleep(1);
        order.push(name);
      }));
      return order.join("");
    });
    assertEquals(all.size, 6);
  });

  it("shuffles tasks that wait for the same event's futures", async () => {
    const all = await outcomes(async ({ loop }) => {
      const order: string[] = [];
      const gate = loop.createFuture<void>();
      const tasks = ["a", "b"].map((name) =>
        createTask(async () => {
          await gate;
          order.push(name);
        })
      );
      await sleep(1);
      gate.setResult(undefined);
      await gather(tasks);
      return order.join("");
    });
    assertEquals(all.size, 2);
  });

  it("keeps the order of callbacks", async () => {
    const all = await outcomes(async ({ loop }) => {
      const order: string[] = [];
      for (const name of ["a", "b", "c"]) {
        loop.callSoon(() => void order.push(name));
      }
      await sleep(1);
      return order.join("");
    });
    assertEquals([...all], ["abc"]);
  });

  it("keeps the order of different deadlines", async () => {
    const all = await outcomes(async ({ loop, advance }) => {
      const order: string[] = [];
      loop.callLater(2, () => void order.push("late"));
      loop.callLater(1, () => void order.push("early"));
      advance(5);
      await sleep(1);
      return order.join(" ");
    });
    assertEquals([...all], ["early late"]);
  });

  it("keeps a lock, a semaphore and a queue fair", async () => {
    const lockOrder = await outcomes(async () => {
      const lock = new Lock();
      const order: number[] = [];
      await lock.acquire();
      const tasks = [0, 1, 2].map((i) =>
        createTask(async () => {
          await sleep(i + 1);
          await lock.with(() => void order.push(i));
        })
      );
      await sleep(10);
      lock.release();
      await gather(tasks);
      return order.join("");
    });
    assertEquals([...lockOrder], ["012"]);
    const seats = await outcomes(async () => {
      const semaphore = new Semaphore(0);
      const order: number[] = [];
      const tasks = [0, 1, 2].map((i) =>
        createTask(async () => {
          await sleep(i + 1);
          await semaphore.acquire();
          order.push(i);
        })
      );
      await sleep(10);
      for (let i = 0; i < 3; i++) semaphore.release();
      await gather(tasks);
      return order.join("");
    });
    assertEquals([...seats], ["012"]);
    const got = await outcomes(async () => {
      const queue = new Queue<number>();
      const results: string[] = [];
      const tasks = [0, 1, 2].map((i) =>
        createTask(async () => {
          await sleep(i + 1);
          const item = await queue.get();
          results.push(`${i}:${item}`);
        })
      );
      await sleep(10);
      for (let i = 0; i < 3; i++) queue.putNowait(i);
      await gather(tasks);
      return results.join(" ");
    });
    assertEquals([...got], ["0:0 1:1 2:2"]);
  });

  it("lets a sleep of 0 seconds give way to all that are ready", async () => {
    const all = await outcomes(async () => {
      let begun = 0;
      const tasks = [0, 1, 2].map(() => createTask(async () => void begun++));
      await sleep(0);
      const seen = begun;
      await gather(tasks);
      return String(seen);
    });
    assertEquals([...all], ["3"]);
  });

  it("changes nothing where it is not given", async () => {
    const event = async () => {
      const order: string[] = [];
      const gate = new Event();
      const tasks = ["a", "b", "c"].map((name) =>
        createTask(async () => {
          await gate.wait();
          order.push(name);
        })
      );
      await sleep(1);
      gate.set();
      await gather(tasks);
      return order.join("");
    };
    for (let i = 0; i < 5; i++) assertEquals(await runTest(event), "abc");
  });

  it("draws the same random numbers on every runtime", async () => {
    const drawn = await runTest(
      async (
        { random },
      ) => [random.integer(1000), random.integer(1000), random.integer(1000)],
      { seed: 42 },
    );
    assertEquals(drawn, DRAWN);
  });
});

const DRAWN = [128, 33, 75];

describe("explore()", () => {
  const racy = async () => {
    const order: string[] = [];
    const tasks = ["a", "b", "c"].map((name) =>
      createTask(async () => {
        await sleep(1);
        order.push(name);
      }, { name })
    );
    for (const task of tasks) await task;
    if (order[0] === "c") throw new Error("c was first");
  };

  it("tells the seed and the shortest schedule, which replay", async () => {
    const error = await explore(racy).then(() => null, (e) => e);
    assertEquals(error.name, "ExploreError");
    assertEquals(error.cause.message, "c was first");
    assert(error.message.includes(error.seed));
    assert(error.schedule.length <= 2, error.message);
    assert(error.message.includes("task c went on before task a"));
    for (let i = 0; i < 3; i++) {
      const again = await runTest(racy, { seed: error.seed })
        .then(() => null, (e) => e);
      assertEquals(again?.message, "c was first");
    }
  });

  it("finds the same with the same seed", async () => {
    const find = async (seed: number) =>
      (await explore(racy, { seed }).then(() => null, (e) => e)).seed;
    assertEquals(await find(1), await find(1));
  });

  it("departs from the order in at most so many places, but for every fourth run", async () => {
    for (const preemptions of [1, 2, 5]) {
      const departures: number[] = [];
      await explore(async () => {
        let turned = 0;
        for (let i = 0; i < 8; i++) {
          const order: string[] = [];
          await gather(["a", "b"].map((name) => async () => {
            await sleep(1);
            order.push(name);
          }));
          if (order[0] === "b") turned++;
        }
        departures.push(turned);
      }, { runs: 200, preemptions });
      assertEquals(departures.length, 200);
      assertEquals(departures[0], 0);
      const few = departures.filter((_, run) => run % 4 !== 0);
      assertEquals(Math.max(...few), preemptions);
      assert(few.filter((n) => n > 0).length > 50, `${few}`);
      // The others go as far as chance takes them.
      const free = departures.filter((_, run) => run % 4 === 0);
      assert(Math.max(...free) > 5, `${free}`);
    }
  });

  it("ends early where there is only one way", async () => {
    let runs = 0;
    const result = await explore(async () => {
      runs++;
      await sleep(1);
    }, { runs: 500 });
    assertEquals([result.runs, runs], [1, 1]);
  });

  it("takes a first run that fails as it is", async () => {
    const error = await explore(async () => {
      throw new Error("always");
    }).then(() => null, (e) => e);
    assertEquals([error.runs, error.schedule], [1, []]);
  });

  it("draws other random numbers in each run", async () => {
    const drawn = new Set<number>();
    await explore(async ({ random }) => void drawn.add(random.next()), {
      runs: 20,
    });
    assertEquals(drawn.size, 20);
  });
});
