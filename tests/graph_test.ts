/** Call graphs: where a task stands, and who waits for it. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, it } from "./_harness.ts";
import { virtualLoop } from "./_loops.ts";
import { runVirtual } from "./_virtual.ts";
import {
  asCompleted,
  Barrier,
  CapacityLimiter,
  captureCallGraph,
  Condition,
  type Coro,
  createTask,
  formatCallGraph,
  FrameCallGraphEntry,
  type Future,
  FutureCallGraph,
  gather,
  getRunningLoop,
  Lock,
  printCallGraph,
  Queue,
  RuntimeError,
  shield,
  shielded,
  sleep,
  Task,
  TaskGroup,
  timeout,
  wait,
  waitFor,
} from "../mod.ts";

const LINES = readFileSync(fileURLToPath(import.meta.url), "utf8").split("\n");

/** The line of this file that ends in a mark. */
function lineOf(mark: string): number {
  const at = LINES.findIndex((line) => line.endsWith(`// ${mark}`));
  assert(at >= 0, mark);
  return at + 1;
}

function* leaf(): Coro<void> {
  yield* sleep(5); // leaf
}

function* middle(): Coro<void> {
  yield* leaf(); // middle
}

function* root(): Coro<void> {
  yield* middle(); // root
}

const places = ({ callStack }: FutureCallGraph) =>
  callStack.map(({ frame }) => [frame.functionName, frame.line]);

const awaiters = (graph: FutureCallGraph | null) =>
  graph!.awaitedBy.map(({ future }) => (future as Task<void>).getName());

/** The names of those who wait for a task that somebody else waits for. */
function awaitedBy(
  waiting: (task: Task<void>) => PromiseLike<unknown>,
): Promise<string[]> {
  return runVirtual(async () => {
    const task = createTask(root(), { name: "inner" });
    const outer = createTask(async () => void await waiting(task), {
      name: "outer",
    });
    await sleep(1);
    const names = awaiters(captureCallGraph(task));
    outer.cancel();
    await wait([outer]);
    task.cancel();
    return names;
  });
}

