// deno-lint-ignore-file no-console
/**
 * Checks how the library's sources import each other: no circle, and no import
 * that points up the layers. Run on Deno, whose own parser lists the imports.
 *
 * An `import type` is exempt from both: it is gone when the program runs, and
 * the interfaces at the bottom have to name the classes above them.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/**
 * The layers, lowest first. A module imports from its own layer and from those
 * below. `_platform` stands for all of its files.
 */
export const LAYERS: readonly (readonly string[])[] = [
  [
    "_base_exceptions",
    "_os_errors",
    "_ssl_errors",
    "_exception_groups",
    "exceptions",
    "constants",
    "log",
    "format_helpers",
    "_origins",
  ],
  ["_platform"],
  [
    "_unawaited",
    "_made",
    "_instruments",
    "_state",
    "_step",
    "_ready",
    "_lost",
    "contextvars",
  ],
  ["events"],
  ["base_futures", "futures"],
  ["coroutines", "_ended", "base_tasks", "_stack", "_task", "_ensure"],
  // Below the rest of tasks, since waitFor is built on a timeout.
  ["_inline", "timeouts"],
  ["_slots", "_gather", "_wait", "_shielded", "_completed", "tasks"],
  [
    "mixins",
    "_waiters",
    "_held",
    "_lock",
    "_condition",
    "_barrier",
    "_capacity_limiter",
    "locks",
    "_stores",
    "_queue_calls",
    "queues",
    "_members",
    "_group_all",
    "taskgroups",
    "staggered",
    "_waits",
    "_deadlock",
    "_timeline",
    "graph",
    "instruments",
  ],
  [
    "transports",
    "protocols",
    "_primed_stream",
    "_socket_box",
    "_socket_options",
    "_socket_open",
    "_socket_core",
    "_socket",
    "trsock",
    "_x509",
    "_tls_hello",
    "_tls_pipe",
    "_ssl_states",
    "_ssl_context",
    "_ssl_setup",
    "_ssl_flow",
    "_ssl_app",
    "_ssl_object",
    "_ssl_transport",
    "sslproto",
  ],
  [
    "_interrupts",
    "_idle_watch",
    "_driver",
    "_loop_reports",
    "_loop_core",
    "_loop_services",
    "_net_types",
    "_taking",
    "_names",
    "_connecting",
    "_upgrading",
    "_server",
    "_serving",
    "_datagram_endpoint",
    "_send_file",
    "_sock_send_file",
    "_write_queue",
    "_pipe_transport",
    "_subprocess_types",
    "_subprocesses",
    "base_events",
    "base_subprocess",
  ],
  [
    "_socket_transport",
    "_datagram_transport",
    "_socket_watch",
    "_sock_calls",
    "selector_events",
    "proactor_events",
  ],
  [
    "_unix_sockets",
    "_signal_handlers",
    "_child_watchers",
    "_loop_watchers",
    "unix_events",
    "_windows_pipes",
    "windows_utils",
    "_iocp",
    "_windows_serving",
    "windows_events",
    "_os_events",
  ],
  [
    "_byte_queue",
    "_quick_call",
    "_stream_reads",
    "_stream_web",
    "_stream_reader",
    "_stream_writer",
    "_stream_protocol",
    "streams",
    "pipes",
    "subprocess",
    "_worker_state",
    "_error_pack",
    "_error_unpack",
    "_exports",
    "_module_function",
    "_worker_entry",
    "_port_words",
    "_port_peers",
    "_port_server",
    "_port_client",
    "_loop_port",
    "_shared_queue",
    "_executor_future",
    "_executor_results",
    "_pool_worker",
    "_pool",
    "_executor",
    "threads",
  ],
  ["_inspector_capture", "_inspector_tree", "_inspector", "runners"],
  [
    "_testing_seed",
    "_testing_order",
    "_testing_errors",
    "_testing_waits",
    "_testing_clock",
    "_testing_links",
    "_testing_streams",
    "_testing_datagrams",
    "_testing_names",
    "_testing_listener",
    "_testing_network",
    "_testing_options",
    "_testing_real",
    "_testing_loop",
    "_testing_leaks",
    "_testing_session",
    "_testing_explore",
    "_testing_sequencer",
    "_testing_asserts",
    "_testing_pair",
    "_testing_hooks",
    "testing",
    "tools",
  ],
  ["mod"],
  ["_repl_completion", "_repl", "main"],
];

