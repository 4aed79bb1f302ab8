// deno-lint-ignore-file no-console
/**
 * How much of what the package exports is documented, by what `deno doc` sees of
 * it: modules, with an example each, symbols, and the members of classes and
 * interfaces. Less than all of it is an error.
 *
 *     deno run -A tools/doc_coverage.ts
 *
 * `deno doc --lint` misses what this counts: it takes any comment for a
 * documentation, an `@internal` alone among them, asks for none on modules, and
 * leaves out what an interface's members are.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { pathToFileURL } from "node:url";

interface JsDoc {
  readonly doc?: string;
  readonly tags?: readonly { readonly kind: string; readonly doc?: string }[];
}
interface Member {
  readonly name?: string;
  readonly jsDoc?: JsDoc;
  readonly accessibility?: string;
  readonly isOverride?: boolean;
  readonly kind?: string;
}
interface Place {
  readonly filename: string;
  readonly line: number;
}
interface Definition {
  /** What a name of another module's stands for. */
  readonly target?: Place;
  readonly constructors?: readonly Member[];
  readonly methods?: readonly Member[];
  readonly properties?: readonly Member[];
}
interface Declaration extends Member {
  readonly kind: string;
  readonly location: Place;
  readonly def?: Definition;
}
interface Module {
  readonly module_doc?: JsDoc;
  readonly symbols: readonly {
    readonly name: string;
    readonly declarations: readonly Declaration[];
  }[];
}

/** What was counted of one kind. */
interface Count {
  all: number;
  readonly missing: string[];
}

const isInternal = ({ jsDoc }: Member) =>
  jsDoc?.tags?.some(({ kind }) => kind === "internal") ?? false;
const isDocumented = ({ jsDoc }: Member) => Boolean(jsDoc?.doc?.trim());

/** The members that a user sees; those of Symbol are what the language asks for. */
function membersOf({ def }: Declaration): Member[] {
  const { constructors = [], methods = [], properties = [] } = def ?? {};
  return [...constructors, ...methods, ...properties].filter((member) =>
    member.accessibility !== "private" && !isInternal(member) &&
    // What it does was said by the class that declares it first.
    !member.isOverride && !member.name?.startsWith("[Symbol.")
  );
}

/** Counts what `deno doc --json` told. */
export function count(
  nodes: Readonly<Record<string, Module>>,
): Record<"modules" | "examples" | "symbols" | "members", Count> {
  const counts = {
    modules: { all: 0, missing: [] as string[] },
    examples: { all: 0, missing: [] as string[] },
    symbols: { all: 0, missing: [] as string[] },
    members: { all: 0, missing: [] as string[] },
  };
  const add = (counted: Count, documented: boolean, name: string) => {
    counted.all++;
    if (!documented) counted.missing.push(name);
  };
  const placeOf = ({ filename, line }: Place) => `${filename}:${line}`;
  const seen = new Set<string>();
  const references = new Map<string, string>();
  for (const [url, { module_doc: doc, symbols }] of Object.entries(nodes)) {
    const module = url.split("/").at(-1)!;
    add(counts.modules, Boolean(doc?.doc?.trim()), module);
    const example = doc?.tags?.some(({ kind }) => kind === "example");
    add(counts.examples, example ?? false, module);
    for (const { name, declarations } of symbols) {
      const [declared] = declarations;
      // Most symbols are exported by several modules, and told of by one.
      if (declared!.kind === "reference") {
        references.set(placeOf(declared!.def!.target!), `${module}: ${name}`);
        continue;
      }
      for (const { location } of declarations) seen.add(placeOf(location));
      // One of several overloads, or of a type and a value of a name, is enough.
      add(
        counts.symbols,
        declarations.some(isDocumented),
        `${module}: ${name}`,
      );
      for (const declaration of declarations) {
        const members = membersOf(declaration);
        // An overload's comment stands for the others.
        const told = new Set(members.filter(isDocumented).map((m) => m.name));
        for (const member of new Set(members.map((m) => m.name))) {
          add(
            counts.members,
            told.has(member),
            `${module}: ${name}.${member ?? ""}`,
          );
        }
      }
    }
  }
  for (const [place, name] of references) {
    if (!seen.has(place)) add(counts.symbols, false, name);
  }
  return counts;
}

function main(): void {
  const { exports } = JSON.parse(readFileSync("deno.json", "utf8")) as {
    exports: Record<string, string>;
  };
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["doc", "--json", ...Object.values(exports)],
    { encoding: "utf8", maxBuffer: 1 << 29 },
  );
  if (status !== 0) throw new Error(stderr);
  const counts = count(
    (JSON.parse(stdout) as { nodes: Record<string, Module> }).nodes,
  );
  for (const [what, { all, missing }] of Object.entries(counts)) {
    const share = (100 * (all - missing.length) / all).toFixed(1);
    console.log(`${what}: ${all - missing.length} of ${all}, ${share} %`);
    for (const name of missing) console.error(`  without: ${name}`);
    if (missing.length > 0) process.exitCode = 1;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
