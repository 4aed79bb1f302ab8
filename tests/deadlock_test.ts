/** Tasks that wait for each other. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "./_harness.ts";
import { capturedLog, virtualLoop, withLoop } from "./_loops.ts";
import {
  CapacityLimiter,
  type Coro,
  createTask,
  type Deadlock,
  Event,
  findDeadlock,
  gather,
  getRunningLoop,
  Lock,
  Queue,
  run,
  sleep,
  type Task,
  TaskGroup,
  wait,
} from "../mod.ts";

/** Runs a main coroutine and gives what is found when it returns. */
async function found(
  main: () => Promise<unknown>,
  options?: { idle?: boolean; closed?: boolean },
): Promise<Deadlock | null> {
  let deadlock: Deadlock | null = null;
  await withLoop(async ({ loop }) => {
    await loop.runUntilComplete(main);
    deadlock = findDeadlock(loop, options);
  });
  return deadlock;
}

const names = (deadlock: Deadlock | null) =>
  deadlock?.tasks.map(({ task }) => task.getName());

/** Takes two locks, one after the other. */
function both(first: Lock, second: Lock, name: string): Task<void> {
  return createTask(async () => {
    await first.with(async () => {
      await sleep(0);
      await second.with(async () => {});
    });
  }, { name });
}

