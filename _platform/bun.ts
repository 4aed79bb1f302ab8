/** The adapter for Bun. */

import { hostClock } from "./clock.ts";
import { asyncHooksContext, enteringHop } from "./context.ts";
import { type AsyncHooksModule, builtin, host } from "./host.ts";
import { bunSignals } from "./bun_signals.ts";
import { lateIo } from "./late_io.ts";
import { nodeTls } from "./tls.ts";
import type { Platform } from "./types.ts";

/** Makes the platform for Bun. */
export function bunPlatform(): Platform {
  const process = host.process!;
  const hooks = builtin<AsyncHooksModule>("node:async_hooks")!;
  const { AsyncLocalStorage } = hooks;
  const io = lateIo(async () => (await import("./bun_io.ts")).bunIo());
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
    ...io,
    tls: nodeTls(),
  };
}
