// deno-lint-ignore-file no-console
/**
 * Checks how the library's sources import each other: no circle, and no import
 * that points up the layers. Run on Deno, whose own parser lists the imports.
 *
 * An `import type` is exempt from both: it is gone when the program runs, and
 * the interfaces at the bottom have to name the classes above them. So is an
 * `import()`, which runs when all of them are there.
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
    "_kernel/base_exceptions",
    "_kernel/os_errors",
    "_tls/errors",
    "_kernel/errors",
    "_kernel/other_errors",
    "_kernel/missing",
    "_kernel/abstract_loop",
    "_kernel/web_abstract_loop",
    "_kernel/exception_groups",
    "exceptions",
    "constants",
    "log",
    "format_helpers",
    "_debug/hooks",
    "_debug/need",
    "_debug/handle_words",
    "_kernel/texts",
    "_kernel/web_texts",
    "_debug/origins",
    "_debug/switches",
  ],
  ["_platform"],
  [
    "_debug/unawaited",
    "_debug/made",
    "_debug/instruments",
    "_kernel/state",
    "_kernel/step",
    "_kernel/ready",
    "_kernel/lost",
    "contextvars",
  ],
  ["events"],
  [
    "base_futures",
    "base_tasks",
    "_debug/future_words",
    "_tasks/texts",
    "_tasks/web_texts",
    "futures",
    "_tasks/all_ended",
    "_tasks/asyncgens",
  ],
  [
    "coroutines",
    "_tasks/ended",
    "_debug/stack",
    "_tasks/task",
    "_tasks/ensure",
  ],
  // Below the rest of tasks, since waitFor is built on a timeout.
  ["_tasks/inline", "timeouts"],
  [
    "_tasks/slots",
    "_tasks/gather",
    "_tasks/wait",
    "_tasks/shielded",
    "_tasks/completed",
    "tasks",
  ],
  [
    "mixins",
    "_sync/waiters",
    "_sync/held",
    "_sync/lock",
    "_sync/condition",
    "_sync/barrier",
    "_sync/capacity_limiter",
    "locks",
    "_sync/stores",
    "_sync/queue_calls",
    "queues",
    "_sync/members",
    "_sync/group_all",
    "taskgroups",
    "staggered",
    "_debug/waits",
    "_debug/deadlock",
    "_debug/timeline",
    "graph",
  ],
  [
    "transports",
    "protocols",
    "_net/primed_stream",
    "_net/socket_box",
    "_net/socket_options",
    "_net/socket_open",
    "_net/socket_core",
    "_net/socket",
    "trsock",
    "_tls/x509",
    "_tls/hello",
    "_tls/pipe",
    "_tls/states",
    "_tls/context",
    "_tls/setup",
    "_tls/flow",
    "_tls/app",
    "_tls/object",
    "_tls/transport",
    "sslproto",
  ],
  [
    "_kernel/interrupts",
    "_debug/idle_watch",
    "_debug/place",
    "_debug/slow",
    "_debug/install",
    "instruments",
    "_kernel/driver",
    "_kernel/loop_reports",
    "_kernel/loop_core",
    "_kernel/loop_services",
    "_kernel/executors",
    "_kernel/whole_loop",
    "_net/gai_error",
    "_net/late",
    "_net/web_late",
    "_net/net_types",
    "_net/taking",
    "_net/names",
    "_net/connecting",
    "_net/upgrading",
    "_net/server",
    "_net/serving",
    "_net/datagram_endpoint",
    "_net/send_file",
    "_net/sock_send_file",
    "_net/write_queue",
    "_net/turns",
    "_net/stream_transport",
    "_os/pipe_transport",
    "_os/subprocess_types",
    "_os/subprocesses",
    "base_events",
    "base_subprocess",
  ],
  [
    "_net/socket_transport",
    "_net/datagram_transport",
    "_net/socket_watch",
    "_net/sock_calls",
    "selector_events",
    "proactor_events",
  ],
  [
    "_net/unix_sockets",
    "_net/parts",
    "_net/whole",
    "_os/signal_handlers",
    "_os/child_watchers",
    "_os/loop_watchers",
    "unix_events",
    "_os/windows_pipes",
    "windows_utils",
    "_os/iocp",
    "_os/windows_serving",
    "windows_events",
    "_os/web_events",
  ],
  [
    "_streams/byte_queue",
    "_streams/quick_call",
    "_streams/reads",
    "_streams/web",
    "_streams/reader",
    "_streams/writer",
    "_streams/protocol",
    "streams",
    "pipes",
    "subprocess",
    "_workers/worker_state",
    "_workers/error_pack",
    "_workers/error_unpack",
    "_workers/exports",
    "_workers/module_function",
    "_workers/context_values",
    "_workers/web_context_values",
    "_workers/worker_entry",
    "_workers/port_words",
    "_workers/wire_read",
    "_workers/wire_write",
    "_workers/port_outbox",
    "_workers/ring_reader",
    "_workers/ring_writer",
    "_workers/port_inbox",
    "_workers/port_calls",
    "_workers/loop_service",
    "_workers/late",
    "_workers/web_late",
    "_workers/port_server",
    "_workers/port_client",
    "_workers/loop_port",
    "_workers/shared_queue",
    "_workers/executor_future",
    "_workers/executor_results",
    "_workers/pool_worker",
    "_workers/pool",
    "_workers/executor",
    "_os/events",
    "threads",
  ],
  [
    "_debug/inspector_capture",
    "_debug/inspector_tree",
    "_debug/inspector",
    "_os/process_runs",
    "_os/web_runs",
    "runners",
  ],
  [
    "_testing/seed",
    "_testing/order",
    "_testing/errors",
    "_testing/waits",
    "_testing/clock",
    "_testing/links",
    "_testing/streams",
    "_testing/datagrams",
    "_testing/names",
    "_testing/listener",
    "_testing/post",
    "_testing/network",
    "_testing/options",
    "_testing/real",
    "_testing/loop",
    "_testing/pace",
    "_testing/leaks",
    "_testing/session",
    "_testing/explore",
    "_testing/sequencer",
    "_testing/asserts",
    "_testing/pair",
    "_testing/hooks",
    "testing",
    "tools",
    "full",
    "worker",
  ],
  ["mod"],
  ["_repl/completion", "_repl/repl", "main"],
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

/** The folders of parts that nobody imports from outside: `_platform`, `_net`, … */
function isPrivateFolder(name: string): boolean {
  return name.startsWith("_") && !name.includes(".");
}

/** The library's sources, as paths from the project's root. */
export function librarySources(root: string): string[] {
  const list = (folder: string) =>
    readdirSync(resolve(root, folder), { encoding: "utf8" });
  const here = list(".");
  return [
    ...here,
    ...here.filter(isPrivateFolder).flatMap((folder) =>
      list(folder).map((name) => `${folder}/${name}`)
    ),
  ].filter((path) => path.endsWith(".ts")).sort();
}

interface Info {
  readonly modules: readonly {
    readonly specifier: string;
    readonly error?: string;
    readonly dependencies?: readonly {
      readonly code?: { readonly specifier?: string };
      readonly isDynamic?: boolean;
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
        .filter((d) => d.isDynamic !== true)
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
