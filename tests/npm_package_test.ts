/** The npm package: packed, installed into an empty project, and used there. */

import { assert, assertEquals } from "@std/assert";
import { spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { describe, it } from "./_harness.ts";

/** Where the package is that these tests run in: see tools/node_tests.ts. */
const PACKAGE = fileURLToPath(new URL("..", import.meta.url));

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

/** Runs a program, which has to end well, and returns what it printed. */
function ran(cwd: string, program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd,
    encoding: "utf8",
    timeout: 60_000,
    // Not the settings of whatever package manager has started the tests.
    env: Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)),
    ) as Record<string, string>,
  });
  assertEquals(status, 0, `${program} ${args.join(" ")}:\n${stdout}${stderr}`);
  return stdout;
}

const noNpm = spawnSync("npm", ["--version"]).status !== 0;

describe("the npm package", () => {
  it("works in an empty project that has installed its tarball", {
    on: ["node"],
    skip: noNpm,
    timeout: 120_000,
  }, () => {
    const folder = mkdtempSync(join(tmpdir(), "asyncio-npm-"));
    try {
      ran(PACKAGE, "npm", "pack", "--silent", "--pack-destination", folder);
      const [tarball] = readdirSync(folder);
      const project = join(folder, "project");
      mkdirSync(project);
      writeFileSync(join(project, "package.json"), "{}");
      const quiet = ["--offline", "--no-audit", "--no-fund"];
      ran(project, "npm", "install", ...quiet, join(folder, tarball!));
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
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