describe("captureCallGraph()", () => {
  it("shows every generator of a chain, the newest first, with its line", () =>
    runVirtual(async () => {
      const task = createTask(root());
      await sleep(1);
      const graph = captureCallGraph(task)!;
      assert(graph instanceof FutureCallGraph);
      assertEquals(graph.future, task);
      assertEquals(places(graph), [
        ["leaf", lineOf("leaf")],
        ["middle", lineOf("middle")],
        ["root", lineOf("root")],
      ]);
      assert(graph.callStack[0] instanceof FrameCallGraphEntry);
      assert(graph.callStack[0].suspended);
      assertStringIncludes(graph.callStack[0].frame.file, "graph_test");
      task.cancel();
    }));

  it("leaves the task as it was", () =>
    runVirtual(async ({ loop }) => {
      const steps: string[] = [];
      const queue = new Queue<number>();
      const lock = new Lock();
      await lock.acquire();
      const task = createTask(function* (): Coro<number> {
        steps.push("begin");
        yield* sleep(2, "x");
        steps.push("slept");
        const item = yield* queue.get();
        steps.push("got");
        yield* lock.with(function* () {
          steps.push("locked");
          yield* timeout(9).with(function* () {
            yield* waitFor(sleep(1), 5);
          });
        });
        steps.push("end");
        return item;
      });
      const look = () => {
        for (let i = 0; i < 3; i++) {
          assertEquals(captureCallGraph(task)!.callStack.length > 0, true);
        }
        assertEquals(`${task}`.includes("pending"), true);
      };
      await sleep(1);
      look();
      await sleep(2);
      look();
      queue.putNowait(42);
      await sleep(0);
      await sleep(0);
      look();
      lock.release();
      await sleep(0.5);
      look();
      assertEquals(await task, 42);
      assertEquals(steps, ["begin", "slept", "got", "locked", "end"]);
      assertEquals(loop.time() > 0, true);
    }));

  it("shows where an async function awaits, in debug mode", () =>
    runVirtual(async ({ loop }) => {
      loop.setDebug(true);
      async function inner() {
        await sleep(5); // inner
      }
      async function outer() {
        await inner();
      }
      const task = createTask(outer);
      await sleep(1);
      const [first] = places(captureCallGraph(task)!);
      assertEquals(first, ["inner", lineOf("inner")]);
      loop.setDebug(false);
      task.cancel();
    }));

  it("shows no stack for an async function outside debug mode", () =>
    runVirtual(async () => {
      const task = createTask(async () => await sleep(5));
      await sleep(1);
      assertEquals(captureCallGraph(task)!.callStack, []);
      task.cancel();
    }));

  it("shows the generators behind the await of an async function", () =>
    runVirtual(async () => {
      const task = createTask(async () => {
        await timeout(20).with(function* () {
          yield* root();
        });
      });
      await sleep(1);
      const names = places(captureCallGraph(task)!).map(([name]) => name);
      assertEquals(names.slice(0, 3), ["leaf", "middle", "root"]);
      task.cancel();
    }));

  it("shows the current task with the calls that run", () =>
    runVirtual(function* (): Coro<void> {
      function here() {
        return captureCallGraph()!; // here
      }
      function* caller(): Coro<FutureCallGraph> {
        const graph = here();
        yield* sleep(0);
        return graph;
      }
      const graph = yield* caller();
      assertEquals(graph.future instanceof Task, true);
      // JavaScriptCore leaves out functions that end in a call.
      const names = places(graph).map(([name]) => name);
      assert(names.includes("caller"), String(names));
      assertEquals(graph.callStack[0]!.suspended, false);
      const direct = captureCallGraph(null, { depth: 2 })!;
      assert(direct.callStack.length < captureCallGraph()!.callStack.length);
    }));

  it("keeps the oldest entries of a limit, or the newest if negative", () =>
    runVirtual(async () => {
      const task = createTask(root());
      await sleep(1);
      const names = (limit: number) =>
        places(captureCallGraph(task, { limit })!).map(([name]) => name);
      assertEquals(names(2), ["middle", "root"]);
      assertEquals(names(-2), ["leaf", "middle"]);
      assertEquals(names(0), []);
      assertEquals(names(9), ["leaf", "middle", "root"]);
      task.cancel();
    }));

  it("knows who awaits", async () => {
    assertEquals(await awaitedBy((task) => task), ["outer"]);
  });

  it("knows who gathers", async () => {
    assertEquals(await awaitedBy((task) => gather([task, sleep(9)])), [
      "outer",
    ]);
  });

  it("knows who waits for several", async () => {
    assertEquals(await awaitedBy((task) => wait([task], { timeout: 9 })), [
      "outer",
    ]);
  });

  it("knows who shields", async () => {
    assertEquals(await awaitedBy((task) => shield(task)), ["outer"]);
  });

  it("knows who waits with a timeout", async () => {
    assertEquals(await awaitedBy((task) => waitFor(task, 9)), ["outer"]);
  });

  it("knows who iterates as they complete", async () => {
    const names = await awaitedBy(async (task) => {
      for await (const _ of asCompleted([task]));
    });
    assertEquals(names, ["outer"]);
  });

  it("knows who cancels and waits", async () => {
    const names = await runVirtual(async () => {
      const task = createTask(() => shielded(() => sleep(3)));
      await sleep(1);
      const outer = createTask(() => task.cancelAndWait(), { name: "outer" });
      await sleep(1);
      const found = awaiters(captureCallGraph(task));
      await outer;
      return found;
    });
    assertEquals(names, ["outer"]);
  });

  it("knows the parent of a group's tasks", () =>
    runVirtual(async () => {
      const group = createTask(async () => {
        await new TaskGroup().with(async (group) => {
          group.createTask(root(), { name: "member" });
        });
      }, { name: "parent" });
      await sleep(1);
      const { allTasks } = await import("../mod.ts");
      const member = [...allTasks()].find((t) => t.getName() === "member")!;
      assertEquals(awaiters(captureCallGraph(member)), ["parent"]);
      group.cancel();
    }));

  it("knows who waits for a lock that a task holds", () =>
    runVirtual(async () => {
      const lock = new Lock();
      const holder = createTask(() => lock.with(() => sleep(5)), {
        name: "holder",
      });
      const waiter = createTask(() => lock.acquire(), { name: "waiter" });
      await sleep(1);
      assertEquals(awaiters(captureCallGraph(holder)), ["waiter"]);
      assertEquals(captureCallGraph(waiter)!.waitsFor, [
        "<Lock [locked, waiters:1]> held by Task 'holder'",
      ]);
      const limiter = new CapacityLimiter(1);
      const borrower = createTask(() => limiter.with(() => sleep(5)));
      const second = createTask(() => limiter.acquire(), { name: "second" });
      await sleep(1);
      assertEquals(awaiters(captureCallGraph(borrower)), ["second"]);
      for (const task of [holder, waiter, borrower, second]) task.cancel();
    }));

  it("names the condition, or the barrier that works by one", () =>
    runVirtual(async () => {
      const condition = new Condition();
      const barrier = new Barrier(2);
      const tasks = [
        createTask(() => condition.with(() => condition.wait())),
        createTask(() => barrier.wait()),
      ];
      await sleep(1);
      assertEquals(tasks.map((task) => captureCallGraph(task)!.waitsFor), [
        ["<Condition [unlocked, waiters:1]>"],
        ["<Barrier [filling, waiters:1/2]>"],
      ]);
      for (const task of tasks) task.cancel();
    }));

  it("knows which queue is waited for, and for what", () =>
    runVirtual(async () => {
      const queue = new Queue<number>(1);
      const getter = createTask(() => queue.get());
      await sleep(1);
      assertMatch(
        captureCallGraph(getter)!.waitsFor[0]!,
        /^an item of <Queue maxsize=1/,
      );
      queue.putNowait(1);
      await getter;
      queue.putNowait(1);
      const putter = createTask(() => queue.put(2));
      const joiner = createTask(() => queue.join());
      await sleep(1);
      assertMatch(
        captureCallGraph(putter)!.waitsFor[0]!,
        /^a place in <Queue maxsize=1/,
      );
      assertMatch(
        captureCallGraph(joiner)!.waitsFor[0]!,
        /^join\(\) of <Queue/,
      );
      putter.cancel();
      joiner.cancel();
    }));

  it("ends where tasks wait for each other, and says so", async () => {
    const { loop } = virtualLoop();
    const tasks: Task<unknown>[] = [];
    await loop.runUntilComplete(async () => {
      tasks.push(createTask(async () => void await tasks[1], { name: "x" }));
      tasks.push(createTask(async () => void await tasks[0], { name: "y" }));
      await sleep(1);
    });
    const graph = captureCallGraph(tasks[0])!;
    const again = graph.awaitedBy[0]!.awaitedBy[0]!;
    assertEquals(again.future, tasks[0]);
    assertEquals(again.isCycle, true);
    assertMatch(formatCallGraph(tasks[0]), /name='x'.* waits for itself/);
    loop.close();
  });

  it("builds a graph of many paths once for each task", () =>
    runVirtual(async () => {
      let row: Future<unknown>[] = [createTask(() => sleep(5))];
      const first = row[0]!;
      for (let i = 0; i < 24; i++) {
        const below = row;
        row = [0, 1].map(() => createTask(async () => await wait(below)));
      }
      await sleep(1);
      assertEquals(captureCallGraph(first)!.awaitedBy.length, 2);
      assert(formatCallGraph(first).length < 3_000_000);
      await wait(row);
    }));

  it("takes a plain future, on no loop that runs", async () => {
    const { loop } = virtualLoop();
    const future = loop.createFuture<number>();
    const graph = captureCallGraph(future)!;
    assertEquals([graph.callStack, graph.awaitedBy], [[], []]);
    assertMatch(formatCallGraph(future), /^\* Future\(id=0x[0-9a-f]+\)$/);
    loop.close();
  });

  it("needs a future where no loop runs", () => {
    assertThrows(
      () => captureCallGraph(),
      RuntimeError,
      "captureCallGraph() is called outside of a running event loop and no " +
        "future to introspect was provided",
    );
  });

  it("refuses what is no future", () => {
    assertThrows(
      () => captureCallGraph(5 as unknown as Future<void>),
      TypeError,
      "5 object does not appear to be compatible with asyncio.Future",
    );
  });

  it("gives nothing in a callback", () =>
    runVirtual(async () => {
      const found = getRunningLoop().createFuture<unknown>();
      getRunningLoop().callSoon(() => {
        found.setResult([captureCallGraph(), formatCallGraph()]);
      });
      assertEquals(await found, [null, ""]);
    }));
});

