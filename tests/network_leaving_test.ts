/** What is left open when run() is over does not keep the process. */

import { assertEquals } from "@std/assert";
import { spawnSync } from "node:child_process";
import { Child } from "./_child.ts";
import { describe, it } from "./_harness.ts";

const OPEN = [
  "a server",
  "a Unix server",
  "a connection",
  "a datagram endpoint",
  "a listening socket",
  "a connected socket",
  "a datagram socket",
];

/** Runs a program of tests/programs/open_ends.ts to its end. */
async function lines(name: string): Promise<string[]> {
  const child = Child.start("open_ends.ts", [name], { allowAll: true });
  const { code, stdout, stderr } = await child.end;
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  return stdout.trimEnd().split("\n");
}

describe("A process ends though it has left open", () => {
  for (const name of OPEN) {
    it(name, { timeout: 12_000 }, async () => {
      assertEquals(await lines(name), ["over"]);
    });
  }
});

describe("A process goes on", () => {
  const skip = spawnSync("python3", ["--version"]).status === 0
    ? false
    : "python3 is not installed";

  it(
    "while its loop waits for a socket",
    { skip, timeout: 12_000 },
    async () => {
      assertEquals(await lines("waiting"), ["accepted", "over"]);
    },
  );
});
