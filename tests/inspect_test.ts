/** `ps` and `pstree` of real processes, by both runtimes. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { type Child, commandLine } from "./_child.ts";
import { describe, it } from "./_harness.ts";
import {
  askers,
  assertRefused,
  options,
  pause,
  Place,
  ready,
} from "./_inspect.ts";

describe("ps and pstree of 1000 tasks", () => {
  for (const [asker, line] of Object.entries(askers)) {
    it(
      `answer ${asker} in 0.5 s, and the program goes on`,
      {
        ...options,
        timeout: 45_000,
        skip: line === null && `${asker} is not there`,
      },
      async () => {
        await using place = new Place();
        const child = place.start("many");
        const pid = await ready(child);
        const table = await calmly(
          child,
          (command) => place.ask(command, pid, asker),
          "ps",
        );
        assertEquals([table.code, table.stderr], [0, ""]);
        const [head, rule, ...rows] = table.stdout.trimEnd().split("\n");
        assertMatch(
          head!,
          /^tid {8}task id {14}task name {12}coroutine stack {36}awaiter chain {38}awaiter name {4}awaiter id$/,
        );
        assertEquals(rule, "-".repeat(180));
        assertEquals(rows.length, 1002);
        assert(rows.every((row) => row.startsWith(`${pid} `)));
        const waited = rows.filter((row) => /\bTask-1 +0x1$/.test(row));
        assertEquals(waited.length, 1000);
        const inside = rows.filter((row) => / inner -> worker /.test(row));
        assertEquals(inside.length, 500);

        const tree = await calmly(
          child,
          (command) => place.ask(command, pid, asker),
          "pstree",
        );
        assertEquals([tree.code, tree.stderr], [0, ""]);
        assertEquals(tree.stdout.match(/\(T\) Task-1$/gm)?.length, 1);
        assertEquals(
          tree.stdout.match(/^ .*── \(T\) Task-\d+$/gm)?.length,
          1000,
        );
        assertEquals(tree.stdout.match(/\(T\) heart$/gm)?.length, 1);
        assertMatch(
          tree.stdout,
          / {2}worker \S*inspected\.ts:\d+\n.* {2}inner /,
        );
      },
    );
  }

  it("answer from a program that is never idle", options, async () => {
    await using place = new Place();
    const pid = await ready(place.start("busy"));
    const end = await place.ask("pstree", pid);
    assertEquals([end.code, end.stderr], [0, ""]);
    assertStringIncludes(end.stdout, "(T) spinner");
  });
});

/** What the command takes to start where nothing is in its way, in seconds. */
const USUAL_START = 0.2;

/**
 * Asserts that an answer comes in time, and that the program has had its turns
 * meanwhile. The machine may have other things to do: for a while it is tried again,
 * and where the command alone takes longer than usual to start, so may the answer.
 */
async function calmly<T extends { seconds: number }>(
  child: Child,
  ask: (command: string) => Promise<T>,
  command: string,
): Promise<T> {
  const seen: string[] = [];
  const until = performance.now() + 12_000;
  while (performance.now() < until) {
    // Of its start some beats tell, too.
    while (child.lines("beat ").length < 5) await pause(20);
    const { seconds } = await ask("--help");
    const limit = 0.5 * Math.max(1, seconds / USUAL_START);
    const before = child.lines("beat ").length;
    const end = await ask(command);
    await pause(200);
    const gaps = child.lines("beat ").slice(before).map(Number);
    const longest = Math.max(...gaps);
    assert(gaps.length > 0);
    if (end.seconds < limit && longest < 60) return end;
    seen.push(`${end.seconds} of ${limit} s, ${longest} ms between turns`);
  }
  throw new Error(seen.join("\n"));
}

