/** The adapter for Node. */

import { NotImplementedError } from "../exceptions.ts";
import { hostClock } from "./clock.ts";
import { asyncHooksContext, promiseHop } from "./context.ts";
import { type AsyncHooksModule, builtin, host } from "./host.ts";
import { nodeSignals } from "./node_signals.ts";
import { lateIo } from "./late_io.ts";
import { nodeTls } from "./tls.ts";
import type { Platform } from "./types.ts";

/**
 * Makes the platform for Node.
 *
 * @throws {NotImplementedError} Where Node is too old.
 */
export function nodePlatform(): Platform {
  const process = host.process!;
  const hooks = builtin<AsyncHooksModule>("node:async_hooks");
  if (hooks === undefined) {
    throw new NotImplementedError(
      "Cannot load @x/asyncio: this Node is too old; it needs 20.16 or newer",
    );
  }
  const { isMainThread } = builtin<{ isMainThread: boolean }>(
    "node:worker_threads",
  )!;
  const io = lateIo(async () => (await import("./node_io.ts")).nodeIo());
  return {
    runtime: "node",
    clock: hostClock(1e-6),
    context: asyncHooksContext(hooks, promiseHop),
    os: {
      name: process.platform,
      pid: process.pid,
      isMainThread,
      env: (name) => process.env[name],
    },
    signals: nodeSignals(process.platform),
    ...io,
    tls: nodeTls(),
  };
}
