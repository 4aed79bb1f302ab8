/** The examples that need no network, as programs. */

import { assert, assertEquals } from "@std/assert";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { endedWell, examplePath, patient, startExample } from "./_examples.ts";
import { describe, it } from "./_harness.ts";
import { has } from "./_processes.ts";

describe("nl", () => {
  it("numbers the lines as they come", patient, async () => {
    const child = startExample("nl.ts", [], { input: true });
    child.write("one\n");
    assertEquals(await child.line("     1"), "\tone");
    child.write("\ntwo\nno newline");
    assertEquals(await child.line("     3"), "\ttwo");
    child.endInput();
    assertEquals(
      await endedWell(child),
      "     1\tone\n     2\t\n     3\ttwo\n     4\tno newline",
    );
  });

  it("takes a width and a separator, and prints what nl prints", {
    ...patient,
    skip: has("nl") ? false : "nl is not installed",
  }, async () => {
    const lines = Array.from({ length: 5000 }, (_, n) => `line ${n}\n`).join(
      "",
    );
    const child = startExample("nl.ts", ["3", ": "], { input: true });
    child.write(lines);
    child.endInput();
    const expected = spawnSync("nl", ["-ba", "-w3", "-s: "], {
      input: lines,
      encoding: "utf8",
    });
    assertEquals(await endedWell(child), expected.stdout);
  });

  it("ends quietly when nobody reads any more", patient, async () => {
    const child = startExample("nl.ts", [], { input: true });
    child.write("first\n");
    await child.line("     1");
    child.closeOutput();
    // Each write may be the one that finds out.
    for (let n = 0; n < 100 && !child.ended; n++) {
      child.write("more\n");
      await new Promise((done) => setTimeout(done, 20));
    }
    const { code, stderr } = await child.end;
    assertEquals([code, stderr], [0, ""]);
  });
});

describe("the pipeline over workers", () => {
  it("counts the primes, and each range once", patient, async () => {
    const out = await endedWell(startExample("pipeline.ts", ["250000", "2"]));
    const lines = out.trimEnd().split("\n");
    assertEquals(lines.at(-1), "22044 primes below 250000");
    const ranges = lines.slice(0, -1).map((line) => Number(line.split(" ")[0]));
    assertEquals(
      ranges.toSorted((a, b) => a - b),
      [0, 50000, 100000, 150000, 200000],
    );
  });
});

describe("the supervisor", () => {
  /** The lines of one program, without its name and without process numbers. */
  const said = (out: string, name: string) =>
    out.split("\n").filter((line) => line.startsWith(name))
      .map((line) => line.replace(/^.*?\| /, "").replace(/ as \d+/, ""));

  it(
    "restarts what fails, later each time, and passes on what is said",
    patient,
    async () => {
      const child = startExample("supervisor.ts", [
        "bad=echo out; echo oops >&2; exit 3",
        "good=echo fine",
      ]);
      await child.line("bad  | [failed with 3, again in 1 s]");
      child.kill("SIGTERM");
      const out = await endedWell(child);
      const bad = said(out, "bad");
      const once = ["! oops", "[started]", "out"];
      // The two pipes are read side by side.
      assertEquals(bad.slice(0, 3).toSorted(), once);
      assertEquals(bad[3], "[failed with 3, again in 0.5 s]");
      assertEquals(bad.slice(4, 7).toSorted(), once);
      assertEquals(bad.slice(7), ["[failed with 3, again in 1 s]"]);
      assertEquals(said(out, "good"), ["[started]", "fine", "[done]"]);
    },
  );

  it(
    "tells its programs to end, and kills the one that will not",
    patient,
    async () => {
      const child = startExample("supervisor.ts", [
        'kind=trap "echo bye; exit 0" TERM; echo ready; while :; do sleep 0.05; done',
        'deaf=trap "" TERM; echo ready; while :; do sleep 0.05; done',
      ]);
      await child.line("kind | ready");
      await child.line("deaf | ready");
      child.kill("SIGTERM");
      const out = await endedWell(child);
      assertEquals(said(out, "kind").slice(-2), ["bye", "[ended with 0]"]);
      assertEquals(said(out, "deaf").at(-1), "[ended with -9]");
    },
  );

  it("ends its programs at Ctrl-C, too", patient, async () => {
    const child = startExample("supervisor.ts", [
      "one=echo ready; exec sleep 60",
    ]);
    await child.line("one | ready");
    child.kill("SIGINT");
    const { code, signal, stdout } = await child.end;
    assert(code === 130 || signal === "SIGINT", `${code} ${signal}`);
    assertEquals(said(stdout, "one").at(-1), "[ended with -15]");
  });
});

describe("the tour", () => {
  it("shows tasks", patient, async () => {
    const out = await endedWell(startExample("tour_tasks.ts"));
    for (
      const line of [
        "products: 2,6,24",
        "waiting at the door\nin",
        "rescheduled: expired is true",
        "  cancelled\n  cleared up\nit was cancelled",
        "1 gave up, yet: saved",
        "ended by 1 error",
        "  size 1\n  size 2\n  size 3",
        '[ "fast" ] first',
        "hello ... ... world",
        "slept: several ticks\ncalled back: several ticks",
        "three slept 0.52 s in less: true",
        "blocked elsewhere, 4 ticks meanwhile",
        "from outside\n",
      ]
    ) assert(out.includes(line), `no "${line}" in\n${out}`);
    const seconds = (how: string) =>
      Number(new RegExp(`^${how}: (.*) s$`, "m").exec(out)![1]);
    // Exact on an idle machine.
    assert(seconds("one by one") >= 0.3, out);
    assert(seconds("as tasks") >= 0.2, out);
    assert(seconds("in a group") >= 0.2, out);
  });

  it("shows input and output", patient, async () => {
    const out = await endedWell(startExample("tour_io.ts"));
    for (
      const line of [
        '  127.0.0.1 sent "over streams"\ngot over streams',
        '[ "HTTP/1.0 200 OK", "Server: tour" ]',
        "got over protocols",
        "got over datagrams",
        "echo out: out (0)",
        "echo problem >&2; exit 2: problem (2)",
        "# firstLine\nthe first line",
        "# childByProtocol\nby protocol",
        "it came",
        "# watchedSocket\nlook",
      ]
    ) assert(out.includes(line), `no "${line}" in\n${out}`);
  });
});

describe("the Bun suite", () => {
  it("passes in Bun's own runner", { ...patient, on: ["bun"] }, () => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["test", examplePath("bun_suite.test.ts")],
      { encoding: "utf8", timeout: 25_000 },
    );
    assertEquals(status, 0, stdout + stderr);
    assert(stderr.includes(" 4 pass\n 0 fail\n"), stderr);
  });
});

describe("examples", () => {
  it("each is run by a test", () => {
    const tests = fileURLToPath(new URL(".", import.meta.url));
    const run = new Set([
      // By a gate, and by tests of their own.
      ...["hello.ts", "opentelemetry.ts", "resp.ts", "http_server.ts"],
      ...["nl.ts", "pipeline.ts", "supervisor.ts", "bun_suite.test.ts"],
      ...["tour_tasks.ts", "tour_io.ts"],
      ...["crawler.ts", "chat.ts", "web_handler.ts"],
    ]);
    const there = readdirSync(`${tests}/../examples`)
      .filter((name) => !name.startsWith("_"));
    assertEquals(new Set(there.map((n) => n.replace(/\.js$/, ".ts"))), run);
  });
});
