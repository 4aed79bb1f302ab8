/**
 * The project's own lint rule, loaded by `deno lint` through deno.json.
 *
 * It holds for library sources alone, which are the root's `*.ts` files and
 * the folders whose names start with `_`; tests, tools, benchmarks and examples may use any runtime.
 *
 * @module
 */

// deno-lint-ignore-file no-explicit-any -- the nodes' types are in an unstable
// library that the library's own sources must not see, so they are described
// here as far as they are read.

/** A node of the syntax tree, as far as the rule reads it. */
interface Node {
  readonly type: string;
  readonly parent: Node;
  readonly [key: string]: any;
}
/** What `deno lint` hands to a rule. */
interface Context {
  readonly filename: string;
  report(problem: { node: Node; message: string; hint?: string }): void;
}
type Visitor = Record<string, (node: any) => void>;
/** The shape that `deno lint` loads. */
export interface Plugin {
  readonly name: string;
  readonly rules: Readonly<
    Record<string, { create(context: Context): Visitor }>
  >;
}

const RUNTIME_GLOBALS = new Set(["Deno", "Bun", "process"]);
const GLOBAL_OBJECTS = new Set(["globalThis", "self", "window", "global"]);

type Place = "library" | "platform" | "elsewhere";

const ROOT = new URL("..", import.meta.url).pathname;

/** A file's path from the project's root. */
function relative(filename: string): string {
  const path = filename.replace(/^file:\/\//, "").replaceAll("\\", "/");
  // On Windows a URL's path has one slash more than a file's name.
  const root = ROOT.replace(/^\/(?=[A-Za-z]:)/, "");
  return path.startsWith(root) ? path.slice(root.length) : path;
}

function place(filename: string): Place {
  const path = relative(filename);
  if (path.startsWith("_platform/")) return "platform";
  // The root's modules, and the folders of their private parts.
  return /^(_[^/]+\/)?[^/]+$/.test(path) ? "library" : "elsewhere";
}

/** The expression inside casts and parentheses. */
function bare(node: Node): Node {
  let inner = node;
  while (
    inner.type === "TSAsExpression" || inner.type === "TSNonNullExpression" ||
    inner.type === "TSSatisfiesExpression" ||
    inner.type === "TSTypeAssertion" || inner.type === "ChainExpression"
  ) inner = inner["expression"];
  return inner;
}

function isGlobalObject(node: Node | null | undefined): boolean {
  if (!node) return false;
  const inner = bare(node);
  return inner.type === "Identifier" && GLOBAL_OBJECTS.has(inner["name"]);
}

/**
 * Whether an identifier only names a member of something that is not the
 * global object: `task.process`, `{ process: … }`, `process(): void` in a type.
 */
function isOwnMember(node: Node): boolean {
  const { parent } = node;
  switch (parent.type) {
    case "MemberExpression":
      return parent["property"] === node && !parent["computed"] &&
        !isGlobalObject(parent["object"]);
    case "Property":
      if (parent["key"] !== node || parent["shorthand"]) return false;
      return !parent["computed"] && !(parent.parent.type === "ObjectPattern" &&
        isGlobalObject(parent.parent.parent["init"]));
    case "MethodDefinition":
    case "PropertyDefinition":
    case "TSPropertySignature":
    case "TSMethodSignature":
      return parent["key"] === node && !parent["computed"];
    default:
      return false;
  }
}

/** Whether a string names a member of the global object. */
function isGlobalKey(node: Node): boolean {
  const { parent } = node;
  if (parent.type === "MemberExpression") {
    return parent["property"] === node && isGlobalObject(parent["object"]);
  }
  return parent.type === "BinaryExpression" && parent["operator"] === "in" &&
    parent["left"] === node && isGlobalObject(parent["right"]);
}

const platformOnly = {
  create(context: Context): Visitor {
    const where = place(context.filename);
    if (where === "elsewhere") return {};

    const name = (node: Node, what: string) =>
      context.report({
        node,
        message: `Only _platform/ may use \`${what}\``,
        hint: "Ask _platform/mod.ts for the capability instead",
      });
    const source = (node: Node | null | undefined) => {
      if (node?.type !== "Literal" || typeof node["value"] !== "string") return;
      const from: string = node["value"];
      if (/^\.\.?\//.test(from)) return;
      if (where === "platform" && /^(node|bun):/.test(from)) return;
      context.report({
        node,
        message: `A library source cannot import "${from}"`,
        hint: where === "library"
          ? "The library has no dependencies, and only _platform/ may import " +
            "what a runtime brings"
          : "Adapters import what their runtime brings (node:, bun:) and " +
            "nothing else",
      });
    };
    const imports: Visitor = {
      ImportDeclaration: (node) => source(node["source"]),
      ExportNamedDeclaration: (node) => source(node["source"]),
      ExportAllDeclaration: (node) => source(node["source"]),
      ImportExpression: (node) => source(node["source"]),
      TSImportType: (node) =>
        source(node["argument"]?.["literal"] ?? node["argument"]),
    };
    if (where === "platform") return imports;
    return {
      ...imports,
      Identifier(node) {
        if (!RUNTIME_GLOBALS.has(node["name"]) || isOwnMember(node)) return;
        name(node, node["name"]);
      },
      Literal(node) {
        if (!RUNTIME_GLOBALS.has(node["value"]) || !isGlobalKey(node)) return;
        name(node, node["value"]);
      },
    };
  },
};

const plugin: Plugin = {
  name: "asyncio",
  rules: { "platform-only": platformOnly },
};
export default plugin;
