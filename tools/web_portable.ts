/**
 * Which test files a browser can run, and in what kind of page.
 *
 * @module
 */
import { existsSync, readFileSync } from "node:fs";
import { posix } from "node:path";

/** What a page gets of Node's modules, from web_node.ts. */
const NODE: Readonly<Record<string, readonly string[]>> = {
  "node:fs": ["existsSync", "readFileSync", "readdirSync"],
  "node:fs/promises": ["readFile"],
  "node:url": ["fileURLToPath"],
};

/** Test files that are all about something which browsers do not have. */
const NEEDS: Readonly<Record<string, string>> = {
  docs: "a file system",
  network_datagrams: "sockets",
  network_echo: "sockets",
  network_into: "sockets",
  network_names: "a resolver",
  network_tls: "TLS",
  platform_dns: "a resolver",
  runners_interrupt: "signals",
  selector_datagram: "sockets",
  selector_sockets: "sockets",
  selector_transport: "sockets",
  server: "sockets",
  socket_methods: "sockets",
  signals: "signals",
  sslproto_buffer: "TLS",
  sslproto_close: "TLS",
  sslproto_context: "TLS",
  sslproto_flow: "TLS",
  sslproto_handshake: "TLS",
  sslproto_suite: "TLS",
  windows_utils: "node:v8",
};

/**
 * Test files of what a browser has to be able to do. In all others a test is skipped
 * whose error says that browsers do not have what it asked for.
 */
const CORE =
  /^(base_|cancel_|capacity_|completed|context|conformance|eager|except|executor|futures|gather|interop|limit|locks_|loop_port|mixins|move_on|queues_|ready|runners|shield|staggered|taskgroups_|tasks_|threads|timeouts|types|wait|web_)/;

/** Test files whose threads share memory: their pages are cross-origin isolated. */
const ISOLATED = /^(executor|loop_port|threads|web_isolated)/;

/** The modules that a compiled module loads. */
const IMPORT = /(?:^|\n)\s*(?:import|export)\b([^"';]*?\bfrom)?\s*"([^"]+)"/g;

/** What is imported under a name: files below the folder. */
export type ImportMap = Readonly<Record<string, string>>;

interface Manifest {
  readonly browser: Readonly<Record<string, string>>;
  readonly exports: Readonly<
    Record<string, string | { readonly default: string }>
  >;
}

/**
 * The import map of a page that uses the package as a bundler for browsers would.
 *
 * @param folder Where the package is.
 */
export function importMapOf(folder: string): ImportMap {
  const map: Record<string, string> = {};
  for (const name of Object.keys(NODE)) map[name] = "/tools/web_node.js";
  const { browser, exports } = JSON.parse(
    readFileSync(`${folder}/package.json`, "utf8"),
  ) as Manifest;
  for (const [key, target] of Object.entries(exports)) {
    const path = typeof target === "string" ? target : target.default;
    map[posix.join("@x/asyncio", key)] = path.slice(1);
  }
  for (const [from, to] of Object.entries(browser)) {
    map[from.slice(1)] = to.slice(1);
  }
  for (const name of ["assert", "async", "testing"]) {
    const place = `/node_modules/@std/${name}`;
    const { exports } = JSON.parse(
      readFileSync(`${folder}${place}/package.json`, "utf8"),
    ) as { exports: Record<string, string> };
    for (const [key, path] of Object.entries(exports)) {
      map[posix.join(`@std/${name}`, key)] = posix.join(place, path);
    }
  }
  return map;
}

/**
 * Finds out why a page cannot run a test file.
 *
 * @param folder Where the modules are.
 * @param file One of them, as a path from there.
 * @param map The page's import map.
 * @returns What is in the way, or who imports it; undefined if nothing is.
 */
export function unportable(
  folder: string,
  file: string,
  map: ImportMap,
): string | undefined {
  const need = NEEDS[nameOf(file)];
  if (need !== undefined) return `it needs ${need}`;
  const seen = new Set<string>();
  const visit = (path: string): string | undefined => {
    if (seen.has(path)) return undefined;
    seen.add(path);
    const text = readFileSync(`${folder}${path}`, "utf8");
    for (const [, clause = "", specifier] of text.matchAll(IMPORT)) {
      const named = specifier!;
      const known = NODE[named];
      const names = clause.match(/\w+(?=(?: as \w+)?\s*[,}])/g) ?? [""];
      const unknown = known && names.find((name) => !known.includes(name));
      if (unknown !== undefined) {
        return `${path.slice(1)} imports ${unknown || "all"} of ${named}`;
      }
      const target = named.startsWith(".")
        ? posix.join(posix.dirname(path), named)
        : named;
      const found = map[target] ?? target;
      if (!found.startsWith("/") || !existsSync(`${folder}${found}`)) {
        return `${path.slice(1)} imports ${named}`;
      }
      const reason = visit(found);
      if (reason !== undefined) return reason;
    }
    return undefined;
  };
  return visit(file);
}

/** What a test file is called above. */
function nameOf(file: string): string {
  return posix.basename(file).replace(/_test\.[jt]s$/, "");
}

/** Whether a test file is of what a browser has to be able to do. */
export function isCore(file: string): boolean {
  return CORE.test(nameOf(file));
}

/** Whether the threads of a test file share memory. */
export function isIsolated(file: string): boolean {
  return ISOLATED.test(nameOf(file));
}