describe("findDeadlock()", () => {
  it("tells who waits for the lock of whom", async () => {
    const a = new Lock();
    const b = new Lock();
    const deadlock = await found(async () => {
      both(a, b, "A");
      both(b, a, "B");
      await sleep(1);
    });
    assertEquals(
      `${deadlock}`,
      "Deadlock: 2 tasks wait for each other\n" +
        "  Task 'A' waits for <Lock [locked, waiters:1]> held by Task 'B'\n" +
        "  Task 'B' waits for <Lock [locked, waiters:1]> held by Task 'A'",
    );
    assertEquals(deadlock!.circle, 2);
    assertEquals(deadlock!.tasks[0]!.blockedBy, [deadlock!.tasks[1]!.task]);
  });

  it("finds a circle of three, and who waits for it", async () => {
    const locks = [new Lock(), new Lock(), new Lock()];
    const deadlock = await found(async () => {
      const one = both(locks[0]!, locks[1]!, "one");
      both(locks[1]!, locks[2]!, "two");
      both(locks[2]!, locks[0]!, "three");
      createTask(async () => await one, { name: "behind" });
      await sleep(1);
    });
    assertEquals(names(deadlock), ["one", "two", "three", "behind"]);
    assertEquals(deadlock!.circle, 3);
    assertEquals(deadlock!.tasks[3]!.waitsFor, "Task 'one'");
    assertStringIncludes(
      `${deadlock}`,
      "Deadlock: 3 tasks wait for each other, and 1 more waits for them\n",
    );
  });

  it("finds a task that waits for a lock which it holds", async () => {
    const lock = new Lock();
    const deadlock = await found(async () => {
      both(lock, lock, "self");
      await sleep(1);
    });
    assertEquals(names(deadlock), ["self"]);
    assertStringIncludes(`${deadlock}`, "Deadlock: a task waits for itself\n");
    assertStringIncludes(`${deadlock}`, "held by Task 'self' itself");
  });

  it("finds tasks that await each other, in generators too", async () => {
    const tasks: Task<unknown>[] = [];
    const deadlock = await found(async () => {
      tasks.push(createTask(function* (): Coro<void> {
        yield* tasks[1]!;
      }, { name: "x" }));
      tasks.push(createTask(async () => void await tasks[0], { name: "y" }));
      await sleep(1);
    });
    assertEquals(names(deadlock), ["x", "y"]);
  });

  it("looks through gather, wait and task groups", async () => {
    const lock = new Lock();
    const deadlock = await found(async () => {
      createTask(async () => {
        await lock.with(async () => {
          await new TaskGroup().with(async (group) => {
            group.createTask(async () => {
              const child = createTask(() => lock.acquire(), { name: "child" });
              await gather([
                createTask(async () => await wait([child]), { name: "waiter" }),
              ]);
            }, { name: "member" });
          });
        });
      }, { name: "group" });
      await sleep(1);
    });
    assertEquals(names(deadlock), ["group", "member", "waiter", "child"]);
    assertEquals(deadlock!.circle, 4);
  });

  it("counts the borrowers of a capacity limiter as holders", async () => {
    const limiter = new CapacityLimiter(1);
    const deadlock = await found(async () => {
      createTask(async () => {
        await limiter.with(async () => {
          await createTask(() => limiter.acquire(), { name: "inner" });
        });
      }, { name: "outer" });
      await sleep(1);
    });
    assertEquals(names(deadlock)!.toSorted(), ["inner", "outer"]);
  });

  it("finds nothing where one of them can still go on", async () => {
    const lock = new Lock();
    const free = new Event();
    const deadlock = await found(async () => {
      const slow = createTask(async () => {
        await lock.with(() => sleep(5));
      });
      createTask(async () => await gather([slow, lock.acquire()]));
      createTask(() => free.wait());
      await sleep(1);
    });
    assertEquals(deadlock, null);
  });

  it("counts a future that anybody may set as a way out", async () => {
    const main = async () => {
      const lock = new Lock();
      const future = getRunningLoop().createFuture<void>();
      createTask(async () => await lock.with(async () => await future));
      createTask(() => lock.acquire());
      await sleep(1);
    };
    assertEquals(await found(main, { idle: true }), null);
    assertEquals((await found(main, { closed: true }))!.tasks.length, 2);
  });

  it("takes queues and events for stuck only where no task can go on", async () => {
    const main = async () => {
      const queue = new Queue<number>();
      createTask(() => queue.get(), { name: "consumer" });
      createTask(() => new Event().wait(), { name: "listener" });
      await sleep(1);
    };
    assertEquals(await found(main), null);
    const deadlock = await found(main, { idle: true });
    assertEquals(names(deadlock), ["consumer", "listener"]);
    assertStringIncludes(`${deadlock}`, "waits for an item of <Queue");
    assertEquals(deadlock!.circle, 0);
  });

  it("says so when a holder has ended and nobody can release", async () => {
    const lock = new Lock();
    const deadlock = await found(async () => {
      await createTask(() => lock.acquire(), { name: "gone" });
      createTask(() => lock.acquire(), { name: "late" });
      await sleep(1);
    }, { idle: true });
    assertStringIncludes(`${deadlock}`, "held by Task 'gone', which has ended");
  });

  it("takes time in proportion to the tasks", async () => {
    const lock = new Lock();
    const started = performance.now();
    const deadlock = await found(async () => {
      let last = createTask(async () => {
        await lock.acquire();
        await lock.acquire();
      });
      for (let i = 0; i < 20_000; i++) {
        const target = last;
        last = createTask(function* () {
          yield* target;
        });
      }
      await sleep(1);
    });
    assertEquals(deadlock!.tasks.length, 20_001);
    assert(performance.now() - started < 4000);
    assertStringIncludes(`${deadlock}`, "and 19951 more");
  });

  it("is looked for in debug mode when nothing happens for a while, and told once", async () => {
    const a = new Lock();
    const b = new Lock();
    const log = await capturedLog(async () => {
      const after = (ms: number) =>
        new Promise<void>((resolve) => setTimeout(resolve, ms));
      const [woken, done] = [after(1300), after(2600)];
      await run(async () => {
        both(a, b, "A");
        both(b, a, "B");
        await woken;
        // The loop comes to rest a second time, and looks again.
        await sleep(0);
        await done;
      }, { debug: true });
    });
    const reports = log.filter(({ text }) => text.startsWith("Deadlock"));
    assertEquals(reports.length, 1);
    assertEquals(reports[0]!.level, "warning");
    assertStringIncludes(reports[0]!.text, "deadlock_test");
  });

  it("is not looked for outside debug mode", async () => {
    const { loop } = virtualLoop();
    const lock = new Lock();
    const log = await capturedLog(async () => {
      setTimeout(() => loop.stop(), 1200);
      loop.createTask(async () => {
        await lock.acquire();
        await lock.acquire();
      });
      await loop.runForever();
    });
    assertEquals(log, []);
    loop.close();
  });
});
