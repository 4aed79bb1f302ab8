/** The adapter for Bun. */

import { noted } from "./children.ts";
import { hostClock } from "./clock.ts";
import { asyncHooksContext, enteringHop } from "./context.ts";
import { type AsyncHooksModule, builtin, host } from "./host.ts";
import { bunPipes } from "./bun_pipes.ts";
import { bunProcesses } from "./bun_processes.ts";
import { bunSignals } from "./bun_signals.ts";
import { bunSockets } from "./bun_sockets.ts";
import { bunWorkers } from "./bun_workers.ts";
import { nodeDatagrams } from "./node_datagrams.ts";
import { nodeDns } from "./dns.ts";
import { once } from "./once.ts";
import { nodeTls } from "./tls.ts";
import type { Platform } from "./types.ts";

/** Makes the platform for Bun. */
export function bunPlatform(): Platform {
  const process = host.process!;
  const hooks = builtin<AsyncHooksModule>("node:async_hooks")!;
  const { AsyncLocalStorage } = hooks;
  const processes = once(() => noted(bunProcesses()));
  const workers = once(bunWorkers);
  return {
    runtime: "bun",
    clock: hostClock(1e-6),
    context: asyncHooksContext(
      hooks,
      enteringHop(() => AsyncLocalStorage.snapshot!()),
    ),
    os: {
      name: process.platform,
      pid: process.pid,
      isMainThread: host.Bun!.isMainThread,
      env: (name) => process.env[name],
    },
    signals: bunSignals(process.platform),
    sockets: bunSockets(),
    datagrams: nodeDatagrams(),
    dns: nodeDns(),
    tls: nodeTls(),
    pipes: bunPipes(),
    get processes() {
      return processes();
    },
    get workers() {
      return workers();
    },
  };
}
