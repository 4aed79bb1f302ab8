/** Keeps the package's own description and the tools honest. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, it } from "./_harness.ts";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  findCircles,
  findUpward,
  LAYERS,
  librarySources,
} from "../tools/imports.ts";
import plugin from "../tools/lint.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string) => readFileSync(`${root}/${path}`, "utf8");
const sources = librarySources(root);

interface Config {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly imports: Readonly<Record<string, string>>;
  readonly publish: { readonly include: readonly string[] };
}
const config = JSON.parse(read("deno.json")) as Config;

/** The files that an entry of `publish.include` stands for. */
function matching(glob: string, files: readonly string[]): string[] {
  const pattern = glob.split(/(\*\*\/|\*)/).map((part) => {
    if (part === "**/") return "(.*/)?";
    return part === "*" ? "[^/]*" : part.replace(/[.]/g, "\\$&");
  });
  const regex = new RegExp(`^${pattern.join("")}$`);
  return files.filter((file) => regex.test(file));
}

describe("package", () => {
  it("each public root module has its export subpath, and no other is there", () => {
    const expected = sources
      .filter((path) => !/^_|\//.test(path))
      .map((path) =>
        path === "mod.ts"
          ? [".", "./mod.ts"]
          : [`./${path.slice(0, -3)}`, `./${path}`]
      );
    assertEquals(config.exports, Object.fromEntries(expected));
  });
  it("the export subpaths are in the order of their names", () => {
    const names = Object.keys(config.exports);
    assertEquals(names, names.toSorted());
  });
  it("each library source is published, and each entry finds a file", () => {
    const { include } = config.publish;
    const files = [...readdirSync(root), ...sources];
    for (const glob of include) {
      assert(matching(glob, files).length > 0, `${glob} finds no file`);
    }
    const published = include.flatMap((glob) => matching(glob, sources));
    assertEquals(new Set(published), new Set(sources));
  });
  it("package.json names the same package and version", () => {
    const { name, version } = JSON.parse(read("package.json")) as Config;
    assertEquals([name, version], [config.name, config.version]);
  });
  it("the changelog has a section for what is not released yet", () => {
    assertStringIncludes(read("CHANGELOG.md"), "\n## Unreleased\n");
  });
});

describe("@std", () => {
  const map = JSON.parse(read("tests/_std/import_map.json")) as Config;
  const names = Object.keys(map.imports);

  it("each stand-in stands for a package that deno.json imports", () => {
    const packages = new Set(
      names.map((n) => n.split("/").slice(0, 2).join("/")),
    );
    assertEquals(packages, new Set(Object.keys(config.imports)));
  });
  it("the probe loads, and tsconfig.json maps, what has a stand-in", () => {
    const { compilerOptions } = JSON.parse(read("tsconfig.json")) as {
      compilerOptions: { paths: Record<string, readonly string[]> };
    };
    for (const [name, path] of Object.entries(map.imports)) {
      assertStringIncludes(read("tests/_std/probe.ts"), `"${name}"`);
      const file = path.replace("./", "./tests/_std/");
      assertEquals(compilerOptions.paths[name]?.at(-1), file);
    }
  });
  it("no library source imports it", () => {
    for (const path of sources) {
      const imports = read(path).match(/^(?!\s*\*).*from "@std\//m);
      assertEquals(imports, null, path);
    }
  });
});

describe("import checks", () => {
  it("each module is in one layer", () => {
    const names = LAYERS.flat();
    assertEquals(names.length, new Set(names).size);
  });
  it("a circle is found, once, however long", () => {
    const graph = new Map([
      ["mod.ts", ["tasks.ts", "locks.ts"]],
      ["tasks.ts", ["futures.ts"]],
      ["futures.ts", ["events.ts"]],
      ["events.ts", ["tasks.ts"]],
      ["locks.ts", ["tasks.ts"]],
    ]);
    assertEquals(findCircles(graph), [
      "circle: tasks.ts -> futures.ts -> events.ts -> tasks.ts",
    ]);
  });
  it("an import from a layer above is found", () => {
    const graph = new Map([
      ["events.ts", ["futures.ts", "log.ts", "_platform/mod.ts"]],
      ["_platform/mod.ts", ["_platform/deno.ts", "events.ts"]],
    ]);
    assertEquals(findUpward(graph), [
      "events.ts imports futures.ts, which is in a layer above",
      "_platform/mod.ts imports events.ts, which is in a layer above",
    ]);
  });
  it("a module without a layer is found", () => {
    assertEquals(findUpward(new Map([["new.ts", []]])), [
      "new.ts has no layer: place it in tools/imports.ts",
    ]);
  });
});

describe("lint rule", () => {
  // Deno alone has the linter to run them.
  const onDeno = { on: ["deno"] } as const;

  /** The messages for a source text at a path of the project. */
  function lint(path: string, text: string): string[] {
    const { lint } = Deno as unknown as {
      lint: {
        runPlugin(
          plugin: unknown,
          file: string,
          text: string,
        ): { message: string }[];
      };
    };
    return lint.runPlugin(plugin, `${root}${path}`, text).map((d) => d.message);
  }
  const refuse = (text: string, path = "tasks.ts") =>
    assertEquals(lint(path, text).length, 1, `${text} in ${path}`);
  const accept = (text: string, path = "tasks.ts") =>
    assertEquals(lint(path, text), [], `${text} in ${path}`);

  it("a runtime's global is refused in a root module", onDeno, () => {
    refuse("Deno.exit()");
    refuse("const { env } = process;");
    refuse("typeof Bun");
    refuse("let x: Deno.Conn;");
    refuse("globalThis.Deno");
    refuse('(globalThis as { Bun?: unknown })["Bun"]');
    refuse('"process" in globalThis');
    refuse("const { Deno: d } = globalThis;");
  });
  it("a member or key of that name is accepted", onDeno, () => {
    accept("transport.process");
    accept("const o = { process: 1 };");
    accept("interface T { process: number }");
    accept('throw new Error("Deno");');
    accept("// Deno does this");
  });
  it("only relative imports are accepted in a root module", onDeno, () => {
    accept('import "./futures.ts";');
    refuse('import "node:fs";');
    refuse('export { x } from "npm:x";');
    refuse('await import("node:fs");');
    refuse('type F = import("node:fs").Stats;');
  });
  it("an adapter may use its runtime, and no package", onDeno, () => {
    accept("Deno.exit()", "_platform/deno.ts");
    accept('import "node:fs";', "_platform/node.ts");
    refuse('import "npm:x";', "_platform/node.ts");
  });
  it("tests and tools may do all of it", onDeno, () => {
    accept('import "node:fs"; Deno.exit();', "tests/x_test.ts");
    accept('import "node:fs"; Deno.exit();', "tools/x.ts");
  });
});
