/** Keeps the documents about names and about each other honest. */

import { assert, assertEquals } from "@std/assert";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as library from "../mod.ts";
import * as testing from "../testing.ts";
import * as windows from "../windows_events.ts";
import * as utils from "../windows_utils.ts";
import { describe, it, type TestOptions } from "./_harness.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string) => readFileSync(`${root}/${path}`, "utf8");

const exported: Record<string, unknown> = { ...windows, ...utils, ...library };

/** The names that instances or classes have, and those of fields. */
function memberNames(): Set<string> {
  const names = new Set<string>();
  for (const value of Object.values(exported)) {
    let at = typeof value === "function" ? value.prototype : null;
    for (; at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
      for (const name of Object.getOwnPropertyNames(at)) names.add(name);
    }
  }
  return names;
}

/** The rows of the tables of a document, as the code in their two cells. */
function rows(text: string): { python: string; ours: string }[] {
  return text.split("\n")
    .filter((line) => line.startsWith("|") && line.includes("`"))
    .map((line) => {
      const [, python, ours] = line.split(/(?<!\\)\|/);
      const code = (cell: string) =>
        [...cell.matchAll(/`([^`]*)`/g)].map(([, inner]) => inner).join(" ; ");
      return { python: code(python!), ours: code(ours!) };
    });
}

/** asyncio's public names, as `name` or `Class.name`. */
function publicNames(): string[] {
  const table = read("tests/api/asyncio.tsv").trimEnd().split("\n").slice(2)
    .map((line) => line.split("\t"));
  const listed = new Set(
    table.filter(([, , , , , , inAll]) => inAll !== "").map(([, n]) => n!),
  );
  return table.map(([, name]) => name!).filter((name) => {
    const [first, member] = name.split(".");
    if (!listed.has(first!)) return false;
    return member === undefined || !member.startsWith("_");
  });
}

describe("docs/from-python.md", () => {
  const table = rows(read("docs/from-python.md"));

  it("each name on our side exists", () => {
    const members = memberNames();
    // Fields, which no prototype has.
    const fields = ["stdin", "stdout", "stderr", "pid", "partial", "expected"];
    const more = ["consumed", "future", "callStack", "awaitedBy", "frame"];
    members.add("slowCallbackDuration");
    for (const name of [...fields, ...more]) members.add(name);
    const words = new Set(["coroutine", "f", "async", "function", "main"]);
    const missing: string[] = [];
    for (const { ours } of table) {
      if (ours.startsWith("deno run")) continue;
      const code = ours.replace(/"[^"]*"/g, '""').replace(/\.\.\./g, "")
        .replace(/@x\/[\w/]+/g, "").replace(/import\.meta\.url/g, "u");
      for (const [, name] of code.matchAll(/\.(\w+)/g)) {
        if (!members.has(name!)) missing.push(`.${name} in ${ours}`);
      }
      for (const [, name] of code.matchAll(/(?<![.\w])([A-Za-z_]\w*)\(/g)) {
        const known = name! in exported || words.has(name!) ||
          ours.startsWith("override ") && members.has(name!);
        if (!known) missing.push(`${name}() in ${ours}`);
      }
      for (const [, name] of code.matchAll(/(?<![.\w])([A-Z]\w+)\b/g)) {
        const builtin = ["RangeError", "TypeError", "Coro", "PID"];
        if (!(name! in exported) && !builtin.includes(name!)) {
          missing.push(`${name} in ${ours}`);
        }
      }
    }
    assertEquals(missing, []);
  });

  it("each public name of asyncio is there", () => {
    const words = new Set(
      table.flatMap(({ python }) => python.match(/\w+/g) ?? []),
    );
    // They are named in differences.md, as what is not here or is Windows's alone.
    const elsewhere = /^(IocpProactor|PipeHandle|Popen)\./;
    const missing = publicNames().filter((name) =>
      !elsewhere.test(name) && !words.has(name.split(".").at(-1)!)
    );
    assertEquals(missing, []);
  });
});

describe("docs/testing.md", () => {
  it("has an example with each tool, and each of its errors", () => {
    const examples = [
      ...read("docs/testing.md").matchAll(/^```ts[^\n]*\n(.*?)^```/gms),
    ].map(([, code]) => code).join();
    // What a body is given, and does not make.
    const given = ["FakeNetwork", "Random"];
    const missing = Object.keys(testing).filter((name) =>
      !given.includes(name) && !new RegExp(`\\b${name}\\b`).test(examples)
    );
    assertEquals(missing, []);
    const network = Object.getOwnPropertyNames(testing.FakeNetwork.prototype)
      .filter((name) => name !== "constructor" && !name.startsWith("_"));
    assert(network.length > 4, network.join());
    assertEquals(
      network.filter((name) => !examples.includes(`network.${name}(`)),
      [],
    );
  });
});

describe("docs", () => {
  // The compiled tests lie beside docs/ alone.
  const here: TestOptions = { on: ["deno", "bun"] };
  const pages = readdirSync(`${root}/docs`)
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`);

  it("README.md links to each page", here, () => {
    const readme = read("README.md");
    const missing = pages.filter((page) => !readme.includes(`(${page})`));
    assertEquals(missing, []);
  });

  it("each link to a file finds it", here, () => {
    const wrong: string[] = [];
    for (const page of [...pages, "README.md"]) {
      const folder = page.includes("/") ? "docs/" : "";
      for (
        const [, link] of read(page).matchAll(/\]\(([^)#\s]+)(#[^)]*)?\)/g)
      ) {
        if (/^[a-z]+:/.test(link!)) continue;
        const path = new URL(link!, `file:///${folder}`).pathname.slice(1);
        if (!existsSync(`${root}/${path}`)) wrong.push(`${page}: ${link}`);
      }
    }
    assertEquals(wrong, []);
  });

  it("no page names a place of one machine", here, () => {
    for (const page of [...pages, "README.md", "CHANGELOG.md"]) {
      assert(!/\/(root|work)\//.test(read(page)), page);
    }
  });
});