/** Which modules each module imports for their values. */
export type Graph = ReadonlyMap<string, readonly string[]>;

/** The key in {@linkcode LAYERS} of a file such as `tasks.ts`. */
function layerKey(file: string): string {
  return file.startsWith("_platform/") ? "_platform" : file.slice(0, -3);
}

/** One line for each module without a layer and each import that points up. */
export function findUpward(graph: Graph): string[] {
  const rank = new Map(
    LAYERS.flatMap((names, i) => names.map((name) => [name, i] as const)),
  );
  const problems: string[] = [];
  for (const [file, imports] of graph) {
    const own = rank.get(layerKey(file));
    if (own === undefined) {
      problems.push(`${file} has no layer: place it in tools/imports.ts`);
      continue;
    }
    for (const target of imports) {
      if ((rank.get(layerKey(target)) ?? -1) > own) {
        problems.push(`${file} imports ${target}, which is in a layer above`);
      }
    }
  }
  return problems;
}

/** One line for each circle that a walk from every module runs into. */
export function findCircles(graph: Graph): string[] {
  const problems: string[] = [];
  const finished = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const start = path.indexOf(file);
    if (start >= 0) {
      const circle = [...path.slice(start), file].join(" -> ");
      problems.push(`circle: ${circle}`);
      return;
    }
    if (finished.has(file)) return;
    path.push(file);
    for (const target of graph.get(file) ?? []) visit(target);
    path.pop();
    finished.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return problems;
}

/** The library's sources, as paths from the project's root. */
export function librarySources(root: string): string[] {
  const list = (folder: string) => {
    try {
      return readdirSync(resolve(root, folder), { encoding: "utf8" });
    } catch {
      return [];
    }
  };
  return [
    ...list("."),
    ...list("_platform").map((name) => `_platform/${name}`),
  ].filter((path) => path.endsWith(".ts")).sort();
}

interface Info {
  readonly modules: readonly {
    readonly specifier: string;
    readonly error?: string;
    readonly dependencies?: readonly {
      readonly code?: { readonly specifier?: string };
    }[];
  }[];
}

/** Reads the graph of the library in a folder. */
export function readGraph(root: string): Graph {
  const sources = librarySources(root);
  const graph = new Map<string, string[]>();
  const toPath = (specifier: string) =>
    specifier.startsWith("file:")
      ? relative(root, fileURLToPath(specifier)).replaceAll("\\", "/")
      : undefined;
  for (const source of sources) {
    if (graph.has(source)) continue;
    const result = spawnSync(
      process.execPath,
      ["info", "--json", "--no-lock", source],
      { cwd: root, encoding: "utf8", maxBuffer: 1 << 28 },
    );
    if (result.status !== 0) throw new Error(result.stderr);
    for (const module of (JSON.parse(result.stdout) as Info).modules) {
      const path = toPath(module.specifier);
      if (path === undefined || graph.has(path)) continue;
      if (module.error) throw new Error(module.error);
      const targets = (module.dependencies ?? [])
        .map((d) => d.code?.specifier && toPath(d.code.specifier))
        .filter((target) => target !== undefined && sources.includes(target));
      graph.set(path, [...new Set(targets as string[])]);
    }
  }
  return graph;
}

if (import.meta.main) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  const graph = readGraph(root);
  const problems = [...findCircles(graph), ...findUpward(graph)];
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exit(1);
  console.log(`${graph.size} modules, no circle, no upward import`);
}
