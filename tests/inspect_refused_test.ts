/** What `ps` and `pstree` say where they cannot tell. */

import { assert, assertStringIncludes } from "@std/assert";
import { describe, it, runtime } from "./_harness.ts";
import {
  askers,
  assertRefused,
  endedPid,
  options,
  pause,
  Place,
  ready,
  stranger,
} from "./_inspect.ts";
import { has, isRoot } from "./_processes.ts";

describe("ps and pstree say in one line that", () => {
  it("there is no such process", options, async () => {
    await using place = new Place();
    const pid = await endedPid(place);
    for (const command of ["ps", "pstree"]) {
      assertRefused(await place.ask(command, pid), /There is no process \d+/);
    }
  });

  it(
    "it does not let itself be inspected, and leave it alone",
    options,
    async () => {
      await using place = new Place();
      const child = place.start("awhile", "off");
      const pid = await ready(child);
      assertRefused(await place.ask("pstree", pid), /ASYNCIO_INSPECT=1/);
      assertStringIncludes((await child.end).stdout, "over");
      const other = stranger(["sleep", "20"]);
      try {
        assertRefused(await place.ask("ps", other.pid), /ASYNCIO_INSPECT=1/);
      } finally {
        await other.end();
      }
    },
  );

  it(
    "it belongs to another user",
    { ...options, skip: isRoot && !has("setpriv") && "setpriv is not there" },
    async () => {
      await using place = new Place();
      // Root may ask anybody, unless it gives that up.
      const other = isRoot
        ? stranger([
          "setpriv",
          "--reuid=65534",
          "--clear-groups",
          "sleep",
          "20",
        ])
        : { pid: 1, end: () => Promise.resolve() };
      try {
        await pause(200);
        const line = [...askers[runtime]!, "ps", `${other.pid}`];
        const drop = isRoot ? ["setpriv", "--bounding-set=-all"] : [];
        const end = await place.run([...drop, ...line]).end;
        assertRefused(end, /belongs to another user/);
      } finally {
        await other.end();
      }
    },
  );

  it("it ended while it was asked", options, async () => {
    await using place = new Place();
    const child = place.start("stuck");
    const pid = await ready(child);
    await pause(300);
    const asking = place.ask("ps", pid);
    await pause(700);
    child.kill("SIGKILL");
    assertRefused(await asking, /There is no process|ended while/);
  });

  it("it is busy or stopped, after 2 seconds", options, async () => {
    await using place = new Place();
    const child = place.start("stuck");
    const pid = await ready(child);
    await pause(300);
    const end = await place.ask("ps", pid);
    assertRefused(end, /keeps its event loop busy, or it is stopped/);
    assert(end.seconds > 1.9 && end.seconds < 3.5, `${end.seconds} s`);
    assertStringIncludes((await child.end).stdout, "over");
  });

  it("the arguments are wrong, with exit code 2", options, async () => {
    await using place = new Place();
    for (
      const pid of ["everything", "-1", "0", "1.5", "1e3", "", "9".repeat(20)]
    ) {
      assertRefused(await place.ask("ps", pid), /is no process number/, 2);
    }
    assertRefused(await place.ask("top", 1), /unknown command 'top'/, 2);
  });
});
