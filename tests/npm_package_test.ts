/** The npm package: packed, installed into an empty project, and used there. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "./_harness.ts";
import { hasNpm, ran, spawned, withProject } from "./_packages.ts";

const PROGRAM = `
import {
  createSubprocessExec, openConnection, PIPE, run, sleep, startServer,
} from "@x/asyncio";
import { moduleFunction, toThread } from "@x/asyncio/threads";

const bytes = (text) => new TextEncoder().encode(text);
const text = (data) => new TextDecoder().decode(data);

console.log(await run(async () => {
  await sleep(0.01);
  return "hello";
}));
console.log(await run(function* () {
  const server = yield* startServer(async (reader, writer) => {
    writer.write(await reader.readLine());
    writer.close();
  }, "127.0.0.1", 0);
  const [, port] = server.sockets[0].getSockName();
  const [reader, writer] = yield* openConnection("127.0.0.1", port);
  writer.write(bytes("echo\\n"));
  const answer = text(yield* reader.read()).trim();
  writer.close();
  server.close();
  yield* server.waitClosed();
  return answer;
}));
console.log(await run(async () => {
  const child = await createSubprocessExec("cat", { stdin: PIPE, stdout: PIPE });
  const [out] = await child.communicate(bytes("child"));
  return text(out) + child.returncode;
}));
console.log(await run(() => {
  const twice = new URL("./work.mjs", import.meta.url);
  return toThread(moduleFunction(twice, "twice"), 21);
}));
`;

const WORK = "export const twice = (n) => 2 * n;\n";

/** What the package's command has to say to some lines of standard input. */
const DIALOGUE = `const two = await asyncio.sleep(0, 2)
two + (await import("./work.mjs")).twice(20)
`;

describe("the npm package", () => {
  it("works in an empty project that has installed its tarball", {
    on: ["node"],
    skip: !hasNpm,
    timeout: 120_000,
  }, () =>
    withProject((project) => {
      const installed = join(project, "node_modules/@x/asyncio");
      const { exports } = JSON.parse(
        readFileSync(join(installed, "package.json"), "utf8"),
      ) as { exports: Record<string, { types: string } | string> };
      const paths = Object.keys(exports).filter((key) => !key.endsWith("json"));
      assert(paths.length > 35);
      for (const key of paths) {
        const { types } = exports[key] as { types: string };
        assert(readFileSync(join(installed, types)).length > 0, types);
      }
      for (const file of ["README.md", "LICENSE", "CHANGELOG.md"]) {
        assert(readFileSync(join(installed, file)).length > 0, file);
      }
      const found = readdirSync(installed);
      assertEquals(found.filter((name) => name.startsWith("tests")), []);

      writeFileSync(join(project, "work.mjs"), WORK);
      writeFileSync(join(project, "program.mjs"), PROGRAM);
      writeFileSync(
        join(project, "every.mjs"),
        paths.map((key) => `await import("@x/asyncio${key.slice(1)}");\n`)
          .join(""),
      );
      const { execPath } = process;
      assertEquals(ran(project, execPath, "every.mjs"), "");
      assertEquals(
        ran(project, execPath, "program.mjs"),
        "hello\necho\nchild0\n42\n",
      );

      const command = join(project, "node_modules/.bin/asyncio");
      assertMatch(ran(project, command, "--help"), /^usage: /);
      const { status, stdout } = spawned(project, [command], {
        input: DIALOGUE,
      });
      assertEquals(status, 0);
      assertMatch(stdout, />>> 42\n/);
    }));
});