describe("ps and pstree", () => {
  it("report tasks that wait for each other in a circle", options, async () => {
    await using place = new Place();
    const pid = await ready(place.start("circle"));
    const tree = await place.ask("pstree", pid);
    assertEquals([tree.code, tree.stdout], [1, ""]);
    assertEquals(
      tree.stderr,
      "ERROR: await-graph contains cycles - cannot print a tree!\n\n" +
        "cycle: left → right → left\n",
    );
    const table = await place.ask("ps", pid);
    assertEquals(table.code, 0);
    assertMatch(table.stdout, / left .* right +0x\d\n/);
    assertMatch(table.stdout, / right .* left +0x\d\n/);
  });

  it(
    "are let in by ASYNCIO_INSPECT=1, unless run() refuses",
    options,
    async () => {
      await using place = new Place();
      const set = ["env", "ASYNCIO_INSPECT=1"];
      const child = place.start("awhile", "unsaid", set);
      const pid = await ready(child);
      assertStringIncludes((await place.ask("ps", pid)).stdout, "helper");
      child.kill("SIGKILL");
      const refusing = await ready(place.start("awhile", "off", set));
      assertRefused(await place.ask("ps", refusing), /does not let itself/);
    },
  );

  it("see the tasks of a worker, too", options, async () => {
    await using place = new Place();
    const pid = await ready(place.start("worker"));
    const { stdout, code } = await place.ask("ps", pid);
    assertEquals(code, 0);
    assertMatch(stdout, new RegExp(`^${pid} .* outside `, "m"));
    assertMatch(stdout, /^1 .* inside /m);
  });
});

describe("the way into a program", () => {
  it(
    "is its owner's alone, and gone when the program ends",
    options,
    async () => {
      await using place = new Place();
      const child = place.start("awhile");
      const pid = await ready(child);
      assertEquals(place.names(), [`${pid}-0.sock`]);
      assertEquals(statSync(place.folder).mode & 0o777, 0o700);
      const socket = statSync(join(place.folder, `${pid}-0.sock`));
      assert(socket.isSocket());
      assertEquals(socket.mode & 0o777, 0o600);
      await pause(50);
      assertStringIncludes((await child.end).stdout, "over");
      assertEquals(place.names(), []);
    },
  );

  it("is not there unless it is asked for", options, async () => {
    await using place = new Place();
    await ready(place.start("awhile", "off"));
    assertEquals(readdirSync(place.base), []);
  });

  it("does not keep a program alive", options, async () => {
    await using place = new Place();
    const end = await place.start("short").end;
    assertEquals([end.code, end.stderr], [0, ""]);
    assertStringIncludes(end.stdout, "over");
    assertEquals(place.names(), []);
  });

  it("is removed where the program was killed", options, async () => {
    await using place = new Place();
    const killed = place.start("awhile");
    const pid = await ready(killed);
    killed.kill("SIGKILL");
    await killed.end;
    assertEquals(place.names(), [`${pid}-0.sock`]);
    assertRefused(await place.ask("ps", pid), /no process/);
    assertEquals(place.names(), []);

    writeFileSync(join(place.folder, `${pid}-0.sock`), "");
    writeFileSync(join(place.folder, "note"), "");
    const next = await ready(place.start("awhile"));
    assertEquals(place.names().sort(), [`${next}-0.sock`, "note"].sort());
  });

  it("is in no folder that others can enter", options, async () => {
    await using place = new Place();
    mkdirSync(place.folder);
    chmodSync(place.folder, 0o755);
    const pid = await ready(place.start("awhile"));
    assertEquals(place.names(), []);
    assertEquals((await place.ask("ps", pid)).code, 0);
  });

  it(
    "is left out, with a warning, where Deno grants too little",
    { ...options, on: ["deno"] },
    async () => {
      await using place = new Place();
      const line = commandLine("inspected.ts", ["short", "on"]);
      const { code, stdout, stderr } = await place.run(line).end;
      assertEquals(code, 0);
      assertStringIncludes(stdout, "over");
      assertMatch(stderr, /^.*cannot be inspected.*--allow-read.*\n$/);
    },
  );
});

describe("SIGQUIT", () => {
  it("prints the tree, and the program goes on", options, async () => {
    await using place = new Place();
    const child = place.start("awhile");
    process.kill(await ready(child), "SIGQUIT");
    const { code, stdout, stderr } = await child.end;
    assertEquals(code, 0);
    assertStringIncludes(stdout, "over");
    assertMatch(
      stderr,
      /\(T\) helper\n {4}└── {2}worker .*\n {8}└── {2}inner /,
    );
  });

  it("ends a program that has not asked for it", options, async () => {
    await using place = new Place();
    const child = place.start("awhile", "off");
    process.kill(await ready(child), "SIGQUIT");
    assertEquals((await child.end).signal, "SIGQUIT");
  });
});
