// deno-lint-ignore-file no-console
/** The table and the tree of a program's tasks, and what getAllAwaitedBy refuses. */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { SystemExit } from "../exceptions.ts";
import {
  type AwaitedInfo,
  buildAsyncTree,
  buildTaskTable,
  type CoroInfo,
  CycleFoundException,
  exitWithPermissionHelpText,
  getAllAwaitedBy,
  NodeType,
} from "../tools.ts";
import { describe, it } from "./_harness.ts";

/** The stack of a task, newest call first: "inner outer". */
function stack(taskId: number, calls: string): CoroInfo {
  const callStack = calls.split(" ").filter((name) => name !== "").map(
    (funcname) => ({ funcname, filename: "app.ts", lineno: 7 }),
  );
  return { callStack, taskId };
}

function task(
  taskId: number,
  taskName: string,
  calls: string,
  ...awaitedBy: CoroInfo[]
): AwaitedInfo["awaitedBy"][number] {
  return {
    taskId,
    taskName,
    coroutineStack: [stack(taskId, calls)],
    awaitedBy,
  };
}

function thread(...awaitedBy: AwaitedInfo["awaitedBy"]): AwaitedInfo[] {
  return [{ threadId: 1, awaitedBy }];
}

const GROUP = thread(
  task(1, "Task-1", "exit main"),
  task(2, "left", "load", stack(1, "exit main")),
  task(3, "right", "", stack(1, "exit main")),
  task(4, "shared", "read", stack(2, "load"), stack(3, "")),
);

describe("buildTaskTable()", () => {
  it("has a row for each task and each of those who wait for it", () => {
    assertEquals(buildTaskTable(GROUP), [
      [1, "0x1", "Task-1", "exit -> main", "", "", "0x0"],
      [1, "0x2", "left", "load", "exit -> main", "Task-1", "0x1"],
      [1, "0x3", "right", "", "exit -> main", "Task-1", "0x1"],
      [1, "0x4", "shared", "read", "load", "left", "0x2"],
      [1, "0x4", "shared", "read", "", "right", "0x3"],
    ]);
  });

  it("is empty where nothing runs", () => {
    assertEquals(buildTaskTable([]), []);
    assertEquals(buildTaskTable(thread()), []);
  });

  it("shows a name's line breaks and terminal codes as text", () => {
    const rows = buildTaskTable(thread(task(1, "a\nb\x1b[2J\u2028", "")));
    assertEquals(rows[0]![2], "a\\x0ab\\x1b[2J\\x2028");
  });

  it("keeps the tasks of two threads apart", () => {
    const rows = buildTaskTable([
      { threadId: 1, awaitedBy: [task(1, "one", "")] },
      {
        threadId: 2,
        awaitedBy: [task(1, "two", ""), task(2, "x", "", stack(1, ""))],
      },
    ]);
    assertEquals(rows.map((row) => [row[0], row[2], row[5]]), [
      [1, "one", ""],
      [2, "two", ""],
      [2, "x", "two"],
    ]);
  });
});

describe("buildAsyncTree()", () => {
  it("puts below each task its calls, and below these whom it waits for", () => {
    assertEquals(buildAsyncTree(GROUP), [[
      "└── (T) Task-1",
      "    └──  main app.ts:7",
      "        └──  exit app.ts:7",
      "            ├── (T) left",
      "            │   └──  load app.ts:7",
      "            │       └── (T) shared",
      "            │           └──  read app.ts:7",
      "            └── (T) right",
      "                └── (T) shared",
      "                    └──  read app.ts:7",
    ]]);
  });

  it("has a tree for each task that nobody waits for, with marks as told", () => {
    assertEquals(
      buildAsyncTree(thread(task(1, "a", "f"), task(2, "b", "")), "T:", "c:"),
      [["└── T: a", "    └── c: f app.ts:7"], ["└── T: b"]],
    );
    assertEquals(buildAsyncTree([]), []);
  });

  it("throws for tasks that wait for each other, with their names", () => {
    const result = thread(
      task(1, "left", "", stack(2, "")),
      task(2, "right", "", stack(1, "")),
      task(3, "self", "", stack(3, "")),
    );
    const error = assertThrows(
      () => buildAsyncTree(result),
      CycleFoundException,
      "cycle: left → right → left",
    );
    assertEquals(error.cycles.length, 2);
    assertEquals(
      error.cycles[1]!.map((key) => error.id2name.get(key)),
      ["self", "self"],
    );
  });

  it("does not grow without bound where many wait for the same", () => {
    // Each of 30 layers waits with both tasks for both of the next: 2 ** 30 paths.
    const tasks = [task(1, "root", "")];
    for (let layer = 0; layer < 30; layer++) {
      for (const side of [0, 1]) {
        const id = 2 + layer * 2 + side;
        const above = layer === 0 ? [1] : [layer * 2, layer * 2 + 1];
        tasks.push(task(id, `t${id}`, "", ...above.map((by) => stack(by, ""))));
      }
    }
    const [lines] = buildAsyncTree(thread(...tasks));
    assert(lines!.length < 20_000, `${lines!.length} lines`);
    assert(lines!.some((line) => line.endsWith("t61")));
  });

  it("shows a chain of 20 000 tasks as far as a line can be read", () => {
    const tasks = Array.from(
      { length: 20_000 },
      (_, i) => task(i + 1, `t${i}`, "f", ...(i === 0 ? [] : [stack(i, "f")])),
    );
    const [lines] = buildAsyncTree(thread(...tasks));
    assertEquals(lines!.length, 201);
    assert(lines!.at(-1)!.endsWith(" ..."));
  });
});

describe("tools", () => {
  it("NodeType names what a node stands for", () => {
    assertEquals(
      `${NodeType.TASK} ${NodeType.COROUTINE}`,
      "NodeType.TASK NodeType.COROUTINE",
    );
    assertEquals([NodeType.COROUTINE.value, NodeType.TASK.value], [1, 2]);
  });

  it("getAllAwaitedBy() refuses what is no process number", async () => {
    for (const pid of [0, -1, 1.5, NaN, "12" as unknown as number]) {
      await assertRejects(
        () => getAllAwaitedBy(pid),
        TypeError,
        `process ${pid}`,
      );
    }
  });

  it("exitWithPermissionHelpText() says what helps, and exits with 1", () => {
    const before = console.error;
    const lines: unknown[][] = [];
    console.error = (...words) => void lines.push(words);
    try {
      const error = assertThrows(() => exitWithPermissionHelpText());
      assertInstanceOf(error, SystemExit);
      assertEquals(error.code, 1);
    } finally {
      console.error = before;
    }
    assertEquals(lines.length, 1);
  });
});
