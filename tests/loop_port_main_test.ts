/** Calls from workers into a loop whose program is still being loaded. */

import { assertEquals } from "@std/assert";
import { Child } from "./_child.ts";
import { describe, it, runtime } from "./_harness.ts";

describe("a main program that awaits at its top level", () => {
  const ask = async (how: string) => {
    const child = Child.start("calling_main.ts", [how], { allowAll: true });
    const { stdout, stderr } = await child.end;
    return [stdout, stderr];
  };

  it("is called from a worker by the functions that it has named", {
    timeout: 12_000,
  }, async () => {
    assertEquals(await ask("named"), ["answered", ""]);
  });

  it(
    "cannot be asked for others but on Deno, which is an error and no deadlock",
    {
      timeout: 12_000,
    },
    async () => {
      assertEquals(await ask("unnamed"), [
        runtime === "deno" ? "answered" : "RuntimeError",
        "",
      ]);
    },
  );
});