describe("formatCallGraph()", () => {
  it("has the form of asyncio's", () =>
    runVirtual(async () => {
      const task = createTask(root(), { name: "it's" });
      createTask(function* () {
        yield* task;
      }, { name: "outer" });
      await sleep(1);
      const text = formatCallGraph(task)
        .replaceAll(/id=0x[0-9a-f]+/g, "id=ID")
        .replaceAll(/File '[^']*graph_test\.ts'/g, "File 'F'")
        .replaceAll(/line \d+/g, "line N")
        .replaceAll(/async [\w.]*(\(anonymous\)|name)\(\)/g, "async F()");
      assertEquals(
        text,
        [
          "* Task(name='it\\'s', id=ID)",
          "  + Call stack:",
          "  |   File 'F', line N, in async leaf()",
          "  |   File 'F', line N, in async middle()",
          "  |   File 'F', line N, in async root()",
          "  + Awaited by:",
          "    * Task(name='outer', id=ID)",
          "      + Call stack:",
          "      |   File 'F', line N, in async F()",
          "      + Waits for:",
          "      |   Task 'it's'",
        ].join("\n"),
      );
      task.cancel();
    }));

  it("keeps the id of a task", () =>
    runVirtual(async () => {
      const task = createTask(() => sleep(5));
      assertEquals(formatCallGraph(task), formatCallGraph(task));
      task.cancel();
    }));
});

describe("printCallGraph()", () => {
  it("hands the text to file", () =>
    runVirtual(async () => {
      const task = createTask(root());
      await sleep(1);
      const texts: string[] = [];
      printCallGraph(task, { file: (text) => void texts.push(text) });
      assertEquals(texts, [formatCallGraph(task)]);
      task.cancel();
    }));
});

describe("Task.getStack()", () => {
  it("shows the chain of a task that waits, the oldest first", () =>
    runVirtual(async () => {
      const task = createTask(root());
      await sleep(1);
      const names = (frames: readonly { functionName: string }[]) =>
        frames.map(({ functionName }) => functionName);
      assertEquals(names(task.getStack()), ["root", "middle", "leaf"]);
      assertEquals(names(task.getStack({ limit: 2 })), ["middle", "leaf"]);
      let text = "";
      task.printStack({ file: (printed) => void (text = printed) });
      assertMatch(text, /^Stack for <Task pending/);
      assertStringIncludes(text, `line ${lineOf("leaf")}, in leaf`);
      task.cancel();
    }));
});
